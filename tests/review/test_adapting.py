"""Learning from verdicts, on made-up events whose classes the model does not know well, or not at all."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest
import torch
from conftest import Done
from obspy import UTCDateTime

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, DatasetError, TrainingError
from seisbench_lcl.events import Event, EventDecision, Pick, classify_events, write_tables
from seisbench_lcl.heads import KMeans, Ridge, Stack
from seisbench_lcl.models.growing import grown
from seisbench_lcl.review import Adaptation, Verdict, VerdictFile, Verdicts, adapt, read_verdicts
from seisbench_lcl.review.adapting import calibrate_votes
from seisbench_lcl.review.comparison import Comparison
from seisbench_lcl.review.learning import absent_shift, event_folds, fine_tuned, held_out, station_folds

START = UTCDateTime(2024, 3, 1)
RATE = 40
SHAPE: dict[str, Any] = {"sampling_rate": RATE, "in_samples": 320, "component_order": "Z"}
STATIONS = ("AAA", "BBB", "CCC")
BANDS = {"high": (8.0, 14.0), "low": (2.0, 5.0), "mixed": (2.0, 14.0)}


def motion(kind: str, seed: int) -> np.ndarray:
    """30 s of one component; P is at 15 s. A "mixed" event reaches from the lowest to the highest frequencies."""
    rng = np.random.default_rng(seed)
    time = np.arange(30 * RATE) / RATE
    since = np.clip(time - 15, 0, None)
    waves = np.sin(2 * np.pi * rng.uniform(*BANDS[kind], (12, 1)) * time + rng.uniform(0, 6, (12, 1)))
    return 1000 * (waves.sum(axis=0) * since * np.exp(-since / 2) + 0.3 * rng.normal(size=len(time)))


class Network:
    """Events of some kinds at three stations, one an hour."""

    def __init__(self, kinds: Iterable[str], seed: int = 0) -> None:
        self.stream, self.events, self.truth = obspy.Stream(), [], {}
        for i, kind in enumerate(kinds):
            picks = []
            for k, station in enumerate(STATIONS):
                start = START + 3600 * i + k
                header = {"network": "XX", "station": station, "channel": "HHZ", "starttime": start}
                samples = motion(kind, seed + 1000 * i + 10 * k)
                self.stream += obspy.Trace(samples, header | {"sampling_rate": RATE})
                picks.append(Pick("", start + 15, "XX", station))
            self.events.append(Event(f"e{i}", picks=tuple(picks)))
            self.truth[f"e{i}"] = kind

    def decide(self, model: lcl.Discriminator) -> list[EventDecision]:
        return classify_events(model, self.events, self.stream, max_novelty=None)

    def verdicts(self, folder: Path, labels: dict[str, str], analyst: str = "Ana") -> Verdicts:
        with VerdictFile(folder, analyst) as file:
            for event, label in labels.items():
                file.record(Verdict(event, label, "label", analyst, START + 86400, "high", "w"))
        return read_verdicts(folder)


@pytest.fixture(scope="module")
def old() -> lcl.PhysicalRidge:
    """Weights that tell "high" from "low", but learnt from wrong labels often."""
    rng = np.random.default_rng(0)
    kinds = ["high", "low"] * 8
    windows = np.stack([motion(kind, 50_000 + 20 * i)[None, 13 * RATE : 21 * RATE] for i, kind in enumerate(kinds)])
    labels = [kind if rng.random() < 0.65 else "noise" for kind in kinds]
    model = lcl.PhysicalRidge(labels=["high", "low", "noise"], **SHAPE)
    return model.fit(windows.astype(np.float32), labels, range(len(kinds)))


@pytest.fixture(scope="module")
def region() -> Network:
    return Network(["high", "low", "mixed"] * 5)


@pytest.fixture(scope="module")
def adapted(old: lcl.PhysicalRidge, region: Network, tmp_path_factory: pytest.TempPathFactory) -> Adaptation:
    """What becomes of 12 events labelled by Ana, and 3 more by Bob, who writes in capitals."""
    folder = tmp_path_factory.mktemp("verdicts")
    labels = list(region.truth.items())
    region.verdicts(folder, dict(labels[:12]))
    verdicts = region.verdicts(folder, {event: kind.upper() for event, kind in labels[12:15]}, "Bob <b>")
    before = {name: tensor.clone() for name, tensor in old.state_dict().items()}
    found = adapt(old, verdicts, region.decide(old), region.stream, event_types={"mixed": "collapse"})
    assert all(torch.equal(tensor, before[name]) for name, tensor in old.state_dict().items()), "the old model stays"
    return found


def test_a_new_class_is_learnt_and_what_was_said_holds_on_other_events(
    old: lcl.PhysicalRidge, region: Network, adapted: Adaptation
) -> None:
    assert adapted.model.labels == ["high", "low", "noise", "mixed"], "capitals make no other class"
    assert (adapted.model.event_types["mixed"], adapted.new) == ("collapse", {"mixed": "collapse"})
    # Before: the decisions as they were made; no model knows a class that it has not learnt.
    decisions = region.decide(old)
    wrong = sum(decision.label != region.truth[decision.event] for decision in decisions[:15])
    assert adapted.stations is not None
    assert adapted.events.wrong_before == adapted.stations.wrong_before == wrong >= 5
    assert adapted.events.wrong_after <= 2
    assert (adapted.n_windows, adapted.labels.n_events) == (45, 15)
    assert list(adapted.absent) == ["noise"]
    assert adapted.absent["noise"][1] < adapted.absent["noise"][0]
    rest = Network(["high", "low", "mixed"] * 4, seed=777_000)
    after = classify_events(adapted.model, rest.events, rest.stream)
    assert sum(decision.label == rest.truth[decision.event] for decision in after) >= 11
    windows = np.stack([motion("mixed", i)[None, 520:840] for i in range(5)])
    assert set(grown(old, {"mixed": "collapse"}).predict(windows)) <= set(old.labels), "it waits for examples"


def test_weights_carry_whose_labels_they_learnt(adapted: Adaptation, tmp_path: Path) -> None:
    adapted.save(tmp_path / "new", "2")
    loaded = lcl.load(tmp_path / "new", "2")
    text = loaded.weights_docstring
    assert "15 events labelled by Ana (4 high, 4 low, 4 mixed) and Bob <b> (1 high, 1 low, 1 mixed), 2024-03-02" in text
    assert f"{adapted.events.wrong_before} of 15 events were wrong, now {adapted.events.wrong_after}" in text
    card = (tmp_path / "new.md.v2").read_text()
    assert "| Bob <b> | low | 1 |" in card
    assert "| mixed | collapse |" in card
    assert "labelled from 2024-03-02T00:00:00Z to 2024-03-02T00:00:00Z" in card
    assert loaded.event_calibration is None, "15 events are too few"
    assert loaded.predict(motion("low", 3)[None, None, 520:840])[0] == "low"


def test_worse_weights_are_not_written_unless_forced(adapted: Adaptation, tmp_path: Path) -> None:
    turned = Comparison(adapted.events.after, adapted.events.before, adapted.events.truth)
    worse = replace(adapted, events=turned)
    with pytest.raises(TrainingError, match="worse on events that they did not see, so they were not written"):
        worse.save(tmp_path / "out" / "new")
    assert not (tmp_path / "out").exists()
    worse.save(tmp_path / "out" / "new", force=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "new.json", "new.md", "new.pt", "new.safetensors",
    ]  # fmt: skip


def test_what_is_no_label_is_left_out_and_told(old: lcl.PhysicalRidge, region: Network, tmp_path: Path) -> None:
    decisions = region.decide(old)
    labels = dict(list(region.truth.items())[:9]) | {"e9": "odd", "gone": "high"}
    with VerdictFile(tmp_path, "Bob") as file:
        file.record(Verdict("e0", None, "wrong pick", "Bob", START, "", "", "XX.AAA..HH"))
        file.record(Verdict("e1", None, "undecided", "Bob", START + 2 * 86400, "", ""))
    decisions[3] = replace(
        decisions[3], stations=tuple(replace(s, station="XX.ZZZ..HH") for s in decisions[3].stations[:1])
    )
    found = adapt(old, region.verdicts(tmp_path, labels), decisions, region.stream)
    assert found.model.labels == [*old.labels, "mixed"]
    assert found.n_windows == 7 * 3 - 1
    assert dict(found.notes) == {
        "stations with a wrong pick, left out": 1,
        "labelled events without a decision, left out": 1,
        "no waveform": 1,
        "event labelled odd, the only one with a window: a class needs two": 1,
    }


def test_refusals(old: lcl.PhysicalRidge, region: Network, tmp_path: Path) -> None:
    decisions = region.decide(old)
    one_class = region.verdicts(tmp_path / "1", {"e0": "high", "e3": "high", "e1": "low"})
    with pytest.raises(TrainingError, match="two classes or more, but found 2 high, 1 low"):
        adapt(old, one_class, decisions, region.stream)
    with pytest.raises(DatasetError, match="none of 1 labelled event is among the decisions"):
        adapt(old, region.verdicts(tmp_path / "2", {"other": "high"}), decisions, region.stream)
    with pytest.raises(DatasetError, match="no station of the labelled events has a window: no waveform"):
        adapt(old, one_class, decisions, region.stream[-1:])
    both = region.verdicts(tmp_path / "3", dict(region.truth))
    with pytest.raises(ConfigurationError, match="a type for colapse, but"):
        adapt(old, both, decisions, region.stream, event_types={"colapse": "collapse"})
    with pytest.raises(ConfigurationError, match="not a QuakeML event type"):
        adapt(old, both, decisions, region.stream, event_types={"mixed": "colapse"})
    with pytest.raises(ConfigurationError, match="does not learn in closed form"):
        adapt(lcl.ResNet18(labels=["high", "low"], **SHAPE), both, decisions, region.stream)
    with pytest.raises(ConfigurationError, match="adapt its members one by one"):
        adapt(lcl.DiscriminatorEnsemble([old, deepcopy(old)]), both, decisions, region.stream)
    with pytest.raises(ConfigurationError, match="cannot take new classes"):
        KMeans(2, 2).grown(1)


def features_and_events(seed: int = 0) -> tuple[torch.Tensor, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    events = np.repeat(np.arange(9), 2)
    y = events % 3
    x = rng.normal(size=(18, 6)) + 3 * np.eye(6)[y]
    return torch.tensor(x, dtype=torch.float32), y, events, np.tile(["A", "B"], 9)


@pytest.mark.parametrize("cls", [Ridge, Stack])
def test_left_out_rows_against_plain_refits(cls: type[Ridge] | type[Stack]) -> None:
    x, y, events, stations = features_and_events()
    head = cls(6, 2, **({"blocks": [4, 2]} if cls is Stack else {}))
    head.fit(x[y < 2], torch.tensor(y[y < 2]))
    larger = head.grown(1)
    torch.testing.assert_close(larger(x)[:, :2] / larger(x)[:, :2].sum(dim=1, keepdim=True), head(x), atol=1e-5, rtol=0)
    assert (larger(x).argmax(dim=1) < 2).all()
    found = held_out(larger, x, y, events, event_folds(y, events))
    for event in (0, 5):
        rows = np.flatnonzero(events != event)
        by_hand = fine_tuned(larger, x, y, events, rows)(x[events == event])
        np.testing.assert_allclose(found[events == event], by_hand.numpy(), atol=1e-5)
    for learnt, test in station_folds(y, events, stations):
        assert not set(stations[learnt]) & set(stations[test])
        assert not set(events[learnt]) & set(events[test])
    seen = np.concatenate([test for _, test in station_folds(y, events, stations)])
    assert sorted(seen) == list(range(18))


@pytest.mark.parametrize("cls", [Ridge, Stack])
def test_condensed_features_give_the_same(cls: type[Ridge] | type[Stack]) -> None:
    rng = np.random.default_rng(0)
    _, y, events, _ = features_and_events()
    x = torch.tensor(rng.normal(size=(18, 60)) + np.eye(60)[y], dtype=torch.float32)
    x[:, 5] = 1.0  # a constant feature
    head = cls(60, 3, **({"blocks": [45, 15]} if cls is Stack else {})).fit(x, torch.tensor(y)).grown(1)
    new = torch.tensor(rng.normal(size=(18, 60)) + 2 * np.eye(60)[y], dtype=torch.float32)
    small, rows = head.condensed(new)
    assert rows.shape[1] <= (18 if cls is Ridge else 33) < 60
    torch.testing.assert_close(small(rows), head(new), atol=1e-5, rtol=0)
    learnt = np.flatnonzero(events < 7)
    wide = fine_tuned(head, new, y, events, learnt)(new)
    torch.testing.assert_close(fine_tuned(small, rows, y, events, learnt)(rows), wide, atol=1e-4, rtol=0)


@pytest.mark.parametrize("cls", [Ridge, Stack])
def test_a_shift_multiplies_odds(cls: type[Ridge] | type[Stack]) -> None:
    x, y, _, _ = features_and_events()
    head = cls(6, 3, **({"blocks": [4, 2]} if cls is Stack else {})).fit(x, torch.tensor(y))
    before = head(x).double()
    head.shift(torch.tensor([0.0, -1.5, 0.0]))
    expected = before * torch.tensor([1.0, np.exp(-1.5), 1.0])
    torch.testing.assert_close(head(x).double(), expected / expected.sum(dim=1, keepdim=True), atol=1e-3, rtol=0)


def test_classes_without_events_are_lowered_by_as_much_as_the_events_say() -> None:
    for n in (6, 60, 600):
        truth = np.arange(n) % 2
        before = np.full((n, 3), 1 / 3)
        shift = absent_shift(before, before, truth, np.arange(n))
        assert shift[:2].tolist() == [0, 0]
        lowered = np.exp(shift[2]) / (2 + np.exp(shift[2]))
        assert lowered == pytest.approx(1 / (n + 3), rel=0.01)  # one event more of each class, spread over n + 3
    low = np.tile([0.499, 0.499, 0.002], (6, 1))
    assert absent_shift(low, np.full((6, 3), 1 / 3), np.arange(6) % 2, np.arange(6))[2] == pytest.approx(0), (
        "never raised"
    )


def test_comparison_against_counts_by_hand() -> None:
    sure = np.eye(2)
    truth = np.array([0] * 20 + [1] * 10)
    before, after = sure[truth], sure[truth].copy()
    before[:9], after[8:10] = sure[1], sure[1]
    found = Comparison(before, after, truth)
    assert (found.wrong_before, found.wrong_after, found.mended, found.broken) == (9, 2, 8, 1)
    assert found.p_value == pytest.approx(2 * (1 + 9) / 2**9)
    change = found.change
    spread = np.sqrt(30 * np.var(np.array([-1] * 8 + [1] + [0] * 21)))
    assert change.value == -7
    assert change.low == pytest.approx(-7 - 1.96 * spread, abs=1.5)
    assert change.high == pytest.approx(-7 + 1.96 * spread, abs=1.5)
    assert not found.is_worse
    assert Comparison(after, before, truth).is_worse
    assert "9 of 30 events were wrong, now 2 (-7, 95 % interval -1" in str(found)


def test_votes_are_calibrated_if_that_helps_other_events() -> None:
    truth = np.arange(40) % 2
    cautious = np.where(np.eye(2)[truth] == 1, 0.65, 0.35)  # always right
    found = calibrate_votes(Comparison(cautious, cautious, truth), np.full(40, 3), "median")
    assert found is not None
    assert found.rule == "median"
    assert found.apply(cautious[0], 3).max() > 0.9
    some = truth[:19]
    assert calibrate_votes(Comparison(cautious[:19], cautious[:19], some), np.full(19, 3), "mean") is None
    wrong = np.arange(40) % 20 < 7
    fitting = np.where(np.eye(2)[np.where(wrong, 1 - truth, truth)] == 1, 0.65, 0.35)  # right as often as it says
    assert calibrate_votes(Comparison(fitting, fitting, truth), np.full(40, 3), "mean") is None


def test_the_command(
    run: Callable[..., Done], old: lcl.PhysicalRidge, region: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.save(tmp_path / "old")
    region.stream.write(str(tmp_path / "record.mseed"), "MSEED")
    write_tables(region.decide(old), tmp_path / "decisions.csv")
    labels = dict(list(region.truth.items())[:9])
    region.verdicts(tmp_path / "decisions_review", labels)
    region.verdicts(tmp_path / "decisions_review", {"e0": "low"}, "Bob")
    with (tmp_path / "decisions_review" / "Bob.jsonl").open("a") as file:
        file.write('{"event": ')
    base = ("adapt", "--decisions", "decisions.csv", "--weights", "old", "--waveforms", "record.mseed")
    done = run(*base, "--out", "new", "--type", "mixed=collapse")
    told = " ".join(done.stderr.split())
    assert done.returncode == 0, done.stderr
    assert "line 2 is unfinished" in told
    assert "analysts disagree on 1 events, such as e0: of these, the newest label counts" in told
    assert "the decisions were made with other weights" in told  # which were not saved yet
    out = " ".join(done.stdout.split())
    assert "9 events labelled by Ana (2 high, 3 low, 3 mixed) and Bob (1 low), 2024-03-02" in out
    assert "each event left out:" in out
    assert "new classes: mixed (collapse)" in out
    assert lcl.load(tmp_path / "new").event_types["mixed"] == "collapse"
    assert (tmp_path / "new.md").read_text().startswith("# PhysicalRidge, adapted")
    done = run(*base, "--out", "new")
    assert (done.returncode, "exists already" in done.stderr) == (2, True)
    monkeypatch.setattr(Comparison, "is_worse", True)
    done = run(*base, "--out", "worse")
    assert (done.returncode, "so they were not written" in " ".join(done.stderr.split())) == (2, True)
    assert not list(tmp_path.glob("worse*"))
    assert run(*base, "--out", "worse", "--force", "--keep-absent").returncode == 0
    assert (tmp_path / "worse.safetensors").exists()
