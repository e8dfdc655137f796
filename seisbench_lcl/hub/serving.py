"""A hub in a folder, served to a laboratory's own network: a convenience, with nothing but the standard library."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.names import REGISTRY
from seisbench_lcl.hub.publishing import registry_of


class _Handler(SimpleHTTPRequestHandler):
    """Gives out the registry and what it names, and nothing else of the folder."""

    timeout = 60  # seconds; who says nothing any more holds no thread for ever

    def __init__(self, *arguments: object, folder: Path, **kwargs: object) -> None:
        self._folder = folder
        super().__init__(*arguments, directory=str(folder), **kwargs)  # type: ignore[arg-type]

    def send_head(self) -> Any:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        try:
            named = {REGISTRY, *_named(self._folder)}
        except HubError:
            self.send_error(500, "the registry cannot be read")
            return None
        if path not in named:
            self.send_error(404, "not in the registry")
            return None
        self.path = quote(f"/{path}")  # read but once, so that nothing else can come of it
        return super().send_head()


def server(folder: Path, host: str = "127.0.0.1", port: int = 8000) -> ThreadingHTTPServer:
    """Return a server of the hub in a folder, to be run by `serve_forever`.

    Parameters
    ----------
    folder : Path
        Root of a hub.
    host : str
        Address to listen at; by default only this machine is answered.
    port : int
        0 for any that is free.

    Raises
    ------
    HubError
        If the folder has no registry that can be read.
    OSError
        If the address cannot be listened at.
    """
    registry_of(folder)
    return ThreadingHTTPServer((host, port), partial(_Handler, folder=folder))


def _named(folder: Path) -> set[str]:
    weights = registry_of(folder).weights
    entries = (entry for names in weights.values() for versions in names.values() for entry in versions.values())
    return {file.path for entry in entries for file in entry.files.values()}
