"""A small network's record with earthquakes and faults, and packets of it in the order in which they might come."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import obspy
import pandas as pd
from obspy import Trace, UTCDateTime

START = UTCDateTime(2024, 3, 1, 23, 58)
WEIGHTS = "MiniRocketRidge/mixed-3c-fast"


def recorded(seconds: int = 300, stations: Sequence[str] = ("AAA", "BBB", "CCC"), seed: int = 0) -> obspy.Stream:
    """Return whole counts of noise with an earthquake every 90 s, which comes to each station 3 s later."""
    rng, motion = np.random.default_rng(seed), obspy.read()
    stream = obspy.Stream()
    for place, station in enumerate(stations):
        for component in "ZNE":
            data = rng.normal(0, 100, seconds * 100)
            wave = motion.select(component=component)[0].data[:2400]
            for second in range(45, seconds - 40, 90):
                first = (second + 3 * place) * 100
                data[first : first + 2400] += wave
            header = {"network": "XX", "station": station, "channel": f"HH{component}", "sampling_rate": 100}
            stream.append(Trace(data.round().astype(np.int32), header | {"starttime": START}))
    return stream


def damaged(stream: obspy.Stream) -> obspy.Stream:
    """Return the record with a short gap, a long one, a component that stops for a while, and a change of rate."""
    short = stream.select(station="AAA").copy().cutout(START + 100, START + 101.3)
    long = stream.select(station="BBB").copy().cutout(START + 120, START + 160)
    other = stream.select(station="CCC").copy()
    stops = obspy.Stream([other[1]]).cutout(START + 70, START + 82)
    slower = obspy.Stream()
    for trace in (other[0], *stops, other[2]):
        late = trace.copy().trim(START + 200)
        early = trace.copy().trim(endtime=START + 199.99)
        if len(late):
            late.data = np.ascontiguousarray(late.data[::2])
            late.stats.sampling_rate = 50
            slower.append(late)
        slower.append(early)
    return short + long + slower


def packets_of(stream: obspy.Stream, seconds: float = 4.0, seed: int = 0) -> list[Trace]:
    """Return packets of unequal length in the order of time: some come late, some twice."""
    rng = random.Random(seed)
    found: list[tuple[float, int, Trace]] = []
    for trace in stream:
        rate, first = trace.stats.sampling_rate, 0
        while first < len(trace):
            count = min(len(trace) - first, round(rng.uniform(0.3, 1) * seconds * rate))
            header = {**trace.stats, "npts": count, "starttime": trace.stats.starttime + first / rate}
            packet = Trace(trace.data[first : first + count], header)
            late = rng.choice([0, 0, 0, 0, 0, 0, 0, 7.0])
            found.append((packet.stats.endtime.timestamp + late, len(found), packet))
            if rng.random() < 0.1:
                found.append((packet.stats.endtime.timestamp + rng.uniform(0, 60), len(found), packet.copy()))
            first += count
    return [packet for *_, packet in sorted(found, key=lambda one: one[:2])]


class ListedSource:
    """A source of packets from a list, of which only those that end after `since` come."""

    def __init__(self, packets: Sequence[Trace], is_live: bool = False) -> None:
        self.name, self.packets_left = "a list", list(packets)
        self._is_live, self._closed = is_live, Event()

    @property
    def is_live(self) -> bool:
        return self._is_live

    def close(self) -> None:
        self._closed.set()

    def packets(self, since: Mapping[str, UTCDateTime]) -> Iterator[Trace | None]:
        for packet in self.packets_left:
            if self._closed.is_set():
                return
            if packet.id not in since or packet.stats.endtime > since[packet.id]:
                yield packet


def windows_in(folder: Path) -> pd.DataFrame:
    """Return the windows that a watcher wrote, like `WindowList.to_dataframe`."""
    files = sorted(folder.glob("windows/*"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    table = pd.DataFrame([{**line, **line.pop("probabilities")} for line in lines])
    table = table.rename(columns={"start": "start_time"})
    table["start_time"] = pd.to_datetime(table["start_time"]).dt.tz_localize(None).astype("datetime64[us]")
    return table.sort_values(["station", "start_time"], ignore_index=True)


def changes_in(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the journal."""
    return [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
