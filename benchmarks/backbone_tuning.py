"""A pretrained picker as it is, and trained further: events held out, and repositories held out.

    python benchmarks/backbone_tuning.py ../data/mixed_3c --rates 1e-4 3e-4

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository; PhaseNet's original weights
must be in SeisBench's cache. In each fold a linear head is fitted to the features of the frozen backbone; then both are
trained further on the same windows. Scores are those of `backbones.py`.
"""

import argparse

import numpy as np
import torch
from backbones import recall
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import event_folds
from seisbench_lcl.models import fine_tune_backbone
from seisbench_lcl.waveforms import Preprocessing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4], help="learning rates")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = read_windows(open_dataset(arguments.folder, "ZNE"), Preprocessing())
    labels = sorted(set(data.labels.tolist()))
    repositories = data.metadata["origin_repository"].to_numpy(dtype=str)
    elsewhere = np.isin(data.labels, [c for c in labels if len(set(repositories[data.labels == c])) > 1])
    columns = [labels.index(c) for c in sorted(set(data.labels[elsewhere].tolist()))]
    found = {
        "events": held_out(data, labels, event_folds(data, 5, arguments.seed), arguments),
        "repositories": held_out(data, labels, repositories, arguments),
    }
    print("| backbone | events held out, per station | per event | repository held out, per station | per event |")
    print("| --- |" + " ---: |" * 4)
    for name in found["events"]:
        values = [recall(found["events"][name], data, labels, list(range(len(labels))), by) for by in (False, True)]
        kept = data.select(elsewhere)
        values += [recall(found["repositories"][name][elsewhere], kept, labels, columns, by) for by in (False, True)]
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |")


def held_out(
    data: LabelledWindows, labels: list[str], folds: NDArray[np.str_], arguments: argparse.Namespace
) -> dict[str, NDArray[np.float32]]:
    """Return the probabilities of windows that were held out, of the frozen backbone and at each learning rate."""
    names = ["frozen", *(f"trained further at {rate:g}" for rate in arguments.rates)]
    found = {name: np.zeros((len(data), len(labels)), dtype=np.float32) for name in names}
    for fold in np.unique(folds):
        test, train = folds == fold, data.select(folds != fold)
        known = sorted(set(train.labels.tolist()))
        frozen = lcl.Discriminator("seisbench", "linear", labels=known, novelty_rate=None)
        models = [frozen.fit(train.windows, train.labels, train.groups)]
        models += [
            fine_tune_backbone(
                frozen,
                train.windows,
                train.labels,
                train.groups,
                learning_rate=rate,
                epochs=arguments.epochs,
                seed=arguments.seed,
            )
            for rate in arguments.rates
        ]
        for name, model in zip(names, models, strict=True):
            answers = model.predict_proba(data.windows[test])
            found[name][np.ix_(test, [labels.index(label) for label in known])] = answers
            kept = [history.best_epoch for history in model.histories]
            print(f"# {fold} held out, {name}: best epoch {kept}", flush=True)
    return found


if __name__ == "__main__":
    main()
