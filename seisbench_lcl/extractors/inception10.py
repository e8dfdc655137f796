"""An Inception network of ten layers over the samples of a window."""

from torch import Tensor, cat, nn
from torch.nn.functional import relu

from seisbench_lcl.extractors._network import SampleNetwork

_KERNELS = (9, 19, 39)


class Inception10Encoder(SampleNetwork):
    """Parallel convolutions of several lengths, ten layers deep.

    Yin et al. name such a network but print no table of its layers. Our reading is:

    - layer 1, stage 0: a convolution of 7 samples with stride 2, 4 × width channels, and a maximum over 2 samples;
    - layers 2 to 10: three stages of three modules. A module reduces its input to `width` channels and convolves them
      with kernels of 9, 19 and 39 samples in parallel; a fourth branch takes the maximum over 3 samples of the input
      and reduces it to `width` channels. The four branches are concatenated. A convolution of 1 sample leads past each
      stage. The second and third stage begin with a maximum over 2 samples.

    Features are the means over time, 4 × width. A width of 16 has 0.2 million parameters. The reduction before the long
    kernels and the shortcut past three modules are those of InceptionTime.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 16 samples.
    sampling_rate : float
        Sampling rate of the windows in Hz.
    width : int, optional
        Channels of each branch.
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
        If a number is out of range or a parameter unknown.

    References
    ----------
    Szegedy et al. (2015), Going deeper with convolutions, CVPR. Fawaz et al. (2020), InceptionTime, Data Mining and
    Knowledge Discovery 34. Yin et al. (2022), Applied Sciences 12(16):8389, section 4.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(16, 3, 200, generator=torch.Generator().manual_seed(0))
    >>> extractor = Inception10Encoder(3, 200, 100.0, width=4, epochs=1, augmentations={})
    >>> extractor.fit(windows, torch.arange(16) % 2)(windows).shape
    torch.Size([16, 16])
    """

    name = "inception10"
    reduction = 16
    default_width = 16
    features = 4

    @staticmethod
    def build(in_channels: int, width: int) -> nn.Sequential:  # noqa: D102
        return nn.Sequential(
            nn.Sequential(
                nn.Conv1d(in_channels, 4 * width, 7, stride=2, padding=3, bias=False),
                nn.BatchNorm1d(4 * width),
                nn.ReLU(),
                nn.MaxPool1d(2),
            ),
            _Stage(width),
            nn.Sequential(nn.MaxPool1d(2), _Stage(width)),
            nn.Sequential(nn.MaxPool1d(2), _Stage(width)),
        )


class _Stage(nn.Module):
    """Three modules, and a convolution of 1 sample past them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modules_ = nn.Sequential(*(_Module(width) for _ in range(3)))
        self.shortcut = nn.Sequential(nn.Conv1d(4 * width, 4 * width, 1, bias=False), nn.BatchNorm1d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.modules_(x) + self.shortcut(x))


class _Module(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv1d(4 * width, width, 1, bias=False)
        self.convolve = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False) for kernel in _KERNELS
        )
        self.largest = nn.Sequential(nn.MaxPool1d(3, stride=1, padding=1), nn.Conv1d(4 * width, width, 1, bias=False))
        self.normalise = nn.BatchNorm1d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.reduce(x)
        return relu(self.normalise(cat([*(layer(reduced) for layer in self.convolve), self.largest(x)], dim=1)))
