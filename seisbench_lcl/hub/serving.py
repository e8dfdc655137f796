"""Serve a hub folder to a local network, with the standard library only."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.names import REGISTRY, SIGNATURE
from seisbench_lcl.hub.publishing import registry_of


class _Handler(SimpleHTTPRequestHandler):
    """Serves the registry and the files listed in it, and nothing else in the folder."""

    timeout = 60  # seconds, so that a silent client does not hold a thread for ever

    def __init__(self, *arguments: object, folder: Path, **kwargs: object) -> None:
        self._folder = folder
        super().__init__(*arguments, directory=str(folder), **kwargs)  # type: ignore[arg-type]

    def send_head(self) -> Any:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        try:
            listed = {REGISTRY, SIGNATURE, *_listed(self._folder)}
        except HubError:
            self.send_error(500, "the registry cannot be read")
            return None
        if path not in listed:
            self.send_error(404, "not in the registry")
            return None
        self.path = quote(f"/{path}")  # the checked path, so that the base class cannot read the address differently
        return super().send_head()


def server(folder: Path, host: str = "127.0.0.1", port: int = 8000) -> ThreadingHTTPServer:
    """Return a server of a hub folder; start it with `serve_forever`.

    Parameters
    ----------
    folder : Path
        Root of a hub.
    host : str
        Address to listen on; by default the server answers only this machine.
    port : int
        0 for any free port.

    Raises
    ------
    HubError
        If the registry of the folder cannot be read.
    OSError
        If the server cannot listen on the address.
    """
    registry_of(folder)
    return ThreadingHTTPServer((host, port), partial(_Handler, folder=folder))


def _listed(folder: Path) -> set[str]:
    weights = registry_of(folder).weights
    entries = (entry for names in weights.values() for versions in names.values() for entry in versions.values())
    return {file.path for entry in entries for file in entry.files.values()}
