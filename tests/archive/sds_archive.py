"""An SDS archive of a few minutes on both sides of a midnight, with an earthquake across it."""

from pathlib import Path

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime

MIDNIGHT = UTCDateTime(2024, 3, 1)
WEIGHTS = "MiniRocketRidge/mixed-3c-fast"


def recorded(
    minutes: float, stations: tuple[str, ...] = ("ABC",), events: tuple[float, ...] = (-4,), seed: int = 0
) -> obspy.Stream:
    """Return whole counts of noise for some minutes before and after midnight, with events at seconds after it."""
    rng, motion = np.random.default_rng(seed), obspy.read()
    count = round(minutes * 60 * 100)
    stream = obspy.Stream()
    for station in stations:
        for component in "ZNE":
            data = rng.normal(0, 100, 2 * count)
            wave = motion.select(component=component)[0].data[:3000]
            for event in events:
                first = count + round(event * 100)
                data[first : first + 3000] += wave
            header = {"network": "XX", "station": station, "channel": f"HH{component}", "sampling_rate": 100}
            header["starttime"] = MIDNIGHT - count / 100
            stream.append(obspy.Trace(data.round().astype(np.int32), header))
    return stream


def write_sds(root: Path, stream: obspy.Stream) -> Path:
    """Write a stream as day files."""
    for trace in stream:
        stats, start = trace.stats, trace.stats.starttime
        while start <= stats.endtime:
            end = UTCDateTime(start.year, start.month, start.day) + 86400
            file = root / sds_name(stats.network, stats.station, stats.channel, start)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as opened:
                trace.slice(start, end - stats.delta / 2).write(opened, "MSEED", encoding="STEIM2")
            start = end
    return root


def sds_name(network: str, station: str, channel: str, day: UTCDateTime) -> str:
    name = f"{network}.{station}..{channel}.D.{day.year}.{day.julday:03d}"
    return f"{day.year}/{network}/{station}/{channel}.D/{name}"


def rows(folder: Path, table: str = "detections") -> pd.DataFrame:
    """Return a table of a folder of results in a fixed order."""
    found = pd.read_parquet(folder / table)
    return found.sort_values(["station", "start_time"], ignore_index=True).astype({"network": str})


def assert_same_rows(one: Path, other: Path, *tables: str) -> None:
    for table in tables:
        assert len(rows(one, table)) > 0
        pd.testing.assert_frame_equal(rows(one, table), rows(other, table), check_categorical=False)
