"""Novelty of features, and its effect on streams."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn.decomposition import PCA
from torch import Tensor

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.models.novelty import BANK, DIMENSIONS, NoveltyDetector


def rows(n: int, n_features: int, seed: int = 0) -> Tensor:
    """Correlated features with very different scales."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(n_features, n_features, generator=torch.Generator().manual_seed(99))
    return torch.randn(n, n_features, generator=generator) @ mixing * torch.logspace(-3, 3, n_features) + 7


def slow_novelty(
    features: Tensor, events: list[int], rate: float, neighbours: int, unseen: set[int]
) -> tuple[float, list[float]]:
    """Return threshold and novelties, computed row by row; the bank holds all learnt rows, repeated in turn."""
    x = features.double().numpy()
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    z = PCA(min(DIMENSIONS, x.shape[1]), svd_solver="full").fit_transform(x)
    order = torch.randperm(len(z) - len(unseen), generator=torch.Generator().manual_seed(0)).tolist()
    learnt = [[i for i in range(len(z)) if i not in unseen][k] for k in order]
    bank = [learnt[i % len(learnt)] for i in range(BANK)]

    def nearest(row: np.ndarray, known: list[int]) -> float:
        return float(np.sort(np.linalg.norm(row - z[known], axis=1))[:neighbours].mean())

    measured = unseen or range(len(z))
    found = [nearest(z[i], [j for j in bank if events[j] != events[i]]) for i in measured]
    threshold = float(np.quantile(found, 1 - rate))
    return threshold, [nearest(row, bank) / threshold for row in z]


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(20, 60),
    n_features=st.integers(1, 24),
    n_events=st.integers(4, 15),
    rate=st.floats(0.01, 0.9),
    neighbours=st.sampled_from([1, 5, 200]),
    held_out=st.booleans(),
)
def test_distances_and_threshold_are_those_of_loops(
    n: int, n_features: int, n_events: int, rate: float, neighbours: int, held_out: bool
) -> None:
    features = rows(n, n_features)
    events = [i % n_events for i in range(n)]
    unseen = {i for i in range(n) if events[i] < 2} if held_out else set()
    model = NoveltyDetector(n_features, rate, neighbours).fit(
        features, torch.tensor(events), torch.tensor(sorted(unseen)) if unseen else None
    )
    threshold, expected = slow_novelty(features, events, rate, neighbours, unseen)
    assert model.threshold.item() == pytest.approx(threshold, rel=2e-3)
    np.testing.assert_allclose(model(features).numpy(), expected, rtol=5e-3, atol=5e-3)
    assert model(features).dtype == torch.float32


def test_without_groups_each_row_is_its_own_event() -> None:
    features = rows(40, 6)
    alone, grouped = NoveltyDetector(6).fit(features), NoveltyDetector(6).fit(features, torch.arange(40))
    assert alone.threshold == grouped.threshold
    twins = features.repeat_interleave(2, dim=0)  # stations of one event, with similar features
    torch.testing.assert_close(
        NoveltyDetector(6).fit(twins, torch.arange(80) // 2).threshold, alone.threshold, rtol=0.05, atol=0
    )
    assert NoveltyDetector(6).fit(twins).threshold < 0.01 * alone.threshold


@pytest.mark.parametrize("n", [300, 1000, 3000])
@pytest.mark.parametrize("held_out", [False, True])
def test_the_allowed_fraction_of_new_windows_of_known_kinds_is_rejected(n: int, held_out: bool) -> None:
    """This includes more rows than the bank holds: distances to fewer rows are longer."""
    fractions = []
    for seed in range(8):
        unseen = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: n // 2] if held_out else None
        model = NoveltyDetector(8, 0.1).fit(rows(n, 8, seed), unseen=unseen)
        fractions.append((model(rows(2000, 8, 100 + seed)) > 1).float().mean().item())
    assert np.mean(fractions) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("n_features", [1, 5, 500])
def test_distant_features_are_rejected_however_far_they_are(n_features: int) -> None:
    features = rows(100, n_features)
    model = NoveltyDetector(n_features).fit(features)
    for factor in (10, 1e4, 1e12):
        far = features.mean(dim=0) + factor * features.std(dim=0) * torch.sign(model.project.components[0])
        assert model(far[None]).item() > factor**0.5
        assert torch.isfinite(model(far[None])).all()


def test_fewer_rows_than_dimensions_and_constant_features() -> None:
    features = rows(5, 40)
    features[:, 3] = 12.5
    features[:, 4] = 0
    features[:, 5] = 1e9 + torch.arange(5)  # varies by rounding only
    model = NoveltyDetector(40).fit(features)
    assert model.bank.shape == (BANK, DIMENSIONS)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    assert (model(features) < 1e-2).all()
    moved = features.clone()
    moved[:, 3:6] += 1e6
    torch.testing.assert_close(model(moved), model(features), atol=1e-2, rtol=0)


def test_one_event_may_fill_the_bank() -> None:
    """Its windows have no other event in the bank; only the window of the other event sets the threshold."""
    features = rows(3000, 4)
    events = (torch.arange(3000) == 2999).long()
    model = NoveltyDetector(4).fit(features, events)
    assert 0 < model.threshold < torch.inf
    assert torch.isfinite(model(features)).all()


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 60), factor=st.sampled_from([1, 1e3]))
def test_the_novelty_of_a_row_does_not_depend_on_its_batch(size: int, factor: float) -> None:
    model = NoveltyDetector(30).fit(rows(200, 30))
    new = factor * rows(60, 30, seed=1)
    torch.testing.assert_close(model(new[:size]), model(new)[:size], rtol=1e-5, atol=1e-5)


def test_windows_that_all_occur_twice_have_a_positive_threshold() -> None:
    features = rows(20, 3).repeat(2, 1)
    model = NoveltyDetector(3).fit(features)
    assert model.threshold > 0
    assert not torch.isnan(model(features)).any()
    assert model(features + 5 * features.std(dim=0)).max() > 1


@pytest.mark.parametrize(
    ("features", "groups", "message"),
    [
        (rows(6, 3), torch.zeros(6, dtype=torch.int64), "needs two events or more, but there is only one"),
        (rows(1, 3), None, "needs two events or more, but there is only one"),
        (torch.ones(6, 3), None, "because all 6 windows have the same features: use other windows, or novelty_rate=N"),
    ],
)
def test_uninformative_features_are_refused(features: Tensor, groups: Tensor | None, message: str) -> None:
    model = NoveltyDetector(3)
    with pytest.raises(TrainingError, match=message):
        model.fit(features, groups)


@pytest.mark.parametrize("neighbours", [0, -1, 1.5, "5", BANK + 1])
def test_invalid_numbers_of_neighbours_are_refused(neighbours: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"novelty_neighbours must be a whole number from 1 to {BANK}, but is"):
        lcl.MiniRocketRidge(labels=["a", "b"], novelty_neighbours=neighbours)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 5, float("nan"), float("inf"), "0.1"])
def test_invalid_rates_are_refused(rate: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"novelty_rate, .*must be between 0 and 1, but is"):
        NoveltyDetector(3, rate)
    with pytest.raises(ConfigurationError, match="novelty_rate"):
        lcl.MiniRocketRidge(labels=["a", "b"], novelty_rate=rate)


def test_a_detector_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(NotFittedError, match=r"NoveltyDetector is not fitted: call fit\(features\) first"):
        NoveltyDetector(3)(rows(2, 3))


def test_the_state_survives_safetensors(tmp_path: Path) -> None:
    features = rows(50, 20)
    model = NoveltyDetector(20).fit(features)
    save_file(model.state_dict(), tmp_path / "state.safetensors")
    other = NoveltyDetector(20)
    other.load_state_dict(load_file(tmp_path / "state.safetensors"))
    torch.testing.assert_close(other(features), model(features), rtol=0, atol=0)
    double = NoveltyDetector(20).double().fit(features.double())
    assert double(features).dtype == torch.float32
    torch.testing.assert_close(double.threshold.float(), model.threshold, rtol=1e-3, atol=0)


def test_a_model_of_few_held_out_rows_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few windows are sampled to fit the detector, the held-out ones are among them."""
    monkeypatch.setattr("seisbench_lcl.models._fitting._NOVELTY_ROWS", 12)
    windows = np.random.default_rng(0).normal(size=(120, 1, 64)).astype(np.float32)
    model = lcl.ResNet18(
        labels=["a", "b"],
        in_samples=64,
        sampling_rate=32,
        band=(1, 16),
        before=0,
        component_order="Z",
        extractor_args={"width": 1, "epochs": 1, "held_out": 0.001},
    )
    model.fit(windows, ["a", "b"] * 60)
    assert len(model.extractor.unseen) == 2
    assert 0 < model.novelty_detector.threshold < torch.inf


# Streams ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> lcl.MiniRocketRidge:
    """A model that separates smooth from white noise in windows of 5 s."""
    model = lcl.MiniRocketRidge(
        labels=["earthquake", "noise"],
        in_samples=250,
        sampling_rate=50,
        band=(1, 20),
        component_order="Z",
        extractor_args={"max_features": 168},
    )
    rng = np.random.default_rng(0)
    smooth = np.stack([np.convolve(rng.normal(size=260), np.ones(11), "valid") for _ in range(80)])
    labels = np.array(["earthquake", "noise"] * 40)
    smooth[labels == "noise"] = rng.normal(size=(40, 250))
    return model.fit(smooth[:, None], labels, np.arange(80) // 4 * 2 + np.arange(80) % 2)


@pytest.fixture
def strange(make_stream: Callable) -> obspy.Stream:
    """Half a minute of noise, then half a minute with a wavelet every two seconds, unknown to the model."""
    stream = make_stream(60, rate=50, components="Z")
    time = np.arange(1500) / 50
    wavelets = 1000 * np.cos(2 * np.pi * 6 * time) * np.exp(-(((time % 2 - 1) / 0.1) ** 2))
    wavelets += np.random.default_rng(1).normal(size=1500)
    stream[0].data = np.concatenate([stream[0].data[:1500], wavelets])
    return stream


def test_windows_above_the_limit_abstain_in_all_results(small: lcl.MiniRocketRidge, strange: obspy.Stream) -> None:
    result = small.classify(strange, stride=50, threshold=0.1)
    frame = result.windows.to_dataframe()
    beyond = frame["novelty"] > 1
    assert beyond[31:].all()
    assert (~beyond[:20]).any()
    assert (frame["label"].isna() == beyond).all()
    assert frame.loc[beyond, small.labels].isna().all(axis=None)
    for value, reason in zip(frame["novelty"], frame["reason"], strict=True):
        assert reason == (f"unlike the training data (novelty {value:.2f}, limit 1)" if value > 1 else "")
    assert result.windows[40].reason.startswith("unlike the training data (novelty ")
    assert all(d.start_time < strange[0].stats.starttime + 30 for d in result.detections)
    last = max(trace.stats.endtime for trace in small.annotate(strange, stride=50))
    assert last <= strange[0].stats.starttime + 30 + small.preprocessing.before


def test_limits_come_from_the_call_or_the_weights(small: lcl.MiniRocketRidge, strange: obspy.Stream) -> None:
    free = small.classify(strange, max_novelty=None).windows.to_dataframe()
    assert free["label"].notna().all()
    assert (free["reason"] == "").all()
    assert (free["novelty"] > 1).any()
    wide = small.classify(strange, max_novelty=float(np.ceil(free["novelty"].max()))).windows.to_dataframe()
    assert wide["label"].notna().all()
    small.default_args = {"max_novelty": None}
    try:
        assert small.classify(strange).windows.to_dataframe()["label"].notna().all()
        assert small.classify(strange, max_novelty=1).windows.to_dataframe()["label"].isna().any()
    finally:
        small.default_args = {}


def test_windows_with_a_low_probability_are_rejected(small: lcl.MiniRocketRidge, strange: obspy.Stream) -> None:
    free = small.classify(strange, max_novelty=None).windows.to_dataframe()
    best = free[small.labels].max(axis=1)
    limit = float(best.median()) + 1e-4
    found = small.classify(strange, max_novelty=None, reject_below=limit).windows.to_dataframe()
    doubtful = best < limit
    assert doubtful.any()
    assert not doubtful.all()
    assert (found["label"].isna() == doubtful).all()
    expected = [
        f"not sure enough ({label} {value:.2f}, limit {limit:g})" if low else ""
        for label, value, low in zip(free["label"], best, doubtful, strict=True)
    ]
    assert found["reason"].tolist() == expected
    both = small.classify(strange, reject_below=limit).windows.to_dataframe()
    assert (both["label"].isna() == (doubtful | (free["novelty"] > 1))).all()
    assert both["reason"][free["novelty"] > 1].str.startswith("unlike the training data").all()


def test_gaps_and_other_stations_have_no_novelty(small: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    stream = make_stream(40, rate=50, components="Z")
    stream[0].data = np.ma.masked_array(stream[0].data, mask=False)
    stream[0].data[900:1100] = np.ma.masked
    frame = small.classify(stream + make_stream(2, rate=50, station="YY.SHORT..HH")).windows.to_dataframe()
    whole = frame["coverage"] >= 0.95
    assert whole.any()
    assert (frame["novelty"].notna() == whole).all()
    assert "spread" not in frame


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_novelty": 0}, "max_novelty must be a positive number, or None, but is 0"),
        ({"max_novelty": float("nan")}, "max_novelty must be a positive number"),
        ({"max_novelty": "1"}, "max_novelty must be a positive number, or None, but is '1'"),
        ({"reject_below": 1}, "reject_below must be a number from 0 to below 1, but is 1"),
        ({"reject_below": None}, "reject_below must be a number from 0"),
        ({"reject_below": -0.1}, "reject_below must be a number from 0"),
    ],
)
def test_limits_out_of_range(small: lcl.MiniRocketRidge, strange: obspy.Stream, arguments: Any, message: str) -> None:
    for method in (small.classify, small.annotate):
        with pytest.raises(ConfigurationError, match=message):
            method(strange, **arguments)


def test_a_model_without_limit(small: lcl.MiniRocketRidge, strange: obspy.Stream, tmp_path: Path) -> None:
    model = lcl.MiniRocketRidge(**small.get_model_args() | {"novelty_rate": None})
    state = small.state_dict()
    model.load_state_dict({name: state[name] for name in model.state_dict()})
    model.save(tmp_path / "w")
    model = lcl.MiniRocketRidge.load(tmp_path / "w")
    frame = model.classify(strange).windows.to_dataframe()
    assert frame["label"].notna().all()
    assert "novelty" not in frame
    with pytest.raises(ConfigurationError, match="MiniRocketRidge was made without novelty_rate"):
        model.novelty(np.ones((1, 1, 250)))


def test_novelty_of_windows_is_that_of_streams(
    small: lcl.MiniRocketRidge, strange: obspy.Stream, tmp_path: Path
) -> None:
    small.save(tmp_path / "w")
    loaded = lcl.MiniRocketRidge.load(tmp_path / "w")
    frame = loaded.classify(strange, stride=50, batch_size=7).windows.to_dataframe()
    again = small.classify(strange, stride=50).windows.to_dataframe()
    np.testing.assert_allclose(frame["novelty"], again["novelty"], rtol=1e-4)
    windows = np.random.default_rng(0).normal(size=(300, 1, 250))
    np.testing.assert_allclose(loaded.novelty(windows)[:5], small.novelty(windows[:5]), rtol=1e-4)
    assert small.novelty(windows).mean() < 1.2


def test_clusters_have_a_limit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(60, 1, 100))
    arguments: dict[str, Any] = {
        "clusters": 2,
        "in_samples": 100,
        "sampling_rate": 50,
        "band": (1, 20),
        "before": 0,
        "component_order": "Z",
    }
    assert lcl.WaveformKMeans(**arguments, novelty_rate=None).novelty_detector is None
    model = lcl.WaveformKMeans(**arguments, novelty_rate=0.2, novelty_neighbours=3).fit(windows)
    assert (model.fresh().novelty_detector.rate, model.fresh().novelty_detector.neighbours) == (0.2, 3)
    assert model.novelty(windows).max() < model.novelty(rng.normal(size=(60, 1, 100))).max()
    model.save(tmp_path / "w")
    loaded = lcl.WaveformKMeans.load(tmp_path / "w")
    assert (loaded.novelty(windows) == model.novelty(windows)).all()


def test_weights_that_do_not_name_the_neighbours_have_one(
    small: lcl.MiniRocketRidge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such are the weights of version 0.1; their limits are those of the nearest window."""
    one = lcl.MiniRocketRidge(**small.get_model_args() | {"novelty_neighbours": 1})
    one.load_state_dict(small.state_dict())
    arguments = one.get_model_args()
    del arguments["novelty_neighbours"]
    monkeypatch.setattr(lcl.MiniRocketRidge, "get_model_args", lambda self: arguments)
    one.save(tmp_path / "one")
    monkeypatch.undo()
    loaded = lcl.MiniRocketRidge.load(tmp_path / "one")
    assert loaded.novelty_detector.neighbours == 1
    windows = np.random.default_rng(0).normal(size=(9, 1, 250))
    assert (loaded.novelty(windows) == one.novelty(windows)).all()


def test_more_windows_become_known_and_none_is_forgotten() -> None:
    rng = np.random.default_rng(0)

    def around(place: float, n: int) -> torch.Tensor:
        return torch.tensor(rng.normal(size=(n, 5)) + place, dtype=torch.float32)

    detector = NoveltyDetector(5).fit(around(0, 300))
    before = detector.threshold.clone()
    assert (detector(around(30, 50)) > 1).all()
    detector.extend(around(30, 60), torch.arange(60) // 2)
    assert detector.threshold >= before
    assert (detector(around(30, 200)) > 1).float().mean() < 0.15
    assert (detector(around(0, 200)) > 1).float().mean() < 0.1
    assert (detector(around(-30, 50)) > 1).all()
    rows = around(60, 40)
    detector.extend(rows, torch.zeros(40, dtype=torch.int64))  # one event: its windows do not vouch for each other
    assert detector.threshold > 10 * before
    with pytest.raises(NotFittedError):
        NoveltyDetector(5).extend(rows)
