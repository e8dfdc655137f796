"""The order in which events are worth a look: doubtful and unlike each other, between events drawn at random."""

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from seisbench_lcl.errors import DatasetError, check_arguments, is_whole
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.review.diversity import coordinates, representatives
from seisbench_lcl.review.doubt import doubt, has_window
from seisbench_lcl.wording import listed

_COMPARED = 2000  # most doubtful events that are compared with each other, which takes 30 MB and a second


class ReviewOrder(list[str]):
    """Events that nobody reviewed yet, the most useful first: a list of ids that knows which places were drawn.

    Parameters
    ----------
    events : iterable of str
    draws : sequence of str
        All events that have probabilities, reviewed or not, in the order in which they are drawn at random.
    reviewed : iterable of str
        Events that were reviewed before.
    random_share : float
        Of the places, given to draws.

    Attributes
    ----------
    draws, reviewed, random_share
        As given.

    Examples
    --------
    >>> order = ReviewOrder(["a", "b", "c", "d", "e"], draws=["c", "a"], reviewed=[], random_share=0.2)
    >>> list(order)[:2], order.sample(["a", "b", "c", "d", "e"])
    (['a', 'b'], ('c', 'a'))
    """

    def __init__(
        self, events: Iterable[str], draws: Sequence[str], reviewed: Iterable[str], random_share: float
    ) -> None:
        super().__init__(events)
        self.draws = tuple(draws)
        self.reviewed = frozenset(reviewed)
        self.random_share = random_share

    def sample(self, reviewed: Collection[str]) -> tuple[str, ...]:
        """Return the reviewed events that are a random sample of `draws`, whatever else was reviewed.

        Of n reviewed events, a fixed share is drawn, so that neither doubt nor the analyst's answer decides what is in
        the sample. It ends before the first draw that was passed over. If all events were reviewed, it is all of them.

        Parameters
        ----------
        reviewed : collection of str
            Events reviewed up to now, those before this order among them.
        """
        known = self.reviewed.union(self)
        seen = known.intersection(reviewed)
        due = len(self.draws) if seen == known else _due(len(seen), self.random_share, len(self.draws))
        drawn = self.draws[:due]
        return drawn[: next((k for k, event in enumerate(drawn) if event not in seen), due)]


def review_order(
    decisions: Iterable[EventDecision],
    reviewed: Collection[str] = (),
    features: Mapping[str, ArrayLike] | None = None,
    *,
    random_share: float = 0.2,
    seed: int = 0,
) -> ReviewOrder:
    """Order events by how much their labels help: to learn from, and to know how often the model is right.

    A share of the places goes to events drawn at random, for `honest_accuracy`: doubtful events alone would make a
    model look worse than it is. All other places go to doubtful events (`doubt`) that stand for many other doubtful
    ones and are unlike those that were reviewed (`representatives`); without features, to the most doubtful.

    Each event draws its own number from the seed and its id (a permanent random number), so that a later order, by
    other weights or with more events, goes on with the same draws.

    Parameters
    ----------
    decisions : iterable of EventDecision
        On all events, reviewed or not.
    reviewed : collection of str
        Events that need no more labels. Unknown ones are ignored.
    features : mapping from event to (F,) or (windows, F) array_like, optional
        By one model, of reviewed events, too; events may be missing. Only the 2,000 most doubtful are compared; others
        follow by doubt.
    random_share : float
        From 0 to 1.
    seed : int

    Returns
    -------
    ReviewOrder
        A list of the ids of all other events. Those without a window that a model could learn from come last.

    Raises
    ------
    ConfigurationError
        If the share or the seed is out of range.
    DatasetError
        If two decisions are on the same event, or features do not fit each other.

    References
    ----------
    Doubt: Scheffer et al. (2001), IDA. Diversity: Wei, Iyer and Bilmes (2015), Submodularity in data subset selection
    and active learning, ICML. Permanent random numbers: Ohlsson (1995), Coordination of samples using permanent random
    numbers, in Business Survey Methods.

    Examples
    --------
    >>> def decided(event, p):
    ...     both = {"slide": p, "noise": 1 - p}
    ...     return EventDecision(event, "slide", None, both, 2 * p - 1, 0, 1, 0, "", "mean", "w")
    >>> review_order([decided("a", 0.9), decided("b", 0.6), decided("c", 0.7)], random_share=0)
    ['b', 'c', 'a']
    """
    check_arguments(
        "review_order",
        ("random_share must be from 0 to 1", 0 <= random_share <= 1, random_share),
        ("seed must be a whole number", is_whole(seed, 0), seed),
    )
    by_event = _by_event(decisions)
    numbers = {event: _number(event, seed) for event in by_event}
    draws = sorted((event for event, d in by_event.items() if d.probabilities), key=numbers.__getitem__)
    before = [event for event in by_event if event in reviewed]
    usable = {event: doubt(d) for event, d in by_event.items() if event not in reviewed and has_window(d)}
    doubtful = sorted(usable, key=lambda event: (-usable[event], numbers[event]))
    if features:
        doubtful = _spread(doubtful, usable, before, features)
    useless = sorted(set(by_event) - set(before) - set(usable), key=numbers.__getitem__)
    found = _interleaved([*doubtful, *useless], draws, set(before), random_share)
    return ReviewOrder(found, draws, before, random_share)


def _spread(
    doubtful: list[str], doubts: Mapping[str, float], before: Sequence[str], features: Mapping[str, ArrayLike]
) -> list[str]:
    """Let the most doubtful events be followed by those that are unlike them and the reviewed ones."""
    compared, rest = doubtful[:_COMPARED], doubtful[_COMPARED:]
    known = [event for event in before if event in features]
    points = coordinates(features, [*compared, *known])
    weights = np.array([doubts[event] for event in compared])
    order = representatives(weights, points[: len(compared)], points[len(compared) :])
    return [compared[i] for i in order] + rest


def _interleaved(others: Sequence[str], draws: Sequence[str], placed: set[str], share: float) -> Iterator[str]:
    """Yield events such that after any number of reviewed ones, the draws due by then are among them."""
    left, k = iter(others), 0
    for reviewed in range(len(placed) + 1, len(placed) + len(others) + 1):
        chosen = None
        # One draw for each place that the share gives: a draw that was reviewed already leaves its place to others.
        while chosen is None and k < _due(reviewed, share, len(draws)):
            chosen = draws[k] if draws[k] not in placed else None
            k += 1
        if chosen is None:
            chosen = next(event for event in left if event not in placed)
        placed.add(chosen)
        yield chosen


def _due(reviewed: int, share: float, most: int) -> int:
    """Return how many events are drawn for a number of reviewed ones; the first place goes to a draw."""
    return min(most, math.ceil(reviewed * share - 1e-9))


def _number(event: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {event}".encode(), digest_size=16).digest()


def _by_event(decisions: Iterable[EventDecision]) -> dict[str, EventDecision]:
    found: dict[str, EventDecision] = {}
    twice = []
    for decision in decisions:
        if decision.event in found:
            twice.append(decision.event)
        found[decision.event] = decision
    if twice:
        raise DatasetError(
            f"there are two or more decisions on {listed(dict.fromkeys(twice))}: keep one for each event"
        )
    return found
