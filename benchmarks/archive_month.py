"""A month of an archive with all that goes wrong in one, run whole and run with kills, which must give the same rows.

    python benchmarks/archive_month.py --data ../data --plot docs/figures/archive-memory.svg
    python benchmarks/archive_month.py --data ../data --hours 24 --stride 1 --weights EnvelopePhysicalRidge/mixed-3c

Writes an SDS archive of four stations over the end of a month: noise of the spectrum of the longest record of
`continuous`, that record itself once a day, and an earthquake every twenty minutes, but for `--hours` a day only. It
has holes, files that overlap, begin late, are empty, cut off or foreign, a rate that changes, and channel names that
change. One run is left alone. In the other, workers and clients are killed with SIGKILL while they compute, and the
same command is given again until it ends. Prints the station table, the kills, whether the rows and the files of both
are the same, and the memory of the workers.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
from numpy.typing import NDArray
from obspy import UTCDateTime

RATE = 100
START = UTCDateTime(2024, 2, 24)
EVERY = 1200  # s between earthquakes
RECORDED = obspy.read()
# After how many batches of each client a worker is killed, and at last the client.
KILLS = (((1, "worker"), (2, "worker"), (4, "client")), ((1, "client"),), ((1, "worker"), (3, "client")), ())


def noise_like(record: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return n samples of each component with the spectra of a record, and random phases common to the components."""
    half = 2**13
    taper = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))
    parts = (record[:, i : i + 2 * half] for i in range(0, record.shape[1] - 2 * half, half))
    quiet = min(parts, key=lambda part: float(part[0].std()))
    spectra = np.fft.rfft((quiet - quiet.mean(axis=1, keepdims=True)) * taper, axis=1)
    spectra[:, :8] = 0  # slower than 20 s
    out = np.zeros((len(record), n + 4 * half))
    for first in range(0, n + 2 * half, half):
        phases = np.exp(2j * np.pi * rng.random(spectra.shape[1]))
        out[:, first : first + 2 * half] += np.fft.irfft(spectra * phases, 2 * half, axis=1) * taper
    return np.asarray(out[:, half : half + n])


def day_of(record: NDArray[np.float64], hours: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a day's record (3, n) in counts."""
    n = round(hours * 3600 * RATE)
    data = noise_like(record, n, rng)
    begin = int(rng.integers(0, max(1, n - record.shape[1])))
    length = min(record.shape[1], n - begin)
    data[:, begin : begin + length] = (record - record.mean(axis=1, keepdims=True))[:, :length]
    for first in range(60 * RATE, n - 3000, EVERY * RATE):
        size = data[0].std() * 10 ** rng.uniform(0, 1.5)
        for row, code in zip(data, "ZNE", strict=True):
            wave = RECORDED.select(component=code)[0].data[:3000].astype(float)
            row[first : first + 3000] += size * (wave - wave.mean()) / RECORDED[0].data.std()
    return data


def make_archive(root: Path, continuous: Path, days: int, hours: float) -> None:
    """Write the archive, with its flaws."""
    stream = obspy.read(str(next(continuous.glob("rocknet*.mseed"))))
    codes = sorted({trace.stats.station for trace in stream})
    for number, station in enumerate(("AAA", "BBB", "CCC", "DDD")):
        own = stream.select(station=codes[number % len(codes)])
        record = np.stack([own.select(component=code)[0].data.astype(float) for code in "ZNE"])
        for day in range(days):
            data = day_of(record, hours, np.random.default_rng([number, day]))
            # Half of the day's hours end at its midnight, and half follow it.
            start = START + day * 86400 - hours * 1800
            channels, rate = "ZNE", RATE
            if station == "BBB" and day >= days // 2:
                channels = "Z12"
            if station == "CCC" and day >= days // 2:
                data, rate = data[:, ::2], RATE // 2
            for row, channel in zip(data, channels, strict=True):
                write(root, station, f"HH{channel}", start, row, rate)
    damage(root, days, hours)


def write(root: Path, station: str, channel: str, start: UTCDateTime, data: NDArray[np.float64], rate: int) -> None:
    header = {"network": "XX", "station": station, "channel": channel, "sampling_rate": rate, "starttime": start}
    trace = obspy.Trace(data.round().astype(np.int32), header)
    midnight = UTCDateTime(start.year, start.month, start.day) + 86400
    for part in (trace.slice(start, midnight - 0.5 / rate), trace.slice(midnight, trace.stats.endtime)):
        if part.stats.npts:
            file = root / sds_name(station, channel, part.stats.starttime)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as opened:
                part.write(opened, "MSEED", encoding="STEIM2")


def sds_name(station: str, channel: str, day: UTCDateTime) -> str:
    name = f"XX.{station}..{channel}.D.{day.year}.{day.julday:03d}"
    return f"{day.year}/XX/{station}/{channel}.D/{name}"


def damage(root: Path, days: int, hours: float) -> None:
    """Do to the files what happens to files."""
    first, second, third, fourth = (START + i * 86400 for i in range(4))
    for channel in ("HHZ", "HHN", "HHE"):
        hole = root / sds_name("AAA", channel, second)
        recorded = obspy.read(str(hole))
        recorded.cutout(second + hours * 300, second + hours * 600)
        recorded.write(str(hole), "MSEED", encoding="STEIM2")
        # A file that goes on beyond midnight, so that it overlaps the next.
        before, after = (root / sds_name("BBB", channel, day) for day in (second, third))
        rest = obspy.read(str(after)).slice(third, third + 300)
        with before.open("ab") as opened:
            rest.write(opened, "MSEED", encoding="STEIM2")
    late = root / sds_name("CCC", "HHN", third)
    obspy.read(str(late)).slice(third + hours * 200).write(str(late), "MSEED", encoding="STEIM2")
    cut_off = root / sds_name("DDD", "HHE", second)
    cut_off.write_bytes(cut_off.read_bytes()[:-700_001])
    (root / sds_name("DDD", "HHZ", third)).write_bytes(b"")
    (root / sds_name("DDD", "HHN", fourth)).write_bytes(b"no recording at all\n" * 500)
    (root / sds_name("DDD", "HHE", START + (days - 1) * 86400)).unlink()
    (root / sds_name("AAA", "HHZ", first)).with_name("notes.txt").write_text("visited on Tuesday")
    (root / "README").write_text("our archive")


def children_of(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those of these."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue  # it has just ended
        if int(rest.split()[1]) == pid:
            child = int(name.split()[0])
            yield child
            yield from children_of(child)


def workers_of(pid: int) -> list[int]:
    found = []
    for child in children_of(pid):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"spawn_main" in command:
            found.append(child)
    return found


class Memory:
    """Resident memory of the workers of clients, sampled twice a second."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int, float]] = []  # s, process, MB
        self.kills: list[tuple[float, str]] = []
        self._begin = time.monotonic()
        self._client = 0
        threading.Thread(target=self._sample, daemon=True).start()

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begin

    def watch(self, client: int) -> None:
        """Sample the workers of this client from now on; 0 stops."""
        self._client = client

    def _sample(self) -> None:
        while True:
            for pid in workers_of(self._client) if self._client else ():
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
                self.samples += [(self.now, pid, int(size) / 1024) for size in sizes]
            time.sleep(0.5)


def run(command: list[str], kills: tuple[tuple[int, str], ...], memory: Memory, rng: random.Random) -> bool:
    """Give the command once; return whether it came to its end."""
    waiting = list(kills)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as client:
        memory.watch(client.pid)
        assert client.stdout
        batches = -1  # the first line is the plan
        for line in client.stdout:
            batches += 1
            if "end" in json.loads(line):
                break
            if waiting and batches >= waiting[0][0]:
                _, what = waiting.pop(0)
                time.sleep(rng.uniform(0.3, 3))  # into the next batch
                workers = workers_of(client.pid)
                if what == "worker" and workers:
                    os.kill(workers[0], signal.SIGKILL)
                elif what == "client":
                    client.kill()
                memory.kills.append((memory.now, what))
                if what == "client":
                    client.wait()
                    while any(Path(f"/proc/{pid}").exists() for pid in workers):
                        time.sleep(0.1)
                    return False
        code = client.wait()
    if code:
        raise SystemExit(f"the run ended with status {code}")
    return True


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.parquet"))
    }


def rows(folder: Path, table: str) -> pd.DataFrame:
    found = pd.read_parquet(folder / table)
    return found.sort_values(["station", "start_time"], ignore_index=True).astype({"network": str})


def plot(runs: dict[str, Memory], path: Path) -> None:
    """Draw the memory of each worker, and what was killed."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "memory"
    top = 1.15 * max(size for memory in runs.values() for _, _, size in memory.samples)
    figure, axes = plt.subplots(len(runs), 1, figsize=(7, 4.2), layout="constrained", sharex=True, sharey=True)
    for axis, (name, memory) in zip(axes, runs.items(), strict=True):
        for pid in dict.fromkeys(pid for _, pid, _ in memory.samples):
            peaks: dict[float, float] = {}  # of each four seconds: a line of all samples makes a large file
            for when, one, size in memory.samples:
                if one == pid:
                    peaks[when // 4 / 15] = max(size, peaks.get(when // 4 / 15, 0))
            times, sizes = [*peaks], [*peaks.values()]
            axis.plot(times, sizes, color="#1f6f8b", linewidth=1.2)
            axis.fill_between(times, sizes, color="#1f6f8b", alpha=0.12, linewidth=0)
        for kind, colour, marker in (("worker", "#d1495b", "v"), ("client", "black", "X")):
            if own := [when / 60 for when, what in memory.kills if what == kind]:
                axis.vlines(own, 0, 0.94 * top, colour, linewidth=0.8, linestyle="dotted")
                axis.scatter(own, [0.94 * top] * len(own), 30, colour, marker=marker, label=f"{kind} killed")
        axis.set(ylabel="memory, MB", ylim=(0, top))
        axis.set_title(name, loc="left", fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
        if memory.kills:
            axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
    axes[-1].set(xlabel="minutes", xlim=(0, None))
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with continuous")
    parser.add_argument("--days", type=int, default=10, help="8 or more")
    parser.add_argument("--hours", type=float, default=1.0, help="recorded of each day, half before midnight")
    parser.add_argument("--stride", type=float, default=2.0)
    parser.add_argument("--weights", default="MiniRocketRidge/mixed-3c-fast")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--plot", type=Path, help="figure of the memory")
    parser.add_argument("--keep", type=Path, help="new folder for the results of the run with kills")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "sds")
        make_archive(root, given.data / "continuous", given.days, given.hours)
        size = sum(file.stat().st_size for file in root.rglob("*.D.*"))
        print(f"4 stations, {given.days} days of {given.hours:g} h, {size / 1e6:.0f} MB\n", flush=True)
        command = [sys.executable, "-m", "seisbench_lcl", "archive", "run", str(root), "--weights", given.weights]
        command += ["--start", str(START), "--end", str(START + given.days * 86400), "--stride", str(given.stride)]
        command += ["--windows", "top", "--workers", str(given.workers), "--json"]
        outs = {"left alone": Path(folder, "whole"), "with kills": Path(folder, "killed")}
        memories: dict[str, Memory] = {}
        rng = random.Random(given.seed)
        for name, out in outs.items():
            memory = memories[name] = Memory()
            attempts = [()] if name == "left alone" else KILLS
            ends = [run([*command, "--out", str(out)], kills, memory, rng) for kills in attempts]
            memory.watch(0)
            assert ends == [False] * (len(attempts) - 1) + [True], "a client ended before it could be killed"
            peak = max(size for _, _, size in memory.samples)
            workers = len({pid for _, pid, _ in memory.samples})
            kinds = [what for _, what in memory.kills]
            killed = f"{kinds.count('worker')} workers and {kinds.count('client')} clients killed, "
            told = f"{killed if kinds else ''}{workers} workers, at most {peak:.0f} MB"
            print(f"{name}: {memory.now:.0f} s, {told}", flush=True)
        whole, other = outs.values()
        for table in ("detections", "windows"):
            expected, found = rows(whole, table), rows(other, table)
            pd.testing.assert_frame_equal(found, expected, check_categorical=False)
            print(f"{table}: the same {len(expected)} rows")
        same = contents(whole) == contents(other)
        print(f"{len(contents(whole))} files, {'the same byte for byte' if same else 'whose bytes differ'}\n")
        subprocess.run([sys.executable, "-m", "seisbench_lcl", "archive", "status", str(other)], check=True)
        if given.keep:
            shutil.copytree(other, given.keep)
        if given.plot:
            plot(memories, given.plot)


if __name__ == "__main__":
    main()
