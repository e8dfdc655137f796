"""Members that differ in classes, windows and rates, as one model: on streams, on windows, in files."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest
from conftest import START
from numpy.typing import NDArray
from sample_plugin import GOOD

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, MissingPluginError, WaveformError, WindowError
from seisbench_lcl.models import _alignment
from seisbench_lcl.models._voting import combine
from seisbench_lcl.models.registry import registry
from seisbench_lcl.storage import MemberRows

KINDS: dict[str, dict[str, Any]] = {
    # 10 s of three components at 50 Hz
    "short": {
        "labels": ["earthquake", "noise", "surface event"],
        "sampling_rate": 50,
        "in_samples": 500,
        "before": 1.0,
    },
    # 24 s of Z at 40 Hz
    "long": {
        "labels": ["px", "eq"],
        "event_types": {"px": "explosion"},
        "sampling_rate": 40,
        "in_samples": 960,
        "before": 4.0,
        "component_order": "Z",
    },
    # 12 s from the same records as the short one
    "twin": {
        "labels": ["noise", "quarry blast", "earthquake"],
        "sampling_rate": 50,
        "in_samples": 600,
        "before": 2.5,
        "normalisation": "joint-std",
    },
}

FREQUENCY = {"earthquake": 3, "eq": 3, "noise": 7, "px": 10, "quarry blast": 10, "surface event": 13}


def data(kind: str, n: int = 18, seed: int = 0) -> tuple[NDArray[np.float32], list[str]]:
    """Windows of sines, a frequency for each label, in noise."""
    shape = KINDS[kind]
    rng = np.random.default_rng(seed)
    labels = [shape["labels"][i % len(shape["labels"])] for i in range(n)]
    frequency = np.array([FREQUENCY[label] for label in labels])[:, None, None]
    size = n, len(shape.get("component_order", "ZNE")), shape["in_samples"]
    time = np.arange(size[2]) / shape["sampling_rate"]
    waves = np.sin(2 * np.pi * frequency * time + rng.uniform(0, 6, (*size[:2], 1))) + rng.normal(size=size)
    return waves.astype(np.float32), labels


def member(kind: str, **changes: Any) -> lcl.MiniRocketRidge:
    settings = {"band": (1.0, 15.0), "extractor_args": {"max_features": 84}, "novelty_rate": None, **KINDS[kind]}
    return lcl.MiniRocketRidge(**(settings | changes)).fit(*data(kind))


@pytest.fixture(scope="module")
def members() -> list[lcl.MiniRocketRidge]:
    return [member(kind) for kind in KINDS]


@pytest.fixture(scope="module")
def mixed(members: list[lcl.MiniRocketRidge]) -> lcl.MixedEnsemble:
    return lcl.MixedEnsemble(members, names=list(KINDS), merge={"quarry blast": "explosion"})


def test_the_union_of_classes(mixed: lcl.MixedEnsemble, members: list[lcl.MiniRocketRidge]) -> None:
    assert mixed.labels == ["earthquake", "noise", "surface event", "explosion"]
    assert mixed.event_types == {
        "earthquake": "earthquake",
        "noise": None,
        "surface event": "slide",
        "explosion": "explosion",
    }
    assert mixed.classes["explosion"] == {"long": ["px"], "twin": ["quarry blast"]}
    assert mixed.classes["surface event"] == {"short": ["surface event"]}
    assert mixed.preprocessing == members[0].preprocessing
    assert lcl.MixedEnsemble(members).member_names == ["MiniRocketRidge", "MiniRocketRidge 2", "MiniRocketRidge 3"]
    assert "quarry blast" in lcl.MixedEnsemble(members).labels


# Streams ------------------------------------------------------------------------------------------------------------


def own_probabilities(
    one: lcl.MiniRocketRidge, stream: obspy.Stream, times: list[obspy.UTCDateTime]
) -> NDArray[np.float32]:
    """Classify one window after the other, NaN where the record does not hold it."""
    rows = []
    end = max(trace.stats.endtime + trace.stats.delta for trace in stream)
    all_windows = one.classify(stream, stride=1).windows.to_dataframe()
    starts = all_windows["start_time"].to_numpy()
    for time in times:
        start = time - one.preprocessing.before
        nearest = np.abs(starts - np.datetime64(start.ns // 1000, "us")).argmin()
        inside = START <= start and start + one.preprocessing.seconds <= end
        row = all_windows.loc[nearest, one.labels].to_numpy(dtype=np.float32)
        rows.append(row if inside else row * np.nan)
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize("step", [1.0, 0.7])
def test_windows_of_members_share_their_p_position(
    mixed: lcl.MixedEnsemble, members: list[lcl.MiniRocketRidge], make_stream: Callable, step: float
) -> None:
    stream = make_stream(40)
    out = mixed.classify(stream, stride=round(step * 50))
    frame = out.windows.to_dataframe()
    times = [window.start_time + 1 for window in out.windows]
    assert times[0] == START + 1  # the first of the short member
    assert times[-1] <= START + 40 - 9 < times[-1] + step
    assert (frame["end_time"] - frame["start_time"]).dt.total_seconds().eq(10).all()
    for one, (name, own) in zip(members, out.windows.votes.items(), strict=True):
        expected = own_probabilities(one, stream, times)
        np.testing.assert_allclose(own.to_dataframe()[one.labels], expected, atol=1e-5, err_msg=name)
        assert [window.start_time + one.preprocessing.before for window in own] == times
    votes = [mixed._in_classes(i, own_probabilities(one, stream, times)) for i, one in enumerate(members)]
    expected = combine(np.stack(votes), mixed._vote.known, np.ones(3))
    np.testing.assert_allclose(frame[mixed.labels], expected, atol=1e-5)
    np.testing.assert_allclose(frame[mixed.labels].sum(axis=1), 1, atol=1e-5)
    middle = frame["voters"] == "short, long, twin"
    assert middle.any()
    assert set(frame["voters"][~middle]) == {"short", "short, twin"}
    assert frame["spread"][middle].notna().any()
    assert out.windows[0].voters == "short"
    assert (frame["explosion"][frame["voters"] == "short"] == 0).all()


def test_a_stream_is_conditioned_once_for_each_rate_band_and_set_of_components(
    members: list[lcl.MiniRocketRidge], make_stream: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = member("twin", component_order="ENZ", normalisation="component-std")
    stream = make_stream(30) + make_stream(30, station="YY.B..HH", seed=4)
    alone = turned.classify(stream).windows.to_dataframe()
    conditioned = []
    original = _alignment.condition_stream

    def counted(stream: obspy.Stream, preprocessing: Any, *more: Any) -> Any:
        conditioned.append((preprocessing.sampling_rate, len(preprocessing.component_order)))
        return original(stream, preprocessing, *more)

    monkeypatch.setattr(_alignment, "condition_stream", counted)
    out = lcl.MixedEnsemble([*members, turned], names=[*KINDS, "turned"]).classify(stream, stride=25)
    assert conditioned == [(50, 3), (40, 1)]
    own = out.windows.votes["turned"].to_dataframe()
    found = own.merge(alone, on=["station", "start_time"], suffixes=("", " alone"))
    assert len(found) == len(alone) > 0
    np.testing.assert_allclose(found["quarry blast"], found["quarry blast alone"], atol=1e-6)


def test_a_record_too_short_for_one_member_is_enough_for_another(
    mixed: lcl.MixedEnsemble, make_stream: Callable
) -> None:
    frame = mixed.classify(make_stream(15)).windows.to_dataframe()
    assert set(frame["voters"]) == {"short", "short, twin"}
    assert frame["label"].notna().all()
    out = mixed.classify(make_stream(9))
    (window,) = out.windows
    assert window.label is None
    assert window.voters == ""
    assert window.reason == (
        "short: no window fits: the record is 9 s long, the model needs 10 s; long: no window fits: the record is 9 s "
        "long, the model needs 24 s; twin: no window fits: the record is 9 s long, the model needs 12 s"
    )
    assert [own[0].reason for own in out.windows.votes.values()][1].endswith("needs 24 s")
    assert len(mixed.annotate(make_stream(9))) == 0


def test_a_station_with_one_component_is_left_to_the_member_that_needs_no_other(
    mixed: lcl.MixedEnsemble, make_stream: Callable
) -> None:
    out = mixed.classify(make_stream(40, components="Z") + make_stream(40, station="YY.B..HH"))
    frame = out.windows.to_dataframe().groupby("station")
    assert set(frame.get_group("XX.ABC..HH")["voters"]) == {"long"}
    assert "short, long, twin" in set(frame.get_group("YY.B..HH")["voters"])
    lonely = out.windows.votes["short"].to_dataframe().query("station == 'XX.ABC..HH'")
    assert lonely["reason"].str.startswith("component N, E missing").all()
    alone = mixed.members[1].classify(make_stream(40, components="Z")).windows.to_dataframe()
    found = frame.get_group("XX.ABC..HH")
    np.testing.assert_allclose(found["explosion"], alone["px"], atol=1e-6)
    np.testing.assert_allclose(found["earthquake"], alone["eq"], atol=1e-6)


def test_coverage_is_each_members_own(mixed: lcl.MixedEnsemble, make_stream: Callable) -> None:
    stream = make_stream(60)
    east = stream.select(component="E")[0]
    east.data = np.ma.masked_array(east.data, mask=False)
    east.data[2500:3500] = np.ma.masked
    out = mixed.classify(stream)
    frame, short = out.windows.to_dataframe(), out.windows.votes["short"].to_dataframe()
    gap = short["reason"].str.contains("of component E present \\(gap")
    assert gap.any()
    assert set(frame["voters"][gap & (frame["label"].notna())]) <= {"long", "long, twin"}
    assert "long" in set(frame["voters"][gap])
    loose = mixed.classify(stream, min_coverage=0.01).windows.to_dataframe()
    assert (loose["voters"].str.count(",") >= frame["voters"].str.count(",")).all()
    assert loose["voters"].str.count(",").sum() > frame["voters"].str.count(",").sum()
    split = make_stream(30) + make_stream(30, start=START + 41, seed=1)  # 11 s: too long a gap for one, not for all
    frame = mixed.classify(split).windows.to_dataframe()
    assert frame["start_time"].is_monotonic_increasing
    assert set(frame["voters"]) >= {"short", "short, long, twin"}


def test_novelty_and_limits_of_members(make_stream: Callable, tmp_path: Path) -> None:
    strict = member("short", novelty_rate=0.05)
    strict.default_args = {"max_novelty": 1e-6}
    free = member("long", novelty_rate=0.05)
    free.default_args = {"max_novelty": None}
    ensemble = lcl.MixedEnsemble([strict, free], names=["strict", "free"])
    stream = make_stream(40)
    out = ensemble.classify(stream)
    frame = out.windows.to_dataframe()
    assert set(frame["voters"]) == {"", "free"}
    silent = frame[frame["voters"] == ""]
    assert silent["label"].isna().all()
    both = r"strict: unlike the training data \(novelty .*; free: no window fits: its 24 s"
    assert silent["reason"].str.match(both).all()
    own = [votes.to_dataframe()["novelty"] for votes in out.windows.votes.values()]
    np.testing.assert_allclose(frame["novelty"], np.fmin(*own), rtol=1e-6)
    ensemble.save(tmp_path / "limits")
    assert lcl.load(tmp_path / "limits").classify(stream).windows.to_dataframe()["voters"].equals(frame["voters"])
    everyone = ensemble.classify(stream, max_novelty=None).windows.to_dataframe()
    assert set(everyone["voters"]) == {"strict", "strict, free"}
    assert "not sure enough (" in ensemble.classify(stream, max_novelty=None, reject_below=0.999).windows[0].reason
    assert "novelty" not in lcl.MixedEnsemble([strict, member("twin")]).classify(stream).windows.to_dataframe()


def test_detections_and_annotations_have_the_p_position(mixed: lcl.MixedEnsemble, make_stream: Callable) -> None:
    stream = make_stream(40)
    for trace in stream:
        trace.data[1500:3000] += 5000 * np.sin(2 * np.pi * 3 * np.arange(1500) / 100)  # an earthquake of the members
    out = mixed.classify(stream)
    (detection,) = out.detections
    assert (detection.label, detection.event_type) == ("earthquake", "earthquake")
    (best,) = [window for window in out.windows if window.start_time + 1 == detection.onset]
    assert best.probabilities["earthquake"] == pytest.approx(detection.probability, abs=1e-3)  # the mean of some
    assert START + 10 < detection.onset < START + 30
    assert mixed.annotate(stream)[0].stats.starttime == START + 1
    assert str(out.windows).startswith("31 windows of 1 station")


def test_streams_that_no_member_can_read(mixed: lcl.MixedEnsemble, make_stream: Callable) -> None:
    with pytest.raises(WaveformError, match="sampled at 20 Hz"):
        mixed.classify(make_stream(40, rate=20))
    with pytest.raises(WaveformError, match="the stream is empty"):
        mixed.classify(obspy.Stream())
    partly = mixed.classify(make_stream(40, rate=20) + make_stream(40, station="YY.B..HH")).windows.to_dataframe()
    slow = partly[partly["station"] == "XX.ABC..HH"]
    assert slow["reason"].str.startswith("short: sampled at 20 Hz").all()
    with pytest.raises(ConfigurationError, match="channels maps the component 'X'"):
        mixed.classify(make_stream(40), channels={"X": "HHZ"})
    named = make_stream(40)
    for trace, name in zip(named, ("C00", "C01", "C02"), strict=True):
        trace.stats.channel = name
    stated = mixed.classify(named, channels={"Z": "C00", "N": "C01", "E": "C02"}).windows.to_dataframe()
    expected = mixed.classify(make_stream(40)).windows.to_dataframe()
    np.testing.assert_allclose(stated[mixed.labels], expected[mixed.labels], atol=1e-6)


# Windows ------------------------------------------------------------------------------------------------------------


def test_each_member_takes_its_own_windows(mixed: lcl.MixedEnsemble, members: list[lcl.MiniRocketRidge]) -> None:
    windows = [data(kind, seed=1)[0] for kind in KINDS]
    own = [one.predict_proba(x) for one, x in zip(members, windows, strict=True)]
    expected = combine(np.stack([mixed._in_classes(i, p) for i, p in enumerate(own)]), mixed._vote.known, np.ones(3))
    found = mixed.predict_detailed(windows)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    assert mixed.predict(tuple(windows)).tolist() == [mixed.labels[k] for k in expected.argmax(axis=1)]
    rows = MemberRows(windows, [[0, -1, 2], [-1, 4, 2], [-1, -1, 2]])
    lacking = mixed.predict_proba(rows)
    np.testing.assert_allclose(lacking[0, :3], own[0][0], atol=1e-6)
    np.testing.assert_allclose(lacking[1, [3, 0]], own[1][4], atol=1e-6)
    np.testing.assert_allclose(lacking[2], expected[2], atol=1e-6)
    assert mixed.features(windows).shape == (18, 3 * 84)


def test_members_with_the_same_windows_share_one_array() -> None:
    others = [member("short"), member("short", labels=["noise", "earthquake", "surface event"])]
    ensemble = lcl.MixedEnsemble(others)
    windows = data("short", seed=1)[0]
    mean = np.mean([others[0].predict_proba(windows), others[1].predict_proba(windows)[:, [1, 0, 2]]], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(windows), mean, atol=1e-6)
    np.testing.assert_allclose(ensemble.predict_proba([windows, windows]), mean, atol=1e-6)
    picks = np.full(len(windows), 3.0)
    np.testing.assert_allclose(ensemble.predict_proba(windows, picks), mean, atol=1e-6)


def test_s_picks_move_with_the_windows_of_members() -> None:
    shape = {"sampling_rate": 50, "component_order": "ZNE", "band": (1.0, 15.0), "novelty_rate": None}
    one, two = (
        lcl.PhysicalRidge(labels=["earthquake", "noise", kind], in_samples=n, before=before, **shape)
        for kind, n, before in (("slide", 500, 1.0), ("explosion", 700, 4.0))
    )
    rng = np.random.default_rng(0)
    windows = [rng.normal(size=(12, 3, n)).cumsum(axis=-1).astype(np.float32) for n in (500, 700)]
    for model, x in zip((one, two), windows, strict=True):
        model.fit(x, [model.labels[i % 3] for i in range(12)])
    ensemble = lcl.MixedEnsemble([one, two])
    picks = rng.uniform(2, 5, 12)
    votes = [one.predict_proba(windows[0], picks), two.predict_proba(windows[1], picks + 3)]
    both = np.stack([ensemble._in_classes(i, p) for i, p in enumerate(votes)])
    found = ensemble.predict_proba(windows, picks)
    np.testing.assert_allclose(found, combine(both, ensemble._vote.known, np.ones(2)), atol=1e-6)
    assert np.abs(found - ensemble.predict_proba(windows)).max() > 1e-3


def test_windows_that_do_not_fit(mixed: lcl.MixedEnsemble) -> None:
    windows = [data(kind)[0] for kind in KINDS]
    shapes = r"\(N, 3, 500\), \(N, 1, 960\), \(N, 3, 600\)"
    with pytest.raises(ConfigurationError, match=f"members have different windows: pass a list .*, {shapes}, or what"):
        mixed.predict_proba(windows[0])
    with pytest.raises(ConfigurationError, match=f"3 members need one array of windows each, {shapes}, not 2"):
        mixed.predict_proba(windows[:2])
    with pytest.raises(WindowError, match="but the arrays have 18, 17 rows"):
        mixed.predict_proba([windows[0], windows[1][1:], windows[2]])
    with pytest.raises(WindowError, match="1 of 2 rows have a window for no member"):
        mixed.predict_proba(MemberRows(windows, [[0, -1]] * 3))
    with pytest.raises(WindowError, match="these are for the members of a MixedEnsemble"):
        mixed.members[0].predict_proba(MemberRows(windows, [[0, 1]] * 3))
    with pytest.raises(WindowError, match=r"needs windows of shape \(B, 3, 500\)"):
        mixed.predict_proba(windows[::-1])
    with pytest.raises(WindowError, match="a window of every member for each row"):
        mixed.features(MemberRows(windows, [[0], [0], [-1]]))
    for refused in (mixed.fit, mixed.fine_tune, mixed.fresh):
        with pytest.raises(ConfigurationError, match="differ in classes or windows: train or fine-tune each"):
            refused(windows, [])
    with pytest.raises(ConfigurationError, match="has no clusters"):
        mixed.cluster_proba(windows[0])


# Description --------------------------------------------------------------------------------------------------------


def test_files_keep_the_vote(members: list[lcl.MiniRocketRidge], tmp_path: Path, make_stream: Callable) -> None:
    ensemble = lcl.MixedEnsemble(
        members,
        merge={"quarry blast": "explosion", "surface event": None},
        weights=np.array([1.0, 2.0, 1.0]),
        temperatures=[1.0, 2.0, 0.5],
        names=list(KINDS),
        default_args={"stride": 25},
        citation="made up",
    )
    ensemble.save(tmp_path / "mixed", "three")
    loaded = lcl.load(tmp_path / "mixed")
    assert isinstance(loaded, lcl.MixedEnsemble)
    assert loaded.get_model_args() == json.loads(json.dumps(ensemble.get_model_args()))
    assert (loaded.weights, loaded.temperatures) == ([0.25, 0.5, 0.25], [1.0, 2.0, 0.5])
    assert loaded.labels == ["earthquake", "noise", "explosion"]
    expected = ensemble.classify(make_stream(40)).windows.to_dataframe()
    for model in (loaded, pickle.loads(pickle.dumps(ensemble))):
        found = model.classify(make_stream(40)).windows.to_dataframe()
        np.testing.assert_allclose(found[ensemble.labels], expected[ensemble.labels], atol=1e-6)
        assert found["voters"].tolist() == expected["voters"].tolist()
    own = loaded.classify(make_stream(40)).windows.votes["long"]
    assert own.weights.startswith("long in MixedEnsemble/mixed.v1 ")


def test_members_that_are_refused(members: list[lcl.MiniRocketRidge], mixed: lcl.MixedEnsemble) -> None:
    quakes = lcl.MiniRocketRidge(labels=["ice quake", "thunder"], in_samples=500)
    for chosen, settings, message in (
        (members[:1], {}, "at least two members, but got 1"),
        ([members[0], members[0]], {}, "member 1 (MiniRocketRidge) occurs twice"),
        ([members[0], mixed], {}, "member 1 is an ensemble: pass its members one by one"),
        ([members[0], {"model": "MixedEnsemble"}], {}, "member 1 is an ensemble: list its members one by one"),
        ([members[0], quakes], {}, "MiniRocketRidge 2 shares no class with MiniRocketRidge"),
        (members, {"names": ["a", "b"]}, "names must be one text for each of 3 members, but are ['a', 'b']"),
        (members, {"names": ["a", "b", "a"]}, "names of members must differ"),
        (members, {"weights": [1, 2]}, "weights must be one number for each of 3 members"),
        (members, {"weights": [0, 1, 1]}, "weights of 0 leave no member that knows surface event"),
        (members, {"merge": {"quarry": "explosion"}}, "did you mean 'quarry blast'"),
        (members, {"merge": {"quarry blast": "bang"}}, "'bang', which is not a QuakeML event type"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            lcl.MixedEnsemble(chosen, **settings)
        assert message in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"must agree in labels, .*; MixedEnsemble takes members that differ"):
        lcl.DiscriminatorEnsemble(members)
    with pytest.raises(MissingPluginError, match="no model is called 'Unheard'"):
        lcl.MixedEnsemble([members[0], {"model": "Unheard"}])


def test_a_plugin_removed_after_an_ensemble_was_saved(
    install: Callable[..., str], members: list[lcl.MiniRocketRidge], tmp_path: Path
) -> None:
    install("lcl-test-power", GOOD.format(name="power"))
    theirs = registry().classes.models["PowerRidge"](**{**KINDS["long"], "band": (1.0, 15.0)}).fit(*data("long"))
    lcl.MixedEnsemble([members[0], theirs]).save(tmp_path / "both")
    assert lcl.load(tmp_path / "both").member_names == ["MiniRocketRidge", "PowerRidge"]
    for file in (tmp_path / "site").glob("lcl_test_power*/*"):
        file.unlink()
    registry.cache_clear()
    with pytest.raises(MissingPluginError, match=r"'(power|PowerRidge)'.*lcl-test-power"):
        lcl.load(tmp_path / "both")
