"""The checks as pytest tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seisbench_lcl.errors import ConformanceError
from seisbench_lcl.testing._check import Check
from seisbench_lcl.testing._conformance import checks_of, refuse_unknown
from seisbench_lcl.testing._subject import AnySubject, Candidate, label_of, subject_of

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class _Bound:
    """One check of one candidate, as a callable."""

    check: Check
    subject: AnySubject

    def __call__(self) -> None:
        import pytest

        outcome = self.check.perform(self.subject)
        if outcome.state == "skipped":
            pytest.skip(outcome.reason)
        if outcome.state == "failed":
            raise ConformanceError(f"{self.check.name}: {outcome.reason}") from outcome.error


def parametrize_with_checks(
    candidates: Sequence[Candidate], *, expected_failed: Mapping[str, str] | None = None
) -> "pytest.MarkDecorator":
    """Parametrise a test function, or a test class, with each check of each candidate.

    Parameters
    ----------
    candidates : sequence of types or of functools.partial
        As in `check_plugin`.
    expected_failed : mapping from name of a check to reason, optional
        Checks that are expected to fail for every candidate; one that passes is a failure. If only some candidates fail
        a check, write a separate test for them.

    Returns
    -------
    pytest.MarkDecorator
        For tests with an argument `check`, a callable without arguments that raises ConformanceError.

    Raises
    ------
    ConfigurationError
        As in `check_plugin`.

    Examples
    --------
    In a test file of the plugin::

        @parametrize_with_checks([Scattering, partial(Network, epochs=1)])
        def test_conformance(check):
            check()
    """
    import pytest

    expected = expected_failed or {}
    subjects = [subject_of(candidate) for candidate in candidates]
    refuse_unknown(expected, subjects)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(
                _Bound(check, subject),
                id=f"{label_of(candidate)}-{check.name}",
                marks=[pytest.mark.xfail(strict=True, reason=expected[check.name])] if check.name in expected else [],
            )
            for candidate, subject in zip(candidates, subjects, strict=True)
            for check in checks_of(subject)
        ],
    )
