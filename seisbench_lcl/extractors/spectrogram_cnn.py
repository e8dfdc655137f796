"""A small network over spectrograms that it computes from the windows."""

from typing import Any

from torch import Tensor, nn

from seisbench_lcl.extractors._network import Network
from seisbench_lcl.extractors._spectrogram import Spectrogram

_CHANNELS = (16, 24, 32, 48, 64)
_ROWS = 3  # number of frequencies in the last layer


class SpectrogramCNNEncoder(Network):
    """Five convolutions over time and frequency, with fewer than 100,000 parameters.

    `forward` computes the spectrogram: 87 frequencies by 100 times, in dB below the largest amplitude of all components
    of the window. Each convolution of 3 × 3, with batch normalisation, halves both axes. Features are the means over
    time of the 64 channels at each of the 3 remaining frequencies: the frequency of the energy matters more than its
    time. For events of the Pacific Northwest, Kharita et al. found such a small network better than larger ones and
    than networks over samples.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 2 s with the default frequencies.
    sampling_rate : float
        Sampling rate of the windows in Hz.
    frequency_range : (float, float)
        Lowest and highest frequency of the spectrograms in Hz; use the frequency band of the model.
    **recipe
        Parameters of `seisbench_lcl.training.TrainingRecipe`.

    Attributes
    ----------
    epochs_trained : scalar float32 buffer
        NaN until fitted.

    Raises
    ------
    WindowError
        If windows are too short.
    ConfigurationError
        If a number is out of range or a parameter unknown, or the window is shorter than two frames of the spectrogram.

    References
    ----------
    Kharita et al. (2025), on networks of 70,000 parameters for events of the Pacific Northwest. Spectrograms: Jenkins
    et al. (2021), JGR Solid Earth 126, doi:10.1029/2021JB021716.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(16, 1, 300, generator=torch.Generator().manual_seed(0))
    >>> extractor = SpectrogramCNNEncoder(1, 300, 50.0, epochs=1, augmentations={})
    >>> extractor.fit(windows, torch.arange(16) % 2)(windows).shape
    torch.Size([16, 192])
    """

    name = "spectrogram_cnn"
    reduction = 2

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        frequency_range: tuple[float, float] = (1.0, 18.0),
        **recipe: Any,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate, **recipe)
        self.frequency_range = float(frequency_range[0]), float(frequency_range[1])
        self.n_features = _CHANNELS[-1] * _ROWS
        self.spectrogram = Spectrogram(in_samples, sampling_rate, self.frequency_range)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()
                )
                for channels, wider in zip((in_channels, *_CHANNELS[:-1]), _CHANNELS, strict=True)
            )
        )

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"frequency_range": list(self.frequency_range), **self.recipe.config()}

    def encode(self, windows: Tensor) -> Tensor:  # noqa: D102
        encoded: Tensor = self.stages(self.spectrogram(windows))
        return encoded.mean(dim=-1).flatten(start_dim=1)
