import sys
from textwrap import dedent

import pytest
import torch

from seisbench_lcl import PLUGIN_API_VERSION, _version, hookimpl, plugins
from seisbench_lcl.errors import MissingPluginError
from seisbench_lcl.extractors import MiniRocket
from seisbench_lcl.heads import Ridge
from seisbench_lcl.plugins import Registry

GOOD = """
    from seisbench_lcl import hookimpl
    from seisbench_lcl.extractors import FeatureExtractor
    from seisbench_lcl.heads import Head

    class Extractor(FeatureExtractor):
        name = "{name}"

    class Classifier(Head):
        name = "{name}"

    @hookimpl
    def register_feature_extractors():
        return [Extractor]

    @hookimpl
    def register_heads():
        return [Classifier]
"""


MEAN = """
    import torch
    from seisbench_lcl import hookimpl
    from seisbench_lcl.extractors import FeatureExtractor

    class Mean(FeatureExtractor):
        name = "mean"
        supervised = True

        def __init__(self, in_channels, in_samples, sampling_rate, *, before=9.0, order=1.0, component_order="Z"):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.before, self.order, self.component_order = before, order, component_order
            self.n_features = in_channels

        def config(self):
            return {"before": self.before, "order": self.order}

        def _fit(self, windows, labels, groups):
            pass

        def _extract(self, windows):
            return (windows.abs() ** self.order).mean(dim=-1)

    @hookimpl
    def register_feature_extractors():
        return [Mean]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay distributions of one module each on disk, as pip would, and forget them after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def install(distribution, code, version="1.0", folder=tmp_path, entry="plugin"):
        module = distribution.replace("-", "_")
        (folder / f"{module}.py").write_text(dedent(code))
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[seisbench_lcl]\n{entry} = {module}\n")
        return module

    yield install
    for module in set(sys.modules) - before:
        if module.startswith("lcl_test_"):
            del sys.modules[module]


def test_the_built_in_classes_are_there():
    registry = Registry()
    assert registry.extractor("minirocket") is MiniRocket
    assert registry.head("ridge") is Ridge
    assert registry.source(Ridge) == ("seisbench-lcl", _version.__version__)
    assert plugins.registry() is plugins.registry()
    assert PLUGIN_API_VERSION == 1
    assert callable(hookimpl)


def test_an_installed_distribution_is_found_with_its_version(install):
    module = install("lcl-test-good", GOOD.format(name="good"), version="2.3")
    registry = Registry()
    extractor, head = registry.extractor("good"), registry.head("good")
    assert extractor is sys.modules[module].Extractor
    assert head is sys.modules[module].Classifier
    assert registry.source(extractor) == registry.source(head) == ("lcl-test-good", "2.3")
    assert not any("lcl-test" in plugin for plugin in registry.failures)


def test_a_distribution_that_is_seen_twice_is_one_plugin(install, tmp_path, monkeypatch):
    # As when a package is installed for editing and its folder is on the path as well.
    install("lcl-test-good", GOOD.format(name="good"), version="2.3")
    (tmp_path / "second").mkdir()
    install("lcl-test-good", GOOD.format(name="good"), version="2.2", folder=tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert registry.source(registry.head("good")) == ("lcl-test-good", "2.3")
    assert registry.failures == {}


def test_an_installed_extractor_stands_in_expressions(install):
    install("lcl-test-mean", MEAN)
    registry = Registry()
    told = {"before": 2.0, "component_order": "ZN", "frequency_range": [2, 15]}
    arguments = {"mean": {"order": 2.0}, "envelope>mean": {"envelope": {"width": 1.0}}}
    joined = registry.build_extractor("mean + envelope>mean", (2, 800, 100.0), arguments, told)
    plain, behind = joined.parts
    assert joined.blocks == [2, 8]
    assert plain.config() == {"before": 2.0, "order": 2.0}
    assert plain.component_order == "ZN"
    assert behind.extractor.config() == {"before": 2.0, "order": 1.0}
    assert behind.extractor.component_order == "Z"  # the channels of a stage are no components
    assert behind.stage.config()["bands"][0][0] == 2.0
    assert behind.stage.width == 1.0
    windows = torch.randn(3, 2, 800, generator=torch.Generator().manual_seed(0))
    expected = torch.cat([windows.square().mean(dim=-1), behind.stage(windows).abs().mean(dim=-1)], dim=1)
    torch.testing.assert_close(joined.fit(windows)(windows), expected)
    assert registry.learns_from_labels("physical+envelope>mean")
    assert not registry.learns_from_labels("physical+envelope>minirocket")
    again = registry.build_extractor("mean+envelope>mean", (2, 800, 100.0), joined.config(), {})
    assert again.config() == joined.config()
    with pytest.raises(MissingPluginError, match=r"no feature extractor is called 'median'; installed are .*mean"):
        registry.build_extractor("mean+envelope>median", (2, 800, 100.0), {}, told)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("raise RuntimeError('no GPU here')", "RuntimeError: no GPU here"),
        ("1 +", "SyntaxError"),
        (
            """
            from seisbench_lcl import hookimpl

            @hookimpl
            def register_headz():
                return []
            """,
            "PluginValidationError: unknown hook 'register_headz'",
        ),
        (
            """
            from seisbench_lcl import hookimpl

            @hookimpl
            def register_heads(device):
                return []
            """,
            "Argument(s) {'device'} are declared in the hookimpl but can not be found in the hookspec",
        ),
        (
            """
            from seisbench_lcl import hookimpl

            @hookimpl
            def register_heads():
                return [print]
            """,
            "TypeError: <built-in function print> is not a subclass of Head",
        ),
        (
            """
            from seisbench_lcl import hookimpl
            from seisbench_lcl.heads import Head

            class Nameless(Head):
                pass

            @hookimpl
            def register_heads():
                return [Nameless]
            """,
            "'Nameless' has no attribute 'name'",
        ),
    ],
)
def test_a_plugin_that_fails_is_kept_with_its_reason_and_the_others_work(install, code, reason):
    install("lcl-test-a-bad", code)
    install("lcl-test-b-bad", code)  # of the same entry name: neither hides the other
    install("lcl-test-good", GOOD.format(name="good"))
    registry = Registry()
    assert set(registry.failures) == {"lcl-test-a-bad:plugin", "lcl-test-b-bad:plugin"}
    assert all(reason in found for found in registry.failures.values())
    assert registry.head("good").name == registry.extractor("good").name == "good"
    assert registry.head("ridge") is Ridge
    with pytest.raises(MissingPluginError, match="plugin 'lcl-test-a-bad:plugin' did not load"):
        registry.head("from the bad one")


def test_a_name_that_is_taken_is_refused_with_its_owner_and_the_plugin_as_a_whole(install):
    greedy = GOOD.format(name="good").replace('name = "good"', 'name = "ridge"') + "\n"
    greedy = greedy.replace('name = "ridge"', 'name = "greedy"', 1)  # a new extractor, but a head called ridge
    install("lcl-test-greedy", greedy)
    twice = GOOD.format(name="twice").replace("[Classifier]", "[Classifier, Classifier]")
    install("lcl-test-twice", twice)
    registry = Registry()
    assert registry.failures == {
        "lcl-test-greedy:plugin": "ValueError: the name 'ridge' is taken by seisbench-lcl",
        "lcl-test-twice:plugin": "ValueError: the name 'twice' is taken by lcl-test-twice",
    }
    assert registry.head("ridge") is Ridge
    for name in ("greedy", "twice"):
        with pytest.raises(MissingPluginError):
            registry.extractor(name)


def test_a_missing_name_says_what_there_is_and_what_to_install():
    registry = Registry()
    with pytest.raises(MissingPluginError, match=r"no head is called 'svm'; installed are .*ridge"):
        registry.head("svm")
    with pytest.raises(
        MissingPluginError, match=r"no feature extractor is called 'x'; .*minirocket.* pip install lcl-x$"
    ):
        registry.extractor("x", source="lcl-x")
