"""Windows with their arrivals: what the physical discriminants measure on."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad
from typing_extensions import Self

NOISE_GAP = 0.3  # s before P that are left out of the noise, for picks are late or early
TOLERANCE = 1e-6  # s: times are sums and quotients of decimal numbers


@dataclass(frozen=True)
class Arrivals:
    """A batch of windows, the power of its bands, and where P and S arrive.

    Attributes
    ----------
    windows : (B, C, T) float32 Tensor
    sampling_rate : float
        In Hz.
    power : (B, C, bands, M) float32 Tensor
        NaN in a band that the windows cannot hold.
    rate : float
        Of the power, in Hz.
    horizontals : list of int
        Rows of the horizontal components; empty unless there are a vertical and two horizontals.
    vertical : int
        Row of the vertical component, or of the only one.
    p, s : (B,) float64 Tensor
        Seconds after the first sample; S is NaN where there is none.
    latest_p : float
        Seconds after the first sample that P cannot be later than, whatever the batch.
    p_length, s_length : float
        Seconds of the P and the S window.
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
        """Return the times of the power's samples in seconds after the first, (M,) float64."""
        return torch.arange(self.power.shape[-1], device=self.p.device).double() / self.rate

    def with_s(self, picked: Tensor, least: float) -> Self:
        """Return the same with the S arrivals that were picked, (B,) and NaN where not, and estimates for the others.

        The estimate is the start of that S window, `least` seconds after P or later, whose energy on the horizontal
        components (on all, where there are not three) is largest. There is none where no whole S window is left, or
        nothing moves. A pick that is not after P is no S, and not estimated either.
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
        """Return the power over all bands that there are, of these components or all, (B, M)."""
        power = self._bands if rows is None else self._bands[:, rows]
        return power.sum(dim=1)

    @cached_property
    def _bands(self) -> Tensor:
        return self.power.nansum(dim=2).double()

    @cached_property
    def _summed(self) -> Tensor:
        return pad(self.power.cumsum(dim=-1, dtype=torch.float64), (1, 0))

    def mean_power(self, start: Tensor, stop: Tensor) -> Tensor:
        """Return the mean power (B, C, bands) from one time (B,) to before another; NaN where no sample lies there.

        Times are rounded to the nearest sample of the power, and cut off at the ends of the window.
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
        """Return the mean power of the P window, which ends where S begins if that is earlier, (B, C, bands)."""
        return self.mean_power(self.p, torch.fmin(self.p + self.p_length, self.s))

    def of_s(self) -> Tensor:
        """Return the mean power of the S window, or of what there is of it, (B, C, bands)."""
        return self.mean_power(self.s, self.s + self.s_length)

    def spectrum(self, start: Tensor, seconds: float, lowest: float, highest: float) -> tuple[Tensor, Tensor]:
        """Return the power spectrum of a Hann-tapered segment, summed over components, and its frequencies in Hz.

        The mean is removed before. The frequencies are those of a transform of the least power of two that is at least
        twice as long as the segment: smooth between the bins.

        Parameters
        ----------
        start : (B,) Tensor
        seconds, lowest, highest : float
            Length of the segment, and the range of frequencies in Hz to return.

        Returns
        -------
        power : (B, n) float32 Tensor
            NaN where the segment does not lie in the window as a whole.
        frequencies : (n,) float32 Tensor
        """
        samples = min(round(seconds * self.sampling_rate), self.windows.shape[-1])
        first = (start * self.sampling_rate).round()
        inside = (first >= 0) & (first + samples <= self.windows.shape[-1])  # not for NaN
        index = torch.where(inside, first, 0).long()[:, None] + torch.arange(samples, device=first.device)
        segment = self.windows.gather(-1, index[:, None].expand(-1, self.windows.shape[1], -1))
        segment = (segment - segment.mean(dim=-1, keepdim=True)) * torch.hann_window(samples).to(segment)
        n = 2 ** (2 * samples - 1).bit_length()
        frequencies = torch.arange(n // 2 + 1, device=segment.device) * (self.sampling_rate / n)
        wanted = (frequencies >= lowest) & (frequencies <= highest)
        amplitude = torch.view_as_real(torch.fft.rfft(segment, n=n)[..., wanted])
        power = amplitude.square().sum(dim=(1, 3))
        return power.masked_fill(~inside[:, None], torch.nan), frequencies[wanted]
