"""The layers of QuakeXNet up to its last but one, as a feature extractor."""

from typing import Any

from torch import Tensor, nn

from seisbench_lcl.extractors import Network
from seisbench_lcl_quakexnet.preparation import Preparation

CHANNELS = (8, 8, 16, 16, 32, 32, 64)
FEATURES = 128
_HALVING = (2, 4, 6)  # convolutions with a stride of 2
_POOLED = (2, 4)  # convolutions before a max-pooling


class QuakeXNetEncoder(Network):
    """Power spectra, seven convolutions over frequency and time, and one full layer: 128 features.

    The preparation is part of it, so windows arrive as recorded. With the head `linear` it is QuakeXNet: the last layer
    and its batch normalisation are one affine map in use.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 1,536 samples. QuakeXNet itself has 3 and 5,000.
    sampling_rate : float
        Sampling rate of the windows in Hz, above 40. QuakeXNet itself has 50.
    **recipe
        Parameters of `seisbench_lcl.training.TrainingRecipe`, for training or fine-tuning.

    Attributes
    ----------
    preparation : Preparation
    stages : nn.Sequential
        The convolutions, then the full layer: eight stages that fine-tuning can freeze.

    Raises
    ------
    WindowError
        If windows are too short.
    ConfigurationError
        If the sampling rate is too low, or a parameter of the recipe is unknown or out of range.

    References
    ----------
    Kharita et al. (2025), Exploration of machine learning methods to seismic event discrimination in the Pacific
    Northwest, arXiv:2510.23795.

    Examples
    --------
    >>> QuakeXNetEncoder(3, 5000, 50.0).n_features
    128
    """

    name = "quakexnet"
    reduction = 1536  # the shortest window that leaves one time after all strides
    n_features = FEATURES

    def __init__(
        self, in_channels: int = 3, in_samples: int = 5000, sampling_rate: float = 50.0, **recipe: Any
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate, **recipe)
        self.preparation = Preparation(in_samples, sampling_rate)
        stages: list[nn.Module] = []
        shape = self.preparation.shape
        for number, (channels, wider) in enumerate(zip((in_channels, *CHANNELS), CHANNELS, strict=False), 1):
            stride = 2 if number in _HALVING else 1
            layers: list[nn.Module] = [nn.Conv2d(channels, wider, 3, stride, padding=1), nn.BatchNorm2d(wider)]
            layers.append(nn.ReLU())
            shape = (shape[0] - 1) // stride + 1, (shape[1] - 1) // stride + 1
            if number in _POOLED:
                layers.append(nn.MaxPool2d(2))
                shape = shape[0] // 2, shape[1] // 2
            stages.append(nn.Sequential(*layers))
        flat = CHANNELS[-1] * shape[0] * shape[1]
        stages.append(nn.Sequential(nn.Flatten(), nn.Linear(flat, FEATURES), nn.BatchNorm1d(FEATURES), nn.ReLU()))
        self.stages = nn.Sequential(*stages)

    def config(self) -> dict[str, Any]:
        """Return the training recipe."""
        return self.recipe.config()

    def encode(self, windows: Tensor) -> Tensor:
        """Return features (B, 128) of windows (B, C, T), with gradients for the layers."""
        encoded: Tensor = self.stages(self.preparation(windows).to(self.epochs_trained.dtype))
        return encoded
