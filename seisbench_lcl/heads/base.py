"""The base class of heads, which turn features into class probabilities."""

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
    """Base class of heads: features in, one row of class probabilities per window out.

    As in an extractor, the whole state is buffers and parameters whose shapes follow from the constructor's arguments.
    A subclass sets the tags and implements `_fit`, `_probabilities` and `config`. A subclass that learns from rows
    block by block also implements `_fit_rows`.

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
        Tag: whether the head finds the number of clusters itself. `n_classes` is then an upper bound, and the last
        output stands for windows outside all clusters.
    takes_blocks : bool
        Tag: whether the constructor takes `blocks`, the number of features of each joined extractor.
    held_out : (N, K) float32 ndarray or None
        Probabilities of the training rows, each predicted by a fit without its event; None if the head holds out no
        events. Not saved.
    histories : list of History
        Losses of the last fit, if the head is trained by gradient descent. Not saved.

    Raises
    ------
    ConfigurationError
        If there are no features, or fewer than two classes.

    Examples
    --------
    >>> class Prior(Head):
    ...     name = "prior"
    ...
    ...     def config(self):
    ...         return {}
    ...
    ...     def _fit(self, features, labels, groups):
    ...         self.share = torch.bincount(labels, minlength=self.n_classes) / len(labels)
    ...
    ...     def _probabilities(self, features):
    ...         return self.share.expand(len(features), -1)
    >>> Prior(n_features=2, n_classes=2).fit(torch.zeros(4, 2), torch.tensor([0, 1, 1, 1]))(torch.zeros(1, 2))
    tensor([[0.2500, 0.7500]])
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
                f"but got n_features={n_features} and n_classes={n_classes}"
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
            A head that cannot learn from a file in blocks reads the whole file.
        labels : (N,) int64 Tensor, optional
            Class indices from 0 to K − 1; required by a supervised head.
        groups : (N,) int64 Tensor, optional
            Event of each row: all rows of an event are held out together. By default each row is its own event.

        Returns
        -------
        Head
            Itself.

        Raises
        ------
        WindowError
            If features have the wrong shape or are not finite.
        TrainingError
            If labels are missing, out of range or of one class only, or the lengths differ.
        """
        features, labels, groups = self._checked_rows(features, labels, groups)
        if isinstance(features, Tensor):
            self._fit(features, labels, groups)
        else:
            self._fit_rows(features, labels, groups)
        return self.eval()

    def joins(self, extractor: FeatureExtractor) -> bool:
        """Return whether `fit_with` trains this head together with the extractor."""
        return False

    def fit_with(
        self,
        extractor: FeatureExtractor,
        windows: Tensor,
        labels: Tensor | None = None,
        groups: Tensor | None = None,
        tuning: Tuning | None = None,
    ) -> Self:
        """Train the head together with its extractor; only for an extractor that the head `joins`.

        Parameters
        ----------
        extractor : FeatureExtractor
        windows : (N, C, T) float32 Tensor
        labels, groups : (N,) int64 Tensor, optional
            As in `fit`.
        tuning : Tuning, optional
            If given, both continue from their current state; otherwise they start again.

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
        raise ConfigurationError(f"{type(self).__name__} learns from features only: call fit(features)")

    def fine_tune(self, features: Tensor | RowFile, labels: Tensor | None = None, groups: Tensor | None = None) -> Self:
        """Adapt a fitted head to other data, such as another region.

        Parameters
        ----------
        features, labels, groups
            As in `fit`; some of the model's classes may be absent.

        Returns
        -------
        Head
            Itself.

        Raises
        ------
        ConfigurationError
            If this kind of head cannot be adapted.
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
            Not negative; each row sums to 1.

        Raises
        ------
        WindowError
            If features have the wrong shape or are not finite.
        NotFittedError
            If the head was neither fitted nor loaded.
        """
        return self._probabilities(self._checked(features))

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, except the two of the base class, as JSON types."""

    def config_of(self, classes: list[int]) -> dict[str, Any]:
        """Return `config` for a head with these classes only; a head with per-class arguments re-indexes them."""
        return self.config()

    def grown(self, n_more: int) -> Self:
        """Return a copy with more classes at the end, which it never chooses until `fine_tune` shows it examples.

        Parameters
        ----------
        n_more : int
            Number of classes to add.

        Raises
        ------
        ConfigurationError
            If this kind of head cannot take more classes.
        NotFittedError
            If the head was neither fitted nor loaded.
        """
        raise ConfigurationError(
            f"{type(self).__name__} cannot take new classes: train a model with all classes, or use the head ridge or "
            "stack"
        )

    def condensed(self, features: Tensor) -> tuple["Head", Tensor]:
        """Return a head and fewer features that give the same on these rows, and after fine-tuning on some of them.

        Many fits to few rows of many features, such as those of leave-one-out, are faster so. By default both are as
        they are.

        Parameters
        ----------
        features : (N, F) Tensor
        """
        return self, features

    def shift(self, logits: Tensor) -> None:
        """Add to the logarithm of the probability of each class, before the probabilities are made to sum to 1.

        Parameters
        ----------
        logits : (K,) Tensor

        Raises
        ------
        ConfigurationError
            If this kind of head has nothing to shift.
        NotFittedError
            If the head was neither fitted nor loaded.
        """
        raise ConfigurationError(f"the probabilities of {type(self).__name__} cannot be shifted: use the head ridge")

    def notes(self) -> list[str]:
        """Return remarks about the last fit, one sentence each; by default none."""
        return []

    @abstractmethod
    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None: ...

    def _fit_rows(self, rows: Rows, labels: Tensor | None, groups: Tensor | None) -> None:
        self._fit(torch.from_numpy(rows[:]), labels, groups)

    @abstractmethod
    def _probabilities(self, features: Tensor) -> Tensor: ...

    def _fine_tune(self, features: Tensor | RowFile, labels: Tensor | None, groups: Tensor | None) -> None:
        raise ConfigurationError(
            f"{type(self).__name__} cannot be fine-tuned: fit it again, or use the head ridge, stack or named_scan, or "
            "a single network with the head linear"
        )

    def _checked_rows(
        self, features: Tensor | RowFile, labels: Tensor | None, groups: Tensor | None
    ) -> tuple[Tensor | RowFile, Tensor | None, Tensor | None]:
        if isinstance(features, Tensor):
            features = self._checked(features)
        else:
            for start in range(0, max(len(features), 1), _BLOCK):
                self._checked(torch.from_numpy(features[start : start + _BLOCK]))
        for name, values in (("labels", labels), ("groups", groups)):
            if values is not None and len(values) != len(features):
                raise TrainingError(f"{len(features)} rows of features came with {len(values)} {name}")
        if self.supervised:
            if labels is None:
                raise TrainingError(f"{type(self).__name__} learns from labels, but fit was given none")
            check_indices(labels, self.n_classes)
        return features, labels, groups

    def _checked(self, features: Tensor) -> Tensor:
        features = features.float()  # first: a float64 number may be infinite in float32
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise WindowError(
                f"{type(self).__name__} needs features of shape (B, {self.n_features}), "
                f"but found {tuple(features.shape)}"
            )
        # The sum is a check in one pass; it may overflow where all features are finite.
        if not torch.isfinite(features.sum()) and not torch.isfinite(features).all():
            raise WindowError(f"{type(self).__name__}: features are NaN or infinite")
        return features
