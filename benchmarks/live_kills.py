"""Kill a live watcher again and again while it replays a day, and compare with `classify` on the whole day, row by row.

    python benchmarks/live_kills.py --data ../data/continuous --hours 24 --kills 24 --stride 2

The day is the record of three stations in the folder, repeated, each time with other gaps: in a component, or in all.
The watcher is a process that gets SIGKILL at times of the data drawn at random, up to a second after it has written its
state for that time. Each time the same call goes on.
"""

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime
from seisbench.util import ClassifyOutput

import seisbench_lcl as lcl
from seisbench_lcl.live import watch
from seisbench_lcl.live.outputs import written

START = UTCDateTime(2024, 3, 1)


def write_day(record: obspy.Stream, folder: Path, hours: float, rng: random.Random) -> int:
    """Write a record again and again, one file each time, and return how many gaps it got."""
    length = max(trace.stats.npts / trace.stats.sampling_rate for trace in record)
    gaps = 0
    for number in range(round(hours * 3600 / length)):
        begin = START + number * length
        part = record.copy()
        for trace in part:
            trace.stats.starttime = begin
        for station in sorted({trace.stats.station for trace in part}):
            if rng.random() < 0.5:
                gap, width = begin + rng.uniform(60, length - 90), rng.choice([0.3, 2.0, 15.0, 60.0])
                component = rng.choice(["Z", "N", "?"])
                hit = part.select(station=station, component=component)
                for trace in hit:
                    part.remove(trace)
                part += hit.cutout(gap, gap + width)
                gaps += 1
        part.write(str(folder / f"{number:03}.mseed"), "MSEED")
    return gaps


def follow(weights: str, folder: str, out: str, stride: float) -> None:
    """Watch a replay of the day."""
    watch(f"replay:{folder}", weights, out, stride=stride, windows="all", quakeml=False)


def watched_with_kills(
    weights: str, folder: Path, out: Path, stride: float, kills: list[UTCDateTime], rng: random.Random
) -> int:
    """Watch the day to its end, and return how often the watcher was killed."""
    context, count = multiprocessing.get_context("fork"), 0  # a copy need not import everything again
    while True:
        process = context.Process(target=follow, args=(weights, str(folder), str(out), stride))
        process.start()
        target = kills[0] if kills else UTCDateTime(2200, 1, 1)
        while process.is_alive() and state_time(out) < target:
            time.sleep(0.05)
        process.join(rng.uniform(0, 1) if kills else None)
        if process.exitcode is not None:
            if process.exitcode:
                raise SystemExit("the watcher failed")
            return count
        process.kill()
        process.join()
        count += 1
        kills = [one for one in kills if one > target]


def state_time(out: Path) -> UTCDateTime:
    """Return the time of the data up to which a watcher has written its state."""
    try:
        return UTCDateTime(json.loads((out / "state.json").read_text())["content"]["clock"])
    except FileNotFoundError:
        return UTCDateTime(0)


def compared_windows(out: Path, whole: ClassifyOutput) -> dict[str, Any]:
    """Compare the windows of the watcher with those of `classify`."""
    rows = [json.loads(line) for file in sorted(out.glob("windows/*.jsonl")) for line in file.read_text().splitlines()]
    live = pd.DataFrame([row | row.pop("probabilities") for row in rows]).rename(columns={"start": "start_time"})
    live["start_time"] = pd.to_datetime(live["start_time"]).dt.tz_localize(None).astype("datetime64[us]")
    offline = whole.windows.to_dataframe()
    offline["start_time"] = offline["start_time"].astype("datetime64[us]")
    offline = offline[offline["coverage"] > 0]  # while a component is away, a watcher has no windows
    live = live[live["coverage"] > 0]
    both = live.merge(offline, on=["station", "start_time"], suffixes=("", "_offline"))
    differences = np.stack([(both[label] - both[f"{label}_offline"]).abs() for label in whole.windows.labels]).max(0)
    undecided = both["label"].isna(), both["label_offline"].isna()
    same = np.where(undecided[0] | undecided[1], undecided[0] == undecided[1], both["label"] == both["label_offline"])
    return {
        "windows offline": len(offline),
        "windows live": len(live),
        "windows twice": int(live.duplicated(["station", "start_time"]).sum()),
        "in both": len(both),
        "abstained in both": int((undecided[0] & undecided[1]).sum()),
        "same label": int(same.sum()),
        "equal to 1e-6": int((np.nan_to_num(differences) <= 1e-6).sum()),
        "99.9th percentile of difference": float(np.nanpercentile(differences, 99.9)),
        "largest difference": float(np.nanmax(differences)),
    }


def compared_events(out: Path, whole: ClassifyOutput) -> dict[str, Any]:
    """Compare the final events of the watcher with the events of `classify`."""
    lines = list(written(out))
    finals = {line["event"]: line for line in lines if line["kind"] == "final"}
    expected = {event.event: event for event in whole.events}
    shared = finals.keys() & expected.keys()
    alike = [
        name
        for name in shared
        if finals[name]["label"] == expected[name].label
        and [one["station"] for one in finals[name]["stations"]] == [one.station for one in expected[name].stations]
    ]
    contents = {json.dumps({**line, "number": 0, "time": ""}) for line in lines}
    return {
        "events offline": len(expected),
        "final events live": len(finals),
        "same id": len(shared),
        "and same label and stations": len(alike),
        "largest difference of an event": max(
            abs(finals[name]["probabilities"][label] - value)
            for name in shared
            for label, value in expected[name].probabilities.items()
        ),
        "lines": len(lines),
        "numbers without a hole": [line["number"] for line in lines] == [*range(1, len(lines) + 1)],
        "lines twice": len(lines) - len(contents),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../data/continuous"))
    parser.add_argument("--weights", default="MiniRocketRidge/mixed-3c-fast")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--stride", type=float, default=2, help="seconds between windows")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    record = obspy.read(str(options.data / "rocknet_luhu_*.mseed"))
    with tempfile.TemporaryDirectory() as folder:
        day, out = Path(folder, "day"), Path(folder, "out")
        day.mkdir()
        gaps = write_day(record, day, options.hours, rng)
        times = sorted(START + rng.uniform(0, options.hours * 3600) for _ in range(options.kills))
        begun = time.perf_counter()
        kills = watched_with_kills(options.weights, day, out, options.stride, times, rng)
        print(f"{options.hours:g} h, {gaps} gaps, {kills} kills, {time.perf_counter() - begun:.0f} s", flush=True)
        model = lcl.from_pretrained(options.weights)
        stream = obspy.read(str(day / "*.mseed"))
        whole = model.classify(stream, aligned=True, stride=round(options.stride * model.sampling_rate))
        found = compared_windows(out, whole) | compared_events(out, whole)
    print("\n| | |\n| --- | ---: |")
    for name, value in found.items():
        print(f"| {name} | {f'{value:.2g}' if isinstance(value, float) else value} |")


if __name__ == "__main__":
    main()
