"""The way without labels, command after command: detect, train, clusters, name, evaluate, classify."""

import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import obspy
import pandas as pd
import pytest
from conftest import START, Done, ground_motion

import seisbench_lcl as lcl
from seisbench_lcl.training import open_dataset, read_windows

pytestmark = pytest.mark.timeout(120)

KMEANS = ("--model", "MiniRocketKMeans")
SMALL = ("--extractor-arg", "max_features=168")


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    """Run the command, expect an exit status, and join the lines of what it says."""

    def call(*arguments: object, expect: int = 0) -> Done:
        done = run(*arguments)
        assert done.returncode == expect, done.stderr
        return Done(done.returncode, *(" ".join(text.split()) for text in (done.stdout, done.stderr)))

    return call


@pytest.fixture
def unlabelled(dataset_folder: Path, tmp_path: Path) -> Path:
    """The dataset without its column of classes."""
    copy = shutil.copytree(dataset_folder, tmp_path / "unlabelled")
    pd.read_csv(copy / "metadata.csv").drop(columns="source_type").to_csv(copy / "metadata.csv", index=False)
    return copy


@pytest.fixture(scope="module")
def weights(dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of four clusters without names."""
    model = lcl.MiniRocketKMeans(clusters=4, extractor_args={"max_features": 168})
    data = read_windows(open_dataset(dataset_folder), model.preprocessing).in_split("train")
    path = tmp_path_factory.mktemp("weights") / "four"
    model.fit(data.windows, groups=data.groups).save(path, "made up")
    return path


def there(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def is_png(path: Path) -> bool:
    image = matplotlib.image.imread(path)
    return path.read_bytes().startswith(b"\x89PNG") and min(image.shape[:2]) > 100 and np.ptp(image) > 0.5


def test_labelled_windows_name_the_clusters(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    data = ("--dataset", dataset_folder)
    scan = ("--model", "MiniRocketSCAN", *SMALL, "--head-arg", "epochs=5", "--head-arg", "n_neighbours=5")
    done = run("train", *data, *scan, "--clusters", 4, "--out", "w/s", "--report", "t.md", "--curves", "c.png")
    assert "fitting 32 windows of 16 events" in done.stderr
    assert "k-means on the same features" in done.stdout
    assert "agreement with k-means" in (tmp_path / "t.md").read_text()
    assert is_png(tmp_path / "c.png")
    model = ("--model", "MiniRocketSCAN", "--weights")

    done = run("clusters", *data, *model, "w/s", "--out", "r", "--numbers", 2, 3, "--split", "train")
    assert there(tmp_path / "r") == [
        "clusters.md",
        "exemplars.png",
        "map.png",
        "numbers.csv",
        "numbers.png",
        "windows.csv",
    ]
    assert all(is_png(file) for file in (tmp_path / "r").glob("*.png"))
    table = pd.read_csv(tmp_path / "r" / "windows.csv")
    assert table.columns.tolist()[-5:] == ["event", "label", "cluster", "name", "probability"]
    assert {"trace_name", "station_code"} < set(table.columns)
    assert len(table) == 32
    assert (table["name"] == "cluster " + table["cluster"].astype(str)).all()
    assert table["probability"].between(0.25, 1).all()
    assert pd.read_csv(tmp_path / "r" / "numbers.csv")["clusters"].tolist() == [2, 3]
    text = (tmp_path / "r" / "clusters.md").read_text()
    assert "| cluster | stands for | high | low | unlabelled |" in text
    for k, size in table["cluster"].value_counts().items():
        assert f"- cluster {k}: {size} windows" in text
        assert f"cluster {k}: {size} windows" in done.stdout
    assert "silhouette suggests" in done.stdout

    done = run("evaluate", *data, *model, "w/s", expect=2)
    assert (
        "cluster 0, cluster 1, cluster 2, cluster 3, do not occur in the dataset; name the clusters first"
        in done.stderr
    )

    done = run("name", *data, *model, "w/s", "--out", "w/named", "--event-type", "high=quarry blast")
    named, before = lcl.MiniRocketSCAN.load("w/named"), lcl.MiniRocketSCAN.load("w/s")
    assert {"high", "low"} <= set(named.labels)
    assert named.event_types["high"] == "quarry blast"
    for k, name in enumerate(named.clusters):
        assert f"cluster {k}: {name} (QuakeML: {named.event_types[name]})" in done.stdout
    for k, rows in table.groupby("cluster"):
        counts = rows["label"].value_counts()
        assert counts[named.clusters[k]] == counts.max()
    windows = np.random.default_rng(0).normal(size=(3, 3, 2000))
    np.testing.assert_array_equal(named.cluster_proba(windows), before.cluster_proba(windows))

    run("evaluate", *data, *model, "w/named", "--report", "dev.md")
    assert "16 station windows of 8 events" in (tmp_path / "dev.md").read_text()
    run("evaluate", *data, *model, "w/s", "--folds", 2, "--report", "folds.md")
    assert "48 station windows of 24 events" in (tmp_path / "folds.md").read_text()
    obspy.read().write("a.mseed", "MSEED")
    done = run("classify", "a.mseed", *model, "w/named", "--out", "windows.csv", "--plot", "f.png")
    assert "11 windows of 1 station" in done.stdout
    frame = pd.read_csv(tmp_path / "windows.csv")
    np.testing.assert_allclose(frame[named.labels].sum(axis=1), 1, atol=1e-5)
    assert is_png(tmp_path / "f.png")


def test_from_records_without_any_label(run: Callable, tmp_path: Path) -> None:
    """Two kinds of events in turn, one a minute: detected, clustered, named by hand, and found again."""
    minute = np.arange(6000) / 100
    motion = np.concatenate([ground_motion(n, minute, ("low", "high")[n % 2]) for n in range(20)], axis=1)
    for component, data in zip("ZNE", motion, strict=True):
        header = {"network": "XX", "station": "AAA", "channel": f"HH{component}", "sampling_rate": 100}
        trace = obspy.Trace(data.astype(np.float32), header | {"starttime": START})
        trace.write(str(tmp_path / f"{component}.mseed"), "MSEED")
    files = ("Z.mseed", "N.mseed", "E.mseed")
    done = run("detect", *files, "--out", "set", "--on", 5, "--band", 1, 18, "--after", 25)
    assert "20 windows (20 train) of 20 events at 1 stations" in done.stdout
    done = run("train", "--dataset", "set", *KMEANS, *SMALL, "--clusters", 3, "--out", "w/three", "--report", "t.md")
    assert "none of 20 rows has a label" in done.stderr
    assert (tmp_path / "t.md").read_text().count("- cluster") == 3
    run("clusters", "--dataset", "set", *KMEANS, "--weights", "w/three", "--out", "r")
    assert there(tmp_path / "r") == ["clusters.md", "exemplars.png", "map.png", "windows.csv"]

    names = ("null", "quarry blast", "cluster 2")  # text, whatever that is in JSON
    by_hand = ("--cluster", f"0={names[0]}", "--cluster", f"1={names[1]}")
    run("name", *KMEANS, "--weights", "w/three", "--out", "w/three", "--version", "2", *by_hand)
    assert lcl.MiniRocketKMeans.load("w/three", "2").clusters == list(names)
    done = run("classify", *files, *KMEANS, "--weights", "w/three.json.v2", "--detections", "found.csv")
    assert "1181 windows of 1 station" in done.stdout
    assert set(pd.read_csv("found.csv", keep_default_na=False)["label"]) <= set(names)
    pieces = obspy.Stream()  # of the records, each as a station, as they were cut for training: 10 s before the onset
    metadata, record = pd.read_csv("set/metadata.csv"), obspy.read("[ZNE].mseed")
    for n, start in enumerate(map(obspy.UTCDateTime, metadata["trace_start_time"])):
        for trace in record.slice(start, start + 35):
            trace.stats.station = f"E{n:02}"
            pieces += trace
    pieces.write("pieces.mseed", "MSEED")
    run("classify", "pieces.mseed", *KMEANS, "--weights", "w/three.json.v2", "--stride", 8, "--out", "pieces.csv")
    second = pd.read_csv("pieces.csv", keep_default_na=False).groupby("station").nth(1)
    assert second["label"].tolist() == [names[k] for k in pd.read_csv("r/windows.csv")["cluster"]]
    done = run("name", *KMEANS, "--dataset", "set", "--weights", "w/three", "--out", "w/no", expect=2)
    assert "the dataset has no column 'source_type'" in done.stderr


@pytest.mark.parametrize("memory", [1, 0])
def test_windows_without_labels_train_the_same_model_from_a_file(
    run: Callable, unlabelled: Path, dataset_folder: Path, tmp_path: Path, memory: float
) -> None:
    train = ("train", *KMEANS, *SMALL, "--clusters", 2, "--out")
    run(*train, "a", "--dataset", unlabelled)
    done = run(*train, "b", "--dataset", dataset_folder, "--memory", memory, "--report", "b.md")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert "linear probe on the features" in done.stdout
    assert "linear probe on the features" in (tmp_path / "b.md").read_text()


def test_curves_that_there_are_none_of_are_told_of(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    data = ("--dataset", dataset_folder)
    done = run("train", *data, *KMEANS, *SMALL, "--clusters", 2, "--out", "w", "--curves", "c.png")
    assert "c.png was not written: MiniRocketKMeans is not trained in epochs" in done.stderr
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*KMEANS], "MiniRocketKMeans learns without labels: set the number of clusters, such as 8"),
        ([*KMEANS, "--clusters", 1], "clusters must be 2 or more, but is 1"),
        ([*KMEANS, "--clusters", 33], "33 clusters need at least as many windows"),
        (
            [*KMEANS, "--clusters", 2, "--label", "high"],
            "labels and event types do not apply until its clusters are named",
        ),
        (
            [*KMEANS, "--clusters", 2, "--event-type", "high=slide"],
            "labels and event types do not apply until its clusters are named",
        ),
        ([*KMEANS, "--clusters", 2, "--curves", "c.xyz"], "use one of the suffixes"),
        ([*KMEANS, "--clusters", 2, *SMALL], "--extractor-arg sets max_features"),
        ([*KMEANS, "--clusters", 2, "--split", "test"], "available: dev, train"),
        (["--clusters", 2], "MiniRocketRidge learns from labels and has no clusters"),
        (["--model", "Discriminator", "--head", "kmeans", "--clusters", 2], "names of an extractor and a head"),
        (
            ["--model", "Discriminator", "--extractor", "minirocket", "--head", "dec", "--clusters", 2],
            "take spectrogram_autoencoder or spectrogram_unet",
        ),
        (
            ["--model", "MiniRocketSCAN", "--clusters", 2, "--head-arg", "n_neighbours=40"],
            "32 windows are too few for 2 clusters and 40 neighbours",
        ),
    ],
)
def test_training_that_cannot_work(
    run: Callable, dataset_folder: Path, tmp_path: Path, arguments: list[object], message: str
) -> None:
    done = run("train", "--dataset", dataset_folder, *SMALL, "--out", "w", *arguments, expect=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert there(tmp_path) == []


def test_a_loss_that_becomes_nan_leaves_no_weights(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    done = run(
        *("train", "--dataset", dataset_folder, "--model", "AutoencoderGMM", "--clusters", 2, "--out", "w"),
        *("--extractor-arg", "epochs=1", "--extractor-arg", "learning_rate=1e30"),
        expect=2,
    )
    assert "the loss was not finite in the first epoch; use a learning rate below 1e+30" in done.stderr
    assert there(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --dataset to name clusters by its labels, or --cluster"),
        (["--dataset", "DATA", "--cluster", "0=a"], "give --dataset to name clusters by its labels, or --cluster"),
        (["--cluster", "first=a"], "--cluster takes number=label, such as 0=earthquake, but was given 'first'"),
        (["--cluster", "²=a"], "--cluster takes number=label"),
        (["--cluster", "a"], "--cluster takes key=value"),
        (["--cluster", "4=a"], "clusters are numbered 0 to 3, but [4] were named"),
        (["--cluster", "0=a", "--cluster", "0=b"], "--cluster sets 0: 'a' and 'b'"),
        (["--cluster", "0="], "labels must be non-empty text"),
        ([f"--cluster={k}=a" for k in range(4)], "clusters need at least two different names to tell anything apart"),
        (["--cluster", "0=a", "--event-type", "a=bang"], "not a QuakeML event type"),
        (["--cluster", "0=a", "--event-type", "b=slide"], "event_types maps ['b']"),
        (["--dataset", "DATA", "--label", "high"], "needs two labels or more, but the windows have ['high']"),
        (["--dataset", "DATA", "--label", "blast"], "no trace is labelled blast"),
        (["--dataset", "DATA", "--label-column", "kind"], "has no column 'kind'"),
        (["--dataset", "nowhere"], "neither a folder nor the name of a dataset"),
        (["--cluster", "0=a", "--model", "MiniRocketSCAN"], "holds weights of MiniRocketKMeans, not of MiniRocketSCAN"),
    ],
)
def test_names_that_cannot_be_given(
    run: Callable, weights: Path, dataset_folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    given = [str(dataset_folder) if argument == "DATA" else argument for argument in arguments]
    done = run("name", *KMEANS, "--weights", weights, "--out", "w", *given, expect=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert there(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--numbers", 4, 2], "--numbers takes the least and the largest number, but was given (4, 2)"),
        (["--numbers", 0, 2], "--numbers takes the least and the largest number"),
        (["--numbers", 2, 60], "60 clusters need more distinct rows"),
        (["--split", "test"], "available: dev, train"),
        (["--group-column", "event"], "has no column 'event'"),
        (["--out", "a file"], "cannot write a file/windows.csv"),
        (["--method", "tsne", "--model", "MiniRocketRidge", "--weights", "mixed-3c"], "has no clusters"),
    ],
)
def test_reports_that_cannot_be_made(
    run: Callable, weights: Path, dataset_folder: Path, tmp_path: Path, arguments: list[object], message: str
) -> None:
    (tmp_path / "a file").write_text("")
    data = ("--dataset", dataset_folder, *KMEANS, "--weights", weights, "--out", "r")
    done = run("clusters", *data, *arguments, expect=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert there(tmp_path) == ["a file"]


def test_few_windows_of_one_class(run: Callable, weights: Path, dataset_folder: Path, tmp_path: Path) -> None:
    """Too few for 20 neighbours and for the usual perplexity, and nothing for a linear probe to tell apart."""
    copy = shutil.copytree(dataset_folder, Path("one"))
    pd.read_csv(copy / "metadata.csv").assign(source_type="high").to_csv(copy / "metadata.csv", index=False)
    done = run("clusters", "--dataset", "one", *KMEANS, "--weights", weights, "--out", "r", "--split", "dev")
    assert "purity of the 14 nearest windows of other events: 1.000" in done.stdout
    assert "linear probe" not in done.stdout
    assert there(tmp_path / "r") == ["clusters.md", "exemplars.png", "map.png", "windows.csv"]


def test_evaluation_needs_labels(run: Callable, weights: Path, unlabelled: Path) -> None:
    done = run("evaluate", "--dataset", unlabelled, *KMEANS, "--weights", weights, expect=2)
    assert "the dataset has no column 'source_type'" in done.stderr
