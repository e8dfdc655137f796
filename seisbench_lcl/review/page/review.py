"""A review that all tabs of a server share: material, verdicts, keys, prepared events."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.review.order import review_order
from seisbench_lcl.review.page.book import Book
from seisbench_lcl.review.page.keys import Keys
from seisbench_lcl.review.page.learning_job import LearningJob
from seisbench_lcl.review.page.listing import listing
from seisbench_lcl.review.page.material import Material
from seisbench_lcl.review.page.ready import Ready
from seisbench_lcl.review.page.sheet import sheets
from seisbench_lcl.review.page.similar import Similar


class Review:
    """What one analyst reviews.

    Parameters
    ----------
    material : Material
    folder : Path or str
        Of the verdicts.
    analyst : str
    labels : sequence of str
        Types that can be given beside those of the decisions.
    keys : mapping from label or action to key, optional
    features : mapping from event to (F,) ndarray, optional
        For similar events, and for the order; those of events that are shown are added if the model is at hand.

    Raises
    ------
    ConfigurationError
        If a key is set for nothing, or twice.
    OutputError
        If verdicts cannot be written.
    """

    def __init__(
        self,
        material: Material,
        folder: Path | str,
        analyst: str,
        *,
        labels: Sequence[str] = (),
        keys: Mapping[str, str] | None = None,
        features: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self.material = material
        self.labels = list(dict.fromkeys([*material.labels, *labels]))
        self.keys = Keys.of(self.labels, keys)
        self.table = listing(list(material.decisions.values()))
        self.similar = Similar(dict(features or {}))
        self.book = Book(folder, analyst)
        self.order = review_order(material.decisions.values(), self.book.done, self.similar.features or None)
        self.learning = LearningJob(material.model, material.decisions.values(), material.source, self.book.folder)
        self.ready = Ready(sheets(material, self.similar))

    def close(self) -> None:
        """End the preparation of events, and let another process write for this analyst."""
        self.ready.close()
        self.book.close()
