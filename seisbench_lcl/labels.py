"""Class labels: free text, their QuakeML event types, and their indices in training."""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from obspy.core.event.header import EventType
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, SeisBenchLCLError, TrainingError
from seisbench_lcl.wording import suggestion

NOISE = "noise"
"""The label that is not an event: it has no QuakeML type and no detections."""

OTHER = "other event"

UNKNOWN = "unknown"
"""Label of windows outside all clusters, of a head that finds the number of clusters; no type, no detections."""

UNNAMED = "not reported"
"""QuakeML type of an unnamed cluster."""

_COMMON = {
    "blast": "explosion",
    "eq": "earthquake",
    "icequake": "ice quake",
    "quarry": "quarry blast",
    "rockfall": "rockslide",
    "surface event": "slide",
    "tectonic": "earthquake",
    "volcano-tectonic": "earthquake",
}

_CLUSTER = re.compile(r"cluster \d+")

# Columns of the window table.
_RESERVED = {
    "station",
    "start_time",
    "end_time",
    "label",
    "reason",
    "coverage",
    "novelty",
    "spread",
    "voters",
    "weights",
}


def folded(label: str) -> str:
    """Return a label without the differences in capitals, blanks and underscores that do not make another class."""
    return " ".join(unicodedata.normalize("NFKC", label).replace("_", " ").casefold().split())


def check_spelling(labels: Iterable[str], error: type[SeisBenchLCLError], wanted: Iterable[str] | None = None) -> None:
    """Refuse labels that differ only by capitals, blanks or underscores, and labels that begin or end with a blank.

    Parameters
    ----------
    labels : iterable of str
        Labels that occur together.
    error : type
        The exception to raise.
    wanted : iterable of str, optional
        Check these labels only; by default all.

    Raises
    ------
    SeisBenchLCLError
        Of the given type; the message names both spellings.
    """
    distinct = sorted(set(labels))
    chosen = {folded(label) for label in (distinct if wanted is None else wanted)}
    first: dict[str, str] = {}
    for label in (label for label in distinct if folded(label) in chosen):
        other = first.setdefault(folded(label), label)
        if other != label:
            raise error(f"labels {other!r} and {label!r} differ only by capitals or blanks: use one spelling")
    for label in first.values():
        if label != label.strip():
            raise error(f"label {label!r} begins or ends with a blank: write {label.strip()!r}")


def check_labels(labels: Sequence[str] | None) -> list[str]:
    """Return the labels of a model as a list.

    Raises
    ------
    ConfigurationError
        If they are not at least two distinct names, two differ only by capitals or blanks, or one is a column name of
        the results.
    """
    if labels is None or isinstance(labels, str) or len(labels) < 2:
        raise ConfigurationError(
            f"labels must name at least two classes, such as ['earthquake', 'noise'], but is {labels!r}"
        )
    names = [str(label) for label in labels]
    if not all(isinstance(label, str) and label.strip() for label in labels):
        raise ConfigurationError(f"labels must be non-empty text, but are {list(labels)}")
    if len(set(names)) < len(names):
        raise ConfigurationError(f"labels must be distinct, but are {names}")
    check_spelling(names, ConfigurationError)
    if clash := sorted(_RESERVED & set(names)):
        raise ConfigurationError(f"labels {clash} are column names of the results: choose others")
    return names


def named_clusters(
    head: str, open_ended: bool, labels: Sequence[str] | None, clusters: int | Sequence[str] | None
) -> list[str]:
    """Return the name of each cluster; for a number, "cluster 0", "cluster 1" and so on.

    Parameters
    ----------
    head : str
        Class of the head, for messages.
    open_ended : bool
        Whether the last cluster holds the windows outside all others.
    labels : sequence of str, optional
        Refused: these heads learn without labels.
    clusters : int or sequence of str

    Raises
    ------
    ConfigurationError
        If labels are passed, or fewer than two clusters or names.
    """
    if labels is not None or clusters is None:
        raise ConfigurationError(
            f"{head} learns without labels: pass the number of clusters, such as clusters=8, and name them later with "
            "name_clusters"
        )
    if isinstance(clusters, int | np.integer):
        if clusters < 2:
            raise ConfigurationError(f"clusters must be 2 or more, but is {clusters}")
        names = [f"cluster {k}" for k in range(int(clusters))]
        return [*names[:-1], UNKNOWN] if open_ended else names
    if isinstance(clusters, str) or not isinstance(clusters, Iterable):
        raise ConfigurationError(f"clusters must be a number or a list of names, but is {clusters!r}")
    names = list(clusters)
    check_clusters(names)
    return names


def check_clusters(names: list[str]) -> list[str]:
    """Check the names of all clusters, which may repeat, and return the distinct ones.

    Raises
    ------
    ConfigurationError
        If they are not text, are all equal, or cannot be labels.
    """
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"cluster names must be text, but are {names}")
    distinct = list(dict.fromkeys(names))
    if len(distinct) < 2:
        raise ConfigurationError(f"clusters need at least two different names, but these are {names}")
    return check_labels(distinct)


def quakeml_types(labels: Sequence[str], mapping: Mapping[str, str | None] | None = None) -> dict[str, str | None]:
    """Map each label to its QuakeML event type.

    Parameters
    ----------
    labels : sequence of str
    mapping : mapping from label to event type or None, optional
        Overrides the defaults: a label that is an event type keeps it, common names are known ("surface event" is a
        "slide"), "noise" and "unknown" have no type, an unnamed cluster is "not reported", and any other label is an
        "other event".

    Returns
    -------
    dict from label to event type or None

    Raises
    ------
    ConfigurationError
        If the mapping names an unknown label, or a type that QuakeML does not have.
    """
    mapping = dict(mapping or {})
    if unknown := sorted(set(mapping) - set(labels)):
        raise ConfigurationError(f"event_types maps {unknown}, but the labels are {list(labels)}")
    types: dict[str, str | None] = {}
    for label in labels:
        name = folded(label)
        default = None if name in (NOISE, UNKNOWN) else _COMMON.get(name, str(EventType(name) or OTHER))
        default = UNNAMED if _CLUSTER.fullmatch(name) else default
        chosen = mapping.get(label, default)
        types[label] = None if chosen is None else EventType(chosen)  # with QuakeML's spelling
        if chosen is not None and types[label] is None:
            raise ConfigurationError(
                f"{label!r} is mapped to {chosen!r}, which is not a QuakeML event type; "
                + suggestion(chosen, EventType, "obspy.core.event.header.EventType", "choose one of")
            )
    return types


def encode(
    labels: Iterable[Any],
    groups: Iterable[Any] | None,
    known: Sequence[str],
    n_windows: int,
    every_class: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Turn labels and events of training windows into indices.

    Parameters
    ----------
    labels : iterable of N str
    groups : iterable of N hashables, optional
        A window without event (None, NaN or blank) is its own event.
    known : sequence of str
        The labels of the model.
    n_windows : int
    every_class : bool
        Whether every class must have windows.

    Returns
    -------
    (N,) int64 Tensor and (N,) int64 Tensor or None

    Raises
    ------
    TrainingError
        If lengths disagree, a label is unknown, a class has no window or a single event, or an event has windows of
        two labels.
    """
    names = [str(label) for label in as_list(labels)]
    events = _events(groups, n_windows)
    if len(names) != n_windows:
        raise TrainingError(f"{n_windows} windows came with {len(names)} labels")
    check_spelling({*names, *known}, TrainingError, wanted=names)
    if unknown := sorted(set(names) - set(known)):
        raise TrainingError(f"the model does not know the labels {unknown}; its labels are {list(known)}")
    absent = [label for label in known if label not in set(names)]
    if absent and every_class:
        raise TrainingError(f"no window is labelled {absent}: a model cannot learn a class without examples")
    y = torch.tensor([known.index(name) for name in names])
    if events is None:
        return y, None
    owner: dict[Any, str] = {}
    for event, name in zip(events, names, strict=True):
        if owner.setdefault(event, name) != name:
            raise TrainingError(f"event {event!r} has windows labelled {owner[event]!r} and {name!r}")
    for label, n_events in Counter(owner.values()).items():
        if n_events < 2:
            raise TrainingError(
                f"class {label!r} has a single event, which leaves nothing to learn from when it is held out; use at "
                "least two events per class"
            )
    return y, _indices(events)


def encode_groups(groups: Iterable[Any] | None, n_windows: int) -> Tensor | None:
    """Turn the events of training windows into indices (N,); a window without event is its own event.

    Raises
    ------
    TrainingError
        If they are not one name or number per window.
    """
    events = _events(groups, n_windows)
    return None if events is None else _indices(events)


def _events(groups: Iterable[Any] | None, n_windows: int) -> list[Any] | None:
    if groups is None:
        return None
    events = as_list(groups)
    if len(events) != n_windows:
        raise TrainingError(f"{n_windows} windows came with {len(events)} groups")
    if not all(isinstance(event, Hashable) for event in events):
        raise TrainingError("groups must be one name or number per window")
    # An object equals nothing but itself.
    return [object() if pd.isna(event) is True or str(event).isspace() or event == "" else event for event in events]


def as_list(values: Iterable[Any]) -> list[Any]:
    """Return the elements of a list, array, tensor or series, as Python's own numbers and text."""
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _indices(events: list[Any]) -> Tensor:
    index: dict[Any, int] = {}
    return torch.tensor([index.setdefault(event, len(index)) for event in events])
