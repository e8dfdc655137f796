"""From windows to power spectra, as the network was trained on them."""

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.signal import butter, lfilter, lfilter_zi
from scipy.signal.windows import hann, tukey
from torch import Tensor, nn

from seisbench_lcl.errors import ConfigurationError, WindowError

_TAPER = 0.1  # fraction of the window, both ends together
_ORDER, _CORNERS = 4, (1.0, 20.0)  # Hz
_SEGMENT, _STEP = 256, 128  # samples
_TINY = 1e-10
_NEGLIGIBLE = 1e-17  # part of an impulse response that double precision cannot see


class Preparation(nn.Module):
    """Windows in, one power spectral density per component out, scaled to 0 to 1.

    In this order: the least-squares line of each component is removed; a Tukey taper (alpha 0.1); a Butterworth
    band-pass of order 4, 1 to 20 Hz, forwards and backwards; division by the standard deviation of the absolute values
    of all components together; Welch's segments of 256 samples every 128, demeaned, under a Hann window, not averaged;
    and each component is scaled by its own smallest and largest value.

    Everything is linear up to the division, so filters are convolutions with their impulse responses, computed by FFT
    in double precision: the same on a GPU, and equal to `scipy.signal.filtfilt` up to rounding.

    Parameters
    ----------
    in_samples : int
        At least 256.
    sampling_rate : float
        In Hz, above 40.

    Attributes
    ----------
    shape : (int, int)
        Frequencies and times of a spectrum.

    Raises
    ------
    WindowError
        If windows are shorter than a segment.
    ConfigurationError
        If the band-pass reaches half the sampling rate.

    References
    ----------
    Kharita et al. (2025), arXiv:2510.23795.

    Examples
    --------
    >>> Preparation(5000, 50.0)(torch.randn(2, 3, 5000)).shape
    torch.Size([2, 3, 129, 38])
    """

    line: Tensor
    taper: Tensor
    impulse: Tensor
    transient: Tensor
    hann: Tensor

    def __init__(self, in_samples: int, sampling_rate: float) -> None:
        super().__init__()
        if in_samples < _SEGMENT:
            raise WindowError(f"windows need at least {_SEGMENT} samples for a spectrum, but have {in_samples}")
        if not 2 * _CORNERS[1] < sampling_rate < np.inf:
            raise ConfigurationError(
                f"the band-pass from {_CORNERS[0]:g} to {_CORNERS[1]:g} Hz needs a sampling rate above "
                f"{2 * _CORNERS[1]:g} Hz, but it is {sampling_rate:g} Hz"
            )
        self.sampling_rate = sampling_rate
        self.shape = _SEGMENT // 2 + 1, (in_samples - _SEGMENT) // _STEP + 1
        b, a = butter(_ORDER, _CORNERS, "bandpass", fs=sampling_rate)
        self.reach = 3 * max(len(a), len(b))  # samples by which filtfilt extends a record at each end
        length = in_samples + 2 * self.reach
        pulse, zeros = np.eye(1, length)[0], np.zeros(length)
        impulse = lfilter(b, a, pulse)
        impulse = impulse[: np.flatnonzero(np.abs(impulse) > _NEGLIGIBLE * np.abs(impulse).max())[-1] + 1]
        self.length = next_fast_len(length + len(impulse) - 1, real=True)  # of the FFT, so that nothing wraps around
        time = np.arange(in_samples) - (in_samples - 1) / 2
        buffers = {
            "line": np.vstack([np.full(in_samples, in_samples**-0.5), time / np.linalg.norm(time)]),
            "taper": tukey(in_samples, _TAPER),
            "impulse": impulse,
            "transient": lfilter(b, a, zeros, zi=lfilter_zi(b, a))[0],  # of the state that a first sample of 1 sets
            "hann": hann(_SEGMENT, sym=False),
        }
        for name, values in buffers.items():  # follow from the arguments, so weights do not hold them
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return spectra (B, C, 129, times) in float32 of windows (B, C, T)."""
        if not len(windows):  # FFTs of nothing fail
            return windows.new_zeros((*windows.shape[:2], *self.shape), dtype=torch.float32)
        x = windows.double()
        x = x - (x @ self.line.double().T) @ self.line.double()
        x = self._band_pass(x * self.taper.double())
        # With n in the divisor, as NumPy's.
        x = x / (x.abs().std(dim=(-2, -1), correction=0, keepdim=True) + _TINY)
        spectra = self._spectra(x)
        lowest = spectra.amin(dim=(-2, -1), keepdim=True)
        return ((spectra - lowest) / (spectra.amax(dim=(-2, -1), keepdim=True) - lowest + _TINY)).float()

    def _band_pass(self, x: Tensor) -> Tensor:
        """Filter forwards and backwards, as `scipy.signal.filtfilt` does by default."""
        reach = self.reach
        before = 2 * x[..., :1] - x[..., 1 : reach + 1].flip(-1)
        after = 2 * x[..., -1:] - x[..., -reach - 1 : -1].flip(-1)
        x = torch.cat([before, x, after], dim=-1)
        for _ in range(2):
            x = self._filter(x).flip(-1)
        return x[..., reach:-reach]

    def _filter(self, x: Tensor) -> Tensor:
        response = torch.fft.rfft(self.impulse.double(), self.length)
        filtered = torch.fft.irfft(torch.fft.rfft(x, self.length) * response, self.length)[..., : x.shape[-1]]
        return filtered + x[..., :1] * self.transient.double()

    def _spectra(self, x: Tensor) -> Tensor:
        hann = self.hann.double()
        segments = x.unfold(-1, _SEGMENT, _STEP)
        segments = (segments - segments.mean(dim=-1, keepdim=True)) * hann
        power = torch.fft.rfft(segments).abs().square() / (self.sampling_rate * hann.square().sum())
        one_sided = torch.full((self.shape[0],), 2.0, dtype=x.dtype, device=x.device)
        one_sided[0] = one_sided[-1] = 1
        return (power * one_sided).transpose(-2, -1)
