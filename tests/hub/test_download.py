import hashlib
import io
import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import (
    Answer,
    Server,
    fail,
    in_another_process,
    in_turn,
    redirect,
    send,
    send_chunked,
    send_undeclared,
    serving,
    stall,
)

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub import download, sources
from seisbench_lcl.hub.download import fetch, read
from seisbench_lcl.hub.schema import File
from seisbench_lcl.hub.sources import source

CONTENT = bytes(range(256)) * 2000
PATH = "minirocketridge/mixed-3c.safetensors.v1"
FILE = File(path=PATH, sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
QUICK = (1.0, 0.2)


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    monkeypatch.setattr(sources, "_RETRIES", sources._RETRIES.new(backoff_factor=0))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "minirocketridge" / "mixed-3c.safetensors.v1"


def pull(address: str, target: Path, *more: str, progress: bool = False) -> None:
    fetch([source(a, QUICK) for a in (address, *more)], FILE, target, progress)


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize(
    "answer",
    [
        send(CONTENT),
        send_undeclared(CONTENT),
        send_chunked(iter([CONTENT[:1], CONTENT[1:9], CONTENT[9:]])),
        in_turn(fail(500), fail(502), send(CONTENT)),
        in_turn(send(CONTENT[:999], len(CONTENT)), send_undeclared(CONTENT[:99]), send(CONTENT)),
        in_turn(stall(CONTENT, 1000), stall(CONTENT, None), send(CONTENT)),
    ],
    ids=["declared", "undeclared", "chunked", "recovering", "cut, then good", "slow, then good"],
)
def test_good_servers(answer: Answer, target: Path, tmp_path: Path) -> None:
    with serving({PATH: answer}) as server:
        pull(server.url, target)
    assert target.read_bytes() == CONTENT
    assert left_in(tmp_path) == [str(target.relative_to(tmp_path))]


def test_a_redirect_and_a_folder(target: Path, tmp_path: Path) -> None:
    with serving({"x": CONTENT, PATH: redirect("/x")}) as server:
        pull(server.url, target)
        assert target.read_bytes() == CONTENT
    target.unlink()
    (tmp_path / "hub" / PATH).parent.mkdir(parents=True)
    (tmp_path / "hub" / PATH).write_bytes(CONTENT)
    pull((tmp_path / "hub").as_uri(), target)
    assert target.read_bytes() == CONTENT


WRONG = b"x" + CONTENT[1:]
BAD = {
    "missing": (fail(404), r"404 \(Not Found\)"),
    "failing": (fail(500), "500"),
    "wrong content": (send(WRONG), "has the SHA-256"),
    "declared short": (send(CONTENT, len(CONTENT) - 1), "this is a different file"),
    "declared long": (send(CONTENT, len(CONTENT) + 1), "this is a different file"),
    "shorter than declared": (send(CONTENT[:-1], len(CONTENT)), "broke off|ended after"),
    "short": (send_undeclared(CONTENT[:-1]), "ended after 511,999 of 512,000 bytes"),
    "long": (send_undeclared(CONTENT + b"x"), "is longer than the 512,000 bytes"),
    "empty": (send_undeclared(b""), "ended after 0 of"),
    "a page": (send(b"<html>"), "declares 6 bytes"),
    "stalling": (stall(CONTENT, 1000), "timed out"),
    "silent": (stall(CONTENT, None), "timed out"),
    "cut": (send_chunked(iter([CONTENT]), last=b"1\r\n"), "broke off"),
    "endless redirects": (redirect(f"/{PATH}"), "more than 5 times"),
    "no HTTP": (lambda handler: handler.wfile.write(b"\0" * 99), "cannot get"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD.values(), ids=BAD.keys())
def test_bad_servers_leave_nothing_and_the_next_source_is_tried(
    answer: Answer, reason: str, target: Path, tmp_path: Path
) -> None:
    with serving({PATH: answer}) as bad, serving({PATH: CONTENT}) as good:
        with pytest.raises(HubError, match=reason) as error:
            pull(bad.url, target)
        assert bad.url in str(error.value)
        assert left_in(tmp_path) == []
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"an older file")
        with pytest.raises(HubError, match=reason):
            pull(bad.url, target)
        assert target.read_bytes() == b"an older file"
        pull(bad.url, target, good.url)
    assert target.read_bytes() == CONTENT
    assert left_in(tmp_path) == [str(target.relative_to(tmp_path))]


def test_the_error_lists_the_error_of_each_source(target: Path) -> None:
    with serving({PATH: WRONG}) as wrong, serving({}) as empty:
        with pytest.raises(HubError) as error:
            pull(wrong.url, target, empty.url, str(target.parent / "no hub"))
        message = str(error.value)
        assert message.startswith(f"cannot download {PATH}: (1) {PATH} of {wrong.url} has the SHA-256 ")
        assert f"; (2) cannot get {PATH} of {empty.url}: the server answers 404" in message
        assert message.endswith(f"no hub has no file {PATH}: check the address")
        assert (len(wrong.requests), len(empty.requests)) == (1, 1)  # another attempt would change nothing
    with pytest.raises(HubError, match="no source was given"):
        fetch([], FILE, target)


def test_an_endless_file_is_abandoned_once_it_is_too_long(target: Path, tmp_path: Path) -> None:
    sent = itertools.count()
    with serving({PATH: send_chunked(bytes(100_000) for _ in sent)}) as server:
        with pytest.raises(HubError, match="is longer than"):
            pull(server.url, target)
        assert len(server.requests) == 1
    assert left_in(tmp_path) == []


def test_a_server_that_drips_is_abandoned(target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.2)

    def drip(handler: Server) -> None:
        send(b"", len(CONTENT))(handler)
        while not handler.server.over.wait(0.02):
            handler.wfile.write(b"x")

    with serving({PATH: drip}) as server:
        with pytest.raises(HubError, match=r"is too slow: \d+ bytes in 0 s"):
            pull(server.url, target)
        assert len(server.requests) == 1
    assert left_in(tmp_path) == []


def test_an_interrupted_download_leaves_nothing(target: Path, tmp_path: Path) -> None:
    begun, interrupted = threading.Event(), threading.Event()

    def once(*_: object) -> None:
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt

    def press_control_c() -> None:
        assert begun.wait(10)
        while not interrupted.wait(0.05):  # a signal just before a wait for data does not end that wait
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    class Watched(io.FileIO):
        """A temporary file that reports its first bytes."""

        def write(self, data: bytes) -> int:
            written = super().write(data)
            begun.set()
            return written

    with serving({PATH: stall(CONTENT, 1000, press_control_c)}) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode="r": Watched(self, mode) if "w" in mode else open(self, mode))
        before = signal.signal(signal.SIGINT, once)
        try:
            with pytest.raises(KeyboardInterrupt):
                fetch([source(server.url)], FILE, target)
        finally:
            signal.signal(signal.SIGINT, before)
    assert begun.is_set()
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("after", [0, 100_000])
def test_a_full_disk(after: int, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, data: bytes) -> int:
            if self.tell() + len(data) > after:
                raise OSError(28, "No space left on device")
            return super().write(data)

    with serving({PATH: CONTENT}) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", lambda self, mode="r": Full(self, mode) if "w" in mode else open(self, mode))
            with pytest.raises(HubError, match=r"cannot write .*mixed-3c.* No space left on device; free disk"):
                pull(server.url, target, server.url)
        assert len(server.requests) == 1  # another source would not help
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("place", ["read-only folder", "file for a folder", "folder for a file"])
def test_a_target_that_cannot_be_written(
    place: str, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "folder for a file":
        target.mkdir(parents=True)
    elif place == "file for a folder":
        target.parent.parent.mkdir(parents=True)
        target.parent.write_text("")
    else:
        target.parent.mkdir(parents=True)
        target.parent.chmod(0o555)
        if os.access(target.parent, os.W_OK):  # root may write to every folder, except to those of the kernel
            target.parent.rmdir()
            target = Path("/proc/sys/kernel") / target.name
    before = left_in(tmp_path)
    with serving({PATH: CONTENT}) as server, pytest.raises(HubError, match="cannot write"):
        pull(server.url, target)
    assert left_in(tmp_path) == before


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_processes_at_once_leave_one_good_file(target: Path, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=60)

    def at_once(handler: Server) -> None:
        both.wait()
        send(CONTENT[:1000], len(CONTENT))(handler)
        both.wait()  # both have begun
        handler.wfile.write(CONTENT[1000:])

    with serving({PATH: at_once}) as server:
        arguments = [source(server.url, (10.0, 60.0))], FILE, target
        with in_another_process(fetch, *arguments):
            fetch(*arguments)
    assert target.read_bytes() == CONTENT
    assert left_in(tmp_path) == [str(target.relative_to(tmp_path))]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("terminal", "progress"), [(True, True), (True, False), (False, True)])
def test_a_progress_bar_is_drawn_only_if_wanted_and_only_on_a_terminal(
    terminal: bool, progress: bool, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with serving({PATH: CONTENT}) as server:
        pull(server.url, target, progress=progress)
    for text in ("mixed-3c.safetensors.v1", "100%", "512.0/512.0 kB"):
        assert (text in stream.getvalue()) == (terminal and progress)
    assert bool(stream.getvalue()) == (terminal and progress)
    assert capsys.readouterr().out == ""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    answers = {
        "registry.json": in_turn(fail(500), send(b"{}", 3), send(b"{}")),
        "undeclared": send_undeclared(b"{}"),
        "long": send(bytes(11)),
        "endless": send_chunked(bytes(1000) for _ in itertools.count()),
        "cut": send(b"{}", 3),
    }
    with serving(answers) as server:
        yield server


def test_small_files_are_read_into_memory_up_to_a_limit(small: Server) -> None:
    web = source(small.url, QUICK)
    assert read(web, "registry.json", 10) == b"{}"
    assert read(web, "undeclared", 2) == b"{}"
    for path in ("long", "endless"):
        with pytest.raises(HubError, match="is larger than the allowed 10 bytes"):
            read(web, path, 10)
    with pytest.raises(HubError, match=r"broke off|ended after 2 of 3"):
        read(web, "cut", 10)
    with pytest.raises(HubError, match="404"):
        read(web, "missing", 10)
