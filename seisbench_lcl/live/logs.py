"""The log of a watcher: lines of text or of JSON, on a stream or in files that take turns."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from obspy import UTCDateTime

from seisbench_lcl.errors import OutputError

NAME = "seisbench_lcl.live"
"""Logger of everything that a watcher says."""

_BYTES, _FILES = 10_000_000, 9


class JsonFormatter(logging.Formatter):
    """One line of JSON for each message: time, level, logger, message; of the health, all its numbers."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        plain = {
            "time": str(UTCDateTime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            plain["error"] = self.formatException(record.exc_info)
        health = getattr(record, "health", None)
        return json.dumps(plain if health is None else plain | {"health": health})


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = UTCDateTime(record.created).strftime("%Y-%m-%d %H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return f"{time} {level}{record.getMessage()}"


@contextmanager
def logged(file: Path | None = None, stream: TextIO | None = None, as_json: bool = False) -> Iterator[None]:
    """Write what watchers say to a file, to a stream, or to both.

    Parameters
    ----------
    file : Path, optional
        Begun anew at 10 MB; the nine before it are kept as FILE.1, FILE.2, ...
    stream : text stream, optional
    as_json : bool
        Whether lines are JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    handlers: list[logging.Handler] = []
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(RotatingFileHandler(file, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8"))
        except OSError as error:
            raise OutputError(f"cannot write the log {file}: {error.strerror}") from error
    if stream is not None:
        handlers.append(logging.StreamHandler(stream))
    log = logging.getLogger(NAME)
    level, propagates = log.level, log.propagate
    for handler in handlers:
        handler.setFormatter(JsonFormatter() if as_json else _TextFormatter())
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.setLevel(level)
        log.propagate = propagates
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
