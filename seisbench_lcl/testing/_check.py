"""What a check is, and how it is asked of a subject."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from seisbench_lcl.testing._globals import restored
from seisbench_lcl.testing._report import Outcome
from seisbench_lcl.testing._subject import Failed, Kind, Skipped, Subject


@dataclass(frozen=True)
class Check:
    """One thing that is asked of every extractor, every head, or both.

    Attributes
    ----------
    name : str
        Key in ``expected_failed``.
    kinds : tuple of {"extractor", "head"}
        What it is asked of.
    ask : callable
        Takes the subject, and raises where it does not conform.
    needs_fit : bool
        Whether it is only asked of a subject that can be fitted and applied at all.
    """

    name: str
    kinds: tuple[Kind, ...]
    ask: Callable[[Any], None]
    needs_fit: bool = True

    @property
    def description(self) -> str:
        """Return what is asked, and why."""
        return getdoc(self.ask) or ""

    def perform(self, subject: Subject) -> Outcome:
        """Ask it. Whatever the subject raises is an outcome; what belongs to the caller's process stays as it is."""
        try:
            with restored():
                if self.needs_fit and (error := subject.failure):
                    raise Skipped(f"it cannot be fitted and applied at all: {in_words(error)}")
                self.ask(subject)
        except Skipped as skipped:
            return Outcome(self.name, "skipped", str(skipped))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Outcome(self.name, "failed", in_words(error), error)
        return Outcome(self.name, "passed")


def check(name: str, *kinds: Kind, needs_fit: bool = True) -> Callable[[Callable[[Any], None]], Check]:
    """Make a check of a function; without kinds, of extractors and heads."""
    return lambda ask: Check(name, kinds or ("extractor", "head"), ask, needs_fit)


def in_words(error: BaseException) -> str:
    """Return an error in words: its type, unless a check raised it, and its message."""
    try:
        return str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
    except Exception:  # of an error that cannot say what it is
        return type(error).__name__
