import logging
import sys
import textwrap

import pytest
from sample_plugin import GOOD

import seisbench_lcl as lcl
from seisbench_lcl import _version
from seisbench_lcl.errors import MissingPluginError, PluginError
from seisbench_lcl.extractors import MiniRocket
from seisbench_lcl.heads import Ridge
from seisbench_lcl.models.lookup import model_class, model_classes
from seisbench_lcl.plugins import Registry, discover


def discovered():
    """Return a new registry with the installed plugins."""
    registry = Registry()
    discover(registry)
    return registry


def found(registry):
    """Return the state and reason of each plugin that a test installed."""
    return {
        f"{plugin.distribution}:{plugin.name}": (plugin.state, plugin.reason)
        for plugin in registry.plugins
        if "lcl-test" in plugin.distribution or not plugin.distribution
    }


def test_the_built_in_classes_form_the_first_plugin():
    registry = discovered()
    assert registry.extractor("minirocket") is MiniRocket
    assert registry.head("ridge") is Ridge
    assert registry.classes.models["MiniRocketRidge"] is lcl.MiniRocketRidge
    own = registry.plugins[0]
    assert registry.owner(Ridge) is registry.owner(lcl.MiniRocketRidge) is own
    assert (own.name, own.distribution, own.version) == ("built-in", "seisbench-lcl", _version.__version__)


def test_every_model_of_the_package_is_registered():
    models = discovered().plugins[0].classes.models
    assert {name for name in lcl.__all__ if getattr(getattr(lcl, name), "pair", None)} == set(models)
    assert set(models) <= set(model_classes())


def test_an_installed_distribution_is_found_with_its_version(install):
    module = install("lcl-test-good", GOOD.format(name="good"), version="2.3")
    registry = discovered()
    assert registry.extractor("good") is sys.modules[module].Power
    assert registry.head("good") is sys.modules[module].Uniform
    assert registry.classes.models["PowerRidge"] is sys.modules[module].PowerRidge
    owner = registry.owner(registry.head("good"))
    assert (owner.name, owner.distribution, owner.version) == ("plugin", "lcl-test-good", "2.3")
    assert found(registry) == {"lcl-test-good:plugin": ("loaded", "")}


def test_a_distribution_that_is_seen_twice_is_one_plugin(install, tmp_path, monkeypatch):
    # This happens if a package is installed in editable mode and its folder is on the path too.
    install("lcl-test-good", GOOD.format(name="good"), version="2.3")
    (tmp_path / "second").mkdir()
    install("lcl-test-good", GOOD.format(name="good"), version="2.2", folder=tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry = discovered()
    assert registry.owner(registry.head("good")).version == "2.3"
    assert found(registry) == {"lcl-test-good:plugin": ("loaded", "")}


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
def test_a_failing_plugin_is_skipped_with_its_reason_and_the_others_work(install, caplog, code):
    install("lcl-test-a-bad", code)
    install("lcl-test-b-bad", code, version="0.7")  # with the same entry name
    install("lcl-test-good", GOOD.format(name="good"))
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        registry = discovered()
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
    assert "skipped plugin 'plugin' of lcl-test-b-bad 0.7: " in caplog.text
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
def test_a_plugin_with_a_taken_name_is_refused_as_a_whole(install, greedy, taken):
    code = GOOD.format(name="greedy")
    if greedy == "PowerRidge(":
        code = code.replace("PowerRidge", "MiniRocketRidge")
    else:
        code = 'name = "ridge"'.join(code.rsplit(greedy, 1))  # a new extractor, but a head called ridge
    install("lcl-test-greedy", code)
    registry = discovered()
    assert found(registry) == {"lcl-test-greedy:plugin": ("failed", f"{taken} {_version.__version__}")}
    assert registry.head("ridge") is Ridge
    assert model_class("MiniRocketRidge") is lcl.MiniRocketRidge
    with pytest.raises(MissingPluginError):
        registry.extractor("greedy")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"version": "abc"}, "its distribution has no valid name and version: Invalid version: 'abc'"),
        ({"entry": "built-in"}, "a plugin must not be called built-in"),
    ],
)
def test_plugins_that_weights_could_not_name_are_refused(install, arguments, reason):
    install("lcl-test-odd", GOOD.format(name="odd"), **arguments)
    ((state, found_reason),) = found(discovered()).values()
    assert (state, reason in found_reason) == ("failed", True), found_reason


def test_a_distribution_without_metadata_is_skipped(install, tmp_path):
    install("lcl-test-good", GOOD.format(name="good"))
    install("lcl-test-nameless", GOOD.format(name="nameless").replace("PowerRidge", "NamelessRidge"))
    next((tmp_path / "site").glob("lcl_test_nameless*/METADATA")).write_text("Metadata-Version: 2.1\n")
    registry = discovered()
    assert registry.head("good").name == "good"
    with pytest.raises(MissingPluginError, match="no valid name and version"):
        registry.head("nameless")


@pytest.mark.parametrize("where", ["at import", "in a hook"])
def test_a_plugin_must_not_build_models_while_it_is_loaded(install, where):
    asks = "import seisbench_lcl as lcl; lcl.MiniRocketRidge(labels=['a', 'b'])"
    code = GOOD.format(name="asks")
    if where == "at import":
        code = f"    {asks}\n{code}"
    else:
        code = code.replace("        return [Power]\n", f"        {asks}\n        return [Power]\n")
    install("lcl-test-asks", code)
    install("lcl-test-good", GOOD.format(name="good").replace("PowerRidge", "OtherRidge"))
    states = found(discovered())
    assert states["lcl-test-asks:plugin"] == (
        "failed",
        "a plugin must not build a model while plugins are loaded, neither at import nor in a hook",
    )
    assert states["lcl-test-good:plugin"][0] == "loaded"


def test_output_of_plugins_does_not_go_to_standard_output(install, capsys):
    install("lcl-test-loud", "print('hello')\n" + textwrap.dedent(GOOD.format(name="loud")))
    discovered()
    assert capsys.readouterr().out == ""


def test_of_two_equal_names_the_first_distribution_wins(install):
    install("lcl-test-b", GOOD.format(name="same"))
    install("lcl-test-a", GOOD.format(name="same").replace("PowerRidge", "OtherRidge"), version="1.2")
    states = found(discovered())
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
def test_the_environment_chooses_the_allowed_plugins(install, monkeypatch, allowed, loaded, missing):
    for name in ("first", "second"):
        code = GOOD.format(name=name).replace("PowerRidge", name.title())
        install(f"lcl-test-{name}", code, entry=name)
    monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", allowed)
    before = set(sys.modules)
    registry = discovered()
    states = {plugin.name: plugin.state for plugin in registry.plugins}
    assert {name for name in ("first", "second") if states[name] == "loaded"} == loaded
    assert {name for name, state in states.items() if state == "missing"} == missing
    imported = {module for module in set(sys.modules) - before if module.startswith("lcl_test_")}
    assert imported == {f"lcl_test_{name}" for name in loaded}  # not even imported
    assert registry.head("ridge") is Ridge
    for name in {"first", "second"} - loaded:
        with pytest.raises(MissingPluginError, match=r": not allowed \(SEISBENCH_LCL_PLUGINS="):
            registry.extractor(name)


def test_strict_mode_turns_skipped_plugins_into_errors(install, monkeypatch):
    install("lcl-test-bad", "import a_module_that_is_not_there")
    monkeypatch.setenv("SEISBENCH_LCL_STRICT", "0")
    assert found(discovered())["lcl-test-bad:plugin"][0] == "failed"
    monkeypatch.setenv("SEISBENCH_LCL_STRICT", "1")
    with pytest.raises(PluginError, match=r"plugin 'plugin' of lcl-test-bad 1\.0: failed .*a_module") as caught:
        discovered()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", "third")
    with pytest.raises(PluginError, match=r"plugin 'third': missing .*not installed"):
        discovered()
