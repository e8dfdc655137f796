"""SeisBench models by name, version and digest, from SeisBench's cache or from its server."""

import shutil
import socket
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import seisbench
import torch
from small_backbone import WEIGHTS, install, random_phasenet

from seisbench_lcl.errors import ConfigurationError, MissingBackboneError, WeightsError
from seisbench_lcl.hub import backbones
from seisbench_lcl.hub.backbones import Backbone, open_backbone, tensor_digest

pytestmark = pytest.mark.timeout(60)


class WebDAV(SimpleHTTPRequestHandler):
    """Lists a folder as SeisBench asks for it, and serves its files."""

    def do_PROPFIND(self) -> None:
        folder = Path(self.translate_path(self.path))
        names = [self.path, *(f"{self.path.rstrip('/')}/{file.name}" for file in sorted(folder.iterdir()))]
        found = "".join(f"<d:response><d:href>{name}</d:href></d:response>" for name in names)
        content = f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{found}</d:multistatus>'.encode()
        self.send_response(207)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a server that SeisBench takes for its own."""
    folder = tmp_path / "remote"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(WebDAV, directory=str(folder))) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setattr(seisbench, "remote_model_root", f"http://127.0.0.1:{running.server_port}/")
        yield folder
        running.shutdown()


def test_from_the_cache(cache: Path) -> None:
    stem = install(cache)
    module, found = open_backbone("PhaseNet", WEIGHTS)
    assert found == Backbone(model="PhaseNet", weights=WEIGHTS, version="1", sha256=tensor_digest(random_phasenet()))
    assert found.files == [Path(f"{stem}.{kind}.v1") for kind in ("json", "pt")]
    assert not module.training
    assert module.component_order == "ENZ"
    assert open_backbone("PhaseNet", WEIGHTS, "1", found.sha256)[1] == found
    install(cache, version="2", seed=1)
    assert open_backbone("PhaseNet", WEIGHTS)[1].version == "2"
    assert open_backbone("PhaseNet", WEIGHTS, "1")[1] == found


def test_phasenet_as_seisbench_serves_it(backbones: Path) -> None:
    _, found = open_backbone("PhaseNet", "original")
    assert (found.version, found.sha256[:12]) == ("1", "d98d1157a390")


def test_the_digest_is_that_of_names_shapes_and_values() -> None:
    first, same, other = random_phasenet(), random_phasenet(), random_phasenet(1)
    assert tensor_digest(first) == tensor_digest(same) != tensor_digest(other)
    with torch.no_grad():
        same.out.bias[0] += 1e-6
    assert tensor_digest(first) != tensor_digest(same)
    assert tensor_digest(torch.nn.Linear(2, 3)) != tensor_digest(torch.nn.Linear(3, 2))


def test_from_the_server(cache: Path, server: Path) -> None:
    install(server)
    install(server, version="2", seed=1)
    assert open_backbone("PhaseNet", WEIGHTS, "1")[1].sha256 == tensor_digest(random_phasenet())
    assert sorted(file.name for file in (cache / "phasenet").iterdir()) == ["tiny.json.v1", "tiny.pt.v1"]
    assert open_backbone("PhaseNet", WEIGHTS)[1].version == "1"  # what is here is used
    shutil.rmtree(cache / "phasenet")
    assert open_backbone("PhaseNet", WEIGHTS)[1].version == "2"


@pytest.mark.parametrize(
    ("version", "reason"), [("3", "Version '3' of weight 'tiny' is not available"), (None, "No version for weight")]
)
def test_not_on_the_server(cache: Path, server: Path, version: str | None, reason: str) -> None:
    (server / "phasenet").mkdir()
    with pytest.raises(MissingBackboneError, match=rf"PhaseNet/tiny .*could not be downloaded \(ValueError: {reason}"):
        open_backbone("PhaseNet", WEIGHTS, version)


def test_without_a_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seisbench, "remote_model_root", "http://127.0.0.1:9/")
    message = (
        r"PhaseNet/tiny version 1 .*\(no connection to http://127.0.0.1:9/\).* or run seisbench-lcl backbone "
        rf"PhaseNet/tiny --version 1 on a machine with a network, and copy its two files to {cache}/phasenet$"
    )
    with pytest.raises(MissingBackboneError, match=message):
        open_backbone("PhaseNet", WEIGHTS, "1")


def test_a_silent_server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "_PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(seisbench, "remote_model_root", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(MissingBackboneError, match=r"server did not deliver within 1 s"):
            open_backbone("PhaseNet", WEIGHTS, "1")


def test_an_interrupted_download_is_named(cache: Path, server: Path) -> None:
    install(server)
    left = cache / "phasenet" / "tiny.pt.v1.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with pytest.raises(MissingBackboneError, match=rf"remove {left} and try again"):
        open_backbone("PhaseNet", WEIGHTS, "1")


def test_files_that_are_not_weights(cache: Path) -> None:
    stem = install(cache)
    Path(f"{stem}.pt.v1").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"cannot read .*tiny.pt.v1.*: remove .*, then run seisbench-lcl backbone"):
        open_backbone("PhaseNet", WEIGHTS)


def test_nothing_is_unpickled(cache: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return pytest.fail, ("unpickled",)

    stem = install(cache)
    torch.save(Evil(), f"{stem}.pt.v1")
    with pytest.raises(WeightsError, match="cannot read"):
        open_backbone("PhaseNet", WEIGHTS)


@pytest.mark.parametrize("model", ["MiniRocketRidge", "WaveformModel2", "phasenet", "__name__"])
def test_no_such_model(model: str) -> None:
    with pytest.raises(ConfigurationError, match=f"seisbench.models has no model '{model}'"):
        open_backbone(model, WEIGHTS)


def test_other_tensors(cache: Path) -> None:
    install(cache)
    with pytest.raises(WeightsError, match=r"are not the weights that the model was trained with: .* 000000000000… is"):
        open_backbone("PhaseNet", WEIGHTS, sha256="0" * 64)
