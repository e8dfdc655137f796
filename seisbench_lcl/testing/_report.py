"""The outcome of a check."""

from dataclasses import dataclass, field
from typing import Literal

State = Literal["passed", "failed", "expected", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check.

    Attributes
    ----------
    check : str
        Name of the check.
    state : {"passed", "failed", "expected", "skipped"}
        "expected" is a failure listed in ``expected_failed``.
    reason : str
        Why the check failed or was skipped, and how to fix it; empty if it passed.
    error : BaseException or None
        The exception of a failed check.

    Examples
    --------
    >>> Outcome("GPU", "skipped", "no GPU is available")
    Outcome(check='GPU', state='skipped', reason='no GPU is available')
    """

    check: str
    state: State
    reason: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)
