"""How stations should vote on an event, how far to trust the vote, and how fast it is.

    python benchmarks/votes.py scores --dataset ../data/mixed_3c --plot votes.png
    python benchmarks/votes.py scores --dataset ../data/pnw_z --components Z --model EnvelopePhysicalRidge
    python benchmarks/votes.py speed --weights MiniRocketRidge/mixed-3c

`scores` predicts every event with a model trained without it (folds of events), and lets its stations vote by each
rule. It prints, for all events and for those of several stations, the balanced accuracy with its interval over
events, the difference from the mean on the same resampled events, and the expected calibration error before and after
`EventCalibration`, which is fitted to other events. `speed` decides on synthetic events, and says where the time goes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.datasets import Cuts, open_dataset, read_windows
from seisbench_lcl.datasets.windows import LabelledWindows, labels_in
from seisbench_lcl.evaluation.bootstrap import Interval, resample_tallies
from seisbench_lcl.evaluation.metrics import read_tally, tally
from seisbench_lcl.evaluation.protocols import event_folds, held_out_probabilities
from seisbench_lcl.events import Event, EventCalibration, Pick, classify, classify_events, windows
from seisbench_lcl.events.figures import score_figure
from seisbench_lcl.events.recordings import FileSource
from seisbench_lcl.events.scores import EventScores
from seisbench_lcl.events.votes import Ballot, by_record, rule_of
from seisbench_lcl.models.lookup import find_model, model_class

RULES = ["mean", "log-odds", "majority", "median", "snr", "earliest:1", "earliest:3", "earliest:5", "record"]
RESAMPLES = 2000
MARGIN = 0.2  # of the decisions that are drawn
START = UTCDateTime(2024, 3, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    scores_of = commands.add_parser("scores")
    scores_of.add_argument("--dataset", required=True, help="folder of a SeisBench dataset with events and P picks")
    scores_of.add_argument("--components", default="ZNE")
    scores_of.add_argument("--model", default="MiniRocketRidge")
    scores_of.add_argument("--folds", type=int, default=5)
    scores_of.add_argument("--seeds", type=int, nargs="+", default=[0], help="one division into folds for each")
    scores_of.add_argument("--plot", help="figure of the mean, before and after calibration, of the last seed")
    speed_of = commands.add_parser("speed")
    speed_of.add_argument(
        "--weights", nargs="+", default=["MiniRocketRidge/mixed-3c", "EnvelopePhysicalRidge/mixed-3c"]
    )
    speed_of.add_argument("--events", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.command == "speed":
        speed(arguments.weights, arguments.events)
    else:
        for seed in arguments.seeds:
            scores(arguments.dataset, arguments.components, arguments.model, arguments.folds, seed, arguments.plot)


def scores(folder: str, components: str, name: str, n_folds: int, seed: int, plot: str | None) -> None:
    """Print the scores of all rules on one dataset, and draw those of the mean."""
    dataset = open_dataset(folder, components)
    labels = labels_in(dataset, "source_type")
    template = model_class(name)(labels=labels, component_order=components, novelty_rate=None)
    cuts = Cuts.default(template.preprocessing, augments=template.augments)
    data = read_windows(dataset, template.preprocessing, labels=labels, cuts=cuts)
    folds = event_folds(data, n_folds, seed)
    probabilities = held_out_probabilities(template, data, folds)
    rows = data.shifts == 0
    print(f"\n## {name} on {Path(folder).name}, {n_folds} folds, seed {seed}", flush=True)
    votes = {rule: voted(data.select(rows), probabilities[rows], folds[rows], rule, labels) for rule in RULES}
    for title, several in (("all events", False), ("events of two or more stations", True)):
        table(title, votes, labels, several, seed)
    if plot:
        draw(*votes["mean"], labels, seed, plot)


def voted(
    data: LabelledWindows, probabilities: np.ndarray, folds: np.ndarray, rule: str, labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probabilities (E, K) of all events by a rule, their truth, and their numbers of stations."""
    truth = data.truth(labels)
    times = pd.to_datetime(data.metadata["trace_start_time"]).astype("int64").to_numpy() / 1e9
    arrivals = times + (data.metadata["trace_p_arrival_sample"] / data.metadata["trace_sampling_rate_hz"]).fillna(0)
    sites = (
        data.metadata["station_network_code"].astype(str) + "." + data.metadata["station_code"].astype(str)
    ).to_numpy()
    right = probabilities.argmax(axis=1) == truth
    found = []
    for event in np.unique(data.groups):
        own = np.flatnonzero(data.groups == event)
        own = own[np.argsort(arrivals.to_numpy()[own], kind="stable")]
        ballot = Ballot(probabilities[own].astype(float), data.snr[own].astype(float), tuple(sites[own]))
        if rule == "record":
            others = folds != folds[own[0]]
            usual = right[others].mean()
            table_of = pd.Series(right[others]).groupby(sites[others]).agg(["sum", "count"])
            record = (table_of["sum"] + 5 * usual) / (table_of["count"] + 5)
            p = by_record(ballot, record.to_dict(), float(usual))
        else:
            p = rule_of(rule)(ballot)
        found.append((p, truth[own[0]], len(own)))
    p, y, n = zip(*found, strict=True)
    return np.stack(p), np.array(y), np.array(n)


def table(
    title: str, votes: dict[str, tuple[np.ndarray, ...]], labels: Sequence[str], several: bool, seed: int
) -> None:
    """Print one table of scores."""
    _, y, n = votes["mean"]
    kept = n > 1 if several else np.ones(len(n), dtype=bool)
    counts = ", ".join(f"{label} {int((y[kept] == k).sum())}" for k, label in enumerate(labels))
    print(f"\n{title}: {kept.sum()} ({counts}), {n[kept].mean():.1f} stations on average\n")
    print("| rule | balanced accuracy | less the mean | ECE | ECE calibrated | log loss | calibrated | T = a n^b |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    reference = draws(votes["mean"][0][kept], y[kept], labels)
    for rule, (p, _, _) in votes.items():
        calibrated, fits = cross_fitted(p, y, n, rule, seed)
        value, drawn = draws(p[kept], y[kept], labels)["balanced_accuracy"]
        first, first_drawn = reference["balanced_accuracy"]
        less = Interval.from_draws(value - first, drawn - first_drawn)
        ece = Interval.from_draws(*draws(p[kept], y[kept], labels)["ece"])
        after = Interval.from_draws(*draws(calibrated[kept], y[kept], labels)["ece"])
        middle = f"{np.median([f.temperature for f in fits]):.2f}, {np.median([f.exponent for f in fits]):.2f}"
        print(
            f"| {rule} | {Interval.from_draws(value, drawn)} | {less if rule != 'mean' else ''} | {ece} | {after} | "
            f"{log_loss(p[kept], y[kept]):.3f} | {log_loss(calibrated[kept], y[kept]):.3f} | {middle} |",
            flush=True,
        )


def draw(p: np.ndarray, y: np.ndarray, n: np.ndarray, labels: Sequence[str], seed: int, plot: str) -> None:
    """Draw how far the mean can be trusted before and after calibration, and what a least margin decides."""
    kinds = {"as voted": p, "calibrated": cross_fitted(p, y, n, "mean", seed)[0]}
    events = tuple(map(str, range(len(y))))
    named = {}
    for kind, votes in kinds.items():
        best, second = np.sort(votes, axis=1)[:, :-3:-1].T
        decided = best - second >= MARGIN
        named[kind] = EventScores(tuple(labels), events, votes, y, decided, np.zeros(len(labels), dtype=np.int64))
    score_figure(named, f"{len(y)} events; decided from a margin of {MARGIN:g} on").savefig(plot, dpi=90)


def draws(p: np.ndarray, y: np.ndarray, labels: Sequence[str]) -> dict[str, tuple[float, np.ndarray]]:
    """Return scores and their values on resampled events; equal numbers of events give equal resamples."""
    tallies = tally(p, y, np.arange(len(y)), len(y))
    value, drawn = (read_tally(sums, labels) for sums in (tallies.sum(axis=0), resample_tallies(tallies, RESAMPLES, 0)))
    return {name: (float(value[name]), drawn[name]) for name in ("balanced_accuracy", "ece")}


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(np.clip(p[np.arange(len(y)), y], 1e-6, None)).mean())


def cross_fitted(
    p: np.ndarray, y: np.ndarray, n: np.ndarray, rule: str, seed: int, parts: int = 5
) -> tuple[np.ndarray, list[EventCalibration]]:
    """Calibrate each part of the events by a calibration that was fitted to the others."""
    part = np.random.default_rng(seed).permutation(len(y)) % parts
    calibrated, fits = np.empty_like(p), []
    for k in range(parts):
        fits.append(EventCalibration.fit(p[part != k], y[part != k], n[part != k], rule))
        calibrated[part == k] = fits[-1].apply(p[part == k], n[part == k])
    return calibrated, fits


def speed(names: Sequence[str], n_events: int) -> None:
    """Print events per minute for several numbers of stations, and the shares of the parts."""
    print("\n| weights | stations | waveforms in | events per minute | reading | conditioning | model | rest |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        day = recorded(10, 24 * 3600.0)
        for trace in day:
            trace.write(str(Path(folder, f"{trace.id}.mseed")), "MSEED", encoding="STEIM2")
        for name in names:
            model = find_model(name)
            for stations in (1, 5, 10):
                for kind, where in (("memory", day), ("day files", FileSource([folder]))):
                    events = [made(i, stations, 86000.0 / n_events) for i in range(n_events)]
                    classify_events(model, events[:2], where)  # compiles the kernels
                    spent: dict[str, float] = {}
                    with timed(spent, where, model):
                        began = time.perf_counter()
                        classify_events(model, events, where, max_novelty=None)
                        total = time.perf_counter() - began
                    shares = [spent[part] / total for part in ("reading", "conditioning", "model")]
                    told = " | ".join(f"{100 * share:.0f} %" for share in (*shares, 1 - sum(shares)))
                    print(f"| {name} | {stations} | {kind} | {60 * n_events / total:.0f} | {told} |", flush=True)


def recorded(stations: int, seconds: float) -> obspy.Stream:
    """Return noise of several stations."""
    rng = np.random.default_rng(0)
    return obspy.Stream(
        obspy.Trace(
            rng.normal(0, 300, round(seconds * 100)).astype(np.int32),
            {"network": "XX", "station": f"S{i}", "channel": f"HH{c}", "sampling_rate": 100.0, "starttime": START},
        )
        for i in range(stations)
        for c in "ZNE"
    )


def made(i: int, stations: int, apart: float) -> Event:
    return Event(f"e{i}", picks=tuple(Pick("", START + 100 + i * apart + k, "XX", f"S{k}") for k in range(stations)))


@contextmanager
def timed(spent: dict[str, float], where: Any, model: Any) -> Iterator[None]:
    """Add up the time spent in the source, in conditioning records, and in the model."""

    def watched(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        spent[part] = 0.0

        def run(*arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                spent[part] += time.perf_counter() - began

        return run

    opened, conditioned = classify.open_waveforms, windows.read_stream
    source = opened(where)
    source.read = watched("reading", source.read)  # type: ignore[method-assign]
    classify.open_waveforms = lambda given: source
    windows.read_stream = watched("conditioning", conditioned)
    model.predict_detailed = watched("model", model.predict_detailed)
    try:
        yield
    finally:
        classify.open_waveforms, windows.read_stream = opened, conditioned
        del model.predict_detailed, source.read


if __name__ == "__main__":
    main()
