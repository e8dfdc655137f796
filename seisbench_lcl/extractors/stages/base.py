"""The interface of stages, which transform the windows of a model for an extractor."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

BLOCK = 64
"""Windows at a time, because intermediate results are many times as large as the windows; the same for all extractors,
so that these can share what they have in common."""


class Stage(nn.Module, ABC):
    """Windows in, windows out, by a fixed formula: there is nothing to fit.

    Parameters
    ----------
    in_channels : int
        Number of components C of a window.
    in_samples : int
        Number of samples T of a window.
    sampling_rate : float
        Sampling rate of the windows in Hz.

    Attributes
    ----------
    name : str
        Name before the ``>`` in ``Discriminator(extractor="name>extractor")``.
    out_channels, out_samples : int
        Shape of the windows that `forward` returns.
    out_rate : float
        Sampling rate in Hz of the windows that `forward` returns.
    transparent : bool
        Tag: whether `forward` keeps components and frequencies, so that the model's values still hold after the stage.

    Examples
    --------
    >>> class Squares(Stage):
    ...     name = "squares"
    ...     def __init__(self, in_channels, in_samples, sampling_rate):
    ...         super().__init__(in_channels, in_samples, sampling_rate)
    ...         self.out_channels, self.out_samples, self.out_rate = in_channels, in_samples, sampling_rate
    ...     def config(self):
    ...         return {}
    ...     def forward(self, windows):
    ...         return windows.square()
    >>> import torch
    >>> Squares(1, 3, 100)(torch.tensor([[[1.0, -2.0, 3.0]]])).tolist()
    [[[1.0, 4.0, 9.0]]]
    """

    name: ClassVar[str]
    transparent: ClassVar[bool] = False

    def __init__(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:
        super().__init__()
        self.out_channels = in_channels
        self.out_samples = in_samples
        self.out_rate = sampling_rate

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, except the three of the base class, as JSON types."""

    @abstractmethod
    def forward(self, windows: Tensor) -> Tensor:
        """Transform windows (B, C, T) into windows (B, out_channels, out_samples), both finite float32."""
