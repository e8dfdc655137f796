"""Windows with their arrivals: the input of the physical discriminants."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad
from typing_extensions import Self

NOISE_GAP = 0.3  # s before P excluded from the noise, because picks can be late
TOLERANCE = 1e-6  # s: rounding of times, which are sums and quotients of decimal numbers


@dataclass(frozen=True)
class Arrivals:
    """A batch of windows, their power in bands, and their P and S arrivals.

    Attributes
    ----------
    windows : (B, C, T) float32 Tensor
    sampling_rate : float
        Sampling rate of the windows in Hz.
    power : (B, C, bands, M) float32 Tensor
        NaN in bands above half the sampling rate.
    rate : float
        Sampling rate of the power in Hz.
    horizontals : list of int
        Rows of the horizontal components; empty unless the windows have one vertical and two horizontal components.
    vertical : int
        Row of the vertical component, or of the only one.
    p, s : (B,) float64 Tensor
        Seconds after the first sample; NaN without an S arrival.
    latest_p : float
        Latest possible P arrival of any window, in seconds after the first sample.
    p_length, s_length : float
        Lengths of the P and S windows in seconds.
    """

    windows: Tensor
    sampling_rate: float
    power: Tensor
    rate: float
    horizontals: list[int]
    vertical: int
    p: Tensor
    s: Tensor
    latest_p: float
    p_length: float
    s_length: float

    @property
    def end(self) -> Tensor:
        """Return the ends of the windows in seconds, (B,)."""
        return torch.full_like(self.p, self.power.shape[-1] / self.rate)

    @cached_property
    def times(self) -> Tensor:
        """Return the times of the power samples in seconds after the first, (M,) float64."""
        return torch.arange(self.power.shape[-1], device=self.p.device).double() / self.rate

    def with_s(self, picked: Tensor, least: float) -> Self:
        """Return a copy with picked S arrivals (B,), and estimates where the pick is NaN.

        The estimate is the start of the S window with the largest energy on the horizontal components (on all
        components unless there are three), at least `least` seconds after P. S stays NaN where no whole S window is
        left or nothing moves, and where the pick is not after P.
        """
        rows = self.horizontals or list(range(self.power.shape[1]))
        total = self.total(rows)
        length = max(1, round(self.s_length * self.rate))
        n_starts = total.shape[1] - length + 1
        if n_starts < 1:
            estimate = torch.full_like(self.p, torch.nan)
        else:
            summed = pad(total.cumsum(dim=1), (1, 0))
            energy = summed[:, length:] - summed[:, :-length]
            times = self.times[:n_starts]
            late = times >= (self.p + least)[:, None] - TOLERANCE
            largest, at = energy.masked_fill(~late, 0).max(dim=1)
            estimate = torch.where(largest > 0, times[at], torch.nan)
        picked = picked.to(estimate)
        s = torch.where(torch.isfinite(picked), picked, estimate)
        return replace(self, s=torch.where(s > self.p, s, torch.nan))

    def total(self, rows: list[int] | None = None) -> Tensor:
        """Return the power summed over all defined bands and the given components (default all), (B, M)."""
        power = self._bands if rows is None else self._bands[:, rows]
        return power.sum(dim=1)

    @cached_property
    def _bands(self) -> Tensor:
        return self.power.nansum(dim=2).double()

    @cached_property
    def _summed(self) -> Tensor:
        return pad(self.power.cumsum(dim=-1, dtype=torch.float64), (1, 0))

    def mean_power(self, start: Tensor, stop: Tensor) -> Tensor:
        """Return the mean power (B, C, bands) from `start` (B,) to before `stop`; NaN where that holds no sample.

        Times are rounded to the nearest sample of the power and clipped to the window.
        """
        n = self.power.shape[-1]
        summed = self._summed
        first, last = (
            (time * self.rate).nan_to_num(0).round().clamp(0, n).long()[:, None, None, None] for time in (start, stop)
        )
        shape = (*summed.shape[:-1], 1)
        energy = (summed.gather(-1, last.expand(shape)) - summed.gather(-1, first.expand(shape)))[..., 0]
        count = (last - first)[..., 0]
        known = (count > 0) & torch.isfinite(start + stop)[:, None, None]
        return torch.where(known, energy / count.clamp_min(1), torch.nan)

    def of_noise(self) -> Tensor:
        """Return the mean power before P, (B, C, bands)."""
        return self.mean_power(torch.zeros_like(self.p), self.p - NOISE_GAP)

    def of_p(self) -> Tensor:
        """Return the mean power of the P window, which ends at S if S is earlier, (B, C, bands)."""
        return self.mean_power(self.p, torch.fmin(self.p + self.p_length, self.s))

    def of_s(self) -> Tensor:
        """Return the mean power of the S window, clipped to the record, (B, C, bands)."""
        return self.mean_power(self.s, self.s + self.s_length)

    def spectrum(self, start: Tensor, seconds: float, lowest: float, highest: float) -> tuple[Tensor, Tensor]:
        """Return the power spectrum of a demeaned, Hann-tapered segment, summed over components, and its frequencies.

        The segment is zero-padded to the smallest power of two that is at least twice its length, which interpolates
        the spectrum between its bins.

        Parameters
        ----------
        start : (B,) Tensor
        seconds, lowest, highest : float
            Length of the segment in seconds, and the range of frequencies to return in Hz.

        Returns
        -------
        power : (B, n) float32 Tensor
            NaN where the segment is not wholly inside the window.
        frequencies : (n,) float32 Tensor
            In Hz.
        """
        samples = min(round(seconds * self.sampling_rate), self.windows.shape[-1])
        first = (start * self.sampling_rate).round()
        inside = (first >= 0) & (first + samples <= self.windows.shape[-1])  # False for NaN
        index = torch.where(inside, first, 0).long()[:, None] + torch.arange(samples, device=first.device)
        segment = self.windows.gather(-1, index[:, None].expand(-1, self.windows.shape[1], -1))
        segment = (segment - segment.mean(dim=-1, keepdim=True)) * torch.hann_window(samples).to(segment)
        n = 2 ** (2 * samples - 1).bit_length()
        frequencies = torch.arange(n // 2 + 1, device=segment.device) * (self.sampling_rate / n)
        wanted = torch.nonzero((frequencies >= lowest) & (frequencies <= highest)).flatten().tolist()
        band = slice(wanted[0], wanted[-1] + 1) if wanted else slice(0, 0)
        amplitude = torch.fft.rfft(segment, n=n)[..., band]
        power = (amplitude.real.square() + amplitude.imag.square()).sum(dim=1)
        return power.masked_fill(~inside[:, None], torch.nan), frequencies[band]
