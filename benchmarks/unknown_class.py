"""Rejection of a class that is missing from the training data.

    python benchmarks/unknown_class.py FOLDER --unknown "surface event" --seeds 5

FOLDER is a SeisBench dataset with the columns source_type and source_id. Each seed splits the events of the known
classes at random, 70 % for training. Windows beyond the limit in the weights are rejected; training sets it to reject
5 % of the windows of known classes. For "at 5 %", the limit is set on the known test windows instead, so that scores
can be compared. Scores are the novelty of the package, the energy of the logits, and one minus the highest probability.
Tables show means and standard deviations over the seeds.
"""

import argparse
from typing import Any

import _deals
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

import seisbench_lcl as lcl

MODELS = ("MiniRocketRidge", "SpectrogramCNN", "ResNet18")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--unknown", default="surface event", help="class to leave out of the training")
    parser.add_argument("--components", default="ZNE", help="components to use")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--models", nargs="*", default=MODELS, help="models to compare")
    arguments = parser.parse_args()
    calls = [(arguments.unknown, name, seed) for seed in range(arguments.seeds) for name in arguments.models]
    rows = _deals.run(arguments.folder, arguments.components, arguments.jobs, reject, calls)
    table = pd.DataFrame([row for part in rows for row in part["rows"]])
    columns = ("known rejected", "unknown rejected", "unknown rejected at 5 %", "AUC")
    print(f"\n{table['seed'].nunique()} seeds\n\n| model | score | {' | '.join(columns)} |")
    print(f"| --- | --- |{' ---: |' * len(columns)}")
    for (model, score), part in table.groupby(["model", "score"]):
        cells = [f"{part[c].mean():.3f} ± {part[c].std(ddof=1):.3f}" if part[c].notna().any() else "" for c in columns]
        print(f"| {model} | {score} | {' | '.join(cells)} |")


def reject(unknown: str, name: str, seed: int) -> dict[str, Any]:
    train, test = _deals.deal(seed)
    strange = _deals.data.select(_deals.data.labels == unknown)
    train, test = train.select(train.labels != unknown), test.select(test.labels != unknown)
    labels = sorted(set(train.labels.tolist()))
    model = _deals.make(name, seed, labels)
    model.fit(train.windows, train.labels, train.groups)
    scores = {
        "novelty": [model.novelty(part.windows) for part in (test, strange)],
        "1 − highest probability": [1 - model.predict_proba(part.windows).max(axis=1) for part in (test, strange)],
    }
    if name != "MiniRocketRidge":
        scores["energy"] = [energy(model, part.windows) for part in (test, strange)]
    rows = []
    for score, (known, new) in scores.items():
        limited = score == "novelty"
        rows.append({
            "model": name, "seed": seed, "score": score,
            "known rejected": (known > 1).mean() if limited else np.nan,
            "unknown rejected": (new > 1).mean() if limited else np.nan,
            "unknown rejected at 5 %": (new > np.quantile(known, 0.95)).mean(),
            "AUC": roc_auc_score(np.repeat([0, 1], [len(known), len(new)]), np.concatenate([known, new])),
        })  # fmt: skip
    return {"model": name, "seed": seed, "rows": rows}


def energy(model: lcl.Discriminator, windows: Any) -> NDArray[np.float32]:
    with torch.no_grad():
        return -torch.logsumexp(model.head.logits(model.features(windows)), dim=1).numpy()


if __name__ == "__main__":
    main()
