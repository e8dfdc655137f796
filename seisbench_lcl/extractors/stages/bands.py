"""Power over time in frequency bands, at a low sampling rate."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.waveforms.resampling import PASSED

N_BANDS = 4
_EDGE = 0.25  # width in octaves of the cosine taper at each end of a band
_HALF_EDGE = 2 ** (_EDGE / 2)
_MARGIN = 1.0  # periods of the lowest frequency by which a window is mirrored at its ends


class BandPower(nn.Module):
    """Squared envelopes |a(t)|² of the analytic signal a(t) in several bands, at a reduced sampling rate.

    One Fourier transform serves all bands. The coefficients of a band are tapered by a cosine a quarter of an octave
    wide around each end, shifted to frequency zero, which does not change |a|, and transformed back with the smallest
    number of samples that holds them (complex demodulation). Windows are mirrored at their ends, so that the end of the
    coda does not wrap around to before P. A sine of amplitude A inside a band has the power A².

    Parameters
    ----------
    in_samples : int
    sampling_rate : float
        Sampling rate of the windows in Hz.
    bands : sequence of (float, float), optional
        Lowest and highest frequency of each band in Hz. By default four bands of equal width in octaves, over the part
        of `frequency_range` that the resampling passes.
    rate : float
        Minimum sampling rate of the output in Hz. It is raised for wider bands; the sampling rate of the windows is
        always a whole multiple of the output's.
    frequency_range : (float, float)
        Lowest and highest frequency in Hz, for the default bands.

    Attributes
    ----------
    bands : list of (float, float)
    undefined : list of (float, float)
        Bands that reach above half the sampling rate: their power is NaN.
    out_samples : int
    out_rate : float
        Sampling rate of the output in Hz.

    Raises
    ------
    ConfigurationError
        If there is no band, or one is not 0 < lowest < highest or too narrow to hold a frequency of the window; if
        `rate` is not positive or above the sampling rate.
    WindowError
        If the window is not longer than two periods of the lowest frequency, in whole samples of the output.
    """

    _tapers: Tensor

    def __init__(
        self,
        in_samples: int,
        sampling_rate: float,
        bands: Sequence[Sequence[float]] | None = None,
        rate: float = 20.0,
        frequency_range: Sequence[float] = (1.0, 18.0),
    ) -> None:
        super().__init__()
        self.bands = _checked(_octaves(*frequency_range) if bands is None else bands)
        self.undefined = [band for band in self.bands if band[1] > sampling_rate / 2]
        if not 0 < rate <= sampling_rate:
            raise ConfigurationError(
                f"rate of the envelopes must be above 0 and at most {sampling_rate:g} Hz, the sampling rate of the "
                f"windows, but is {rate!r}"
            )
        self.rate = float(rate)
        widest = max(min(high * _HALF_EDGE, sampling_rate / 2) - low / _HALF_EDGE for low, high in self.bands)
        self.step = math.floor(sampling_rate / max(rate, widest) + 1e-9)
        self.out_rate = sampling_rate / self.step
        self.out_samples = in_samples // self.step
        margin = math.ceil(_MARGIN / min(low for low, _ in self.bands) * self.out_rate) * self.step
        if in_samples <= 2 * margin:
            raise WindowError(
                f"bands from {min(self.bands)[0]:g} Hz need windows of more than {2 * margin / sampling_rate:g} s, but "
                f"these have {in_samples / sampling_rate:g} s: use longer windows or higher bands"
            )
        self._margins = margin, margin + -(in_samples + 2 * margin) % self.step
        n = in_samples + sum(self._margins)
        frequencies = torch.arange(n // 2 + 1, dtype=torch.float64) * sampling_rate / n
        tapers, self._first = [], []
        for low, high in self.bands:
            if (low, high) in self.undefined:
                self._first.append(0)
                tapers.append(torch.full((n // self.step,), torch.nan, dtype=torch.float64))
                continue
            taper = 2 * _rise(frequencies / low) * _rise(high / frequencies.clamp_min(1e-9))
            passed = torch.nonzero(taper).flatten()
            if not len(passed):
                raise ConfigurationError(
                    f"the band from {low:g} to {high:g} Hz is too narrow for windows of "
                    f"{in_samples / sampling_rate:g} s: use wider bands or longer windows"
                )
            first = int(passed[0])
            self._first.append(first)
            tapers.append(pad(taper, (0, n // self.step))[first : first + n // self.step])
        # Not part of the state: they follow from the arguments.
        self.register_buffer("_tapers", (torch.stack(tapers) / self.step).float(), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the non-negative power (B, C, bands, out_samples) of windows (B, C, T).

        Sample k has the time of sample ``k × step`` of the window.
        """
        if not len(windows):  # Fourier transforms refuse empty batches
            return windows.new_zeros(0, windows.shape[1], len(self.bands), self.out_samples)
        spectrum = torch.fft.rfft(pad(windows, self._margins, mode="reflect"))
        n = self._tapers.shape[-1]
        parts = spectrum.new_zeros(*spectrum.shape[:-1], len(self.bands), n)
        for i, first in enumerate(self._first):
            within = min(n, spectrum.shape[-1] - first)
            torch.mul(spectrum[..., first : first + within], self._tapers[i, :within], out=parts[..., i, :within])
        first = self._margins[0] // self.step
        analytic = torch.fft.ifft(parts)[..., first : first + self.out_samples]
        return analytic.real.square() + analytic.imag.square()

    def of_components(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the power of components that are multiplied by a power of two each, so that squares do not overflow.

        Within `shared_power`, extractors with the same bands compute it once.

        Parameters
        ----------
        windows : (B, C, T) Tensor

        Returns
        -------
        power : (B, C, bands, out_samples) Tensor
        factors : (B, C, 1) Tensor
            By which the components were multiplied.
        """
        known = _KNOWN.get()
        key = (*self.bands, self.rate, windows.data_ptr(), windows.shape, windows.stride())
        if known is None or key not in known:
            factors = range_factors(windows, over=(-1,))
            found = windows, self(windows * factors), factors
            if known is None:
                return found[1:]
            known[key] = found  # with the windows, so that no others can take their place in memory
        return known[key][1:]

    def of_windows(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the power of windows that are multiplied by a power of two each, and these windows (B, C, T)."""
        power, own = self.of_components(windows)
        factors = own.amin(dim=-2, keepdim=True)  # that of the largest component
        return power * (factors / own).square()[..., None], windows * factors


_Found = dict[tuple[object, ...], tuple[Tensor, Tensor, Tensor]]
_KNOWN: ContextVar[_Found | None] = ContextVar("_KNOWN", default=None)


@contextmanager
def shared_power() -> Iterator[None]:
    """Remember the power of windows while several extractors work on the same ones."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def in_range(windows: Tensor, over: tuple[int, ...]) -> Tensor:
    """Multiply windows by a power of two, so that their largest sample is about 1 and squares do not overflow.

    This rounds nothing, so later results do not depend on units.
    """
    return windows * range_factors(windows, over)


def range_factors(windows: Tensor, over: tuple[int, ...]) -> Tensor:
    """Return the powers of two by which `in_range` multiplies windows."""
    peak = windows.abs().amax(dim=over, keepdim=True).clamp(torch.finfo(windows.dtype).tiny, 2.0**125)
    return torch.exp2(-peak.log2().floor())


def running_mean(values: Tensor, n: int) -> Tensor:
    """Average non-negative values (..., T) over n samples, i − ⌊n/2⌋ to i − ⌊n/2⌋ + n − 1; fewer at the ends."""
    if n == 1:
        return values
    length = values.shape[-1]
    total = pad(values.double().cumsum(dim=-1), (1, 0))
    # Constant beyond both ends, so that two slices hold the sums before and after each n samples.
    before, behind = n // 2, n - 1 - n // 2
    ends = total[..., :1].expand(*total.shape[:-1], before), total[..., -1:].expand(*total.shape[:-1], behind)
    total = torch.cat([ends[0], total, ends[1]], dim=-1)
    samples = torch.arange(length, device=values.device)
    count = (samples - before + n).clamp_max(length) - (samples - before).clamp_min(0)
    return total[..., n:].sub(total[..., :length]).div_(count).clamp_min_(0).to(values.dtype)


def _octaves(lowest: float, highest: float) -> list[tuple[float, float]]:
    if not 0 < lowest < PASSED * highest < math.inf:
        raise ConfigurationError(
            f"the lower end of frequency_range must be between 0 and {PASSED:.0%} of the upper end, the pass band of "
            f"the resampling, but they are {lowest!r} and {highest!r} Hz: widen the range or set bands"
        )
    edges = [float(f) for f in torch.logspace(math.log2(lowest), math.log2(PASSED * highest), N_BANDS + 1, base=2)]
    edges = [round(f, 3) for f in edges]
    return list(pairwise(edges))


def _checked(bands: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    try:
        found = [(float(low), float(high)) for low, high in bands]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"bands must be pairs of frequencies in Hz, but are {bands!r}") from error
    if not found or not all(0 < low < high < math.inf for low, high in found):
        raise ConfigurationError(f"bands must be one or more with 0 < lowest < highest in Hz, but are {found}")
    return found


def _rise(ratio: Tensor) -> Tensor:
    """Rise from 0 to 1 within a quarter of an octave around a frequency ratio of 1."""
    octaves = ratio.clamp_min(1e-9).log2().div(_EDGE).clamp(-0.5, 0.5)
    return torch.sin(torch.pi / 2 * (octaves + 0.5))
