"""Compare the speed of the MiniRocket transform with aeon's and sktime's, in turn in one process.

    python benchmarks/transform.py --windows 500 --repeats 7

Prints medians over the repeats, and the median and range of the ratios within each repeat, which cancel drifts of the
machine's speed. First calls (with an empty and with a full cache of compiled code) and peak memory are measured in
separate processes. Needs aeon and sktime (``pip install seisbench-lcl[benchmarks]``).

The lower limit: each kernel output costs three additions, and each bias one comparison and one count. For 3 x 2000
samples and 9,996 features that makes 6.0 million AVX2 instructions; at three per cycle and 4 GHz they take 0.50 ms per
window and thread. AVX-512 needs half the instructions, at up to two per cycle.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

LIMIT = 0.50  # ms per window and thread
NAMES = ("ours", "aeon", "sktime")
SHAPE = (3, 2000)


def transform(name: str, windows: NDArray[np.float32]) -> Callable[[NDArray[np.float32], int], object]:
    """Fit one of the three; return a function of windows and number of threads that transforms."""
    if name == "ours":
        from seisbench_lcl.extractors import MiniRocket

        model = MiniRocket(*SHAPE, 100).fit(torch.from_numpy(windows))

        def ours(x: NDArray[np.float32], threads: int) -> object:
            torch.set_num_threads(threads)
            return model(torch.from_numpy(x))

        return ours
    if name == "aeon":
        from aeon.transformations.collection.convolution_based import MiniRocket as AeonMiniRocket

        aeon = AeonMiniRocket(random_state=0).fit(windows)

        def theirs(x: NDArray[np.float32], threads: int) -> object:
            aeon._n_jobs = threads
            return aeon.transform(x)

        return theirs
    from sktime.transformations.panel.rocket import MiniRocketMultivariate

    sktime = MiniRocketMultivariate(random_state=0).fit(windows)

    def other(x: NDArray[np.float32], threads: int) -> object:
        sktime.n_jobs = threads
        return sktime.transform(x)

    return other


def data(n: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(n, *SHAPE)).astype(np.float32)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alone(name: str, n: int) -> dict[str, float]:
    """Fit and transform once in a separate process: seconds of the first call, and MB of memory besides the output."""
    few = data(16)
    found: list[Callable[[NDArray[np.float32], int], object]] = []

    def first() -> None:
        found.append(transform(name, few))
        found[0](few, 1)

    took = seconds(first)
    windows = data(n)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of compilation
    before = memory("VmRSS")
    output = found[0](windows, 2)
    beside = memory("VmHWM") - before - np.asarray(output).nbytes / 2**20
    return {"seconds": took, "beside": max(0.0, beside)}  # negative if freed memory is reused


def memory(which: str) -> float:
    """Return a memory figure of this process in MB from Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def fresh(name: str, n: int, cache: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--alone", name, "--windows", str(n)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"NUMBA_CACHE_DIR": cache}
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--alone", choices=NAMES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(alone(arguments.alone, arguments.windows)))
        return

    windows = data(arguments.windows)
    functions = {name: transform(name, windows[:16]) for name in NAMES}
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in ("seisbench-lcl", "aeon", "sktime", "numba", "numpy")))
    print(f"\n{arguments.windows} windows, ms per window, {arguments.repeats} repeats\n")
    print("| threads | ours | aeon | sktime | aeon / ours | sktime / ours | limit / ours |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for threads in (1, 2):
        rows = [
            {name: seconds(partial(function, windows, threads)) for name, function in functions.items()}
            for _ in range(arguments.repeats)
        ]
        median = {name: statistics.median(row[name] for row in rows) / len(windows) * 1e3 for name in NAMES}
        cells = [f"{median[name]:.2f}" for name in NAMES]
        for name in NAMES[1:]:
            ratios = [row[name] / row["ours"] for row in rows]
            cells.append(f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
        print(f"| {threads} | {' | '.join(cells)} | {100 * LIMIT / threads / median['ours']:.0f} % |", flush=True)

    print("\n| | ours | aeon | sktime |\n| --- | ---: | ---: | ---: |")
    cold, warm = {}, {}
    for name in NAMES:
        with tempfile.TemporaryDirectory() as cache:
            cold[name], warm[name] = (fresh(name, arguments.windows, cache) for _ in range(2))
    for row, runs, key, unit in (
        ("import, fit, first call; empty numba cache", cold, "seconds", "s"),
        ("the same with a full numba cache", warm, "seconds", "s"),
        ("peak memory besides the output, 2 threads", warm, "beside", "MB"),
    ):
        print(f"| {row} | {' | '.join(f'{runs[name][key]:.1f} {unit}' for name in NAMES)} |")


if __name__ == "__main__":
    main()
