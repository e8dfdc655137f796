"""Compare accuracy and speed of ScatteringRidge, MiniRocketRidge and PhysicalRidge on the same folds of events.

    python benchmarks/scattering.py FOLDER --seeds 3

FOLDER is a SeisBench dataset with the columns source_type and source_id; all its splits are used together. Each seed
distributes the events of each class over folds, and a model that saw none of its events predicts each fold. Accuracies
are means over the seeds, with 95 % intervals from 1,000 resamples of events; an event keeps its results of all seeds.
Differences are paired, and the range is the range over seeds. Milliseconds per window are for the extractor only, on
one thread: the median over repeats that alternate between the extractors.
"""

import argparse
import time

import numpy as np
import torch
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import event_folds, held_out_probabilities, mean_by_event
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.registry import registry
from seisbench_lcl.waveforms.preprocessing import Preprocessing

MODELS = ("ScatteringRidge", "MiniRocketRidge", "PhysicalRidge")
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--components", default="ZNE")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    registry()  # loads the plugins with their models
    dataset = open_dataset(arguments.folder, arguments.components)
    data = read_windows(dataset, Preprocessing(component_order=arguments.components))
    labels = sorted(set(data.labels.tolist()))
    models = [model_class(name)(labels=labels, component_order=arguments.components) for name in MODELS]
    hits = [correct(model, data, arguments.folds, arguments.seeds) for model in models]
    milliseconds = times(models, data)
    print(f"{len(data)} windows of {len(set(data.groups))} events, {arguments.folds} folds, {arguments.seeds} seeds\n")
    print("| model | features | ms per window | correct windows | correct events | range over seeds | difference |")
    print("| --- | ---: | ---: | --- | --- | --- | --- |")
    events, position = np.unique(data.groups, return_inverse=True)
    for name, model, (by_window, by_event), ms in zip(MODELS, models, hits, milliseconds, strict=True):
        seeds = 100 * by_event.mean(axis=1)
        cells = [
            name,
            str(model.extractor.n_features),
            f"{ms:.2f}",
            interval(by_window.mean(axis=0), position),
            interval(by_event.mean(axis=0), np.arange(len(events))),
            f"{min(seeds):.1f} to {max(seeds):.1f}",
            interval((by_event - hits[0][1]).mean(axis=0), np.arange(len(events))) if name != MODELS[0] else "",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def correct(
    model: lcl.Discriminator, data: LabelledWindows, n_folds: int, n_seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return whether each window (n_seeds, N) and each event (n_seeds, E) was predicted correctly."""
    truth = data.truth(model.labels)
    windows, events = [], []
    for seed in range(n_seeds):
        found = held_out_probabilities(model, data, event_folds(data, n_folds, seed))
        together, event_truth, _ = mean_by_event(found, truth, data.groups)
        windows.append(found.argmax(axis=1) == truth)
        events.append(together.argmax(axis=1) == event_truth)
    return np.array(windows, dtype=np.float64), np.array(events, dtype=np.float64)


def interval(values: NDArray[np.float64], events: NDArray[np.int64], n_resamples: int = 1000) -> str:
    """Return the mean and its 95 % interval in per cent."""
    sums, sizes = np.bincount(events, values), np.bincount(events)
    rng = np.random.default_rng(0)
    draws = rng.integers(len(sizes), size=(n_resamples, len(sizes)))
    low, high = np.percentile(sums[draws].sum(axis=1) / sizes[draws].sum(axis=1), [2.5, 97.5])
    return f"{100 * values.mean():.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def times(models: list[lcl.Discriminator], data: LabelledWindows, n_windows: int = 256) -> NDArray[np.float64]:
    """Return the milliseconds per window of each extractor."""
    windows = models[0].preprocessing.normalise(torch.from_numpy(np.asarray(data.windows[:n_windows])))
    extractors = [model.extractor.fit(windows) for model in models]
    taken = np.empty((REPEATS + 1, len(models)))
    for row in taken:
        for column, extractor in enumerate(extractors):
            start = time.process_time()
            extractor(windows)
            row[column] = time.process_time() - start
    milliseconds: NDArray[np.float64] = np.median(taken[1:], axis=0) / len(windows) * 1e3  # the first is a warm-up
    return milliseconds


if __name__ == "__main__":
    main()
