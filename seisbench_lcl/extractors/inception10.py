"""An Inception network of ten layers over the samples of a window."""

from torch import Tensor, cat, nn
from torch.nn.functional import relu

from seisbench_lcl.extractors._network import SampleNetwork

_KERNELS = (9, 19, 39)


class Inception10Encoder(SampleNetwork):
    """Convolutions of several lengths beside each other, ten layers deep.

    Yin et al. name such a network but print no table of its layers. This one is, in our reading:

    - layer 1, stage 0: a convolution of 7 samples with stride 2, 4 × width channels, and a maximum over 2;
    - layers 2 to 10, in three stages of three: a module each, which reduces its input to `width` channels, convolves
      them by kernels of 9, 19 and 39 samples beside each other, takes the maximum over 3 samples of its input and
      reduces that to `width` channels, too, and joins the four. Past each stage its input goes by a convolution of 1.
      The second and third stage begin with a maximum over 2.

    Features are the means over time, 4 × width. A width of 16 has 0.2 million parameters; modules with a reduction
    before the long kernels, and a way past three of them, are those of InceptionTime.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 16 samples.
    sampling_rate : float
        In Hz.
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
        If a number is out of range, or there is no such parameter.

    References
    ----------
    Szegedy et al. (2015), Going deeper with convolutions, CVPR. Fawaz et al. (2020), InceptionTime, Data Mining and
    Knowledge Discovery 34. Yin et al. (2022), Applied Sciences 12(16):8389, section 4.
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
    """Three modules, past which the input goes by a convolution of 1."""

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
