"""Time a live watcher: latency, stations per core, memory over a day, first decision after the start.

    SEISBENCH_CACHE_ROOT=... python benchmarks/live.py latency    # four minutes, on two cores with nothing else to do
    SEISBENCH_CACHE_ROOT=... python benchmarks/live.py capacity first day

Three-component noise at 100 Hz with events, one thread, 1 s stride.

Latency: packets of one second come in real time, each as soon as its last sample is recorded; the time from the end of
a window to its line, once on disk, has the margin of the filters in it. The last row of each model has as many stations
as one core carries with packets of 4 s. Two runs take place at a time, each on one core.

Capacity: packets come as fast as they are taken, and the processor time for a second of one station is measured: its
inverse is the number of stations that one core carries.

First: a fresh process, with a minute of data, to the end of its first windows.

Day: the memory over a day of one station, as fast as possible, after each quarter.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

WEIGHTS = ("MiniRocketRidge/mixed-3c-fast", "EnvelopePhysicalRidge/mixed-3c", "PhaseNetNamedSCAN/mixed-3c")
RATE = 100
LEAD = 60  # s of record that come at once


class Made:
    """Made-up packets of a network, in real time or as fast as possible.

    Parameters
    ----------
    stations, seconds : int
        The latter after the first minute, which comes at once.
    packet : int
        Length of a packet in s.
    live : bool
        Whether packets come in real time, up to now.
    """

    def __init__(self, stations: int, seconds: int, packet: int = 1, live: bool = True) -> None:
        import numpy as np

        self.name, self.is_live = "made-up packets", live
        self._stations, self._seconds, self._packet, self._closed = stations, seconds, packet, False
        rng = np.random.default_rng(0)
        minute = rng.normal(0, 1000, (3, 600 * RATE))
        for onset in rng.integers(0, minute.shape[1] - 3000, 4):
            minute[:, onset : onset + 3000] *= 1 + 30 * np.exp(-np.arange(3000) / 500)
        self._motion = minute.astype(np.int32)

    def close(self) -> None:
        """End the packets."""
        self._closed = True

    def packets(self, since: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the packets of all stations, second by second."""
        import numpy as np
        from obspy import Trace, UTCDateTime

        begun = time.monotonic()
        start = UTCDateTime() - LEAD if self.is_live else UTCDateTime(2024, 3, 1)
        for first in range(0, LEAD + self._seconds, self._packet):
            due = begun + first + self._packet - LEAD
            while self.is_live and (left := due - time.monotonic()) > 0:
                time.sleep(min(left, 0.1))
                if self._closed:
                    return
            for station in range(self._stations):
                place = (first * RATE + 1234 * station + np.arange(self._packet * RATE)) % self._motion.shape[1]
                for component, data in zip("ZNE", self._motion[:, place], strict=True):
                    header = {"network": "XX", "station": f"S{station:03}", "channel": f"HH{component}"}
                    yield Trace(data, header | {"sampling_rate": RATE, "starttime": start + first})
                if self._closed:
                    return


def watched(name: str, source: Made, **settings: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the lines of windows, and the healths."""
    import seisbench_lcl as lcl
    from seisbench_lcl.live import watch

    healths: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        model = lcl.from_pretrained(name)
        watch(source, model, folder, on_health=lambda one, _: healths.append(one), quakeml=False, **settings)
        files = sorted(Path(folder).glob("windows/*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()], healths


def latency(name: str, stations: int, seconds: int) -> dict[str, float]:
    """Measure the delay of windows that ended after the first minute and 12 s."""
    import numpy as np
    from obspy import UTCDateTime

    begun = UTCDateTime()
    cpu = time.process_time()
    lines, healths = watched(name, Made(stations, seconds), windows="all", wait=20.0)
    cpu = time.process_time() - cpu
    ends = [(UTCDateTime(line["end"]), line["latency"]) for line in lines]
    delays = [delay for end, delay in ends if begun + 12 < end <= begun + seconds - 6]
    median, high = np.percentile(delays, [50, 95])
    dropped = sum(one.dropped for one in healths[-1].stations)
    return {"median": median, "95 %": high, "windows": len(delays), "dropped": dropped, "cores": cpu / seconds}


def capacity(name: str, packet: int, stations: int = 10, seconds: int = 240) -> dict[str, float]:
    """Measure the processor time for one second of one station."""
    from seisbench_lcl.live import engine

    def one_packet_each(reader: Any, timeout: float, most: int) -> list[Any]:
        """Take what comes at one time: otherwise windows would gather, which is faster."""
        return original(reader, timeout, 3 * stations)

    watched(name, Made(1, 0, live=False))  # imports and compilation
    original = engine.PacketReader.take
    engine.PacketReader.take = one_packet_each  # type: ignore[method-assign]
    cpu, wall = time.process_time(), time.perf_counter()
    watched(name, Made(stations, seconds, packet, live=False))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    one = cpu / (stations * (seconds + LEAD))
    return {"cpu ms": 1000 * one, "stations": 1 / one, "wall": wall}


def day(name: str, hours: int) -> dict[str, Any]:
    """Measure the memory over a replayed day of one station."""
    cpu = time.process_time()
    _, healths = watched(name, Made(1, 3600 * hours, 4, live=False))
    memory = [one.memory_mb for one in healths if one.stations and one.stations[0].windows > 100]
    quarters = [memory[place * (len(memory) - 1) // 4] for place in range(5)]
    cpu = time.process_time() - cpu
    return {"quarters": quarters, "windows": healths[-1].stations[0].windows, "processor s": cpu}


def first(name: str) -> dict[str, float]:
    """Measure the time from the start of the process to the first window; a minute of data is there."""
    begun = time.perf_counter()
    import seisbench_lcl as lcl

    model = lcl.from_pretrained(name)
    loaded = time.perf_counter()
    from seisbench_lcl.live import watch

    with tempfile.TemporaryDirectory() as folder:
        watch(Made(1, 0, live=False), model, folder, quakeml=False)
    return {"import and load": loaded - begun, "to the end of the first windows": time.perf_counter() - loaded}


MEASURES = {"latency": latency, "capacity": capacity, "day": day, "first": first}


def in_process(what: str, *arguments: Any) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", json.dumps([what, *arguments])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def latencies(weights: Sequence[str], stations: Sequence[int], seconds: int) -> None:
    """Print how long windows take to become lines."""
    print("| weights | stations | median, s | 95 %, s | windows | dropped | cores used |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with ThreadPoolExecutor(2) as pool:
        most = pool.map(lambda name: int(in_process("capacity", name, 4, 10, 120)["stations"]), weights)
        runs = [(name, count) for name, own in zip(weights, most, strict=True) for count in (*stations, own)]
        for (name, count), found in zip(
            runs, pool.map(lambda run: in_process("latency", *run, seconds), runs), strict=True
        ):
            print(
                f"| `{name}` | {count} | {found['median']:.1f} | {found['95 %']:.1f} | {found['windows']} | "
                f"{found['dropped']} | {found['cores']:.2f} |",
                flush=True,
            )


def capacities(weights: Sequence[str]) -> None:
    """Print how many stations one core carries."""
    print("| weights | packets | processor time of a station-second, ms | stations per core |")
    print("| --- | ---: | ---: | ---: |")
    for name in weights:
        for packet in (1, 4):
            found = in_process("capacity", name, packet)
            print(f"| `{name}` | {packet} s | {found['cpu ms']:.1f} | {found['stations']:.0f} |", flush=True)


def firsts(weights: Sequence[str]) -> None:
    """Print how long a fresh process takes."""
    print("| weights | import and load, s | first windows, s |\n| --- | ---: | ---: |")
    for name in weights:
        found = in_process("first", name)
        print(f"| `{name}` | " + " | ".join(f"{value:.1f}" for value in found.values()) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="latency (the default), capacity, first, day")
    parser.add_argument("--weights", nargs="+", default=WEIGHTS)
    parser.add_argument("--stations", nargs="+", type=int, default=[1, 10, 100])
    parser.add_argument("--seconds", type=int, default=28, help="of real time, for latency")
    parser.add_argument("--hours", type=int, default=24, help="of the day")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        import torch

        torch.set_num_threads(1)
        what, *arguments = json.loads(options.measure)
        print(json.dumps(MEASURES[what](*arguments)))
        return
    for table in options.tables or ["latency"]:
        if table == "latency":
            latencies(options.weights, options.stations, options.seconds)
        elif table == "capacity":
            capacities(options.weights)
        elif table == "first":
            firsts(options.weights)
        else:
            print(f"Memory over {options.hours} h, MB: {in_process('day', options.weights[0], options.hours)}")
        print()


if __name__ == "__main__":
    main()
