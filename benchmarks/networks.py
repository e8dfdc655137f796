"""Compare the supervised models on held-out events with a baseline that uses metadata only.

    python benchmarks/networks.py FOLDER --seeds 5
    python benchmarks/networks.py FOLDER --components Z --seeds 5
    python benchmarks/networks.py FOLDER --models MiniRocketRidge ScatteringRidge scattering:linear

--models accepts any model that learns from labels, including those of plugins, and pairs of extractor and head. FOLDER
is a SeisBench dataset with the columns source_type and source_id. Each seed splits the events of each class at random,
70 % for training, and is also the seed of the networks. Scores cover the other events of all seeds together, per
station and per event (mean of its stations), with 95 % intervals from 1,000 resamples of whole events. "metadata" is a
logistic regression on native sampling rate, band code and network code, a baseline without waveforms. Times are
processor times on one thread, medians over the seeds: seconds of `fit`, and milliseconds per window of
`predict_proba`.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import _deals
import numpy as np

MODELS = ("MiniRocketRidge", "ResNet18", "VGG16", "Inception10", "SpectrogramCNN")
BASELINE = "metadata"
SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "brier")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--components", default="ZNE", help="components to use")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--models", nargs="*", default=[BASELINE, *MODELS], help="models to compare")
    arguments = parser.parse_args()

    calls = [(name, seed) for seed in range(arguments.seeds) for name in arguments.models]
    rows = _deals.run(arguments.folder, arguments.components, arguments.jobs, evaluate, calls)
    labels = rows[0]["labels"]
    for level in ("station", "event"):
        print(f"\n| per {level} | {' | '.join(SHOWN)} |\n| --- |{' ---: |' * len(SHOWN)}")
        for name in arguments.models:
            own = [row for row in rows if row["model"] == name]
            found = _deals.intervals(own, level, labels)
            print(f"| {name} ({len(own)} seeds) | {' | '.join(str(found[key]) for key in SHOWN)} |")
    print("\n| model | parameters | MB on disk | s to train | epochs | ms per window |\n| --- |" + " ---: |" * 5)
    for name in arguments.models:
        own = [row for row in rows if row["model"] == name and "size" in row]
        if own:
            cells = [f"{np.median([row[key] for row in own]):.{n}f}" for key, n in
                     (("parameters", 0), ("size", 2), ("seconds", 0), ("epochs", 0), ("milliseconds", 1))]  # fmt: skip
            print(f"| {name} | {' | '.join(cells)} |")


def evaluate(name: str, seed: int) -> dict[str, Any]:
    train, test = _deals.deal(seed)
    labels = sorted(set(_deals.data.labels.tolist()))
    row = {"model": name, "seed": seed, "labels": labels}
    if name == BASELINE:
        return row | _deals.levels(_deals.metadata_model(train).predict_proba(_deals.metadata(test)), test, labels)
    discriminator = _deals.make(name, seed, labels)
    start = time.process_time()
    discriminator.fit(train.windows, train.labels, train.groups)
    trained = time.process_time()
    probabilities = discriminator.predict_proba(test.windows)
    done = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        discriminator.save(Path(folder) / "model")
        size = (Path(folder) / "model.safetensors").stat().st_size / 1e6
    learnt = [*discriminator.extractor.state_dict().values(), *discriminator.head.state_dict().values()]
    return row | _deals.levels(probabilities, test, labels) | {
        "seconds": trained - start,
        "milliseconds": (done - trained) / len(test) * 1e3,
        "epochs": len(discriminator.histories[0].train) if discriminator.histories else np.nan,
        "parameters": sum(tensor.numel() for tensor in learnt if tensor.is_floating_point()),
        "size": size,
    }  # fmt: skip


if __name__ == "__main__":
    main()
