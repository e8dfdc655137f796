"""What a check found."""

from dataclasses import dataclass, field
from typing import Literal

State = Literal["passed", "failed", "expected", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Attributes
    ----------
    check : str
        Name of the check.
    state : {"passed", "failed", "expected", "skipped"}
        "expected" is a failure that was announced.
    reason : str
        Why it failed, was expected to, or was skipped: what was found, what is asked, and how to mend it.
    error : BaseException or None
        What was raised where it failed.
    """

    check: str
    state: State
    reason: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)
