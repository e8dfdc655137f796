import misbehaving_extractors
import misbehaving_heads
import pytest
import torch
from behaving_plugins import Farthest, LogEnergy, NearestMean

from seisbench_lcl.testing import CHECKS, state_checks
from seisbench_lcl.testing._conformance import checks_of
from seisbench_lcl.testing._subject import subject_of

IN_OTHER_PROCESSES = {"another process", "import"}
CASES = misbehaving_extractors.CASES + misbehaving_heads.CASES


@pytest.fixture
def processor_for_gpu(monkeypatch):
    monkeypatch.setattr(state_checks, "accelerator", lambda: torch.device("cpu"))


def perform_in_process(candidate):
    subject = subject_of(candidate)
    return [check.perform(subject) for check in checks_of(subject) if check.name not in IN_OTHER_PROCESSES]


@pytest.mark.parametrize("candidate", [LogEnergy, NearestMean, Farthest])
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


def test_every_check_rejects_some_plugin():
    assert {name for _, name, _ in CASES} | IN_OTHER_PROCESSES == {check.name for check in CHECKS}
