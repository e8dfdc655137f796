"""Time the extractors on windows of 20 s, three components, 100 Hz, on one thread.

    python benchmarks/extractors.py --windows 256 --repeats 7

Each repeat runs all extractors in turn. Prints the median milliseconds per window, and the median over the repeats of
the ratio to MiniRocket. Networks are timed by `seisbench-lcl compare`.
"""

import argparse
import time

import numpy as np
import torch

from seisbench_lcl.models.registry import registry

EXPRESSIONS = (
    "minirocket",
    "physical",
    "envelope>minirocket",
    "envelope>minirocket+physical",
    "component-std>minirocket+envelope>minirocket+physical",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    windows = torch.randn(arguments.windows, 3, 2000, generator=torch.Generator().manual_seed(0))
    extractors = {name: registry().build_extractor(name, (3, 2000, 100.0), {}, {}).fit(windows) for name in EXPRESSIONS}
    times = np.array([
        [seconds(extractor, windows) for extractor in extractors.values()] for _ in range(arguments.repeats + 1)
    ])[1:]  # fmt: skip
    print("| extractor | features | ms per window | ratio to MiniRocket |\n| --- | ---: | ---: | ---: |")
    milliseconds = np.median(times, axis=0) / arguments.windows * 1e3
    ratios = np.median(times / times[:, :1], axis=0)
    for (name, extractor), ms, ratio in zip(extractors.items(), milliseconds, ratios, strict=True):
        print(f"| {name} | {extractor.n_features} | {ms:.2f} | {ratio:.2f} |")


def seconds(extractor: torch.nn.Module, windows: torch.Tensor) -> float:
    start = time.process_time()
    extractor(windows)
    return time.process_time() - start


if __name__ == "__main__":
    main()
