"""Windows to images: log-amplitude spectrograms of one size for every window length and sampling rate."""

import math

import torch
from torch import Tensor, nn

from seisbench_lcl.errors import ConfigurationError

N_FREQUENCIES, N_TIMES = 87, 100  # the images of Jenkins et al. (2021)
DYNAMIC_RANGE = 60.0  # dB below the largest amplitude of a window


class Spectrogram(nn.Module):
    """Short-time Fourier amplitudes in dB, 87 frequencies by 100 times.

    The image spans the frequency range and the whole window. The discrete-time Fourier transform of each Hann-tapered
    frame is evaluated at 87 evenly spaced frequencies instead of the bins of an FFT. The 100 frames begin at evenly
    spaced times, rounded to samples, from the first frame inside the window to the last. So no frame is padded, and
    windows with fewer than 100 distinct frames repeat some.

    The length of a frame makes its resolution in frequency (the inverse of its length) span as many rows as its length
    spans columns, ``sqrt(seconds / 100 × 87 / bandwidth)``, and is at least one period of the lowest frequency: 1.01 s
    for windows of 20 s and 1 to 18 Hz, with a frame every 0.19 s. The mean of each frame is removed, because motion
    slower than a frame would leak into the lowest rows.

    Values are dB below the largest amplitude of the window, down to −60 dB, scaled to −1 … 1. They depend neither on
    the units of the window nor on training data. The scale is the same for all components and all windows, so images
    keep their contrast, which separates events from noise, and the amplitude ratios of components if the normalisation
    keeps them.

    Parameters
    ----------
    in_samples : int
    sampling_rate : float
        Sampling rate of the windows in Hz.
    frequency_range : (float, float)
        Lowest and highest frequency in Hz; the highest is capped at half the sampling rate. Outside the band of the
        records the image would be empty.

    Attributes
    ----------
    frequencies, times : (87,) and (100,) float64 Tensor
        Frequencies of the rows in Hz; times of the columns (centres of their frames) in seconds after the first sample.
    frame_length : int
        In samples.
    hop : float
        Distance between frames in samples, before rounding.

    Raises
    ------
    ConfigurationError
        Unless 0 < lowest < highest and the lowest is below half the sampling rate, or if the window is shorter than two
        frames.

    References
    ----------
    Jenkins, Gerstoft, Bianco and Bromirski (2021), Unsupervised deep clustering of seismic data: monitoring the Ross
    Ice Shelf, Antarctica, JGR Solid Earth 126, doi:10.1029/2021JB021716.
    """

    _kernel: Tensor
    _samples: Tensor

    def __init__(
        self, in_samples: int, sampling_rate: float, frequency_range: tuple[float, float] = (1.0, 18.0)
    ) -> None:
        super().__init__()
        lowest, highest = frequency_range[0], min(frequency_range[1], sampling_rate / 2)
        if not 0 < lowest < highest:
            raise ConfigurationError(
                "frequency_range must satisfy 0 < lowest < highest, with the lowest below half the sampling rate, "
                f"{sampling_rate / 2:g} Hz, but is {frequency_range}"
            )
        seconds = in_samples / sampling_rate
        balanced = math.sqrt(seconds / N_TIMES * N_FREQUENCIES / (highest - lowest))
        frame = max(balanced, 1 / lowest)
        self.frame_length = math.ceil(frame * sampling_rate)
        if 2 * self.frame_length > in_samples:
            raise ConfigurationError(
                f"spectrograms of {lowest:g} to {highest:g} Hz need frames of {frame:.3g} s and windows of at least "
                f"two frames, but the windows are {seconds:g} s long: use longer windows, or a higher or wider "
                "frequency_range"
            )
        self.hop = (in_samples - self.frame_length) / (N_TIMES - 1)
        starts = (torch.arange(N_TIMES, dtype=torch.float64) * self.hop).round().long()
        self.frequencies = torch.linspace(lowest, highest, N_FREQUENCIES, dtype=torch.float64)
        self.times = (starts.double() + (self.frame_length - 1) / 2) / sampling_rate
        samples = torch.arange(self.frame_length)
        phases = 2 * torch.pi * torch.outer(samples.double() / sampling_rate, self.frequencies)
        taper = torch.hann_window(self.frame_length, periodic=False, dtype=torch.float64)[:, None]
        kernel = torch.cat([taper * phases.cos(), taper * phases.sin()], dim=1)
        kernel -= kernel.mean(dim=0)  # equals removing the mean of each frame
        # Not part of the state: they follow from the arguments.
        self.register_buffer("_kernel", kernel.float(), persistent=False)
        self.register_buffer("_samples", starts[:, None] + samples, persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Compute images.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor

        Returns
        -------
        (B, C, 87, 100) float32 Tensor
            From −1, the floor, to 1, the largest amplitude of the window. A window without motion is −1 everywhere.
        """
        with torch.autocast(windows.device.type, enabled=False):  # mixed precision would blur the floor
            return self._image(windows)

    def _image(self, windows: Tensor) -> Tensor:
        tiny = torch.finfo(windows.dtype).tiny
        windows = windows / windows.abs().amax(dim=(1, 2), keepdim=True).clamp_min(tiny)  # squares stay in range
        cosine, sine = (windows[..., self._samples] @ self._kernel).chunk(2, dim=-1)
        power = (cosine.square() + sine.square()).transpose(2, 3)
        relative = power / power.amax(dim=(1, 2, 3), keepdim=True).clamp_min(tiny)
        floor = 10 ** (-DYNAMIC_RANGE / 10)
        return 1 + relative.clamp_min(floor).log10() * (20 / DYNAMIC_RANGE)
