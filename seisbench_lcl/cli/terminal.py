"""What the commands print: results on standard output, all else on standard error."""

import logging
import warnings

from rich.console import Console

console = Console()
errors = Console(stderr=True)
"""For progress and remarks; silent under ``--quiet``."""
_complaints = Console(stderr=True)

_logger = logging.getLogger("seisbench")


def say(text: str, to: Console = console) -> None:
    """Print text as it is, even with brackets."""
    to.print(text, markup=False, highlight=False, soft_wrap=True)


def remark(text: str) -> None:
    """Print a remark on standard error, unless the user asks for quiet."""
    say(text, errors)


def complain(text: str, title: str = "") -> None:
    """Print on standard error what failed, after a title in red."""
    _complaints.print(title, style="bold red", end="")
    say(text, _complaints)


def set_verbosity(quiet: bool, verbose: int) -> None:
    """Choose what is printed besides results and errors: 0 warnings and remarks, 1 information, 2 details."""
    errors.quiet = quiet
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    _logger.setLevel(logging.ERROR if quiet else levels[min(verbose, 2)])
    if quiet:
        warnings.simplefilter("ignore")


def is_verbose() -> bool:
    """Return whether the user asks for information, such as tracebacks."""
    return _logger.isEnabledFor(logging.INFO)
