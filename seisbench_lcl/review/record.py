"""The record that adapted weights carry: how many labels of whom, and when."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from obspy import UTCDateTime
from typing_extensions import Self

from seisbench_lcl.review.verdicts import Verdict
from seisbench_lcl.wording import counted

_DAY = "%Y-%m-%d"


@dataclass(frozen=True)
class Labels:
    """The labels that a model learnt from.

    Attributes
    ----------
    counts : mapping from analyst to a mapping from label to number of events
    first, last : UTCDateTime
        When the first and the last was given.

    Examples
    --------
    >>> said = [Verdict(event, "slide", "label", "Ana", UTCDateTime(0), "noise", "w") for event in "ab"]
    >>> print(Labels.of((verdict.label, verdict) for verdict in said))
    2 events labelled by Ana (2 slide), 1970-01-01
    """

    counts: Mapping[str, Mapping[str, int]]
    first: UTCDateTime
    last: UTCDateTime

    @classmethod
    def of(cls, labels: Iterable[tuple[str, Verdict]]) -> Self:
        """Count labels, each with its verdict; there is at least one."""
        labels = list(labels)
        counts: dict[str, Counter[str]] = {}
        for label, verdict in labels:
            counts.setdefault(verdict.analyst, Counter())[label] += 1
        times = sorted((verdict.time for _, verdict in labels), key=lambda time: time.ns)
        return cls({analyst: counts[analyst] for analyst in sorted(counts)}, times[0], times[-1])

    @property
    def n_events(self) -> int:
        """Number of labelled events."""
        return sum(sum(own.values()) for own in self.counts.values())

    def __str__(self) -> str:
        first, last = self.first.strftime(_DAY), self.last.strftime(_DAY)
        people = []
        for analyst, own in self.counts.items():
            kinds = ", ".join(f"{count} {label}" for label, count in sorted(own.items()))
            people.append(f"{analyst} ({kinds})")
        days = first if first == last else f"{first} to {last}"
        return f"{counted(self.n_events, 'event')} labelled by {' and '.join(people)}, {days}"
