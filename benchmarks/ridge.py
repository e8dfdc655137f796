"""Time the ridge head against scikit-learn's RidgeClassifierCV, its decomposition, or a training larger than memory.

    python benchmarks/ridge.py --rows 2000 5000 --repeats 3
    python benchmarks/ridge.py --decompose 1536 4096 10000
    python benchmarks/ridge.py --windows 100000

--rows: random features (9,996 columns of float32) and ten penalties. Both heads hold out one row at a time; ours also
runs with events of three rows. The fits alternate, each in its own process. Prints the median seconds, the ratio to
scikit-learn (with its range over the repeats in brackets), the peak memory including the features, and whether penalty
and decisions on 2,000 fresh rows equal those of scikit-learn.

--decompose: reduces a random Gram matrix of that size to a band and factors the band for the 17 default penalties, or
computes its eigenvectors by torch.linalg.eigh. Prints wall and CPU seconds, each run in its own process.

--windows: writes a SeisBench dataset of that many traces of 3 × 3000 samples to a temporary folder, and trains
MiniRocketRidge on it in its own process, with at most --memory GB of windows in memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from seisbench.data import WaveformDataWriter
from sklearn.linear_model import RidgeClassifierCV

import seisbench_lcl as lcl
from seisbench_lcl.datasets import open_dataset, read_windows
from seisbench_lcl.heads import Ridge
from seisbench_lcl.heads._banded import WIDTH, Banded
from seisbench_lcl.heads.ridge import DEFAULT_ALPHAS

N_FEATURES = 9_996
N_FRESH = 2_000
ALPHAS = np.logspace(-1, 5, 10)
PEER = "RidgeClassifierCV"
FITS = ("ours", "ours, by event", PEER)
LABELS = ["blast", "earthquake", "slide"]


def fit(which: str, n_rows: int) -> dict[str, Any]:
    """Fit once."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (n_rows + N_FRESH) // 3 + 1).repeat(3)[: n_rows + N_FRESH]
    features = rng.standard_normal((n_rows + N_FRESH, N_FEATURES), dtype=np.float32)
    features[:, :50] += 0.5 * (labels[:, None] - 1)
    features, fresh, labels = features[:n_rows], features[n_rows:], labels[:n_rows]
    for column in range(0, N_FEATURES, 147):  # ours standardises, scikit-learn does not
        block = slice(column, column + 147)
        mean, std = features[:, block].mean(axis=0, dtype=float), features[:, block].std(axis=0, dtype=float)
        for part in (features, fresh):
            part[:, block] = (part[:, block] - mean) / std
    if which == PEER:
        peer, seconds = timed(lambda: RidgeClassifierCV(alphas=ALPHAS).fit(features, labels))
        alpha, decisions = peer.alpha_, peer.predict(fresh)
    else:
        x, y = torch.from_numpy(features), torch.from_numpy(labels)
        events = torch.arange(n_rows) // 3 if which == "ours, by event" else None
        head, seconds = timed(lambda: Ridge(N_FEATURES, 3, alphas=ALPHAS, class_weight=None).fit(x, y, events))
        alpha, decisions = head.alpha.item(), head(torch.from_numpy(fresh)).argmax(dim=1).numpy()
    return {"seconds": seconds, "peak": peak(), "alpha": alpha, "decisions": decisions.tolist()}


def decompose(which: str, size: int) -> dict[str, Any]:
    """Decompose a Gram matrix once."""
    padded = -(-size // WIDTH) * WIDTH
    rows = torch.randn(padded, padded, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gram = rows @ rows.T
    del rows
    alphas = torch.tensor(DEFAULT_ALPHAS, dtype=torch.float64)
    calls = {"band": lambda: Banded.of(gram).factor(alphas), "torch.linalg.eigh": lambda: torch.linalg.eigh(gram)}
    started = time.process_time()
    _, seconds = timed(calls[which])
    return {"seconds": seconds, "cpu": time.process_time() - started, "peak": peak()}


def train(folder: str, memory: float) -> dict[str, Any]:
    """Train once from a dataset on disk."""
    model = lcl.MiniRocketRidge(labels=LABELS)
    data, reading = timed(lambda: read_windows(open_dataset(folder), model.preprocessing, memory=memory))
    fit_head = model.head.fit
    seconds = {}

    def fit(*arguments: Any) -> Ridge:
        fitted, seconds["head"] = timed(lambda: fit_head(*arguments))
        return fitted

    model.head.fit = fit
    _, fitting = timed(lambda: model.fit(data.windows, data.labels, data.groups))
    found = model.head.held_out.argmax(axis=1) == data.truth(LABELS)
    return {
        "windows": len(data),
        "reading": reading,
        "features": fitting - seconds["head"],
        "head": seconds["head"],
        "peak": peak(),
        "accuracy": float(found.mean()),
    }


def write(folder: Path, n_windows: int) -> None:
    """Write traces of coloured noise in counts, three of each event."""
    rng = np.random.default_rng(0)
    with WaveformDataWriter(folder / "metadata.csv", folder / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": "ZNE"}
        for i in range(n_windows):
            k = i // 3 % 3
            noise = rng.standard_normal((3, 3001), dtype=np.float32)
            trace = noise[:, 1:] + (0.1 * k + 0.1 * rng.normal()) * noise[:, :-1]
            row = {"source_id": f"event{i // 3}", "source_type": LABELS[k], "split": "train"}
            row |= {"trace_sampling_rate_hz": 100, "trace_p_arrival_sample": 500}
            writer.add_trace(row, (1000 * trace).astype(np.int16))


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = function()
    return found, time.perf_counter() - start


def peak() -> float:
    """Return the largest memory of this process so far in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def alone(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Call a function of this file in a separate process."""
    command = [sys.executable, __file__, "--call", function.__name__, json.dumps(arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def compare(n_rows: int, repeats: int, peer: bool) -> None:
    fits = FITS if peer else FITS[:-1]
    runs = {which: [] for which in fits}
    for _ in range(repeats):
        for which in fits:
            runs[which].append(alone(fit, which, n_rows))
    theirs = runs.get(PEER)
    for which, found in runs.items():
        seconds = median(run["seconds"] for run in found)
        cells = [str(n_rows), which, f"{seconds:.1f}", "", f"{max(run['peak'] for run in found):.1f}", "", ""]
        if theirs and which != PEER:
            ratios = [ours["seconds"] / run["seconds"] for ours, run in zip(found, theirs, strict=True)]
            cells[3] = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            cells[5] = "yes" if np.isclose(found[0]["alpha"], theirs[0]["alpha"]) else "no"
            cells[6] = f"{100 * np.mean(np.equal(found[0]['decisions'], theirs[0]['decisions'])):.2f} %"
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-up-to", type=int, default=5000, help="most rows that scikit-learn fits as well")
    parser.add_argument("--decompose", type=int, nargs="+", default=[], help="sizes of Gram matrices")
    parser.add_argument("--windows", type=int, nargs="+", default=[])
    parser.add_argument("--memory", type=float, default=1.0, help="GB of windows to hold in memory")
    parser.add_argument("--call", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.call:
        function = {"fit": fit, "decompose": decompose, "train": train}[arguments.call[0]]
        print(json.dumps(function(*json.loads(arguments.call[1]))))
        return
    print(f"{torch.get_num_threads()} threads\n")
    if arguments.rows:
        print("| rows | fit | seconds | ratio to scikit-learn | peak memory, GiB | same penalty | same decisions |")
        print("| ---: | --- | ---: | ---: | ---: | --- | ---: |")
    for n_rows in arguments.rows:
        compare(n_rows, arguments.repeats, n_rows <= arguments.peer_up_to)
    if arguments.decompose:
        print("| size | decomposition | seconds | CPU seconds | peak memory, GiB |")
        print("| ---: | --- | ---: | ---: | ---: |")
    for size in arguments.decompose:
        for which in ("band", "torch.linalg.eigh"):
            found = alone(decompose, which, size)
            cells = f"{found['seconds']:.1f} | {found['cpu']:.1f} | {found['peak']:.1f}"
            print(f"| {size} | {which} | {cells} |", flush=True)
    if arguments.windows:
        print("| windows | reading, s | features, s | head, s | peak memory, GiB | held-out accuracy |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for n_windows in arguments.windows:
        with TemporaryDirectory() as folder:
            write(Path(folder), n_windows)
            found = alone(train, folder, arguments.memory)
        times = " | ".join(f"{found[part]:.0f}" for part in ("reading", "features", "head"))
        print(f"| {found['windows']} | {times} | {found['peak']:.1f} | {found['accuracy']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
