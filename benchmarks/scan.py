"""Time the cluster head SCAN on many windows: neighbours, training, and the recall of an index of neighbours.

    python benchmarks/scan.py --rows 20000
    python benchmarks/scan.py --rows 20000 --index

Features are synthetic, 9,996 per row as for MiniRocket: unequal clusters in a subspace, plus noise. With --index the
neighbours come from the index that is used beyond 50,000 windows, and its recall is measured.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import torch

from seisbench_lcl.heads import SCAN, KMeans, neighbours, scan

N_FEATURES = 9_996
FRACTIONS = (0.4, 0.25, 0.15, 0.12, 0.08)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--index", action="store_true")
    arguments = parser.parse_args()
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[name] = seconds.get(name, 0) + time.perf_counter() - start

        return call

    find = neighbours.nearest
    exact_up_to = 0 if arguments.index else neighbours.EXACT_UP_TO
    scan.nearest = timed("neighbours", lambda rows, k, seed: find(rows, k, exact_up_to, seed))
    scan.optimise = timed("training", scan.optimise)
    KMeans.fit = timed("k-means for comparison", KMeans.fit)

    features, truth = synthetic(arguments.rows)
    head = SCAN(N_FEATURES, len(FRACTIONS))
    timed("whole fit", head.fit)(features)
    found = head(features).argmax(dim=1)
    purity = sum(int(torch.bincount(truth[found == k]).max()) for k in found.unique()) / len(features)
    kmeans = sum(int(torch.bincount(truth[head.kmeans == k]).max()) for k in head.kmeans.unique()) / len(features)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cells = {"rows": arguments.rows, "neighbours": "index" if arguments.index else "exact"}
    cells |= {f"{name}, s": f"{value:.0f}" for name, value in seconds.items()}
    cells |= {"recall": f"{head.recall:.3f}", "purity": f"{purity:.3f}", "purity of k-means": f"{kmeans:.3f}"}
    cells |= {"peak, GiB": f"{peak:.1f}"}
    print(f"| {' | '.join(cells)} |\n|{' ---: |' * len(cells)}\n| {' | '.join(map(str, cells.values()))} |")


def synthetic(n_rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = torch.multinomial(torch.tensor(FRACTIONS), n_rows, replacement=True, generator=generator)
    # As in MiniRocket, many features are redundant: windows vary along a few directions.
    directions = torch.randn(20, N_FEATURES, generator=generator)
    centres = 3 * torch.randn(len(FRACTIONS), 20, generator=generator)
    features = (centres[truth] + torch.randn(n_rows, 20, generator=generator)) @ directions
    features += torch.randn(n_rows, N_FEATURES, generator=generator)
    return features, truth


if __name__ == "__main__":
    main()
