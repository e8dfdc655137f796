"""Parts of the page that are plain HTML, filled by small scripts: list, head, and keys with sound and help."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

_HERE = Path(__file__).parent

Told = Callable[[Mapping[str, Any]], None]
"""What a view calls with each message of the browser."""


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


class _Facts(JSComponent):
    """Facts as JSON in one text, which the script draws: the same for any carrier, and never HTML."""

    facts = param.String("{}")

    def __init__(self, told: Told, facts: Mapping[str, Any], styles: Sequence[str], **settings: Any) -> None:
        super().__init__(
            facts=json.dumps(facts),
            stylesheets=[_text("style.css"), *map(_text, styles)],
            sizing_mode="stretch_width",
            **settings,
        )
        self._told, self._shown = told, 0

    def show(self, facts: Mapping[str, Any]) -> None:
        """Show these facts instead of others; they are sent even if they are the same."""
        self._shown += 1
        self.facts = json.dumps({**facts, "shown": self._shown})

    def _handle_msg(self, message: Mapping[str, Any]) -> None:
        self._told(message)


class EventList(_Facts):
    """The list of events with its filters."""

    _esm: ClassVar[str] = _text("list.js")

    def __init__(self, told: Told, facts: Mapping[str, Any]) -> None:
        super().__init__(told, facts, ["list.css"])


class Head(_Facts):
    """The event on the desk, and the buttons."""

    _esm: ClassVar[str] = _text("head.js")

    def __init__(self, told: Told, facts: Mapping[str, Any]) -> None:
        super().__init__(told, facts, ["head.css"])


class KeysAndSound(_Facts):
    """Listens to keys, plays sound, shows messages and the help.

    Parameters
    ----------
    told : callable
    keys : sequence of str
        Keys that mean something, as browsers name them.
    once : sequence of str
        Those that do not repeat while they are held down.
    explained : sequence of (str, str)
        Key and meaning, for the help.
    answered : sequence of str
        Keys that always lead to another event or a message: without one of them, the server has stopped.
    """

    _esm: ClassVar[str] = _text("keys.js")

    def __init__(
        self,
        told: Told,
        keys: Sequence[str],
        once: Sequence[str],
        explained: Sequence[tuple[str, str]],
        answered: Sequence[str],
    ) -> None:
        facts = {"keys": list(keys), "once": list(once), "help": list(explained), "answered": list(answered)}
        super().__init__(told, facts, ["keys.css"])

    def play(self, wav: bytes) -> None:
        """Play a WAV file."""
        self._send_msg({"wav": base64.b64encode(wav).decode()})

    def tell(self, message: str, trouble: bool = False) -> None:
        """Show a message for a few seconds."""
        self._send_msg({"text": message, "trouble": trouble})

    def toggle_help(self) -> None:
        """Show the help, or hide it."""
        self._send_msg({"help": True})


class ClusterPanel(_Facts):
    """The family that is chosen among the clusters of a model."""

    _esm: ClassVar[str] = _text("clusters.js")

    def __init__(self, told: Told, facts: Mapping[str, Any]) -> None:
        super().__init__(told, facts, ["clusters.css"])
