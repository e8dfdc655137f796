"""The options of all commands: version, quiet and verbose."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import obspy
import pytest
from conftest import Done

import seisbench_lcl
from seisbench_lcl.cli.terminal import set_verbosity

logger = logging.getLogger("seisbench")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    level = logger.level
    yield
    set_verbosity(False, 0)
    logger.setLevel(level)


def test_version(run: Callable[..., Done]) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"seisbench-lcl {seisbench_lcl.__version__}\n", "")


def test_quiet_keeps_results_and_errors(run: Callable[..., Done], tmp_path: Path) -> None:
    obspy.read().write(str(tmp_path / "day1.mseed"), "MSEED")
    arguments = ("classify", "day[1].mseed", "absent.sac", "--weights", "MiniRocketRidge/mixed-3c-fast")
    usual, quiet = run(*arguments), run("--quiet", *arguments)
    assert (quiet.returncode, quiet.stdout) == (1, usual.stdout)
    assert "pattern" in usual.stderr
    losses = ["cannot read absent.sac: no such file", "1 of 2 files could not be read completely"]
    assert quiet.stderr.splitlines() == losses
    assert run("-q", "classify", "absent.sac", "--weights", "unheard-of").stderr.startswith("error: WeightsError: ")


@pytest.mark.parametrize(
    ("options", "level"),
    [((), "WARNING"), (("-q",), "ERROR"), (("-v",), "INFO"), (("-vv",), "DEBUG"), (("--verbose",), "INFO")],
)
def test_verbose_logs_and_shows_where_an_error_comes_from(
    run: Callable[..., Done], options: tuple[str, ...], level: str
) -> None:
    done = run(*options, "hub", "show", "unheard-of")
    assert done.returncode == 2
    assert logging.getLevelName(logger.level) == level
    assert ("Traceback" in done.stderr) == (level in ("INFO", "DEBUG"))
    assert done.stderr.splitlines()[-1].startswith("error: HubError: no hub has weights called unheard-of")


@pytest.mark.slow
def test_the_package_is_a_program() -> None:
    command = [sys.executable, "-W", "ignore", "-X", "importtime", "-m", "seisbench_lcl"]
    done = subprocess.run([*command, "-h"], capture_output=True, text=True, check=True, timeout=60)
    assert "Usage: python -m seisbench_lcl" in done.stdout
    assert not any(f"| {name}\n" in done.stderr.replace("  ", "") for name in ("torch", "obspy", "seisbench"))
