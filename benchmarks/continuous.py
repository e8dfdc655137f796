"""Time `classify` on continuous three-component records at 100 Hz and 1 s stride.

    python benchmarks/continuous.py --hours 1 6 24 --stations 1 2 4 --repeats 3 --plot docs/figures/continuous.svg

Each run is a separate process, with its own peak memory. The stream is in memory before the clock starts; a short first
call covers imports and compilation, and is reported separately. Prints medians: by hours and stations, then the parts
of the time of the longest record, then the time of a fresh process until its first result.

The records are noise in 32-bit integers; their content does not affect the speed of windows that are normalised one by
one. `mixed-3c-fast` is faster the longer overlapping windows share their peak amplitude; the noise with an earthquake's
amplitudes every few minutes used here is neither its best nor its worst case.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS = ("mixed-3c", "mixed-3c-fast", "EnvelopePhysicalRidge/mixed-3c")  # a MiniRocketRidge, unless a class is named


def load(name: str) -> Any:
    import seisbench_lcl as lcl

    model, _, weights = name.rpartition("/")
    return getattr(lcl, model or "MiniRocketRidge").from_pretrained(weights)


def stream(hours: float, stations: int) -> Any:
    import numpy as np
    import obspy

    rng = np.random.default_rng(0)
    traces = []
    for station in range(stations):
        header = {"network": "XX", "station": f"S{station}", "sampling_rate": 100.0}
        for component in "ZNE":
            data = rng.normal(0, 1000, int(hours * 360_000))
            for onset in rng.integers(0, len(data), int(20 * hours)):
                shaken = data[onset : onset + 3000]
                shaken *= 1 + 30 * np.exp(-np.arange(len(shaken)) / 500)
            traces.append(obspy.Trace(data.astype(np.int32), header | {"channel": f"HH{component}"}))
    return obspy.Stream(traces)


def first_call(name: str) -> dict[str, float]:
    """Measure the time from import to the first result."""
    start = time.perf_counter()
    import seisbench_lcl  # noqa: F401

    imported = time.perf_counter()
    model = load(name)
    loaded = time.perf_counter()
    model.classify(stream(20 / 3600, 1))
    done = time.perf_counter()
    return {"import": imported - start, "load": loaded - imported, "classify": done - loaded, "all": done - start}


def measure(name: str, hours: float, stations: int) -> dict[str, float]:
    """Classify once; also write and read the record as miniSEED."""
    import obspy

    from seisbench_lcl.models import stream_model as streams
    from seisbench_lcl.waveforms.records import Record

    records = stream(hours, stations)
    model = load(name)
    model.classify(stream(30 / 3600, 1))
    parts: Counter[str] = Counter()

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                parts[part] += time.perf_counter() - start

        return call

    streams.read_stream = timed("conditioning", streams.read_stream)
    Record.cut = timed("windows", Record.cut)  # type: ignore[method-assign]
    Record.runs = timed("windows", Record.runs)  # type: ignore[method-assign]
    model.annotate_batch_pre = timed("windows", model.annotate_batch_pre)  # type: ignore[method-assign]
    model.extractor.forward = timed("transform", model.extractor.forward)  # type: ignore[method-assign]
    model.extractor.slide = timed("transform", model.extractor.slide)  # type: ignore[method-assign]
    model.head.forward = timed("head", model.head.forward)  # type: ignore[method-assign]
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    windows = model.classify(records, stride=100).windows
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.NamedTemporaryFile(suffix=".mseed") as file:
        records.write(file.name, "MSEED")
        start = time.perf_counter()
        obspy.read(file.name)
        reading = time.perf_counter() - start
    return {
        "seconds": seconds,
        "windows": len(windows),
        "idle": idle,
        "peak": peak,
        **{f"part {part}": taken for part, taken in parts.items()},
        "part results, detections": seconds - sum(parts.values()),
        "reading": reading,
    }


def median_of(repeats: int, *single: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--single", *single]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        for _ in range(repeats)
    ]
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def plot(rows: list[tuple[str, float, int, dict[str, float]]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
    hours = max(row[1] for row in rows if row[2] == 1)
    several = max((row[1] for row in rows if row[2] > 1), default=hours)
    for name, marker in zip(WEIGHTS, "os^", strict=True):
        one = [(h, found["seconds"]) for which, h, n, found in rows if which == name and n == 1]
        many = [(n, found["seconds"]) for which, h, n, found in rows if which == name and h == several]
        for axis, points in zip(axes, (one, many), strict=True):
            if points:
                x, y = zip(*points, strict=True)
                axis.plot(x, y, marker=marker, label=name)
                slope = sum(a * b for a, b in points) / sum(a * a for a in x)
                axis.plot([0, max(x)], [0, slope * max(x)], color="0.7", linewidth=0.8, zorder=0)
    axes[0].set(xlabel="hours of one station", ylabel="seconds")
    axes[1].set(xlabel=f"stations of {several:g} hours")
    axes[0].legend(frameon=False)
    for axis in axes:
        axis.set(xlim=(0, None), ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 6, 24])
    parser.add_argument("--stations", type=int, nargs="+", default=[1, 2, 4], help="each with 6 hours")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plot", type=Path, help="figure to write")
    parser.add_argument("--single", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single:
        name, *size = arguments.single
        print(json.dumps(measure(name, float(size[0]), int(size[1])) if size else first_call(name)))
        return
    import torch

    print(f"{torch.get_num_threads()} threads, medians of {arguments.repeats}\n")
    print(
        "| weights | hours | stations | windows | seconds | ms per window | peak memory (MB) | before the call (MB) |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    sizes = [(hours, 1) for hours in arguments.hours] + [(6.0, n) for n in arguments.stations if n > 1]
    rows = []
    for name in WEIGHTS:
        for hours, stations in sizes:
            found = median_of(arguments.repeats, name, str(hours), str(stations))
            rows.append((name, hours, stations, found))
            cells = [f"{found['seconds']:.1f}", f"{found['seconds'] / found['windows'] * 1e3:.2f}"]
            cells += [f"{found['peak']:.0f}", f"{found['idle']:.0f}"]
            print(f"| {name} | {hours:g} | {stations} | {found['windows']:.0f} | {' | '.join(cells)} |", flush=True)
    longest = {row[0]: row[3] for row in rows if row[1:3] == (max(arguments.hours), 1)}
    parts = [key for key in longest[WEIGHTS[0]] if key.startswith("part ")]
    print(
        f"\n| seconds for {max(arguments.hours):g} hours | {' | '.join(WEIGHTS)} |\n| --- |{' ---: |' * len(WEIGHTS)}"
    )
    for part in sorted(parts, key=lambda part: -longest[WEIGHTS[0]][part]):
        print(f"| {part[5:]} | {' | '.join(f'{longest[name][part]:.1f}' for name in WEIGHTS)} |")
    reading = [f"{longest[name]['reading']:.1f}" for name in WEIGHTS]
    print(f"| (reading the miniSEED file, not included) | {' | '.join(reading)} |")
    first = median_of(arguments.repeats, WEIGHTS[0])
    print("\nFirst result in a fresh process: " + ", ".join(f"{key} {value:.1f} s" for key, value in first.items()))
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
