"""The server of a hub serves the registry and the files listed in it, and nothing else."""

import http.client
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_hub import FOLDER, NAME, contents, fitted, make_hub, use_hubs, windows

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.serving import server


@contextmanager
def running(hub: Path) -> Iterator[int]:
    with server(hub, port=0) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield serving.server_port
        finally:
            serving.shutdown()
            thread.join()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes, http.client.HTTPMessage]:
    """Request a path as it is, unlike a well-behaved client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=False)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers
    connection.close()
    return found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a hub with secret files inside and outside; do not change it."""
    folder = tmp_path_factory.mktemp("guarded")
    hub = make_hub(folder / "hub")
    (folder / "outside.txt").write_text("secret")
    (hub / "inside.txt").write_text("secret")
    (hub / FOLDER / f"{NAME}.pt.v1").write_text("secret")
    (hub / FOLDER / "index.html").write_text("secret")
    for folder in ("x", "http:/x", "C:"):
        (hub / folder).mkdir(parents=True)
        (hub / folder / "registry.json").write_text("secret")
    return hub


@pytest.fixture(scope="module")
def port(guarded: Path) -> Iterator[int]:
    with running(guarded) as port:
        yield port


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return make_hub(tmp_path / "hub")


def test_files_of_the_registry_are_served(guarded: Path, port: int) -> None:
    listed = ["registry.json", *(f"{FOLDER}/{NAME}.{end}" for end in ("json.v1", "safetensors.v1", "md"))]
    for path in listed:
        content = (guarded / path).read_bytes()
        assert ask(port, f"/{path}")[:2] == (200, content)
        status, body, headers = ask(port, f"/{path}", "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, b"", str(len(content)))
    assert ask(port, f"/{FOLDER}/%74iny.md?x=1#y")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/inside.txt",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/registry.json/../inside.txt",
        f"/{FOLDER}",
        f"/{FOLDER}/",
        f"/{FOLDER}/{NAME}.pt.v1",
        f"/{FOLDER}/index.html",
        f"/{FOLDER}/../inside.txt",
        f"/{FOLDER}/./{NAME}.md/../../inside.txt",
        f"/{FOLDER}/{NAME}.md/",
        "/x/registry.json",
        "/./x/../inside.txt",
        "/etc/passwd",
        "//etc/passwd",
        "/registry.json%00",
        "/%ff",
        "/x\\..\\inside.txt",
    ],
)
def test_other_files_are_not_served(path: str, port: int) -> None:
    for method in ("GET", "HEAD"):
        status, body, _ = ask(port, path, method)
        assert status == 404
        assert b"secret" not in body
    assert ask(port, "/registry.json", "POST")[0] == ask(port, "/registry.json", "PUT")[0] == 501


@pytest.mark.parametrize("path", ["//x/registry.json", "http://x/registry.json", "C:/registry.json"])
def test_an_address_is_read_in_one_way(path: str, port: int) -> None:
    assert b"secret" not in ask(port, path)[1]


def test_versions_added_while_it_runs_and_a_registry_that_breaks(hub: Path) -> None:
    with running(hub) as port:
        assert ask(port, f"/{FOLDER}/{NAME}.json.v2")[0] == 404
        make_hub(hub, "2")
        assert ask(port, f"/{FOLDER}/{NAME}.json.v2")[0] == 200
        (hub / "registry.json").write_text("{}")
        assert ask(port, f"/{FOLDER}/{NAME}.json.v2")[0] == 500
    with pytest.raises(HubError, match="cannot be used"):
        server(hub, port=0)


def test_only_this_machine_is_answered_by_default(hub: Path) -> None:
    with server(hub, port=0) as serving:
        assert serving.server_address[0] == "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            server(hub, port=serving.server_port)


COMMAND = "from seisbench_lcl.cli import main; main()"


@pytest.mark.slow  # starts a process
def test_models_are_pulled_from_a_hub_that_another_process_serves(
    hub: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    command = [sys.executable, "-c", COMMAND, "hub", "serve", str(hub), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)\n", serving.stdout.readline())
            assert address is not None
            use_hubs(monkeypatch, address[1])
            model = lcl.WaveformKMeans.from_pretrained(NAME)
            assert (model.predict_proba(windows(7)) == fitted().predict_proba(windows(7))).all()
            pulled = contents(cache / FOLDER)
            assert pulled[f"{NAME}.safetensors.v1"] == (hub / FOLDER / f"{NAME}.safetensors.v1").read_bytes()
        finally:
            serving.terminate()
            output = serving.communicate(timeout=30)[1]
    assert serving.returncode == 0
    assert output.endswith("stopped\n")
    assert "Traceback" not in output
