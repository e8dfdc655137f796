"""A network's archive: decisions on all of it, resumable, in Parquet."""

from seisbench_lcl.archive.manifest import Entry
from seisbench_lcl.archive.results import StationStatus, network_events, read_detections, station_days, status
from seisbench_lcl.archive.run import Progress, Report, run

__all__ = [
    "Entry",
    "Progress",
    "Report",
    "StationStatus",
    "network_events",
    "read_detections",
    "run",
    "station_days",
    "status",
]
