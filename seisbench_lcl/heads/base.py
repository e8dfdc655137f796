"""The second of the two interfaces: what turns features into class probabilities."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, TrainingError, WindowError
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.optim.balance import check_indices
from seisbench_lcl.optim.loop import History
from seisbench_lcl.optim.supervised import Tuning
from seisbench_lcl.storage.rows import RowFile, Rows

_BLOCK = 1024  # rows of a file checked at a time


class Head(nn.Module, ABC):
    """Features in, one row of class probabilities a window out.

    As in an extractor, the whole state is buffers and parameters of shapes that follow from the constructor's
    arguments. A subclass sets the tags and implements `_fit`, `_probabilities` and `config`; one that learns from rows
    block by block implements `_fit_rows` too.

    Parameters
    ----------
    n_features : int
        Length F of a feature row.
    n_classes : int
        Number of classes K, or of clusters.

    Attributes
    ----------
    name : str
        Key of the head in ``Discriminator(head=...)``.
    supervised : bool
        Tag: whether `fit` needs labels. A cluster head ignores them.
    open_ended : bool
        Tag: whether it finds the number of clusters itself, so that `n_classes` is an upper bound; its last output is
        for what is in no cluster.
    takes_blocks : bool
        Tag: whether the constructor takes `blocks`, the number of features of each extractor side by side.
    held_out : (N, K) float32 ndarray or None
        Probabilities of the training rows, each predicted without its event; None if the head holds out no events. Not
        part of the state.
    histories : list of History
        Losses of the last fit, for those that are trained by gradients; not part of the state.

    Raises
    ------
    ConfigurationError
        For no features, or fewer than two classes.
    """

    name: ClassVar[str]
    supervised: ClassVar[bool] = True
    open_ended: ClassVar[bool] = False
    takes_blocks: ClassVar[bool] = False

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        if n_features < 1 or n_classes < 2:
            raise ConfigurationError(
                f"{type(self).__name__} needs at least one feature and two classes, "
                f"but was given n_features={n_features}, n_classes={n_classes}"
            )
        self.n_features = n_features
        self.n_classes = n_classes
        self.held_out: NDArray[np.float32] | None = None
        self.histories: list[History] = []

    def fit(self, features: Tensor | RowFile, labels: Tensor | None = None, groups: Tensor | None = None) -> Self:
        """Learn from features.

        Parameters
        ----------
        features : (N, F) float32 Tensor or RowFile
            A head that cannot learn from a file in blocks reads it whole.
        labels : (N,) int64 Tensor, optional
            Class indices from 0 to K − 1. Needed by a supervised head.
        groups : (N,) int64 Tensor, optional
            Index of the event that a row belongs to: all its rows are held out together.

        Returns
        -------
        Head
            Itself.

        Raises
        ------
        WindowError
            If features have another shape or are not finite.
        TrainingError
            If labels are missing, out of range or of one class only, or lengths disagree.
        """
        features, labels, groups = self._checked_rows(features, labels, groups)
        if isinstance(features, Tensor):
            self._fit(features, labels, groups)
        else:
            self._fit_rows(features, labels, groups)
        return self.eval()

    def joins(self, extractor: FeatureExtractor) -> bool:
        """Whether this head and the extractor are trained together, by `fit_with`."""
        return False

    def fit_with(
        self,
        extractor: FeatureExtractor,
        windows: Tensor,
        labels: Tensor | None = None,
        groups: Tensor | None = None,
        tuning: Tuning | None = None,
    ) -> Self:
        """Learn from windows, and train their extractor with it; only a head that `joins` it can.

        Parameters
        ----------
        extractor : FeatureExtractor
        windows : (N, C, T) float32 Tensor
        labels, groups : (N,) int64 Tensor, optional
            As in `fit`.
        tuning : Tuning, optional
            If given, both go on from what they have learnt; otherwise they begin anew.

        Returns
        -------
        Head
            Itself.

        Raises
        ------
        ConfigurationError
            If the head cannot train this extractor.
        TrainingError
            If the windows do not allow the fit.
        """
        raise ConfigurationError(f"{type(self).__name__} learns from features alone: call fit(features)")

    def fine_tune(self, features: Tensor | RowFile, labels: Tensor | None = None, groups: Tensor | None = None) -> Self:
        """Adapt a fitted head to other data, such as those of another region.

        Parameters
        ----------
        features, labels, groups
            As in `fit`; of the model's classes some may not occur.

        Returns
        -------
        Head
            Itself.

        Raises
        ------
        ConfigurationError
            If a head of this kind cannot be adapted.
        NotFittedError
            If the head was neither fitted nor loaded.
        WindowError, TrainingError
            As in `fit`.
        """
        self._fine_tune(*self._checked_rows(features, labels, groups))
        return self.eval()

    def forward(self, features: Tensor) -> Tensor:
        """Compute class probabilities.

        Parameters
        ----------
        features : (B, F) Tensor

        Returns
        -------
        (B, K) float32 Tensor
            Not negative, each row sums to 1.

        Raises
        ------
        WindowError
            If features have another shape or are not finite.
        NotFittedError
            If the head was neither fitted nor loaded.
        """
        return self._probabilities(self._checked(features))

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments besides the two of the base class, as JSON types."""

    def config_of(self, classes: list[int]) -> dict[str, Any]:
        """Return `config` for a head of these classes only; a head with arguments by class re-indexes them."""
        return self.config()

    def notes(self) -> list[str]:
        """Return what the last fit says about itself, one sentence each; by default nothing."""
        return []

    @abstractmethod
    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None: ...

    def _fit_rows(self, rows: Rows, labels: Tensor | None, groups: Tensor | None) -> None:
        self._fit(torch.from_numpy(rows[:]), labels, groups)

    @abstractmethod
    def _probabilities(self, features: Tensor) -> Tensor: ...

    def _fine_tune(self, features: Tensor | RowFile, labels: Tensor | None, groups: Tensor | None) -> None:
        raise ConfigurationError(
            f"{type(self).__name__} cannot be fine-tuned: fit it anew, or take the head ridge or stack, or a network "
            "that stands alone with the head linear"
        )

    def _checked_rows(
        self, features: Tensor | RowFile, labels: Tensor | None, groups: Tensor | None
    ) -> tuple[Tensor | RowFile, Tensor | None, Tensor | None]:
        if isinstance(features, Tensor):
            features = self._checked(features)
        else:
            for start in range(0, max(len(features), 1), _BLOCK):
                self._checked(torch.from_numpy(features[start : start + _BLOCK]))
        for what, values in (("labels", labels), ("groups", groups)):
            if values is not None and len(values) != len(features):
                raise TrainingError(f"{len(features)} rows of features came with {len(values)} {what}")
        if self.supervised:
            if labels is None:
                raise TrainingError(f"{type(self).__name__} learns from labels, but fit was given none")
            check_indices(labels, self.n_classes)
        return features, labels, groups

    def _checked(self, features: Tensor) -> Tensor:
        features = features.float()  # first: what float64 holds may be infinite in float32
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise WindowError(
                f"{type(self).__name__} takes features of shape (B, {self.n_features}), "
                f"but found {tuple(features.shape)}"
            )
        # Their sum tells in one pass, unless it is too large itself.
        if not torch.isfinite(features.sum()) and not torch.isfinite(features).all():
            raise WindowError(f"{type(self).__name__} was given features that are NaN or infinite")
        return features
