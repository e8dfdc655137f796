"""One reader for catalogues of any kind."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from obspy.core.event import Catalog

from seisbench_lcl.errors import CatalogError
from seisbench_lcl.events.files.in_memory import catalog_events, read_with_obspy
from seisbench_lcl.events.files.layout import Layout, read_layout
from seisbench_lcl.events.files.quakeml import read_quakeml
from seisbench_lcl.events.files.scml import read_scml
from seisbench_lcl.models.event import Event


class CatalogReader:
    """The events of a catalogue, read as they are asked for.

    QuakeML (1.0 to 1.2, and RT) and SCML (0.7 to 0.14) files may be of any size: one event is in memory at a time.
    Any other format goes through ObsPy, as a whole.

    Parameters
    ----------
    source : str, Path or obspy Catalog

    Attributes
    ----------
    format : str
        Such as "QuakeML 1.2" or "SCML 0.13"; "ObsPy" for what ObsPy reads.
    notes : Counter
        What was odd in the events read last, with how often, such as "arrivals whose pick is missing, left out".

    Raises
    ------
    CatalogError
        If the source is not a catalogue; while it is read, if it is cut off or damaged, if two events have one id, or
        if it holds origins or picks but no event.

    Examples
    --------
    >>> import obspy
    >>> [event] = CatalogReader(obspy.read_events("/path/to/nlloc.qml"))
    >>> event.origin.time, len(event.picks)
    (UTCDateTime(2006, 7, 15, 17, 21, 20, 195670), 5)
    """

    def __init__(self, source: str | Path | Catalog) -> None:
        self.notes: Counter[str] = Counter()
        self._layout: Layout | None = None
        self._catalog: Catalog | None = None
        if isinstance(source, Catalog):
            self.name = "the catalogue"
            self._catalog = source
        else:
            self.name = str(source)
            self._path = check_file(source)
            self._layout = read_layout(self._path)
            if self._layout is None:
                self._catalog = read_with_obspy(self._path)

    @property
    def format(self) -> str:
        """The format that was found."""
        return str(self._layout or "ObsPy")

    def __iter__(self) -> Iterator[Event]:
        self.notes.clear()
        if self._layout is None:
            yield from catalog_events(self._catalog, self.name, self.notes)
        elif self._layout.kind == "SCML":
            yield from read_scml(self._path, self._layout, self.notes)
        else:
            yield from read_quakeml(self._path, self._layout, self.notes)


def check_file(source: str | Path) -> Path:
    """Return the path of a catalogue.

    Raises
    ------
    CatalogError
        If there is no such file, or it is a folder or a pipe: catalogues are read more than once.
    """
    path = Path(source)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "not a plain file" if path.exists() else "missing"
        raise CatalogError(f"{path} is {found}: give a file with a catalogue")
    return path
