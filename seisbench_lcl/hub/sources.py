"""Sources of the files of a hub: a web server, a folder, or a Hugging Face repository at one commit.

A source yields bytes as they arrive, unchecked; `seisbench_lcl.hub.download` checks them.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import url2pathname

import requests
import urllib3
from requests.adapters import HTTPAdapter

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.names import HF_REPOSITORY, check_path

TIMEOUT = (10.0, 30.0)  # seconds: to connect, and between two arrivals of data
CHUNK = 1 << 16
_MOST_RETRIES = 3  # before any data have arrived; `download` repeats broken transfers
_PAUSE = 0.3  # seconds before the second retry, doubled before each further one
_RETRIES = urllib3.Retry(
    total=_MOST_RETRIES,
    connect=1,
    read=1,
    backoff_factor=_PAUSE,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods={"GET"},
    raise_on_status=False,
    respect_retry_after_header=False,  # a server could ask for hours
)
_MOST_REDIRECTS = 5


class BrokenTransferError(HubError):
    """A transfer broke off; another attempt may succeed."""


Content = tuple[Iterator[bytes], int | None]
"""Chunks of a file as they arrive, and its length in bytes if the source declares it."""


class FileSource(ABC):
    """A static folder, local or remote.

    Attributes
    ----------
    address : str
        Address without user name and password.
    """

    address: str

    @abstractmethod
    def open(self, path: str) -> AbstractContextManager[Content]:
        """Open a file.

        Parameters
        ----------
        path : str
            Path below the root of the folder, with "/" between its parts.

        Raises
        ------
        HubError
            On entering, if the file cannot be opened; as `BrokenTransferError`, from the iterator.
        """


def source(address: str, timeout: tuple[float, float] = TIMEOUT) -> FileSource:
    """Return the source at an address.

    Parameters
    ----------
    address : str
        ``https://…`` or ``http://…``, ``hf://owner/repository@commit``, ``file://…`` or the path of a folder.
    timeout : tuple of float
        Seconds to connect, and between two arrivals of data.

    Raises
    ------
    HubError
        If the address is of another kind, or has a query or a fragment.
    """
    kind, separator, rest = address.partition("://")
    if not separator and "\0" not in address:
        return FolderSource(Path(address))
    match kind.lower():
        case "http" | "https":
            return WebSource(address, timeout)
        case "hf":
            return HuggingFaceSource(rest, timeout)
        case "file":
            host, _, path = rest.partition("/")
            if host in ("", "localhost") and "\0" not in url2pathname(path):
                return FolderSource(Path(url2pathname("/" + path)))
    raise HubError(
        f"{_public(address)!a} is not an address of a hub: use https://…, http://…, hf://owner/repository@commit, "
        "file:///… or a folder"
    )


class FolderSource(FileSource):
    """A folder on a disk.

    Parameters
    ----------
    folder : Path

    Examples
    --------
    >>> from seisbench_lcl.hub import weights
    >>> with FolderSource(weights.bundled()).open("registry.json") as (chunks, length):
    ...     len(b"".join(chunks)) == length
    True
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._folder = folder.expanduser().absolute()
        except RuntimeError as error:
            raise HubError(f"{str(folder)!a} is not a folder: {error}") from error
        self.address = str(self._folder)

    @contextmanager
    def open(self, path: str) -> Iterator[Content]:
        """Open a file; links out of the folder are not followed."""
        try:
            file = (self._folder / check_path(path)).resolve()
            if not file.is_relative_to(self._folder.resolve()):
                raise HubError(f"{path} is a link out of {self.address}: replace it by the file itself")
            if not file.is_file():  # opening a pipe would wait for ever
                raise HubError(f"{self.address} has no file {path}: check the address")
            opened = file.open("rb")
        except (OSError, RuntimeError) as error:
            raise HubError(f"cannot read {path} of {self.address}: {error}") from error
        with opened:
            yield _read(lambda: opened.read(CHUNK), f"{path} of {self.address}"), os.fstat(opened.fileno()).st_size


class WebSource(FileSource):
    """A folder on a web server, read with GET alone: no listing, no WebDAV.

    Parameters
    ----------
    address : str
        Address of the folder.
    timeout : tuple of float
        Seconds to connect, and between two arrivals of data.

    Raises
    ------
    HubError
        If the address has no host, or has a query or a fragment.
    """

    def __init__(self, address: str, timeout: tuple[float, float] = TIMEOUT) -> None:
        try:
            parts = urlsplit(address)
            good = bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
        except ValueError:
            good = False
        if not good:
            raise HubError(
                f"{_public(address)!a} is not an address of a hub: use https://host/folder, or "
                "https://host/folder#KEY with a public key of 56 characters"
            )
        self._base = address.rstrip("/") + "/"
        self._timeout = timeout
        self.address = _public(address)

    @contextmanager
    def open(self, path: str) -> Iterator[Content]:
        """Open a file; redirects are followed, but not from https to http."""
        what = f"{check_path(path)} of {self.address}"
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
            with self._answer(session, self._base + quote(path), what) as response:
                _check_answer(what, response.status_code, response.headers)
                # read1 returns what has arrived; read would wait for a whole chunk, however slowly it drips
                yield _read(lambda: response.raw.read1(CHUNK), what), _length(response.headers)

    def _answer(self, session: requests.Session, url: str, what: str) -> requests.Response:
        for _ in range(1 + _MOST_REDIRECTS):
            try:
                response = session.get(
                    url,
                    headers={"Accept-Encoding": "identity"},  # so that the declared length is that of the file
                    timeout=self._timeout,
                    stream=True,
                    allow_redirects=False,  # requests would read the whole body of a redirect, of any length
                )
                location = session.get_redirect_target(response)
                if location is None:
                    return response
                response.close()
                target = urljoin(url, location)
                before, scheme = urlsplit(url).scheme, urlsplit(target).scheme
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise HubError(f"cannot get {what}: {_reason(error)}") from error
            if scheme not in ("http", "https") or (before, scheme) == ("https", "http"):
                raise HubError(f"cannot get {what}: the server redirects to {_public(target)!a}, which is less safe")
            url = target
        raise HubError(f"cannot get {what}: the server redirects more than {_MOST_REDIRECTS} times")


class HuggingFaceSource(FileSource):
    """A model repository of the Hugging Face Hub, or of the mirror in ``HF_ENDPOINT``, at one commit.

    Parameters
    ----------
    repository : str
        ``owner/repository@commit``, with all 40 digits of the commit.
    timeout : tuple of float
        Seconds to connect, and between two arrivals of data.

    Raises
    ------
    HubError
        If the full commit is missing.
    """

    def __init__(self, repository: str, timeout: tuple[float, float] = TIMEOUT) -> None:
        self.address = f"hf://{repository}"
        found = HF_REPOSITORY.fullmatch(repository)
        if not found:
            raise HubError(
                f"{self.address!a} does not name a commit: use hf://owner/repository@commit with all 40 digits (0-9, "
                "a-f), which the page of the repository shows under 'history'"
            )
        self._repository, self._commit = found.groups()
        self._timeout = timeout

    @contextmanager
    def open(self, path: str) -> Iterator[Content]:
        """Open a file with the session of huggingface_hub: its token, endpoint, proxies, retries and offline mode."""
        what = f"{check_path(path)} of {self.address}"
        try:
            url = import_module("huggingface_hub").hf_hub_url(self._repository, path, revision=self._commit)
            client = import_module("huggingface_hub.utils")
            stream = client.http_stream_backoff
        except (ImportError, AttributeError) as error:
            raise HubError(
                f"{self.address} needs huggingface_hub 1 or newer: pip install 'seisbench-lcl[huggingface]'"
            ) from error
        connect, between = self._timeout
        with ExitStack() as stack:
            try:
                request = stream(
                    "GET",
                    url,
                    headers=client.build_hf_headers(library_name="seisbench-lcl", library_version=__version__)
                    | {"accept-encoding": "identity"},
                    timeout=(connect, between, between, connect),
                    follow_redirects=True,
                    max_retries=_MOST_RETRIES,
                    base_wait_time=_PAUSE,
                )
                response = stack.enter_context(request)
                client.hf_raise_for_status(response)
            except Exception as error:  # the client passes on the exceptions of its own dependencies
                raise HubError(f"cannot get {what}: {_reason(error)}") from error
            _check_answer(what, response.status_code, response.headers)
            answers = [*response.history, response]
            if {answer.url.scheme for answer in answers} == {"http", "https"}:
                raise HubError(f"cannot get {what}: the server redirects from https to http, which is less safe")
            served = {answer.headers.get("X-Repo-Commit") for answer in answers} - {None}
            if served != {self._commit}:
                found = f"commit {', '.join(map(ascii, served))}" if served else "no commit"
                raise HubError(f"cannot get {what}: the server states {found}")
            arriving = response.iter_raw()
            yield _read(lambda: next(arriving, b""), what), _length(response.headers)


def _check_answer(what: str, status: int, headers: Mapping[str, str]) -> None:
    if status != HTTPStatus.OK:
        known = status in HTTPStatus.__members__.values()
        meaning = f" ({HTTPStatus(status).phrase})" if known else ""
        raise HubError(f"cannot get {what}: the server answers {status}{meaning}")
    encoding = headers.get("Content-Encoding", "identity")
    if encoding.lower() not in ("", "identity"):
        raise HubError(f"cannot get {what}: the server compresses it ({encoding!a}) against the request")


def _length(headers: Mapping[str, str]) -> int | None:
    declared = headers.get("Content-Length", "")
    if "Transfer-Encoding" in headers or not re.fullmatch(r"[0-9]{1,18}", declared):
        return None
    return int(declared)


def _read(more: Callable[[], bytes], what: str) -> Iterator[bytes]:
    while True:
        try:
            chunk = more()
        except Exception as error:  # each client has its own exceptions for a broken transfer
            raise BrokenTransferError(f"the transfer of {what} broke off: {_reason(error)}") from error
        if not chunk:
            return
        yield chunk


def _public(address: str) -> str:
    """Return an address without user name and password."""
    return re.sub(r"(?<=//)[^/]*@", "", address[:200])


def _reason(error: Exception) -> str:
    """Return the message of an error as one line of printable characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in text[:500])
