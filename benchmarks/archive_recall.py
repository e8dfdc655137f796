"""What deciding every stride, at picks, and at weak picks finds of recorded events in recorded noise, as they fade.

    python benchmarks/archive_recall.py --data ../data
    python benchmarks/archive_recall.py --data ../data --weights MiniRocketRidge/mixed-3c-fast --split train

Events are records of mixed_3c at 100 Hz with a signal-to-noise ratio of 15 dB or more, at most `--each` of an event;
the weights have not seen those of dev. Each is scaled and added to 90 s of a record of `continuous` from which the
listed occurrences are left out: P after 40 s, tapered from 3 s before P on. An archive is decided on three times.
Prints, for each label, which fraction is detected, P in a window of a detection, as an event, and with the right label;
and how many detections are elsewhere, which are false or of small events in the noise.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import obspy
import pandas as pd
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl import archive
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.waveforms import Preprocessing

START = UTCDateTime(2024, 3, 1)
RATE, LENGTH, P, SPACING = 100, 90, 40, 150  # Hz; s of a record, to P, and between records
LEVELS = (20, 15, 10, 5, 0, -5)
QUIET = 60.0  # s around a listed occurrence that are left out
CONDITION = Preprocessing().condition


class Recorded(NamedTuple):
    """Samples (3, n) from 3 s before P, tapered; label."""

    data: NDArray[np.float64]
    label: str


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
        found.append(Recorded(data, str(row["source_type"])))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mixed_3c and continuous")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--least", type=float, default=15.0, help="signal-to-noise ratio of the records in dB")
    parser.add_argument("--each", type=int, default=3, help="records of an event, at most")
    parser.add_argument("--weights", default="EnvelopePhysicalRidge/mixed-3c")
    parser.add_argument("--stride", type=float, default=1.0)
    parser.add_argument("--picker", default="PhaseNet/original", help="'' decides every stride only")
    given = parser.parse_args()
    found = events(given.data / "mixed_3c", given.split, given.least, given.each)
    quiet = noises(given.data / "continuous")
    ways: dict[str, dict[str, Any]] = {f"every {given.stride:g} s": {"stride": given.stride}}
    if given.picker:
        ways["at picks"] = {"picker": given.picker}
        ways["at picks from .1"] = {"picker": given.picker, "picker_args": {"P_threshold": 0.1}}
    labels = sorted({event.label for event in found})
    counts = ", ".join(f"{sum(event.label == label for event in found)} {label}" for label in labels)
    print(f"{given.weights}; records of {given.split}: {counts}; {len(quiet)} records of noise\n")
    print(f"| signal-to-noise ratio of 10 s after P, dB | {' | '.join(map(str, LEVELS))} | elsewhere |")
    print(f"| --- |{' ---: |' * (len(LEVELS) + 1)}")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), found, quiet)
        span = {"start": START, "end": START + len(found) * SPACING, "workers": 0}
        for way, more in ways.items():
            out = Path(folder, way)
            archive.run(f"{folder}/*.mseed", given.weights, out, **span, **more)  # type: ignore[arg-type]
            of_levels, others = detected(out, len(found))
            for label in labels:
                rows = [i for i, event in enumerate(found) if event.label == label]
                for what in ("an event", label):
                    hits = [sum(label in own[i] if what == label else bool(own[i]) for i in rows) for own in of_levels]
                    cells = " | ".join(f"{n / len(rows):.2f}" for n in hits)
                    print(f"| {label}, {way}, as {what} | {cells} | {others} |", flush=True)


if __name__ == "__main__":
    main()
