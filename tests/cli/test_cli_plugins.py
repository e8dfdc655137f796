import json

import pytest

GOOD = """
    from seisbench_lcl import hookimpl
    from seisbench_lcl.extractors import FeatureExtractor

    class Peak(FeatureExtractor):
        name = "peak"

        def __init__(self, in_channels, in_samples, sampling_rate, *, floor=1e-6):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.n_features = in_channels
            self.floor = floor

        def config(self):
            return {"floor": self.floor}

        def _fit(self, windows, labels, groups):
            pass

        def _extract(self, windows):
            return windows.abs().amax(dim=-1).clamp(min=self.floor).log()

    @hookimpl
    def register_feature_extractors():
        return [Peak]
"""


@pytest.fixture
def installed(install, monkeypatch):
    """One good plugin, one that is broken, and one whose name is taken."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", "peak,broken,copy")
    install("lcl-test-copy", GOOD, version="2.0", entry="copy")
    install("lcl-test-broken", "import a_module_that_is_not_there", version="0.3", entry="broken")
    install("lcl-test-bells", GOOD, version="1.1", entry="peak")  # the first by its name, though not by its folder


def test_plugins_are_listed_with_what_became_of_them(run, installed):
    done = run("plugins")
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "peak lcl-test-bells 1.1 extractors: peak loaded" in lines
    assert any(
        line.startswith("broken lcl-test-broken 0.3 ModuleNotFoundError: No module named 'a_module_that_is")
        and line.endswith("failed")
        for line in lines
    )
    assert "copy lcl-test-copy 2.0 the name 'peak' is taken by 'peak' of lcl-test-bells 1.1 failed" in lines


def test_plugins_are_listed_for_programs(run, installed):
    rows = {row["plugin"]: row for row in json.loads(run("plugins", "--json").stdout)}
    assert rows["peak"] == {
        "plugin": "peak",
        "distribution": "lcl-test-bells",
        "version": "1.1",
        "extractors": ["peak"],
        "heads": [],
        "models": [],
        "state": "loaded",
        "reason": None,
    }
    assert (rows["broken"]["state"], rows["copy"]["state"]) == ("failed", "failed")
    assert rows["copy"]["reason"] == "the name 'peak' is taken by 'peak' of lcl-test-bells 1.1"
    assert "MiniRocketRidge" in rows["built-in"]["models"]


def test_a_plugin_can_be_checked_by_any_of_its_names(run, installed):
    for name in ("peak", "lcl-test-bells"):
        done = run("plugins", "--check", name)
        assert done.returncode == 0, done.stdout
        assert "passed  another process" in done.stdout
        assert done.stdout.endswith("all checks passed\n")


def test_a_check_that_fails_says_why(run, install):
    install("lcl-test-bad", GOOD.replace('{"floor": self.floor}', "{}"))
    done = run("plugins", "--check", "peak")
    assert done.returncode == 1
    assert "failed  configuration\n        config lacks floor of the constructor" in done.stdout
    assert done.stdout.endswith("1 checks failed\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--check", "nothing"), "no extractor, head or plugin is called 'nothing'"),
        (("--check", "broken"), "'broken' of lcl-test-broken 0.3 cannot be checked, for it is not loaded: ModuleNot"),
        (("--check", "built-in", "--arg", "seed=1"), "--arg is for one extractor or head, but built-in has several"),
        (
            ("--check", "peak", "--arg", "ceiling=1"),
            "Peak takes no ceiling: its arguments are in_channels, in_samples, sampli",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused(run, installed, arguments, message):
    done = run("plugins", *arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done.stdout + done.stderr


def test_a_plugin_trains_saves_classifies_and_is_compared(run, installed, dataset_folder, tmp_path):
    described = ("--extractor", "peak", "--head", "ridge", "--length", "10")
    done = run("train", *described, "--dataset", dataset_folder, "--out", "weights/one")
    assert done.returncode == 0, done.stderr
    assert (
        run("ensemble", "--weights", "weights/one", "--weights", "weights/one", "--out", "weights/two").returncode == 0
    )
    for weights in ("weights/one", "weights/two"):
        done = run("evaluate", "--weights", weights, "--dataset", dataset_folder, "--folds", "2")
        assert done.returncode == 0, done.stderr
        assert "balanced accuracy" in done.stdout.replace("_", " ").lower()
    needed = json.loads((tmp_path / "weights" / "one.json").read_text())["seisbench_lcl"]["requires"]["extractor"]
    assert needed == {"name": "peak", "distribution": "lcl-test-bells", "version": "1.1"}
