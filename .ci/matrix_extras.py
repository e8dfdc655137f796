"""Try what one extra of the package is for. Usage: python matrix_extras.py EXTRA, in an environment with this one only.

Without the package that the extra brings, each of these fails.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import obspy
import torch

from seisbench_lcl.cli import main as command_line
from seisbench_lcl.errors import HubError


def archive(folder: Path) -> None:
    """Decide on a record in a process of its own."""
    stream = obspy.read()
    stream.write(str(folder / "a.mseed"), "MSEED")
    times = [str(stream[0].stats.starttime), str(stream[0].stats.endtime)]
    arguments = ["--start", times[0], "--end", times[1], "--out", str(folder / "out"), "--workers", "1"]
    weights = ["--weights", "MiniRocketRidge/mixed-3c-fast"]
    sys.argv = ["seisbench-lcl", "archive", "run", str(folder / "a.mseed"), *weights, *arguments]
    try:
        command_line()
    except SystemExit as end:
        if end.code:
            raise
    assert list((folder / "out").rglob("*.parquet")), "no table"


def association(folder: Path) -> None:
    """Form an event of picks around a source."""
    from seisbench_lcl.events import Pick
    from seisbench_lcl.events.association import associate

    places = {"A": (47.0, 12.0), "B": (47.3, 12.0), "C": (47.0, 12.4), "D": (46.8, 11.8), "E": (47.2, 11.7)}
    stations = [obspy.core.inventory.Station(code, *place, 0.0) for code, place in places.items()]
    inventory = obspy.Inventory([obspy.core.inventory.Network("XX", stations)])
    begun, picks = obspy.UTCDateTime("2020-01-01"), []
    for code, (latitude, longitude) in places.items():
        metres = obspy.geodetics.gps2dist_azimuth(47.05, 12.1, latitude, longitude)[0]
        picks.append(Pick("", begun + np.hypot(metres / 1000, 10.0) / 6.0, "XX", code, phase="P"))
    (event,) = associate(picks, inventory)
    assert len(event.picks) == len(places), event


def benchmarks(folder: Path) -> None:
    """Fit the two other implementations of MiniRocket."""
    windows = np.random.default_rng(0).normal(size=(10, 3, 200)).astype(np.float32)
    import_module("aeon.transformations.collection.convolution_based").MiniRocket(n_kernels=84).fit_transform(windows)
    import_module("sktime.transformations.panel.rocket").MiniRocketMultivariate(num_kernels=84).fit(windows)


def huggingface(folder: Path) -> None:
    """Ask for a file of a repository; without a network it is the client that says so."""
    from seisbench_lcl.hub.sources import source

    place = source("hf://seisbench/lcl@" + "0" * 40, timeout=(1.0, 1.0))
    try:
        with place.open("registry.json"):
            pass
    except HubError as error:
        if "needs huggingface_hub" in str(error):
            raise


def live(folder: Path) -> None:
    """Serve metrics, and read them."""
    from seisbench_lcl.live.health import Health
    from seisbench_lcl.live.outputs.serving import serve_metrics

    server = serve_metrics(0)
    server.update(Health(obspy.UTCDateTime(), "a source", True, 7, 1.0, 0, 0, 1.0, False))
    with urlopen(server.url) as answer:
        metrics = answer.read().decode()
    server.close()
    assert "seisbench_lcl_queue_packets 7.0" in metrics, metrics


def neighbours(folder: Path) -> None:
    """Find neighbours with the index."""
    from seisbench_lcl.heads.neighbours import nearest

    _, recall = nearest(torch.randn(2000, 8, generator=torch.Generator().manual_seed(0)), 5, exact_up_to=100)
    assert 0.9 < recall <= 1.0, recall


def parquet(folder: Path) -> None:
    """Write and read a table of decisions."""
    from seisbench_lcl.events import EventDecision, read_tables, write_tables

    chances = {"earthquake": 0.9, "noise": 0.1}
    write_tables(
        [EventDecision("a", "earthquake", "earthquake", chances, 0.8, 0.0, 1, 0, "", "mean", "w")], folder / "a.parquet"
    )
    assert read_tables(folder / "a.parquet")[0].probabilities == chances


def review(folder: Path) -> None:
    """Import both pages; tests/review/page drives them in a browser."""
    for page in ("server", "page", "cluster_page"):
        import_module(f"seisbench_lcl.review.page.web.{page}")


def signing(folder: Path) -> None:
    """Sign and check a text."""
    from seisbench_lcl.hub.minisign import SecretKey

    key = SecretKey.new()
    assert key.public.check(b"text", key.sign(b"text", "comment")) == "comment"


def tensorboard(folder: Path) -> None:
    """Write the curves of a training."""
    from seisbench_lcl.optim._logs import Logs

    Logs(folder, "training", 0).close()
    assert list(folder.rglob("events.out.tfevents.*")), "no curves"


def umap(folder: Path) -> None:
    """Draw features in a plane."""
    from seisbench_lcl.plotting.embedding import reduce_to_plane

    features = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert reduce_to_plane(features, "umap", 10.0, 0).shape == (60, 2)


TRIALS: dict[str, Callable[[Path], None]] = {
    trial.__name__: trial
    for trial in (
        archive,
        association,
        benchmarks,
        huggingface,
        live,
        neighbours,
        parquet,
        review,
        signing,
        tensorboard,
        umap,
    )
}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        TRIALS[sys.argv[1]](Path(scratch))
    print(f"{sys.argv[1]}: works")
