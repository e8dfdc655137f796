import random
from functools import partial

import numpy as np
import pytest
import torch
from behaving_plugins import LogEnergy, NearestMean
from misbehaving_extractors import BatchMean, Forgetful

from seisbench_lcl.errors import ConfigurationError, SeisBenchLCLError
from seisbench_lcl.testing import (
    CHECKS,
    ConformanceError,
    Outcome,
    check_plugin,
    parametrize_with_checks,
    run_checks,
)
from seisbench_lcl.testing._conformance import checks_of
from seisbench_lcl.testing._subject import subject_of

pytest_plugins = "pytester"

# Without the two checks that start a process each.
N_EXTRACTOR, N_HEAD = (sum(kind in check.kinds for check in CHECKS) - 2 for kind in ("extractor", "head"))


class Broken(LogEnergy):
    def _fit(self, windows, labels, groups):
        raise KeyError("weights")


class BadTwice(BatchMean, Forgetful):
    pass


class Unfinished(LogEnergy):
    def __init__(self, in_channels):
        super().__init__(in_channels, 100, 100)


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    kept = [check for check in CHECKS if "process" not in check.name and check.name != "import"]
    monkeypatch.setattr("seisbench_lcl.testing._conformance.CHECKS", kept)


def test_all_outcomes_are_returned_if_none_failed():
    outcomes = check_plugin(partial(LogEnergy, floor=1e-2, in_channels=1, in_samples=300))
    assert [outcome.check for outcome in outcomes] == [check.name for check in checks_of(subject_of(LogEnergy))]
    gpu = "passed" if torch.cuda.is_available() else "skipped"
    assert [outcome.state for outcome in outcomes if outcome.check == "GPU"] == [gpu]
    assert {outcome.state for outcome in outcomes if outcome.check != "GPU"} == {"passed"}


def test_every_failure_is_named_with_its_reason():
    with pytest.raises(
        ConformanceError,
        match=rf"(?s)^BadTwice fails 2 of {N_EXTRACTOR} checks:\n- configuration: config lacks .*\n- one by one: si",
    ) as raised:
        check_plugin(BadTwice)
    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, SeisBenchLCLError)


def test_a_candidate_that_cannot_be_fitted_fails_once():
    with pytest.raises(
        ConformanceError, match=rf"Broken fails 1 of {N_EXTRACTOR} checks:\n- output: KeyError: 'weights'$"
    ):
        check_plugin(Broken)
    skipped = Outcome("one by one", "skipped", "it cannot be fitted and applied: KeyError: 'weights'")
    assert skipped in list(run_checks(Broken))


def test_a_constructor_that_a_model_cannot_call_fails():
    reasons = {outcome.check: outcome.reason for outcome in run_checks(Unfinished) if outcome.state == "failed"}
    assert set(reasons) == {"name and tags", "configuration", "output"}
    assert all(reason.startswith("TypeError: ") for reason in reasons.values())


def test_an_expected_failure_must_fail():
    outcomes = check_plugin(BatchMean, expected_failed={"one by one": "normalises over the batch"})
    assert Outcome("one by one", "expected", "normalises over the batch") in outcomes
    with pytest.raises(
        ConformanceError, match=r"- labels: it no longer fails \(it peeked\): remove it from expected_failed$"
    ):
        check_plugin(LogEnergy, expected_failed={"labels": "it peeked"})


@pytest.mark.parametrize("door", [check_plugin, run_checks, lambda c, **k: parametrize_with_checks([c], **k)])
def test_wrong_arguments_are_refused(door):
    with pytest.raises(ConfigurationError, match="expected_failed names 'colour', but the checks are name and tags, "):
        door(LogEnergy, expected_failed={"colour": "red"})
    with pytest.raises(ConfigurationError, match="expected_failed names 'probabilities'"):
        door(LogEnergy, expected_failed={"probabilities": "of an extractor"})
    with pytest.raises(
        ConfigurationError,
        match=r"a candidate must be a subclass of FeatureExtractor or Head.*, or a trained Discriminator",
    ):
        door(LogEnergy(3, 100, 100))
    with pytest.raises(ConfigurationError, match="LogEnergy: pass the arguments of a candidate by name"):
        door(partial(LogEnergy, 3))


def test_outcomes_come_one_after_the_other():
    outcomes = run_checks(Broken)
    assert next(outcomes) == Outcome("name and tags", "passed")


def test_the_random_numbers_of_the_caller_are_unaffected():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    for _ in range(2):
        random.seed(3), np.random.seed(3), torch.manual_seed(3)
        first = draw()
        list(run_checks(NearestMean))
        second = draw()
        assert first != second
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    assert (draw(), draw()) == (first, second)


def test_every_check_is_described():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        first, _, rest = check.description.partition("\n\n")
        assert first.endswith(".")
        assert rest


TESTS = """
    from functools import partial
    from behaving_plugins import LogEnergy, NearestMean
    from misbehaving_extractors import BatchMean
    from misbehaving_heads import Sigmoid
    from seisbench_lcl.testing import parametrize_with_checks

    @parametrize_with_checks([LogEnergy, partial(NearestMean, width=2.0)])
    def test_conformance(check):
        check()

    class TestBad:
        @parametrize_with_checks([BatchMean], expected_failed={"one by one": "over the batch", "GPU": "there is none"})
        def test_conformance(self, check):
            check()

    @parametrize_with_checks([Sigmoid])
    class TestWhole:
        def test_conformance(self, check):
            check()
"""


def test_checks_are_tests_of_pytest(pytester):
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-v", "-rsx")
    no_gpu = 0 if torch.cuda.is_available() else 1
    asked = 2 * N_EXTRACTOR + 2 * N_HEAD
    result.assert_outcomes(passed=asked - 2 - 4 * no_gpu, failed=1, xfailed=1, skipped=4 * no_gpu)
    result.stdout.fnmatch_lines(
        [
            "*::test_conformance[[]LogEnergy-order of the batch[]] PASSED*",
            "*::test_conformance[[]NearestMean-rows of a file[]] PASSED*",
            "*::TestBad::test_conformance[[]BatchMean-one by one[]] XFAIL*",
            "*::TestWhole::test_conformance[[]Sigmoid-probabilities[]] FAILED*",
            "*ConformanceError: probabilities: probabilities of the training rows have sums from*",
        ]
    )


def test_an_expected_failure_that_passes_fails_the_tests(pytester):
    pytester.makepyfile(
        """
        from behaving_plugins import LogEnergy
        from seisbench_lcl.testing import parametrize_with_checks

        @parametrize_with_checks([LogEnergy], expected_failed={"labels": "it peeked"})
        def test_conformance(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "labels")
    result.assert_outcomes(failed=1, deselected=N_EXTRACTOR - 1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*it peeked*"])
