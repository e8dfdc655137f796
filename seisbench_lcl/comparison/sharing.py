"""What several models of a comparison have in common is learnt once: with the same seed, it would be the same again."""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.models import Discriminator

T = TypeVar("T")

_KEPT = 24  # of each kind, in this process
_LARGEST = 2_000_000  # numbers of a network that is kept


@dataclass
class Seconds:
    """Seconds of the processor and of the clock.

    Examples
    --------
    >>> spent = Seconds(1.0, 2.0)
    >>> spent.add(Seconds(0.5, 0.5))
    >>> spent
    Seconds(cpu=1.5, wall=2.5)
    """

    cpu: float = 0.0
    wall: float = 0.0

    def add(self, other: "Seconds") -> None:
        """Add those of another."""
        self.cpu += other.cpu
        self.wall += other.wall


@dataclass(frozen=True)
class Lesson:
    """Windows that a model learns from.

    Attributes
    ----------
    windows : (N, C, T) float32 ndarray
    labels : (N,) ndarray of str
    groups : (N,) ndarray of str
    tuning : bool
        Whether a model that has learnt before is fine-tuned.
    """

    windows: NDArray[np.float32]
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    tuning: bool = False

    def digest(self) -> str:
        """Return a digest of all of it."""
        return _digest(self.windows, self.labels, self.groups, self.tuning)


class _Kept(Generic[T]):
    """The last things made, by key, with the seconds that making them took."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[T, Seconds]] = OrderedDict()

    def get(self, key: str) -> tuple[T, Seconds] | None:
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)

    def put(self, key: str, value: T, seconds: Seconds) -> None:
        self._found[key] = value, seconds
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)


_models: _Kept[Discriminator] = _Kept()
_extractors: _Kept[tuple[dict[str, Tensor], list[Any]]] = _Kept()


def taught(member: Discriminator, lessons: Sequence[Lesson]) -> tuple[Discriminator, Seconds]:
    """Return a model that has had some lessons, one after the other, and the seconds that they take.

    A network that has had the first of the lessons in this process already goes on from there, and the seconds are
    those of back then. So do extractors that train without labels, whatever head follows.

    Parameters
    ----------
    member : Discriminator
        Unfitted.
    lessons : sequence of Lesson

    Raises
    ------
    TrainingError
        If it cannot learn from them.
    """
    network = member.trains_jointly or member.extractor.trained_in_epochs
    keep = network and sum(tensor.numel() for tensor in member.state_dict().values()) <= _LARGEST
    key = _digest(type(member).__qualname__, json.dumps(member.get_model_args(), sort_keys=True))
    total, current, mine = Seconds(), member, True
    for lesson in lessons:
        key = _digest(key, lesson.digest())
        if keep and (found := _models.get(key)):
            (current, seconds), mine = found, False
        else:
            current = current if mine else deepcopy(current)
            seconds = _teach(current, lesson)
            mine = True
            if keep:
                _models.put(key, deepcopy(current), seconds)
        total.add(seconds)
    return (current if mine else deepcopy(current)), total


def timed(function: Callable[[], T]) -> tuple[T, Seconds]:
    """Return what a function returns, and the seconds that it takes."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = function()
    return found, Seconds(time.process_time() - cpu, time.perf_counter() - wall)


def _teach(member: Discriminator, lesson: Lesson) -> Seconds:
    with _shared_extractor(member) as spared:
        if lesson.tuning:
            _, seconds = timed(lambda: member.fine_tune(lesson.windows, lesson.labels, lesson.groups))
        else:
            labels = lesson.labels if member.learns_from_labels else None
            _, seconds = timed(lambda: member.fit(lesson.windows, labels, lesson.groups))
    seconds.add(spared)
    return seconds


@contextmanager
def _shared_extractor(member: Discriminator) -> Iterator[Seconds]:
    """Replace `fit` of an extractor that trains without labels, and collect the seconds that this spares."""
    extractor, spared = member.extractor, Seconds()
    size = sum(tensor.numel() for tensor in extractor.state_dict().values())
    if extractor.supervised or not extractor.trained_in_epochs or size > _LARGEST:
        yield spared
        return
    vars(extractor)["fit"] = partial(_fit_once, extractor, extractor.fit, spared)
    try:
        yield spared
    finally:
        vars(extractor).pop("fit", None)


def _fit_once(
    extractor: Any,
    fit: Callable[..., Any],
    spared: Seconds,
    windows: Tensor,
    labels: Tensor | None = None,
    groups: Tensor | None = None,
) -> Any:
    shape = extractor.in_channels, extractor.in_samples, extractor.sampling_rate
    config = json.dumps([type(extractor).__qualname__, extractor.config(), shape], sort_keys=True)
    key = _digest(config, windows.numpy(), None if groups is None else groups.numpy())
    if found := _extractors.get(key):
        (state, histories), seconds = found
        extractor.load_state_dict(state)
        extractor.histories, extractor.unseen = list(histories), None
        spared.add(seconds)
        return extractor.eval()
    _, seconds = timed(lambda: fit(windows, labels, groups))
    _extractors.put(key, (deepcopy(extractor.state_dict()), list(extractor.histories)), seconds)
    return extractor


def _digest(*parts: Any) -> str:
    found = sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype}{part.shape}".encode())
            found.update(np.ascontiguousarray(part).tobytes())
        else:
            found.update(repr(part).encode())
    return found.hexdigest()
