"""Time the ridge head on random features beside scikit-learn's RidgeClassifierCV, each fit in a process of its own.

    python benchmarks/ridge.py --rows 2000 5000 20000 --peer-up-to 5000

Both choose among ten penalties by leave-one-out; ours also leaves out events of three rows and calibrates. Prints
seconds and peak memory, features included (9,996 columns of float32).
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV

from seisbench_lcl.heads import Ridge

N_FEATURES = 9_996
ALPHAS = np.logspace(-1, 5, 10)


def measure(which: str, n_rows: int) -> dict[str, float]:
    """Fit once; called in a process of its own."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n_rows // 3 + 1).repeat(3)[:n_rows]
    features = rng.random((n_rows, N_FEATURES), dtype=np.float32)
    features[:, :50] += 0.2 * labels[:, None]
    start = time.perf_counter()
    if which == "ours":
        groups = torch.arange(n_rows) // 3
        Ridge(N_FEATURES, 3, alphas=ALPHAS, class_weight=None).fit(
            torch.from_numpy(features), torch.from_numpy(labels), groups
        )
    else:
        RidgeClassifierCV(alphas=ALPHAS).fit(features, labels)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 5000])
    parser.add_argument("--peer-up-to", type=int, default=5000)
    parser.add_argument("--single", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single:
        print(json.dumps(measure(arguments.single[0], int(arguments.single[1]))))
        return
    print(f"{torch.get_num_threads()} threads\n")
    print("| rows | fit | seconds | peak memory, GiB |")
    print("| ---: | --- | ---: | ---: |")
    for n_rows in arguments.rows:
        for which in ("ours", "RidgeClassifierCV"):
            if which == "ours" or n_rows <= arguments.peer_up_to:
                command = [sys.executable, __file__, "--single", which, str(n_rows)]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(f"| {n_rows} | {which} | {found['seconds']:.1f} | {found['peak']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
