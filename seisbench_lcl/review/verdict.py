"""What an analyst says about an event, as a line of a file, and what stands after many lines."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from obspy import UTCDateTime
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, check_arguments
from seisbench_lcl.wording import counted

Kind = Literal["label", "undecided", "wrong pick", "undo"]

_KINDS = get_args(Kind)
_TEXTS = ("event", "kind", "analyst", "shown", "weights", "station", "note")


@dataclass(frozen=True)
class Verdict:
    """What an analyst says about an event.

    Attributes
    ----------
    event : str
        Id of the event.
    label : str or None
        The analyst's label, for the kind "label" only.
    kind : str
        "label"; "undecided": seen, and not to be told; "wrong pick": of a station, or, without a station, of the
        event as a whole; "undo": takes back the analyst's last verdict that stands on this event and station.
    analyst : str
    time : UTCDateTime
        When it was said.
    shown : str
        The model's label that the analyst saw; "" if the event was undecided.
    weights : str
        The model and weights that gave it, as in `EventDecision.weights`.
    station : str
        NET.STA.LOC.CH of a wrong pick; "" otherwise.
    note : str

    Raises
    ------
    ConfigurationError
        If event or analyst is blank, or kind, label and station do not fit each other.

    Examples
    --------
    >>> verdict = Verdict("e1", "slide", "label", "Ana", UTCDateTime(0), "earthquake", "weights")
    >>> Verdict.from_line(verdict.line()) == verdict
    True
    """

    event: str
    label: str | None
    kind: Kind
    analyst: str
    time: UTCDateTime
    shown: str
    weights: str
    station: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        texts = {name: getattr(self, name) for name in _TEXTS}
        check_arguments(
            "Verdict", *((f"{name} must be text", isinstance(text, str), text) for name, text in texts.items())
        )
        named = isinstance(self.label, str) and bool(self.label.strip())
        placed = self.kind in ("wrong pick", "undo")
        check_arguments(
            "Verdict",
            ("event must be an id", bool(self.event.strip()), self.event),
            ("analyst must be a name", bool(self.analyst.strip()), self.analyst),
            (f"kind must be one of {', '.join(_KINDS)}", self.kind in _KINDS, self.kind),
            ("label must be a name for the kind 'label'", named or self.kind != "label", self.label),
            ("label must be None for other kinds", self.label is None or self.kind == "label", self.label),
            ("station goes with a wrong pick only", not self.station or placed, self.station),
        )

    @property
    def of_station(self) -> bool:
        """Whether it is about one station's pick, so that it stands beside what is said about the event."""
        return self.kind == "wrong pick" and bool(self.station)

    def line(self) -> str:
        """Return it as JSON in one line."""
        return json.dumps({**vars(self), "time": str(self.time)})

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """Return the verdict of a line of JSON; what it does not know of it is left out.

        Raises
        ------
        ValueError, TypeError, KeyError
            If the line holds no verdict.
        """
        plain = json.loads(line)
        known = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
        return cls(**{**known, "time": UTCDateTime(str(known["time"]))})


class Standing:
    """The verdicts of one analyst that stand after those that were added.

    Attributes
    ----------
    valid : list of Verdict
        Those that were not taken back, the oldest first.
    """

    def __init__(self, verdicts: Iterable[Verdict] = ()) -> None:
        self.valid: list[Verdict] = []
        for verdict in verdicts:
            self.add(verdict)

    def add(self, verdict: Verdict) -> None:
        """Add a verdict; an undo removes one."""
        if verdict.kind != "undo":
            self.valid.append(verdict)
            return
        for place in reversed(range(len(self.valid))):
            if (self.valid[place].event, self.valid[place].station) == (verdict.event, verdict.station):
                del self.valid[place]
                return

    @property
    def current(self) -> dict[str, Verdict]:
        """The last verdict on each event; a wrong pick of a station only if there is no other."""
        picks = {verdict.event: verdict for verdict in self.valid if verdict.of_station}
        return picks | {verdict.event: verdict for verdict in self.valid if not verdict.of_station}

    @property
    def wrong_picks(self) -> dict[str, set[str]]:
        """Stations whose pick is wrong, for each event that has such."""
        found: dict[str, set[str]] = {}
        for verdict in self.valid:
            if verdict.of_station:
                found.setdefault(verdict.event, set()).add(verdict.station)
        return found


def parse_lines(path: Path, content: bytes) -> tuple[list[Verdict], list[str]]:
    """Return the verdicts of a file's content, and a note for each line that holds none.

    Parameters
    ----------
    path : Path
        Of the file, for the notes.
    content : bytes
    """
    verdicts, notes = [], []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            verdicts.append(Verdict.from_line(line))
        except (ValueError, TypeError, KeyError) as error:
            what = "unfinished" if number == len(lines) else "damaged"
            reason = error if isinstance(error, ConfigurationError) else counted(len(line), "byte")
            notes.append(f"{path}, line {number} is {what}: left out, and kept in the file ({reason})")
    return verdicts, notes
