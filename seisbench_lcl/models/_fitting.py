"""One fit: an extractor, a head and a novelty detector learn from the same windows."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seisbench_lcl.errors import TrainingError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.models._windows import BATCH, Picks
from seisbench_lcl.models.novelty import NoveltyDetector
from seisbench_lcl.optim import Tuning
from seisbench_lcl.storage import RowFile

_NOVELTY_ROWS = 4096  # windows whose features describe the training data

logger = logging.getLogger("seisbench")


@contextmanager
def restored_on_error(model: nn.Module) -> Iterator[None]:
    """Restore a model if its training fails or is interrupted: tensors, losses, and the events that it held out."""
    tensors = deepcopy(model.state_dict())
    attributes = [(module, vars(module).copy()) for module in model.modules()]
    try:
        yield
    except BaseException:
        for module, values in attributes:
            vars(module).clear()
            vars(module).update(values)
        model.load_state_dict(tensors)
        model.eval()  # training leaves networks in training mode
        raise


@dataclass(frozen=True)
class Fitting:
    """The parts that learn, and how windows reach them.

    Attributes
    ----------
    name : str
        Name of the model, for messages.
    labels : list of str
    extractor : FeatureExtractor
    head : Head
    detector : NoveltyDetector or None
    prepare : callable
        Returns windows as the extractor takes them: checked and normalised.
    features : callable
        Returns the features of windows and S picks, in a file if the windows are in one.
    """

    name: str
    labels: list[str]
    extractor: FeatureExtractor
    head: Head
    detector: NoveltyDetector | None
    prepare: Callable[[Any], Tensor]
    features: Callable[[Tensor | RowFile, Picks], Tensor | RowFile]

    def run(
        self,
        windows: Tensor | RowFile,
        labels: Tensor | None,
        events: Tensor | None,
        s_arrivals: Picks = None,
        tuning: Tuning | None = None,
    ) -> NDArray[np.float32] | None:
        """Fit all parts, or fine-tune them if `tuning` is given.

        Returns
        -------
        (N, K) float32 ndarray or None
            Probabilities of the windows whose events were held out; NaN for the other windows.
        """
        joint = self.head.joins(self.extractor)
        unseen = self._fit_extractor(windows, labels, events, tuning) if joint or not tuning else None
        features = self.features(windows, s_arrivals)
        if not joint and tuning:
            self.head.fine_tune(features, labels, events)
        elif not joint:
            self._fit_head(features, labels, events, unseen)
        if not self.head.supervised and not self.head.open_ended:
            self._warn_of_empty_clusters(features)
        if self.detector:
            self._fit_detector(self.detector, features, events, unseen)
        return self._held_out(len(windows), unseen)

    def _fit_extractor(
        self, windows: Tensor | RowFile, labels: Tensor | None, events: Tensor | None, tuning: Tuning | None
    ) -> Tensor | None:
        """Fit the extractor, together with a joint head, and return the rows that it held out."""
        drawn = np.sort(np.random.default_rng(0).permutation(len(windows))[: self.extractor.enough])
        y, groups = (None if indices is None else indices[drawn] for indices in (labels, events))
        prepared = self.prepare(windows[drawn])
        if self.head.joins(self.extractor):
            self.head.fit_with(self.extractor, prepared, y, groups, tuning)
        else:
            self.extractor.fit(prepared, y, groups)
        held_out = self.extractor.unseen
        return None if held_out is None else torch.from_numpy(drawn)[held_out]

    def _fit_head(
        self, features: Tensor | RowFile, labels: Tensor | None, events: Tensor | None, unseen: Tensor | None
    ) -> None:
        if not self.head.supervised:
            self.head.fit(features, None, events)
        elif unseen is None:
            self.head.fit(features, labels, events)
        else:
            # A network is more certain of the events that it was trained on than of any that it will meet.
            rows = unseen.numpy()
            y, groups = (None if indices is None else indices[rows] for indices in (labels, events))
            self._check_held_out(y, groups)
            self.head.fit(torch.as_tensor(features[rows]), y, groups)

    def _check_held_out(self, labels: Tensor | None, events: Tensor | None) -> None:
        assert labels is not None
        groups = torch.arange(len(labels)) if events is None else events
        for k, label in enumerate(self.labels):
            if len(torch.unique(groups[labels == k])) < 2:
                raise TrainingError(
                    f"the head {self.head.name} learns from the events that the training of {self.extractor.name} "
                    f"held out, and these hold fewer than two events of class {label!r}: add events, raise held_out "
                    "of the network, or use the head linear"
                )

    def _warn_of_empty_clusters(self, features: Tensor | RowFile) -> None:
        sizes = torch.zeros(self.head.n_classes, dtype=torch.int64)
        device = next(iter(self.head.state_dict().values())).device
        with torch.no_grad():
            for start in range(0, len(features), BATCH):
                rows = torch.as_tensor(features[start : start + BATCH]).to(device)
                sizes += torch.bincount(self.head(rows).argmax(dim=1).cpu(), minlength=len(sizes))
        if empty := torch.nonzero(sizes == 0).flatten().tolist():
            listed = ", ".join(map(str, empty))
            logger.warning(
                "%s: no training window is in cluster %s of %d; ask for fewer clusters", self.name, listed, len(sizes)
            )

    @staticmethod
    def _fit_detector(
        detector: NoveltyDetector, features: Tensor | RowFile, events: Tensor | None, unseen: Tensor | None
    ) -> None:
        order = np.random.default_rng(0).permutation(len(features))
        rows = np.sort(order[:_NOVELTY_ROWS])
        held_out = None
        if unseen is not None:
            rows = np.union1d(rows, order[np.isin(order, unseen)][: _NOVELTY_ROWS // 4])  # there may be few
            held_out = torch.nonzero(torch.isin(torch.from_numpy(rows), unseen)).flatten()
        detector.fit(torch.as_tensor(features[rows]), None if events is None else events[rows], held_out)

    def _held_out(self, n: int, unseen: Tensor | None) -> NDArray[np.float32] | None:
        found = self.head.held_out
        if found is None or len(found) == n or unseen is None:
            return found
        every = np.full((n, found.shape[1]), np.nan, dtype=np.float32)
        every[unseen.numpy()] = found
        return every
