"""Events to review: decisions, records and stations made up, some of them with flaws."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.events import EventDecision, Origin, StationDecision

START = UTCDateTime(2024, 3, 1)
LABELS = ("earthquake", "explosion", "noise")
HTML = "smi:local/<img src=x onerror=alert(1)>"
WEIGHTS = "MiniRocketRidge/none-such, version 1, from the package (sha256 0123456789ab)"
STEP = 600.0  # s between events


def station_codes(n: int) -> list[str]:
    return [f"XX.S{i:02d}..HH" for i in range(n)]


def decided(
    number: int,
    probabilities: Sequence[float] = (0.7, 0.2, 0.1),
    *,
    stations: Sequence[str] = ("XX.S00..HH", "XX.S01..HH"),
    place: bool = True,
    name: str = "",
) -> EventDecision:
    """Return the decision on an event whose P arrivals follow each other by half a second; none if all are 0."""
    time = START + number * STEP
    shares = dict(zip(LABELS, probabilities, strict=True)) if any(probabilities) else {}
    parts = tuple(
        StationDecision(code, time + 3 + 0.5 * i, "pick", shares, "" if shares else "no waveform", 0.3, 1.0, 12.0)
        for i, code in enumerate(stations)
    )
    label = max(shares, key=shares.__getitem__) if shares else None
    first, second = sorted(shares.values(), reverse=True)[:2] if shares else (np.nan, np.nan)
    return EventDecision(
        name or f"smi:local/{number:05d}",
        label,
        {"noise": None}.get(label or "", label),
        shares,
        first - second,
        0.0 if shares else np.nan,
        len(parts) if shares else 0,
        0,
        "" if shares else "no station has a decision",
        "mean",
        WEIGHTS,
        parts,
        Origin(f"smi:local/o{number}", time, 46 + number % 7 / 10, 8 + number % 11 / 10, 5000.0) if place else None,
    )


def many(n: int, crowded: int = 100) -> list[EventDecision]:
    """Return n decisions in order of time; the doubt falls from the first event to the last.

    The fourth has a hundred stations, the fifth no records, the sixth HTML in its names, the seventh no decision.
    """
    found = []
    for i in range(n):
        first = 0.5 + 0.45 * i / n
        found.append(decided(i, (first, 0.9 * (1 - first), 0.1 * (1 - first))))
    found[3] = decided(3, (0.36, 0.33, 0.31), stations=station_codes(crowded))
    found[4] = decided(4, (0.38, 0.34, 0.28), stations=["YY.GONE..HH"], place=False)
    found[5] = decided(5, (0.40, 0.34, 0.26), stations=["XX.S00..HH", "<b>.<i>X</i>..HH"], name=HTML)
    found[6] = decided(6, (0, 0, 0))
    disputed = found[7].stations[1]
    found[7] = replace(
        found[7],
        disagreement=0.4,
        n_for=1,
        n_against=1,
        stations=(found[7].stations[0], replace(disputed, probabilities={"explosion": 0.9, "noise": 0.1}, novelty=1.7)),
    )
    return found


def records(decisions: Sequence[EventDecision], components: str = "ZNE") -> obspy.Stream:
    """Return a record of 60 s of each XX station of each event: noise, and from P on a decaying signal."""
    stream = obspy.Stream()
    time = np.arange(6000) / 100
    for decision in decisions:
        for part in decision.stations:
            network, code, location, instrument = part.station.split(".")
            if network != "XX":
                continue
            rng = np.random.default_rng(abs(hash((decision.event, code))) % 2**32)
            begin = part.p_time - 20
            since = np.clip(time - 20, 0, None)
            signal = 3000 * np.exp(-since / 4) * (since > 0) * np.sin(2 * np.pi * 6 * time)
            for component in components:
                header = {"network": network, "station": code, "location": location, "starttime": begin}
                header |= {"channel": instrument + component, "sampling_rate": 100.0}
                stream += obspy.Trace((signal + rng.normal(0, 100, len(time))).astype(np.float32), header)
    return stream


def inventory(n: int = 100) -> Inventory:
    """Return the XX stations, each farther east."""
    places = [Station(code.split(".")[1], 46.2, 8 + i / 100, 0) for i, code in enumerate(station_codes(n))]
    return Inventory([Network("XX", places)])


def small_clusters(n: int = 30) -> tuple[lcl.MiniRocketKMeans, LabelledWindows]:
    """Return a model with three clusters, and windows without labels, which begin to move at 0, 2 or 4 Hz."""
    rng = np.random.default_rng(1)
    time = np.arange(320) / 40
    windows = rng.normal(0, 0.1, (n, 3, 320)) + np.sin(2 * np.pi * (1 + 4 * (np.arange(n) % 3))[:, None, None] * time)
    windows = windows.astype(np.float32)
    model = lcl.MiniRocketKMeans(clusters=3, sampling_rate=40, in_samples=320, extractor_args={"max_features": 168})
    model.fit(windows)
    text = np.full(n, "", dtype="<U9")
    events = np.array([f"<i>e{i}" for i in range(n)])
    table = pd.DataFrame({"trace_name": [f"trace {i}" for i in range(n)]})
    zeros = np.zeros(n, dtype=np.float32)
    return model, LabelledWindows(windows, text, events, text, table, zeros, zeros, {})
