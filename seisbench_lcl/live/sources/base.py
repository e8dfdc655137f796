"""What every source of packets does: yield them as they come, reconnect by itself, and end when it is told to."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from obspy import Trace, UTCDateTime


class PacketSource(Protocol):
    """A source of waveforms that arrive piece by piece.

    Attributes
    ----------
    name : str
        For messages, such as "seedlink HOST:PORT".

    Examples
    --------
    A source that has ended before it began:

    >>> class Nothing:
    ...     name, is_live = "nothing", False
    ...
    ...     def packets(self, since):
    ...         yield from ()
    ...
    ...     def close(self):
    ...         pass
    >>> source: PacketSource = Nothing()
    >>> list(source.packets({}))
    []
    """

    name: str

    def packets(self, since: Mapping[str, UTCDateTime]) -> Iterator[Trace | None]:
        """Yield packets as they come, in the order of arrival; None at least once a second when nothing comes.

        A source that loses its connection connects again by itself, with growing waits, and says so once through
        `logging`. The iterator ends where the source has an end (a replay, or a folder that is not followed), or soon
        after `close`.

        Parameters
        ----------
        since : mapping from NET.STA.LOC.CHA to UTCDateTime
            For each stream seen before, the end of the last sample known. The source begins there where it can, and may
            repeat some of what came before; it begins with what is newest for all other streams.

        Raises
        ------
        SourceError
            If trying again cannot help: no such host at the first connection, the wrong protocol, or none of the
            streams exists.
        """

    def close(self) -> None:
        """Let `packets` end soon; may be called from another thread or from a signal handler."""

    @property
    def is_live(self) -> bool:
        """Whether the data's time is the wall clock; False for a replay or a folder, where waits go by the data."""
