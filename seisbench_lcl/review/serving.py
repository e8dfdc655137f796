"""Serve the review page from Python."""

import getpass
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from numpy.typing import NDArray

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events import EventDecision
from seisbench_lcl.models import Discriminator
from seisbench_lcl.plotting import MapMethod
from seisbench_lcl.review.page.cluster_review import ClusterReview
from seisbench_lcl.review.page.material import open_material
from seisbench_lcl.review.page.review import Review
from seisbench_lcl.review.page.surroundings import Surroundings
from seisbench_lcl.review.verdicts import verdicts_folder

LOOPBACK = "127.0.0.1"


def serve(
    decisions: str | Path | Sequence[EventDecision],
    waveforms: Any,
    *,
    catalog: str | Path | obspy.Catalog | None = None,
    inventory: str | Path | obspy.Inventory | None = None,
    weights: str | Discriminator | None = None,
    analyst: str | None = None,
    verdicts: str | Path | None = None,
    labels: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
    features: Mapping[str, NDArray[np.float32]] | None = None,
    surroundings: Surroundings | None = None,
    port: int = 0,
    address: str = LOOPBACK,
    browser: bool = True,
    ready: Callable[[str, Sequence[str]], None] = lambda url, notes: None,
) -> None:
    """Serve the page on which an analyst reviews events, until the process is interrupted.

    Parameters
    ----------
    decisions : path or sequence of EventDecision
        A path is that of the table of events that `seisbench_lcl.events.write_tables` wrote.
    waveforms : path, sequence of paths, obspy.Stream, or WaveformSource
        As for `seisbench_lcl.events.open_waveforms`.
    catalog : path or obspy.Catalog, optional
        For places, other picks, and types that are set already.
    inventory : path or obspy.Inventory, optional
        For the places of stations.
    weights : str or Discriminator, optional
        The model whose windows are shown; by default the one that the decisions name.
    analyst : str, optional
        Who decides; by default the name of the user.
    verdicts : path, optional
        Folder of the verdicts; by default NAME_review beside the table of decisions NAME.
    labels : sequence of str
        Types that can be given beside those of the model.
    keys : mapping from label or action to key, optional
        See `seisbench_lcl.review.page.keys`.
    features : mapping from event to (F,) ndarray, optional
        To find similar events; by default those of the model, as events are shown.
    surroundings : Surroundings, optional
        Time zone, quarries, and what a context says.
    port : int
        0 takes a free one.
    address : str
        IP address to listen on. Other than loopback, anybody in the network who knows the token can read and write.
    browser : bool
        Whether to open the page in the browser.
    ready : callable
        Called with the address of the page, and what is odd about the material, when the server listens.

    Raises
    ------
    ConfigurationError
        If Panel is missing, the port is in use, there is no folder for verdicts, or a key is set for nothing or twice.
    DatasetError, CatalogError, WaveformError, WeightsError
        If something cannot be read.
    OutputError
        If verdicts cannot be written, or another process writes those of the analyst.
    """
    server = _server()
    if verdicts is None and not isinstance(decisions, str | Path):
        raise ConfigurationError("decisions that are no file have no place for verdicts beside them: name a folder")
    material = open_material(
        decisions, waveforms, catalog=catalog, inventory=inventory, weights=weights, surroundings=surroundings
    )
    folder = verdicts_folder(decisions) if verdicts is None and isinstance(decisions, str | Path) else verdicts
    assert folder is not None
    review = Review(material, folder, analyst or user_name(), labels=labels, keys=keys, features=features)
    try:
        served = server.ReviewServer(review, port, address)
    except BaseException:
        review.close()
        raise
    served.run(browser, lambda url: ready(url, [*material.notes, *review.book.everybody.notes]))


def serve_clusters(
    model: Discriminator,
    data: LabelledWindows,
    verdicts: str | Path,
    *,
    analyst: str | None = None,
    labels: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
    out: Path | None = None,
    method: MapMethod = "tsne",
    seed: int = 0,
    port: int = 0,
    address: str = LOOPBACK,
    browser: bool = True,
    ready: Callable[[str, Sequence[str]], None] = lambda url, notes: None,
) -> None:
    """Serve a map of the clusters of a model, on which an analyst gives families of windows a type.

    Parameters
    ----------
    model : Discriminator
        With clusters, such as MiniRocketSCAN.
    data : LabelledWindows
        Of `seisbench_lcl.datasets.read_windows`; labels may be empty.
    verdicts : path
        Folder of the verdicts, one on each event of a family.
    analyst, labels, keys, port, address, browser, ready
        As for `serve`.
    out : Path, optional
        Where the page can write weights with named clusters, without suffix.
    method : {"tsne", "umap"}
    seed : int

    Raises
    ------
    ConfigurationError
        If Panel is missing, the model has no clusters, the port is in use, or a key is set for nothing or twice.
    DatasetError
        If there are fewer than five windows, or no type to give.
    OutputError
        If verdicts cannot be written, or another process writes those of the analyst.
    """
    server = _server()
    page = import_module("seisbench_lcl.review.page.web.cluster_page").ClusterPage
    review = ClusterReview(
        model, data, verdicts, analyst or user_name(), labels=labels, keys=keys, out=out, method=method, seed=seed
    )
    try:
        served = server.ReviewServer(review, port, address, page=page)
    except BaseException:
        review.close()
        raise
    served.run(browser, lambda url: ready(url, review.notes))


def _server() -> Any:
    """Return the module of the server.

    Raises
    ------
    ConfigurationError
        If Panel is missing.
    """
    if find_spec("panel") is None:
        raise ConfigurationError("the review page needs Panel: install it (pip install 'seisbench-lcl[review]')")
    return import_module("seisbench_lcl.review.page.web.server")


def user_name() -> str:
    """Return the name of the user, or "analyst" where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "analyst"
