"""How far analysts agree: Cohen's kappa, and the events that they see differently."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

__all__ = ["cohens_kappa", "pairwise_kappa"]


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Return Cohen's kappa of two analysts: their agreement beyond chance, 1 if they always agree, 0 as by chance.

    Parameters
    ----------
    first, second : sequences of str
        The labels of the same events in the same order, one or more.

    Returns
    -------
    float
        NaN if both give all events the same label: chance alone would agree as much.

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.

    Examples
    --------
    >>> cohens_kappa(["blast", "blast", "slide", "slide"], ["blast", "slide", "slide", "slide"])
    0.5
    """
    n = len(first)
    counts, others = Counter(first), Counter(second)
    # Whole numbers times n², so that full agreement is exactly 1.
    by_chance = sum(counts[label] * others[label] for label in counts)
    agreed = n * sum(a == b for a, b in zip(first, second, strict=True))
    return (agreed - by_chance) / (n * n - by_chance) if by_chance < n * n else float("nan")


def pairwise_kappa(labels: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], tuple[float, int]]:
    """Return Cohen's kappa of each pair of analysts that labelled an event in common, and the number of such events.

    Parameters
    ----------
    labels : mapping from analyst to a mapping from event to label
    """
    found = {}
    for one, other in combinations(sorted(labels), 2):
        if common := [event for event in labels[one] if event in labels[other]]:
            pairs = [[labels[analyst][event] for event in common] for analyst in (one, other)]
            found[one, other] = (cohens_kappa(*pairs), len(common))
    return found
