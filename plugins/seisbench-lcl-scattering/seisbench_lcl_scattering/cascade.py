"""The two layers of a scattering transform, by FFT."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from seisbench_lcl_scattering.wavelets import Morlet

_TAIL = 1e-4  # fraction of the centre's response below which a filter is cut
_OVERSAMPLING = 4  # of a modulus, which has higher frequencies than its signal; means are accurate to 0.5 %

Pooling = Literal["mean", "max", "median"]


class Cascade(nn.Module):
    """Moduli of wavelet transforms and, in a second layer, of the wavelet transforms of these moduli, pooled over time.

    A signal is extended by its mirror image, half a sample beyond its ends. The Fourier transforms cover the period of
    both, so nothing wraps around, no edge looks like an onset, and the moduli are mirrored too, without extra margins.
    Pooling over the period equals pooling over the window.

    A filter passes few Fourier coefficients. They are shifted to frequency zero, which does not change the modulus, and
    transformed back with the fewest samples that resolve it.

    Parameters
    ----------
    in_samples : int
    sampling_rate : float
        Sampling rate in Hz.
    first, second : sequence of Morlet
        Wavelets of the two layers.
    paths : sequence of (int, int)
        Indices into `first` and `second`, ordered by the first.
    pooling : {"mean", "max", "median"}
        Pooling over time.
    """

    _first: Tensor
    _second: Tensor

    def __init__(
        self,
        in_samples: int,
        sampling_rate: float,
        first: Sequence[Morlet],
        second: Sequence[Morlet],
        paths: Sequence[tuple[int, int]],
        pooling: Pooling,
    ) -> None:
        super().__init__()
        self._pooling = pooling
        self._n = 2 * in_samples
        # Without frequency 0, which no wavelet passes.
        frequencies = torch.arange(1, in_samples + 1, dtype=torch.float64) * (sampling_rate / self._n)
        self._layout = []
        for name, wavelets in (("_first", first), ("_second", second)):
            layout, rows = self._truncated([wavelet.response(frequencies) for wavelet in wavelets])
            self._layout.append(layout)
            # Not stored in weights files, because they follow from the arguments.
            self.register_buffer(name, rows.float(), persistent=False)
        self._behind = [[i for j, i in paths if j == at] for at in range(len(first))]

    def forward(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pooled moduli of first and second order.

        Parameters
        ----------
        signals : (N, T) float32 Tensor

        Returns
        -------
        (N, n_first) Tensor, (N, n_paths) Tensor
            In units of the signals.
        """
        spectrum = torch.fft.rfft(torch.cat([signals, signals.flip(-1)], dim=-1), norm="forward")
        first, second = [], []
        for j, behind in enumerate(self._behind):
            modulus = self._modulus(spectrum, self._first[j], *self._layout[0][j])
            first.append(self._pool(modulus))
            if behind:
                envelope = torch.fft.rfft(modulus, norm="forward")
                second += [self._pool(self._modulus(envelope, self._second[i], *self._layout[1][i])) for i in behind]
        return torch.stack(first, dim=-1), torch.stack(second, dim=-1) if second else signals[:, :0]

    def _pool(self, modulus: Tensor) -> Tensor:
        if self._pooling == "mean":
            return modulus.mean(dim=-1)
        return modulus.amax(dim=-1) if self._pooling == "max" else modulus.median(dim=-1).values

    @staticmethod
    def _modulus(spectrum: Tensor, filter_: Tensor, start: int, width: int, samples: int) -> Tensor:
        passed = spectrum[:, start : start + width]
        analytic = torch.fft.ifft(passed * filter_[: passed.shape[-1]], n=samples, norm="forward")
        modulus: Tensor = analytic.abs()
        return modulus

    def _truncated(self, responses: list[Tensor]) -> tuple[list[tuple[int, int, int]], Tensor]:
        """Return first coefficient, number of coefficients and number of samples of each filter, and the filters."""
        layout, rows = [], torch.zeros(len(responses), self._n // 2, dtype=torch.float64)
        for row, response in zip(rows, responses, strict=True):
            passed = torch.nonzero(response >= 2 * _TAIL).flatten()
            start, width = int(passed[0]), len(passed)
            row[:width] = response[passed]
            # Powers of two transform fastest.
            samples = min(1 << (_OVERSAMPLING * width - 1).bit_length(), self._n)
            layout.append((start + 1, width, samples))
        return layout, rows[:, : max((width for _, width, _ in layout), default=0)].clone()
