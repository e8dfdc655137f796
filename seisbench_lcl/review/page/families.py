"""Families of windows on a map of features: chosen by hand, looked at, split, and given a type."""

from collections import Counter
from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.review.page.book import Book
from seisbench_lcl.review.verdicts import Verdict
from seisbench_lcl.wording import counted

Indices = NDArray[np.int64]

_AXES = 50  # principal components that distances and splits are computed on


class Families:
    """Windows of clusters, and the family of them that is on the desk.

    A type is given to the events of the family's windows, one verdict each.

    Parameters
    ----------
    features : (n, F) float32 ndarray
        Of the windows.
    clusters : (n,) int64 ndarray
    names : sequence of str
        Of the clusters.
    events : (n,) ndarray of str
        Of the windows.
    book : Book
    labels : sequence of str
        Types that can be given.
    weights : str
        The model, for the verdicts.

    Attributes
    ----------
    chosen : (m,) int64 ndarray
        The windows of the family.
    parts : list of (k,) int64 ndarray
        The parts that a family was split into; empty if it was not.
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        clusters: Indices,
        names: Sequence[str],
        events: NDArray[np.str_],
        book: Book,
        labels: Sequence[str],
        weights: str,
    ) -> None:
        scale = features.std(axis=0)
        points = (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1)
        axes = min(_AXES, *points.shape)
        self.points = PCA(axes, random_state=0).fit_transform(points)
        self.clusters, self.names, self.events = clusters, list(names), events
        self.book, self.labels, self.weights = book, list(labels), weights
        self.chosen: Indices = np.empty(0, np.int64)
        self.parts: list[Indices] = []
        self._batches: list[int] = []

    def of_another_tab(self) -> "Families":
        """Return the same windows with another desk, so that nobody gives a type to what another tab has chosen."""
        other = copy(self)
        other.chosen, other.parts, other._batches = np.empty(0, np.int64), [], []
        return other

    def choose(self, windows: Sequence[int] | Indices) -> None:
        """Put some windows on the desk."""
        self.chosen, self.parts = np.unique(np.asarray(windows, dtype=np.int64)), []

    def choose_cluster(self, cluster: int) -> None:
        """Put the windows of a cluster on the desk."""
        self.choose(np.flatnonzero(self.clusters == cluster))

    def split(self, seed: int = 0) -> None:
        """Split the family into two by k-means; the larger part is on the desk.

        Raises
        ------
        ConfigurationError
            If there is nothing to split.
        """
        own = self.points[self.chosen]
        if len(np.unique(own, axis=0)) < 2:
            raise ConfigurationError("choose two windows or more that differ: there is nothing to split")
        found = KMeans(2, n_init=4, random_state=seed).fit_predict(own)
        parts = sorted((self.chosen[found == k] for k in range(2)), key=len, reverse=True)
        self.chosen, self.parts = parts[0], parts

    def choose_part(self, part: int) -> None:
        """Put a part of a family that was split on the desk.

        Raises
        ------
        ConfigurationError
            If there is no such part.
        """
        if not 0 <= part < len(self.parts):
            raise ConfigurationError("split a family first")
        self.chosen = self.parts[part]

    def exemplars(self, most: int = 3) -> tuple[Indices, Indices]:
        """Return the windows of the family that are nearest to its centre, and those at its edge, farthest first."""
        own = self.points[self.chosen]
        if not len(own):
            return self.chosen, self.chosen
        away = np.linalg.norm(own - own.mean(axis=0), axis=1)
        order = self.chosen[np.argsort(away, kind="stable")]
        return order[:most], order[most:][::-1][:most]

    def label(self, label: str) -> str:
        """Say what the events of the family are, and return this in words.

        Raises
        ------
        ConfigurationError
            If no window is chosen, or the label is none of the types.
        OutputError
            If a verdict could not be written; those before it count.
        """
        if label not in self.labels:
            raise ConfigurationError(f"{label!r} is none of the types: {', '.join(self.labels)}")
        if not len(self.chosen):
            raise ConfigurationError("no window is chosen: draw around some in the map, or click on a cluster")
        first = {self.events[i]: self.names[self.clusters[i]] for i in self.chosen[::-1]}
        self._batches.append(0)
        for event, shown in first.items():
            self.book.file.record(
                Verdict(str(event), label, "label", self.book.analyst, UTCDateTime(), shown, self.weights)
            )
            self._batches[-1] += 1
        return f"{label}: recorded for {counted(len(first), 'event')}"

    def undo(self) -> int:
        """Take back the last type, of all its events, and return how many; of earlier sessions, one at a time."""
        count = self._batches.pop() if self._batches else 1
        return sum(self.book.undo() is not None for _ in range(count))

    def given(self) -> list[str]:
        """Return the type that each window has by the analyst; "" without."""
        own = self.book.own
        said = {event: verdict.label or "" for event, verdict in own.items()}
        return [said.get(str(event), "") for event in self.events]

    def cluster_names(self) -> dict[int, str]:
        """Return the most frequent type of each cluster that has one."""
        given = np.array(self.given())
        found = {}
        for k in range(len(self.names)):
            if counts := Counter(given[(self.clusters == k) & (given != "")].tolist()):
                found[k] = counts.most_common(1)[0][0]
        return found
