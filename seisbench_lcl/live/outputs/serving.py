"""Metrics, where prometheus-client is installed."""

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.live.health import Health


class Metrics(Protocol):
    """Serves the health of a watcher.

    Attributes
    ----------
    url : str

    Examples
    --------
    >>> from contextlib import closing
    >>> with closing(serve_metrics(0)) as metrics:  # any port that is free
    ...     metrics.url
    'http://127.0.0.1:.../metrics'
    """

    url: str

    def update(self, health: Health) -> None:
        """Serve this from now on."""

    def close(self) -> None:
        """Stop serving."""


def serve_metrics(port: int) -> Metrics:
    """Return a server of metrics for Prometheus at http://127.0.0.1:PORT/metrics; port 0 takes any that is free.

    Raises
    ------
    ConfigurationError
        If prometheus-client is not installed.
    OutputError
        If the port is taken.
    """
    if find_spec("prometheus_client") is None:
        raise ConfigurationError("metrics need prometheus-client: pip install 'seisbench-lcl[live]'")
    return cast("Metrics", import_module("seisbench_lcl.live.outputs.metrics").MetricsServer(port))
