"""Several commands in a row, as a user works: with labels, without labels, and from records alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
from command_tools import SHORT, configuration, description, is_png, strict
from conftest import START, Done, ground_motion

import seisbench_lcl as lcl
from seisbench_lcl.training import open_dataset, read_windows

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


def test_train_evaluate_fine_tune_classify_and_train_again_by_the_card(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    data = ("--dataset", dataset_folder)
    own = ("--model", "EnvelopePhysicalRidge", "--length", 10, "--copies", 1)
    parts = (
        *("--extractor-arg", "envelope>minirocket.minirocket.max_features=84"),
        *("--extractor-arg", 'physical={"refine": 0.5, "p_length": 1}', "--extractor-arg", "physical.s_length=2.5"),
    )
    run("train", *data, *own, *parts, "--report", "card.md", "--out", "w/mine")
    arguments = description(tmp_path / "w" / "mine.json")["model_args"]
    assert arguments["extractor_args"]["envelope>minirocket"]["minirocket"]["max_features"] == 84
    physical = arguments["extractor_args"]["physical"]
    assert (physical["refine"], physical["p_length"], physical["s_length"]) == (0.5, 1.0, 2.5)
    assert arguments["head_args"]["weighting"] == "equal"
    run("evaluate", *data, "--weights", "w/mine", "--by", "region", "--report", "region.md")
    assert "### Region held out: north" in (tmp_path / "region.md").read_text()
    run("fine-tune", *data, "--weights", "w/mine", "--split", "dev", "--out", "w/there")
    assert description(tmp_path / "w" / "there.json")["model_args"] == arguments
    obspy.read().write(str(tmp_path / "a.mseed"), "MSEED")
    assert "windows of 1 station" in run("classify", "a.mseed", "--weights", "w/there").stdout

    assert "| accuracy | " in (tmp_path / "card.md").read_text()
    card = configuration(tmp_path / "card.md")
    assert '[extractor-arg."envelope>minirocket".minirocket]\nmax_features = 84\n' in card
    (tmp_path / "card.toml").write_text(card)
    run("train", "--config", "card.toml", *data, "--out", "w/again")
    one, again = ((tmp_path / "w" / f"{name}.safetensors").read_bytes() for name in ("mine", "again"))
    assert one == again


def test_train_without_labels_then_name_evaluate_and_classify(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    data, weights = ("--dataset", dataset_folder), ("--weights", "w/s")
    scan = ("--model", "MiniRocketSCAN", *SHORT, "--extractor-arg", "max_features=168", "--clusters", 4)
    few = ("--head-arg", "epochs=5", "--head-arg", "n_neighbours=5")
    done = run("train", *data, *scan, *few, "--out", "w/s", "--report", "t.md", "--curves", "c.png")
    assert "fitting 32 windows of 16 events" in done.stderr
    assert "k-means on the same features" in done.stdout
    assert "agreement with k-means" in (tmp_path / "t.md").read_text()
    assert is_png(tmp_path / "c.png")
    done = run("name", *data, *weights, "--out", "w/named", "--event-type", "high=quarry blast")
    named, before = lcl.MiniRocketSCAN.load("w/named"), lcl.MiniRocketSCAN.load("w/s")
    assert {"high", "low"} <= set(named.labels)
    assert named.event_types["high"] == "quarry blast"
    for k, name in enumerate(named.clusters):
        assert f"cluster {k}: {name} (QuakeML: {named.event_types[name]})" in done.stdout
    learnt = read_windows(open_dataset(dataset_folder), before.preprocessing).in_split("train")
    for k, labels in pd.Series(learnt.labels).groupby(before.cluster_proba(learnt.windows).argmax(axis=1)):
        counts = labels.value_counts()
        assert counts[named.clusters[k]] == counts.max()
        assert f"cluster {k} holds: {counts.iloc[0]} {counts.index[0]}" in done.stdout
    windows = np.random.default_rng(0).normal(size=(3, 3, 320))
    np.testing.assert_array_equal(named.cluster_proba(windows), before.cluster_proba(windows))

    run("evaluate", *data, "--weights", "w/named", "--report", "dev.md")
    assert "16 station windows of 8 events" in (tmp_path / "dev.md").read_text()
    obspy.read().write("a.mseed", "MSEED")
    done = run(
        *("classify", "a.mseed", "--weights", "w/named", "--out", "windows.csv", "--plot", "f.png"),
        *("--max-novelty", "inf"),
    )
    assert "23 windows of 1 station" in done.stdout
    frame = pd.read_csv(tmp_path / "windows.csv")
    np.testing.assert_allclose(frame[named.labels].sum(axis=1), 1, atol=1e-5)
    assert is_png(tmp_path / "f.png")


def test_detect_train_name_and_classify_records(run: Callable[..., Done], tmp_path: Path) -> None:
    """Two kinds of events in turn, one a minute: detected, clustered, named by hand, and found again."""
    minute = np.arange(6000) / 100
    motion = np.concatenate([ground_motion(n, minute, ("low", "high")[n % 2]) for n in range(20)], axis=1)
    for component, data in zip("ZNE", motion, strict=True):
        header = {"network": "XX", "station": "AAA", "channel": f"HH{component}", "sampling_rate": 100}
        trace = obspy.Trace(data.astype(np.float32), header | {"starttime": START})
        trace.write(str(tmp_path / f"{component}.mseed"), "MSEED")
    files = ("Z.mseed", "N.mseed", "E.mseed")
    done = run("detect", *files, "--out", "set", "--on", 5, "--band", 1, 18, "--after", 25)
    assert "20 windows (20 train) of 20 events at 1 station" in done.stdout
    kmeans = ("--model", "MiniRocketKMeans", "--extractor-arg", "max_features=168", "--clusters", 3)
    done = run("train", "--dataset", "set", *kmeans, "--out", "w/three", "--report", "t.md")
    assert "none of 20 rows has a label" in done.stdout + done.stderr
    assert (tmp_path / "t.md").read_text().count("- cluster") == 3
    model = lcl.MiniRocketKMeans.load("w/three")
    windows = read_windows(open_dataset("set"), model.preprocessing, unlabelled=True).windows
    clusters = model.cluster_proba(windows).argmax(axis=1)

    names = ("slide", "quarry blast", "cluster 2")
    by_hand = ("--cluster", f"0={names[0]}", "--cluster", f"1={names[1]}")
    run("name", "--weights", "w/three", "--out", "w/three", "--version", "2", *by_hand)
    done = run("classify", *files, "--weights", "w/three.json.v2", "--stride", 5, "--detections", "found.csv")
    assert "237 windows of 1 station" in done.stdout
    assert set(pd.read_csv("found.csv")["label"]) <= set(names)
    pieces = obspy.Stream()  # the records as they were cut for training, 10 s before the onset, one station each
    metadata, record = pd.read_csv("set/metadata.csv"), obspy.read("[ZNE].mseed")
    for n, start in enumerate(map(obspy.UTCDateTime, metadata["trace_start_time"])):
        for trace in record.slice(start, start + 35):
            trace.stats.station = f"E{n:02}"
            pieces += trace
    pieces.write("pieces.mseed", "MSEED")
    run("classify", "pieces.mseed", "--weights", "w/three.json.v2", "--stride", 8, "--out", "pieces.csv")
    second = pd.read_csv("pieces.csv").groupby("station").nth(1)
    assert second["label"].tolist() == [names[k] for k in clusters]
    done = run("name", "--dataset", "set", "--weights", "w/three", "--out", "w/no", expect=2)
    assert "the dataset has no column 'source_type'" in done.stderr
