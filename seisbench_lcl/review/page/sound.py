"""A seismogram as sound: played faster, so that the band of local events can be heard."""

import io
import wave

import numpy as np
from numpy.typing import NDArray

_FASTEST = 16_000  # samples per second that any browser plays
_SLOWEST = 3_000  # lower, and browsers refuse the file
_FADE = 0.02  # of the length, so that the ends do not click


def as_wav(samples: NDArray[np.floating], rate: float, speed: float = 40.0) -> bytes:
    """Return a WAV file of 16 bit, one channel.

    Parameters
    ----------
    samples : (n,) ndarray
        Without gaps; the mean is removed, and the peak is scaled to 0.9.
    rate : float
        Sampling rate in Hz.
    speed : float
        How many times faster it plays; 40 shifts 5 Hz to 200 Hz. Kept within what browsers play.

    Returns
    -------
    bytes
    """
    sound = samples.astype(np.float64) - samples.mean()
    fade = max(1, round(_FADE * len(sound)))
    ramp = np.minimum(1, np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1]) / fade)
    sound *= ramp * 0.9 / max(np.abs(sound * ramp).max(initial=0), np.finfo(float).tiny)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(int(np.clip(rate * speed, _SLOWEST, _FASTEST)))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
