"""How far a recipe recognises where its windows come from: ``evaluate --by``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from seisbench.data import WaveformDataWriter

import seisbench_lcl as lcl
from seisbench_lcl.training import open_dataset, read_windows

pytestmark = pytest.mark.timeout(120)

RATE = 50
SHAPE = {"sampling_rate": RATE, "in_samples": 400, "before": 1.0, "component_order": "Z", "band": (1.0, 18.0)}
SECTIONS = (
    "Balanced accuracy with and without the repository",
    "Recall with repository held out",
    "Prediction of the repository",
)


def motion(rng: np.random.Generator, kind: str, hum: float) -> np.ndarray:
    """20 s at P = 8 s: blasts are high, earthquakes low, noise is nothing; and a hum at a frequency in Hz."""
    time = np.arange(20 * RATE) / RATE
    since = np.clip(time - 8, 0, None)
    low, high = {"blast": (8, 14), "earthquake": (2, 5), "noise": (0, 0)}[kind]
    waves = np.sin(2 * np.pi * rng.uniform(low, high, (12, 1)) * time + rng.uniform(0, 6, (12, 1))).sum(axis=0)
    hums = 6 * np.sin(2 * np.pi * hum * time + rng.uniform(0, 6))
    return (waves * since * np.exp(-since / 2) * (high > 0) + hums + rng.normal(0, 0.5, len(time)))[None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories that hum each at its own frequency; noise is in one alone, and few blasts in the other."""
    path = tmp_path_factory.mktemp("by")
    rng = np.random.default_rng(1)
    counts = {("one", "blast"): 8, ("one", "earthquake"): 3, ("one", "noise"): 4}
    counts |= {("two", "blast"): 3, ("two", "earthquake"): 8}
    with WaveformDataWriter(path / "metadata.csv", path / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": "Z", "measurement": "velocity"}
        for (repository, kind), n in counts.items():
            for event in range(n):
                for station in range(2):
                    row = {
                        "source_id": f"{repository} {kind} {event}",
                        "source_type": kind,
                        "split": "train",
                        "repository": repository,
                        "class_again": kind,
                        "planet": "Earth",
                        "network_code": "XX" if station else None,
                        "rare_noise": "blast" if kind == "noise" and event > 1 else kind,
                        "station_code": f"ST{station}",
                        "trace_sampling_rate_hz": RATE,
                        "trace_p_arrival_sample": 8 * RATE,
                    }
                    writer.add_trace(row, motion(rng, kind, 6.5 if repository == "one" else 16))
    return path


@pytest.fixture(scope="module")
def weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of MiniRocketRidge, an ensemble of two, and clusters."""
    path = tmp_path_factory.mktemp("weights")
    args = {"extractor_args": {"max_features": 84}, **SHAPE}
    model = lcl.MiniRocketRidge(labels=["blast", "earthquake", "noise"], **args)
    data = read_windows(open_dataset(folder, "Z"), model.preprocessing)
    model.fit(data.windows, data.labels, data.groups).save(path / "ridge")
    other = lcl.MiniRocketRidge(labels=model.labels, **args | {"extractor_args": {"max_features": 84, "seed": 1}})
    other.fit(data.windows, data.labels, data.groups)
    lcl.DiscriminatorEnsemble([model, other]).save(path / "ensemble")
    lcl.MiniRocketKMeans(clusters=5, **args).fit(data.windows, groups=data.groups).save(path / "clusters")
    return path


def section(text: str) -> str:
    _, _, rest = text.partition("### Recognition of repository\n")
    assert rest
    return rest.partition("\n### ")[0]


@pytest.mark.parametrize("kind", ["ridge", "ensemble", "clusters"])
def test_report_says_what_is_recognition(run: Callable, folder: Path, weights: Path, tmp_path: Path, kind: str) -> None:
    copies = () if kind == "clusters" else ("--copies", 1)
    same = ("evaluate", "--dataset", folder, "--weights", weights / kind, *copies)
    done = run(*same, "--by", "repository", "--report", "by.md")
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "by.md").read_text()
    for heading in ("### Repository held out\n", "### Repository held out: one\n", "### Repository held out: two\n"):
        assert heading in whole
    assert "52 station windows of 26 events" in whole  # no copy is scored
    text = section(whole)
    assert all(f"**{title}" in text for title in SECTIONS)
    assert all(title in done.stdout for title in SECTIONS)
    assert "44 windows of 22 events" in text
    assert "Left out: 8 of noise in one." in text
    assert "| noise | unknown (8 / 4) | - |" in text
    assert "| repository only, no waveforms | 0.727 [" in text  # the 16 of 22 events of the frequent class
    if kind != "clusters":  # which may be named by either class
        lost = text.partition("| first minus second, percentage points | ")[2]
        assert float(lost.split()[0]) > 25  # a model that knows the hum counts on it
    probes = [line.split(" | ") for line in text.splitlines() if "| one, two |" in line]
    assert [probe[0] for probe in probes] == ["| blast", "| earthquake"]
    assert all(probe[2] == "22 / 11" and probe[4] == "0.500 |" for probe in probes)
    assert all(float(probe[3].split()[0]) > 0.9 for probe in probes)  # the hum
    assert "nan" not in whole.lower().split()
    assert done.stdout.count("Recognition of repository") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--folds", 2, "--by", "repository"], "use either --folds or --by"),
        (["--by", "network"], "has no column 'network'"),
        (["--by", "planet"], "has only the value"),
        (["--by", "class_again"], "no class occurs in two of the groups blast, earthquake, noise"),
        (["--refine", 0.5], "only apply with --folds or --by"),
        (["--copies", 2], "only apply with --folds or --by"),
        (["--by", "network_code"], "'network_code' has no value for 26 of 52 windows"),
        (["--by", "repository", "--min-snr", 200], "lower the minimum signal-to-noise ratio"),
        (["--by", "repository", "--group-column", "station_code"], "has more than one class"),
    ],
)
def test_groups_that_cannot_be_held_out(
    run: Callable, folder: Path, weights: Path, arguments: list[object], message: str
) -> None:
    done = run("evaluate", "--dataset", folder, "--weights", weights / "ridge", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_class_of_two_events_is_left_out(run: Callable, folder: Path, weights: Path, tmp_path: Path) -> None:
    same = ("evaluate", "--dataset", folder, "--weights", weights / "ridge", "--max-shift", 0)
    done = run(*same, "--by", "repository", "--label-column", "rare_noise", "--report", "by.md")
    assert done.returncode == 0, done.stderr
    text = section((tmp_path / "by.md").read_text())
    assert "Left out: 4 of noise in one." in text
    assert "fewer than 3 in all or fewer than 2 without their repository" in text
    assert "48 windows of 24 events" in text


def test_copies_are_learnt_from_and_not_scored(run: Callable, folder: Path, weights: Path, tmp_path: Path) -> None:
    same = ("evaluate", "--dataset", folder, "--weights", weights / "ridge")
    texts = []
    for arguments in (["--max-shift", 0], ["--max-shift", 0.5, "--copies", 3]):
        done = run(*same, "--folds", 2, *arguments, "--report", "folds.md")
        assert done.returncode == 0, done.stderr
        texts.append((tmp_path / "folds.md").read_text())
        assert "52 station windows of 26 events" in texts[-1]
        assert "Recognition" not in texts[-1]
    assert texts[0] != texts[1]
    assert "52 station windows" in run(*same, "--split", "train").stdout
