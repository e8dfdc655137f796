"""ResNet-18 over the samples of a window."""

from torch import Tensor, nn
from torch.nn.functional import relu

from seisbench_lcl.extractors._network import SampleNetwork


class ResNet18Encoder(SampleNetwork):
    """The residual network of 18 layers of He et al., with convolutions over time.

    Stage 0 is a convolution of 7 samples with stride 2 and a maximum over 3 samples with stride 2. Four stages follow,
    each of two residual blocks of two convolutions of 3 samples; the second to fourth halve the samples and double the
    channels. Features are the means over time, 8 × width. The published width of 64 has 3.8 million parameters, the
    default of 32 has 0.96 million.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 32 samples.
    sampling_rate : float
        Sampling rate of the windows in Hz.
    width : int, optional
        Channels of the first stage.
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
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, CVPR. Over time: Yin et al. (2022),
    Applied Sciences 12(16):8389, section 4.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(16, 3, 200, generator=torch.Generator().manual_seed(0))
    >>> extractor = ResNet18Encoder(3, 200, 100.0, width=4, epochs=1, augmentations={})
    >>> extractor.fit(windows, torch.arange(16) % 2)(windows).shape
    torch.Size([16, 32])
    """

    name = "resnet18"
    reduction = 32
    default_width = 32
    features = 8

    @staticmethod
    def build(in_channels: int, width: int) -> nn.Sequential:  # noqa: D102
        return nn.Sequential(
            nn.Sequential(
                nn.Conv1d(in_channels, width, 7, stride=2, padding=3, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.MaxPool1d(3, stride=2, padding=1),
            ),
            nn.Sequential(_Block(width, width), _Block(width, width)),
            nn.Sequential(_Block(width, 2 * width, 2), _Block(2 * width, 2 * width)),
            nn.Sequential(_Block(2 * width, 4 * width, 2), _Block(4 * width, 4 * width)),
            nn.Sequential(_Block(4 * width, 8 * width, 2), _Block(8 * width, 8 * width)),
        )


class _Block(nn.Module):
    """Two convolutions and a shortcut past them: the identity, or a convolution of 1 sample where the shape changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv1d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(),
            nn.Conv1d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm1d(out_channels),
        )
        same_shape = stride == 1 and in_channels == out_channels
        self.shortcut = (
            nn.Identity()
            if same_shape
            else nn.Sequential(
                nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm1d(out_channels)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.inner(x) + self.shortcut(x))
