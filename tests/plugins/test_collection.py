from types import ModuleType

import pluggy
import pytest

import seisbench_lcl as lcl
from seisbench_lcl import hookimpl
from seisbench_lcl.errors import PluginError
from seisbench_lcl.extractors import FeatureExtractor, Raw
from seisbench_lcl.heads import KMeans, Ridge
from seisbench_lcl.plugins.collection import collect


def plugin(**attributes):
    """Return the module of a plugin, by default for the current API."""
    module = ModuleType("plugin")
    vars(module).update({"PLUGIN_API": (1, 1)} | attributes)
    return module


@hookimpl
def register_heads():
    return [Ridge]


def returning(found, hook="register_heads"):
    def function():
        return found

    function.__name__ = hook
    return {hook: hookimpl(function)}


class OtherNames(Ridge):
    name = "two words"


class Nameless(FeatureExtractor):
    def config(self):
        return {}

    def _fit(self, windows, labels, groups):
        pass

    def _extract(self, windows):
        return windows[:, 0, :1]


class Abstract(FeatureExtractor):
    name = "abstract"


class NoParts(lcl.Discriminator):
    pass


def test_classes_are_collected_by_name():
    classes = collect("x", plugin(register_heads=register_heads, **returning((Raw,), "register_feature_extractors")))
    assert (classes.extractors, classes.heads, classes.models) == ({"raw": Raw}, {"ridge": Ridge}, {})


def test_any_object_with_hooks_is_a_plugin():
    class Plugin:
        PLUGIN_API = (1, 99)

        @hookimpl
        def register_models(self):
            return [lcl.MiniRocketRidge]

    assert collect("x", Plugin()).models == {"MiniRocketRidge": lcl.MiniRocketRidge}


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (None, r"must state the lowest and highest plugin API .* as PLUGIN_API = \(1, 1\), but its PLUGIN_API is None"),
        (1, r"but its PLUGIN_API is 1$"),
        (("1", "2"), "must state"),
        ((2, 3), r"supports plugin API 2 to 3, but seisbench_lcl .* has 1: update seisbench-lcl"),
        ((2, 1), "must state"),
        ((True, 1), "must state"),
        ((0, 0), r"supports plugin API 0 to 0, but seisbench_lcl .* has 1: update the plugin"),
    ],
)
def test_a_plugin_of_another_api_is_refused(stated, message):
    with pytest.raises(PluginError, match=message):
        collect("x", plugin(PLUGIN_API=stated, register_heads=register_heads))


def test_wrappers_and_reserved_names_are_refused():
    @pluggy.HookimplMarker("seisbench_lcl")(wrapper=True)
    def register_heads():
        return (yield)

    with pytest.raises(PluginError, match="register_heads is a wrapper, but must return classes: use"):
        collect("x", plugin(register_heads=register_heads))

    class Discriminator(lcl.Discriminator, extractor="raw", head="kmeans"):
        pass

    with pytest.raises(PluginError, match="a model must not be called Discriminator"):
        collect("x", plugin(**returning([Discriminator], "register_models")))


def test_unknown_hooks_and_arguments_are_refused():
    @hookimpl
    def register_headz():
        return []

    with pytest.raises(Exception, match="unknown hook 'register_headz'"):
        collect("x", plugin(register_headz=register_headz))

    @hookimpl
    def register_heads(device):
        return []

    with pytest.raises(Exception, match=r"Argument\(s\) \{'device'\} are declared in the hookimpl"):
        collect("x", plugin(register_heads=register_heads))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"register_heads": lambda: [Ridge]},
            r"implements no hook: decorate register_feature_extractors\(\) or register_h",
        ),
        (returning(None), "register_heads returned None, but must return a list of classes"),
        (returning(KMeans), "register_heads must return a list of classes, but returned <class"),
        (returning([print]), "<built-in function print> is not a subclass of Head"),
        (returning([Raw]), "Raw'> is not a subclass of Head"),
        (returning([Ridge, Ridge]), "registers the name 'ridge' twice"),
        (returning([OtherNames]), "OtherNames needs a name of lower-case letters, .* its name is 'two words'"),
        (returning([Nameless], "register_feature_extractors"), "Nameless needs a name .* but its name is None"),
        (returning([Abstract], "register_feature_extractors"), "abstract: it must implement _extract, _fit, config"),
        (
            returning([NoParts], "register_models"),
            r"no extractor and head: write class NoParts\(Discriminator, ",
        ),
    ],
)
def test_unusable_classes_are_refused(attributes, message):
    with pytest.raises(PluginError, match=message):
        collect("x", plugin(**attributes))
