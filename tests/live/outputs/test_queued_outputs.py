"""Commands and web requests: in order, in time, again if need be, and never in the way of the watcher."""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from changes_samples import changed

from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.live.outputs import Hook, Webhook

pytestmark = pytest.mark.timeout(60)


def wait_for(what: Callable[[], Any]) -> None:
    limit = time.monotonic() + 10
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.01)


def script(folder: Path, text: str) -> list[str]:
    file = folder / "hook.sh"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return [str(file)]


def test_a_hook_gets_each_change_in_order(tmp_path: Path) -> None:
    hook = Hook(f"tee -a '{tmp_path / 'with blank.jsonl'}'", kinds=("provisional", "final"))
    changes = [changed(n, kind) for n, kind in enumerate(("provisional", "updated", "final", "final"), 1)]
    for change in changes:
        hook.write(change)
    hook.close()
    lines = (tmp_path / "with blank.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [c.to_dict() for c in changes if c.kind != "updated"]


def test_a_hook_that_fails_is_told_at_once_and_raised_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook = Hook(script(tmp_path, "echo no printer >&2; exit 3"))
    hook.write(changed(1))
    wait_for(lambda: "ended with status 3: no printer" in caplog.text)
    with pytest.raises(OutputError, match=r"hook .*hook.sh: could not hand on 1: .* ended with status 3: no printer"):
        hook.write(changed(2))
    time.sleep(0.1)
    hook.close()
    assert caplog.text.count("status 3") == 1  # once, as long as it lasts


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_a_hook_that_hangs_is_killed_with_its_children(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pid = tmp_path / "pid"
    hook = Hook(script(tmp_path, f"sleep 60 & echo $! > {pid}; wait"), timeout=0.3)
    hook.write(changed())
    wait_for(lambda: "was killed after 0.3 s" in caplog.text)
    child = Path(f"/proc/{pid.read_text().strip()}/stat")
    wait_for(lambda: not child.exists() or child.read_text().split()[2] == "Z")
    hook.close()


def test_a_slow_hook_neither_blocks_nor_piles_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook = Hook(script(tmp_path, "sleep 1"), waiting=2)
    begun = time.monotonic()
    hook.write(changed(1))
    wait_for(lambda: hook._queue.empty())
    hook.write(changed(2))
    hook.write(changed(3))
    with pytest.raises(OutputError, match="2 changes wait already; one is left out"):
        hook.write(changed(4))
    hook.close(0.2)
    assert time.monotonic() - begun < 5
    assert "2 changes were not handed on" in caplog.text


@pytest.mark.parametrize(
    ("command", "problem"),
    [("", "is empty"), ("no-such-program -x", "'no-such-program' is no command"), ("echo 'x", "No closing quotation")],
)
def test_commands_that_cannot_run_are_refused(command: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Hook(command)
    with pytest.raises(ConfigurationError, match="kinds must be among provisional, updated, final, withdrawn"):
        Hook("true", kinds=("finished",))


class Handler(BaseHTTPRequestHandler):
    server: "Receiver"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((body["number"], self.headers["Authorization"]))
        code = self.server.codes.pop(0) if self.server.codes else 204
        self.send_response(code)
        self.send_header("Content-Length", "0")
        if code == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes: list[int] = []
        self.got: list[tuple[int, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/events"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def test_changes_are_posted_in_order_and_again_if_the_server_fails(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.codes = [200, 503, 429, 201, 200]
    webhook = Webhook(receiver.url, headers={"Authorization": "Bearer abc"}, pause=0.01)
    for number in (1, 2, 3):
        webhook.write(changed(number))
    webhook.close()
    assert receiver.got == [(number, "Bearer abc") for number in (1, 2, 2, 2, 3)]
    assert not caplog.records


@pytest.mark.parametrize(("code", "times"), [(404, 1), (302, 1), (500, 3)])
def test_what_a_server_refuses_is_not_repeated_for_ever(
    receiver: Receiver, code: int, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.codes = [code] * times
    webhook = Webhook(receiver.url, attempts=3, pause=0.01)
    webhook.write(changed(1))
    webhook.write(changed(2))
    webhook.close()
    assert [number for number, _ in receiver.got] == [1] * times + [2]
    assert caplog.text.count(f"webhook 127.0.0.1: answers {code}") == 1


def test_a_server_that_is_away_is_waited_for_until_the_watcher_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    webhook = Webhook("http://127.0.0.1:9/events", pause=30)
    webhook.write(changed(1))
    webhook.write(changed(2))
    begun = time.monotonic()
    webhook.close(0.2)
    assert time.monotonic() - begun < 5
    assert "cannot be reached (ConnectionError)" in caplog.text
    assert "1 changes were not handed on" in caplog.text


@pytest.mark.parametrize("url", ["ftp://host/x", "host.org", "http://"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address: expected http://HOST"):
        Webhook(url)
