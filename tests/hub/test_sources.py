import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import fail, in_turn, redirect, send, send_chunked, serving, stall

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub import sources
from seisbench_lcl.hub.sources import BrokenTransferError, FolderSource, WebSource, source

CONTENT = bytes(range(256)) * 1000
QUICK = (1.0, 0.2)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_RETRIES", sources._RETRIES.new(backoff_factor=0))


def get(address: str, path: str = "a/b.json") -> tuple[bytes, int | None]:
    with source(address, QUICK).open(path) as (chunks, length):
        return b"".join(chunks), length


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}", "{}/"])
def test_a_folder_has_an_address_in_several_forms(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "lab hub"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b.json").write_bytes(CONTENT)
    quoted = form.format(folder).replace(" ", "%20") if form.startswith("file") else form.format(folder)
    assert get(quoted) == (CONTENT, len(CONTENT))


def test_a_relative_folder_and_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "b.json").write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get("hub", "b.json") == get("~/hub", "b.json") == (CONTENT, len(CONTENT))
    with pytest.raises(HubError, match="is not a folder"):
        source("~nobody-of-this-name/hub")


def test_a_folder_serves_only_its_own_files(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    (hub / "a" / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_text("")
    (hub / "a" / "out").symlink_to(tmp_path / "secret")
    (hub / "a" / "loop").symlink_to(hub / "a" / "loop")
    (hub / "a" / "b").write_text("text")
    (hub / "a" / "in").symlink_to("b")
    os.mkfifo(hub / "a" / "pipe")
    assert get(str(hub), "a/in")[0] == b"text"
    (tmp_path / "link").symlink_to(hub)
    assert get(str(tmp_path / "link"), "a/b")[0] == b"text"
    with pytest.raises(HubError, match="is a link out of"):
        get(str(hub), "a/out")
    for path in ("a/folder", "a/pipe", "a/nothing", "a/b/c"):
        with pytest.raises(HubError, match=f"has no file {path}"):
            get(str(hub), path)
    with pytest.raises(HubError, match="a/loop"):
        get(str(hub), "a/loop")
    with pytest.raises(HubError, match="not a path inside a hub"):
        get(str(hub), "../secret")


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://host/hub", "https://", "http:///x", "https://[x", "https://user:secret@host:99999"),
        *("https://host/?a", "https://host/#a", "file://host/x", "://", "a\0", "file:///a%00"),
    ],
)
def test_wrong_addresses_of_hubs(address: str) -> None:
    with pytest.raises(HubError, match="is not an address of a hub") as error:
        source(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "repository",
    [
        *("owner/name", "owner/name@main", f"owner/name@{COMMIT[:7]}"),
        *(f"name@{COMMIT}", f"../x@{COMMIT}", f"owner/name@{COMMIT.upper()}", f"owner/name@{COMMIT}/folder"),
    ],
)
def test_a_repository_without_its_commit_is_refused(repository: str) -> None:
    with pytest.raises(HubError, match="does not name a commit: use hf://owner/repository@commit"):
        source(f"hf://{repository}")


def test_huggingface_hub_is_an_optional_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=r"pip install 'seisbench-lcl\[huggingface\]'"):
        get(f"hf://owner/name@{COMMIT}")


def test_a_web_server_is_asked_only_for_the_file() -> None:
    with serving({"hub/a%20folder/b.json": CONTENT}) as server:
        for address in (f"{server.url}/hub", f"{server.url}/hub/", server.url.replace("http", "HTTP") + "/hub"):
            assert get(address, "a folder/b.json") == (CONTENT, len(CONTENT))
        assert server.requests == ["/hub/a%20folder/b.json"] * 3


def test_passwords_are_sent_but_not_shown() -> None:
    with serving({"a/b.json": CONTENT}) as server:
        address = server.url.replace("//", "//user:secret@")
        assert get(address)[0] == CONTENT
        assert server.headers[0]["authorization"].startswith("Basic ")
        assert source(address).address == server.url
        with pytest.raises(HubError) as error:
            get(address, "a/c.json")
        assert "secret" not in str(error.value)


def test_some_redirects_are_followed() -> None:
    with serving({"a/b.json": CONTENT}) as other, serving({}) as server:
        server.answers = {
            "a/b.json": redirect("/c"),
            "c": redirect(f"{other.url}/a/b.json"),
            "a/loop": redirect("loop"),
            "a/file": redirect("file:///etc/hostname"),
            "a/bad": redirect("http://[x"),
        }
        assert get(server.url)[0] == CONTENT
        with pytest.raises(HubError, match="redirects more than 5 times"):
            get(server.url, "a/loop")
        with pytest.raises(HubError, match="file:///etc/hostname', which is less safe"):
            get(server.url, "a/file")
        with pytest.raises(HubError, match="cannot get a/bad"):
            get(server.url, "a/bad")


def test_a_redirect_from_https_to_http_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"a/b.json": CONTENT}) as plain, serving({"a/b.json": redirect(f"{plain.url}/a/b.json")}) as server:
        # The session uses http for https, because a server on loopback has no certificate.
        monkeypatch.setattr(
            "requests.adapters.HTTPAdapter.build_connection_pool_key_attributes",
            lambda self, request, verify, cert: (
                {"scheme": "http", "host": "127.0.0.1", "port": int(request.url.rsplit(":", 1)[1].split("/")[0])},
                {},
            ),
        )
        with pytest.raises(HubError, match="which is less safe"):
            get(server.url.replace("http:", "HTTPS:"))
        assert server.requests == ["/a/b.json"]
        assert plain.requests == []


def test_a_server_that_recovers_is_asked_again() -> None:
    with serving({"a/b.json": in_turn(fail(503), fail(500), send(CONTENT))}) as server:
        assert get(server.url)[0] == CONTENT
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "message", "times"),
    [(404, r"404 \(Not Found\)", 1), (403, "403", 1), (204, "204", 1), (299, "answers 299$", 1), (500, "500", 4)],
)
def test_any_other_answer_is_an_error(status: int, message: str, times: int) -> None:
    with serving({"a/b.json": fail(status)}) as server:
        with pytest.raises(HubError, match=message):
            get(server.url)
        assert len(server.requests) == times


def test_a_server_that_compresses_unasked_is_refused() -> None:
    with serving({"a/b.json": send(CONTENT, Content_Encoding="gzip")}) as server:
        with pytest.raises(HubError, match="compresses it"):
            get(server.url)
        assert server.headers[0]["accept-encoding"] == "identity"


def test_slow_servers_time_out() -> None:
    begun = time.monotonic()
    with serving({"a/b.json": stall(CONTENT, None), "a/c.json": stall(CONTENT, 1000)}) as server:
        with pytest.raises(HubError, match=r"cannot get .*[Tt]imed out"):
            get(server.url)
        with pytest.raises(BrokenTransferError, match=r"broke off: .*timed out"):
            get(server.url, "a/c.json")
    assert time.monotonic() - begun < 20  # and not the 30 s for which the server would wait


def test_chunks_arrive_while_the_server_sends() -> None:
    with (
        serving({"a/b.json": stall(CONTENT, 10)}) as server,
        source(server.url, (1.0, 20.0)).open("a/b.json") as (chunks, length),
    ):
        assert next(chunks) == CONTENT[:10]
        assert length == len(CONTENT)


def test_cut_connections() -> None:
    with serving({"a/b.json": send(CONTENT[:1000], len(CONTENT))}) as server:
        with source(server.url).open("a/b.json") as (chunks, _), pytest.raises(BrokenTransferError):
            list(chunks)
    with serving({"a/b.json": send_chunked(iter([b"abc"]), last=b"ff\r\nabc")}) as server:
        with source(server.url).open("a/b.json") as (chunks, length), pytest.raises(BrokenTransferError):
            list(chunks)
        assert length is None
    with pytest.raises(HubError, match="cannot get"):  # the server has stopped
        get(server.url)


@pytest.mark.parametrize("length", ["x", "-1", "9" * 5000, "1, 2", "٣"])
def test_invalid_lengths_are_ignored(length: str) -> None:
    def answer(handler: object) -> None:
        handler.wfile.write(f"HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + CONTENT)

    with serving({"a/b.json": answer}) as server:
        try:
            content, declared = get(server.url)
        except HubError:
            return
        assert declared is None
        assert content == CONTENT


@pytest.fixture
def hugging_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that lets huggingface_hub be imported again, in another environment."""
    pytest.importorskip("huggingface_hub")

    def configure(**environment: str) -> None:
        for name in [name for name in os.environ if name.startswith("HF_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for name in [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]:
            monkeypatch.delitem(sys.modules, name)

    return configure


def test_hugging_face_at_one_commit_by_its_own_client(hugging_face: Callable[..., None], tmp_path: Path) -> None:
    commit = {"X_Repo_Commit": COMMIT}
    with serving({"stored": send(b"large")}) as storage, serving({}) as server:
        to_storage = redirect(f"{storage.url}/stored", **commit)
        answers = {
            "registry.json": send(b"small", **commit),
            "m/large": to_storage,
            "m/missing": fail(404),
            "m/later": in_turn(fail(503), send(b"later", **commit)),
            "m/moved": send(b"moved", X_Repo_Commit="f" * 40),
            "m/unknown": send(b"unknown"),
            "m/cut": send(b"cut", 1000, **commit),
            "m/slow": stall(b"slow", None),
        }
        server.answers = {f"owner/name/resolve/{COMMIT}/{path}": answer for path, answer in answers.items()}
        hugging_face(HF_ENDPOINT=server.url, HF_TOKEN="hf_secret", HF_HOME=str(tmp_path))
        said: dict[str, object] = {}
        for path in answers:
            try:
                content, length = get(f"hf://owner/name@{COMMIT}", path)
                said[path] = content.decode(), length
            except HubError as error:
                said[path] = f"{type(error).__name__}: {error}"
        assert said["registry.json"] == ("small", 5)
        assert said["m/large"] == ("large", 5)
        assert said["m/later"] == ("later", 5)
        assert said["m/missing"].startswith("HubError: cannot get m/missing of hf://owner/name@")
        assert said["m/moved"].endswith("the server states commit '" + "f" * 40 + "'")
        assert said["m/unknown"].endswith("the server states no commit")
        assert said["m/cut"].startswith("BrokenTransferError")
        assert "timed out" in said["m/slow"]
        for path, headers in zip(server.requests, server.headers, strict=True):
            if "/resolve/" in path:  # the client also makes requests of its own
                assert headers["authorization"] == "Bearer hf_secret"
                assert headers["user-agent"].startswith("seisbench-lcl/")
        assert storage.requests == ["/stored"]
        assert "authorization" not in storage.headers[0]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # no second cache


def test_kinds_of_addresses() -> None:
    assert isinstance(source("C:\\hub"), FolderSource)
    assert isinstance(source("HTTPS://host/hub"), WebSource)
