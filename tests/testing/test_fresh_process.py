import os
import signal
import sys
import threading
import time
from textwrap import dedent

import pytest
from behaving_plugins import LogEnergy, NearestMean

from seisbench_lcl.testing import _fresh_process, state_checks
from seisbench_lcl.testing._fresh_process import ORIGIN, Origin
from seisbench_lcl.testing._subject import Failed, subject_of


class HoldsALambda(LogEnergy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.transform = lambda windows: windows


class HoldsALock(NearestMean):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.lock = threading.Lock()


class LeavesItsMeanBehind(LogEnergy):
    def __setstate__(self, state):
        super().__setstate__(state)
        self.mean = self.mean * 0


class NeverWakes(LogEnergy):
    def __setstate__(self, state):
        threading.Event().wait()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module to disk and returns an extractor that claims to be defined there."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, code):
        (tmp_path / f"{name}.py").write_text(dedent(code))
        return type("Elsewhere", (LogEnergy,), {"__module__": name})

    return write


def perform(check, candidate):
    outcome = check.perform(subject_of(candidate))
    return outcome.state, outcome.reason


@pytest.mark.parametrize("candidate", [HoldsALambda, HoldsALock])
def test_an_instance_that_cannot_be_pickled_fails(candidate):
    state, reason = perform(state_checks.another_process, candidate)
    assert state == "failed"
    assert reason.startswith("it cannot be pickled")
    assert "do not keep a lambda, open file or lock" in reason


def test_state_lost_by_pickling_fails(monkeypatch):
    monkeypatch.setattr(_fresh_process, "answer", _fresh_process._answer)
    state, reason = perform(state_checks.another_process, LeavesItsMeanBehind)
    assert state == "failed"
    assert reason.startswith("the output changes in a new process: 144 ")


def test_a_class_inside_a_function_fails():
    class Local(LogEnergy):
        pass

    state, reason = perform(state_checks.another_process, Local)
    assert state == "failed"
    assert reason.startswith("it cannot be pickled")


def test_a_process_that_does_not_finish_is_killed(monkeypatch):
    monkeypatch.setattr(_fresh_process, "ORIGIN", Origin(time_limit=0.2))
    assert perform(state_checks.another_process, NeverWakes) == (
        "failed",
        "a fresh process did not finish within 0.2 s",
    )


@pytest.mark.slow  # starts a process
def test_an_import_that_uses_the_network_fails_even_if_it_catches_the_error(module, monkeypatch):
    found, import_alone = [], _fresh_process.import_alone

    def listen(name):
        found.append(import_alone(name))
        return found[-1]

    monkeypatch.setattr(_fresh_process, "import_alone", listen)
    candidate = module(
        "lcl_test_downloads",
        """
        import time
        import urllib.request
        time.sleep(0.3)
        try:
            urllib.request.urlopen("http://weights.invalid/model", timeout=1)
        except OSError:
            pass
        """,
    )
    state, reason = perform(state_checks.imports, candidate)
    assert state == "failed"
    assert reason.startswith("importing lcl_test_downloads uses the network: socket.getaddrinfo('weights.invalid', 80")
    assert found[0][0] > 0.3


@pytest.mark.parametrize(("seconds", "state"), [((9.0, 2.1), "failed"), ((9.0, 0.1), "passed"), ((1.9,), "passed")])
def test_an_import_that_is_slow_twice_fails(monkeypatch, seconds, state):
    times = iter(seconds)
    monkeypatch.setattr(_fresh_process, "import_alone", lambda module: (next(times), []))
    found, reason = perform(state_checks.imports, LogEnergy)
    assert found == state
    assert not reason or "takes 2.1 s, but at most 2 s are allowed: import slow modules" in reason
    assert next(times, None) is None


def test_an_import_that_fails_is_reported_with_its_reason(module, monkeypatch):
    # Without seisbench_lcl, whose import takes seconds.
    monkeypatch.setattr(_fresh_process, "ORIGIN", Origin())
    monkeypatch.setattr(_fresh_process, "_START", "import sys; sys.path[:] = sys.argv[1:]; import lcl_test_lacks")
    candidate = module("lcl_test_lacks", "print('noise'); import a_module_that_is_not_there")
    assert perform(state_checks.imports, candidate) == (
        "failed",
        "a fresh process fails: ModuleNotFoundError: No module named 'a_module_that_is_not_there'",
    )


def test_the_import_of_a_class_in_a_script_is_not_checked():
    assert perform(state_checks.imports, type("Mine", (LogEnergy,), {"__module__": "__main__"}))[0] == "skipped"


LEFT = []


def leave_something():
    LEFT.append("something")
    return os.getpid(), len(LEFT)


def stop(how):
    sys.exit("stopped") if how == "exit" else os.kill(os.getpid(), signal.SIGKILL)


def write_on(path):
    while True:
        with path.open("a") as file:
            file.write("still here\n")
        time.sleep(0.02)


@pytest.mark.slow  # starts a process
@pytest.mark.skipif(not _fresh_process._COPIES, reason="each question has a process of its own")
def test_each_question_is_put_to_a_process_that_knows_nothing_of_the_others(module, tmp_path, monkeypatch):
    first, second = ORIGIN.ask(leave_something), ORIGIN.ask(leave_something)
    assert len({first[0], second[0], os.getpid()}) == 3
    assert first[1] == second[1] == 1
    for how, reason in ("exit", "SystemExit: stopped"), ("kill", "exit status -9"):
        with pytest.raises(Failed, match=f"^a fresh process fails: {reason}$"):
            ORIGIN.ask(stop, how)
    # What changed here since it started counts.
    module("lcl_test_new", "pass")
    monkeypatch.setenv("LCL_TEST", "yes")
    monkeypatch.chdir(tmp_path)
    assert ORIGIN.ask(_fresh_process._import, "lcl_test_new")[1] == []
    assert ORIGIN.ask(os.getenv, "LCL_TEST") == "yes"
    assert ORIGIN.ask(os.getcwd) == os.fspath(tmp_path)
    # A copy that does not finish is killed.
    monkeypatch.setattr(ORIGIN, "time_limit", 2)
    with pytest.raises(Failed, match="did not finish within 2 s"):
        ORIGIN.ask(write_on, tmp_path / "written")
    size = (tmp_path / "written").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "written").stat().st_size == size > 0
