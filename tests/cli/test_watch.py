"""``seisbench-lcl watch``: options, logs and signals."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import obspy
import pytest
from conftest import Done

from seisbench_lcl.live.sources import ReplaySource

WEIGHTS = ("--weights", "MiniRocketRidge/mixed-3c-fast")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "example.mseed"
    obspy.read().write(str(path), "MSEED")
    return path


def test_a_replay_becomes_lines_events_and_a_log(run: Callable[..., Done], example: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "logs" / "watch.log"
    done = run(
        "watch", "--source", f"replay:{example}", *WEIGHTS, "--out", out, "--log", log, "--json", "--windows", "all"
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert (kinds[0], {*kinds[1:-1]} <= {"updated"}, kinds[-1]) == ("provisional", True, "final")
    assert {line["label"] for line in lines} == {"earthquake"}
    assert len(list((out / "events").rglob("*.xml"))) == 1
    said = [json.loads(line) for line in log.read_text().splitlines()]
    assert said[-1]["level"] == "info"
    assert said[-1]["health"]["events"] == 1
    again = run("watch", "--source", f"replay:{example}", *WEIGHTS, "--out", out)
    assert again.returncode == 0
    assert "going on where the last watcher ended, with 1 station" in again.stderr
    assert len((out / "decisions.jsonl").read_text().splitlines()) == len(lines)


def test_sigterm_ends_the_command_after_it_has_written(
    run: Callable[..., Done], example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(source: ReplaySource, _: object) -> Iterator[obspy.Trace | None]:
        yield from obspy.read(str(example))
        Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while not source._closed.wait(0.05):
            yield None

    monkeypatch.setattr(ReplaySource, "packets", endless)
    done = run("watch", "--source", f"replay:{example}", *WEIGHTS, "--out", tmp_path / "out")
    assert done.returncode == 0
    (line,) = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    assert json.loads(line)["kind"] == "provisional"
    state = json.loads((tmp_path / "out" / "state.json").read_text())["content"]
    assert [one["station"] for one in state["stations"]] == [["BW", "RJOB", "", "EH"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say where packets come from: --seedlink HOST:PORT, or --source ADDRESS"),
        (("--seedlink", "localhost:1", "--source", "x"), "say where packets come from"),
        (("--seedlink", "localhost:18000"), "say which streams"),
        (("--source", "replay:nowhere.mseed"), "nowhere.mseed"),
        (("--source", "replay:{}", "--pick-threshold", "0.2"), "--pick-threshold needs --picks"),
        (("--source", "replay:{}", "--wait", "-1"), "wait must be 0 s or more"),
        (("--source", "replay:{}", "--hook", "no-such-command"), "no-such-command"),
    ],
)
def test_what_cannot_be_watched_is_one_message(
    run: Callable[..., Done], example: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run("watch", *(one.format(example) for one in arguments), *WEIGHTS, "--out", "out")
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
