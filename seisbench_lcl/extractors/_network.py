"""Shared code of the networks that learn their features from labels."""

from abc import abstractmethod
from dataclasses import fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seisbench_lcl.errors import (
    ConfigurationError,
    TrainingError,
    WindowError,
    check_arguments,
    check_is_fitted,
    is_whole,
)
from seisbench_lcl.extractors._scale import unit_rms
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.optim.augmentations import Chain
from seisbench_lcl.optim.balance import check_classes
from seisbench_lcl.optim.loop import initialise
from seisbench_lcl.optim.supervised import TrainingRecipe, train

_BLOCK = 256  # windows encoded at a time


class Network(FeatureExtractor):
    """Features are the output of the second-to-last layer of a classifier.

    A subclass sets `reduction`, `n_features` and `stages`, whose output is averaged over time. With the head `linear`,
    network and head are trained together. With another head, the network is trained first, with a linear layer that is
    then dropped.

    A window is divided by its root mean square over all components, in training after augmentation, so that training
    and use have the same scale. Kernels and strides are counted in samples: a network is tied to the sampling rate it
    was trained at.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    **recipe
        Parameters of `seisbench_lcl.training.TrainingRecipe`.

    Attributes
    ----------
    reduction : int
        Tag: number of samples reduced to one in the last layer, which is also the minimum length of a window.
    stages : nn.Sequential
        From windows (B, C, T) to (B, n_features, T / reduction), in stages that can be frozen.
    recipe : TrainingRecipe
    unseen : (n,) int64 Tensor or None
        Rows of the last `fit` whose events were held out of training; not part of the state.
    epochs_trained : scalar float32 buffer
        NaN until fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from seisbench_lcl.extractors import ResNet18Encoder
    >>> network = ResNet18Encoder(in_channels=3, in_samples=200, sampling_rate=100, width=4, epochs=1)
    >>> isinstance(network, Network), network.n_features
    (True, 32)
    """

    supervised = True
    trained_in_epochs = True
    reduction: ClassVar[int]

    stages: nn.Sequential
    epochs_trained: Tensor

    def __init__(self, in_channels: int, in_samples: int, sampling_rate: float, **recipe: Any) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        if in_samples < self.reduction:
            raise WindowError(
                f"{type(self).__name__} needs windows of at least {self.reduction} samples "
                f"({self.reduction / sampling_rate:g} s), but in_samples is {in_samples}"
            )
        known = [field.name for field in fields(TrainingRecipe)]
        if unknown := sorted(set(recipe) - set(known)):
            raise ConfigurationError(
                f"{type(self).__name__} has no argument {', '.join(unknown)}; its training arguments are "
                f"{', '.join(known)}"
            )
        try:
            self.recipe = TrainingRecipe(**recipe)
        except TypeError as error:
            raise ConfigurationError(f"{type(self).__name__}: {error}") from error
        Chain.from_config(self.recipe.augmentations).check(in_channels, in_samples, sampling_rate)
        self.register_buffer("epochs_trained", torch.tensor(torch.nan))

    def encode(self, windows: Tensor) -> Tensor:
        """Return features (B, n_features) of windows (B, C, T), with gradients."""
        encoded: Tensor = self.stages(unit_rms(windows))
        return encoded.mean(dim=-1)

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        if labels is None:
            raise TrainingError(f"{type(self).__name__} learns from labels: call fit(windows, labels)")
        n_classes = max([1, *labels.tolist()]) + 1
        check_classes(len(windows), labels, groups, n_classes)
        self.epochs_trained.fill_(torch.nan)
        # Its parameters are drawn below from the seed, not from the caller's random numbers.
        classifier = nn.utils.skip_init(nn.Linear, self.n_features, n_classes, device=self.epochs_trained.device)
        initialise(nn.ModuleList([self, classifier]), self.recipe.seed)
        trained = train(self.name, self, classifier, n_classes, windows, labels, groups)
        self.histories, self.unseen = [trained.history], trained.unseen

    def _extract(self, windows: Tensor) -> Tensor:
        check_is_fitted(self, self.epochs_trained, "fit(windows, labels)")
        windows = windows.to(self.epochs_trained.dtype)
        return torch.cat([self.encode(part) for part in windows.split(_BLOCK)]).float()


class SampleNetwork(Network):
    """A network over samples whose layers have multiples of `width` channels.

    A subclass sets `default_width` and `features`, and implements `build`.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate, **recipe
        As in `Network`.
    width : int, optional
        Channels of the narrowest layer; by default `default_width`.

    Attributes
    ----------
    features : int
        Tag: number of features as a multiple of `width`.
    """

    default_width: ClassVar[int]
    features: ClassVar[int]

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        width: int | None = None,
        **recipe: Any,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate, **recipe)
        self.width = self.default_width if width is None else width
        check_arguments(
            type(self).__name__, ("width must be a positive whole number", is_whole(self.width, 1), self.width)
        )
        self.n_features = self.features * self.width
        self.stages = self.build(in_channels, self.width)

    def config(self) -> dict[str, Any]:
        return {"width": self.width, **self.recipe.config()}

    @staticmethod
    @abstractmethod
    def build(in_channels: int, width: int) -> nn.Sequential:
        """Return the stages."""
