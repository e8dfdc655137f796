"""The content and the scores of clusters, for files, documents and the terminal."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console, ConsoleOptions, RenderResult

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import Indices
from seisbench_lcl.evaluation.clustering import clustering_scores
from seisbench_lcl.evaluation.tables import Content, to_markdown, to_rich
from seisbench_lcl.heads.matching import UNKNOWN, contingency, match_clusters


@dataclass(frozen=True, eq=False)
class ClusterReport:
    """Scores of clusters and their contingency table; rich prints the report as tables.

    Attributes
    ----------
    labels : tuple of str, length K
        The classes.
    scores : mapping of str to float
        The keys of `clustering_scores`.
    contingency : ndarray of int, shape (n_clusters, K)
        Number of rows of each class in each cluster.
    unlabelled : ndarray of int, shape (n_clusters,)
        Number of rows without label in each cluster.
    classes : ndarray of int, shape (n_clusters,)
        Index of the class assigned to each cluster from all labelled rows; −1 if it holds none.

    Examples
    --------
    >>> report = ClusterReport.from_clusters([0, 0, 1, 1], ["a", "a", "b", "b"], [1, 2, 3, 4], n_clusters=2)
    >>> report.names, report.scores["purity"]
    (('a', 'b'), 1.0)
    """

    labels: tuple[str, ...]
    scores: Mapping[str, float]
    contingency: Indices
    unlabelled: Indices
    classes: Indices

    @classmethod
    def from_clusters(
        cls,
        clusters: ArrayLike,
        labels: Sequence[str] | ArrayLike,
        groups: ArrayLike,
        *,
        n_clusters: int,
        open_ended: bool = False,
        seed: int = 0,
    ) -> "ClusterReport":
        """Evaluate clusters.

        Parameters
        ----------
        clusters : array_like of int, shape (n,)
            Cluster of each row, from 0 to ``n_clusters - 1``.
        labels : array_like of str, shape (n,)
            Class of each row, "" where it is unknown.
        groups : array_like of shape (n,)
            Event of each row.
        n_clusters : int
        open_ended : bool
            As in `seisbench_lcl.heads.matching.match_clusters`.
        seed : int
            Seed of the halves of `clustering_scores`.

        Returns
        -------
        ClusterReport

        Raises
        ------
        DatasetError
            If the arrays do not fit each other, no row has a label, or a class is labelled in one event only.
        """
        texts = np.asarray(labels, dtype=str)
        names, codes = np.unique(texts[texts != ""], return_inverse=True)
        if not len(names):
            raise DatasetError(f"none of {len(texts)} rows has a label; a report on clusters needs labels")
        truth = np.full(texts.shape, UNKNOWN)
        truth[texts != ""] = codes
        size = n_clusters, len(names)
        scores = clustering_scores(
            clusters, truth, groups, n_clusters=size[0], n_classes=size[1], open_ended=open_ended, seed=seed
        )
        return cls(
            labels=tuple(names.tolist()),
            scores=scores,
            contingency=contingency(clusters, truth, *size),
            unlabelled=np.bincount(np.asarray(clusters)[truth == UNKNOWN], minlength=n_clusters),
            classes=match_clusters(clusters, truth, *size, open_ended),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Label of the class assigned to each cluster, "" if it holds no labelled row."""
        return tuple("" if k == UNKNOWN else self.labels[k] for k in self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, lists and dicts for JSON; NaN becomes None."""
        return {
            "labels": list(self.labels),
            "scores": {name: None if math.isnan(value) else value for name, value in self.scores.items()},
            "contingency": self.contingency.tolist(),
            "unlabelled": self.unlabelled.tolist(),
            "names": list(self.names),
        }

    def to_markdown(self) -> str:
        """Return the scores and the contingency table as Markdown tables."""
        return to_markdown(self._tables()) + "\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the scores and the contingency table for the terminal."""
        yield from to_rich(self._tables())

    def _tables(self) -> Iterator[Content]:
        """Yield title, header and rows of both tables."""
        values = [
            [name, f"{value:.0f}" if name == "empty_clusters" else f"{value:.3f}"]
            for name, value in self.scores.items()
        ]
        yield "Scores", ["metric", "value"], values
        header = ["cluster", "stands for", *self.labels, "unlabelled"]
        counts = np.column_stack([self.contingency, self.unlabelled]).tolist()
        rows = [
            [str(k), name or "-", *map(str, row)] for k, (name, row) in enumerate(zip(self.names, counts, strict=True))
        ]
        yield "Windows per cluster and class", header, rows
