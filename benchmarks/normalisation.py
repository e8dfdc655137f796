"""Compare normalisations, component sums and paddings by event-grouped cross-validation on a dataset.

    python benchmarks/normalisation.py FOLDER --folds 5 --seeds 5

FOLDER is a SeisBench dataset with the columns source_type and source_id. All combinations are scored on the same folds
of whole events from all splits; a score is the mean over the seeds of the folds, with their range.
"""

import argparse
import itertools
from typing import get_args

import numpy as np

import seisbench_lcl as lcl
from seisbench_lcl.evaluation import event_folds, held_out_probabilities, mean_by_event, score
from seisbench_lcl.training import open_dataset, read_windows
from seisbench_lcl.waveforms.preprocessing import Normalisation, Preprocessing

VARIANTS = (("subsets", "alternate"), ("sum", "alternate"), ("subsets", "none"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--components", default="ZNE")
    arguments = parser.parse_args()

    dataset = open_dataset(arguments.folder, arguments.components)
    data = read_windows(dataset, Preprocessing(component_order=arguments.components))
    labels = sorted(set(data.labels.tolist()))
    truth = data.truth(labels)
    print(f"{len(data)} windows of {len(set(data.groups))} events, {arguments.folds} folds, {arguments.seeds} seeds\n")
    print("| normalisation | channels | padding | event accuracy | balanced | station accuracy |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    for normalisation, (channels, padding) in itertools.product(get_args(Normalisation), VARIANTS):
        template = lcl.MiniRocketRidge(
            labels=labels,
            component_order=arguments.components,
            normalisation=normalisation,
            extractor_args={"channels": channels, "padding": padding},
        )
        rows = []
        for seed in range(arguments.seeds):
            found = held_out_probabilities(template, data, event_folds(data, arguments.folds, seed))
            probabilities, event_truth, _ = mean_by_event(found, truth, data.groups)
            event = score(probabilities, event_truth, labels)
            station = score(found, truth, labels)
            rows.append((event["accuracy"], event["balanced_accuracy"], station["accuracy"]))
        cells = [f"{np.mean(x):.3f} ({min(x):.3f} to {max(x):.3f})" for x in zip(*rows, strict=True)]
        print(f"| {normalisation} | {channels} | {padding} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
