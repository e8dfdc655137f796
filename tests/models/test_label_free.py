"""Models that learn without labels: fit, save, load, name, classify, and errors."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.evaluation import event_folds, held_out_probabilities
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.registry import registry
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.testing._fresh_process import ORIGIN
from seisbench_lcl.training import LabelledWindows, open_dataset, read_windows, session

IMAGES = {"epochs": 2, "batch_size": 8, "n_latent": 4}
SMALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "WaveformKMeans": ({}, {}),
    "MiniRocketKMeans": ({"max_features": 168}, {}),
    "MiniRocketSCAN": ({"max_features": 168}, {"n_neighbours": 5, "epochs": 3, "n_heads": 2}),
    "SimCLRKMeans": ({"epochs": 2, "batch_size": 8, "width": 4}, {}),
    "AutoencoderGMM": (IMAGES, {"n_init": 1}),
    "UNetGMM": (IMAGES, {"n_init": 1}),
    "DEC": (IMAGES, {"epochs": 2, "batch_size": 8}),
}
WHOLE = ("WaveformKMeans", "MiniRocketSCAN", "DEC")  # one head of each kind; the conformance kit checks all parts
SHORT: dict[str, Any] = {"sampling_rate": 50.0, "in_samples": 300, "before": 1.0}


def make_windows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Windows of 6 s with a wavelet of 3 or 9 Hz in turn, and their kinds."""
    rng = np.random.default_rng(seed)
    time, high = np.arange(300) / 50, np.arange(n) % 2 == 1
    phase = 2 * np.pi * np.where(high, 9, 3)[:, None, None] * time + rng.uniform(0, 2 * np.pi, (n, 3, 1))
    windows = np.sin(phase) * np.exp(-((time - 2) ** 2)) + 0.05 * rng.normal(size=(n, 3, 300))
    return windows.astype(np.float32), np.where(high, "high", "low")


X, KINDS = make_windows(16)


def build(name: str, clusters: Any = 3, extractor: Any = None, head: Any = None, **kwargs: Any) -> Discriminator:
    extractor_args, head_args = SMALL[name]
    return getattr(lcl, name)(
        clusters=clusters,
        extractor_args={**extractor_args, **(extractor or {})},
        head_args={**head_args, **(head or {})},
        **SHORT,
        **kwargs,
    )


def same_state(one: Discriminator, other: Discriminator) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope="module")
def trained() -> dict[str, Discriminator]:
    return {name: build(name).fit(X) for name in SMALL}


def test_all_models_without_labels_are_tested_here() -> None:
    classes = {name: getattr(lcl, name) for name in lcl.__all__ if isinstance(getattr(lcl, name), type)}
    pairs = {name: cls.pair for name, cls in classes.items() if issubclass(cls, Discriminator) and cls.pair}
    own = {
        name: head for name, (extractor, head) in pairs.items() if extractor != "seisbench"
    }  # test_backbones_of_models
    assert {name for name, head in own.items() if not registry().head(head).supervised} == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
class TestEveryModel:
    def test_save_load_classify(
        self, trained: dict[str, Discriminator], name: str, tmp_path: Path, make_stream: Callable
    ) -> None:
        model, stream, unchanged = trained[name], make_stream(20), X.copy()
        model.save(tmp_path / "w", "what they are")
        loaded = type(model).load(tmp_path / "w")
        assert same_state(loaded, model)
        assert loaded.get_model_args() == model.get_model_args()
        assert loaded.labels == loaded.clusters == ["cluster 0", "cluster 1", "cluster 2"]
        probabilities = model.predict_proba(X)
        np.testing.assert_array_equal(X, unchanged)
        assert probabilities.shape == (16, 3)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(loaded.predict_proba(X), probabilities)
        np.testing.assert_array_equal(loaded.cluster_proba(X), probabilities)

        found = model.classify(stream, stride=50, threshold=0.3, max_novelty=None)
        windows = found.windows.to_dataframe()
        assert len(windows) == 15
        assert windows["label"].isin(model.labels).all()
        assert (windows["start_time"].diff().dropna() == pd.Timedelta(1, "s")).all()
        np.testing.assert_allclose(windows[model.labels].sum(axis=1), 1, atol=1e-5)
        assert len(found.detections) >= 1
        annotations = loaded.annotate(stream, stride=50, max_novelty=None)
        assert [trace.stats.channel for trace in annotations] == [f"{name}_{label}" for label in model.labels]
        assert annotations[0].stats.starttime == stream[0].stats.starttime + model.preprocessing.before
        np.testing.assert_allclose(np.stack([t.data for t in annotations], 1), windows[model.labels], atol=1e-5)

    def test_the_description_survives_json(self, trained: dict[str, Discriminator], name: str) -> None:
        description = trained[name].get_model_args()
        rebuilt = type(trained[name])(**json.loads(json.dumps(description)))
        assert rebuilt.get_model_args() == description
        assert trained[name].fresh().get_model_args() == description
        assert (rebuilt.device, rebuilt.dtype) == (torch.device("cpu"), torch.float32)

    def test_unfitted_models_have_no_results(self, name: str, tmp_path: Path, make_stream: Callable) -> None:
        model = build(name)
        for use in (
            lambda: model.predict_proba(X),
            lambda: model.classify(make_stream(20)),
            lambda: model.name_clusters(X, KINDS),
            lambda: model.save(tmp_path / "w"),
        ):
            with pytest.raises(NotFittedError, match="call fit"):
                use()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WHOLE)
def test_equal_seeds_and_a_file_give_the_same_model(trained: dict[str, Discriminator], name: str) -> None:
    rows = RowFile(*X.shape[1:])
    rows.extend(X)
    again = build(name).fit(rows)
    assert same_state(again, trained[name])
    assert same_state(again.fit(X), trained[name])  # nothing of the first fit is left
    np.testing.assert_array_equal(again.predict_proba(rows), trained[name].predict_proba(X))
    np.testing.assert_array_equal(again.features(rows.select(np.array([3, 1]))), again.features(X[[3, 1]]))


def test_labels_are_ignored_with_one_warning(trained: dict[str, Discriminator]) -> None:
    model = build("WaveformKMeans")
    with pytest.warns(UserWarning, match="WaveformKMeans learns without labels: .*name_clusters") as caught:
        model.fit(X, KINDS)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert same_state(model, trained["WaveformKMeans"])


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    ("windows", "error", "message"),
    [
        (X[:2], TrainingError, "clusters need at least|are too few|needs 2 windows or more"),
        (np.repeat(X[:1], 12, axis=0), TrainingError, "different features|same features|same for all windows"),
        (X[:0], WindowError, "at least one window"),
        (np.ones_like(X), WindowError, "16 of 16 windows have a component without any motion"),
        (np.where(X > 0.9, np.nan, X), WindowError, "NaN"),
        (X[:, :2], WindowError, r"\(B, 3, 300\)"),
    ],
)
def test_windows_that_are_refused(
    name: str, windows: np.ndarray, error: type[Exception], message: str, tmp_path: Path
) -> None:
    model = build(name)
    with pytest.raises(error, match=message):
        model.fit(windows)
    with pytest.raises(NotFittedError):
        model.save(tmp_path / "w")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "pass the number of clusters, such as clusters=8"),
        ({"labels": ["a", "b"]}, "learns without labels: pass the number of clusters"),
        ({"clusters": 1}, "clusters must be 2 or more, but is 1"),
        ({"clusters": 2.0}, "must be a number or a list of names, but is 2.0"),
        ({"clusters": "earthquake"}, "must be a number or a list"),
        ({"clusters": ["a", "a"]}, "at least two different names"),
        ({"clusters": ["a", 1]}, "must be text"),
        ({"clusters": ["a", ""]}, "must be non-empty text"),
    ],
)
def test_clusters_that_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        lcl.MiniRocketSCAN(**arguments, **SHORT)


@pytest.mark.slow
def test_a_new_process_gives_the_same(
    trained: dict[str, Discriminator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("MiniRocketSCAN", "DEC")
    np.save(tmp_path / "windows.npy", X)
    for name in names:
        trained[name].save(tmp_path / name)
    code = (
        "import numpy as np, seisbench_lcl as lcl\n"
        f"for name in {names}:\n"
        "    model = getattr(lcl, name).load(name)\n"
        "    np.save(name, model.predict_proba(np.load('windows.npy')))"
    )
    ORIGIN.ask(exec, code, {})
    for name in names:
        expected = trained[name].predict_proba(X)
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-6)


def test_numbers_of_numpy_and_names_at_once() -> None:
    assert build("WaveformKMeans", np.int64(2)).clusters == ["cluster 0", "cluster 1"]
    model = build("WaveformKMeans", ["noise", "quake", "noise"], event_types={"quake": "earthquake"})
    assert (model.labels, model.event_types) == (["noise", "quake"], {"noise": None, "quake": "earthquake"})


def test_clusters_are_not_for_a_model_that_learns_from_labels() -> None:
    with pytest.raises(ConfigurationError, match=r"Ridge learns from labels: pass labels=\[\.\.\.\]"):
        lcl.MiniRocketRidge(labels=["a", "b"], clusters=3)
    with pytest.raises(ConfigurationError, match="has no clusters to name"):
        lcl.MiniRocketRidge(labels=["a", "b"]).name_clusters({0: "a"})


class TestNames:
    @pytest.fixture
    def model(self, trained: dict[str, Discriminator], tmp_path: Path) -> lcl.WaveformKMeans:
        trained["WaveformKMeans"].save(tmp_path / "own")
        return lcl.WaveformKMeans.load(tmp_path / "own")

    def test_a_cluster_gets_the_label_of_most_of_its_windows(self, model: lcl.WaveformKMeans) -> None:
        found = model.cluster_proba(X).argmax(axis=1)
        labels = np.array(["quake", "blast", None], dtype=object)[found]  # cluster 2 has no labels
        labels[np.flatnonzero(found == 0)[:2]] = "blast"
        labels[np.flatnonzero(found == 1)[0]], labels[np.flatnonzero(found == 2)[0]] = "", np.nan
        model.name_clusters(X, labels)
        assert model.clusters == ["quake", "blast", "cluster 2"]
        assert model.event_types == {"quake": "other event", "blast": "explosion", "cluster 2": "not reported"}

    def test_equal_numbers_of_labels_and_clusters_are_matched_one_to_one(self, model: lcl.WaveformKMeans) -> None:
        """Most windows of clusters 0 and 1 are "a", but one cluster must be "b": the one with more windows of "b"."""
        found = model.cluster_proba(X).argmax(axis=1)
        labels = np.array(["a", "a", "c"])[found]
        labels[np.flatnonzero(found == 1)[:3]] = "b"
        assert model.name_clusters(X, labels).clusters == ["a", "b", "c"]
        rows = RowFile(*X.shape[1:])
        rows.extend(X)
        assert model.name_clusters(rows, labels).clusters == ["a", "b", "c"]

    def test_probabilities_of_clusters_with_one_name_are_added(
        self, model: lcl.WaveformKMeans, tmp_path: Path, make_stream: Callable
    ) -> None:
        stream = make_stream(20)
        before, by_cluster = model.classify(stream).windows.to_dataframe(), model.cluster_proba(X)
        model.name_clusters({2: "noise", 0: "slide", 1: "noise"}, event_types={"slide": "avalanche"})
        model.save(tmp_path / "w")
        for named in (model, lcl.WaveformKMeans.load(tmp_path / "w")):
            assert (named.clusters, named.labels) == (["slide", "noise", "noise"], ["slide", "noise"])
            assert named.event_types == {"slide": "avalanche", "noise": None}
            np.testing.assert_array_equal(named.cluster_proba(X), by_cluster)
            expected = np.stack([by_cluster[:, 0], by_cluster[:, 1] + by_cluster[:, 2]], axis=1)
            np.testing.assert_allclose(named.predict_proba(X), expected, atol=1e-7)
            out = named.classify(stream)
            frame = out.windows.to_dataframe()
            np.testing.assert_allclose(frame["noise"], before["cluster 1"] + before["cluster 2"], atol=1e-6)
            assert {d.label for d in out.detections} <= {"slide"}
        assert model.fresh().clusters == ["cluster 0", "cluster 1", "cluster 2"]
        assert model.name_clusters({0: "icequake"}).event_types == {"icequake": "ice quake", "noise": None}

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            (({3: "a", -1: "b"},), ConfigurationError, r"clusters are numbered 0 to 2, but \[3, -1\] were named"),
            (({"0": "a", 1: "b", 9: "c"},), ConfigurationError, r"\['0', 9\] were named"),
            (({0: "a", 1: "a", 2: "a"},), ConfigurationError, r"at least two different names, .* \['a', 'a', 'a'\]"),
            (({0: 7},), ConfigurationError, "must be text"),
            (({0: ["a"]},), ConfigurationError, "must be text"),
            (({0: " "},), ConfigurationError, "must be non-empty text"),
            (({0: "coverage"},), ConfigurationError, "column names"),
            (({0: "a"}, None, {"b": "slide"}), ConfigurationError, r"event_types maps \['b'\]"),
            (({0: "a"}, None, {"a": "bang"}), ConfigurationError, "not a QuakeML event type"),
            ((X,), TrainingError, "needs the labels of the windows, or a mapping"),
            ((X, KINDS[:7]), TrainingError, "16 windows came with 7 labels"),
            ((X, ["a"] * 15 + [""]), TrainingError, r"two labels or more, but the windows have \['a'\]"),
            ((X, ["a"] * 15 + ["b"]), ConfigurationError, "at least two different names"),
        ],
    )
    def test_refused_names_change_nothing(
        self, model: lcl.WaveformKMeans, arguments: tuple[Any, ...], error: type[Exception], message: str
    ) -> None:
        before = model.get_model_args()
        with pytest.raises(error, match=message):
            model.name_clusters(*arguments)
        assert model.get_model_args() == before

    def test_in_double_precision(self, model: lcl.WaveformKMeans) -> None:
        expected = model.name_clusters({0: "a", 1: "b"}).predict_proba(X)
        found = model.double().name_clusters({2: "b", 1: "a"}).predict_proba(X)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_allclose(
            model.name_clusters({1: "b", 2: "c"}).predict_proba(X)[:, 0], expected[:, 0], atol=1e-5
        )


def test_empty_clusters_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    model = build("MiniRocketSCAN", clusters=12, head={"entropy_weight": 0.0, "epochs": 20})
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        model.fit(X)
    empty = sorted(set(range(12)) - set(model.cluster_proba(X).argmax(axis=1).tolist()))
    assert empty
    assert [record.getMessage() for record in caplog.records] == [
        f"MiniRocketSCAN: no training window is in cluster {', '.join(map(str, empty))} of 12; ask for fewer clusters"
    ]


class TestLossesThatBecomeNaN:
    @pytest.mark.parametrize("name", ["SimCLRKMeans", "UNetGMM"])
    def test_at_once(self, name: str, tmp_path: Path) -> None:
        model = build(name, extractor={"learning_rate": 1e30})
        with pytest.raises(TrainingError, match=r"not finite in the first epoch; use a learning rate below 1e\+30"):
            model.fit(X)
        with pytest.raises(NotFittedError):
            model.save(tmp_path / "w")

    def test_later(self, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
        with caplog.at_level(logging.WARNING, logger="seisbench"):
            model = build("MiniRocketSCAN", head={"learning_rate": 1e30}).fit(X)
        assert "training stops, and the state after epoch 1 is kept" in caplog.text
        assert model.histories[0].stopped == "the loss was not finite in epoch 2"
        model.save(tmp_path / "w")
        assert np.isfinite(model.predict_proba(X)).all()


def interrupted_in(training: str, n_epochs: int) -> Callable[[str], Callable[[Iterable[int]], Iterator[int]]]:
    """Return a progress that interrupts one training after some epochs, like Ctrl-C."""

    def progress(name: str) -> Callable[[Iterable[int]], Iterator[int]]:
        def wrap(epochs: Iterable[int]) -> Iterator[int]:
            for i, epoch in enumerate(epochs):
                if name == training and i == n_epochs:
                    raise KeyboardInterrupt
                yield epoch

        return wrap

    return progress


@pytest.mark.parametrize(
    ("name", "training"),
    [
        ("MiniRocketSCAN", "scan"),
        ("SimCLRKMeans", "simclr"),
        ("DEC", "spectrogram_autoencoder"),
        ("DEC", "dec"),
    ],
)
def test_an_interrupted_training_continues_to_the_same_model(
    trained: dict[str, Discriminator], name: str, training: str, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), session(tmp_path, interrupted_in(training, 1)):
        build(name).fit(X)
    assert (tmp_path / f"{training}.checkpoint").is_file()
    seen: list[int] = []

    def watch(title: str) -> Callable[[Iterable[int]], list[int]]:
        return lambda epochs: [seen.append(epoch) or epoch if title == training else epoch for epoch in epochs]

    with session(tmp_path, watch):
        model = build(name).fit(X)
    assert seen == list(range(1, SMALL[name][training in ("scan", "dec")]["epochs"]))
    assert same_state(model, trained[name])


@pytest.mark.parametrize(
    "name",
    ["SimCLRKMeans", "MiniRocketSCAN"],
)
def test_a_checkpoint_of_other_windows_is_refused(name: str, tmp_path: Path) -> None:
    with session(tmp_path):
        build(name).fit(X)
    with session(tmp_path), pytest.raises(ConfigurationError, match="belongs to another training"):
        build(name).fit(make_windows(16, seed=1)[0])


class TestHeldOut:
    def test_clusters_are_fitted_and_named_without_the_fold(self, dataset_folder: Path) -> None:
        shape = {"sampling_rate": 40, "in_samples": 320}
        template = lcl.MiniRocketKMeans(clusters=4, **shape, extractor_args={"max_features": 168})
        data = read_windows(open_dataset(dataset_folder), template.preprocessing)
        folds = event_folds(data, 3)
        with pytest.raises(TrainingError, match="needs two classes with two or more events each"):
            held_out_probabilities(template, data, folds)  # unnamed clusters have no classes
        found = held_out_probabilities(template, data, folds, labels=["low", "high"])
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        test = folds == "fold 2"
        model = template.fresh().fit(data.windows[~test], groups=data.groups[~test])
        model.name_clusters(data.windows[~test], data.labels[~test])
        order = [model.labels.index(label) for label in ("low", "high")]
        np.testing.assert_allclose(found[test], model.predict_proba(data.windows[test])[:, order], atol=1e-6)
        assert template.clusters[0] == "cluster 0"

    def test_windows_in_clusters_without_labels_get_equal_probabilities(self) -> None:
        """Windows so far from the named clusters that their probability is zero, even in double precision."""
        time, rng = np.arange(300) / 50, np.random.default_rng(0)
        kind = np.arange(30) % 3
        windows = np.sin(2 * np.pi * np.array([2.0, 5.0, 8.0])[kind, None, None] * time) + np.zeros((1, 3, 1))
        windows = (windows + 1e-3 * rng.normal(size=windows.shape)).astype(np.float32)
        labels = np.array(["a", "b", ""])[kind]
        groups = np.arange(30).astype(str)
        shifts = snr = np.zeros(30, dtype=np.float32)
        data = LabelledWindows(
            windows, labels, groups, np.full(30, ""), pd.DataFrame({"event": groups}), shifts, snr, {}
        )
        found = held_out_probabilities(
            lcl.WaveformKMeans(clusters=3, **SHORT), data, event_folds(data, 2), labels=["a", "b"]
        )
        np.testing.assert_allclose(found, np.array([[1, 0], [0, 1], [0.5, 0.5]])[kind], atol=1e-6)
