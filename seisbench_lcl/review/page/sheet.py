"""An event made ready to be shown: its stations with their records, or what went wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import obspy

from seisbench_lcl.events.views import StationView, station_views
from seisbench_lcl.review.page.event_features import event_features
from seisbench_lcl.review.page.material import Material
from seisbench_lcl.review.page.record_section import StationRow, station_row
from seisbench_lcl.review.page.similar import Similar

_POINTS = 90_000  # to draw at most in one event: 100 stations get 900 each, a few get one to a pixel
_BINS = (100, 600)  # pixels across


@dataclass(frozen=True)
class Sheet:
    """An event made ready.

    Attributes
    ----------
    event : str
    rows : tuple of StationRow
        The nearest first.
    views : tuple of StationView
        The records behind the rows.
    problem : str
        What went wrong; "" if nothing.
    """

    event: str
    rows: tuple[StationRow, ...] = ()
    views: tuple[StationView, ...] = ()
    problem: str = ""


def sheets(material: Material, similar: Similar | None = None) -> Callable[[str], Sheet]:
    """Return a function that makes an event ready.

    Parameters
    ----------
    material : Material
    similar : Similar, optional
        Gets the features of the event, if the model is at hand and they are not known yet.
    """

    def made(event: str) -> Sheet:
        decision = material.decisions[event]
        known = (material.catalog or {}).get(event)
        try:
            views = station_views(decision, material.source, material.preprocessing, inventory=material.inventory)
            bins = min(_BINS[1], max(_BINS[0], _POINTS // (6 * max(1, len(views)))))
            picks = known.picks if known else ()
            rows = tuple(station_row(view, material.preprocessing, picks, bins) for view in views)
            if similar is not None and material.model is not None and event not in similar.features:
                records = obspy.Stream([trace for view in views for trace in view.stream])
                features = event_features(material.model, decision, records)
                if features is not None:
                    similar.features[event] = features
        except Exception as error:  # a source may raise anything; the page goes on with the event as it is known
            return Sheet(event, problem=f"no records: {error or type(error).__name__}")
        return Sheet(event, rows, tuple(views))

    return made
