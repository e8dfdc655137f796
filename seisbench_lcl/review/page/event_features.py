"""Features of an event by a model: the mean over its stations' windows."""

from dataclasses import replace

import numpy as np
import obspy
from numpy.typing import NDArray

from seisbench_lcl.datasets.cuts import Cuts
from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events import EventDecision
from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.events.windows import Member, StationWindow, WindowRules, cut_windows
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.event import Pick


def event_features(
    model: Discriminator, decision: EventDecision, stream: obspy.Stream, rules: WindowRules | None = None
) -> NDArray[np.float32] | None:
    """Return the mean features (F,) of the windows of an event's stations; None if there are no windows.

    Parameters
    ----------
    model : Discriminator
    decision : EventDecision
        Windows are cut at its P arrivals, which the picks of the catalogue were refined to.
    stream : obspy.Stream
        Records of its stations, with a few seconds before and after the windows for the filters.
    rules : WindowRules, optional
        By default the usual ones, for whatever instruments decided.
    """
    rules = rules or WindowRules()
    decided = [station for station in decision.stations if station.probabilities]
    names = tuple(
        dict.fromkeys(station.station.split(".")[3] for station in decided if station.station.count(".") == 3)
    )
    rules = replace(rules, instruments=tuple(dict.fromkeys((*names, *rules.instruments))), margin=5.0)
    picks = []
    for station in decided:
        network, code, location, instrument = [*station.station.split("."), "", "", ""][:4]
        picks.append(Pick("", station.p_time, network, code, location, instrument))
    try:
        parts = cut_windows(picks, StreamSource(stream), [Member(model.preprocessing, {"pick": Cuts()})], rules)
        windows = [part.samples for (part,) in parts if isinstance(part, StationWindow)]
    except WaveformError:
        return None
    return model.features(np.stack(windows)).numpy().mean(axis=0) if windows else None
