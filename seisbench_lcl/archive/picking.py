"""P picks of a pretrained SeisBench picker in the waveforms of one instrument."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import obspy

from seisbench_lcl.archive.settings import opened_picker, time_of
from seisbench_lcl.archive.units import SECOND
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.windows import is_p
from seisbench_lcl.hub.backbones import Backbone

_BATCH = 32  # windows at once: SeisBench's 256 take half a gigabyte
_EDGE = 60 * SECOND  # of the record on both sides of an edge: two windows of PhaseNet
_NEAR = 2 * SECOND  # to the edge: the picks of the record around it count
_SAME = SECOND  # two picks of one arrival

Pick = Callable[[obspy.Stream], list[int]]
"""Returns the P picks in a stream, in ns since 1970 and in order."""


def pick(stream: obspy.Stream, picker: Backbone, arguments: Mapping[str, Any]) -> list[int]:
    """Return the P picks in a stream, in ns since 1970.

    Parameters
    ----------
    stream : obspy.Stream
        Of one instrument; not changed.
    picker : Backbone
    arguments : mapping
        Of its `classify`, such as ``{"P_threshold": 0.2}``.
    """
    if not stream:
        return []
    found = opened_picker(picker).classify(stream, **{"batch_size": _BATCH, **arguments}).picks
    return sorted((one.peak_time or one.start_time).ns for one in found if is_p(one.phase or ""))


def picks_between(stream: obspy.Stream, start: int, end: int, pick: Pick) -> list[int]:
    """Return the P picks from `start` to before `end`, so that neighbouring spans neither share nor lose one.

    The windows of a picker begin where the record begins, so that the same arrival has picks that differ by a few
    samples in the records of two spans. Near an edge, both take those of the same piece of record around the edge.

    Parameters
    ----------
    stream : obspy.Stream
        Of one instrument, with `edge_pad` s or more on both sides of the span; not changed.
    start, end : int
        In ns since 1970.
    pick : callable
        Returns the P picks in a stream, in ns since 1970.
    """
    edges = (start, end)
    settled = [one for edge in edges for one in _at_edge(stream, edge, pick)]
    found = [
        one
        for one in pick(stream)
        if min(abs(one - edge) for edge in edges) > _NEAR / 2 and not _is_known(one, settled)
    ]
    return sorted(one for one in {*settled, *found} if start <= one < end)


def edge_pad() -> float:
    """Return how many s of the record beyond a span decide on picks at its edges."""
    return _EDGE / SECOND


def _at_edge(stream: obspy.Stream, edge: int, pick: Pick) -> list[int]:
    around = stream.slice(time_of(edge - _EDGE), time_of(edge + _EDGE))
    return [one for one in pick(around) if abs(one - edge) <= _NEAR] if around else []


def _is_known(one: int, picks: Iterable[int]) -> bool:
    return any(abs(one - other) < _SAME for other in picks)


def check_picks(picker: Backbone) -> None:
    """Refuse a SeisBench model that does not pick P.

    Raises
    ------
    ConfigurationError
    """
    module = opened_picker(picker)
    if module.output_type != "array" or "P" not in module.labels:
        raise ConfigurationError(f"{picker} does not pick P: name a picker, such as PhaseNet/original")
