"""Which streams are wanted, in SeedLink's notation, and which of them record no ground motion."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from obspy import Trace, UTCDateTime
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.wording import listed

EXAMPLE = "'GE_WLF:HH?,IU_KONO:00BH? 00HN?'"

_CODE = re.compile(r"[A-Za-z0-9?*-]+")
_SELECTOR = re.compile(r"([A-Za-z0-9?-]{2})?([A-Za-z0-9?*]{3}|\*)")
# Band code, instrument code, component (SEED manual, appendix A); instruments that record the motion of the ground:
# high- and low-gain seismometer, accelerometer, geophone, gravimeter.
_SEED = re.compile(r"[FGDCESHBMLVURPTQAO][A-Z][A-Z0-9]")
_GROUND = "HLNPG"
_LAGGING = 3600.0  # s behind its station's newest stream, from which on a stream counts as dead


class StreamId(NamedTuple):
    """The four codes of a stream.

    Examples
    --------
    >>> import obspy
    >>> str(StreamId.of(obspy.read()[0]))
    'BW.RJOB..EHZ'
    """

    network: str
    station: str
    location: str
    channel: str

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """Return the codes of a trace."""
        stats = trace.stats
        return cls(stats.network, stats.station, stats.location, stats.channel)

    def __str__(self) -> str:
        return ".".join(self)


class StreamPattern(NamedTuple):
    """Codes, in which ``?`` stands for one character and ``*`` for any number.

    Examples
    --------
    >>> pattern = StreamPattern("GE", "W*", channel="HH?")
    >>> pattern.has(StreamId("GE", "WLF", "", "HHZ")), pattern.names_station, str(pattern)
    (True, False, 'GE_W*:HH?')
    """

    network: str
    station: str
    location: str = "*"
    channel: str = "*"

    def has(self, stream: StreamId) -> bool:
        """Return whether a stream fits."""
        return all(fnmatchcase(code, pattern) for code, pattern in zip(stream, self, strict=True))

    def names_instrument(self, channel: str) -> bool:
        """Return whether the pattern spells out the instrument of a channel, so that somebody wants exactly this."""
        return len(self.channel) == 3 and self.channel[1] == channel[1:2]

    @property
    def names_station(self) -> bool:
        """Whether network and station have no wildcard."""
        return not set("?*") & {*self.network, *self.station}

    def __str__(self) -> str:
        location = "" if self.location == "*" else self.location or "--"
        selector = "" if (location, self.channel) == ("", "*") else f":{location}{self.channel}"
        return f"{self.network}_{self.station}{selector}"


@dataclass(frozen=True)
class StreamSelection:
    """The streams that are wanted.

    Attributes
    ----------
    patterns : tuple of StreamPattern
        A stream is wanted if it fits one of them.

    Examples
    --------
    >>> selection = StreamSelection.parse("GE_WLF:HH?,IU_KONO:00BHZ 10BHZ")
    >>> [str(pattern) for pattern in selection.patterns]
    ['GE_WLF:HH?', 'IU_KONO:00BHZ', 'IU_KONO:10BHZ']
    >>> selection.has(StreamId("GE", "WLF", "", "HHZ"))
    True
    """

    patterns: tuple[StreamPattern, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read SeedLink's notation: NET_STA:SELECTOR SELECTOR,NET_STA,...

        A selector is a channel code of three letters, after a location code of two if it matters ("--" is the empty
        one); ``?`` stands for any character. Without selectors, all channels of the station are wanted. NET_STA may
        have the wildcards ``?`` and ``*``. The notation NET.STA.LOC.CHA is understood too.

        Parameters
        ----------
        text : str

        Raises
        ------
        ConfigurationError
            If it is something else; the message names the part.
        """
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise ConfigurationError(f"no stream is named: give stations and channels such as {EXAMPLE}")
        return cls(tuple(dict.fromkeys(pattern for part in parts for pattern in _patterns(part))))

    @classmethod
    def everything(cls) -> Self:
        """Return the selection that has every stream."""
        return cls((StreamPattern("*", "*"),))

    def has(self, stream: StreamId) -> bool:
        """Return whether a stream is wanted."""
        return any(pattern.has(stream) for pattern in self.patterns)

    def names_instrument(self, stream: StreamId) -> bool:
        """Return whether a pattern that a stream fits spells out its instrument."""
        return any(pattern.has(stream) and pattern.names_instrument(stream.channel) for pattern in self.patterns)

    def __str__(self) -> str:
        return listed(map(str, self.patterns))


def _patterns(part: str) -> Iterator[StreamPattern]:
    station, colon, selectors = part.partition(":")
    if not colon and "." in station:
        codes = station.split(".")
        if len(codes) > 4 or not all(_CODE.fullmatch(code) for code in codes[:2]):
            raise ConfigurationError(f"cannot read {part!r} as a stream: write NET.STA.LOC.CHA, or as in {EXAMPLE}")
        codes += ["*"] * (4 - len(codes))
        yield StreamPattern(codes[0], codes[1], codes[2].replace("-", ""), codes[3] or "*")
        return
    network, underscore, site = station.strip().partition("_")
    if not (underscore and _CODE.fullmatch(network) and _CODE.fullmatch(site)):
        raise ConfigurationError(f"cannot read {part!r} as a stream: expected NET_STA or NET_STA:CHA, as in {EXAMPLE}")
    if not colon:
        yield StreamPattern(network, site)
        return
    if not selectors.split():
        raise ConfigurationError(f"cannot read {part!r} as a stream: name a channel after the colon, such as HH?")
    for selector in selectors.split():
        code, dot, kind = selector.partition(".")
        found = _SELECTOR.fullmatch(code)
        if found is None or (dot and kind.upper() != "D"):
            raise ConfigurationError(
                f"cannot read {selector!r} in {part!r}: a selector is a channel of three letters, after a location of "
                f"two if it matters, such as HH? or 00HHZ; it cannot exclude (!) or ask for other than data (.D)"
            )
        location = "*" if found[1] is None else found[1].replace("-", "")
        yield StreamPattern(network, site, location, found[2])


class Gate:
    """Lets through what is wanted and records ground motion, and says once what it leaves out.

    Channels of logs, clocks, mass positions, weather and the like are left out, unless their instrument is spelled out
    in the selection ("HDF", but not "H??"). A channel whose name is no SEED code passes.

    Parameters
    ----------
    selection : StreamSelection
    source : str
        Name of the source, for the message.
    """

    def __init__(self, selection: StreamSelection, source: str) -> None:
        self._selection, self._source = selection, source
        self._left_out: set[str] = set()
        self.admits = lru_cache(maxsize=100_000)(self._admits)

    def passes(self, trace: Trace) -> bool:
        """Return whether a trace is wanted, and has samples that are numbers."""
        if not self.admits(StreamId.of(trace)):
            return False
        is_signal = len(trace) > 0 and trace.data.dtype.kind in "iuf" and trace.stats.sampling_rate > 0
        if not is_signal and len(trace):
            self._leave_out(trace.stats.channel)
        return bool(is_signal)

    def _admits(self, stream: StreamId) -> bool:
        if not self._selection.has(stream):
            return False
        code = stream.channel
        if _SEED.fullmatch(code) and code[1] not in _GROUND and not self._selection.names_instrument(stream):
            self._leave_out(code)
            return False
        return True

    def _leave_out(self, channel: str) -> None:
        if channel not in self._left_out:
            self._left_out.add(channel)
            if len(self._left_out) == 1:
                logging.getLogger(__name__).info(
                    "%s: channels that record no ground motion, such as %s, are left out", self._source, channel
                )


def beginning(ends: Mapping[str, UTCDateTime], pattern: StreamPattern, now: UTCDateTime) -> UTCDateTime | None:
    """Return from when on data of a pattern are needed; None if none of its streams was seen before.

    That is the earliest end of its streams, without those that are an hour behind the newest: they are dead, and must
    not bring the others again at each connection. A time in the future is that of a wrong clock and does not count.

    Parameters
    ----------
    ends : mapping from NET.STA.LOC.CHA to UTCDateTime
    pattern : StreamPattern
    now : UTCDateTime
    """
    known = [end for name, end in ends.items() if end <= now and pattern.has(StreamId(*name.split(".")))]
    if not known:
        return None
    alive = max(known) - _LAGGING
    return min(end for end in known if end >= alive)
