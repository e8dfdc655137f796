"""``evaluate``: scores of a split, of folds of events, and of groups held out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_tools import ROCKET, change_metadata, few_traces, is_png, saved_models, strict
from conftest import Done
from seisbench.data import WaveformDataWriter

import seisbench_lcl as lcl
from seisbench_lcl.training import Cuts, open_dataset, read_windows

pytestmark = pytest.mark.timeout(120)

RATE = 50
SHAPE = {"sampling_rate": RATE, "in_samples": 400, "before": 1.0, "component_order": "Z", "band": (1.0, 18.0)}
SECTIONS = (
    "Balanced accuracy with and without the repository",
    "Recall with repository held out",
    "Prediction of the repository",
)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


# A split ------------------------------------------------------------------------------------------------------------


def test_a_split(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    same = ("evaluate", "--dataset", dataset_folder, "--weights", saved_models(dataset_folder) / "rocket.json")
    done = run(*same, "--report", "dev.md", "--reliability", "f/trust.png", "--risk", 0.01)
    text = (tmp_path / "dev.md").read_text()
    assert "### Split dev" in text
    assert "16 station windows of 8 events" in text
    assert "Recognition" not in text
    for report in (done.stdout, text):
        assert "No threshold can be recommended: no threshold keeps the risk at 0.01 or less" in report
    assert is_png(tmp_path / "f" / "trust.png")
    done = run(*same, "--split", "all")
    assert "these scores are not held out" in done.stderr
    assert "48 station windows" in done.stdout


def test_windows_unlike_the_training_data(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    model = lcl.MiniRocketRidge.load(saved_models(dataset_folder) / "rocket")
    model.novelty_detector.threshold.mul_(1e-3)
    model.save(tmp_path / "strict")
    same = ("evaluate", "--dataset", few_traces(dataset_folder), "--weights", "strict")
    done = run(*same, "--report", "strict.md", "--risk", 0.5)
    for report in (done.stdout, (tmp_path / "strict.md").read_text()):
        assert "4 of 4 windows are unlike the training data: classify abstains on them." in report
        assert "No threshold can be recommended" in report


def test_clusters_need_names(run: Callable[..., Done], dataset_folder: Path) -> None:
    same = ("evaluate", "--dataset", few_traces(dataset_folder), "--weights", saved_models(dataset_folder) / "four")
    done = run(*same, expect=2)
    assert "cluster 0, cluster 1, cluster 2, cluster 3, do not occur in the dataset" in done.stderr
    assert "name the clusters first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reliability", "figure.xyz"], "use one of the suffixes"),
        (["--reliability", "."], "is a folder"),
        (["--risk", 5], "between 0 and 1, such as 0.05, but is 5"),
        (["--folds", 2, "--by", "region"], "use either --folds or --by"),
        (["--refine", 0.5], "only apply with --folds or --by"),
        (["--copies", 2], "only apply with --folds or --by"),
        (["--min-snr", 2], "only apply with --folds or --by"),
    ],
)
def test_requests_that_are_refused_without_a_dataset(
    run: Callable[..., Done], arguments: list[object], message: str
) -> None:
    assert message in run("evaluate", "--dataset", "absent", "--weights", "absent", *arguments, expect=2).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "test"], "no usable window is in split test; available: dev, train"),
        (["--folds", 20], "use fewer folds"),
        (["--label-column", "kind"], "has no column 'kind'"),
        (["--dataset", "nowhere"], "neither a folder nor the name of a dataset"),
    ],
)
def test_evaluations_that_cannot_work(
    run: Callable[..., Done], dataset_folder: Path, arguments: list[object], message: str
) -> None:
    weights = saved_models(dataset_folder) / "rocket"
    same = ("evaluate", "--dataset", few_traces(dataset_folder), "--weights", weights)
    assert message in run(*same, *arguments, expect=2).stderr


def test_labels_are_needed(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    dataset = few_traces(dataset_folder)
    bare = change_metadata(dataset, tmp_path / "bare", lambda metadata: metadata.drop(columns="source_type"))
    done = run("evaluate", "--dataset", bare, "--weights", saved_models(dataset_folder) / "rocket", expect=2)
    assert "the dataset has no column 'source_type'" in done.stderr


# Trained again ------------------------------------------------------------------------------------------------------


def test_regions_held_out_with_risk(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    same = ("evaluate", "--dataset", dataset_folder, "--weights", saved_models(dataset_folder) / "rocket")
    done = run(*same, "--by", "region", "--reliability", "f/trust.pdf", "--risk", 0.25, "--report", "trust.md")
    text = (tmp_path / "trust.md").read_text()
    assert "### Region held out: north" in text
    advice = "No rejection is needed, which keeps 100.0% of the windows (48 of 48). 0.0% of them are wrong"
    assert advice in done.stdout
    assert "### Risk of 0.25, region held out\n\n" + advice in text
    assert "**Reliability per station**\n\n| highest probability | decisions | events | mean | accuracy |" in text
    assert "**Reliability per event**" in text
    assert (tmp_path / "f" / "trust.pdf").read_bytes().startswith(b"%PDF")


def test_ensembles(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    weights = saved_models(dataset_folder)
    done = run("evaluate", "--dataset", dataset_folder, "--weights", weights / "both", "--risk", 0.6)
    assert "16 station windows of 8 events" in done.stdout
    assert "keeps 100.0% of the windows (16 of 16)" in done.stdout
    same = ("evaluate", "--dataset", dataset_folder, "--weights", weights / "two")
    done = run(*same, "--folds", 2, "--report", "folds.md")
    assert "2 folds of events" in done.stdout
    assert "48 station windows of 24 events" in (tmp_path / "folds.md").read_text()


def test_clusters_are_named_in_each_fold(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    weights = saved_models(dataset_folder) / "four"
    run("evaluate", "--dataset", dataset_folder, "--weights", weights, "--folds", 2, "--report", "folds.md")
    assert "48 station windows of 24 events" in (tmp_path / "folds.md").read_text()


def test_training_windows_are_those_of_the_weights(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without options, shift, copies, onset and signal-to-noise ratio are as recorded; options override them."""
    learnt: list[int] = []
    fit = lcl.MiniRocketRidge.fit

    def count(model: lcl.MiniRocketRidge, windows: np.ndarray, *args: object, **kwargs: object) -> object:
        learnt.append(len(windows))
        return fit(model, windows, *args, **kwargs)

    dataset = change_metadata(
        dataset_folder, tmp_path / "one-station", lambda metadata: metadata[metadata["station_code"] == "ST0"]
    )
    preprocessing = lcl.MiniRocketRidge.load(saved_models(dataset_folder) / "rocket").preprocessing
    limit = float(np.median(read_windows(open_dataset(dataset), preprocessing, cuts=Cuts(refine=0.5)).snr))
    own = ("--max-shift", 0.5, "--copies", 1, "--refine", 0.5, "--min-snr", limit)
    done = run("train", "--dataset", dataset, "--out", "w", *ROCKET, *own, "--split", "all")
    told = f"left out 12 of 24 traces with a signal-to-noise ratio below {limit:g} dB"
    assert told in done.stderr
    assert "fitting 24 windows" in done.stderr

    monkeypatch.setattr(lcl.MiniRocketRidge, "fit", count)
    same = ("evaluate", "--dataset", dataset, "--weights", "w", "--report", "r.md")
    texts = []
    for options, expected in (((), 24), (own, 24), (("--max-shift", 0), 12), (("--min-snr", -100), 48)):
        learnt.clear()
        done = run(*same, "--folds", 2, *options)
        texts.append((tmp_path / "r.md").read_text())
        assert "24 station windows of 24 events" in texts[-1]  # faint traces are scored, too
        assert sum(learnt) == expected  # every window is in one of the two training sets
        assert (told in done.stderr) == (expected != 48)
    assert texts[0] == texts[1]
    learnt.clear()
    assert told in run(*same, "--by", "region").stderr
    assert sum(learnt[:2]) == 24


# Recognition of groups ----------------------------------------------------------------------------------------------


def motion(rng: np.random.Generator, kind: str, hum: float) -> np.ndarray:
    """20 s at P = 8 s: blasts are high, earthquakes low, noise is nothing; and a hum at a frequency in Hz."""
    time = np.arange(20 * RATE) / RATE
    since = np.clip(time - 8, 0, None)
    low, high = {"blast": (8, 14), "earthquake": (2, 5), "noise": (0, 0)}[kind]
    waves = np.sin(2 * np.pi * rng.uniform(low, high, (12, 1)) * time + rng.uniform(0, 6, (12, 1))).sum(axis=0)
    hums = 6 * np.sin(2 * np.pi * hum * time + rng.uniform(0, 6))
    return (waves * since * np.exp(-since / 2) * (high > 0) + hums + rng.normal(0, 0.5, len(time)))[None]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two repositories, each with a hum of its own; noise is only in the first one, which has more blasts."""
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
def humming(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of MiniRocketRidge, of an ensemble of two, and of clusters."""
    path = tmp_path_factory.mktemp("weights")
    args = {"extractor_args": {"max_features": 84}, **SHAPE}
    model = lcl.MiniRocketRidge(labels=["blast", "earthquake", "noise"], **args)
    data = read_windows(open_dataset(repositories, "Z"), model.preprocessing)
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
def test_recognition_of_a_group(
    run: Callable[..., Done], repositories: Path, humming: Path, tmp_path: Path, kind: str
) -> None:
    copies = () if kind == "clusters" else ("--copies", 1)
    same = ("evaluate", "--dataset", repositories, "--weights", humming / kind, *copies)
    done = run(*same, "--by", "repository", "--report", "by.md")
    whole = (tmp_path / "by.md").read_text()
    for heading in ("### Repository held out\n", "### Repository held out: one\n", "### Repository held out: two\n"):
        assert heading in whole
    assert "52 station windows of 26 events" in whole  # no copy is scored
    text = section(whole)
    assert all(f"**{title}" in text for title in SECTIONS)
    assert all(title in done.stdout for title in SECTIONS)
    assert "44 windows of 22 events" in text
    assert "Left out: 8 of noise in one." in text
    unknown = next(line for line in text.splitlines() if line.startswith("| one | ") and "unknown" in line)
    assert unknown.endswith(" | unknown (8 / 4) |")  # noise
    assert "| repository only, no waveforms | 0.727 [" in text  # the 16 of 22 events of the frequent class
    if kind != "clusters":  # whose names may be either class
        lost = text.partition("| first minus second, percentage points | ")[2]
        assert float(lost.split()[0]) > 25  # a model that knows the hum relies on it
    probes = [line.split(" | ") for line in text.splitlines() if "| one, two |" in line]
    assert [probe[0] for probe in probes] == ["| blast", "| earthquake"]
    assert all(probe[2] == "22 / 11" and probe[4] == "0.500 |" for probe in probes)
    assert all(float(probe[3].split()[0]) > 0.9 for probe in probes)  # the hum
    assert "nan" not in whole.lower().split()
    assert done.stdout.count("Recognition of repository") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["network"], "has no column 'network'"),
        (["planet"], "has only the value"),
        (["class_again"], "no class occurs in two of the groups blast, earthquake, noise"),
        (["network_code"], "'network_code' has no value for 26 of 52 windows"),
        (
            ["repository", "--min-snr", 200],
            "no trace of blast, earthquake, noise has a signal-to-noise ratio of 200 dB",
        ),
        (["repository", "--group-column", "station_code"], "has more than one class"),
    ],
)
def test_groups_that_cannot_be_held_out(
    run: Callable[..., Done], repositories: Path, humming: Path, arguments: list[object], message: str
) -> None:
    same = ("evaluate", "--dataset", repositories, "--weights", humming / "ridge")
    assert message in run(*same, "--by", *arguments, expect=2).stderr


def test_a_class_of_two_events_is_left_out(
    run: Callable[..., Done], repositories: Path, humming: Path, tmp_path: Path
) -> None:
    same = ("evaluate", "--dataset", repositories, "--weights", humming / "ridge", "--max-shift", 0)
    run(*same, "--by", "repository", "--label-column", "rare_noise", "--report", "by.md")
    text = section((tmp_path / "by.md").read_text())
    assert "Left out: 4 of noise in one." in text
    assert "fewer than 3 in all or fewer than 2 without their repository" in text
    assert "48 windows of 24 events" in text


def test_copies_change_the_training_and_are_not_scored(
    run: Callable[..., Done], repositories: Path, humming: Path, tmp_path: Path
) -> None:
    same = ("evaluate", "--dataset", repositories, "--weights", humming / "ridge", "--folds", 2)
    texts = []
    for arguments in (["--max-shift", 0], ["--max-shift", 0.5, "--copies", 3]):
        run(*same, *arguments, "--report", "folds.md")
        texts.append((tmp_path / "folds.md").read_text())
        assert "52 station windows of 26 events" in texts[-1]
    assert texts[0] != texts[1]
