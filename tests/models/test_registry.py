"""The registry: names, owners, requirements of weights, and messages about missing plugins."""

import json
import sys

import pytest
import torch
from sample_plugin import GOOD

import seisbench_lcl as lcl
from seisbench_lcl.errors import MissingPluginError, PluginError, WeightsError
from seisbench_lcl.extractors import MiniRocket
from seisbench_lcl.heads import KMeans, Ridge
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.registry import Classes, Plugin, Registry, fill_from, registry
from seisbench_lcl.models.traits import traits_of

WINDOWS = (
    torch.randn(12, 3, 500, generator=torch.Generator().manual_seed(0))
    * torch.tensor([1.0, 5.0]).repeat(6)[:, None, None]
)
LABELS = ["low", "high"] * 6


def registry_with(extractors=(), heads=(), models=()):
    known = Registry()
    known.add(Plugin("one", "lcl-one", "1.5"), Classes(dict(extractors), dict(heads), dict(models)))
    return known


def test_a_new_registry_is_empty_and_knows_the_owner_of_each_class():
    known = Registry()
    assert (known.plugins, known.classes) == ([], Classes({}, {}, {}))
    one = Plugin("one", "lcl-one", "1.5")
    known.add(one, Classes({"minirocket": MiniRocket}, {}, {"MiniRocketRidge": lcl.MiniRocketRidge}))
    known.add(two := Plugin("two"), Classes({}, {"ridge": Ridge}, {}))
    assert known.plugins == [one, two]
    assert known.extractor("minirocket") is MiniRocket
    assert known.find("model", "MiniRocketRidge") is lcl.MiniRocketRidge
    assert known.owner(MiniRocket) is known.owner(lcl.MiniRocketRidge) is one
    assert known.owner(Ridge) is two
    assert known.owner(KMeans) is None
    assert two.classes.of_kind("head") == {"ridge": Ridge}
    assert [str(plugin) for plugin in known.plugins] == ["'one' of lcl-one 1.5", "'two'"]


def test_a_taken_name_adds_nothing_of_a_plugin():
    known = registry_with(models={"MiniRocketRidge": lcl.MiniRocketRidge})
    for name in ("MiniRocketRidge", "minirocketridge"):  # one folder of weights where case is ignored
        with pytest.raises(PluginError, match=f"the name '{name}' is taken by 'one' of lcl-one 1.5"):
            known.add(Plugin("two"), Classes({}, {"ridge": Ridge}, {name: lcl.PhysicalRidge}))
    assert (len(known.plugins), known.classes.heads, known.owner(Ridge)) == (1, {}, None)


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        (("ridge", "lcl-one", "1.5"), None),
        (("ridge", "LCL_One", "1.4.9"), None),
        (
            ("ridge", "lcl-one", "1.10"),
            r"need the head 'ridge' of lcl-one>=1.10, but 1.5 is installed: pip install --u",
        ),
        (
            ("ridge", "lcl-two", "1"),
            r"of lcl-two, but the installed head belongs to lcl-one: pip uninstall lcl-one",
        ),
        (("svm", "lcl-two", "1"), r"no head is called 'svm'; installed: ridge; it comes with lcl-two>=1: pip install"),
    ],
)
def test_requirements_of_weights(needed, message):
    known = registry_with(heads={"ridge": Ridge})
    requirement = dict(zip(("name", "distribution", "version"), needed, strict=True))
    if message is None:
        known.check("member 0 head", requirement)
    else:
        with pytest.raises(MissingPluginError, match=message):
            known.check("member 0 head", requirement)


def test_the_registry_is_filled_once_at_the_first_look_up(monkeypatch):
    monkeypatch.setattr(sys.modules["seisbench_lcl.models.registry"], "_fillers", [])
    registry.cache_clear()
    try:
        calls = []
        fill_from(calls.append)
        assert calls == []
        assert registry() is registry() is calls[0]
        assert len(calls) == 1
    finally:
        registry.cache_clear()


def test_an_unknown_name_lists_installed_classes_skipped_plugins_and_the_package_to_install():
    known = registry_with(heads={"ridge": Ridge}, extractors={"minirocket": MiniRocket})
    with pytest.raises(MissingPluginError, match=r"^no head is called 'svm'; installed: ridge$"):
        known.head("svm")
    with pytest.raises(MissingPluginError, match=r"minirocket; it comes with lcl-x>=2: pip install 'lcl-x>=2'$"):
        known.find("extractor", "x", source="lcl-x>=2")
    known.plugins.append(Plugin("x", "lcl-x", "3", "failed", "ImportError: y"))
    for source in (None, "LCL_x>=2"):
        with pytest.raises(
            MissingPluginError, match=r"installed: minirocket; plugin 'x' of lcl-x 3: failed \(ImportError: y\)$"
        ):
            known.find("extractor", "x", source)
    with pytest.raises(MissingPluginError, match=r"installed: minirocket; it comes with lcl-y: pip install 'lcl-y'$"):
        known.find("extractor", "x", "lcl-y")
    with pytest.raises(MissingPluginError, match=r"no model is called 'X'; installed: .*MiniRocketRidge"):
        model_class("X")


def test_a_registered_extractor_works_in_expressions(install):
    install("lcl-test-good", GOOD.format(name="power"))
    known = registry()
    model = {"before": 2.0, "component_order": "ZN", "frequency_range": [2, 15]}
    arguments = {"power": {"order": 2.0}, "envelope>power": {"envelope": {"width": 1.0}}}
    joined = known.build_extractor("power + envelope>power", (2, 800, 100.0), arguments, model)
    plain, behind = joined.parts
    assert joined.blocks == [2, 8]
    assert plain.config() == {"before": 2.0, "order": 2.0}
    assert plain.component_order == "ZN"
    assert behind.extractor.config() == {"before": 2.0, "order": 1.0}
    assert behind.extractor.component_order == "Z"  # the channels of a stage are not components
    assert behind.stage.config()["bands"][0][0] == 2.0
    assert behind.stage.width == 1.0
    windows = torch.randn(3, 2, 800, generator=torch.Generator().manual_seed(0))
    expected = torch.cat([windows.square().mean(dim=-1), behind.stage(windows).abs().mean(dim=-1)], dim=1)
    torch.testing.assert_close(joined.fit(windows)(windows), expected)
    assert traits_of("physical+envelope>power", "kmeans").needs_labels
    assert not traits_of("physical+envelope>minirocket", "kmeans").needs_labels
    again = known.build_extractor("power+envelope>power", (2, 800, 100.0), joined.config(), {})
    assert again.config() == joined.config()
    with pytest.raises(MissingPluginError, match=r"no extractor is called 'median'; installed: .*power"):
        known.build_extractor("power+envelope>median", (2, 800, 100.0), {}, model)


class TestWeightsOfPlugins:
    """Weights name the plugins that they need, and do not load without them."""

    @pytest.fixture
    def saved(self, install, tmp_path):
        install("lcl-test-good", GOOD.format(name="power"), version="2.3")
        model = model_class("PowerRidge")(labels=["low", "high"], in_samples=500, normalisation="joint-std", before=1.0)
        model.fit(WINDOWS, LABELS).save(tmp_path / "weights" / "model")
        return tmp_path / "weights" / "model"

    def change(self, install, tmp_path, monkeypatch, *installed):
        """Remove the plugin, and install others in its place."""
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path / "site")])
        sys.modules.pop("lcl_test_good")
        registry.cache_clear()
        (tmp_path / "other").mkdir()
        monkeypatch.syspath_prepend(tmp_path / "other")
        for distribution, version in installed:
            install(distribution, GOOD.format(name="power"), version=version, folder=tmp_path / "other")

    def test_they_load_with_the_same_or_a_newer_plugin(self, saved, install, tmp_path, monkeypatch):
        model = model_class("PowerRidge").load(saved)
        expected = model.predict_proba(WINDOWS)
        self.change(install, tmp_path, monkeypatch, ("lcl-test-good", "2.10"))
        assert (model_class("PowerRidge").load(saved).predict_proba(WINDOWS) == expected).all()

    def test_without_the_plugin_the_error_names_its_package(self, saved, install, tmp_path, monkeypatch, run):
        cls = model_class("PowerRidge")
        self.change(install, tmp_path, monkeypatch)
        message = r"no extractor is called 'power'; installed: .* pip install 'lcl-test-good>=2.3'"
        with pytest.raises(MissingPluginError, match=message):
            cls.load(saved)
        # A new process has not imported the class.
        monkeypatch.setattr("seisbench_lcl.models.lookup._descendants", lambda cls: [])
        done = run("classify", "any.mseed", "--weights", saved)
        assert done.returncode == 2
        assert "no model is called 'PowerRidge'" in done.stderr
        assert "pip install 'lcl-test-good>=2.3'" in done.stderr

    @pytest.mark.parametrize(
        ("installed", "message"),
        [
            (("lcl-test-good", "2.2"), r"need the extractor 'power' of lcl-test-good>=2.3, but 2.2 is installed: pip "),
            (
                ("lcl-test-other", "9.0"),
                r"'power' of lcl-test-good, but the installed extractor belongs to lcl-test-o",
            ),
        ],
    )
    def test_older_plugins_and_those_of_others_are_refused(
        self, saved, install, tmp_path, monkeypatch, installed, message
    ):
        self.change(install, tmp_path, monkeypatch, installed)
        with pytest.raises(MissingPluginError, match=message):
            model_class("PowerRidge").load(saved)

    def test_the_error_states_why_a_plugin_was_skipped(self, saved, monkeypatch):
        cls = model_class("PowerRidge")
        monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", "none")
        registry.cache_clear()
        with pytest.raises(
            MissingPluginError, match=r"'power'; installed: .* lcl-test-good 2\.3: not allowed"
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
        with pytest.raises(WeightsError, match=r"the requirements in .* cannot be read"):
            model_class("PowerRidge").load(saved)
        done = run("classify", "any.mseed", "--weights", saved)
        assert (done.returncode, "cannot be read" in " ".join(done.stderr.split())) == (2, True)

    def test_an_ensemble_needs_the_plugins_of_its_members(self, saved, install, tmp_path, monkeypatch):
        members = [model_class("PowerRidge").load(saved), model_class("PowerRidge").load(saved)]
        lcl.DiscriminatorEnsemble(members).save(tmp_path / "weights" / "both")
        assert lcl.DiscriminatorEnsemble.load(tmp_path / "weights" / "both").predict_proba(WINDOWS).shape == (12, 2)
        self.change(install, tmp_path, monkeypatch)
        with pytest.raises(MissingPluginError, match=r"pip install 'lcl-test-good>=2\.3'"):
            lcl.DiscriminatorEnsemble.load(tmp_path / "weights" / "both")
