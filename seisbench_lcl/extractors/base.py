"""The interface of feature extractors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.optim.loop import History


class FeatureExtractor(nn.Module, ABC):
    """Windows in, one row of features per window out.

    The whole state of an extractor is its buffers and parameters, and their shapes follow from the constructor's
    arguments alone, so SeisBench's own save and load handle it without pickle. A subclass sets `name` and `n_features`
    and implements `_fit`, `_extract` and `config`; this class validates the windows.

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
        Key of the extractor in ``Discriminator(extractor=...)``.
    backbone : seisbench_lcl.hub.backbones.Backbone or None
        Pretrained SeisBench model that it uses, but that is not part of its state.
    slides : bool
        Tag: whether `slide` is faster than `forward` for windows that overlap by most of their length.
    enough : int or None
        Tag: number of windows that suffices for a fit; None to fit all windows.
    supervised : bool
        Tag: whether `fit` needs labels.
    trained_in_epochs : bool
        Tag: whether `fit` trains by gradients, epoch by epoch.
    unseen : (n,) int64 Tensor or None
        Rows of the last `fit` whose events were held out, for extractors that learn from labels; not part of the state.
    histories : list of History
        Losses of the last `fit`, for extractors trained by gradients; not part of the state.

    Raises
    ------
    ConfigurationError
        If a size or the rate is not positive.

    Examples
    --------
    >>> class Peak(FeatureExtractor):
    ...     name = "peak"
    ...     def __init__(self, in_channels, in_samples, sampling_rate):
    ...         super().__init__(in_channels, in_samples, sampling_rate)
    ...         self.n_features = in_channels
    ...     def config(self):
    ...         return {}
    ...     def _fit(self, windows, labels, groups): ...
    ...     def _extract(self, windows):
    ...         return windows.abs().amax(dim=-1)
    >>> Peak(1, 10, 100)(torch.linspace(-2, 1, 10).reshape(1, 1, 10)).tolist()
    [[2.0]]
    """

    # Class attributes; a joined extractor takes them from its parts.
    name: str
    backbone: Backbone | None = None
    slides: bool = False
    enough: int | None = None
    supervised: bool = False
    trained_in_epochs: bool = False
    n_features: int

    def __init__(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:
        super().__init__()
        if in_channels < 1 or in_samples < 1 or sampling_rate <= 0:
            raise ConfigurationError(
                f"{type(self).__name__} needs at least one component, one sample and a positive sampling rate, "
                f"but got in_channels={in_channels}, in_samples={in_samples}, sampling_rate={sampling_rate}"
            )
        self.in_channels = in_channels
        self.in_samples = in_samples
        self.sampling_rate = sampling_rate
        self.histories: list[History] = []
        self.unseen: Tensor | None = None

    def fit(self, windows: Tensor, labels: Tensor | None = None, groups: Tensor | None = None) -> Self:
        """Learn from training windows.

        Parameters
        ----------
        windows : (N, C, T) float32 Tensor
        labels : (N,) int64 Tensor, optional
            Class indices, for extractors that learn from labels.
        groups : (N,) int64 Tensor, optional
            Event index of each window; all windows of an event are held out together.

        Returns
        -------
        FeatureExtractor
            Itself.

        Raises
        ------
        WindowError
            If the windows have the wrong shape, there are none, or they hold NaN or infinite values.
        TrainingError
            If labels are required but missing, or do not allow a fit.
        """
        windows = self.checked(windows)
        if len(windows) == 0:
            raise WindowError(f"{type(self).__name__}.fit needs at least one window, but got none")
        self.unseen = None
        self._fit(windows, labels, groups)
        return self.eval()

    def forward(self, windows: Tensor, s_arrivals: Tensor | None = None) -> Tensor:
        """Compute features.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor
        s_arrivals : (B,) float Tensor, optional
            S picks in seconds after the first sample, NaN for windows without one. Only some extractors use them.

        Returns
        -------
        (B, n_features) float32 Tensor

        Raises
        ------
        WindowError
            If the windows have the wrong shape or hold NaN or infinite values.
        NotFittedError
            If the extractor needs a fit and is not fitted.
        """
        windows = self.checked(windows)
        return self._extract(windows) if s_arrivals is None else self._extract_at(windows, s_arrivals)

    def slide(self, records: Sequence[Tensor], stride: int) -> Tensor:
        """Compute the features of overlapping windows, exactly equal to those of `forward`.

        Parameters
        ----------
        records : sequence of (C, (B_i − 1) stride + T) float32 Tensor
            B_i windows each; the first begins at the first sample, the others follow at multiples of the stride.
        stride : int
            In samples.

        Returns
        -------
        (sum of B_i, n_features) float32 Tensor

        Raises
        ------
        WindowError
            If a record has the wrong number of components, is shorter than a window, or holds NaN or infinite values.
        NotFittedError
            If the extractor needs a fit and is not fitted.
        """
        records = [record.float() for record in records]
        for record in records:
            if record.ndim != 2 or len(record) != self.in_channels or record.shape[1] < self.in_samples:
                raise WindowError(
                    f"{type(self).__name__}.slide needs records of {self.in_channels} components and at least "
                    f"{self.in_samples} samples, but got shape {tuple(record.shape)}"
                )
            self._check_finite(record[None])
        return self._slide(records, stride)

    def checked(self, windows: Tensor) -> Tensor:
        """Return windows as float32 after checking their shape and that all samples are finite.

        Raises
        ------
        WindowError
        """
        windows = windows.float()  # before the check: large float64 values become infinite in float32
        expected = (self.in_channels, self.in_samples)
        if windows.ndim != 3 or tuple(windows.shape[1:]) != expected:
            raise WindowError(
                f"{type(self).__name__} needs windows of shape (B, {expected[0]}, {expected[1]}), that is windows, "
                f"components, samples, but got {tuple(windows.shape)}"
            )
        self._check_finite(windows)
        return windows

    @property
    def leaves(self) -> list["FeatureExtractor"]:
        """Return the extractors it consists of: itself, unless it joins several."""
        return [self]

    @property
    def blocks(self) -> list[int]:
        """Return the number of features of each extractor that it concatenates."""
        return [self.n_features]

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, except the three of the base class, as JSON types."""

    @abstractmethod
    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None: ...

    @abstractmethod
    def _extract(self, windows: Tensor) -> Tensor: ...

    def _extract_at(self, windows: Tensor, s_arrivals: Tensor) -> Tensor:
        """Extract with S picks; override it in an extractor that uses them."""
        return self._extract(windows)

    def _slide(self, records: Sequence[Tensor], stride: int) -> Tensor:
        windows = [record.unfold(1, self.in_samples, stride).transpose(0, 1) for record in records]
        return self._extract(torch.cat(windows))

    @staticmethod
    def _check_finite(windows: Tensor) -> None:
        if torch.isfinite(windows.sum()):  # one fast pass; only a sum that is not finite needs a closer look
            return
        finite = torch.isfinite(windows).all(dim=-1).all(dim=-1)
        if not finite.all():
            bad = torch.nonzero(~finite).flatten().tolist()
            raise WindowError(
                f"{len(bad)} of {len(windows)} windows hold NaN or infinite samples, the first at index {bad[0]}: "
                "drop these windows, or mask the samples in the stream so that they count as a gap"
            )
