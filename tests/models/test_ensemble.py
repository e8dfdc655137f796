"""Several discriminators as one: mean, spread, files, and settings that must agree."""

import asyncio
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest
import seisbench.models
import torch
from conftest import START
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.errors import (
    ConfigurationError,
    MissingPluginError,
    NotFittedError,
    TrainingError,
    WeightsError,
    WindowError,
)
from seisbench_lcl.evaluation import event_folds, held_out_probabilities
from seisbench_lcl.hub import weights
from seisbench_lcl.models.seeds import with_seed, without_seeds
from seisbench_lcl.testing._fresh_process import ORIGIN
from seisbench_lcl.training import open_dataset, read_windows, session

LABELS = ["blast", "quake", "noise"]
SHAPE: dict[str, Any] = {"labels": LABELS, "in_samples": 250, "sampling_rate": 50, "band": (1, 20), "before": 1}
NETWORK: dict[str, Any] = {"extractor_args": {"width": 2, "epochs": 2, "augmentations": {}}}
ROCKET: dict[str, Any] = {"extractor_args": {"max_features": 168}}


def data(seed: int = 0, n_events: int = 18) -> tuple[NDArray[np.float32], list[str], list[int]]:
    rng = np.random.default_rng(seed)
    groups = [event for event in range(n_events) for _ in range(2)]
    frequencies = np.array([[4.0, 12.0, 19.0][event % 3] for event in groups])[:, None, None]
    waves = np.sin(2 * np.pi * frequencies * np.arange(250) / 50 + rng.uniform(0, 6, (len(groups), 3, 1)))
    return (waves + rng.normal(size=waves.shape)).astype(np.float32), [LABELS[event % 3] for event in groups], groups


@pytest.fixture(scope="module")
def trained() -> lcl.DiscriminatorEnsemble:
    """Two kinds, three normalisations; the second slides over records, the third has no novelty detector."""
    members = [
        lcl.ResNet18(**SHAPE, **NETWORK),
        lcl.MiniRocketRidge(**SHAPE, **ROCKET, normalisation="joint-peak"),
        lcl.MiniRocketRidge(
            **SHAPE,
            extractor_args={"max_features": 84, "seed": 3},
            normalisation="component-peak",
            novelty_rate=None,
            citation="made up",
        ),
    ]
    return lcl.DiscriminatorEnsemble(members, citation="all of them").fit(*data())


def state(model: lcl.DiscriminatorEnsemble) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def small(**changes: Any) -> lcl.MiniRocketRidge:
    return lcl.MiniRocketRidge(**{**SHAPE, **ROCKET, **changes})


# Probabilities -------------------------------------------------------------------------------------------------------


def test_windows_get_the_mean_of_the_members(trained: lcl.DiscriminatorEnsemble) -> None:
    windows = data(1)[0]
    votes = np.stack([member.predict_proba(windows) for member in trained.members])
    found = trained.predict_proba(windows)
    np.testing.assert_array_equal(found, votes.mean(axis=0))
    assert found.dtype == np.float32
    by_hand = [
        np.sqrt(sum((votes[m, i, k] - found[i, k]) ** 2 for m in range(3)) / 3)
        for i, k in enumerate(found.argmax(axis=1))
    ]
    np.testing.assert_allclose(trained.spread(windows), by_hand, atol=1e-6)
    assert trained.spread(windows[:0]).shape == (0,)
    np.testing.assert_allclose(trained(torch.from_numpy(windows)).detach(), found, atol=1e-6)
    expected = np.mean([trained.members[m].novelty(windows) for m in (0, 1)], axis=0)
    np.testing.assert_allclose(trained.novelty(windows), expected, rtol=1e-5)


@pytest.mark.parametrize("stride", [25, 50, 200])
def test_streams_get_the_mean_of_the_members(
    trained: lcl.DiscriminatorEnsemble, make_stream: Callable, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    stream = make_stream(40, rate=100) + make_stream(20, rate=50, station="YY.B.00.EH", seed=3)
    stream[1].data = np.ma.masked_array(stream[1].data, mask=False)
    stream[1].data[2000:2300] = np.ma.masked
    calls = []
    slider = trained.members[1].extractor
    slide = slider.slide
    monkeypatch.setattr(slider, "slide", lambda *a: calls.append(a) or slide(*a))
    frame = trained.classify(stream, stride=stride, max_novelty=None, batch_size=9).windows.to_dataframe()
    assert bool(calls) == (stride <= 50)
    single = [
        member.classify(stream, stride=stride, max_novelty=None).windows.to_dataframe() for member in trained.members
    ]
    votes = np.stack([one[LABELS].to_numpy() for one in single])
    np.testing.assert_allclose(frame[LABELS], votes.mean(axis=0), atol=1e-6)
    decided = frame["label"].notna()
    assert decided.any()
    assert not decided.all()
    label = frame[LABELS].to_numpy()[decided].argmax(axis=1)
    spread = np.take_along_axis(votes[:, decided], np.broadcast_to(label, (3, len(label)))[..., None], 2).std(axis=0)
    np.testing.assert_allclose(frame["spread"][decided], spread[:, 0], atol=1e-6)
    np.testing.assert_allclose(frame["novelty"], (single[0]["novelty"] + single[1]["novelty"]) / 2, rtol=1e-4)
    assert frame["spread"].isna().equals(~decided)
    assert frame["novelty"].isna().equals(~decided)
    assert frame["reason"].tolist() == single[0]["reason"].tolist()


def test_unlike_windows_abstain_by_the_mean_novelty(trained: lcl.DiscriminatorEnsemble, make_stream: Callable) -> None:
    stream = make_stream(30)
    for trace in stream:
        trace.data = np.sin(0.5 * np.arange(3000)) + 1e-6 * trace.data
    frame = trained.classify(stream).windows.to_dataframe()
    assert (frame["novelty"] > 1).any()
    assert (frame["label"].isna() == (frame["novelty"] > 1)).all()
    assert trained.classify(stream, max_novelty=None).windows.to_dataframe()["label"].notna().all()
    limit = float(trained.classify(stream, max_novelty=None).windows.to_dataframe()[LABELS].max(axis=1).max()) + 1e-3
    unsure = trained.classify(stream, max_novelty=None, reject_below=limit)
    assert unsure.windows.to_dataframe()["reason"].str.startswith("not sure enough (").all()
    assert len(unsure.detections) == 0
    assert len(trained.annotate(stream, max_novelty=None, reject_below=limit)) == 0


def test_annotate_names_the_ensemble(trained: lcl.DiscriminatorEnsemble, make_stream: Callable) -> None:
    traces = trained.annotate(make_stream(20), max_novelty=None)
    assert [trace.stats.channel for trace in traces] == [f"DiscriminatorEnsemble_{label}" for label in LABELS]
    assert traces[0].stats.starttime == START + SHAPE["before"]


def test_in_a_running_event_loop(trained: lcl.DiscriminatorEnsemble, make_stream: Callable) -> None:
    stream = make_stream(20)
    expected = trained.classify(stream).windows.to_dataframe()

    async def ask() -> Any:
        return await asyncio.gather(*(trained.classify_async(stream) for _ in range(3)), trained.annotate_async(stream))

    *found, _ = asyncio.run(ask())
    for result in found:
        np.testing.assert_allclose(result.windows.to_dataframe()[LABELS], expected[LABELS], atol=1e-6)


def test_detailed_predictions_agree_with_the_single_methods(trained: lcl.DiscriminatorEnsemble) -> None:
    windows = data(1)[0]
    for model in (trained, *trained.members):
        prediction = model.predict_detailed(windows)
        np.testing.assert_allclose(prediction.probabilities, model.predict_proba(windows), atol=1e-6)
        if model is trained or model.novelty_detector:
            np.testing.assert_allclose(prediction.diagnostics["novelty"], model.novelty(windows), rtol=1e-5)
    np.testing.assert_allclose(
        trained.predict_detailed(windows).diagnostics["spread"], trained.spread(windows), atol=1e-6
    )


def test_members_without_novelty_detectors(make_stream: Callable) -> None:
    ensemble = lcl.DiscriminatorEnsemble.of(lcl.MiniRocketRidge, 2, **SHAPE, **ROCKET, novelty_rate=None).fit(*data())
    assert "novelty" not in ensemble.classify(make_stream(20)).windows.to_dataframe()
    with pytest.raises(ConfigurationError, match="made without novelty_rate"):
        ensemble.novelty(data()[0])


# Files --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_saved_and_loaded_in_a_new_process(
    trained: lcl.DiscriminatorEnsemble, make_stream: Callable, tmp_path: Path
) -> None:
    folder = tmp_path / "cache" / "models" / "v3" / "discriminatorensemble"
    folder.mkdir(parents=True)
    trained.default_args = {"max_novelty": None}
    try:
        trained.save(folder / "mine", "made up", "2")
        expected = trained.classify(make_stream(20)).windows.to_dataframe()
    finally:
        trained.default_args = {}
    make_stream(20).write(tmp_path / "a.mseed", "MSEED")
    code = """
import obspy, seisbench
seisbench.cache_model_root = cache
import seisbench_lcl, seisbench.models as sbm
assert "mine" in sbm.DiscriminatorEnsemble.list_pretrained()
model = sbm.DiscriminatorEnsemble.from_pretrained("mine")
assert [type(member).__name__ for member in model.members] == ["ResNet18", "MiniRocketRidge", "MiniRocketRidge"]
assert model.weights_docstring == "made up" and model.weights_version == "2"
assert model.citation == "all of them" and model.members[2].citation == "made up"
model.classify(obspy.read(record)).windows.to_dataframe().to_json(found)
"""
    cache = folder.parent
    assert lcl.DiscriminatorEnsemble._model_path().relative_to(seisbench.cache_model_root) == Path(folder.name)
    ORIGIN.ask(exec, code, {"cache": cache, "record": tmp_path / "a.mseed", "found": tmp_path / "found.json"})
    found = json.loads((tmp_path / "found.json").read_text())
    for column in [*LABELS, "spread", "novelty"]:
        np.testing.assert_allclose(list(found[column].values()), expected[column], atol=1e-4)
    assert list(found["label"].values()) == expected["label"].tolist()


def test_pickled(trained: lcl.DiscriminatorEnsemble) -> None:
    windows = data(1)[0][:4]
    copy = pickle.loads(pickle.dumps(trained))
    np.testing.assert_array_equal(copy.predict_proba(windows), trained.predict_proba(windows))


def test_seisbench_has_it() -> None:
    assert seisbench.models.DiscriminatorEnsemble is lcl.DiscriminatorEnsemble


def rewritten(ensemble: lcl.DiscriminatorEnsemble, path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Save, change the description as the author of a file could, and correct the digests."""
    ensemble.save(path)
    metadata, tensors = weights.read(path, None)
    change(metadata)
    weights.write(path, None, metadata, tensors)
    return path


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda m: m["model_args"]["members"][1].update(model="Unheard"),
            MissingPluginError,
            "no model is called 'Unheard'; installed: .*MiniRocketRidge",
        ),
        (
            lambda m: m["seisbench_lcl"]["requires"]["member 1 head"].update(name="forest", distribution="woods"),
            MissingPluginError,
            "no head is called 'forest'; installed: .*; it comes with woods>=",
        ),
        (
            lambda m: m["seisbench_lcl"]["requires"]["member 2 extractor"].update(name="hydra", distribution="lerna"),
            MissingPluginError,
            "no extractor is called 'hydra'.*pip install 'lerna>=",
        ),
        (lambda m: m["model_args"]["members"][1].pop("model"), WeightsError, "member 1 is {.*'labels'|as 'model'"),
        (lambda m: m["model_args"].update(members=[1, 2]), WeightsError, "but member 0 is 1"),
        (lambda m: m["model_args"].update(members=None), WeightsError, "description of the model cannot be used"),
        (lambda m: m["model_args"]["members"].pop(), WeightsError, "tensors do not fit the description"),
        (lambda m: m["model_args"]["members"][0].update(sampling_rate=40), WeightsError, "must agree in sampling_rate"),
        (
            lambda m: m["seisbench_lcl"].update(model="MiniRocketRidge"),
            WeightsError,
            "holds weights of MiniRocketRidge, not of DiscriminatorEnsemble",
        ),
    ],
)
def test_descriptions_that_cannot_be_used(
    trained: lcl.DiscriminatorEnsemble, tmp_path: Path, change: Any, error: type[Exception], message: str
) -> None:
    path = rewritten(trained, tmp_path / "w", change)
    with pytest.raises(error, match=message):
        lcl.DiscriminatorEnsemble.load(path)


def test_weights_of_a_single_model_are_not_those_of_an_ensemble(
    trained: lcl.DiscriminatorEnsemble, tmp_path: Path
) -> None:
    trained.members[1].save(tmp_path / "one")
    with pytest.raises(WeightsError, match="holds weights of MiniRocketRidge, not of DiscriminatorEnsemble"):
        lcl.DiscriminatorEnsemble.load(tmp_path / "one")
    trained.save(tmp_path / "all")
    with pytest.raises(WeightsError, match=r"use DiscriminatorEnsemble.load"):
        lcl.MiniRocketRidge.load(tmp_path / "all")
    with pytest.raises(NotFittedError, match="there is nothing to save"):
        trained.fresh().save(tmp_path / "fresh")


# Members that must agree ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"labels": LABELS[::-1]},
            r"agree in labels, but member 1 \(MiniRocketRidge\) has \['noise', 'quake', 'blast'\], and member 0 "
            r"\(MiniRocketRidge\) has \['blast', 'quake', 'noise'\]",
        ),
        ({"labels": LABELS[:2]}, r"agree in labels, but member 1 .* has \['blast', 'quake'\]"),
        ({"event_types": {"blast": "quarry blast"}}, "agree in event_types, .*quarry blast"),
        ({"sampling_rate": 60}, r"agree in sampling_rate, but member 1 \(MiniRocketRidge\) has 60, and member 0"),
        ({"in_samples": 300}, "agree in in_samples, .* has 300, and .* has 250"),
        ({"component_order": "ZEN"}, "agree in component_order, .* has ZEN, and .* has ZNE"),
        ({"band": (2, 20)}, r"agree in band, .* has \(2.0, 20.0\), and .* has \(1.0, 20.0\)"),
        ({"before": 2}, "agree in before, .* has 2, and .* has 1"),
    ],
)
def test_members_that_differ(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        lcl.DiscriminatorEnsemble([small(), small(**changes)])


def test_members_that_are_refused() -> None:
    one, two = small(), small()
    clusters = lcl.MiniRocketKMeans(clusters=LABELS, **{k: v for k, v in SHAPE.items() if k != "labels"}, **ROCKET)
    for members, message in (
        ([], "at least two members, but got 0"),
        ([one], "at least two members, but got 1"),
        ([one, two, one], r"member 2 \(MiniRocketRidge\) occurs twice"),
        ([clusters, clusters], r"member 0 \(MiniRocketKMeans\) learns without labels: clusters cannot vote"),
        ([one, clusters], r"member 1 \(MiniRocketKMeans\) learns without labels"),
        ([one, lcl.DiscriminatorEnsemble([small(), two])], "member 1 is an ensemble: pass its members one by one"),
        ([one, "mixed-3c"], "member 1 is 'mixed-3c'"),
        ([{"labels": LABELS}, one], "mapping with the name of its class as 'model', but member 0 is {'labels'"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            lcl.DiscriminatorEnsemble(members)
    with pytest.raises(MissingPluginError, match="no model is called 'Unheard'"):
        lcl.DiscriminatorEnsemble([one, {"model": "Unheard"}])
    assert lcl.DiscriminatorEnsemble([*lcl.DiscriminatorEnsemble([one, two]).members, small()]).labels == LABELS


def test_members_differ_in_their_seeds() -> None:
    networks = lcl.DiscriminatorEnsemble.of(lcl.ResNet18, 3, **SHAPE, **NETWORK)
    assert [member.extractor.recipe.seed for member in networks.members] == [0, 1, 2]
    assert {member.extractor.width for member in networks.members} == {2}
    rockets = lcl.DiscriminatorEnsemble.of(lcl.Discriminator, 2, extractor="minirocket", head="linear", **SHAPE)
    assert [member.extractor.seed for member in rockets.members] == [0, 1]
    with pytest.raises(ConfigurationError, match="Discriminator has no seed, so all members would be equal"):
        lcl.DiscriminatorEnsemble.of(lcl.Discriminator, 2, extractor="raw", head="ridge", **SHAPE)
    with pytest.raises(ConfigurationError, match="at least two members, but got 1"):
        lcl.DiscriminatorEnsemble.of(lcl.ResNet18, 1, **SHAPE, **NETWORK)
    clusters = {**SHAPE, "labels": None, "clusters": 3}
    with pytest.raises(ConfigurationError, match="clusters cannot vote"):
        lcl.DiscriminatorEnsemble.of(lcl.MiniRocketKMeans, 2, **clusters, **ROCKET)


def test_seeds_of_joined_extractors_differ_at_any_depth() -> None:
    rocket = {"minirocket": {"max_features": 84, "seed": 7}}
    arguments = {"component-std>minirocket": rocket, "envelope>minirocket": rocket, "physical": {"p_length": 1.0}}
    shape = {**SHAPE, "in_samples": 500}  # the lowest band needs more than 4 s
    ensemble = lcl.DiscriminatorEnsemble.of(lcl.HybridRidge, 3, **shape, extractor_args=arguments)
    for seed, member in enumerate(ensemble.members):
        config = member.extractor.config()
        expected = {"max_features": 84, "seed": seed}
        for name in ("component-std>minirocket", "envelope>minirocket"):
            assert config[name]["minirocket"].items() >= expected.items()
        assert config["physical"]["p_length"] == 1.0
        assert member.head.config() == ensemble.members[0].head.config()
    assert rocket["minirocket"]["seed"] == 7
    again = lcl.DiscriminatorEnsemble(**json.loads(json.dumps(ensemble.get_model_args())))
    assert again.get_model_args() == ensemble.get_model_args()
    single = lcl.HybridRidge(**shape, extractor_args=ensemble.members[2].extractor.config())
    assert single.get_model_args() == ensemble.members[2].get_model_args()
    with pytest.raises(ConfigurationError, match="PhysicalRidge has no seed, so all members would be equal"):
        lcl.DiscriminatorEnsemble.of(lcl.PhysicalRidge, 2, **shape)


def test_seeds_are_set_and_removed_at_any_depth() -> None:
    arguments = {"a>b": {"a": {}, "b": {"seed": 4, "epochs": 2}}, "c": {"seed": 5}, "seed": 6, "d": [1]}
    assert with_seed(arguments, 1) == {
        "a>b": {"a": {}, "b": {"seed": 1, "epochs": 2}},
        "c": {"seed": 1},
        "seed": 1,
        "d": [1],
    }
    assert without_seeds(arguments) == {"a>b": {"a": {}, "b": {"epochs": 2}}, "c": {}, "d": [1]}
    assert without_seeds(with_seed(arguments, 1)) == without_seeds(arguments)


# Learning -----------------------------------------------------------------------------------------------------------


def test_each_member_learns_as_it_would_alone(tmp_path: Path) -> None:
    ensemble = lcl.DiscriminatorEnsemble.of(lcl.ResNet18, 2, **SHAPE, **NETWORK)
    with session(tmp_path / "checkpoints", logs=tmp_path / "logs"):
        assert ensemble.fit(data()[0], iter(data()[1]), iter(data()[2])) is ensemble
    assert sorted(file.name for file in (tmp_path / "checkpoints").iterdir()) == [
        "member-0-resnet18.checkpoint",
        "member-1-resnet18.checkpoint",
    ]
    assert {"member-0-resnet18.csv", "member-1-resnet18.csv"} <= {f.name for f in (tmp_path / "logs").iterdir()}
    alone = [member.fresh().fit(*data()) for member in ensemble.members]
    windows = data(1)[0]
    expected = np.mean([member.predict_proba(windows) for member in alone], axis=0)
    np.testing.assert_array_equal(ensemble.predict_proba(windows), expected)
    assert [history.name for history in ensemble.histories] == ["member-0-resnet18", "member-1-resnet18"]
    rows = [member.held_out for member in alone]
    expected = np.full(rows[0].shape, np.nan)
    for i in range(len(expected)):
        found = [row[i] for row in rows if np.isfinite(row[i, 0])]
        if found:
            expected[i] = np.mean(found, axis=0)
    np.testing.assert_allclose(ensemble.held_out, expected, rtol=1e-5)
    assert 0 < np.isfinite(expected[:, 0]).sum() < len(expected)


def test_held_out_belongs_to_fits_of_the_ensemble() -> None:
    """Members may have been fitted to other windows before."""
    members = [small().fit(*data(n_events=n)) for n in (9, 12)]
    ensemble = lcl.DiscriminatorEnsemble(members)
    assert ensemble.held_out is None
    ensemble.fit(*data())
    np.testing.assert_allclose(ensemble.held_out, np.mean([m.held_out for m in members], axis=0), rtol=1e-5)
    assert ensemble.held_out.dtype == np.float32


def test_fine_tuned_members_continue_from_their_state(trained: lcl.DiscriminatorEnsemble) -> None:
    rockets = lcl.DiscriminatorEnsemble([pickle.loads(pickle.dumps(trained.members[m])) for m in (1, 2)])
    alone = [pickle.loads(pickle.dumps(member)).fine_tune(*data(2)) for member in rockets.members]
    rockets.fine_tune(*data(2))
    windows = data(1)[0]
    expected = np.mean([member.predict_proba(windows) for member in alone], axis=0)
    np.testing.assert_array_equal(rockets.predict_proba(windows), expected)
    with pytest.raises(ConfigurationError, match="no member is a network, so freeze cannot be used"):
        rockets.fine_tune(*data(2), freeze=1)
    with pytest.raises(NotFittedError):
        trained.fresh().fine_tune(*data(2))


def test_one_member_that_fails_leaves_all_unchanged(trained: lcl.DiscriminatorEnsemble) -> None:
    ensemble = pickle.loads(pickle.dumps(trained))
    expected = ensemble.members[0].predict_proba(data(1)[0])
    ensemble.members[1].head.intercepts.fill_(np.nan)
    with pytest.raises(NotFittedError, match="Ridge is not fitted"):
        ensemble.fine_tune(*data(2), epochs=1)
    np.testing.assert_array_equal(ensemble.members[0].predict_proba(data(1)[0]), expected)


def test_ensembles_that_cannot_learn_or_predict() -> None:
    ensemble = lcl.DiscriminatorEnsemble([small(), small(normalisation="joint-std")])
    windows, labels, groups = data()
    with pytest.raises(NotFittedError):
        ensemble.predict_proba(windows)
    with pytest.raises(TrainingError, match="learns from labels"):
        ensemble.fit(windows)
    with pytest.raises(TrainingError, match="no window is labelled"):
        ensemble.fit(windows[:6:3], labels[:6:3])
    with pytest.raises(WindowError, match=r"needs windows of shape \(B, 3, 250\)"):
        ensemble.fit(windows[..., :200], labels, groups)


def test_the_normalisations_of_all_members_are_reported() -> None:
    kinds = "component-std", "joint-peak", "component-std"
    mixed = lcl.DiscriminatorEnsemble([small(normalisation=kind) for kind in kinds]).preprocessing
    assert mixed.normalisation == "component-std, joint-peak"
    assert mixed.to_dict() == small().preprocessing.to_dict() | {"normalisation": mixed.normalisation}
    with pytest.raises(ConfigurationError, match="normalise windows in different ways"):
        mixed.normalise(torch.ones(1, 3, 250))
    same = lcl.DiscriminatorEnsemble([small(normalisation="joint-peak") for _ in range(2)])
    assert same.preprocessing == small(normalisation="joint-peak").preprocessing


def test_a_failed_refit_leaves_all_members_as_they_were(
    trained: lcl.DiscriminatorEnsemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = pickle.loads(pickle.dumps(trained))
    held_out, histories = ensemble.held_out.copy(), ensemble.histories
    members = [member.held_out.copy() for member in ensemble.members]
    monkeypatch.setattr(ensemble.members[2], "fit", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ensemble.fit(*data(2))
    np.testing.assert_array_equal(ensemble.held_out, held_out)
    assert ensemble.histories == histories
    for member, expected in zip(ensemble.members, members, strict=True):
        np.testing.assert_array_equal(member.held_out, expected)
    np.testing.assert_array_equal(ensemble.predict_proba(data()[0]), trained.predict_proba(data()[0]))


def test_casts_are_refused(trained: lcl.DiscriminatorEnsemble) -> None:
    expected = state(trained)
    for cast in (torch.float16, torch.bfloat16):
        with pytest.raises(ConfigurationError, match=rf"cannot be cast to {cast}, which would change its weights"):
            trained.to(cast)
    found = state(trained)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    double = pickle.loads(pickle.dumps(trained)).double()
    np.testing.assert_allclose(double.predict_proba(data(1)[0]), trained.predict_proba(data(1)[0]), atol=1e-4)


def test_a_fresh_one_of_fewer_labels_is_evaluated_by_folds(dataset_folder: Path) -> None:
    ensemble = lcl.DiscriminatorEnsemble(
        [
            lcl.MiniRocketRidge(
                labels=["high", "low", "other"],
                sampling_rate=40,
                in_samples=320,
                extractor_args={"max_features": 84, "seed": seed},
            )
            for seed in (0, 1)
        ],
        default_args={"stride": 7},
        citation="c",
    )
    fresh = ensemble.fresh(["low", "high"])
    assert fresh.labels == ["low", "high"]
    assert (fresh.default_args, fresh.citation) == ({"stride": 7}, "c")
    assert [member.extractor.seed for member in fresh.members] == [0, 1]
    windows = read_windows(open_dataset(dataset_folder), ensemble.preprocessing)
    folds = event_folds(windows, 2)
    found = held_out_probabilities(ensemble, windows, folds)
    single = [held_out_probabilities(member, windows, folds) for member in ensemble.members]
    np.testing.assert_allclose(found, np.mean(single, axis=0), atol=1e-6)
    assert (found[:, 2] == 0).all()


def test_an_empty_stream(trained: lcl.DiscriminatorEnsemble) -> None:
    with pytest.raises(lcl.SeisBenchLCLError, match="the stream is empty"):
        trained.classify(obspy.Stream())
