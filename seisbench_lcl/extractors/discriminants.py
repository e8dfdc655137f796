"""Classical discriminants of seismic sources: one function per group of features, on a batch of windows.

Each function takes `Arrivals` and returns its features by name, (B,) float64 each, NaN where undefined. A(f) is the
amplitude spectrum over all components, e(t) the power over all bands and components, p and s the arrival times of P and
S. The P window begins at p and ends `p_length` later, or at s if that is earlier; the S window begins at s and ends
`s_length` later, or with the window. All features are ratios, times or frequencies, so units and gain of the instrument
do not matter.

A dead segment is zero throughout. Zeros next to motion are not dead, because some motion leaks into them through the
band filters. Models never see such windows: they abstain from gaps and flat lines.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from seisbench_lcl.extractors._arrivals import TOLERANCE, Arrivals
from seisbench_lcl.extractors.stages.bands import running_mean

Features = dict[str, Tensor]

_CEPSTRUM_LENGTH = 10.0  # s after P
_QUEFRENCIES = 0.12, 1.0  # s: delays of ripple firing, from the shortest that 20 Hz of bandwidth resolve
_COMPLEXITY_SPLIT = 2.0  # s after P
_SMOOTHING = 0.5  # s over which the envelope is averaged before its maximum is taken
_TREND = 4  # coefficients of the polynomial removed from the log spectrum


def amplitude_ratios(arrivals: Arrivals) -> Features:
    """P/S amplitude ratio of each band: ``log10(rms P / rms S)``, all components together.

    Explosions excite little S; the ratio differs most at high frequencies. It is near 0 for noise.

    Undefined if either window is dead or holds no sample, and in bands above half the sampling rate.

    References
    ----------
    Kim, Simpson and Richards (1993), Discrimination of earthquakes and explosions in the eastern United States using
    regional high-frequency data, GRL 20(14).
    """
    ratio = _log_ratio(arrivals.of_p().sum(dim=1), arrivals.of_s().sum(dim=1)) / 2
    return {f"P/S amplitude, band {k + 1}": column for k, column in enumerate(ratio.T)}


def s_minus_p(arrivals: Arrivals) -> Features:
    """S − P time in seconds, from the S pick or its estimate.

    Undefined if S is neither picked nor estimated because no whole S window is left after P, and if the pick is not
    after P. A pick after the end of the window counts. In a record without S, the largest later arrival stands for it.
    """
    return {"S-P": arrivals.s - arrivals.p}


def spectra(arrivals: Arrivals, lowest: float, highest: float) -> Features:
    """Centroid, slope and corner of the spectra of P and S: `p_length` seconds from p, `s_length` seconds from s.

    Each segment is demeaned and Hann-tapered.

    - Centroid: ``log2 (Σ A² f / Σ A²)``, f in Hz.
    - Slope: slope of the regression of ``log10 A`` on ``log10 f``, with equal weight for each octave.
    - Corner: ``log2 sqrt(Σ A² / Σ (A / f)²)``, f in Hz: for velocity spectra, the moments of Andrews, exact for Brune's
      model if the band holds it. Only the ratio of the two moments enters, so it needs no calibration.

    Delayed shallow blasts have lower corners and steeper slopes than earthquakes of their size.

    Undefined if the segment is not wholly inside the window, or dead. The P segment includes S if S is early.

    References
    ----------
    Andrews (1986), Objective determination of source parameters and similarity of earthquakes of different size, AGU
    Geophysical Monograph 37. Taylor, Sherman and Denny (1988), Spectral discrimination between NTS explosions and
    western United States earthquakes at regional distances, BSSA 78.
    """
    found: Features = {}
    for phase, start, length in (
        ("P", arrivals.p, arrivals.p_length),
        ("S", arrivals.s, arrivals.s_length),
    ):
        power, f = arrivals.spectrum(start, length, lowest, highest)
        total = power.sum(dim=1)
        weight = 1 / f / (1 / f).sum()
        octaves = f.log10() - (weight * f.log10()).sum()
        slope = (0.5 * _log10(power) * weight * octaves).sum(dim=1) / (weight * octaves.square()).sum()
        found |= {
            f"centroid {phase}": _log2((power * f).sum(dim=1) / total),
            f"slope {phase}": slope,
            f"corner {phase}": _log2(total / (power / f.square()).sum(dim=1)) / 2,
        }
    return found


def cepstrum(arrivals: Arrivals, lowest: float, highest: float) -> Features:
    """Largest peak of the cepstrum and its quefrency: a sign of ripple firing.

    Charges fired with delays of τ modulate the spectrum with a period of 1/τ. The log spectrum is that of the ten
    seconds after P, or fewer in shorter windows, above 1.5 times the lowest frequency. A cubic trend is removed, and
    the amplitude of the Hann-tapered Fourier transform is searched between 0.12 and 1 s.

    - Peak: ``log10`` of the ratio of the largest amplitude to the median amplitude in this range.
    - Quefrency: ``log10`` of the delay τ in seconds.

    Undefined if the window has less than one second or no motion after P, and if the band has less than one octave or
    fewer than eight frequencies.

    References
    ----------
    Bogert, Healy and Tukey (1963), The quefrency alanysis of time series for echoes. Baumgardt and Ziegler (1988),
    Spectral evidence for source multiplicity in explosions, BSSA 78.
    """
    undefined = dict.fromkeys(("cepstral peak", "quefrency"), torch.full_like(arrivals.p, torch.nan))
    # The same length for all windows, so that features do not depend on the batch.
    length = min(_CEPSTRUM_LENGTH, arrivals.windows.shape[-1] / arrivals.sampling_rate - arrivals.latest_p)
    if length < 1:
        return undefined
    power, f = arrivals.spectrum(arrivals.p, length, 1.5 * lowest, highest)
    if highest < 3 * lowest or len(f) < 2 * _TREND:
        return undefined
    logarithm = _log10(power)
    basis, _ = torch.linalg.qr(torch.linspace(-1, 1, len(f)).to(f)[:, None] ** torch.arange(_TREND).to(f))
    residual = logarithm - logarithm @ basis @ basis.T
    n = 8 * 2 ** (len(f) - 1).bit_length()
    amplitude = torch.fft.rfft(residual * torch.hann_window(len(f)).to(f), n=n).abs()
    delay = torch.arange(amplitude.shape[1], device=f.device) / (n * float(f[1] - f[0]))
    searched = (delay >= _QUEFRENCIES[0]) & (delay <= _QUEFRENCIES[1])
    peak, at = amplitude[:, searched].max(dim=1)
    height = _log_ratio(peak, amplitude[:, searched].median(dim=1).values)
    return {"cepstral peak": height, "quefrency": torch.where(height.isfinite(), _log10(delay[searched][at]), height)}


def complexity(arrivals: Arrivals) -> Features:
    """Complexity: ``log10`` of the ratio of the mean power after p + 2 s to the mean power from p to p + 2 s.

    Low for a short pulse, high if scattered waves, surface waves or S follow.

    All bands and components together. Undefined if the window ends within 2 s after P, or either part is dead.

    References
    ----------
    Arai and Yosida (2004), Discrimination by short-period seismograms, International Institute of Seismology and
    Earthquake Engineering.
    """
    split = arrivals.p + _COMPLEXITY_SPLIT
    parts = (arrivals.mean_power(split, arrivals.end), arrivals.mean_power(arrivals.p, split))
    late, early = (part.nan_to_num(0).sum(dim=(1, 2)) for part in parts)
    return {"complexity": _log_ratio(late, early)}


def envelope_shape(arrivals: Arrivals) -> Features:
    """Rise time, durations and half time of the envelope, in seconds.

    With h(t) the fraction of the energy after P that has arrived by t:

    - Rise time: time of the maximum of e after P, averaged over half a second, minus p.
    - Duration: from h = 5 % to 75 %, and from 5 % to 95 %.
    - Half time: time of h = 50 %, minus p.

    Times are those of the first sample of e at the maximum, or at which h reaches the fraction.

    Undefined without motion after P.

    References
    ----------
    Husid (1969), Características de terremotos: análisis general, Revista del IDIEM 8. Trifunac and Brady (1975), A
    study on the duration of strong earthquake ground motion, BSSA 65.
    """
    after = arrivals.total() * (arrivals.times >= arrivals.p[:, None] - TOLERANCE)
    smooth = running_mean(after, max(1, round(_SMOOTHING * arrivals.rate)))
    arrived = after.cumsum(dim=1) / after.sum(dim=1, keepdim=True)
    at = {fraction: (arrived < fraction).sum(dim=1).double() / arrivals.rate for fraction in (0.05, 0.5, 0.75, 0.95)}
    found = {
        "rise time": arrivals.times[smooth.argmax(dim=1)] - arrivals.p,
        "duration 5-75 %": at[0.75] - at[0.05],
        "duration 5-95 %": at[0.95] - at[0.05],
        "half time": at[0.5] - arrivals.p,
    }
    moves = after.sum(dim=1) > 0
    return {name: torch.where(moves, column, torch.nan) for name, column in found.items()}


def polarisation(arrivals: Arrivals) -> Features:
    """H/V of S: ``log10`` of the ratio of horizontal to vertical amplitude, ``sqrt((N² + E²) / 2) / Z``.

    True amplitude ratios need a model with a joint normalisation ("joint-std", "joint-peak"). If components are
    normalised separately, the ratio is relative to that of the whole window.

    All bands together. Undefined unless there are three components and one is "Z", without an S window, and if S is
    dead on the vertical or on both horizontals.

    References
    ----------
    Nakamura (1989), A method for dynamic characteristics estimation of subsurface using microtremor on the ground
    surface, Quarterly Report of RTRI 30.
    """
    if not arrivals.horizontals:
        return {"H/V of S": torch.full_like(arrivals.p, torch.nan)}
    power = arrivals.of_s().nansum(dim=2)
    horizontal = power[:, arrivals.horizontals].mean(dim=1)
    return {"H/V of S": _log_ratio(horizontal, power[:, arrivals.vertical]) / 2}


def signal_to_noise(arrivals: Arrivals) -> Features:
    """Signal-to-noise ratio of P and S: ``log10`` of the ratio of their mean power to the mean power before P.

    It separates near stations from far ones and strong events from weak ones rather than source types: a model that
    uses it learns its training catalogue.

    All bands and components together; the noise ends 0.3 s before P. Undefined without noise before P; the ratio of S
    also without S.
    """
    noise = arrivals.of_noise().nansum(dim=(1, 2))
    return {
        "signal-to-noise P": _log_ratio(arrivals.of_p().nansum(dim=(1, 2)), noise),
        "signal-to-noise S": _log_ratio(arrivals.of_s().nansum(dim=(1, 2)), noise),
    }


def groups(lowest: float, highest: float) -> Mapping[str, Callable[[Arrivals], Features]]:
    """Return the groups of features by name; spectra reach from `lowest` to `highest` in Hz."""
    return {
        "amplitude_ratios": amplitude_ratios,
        "s_minus_p": s_minus_p,
        "spectra": lambda arrivals: spectra(arrivals, lowest, highest),
        "cepstrum": lambda arrivals: cepstrum(arrivals, lowest, highest),
        "complexity": complexity,
        "envelope_shape": envelope_shape,
        "polarisation": polarisation,
        "signal_to_noise": signal_to_noise,
    }


def _log_ratio(above: Tensor, below: Tensor) -> Tensor:
    return _log10(above) - _log10(below)


def _log10(values: Tensor) -> Tensor:
    """Return the logarithm of positive values, NaN for others."""
    return torch.where(values > 0, values, torch.nan).log10()


def _log2(values: Tensor) -> Tensor:
    return torch.where(values > 0, values, torch.nan).log2()
