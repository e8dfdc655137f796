"""Metrics of runs: a pure function of predictions and targets."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seisbench_lcl.comparison.specs import Level
from seisbench_lcl.evaluation.arrays import Floats, Indices, ratio
from seisbench_lcl.evaluation.metrics import read_tally, tally

ALL = "all"
"""The part that holds every window at its own P."""

COVERED = 0.8  # fraction of windows kept in "error_at_80"

LEVELS: tuple[Level, ...] = ("station", "event")


@dataclass(frozen=True)
class Rows:
    """Predictions of one run on one part of the windows, per station or per event.

    Attributes
    ----------
    p : (n, K) float64 ndarray
    truth : (n,) int64 ndarray
    codes : (n,) int64 ndarray
        Event of each row in the list of all events.
    clusters : (n,) int64 ndarray or None
    novelty : (n,) float64 ndarray or None
        Of the model, 1 at its limit; only where windows of a class that it does not know are among the rows.
    unknown : int
        That class, −1 if there is none.
    """

    p: Floats
    truth: Indices
    codes: Indices
    clusters: Indices | None = None
    novelty: Floats | None = None
    unknown: int = -1

    def by_event(self) -> "Rows":
        """Average the probabilities of the stations of each event."""
        events, first, where = np.unique(self.codes, return_index=True, return_inverse=True)
        sums = np.zeros((len(events), self.p.shape[1]))
        np.add.at(sums, where, self.p)
        novelty = None
        if self.novelty is not None:
            novelty = np.bincount(where, self.novelty) / np.bincount(where)
        return Rows(sums / np.bincount(where)[:, None], self.truth[first], events, None, novelty, self.unknown)

    def known(self) -> "Rows":
        """Return the rows of classes that the model knows."""
        if self.unknown < 0:
            return self
        kept = self.truth != self.unknown
        return Rows(self.p[kept], self.truth[kept], self.codes[kept])


def parts_of(
    predictions: pd.DataFrame,
    targets: pd.DataFrame,
    labels: Sequence[str],
    events: Mapping[str, int],
    kinds: Collection[str] = (),
    snr: Sequence[float] = (),
    without: str | None = None,
) -> Iterator[tuple[str, Rows]]:
    """Yield the parts of a run's predictions that are scored, by name.

    Parameters
    ----------
    predictions, targets : pandas.DataFrame
    labels : sequence of str
        Classes, in the order of the scores.
    events : mapping from event to its code
    kinds : collection of {"snr", "region", "shift"}
        Which parts there are beside the whole.
    snr : sequence of float
        Limits in dB.
    without : str, optional
        Class that the model does not know.

    Yields
    ------
    name : str
        "all"; "snr < 3 dB", "snr 3 to 6 dB", …; "region NAME"; "shift -1 s".
    rows : Rows
    """
    found = predictions.merge(targets, on="window", validate="many_to_one")
    at_p = (found["shift"] == 0).to_numpy()
    masks: dict[str, NDArray[np.bool_]] = {ALL: at_p}
    if "snr" in kinds:
        masks |= {f"snr {name}": at_p & rows for name, rows in _by_snr(found["snr"].to_numpy(dtype=float), snr)}
    if "region" in kinds:
        masks |= {f"region {one}": at_p & (found["region"] == one).to_numpy() for one in sorted(set(found["region"]))}
    if "shift" in kinds:
        masks |= {f"shift {one:g} s": (found["shift"] == one).to_numpy() for one in sorted(set(found["shift"]))}
    p = found[[f"p:{label}" for label in labels]].to_numpy(dtype=float)
    truth = np.array([labels.index(label) for label in found["label"]], dtype=np.int64)
    codes = np.array([events[event] for event in found["event"]], dtype=np.int64)
    clusters = found["cluster"].to_numpy(dtype=np.int64)
    for name, rows in masks.items():
        if rows.any():
            own = clusters[rows]
            of_clusters = own if (own >= 0).all() else None
            if without is None:
                yield name, Rows(p[rows], truth[rows], codes[rows], of_clusters)
            elif name == ALL:
                novelty = found["novelty"].to_numpy(dtype=float)[rows]
                there = None if np.isnan(novelty).any() else novelty
                yield name, Rows(p[rows], truth[rows], codes[rows], None, there, list(labels).index(without))


def run_metrics(rows: Rows, labels: Sequence[str]) -> dict[str, float]:
    """Return all metrics of a run on one part: those of `seisbench_lcl.evaluation.score`, and these.

    ``aurc`` and ``error_at_80`` are the area under the curve of risk against coverage, and the error rate of the 80 %
    of the windows that the model is surest of. ``nmi`` is the normalised mutual information of clusters and classes,
    which needs no names of clusters; only at stations, and for models with clusters.
    """
    known = rows.known()
    total = tally(known.p, known.truth, np.zeros(len(known.truth), dtype=np.int64), 1)[0]
    found = {name: float(value) for name, value in read_tally(total, labels).items()}
    weights = np.ones((1, len(known.truth)))
    found |= {name: float(values[0]) for name, values in selective(known.p, known.truth, weights).items()}
    found |= {name: float(values[0]) for name, values in unknown_metrics(rows, np.ones((1, len(rows.truth)))).items()}
    if rows.clusters is not None:
        found["nmi"] = float(mutual_information(contingency_of(rows)[None])[0])
    return found


def selective(p: Floats, truth: Indices, weights: Floats) -> dict[str, Floats]:
    """Return ``aurc`` and ``error_at_80`` of rows (n,) that count so many times (B, n); each of shape (B,).

    References
    ----------
    Geifman, Uziel & El-Yaniv 2019, Bias-reduced uncertainty estimation for deep neural classifiers, ICLR.
    """
    confidence, wrong = p.max(axis=1), p.argmax(axis=1) != truth
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)  # of each run of equal confidence
    kept = np.cumsum(weights[:, order], axis=1)[:, last]
    errors = np.cumsum(weights[:, order] * wrong[order], axis=1)[:, last]
    risk = ratio(errors, kept, empty=0.0)
    total = kept[:, -1:]
    reached = (kept >= COVERED * total - 1e-9).argmax(axis=1)
    return {
        "aurc": (risk * np.diff(kept, axis=1, prepend=0.0)).sum(axis=1) / np.where(total > 0, total, 1.0)[:, 0],
        "error_at_80": np.take_along_axis(risk, reached[:, None], axis=1)[:, 0],
    }


def unknown_metrics(rows: Rows, weights: Floats) -> dict[str, Floats]:
    """Return how well a class that the model does not know is told from those that it knows; each of shape (B,).

    ``unknown_rejected`` and ``known_rejected`` are the fractions beyond the limit of novelty. ``unknown_auc`` and
    ``unknown_auc_confidence`` are the chance that a window of the unknown class is stranger than one of a known class,
    by novelty and by one minus the highest probability; 0.5 is a guess. Empty if the model knows all classes.

    Parameters
    ----------
    rows : Rows
    weights : (B, n) ndarray
        How often each row counts.
    """
    if rows.unknown < 0:
        return {}
    strange = rows.truth == rows.unknown
    found = {"unknown_auc_confidence": _auc(1 - rows.p.max(axis=1), strange, weights)}
    if rows.novelty is not None:
        found["unknown_auc"] = _auc(rows.novelty, strange, weights)
        for name, those in (("unknown_rejected", strange), ("known_rejected", ~strange)):
            total = weights[:, those].sum(axis=1)
            found[name] = ratio(weights[:, those] @ (rows.novelty[those] > 1).astype(float), total, empty=np.nan)
    return found


def _auc(values: Floats, positive: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the area under the receiver operating characteristic of weighted rows; ties count half."""
    _, rank = np.unique(values, return_inverse=True)
    n = int(rank.max()) + 1
    ours, theirs = (
        np.stack([np.bincount(rank[those], one[those], n) for one in weights]) for those in (positive, ~positive)
    )
    below = np.cumsum(theirs, axis=1) - theirs / 2
    return ratio((ours * below).sum(axis=1), ours.sum(axis=1) * theirs.sum(axis=1), empty=np.nan)


def contingency_of(rows: Rows) -> Floats:
    """Count windows by cluster and class, (clusters, K)."""
    assert rows.clusters is not None
    k = rows.p.shape[1]
    n = int(rows.clusters.max()) + 1
    return np.bincount(rows.clusters * k + rows.truth, minlength=n * k).reshape(n, k).astype(float)


def mutual_information(tables: Floats) -> Floats:
    """Return the mutual information of clusters and classes over the mean of their entropies, of tables (B, M, K).

    It is 1 if either is constant and the other too, as in scikit-learn.
    """
    joint = tables / tables.sum(axis=(1, 2), keepdims=True)
    entropies = [_entropy(joint.sum(axis=axis)) for axis in (2, 1)]
    both = _entropy(joint.reshape(len(joint), -1))
    mean = (entropies[0] + entropies[1]) / 2
    return np.where(mean > 0, ratio(entropies[0] + entropies[1] - both, mean, empty=1.0), 1.0)


def metric_table(
    runs: Iterable[tuple[Mapping[str, object], Iterable[tuple[str, Rows]]]], labels: list[str]
) -> pd.DataFrame:
    """Return a row for each model, deal, seed, part, level and metric.

    Parameters
    ----------
    runs : iterable of (keys, parts)
        The keys are the first columns; the parts are those of `parts_of`.
    labels : list of str
    """
    found = []
    for keys, parts in runs:
        for part, rows in parts:
            for level in LEVELS:
                own = rows if level == "station" else rows.by_event()
                counts = {"windows": len(own.known().truth), "events": len(np.unique(own.known().codes))}
                for metric, value in run_metrics(own, labels).items():
                    found.append({**keys, "part": part, "level": level, "metric": metric, "value": value, **counts})
    return pd.DataFrame(found)


def _by_snr(snr: Floats, limits: Sequence[float]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not limits:
        return
    edges = [-np.inf, *sorted(limits), np.inf]
    for low, high in pairwise(edges):
        name = f"< {high:g} dB" if low == -np.inf else f"≥ {low:g} dB" if high == np.inf else f"{low:g} to {high:g} dB"
        yield name, (snr >= low) & (snr < high)
    yield "unknown", np.isnan(snr)


def _entropy(p: Floats) -> Floats:
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)
