"""From what an event shall carry to changes of bytes."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

from seisbench_lcl.events.files.layout import Layout
from seisbench_lcl.events.files.marks import COMMENT_ID, VERDICT_ID, Marks, Present, comment_id, version
from seisbench_lcl.events.files.spans import Child, Read, Span, tag_end

_BLANK = b" \t\r\n"


class Edit(NamedTuple):
    """Bytes that replace those from one offset of a file to another."""

    start: int
    end: int
    new: bytes


def present(span: Span, layout: Layout, journal: bool) -> Present:
    """Return what an event carries."""
    found = {child.name: child.texts.get("", "").strip() for child in reversed(span.children)}
    ours, theirs = (
        comments[0].texts.get("text", "") if (comments := _our_comments(span, layout, prefix)) else None
        for prefix in (COMMENT_ID, VERDICT_ID)
    )
    return Present(found.get("type") or None, found.get("typeCertainty") or None, ours, journal, theirs)


def edits(span: Span, wanted: Marks, layout: Layout, read: Read) -> list[Edit]:
    """Return the changes that make an event carry what it shall, in the order of the file; none if it does already.

    A new element stands where the schema has it, and takes over the line break and indentation of its neighbours.

    Parameters
    ----------
    span : Span
    wanted : Marks
    layout : Layout
    read : callable
        Given an offset and a number of bytes, returns the bytes of the file.
    """
    return _Editor(span, layout, read).edit(wanted)


def _our_comments(span: Span, layout: Layout, prefix: str) -> list[Child]:
    def name(child: Child) -> str:
        return child.texts.get("id", "").strip() if layout.kind == "SCML" else child.id

    return [child for child in span.children if child.name == "comment" and name(child).startswith(prefix)]


class _Editor:
    def __init__(self, span: Span, layout: Layout, read: Read) -> None:
        self.span, self.layout, self.read = span, layout, read
        self.body, tag = tag_end(read, span.start)
        self.is_empty = tag.endswith(b"/>")
        self.name = tag[1:].split(b">")[0].split(b"/")[0].split()[0]
        colon = self.name.rfind(b":")
        self.prefix = self.name[: colon + 1]

    def edit(self, wanted: Marks) -> list[Edit]:
        new: dict[str, bytes] = {}
        changes: list[Edit] = []
        values = {
            "type": wanted.type and self.layout.word(wanted.type),
            "typeCertainty": wanted.type and wanted.certainty,
        }
        for name, value in values.items():
            child = next((child for child in self.span.children if child.name == name), None)
            if value is not None and child is None:
                new[name] = self._element(name, value)
            elif value is not None and child is not None:
                changes += self._set(child, value)
            elif wanted.withdraw and child is not None:
                changes.append(self._remove(child))
        comment = self._comment(wanted)
        ours = _our_comments(self.span, self.layout, wanted.prefix)
        changes += [self._remove(child) for child in ours[1:]]
        if not ours:
            new["comment"] = comment
        elif _dense(self._bytes(ours[0])) != _dense(comment):
            changes.append(Edit(ours[0].start, self._end(ours[0]), comment))
        return self._in_order(changes, new)

    def _in_order(self, changes: list[Edit], new: dict[str, bytes]) -> list[Edit]:
        if self.is_empty and new:
            inside = b"".join(new.values())
            return [Edit(self.body - 2, self.body, b">" + inside + b"</" + self.name + b">")]
        places: dict[int, bytes] = {}
        for name, element in new.items():
            place, blank = self._place(name)
            places[place] = places.get(place, b"") + blank + element
        inserted = [Edit(place, place, element) for place, element in places.items()]
        return sorted([*changes, *inserted], key=lambda change: change[:2])

    def _place(self, name: str) -> tuple[int, bytes]:
        """Return the offset where a new child belongs, and the line break and indentation to put before it."""
        before = self.layout.before[name]
        for child in reversed(self.span.children):
            if child.name in before:
                return self._end(child), self._blank_before(child.start)
        first = self.span.children[0].start if self.span.children else self.body
        return self.body, self._blank_before(first)

    def _blank_before(self, offset: int) -> bytes:
        """Return the blanks that end at an offset, if they follow a tag."""
        if offset <= self.body:
            return b""
        begin = max(self.body, offset - 200)
        data = self.read(begin, offset - begin)
        kept = data.rstrip(_BLANK)
        return data[len(kept) :] if kept.endswith(b">") or (begin == self.body and not kept) else b""

    def _remove(self, child: Child) -> Edit:
        return Edit(child.start - len(self._blank_before(child.start)), self._end(child), b"")

    def _set(self, child: Child, value: str) -> Iterator[Edit]:
        if child.texts.get("", "").strip() == value:
            return
        begin, tag = tag_end(self.read, child.start)
        if tag.endswith(b"/>"):
            yield Edit(child.start, begin, self._element(child.name, value))
        else:
            yield Edit(begin, child.close, _escaped(value))

    def _end(self, child: Child) -> int:
        begin, tag = tag_end(self.read, child.start)
        return begin if tag.endswith(b"/>") else tag_end(self.read, child.close)[0]

    def _bytes(self, child: Child) -> bytes:
        return self.read(child.start, self._end(child) - child.start)

    def _element(self, name: str, text: str) -> bytes:
        return self._wrap(name, _escaped(text))

    def _wrap(self, name: str, content: bytes, attribute: bytes = b"") -> bytes:
        tag = self.prefix + name.encode()
        return b"<" + tag + attribute + b">" + content + b"</" + tag + b">"

    def _comment(self, wanted: Marks) -> bytes:
        name = comment_id(self.span.id, wanted.prefix)
        by = self._element("author", wanted.author)
        if wanted.time:
            by += self._element("creationTime", wanted.time)
        made = self._wrap("creationInfo", by + self._element("version", version()))
        text = self._element("text", wanted.comment)
        if self.layout.kind == "SCML":
            return self._wrap("comment", text + self._element("id", name) + made)
        return self._wrap("comment", text + made, b' id="' + name.encode() + b'"')


def _escaped(text: str) -> bytes:
    """Return text as XML in ASCII, which is the same in every encoding that holds ASCII."""
    return escape(text, {"\r": "&#13;"}).encode("ascii", "xmlcharrefreplace")


def _dense(element: bytes) -> bytes:
    """Return an element without the blanks between tags, which another program may have put there."""
    return re.sub(rb">\s+<", b"><", element)
