"""Families of windows: chosen, split, given a type, and taken back; and the weights that get their names."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from review_samples import small_clusters

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.review import read_verdicts
from seisbench_lcl.review.page.book import Book
from seisbench_lcl.review.page.cluster_review import ClusterController, ClusterReview
from seisbench_lcl.review.page.families import Families


@pytest.fixture
def families(tmp_path: Path) -> Iterator[Families]:
    """Three clouds of 20 windows, two to an event; the first and the second are one cluster."""
    rng = np.random.default_rng(0)
    features = np.repeat(np.array([[0, 0, 0], [9, 0, 0], [0, 9, 9]]), 20, axis=0) + rng.normal(size=(60, 3))
    book = Book(tmp_path, "Ana")
    clusters = np.repeat([0, 0, 1], 20)
    events = np.array([f"e{i // 2:02d}" for i in range(60)])
    names = ["cluster 0", "noise"]
    yield Families(features.astype(np.float32), clusters, names, events, book, ["blast", "slide"], "weights")
    book.close()


def test_a_cluster_is_split_where_it_has_two_parts(families: Families) -> None:
    families.choose_cluster(0)
    families.split()
    assert sorted(part.tolist() for part in families.parts) == [list(range(20)), list(range(20, 40))]
    families.choose_part(1)
    assert families.chosen.tolist() == families.parts[1].tolist()
    with pytest.raises(ConfigurationError, match="split a family first"):
        families.choose_part(2)
    families.choose([3])
    with pytest.raises(ConfigurationError, match="nothing to split"):
        families.split()


def test_exemplars_are_nearest_to_the_centre_and_farthest(families: Families) -> None:
    families.choose_cluster(1)
    near, edge = families.exemplars(3)
    own = families.points[families.chosen]
    away = np.linalg.norm(own - own.mean(axis=0), axis=1)
    slow = [40 + int(i) for i in sorted(range(20), key=lambda i: away[i])]
    assert near.tolist() == slow[:3]
    assert edge.tolist() == slow[:-4:-1]
    families.choose([5, 6])
    assert [len(part) for part in families.exemplars(3)] == [2, 0]


def test_a_type_goes_to_the_events_and_an_undo_takes_back_the_whole_family(families: Families) -> None:
    families.choose([0, 1, 2, 40])
    assert families.label("blast") == "blast: recorded for 3 events"
    families.choose_cluster(1)
    families.label("slide")
    said = read_verdicts(families.book.folder).latest
    assert [said[name].label for name in ("e00", "e01", "e20", "e29")] == ["blast", "blast", "slide", "slide"]
    assert (said["e00"].shown, said["e20"].shown, said["e00"].analyst) == ("cluster 0", "noise", "Ana")
    assert families.cluster_names() == {0: "blast", 1: "slide"}
    other = families.of_another_tab()
    assert len(other.chosen) == 0
    assert families.undo() == 10
    assert read_verdicts(families.book.folder).labels == {"e00": "blast", "e01": "blast", "e20": "blast"}
    assert families.given()[:5] == ["blast"] * 4 + [""]
    with pytest.raises(ConfigurationError, match="no window is chosen"):
        other.label("blast")
    with pytest.raises(ConfigurationError, match="none of the types"):
        families.label("quake")
    assert [other.undo(), other.undo(), other.undo(), other.undo()] == [1, 1, 1, 0]  # of an earlier session


class Remembers:
    def __init__(self) -> None:
        self.told: list[str] = []

    def show_facts(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts

    def show_map(self, given: Sequence[str], chosen: Sequence[int]) -> None:
        self.chosen = list(chosen)

    def show_records(self, records: Sequence[Any]) -> None:
        self.records = records

    def tell(self, message: str, trouble: bool = False) -> None:
        self.told.append(message)

    def toggle_help(self) -> None:
        self.told.append("help")


def test_clusters_get_their_names_by_hand_and_keep_them(tmp_path: Path) -> None:
    model, data = small_clusters()
    review = ClusterReview(model, data, tmp_path / "v", "Ana", labels=["slow", "fast"], out=tmp_path / "named")
    views = Remembers()
    controller = ClusterController(review, views)
    controller.start()
    controller.handle({"action": "write"})
    cluster = int(review.families.clusters[0])
    controller.handle({"cluster": cluster})
    alike = np.flatnonzero(review.families.clusters == cluster).tolist()
    assert views.chosen == alike
    assert len(views.records) == min(6, len(alike))
    controller.handle({"key": "1"})
    controller.handle({"chosen": [1]})
    assert views.records[0][0] == "clicked: <i>e1, trace 1"
    assert [line.component for line in views.records[0][1]] == ["Z", "N", "E"]
    controller.handle({"label": "fast"})
    controller.handle({"action": "write"})
    controller.handle({"action": "help"})
    controller.handle({"label": "quake"})
    assert "no cluster has a type" in views.told[0]
    assert views.told[1] == f"slow: recorded for {len(alike)} events"
    assert views.told[2] == "fast: recorded for 1 event"
    assert views.told[3].startswith("wrote ")
    assert views.told[4] == "help"
    assert "none of the types" in views.told[5]
    named = lcl.load(tmp_path / "named")
    assert named.clusters[cluster] == "slow"
    assert named.clusters[int(review.families.clusters[1])] == "fast"
    review.close()


def test_what_cannot_be_reviewed_is_refused(tmp_path: Path, model: lcl.MiniRocketRidge) -> None:
    clusters, data = small_clusters()
    with pytest.raises(ConfigurationError, match="learns from labels and has no clusters"):
        ClusterReview(model, data, tmp_path, "Ana")
    with pytest.raises(DatasetError, match="name some with --label"):
        ClusterReview(clusters, data, tmp_path, "Ana")
    with pytest.raises(DatasetError, match="five windows or more"):
        ClusterReview(clusters, _first(data, 4), tmp_path, "Ana", labels=["a"])
    assert list(tmp_path.iterdir()) == []


def _first(data: LabelledWindows, n: int) -> LabelledWindows:
    return LabelledWindows(
        data.windows[:n],
        data.labels[:n],
        data.groups[:n],
        data.splits[:n],
        data.metadata[:n],
        data.shifts[:n],
        data.snr[:n],
        {},
    )
