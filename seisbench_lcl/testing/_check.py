"""A conformance check, and how it runs on a subject."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from seisbench_lcl.testing._globals import restored
from seisbench_lcl.testing._report import Outcome
from seisbench_lcl.testing._subject import AnySubject, Failed, Kind, Skipped


@dataclass(frozen=True)
class Check:
    """One requirement on extractors, on heads, or on models that come trained.

    Attributes
    ----------
    name : str
        Key in ``expected_failed``.
    kinds : tuple of {"extractor", "head", "model"}
        Kinds of subject that the check applies to.
    function : callable
        Takes the subject, and raises if it does not conform.
    needs_fit : bool
        Whether the check is skipped for a subject that cannot be fitted and applied.

    Examples
    --------
    >>> from seisbench_lcl.testing import CHECKS
    >>> CHECKS[0].name, CHECKS[0].kinds
    ('name and tags', ('extractor', 'head'))
    """

    name: str
    kinds: tuple[Kind, ...]
    function: Callable[[Any], None]
    needs_fit: bool = True

    @property
    def description(self) -> str:
        """Return the requirement, and the reason for it."""
        return getdoc(self.function) or ""

    def perform(self, subject: AnySubject) -> Outcome:
        """Run the check. Exceptions become outcomes, and global state of the process is restored."""
        try:
            with restored():
                if self.needs_fit and (error := subject.failure):
                    raise Skipped(f"it cannot be fitted and applied: {in_words(error)}")
                self.function(subject)
        except Skipped as skipped:
            return Outcome(self.name, "skipped", str(skipped))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Outcome(self.name, "failed", in_words(error), error)
        return Outcome(self.name, "passed")


def check(name: str, *kinds: Kind, needs_fit: bool = True) -> Callable[[Callable[[Any], None]], Check]:
    """Decorate a function as a check; without kinds, for extractors and heads."""
    return lambda function: Check(name, kinds or ("extractor", "head"), function, needs_fit)


def in_words(error: BaseException) -> str:
    """Return the message of an error, after its type unless a check raised it."""
    try:
        return str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
    except Exception:  # the message of the error cannot be formatted
        return type(error).__name__
