"""``train``: from a dataset to weights and a report."""

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from command_tools import (
    NETWORK,
    ROCKET,
    SHORT,
    change_metadata,
    configuration,
    description,
    few_traces,
    files_in,
    is_png,
    strict,
)
from conftest import Done

import seisbench_lcl as lcl
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.training import Cuts, open_dataset, read_windows

pytestmark = pytest.mark.timeout(120)

KMEANS = ("--model", "MiniRocketKMeans", *SHORT, "--extractor-arg", "max_features=84")
NAMED = ("--label", "high", "--event-type", "high=slide")
FEW_FEATURES: dict[str, Any] = {
    "labels": ["high", "low"],
    "sampling_rate": 40,
    "in_samples": 320,
    "extractor_args": {"max_features": 84},
}


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


def same_tensors(*files: Path) -> bool:
    contents = [file.with_suffix(".safetensors").read_bytes() for file in files]
    return all(content == contents[0] for content in contents)


# Weights and report -------------------------------------------------------------------------------------------------


def test_settings_reach_the_weights(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    own = ("--extractor-arg", "channels=sum", "--event-type", "high=quarry blast", "--description", "made up")
    run("train", "--dataset", few_traces(dataset_folder), *ROCKET, *own, "--out", "w/mine", "--version", "2")
    weights = (tmp_path / "w" / "mine.json.v2").read_text()
    assert '"channels": "sum"' in weights
    assert '"high": "quarry blast"' in weights
    assert '"made up"' in weights


def test_equal_trainings_give_equal_files(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    """In memory, and with windows and features in temporary files."""
    own = ("train", "--dataset", dataset_folder, *ROCKET)
    done = run(*own, "--out", "one", "--report", "one.md")
    assert "fitting 96 windows of 16 events" in done.stderr
    report = (tmp_path / "one.md").read_text()
    assert "| accuracy | 1.000" in report
    assert "32 station windows of 16 events" in report  # copies are not scored
    assert "max-shift = 1.0\ncopies = 2\nrefine = 0.0\n" in report
    run(*own, "--out", "two")
    run(*own, "--out", "streamed", "--memory", 0)
    assert same_tensors(*(tmp_path / name for name in ("one", "two", "streamed")))
    found = lcl.MiniRocketRidge.load(tmp_path / "one")
    assert found.training_windows == {"max_shift": 1.0, "copies": 2, "refine": 0.0, "min_snr": None, "windows": 32}
    model = lcl.MiniRocketRidge(**FEW_FEATURES)
    cuts = Cuts(max_shift=1.0, copies=2)
    data = read_windows(open_dataset(dataset_folder), model.preprocessing, cuts=cuts).in_split("train")
    expected = model.fit(data.windows, data.labels, data.groups)
    np.testing.assert_array_equal(found.predict_proba(data.windows), expected.predict_proba(data.windows))


def test_training_windows_are_recorded(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    own = ("--max-shift", 0.5, "--copies", 1, "--refine", 0.25, "--min-snr", -100, "--members", 2)
    done = run("train", "--dataset", few_traces(dataset_folder), *ROCKET, *own, "--out", "w")
    assert "fitting 16 windows of 4 events" in done.stderr  # every trace is louder than -100 dB
    recorded = {"max_shift": 0.5, "copies": 1, "refine": 0.25, "min_snr": -100.0, "windows": 8}
    assert description(tmp_path / "w.json")["seisbench_lcl"]["training_windows"] == recorded
    assert lcl.DiscriminatorEnsemble.load(tmp_path / "w").training_windows == recorded


# Cuts around P: the dataset has 16 events in split train, at two stations each ---------------------------------------


def test_no_shift_means_no_copies(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    own = ("train", "--dataset", dataset_folder, "--out", "still", *ROCKET, "--report", "card.md")
    done = run(*own, "--max-shift", 0)
    assert "fitting 32 windows of 16 events" in done.stderr
    assert "max-shift = 0.0\ncopies = 0\n" in (tmp_path / "card.md").read_text()
    model = lcl.MiniRocketRidge(**FEW_FEATURES)
    data = read_windows(open_dataset(dataset_folder), model.preprocessing).in_split("train")
    expected = model.fit(data.windows, data.labels, data.groups).state_dict()
    found = lcl.MiniRocketRidge.load(tmp_path / "still").state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor, err_msg=name)


@pytest.mark.parametrize(
    ("model", "windows"),
    [
        (("Discriminator", "--extractor", "raw+physical", "--head", "ridge", "--copies", 1), 16),
        (("MiniRocketKMeans", "--extractor-arg", "max_features=84", "--clusters", 2), 8),
        (("ResNet18", "--extractor-arg", "width=2", "--extractor-arg", "epochs=1"), 8),
        (("Discriminator", "--extractor", "simclr", "--head", "ridge", "--extractor-arg", "epochs=1"), 8),
        (
            (
                *("Discriminator", "--extractor", "raw+simclr", "--head", "ridge"),
                *("--extractor-arg", 'simclr={"epochs": 1}'),
            ),
            8,
        ),
    ],
)
def test_networks_and_clusters_get_no_copies_unless_asked(
    run: Callable[..., Done], dataset_folder: Path, model: tuple[Any, ...], windows: int
) -> None:
    own = ("train", "--dataset", few_traces(dataset_folder), "--out", "w", "--length", 4)
    assert f"fitting {windows} windows of 4 events" in run(*own, "--model", *model).stderr


def test_cluster_sizes_count_the_unshifted_windows(run: Callable[..., Done], dataset_folder: Path) -> None:
    own = ("train", "--dataset", dataset_folder, "--out", "w", *KMEANS, "--clusters", 2)
    done = run(*own, "--max-shift", 0.5, "--copies", 1)
    assert "fitting 64 windows of 16 events" in done.stderr
    sizes = re.findall(r"cluster \d: (\d+) windows", done.stdout)
    assert sum(map(int, sizes)) == 32


def test_faint_traces_are_left_out(run: Callable[..., Done], dataset_folder: Path) -> None:
    preprocessing = lcl.MiniRocketRidge(**FEW_FEATURES).preprocessing
    data = read_windows(open_dataset(dataset_folder), preprocessing).in_split("train")
    limit = float(np.median(data.snr))
    own = ("train", "--dataset", dataset_folder, "--out", "w", "--overwrite", *ROCKET, "--min-snr")
    done = run(*own, limit)
    assert f"left out 16 of 32 traces with a signal-to-noise ratio below {limit:g} dB" in done.stderr
    assert "fitting 48 windows of " in done.stderr
    refused = (
        f"no trace of high, low has a signal-to-noise ratio of 100 dB; the highest ratio is {max(data.snr):.1f} dB"
    )
    assert refused in run(*own, 100, expect=2).stderr


def test_traces_with_unknown_signal_to_noise_ratio_stay(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    """P of the third trace is 1 s after its start, which is too little noise before P."""

    def early(metadata: pd.DataFrame) -> pd.DataFrame:
        rate = metadata["trace_sampling_rate_hz"]
        arrivals = metadata["trace_p_arrival_sample"].where(metadata.index != 2, rate)
        return metadata.assign(trace_p_arrival_sample=arrivals)

    dataset = change_metadata(few_traces(dataset_folder), tmp_path / "early", early)
    own = ("--before", 0.5, "--length", 8, "--model", "PhysicalRidge", "--report", "card.md")
    done = run("train", "--dataset", dataset, "--out", "w", *own, "--min-snr", -100)
    assert "kept 1 of 8 traces with unknown signal-to-noise ratio" in done.stderr
    assert "left out" not in done.stderr
    assert "max-shift = 0.5\ncopies = 2\n" in (tmp_path / "card.md").read_text()


# Networks and ensembles ---------------------------------------------------------------------------------------------


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
    run(*own, "--out", "w/streamed", "--memory", 0)
    assert same_tensors(*(tmp_path / "w" / name for name in ("one", "two", "streamed")))


def test_an_interrupted_training_continues_to_the_same_weights(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str) -> Callable[[Iterable[int]], Iterable[int]]:
        def epochs(numbers: Iterable[int]) -> Iterable[int]:
            for number in numbers:
                if number:
                    raise KeyboardInterrupt
                yield number

        return epochs if name == "resnet18" else iter

    own = ("train", "--dataset", few_traces(dataset_folder), *NETWORK)
    run(*own, "--out", "straight")
    with monkeypatch.context() as patch:
        patch.setattr("seisbench_lcl.cli.train.progress", interrupted)
        run(*own, "--out", "w", "--checkpoints", "c", "--logs", "logs", expect=130)
    assert not (tmp_path / "w.json").exists()
    assert len(pd.read_csv(tmp_path / "logs" / "resnet18.csv")) == 1
    run(*own, "--out", "w", "--checkpoints", "c", "--logs", "logs")
    assert len(pd.read_csv(tmp_path / "logs" / "resnet18.csv")) == 2
    assert same_tensors(tmp_path / "w", tmp_path / "straight")
    done = run(*own, "--out", "w", "--overwrite", "--checkpoints", "c", "--extractor-arg", "batch_size=9", expect=2)
    assert "resnet18.checkpoint belongs to another training, with other data" in done.stderr


def test_members(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
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


# Models of several parts --------------------------------------------------------------------------------------------


def test_seeds_of_members_of_several_parts(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    run(
        *("train", "--dataset", few_traces(dataset_folder), "--out", "two", "--report", "card.md"),
        *("--model", "EnvelopePhysicalRidge", "--length", 10, "--members", 2, "--copies", 0),
        *("--extractor-arg", "envelope>minirocket.minirocket.max_features=84"),
    )
    members = description(tmp_path / "two.json")["model_args"]["members"]
    seeds = [member["extractor_args"]["envelope>minirocket"]["minirocket"]["seed"] for member in members]
    assert seeds == [0, 1]
    card = (tmp_path / "card.md").read_text()
    assert "max_features = 84" in card
    assert "seed" not in card
    assert "members = 2" in card


@pytest.mark.parametrize(
    "text",
    [
        "[extractor-arg]\nphysical.refine = 0.5\n",
        '[extractor-arg]\n"physical.refine" = 0.5\n',
        "[extractor-arg.physical]\nrefine = 0.5\n",
        'extractor-arg = ["physical.refine=0.5"]\n',
    ],
)
def test_a_file_may_hold_arguments_of_a_part_in_any_form(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, text: str
) -> None:
    own = ("train", "--dataset", few_traces(dataset_folder), "--out", "w", "--config", "own.toml")
    (tmp_path / "own.toml").write_text('model = "PhysicalRidge"\nlength = 10.0\ncopies = 0\n' + text)
    assert "unexpected keyword argument 'physical'" in run(*own, expect=2).stderr
    text = 'model = "Discriminator"\nextractor = "raw+physical"\nhead = "stack"\nlength = 4.0\ncopies = 0\n' + text
    (tmp_path / "own.toml").write_text(text)
    run(*own)
    assert description(tmp_path / "w.json")["model_args"]["extractor_args"]["physical"]["refine"] == 0.5


def test_a_card_leaves_out_none_and_keeps_classes_by_number(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path
) -> None:
    """TOML has no word for None, which is the default of an argument of `raw`."""
    given = ("--model", "Discriminator", "--extractor", "raw+physical", "--head", "stack", "--length", 4)
    weights = ("--head-arg", 'class_weight={"0": 2, "1": 1}', "--copies", 0)
    run("train", "--dataset", few_traces(dataset_folder), "--out", "w", "--report", "card.md", *given, *weights)
    card = configuration(tmp_path / "card.md")
    assert "[head-arg.class_weight]\n0 = 2.0\n1 = 1.0\n" in card
    assert "n_components" not in card


# Without labels -----------------------------------------------------------------------------------------------------


def test_labels_do_not_change_the_clusters(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    """Nor do temporary files; labels only add scores."""
    dataset = few_traces(dataset_folder)
    bare = change_metadata(dataset, tmp_path / "bare", lambda metadata: metadata.drop(columns="source_type"))
    own = ("train", *KMEANS, "--split", "all", "--clusters", 2, "--out")
    run(*own, "a", "--dataset", bare)
    for out, memory in (("b", 1), ("c", 0)):
        done = run(*own, out, "--dataset", dataset, "--memory", memory, "--report", f"{out}.md")
        assert "linear probe on the features" in done.stdout
        assert "linear probe on the features" in (tmp_path / f"{out}.md").read_text()
    assert same_tensors(*(tmp_path / name for name in "abc"))


def test_curves_without_epochs(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    own = ("train", "--dataset", few_traces(dataset_folder), *KMEANS, "--clusters", 2, "--out", "w")
    done = run(*own, "--curves", "c.png")
    assert "c.png was not written: MiniRocketKMeans is not trained in epochs" in done.stderr
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("left", ["json", "safetensors", "pt"])
@pytest.mark.parametrize("version", [None, "2"])
def test_existing_weights_are_replaced_only_on_request(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, left: str, version: str | None
) -> None:
    """Whichever file of them exists; other versions do not count, and a path finds the newest."""
    own = ("train", "--dataset", few_traces(dataset_folder), *ROCKET, "--copies", 0, "--out", "w")
    suffix = (f".v{version}", "--version", version) if version else ("",)
    file = tmp_path / f"w.{left}{suffix[0]}"
    file.write_text("mine")
    assert f"{file.name} exists already: change --out or --version" in run(*own, *suffix[1:], expect=2).stderr
    assert (files_in(tmp_path), file.read_text()) == ([file.name], "mine")
    run(*own, *suffix[1:], "--overwrite")
    run(*own, "--version", 10)
    loaded = find_model("./w")
    assert loaded.weights_version == ("10" if version else "1")
    assert str(loaded.weights_origin).startswith("MiniRocketRidge from w, version")


# Refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-shift", -1], "max_shift must be finite and not negative, but is -1.0"),
        (["--copies", -2, "--max-shift", 0], "copies must be a whole number and not negative, but is -2"),
        (["--refine", "nan"], "refine must be finite and not negative, but is nan"),
        (["--max-shift", 0, "--copies", 4], "4 copies with a max_shift of 0 would equal the unshifted window"),
        (["--model", "SpectrogramCNN", "--copies", 3], "set max_shift to a positive number of seconds, or copies to 0"),
        (["--max-shift", 25, "--length", 10], "a max_shift of 25 s moves P out of the window, which is 10 s long"),
        (["--before", 0, "--copies", 1], "1 copies with a max_shift of 0"),
        (["--min-snr", "nan"], "min_snr must be a finite number of dB, but is nan"),
        (["--min-snr", "inf"], "min_snr must be a finite number of dB, but is inf"),
        (["--curves", "c.xyz"], "use one of the suffixes"),
        (["--report", "."], ". is a folder: name a file in it"),
        (["--report", "file/r.md"], "cannot write file/r.md"),
        (["--out", "file/w"], "cannot write file/w"),
        (["--model", "ResNet"], "no model is called 'ResNet'; did you mean 'ResNet18'?"),
        (["--extractor-arg", "channels"], "takes key=value"),
        (["--extractor-arg", "seed=1", "--extractor-arg", "seed=1"], "--extractor-arg sets seed twice"),
        (
            ["--members", 0],
            "members must be 1 or more, and only models that learn from labels form an ensemble, but is",
        ),
        (["--clusters", 2], "EnvelopePhysicalRidge learns from labels and has no clusters"),
        ([*KMEANS], "MiniRocketKMeans learns without labels: set the number of clusters, such as 8"),
        ([*KMEANS, "--clusters", 2, "--members", 2], "only models that learn from labels form an ensemble, but is 2"),
        ([*KMEANS, "--clusters", 2, *NAMED[:2]], "labels and event types do not apply until its clusters are named"),
        ([*KMEANS, "--clusters", 2, *NAMED[2:]], "labels and event types do not apply until its clusters are named"),
        (["--model", "Discriminator", "--head", "kmeans", "--clusters", 2], "names of an extractor and a head"),
    ],
)
def test_requests_that_are_refused_without_a_dataset(
    run: Callable[..., Done], tmp_path: Path, arguments: list[Any], message: str
) -> None:
    (tmp_path / "file").write_text("")
    assert message in run("train", "--dataset", "absent", "--out", "w", *arguments, expect=2).stderr
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--extractor-arg", "channls=sum"], "channls"),
        (["--model", "MiniRocketRidge", "--head-arg", "alphas=x"], "minirocket+ridge"),
        (["--model", "MiniRocketKMeans", "--clusters", 2, "--head-arg", "n_inits=3"], "n_inits"),
        (["--model", "PhysicalRidge", "--members", 2], "PhysicalRidge has no seed, so all members would be equal"),
        (["--model", "MiniRocketKMeans", "--clusters", 1], "clusters must be 2 or more, but is 1"),
        (["--label-column", "kind"], "has no column 'kind'"),
        (["--label", "high"], "labels must name at least two classes"),
        (["--normalisation", "none"], "normalisation must be one of"),
        (["--event-type", "high=bang"], "not a QuakeML event type"),
        (["--band", "1", "70"], "band must satisfy"),
        ([*NETWORK, "--extractor-arg", "depth=3"], "ResNet18"),
        ([*NETWORK, "--head-arg", "penalty=-1"], "penalty must be positive"),
        (
            ["--model", "ResNet18", "--extractor-arg", "epochs=0"],
            "epochs must be a whole number of 1 or more, but is 0",
        ),
        (["--model", "ResNet18", "--extractor-arg", "width=0.5"], "width must be a positive whole number"),
        (["--model", "ResNet18", "--length", 0.3, "--before", 0], "needs windows of at least 32 samples (0.32 s)"),
        (
            ["--model", "EnvelopePhysicalRidge", "--extractor-arg", "phsical.refine=1"],
            "arguments were passed for phsical, but the extractor is made of envelope>minirocket and physical",
        ),
        (
            ["--model", "EnvelopePhysicalRidge", "--extractor-arg", "physical=1"],
            "arguments of physical must be a mapping, but are 1",
        ),
    ],
)
def test_models_that_cannot_be_built_are_refused_before_waveforms_are_read(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, arguments: list[Any], message: str
) -> None:
    copy = shutil.copytree(few_traces(dataset_folder), tmp_path / "broken")
    with h5py.File(copy / "waveforms.hdf5", "a") as file:
        del file["data"]
    assert message in run("train", "--dataset", copy, "--out", "w", *arguments, expect=2).stderr
    assert list(tmp_path.glob("w*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "high", "--label", "icequake"], "no trace is labelled icequake in 'source_type'"),
        (["--pick-column", "region"], "column region must be P arrivals in samples: could not convert string"),
        (["--split", "test"], "no usable window is in split test; available: dev, train"),
        ([*NETWORK, "--logs", "file"], "cannot write logs to file"),
        ([*NETWORK, "--checkpoints", "file/c"], "cannot write the checkpoint"),
        ([*NETWORK, "--group-column", "source_type"], "has a single event"),
        ([*NETWORK, "--label-column", "region", "--group-column", "station_code"], "has windows labelled"),
        ([*KMEANS, "--clusters", 9], "9 clusters need at least as many windows"),
        (
            ["--model", "Discriminator", "--extractor", "minirocket", "--head", "dec", "--clusters", 2],
            "use spectrogram_autoencoder or spectrogram_unet",
        ),
        (
            ["--model", "MiniRocketSCAN", "--clusters", 2, "--head-arg", "n_neighbours=40"],
            "8 windows are too few for 2 clusters and 40 neighbours",
        ),
        (
            [
                *("--model", "AutoencoderGMM", "--clusters", 2),
                *("--extractor-arg", "epochs=1", "--extractor-arg", "learning_rate=1e30"),
            ],
            "the loss was not finite in the first epoch; use a learning rate below 1e+30",
        ),
    ],
)
def test_trainings_that_fail_leave_no_weights(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, arguments: list[Any], message: str
) -> None:
    (tmp_path / "file").write_text("")
    done = run("train", "--dataset", few_traces(dataset_folder), "--out", "w", *SHORT, *arguments, expect=2)
    assert message in done.stderr
    assert list(tmp_path.glob("w*")) == []
