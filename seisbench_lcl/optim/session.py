"""What surrounds trainings: a folder for checkpoints, progress bars, logs, and names before theirs."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Session:
    """What trainings are given by those who start them."""

    checkpoints: Path | None = None
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda name: iter
    logs: Path | None = None
    prefix: str = ""


_session: ContextVar[Session] = ContextVar("session", default=Session())  # noqa: B039 (it is frozen)


def current() -> Session:
    """Return what surrounds a training that begins now."""
    return _session.get()


@contextmanager
def session(
    checkpoints: Path | None = None,
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda name: iter,
    logs: Path | None = None,
) -> Iterator[None]:
    """Give all trainings inside the block a folder for checkpoints, progress bars, and logs.

    A training that was interrupted goes on from its last whole epoch when it is started again with the same data,
    arguments and folder, and ends with the state of an uninterrupted one.

    Parameters
    ----------
    checkpoints : Path, optional
        Folder; each training writes one file in it, after each epoch.
    progress : callable
        Takes the name of a training, and returns a wrapper of its sequence of epochs.
    logs : Path, optional
        Folder; each training writes a CSV table in it, a row after each epoch, and a folder for TensorBoard where that
        is installed.
    """
    token = _session.set(Session(checkpoints, progress, logs))
    try:
        yield
    finally:
        _session.reset(token)


@contextmanager
def session_part(name: str) -> Iterator[None]:
    """Put a name before those of all trainings inside the block: members of an ensemble have files of their own."""
    outer = current()
    token = _session.set(replace(outer, prefix=f"{outer.prefix}{name}-"))
    try:
        yield
    finally:
        _session.reset(token)
