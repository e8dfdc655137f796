"""Waveforms from an SDS archive: YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY."""

from collections.abc import Collection, Sequence
from pathlib import Path

import obspy
from obspy import UTCDateTime
from obspy.clients.filesystem.sds import Client

from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events.source import Found, Site


class SdsSource:
    """An SDS archive, read by ObsPy's client: only the records between the two times are decoded.

    Parameters
    ----------
    root : path

    Raises
    ------
    WaveformError
        If the folder has no file of an SDS archive.

    Examples
    --------
    >>> from obspy import UTCDateTime
    >>> from seisbench_lcl.events.source import Site
    >>> [trace] = obspy.read().select(component="Z")
    >>> folder = Path("sds/2009/BW/RJOB/EHZ.D")
    >>> folder.mkdir(parents=True)
    >>> trace.write(str(folder / "BW.RJOB..EHZ.D.2009.236"), "MSEED")
    >>> start = trace.stats.starttime
    >>> len(SdsSource("sds").read([Site("BW", "RJOB")], start, start + 10, ["EH"]).stream)
    1
    """

    def __init__(self, root: str | Path) -> None:
        if not is_sds(Path(root)):
            raise WaveformError(
                f"{root} is no SDS archive: expected files such as 2024/NET/STA/HHZ.D/NET.STA..HHZ.D.2024.061"
            )
        self._client = Client(str(root))

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times."""
        stream, problems = obspy.Stream(), {}
        for site in sites:
            for instrument in instruments:
                try:
                    stream += self._client.get_waveforms(
                        site.network or "*", site.station, "*", f"{instrument}?", start, end, merge=None
                    )
                except Exception as error:  # ObsPy's readers raise errors of many types
                    problems[site] = f"cannot be read: {' '.join(str(error).split())}"
        return Found(stream, problems)


def is_sds(root: Path) -> bool:
    """Return whether a folder is the root of an SDS archive."""
    return any(root.glob("[12][0-9][0-9][0-9]/*/*/*.D/*.D.*"))
