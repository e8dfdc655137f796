"""Streams, datasets and models for several tests; nothing here needs a network."""

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import numpy as np
import obspy
import pandas as pd
import pytest
import seisbench
from hypothesis import settings
from laboratory import Laboratory
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from obspy import UTCDateTime
from seisbench.data import WaveformDataWriter

import seisbench_lcl as lcl
from seisbench_lcl.cli import main
from seisbench_lcl.models.registry import registry

START = UTCDateTime(2024, 3, 1, 12)

settings.register_profile("small", max_examples=20, deadline=None)
settings.register_profile("large", max_examples=300, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "small"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the slow tests with the longest time limits first, else one worker ends with the longest alone."""
    limits = {item: item.get_closest_marker("timeout") for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: -limits[item].args[0] if limits.get(item) else 0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SeisBench cache, so that no test sees what lies on the machine."""
    monkeypatch.setattr(seisbench, "cache_model_root", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def backbones(cache: Path) -> Path:
    """SeisBench's cache with the pretrained models in the folder SEISBENCH_LCL_BACKBONES, as the gate sets it."""
    folder = os.environ.get("SEISBENCH_LCL_BACKBONES")
    if not folder:
        pytest.skip("SEISBENCH_LCL_BACKBONES names no folder of pretrained SeisBench models (a cache's models/v3)")
    shutil.copytree(folder, cache, dirs_exist_ok=True)
    return cache


@pytest.fixture(scope="session")
def pretrained() -> lcl.MiniRocketRidge:
    return lcl.MiniRocketRidge.from_pretrained("mixed-3c")


@pytest.fixture
def model() -> lcl.MiniRocketRidge:
    return lcl.MiniRocketRidge.from_pretrained("mixed-3c")


@pytest.fixture
def make_stream() -> Callable[..., obspy.Stream]:
    """Return a function that makes a noise record of one station, the same for each seed."""

    def make(
        seconds: float = 30.0,
        rate: float = 100.0,
        components: str = "ZNE",
        station: str = "XX.ABC..HH",
        start: UTCDateTime = START,
        seed: int = 0,
    ) -> obspy.Stream:
        rng = np.random.default_rng(seed)
        network, code, location, instrument = station.split(".")
        return obspy.Stream(
            [
                obspy.Trace(
                    rng.normal(0, 1000, round(seconds * rate)),
                    {
                        "network": network,
                        "station": code,
                        "location": location,
                        "channel": instrument + component,
                        "sampling_rate": rate,
                        "starttime": start,
                    },
                )
                for component in components
            ]
        )

    return make


def ground_motion(seed: int, time: np.ndarray, kind: str) -> np.ndarray:
    """Three components of a made-up signal as a function of time, so that any sampling rate shows the same motion.

    A "high" event carries its energy at 8 to 14 Hz, a "low" one at 2 to 5 Hz, both with an onset at 30 s.
    """
    rng = np.random.default_rng(seed)
    frequencies = rng.uniform(*((8, 14) if kind == "high" else (2, 5)), (3, 25))
    phases = rng.uniform(0, 2 * np.pi, (3, 25))
    noise_frequencies, noise_phases = rng.uniform(1, 16, (3, 60)), rng.uniform(0, 2 * np.pi, (3, 60))
    since = np.clip(time - 30, 0, None)
    envelope = since * np.exp(-since / 2)
    signal = np.sin(2 * np.pi * frequencies[..., None] * time + phases[..., None]).sum(axis=1) * envelope
    noise = np.sin(2 * np.pi * noise_frequencies[..., None] * time + noise_phases[..., None]).sum(axis=1)
    return 1000 * (signal + 0.05 * noise)


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real SeisBench dataset on disk: 24 events of two kinds at two stations, at several native rates."""
    folder = tmp_path_factory.mktemp("dataset")
    with WaveformDataWriter(folder / "metadata.csv", folder / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": "ZNE", "measurement": "velocity"}
        for event in range(24):
            kind = "high" if event % 2 else "low"
            for station in range(2):
                rate = (100, 50, 40, 200)[(event // 2 + station) % 4]
                time = np.arange(60 * rate) / rate
                writer.add_trace(
                    {
                        "source_id": f"event{event}",
                        "source_type": kind,
                        "split": "train" if event < 16 else "dev",
                        "region": "north" if event % 4 < 2 else "south",
                        "station_code": f"ST{station}",
                        "trace_sampling_rate_hz": rate,
                        "trace_p_arrival_sample": 30 * rate,
                    },
                    ground_motion(100 * event + station, time, kind),
                )
    assert len(pd.read_csv(folder / "metadata.csv")) == 48
    return folder


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command from an empty folder, in this process: a fresh one spends seconds on importing torch."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["seisbench-lcl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Lay distributions of one module each on disk, as pip would, and forget them after the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)

    def install(
        distribution: str,
        code: str,
        version: str = "1.0",
        folder: Path = site,
        entry: str = "plugin",
        api: str = "1, 1",
    ) -> str:
        module = distribution.replace("-", "_")
        (folder / f"{module}.py").write_text(f"PLUGIN_API = {api}\n" + dedent(code))
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[seisbench_lcl]\n{entry} = {module}\n")
        registry.cache_clear()
        return module

    yield install
    registry.cache_clear()
    for module in set(sys.modules) - before:
        if module.startswith("lcl_test_"):
            del sys.modules[module]


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laboratory]:
    for name in ("PYTHONPATH", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("SEISBENCH_CACHE_ROOT", str(tmp_path / "laboratory-cache"))
    laboratory = Laboratory(tmp_path)
    yield laboratory
    laboratory.close()


@pytest.fixture
def png() -> Callable[[Figure], bytes]:
    """Draw a figure as a small PNG image."""

    def draw(figure: Figure) -> bytes:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=40)
        return file.getvalue()

    return draw


@pytest.fixture
def legend() -> Callable[[Axes], list[str]]:
    """Return the texts of the legend of a panel."""
    return lambda axes: [text.get_text() for text in axes.get_legend().get_texts()]
