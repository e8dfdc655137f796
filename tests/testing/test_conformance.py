from functools import partial

import misbehaving_extractors
import misbehaving_heads
import misbehaving_models
import pytest
import small_published
import torch
from behaving_plugins import Farthest, LogEnergy, NearestMean

from seisbench_lcl.testing import CHECKS, state_checks
from seisbench_lcl.testing._conformance import checks_of
from seisbench_lcl.testing._subject import subject_of

IN_OTHER_PROCESSES = {"another process", "weights in another process", "import"}
CASES = misbehaving_extractors.CASES + misbehaving_heads.CASES + misbehaving_models.CASES


@pytest.fixture(autouse=True)
def _published(monkeypatch):
    for cls, named in misbehaving_models.entries().items():
        monkeypatch.setattr(cls, "published", named)


@pytest.fixture
def processor_for_gpu(monkeypatch):
    monkeypatch.setattr(state_checks, "accelerator", lambda: torch.device("cpu"))


def perform_in_process(candidate):
    subject = subject_of(candidate)
    return [check.perform(subject) for check in checks_of(subject) if check.name not in IN_OTHER_PROCESSES]


@pytest.mark.parametrize("candidate", [LogEnergy, NearestMean, Farthest, small_published.trained])
@pytest.mark.usefixtures("processor_for_gpu")
def test_conforming_plugins_pass_every_check(candidate):
    assert {outcome.state for outcome in perform_in_process(candidate)} == {"passed"}


@pytest.mark.parametrize(("candidate", "name", "reason"), CASES, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.usefixtures("processor_for_gpu")
def test_a_misbehaving_plugin_fails_only_its_check_with_a_reason(candidate, name, reason):
    failed = {outcome.check: outcome.reason for outcome in perform_in_process(candidate) if outcome.state == "failed"}
    assert set(failed) == {name}, failed
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(failed[name])


def test_a_trained_model_is_a_candidate_itself_or_by_a_function():
    for candidate in (small_published.trained(), partial(small_published.trained, small_published.Tiny)):
        outcomes = {outcome.check: outcome.state for outcome in perform_in_process(candidate)}
        assert set(outcomes.values()) == {"passed"}
    assert "one by one" not in outcomes
    outcomes = perform_in_process(misbehaving_models.number)
    assert [outcome.state for outcome in outcomes].count("failed") == 2  # the checks that need no prediction
    assert "the function returned int, but must return a trained Discriminator" in outcomes[-1].reason


@pytest.mark.slow
def test_weights_are_loaded_in_another_process():
    subject = subject_of(small_published.trained)
    (check,) = (check for check in CHECKS if check.name == "weights in another process")
    assert check.perform(subject).state == "passed"


def test_every_check_rejects_some_plugin():
    assert {name for _, name, _ in CASES} | IN_OTHER_PROCESSES == {check.name for check in CHECKS}
