"""Surroundings of trainings: a folder for checkpoints, progress bars, logs, and a prefix for their names."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Session:
    """Settings that the caller makes for all trainings inside a block."""

    checkpoints: Path | None = None
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda name: iter
    logs: Path | None = None
    prefix: str = ""


_session: ContextVar[Session] = ContextVar("session", default=Session())  # noqa: B039 (Session is frozen)


def current() -> Session:
    """Return the session of a training that starts now."""
    return _session.get()


@contextmanager
def session(
    checkpoints: str | Path | None = None,
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda name: iter,
    logs: str | Path | None = None,
) -> Iterator[None]:
    """Set checkpoints, progress bars and logs for all trainings inside the block.

    An interrupted training that is started again with the same data, arguments and folder continues after its last
    complete epoch, and ends in the same state as an uninterrupted training.

    Parameters
    ----------
    checkpoints : str or Path, optional
        Folder in which each training writes one file after each epoch.
    progress : callable
        Takes the name of a training and returns a wrapper for its sequence of epochs.
    logs : str or Path, optional
        Folder in which each training writes a CSV table with one row per epoch, and a folder for TensorBoard if it is
        installed.

    Examples
    --------
    >>> with session(logs=Path("logs")), session_part("member-0"):
    ...     current().prefix
    'member-0-'
    """
    folders = (None if folder is None else Path(folder) for folder in (checkpoints, logs))
    token = _session.set(Session(next(folders), progress, next(folders)))
    try:
        yield
    finally:
        _session.reset(token)


@contextmanager
def session_part(name: str) -> Iterator[None]:
    """Prefix the names of all trainings inside the block, so that members of an ensemble write separate files."""
    outer = current()
    token = _session.set(replace(outer, prefix=f"{outer.prefix}{name}-"))
    try:
        yield
    finally:
        _session.reset(token)
