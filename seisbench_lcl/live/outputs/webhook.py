"""A POST request for each change, with its JSON as content."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import requests

from seisbench_lcl.errors import ConfigurationError, OutputError, check_arguments, is_whole
from seisbench_lcl.live.changes import KINDS, Change
from seisbench_lcl.live.outputs.queued import QueuedOutput

_LONGEST_PAUSE = 60.0  # s
_BUSY = 429


class Webhook(QueuedOutput):
    """Posts each change to an address, one after the other.

    A server that cannot be reached, is busy (429) or fails (5xx) is asked again after pauses that double; the later
    changes wait meanwhile. Another answer than 2xx is not repeated. A change may arrive twice if an answer is lost:
    its "number" tells.

    Parameters
    ----------
    url : str
        http or https.
    headers : mapping from str to str
        Such as {"Authorization": "Bearer ..."}.
    kinds : collection of str
        Kinds of change to post.
    timeout : float
        Longest time in s for an answer.
    attempts : int
        Number of times to post.
    pause : float
        Before the second attempt, in s.
    waiting : int
        Changes that may wait.

    Raises
    ------
    ConfigurationError
        If the address is none, or an argument is out of range.

    Examples
    --------
    >>> webhook = Webhook("https://example.org/events", headers={"Authorization": "Bearer ..."}, kinds=["final"])
    >>> webhook.close()
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        kinds: Collection[str] = KINDS,
        timeout: float = 10.0,
        attempts: int = 5,
        pause: float = 1.0,
        waiting: int = 1000,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"the webhook {url!r} is no address: expected http://HOST/... or https://HOST/...")
        check_arguments(
            "webhook",
            ("timeout must be a positive number of seconds", timeout > 0, timeout),
            ("attempts must be 1 or more", is_whole(attempts, 1), attempts),
            ("pause must not be negative", pause >= 0, pause),
        )
        self._url, self._headers = url, dict(headers or {})
        self._timeout, self._attempts, self._pause = timeout, attempts, pause
        self._session = requests.Session()
        super().__init__(f"webhook {parts.hostname}", kinds=kinds, waiting=waiting)

    def send(self, change: Change) -> None:
        """Post a change, several times if need be.

        Raises
        ------
        OutputError
            If it does not arrive.
        """
        problem = ""
        for attempt in range(self._attempts):
            if attempt and not self.pause(min(self._pause * 2 ** (attempt - 1), _LONGEST_PAUSE)):
                break
            problem = self._post(change)
            if not problem:
                return
        raise OutputError(problem)

    def _post(self, change: Change) -> str:
        """Return what went wrong and may go right another time; "" if the change has arrived.

        Raises
        ------
        OutputError
            If it is refused.
        """
        try:
            answer = self._session.post(
                self._url, json=change.to_dict(), headers=self._headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            return f"cannot be reached ({type(error).__name__})"
        if answer.ok and answer.status_code < 300:
            return ""
        problem = f"answers {answer.status_code} {answer.reason}"
        if answer.status_code == _BUSY or answer.status_code >= 500:
            return problem
        raise OutputError(problem)

    def close(self, within: float = 10.0) -> None:
        """Post what waits for some seconds, then leave the rest."""
        super().close(within)
        self._session.close()
