"""What a decision writes into an event: one set of rules for files and for catalogues in memory."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.files.layout import check_event_type
from seisbench_lcl.models.analyst_decision import AnalystDecision
from seisbench_lcl.models.decision import EventDecision

Decided: TypeAlias = EventDecision | AnalystDecision
_Decided = TypeVar("_Decided", bound=Decided)

AUTHOR = "seisbench_lcl"
CERTAINTY = "suspected"
KNOWN = "known"
"""Certainty of a type that an analyst decided on."""

NOT_EXISTING = "not existing"

COMMENT_ID = "smi:local/seisbench_lcl/decision/"
"""How the ids of our comments begin."""

VERDICT_ID = "smi:local/seisbench_lcl/verdict/"
"""How the ids of the comments of analysts begin."""

_NOISE = "noise"  # that of seisbench_lcl.labels, which would load torch

_SET = "type set"
_OURS = re.compile(rf"{AUTHOR}: ([^;]+); .*; {_SET}", flags=re.DOTALL)
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Rules:
    """What may be written.

    Attributes
    ----------
    overwrite : bool
        Whether a decision replaces a type that a person, or another program, has set.
    noise_as_not_existing : bool
        Whether noise makes an event "not existing".
    """

    overwrite: bool = False
    noise_as_not_existing: bool = False


@dataclass(frozen=True)
class Present:
    """What an event carries already; None where it carries nothing.

    Attributes
    ----------
    type, certainty : str or None
    comment : str or None
        Text of our comment.
    journal : bool
        Whether a journal of SeisComP says that a person set the type.
    verdict : str or None
        Text of the comment on an analyst's decision that we wrote.
    """

    type: str | None = None
    certainty: str | None = None
    comment: str | None = None
    journal: bool = False
    verdict: str | None = None

    def is_ours(self, spell: Callable[[str], str] = str) -> bool:
        """Return whether the type is the one that our comment says was set, and nobody has confirmed it since."""
        said = _OURS.fullmatch(self.comment or "")
        unchanged = said is not None and self.type == spell(said[1]) and self.certainty == CERTAINTY
        return unchanged and not self.journal

    def is_verdict(self, spell: Callable[[str], str] = str) -> bool:
        """Return whether the type is the one that we wrote for an analyst, and nobody has changed it since."""
        said = _OURS.fullmatch(self.verdict or "")
        return said is not None and self.type == spell(said[1]) and self.certainty == KNOWN and not self.journal

    def is_theirs(self, spell: Callable[[str], str] = str) -> bool:
        """Return whether the event has a type that we did not set; "not reported" and EMSC's "null" are none."""
        return self.type not in (None, "", "not reported", "null") and not self.is_ours(spell)


@dataclass(frozen=True)
class Marks:
    """What an event shall carry.

    Attributes
    ----------
    type : str or None
        The type to set; None to set none.
    withdraw : bool
        Whether the type and certainty that an earlier decision set are to be taken out.
    comment : str
        Text of our comment.
    kept : bool
        Whether the event keeps a type that we did not set.
    certainty : str
        Of the type.
    prefix, author, time : str
        How the id of the comment begins, and who made it when; a model's decision has no time, so that writing it again
        changes nothing.
    """

    type: str | None
    withdraw: bool
    comment: str
    kept: bool = False
    certainty: str = CERTAINTY
    prefix: str = COMMENT_ID
    author: str = AUTHOR
    time: str = ""


def marks(decision: Decided | None, present: Present, rules: Rules, spell: Callable[[str], str] = str) -> Marks | None:
    """Return what a decision writes into an event; None if the event stays as it is, since it is undecided.

    Parameters
    ----------
    decision : EventDecision, AnalystDecision or None
    present : Present
    rules : Rules
    spell : callable
        From the type of QuakeML to the word of the file.

    Raises
    ------
    ConfigurationError
        If QuakeML has no such type.
    """
    if decision is None or decision.label is None:
        return None
    wanted = wanted_type(decision, rules)
    if isinstance(decision, AnalystDecision):
        return _verdict_marks(decision, wanted, present, rules, spell)
    if wanted is None:
        return Marks(None, present.is_ours(spell), decision_text(decision, None, "no type set"))
    if present.is_theirs(spell) and (not rules.overwrite or present.type == spell(wanted)):
        return Marks(None, False, decision_text(decision, wanted, f"type left as it was: {present.type}"), kept=True)
    return Marks(wanted, False, decision_text(decision, wanted, _SET))


def _verdict_marks(
    decision: AnalystDecision, wanted: str | None, present: Present, rules: Rules, spell: Callable[[str], str]
) -> Marks:
    """Replace a model's type, and one that an analyst gave by us before; that of another person stays."""
    replaced = present.is_ours(spell) or present.is_verdict(spell)
    theirs = present.is_theirs(spell) and not replaced

    def made(event_type: str | None, outcome: str, withdraw: bool = False, kept: bool = False) -> Marks:
        text = verdict_text(decision, wanted, outcome)
        author = _in_xml(decision.author)
        return Marks(event_type, withdraw, text, kept, KNOWN, VERDICT_ID, author, str(decision.time))

    if wanted is None:
        return made(None, "no type set", withdraw=replaced)
    if theirs and not rules.overwrite:
        return made(None, f"type left as it was: {present.type}", kept=True)
    return made(wanted, _SET)


def wanted_type(decision: Decided, rules: Rules) -> str | None:
    """Return the type that a decision asks for; None if it is undecided, or not an event.

    Raises
    ------
    ConfigurationError
        If QuakeML has no such type.
    """
    if decision.label is None:
        return None
    if decision.event_type is not None:
        return check_event_type(decision.event_type)
    return NOT_EXISTING if rules.noise_as_not_existing and decision.label.strip().casefold() == _NOISE else None


def decision_text(decision: EventDecision, event_type: str | None, outcome: str) -> str:
    """Return our comment: type, probability, margin, stations, rule, weights, and what became of the type."""
    parts = (
        f"{AUTHOR}: {event_type or 'not an event'}",
        f"label {decision.label}, probability {decision.probability:.3f}, margin {decision.margin:.3f}",
        f"stations {decision.n_for} for and {decision.n_against} against",
        f"rule {decision.rule}",
        f"weights {decision.weights}",
        outcome,
    )
    return _in_xml("; ".join(parts))


def verdict_text(decision: AnalystDecision, event_type: str | None, outcome: str) -> str:
    """Return the comment on an analyst's decision: type, label, who and when, what the model said, and the outcome."""
    parts = (
        f"{AUTHOR}: {event_type or 'not an event'}",
        f"label {decision.label}, decided manually by {decision.author} at {decision.time}",
        f"the model said {decision.shown or 'nothing'}",
        f"weights {decision.weights or 'unknown'}",
        outcome,
    )
    return _in_xml("; ".join(parts))


def _in_xml(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def comment_id(event: str, prefix: str = COMMENT_ID) -> str:
    """Return the id of our comment on an event: valid in QuakeML, one for each event, and always the same."""
    return prefix + hashlib.sha256(event.encode()).hexdigest()[:16]


def version() -> str:
    """Return the version that our comments name."""
    return __version__


def by_event(decisions: Mapping[str, _Decided] | Iterable[_Decided]) -> dict[str, _Decided]:
    """Return decisions by the id of their event.

    Raises
    ------
    ConfigurationError
        If two decisions are about one event, or a key is not the id of its decision's event.
    """
    if isinstance(decisions, Mapping):
        for event, decision in decisions.items():
            if event != decision.event:
                raise ConfigurationError(f"decisions[{event!r}] is about the event {decision.event!r}")
        return dict(decisions)
    named: dict[str, _Decided] = {}
    for decision in decisions:
        if named.setdefault(decision.event, decision) is not decision:
            raise ConfigurationError(f"there are two decisions on the event {decision.event!r}: keep one")
    return named
