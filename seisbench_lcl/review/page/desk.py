"""What one analyst sees in one tab: the chosen events, the event on the desk, and what is said about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import pandas as pd

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events import EventDecision
from seisbench_lcl.review.page.book import Book
from seisbench_lcl.review.page.listing import Wanted, choose
from seisbench_lcl.review.verdicts import Verdict


class Desk:
    """The list of events, the one on the desk, and the verdicts on it.

    A verdict does not move events in the list, so that "back" leads to the event before; the list is chosen anew by
    `choose`.

    Parameters
    ----------
    decisions : mapping from event to EventDecision
    table : DataFrame
        Of `seisbench_lcl.review.page.listing.listing`.
    book : Book
    labels : sequence of str
        Types that can be given.
    useful : sequence of str
        Events in the order of their use.

    Attributes
    ----------
    wanted : Wanted
    events : list of str
        The chosen events in order.
    position : int
        Of the event on the desk among them.
    station : int
        The chosen station of the event, in the order in which they are shown.
    """

    def __init__(
        self,
        decisions: Mapping[str, EventDecision],
        table: pd.DataFrame,
        book: Book,
        labels: Sequence[str],
        useful: Sequence[str] = (),
    ) -> None:
        self.decisions, self.table, self.book, self.labels = decisions, table, book, tuple(labels)
        self.useful = useful
        self.wanted = Wanted()
        self.events: list[str] = []
        self.position = self.station = 0
        self._visitor: str | None = None
        self.choose(self.wanted)

    @property
    def event(self) -> str | None:
        """Id of the event on the desk; None if no event fits."""
        if self._visitor is not None:
            return self._visitor
        return self.events[self.position] if self.events else None

    @property
    def decision(self) -> EventDecision | None:
        """The model's decision on the event."""
        return self.decisions[self.event] if self.event is not None else None

    def choose(self, wanted: Wanted) -> None:
        """List other events; the event on the desk stays if it is among them."""
        before = self.event
        differing: set[str] = set()
        if wanted.reviewed == "disagreed":
            differing = {verdicts[0].event for verdicts in self.book.everybody.disagreements()}
        self.events = choose(self.table, wanted, done=self.book.done, disagreed=differing, useful=self.useful)
        self.wanted, self._visitor = wanted, None
        self.position = self.events.index(before) if before in self.events else 0
        if self.event != before:
            self.station = 0

    def change(self, **settings: object) -> None:
        """List other events by some changed settings of `Wanted`; in another order, the first one is on the desk.

        Raises
        ------
        ConfigurationError
            If a choice is unknown.
        """
        self.choose(replace(self.wanted, **settings))  # type: ignore[arg-type]
        if {"order", "reverse"} & settings.keys():
            self.position = self.station = 0

    def go(self, event: str) -> None:
        """Put an event on the desk, also one that is not in the list.

        Raises
        ------
        ConfigurationError
            If there is no decision on it.
        """
        if event not in self.decisions:
            raise ConfigurationError(f"there is no decision on event {event!r}")
        if event == self.event:
            return
        self.station = 0
        self._visitor = None if event in self.events else event
        if self._visitor is None:
            self.position = self.events.index(event)

    def move(self, step: int) -> bool:
        """Go on by a number of events, or back if it is negative; return whether there is such an event."""
        at = self.position if self._visitor is not None and step > 0 else self.position + step
        if not 0 <= at < len(self.events):
            return False
        self._visitor = None
        self.position, self.station = at, 0
        return True

    def upcoming(self, count: int) -> list[str]:
        """Return the event on the desk, those that come next, and the one before."""
        after = self.events[self.position + 1 : self.position + 1 + count]
        before = self.events[max(0, self.position - 1) : self.position]
        own = [] if self.event is None else [self.event]
        return list(dict.fromkeys(chain(own, after, before)))

    def label(self, label: str) -> str:
        """Say what the event is, and return this in words.

        Raises
        ------
        ConfigurationError
            If it is none of the labels.
        OutputError
            If it could not be written; then it does not count.
        """
        if label not in self.labels:
            raise ConfigurationError(f"{label!r} is none of the types: {', '.join(self.labels)}")
        self.book.record(self._current(), "label", label)
        return f"{label}: recorded"

    def accept(self) -> str:
        """Say that the model is right.

        Raises
        ------
        ConfigurationError
            If the model has not decided.
        """
        label = self._current().label
        if label is None:
            raise ConfigurationError("the model has not decided, so there is nothing to accept: give a type")
        return self.label(label)

    def undecided(self) -> str:
        """Say that nobody can tell."""
        self.book.record(self._current(), "undecided")
        return "undecided: recorded"

    def wrong_pick(self, station: str) -> str:
        """Say that the pick of a station is wrong; the event as a whole may get a type beside."""
        self.book.record(self._current(), "wrong pick", station=station)
        return f"wrong pick at {station}: recorded" if station else "wrong picks: recorded"

    def undo(self) -> Verdict | None:
        """Take back the analyst's last verdict, and put its event on the desk."""
        verdict = self.book.undo()
        if verdict is not None and verdict.event in self.decisions:
            self.go(verdict.event)
        return verdict

    def counts(self) -> dict[str, int]:
        """Return the numbers of events: all, chosen, reviewed by the analyst, and by anybody."""
        return {
            "all": len(self.decisions),
            "chosen": len(self.events),
            "own": sum(event in self.decisions for event in self.book.own),
            "done": sum(event in self.decisions for event in self.book.done),
        }

    def _current(self) -> EventDecision:
        if self.decision is None:
            raise ConfigurationError("no event is on the desk: choose other events")
        return self.decision
