"""Where the parts of an event lie in the bytes of a file."""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from seisbench_lcl.errors import CatalogError
from seisbench_lcl.events.files.layout import CHUNK, Layout, broken


@dataclass
class Child:
    """A child of an event.

    Attributes
    ----------
    name : str
        Without namespace.
    start, close : int
        Where its start tag and its end tag begin; `close` means nothing if it is one empty tag.
    texts : dict from str to str
        Its own text under "", and the texts of its children by their names; of types and comments only.
    id : str
        Attribute of comments.
    """

    name: str
    start: int
    close: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    id: str = ""


@dataclass
class Span:
    """An event: where its tags begin, and its children in order; those in foreign namespaces have the name ""."""

    id: str
    start: int
    close: int = 0
    children: list[Child] = field(default_factory=list)


_TEXTS = {"type", "typeCertainty", "comment"}
_DEEPEST = 4  # at which an event may stand: root, EventParameters, catalog, event


def event_spans(path: Path, layout: Layout, wanted: Container[str]) -> Iterator[Span | str]:
    """Yield where the events of a file lie, in their order; for events that are not wanted, only their ids.

    Parameters
    ----------
    path : Path
        An XML catalogue in an encoding that holds ASCII.
    layout : Layout
    wanted : container of str
        Ids of events.

    Raises
    ------
    CatalogError
        If the file is not well-formed to its end.
    """
    finder = _Finder(layout, wanted)
    with path.open("rb") as file:
        try:
            while data := file.read(CHUNK):
                finder.parser.Parse(data, False)
                yield from finder.take()
            finder.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise broken(path, error) from error
    yield from finder.take()


class _Finder:
    """Handlers of a parser, which only count below what they look at, for that is where most elements are."""

    def __init__(self, layout: Layout, wanted: Container[str]) -> None:
        self._prefix = f"{layout.namespace} "
        self._event = f"{self._prefix}event"
        self._parameters, self._catalog = self._prefix + layout.parameters, f"{self._prefix}catalog"
        self._wanted = wanted
        self._above = [""] * (_DEEPEST + 1)  # names of the open elements, by their depth
        self._depth = 0
        self._limit = _DEEPEST
        self._base = 0  # depth of the event
        self._span: Span | None = None
        self._found: list[Span | str] = []
        self._capture: tuple[Child, str] | None = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def take(self) -> list[Span | str]:
        """Return the events whose end was read since the last call."""
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth = depth = self._depth + 1
        if depth > self._limit:
            return
        if self._span is None:
            self._above[depth] = name
            if name == self._event and self._above[2] == self._parameters and self._is_place_of_events(depth):
                self._open(attributes.get("publicID", "").strip())
        elif depth == self._base + 1:
            own = name.removeprefix(self._prefix) if name.startswith(self._prefix) else ""
            child = Child(own, self.parser.CurrentByteIndex, id=attributes.get("id", ""))
            self._span.children.append(child)
            if own in _TEXTS:
                self._listen(child, "")
        elif self._span.children[-1].name == "comment" and name.startswith(self._prefix):
            self._listen(self._span.children[-1], name.removeprefix(self._prefix))

    def _is_place_of_events(self, depth: int) -> bool:
        return depth == 3 or (depth == 4 and self._above[3] == self._catalog)

    def _open(self, event: str) -> None:
        if event in self._wanted:
            self._span = Span(event, self.parser.CurrentByteIndex)
            self._base, self._limit = self._depth, self._depth + 2
        else:
            self._found.append(event)

    def _end(self, _: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth > self._limit or self._span is None:
            return
        if depth == self._base:
            self._span.close = self.parser.CurrentByteIndex
            self._found.append(self._span)
            self._span, self._limit = None, _DEEPEST
            return
        if depth == self._base + 1:
            self._span.children[-1].close = self.parser.CurrentByteIndex
        if self._capture:
            self._capture = self.parser.CharacterDataHandler = None

    def _listen(self, child: Child, name: str) -> None:
        child.texts.setdefault(name, "")
        self._capture = child, name
        self.parser.CharacterDataHandler = self._text

    def _text(self, text: str) -> None:
        if self._capture:
            child, name = self._capture
            child.texts[name] += text


def journalled(path: Path, layout: Layout) -> set[str]:
    """Return the ids of the events whose type a journal of SeisComP says that a person has set.

    Raises
    ------
    CatalogError
        If the file is not well-formed.
    """
    if layout.kind != "SCML" or not _holds(path, b"EvType"):
        return set()
    events: set[str] = set()
    state = {"entry": False}
    prefix = f"{layout.namespace} "

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == prefix + "entry":
            state["entry"] = attributes.get("action") == "EvType"
        elif name == prefix + "objectID" and state["entry"]:
            parts.clear()
            parser.CharacterDataHandler = parts.append

    def end(name: str) -> None:
        if name == prefix + "objectID" and state["entry"]:
            events.add("".join(parts).strip())
            parser.CharacterDataHandler = None

    parts: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    with path.open("rb") as file:
        try:
            parser.ParseFile(file)
        except expat.ExpatError as error:
            raise broken(path, error) from error
    return events


def _holds(path: Path, word: bytes) -> bool:
    last = b""
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            if word in last + data:
                return True
            last = data[-len(word) :]
    return False


Read = Callable[[int, int], bytes]


def tag_end(read: Read, start: int) -> tuple[int, bytes]:
    """Return where the tag that begins at an offset ends, and its bytes.

    Parameters
    ----------
    read : callable
        Given an offset and a number of bytes, returns the bytes of the file.
    start : int

    Raises
    ------
    CatalogError
        If the file ends before the tag does, which is no longer what was parsed.
    """
    size = 256
    while True:
        data = read(start, size)
        quote = 0
        for i, byte in enumerate(data):
            if quote:
                quote = 0 if byte == quote else quote
            elif byte in b"\"'":
                quote = byte
            elif byte == ord(">"):
                return start + i + 1, data[: i + 1]
        if len(data) < size:
            raise CatalogError("the catalogue became shorter while it was read: try again when nothing writes to it")
        size *= 4
