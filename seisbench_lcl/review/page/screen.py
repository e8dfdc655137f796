"""What the views show of events, as plain facts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seisbench_lcl.events import EventDecision
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.review.curve import LearningCurve
from seisbench_lcl.review.honest import honest_accuracy
from seisbench_lcl.review.order import ReviewOrder
from seisbench_lcl.review.page.desk import Desk
from seisbench_lcl.review.page.keys import WORDS, Keys, title
from seisbench_lcl.review.page.listing import SMALL_MARGIN, UNLIKE
from seisbench_lcl.review.page.material import Material
from seisbench_lcl.review.page.sheet import Sheet
from seisbench_lcl.review.page.similar import Similar
from seisbench_lcl.review.verdicts import Verdict
from seisbench_lcl.wording import counted

PAGE = 50
"""Rows of the list that are sent at once."""

UNDECIDED_COLOUR = "#777777"


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """Return a colour for each label; that of "" is for events without one."""
    return {"": UNDECIDED_COLOUR} | {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(labels)}


def said(verdict: Verdict) -> str:
    """Return a verdict in one or two words."""
    return verdict.label or verdict.kind


def list_facts(desk: Desk, colours: Mapping[str, str], first: int | None = None) -> dict[str, Any]:
    """Return the part of the list around the event on the desk, or from a row on."""
    start = (desk.position if first is None else first) // PAGE * PAGE
    start = max(0, min(start, len(desk.events) - 1) // PAGE * PAGE) if desk.events else 0
    own, counts = desk.book.own, desk.counts()
    shown = desk.events[start : start + PAGE]
    others = desk.book.others(shown)
    rows = [_row(desk.decisions[event], colours, own.get(event), len(others[event])) for event in shown]
    wanted = desk.wanted
    return {
        "rows": rows,
        "start": start,
        "total": len(desk.events),
        "size": PAGE,
        "event": desk.event,
        "counts": f"{counts['chosen']} of {counts['all']} events; reviewed {counts['own']}"
        + (f", by anybody {counts['done']}" if counts["done"] != counts["own"] else ""),
        "order": wanted.order,
        "reverse": wanted.reverse,
        "labels": list(desk.labels),
    }


def _row(decision: EventDecision, colours: Mapping[str, str], verdict: Verdict | None, others: int) -> dict[str, Any]:
    label = decision.label or ""
    return {
        "event": decision.event,
        "time": decision.time.strftime("%Y-%m-%d %H:%M") if decision.time else "",
        "label": label or "undecided",
        "colour": colours.get(label, UNDECIDED_COLOUR),
        "margin": _number(decision.margin),
        "doubts": doubts(decision),
        "verdict": said(verdict) if verdict else "",
        "others": others,
    }


def doubts(decision: EventDecision) -> str:
    """Return the reasons to look at an event, in few letters: see the legend of the list."""
    flags = [
        ("?", decision.label is None),
        ("≈", decision.margin < SMALL_MARGIN),
        ("⇄", decision.n_against > 0),
        ("!", any(station.novelty > UNLIKE for station in decision.stations)),
        ("∅", any(not station.probabilities for station in decision.stations)),
    ]
    return "".join(sign for sign, holds in flags if holds)


def head_facts(
    desk: Desk, material: Material, sheet: Sheet | None, keys: Keys, colours: Mapping[str, str], similar: Similar
) -> dict[str, Any]:
    """Return what is said about the event on the desk."""
    bars: list[dict[str, Any]] = [
        {"label": label, "colour": colours[label], "key": title(keys.types.get(label, "")), "value": None}
        for label in desk.labels
    ]
    decision = desk.decision
    facts: dict[str, Any] = {
        "event": desk.event,
        "bars": bars,
        "notes": [*material.notes, *desk.book.everybody.notes],
        "analyst": desk.book.analyst,
        "agreement": agreement(desk),
        "accuracy": _accuracy(desk),
        "actions": {action: title(key) for action, key in keys.actions.items()},
    }
    if decision is None:
        return facts | {"place": "no event fits: choose others in the list"}
    for bar in bars:
        bar["value"] = decision.probabilities.get(bar["label"])
    mine = desk.book.own.get(decision.event)
    wrong = sorted(desk.book.file.wrong_picks.get(decision.event, ()))
    return facts | {
        "position": f"{desk.position + 1} of {len(desk.events)}",
        "time": decision.time.strftime("%Y-%m-%d %H:%M:%S UTC") if decision.time else "no time",
        "place": _place(decision),
        "model": _model_says(decision),
        "label": decision.label or "",
        "votes": f"{counted(decision.n_for, 'station')} for it, {decision.n_against} against; rule {decision.rule}",
        "verdict": said(mine) if mine else "",
        "wrong": wrong,
        "others": [
            f"{verdict.analyst}: {said(verdict)}" for verdict in desk.book.others([decision.event])[decision.event]
        ],
        "context": material.surroundings.lines(decision),
        "catalog": _catalog_says(material, decision.event),
        "similar": _similar(desk, similar, decision.event),
        "problem": sheet.problem if sheet else "",
        "reading": sheet is None,
        "weights": decision.weights,
    }


def agreement(desk: Desk) -> list[str]:
    """Return how far analysts agree, and on how many events they differ."""
    everybody = desk.book.everybody
    lines = [
        f"{one} and {other}: kappa {'not defined' if np.isnan(kappa) else f'{kappa:.2f}'} on {counted(n, 'event')}"
        for (one, other), (kappa, n) in everybody.kappa().items()
    ]
    differing = everybody.disagreements()
    return [*lines, f"they differ on {counted(len(differing), 'event')}"] if lines else []


def curve_facts(curve: LearningCurve | None) -> dict[str, Any] | None:
    """Return the learning curve: numbers of labels, accuracies and their 95 % intervals; None if there is none."""
    if curve is None:
        return None
    points = [(p.labels, p.accuracy.value, p.accuracy.low, p.accuracy.high) for p in curve.points]
    which = "drawn at random" if curve.at_random else "reviewed, doubtful ones for the most part"
    return {"points": points, "words": f"accuracy by number of labels, on {counted(curve.scored, 'event')} {which}"}


def help_facts(keys: Keys) -> list[tuple[str, str]]:
    """Return each key and what it does."""
    types = [(title(key), f"it is: {label}") for label, key in keys.types.items() if key]
    return types + [(title(key), WORDS[action]) for action, key in keys.actions.items()]


def _model_says(decision: EventDecision) -> str:
    if decision.label is None:
        return f"undecided: {decision.reason}"
    return f"{decision.label}, {decision.certainty_word} (margin {_number(decision.margin)})"


def _place(decision: EventDecision) -> str:
    origin = decision.origin
    if origin is None or origin.latitude is None or origin.longitude is None:
        return "no place"
    depth = "" if origin.depth is None else f", depth {origin.depth / 1000:.1f} km"
    north, east = "NS"[origin.latitude < 0], "EW"[origin.longitude < 0]
    return f"{abs(origin.latitude):.3f}° {north}, {abs(origin.longitude):.3f}° {east}{depth}"


def _catalog_says(material: Material, event: str) -> str:
    if material.catalog is None:
        return ""
    if event not in material.catalog:
        return "not in the catalogue (any more)"
    known = material.catalog[event]
    if known.type is None:
        return "no type in the catalogue"
    return f"catalogue: {known.type}{f' ({known.certainty})' if known.certainty else ''}, by {known.type_author or '?'}"


def _similar(desk: Desk, similar: Similar, event: str) -> list[dict[str, Any]]:
    labels = {name: said(verdict) for name, verdict in desk.book.own.items() if name in desk.decisions}
    return [
        {"event": name, "label": labels[name], "distance": f"{distance:.2f}"}
        for name, distance in similar.nearest(event, labels)
    ]


def _accuracy(desk: Desk) -> str:
    """Return how often the model was right on events drawn at random, if any was judged."""
    if not isinstance(desk.useful, ReviewOrder):
        return ""
    found = honest_accuracy(desk.book.own, desk.useful)
    return str(found) if found.judged else ""


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"
