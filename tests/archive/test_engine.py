"""Workers and clients that are killed for real, and days that kill whoever does them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import distributed
import pytest
from sds_archive import MIDNIGHT, WEIGHTS, assert_same_rows, recorded, write_sds

from seisbench_lcl import archive
from seisbench_lcl.archive import engine
from seisbench_lcl.archive.engine import opened_client, run_on
from seisbench_lcl.archive.fence import Fence
from seisbench_lcl.archive.manifest import Manifest
from seisbench_lcl.archive.plan import Task
from seisbench_lcl.archive.settings import Settings, Weights
from seisbench_lcl.archive.units import Unit
from seisbench_lcl.archive.worker import Outcome, failed
from seisbench_lcl.errors import ArchiveError
from seisbench_lcl.events.source import Site

STATIONS = tuple(f"S{number}" for number in range(5))
SPAN = {"start": MIDNIGHT - 60, "end": MIDNIGHT + 60}


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started, and those of these."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue  # it has just ended
        if int(rest.split()[1]) == pid:
            child = int(name.split()[0])
            found += [child, *children_of(child)]
    return found


def workers_of(pid: int) -> list[int]:
    named = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children_of(pid)}
    return [child for child, command in named.items() if b"spawn_main" in command]


def wait_for(what: Any, seconds: float = 120.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_worker_and_a_killed_client_cost_no_row(tmp_path: Path) -> None:
    root = write_sds(tmp_path / "sds", recorded(1, STATIONS, events=(-4,)))
    whole, out = tmp_path / "whole", tmp_path / "out"
    archive.run(root, WEIGHTS, whole, **SPAN, windows="top", workers=0)
    command = [sys.executable, "-m", "seisbench_lcl", "archive", "run", str(root), "--weights", WEIGHTS, "--json"]
    command += ["--start", str(SPAN["start"]), "--end", str(SPAN["end"]), "--out", str(out), "--windows", "top"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.PIPE, text=True, env=environment) as client:
        assert client.stdout
        told = [json.loads(client.stdout.readline()) for _ in range(2)]  # the plan, and the first batch
        assert told[1]["done"] + told[1]["gaps"] == 1
        (worker,) = workers_of(client.pid)
        os.kill(worker, signal.SIGKILL)
        client.stdout.readline()  # of the worker that replaced it
        assert worker not in workers_of(client.pid)
        left = workers_of(client.pid)
        client.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
    done = len(Manifest(out).entries)
    assert 2 <= done < 2 * len(STATIONS)
    last = archive.run(root, WEIGHTS, out, **SPAN, windows="top", workers=0)
    assert (last.progress.before, last.progress.done) == (done, 2 * len(STATIONS) - done)
    assert_same_rows(out, whole, "detections", "windows")


def settings() -> Settings:
    return Settings(Weights("nothing", None, "Model/name", "1", "0" * 64), stride=100)


def kills(task: Task, settings: Settings, fence: Fence) -> Outcome:
    """Stand in for `execute`: a day that no process survives, as the scheduler says after three of them."""
    for unit in task.units:
        if unit.start == 3:
            raise distributed.KilledWorker("task", SimpleNamespace(address="tcp://127.0.0.1:1"), 2)
    return Outcome(task, [failed(unit, settings, "done") for unit in task.units], {})


@pytest.mark.slow
@pytest.mark.timeout(100)
def test_a_day_that_kills_three_workers_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", kills)
    tasks = [Task(name, tuple(Unit(Site("XX", name), start, start + 1) for start in days)) for name, days in DAYS]
    found: dict[tuple[str, int], str] = {}

    def done(outcome: Outcome) -> tuple[str, ...]:
        for unit, entry in zip(outcome.task.units, outcome.entries, strict=True):
            found[unit.site.station, unit.start] = entry.reason
        return ("kept",)

    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        run_on(client, tasks, settings(), Fence(str(tmp_path), ""), done)
    assert {key for key, reason in found.items() if "3 workers were killed" in reason} == {("B", 3)}
    assert sorted(found) == [("A", 1), ("B", 2), ("B", 3), ("C", 4)]


DAYS = (("A", (1,)), ("B", (2, 3)), ("C", (4,)))


def waits(task: Task, settings: Settings, fence: Fence) -> Outcome:
    time.sleep(60)
    raise AssertionError("the scheduler should have gone")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_scheduler_that_goes_away_or_is_not_there_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "execute", waits)
    monkeypatch.setattr(engine, "_ALIVE", 2.0)
    with pytest.raises(ArchiveError, match="no Dask scheduler answers"), opened_client(None, "tcp://127.0.0.1:1", None):
        pass
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    file = tmp_path / "scheduler.json"
    scheduler = subprocess.Popen(
        [*program, "--scheduler-file", str(file), "--no-dashboard"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        address = json.loads(wait_for(lambda: file.exists() and file.read_text()))["address"]
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
            opened_client(None, address, None) as client,
        ):
            task = Task("A", (Unit(Site("XX", "A"), 1, 2),))
            client.loop.call_later(1.0, scheduler.kill)
            with pytest.raises(ArchiveError, match="run the same command again"):
                run_on(client, [task], settings(), Fence(str(tmp_path), ""), lambda outcome: ())
    finally:
        scheduler.kill()
        scheduler.wait()
