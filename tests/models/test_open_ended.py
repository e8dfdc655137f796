"""Heads that find the number of clusters themselves: the last output is for windows in no cluster."""

import numpy as np
import pandas as pd
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.evaluation import ClusterReport, event_folds, held_out_probabilities
from seisbench_lcl.labels import quakeml_types
from seisbench_lcl.training import LabelledWindows

# At most two clusters, loud on the first component or on the second; other windows are in no cluster.
LOUDEST = """
    import torch
    from seisbench_lcl import hookimpl
    from seisbench_lcl.extractors import FeatureExtractor
    from seisbench_lcl.heads import Head

    class Loudness(FeatureExtractor):
        name = "loudness"

        def __init__(self, in_channels, in_samples, sampling_rate):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.n_features = in_channels

        def config(self):
            return {}

        def _fit(self, windows, labels, groups):
            pass

        def _extract(self, windows):
            return windows.std(dim=2)

    class Loudest(Head):
        name = "loudest"
        supervised = False
        open_ended = True

        def config(self):
            return {}

        def _fit(self, features, labels, groups):
            pass

        def _probabilities(self, features):
            family = torch.where(features.amax(dim=1) > 1.2, features.argmax(dim=1), self.n_classes - 1)
            return torch.nn.functional.one_hot(family, self.n_classes).float()

    @hookimpl
    def register_feature_extractors():
        return [Loudness]

    @hookimpl
    def register_heads():
        return [Loudest]
"""
TRUTH = np.array(["slide", "blast", ""] * 8)


@pytest.fixture
def model(install):
    install("lcl-test-loudest", LOUDEST)
    return lcl.Discriminator(
        "loudness", "loudest", clusters=5, in_samples=200, before=0.5, component_order="ZN", normalisation="joint-std"
    )


@pytest.fixture
def windows():
    windows = np.random.default_rng(0).normal(0, 1, (24, 2, 200)).astype(np.float32)
    windows[TRUTH == "slide", 0] *= 20
    windows[TRUTH == "blast", 1] *= 20
    return windows


def test_the_last_cluster_is_unknown_and_has_no_event_type(model):
    assert model.clusters == ["cluster 0", "cluster 1", "cluster 2", "cluster 3", "unknown"]
    assert model.event_types["unknown"] is None
    assert quakeml_types(["Unknown", "b"])["Unknown"] is None


def test_empty_clusters_cause_no_warning(model, windows, caplog):
    model.fit(windows)
    assert not caplog.records
    assert [model.labels[k] for k in model.predict_proba(windows[:3]).argmax(axis=1)] == [
        "cluster 0",
        "cluster 1",
        "unknown",
    ]


@pytest.mark.parametrize("of_the_unknown", ["", "blast"])
def test_labels_name_clusters_except_unknown(model, windows, tmp_path, of_the_unknown):
    labels = np.where(TRUTH == "", of_the_unknown, TRUTH)
    model.fit(windows).name_clusters(windows, labels)
    assert model.clusters == ["slide", "blast", "cluster 2", "cluster 3", "unknown"]
    model.save(tmp_path / "weights")
    loaded = lcl.Discriminator.load(tmp_path / "weights")
    assert loaded.labels == model.labels
    assert [loaded.labels[k] for k in loaded.predict_proba(windows[:3]).argmax(axis=1)] == ["slide", "blast", "unknown"]
    assert model.fresh().clusters == ["cluster 0", "cluster 1", "cluster 2", "cluster 3", "unknown"]


def test_unknown_can_be_named_explicitly(model, windows):
    model.fit(windows).name_clusters({0: "slide", 4: "noise"})
    assert model.clusters[4] == "noise"
    assert model.event_types["noise"] is None


def test_unknown_windows_make_no_detection(model, windows, make_stream):
    model.fit(windows)
    stream = make_stream(components="ZN", seconds=20)  # equally loud on both components
    stream.select(component="Z")[0].data[1000:] *= 20
    out = model.classify(stream, stride=50, max_novelty=None)
    assert set(out.windows.to_dataframe()["label"]) == {"unknown", "cluster 0"}
    assert {detection.label for detection in out.detections} == {"cluster 0"}


def test_a_cluster_report_gives_unknown_no_class():
    clusters = [0, 0, 0, 0, 3, 3, 3, 3]
    labels = ["a", "a", "a", "a", "b", "b", "b", "b"]
    report = ClusterReport.from_clusters(clusters, labels, range(8), n_clusters=4, open_ended=True)
    assert report.names == ("a", "", "", "")
    assert report.scores["accuracy"] == 0.5
    assert ClusterReport.from_clusters(clusters, labels, range(8), n_clusters=4).names == ("a", "", "", "b")


def test_held_out_events_are_scored_by_named_clusters(model, windows):
    groups, none = np.arange(24).astype(str), np.zeros(24, dtype=np.float32)
    data = LabelledWindows(windows, TRUTH, groups, np.full(24, ""), pd.DataFrame({"event": groups}), none, none, {})
    known = data.select(TRUTH != "")
    found = held_out_probabilities(model, known, event_folds(known, 2, 0), labels=["blast", "slide"])
    assert (found.argmax(axis=1) == (known.labels == "slide")).all()
