"""All checks, and the functions that run them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from seisbench_lcl.errors import ConfigurationError, ConformanceError
from seisbench_lcl.testing import (
    batch_checks,
    description_checks,
    extractor_checks,
    head_checks,
    learning_checks,
    model_checks,
    robustness_checks,
    state_checks,
)
from seisbench_lcl.testing._check import Check
from seisbench_lcl.testing._report import Outcome
from seisbench_lcl.testing._subject import AnySubject, Candidate, label_of, subject_of

CHECKS: tuple[Check, ...] = (
    description_checks.name_and_tags,
    description_checks.configuration,
    batch_checks.output,
    batch_checks.one_by_one,
    batch_checks.order_of_the_batch,
    batch_checks.input_unchanged,
    batch_checks.unchanged_in_use,
    batch_checks.float32_and_float64,
    learning_checks.before_fit,
    learning_checks.global_random_numbers,
    learning_checks.global_state,
    learning_checks.fit_twice,
    learning_checks.labels,
    learning_checks.groups,
    robustness_checks.not_finite,
    robustness_checks.flat_windows,
    robustness_checks.equal_rows,
    robustness_checks.short_windows,
    robustness_checks.few_windows,
    robustness_checks.one_component,
    robustness_checks.small_problems,
    robustness_checks.probabilities,
    head_checks.number_of_classes,
    head_checks.rows_of_a_file,
    head_checks.report_of_the_fit,
    extractor_checks.sliding,
    extractor_checks.picks_of_s,
    extractor_checks.expressions,
    model_checks.labels_and_types,
    model_checks.description,
    model_checks.published_weights,
    model_checks.probabilities_of_windows,
    model_checks.windows_one_by_one,
    model_checks.windows_unchanged,
    model_checks.records,
    model_checks.saved_weights,
    model_checks.weights_in_another_process,
    state_checks.saved_state,
    state_checks.gpu,
    state_checks.another_process,
    state_checks.imports,
)
"""All checks, in the order in which they run."""


def run_checks(candidate: Candidate, *, expected_failed: Mapping[str, str] | None = None) -> Iterator[Outcome]:
    """Run the checks one by one, and yield the outcome of each.

    Parameters
    ----------
    candidate : type or functools.partial
        A subclass of FeatureExtractor or Head; or `functools.partial` of one, with keyword arguments for a quick trial,
        such as ``partial(Network, epochs=1)``. Sizes such as ``partial(Network, in_channels=1)`` replace those of the
        trial. For a named model that comes trained: the model, or a function that returns it.
    expected_failed : mapping from name of a check to reason, optional
        Checks that are known to fail. If one of them passes, that is a failure too, because the entry is out of date.

    Yields
    ------
    Outcome

    Raises
    ------
    ConfigurationError
        If the candidate is of another type, or `expected_failed` names a check that does not apply to it.

    Examples
    --------
    >>> from seisbench_lcl.heads import Ridge
    >>> next(run_checks(Ridge))
    Outcome(check='name and tags', state='passed', reason='')
    """
    subject = subject_of(candidate)
    expected = expected_failed or {}
    refuse_unknown(expected, [subject])
    return (_as_expected(check.perform(subject), expected.get(check.name)) for check in checks_of(subject))


def check_plugin(candidate: Candidate, *, expected_failed: Mapping[str, str] | None = None) -> list[Outcome]:
    """Run all checks, and raise if one fails.

    Parameters
    ----------
    candidate, expected_failed
        As in `run_checks`.

    Returns
    -------
    list of Outcome
        Outcomes of all checks; none is a failure.

    Raises
    ------
    ConformanceError
        If a check fails; the message lists every failure and how to fix it.
    ConfigurationError
        As in `run_checks`.

    Examples
    --------
    In a test of the plugin::

        def test_conformance():
            check_plugin(partial(Polarisation, order=1), expected_failed={"one component": "needs two horizontals"})
    """
    outcomes = list(run_checks(candidate, expected_failed=expected_failed))
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        reasons = "".join(f"\n- {outcome.check}: {outcome.reason}" for outcome in failed)
        raise ConformanceError(f"{label_of(candidate)} fails {len(failed)} of {len(outcomes)} checks:{reasons}")
    return outcomes


def checks_of(subject: AnySubject) -> list[Check]:
    """Return the checks that apply to a subject."""
    return [check for check in CHECKS if subject.kind in check.kinds]


def refuse_unknown(expected_failed: Mapping[str, str], subjects: Iterable[AnySubject]) -> None:
    """Raise ConfigurationError if a name is not that of a check for one of the subjects."""
    known = list(dict.fromkeys(check.name for subject in subjects for check in checks_of(subject)))
    if unknown := [name for name in expected_failed if name not in known]:
        raise ConfigurationError(
            f"expected_failed names {', '.join(map(repr, unknown))}, but the checks are {', '.join(known)}"
        )


def _as_expected(outcome: Outcome, reason: str | None) -> Outcome:
    if reason is None or outcome.state == "skipped":
        return outcome
    if outcome.state == "failed":
        return replace(outcome, state="expected", reason=reason)
    return replace(outcome, state="failed", reason=f"it no longer fails ({reason}): remove it from expected_failed")
