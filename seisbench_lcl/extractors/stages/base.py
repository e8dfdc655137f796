"""What stands before an extractor and gives it other windows than those of the model."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn


class Stage(nn.Module, ABC):
    """Windows in, windows out, by a formula that learns nothing.

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
        What stands before the ``>`` in ``Discriminator(extractor="name>extractor")``.
    out_channels, out_samples : int
        Shape of the windows that `forward` returns.
    out_rate : float
        Their sampling rate in Hz.
    transparent : bool
        Tag: whether these windows have the components and frequencies of those that come in, so that what is known of
        the one is true of the other.
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
        """Return the constructor's arguments besides the three of the base class, as JSON types."""

    @abstractmethod
    def forward(self, windows: Tensor) -> Tensor:
        """Turn windows (B, C, T) into windows (B, out_channels, out_samples), both finite float32."""
