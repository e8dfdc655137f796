"""Networks, fine-tuning and ensembles as a user runs them: files, messages, status."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import obspy
import pandas as pd
import pytest
import torch
from conftest import START, Done, ground_motion

import seisbench_lcl as lcl
from seisbench_lcl.training import open_dataset, read_windows

pytestmark = pytest.mark.timeout(120)

SHAPE: dict[str, Any] = {"sampling_rate": 40, "in_samples": 320}
SMALL = ("--sampling-rate", 40, "--length", 8)
NETWORK = ("--model", "ResNet18", *SMALL, "--extractor-arg", "width=2", "--extractor-arg", "epochs=2")
ROCKET = (*SMALL, "--extractor-arg", "max_features=168")


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    """Run the command, expect an exit status, and join the lines of what it says."""

    def call(*arguments: object, expect: int = 0) -> Done:
        done = run(*arguments)
        assert done.returncode == expect, done.stderr
        assert "Traceback" not in done.stderr
        return Done(done.returncode, *(" ".join(text.split()) for text in (done.stdout, done.stderr)))

    return call


@pytest.fixture(scope="module")
def weights(dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network, a small regression, clusters, and an ensemble of the first two."""
    folder = tmp_path_factory.mktemp("weights")
    network = lcl.ResNet18(labels=["high", "low"], **SHAPE, extractor_args={"width": 2, "epochs": 2})
    data = read_windows(open_dataset(dataset_folder), network.preprocessing).in_split("train")
    network.fit(data.windows, data.labels, data.groups).save(folder / "network", "of the north")
    rocket = lcl.MiniRocketRidge(labels=["high", "low"], **SHAPE, extractor_args={"max_features": 168})
    rocket.fit(data.windows, data.labels, data.groups).save(folder / "rocket", "of the north")
    lcl.WaveformKMeans(clusters=2, **SHAPE).fit(data.windows).save(folder / "clusters")
    lcl.DiscriminatorEnsemble([network, rocket]).save(folder / "both", "two of them")
    return folder


def description(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def is_png(path: Path) -> bool:
    image = matplotlib.image.imread(path)
    return path.read_bytes().startswith(b"\x89PNG") and min(image.shape[:2]) > 100 and np.ptp(image) > 0.5


# train --------------------------------------------------------------------------------------------------------------


def test_a_network_with_logs_curves_checkpoints_and_report(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    own = ("train", "--dataset", dataset_folder, *NETWORK)
    outputs = ("--logs", "logs", "--checkpoints", "c", "--curves", "f/curves.png", "--report", "report.md")
    done = run(*own, "--out", "w/one", *outputs)
    assert "fitting 32 windows of 16 events" in done.stderr
    assert "wrote w/one.{json,safetensors,pt}" in done.stdout
    assert "Events held out in training, used to choose the epoch" in done.stdout
    table = pd.read_csv(tmp_path / "logs" / "resnet18.csv")
    assert table["epoch"].tolist() == [1, 2]
    assert np.isfinite(table[["learning_rate", "train", "held_out", "score", "seconds"]]).all(axis=None)
    assert is_png(tmp_path / "f" / "curves.png")
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("### Events held out in training, used to choose the epoch and the temperature")
    assert "8 station windows of 4 events" in report
    assert 'model = "ResNet18"' in report
    assert not any(word in report for word in ("checkpoints", "logs", "curves"))
    written = description(tmp_path / "w" / "one.json")
    assert written["seisbench_lcl"]["model"] == "ResNet18"
    assert written["model_args"]["extractor_args"]["epochs"] == 2
    run(*own, "--out", "w/two")
    first, second = (tmp_path / "w" / f"{name}.safetensors" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_an_interrupted_training_goes_on_to_the_same_weights(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str) -> Callable[[Iterable[int]], Iterable[int]]:
        def epochs(numbers: Iterable[int]) -> Iterable[int]:
            for number in numbers:
                if number:
                    raise KeyboardInterrupt
                yield number

        return epochs if name == "resnet18" else iter

    own = ("train", "--dataset", dataset_folder, *NETWORK)
    run(*own, "--out", "straight")
    with monkeypatch.context() as patch:
        patch.setattr("seisbench_lcl.cli.train.progress", interrupted)
        run(*own, "--out", "w", "--checkpoints", "c", "--logs", "logs", expect=130)
    assert not (tmp_path / "w.json").exists()
    assert len(pd.read_csv(tmp_path / "logs" / "resnet18.csv")) == 1
    run(*own, "--out", "w", "--checkpoints", "c", "--logs", "logs")
    assert len(pd.read_csv(tmp_path / "logs" / "resnet18.csv")) == 2
    assert (tmp_path / "w.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()
    done = run(*own, "--out", "w", "--checkpoints", "c", "--extractor-arg", "batch_size=9", expect=2)
    assert "resnet18.checkpoint belongs to another training, with other data" in done.stderr


def test_members_vote_from_training_to_evaluation(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    run(
        *("train", "--dataset", dataset_folder, "--out", "w/many", *NETWORK, "--members", 2, "--version", 4),
        *("--logs", "logs", "--checkpoints", "c", "--curves", "curves.png", "--report", "report.md"),
    )
    written = description(tmp_path / "w" / "many.json.v4")
    assert written["seisbench_lcl"]["model"] == "DiscriminatorEnsemble"
    members = written["model_args"]["members"]
    assert [(member["model"], member["extractor_args"]["seed"]) for member in members] == [
        ("ResNet18", seed) for seed in (0, 1)
    ]
    names = [f"member-{i}-resnet18" for i in range(2)]
    assert sorted(file.stem for file in (tmp_path / "logs").glob("*.csv")) == names
    assert sorted(file.stem for file in (tmp_path / "c").iterdir()) == names
    width, single = matplotlib.image.imread(tmp_path / "curves.png").shape[1], 4.4 * 120
    assert width == pytest.approx(2 * single, rel=0.01)
    report = (tmp_path / "report.md").read_text()
    assert "members = 2" in report
    assert report.startswith("### Training windows, each predicted by the members that held out its event")
    same = ("evaluate", "--dataset", dataset_folder, "--weights", "w/many.json.v4")
    run(*same, "--report", "dev.md", "--reliability", "trust.png")
    assert "16 station windows of 8 events" in (tmp_path / "dev.md").read_text()
    assert is_png(tmp_path / "trust.png")
    run(*same, "--folds", 2, "--report", "folds.md")
    assert "48 station windows of 24 events" in (tmp_path / "folds.md").read_text()


def test_a_network_that_learns_from_windows_in_a_file(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    for out, memory in (("held", 1), ("streamed", 0)):
        run("train", "--dataset", dataset_folder, "--out", out, *NETWORK, "--memory", memory)
    assert (tmp_path / "held.safetensors").read_bytes() == (tmp_path / "streamed.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [*NETWORK, "--members", 0],
            "members must be 1 or more, and only models that learn from labels form an ensemble, but is 0",
        ),
        (
            ["--model", "WaveformKMeans", "--clusters", 2, "--members", 2],
            "only models that learn from labels form an ensemble, but is 2",
        ),
        (
            ["--model", "Discriminator", "--extractor", "raw", "--head", "linear", "--members", 2, *SMALL],
            "Discriminator has no seed, so all members would be equal",
        ),
        ([*NETWORK, "--clusters", 3], "ResNet18 learns from labels and has no clusters"),
        ([*NETWORK, "--extractor-arg", "depth=3"], "ResNet18"),
        ([*NETWORK, "--extractor-arg", "seed=1", "--extractor-arg", "seed=2"], "sets seed"),
        ([*NETWORK, "--head-arg", "penalty=-1"], "penalty must be positive"),
        (["--model", "ResNet18", *SMALL, "--extractor-arg", "epochs=0"], "epochs must be a whole number of 1 or more"),
        (["--model", "ResNet18", *SMALL, "--extractor-arg", "width=0.5"], "width must be a positive whole number"),
        (["--model", "ResNet18", "--sampling-rate", 40, "--length", 0.5, "--before", 0], "needs windows of as many"),
        (["--model", "ResNet", *SMALL], "no model is called 'ResNet'; installed: "),
        ([*NETWORK, "--curves", "c.xyz"], "use one of the suffixes"),
        ([*NETWORK, "--report", "."], ". is a folder: name a file in it"),
        ([*NETWORK, "--report", "file/r.md"], "cannot write file/r.md"),
        ([*NETWORK, "--out", "file/w"], "cannot write file/w"),
        ([*NETWORK, "--logs", "file"], "cannot write logs to file"),
        ([*NETWORK, "--checkpoints", "file/c"], "cannot write the checkpoint"),
        ([*NETWORK, "--split", "test"], "available: dev, train"),
        ([*NETWORK, "--group-column", "source_type"], "has a single event"),
        ([*NETWORK, "--label-column", "region"], "has windows labelled|labels"),
    ],
)
def test_training_that_cannot_work_leaves_no_weights(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, arguments: list[Any], message: str
) -> None:
    (tmp_path / "file").write_text("")
    if "region" in arguments:
        arguments = [*arguments, "--group-column", "station_code"]
    done = run("train", "--dataset", dataset_folder, "--out", "w", *arguments, expect=2)
    assert any(part in done.stderr for part in message.split("|")), done.stderr
    assert list(tmp_path.glob("w*")) == []


# fine-tune ----------------------------------------------------------------------------------------------------------


def test_weights_for_another_region(
    run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    own = ("fine-tune", "--dataset", dataset_folder, "--split", "dev")
    done = run(
        *(*own, "--weights", weights / "network", "--out", "w/new", "--version", 2, "--epochs", 1, "--freeze", 3),
        *("--learning-rate", 0.001, "--report", "report.md", "--curves", "c.png", "--logs", "l", "--checkpoints", "c"),
    )
    assert "fine-tuning on 16 windows of 8 events" in done.stderr
    assert "wrote w/new.{json,safetensors,pt}.v2" in done.stdout
    tuned, before = lcl.ResNet18.load(tmp_path / "w" / "new", "2"), lcl.ResNet18.load(weights / "network")
    assert tuned.weights_docstring == "Fine-tuned. Before: of the north"
    for name, tensor in before.extractor.stages[:3].state_dict().items():
        assert tensor.equal(tuned.extractor.stages[:3].state_dict()[name])
    assert len(pd.read_csv(tmp_path / "l" / "resnet18.csv")) == 1
    assert is_png(tmp_path / "c.png")
    report = (tmp_path / "report.md").read_text()
    assert 'weights = "network"' in report
    assert str(weights) not in report
    assert "freeze = 3" in report
    done = run(
        *(*own, "--weights", weights / "rocket.json", "--out", "w/rocket", "--description", "of the south"),
        *("--curves", "none.png", "--split", "all"),
    )
    assert "none.png was not written: MiniRocketRidge is not trained in epochs" in done.stderr
    assert "Training windows, each predicted by a head fitted without its event" in done.stdout
    assert lcl.MiniRocketRidge.load(tmp_path / "w" / "rocket").weights_docstring == "of the south"


def test_an_ensemble_for_another_region(
    run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    own = ("fine-tune", "--dataset", dataset_folder, "--split", "dev", "--weights", weights / "both")
    run(*own, "--out", "new", "--checkpoints", "c")
    tuned = lcl.DiscriminatorEnsemble.load(tmp_path / "new")
    assert tuned.weights_docstring == "Fine-tuned. Before: two of them"
    assert [file.name for file in (tmp_path / "c").iterdir()] == ["member-0-resnet18.checkpoint"]
    run(*own, "--out", "frozen", "--freeze", 1)  # its network alone has stages
    before, after = (
        lcl.DiscriminatorEnsemble.load(weights / "both"),
        lcl.DiscriminatorEnsemble.load(tmp_path / "frozen"),
    )
    first, stayed = (model.members[0].extractor.stages[0].state_dict() for model in (before, after))
    assert all(torch.equal(first[name], stayed[name]) for name in first)


@pytest.mark.parametrize(
    ("weights_name", "arguments", "message"),
    [
        ("network", ["--freeze", 9], "freeze must be at most 5, the number of stages of ResNet18Encoder, but is 9"),
        ("network", ["--epochs", 0], "epochs must be a whole number of 1 or more"),
        ("network", ["--learning-rate", 0], "learning_rate must be positive"),
        ("network", ["--label-column", "region"], "labels ['north', 'south'] are unknown to the model"),
        ("network", ["--split", "test"], "available: dev, train"),
        ("network", ["--report", "."], "is a folder"),
        ("network", ["--out", "file/w"], "cannot write file/w"),
        ("network", ["--model", "VGG16"], "holds weights of ResNet18, not of VGG16"),
        ("rocket", ["--epochs", 3], "freeze, learning_rate and epochs do not apply"),
        ("clusters", [], "WaveformKMeans learns without labels and cannot be fine-tuned: fit it again"),
        ("absent", [], "no weights file"),
    ],
)
def test_fine_tuning_that_cannot_work(
    run: Callable[..., Done],
    weights: Path,
    dataset_folder: Path,
    tmp_path: Path,
    weights_name: str,
    arguments: list[Any],
    message: str,
) -> None:
    (tmp_path / "file").write_text("")
    own = ("fine-tune", "--dataset", dataset_folder, "--weights", weights / weights_name, "--out", "w")
    assert message in run(*own, *arguments, expect=2).stderr
    assert list(tmp_path.glob("w*")) == []


# ensemble, classify -------------------------------------------------------------------------------------------------


def test_weights_that_vote_as_one(
    run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    both = ("--weights", weights / "network", "--weights", weights / "rocket.json")
    done = run("ensemble", *both, "--out", "w/two", "--description", "of two", "--version", 3)
    assert "2 members: ResNet18, MiniRocketRidge" in done.stdout
    made = lcl.DiscriminatorEnsemble.load(tmp_path / "w" / "two", "3")
    assert made.weights_docstring == "of two"
    windows = read_windows(open_dataset(dataset_folder), made.preprocessing).windows
    np.testing.assert_array_equal(
        made.predict_proba(windows), lcl.DiscriminatorEnsemble.load(weights / "both").predict_proba(windows)
    )
    done = run("ensemble", *both, "--weights", tmp_path / "w" / "two.json.v3", "--out", "w/four")
    assert "4 members: ResNet18, MiniRocketRidge, ResNet18, MiniRocketRidge" in done.stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["network"], "an ensemble needs at least two members, but got 1"),
        (["network", "clusters"], "member 1, a WaveformKMeans, learns without labels: clusters cannot vote"),
        (
            ["network", "mixed-3c"],
            "must agree in labels, but member 1, a EnvelopePhysicalRidge, has ['earthquake', 'noise'",
        ),
        (["network", "absent"], "no weights file"),
        (["network", "broken"], "is truncated or changed"),
    ],
)
def test_weights_that_cannot_vote(
    run: Callable[..., Done], weights: Path, tmp_path: Path, names: list[str], message: str
) -> None:
    for file in weights.glob("rocket.*"):
        shutil.copy(file, tmp_path / file.name.replace("rocket", "broken"))
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    paths = {"mixed-3c": "mixed-3c", "broken": tmp_path / "broken"}
    options = [word for name in names for word in ("--weights", paths.get(name, weights / name))]
    assert message in run("ensemble", *options, "--out", "w", expect=2).stderr
    assert list(tmp_path.glob("w*")) == []


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A "high" event, and then spikes, which are unlike anything that was learnt."""
    rng = np.random.default_rng(0)
    motion = np.concatenate(
        [
            ground_motion(7, np.arange(60 * 40) / 40, "high"),
            1e6 * (np.arange(60 * 40) % 90 == 0) + rng.normal(size=(3, 60 * 40)),
        ],
        axis=1,
    )
    header = {"sampling_rate": 40, "starttime": START, "station": "A", "network": "XX"}
    stream = obspy.Stream([obspy.Trace(x, header | {"channel": f"HH{c}"}) for c, x in zip("ZNE", motion, strict=True)])
    stream.write(str(tmp_path / "a.mseed"), "MSEED")
    return tmp_path / "a.mseed"


def test_classify_abstains_by_novelty_and_probability(
    run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path
) -> None:
    def tables(*arguments: object) -> tuple[pd.DataFrame, pd.DataFrame]:
        run(
            *("classify", recording, "--weights", weights / "rocket", *arguments),
            *("--out", "windows.csv", "--detections", "detections.csv"),
        )
        return pd.read_csv(tmp_path / "windows.csv"), pd.read_csv(tmp_path / "detections.csv")

    free, _ = tables("--max-novelty", "inf")
    assert free["label"].notna().all()
    assert free.loc[28, "label"] == "high"
    assert free["novelty"][62:].min() > 1 > free["novelty"].min()
    found, detections = tables()
    beyond = free["novelty"] > 1
    assert (found["label"].isna() == beyond).all()
    assert found["reason"][beyond].str.startswith("unlike the training data (novelty ").all()
    assert (detections["start_time"] < str(START.datetime + pd.Timedelta(seconds=60))).all()
    limit = float(free[["high", "low"]].max(axis=1).median())
    unsure, _ = tables("--max-novelty", "inf", "--reject-below", limit)
    doubtful = free[["high", "low"]].max(axis=1) < limit
    assert doubtful.any()
    assert (unsure["label"].isna() == doubtful).all()
    assert unsure["reason"][doubtful].str.startswith("not sure enough (").all()


def test_classify_with_an_ensemble(run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path) -> None:
    done = run(
        *("classify", recording, "--weights", weights / "both", "--max-novelty", "inf"),
        *("--out", "w.csv", "--plot", "f.png"),
    )
    assert "113 windows of 1 station" in done.stdout
    frame = pd.read_csv(tmp_path / "w.csv")
    assert frame[["high", "low", "spread", "novelty"]].notna().all(axis=None)
    assert is_png(tmp_path / "f.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-novelty", 0], "max_novelty must be a positive number, or None, but is 0.0"),
        (["--max-novelty", "nan"], "max_novelty must be a positive number"),
        (["--reject-below", 1], "reject_below must be a number from 0 to below 1, but is 1.0"),
        (["--reject-below", -0.5], "reject_below must be a number from 0 to below 1, but is -0.5"),
    ],
)
def test_limits_out_of_range(
    run: Callable[..., Done], weights: Path, recording: Path, arguments: list[Any], message: str
) -> None:
    assert message in run("classify", recording, "--weights", weights / "both", *arguments, expect=2).stderr


def test_an_ensemble_has_no_clusters_to_name(run: Callable[..., Done], weights: Path) -> None:
    done = run("name", "--weights", weights / "both", "--out", "w", "--label", "0=high", expect=2)
    assert "is an ensemble, whose members learn from labels: it has no clusters" in done.stderr
