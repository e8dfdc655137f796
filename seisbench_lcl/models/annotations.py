"""Annotations: probabilities over time as an ObsPy stream that can be written to files."""

from hashlib import sha256
from os import PathLike
from string import ascii_uppercase, digits
from typing import Any

import obspy

_CHARACTERS = ascii_uppercase + digits
_CODES = len(ascii_uppercase) * len(_CHARACTERS) ** 2


class Annotation(obspy.Trace):
    """Probabilities of one label over time; `Annotations` describes its names.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> trace = lcl.from_pretrained("MiniRocketRidge/mixed-3c").annotate(obspy.read())[0]
    >>> trace.stats.channel, trace.stats.seisbench_lcl
    ('MiniRocketRidge_earthquake', AttribDict({'model': 'MiniRocketRidge', 'label': 'earthquake'}))
    """

    def write(self, filename: str | PathLike[str], format: str | None = None, **kwargs: Any) -> None:
        """Write as `Annotations.write` does."""
        Annotations([self]).write(filename, format, **kwargs)


class Annotations(obspy.Stream):
    """Probabilities over time, one trace per station and label.

    Channels have SeisBench's names, ``MODEL_label``. Files cannot hold such names: miniSEED has three characters.
    `write` therefore replaces each by its code, which `codes` returns. The header of a trace keeps both parts of the
    name: ``trace.stats.seisbench_lcl`` is a mapping with "model" and "label".

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> lcl.from_pretrained("MiniRocketRidge/mixed-3c").annotate(obspy.read()).codes()
    {'MiniRocketRidge_earthquake': 'P6C', 'MiniRocketRidge_noise': 'NAJ', 'MiniRocketRidge_surface event': 'PG2'}
    """

    def codes(self) -> dict[str, str]:
        """Return the code of each channel name in files: a letter, and two letters or digits.

        A code follows from the name alone, so it is the same at all stations and in all files; only of two names that
        would share a code in one stream, the second in the alphabet gets the next free code.

        Examples
        --------
        >>> import obspy
        >>> from seisbench_lcl import from_pretrained
        >>> annotations = from_pretrained("MiniRocketRidge/mixed-3c").annotate(obspy.read())
        >>> annotations.codes()["MiniRocketRidge_earthquake"]
        'P6C'
        """
        codes: dict[str, str] = {}
        for name in sorted({trace.stats.channel for trace in self}):
            number = int(sha256(name.encode()).hexdigest(), 16)
            while (code := _code(number)) in codes.values():
                number += 1
            codes[name] = code
        return codes

    def write(self, filename: str | PathLike[str], format: str | None = None, **kwargs: Any) -> None:
        """Write to a file in any format of ObsPy, with codes in place of channel names.

        Parameters
        ----------
        filename : path
        format : str, optional
            Such as "MSEED"; by default that of the suffix.
        **kwargs
            Options of the format.

        Raises
        ------
        ObsPyException
            If there is no trace, because the model abstained from all windows.
        """
        codes = self.codes()
        written = obspy.Stream(obspy.Trace(trace.data, trace.stats.copy()) for trace in self)
        for trace in written:
            trace.stats.channel = codes[trace.stats.channel]
        written.write(str(filename), format, **kwargs)


def _code(number: int) -> str:
    number, third = divmod(number % _CODES, len(_CHARACTERS))
    first, second = divmod(number, len(_CHARACTERS))
    return ascii_uppercase[first] + _CHARACTERS[second] + _CHARACTERS[third]
