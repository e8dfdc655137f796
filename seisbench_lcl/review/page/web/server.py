"""The server of the review page: on loopback, behind a token, with all scripts and styles from itself."""

import secrets
import socket
import webbrowser
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Protocol

import panel as pn
from bokeh.settings import settings
from panel.io.server import get_server

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.review.page.web.page import Page

LOOPBACK = "127.0.0.1"
_REFUSED = {5060, 5061}  # ports that browsers do not open
_TITLE = "Review of events"


class Closes(Protocol):
    """What all tabs share."""

    def close(self) -> None:
        """Let go of files and threads."""
        ...


class Tab(Protocol):
    """The views of one tab."""

    def layout(self) -> pn.Template:
        """Return the page."""
        ...

    def close(self) -> None:
        """Do nothing more for this tab."""
        ...


class ReviewServer:
    """Serves a review until it is closed.

    The address holds a token of 128 random bits; without it there is nothing but scripts and styles.

    Parameters
    ----------
    review : Review or ClusterReview
        What all tabs share; it is closed with the server.
    page : callable
        From the review and a bokeh Document to the views of a tab.
    port : int
        0 takes a free one.
    address : str
        Other than loopback, everybody in the network who knows the token can read and write.
    token : str, optional
        By default a new one.

    Attributes
    ----------
    url : str
        The page, with the token.

    Raises
    ------
    ConfigurationError
        If the port is in use, or browsers refuse it; or if there is no such address here.
    """

    def __init__(
        self,
        review: Closes,
        port: int = 0,
        address: str = LOOPBACK,
        token: str | None = None,
        page: Callable[[Any, Any], Tab] = Page,
    ) -> None:
        self.review, self._page = review, page
        self.token = token or secrets.token_urlsafe(16)
        number = _checked(port, address)
        host = f"[{address}]" if ":" in address else address
        names = {host, "localhost"} if ip_address(address).is_loopback else {host, "localhost", socket.gethostname()}
        settings.resources = "server"  # whatever the environment says, nothing comes from elsewhere
        self._server = get_server(
            {f"/{self.token}": self._tab},
            port=number,
            address=address,
            websocket_origin=[f"{name}:{number}" for name in sorted(names)],
            show=False,
            start=False,
            title=_TITLE,
            use_index=False,  # an index would tell the token
            redirect_root=False,
        )
        self.url = f"http://{host}:{number}/{self.token}"

    def run(self, browse: bool = True, ready: Callable[[str], None] = lambda url: None) -> None:
        """Serve until the process is interrupted or `stop` is called.

        Parameters
        ----------
        browse : bool
            Whether to open the page in the browser.
        ready : callable
            Called with the address when the server listens.
        """
        self._server.start()
        ready(self.url)
        if browse:
            webbrowser.open(self.url)
        try:
            self._server.io_loop.start()
        except KeyboardInterrupt:
            pass
        finally:
            self.close()

    def stop(self) -> None:
        """Make `run` return; may be called from another thread."""
        self._server.io_loop.add_callback(self._server.io_loop.stop)

    def close(self) -> None:
        """End the server and the review."""
        self._server.stop()
        self.review.close()

    def _tab(self) -> pn.Template:
        document = pn.state.curdoc
        assert document is not None
        page = self._page(self.review, document)
        document.on_session_destroyed(lambda context: page.close())
        return page.layout()


def _checked(port: int, address: str) -> int:
    """Return a port that is free now."""
    if port in _REFUSED:
        raise ConfigurationError(f"browsers refuse port {port}: choose another --port")
    try:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    except ValueError as error:
        raise ConfigurationError(f"{address!r} is no IP address such as {LOOPBACK}") from error
    for _ in range(20):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise ConfigurationError(
                    f"cannot listen on {address}:{port}: {error.strerror}; another server may run there: choose "
                    "another --port, or 0 for a free one"
                ) from error
            found = int(probe.getsockname()[1])
        if found not in _REFUSED:
            return found
    raise ConfigurationError(f"no free port on {address}")
