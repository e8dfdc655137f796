"""Models for other seismic networks than that of the training: physical discriminants, envelopes, joined extractors."""

import json
import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pandas as pd
import pytest
import torch
from conftest import START, ground_motion
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, MissingPluginError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.heads import Ridge
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.waveforms.resampling import PASSED

LABELS = ["blast", "quake", "slide"]
SHAPE: dict[str, Any] = {"labels": LABELS, "in_samples": 1000}
ROCKET: dict[str, Any] = {"minirocket": {"max_features": 84}}
KINDS: dict[str, dict[str, Any]] = {
    "PhysicalRidge": {},
    "EnvelopeMiniRocketRidge": ROCKET,
    "HybridRidge": {"component-std>minirocket": ROCKET, "envelope>minirocket": ROCKET},
    "EnvelopePhysicalRidge": {"envelope>minirocket": ROCKET},
}
EVERY_PART = ("PhysicalRidge", "HybridRidge")  # together they have all stages, extractors and heads
EDGES = np.geomspace(1, 18 * PASSED, 5).round(3).tolist()
BANDS = [[low, high] for low, high in pairwise(EDGES)]
NETWORK = {"width": 2, "epochs": 2, "augmentations": {}}

Data = tuple[NDArray[np.float32], list[str], list[int]]


def region(seed: int = 0, n_events: int = 18, components: int = 3, spectrum: float = 1.0) -> Data:
    """Two windows per event; each class has a frequency and a coda length, and a region scales the frequencies."""
    rng = np.random.default_rng(seed)
    groups = [event for event in range(n_events) for _ in range(2)]
    kinds = np.array(groups) % 3
    since = np.arange(1000) / 100 - 2
    frequency = spectrum * np.array([4.0, 8.0, 12.0])[kinds, None, None]
    coda = np.exp(-since.clip(0) / np.array([0.7, 1.5, 4.0])[kinds, None, None])
    phase = rng.uniform(0, 2 * np.pi, (len(kinds), components, 1))
    waves = 5 * (since > 0) * coda * np.sin(2 * np.pi * frequency * since + phase)
    return (waves + rng.normal(size=waves.shape)).astype(np.float32), [LABELS[k] for k in kinds], groups


def accuracy(model: lcl.Discriminator, data: Data) -> float:
    return float((model.predict_proba(data[0]).argmax(axis=1) == [LABELS.index(label) for label in data[1]]).mean())


def check(probabilities: NDArray[np.float32], n: int, n_classes: int = 3) -> None:
    assert probabilities.shape == (n, n_classes)
    assert probabilities.dtype == np.float32
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def make(kind: str, **changes: Any) -> lcl.Discriminator:
    model: lcl.Discriminator = getattr(lcl, kind)(**{**SHAPE, "extractor_args": KINDS[kind], **changes})
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained model of each kind."""
    folder = tmp_path_factory.mktemp("travel")
    for kind in KINDS:
        make(kind).fit(*region()).save(folder / kind, "made up")
    return folder


@pytest.fixture
def load(saved: Path) -> Callable[[str], Any]:
    return lambda kind: getattr(lcl, kind).load(saved / kind)


# The models ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_models_learn_and_their_weights_are_the_same_model(kind: str, load: Callable[[str], Any]) -> None:
    model, new = load(kind), region(1)
    found, novelty = model.predict_proba(new[0]), model.novelty(new[0])
    check(found, 36)
    assert accuracy(model, new) > 0.9
    assert np.isfinite(novelty).all()
    assert (model.novelty(region()[0]) <= 1).mean() >= 0.9
    prediction = model.predict_detailed(new[0])
    np.testing.assert_array_equal(prediction.probabilities, found)
    np.testing.assert_array_equal(prediction.diagnostics["novelty"], novelty)
    fresh = model.fresh()
    with pytest.raises(NotFittedError):
        fresh.predict_proba(new[0])
    fitted = fresh.fit(*region())
    assert fitted.held_out is not None
    check(fitted.held_out, 36)
    for again in (fitted, pickle.loads(pickle.dumps(model))):
        assert again.get_model_args() == model.get_model_args()
        np.testing.assert_array_equal(again.predict_proba(new[0]), found)
        np.testing.assert_array_equal(again.novelty(new[0]), novelty)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weights_file_describes_the_features_completely(kind: str, saved: Path) -> None:
    description = json.loads((saved / f"{kind}.json").read_text())
    arguments = description["model_args"]["extractor_args"]
    if kind == "PhysicalRidge":
        assert arguments["bands"] == BANDS
        assert arguments["groups"]
        assert arguments["before"] == 2
    else:
        envelope = arguments.get("envelope>minirocket", arguments)
        assert envelope["envelope"] == {"bands": BANDS, "rate": 20.0, "width": 0.5}
        assert envelope["minirocket"]["max_features"] == 84
    parts = {"PhysicalRidge": ["physical"], "EnvelopeMiniRocketRidge": ["minirocket"]}.get(
        kind, ["minirocket", "physical"]
    )
    found = {(part, needed["name"]) for part, needed in description["seisbench_lcl"]["requires"].items()}
    alone = {("extractor", name) for name in parts} if len(parts) == 1 else {(f"{n} extractor", n) for n in parts}
    assert found == alone | {("head", "ridge" if len(parts) == 1 else "stack")}
    assert description["model_args"]["normalisation"] == (
        "component-std" if kind == "EnvelopeMiniRocketRidge" else "joint-std"
    )


def test_weights_with_a_missing_part_name_the_package(saved: Path, tmp_path: Path) -> None:
    for file in saved.glob("HybridRidge.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "HybridRidge.json").read_text()
    description = json.loads(text)
    description["seisbench_lcl"]["requires"]["physical extractor"] = {
        "name": "polarisation",
        "distribution": "lcl-polarisation",
        "version": "1.2",
    }
    (tmp_path / "HybridRidge.json").write_text(json.dumps(description))
    expected = r"no extractor is called 'polarisation'; .* pip install 'lcl-polarisation>=1\.2'"
    with pytest.raises(MissingPluginError, match=expected):
        lcl.HybridRidge.load(tmp_path / "HybridRidge")


def test_named_models_equal_their_expressions(load: Callable[[str], Any]) -> None:
    windows = region(1)[0]
    plain = lcl.Discriminator(
        "envelope > minirocket + physical",
        "stack",
        **SHAPE,
        normalisation="joint-std",
        extractor_args=KINDS["EnvelopePhysicalRidge"],
        head_args={"weighting": "equal"},
    ).fit(*region())
    one = load("EnvelopePhysicalRidge")
    np.testing.assert_array_equal(plain.predict_proba(windows), one.predict_proba(windows))
    assert plain.head.weights[0] == plain.head.weights[1] > 0
    assert make("EnvelopePhysicalRidge", head_args={"weighting": "learnt"}).head.weighting == "learnt"
    hybrid = load("HybridRidge")
    assert hybrid.head.blocks == [84, 84, len(hybrid.extractor.parts[2].feature_names) * 2]
    assert len(set(hybrid.head.weights.tolist())) == 3
    with pytest.raises(ConfigurationError, match=r"use Discriminator\(extractor=\.\.\., head=\.\.\.\)"):
        make("EnvelopePhysicalRidge", extractor="physical")


def test_each_part_of_the_hybrid_has_the_features_it_has_alone(load: Callable[[str], Any]) -> None:
    windows = region(1)[0]
    hybrid = load("HybridRidge")
    waveforms, envelopes, physical = hybrid.features(windows).split(hybrid.head.blocks, dim=1)
    rocket = lcl.MiniRocketRidge(**SHAPE, extractor_args=ROCKET["minirocket"]).fit(*region())
    torch.testing.assert_close(physical, load("PhysicalRidge").features(windows), rtol=0, atol=0)
    # Scales that differ in their last digit move a sample or two across a bias.
    for found, alone in ((waveforms, rocket), (envelopes, load("EnvelopeMiniRocketRidge"))):
        torch.testing.assert_close(found, alone.features(windows), rtol=0, atol=0.02)


@pytest.mark.parametrize("kind", EVERY_PART)
def test_fewer_labels_and_one_component(kind: str) -> None:
    windows, labels, groups = region()
    model = make(kind, event_types={"slide": "landslide"}, head_args={"class_weight": {0: 2.0, 2: 3.0}})
    rows = [i for i, label in enumerate(labels) if label != "quake"]
    fresh = model.fresh(["slide", "blast"]).fit(windows[rows], [labels[i] for i in rows], [groups[i] for i in rows])
    assert fresh.head.config()["class_weight"] == {0: 3.0, 1: 2.0}
    check(fresh.predict_proba(windows), 36, n_classes=2)
    vertical = make(kind, component_order="Z").fit(*region(components=1))
    check(vertical.predict_proba(region(1, components=1)[0]), 36)
    assert accuracy(vertical, region(1, components=1)) > 0.8
    with pytest.raises(WindowError, match=r"needs windows of shape \(B, 1, 1000\)"):
        vertical.predict_proba(windows)


def test_windows_in_a_file_give_the_same_model(load: Callable[[str], Any]) -> None:
    windows, labels, groups = region()
    rows = RowFile(3, 1000)
    rows.extend(windows)
    model = make("HybridRidge").fit(rows, labels, groups)
    expected = load("HybridRidge").state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-6, msg=name)


def test_picks_of_s_reach_the_physical_part() -> None:
    data = region(n_events=130)  # more windows than a batch
    windows = data[0]
    n = len(windows)
    picks = np.where(np.arange(n) % 3 == 0, np.nan, 3.5 + np.arange(n) % 4 * 0.5)
    model = make("EnvelopePhysicalRidge").fit(*data, picks)
    rows = RowFile(3, 1000)
    rows.extend(windows)
    from_file = make("EnvelopePhysicalRidge").fit(rows, *data[1:], picks)
    found = model.predict_proba(windows, picks)
    np.testing.assert_allclose(from_file.predict_proba(rows, picks), found, atol=1e-5)
    assert abs(found - model.predict_proba(windows)).max() > 1e-4
    np.testing.assert_array_equal(model.predict_proba(windows, np.full(n, np.nan)), model.predict_proba(windows))
    envelopes, physical = model.features(windows, picks).split(model.head.blocks, dim=1)
    plain_envelopes, plain = model.features(windows).split(model.head.blocks, dim=1)
    assert torch.equal(envelopes, plain_envelopes)
    moved = (physical != plain).any(dim=1).numpy()
    assert not moved[np.isnan(picks)].any()
    assert moved[~np.isnan(picks)].mean() > 0.9
    prediction = model.predict_detailed(windows, picks)
    np.testing.assert_array_equal(prediction.probabilities, found)
    np.testing.assert_array_equal(prediction.diagnostics["novelty"], model.novelty(windows, picks))
    for learn in (lambda: model.predict_proba(windows, picks[1:]), lambda: model.fit(*data, picks[1:])):
        with pytest.raises(WindowError, match="260 windows need one S arrival each, or NaN without a pick"):
            learn()
    np.testing.assert_array_equal(model.predict_proba(windows, picks), found)


# Streams and odd windows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY_PART)
def test_streams(kind: str, load: Callable[[str], Any], make_stream: Callable) -> None:
    model = load(kind)
    gappy = make_stream(30, station="XX.GAP..HH", seed=1)
    offset = gappy[1].copy()
    offset.data = offset.data + 1e6
    gappy[1] = offset.copy().trim(endtime=START + 12)
    gappy += offset.copy().trim(starttime=START + 14)
    stream = (
        make_stream(30)
        + gappy
        + make_stream(30, components="ZN", station="XX.TWO..HH")
        + make_stream(30, rate=25, station="XX.SLOW..BH")
        + make_stream(8, station="XX.SHORT..HH")
    )
    frame = model.classify(stream, stride=100, max_novelty=None).windows.to_dataframe()
    by_station = dict(list(frame.groupby("station")))
    assert by_station["XX.ABC..HH"]["label"].notna().all()
    gap = by_station["XX.GAP..HH"]
    whole = (gap["end_time"] <= (START + 12.01).datetime) | (gap["start_time"] >= (START + 14).datetime)
    assert gap["label"].notna().equals(whole)
    for station, reason in {
        "XX.TWO..HH": "component E missing: found channels HHN, HHZ",
        "XX.SLOW..BH": "sampled at 25 Hz, but the model's band reaches 18 Hz",
        "XX.SHORT..HH": "no window fits: the record is 8 s long, the model needs 10 s",
    }.items():
        assert by_station[station]["reason"].item().startswith(reason)
    check(frame.loc[frame["label"].notna(), LABELS].to_numpy(np.float32), 21 + int(whole.sum()))
    alone = model.classify(make_stream(30), stride=100, max_novelty=None).windows.to_dataframe()
    np.testing.assert_allclose(alone[LABELS], by_station["XX.ABC..HH"][LABELS], atol=1e-6)
    traces = model.annotate(stream, stride=100, max_novelty=None)
    assert {trace.stats.channel for trace in traces} == {f"{kind}_{label}" for label in LABELS}
    assert {trace.stats.station for trace in traces} == {"ABC", "GAP"}
    assert all(np.isfinite(trace.data[trace.data == trace.data]).all() for trace in traces)


@pytest.mark.parametrize("kind", EVERY_PART)
def test_one_motion_has_one_result_at_any_sampling_rate(kind: str, load: Callable[[str], Any]) -> None:
    model = load(kind)
    answers = []
    for rate in (100, 40, 200):
        motion = ground_motion(3, np.arange(60 * rate) / rate, "low")
        stream = obspy.Stream(
            [
                obspy.Trace(
                    row, {"station": "A", "channel": f"HH{code}", "sampling_rate": rate, "starttime": START + 0.0}
                )
                for row, code in zip(motion, "ZNE", strict=True)
            ]
        )
        frame = model.classify(stream.trim(START + 20, START + 50), stride=100, max_novelty=None).windows.to_dataframe()
        answers.append(frame[LABELS].to_numpy(float)[3:18])
    for other in answers[1:]:
        np.testing.assert_allclose(other, answers[0], atol=0.01)


@pytest.mark.parametrize("kind", EVERY_PART)
def test_noise_and_odd_windows_get_probabilities(kind: str, load: Callable[[str], Any]) -> None:
    model = load(kind)
    noise = np.random.default_rng(5).normal(size=(6, 3, 1000)).astype(np.float32)
    found = model.predict_proba(noise)
    check(found, 6)
    for scale in (1e-12, 1e12):
        np.testing.assert_allclose(model.predict_proba(noise * np.float32(scale)), found, atol=1e-3)
    np.testing.assert_allclose(
        np.concatenate([model.predict_proba(noise[i : i + 1]) for i in range(6)]), found, atol=1e-5
    )
    odd = noise.copy()
    odd[0, :, 200:] *= 1e-30  # nothing after P
    odd[1, :, :200] = 0  # nothing before
    odd[2] = np.sign(odd[2])  # clipped
    odd[3, :, :] = np.eye(1, 1000, 500)  # one sample
    odd[4] = np.sin(np.arange(1000) * np.pi / 2)  # one frequency, on the grid of the Fourier transform
    check(model.predict_proba(odd), 6)
    assert np.isfinite(model.novelty(odd)).all()
    dead = torch.zeros(2, 3, 1000)
    dead[1, 0] = torch.from_numpy(noise[0, 0])
    with torch.no_grad():
        check(model(dead).numpy(), 2)
    assert model.predict_proba(noise[:0]).shape == (0, 3)
    with pytest.raises(WindowError, match="hold NaN or infinite samples"):
        model.predict_proba(np.where(noise > 3, np.nan, noise))


# Other regions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["HybridRidge", "EnvelopePhysicalRidge"])
def test_fine_tuning_to_another_region(kind: str, load: Callable[[str], Any], tmp_path: Path) -> None:
    model = load(kind)
    there, later = region(2, n_events=30, spectrum=0.6), region(3, spectrum=0.6)
    before, state = accuracy(model, later), pickle.loads(pickle.dumps(model.state_dict()))
    assert model.fine_tune(*there) is model
    assert accuracy(model, later) > max(before, 0.9)
    for name, tensor in model.state_dict().items():
        if name.startswith("extractor") or name == "head.weights":
            assert torch.equal(tensor, state[name])
    assert any(
        not torch.equal(r.coefficients, state[f"head.ridges.{i}.coefficients"]) for i, r in enumerate(model.head.ridges)
    )
    assert model.held_out is not None
    check(model.held_out, 60)
    model.save(tmp_path / "tuned")
    np.testing.assert_array_equal(
        type(model).load(tmp_path / "tuned").predict_proba(later[0]), model.predict_proba(later[0])
    )
    with pytest.raises(ConfigurationError, match="freeze, learning_rate and epochs do not apply"):
        model.fine_tune(*there, epochs=2)


# Other joined extractors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["ridge", "linear", "stack", "kmeans", "gmm", "scan"])
def test_any_head_takes_features_of_joined_extractors(head: str, tmp_path: Path) -> None:
    windows, labels, groups = region()
    clusters = head in ("kmeans", "gmm", "scan")
    outputs = {"clusters": 3} if clusters else {"labels": LABELS}
    few = {"head_args": {"epochs": 2}} if head == "scan" else {}
    model = lcl.Discriminator("minirocket+physical", head, in_samples=1000, **outputs, **few, extractor_args=ROCKET)
    model.fit(windows, None if clusters else labels, groups)
    found = model.predict_proba(windows)
    check(found, 36)
    model.save(tmp_path / "w")
    np.testing.assert_array_equal(lcl.Discriminator.load(tmp_path / "w").predict_proba(windows), found)


@pytest.mark.parametrize("extractor", ["envelope>resnet18", "physical+component-std>resnet18"])
def test_a_head_learns_from_the_events_that_a_network_held_out(extractor: str) -> None:
    windows, labels, groups = region(n_events=36)
    arguments: dict[str, Any] = {"resnet18": NETWORK}
    if "physical+" in extractor:
        arguments = {"component-std>resnet18": arguments}
    model = lcl.Discriminator(extractor, "ridge", **SHAPE, extractor_args=arguments).fit(windows, labels, groups)
    unseen = model.extractor.unseen
    assert unseen is not None
    assert 0 < len(unseen) < 36
    y = torch.tensor([LABELS.index(label) for label in labels])[unseen]
    alone = Ridge(model.extractor.n_features, 3).fit(model.features(windows)[unseen], y, torch.tensor(groups)[unseen])
    for name, buffer in alone.state_dict().items():
        torch.testing.assert_close(model.head.state_dict()[name], buffer, msg=name)
    assert model.held_out is not None
    assert np.flatnonzero(np.isfinite(model.held_out[:, 0])).tolist() == unseen.tolist()
    check(model.predict_proba(windows), 72)
    assert [history.name for history in model.histories] == ["resnet18"]
    with pytest.raises(TrainingError, match="hold fewer than two events of class 'blast': add events"):
        model.fit(*region())


@pytest.mark.parametrize(
    ("extractor", "head", "arguments", "message"),
    [
        ("minirocket+physical", "dec", {}, "DECHead needs an extractor with the methods"),
        ("component-std>spectrogram_autoencoder", "dec", {}, "DECHead needs an extractor with the methods"),
        ("minirocket+minirocket", "ridge", {}, "names a part twice"),
        ("minirocket+", "ridge", {}, r"lacks a name: write a name, stage>name, or several joined by \+"),
        (">minirocket", "ridge", {}, "lacks a name"),
        ("minirocket>physical", "ridge", {}, "no stage is called 'minirocket'; available: component-std, envelope"),
        ("envelope", "ridge", {}, "no extractor is called 'envelope'"),
        ("minirocket+physical", "ridge", {"max_features": 84}, "pass one mapping per name, such as {'physical'"),
        ("minirocket+physical", "ridge", {"physical": 3}, "arguments of physical must be a mapping, but are 3"),
        ("envelope>minirocket", "ridge", {"envelope": {"rat": 9}}, "unexpected keyword argument 'rat'"),
        ("envelope>minirocket", "ridge", {"envelope": {"bands": [[1, 60]]}}, "must not exceed 50 Hz"),
        ("minirocket+physical", "stack", {"physical": {"groups": ["colour"]}}, "groups must be from "),
        ("envelope>spectrogram_cnn+envelope>raw", "stack", {"envelope>raw": {"raw": 1}}, "arguments of raw must be"),
    ],
)
def test_parts_that_do_not_fit_together(extractor: str, head: str, arguments: dict[str, Any], message: str) -> None:
    outputs = {"clusters": 3} if head == "dec" else {"labels": LABELS}
    with pytest.raises((ConfigurationError, MissingPluginError), match=message):
        lcl.Discriminator(extractor, head, in_samples=1000, **outputs, extractor_args=arguments).fit(region()[0])


def test_picks_may_come_from_a_table():
    model = lcl.PhysicalRidge(labels=["a", "b"], in_samples=1000)
    x = np.random.default_rng(0).normal(size=(12, 3, 1000))
    model.fit(x, ["a", "b"] * 6)
    table = pd.DataFrame({"s": [None, 4.0] * 6}, index=range(5, 17))
    found = model.predict_proba(x, table["s"])
    assert np.array_equal(found, model.predict_proba(x, [np.nan, 4.0] * 6))
    for wrong in (["now"] * 12, [4.0] * 11):
        with pytest.raises(WindowError, match="S arrival"):
            model.predict_proba(x, wrong)


def test_a_subclass_with_other_parts_has_their_defaults():
    class Plain(lcl.EnvelopePhysicalRidge, extractor="physical", head="ridge"):
        pass

    class Same(lcl.EnvelopePhysicalRidge):
        pass

    plain, same = (cls(labels=["a", "b"]) for cls in (Plain, Same))
    assert (plain.preprocessing.normalisation, type(plain.head).name) == ("component-std", "ridge")
    assert (same.preprocessing.normalisation, same.head.weighting) == ("joint-std", "equal")
