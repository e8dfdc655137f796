"""The YAML head of a Markdown file: read without running or expanding anything, written to be read by people."""

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

# What PyYAML lets out of a scalar that does not fit its tag, such as !!int "" or 2001-99-99, beside its own errors.
_UNREADABLE = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def split(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Return the fields of the head, and the body.

    Raises
    ------
    HubError
        If there is no head, or it is no mapping in plain YAML (aliases and keys that occur twice are refused), or the
        text holds control characters, with which it could write over what a terminal shows.
    """
    text = text.replace("\r\n", "\n")
    if found := control_character(text):
        raise HubError(f"{where} holds the control character {found!a}: it is no Markdown, or was tampered with")
    fenced = _FENCED.match(text)
    if not fenced:
        raise HubError(f"{where} has no head: it must begin with a line '---', YAML, and another line '---'")
    try:
        head = yaml.load(fenced[1], Loader=_Loader)
    except _UNREADABLE as error:
        raise HubError(f"the head of {where} is no YAML that can be read: {error}") from error
    if not isinstance(head, dict) or not all(isinstance(key, str) for key in head):
        raise HubError(f"the head of {where} must be a mapping from the names of fields to their values")
    return head, text[fenced.end() :].lstrip("\n")


def join(head: Mapping[str, Any], body: str) -> str:
    """Return the Markdown file with this head and body; `split` gives both back."""
    fields = {key: _in_rows(value) for key, value in head.items()}
    lines = yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{lines}---\n\n{body.lstrip(chr(10))}"


def control_character(text: str) -> str | None:
    """Return the first character that steers a terminal or turns the direction of writing, if there is one."""
    return next((sign for sign in text if _steers(sign)), None)


def _steers(sign: str) -> bool:
    if unicodedata.category(sign) in ("Cc", "Cs"):
        return sign not in "\n\t"
    return unicodedata.bidirectional(sign) in _DIRECTIONS


class _Loader(yaml.SafeLoader):
    """The safe loader, without what lets a small file mean a large one, or two readers read it differently."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not used in cards: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        if twice := [ascii(key) for key, count in keys.items() if count > 1]:
            raise yaml.YAMLError(f"keys occur twice: {', '.join(twice)}")
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """The safe dumper, which writes a row of a table on one line."""


class _Row(dict[str, Any]):
    pass


class _Line(list[Any]):
    pass


_Dumper.add_representer(_Row, lambda dumper, row: dumper.represent_mapping(_MAP, row, flow_style=True))
_Dumper.add_representer(_Line, lambda dumper, line: dumper.represent_sequence(_SEQ, line, flow_style=True))


def _in_rows(value: Any) -> Any:
    """Mark what is to be written on one line: a list of numbers, and a mapping in a list that holds no other."""
    if isinstance(value, Mapping):
        return {key: _in_rows(item) for key, item in value.items()}
    if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
        return _Line(value)
    if isinstance(value, list):
        return [_Row(item) if _is_row(item) else _in_rows(item) for item in value]
    return value


def _is_row(item: Any) -> bool:
    return isinstance(item, Mapping) and not any(isinstance(value, Mapping | list) for value in item.values())
