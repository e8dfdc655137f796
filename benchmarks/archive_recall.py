"""What deciding every stride, at picks, and at weak picks finds of recorded events in recorded noise, as they fade.

    python benchmarks/archive_recall.py --data ../data
    python benchmarks/archive_recall.py --data ../data --weights MiniRocketRidge/mixed-3c-fast --split train

Events are records of mixed_3c at 100 Hz with a signal-to-noise ratio of 15 dB or more, at most `--each` of an event;
the weights have not seen those of dev. Each is scaled and added to 90 s of a record of `continuous` from which the
listed occurrences are left out: P after 40 s, tapered from 3 s before P on. An archive is decided on three times.
Prints, for each label, which fraction is detected, P in a window of a detection, as an event, and with the right label;
which fraction of those found every stride is found at picks; and how many detections are elsewhere, which are false or
of small events in the noise. Brackets are 95 % intervals of Wilson that count each event once, because the records of
one event are found or missed together. Then the same three ways decide on the records of `continuous` as they are.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import obspy
import pandas as pd
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl import archive
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.waveforms import Preprocessing

START = UTCDateTime(2024, 3, 1)
RATE, LENGTH, P, SPACING = 100, 90, 40, 150  # Hz; s of a record, to P, and between records
LEVELS = (20, 15, 10, 5, 0, -5)
LABELS = ("earthquake", "surface event")
QUIET = 60.0  # s around a listed occurrence that are left out
NEAR = 20.0  # s between a listed occurrence, which is timed by the network, and a detection of it
NORMAL = 1.96  # standard deviations on both sides of 95 %
CONDITION = Preprocessing().condition


class Recorded(NamedTuple):
    """Samples (3, n) from 3 s before P, tapered; label; name of the event."""

    data: NDArray[np.float64]
    label: str
    event: str


def events(folder: Path, split: str, least: float, each: int) -> list[Recorded]:
    """Return records of a split, spread over its events."""
    dataset = open_dataset(str(folder), "ZNE")
    metadata = dataset.metadata.reset_index(drop=True)
    chosen = metadata[
        (metadata["split"] == split)
        & (metadata["trace_sampling_rate_hz"] == RATE)
        & (metadata["trace_snr_db"] >= least)
        & (metadata["source_type"] != "noise")
        & (metadata["trace_p_arrival_sample"] >= 3 * RATE)
    ]
    chosen = chosen.sort_values("trace_snr_db", ascending=False, kind="stable").groupby("source_id").head(each)
    found = []
    for i, row in chosen.sort_index().iterrows():
        p = round(row["trace_p_arrival_sample"])
        data = dataset.get_waveforms(int(i)).astype(float)[:, p - 3 * RATE : p + (LENGTH - P) * RATE]  # type: ignore[call-overload]
        if not np.isfinite(data).all() or data.shape[1] < 15 * RATE:
            continue
        data -= data.mean(axis=1, keepdims=True)
        data[:, : 2 * RATE] *= (1 - np.cos(np.linspace(0, np.pi, 2 * RATE))) / 2
        data[:, -5 * RATE :] *= (1 + np.cos(np.linspace(0, np.pi, 5 * RATE))) / 2
        found.append(Recorded(data, str(row["source_type"]), str(row["source_id"])))
    return found


def noises(folder: Path) -> list[NDArray[np.float64]]:
    """Return records (3, 90 s) of the stations of the longest continuous record, away from the listed occurrences."""
    stream = obspy.read(str(next(folder.glob("rocknet*.mseed"))))
    known = pd.to_datetime(pd.read_csv(next(folder.glob("rocknet*.csv")))["time_utc"].dropna())
    found = []
    for station in sorted({trace.stats.station for trace in stream}):
        own = stream.select(station=station)
        first, last = own[0].stats.starttime, own[0].stats.endtime
        while first + LENGTH <= last:
            near = [t for t in known if -QUIET < UTCDateTime(t.to_pydatetime()) - first < LENGTH + QUIET]
            if near:
                first += 1
                continue
            part = own.slice(first, first + LENGTH - 0.5 / RATE)
            found.append(np.stack([part.select(component=code)[0].data.astype(float) for code in "ZNE"]))
            first += LENGTH
    return found


def buried(event: Recorded, noise: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return a record in which 10 s after P have this ratio to the noise, in dB, on the vertical from 1 to 18 Hz."""
    loud = CONDITION(event.data[0], RATE)[3 * RATE : 13 * RATE].std()
    scale = CONDITION(noise[0], RATE).std() / loud * 10 ** (level / 20)
    record, begin = noise - noise.mean(axis=1, keepdims=True), (P - 3) * RATE
    record[:, begin : begin + event.data.shape[1]] += scale * event.data
    return record


def write(folder: Path, found: list[Recorded], quiet: list[NDArray[np.float64]]) -> None:
    """Write one station for each level, with one record for each event."""
    for number, level in enumerate(LEVELS):
        stream = obspy.Stream()
        for i, event in enumerate(found):
            record = buried(event, quiet[(i + 7 * number) % len(quiet)], level)
            record *= 1e5 / np.abs(record).max()  # counts
            header = {"network": "XX", "station": f"L{number}", "sampling_rate": RATE, "starttime": START + i * SPACING}
            for code, samples in zip("ZNE", record, strict=True):
                stream.append(obspy.Trace(samples.round().astype(np.int32), header | {"channel": f"HH{code}"}))
        stream.write(str(folder / f"{number}.mseed"), "MSEED")


def detected(folder: Path, n: int) -> tuple[list[list[set[str]]], int]:
    """Return the labels of the detections of each event, by level, and the number of other detections."""
    found: list[list[set[str]]] = [[set() for _ in range(n)] for _ in LEVELS]
    others = 0
    for one in archive.read_detections(folder):
        i = int((one.start_time - START) // SPACING)
        p = START + i * SPACING + P
        if one.start_time - 2 <= p <= one.end_time + 18:
            found[int(one.station.station[1:])][i].add(one.label)
        else:
            others += 1
    return found, others


def fraction(hits: Sequence[bool], events: Sequence[str]) -> str:
    """Return a fraction of records with its interval, for as many independent records as there are events."""
    if not hits:
        return "n/a"
    n, share = len({*events}), sum(hits) / len(hits)
    middle, half = share + NORMAL**2 / 2 / n, NORMAL * np.sqrt(share * (1 - share) / n + (NORMAL / 2 / n) ** 2)
    low, high = ((middle + side * half) / (1 + NORMAL**2 / n) for side in (-1, 1))
    return f"{share:.2f} [{abs(low):.2f}, {high:.2f}]"


def show(title: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    names = ["records", "dB", *columns]
    print(f"\n{title}\n\n| {' | '.join(names)} |\n| --- |{' ---: |' * (len(names) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def recorded(files: list[Path], weights: str, ways: Mapping[str, Mapping[str, Any]]) -> None:
    """Decide on whole records, and print how many detections, and how many listed occurrences, each way finds."""
    lists = [pd.read_csv(next(file.parent.glob(f"{file.name[:15]}*.csv"))) for file in files]
    known = [UTCDateTime(time) for one in lists for time in one["time_utc"].dropna()]
    with tempfile.TemporaryDirectory() as folder:
        every: list[LabelledDetection] = []
        for way, more in ways.items():
            span = {"start": UTCDateTime(2000, 1, 1), "end": UTCDateTime(2100, 1, 1), "workers": 0}
            archive.run([*files], weights, Path(folder, way), **span, **more)  # type: ignore[arg-type]
            own = [*archive.read_detections(Path(folder, way))]
            every = every or own
            again = sum(any(same(one, other) for other in own) for one in every)
            listed = sum(any(one.start_time - NEAR <= t <= one.end_time + NEAR for one in own) for t in known)
            counts = Counter(one.label for one in own)
            labels = ", ".join(f"{n} {label}" for label, n in sorted(counts.items()))
            print(f"{way}: {len(own)} detections ({labels}); {again} of {len(every)} of the first way; ", end="")
            print(f"{listed} of {len(known)} listed occurrences", flush=True)


def same(one: LabelledDetection, other: LabelledDetection) -> bool:
    """Return whether windows of two detections share time at one station: a window lasts 20 s."""
    near = one.start_time <= other.end_time + 20 and other.start_time <= one.end_time + 20
    return one.station == other.station and near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mixed_3c and continuous")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--least", type=float, default=15.0, help="signal-to-noise ratio of the records in dB")
    parser.add_argument("--each", type=int, default=3, help="records of an event, at most")
    parser.add_argument("--weights", default="EnvelopePhysicalRidge/mixed-3c")
    parser.add_argument("--stride", type=float, default=1.0)
    parser.add_argument("--picker", default="PhaseNet/original")
    given = parser.parse_args()
    found = events(given.data / "mixed_3c", given.split, given.least, given.each)
    quiet = noises(given.data / "continuous")
    every = f"every {given.stride:g} s"
    ways: dict[str, dict[str, Any]] = {
        every: {"stride": given.stride},
        "at picks": {"picker": given.picker},
        "at picks from .1": {"picker": given.picker, "picker_args": {"P_threshold": 0.1}},
    }
    of_label = {label: [i for i, one in enumerate(found) if one.label == label] for label in LABELS}
    names = {label: [found[i].event for i in rows] for label, rows in of_label.items()}
    counts = ", ".join(f"{len(own)} of {len({*own})} {label}s" for label, own in names.items())
    print(f"{given.weights}; {given.picker}; records of {given.split}: {counts}; {len(quiet)} records of noise")
    labels: dict[str, list[list[set[str]]]] = {}  # by way, level and record
    others = {}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), found, quiet)
        span = {"start": START, "end": START + len(found) * SPACING, "workers": 0}
        for way, more in ways.items():
            archive.run(f"{folder}/*.mseed", given.weights, Path(folder, way), **span, **more)  # type: ignore[arg-type]
            labels[way], others[way] = detected(Path(folder, way), len(found))

    def hits(way: str, level: int, label: str, exact: bool) -> list[bool]:
        own = labels[way][level]
        return [label in own[i] if exact else bool(own[i]) for i in of_label[label]]

    levels = [(label, level) for label in LABELS for level in range(len(LEVELS))]
    for title, exact in (("Detected as an event", False), ("Detected with the right label", True)):
        rows = (
            [label, str(LEVELS[level]), *(fraction(hits(way, level, label, exact), names[label]) for way in ways)]
            for label, level in levels
        )
        show(title, ways, rows)
    rows = []
    for label, level in levels:
        known = hits(every, level, label, False)
        kept = [name for name, hit in zip(names[label], known, strict=True) if hit]
        cells = []
        for way in [*ways][1:]:
            again = [one for one, hit in zip(hits(way, level, label, False), known, strict=True) if hit]
            cells.append(fraction(again, kept))
        rows.append([label, str(LEVELS[level]), *cells])
    show(f"Detected at picks, of those that are detected {every}", [*ways][1:], rows)
    hours = len(LEVELS) * len(found) * LENGTH / 3600
    print(f"\nelsewhere, in {hours:.1f} h: {', '.join(f'{n} {way}' for way, n in others.items())}\n")
    recorded(sorted((given.data / "continuous").glob("*.mseed")), given.weights, ways)


if __name__ == "__main__":
    main()
