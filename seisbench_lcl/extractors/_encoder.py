"""A small residual network over the samples of a window."""

from torch import Tensor, cat, nn
from torch.nn.functional import relu

_KERNEL = 7
GROUPS = 4


class Encoder(nn.Module):
    """Strided residual blocks, then mean and maximum over time: (B, C, T) to (B, n_features).

    Group normalisation uses each window alone, so a window is encoded the same in any batch, in training and in use.

    Parameters
    ----------
    in_channels : int
    width : int
        Channels of the first layer, a multiple of 4; the last block has 4 × width.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.n_features = 8 * width
        self.layers = nn.Sequential(
            nn.Conv1d(in_channels, width, _KERNEL, stride=4, padding=_KERNEL // 2),
            _Block(width, width),
            _Block(width, 2 * width),
            _Block(2 * width, 2 * width),
            _Block(2 * width, 4 * width),
        )

    def forward(self, windows: Tensor) -> Tensor:
        outputs = self.layers(windows)
        return cat([outputs.mean(dim=-1), outputs.amax(dim=-1)], dim=1)


class _Block(nn.Module):
    """Two convolutions, the first with stride 2, and a shortcut past them."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv1d(in_channels, out_channels, _KERNEL, stride=2, padding=_KERNEL // 2, bias=False)
        self.reduced = nn.GroupNorm(GROUPS, out_channels)
        self.refine = nn.Conv1d(out_channels, out_channels, _KERNEL, padding=_KERNEL // 2, bias=False)
        self.refined = nn.GroupNorm(GROUPS, out_channels)
        self.shortcut = nn.Conv1d(in_channels, out_channels, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.refined(self.refine(relu(self.reduced(self.reduce(x)))))
        return relu(inner + self.shortcut(x))
