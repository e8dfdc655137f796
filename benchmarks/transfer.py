"""What carries over to a region never seen, and what stands in its way.

    python benchmarks/transfer.py repositories FOLDER    each repository held out in turn, every model
    python benchmarks/transfer.py events FOLDER          five folds of events, AUC; for two classes, vertical component
    python benchmarks/transfer.py groups FOLDER FOLDER   both, without and with each group of physical features alone
    python benchmarks/transfer.py picks FOLDER           accuracy against the error of the P pick

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository; `groups` takes one of
three components and one of the vertical. Each of --seeds is the seed of models, folds and shifts. Scores are of windows
cut at the pick, of all seeds together, with 95 % intervals from 1,000 resamples of whole events; per event means the
mean of its stations' probabilities. Windows of a class that only the repository held out has are not scored.

"+ shifts" means that each trace was also learnt from in two copies whose P is moved by up to 1 s at random, "SNR > 3"
that traces whose P does not rise 3 dB above the noise were not learnt from; all are tested. Predictions are kept in
--keep, and what is there is not computed again.
"""

import argparse
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import _deals
import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

import seisbench_lcl as lcl
from seisbench_lcl.evaluation import event_folds, held_out_probabilities, mean_by_event
from seisbench_lcl.extractors.physical import DEFAULT_GROUPS
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.training import Cuts, LabelledWindows, open_dataset, read_windows

Scores = NDArray[np.float64]
RESAMPLES = 1000
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
    """A model and how it is trained."""

    model: str
    arguments: dict[str, Any] = field(default_factory=dict)
    copies: int = 0
    min_snr: float | None = None
    window: tuple[float, float] = (2.0, 20.0)  # s before P, and s in all
    shown: str = ""  # in tables, instead of the title

    @property
    def title(self) -> str:
        """What the row of a table is called."""
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
        cls = getattr(lcl, self.model)
        plain = cls(**shape, **self.arguments)
        seeded = {"extractor_args": plain.extractor.config(), "head_args": plain.head.config()}
        model: lcl.Discriminator = cls(**shape, **{key: reseeded(value, seed) for key, value in seeded.items()})
        return model


def reseeded(config: dict[str, Any], seed: int) -> dict[str, Any]:
    return {
        key: seed if key == "seed" else reseeded(value, seed) if isinstance(value, dict) else value
        for key, value in config.items()
    }


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
    """Return the probabilities of all windows as picked, from models that did not know repository or event."""
    data = read(folder, components, case.window, case.copies, seed)
    repositories = data.metadata["origin_repository"].to_numpy(dtype=str)
    folds = repositories if by_repository else event_folds(data, 5, seed)
    labels = sorted(set(data.labels.tolist()))
    learn = None if case.min_snr is None else ~(data.snr < case.min_snr)
    found = held_out_probabilities(case.template(labels, components, seed), data, folds, labels=labels, learn=learn)
    return found[data.shifts == 0].astype(float)


def at_wrong_picks(folder: str, components: str, case: Case, seed: int) -> Scores:
    """Return the probabilities (errors, N, K) of windows cut at wrong picks; NaN of events that were trained on."""
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
        for k, label in enumerate(model.labels):  # clusters may have missed a class
            if label in labels:
                found[i, rows, labels.index(label)] = given[:, k]
    return found


def wide_windows(folder: str, components: str) -> LabelledWindows:
    """Return windows that hold those at all errors of the pick."""
    return read(folder, components, (2.0 - ERRORS[0], 20.0 + ERRORS[-1] - ERRORS[0]), 0, 0)


def kept(path: str, task: str, folder: str, components: str, case: Case, seed: int) -> dict[str, Any]:
    """Compute the predictions of a case, unless they are kept from before."""
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


# Tables -------------------------------------------------------------------------------------------------------------


def show_repositories(data: LabelledWindows, cases: list[tuple[Case, list[Scores]]]) -> None:
    labels, repository = sorted(set(data.labels.tolist())), data.metadata["origin_repository"].to_numpy(dtype=str)
    elsewhere = np.array([
        label in set(data.labels[repository != place].tolist())
        for label, place in zip(data.labels, repository, strict=True)
    ])  # fmt: skip
    scored = data.select(elsewhere)
    places = [(place, label) for place in sorted(set(repository)) for label in labels
              if np.any((repository == place) & (data.labels == label) & elsewhere)]  # fmt: skip
    sizes = [np.unique(data.groups[(repository == p) & (data.labels == k)]).size for p, k in places]
    heads = [f"{k}, {p.split('/')[0]} ({n} events)" for (p, k), n in zip(places, sizes, strict=True)]
    for level in ("station", "event"):
        print(f"\n| per {level} | seeds | balanced accuracy | {' | '.join(heads)} |")
        print(f"| --- | ---: | ---: |{' ---: |' * len(heads)}")
        for case, found in cases:
            rows = [_deals.levels(p[elsewhere], scored, labels) for p in found]
            if not rows:
                continue
            score = _deals.intervals(rows, level, labels)["balanced_accuracy"]
            cells = []
            for place, label in places:
                recalls = []
                for row in rows:
                    events = np.unique(data.groups[(repository == place) & (data.labels == label)])
                    mine = np.isin(row[f"{level} event"], events)
                    recalls.append((row[level][mine].argmax(axis=1) == labels.index(label)).mean())
                cells.append(f"{np.mean(recalls):.2f}")
            print(f"| {case.shown or case.title} | {len(rows)} | {score} | {' | '.join(cells)} |")


def show_events(read_case: Any, cases: list[tuple[Case, list[Scores]]], seeds: int) -> None:
    print("\n| per event | seeds | AUC | balanced accuracy |\n| --- | ---: | ---: | ---: |")
    for case, found in cases:
        if found:
            print(f"| {case.shown or case.title} | {len(found)} | {' | '.join(event_scores(read_case(case), found))} |")
    data = read_case(Case("MiniRocketRidge"))
    found = [without_hearing(data, event_folds(data, 5, seed)) for seed in range(seeds)]
    print(f"| metadata alone | {len(found)} | {' | '.join(event_scores(data, found))} |")


def without_hearing(data: LabelledWindows, folds: NDArray[np.str_]) -> Scores:
    found = np.empty((len(data), len(set(data.labels.tolist()))))
    for fold in set(folds.tolist()):
        test = folds == fold
        model = _deals.metadata_model(data.select(~test))
        found[test] = model.predict_proba(_deals.metadata(data.select(test)))
    return found


def event_scores(data: LabelledWindows, found: list[Scores]) -> list[str]:
    """Return AUC and balanced accuracy of the events of two classes, means over seeds, with their intervals."""
    labels = sorted(set(data.labels.tolist()))
    levels = [mean_by_event(p, data.truth(labels), data.groups) for p in found]
    second, truth = np.stack([p[:, 1] for p, _, _ in levels]), levels[0][1]
    rng = np.random.default_rng(0)
    draws = [np.arange(len(truth)), *rng.integers(len(truth), size=(RESAMPLES, len(truth)))]
    draws = [draw for draw in draws if len(set(truth[draw])) > 1]
    cells = []
    for score in (roc_auc_score, lambda y, p: balanced_accuracy_score(y, p > 0.5)):
        values = [np.mean([score(truth[draw], row[draw]) for row in second]) for draw in draws]
        low, high = np.percentile(values[1:], [2.5, 97.5])
        cells.append(f"{values[0]:.3f} [{low:.3f}, {high:.3f}]")
    return cells


def show_picks(data: LabelledWindows, cases: list[tuple[Case, list[Scores]]], plot: str | None) -> None:
    labels = sorted(set(data.labels.tolist()))
    figure, axes = plt.subplots(figsize=(8, 5))
    print(f"\n| balanced accuracy per station | seeds | {' | '.join(f'{e:+g} s' for e in ERRORS)} |")
    print(f"| --- | ---: |{' ---: |' * len(ERRORS)}")
    for case, found in cases:
        if not found:
            continue
        curve = []
        for i in range(len(ERRORS)):
            scores = []
            for p in found:
                rows = np.isfinite(p[i, :, 0])
                scores.append(balanced_accuracy_score(data.truth(labels)[rows], p[i, rows].argmax(axis=1)))
            curve.append(float(np.mean(scores)))
        print(f"| {case.shown or case.title} | {len(found)} | {' | '.join(f'{x:.3f}' for x in curve)} |")
        if case.model not in UNLABELLED:
            axes.plot(ERRORS, curve, "o-" if case.copies else "o--", label=case.title, markersize=3)
    if plot:
        axes.set(xlabel="error of the P pick in s (positive: late)", ylabel="balanced accuracy per station")
        axes.legend(fontsize="x-small", loc="lower center", ncols=2)
        axes.grid(alpha=0.3)
        figure.savefig(plot, bbox_inches="tight")


def show_limits(data: LabelledWindows, title: str, found: list[Scores], rows: NDArray[np.bool_]) -> None:
    """Print the recall by signal-to-noise ratio, and by how the onset was picked."""
    labels = sorted(set(data.labels.tolist()))
    right = np.mean([p.argmax(axis=1) == data.truth(labels) for p in found], axis=0)
    status = data.metadata["trace_p_status"].to_numpy(dtype=str)
    print(f"\n| {title} | traces | right |\n| --- | ---: | ---: |")
    for low, high in ((-99, 0), (0, 3), (3, 6), (6, 12), (12, 99)):
        for label in labels:
            mine = rows & (data.snr >= low) & (data.snr < high) & (data.labels == label)
            if mine.any():
                print(f"| {label}, SNR {low} to {high} dB | {mine.sum()} | {right[mine].mean():.2f} |")
    for kind in sorted(set(status[rows])):
        mine = rows & (status == kind)
        print(f"| pick {kind} | {mine.sum()} | {right[mine].mean():.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=list(tables()))
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--models", nargs="*", help="only these")
    parser.add_argument("--keep", default="kept", help="folder of predictions")
    parser.add_argument("--show", action="store_true", help="compute nothing: tables of what is kept")
    parser.add_argument("--plot", help="figure of the picks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = [c for c in tables()[arguments.table] if not arguments.models or c.model in arguments.models]
    components = {"repositories": ["ZNE"], "picks": ["ZNE"], "events": ["Z"], "groups": ["ZNE", "Z"]}[arguments.table]
    if len(arguments.folders) != len(components):
        parser.error(f"{arguments.table} takes {len(components)} folder(s)")
    places = list(zip(arguments.folders, components, strict=True))
    calls = [(arguments.keep, arguments.table, folder, order, case, seed)
             for seed in range(arguments.seeds) for case in cases for folder, order in places]  # fmt: skip
    if arguments.show:
        calls = [call for call in calls if place_of(*call).exists()]
    rows = _deals.run(None, "", arguments.jobs, kept, calls)
    for folder, order in places:
        found = [(case, predictions(rows, case, order)) for case in cases]
        if arguments.table == "picks":
            show_picks(wide_windows(folder, order), found, arguments.plot)
        elif order == "Z":
            show_events(lambda case, f=folder, o=order: read(f, o, case.window, 0, 0), found, arguments.seeds)
        else:
            data = read(folder, order, (2.0, 20.0), 0, 0)
            show_repositories(data, found)
        if arguments.table in ("repositories", "events"):
            for case, p in found:
                if p and case.model in ("MiniRocketRidge", "EnvelopePhysicalRidge"):
                    data = read(folder, order, case.window, 0, 0)
                    repository = data.metadata["origin_repository"].to_numpy(dtype=str)
                    chosen = (repository == "QuakeMigrate/QuakeMigrate") | (order == "Z")
                    show_limits(data, case.title, p, chosen)


if __name__ == "__main__":
    main()
