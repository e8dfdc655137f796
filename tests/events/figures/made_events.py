"""Made-up decisions with their records and places, and checks of what is drawn."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations
from math import nan

import numpy as np
import obspy
from matplotlib.figure import Figure
from matplotlib.text import Text
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station

from seisbench_lcl.events import EventDecision, Origin, StationDecision
from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.events.views import StationView, station_views
from seisbench_lcl.waveforms import Preprocessing

START = UTCDateTime(2024, 3, 1, 12)
LABELS = ("earthquake", "quarry blast", "noise")
PREPROCESSING = Preprocessing()


def made_event(
    n: int,
    *,
    labels: Sequence[str] = LABELS,
    abstained: Collection[int] = (),
    prefix: str = "S",
    apart: float = 0.5,
    origin: bool = True,
    places: bool = True,
) -> tuple[EventDecision, list[StationView]]:
    """Return the decision on an event of n stations by their mean, and its stations with a record each."""
    rng = np.random.default_rng(n)
    stream, parts, stations = obspy.Stream(), [], []
    for i in range(n):
        code, p = f"{prefix}{i:02d}", START + 5 + i * apart
        data = rng.normal(0, 100, 3500)
        data[1200:] += rng.normal(0, 2000, 2300) * np.exp(-np.arange(2300) / 500)
        for component in "ZNE":
            header = {"network": "XX", "station": code, "channel": f"HH{component}", "sampling_rate": 100.0}
            stream.append(obspy.Trace(data.copy(), header | {"starttime": p - 12}))
        if i in abstained:
            parts.append(StationDecision(f"XX.{code}..HH", p, "predicted", reason="unlike the training data (1.40)"))
        else:
            row = dict(zip(labels, rng.dirichlet(np.ones(len(labels))).tolist(), strict=True))
            parts.append(StationDecision(f"XX.{code}..HH", p, ("pick", "refined")[i % 2], row, "", 0.3, 1.0, 12.3 - i))
        stations.append(Station(code, 47 + 0.3 * rng.normal(), 12 + 0.4 * rng.normal(), 0))
    decision = EventDecision(
        "smi:local/e1", None, None, {}, nan, nan, 0, 0, "no station has a decision", "mean", "Model/weights"
    )
    decision = replace(decision, stations=tuple(parts), origin=Origin("", START, 47.0, 12.0, 5e3) if origin else None)
    if rows := [part.probabilities for part in parts if part.probabilities]:
        votes = {label: float(np.mean([row[label] for row in rows])) for label in labels}
        second, label = sorted(votes, key=votes.__getitem__)[-2:]
        n_for = sum(part.label == label for part in parts)
        decision = replace(decision, label=label, probabilities=votes, margin=votes[label] - votes[second], reason="")
        decision = replace(decision, n_for=n_for, n_against=len(rows) - n_for)
    inventory = Inventory([Network("XX", stations)]) if places else None
    return decision, station_views(decision, StreamSource(stream), PREPROCESSING, inventory=inventory)


def drawn_texts(figure: Figure) -> list[Text]:
    """Lay a figure out, and return its visible texts but for the numbers below panels, some of which are not drawn."""
    figure.draw_without_rendering()
    numbers = {label for axes in figure.axes for label in axes.get_xticklabels()}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if text not in numbers]


def check_texts(figure: Figure) -> None:
    """Check that every text is within the figure, and that no two overlap."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    for words, box in boxes:
        assert box.x0 >= 0, words
        assert box.y0 >= 0, words
        assert box.x1 <= figure.bbox.width, words
        assert box.y1 <= figure.bbox.height, words
    for (words, box), (other_words, other) in combinations(boxes, 2):
        assert not box.padded(-1).overlaps(other.padded(-1)), f"{words!r} over {other_words!r}"
