"""Panels of events as image files."""

import re
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

from obspy import Inventory

from seisbench_lcl.events.figures.panel import event_panel
from seisbench_lcl.events.source import WaveformSource
from seisbench_lcl.events.views import station_views
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.storage import write_file
from seisbench_lcl.waveforms import Preprocessing

_LONGEST = 60  # letters of an event's id in a file name
_DPI = 110


def write_panels(
    decisions: Iterable[EventDecision],
    source: WaveformSource,
    preprocessing: Preprocessing,
    folder: str | Path,
    *,
    inventory: Inventory | None = None,
) -> Iterator[Path]:
    """Draw events into PNG files of a folder, and yield each path once its file is written.

    Parameters
    ----------
    decisions : iterable of EventDecision
    source : WaveformSource
        Read event by event.
    preprocessing : Preprocessing
        Of the model.
    folder : path
        Made if it is missing. A file of the same name is replaced; others stay.
    inventory : obspy.Inventory, optional
        Places of the stations, for the distances and the map.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    for decision in decisions:
        views = station_views(decision, source, preprocessing, inventory=inventory)
        path = Path(folder, f"{file_name(decision)}.png")
        figure = event_panel(decision, views, preprocessing)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)  # ids may be in any script
            write_file(path, partial(figure.savefig, dpi=_DPI))
        yield path


def file_name(decision: EventDecision) -> str:
    """Return a name for files of an event, without suffix: its time, its id, and a hash of the id.

    Ids hold slashes and colons, or differ only in their case or beyond what a file name can hold; the hash keeps them
    apart.

    Examples
    --------
    >>> nan = float("nan")
    >>> file_name(EventDecision("smi:local/a", None, None, {}, nan, nan, 0, 0, "", "mean", "weights"))
    'undated_smi_local_a_6fd6901f'
    """
    time = decision.time
    date = "undated" if time is None else time.strftime("%Y%m%dT%H%M%S")
    words = re.sub(r"[^A-Za-z0-9-]+", "_", decision.event).strip("_")[:_LONGEST].rstrip("_")
    return "_".join(filter(None, [date, words, sha256(decision.event.encode()).hexdigest()[:8]]))
