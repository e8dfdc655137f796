"""Time the MiniRocket transform beside aeon's, in turn, in one process.

    python benchmarks/transform.py --windows 1000 --repeats 5

Prints the medians over the repeats and the median of the ratios within each repeat: the machine's speed drifts, and a
pair that ran together drifts together. Needs aeon (``pip install seisbench-lcl[test]``).
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from aeon.transformations.collection.convolution_based import MiniRocket as AeonMiniRocket

from seisbench_lcl.extractors import MiniRocket


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    windows = rng.normal(size=(arguments.windows, 3, 2000)).astype(np.float32)
    tensor = torch.from_numpy(windows)
    few = windows[:16]
    ours = MiniRocket(3, 2000, 100).fit(torch.from_numpy(few))
    aeon = AeonMiniRocket(random_state=0).fit(few)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in ("seisbench-lcl", "aeon", "numba", "numpy", "torch")))
    print(f"first call, with compilation or its cache: ours {seconds(lambda: ours(tensor[:16])):.1f} s, ", end="")
    print(f"aeon {seconds(lambda: aeon.transform(few)):.1f} s\n")
    print("| threads | ours, ms a window | aeon, ms a window | aeon / ours |")
    print("| ---: | ---: | ---: | ---: |")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        aeon._n_jobs = threads
        pairs = [
            (seconds(lambda: ours(tensor)), seconds(lambda: aeon.transform(windows))) for _ in range(arguments.repeats)
        ]
        own, other = (statistics.median(column) / len(windows) * 1e3 for column in zip(*pairs, strict=True))
        ratios = [theirs / mine for mine, theirs in pairs]
        spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        print(f"| {threads} | {own:.2f} | {other:.2f} | {spread} |")


if __name__ == "__main__":
    main()
