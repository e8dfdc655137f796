"""The YAML head of a Markdown file: read without running or expanding anything, and written for people."""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

import yaml

from seisbench_lcl.errors import HubError

_FENCED = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", flags=re.DOTALL | re.MULTILINE)

_DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"

# PyYAML raises these, besides its own errors, for scalars that do not fit their tag, such as !!int "" or 2001-99-99.
_UNREADABLE = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def split(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Return the fields of the head, and the body.

    Raises
    ------
    HubError
        If the head is missing or is not a mapping in plain YAML (aliases and repeated keys are refused), or if the text
        holds control characters, which could overwrite the display of a terminal.
    """
    text = text.replace("\r\n", "\n")
    if found := control_character(text):
        raise HubError(f"{where} holds the control character {found!a}: it is not Markdown, or was tampered with")
    fenced = _FENCED.match(text)
    if not fenced:
        raise HubError(f"{where} has no head: it must begin with a line '---', YAML, and another line '---'")
    try:
        head = yaml.load(fenced[1], Loader=_Loader)
    except _UNREADABLE as error:
        raise HubError(f"the head of {where} is not valid YAML: {error}") from error
    if not isinstance(head, dict) or not all(isinstance(key, str) for key in head):
        raise HubError(f"the head of {where} must be a mapping from field names to values")
    return head, text[fenced.end() :].lstrip("\n")


def join(head: Mapping[str, Any], body: str) -> str:
    """Return the Markdown text with this head and body, the inverse of `split`."""
    fields = {key: _in_rows(value) for key, value in head.items()}
    lines = yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{lines}---\n\n{body.lstrip(chr(10))}"


def control_character(text: str) -> str | None:
    """Return the first character that controls a terminal or reverses the writing direction; None without any."""
    return next((character for character in text if _is_control(character)), None)


def _is_control(character: str) -> bool:
    if unicodedata.category(character) in ("Cc", "Cs"):
        return character not in "\n\t"
    return unicodedata.bidirectional(character) in _DIRECTIONS


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases and repeated keys, which can expand a small file or be read in two ways."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed in cards: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        if repeated := [ascii(key) for key, count in keys.items() if count > 1]:
            raise yaml.YAMLError(f"keys are repeated: {', '.join(repeated)}")
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """The safe dumper, with each table row on one line."""


class _Row(dict[str, Any]):
    pass


class _Line(list[Any]):
    pass


_Dumper.add_representer(_Row, lambda dumper, row: dumper.represent_mapping(_MAP, row, flow_style=True))
_Dumper.add_representer(_Line, lambda dumper, line: dumper.represent_sequence(_SEQ, line, flow_style=True))


def _in_rows(value: Any) -> Any:
    """Mark values to be written on one line: lists of numbers, and flat mappings in a list."""
    if isinstance(value, Mapping):
        return {key: _in_rows(item) for key, item in value.items()}
    if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
        return _Line(value)
    if isinstance(value, list):
        return [_Row(item) if _is_row(item) else _in_rows(item) for item in value]
    return value


def _is_row(item: Any) -> bool:
    return isinstance(item, Mapping) and not any(isinstance(value, Mapping | list) for value in item.values())
