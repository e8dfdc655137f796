import json
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, MissingPluginError
from seisbench_lcl.extractors import MiniRocket, Physical
from seisbench_lcl.extractors.expression import STAGES, build, canonical, leaves
from seisbench_lcl.extractors.joined import Concatenated, Staged
from seisbench_lcl.models.registry import registry

SHAPE = 3, 400, 100.0
MODEL = {"before": 0.5, "component_order": "ENZ", "frequency_range": [2.0, 20.0]}


def make(expression, arguments=None, model=MODEL):
    return build(expression, registry().extractor, SHAPE, arguments or {}, model)


def windows(n, seed=0):
    return torch.randn(n, *SHAPE[:2], generator=torch.Generator().manual_seed(seed))


names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
spaces = st.sampled_from(["", " ", "  ", "\t"])


@given(st.lists(st.lists(names, min_size=1, max_size=3), min_size=1, max_size=4, unique_by=tuple), st.data())
def test_spaces_do_not_matter(parts, data):
    def spaced(text):
        return data.draw(spaces) + text + data.draw(spaces)

    written = "+".join(spaced(">".join(spaced(name) for name in part)) for part in parts)
    plain = "+".join(">".join(part) for part in parts)
    assert canonical(written) == plain == canonical(plain)
    assert leaves(written) == [part[-1] for part in parts]


@pytest.mark.parametrize("expression", ["", " ", "+", "raw+", "+raw", "raw++physical", ">raw", "envelope>", "a>>b"])
def test_a_missing_name_is_refused(expression):
    with pytest.raises(ConfigurationError, match="lacks a name: write a name, stage>name, or several joined by"):
        canonical(expression)


@pytest.mark.parametrize("expression", ["raw+raw", "envelope>raw + physical + envelope > raw"])
def test_a_part_named_twice_is_refused(expression):
    with pytest.raises(ConfigurationError, match="names a part twice"):
        make(expression)


def test_a_single_name_is_the_extractor_itself():
    extractor = make(" minirocket ", {"max_features": 84})
    assert type(extractor) is MiniRocket
    assert extractor.n_features == 84
    assert [type(leaf) for leaf in extractor.leaves] == [MiniRocket]


def test_build_follows_the_expression():
    joined = make(
        "component-std>minirocket + physical", {"component-std>minirocket": {"minirocket": {"max_features": 84}}}
    )
    assert type(joined) is Concatenated
    staged, physical = joined.parts
    assert (type(staged), type(staged.extractor), type(physical)) == (Staged, MiniRocket, Physical)
    assert joined.name == "component-std>minirocket+physical"
    assert joined.blocks == [84, physical.n_features]


@pytest.mark.parametrize(
    ("expression", "arguments"),
    [
        ("raw", {"n_components": 3}),
        ("envelope>raw", {"envelope": {"width": 0.2, "bands": [[2, 4], [5, 9]]}, "raw": {"n_components": 2}}),
        ("component-std>envelope>raw", {"envelope>raw": {"envelope": {"rate": 10.0}}}),
        (
            "component-std>minirocket+envelope>minirocket+physical",
            {
                "component-std>minirocket": {"minirocket": {"max_features": 84}},
                "envelope>minirocket": {"envelope": {"width": 0.25}, "minirocket": {"max_features": 168}},
                "physical": {"refine": 0.4, "groups": ["spectra", "s_minus_p"]},
            },
        ),
    ],
)
def test_config_and_state_make_the_same_extractor_again(expression, arguments):
    x = windows(8)
    extractor = make(expression, arguments).fit(x)
    # The configuration holds the values of the model.
    again = make(extractor.name, json.loads(json.dumps(extractor.config())), model={})
    again.load_state_dict(extractor.state_dict())
    assert again.config() == extractor.config()
    assert torch.equal(again.eval()(x), extractor(x))
    assert torch.equal(pickle.loads(pickle.dumps(extractor))(x), extractor(x))


def test_extractors_and_stages_know_the_model():
    physical = make("physical")
    assert (physical.before, physical.component_order, physical.frequency_range) == (0.5, "ENZ", [2, 20])
    assert make("physical", {"before": 1.0}).before == 1.0
    envelope = make("envelope>raw").stage
    assert (envelope.power.bands[0][0], envelope.power.bands[-1][1]) == (2, 17)


def test_after_a_stage_that_changes_components_and_frequencies_only_the_time_of_p_is_known():
    physical = make("envelope>physical", {"physical": {"bands": [(1, 4)]}}).extractor
    assert (physical.before, physical.component_order) == (0.5, "?" * 12)
    assert physical.frequency_range == [1, 18]
    assert (physical.in_samples, physical.sampling_rate) == (80, 20)


def test_after_a_transparent_stage_all_values_of_the_model_are_known():
    physical = make("component-std>physical").extractor
    assert (physical.before, physical.component_order, physical.frequency_range) == (0.5, "ENZ", [2, 20])
    envelope = make("component-std>envelope>raw").extractor.stage
    assert envelope.power.bands == make("envelope>raw").stage.power.bands


@pytest.mark.parametrize(
    "expression", ["nonsense>raw", "raw>physical", "component-std>nonsense>raw", "raw+nonsense>raw"]
)
def test_an_unknown_stage_is_refused(expression):
    with pytest.raises(
        MissingPluginError, match=r"no stage is called '(nonsense|raw)'; available: component-std, envelope"
    ):
        make(expression)


@pytest.mark.parametrize("expression", ["nonsense", "envelope>nonsense", "raw+nonsense"])
def test_an_unknown_extractor_is_refused(expression):
    with pytest.raises(MissingPluginError, match="nonsense"):
        make(expression)


@pytest.mark.parametrize(
    ("expression", "arguments", "message"),
    [
        (
            "raw+physical",
            {"refine": 1.0},
            "arguments were passed for refine, but the extractor is made of raw and physical",
        ),
        ("raw+physical", {"raw": {}, "minirocket": {}}, "passed for minirocket, but"),
        ("envelope>raw", {"width": 1.0}, "passed for width, but the extractor is made of envelope and raw"),
        ("envelope>raw+physical", {"envelope": {}}, "made of envelope>raw and physical: pass one mapping per name"),
        ("raw+physical", {"physical": 1.0}, "arguments of physical must be a mapping, but are 1.0"),
        ("envelope>raw", {"envelope": [1]}, r"arguments of envelope must be a mapping, but are \[1\]"),
        ("envelope>raw", 1.0, "made of envelope and raw must map each name to its arguments, but are 1.0"),
    ],
)
def test_arguments_are_a_mapping_for_each_part(expression, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        make(expression, arguments)


def test_stages_are_known_by_their_names():
    for name, stage in STAGES.items():
        assert stage.name == name


def test_a_discriminator_of_an_expression_travels(tmp_path):
    arguments = {"physical": {"groups": ["spectra"]}, "component-std>raw": {"raw": {"n_components": 2}}}
    model = lcl.Discriminator(
        extractor="component-std>raw + physical",
        head="ridge",
        labels=["earthquake", "explosion"],
        in_samples=400,
        before=0.5,
        component_order="ENZ",
        extractor_args=arguments,
    )
    x = windows(20).numpy()
    x[::2, :, 100:200] *= 10
    model.fit(x, ["earthquake", "explosion"] * 10)
    assert model.extractor.parts[1].component_order == "ENZ"
    model.save(tmp_path / "model")
    loaded = lcl.Discriminator.load(tmp_path / "model")
    assert torch.equal(torch.from_numpy(loaded.predict_proba(x)), torch.from_numpy(model.predict_proba(x)))
    with pytest.raises(ConfigurationError, match="colour"):
        lcl.Discriminator(
            extractor="envelope>raw", head="ridge", labels=["a", "b"], extractor_args={"raw": {"colour": 1}}
        )


def test_an_expression_is_text():
    with pytest.raises(ConfigurationError, match="must be a name, or names joined"):
        canonical(5)
