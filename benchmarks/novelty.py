"""Rejection of windows unlike the training data: a class left out in turn, and signals that no class holds.

    python benchmarks/novelty.py FOLDER --seeds 3

FOLDER is a SeisBench dataset with the columns source_type and source_id. Each seed splits the events at random, 70 %
for training. Each class in turn is left out of the training; then its windows are "unknown", and so are tones,
harmonic tremor, spikes and calibration pulses, which are made here and pass the preprocessing of the models as records
do. Scores are the novelty of the package with 1, 5, 10 and 20 neighbours, the energy of the logits of networks, one
minus the highest probability, and the spread of the probabilities of the models. "Known" is the fraction of the known
test windows beyond the limit that training sets, which is to reject 5 %; only novelty has such a limit. The other
columns are the fractions rejected by the limit that loses exactly 5 % of the known test windows, so that scores can be
compared. Tables show means over the classes left out and the seeds.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import _deals
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.models.novelty import NoveltyDetector
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import read_array

MODELS = ("MiniRocketRidge", "EnvelopePhysicalRidge", "PhaseNetNamedSCAN", "MiniRocketSCAN", "ResNet18")
NEIGHBOURS = (1, 5, 10, 20)
RATE = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--components", default="ZNE", help="components to use")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--models", nargs="*", default=MODELS, help="models to compare")
    arguments = parser.parse_args()
    calls = [(tuple(arguments.models), seed) for seed in range(arguments.seeds)]
    found = _deals.run(arguments.folder, arguments.components, arguments.jobs, reject, calls)
    table = pd.DataFrame([row for part in found for row in part.pop("rows")])
    table = table.groupby(["model", "score", "kind"], sort=False)["rejected"].mean().unstack(sort=False)
    print(f"\n| model | score | {' | '.join(table)} |\n| --- | --- |{' ---: |' * len(table.columns)}")
    for (model, score), row in table.iterrows():  # type: ignore[misc]
        cells = ("" if np.isnan(value) else f"{value:.2f}" for value in row)
        print(f"| {model} | {score} | {' | '.join(cells)} |")


def reject(names: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Leave each class out in turn, and return the fractions rejected."""
    rows = []
    for unknown in sorted(set(_deals.data.labels.tolist())):
        train, test = (part.select(part.labels != unknown) for part in _deals.deal(seed))
        sets = {"known": test.windows, unknown: _deals.data.select(_deals.data.labels == unknown).windows}
        sets |= {kind: made(kind) for kind in KINDS}
        probabilities: dict[str, list[NDArray[np.float32]]] = {kind: [] for kind in sets}
        for name in names:
            model = fitted(name, seed, train)
            for score, values in scores(model, train, sets):
                rows += list(_rows(name, score, values))
            for kind, windows in sets.items():
                probabilities[kind].append(model.predict_proba(windows))
        rows += list(_rows("all models", "spread", {kind: spread(p) for kind, p in probabilities.items()}))
    return {"seed": seed, "rows": np.array(rows, dtype=object)}  # arrays are not printed


def fitted(name: str, seed: int, train: LabelledWindows) -> lcl.Discriminator:
    labels = sorted(set(train.labels.tolist()))
    cls = getattr(lcl, name)
    if cls.traits().supervised:
        model = _deals.make(name, seed, labels)
        return model.fit(train.windows, train.labels, train.groups)
    model = cls(clusters=len(labels), component_order=_deals.components)
    return model.fit(train.windows, groups=train.groups).name_clusters(train.windows, train.labels)


def scores(
    model: lcl.Discriminator, train: LabelledWindows, sets: dict[str, NDArray[np.float32]]
) -> Iterator[tuple[str, dict[str, NDArray[np.float32]]]]:
    """Yield each score, with its values for each set of windows."""
    learnt = model.features(train.windows)
    features = {kind: model.features(windows) for kind, windows in sets.items()}
    events = torch.from_numpy(np.unique(train.groups, return_inverse=True)[1])
    for neighbours in NEIGHBOURS:
        detector = NoveltyDetector(learnt.shape[1], neighbours=neighbours)
        detector.fit(learnt, events, model.extractor.unseen)
        yield f"novelty, {neighbours}", {kind: detector(rows).numpy() for kind, rows in features.items()}
    if model.head.name == "linear":
        logits = {kind: model.head.logits(rows) for kind, rows in features.items()}
        yield "energy", {kind: -torch.logsumexp(rows, dim=1).detach().numpy() for kind, rows in logits.items()}
    yield "1 − highest probability", {kind: 1 - model.predict_proba(rows).max(axis=1) for kind, rows in sets.items()}


def spread(probabilities: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    votes = np.stack(probabilities)
    label = votes.mean(axis=0).argmax(axis=1)
    found: NDArray[np.float32] = votes[:, np.arange(len(label)), label].std(axis=0)
    return found


def _rows(model: str, score: str, values: dict[str, NDArray[np.float32]]) -> Iterator[dict[str, Any]]:
    limit = np.quantile(values["known"], 0.95)
    limited = score.startswith("novelty")
    for kind, found in values.items():
        fraction = (found > limit).mean() if kind != "known" else (found > 1).mean() if limited else np.nan
        yield {"model": model, "score": score, "kind": kind, "rejected": fraction}


# Signals that no class holds ----------------------------------------------------------------------------------------


def _tone(rng: np.random.Generator, t: NDArray[Any]) -> NDArray[Any]:
    return np.sin(2 * np.pi * rng.uniform(2, 15) * t + rng.uniform(0, 6, (len(_deals.components), 1)))


def _tremor(rng: np.random.Generator, t: NDArray[Any]) -> NDArray[Any]:
    base, phases = rng.uniform(1, 3), rng.uniform(0, 6, (6, len(_deals.components), 1))
    return sum(np.sin(2 * np.pi * base * (k + 1) * t + phases[k]) / (k + 1) for k in range(6))


def _spikes(rng: np.random.Generator, t: NDArray[Any]) -> NDArray[Any]:
    data = np.zeros((len(_deals.components), len(t)))
    data[:, rng.integers(0, len(t), 30)] = rng.normal(size=30) * 20
    return data


def _calibration(rng: np.random.Generator, t: NDArray[Any]) -> NDArray[Any]:
    return np.exp(-3 * (t % rng.uniform(3, 6))) * np.sin(2 * np.pi * rng.uniform(3, 8) * t)


KINDS = {"tone": _tone, "harmonic tremor": _tremor, "spikes": _spikes, "calibration": _calibration}


def made(kind: str, n: int = 60) -> NDArray[np.float32]:
    """Return windows (n, C, T) of a kind of signal, in noise of a tenth of its largest amplitude."""
    rng = np.random.default_rng(0)
    preprocessing = Preprocessing(component_order=_deals.components)
    t = np.arange(3 * preprocessing.in_samples) / RATE
    windows = []
    for _ in range(n):
        data = KINDS[kind](rng, t) + 0.1 * rng.normal(size=(len(_deals.components), len(t)))
        record = read_array(data, RATE, preprocessing)
        windows.append(record.cut(np.array([preprocessing.in_samples]), preprocessing.in_samples)[0])
    return np.stack(windows)


if __name__ == "__main__":
    main()
