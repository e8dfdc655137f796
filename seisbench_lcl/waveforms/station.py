"""Which instrument recorded a trace."""

from typing import NamedTuple

from obspy.core import Stats
from typing_extensions import Self

from seisbench_lcl.waveforms.channels import channel_code


class StationId(NamedTuple):
    """Network, station and location code, with the band and instrument code that the components share.

    A seismometer and an accelerometer at one site are two stations: their instrument codes differ. Codes may contain
    dots, so take them from here instead of splitting the text. Channels of other names than SEED's have the instrument
    that `seisbench_lcl.waveforms.channels.channel_code` finds, which may be empty.

    Examples
    --------
    >>> import obspy
    >>> station = StationId.of(obspy.read()[0].stats)
    >>> str(station), station.instrument, station.site
    ('BW.RJOB..EH', 'EH', ('BW', 'RJOB'))
    """

    network: str
    station: str
    location: str
    instrument: str

    @classmethod
    def of(cls, stats: Stats) -> Self:
        """Return the station of a trace, from its header."""
        return cls(stats.network, stats.station, stats.location, channel_code(stats.channel).instrument)

    @property
    def site(self) -> tuple[str, str]:
        """Network and station code."""
        return self.network, self.station

    def __str__(self) -> str:
        return ".".join(self)
