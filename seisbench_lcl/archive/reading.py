"""The waveforms of a unit between two times, from its files or from a web service."""

from collections.abc import Sequence
from functools import lru_cache

import obspy

from seisbench_lcl.archive.settings import time_of
from seisbench_lcl.archive.units import Unit
from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events.fdsn import FdsnSource
from seisbench_lcl.waveforms.channels import INSTRUMENTS, channel_code
from seisbench_lcl.waveforms.reading import read_recording


@lru_cache(maxsize=1)
def _service(name: str) -> FdsnSource:
    return FdsnSource(name)


def read_span(
    unit: Unit, start: int, end: int, instruments: Sequence[str], service: str | None = None
) -> tuple[obspy.Stream, list[str]]:
    """Return the waveforms of a unit's station, and what of them cannot be read.

    The good records of a damaged file are kept.

    Parameters
    ----------
    unit : Unit
    start, end : int
        In ns since 1970.
    instruments : sequence of str
        Band and instrument codes; empty takes every channel.
    service : str, optional
        FDSN service to ask, instead of files.

    Raises
    ------
    WaveformError
        If the service has failed, so that it is worth to try again.
    """
    span = {"starttime": time_of(start), "endtime": time_of(end)}
    stream, problems = obspy.Stream(), []
    if service is not None:
        found = _service(service).read([unit.site], span["starttime"], span["endtime"], instruments or INSTRUMENTS)
        if found.problems:
            raise WaveformError("; ".join(found.problems.values()))
        stream += found.stream
    for file in unit.files:
        if file.start >= end or file.end <= start:
            continue
        name = file.path.rpartition("/")[2]
        try:
            recording = read_recording(file.path, **span)
        except WaveformError as error:
            problems.append(f"{name}: {error}")
            continue
        stream += recording.stream
        problems += [f"{name}: {loss}" for loss in recording.losses]
    stream.traces = [
        trace
        for trace in stream
        if unit.site.has(trace) and (not instruments or channel_code(trace.stats.channel).instrument in instruments)
    ]
    return stream, problems
