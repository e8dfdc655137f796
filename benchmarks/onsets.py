"""Wrong picks: how far the onset by a criterion, or by a picker, brings them back, and what labels gain.

    python benchmarks/onsets.py --dataset ../data/mixed_3c
    python benchmarks/onsets.py --dataset ../data/mixed_3c --weights models/mine --picker PhaseNet/original

Picks of the dataset are moved by normally distributed errors. Then windows are cut as picked, with the onset by
Akaike's criterion on the vertical component (`Cuts.refine`), and with that of a picker (`Cuts.picker`). Prints the
median and the 90th percentile of the remaining error, for picks of analysts only (column trace_p_status "manual"), and
for all traces with a pick the balanced accuracy of the weights.
"""

import argparse
from dataclasses import replace

import numpy as np
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets import Cuts, open_dataset, read_windows
from seisbench_lcl.hub.backbones import named_backbone
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.records import read_array

ERRORS = (0.0, 0.5, 1.0, 2.0)
PICK = "trace_p_arrival_sample"
RATE = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder of a SeisBench dataset with picks and splits")
    parser.add_argument("--split", default="dev", help="split for the labels; errors are those of all splits")
    parser.add_argument("--weights", nargs="+", default=["EnvelopePhysicalRidge/mixed-3c"])
    parser.add_argument("--picker", default="PhaseNet/original")
    parser.add_argument("--radius", type=float, default=5.0, help="seconds to search on both sides")
    arguments = parser.parse_args()
    models = {name: find_model(name) for name in arguments.weights}
    picker = named_backbone(arguments.picker)
    refined = Cuts(refine=arguments.radius)
    methods = {"as picked": Cuts(), "criterion": refined, arguments.picker: replace(refined, picker=picker)}
    print("| error, s | method | median error, s | 90 %, s | " + " | ".join(models) + " |")
    print("| ---: | --- | ---: | ---: |" + " ---: |" * len(models))
    for error in ERRORS:
        for method, cuts in methods.items():
            left = np.abs(errors(arguments.dataset, error, cuts, next(iter(models.values()))))
            scores = [f"{accuracy(arguments, model, error, cuts):.3f}" for model in models.values()]
            told = f"{np.median(left):.2f} | {np.quantile(left, 0.9):.2f}"
            print(f"| {error:g} | {method} | {told} | {' | '.join(scores)} |", flush=True)


def moved(folder: str, order: str, error: float) -> WaveformDataset:
    """Open the dataset with wrong picks, in the column "moved"."""
    dataset = open_dataset(folder, order)
    shift = np.random.default_rng(0).normal(scale=error, size=len(dataset)) if error else 0.0
    picks = dataset.metadata[PICK] + shift * dataset.metadata["trace_sampling_rate_hz"]
    dataset.metadata["moved"] = picks
    return dataset


def errors(folder: str, error: float, cuts: Cuts, model: Model) -> np.ndarray:
    """Return the errors of refined picks in s, where an analyst picked."""
    dataset = moved(folder, model.component_order, error)
    metadata = dataset.metadata
    found = []
    for i in np.flatnonzero((metadata["trace_p_status"] == "manual") & (metadata["trace_sampling_rate_hz"] == RATE)):
        record = read_array(dataset.get_waveforms(int(i)).astype(float), RATE, model.preprocessing)
        arrival = cuts.refined(record, metadata["moved"].iloc[i] / RATE, model.preprocessing)
        found.append(arrival - metadata[PICK].iloc[i] / RATE)
    return np.array(found)


def accuracy(arguments: argparse.Namespace, model: Model, error: float, cuts: Cuts) -> float:
    dataset = moved(arguments.dataset, model.component_order, error)
    dataset.filter(((dataset.metadata["split"] == arguments.split) & dataset.metadata[PICK].notna()).to_numpy())
    data = read_windows(dataset, model.preprocessing, pick_column="moved", unlabelled=True, cuts=cuts)
    answers = model.predict(data.windows)
    return float(np.mean([np.mean(answers[data.labels == c] == c) for c in np.unique(data.labels)]))


if __name__ == "__main__":
    main()
