"""How labels look in all figures of events, and the words of their titles."""

from textwrap import wrap
from typing import NamedTuple

from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import plain
from seisbench_lcl.wording import counted

ABSTAINED = "0.45"  # grey of what has no decision
_HATCHES = ("", "///", "...", "xxx")
_NAME = 26  # letters of a station's name


class Look(NamedTuple):
    """Colour and hatching of a label; labels beyond the eighth share colours and differ by hatching."""

    colour: str
    hatch: str


def looks_of(decision: EventDecision) -> dict[str, Look]:
    """Return the look of each label of the model, in its order; empty if all stations abstained."""
    labels = dict.fromkeys(decision.probabilities)
    labels |= dict.fromkeys(label for station in decision.stations for label in station.probabilities)
    n = len(COLOURS)
    return {label: Look(COLOURS[i % n], _HATCHES[i // n % len(_HATCHES)]) for i, label in enumerate(labels)}


def station_name(name: str) -> str:
    """Return the name of a station or channel as a row has room for it."""
    if not name.strip("."):
        return "no code"
    return plain(name if len(name) <= _NAME else f"{name[: _NAME - 1]}…")


def verdict(decision: EventDecision) -> str:
    """Return the vote in words: label, certainty, probability and margin; or why the event is undecided."""
    if decision.label:
        word = decision.certainty_word
        return f"{decision.label}, {word}: probability {decision.probability:.2f}, margin {decision.margin:.2f}"
    words = f"undecided: {decision.reason or 'no reason given'}"
    if decision.probabilities:
        best = max(decision.probabilities, key=decision.probabilities.__getitem__)
        words += f" ({best} {decision.probabilities[best]:.2f}, margin {decision.margin:.2f})"
    return words


def count_of(decision: EventDecision) -> str:
    """Return the number of stations for, against and without a decision, and the rule."""
    silent = len(decision.stations) - decision.n_for - decision.n_against
    parts = [f"{counted(decision.n_for, 'station')} for", f"{decision.n_against} against", f"{silent} abstained"]
    words = f"{', '.join(parts)}; rule: {decision.rule}"
    if decision.context:
        best = max(decision.context, key=decision.context.__getitem__)
        words += f"; context alone says {best} {decision.context[best]:.2f}"
    return words


def place_of(decision: EventDecision) -> str:
    """Return time and place of an event, as far as they are known."""
    words = []
    if decision.time is not None:
        kind = "" if decision.origin else " (earliest P)"
        words.append(f"{decision.time.strftime('%Y-%m-%d %H:%M:%S')} UTC{kind}")
    origin = decision.origin
    if origin and origin.latitude is not None and origin.longitude is not None:
        north, east = "N" if origin.latitude >= 0 else "S", "E" if origin.longitude >= 0 else "W"
        words.append(f"{abs(origin.latitude):.3f}°{north} {abs(origin.longitude):.3f}°{east}")
        if origin.depth is not None:
            words.append(f"depth {origin.depth / 1000:.1f} km")
    return ", ".join(words)


def wrapped(text: str, width: int, lines: int) -> str:
    """Break text into lines of a width in letters, words that are longer too, and cut what exceeds their number."""
    broken = wrap(text, width, break_on_hyphens=False)
    if len(broken) > lines:
        broken = [*broken[: lines - 1], f"{broken[lines - 1][: width - 1].rstrip()}…"]
    return plain("\n".join(broken))
