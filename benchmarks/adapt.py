"""What sixty labels by an analyst are worth in a region that a model does not know.

    python benchmarks/adapt.py ../data/mixed_3c --seeds 3

One repository of the dataset is the new region. A model learns from the other repositories, decides on the events of
the region from their raw records, and an analyst, simulated by the true labels, labels some of these events, drawn at
random. `adapt` learns from the labels, as the command does. Both models then decide on the events that were not
reviewed. Where the other repositories lack a class of the region, such as the surface events, adaptation adds it. The
last setting is that of the weights in the package, on the split dev.

Each row: events that were wrong among the reviewed ones, as `adapt` says it (each event left out); and among those that
were not reviewed, before and after, with the interval of the difference (paired bootstrap over events). "Unlike" is the
share of windows beyond the limit of novelty, before and after. "Kept" is the balanced accuracy on the training events
of the old model, before and after.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable

import numpy as np
import obspy
import torch
from obspy import UTCDateTime
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation.metrics import mean_by_event
from seisbench_lcl.events import Event, Pick, classify_events
from seisbench_lcl.events.sources import StreamSource
from seisbench_lcl.events.windows import INSTRUMENTS
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.lookup import from_pretrained, model_class
from seisbench_lcl.review import Comparison, Verdict, VerdictFile, adapt, read_verdicts
from seisbench_lcl.waveforms import Preprocessing

MODELS = ["MiniRocketRidge", "EnvelopePhysicalRidge", "PhaseNetRidge"]
REGIONS = ["AI4EPS/PhaseNet", "Akashkharita/PNW_Seismic_Event_Classification"]
START = UTCDateTime(2024, 1, 1)
RULES = {"max_novelty": None, "calibration": None, "instruments": (*INSTRUMENTS, "DP")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset with the columns source_type, source_id, origin_repository")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--regions", nargs="*", default=REGIONS, help="repositories to learn")
    parser.add_argument("--weights", nargs="*", default=["MiniRocketRidge/mixed-3c", "EnvelopePhysicalRidge/mixed-3c"])
    parser.add_argument("--reviewed", type=int, nargs="+", default=[20, 60], help="numbers of events to label")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep-absent", action="store_true", help="do not lower classes without a reviewed event")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(arguments.folder, "ZNE")
    data = read_windows(dataset, Preprocessing())
    header = ["model", "region", "reviewed", "seed", "left out", "station left out", "not reviewed", "change"]
    header += ["balanced accuracy", "log loss", "unlike", "kept", "s"]
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for region in arguments.regions:
        here = (data.metadata["origin_repository"] == region).to_numpy()
        for name in arguments.models:
            others = data.select(~here)
            model = model_class(name)(labels=sorted(set(others.labels.tolist())))
            model.fit(others.windows, others.labels, others.groups)
            rows = np.flatnonzero(dataset.metadata["origin_repository"] == region)
            review(model, region, Region(dataset, rows), others, arguments)
    for weights in arguments.weights:
        rows = np.flatnonzero(dataset.metadata["split"] == "dev")
        review(from_pretrained(weights), "dev", Region(dataset, rows), data.in_split("train"), arguments)


class Region:
    """The events of some traces, with their records, each event at an hour of its own."""

    def __init__(self, dataset: WaveformDataset, rows: Iterable[int]) -> None:
        table = dataset.metadata.iloc[list(rows)]
        self.events: list[Event] = []
        self.truth: dict[str, str] = {}
        stream = obspy.Stream()
        for hour, (event, traces) in enumerate(table.groupby("source_id")):
            first = UTCDateTime(min(traces["trace_start_time"]))
            picks = []
            for row, trace in traces.iterrows():
                start = START + 3600 * hour + (UTCDateTime(trace["trace_start_time"]) - first)
                samples, rate = dataset.get_waveforms(int(row)), trace["trace_sampling_rate_hz"]
                site = str(trace["station_network_code"]), str(trace["station_code"])
                header = dict(zip(("network", "station"), site, strict=True), starttime=start, sampling_rate=rate)
                for component, data in zip("ZNE", samples, strict=True):
                    header["channel"] = f"{trace['trace_channel']}{component}"
                    stream += obspy.Trace(data.astype(np.float32), header)
                p = trace["trace_p_arrival_sample"] / rate
                middle = (samples.shape[1] / rate - 20) / 2 + 2  # noise has no P: its window is in the middle
                picks.append(Pick("", start + (middle if np.isnan(p) else p), *site, "", trace["trace_channel"]))
            self.events.append(Event(str(event), picks=tuple(picks)))
            self.truth[str(event)] = traces["source_type"].iloc[0]
        self.source = StreamSource(stream)


def review(
    model: Discriminator, name: str, region: Region, others: LabelledWindows, arguments: argparse.Namespace
) -> None:
    """Print one row for each number of reviewed events and each seed."""
    decisions = classify_events(model, region.events, region.source, **RULES)
    decided = [decision for decision in decisions if decision.probabilities]
    for n in arguments.reviewed:
        for seed in range(arguments.seeds):
            order = np.random.default_rng(seed).permutation(len(decided))
            chosen = {decided[i].event for i in order[:n]}
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                with VerdictFile(folder, "simulated") as file:
                    for event in sorted(chosen):
                        file.record(Verdict(event, region.truth[event], "label", file.analyst, START, "", "", ""))
                found = adapt(
                    model, read_verdicts(folder), decisions, region.source, lower_absent=not arguments.keep_absent
                )
            seconds = time.perf_counter() - started
            rest = [event for event in region.events if event.id in {d.event for d in decided} - chosen]
            after = classify_events(found.model, rest, region.source, **RULES)
            before = [decision for decision in decided if decision.event not in chosen]
            labels = found.model.labels
            compared = Comparison(table(before, labels), table(after, labels), truth(before, region, labels))
            unlike = [share_unlike(some) for some in (before, after)]
            kept = [balanced(one, others) for one in (model, found.model)]
            cells = [
                model.name, name, n, seed,
                f"{found.events.wrong_before} → {found.events.wrong_after} of {found.events.n_events}",
                f"→ {found.stations.wrong_after}" if found.stations else "one station",
                f"{compared.wrong_before} → {compared.wrong_after} of {compared.n_events}",
                f"{compared.change.low:+.0f} to {compared.change.high:+.0f}",
                " → ".join(f"{recall(p, compared.truth):.3f}" for p in (compared.before, compared.after)),
                " → ".join(f"{loss:.2f}" for loss in compared.losses),
                " → ".join(f"{share:.2f}" for share in unlike),
                " → ".join(f"{score:.2f}" for score in kept),
                f"{seconds:.0f}",
            ]  # fmt: skip
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


def table(decisions: list[EventDecision], labels: list[str]) -> np.ndarray:
    return np.array([[decision.probabilities.get(label, 0.0) for label in labels] for decision in decisions])


def truth(decisions: list[EventDecision], region: Region, labels: list[str]) -> np.ndarray:
    return np.array([labels.index(region.truth[decision.event]) for decision in decisions])


def recall(probabilities: np.ndarray, truth: np.ndarray) -> float:
    right = probabilities.argmax(axis=1) == truth
    return float(np.mean([right[truth == k].mean() for k in np.unique(truth)]))


def share_unlike(decisions: list[EventDecision]) -> float:
    return float(np.mean([station.novelty > 1 for decision in decisions for station in decision.stations]))


def balanced(model: Discriminator, data: LabelledWindows) -> float:
    truth = data.truth(model.labels)
    probabilities, truth, _ = mean_by_event(model.predict_proba(data.windows), truth, data.groups)
    return recall(probabilities, truth)


if __name__ == "__main__":
    main()
