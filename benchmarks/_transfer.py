"""The cases of transfer.py, and their predictions of held-out events."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _models import seeded
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import Cuts, LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import event_folds, held_out_probabilities
from seisbench_lcl.extractors.physical import DEFAULT_GROUPS
from seisbench_lcl.waveforms.preprocessing import Preprocessing

Scores = NDArray[np.float64]
ERRORS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)  # s of the P pick
UNLABELLED = (
    "WaveformKMeans",
    "MiniRocketKMeans",
    "MiniRocketSCAN",
    "AutoencoderGMM",
    "UNetGMM",
    "DEC",
    "SimCLRKMeans",
)
NETWORKS = ("SpectrogramCNN", "ResNet18", "VGG16", "Inception10")
NEW = ("PhysicalRidge", "EnvelopeMiniRocketRidge", "HybridRidge", "EnvelopePhysicalRidge")


@dataclass(frozen=True)
class Case:
    """A model and its training."""

    model: str
    arguments: dict[str, Any] = field(default_factory=dict)
    copies: int = 0
    min_snr: float | None = None
    window: tuple[float, float] = (2.0, 20.0)  # s before P, and length in s
    shown: str = ""  # shown in tables instead of the title

    @property
    def title(self) -> str:
        """Name of the row in a table."""
        words = [self.model]
        words += [f"{key} {value}" for part in self.arguments.values() for key, value in part.items()]
        if self.copies:
            words.append("+ shifts")
        if self.min_snr is not None:
            words.append(f"SNR > {self.min_snr:g}")
        if self.window != (2.0, 20.0):
            words.append("{1:g} s from P - {0:g} s".format(*self.window))
        return " ".join(words)

    def template(self, labels: list[str], components: str, seed: int) -> lcl.Discriminator:
        """Make the unfitted model."""
        before, length = self.window
        shape = {"component_order": components, "before": before, "in_samples": round(100 * length)}
        shape |= {"clusters": len(labels)} if self.model in UNLABELLED else {"labels": labels}
        return seeded(getattr(lcl, self.model), seed, shape, self.arguments)


def tables() -> dict[str, list[Case]]:
    """Return the rows of each table."""
    equal = {"head_args": {"weighting": "equal"}}
    learnt = {"head_args": {"weighting": "learnt"}}
    long = (5.0, 40.0)
    noise = "signal_to_noise"
    groups = {f"without {out}": [name for name in DEFAULT_GROUPS if name != out] for out in DEFAULT_GROUPS}
    groups |= {f"{name} alone": [name] for name in (*DEFAULT_GROUPS, noise)}
    groups |= {"all groups": list(DEFAULT_GROUPS), f"all and {noise}": [*DEFAULT_GROUPS, noise]}
    shifted = [
        Case("MiniRocketRidge", copies=2),
        *[Case(name, copies=2) for name in NEW],
        Case("HybridRidge", equal, copies=2),
        Case("EnvelopePhysicalRidge", learnt, copies=2),
    ]
    plain = [Case(name) for name in ("MiniRocketRidge", *NEW)]
    return {
        "repositories": [*shifted, *plain, *[Case(name) for name in (*NETWORKS, *UNLABELLED)]],
        "events": [
            *[Case(name, copies=2, min_snr=3.0, window=long) for name in ("MiniRocketRidge", *NEW)],
            Case("EnvelopePhysicalRidge", copies=2, window=long),
            Case("EnvelopePhysicalRidge", min_snr=3.0, window=long),
            Case("EnvelopePhysicalRidge", copies=2, min_snr=3.0),
            Case("MiniRocketRidge"),
            Case("MiniRocketRidge", window=(10.0, 60.0)),
            Case("SpectrogramCNN", window=long),
            Case("PhysicalRidge", {"extractor_args": {"groups": [noise]}}, window=long, shown=f"{noise} alone"),
        ],
        "groups": [
            Case("PhysicalRidge", {"extractor_args": {"groups": some}}, copies=2, shown=shown)
            for shown, some in groups.items()
        ],
        "picks": [*shifted[:5], *plain, *[Case(name) for name in (*NETWORKS, *UNLABELLED)]],
    }  # fmt: skip


@cache
def read(folder: str, components: str, window: tuple[float, float], copies: int, seed: int) -> LabelledWindows:
    before, length = window
    cuts = Cuts(1.0, copies, seed=seed) if copies else Cuts()
    preprocessing = Preprocessing(100.0, round(100 * length), components, before=before)
    return read_windows(open_dataset(folder, components), preprocessing, cuts=cuts)


def held_out(folder: str, components: str, case: Case, seed: int, by_repository: bool) -> Scores:
    """Return the probabilities of all unshifted windows, from models trained without their repository or event."""
    data = read(folder, components, case.window, case.copies, seed)
    repositories = data.metadata["origin_repository"].to_numpy(dtype=str)
    folds = repositories if by_repository else event_folds(data, 5, seed)
    labels = sorted(set(data.labels.tolist()))
    learn = None if case.min_snr is None else ~(data.snr < case.min_snr)
    found = held_out_probabilities(case.template(labels, components, seed), data, folds, labels=labels, learn=learn)
    return found[data.shifts == 0].astype(float)


def at_wrong_picks(folder: str, components: str, case: Case, seed: int) -> Scores:
    """Return the probabilities (errors, N, K) of windows cut at wrong picks; NaN for training events."""
    data = read(folder, components, case.window, case.copies, seed)
    wide = wide_windows(folder, components)
    labels = sorted(set(data.labels.tolist()))
    test = np.isin(event_folds(data, 10, seed), ["fold 1", "fold 2", "fold 3"])
    train = data.select(~test)
    model = case.template(labels, components, seed)
    if case.model in UNLABELLED:
        model.fit(train.windows, groups=train.groups).name_clusters(train.windows, train.labels)
    else:
        model.fit(train.windows, train.labels, train.groups)
    rows = np.flatnonzero(np.isin(wide.groups, data.groups[test]))
    found = np.full((len(ERRORS), len(wide), len(labels)), np.nan)
    for i, error in enumerate(ERRORS):
        first = round(100 * (error - ERRORS[0]))
        given = model.predict_proba(np.asarray(wide.windows[rows])[:, :, first : first + model.in_samples])
        found[i, rows] = 0
        for k, label in enumerate(model.labels):  # a class may have no cluster
            if label in labels:
                found[i, rows, labels.index(label)] = given[:, k]
    return found


def wide_windows(folder: str, components: str) -> LabelledWindows:
    """Return windows long enough for all errors of the pick."""
    return read(folder, components, (2.0 - ERRORS[0], 20.0 + ERRORS[-1] - ERRORS[0]), 0, 0)


def kept(path: str, task: str, folder: str, components: str, case: Case, seed: int) -> dict[str, Any]:
    """Compute the predictions of a case, unless a file holds them already."""
    file = place_of(path, task, folder, components, case, seed)
    if not file.exists():
        if task == "picks":
            found = at_wrong_picks(folder, components, case, seed)
        else:
            found = held_out(folder, components, case, seed, by_repository=task != "events" and components != "Z")
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, found)
    return {"case": case.title, "seed": seed, "components": components, "file": str(file)}


def place_of(path: str, task: str, folder: str, components: str, case: Case, seed: int) -> Path:
    return Path(path) / task / f"{case.title}, {components}, seed {seed}.npy".replace("/", "-")


def predictions(rows: list[dict[str, Any]], case: Case, components: str) -> list[Scores]:
    mine = sorted(
        (r for r in rows if (r["case"], r["components"]) == (case.title, components)), key=lambda r: r["seed"]
    )
    return [np.load(row["file"]) for row in mine]
