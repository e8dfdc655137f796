"""ResNet-18 over the samples of a window."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import relu

from seisbench_lcl.extractors._network import Network, check_width


class ResNet18(Network):
    """The residual network of 18 layers of He et al., its convolutions over time.

    Stage 0 is a convolution of 7 samples with stride 2 and a maximum over 3 with stride 2. Four stages of two residual
    blocks of two convolutions of 3 samples follow, each but the first of which halves the samples and doubles the
    channels. Features are the means over time: 8 × width. With a width of 64, as published, there are 3.8 million
    parameters; the default of 32 has 0.96 million, and is four times as fast.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 32 samples.
    sampling_rate : float
        In Hz.
    width : int
        Channels of the first stage.
    **recipe
        Parameters of `seisbench_lcl.training.Recipe`.

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
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, CVPR. Over time: Yin et al. (2022),
    Applied Sciences 12(16):8389, section 4.
    """

    name = "resnet18"
    reduction = 32

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        width: int = 32,
        **recipe: Any,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate, **recipe)
        check_width(width)
        self.width = width
        self.n_features = 8 * width
        self.stages = nn.Sequential(
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

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"width": self.width, **self.recipe.config()}


class _Block(nn.Module):
    """Two convolutions, past which the input goes: as it is, or where its shape changes, by a convolution of 1."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv1d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(),
            nn.Conv1d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm1d(out_channels),
        )
        alike = stride == 1 and in_channels == out_channels
        self.shortcut = (
            nn.Identity()
            if alike
            else nn.Sequential(
                nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm1d(out_channels)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.inner(x) + self.shortcut(x))
