"""Classes that members of an ensemble share: labels are matched by their QuakeML event types, never by guess."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from obspy.core.event.header import EventType

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.labels import NOISE, OTHER, UNKNOWN, UNNAMED, check_labels, folded
from seisbench_lcl.wording import listed, suggestion

Types = Mapping[str, str | None]


class Classes(NamedTuple):
    """The union of the classes of several members.

    Attributes
    ----------
    labels : list of str, length K
    event_types : dict from label to QuakeML event type or None
    columns : list of (K_i,) int64 ndarray
        For each member, the class of each of its labels.
    """

    labels: list[str]
    event_types: dict[str, str | None]
    columns: list[NDArray[np.int64]]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(M, K) bool: which member knows which class."""
        rows = [np.isin(np.arange(len(self.labels)), columns) for columns in self.columns]
        return np.stack(rows)


def match_classes(names: Sequence[str], types: Sequence[Types], merge: Types) -> Classes:
    """Match the labels of members by their event types.

    Labels of one QuakeML type are one class, and so are labels without a type, such as "noise". "Other event" and "not
    reported" say nothing about a label, so labels of these types are one class only if they are spelt alike.

    Parameters
    ----------
    names : sequence of M str
        Names of the members, for messages.
    types : sequence of M mappings from label to QuakeML event type or None
    merge : mapping from label or QuakeML event type to QuakeML event type or None
        Overrides the type of a label, or of all labels of a type. It is applied once: {"a": "b", "b": "c"} makes a b.

    Returns
    -------
    Classes
        In the order of the members. A class has the name of its type if a label or the mapping says so, otherwise that
        of its first label.

    Raises
    ------
    ConfigurationError
        If `merge` names an unknown label or type, a member is left with one class, a member shares no class with the
        others, or one name would stand for two classes.
    """
    targets = _checked(types, merge)
    keys: dict[tuple[str, str | None], str] = {}  # class, by what identifies it, and its name
    columns: list[NDArray[np.int64]] = []
    for name, own in zip(names, types, strict=True):
        found = [_key(label, kind, targets) for label, kind in own.items()]
        for label, key in zip(own, found, strict=True):
            keys.setdefault(key, label)
            if folded(label) == key[0] != folded(keys[key]):
                keys[key] = label
        if len(set(found)) < 2:
            raise ConfigurationError(
                f"{name} would know only the class {keys[found[0]]!r}, which joins {listed(own)}: a member needs two"
            )
        columns.append(np.array([list(keys).index(key) for key in found]))
    keys |= {key: key[0] for key in keys if key[0] in _called(merge, targets) and folded(keys[key]) != key[0]}
    labels = list(keys.values())
    for i, label in enumerate(labels):
        if label in labels[:i]:
            kinds = [key[1] or "no type" for key, other in keys.items() if other == label]
            raise ConfigurationError(
                f"the label {label!r} has different event types in different members, {' and '.join(kinds)}: say what "
                f"it means by merge, such as merge={{{label!r}: {next(kind for kind in kinds if kind != 'no type')!r}}}"
            )
    classes = Classes(check_labels(labels), {keys[key]: key[1] for key in keys}, columns)
    _check_connected(names, classes)
    return classes


def _checked(types: Sequence[Types], merge: Types) -> dict[str, str | None]:
    """Return the mapping with QuakeML's spelling."""
    known = {label for own in types for label in own} | {kind for own in types for kind in own.values() if kind}
    targets: dict[str, str | None] = {}
    for name, kind in merge.items():
        if name not in known:
            raise ConfigurationError(
                f"merge maps {name!r}, which is neither a label of a member nor the QuakeML type of one: "
                f"{suggestion(name, sorted(known))}"
            )
        targets[name] = None if kind is None else EventType(kind)
        if kind is not None and targets[name] is None:
            raise ConfigurationError(
                f"merge maps {name!r} to {kind!r}, which is not a QuakeML event type; "
                + suggestion(kind, EventType, "obspy.core.event.header.EventType", "choose one of")
            )
    return targets


def _called(merge: Types, targets: Mapping[str, str | None]) -> set[str]:
    """Return the names that the user gives to classes."""
    return {NOISE if targets[name] is None else str(targets[name]) for name in merge}


def _key(label: str, kind: str | None, targets: Mapping[str, str | None]) -> tuple[str, str | None]:
    """Return what identifies the class of a label: a name, and the QuakeML type."""
    if label in targets or kind in targets:
        kind = targets[label] if label in targets else targets[str(kind)]
        return (NOISE if kind is None else kind), kind
    if kind is None:
        return (UNKNOWN if folded(label) == UNKNOWN else NOISE), None
    return (folded(label) if kind in (OTHER, UNNAMED) else kind), kind


def _check_connected(names: Sequence[str], classes: Classes) -> None:
    """Refuse members that no chain of shared classes connects: nothing would say how their classes compare."""
    known = classes.known
    joined = known[0]
    for _ in names:
        joined = known[(known & joined).any(axis=1)].any(axis=0)
    apart = ~(known & joined).any(axis=1)
    if apart.any():
        i = int(apart.argmax())

        def named(rows: Iterable[bool]) -> str:
            return ", ".join(label for label, there in zip(classes.labels, rows, strict=True) if there)

        raise ConfigurationError(
            f"{names[i]} shares no class with {names[0]}: it knows {named(known[i])}, but {names[0]} and those that "
            f"share classes with it know {named(joined)}. If classes mean the same, join them by their QuakeML types, "
            "such as merge={'quarry blast': 'explosion'}"
        )
