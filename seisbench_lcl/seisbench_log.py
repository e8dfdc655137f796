"""The log of SeisBench, which our models write to as well."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def log_from(level: int) -> Iterator[None]:
    """Log nothing below a level, such as ``logging.ERROR``, while the block lasts."""
    logger = logging.getLogger("seisbench")
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
