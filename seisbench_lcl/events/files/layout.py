"""What an XML catalogue is: QuakeML or SCML, of which version, with which words and which order of elements."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.parsers import expat

from obspy.core.event.header import EventType

from seisbench_lcl.errors import CatalogError, ConfigurationError
from seisbench_lcl.wording import suggestion

CHUNK = 1 << 18

SCML_VERSIONS = ("0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13", "0.14")
_SCML = re.compile(r"http://geofon\.gfz(?:-potsdam)?\.de/ns/seiscomp3?-schema/(\d+\.\d+)")
_QUAKEML = "http://quakeml.org/xmlns/"

# Types of QuakeML that the schemas before 0.10 know.
_OLD_WORDS = {
    "building collapse", "chemical explosion", "debris avalanche", "earthquake", "explosion", "landslide",
    "mine collapse", "not existing", "nuclear explosion", "plane crash", "quarry blast", "rockslide", "snow avalanche",
    "sonic boom", "volcanic eruption",
}  # fmt: skip
_OLD_EXPLOSIONS = {"blasting levee", "road cut"}


@dataclass(frozen=True)
class Layout:
    """The layout of an XML catalogue.

    Attributes
    ----------
    kind : str
        "QuakeML" or "SCML".
    version : str
        Of the schema.
    namespace : str
        Of events and all that belongs to them.
    encoding : str
        As declared in the file; "" if it declares none.
    """

    kind: str
    version: str
    namespace: str
    encoding: str = ""

    @property
    def parameters(self) -> str:
        """Name of the element that holds the events."""
        return "EventParameters" if self.kind == "SCML" else "eventParameters"

    @property
    def metres(self) -> float:
        """Metres in the unit of depths."""
        return 1000.0 if self.kind == "SCML" else 1.0

    @cached_property
    def before(self) -> Mapping[str, tuple[str, ...]]:
        """Elements of an event that a new type, certainty and comment must or should follow.

        SCML prescribes the order; QuakeML takes any before foreign elements, and this is the order of its manual.
        """
        preferred = ("preferredOriginID", "preferredMagnitudeID", "preferredFocalMechanismID")
        middle = ("creationInfo", "description") if self.kind == "SCML" else ("description",)
        return {
            "type": preferred,
            "typeCertainty": (*preferred, "type"),
            "comment": (*preferred, "type", "typeCertainty", *middle, "comment"),
        }

    def word(self, event_type: str) -> str:
        """Return the word of this schema for an event type of QuakeML.

        SCML calls "other event" "other"; before version 0.10 it knows fifteen types, any other explosion becomes
        "explosion", and the rest "other".
        """
        if self.kind == "QuakeML" or event_type in _OLD_WORDS:
            return event_type
        if int(self.version.split(".")[1]) >= 10:
            return "other" if event_type == "other event" else event_type
        return "explosion" if event_type.endswith("explosion") or event_type in _OLD_EXPLOSIONS else "other"

    def __str__(self) -> str:
        return f"{self.kind} {self.version}".strip()


def check_event_type(event_type: str) -> str:
    """Return an event type with QuakeML's spelling.

    Raises
    ------
    ConfigurationError
        If QuakeML has no such type.
    """
    known = EventType(event_type)
    if known is None:
        hint = suggestion(event_type, EventType, "obspy.core.event.header.EventType", "choose one of")
        raise ConfigurationError(f"{event_type!r} is not a QuakeML event type; {hint}")
    return str(known)


def read_layout(path: Path) -> Layout | None:
    """Read the head of a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Layout or None
        None if the file is neither QuakeML nor SCML.

    Raises
    ------
    CatalogError
        If the head is cut off, declares entities (which can make a small file expand without limit, or read other
        files), is in UTF-16, or of a version of SCML that is not known.
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(CHUNK)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:2] in (b"<\0", b"\0<"):
            raise CatalogError(
                f"{path} is in UTF-16: convert it to UTF-8, such as with iconv or xmllint --encode UTF-8"
            )
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            return None
        parser = _Head(path)
        while head and not parser.done:
            parser.feed(head)
            head = file.read(CHUNK)
        return parser.layout()


class _Head:
    """Reads an XML file until it is known whether it is a catalogue."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done = False
        self._root = ""
        self._namespace: str | None = None
        self._encoding = ""
        self._depth = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.XmlDeclHandler = self._declare
        self._parser.EntityDeclHandler = self._entity
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def feed(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, False)
        except expat.ExpatError as error:
            if self.done:
                return
            if not self._root:
                self.done = True  # looks like XML and is not: another format may begin with "<"
                return
            raise broken(self.path, error) from error
        except CatalogError:
            raise
        except (LookupError, ValueError) as error:  # of an encoding
            raise CatalogError(
                f"{self.path} is in an encoding that is not read ({error}): convert it to UTF-8"
            ) from error

    def _declare(self, _: str, encoding: str | None, __: int) -> None:
        self._encoding = encoding or ""

    def _entity(self, name: str, *_: object) -> None:
        raise CatalogError(f"{self.path} declares the entity {name!r}: catalogues with entities are not read")

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self._root = name
            self.done = not self._is_quakeml
        elif self._depth == 2 and not self.done and name.rpartition(" ")[2] == "eventParameters":
            self._namespace = name.rpartition(" ")[0]
            self.done = True

    def _end(self, _: str) -> None:
        self._depth -= 1
        self.done = self.done or self._depth == 0

    @property
    def _is_quakeml(self) -> bool:
        namespace, _, name = self._root.rpartition(" ")
        return name == "quakeml" and namespace.startswith(_QUAKEML)

    def layout(self) -> Layout | None:
        """Return what was found.

        Raises
        ------
        CatalogError
        """
        namespace, _, name = self._root.rpartition(" ")
        scml = _SCML.fullmatch(namespace)
        if self._is_quakeml:
            if self._namespace is None:
                told = "ends before" if self._depth else "has no element"
                raise CatalogError(f"{self.path} is QuakeML, but {told} eventParameters: it holds no catalogue")
            return Layout("QuakeML", namespace.rpartition("/")[2], self._namespace, self._encoding)
        if name == "seiscomp" and scml:
            if scml[1] not in SCML_VERSIONS:
                raise CatalogError(
                    f"{self.path} is SCML {scml[1]}, but the versions that are read are {', '.join(SCML_VERSIONS)}: "
                    "write it as one of these with sccnv"
                )
            return Layout("SCML", scml[1], namespace, self._encoding)
        return None


def broken(path: Path, error: Exception) -> CatalogError:
    """Return the error for a file whose XML ends too early or is damaged."""
    return CatalogError(f"{path} is cut off or damaged: {error}; get the whole file")
