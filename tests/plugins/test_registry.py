import json
import logging
import subprocess
import sys
import textwrap

import pytest
import torch

import seisbench_lcl as lcl
from seisbench_lcl import _version, plugins
from seisbench_lcl.errors import MissingPluginError, PluginError, WeightsError
from seisbench_lcl.extractors import MiniRocket
from seisbench_lcl.heads import Ridge
from seisbench_lcl.models.lookup import model_class, model_classes
from seisbench_lcl.plugins import Registry, registry

GOOD = """
    from seisbench_lcl import Discriminator, hookimpl
    from seisbench_lcl.extractors import FeatureExtractor
    from seisbench_lcl.heads import Head

    class Power(FeatureExtractor):
        name = "{name}"
        supervised = True

        def __init__(self, in_channels, in_samples, sampling_rate, *, before=9.0, order=1.0, component_order="Z"):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.before, self.order, self.component_order = before, order, component_order
            self.n_features = in_channels

        def config(self):
            return {{"before": self.before, "order": self.order}}

        def _fit(self, windows, labels, groups):
            pass

        def _extract(self, windows):
            return (windows.abs() ** self.order).mean(dim=-1)

    class Uniform(Head):
        name = "{name}"

        def config(self):
            return {{}}

        def _fit(self, features, labels, groups):
            pass

        def _probabilities(self, features):
            return features.new_full((len(features), self.n_classes), 1 / self.n_classes)

    class PowerRidge(Discriminator, extractor="{name}", head="ridge"):
        pass

    @hookimpl
    def register_feature_extractors():
        return [Power]

    @hookimpl
    def register_heads():
        return [Uniform]

    @hookimpl
    def register_models():
        return [PowerRidge]
"""
WINDOWS = (
    torch.randn(12, 3, 500, generator=torch.Generator().manual_seed(0))
    * torch.tensor([1.0, 5.0]).repeat(6)[:, None, None]
)
LABELS = ["low", "high"] * 6


def found(registry):
    """What became of the plugins that tests installed."""
    return {
        f"{plugin.distribution}:{plugin.name}": (plugin.state, plugin.reason)
        for plugin in registry.plugins
        if "lcl-test" in plugin.distribution or not plugin.distribution
    }


def test_the_built_in_classes_are_a_plugin_like_others():
    registry = Registry()
    assert registry.extractor("minirocket") is MiniRocket
    assert registry.head("ridge") is Ridge
    assert registry.classes.models["MiniRocketRidge"] is lcl.MiniRocketRidge
    own = registry.plugins[0]
    assert registry.owner(Ridge) is registry.owner(lcl.MiniRocketRidge) is own
    assert (own.name, own.distribution, own.version) == ("built-in", "seisbench-lcl", _version.__version__)
    assert plugins.registry() is plugins.registry()


def test_every_model_of_the_package_is_registered():
    models = Registry().plugins[0].classes.models
    assert {name for name in lcl.__all__ if getattr(getattr(lcl, name), "pair", None)} == set(models)
    assert set(models) <= set(model_classes())


def test_an_installed_distribution_is_found_with_its_version(install):
    module = install("lcl-test-good", GOOD.format(name="good"), version="2.3")
    registry = Registry()
    assert registry.extractor("good") is sys.modules[module].Power
    assert registry.head("good") is sys.modules[module].Uniform
    assert registry.classes.models["PowerRidge"] is sys.modules[module].PowerRidge
    owner = registry.owner(registry.head("good"))
    assert (owner.name, owner.distribution, owner.version) == ("plugin", "lcl-test-good", "2.3")
    assert found(registry) == {"lcl-test-good:plugin": ("loaded", "")}


def test_importing_the_package_imports_no_plugin(install, tmp_path):
    module = install("lcl-test-good", GOOD.format(name="good"))
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
import seisbench_lcl as lcl
assert {module!r} not in sys.modules
lcl.Discriminator("good", "ridge", labels=["a", "b"])
assert {module!r} in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_a_distribution_that_is_seen_twice_is_one_plugin(install, tmp_path, monkeypatch):
    # As when a package is installed for editing and its folder is on the path as well.
    install("lcl-test-good", GOOD.format(name="good"), version="2.3")
    (tmp_path / "second").mkdir()
    install("lcl-test-good", GOOD.format(name="good"), version="2.2", folder=tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry = Registry()
    assert registry.owner(registry.head("good")).version == "2.3"
    assert found(registry) == {"lcl-test-good:plugin": ("loaded", "")}


def test_an_installed_extractor_stands_in_expressions(install):
    install("lcl-test-good", GOOD.format(name="power"))
    registry = Registry()
    told = {"before": 2.0, "component_order": "ZN", "frequency_range": [2, 15]}
    arguments = {"power": {"order": 2.0}, "envelope>power": {"envelope": {"width": 1.0}}}
    joined = registry.build_extractor("power + envelope>power", (2, 800, 100.0), arguments, told)
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
    assert registry.learns_from_labels("physical+envelope>power")
    assert not registry.learns_from_labels("physical+envelope>minirocket")
    again = registry.build_extractor("power+envelope>power", (2, 800, 100.0), joined.config(), {})
    assert again.config() == joined.config()
    with pytest.raises(MissingPluginError, match=r"no extractor is called 'median'; installed are .*power"):
        registry.build_extractor("power+envelope>median", (2, 800, 100.0), {}, told)


UNHEARD = """
    class Unheard(BaseException):
        def __str__(self):
            raise RuntimeError("not even that")

    raise Unheard
"""


@pytest.mark.parametrize(
    "code",
    ["import a_module_that_is_not_there", "raise SystemExit(3)", "1 +", "import pytest; pytest.skip('x')", UNHEARD],
)
def test_a_plugin_that_fails_is_kept_with_its_reason_and_the_others_work(install, caplog, code):
    install("lcl-test-a-bad", code)
    install("lcl-test-b-bad", code, version="0.7")  # of the same entry name: neither hides the other
    install("lcl-test-good", GOOD.format(name="good"))
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        registry = Registry()
    reason = {
        "import a_module_that_is_not_there": "ModuleNotFoundError: No module named 'a_module_that_is_not_there'",
        "raise SystemExit(3)": "SystemExit: 3",
        "1 +": "SyntaxError",
        UNHEARD: "Unheard",
    }.get(code, "Skipped: x")
    states = found(registry)
    assert list(states) == ["lcl-test-a-bad:plugin", "lcl-test-b-bad:plugin", "lcl-test-good:plugin"]
    for name in ("lcl-test-a-bad:plugin", "lcl-test-b-bad:plugin"):
        assert states[name][0] == "failed"
        assert reason in states[name][1]
    assert "plugin 'plugin' of lcl-test-b-bad 0.7 is set aside: " in caplog.text
    assert registry.head("good").name == registry.extractor("good").name == "good"
    assert registry.head("ridge") is Ridge
    with pytest.raises(MissingPluginError, match=r"plugin 'plugin' of lcl-test-a-bad 1\.0: failed \("):
        registry.head("from the bad one")


@pytest.mark.parametrize(
    ("greedy", "taken"),
    [
        ('name = "greedy"', "the name 'ridge' is taken by 'built-in' of seisbench-lcl"),
        ("PowerRidge(", "the name 'MiniRocketRidge' is taken by 'built-in' of seisbench-lcl"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_its_owner_and_the_plugin_as_a_whole(install, greedy, taken):
    code = GOOD.format(name="greedy")
    if greedy == "PowerRidge(":
        code = code.replace("PowerRidge", "MiniRocketRidge")
    else:
        code = 'name = "ridge"'.join(code.rsplit(greedy, 1))  # a new extractor, but a head called ridge
    install("lcl-test-greedy", code)
    registry = Registry()
    assert found(registry) == {"lcl-test-greedy:plugin": ("failed", f"{taken} {_version.__version__}")}
    assert registry.head("ridge") is Ridge
    assert model_class("MiniRocketRidge") is lcl.MiniRocketRidge
    with pytest.raises(MissingPluginError):
        registry.extractor("greedy")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"version": "abc"}, "has no name and version that weights can tell: Invalid version: 'abc'"),
        ({"entry": "built-in"}, "a plugin cannot be called built-in"),
    ],
)
def test_what_weights_could_not_name_is_refused(install, arguments, reason):
    install("lcl-test-odd", GOOD.format(name="odd"), **arguments)
    ((state, found_reason),) = found(Registry()).values()
    assert (state, reason in found_reason) == ("failed", True), found_reason


def test_a_distribution_without_metadata_is_set_aside(install, tmp_path):
    install("lcl-test-good", GOOD.format(name="good"))
    install("lcl-test-nameless", GOOD.format(name="nameless").replace("PowerRidge", "NamelessRidge"))
    next((tmp_path / "site").glob("lcl_test_nameless*/METADATA")).write_text("Metadata-Version: 2.1\n")
    registry = Registry()
    assert registry.head("good").name == "good"
    with pytest.raises(MissingPluginError, match="that weights can tell"):
        registry.head("nameless")


@pytest.mark.parametrize("where", ["at import", "in a hook"])
def test_a_plugin_that_asks_for_models_while_it_is_loaded_is_told_not_to(install, where):
    asks = "import seisbench_lcl as lcl; lcl.MiniRocketRidge(labels=['a', 'b'])"
    code = GOOD.format(name="asks")
    if where == "at import":
        code = f"    {asks}\n{code}"
    else:
        code = code.replace("        return [Power]\n", f"        {asks}\n        return [Power]\n")
    install("lcl-test-asks", code)
    install("lcl-test-good", GOOD.format(name="good").replace("PowerRidge", "OtherRidge"))
    states = found(Registry())
    assert states["lcl-test-asks:plugin"] == (
        "failed",
        "no model can be made while plugins are loaded: neither at import nor in a hook",
    )
    assert states["lcl-test-good:plugin"][0] == "loaded"


def test_what_a_plugin_prints_does_not_go_among_the_output(install, capsys):
    install("lcl-test-loud", "print('hello')\n" + textwrap.dedent(GOOD.format(name="loud")))
    Registry()
    assert capsys.readouterr().out == ""


def test_of_two_plugins_with_one_name_the_first_by_distribution_stays(install):
    install("lcl-test-b", GOOD.format(name="same"))
    install("lcl-test-a", GOOD.format(name="same").replace("PowerRidge", "OtherRidge"), version="1.2")
    states = found(Registry())
    assert states["lcl-test-a:plugin"][0] == "loaded"
    assert states["lcl-test-b:plugin"] == ("failed", "the name 'same' is taken by 'plugin' of lcl-test-a 1.2")


@pytest.mark.parametrize(
    ("allowed", "loaded", "missing"),
    [
        ("", {"first", "second"}, set()),
        ("none", set(), set()),
        ("first", {"first"}, set()),
        (" LCL_test.second , third ", {"second"}, {"third"}),
        ("first,lcl-test-second", {"first", "second"}, set()),
    ],
)
def test_the_environment_says_which_plugins_are_allowed(install, monkeypatch, allowed, loaded, missing):
    for name in ("first", "second"):
        code = GOOD.format(name=name).replace("PowerRidge", name.title())
        install(f"lcl-test-{name}", code, entry=name)
    monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", allowed)
    before = set(sys.modules)
    registry = Registry()
    states = {plugin.name: plugin.state for plugin in registry.plugins}
    assert {name for name in ("first", "second") if states[name] == "loaded"} == loaded
    assert {name for name, state in states.items() if state == "missing"} == missing
    imported = {module for module in set(sys.modules) - before if module.startswith("lcl_test_")}
    assert imported == {f"lcl_test_{name}" for name in loaded}  # not even imported
    assert registry.head("ridge") is Ridge
    for name in {"first", "second"} - loaded:
        with pytest.raises(MissingPluginError, match=r": not allowed \(SEISBENCH_LCL_PLUGINS="):
            registry.extractor(name)


def test_strictness_turns_reports_into_errors(install, monkeypatch):
    install("lcl-test-bad", "import a_module_that_is_not_there")
    monkeypatch.setenv("SEISBENCH_LCL_STRICT", "0")
    assert found(Registry())["lcl-test-bad:plugin"][0] == "failed"
    monkeypatch.setenv("SEISBENCH_LCL_STRICT", "1")
    with pytest.raises(PluginError, match=r"plugin 'plugin' of lcl-test-bad 1\.0: failed .*a_module") as caught:
        Registry()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", "third")
    with pytest.raises(PluginError, match=r"plugin 'third': missing .*not installed"):
        Registry()


def test_a_missing_name_says_what_there_is_and_what_to_install():
    registry = Registry()
    with pytest.raises(MissingPluginError, match=r"no head is called 'svm'; installed are .*ridge"):
        registry.head("svm")
    with pytest.raises(MissingPluginError, match=r"no extractor is called 'x'; .*minirocket.* pip install 'lcl-x'$"):
        registry.extractor("x", source="lcl-x")
    with pytest.raises(MissingPluginError, match=r"no model is called 'X'; installed are .*MiniRocketRidge"):
        model_class("X")


class TestWeightsOfPlugins:
    """Weights name what they need, and do not open without it."""

    @pytest.fixture
    def saved(self, install, tmp_path):
        install("lcl-test-good", GOOD.format(name="power"), version="2.3")
        model = model_class("PowerRidge")(labels=["low", "high"], in_samples=500, normalisation="joint-std", before=1.0)
        model.fit(WINDOWS, LABELS).save(tmp_path / "weights" / "model")
        return tmp_path / "weights" / "model"

    def change(self, install, tmp_path, monkeypatch, *installed):
        """Leave the plugin, and install others in its place."""
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path / "site")])
        sys.modules.pop("lcl_test_good")
        registry.cache_clear()
        (tmp_path / "other").mkdir()
        monkeypatch.syspath_prepend(tmp_path / "other")
        for distribution, version in installed:
            install(distribution, GOOD.format(name="power"), version=version, folder=tmp_path / "other")

    def test_they_come_back_as_they_were(self, saved, install, tmp_path, monkeypatch):
        model = model_class("PowerRidge").load(saved)
        expected = model.predict_proba(WINDOWS)
        self.change(install, tmp_path, monkeypatch, ("lcl-test-good", "2.10"))
        assert (model_class("PowerRidge").load(saved).predict_proba(WINDOWS) == expected).all()

    def test_without_the_plugin_they_say_what_to_install(self, saved, install, tmp_path, monkeypatch, run):
        cls = model_class("PowerRidge")
        self.change(install, tmp_path, monkeypatch)
        message = r"no extractor is called 'power'; installed are .* pip install 'lcl-test-good>=2.3'"
        with pytest.raises(MissingPluginError, match=message):
            cls.load(saved)
        monkeypatch.setattr(
            "seisbench_lcl.models.lookup._descendants", lambda cls: []
        )  # as in a process that never imported it
        done = run("classify", "any.mseed", "--weights", saved)
        assert done.returncode == 2
        assert "no model is called 'PowerRidge'" in done.stderr
        assert "pip install 'lcl-test-good>=2.3'" in done.stderr

    @pytest.mark.parametrize(
        ("installed", "message"),
        [
            (("lcl-test-good", "2.2"), r"need the extractor 'power' of lcl-test-good>=2.3, but 2.2 is installed: pip "),
            (("lcl-test-other", "9.0"), r"'power' of lcl-test-good, but the one that is installed is of lcl-test-othe"),
        ],
    )
    def test_older_plugins_and_those_of_others_are_refused(
        self, saved, install, tmp_path, monkeypatch, installed, message
    ):
        self.change(install, tmp_path, monkeypatch, installed)
        with pytest.raises(MissingPluginError, match=message):
            model_class("PowerRidge").load(saved)

    def test_of_a_plugin_that_is_set_aside_they_say_why(self, saved, monkeypatch):
        cls = model_class("PowerRidge")
        monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", "none")
        registry.cache_clear()
        with pytest.raises(
            MissingPluginError, match=r"'power'; installed are .* lcl-test-good 2\.3: not allowed"
        ) as caught:
            cls.load(saved)
        assert "pip install" not in str(caught.value)

    @pytest.mark.parametrize(
        "requires",
        [
            None,
            [],
            "abc",
            {"model": "abc"},
            {"": {"name": "a", "distribution": "b", "version": "1"}},
            {"head": {"name": "a", "distribution": "evil; rm -rf ~", "version": "1"}},
            {"head": {"name": "a", "distribution": "b", "version": "latest"}},
        ],
    )
    def test_requirements_that_cannot_be_read_are_refused(self, saved, run, requires):
        description = json.loads(saved.with_suffix(".json").read_text())
        description["seisbench_lcl"]["requires"] = requires
        saved.with_suffix(".json").write_text(json.dumps(description))
        with pytest.raises(WeightsError, match="does not say what it requires in a way that can be read"):
            model_class("PowerRidge").load(saved)
        done = run("classify", "any.mseed", "--weights", saved)
        assert (done.returncode, "what it requires" in done.stderr) == (2, True)

    def test_an_ensemble_names_what_its_members_need(self, saved, install, tmp_path, monkeypatch):
        members = [model_class("PowerRidge").load(saved), model_class("PowerRidge").load(saved)]
        lcl.DiscriminatorEnsemble(members).save(tmp_path / "weights" / "both")
        assert lcl.DiscriminatorEnsemble.load(tmp_path / "weights" / "both").predict_proba(WINDOWS).shape == (12, 2)
        self.change(install, tmp_path, monkeypatch)
        with pytest.raises(MissingPluginError, match=r"pip install 'lcl-test-good>=2\.3'"):
            lcl.DiscriminatorEnsemble.load(tmp_path / "weights" / "both")
