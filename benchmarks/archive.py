"""How long an archive takes, from miniSEED on disk to Parquet on disk, and where the time goes.

    python benchmarks/archive.py                             # an archive of noise with earthquakes, 100 Hz
    python benchmarks/archive.py --picked                    # only a station-day with a picker first
    python benchmarks/archive.py --hours 6 --weights MiniRocketRidge/mixed-3c-fast --scaling 8

Of what picks miss, see archive_recall.py; of a month with kills, archive_month.py.

Each measurement is a process of its own with one thread. Seconds are those of the processor; a busy machine makes wall
seconds longer, which are printed beside them. The scaling compares one and two local workers on station-days.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import obspy
from obspy import UTCDateTime

START = UTCDateTime(2024, 3, 1)
WEIGHTS = ("MiniRocketRidge/mixed-3c-fast", "MiniRocketRidge/mixed-3c", "EnvelopePhysicalRidge/mixed-3c")
PICKER = "PhaseNet/original"
CORES = (2, 16, 256)


def make_archive(root: Path, stations: int, days: int, hours: float) -> None:
    """Write day files of noise with an earthquake every ten minutes."""
    motion, count = obspy.read(), round(hours * 3600 * 100)
    for station in range(stations):
        for day in range(days):
            rng = np.random.default_rng(1000 * station + day)
            start = START + day * 86400
            for component in "ZNE":
                data = rng.normal(0, 100, count)
                wave = motion.select(component=component)[0].data[:3000]
                for first in range(30000, count - 3000, 60000):
                    data[first : first + 3000] += wave
                code = f"S{station:02d}"
                header = {"network": "XX", "station": code, "channel": f"HH{component}", "starttime": start}
                trace = obspy.Trace(data.round().astype(np.int32), header | {"sampling_rate": 100})
                name = f"XX.{code}..HH{component}.D.{start.year}.{start.julday:03d}"
                file = root / f"{start.year}/XX/{code}/HH{component}.D" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                trace.write(str(file), "MSEED", encoding="STEIM2")


def measure(root: str, weights: str, days: int, picker: str, windows: Any) -> dict[str, Any]:
    """Run in this process with one thread, after a first window that loads and compiles everything."""
    import torch

    from seisbench_lcl import archive
    from seisbench_lcl.archive import deciding, worker
    from seisbench_lcl.models import lookup, stream_model

    torch.set_num_threads(1)
    parts: dict[str, float] = {"conditioning": 0.0}
    processor = SimpleNamespace(perf_counter=time.process_time, process_time=time.process_time, sleep=time.sleep)
    deciding.time = worker.time = processor  # type: ignore[assignment]
    read_stream = stream_model.read_stream

    def timed(*arguments: Any) -> Any:
        begin = time.process_time()
        try:
            return read_stream(*arguments)
        finally:
            parts["conditioning"] += time.process_time() - begin

    lookup.find_model(weights).classify(obspy.read())
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stream_model.read_stream = timed
    with tempfile.TemporaryDirectory() as folder:
        begin, processed = time.perf_counter(), time.process_time()
        report = archive.run(
            root,
            weights,
            folder,
            start=START,
            end=START + days * 86400,
            workers=0,
            picker=picker or None,
            windows=windows,
        )
        wall, cpu = time.perf_counter() - begin, time.process_time() - processed
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))
    told = report.progress
    parts = {**told.parts, **parts}
    parts["model"] = parts.pop("deciding", 0.0) - parts["conditioning"]
    parts["planning and the rest"] = cpu - sum(parts.values())
    return {
        "cpu": cpu / told.done,
        "wall": wall / told.done,
        "windows": told.windows / told.done,
        "detections": told.detections / told.done,
        "bytes": size / told.done,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "idle": idle,
        "parts": {name: seconds / told.done for name, seconds in parts.items()},
    }


def scale(root: str, weights: str, days: int, workers: int) -> float:
    """Return the wall seconds from the first task to the last."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "seisbench_lcl", "archive", "run", root, "--weights", weights, "--json"]
        command += ["--start", str(START), "--end", str(START + days * 86400), "--out", folder]
        done = subprocess.run([*command, "--workers", str(workers)], capture_output=True, text=True, check=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        first = next(line for line in lines if line.get("windows"))  # workers have started and loaded the model
        return float(lines[-1]["end"]["seconds"] - first["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="of each day with data")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--weights", nargs="+", default=[*WEIGHTS])
    parser.add_argument("--picker", default=PICKER, help="also picker first, with the last weights; '' leaves it out")
    parser.add_argument("--picked", action="store_true", help="only: picker first, with the last weights")
    parser.add_argument("--scaling", type=int, default=0, help="station-hours for one and two workers; 0 leaves it out")
    parser.add_argument("--single", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.single:
        print(json.dumps(measure(**json.loads(given.single))))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "sds")
        make_archive(root, 1, given.days, given.hours)
        recorded = sum(file.stat().st_size for file in root.rglob("*.D.*")) / given.days
        print(
            f"{given.hours:g} h a day, 3 x 100 Hz, {recorded / 1e6:.0f} MB of miniSEED a day, a window every second\n"
        )
        print("| weights | windows kept | CPU s | wall s | per core and hour | peak MB | kB a day |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
        cases = [(weights, "", "none") for weights in given.weights] + [(given.weights[0], "", "all")]
        cases = [] if given.picked else cases
        cases += [(given.weights[-1], given.picker, "none")] if given.picker else []
        found = {}
        for weights, picker, windows in cases:
            arguments = {"root": str(root), "weights": weights, "days": given.days}
            single = json.dumps(arguments | {"picker": picker, "windows": windows})
            command = [sys.executable, __file__, "--single", single]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            one = json.loads(done.stdout.splitlines()[-1])
            name = f"{weights}, picks of {picker}" if picker else weights
            found[name, windows] = one
            cells = [f"{one['cpu']:.1f}", f"{one['wall']:.1f}", f"{3600 / one['cpu']:.0f}", f"{one['peak']:.0f}"]
            print(f"| {name} | {windows} | {' | '.join(cells)} | {one['bytes'] / 1e3:.0f} |", flush=True)
        names = list(dict.fromkeys(part for one in found.values() for part in one["parts"]))
        print(f"\n| CPU seconds | {' | '.join(f'{name} ({kept})' for name, kept in found)} |")
        print(f"| --- |{' ---: |' * len(found)}")
        for part in names:
            cells = [f"{one['parts'].get(part, 0):.2f}" for one in found.values()]
            print(f"| {part} | {' | '.join(cells)} |")
        if given.scaling:
            many = Path(folder, "many")
            make_archive(many, given.scaling, 1, 1.0)
            one, two = (scale(str(many), given.weights[0], 1, workers) for workers in (1, 2))
            done = f"{given.scaling - 1} station-hours: {one:.1f} s with one worker, {two:.1f} s with two"
            print(f"\n{done}; efficiency {one / two / 2:.2f}")
        print(
            "\n| a network-year, 100 stations | "
            + " | ".join(f"{n} cores" for n in CORES)
            + " | TB read | GB written |"
        )
        print("| --- |" + " ---: |" * (len(CORES) + 2))
        station_days = 36500 * 24 / given.hours
        for (name, kept), one in found.items():
            hours = station_days * one["cpu"] / 3600
            cells = [f"{hours / n:.1f} h" if hours / n < 72 else f"{hours / n / 24:.1f} d" for n in CORES]
            sizes = f"{station_days * recorded / 1e12:.2f} | {station_days * one['bytes'] / 1e9:.2f}"
            print(f"| {name} ({kept}) | {' | '.join(cells)} | {sizes} |")


if __name__ == "__main__":
    main()
