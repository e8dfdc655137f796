import sys
import types

import numpy as np
import pytest

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.plotting import embedding as embedding_module
from seisbench_lcl.plotting import embedding_map


def clouds(n=60, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    clusters = np.arange(n) % 3
    return (5 * np.eye(3, n_features)[clusters] + rng.normal(size=(n, n_features))).astype(np.float32), clusters


def test_map_shows_labels_and_clusters_of_the_same_points(png, legend):
    x, clusters = clouds()
    labels = np.array(["noise", "earthquake", ""])[clusters]
    names = ["noise", "earthquake", "something else", "nothing"]
    figure = embedding_map(x, clusters, labels, names=names, perplexity=5)
    left, right = figure.axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("Label", "Cluster")
    assert right.get_title(loc="right") == "t-SNE of 60 windows"
    assert legend(left) == ["earthquake (20)", "noise (20)", "unlabelled (20)"]
    assert legend(right) == ["0: noise (20)", "1: earthquake (20)", "2: something else (20)", "3: nothing (0)"]
    assert [text.get_text() for text in right.texts] == ["0", "1", "2"]
    drawn = [np.concatenate([c.get_offsets() for c in axes.collections]) for axes in (left, right)]
    np.testing.assert_array_equal(*(points[np.lexsort(points.T)] for points in drawn))

    # Equal names have equal colours, and all other colours differ.
    colours = [[handle.get_color() for handle in axes.get_legend().legend_handles] for axes in (left, right)]
    assert colours[0][:2] == colours[1][1::-1]
    assert len({*colours[0], *colours[1]}) == 5
    assert png(figure).startswith(b"\x89PNG")


def test_neighbours_among_features_are_neighbours_in_the_map(legend):
    x, clusters = clouds(n_features=60)  # more than the principal components kept
    figure = embedding_map(x, clusters, perplexity=5)
    (axes,) = figure.axes
    assert legend(axes) == ["cluster 0 (20)", "cluster 1 (20)", "cluster 2 (20)"]
    points = axes.collections[1].get_offsets()
    shades = [tuple(colour) for colour in axes.collections[1].get_facecolors()]
    for point, shade in zip(points, shades, strict=True):
        nearest = np.argsort(np.linalg.norm(points - point, axis=1))[1]
        assert shades[nearest] == shade
    again = embedding_map(x, clusters, perplexity=5).axes[0].collections[1].get_offsets()
    np.testing.assert_array_equal(again, points)


def test_more_clusters_than_colours_differ_by_marker():
    x, _ = clouds()
    figure = embedding_map(x, np.arange(60) % 12, perplexity=5)
    handles = figure.axes[0].get_legend().legend_handles
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == 12


def test_large_data_are_subsampled(monkeypatch):
    monkeypatch.setattr(embedding_module, "MAX_POINTS", 25)
    x, clusters = clouds()
    figure = embedding_map(x, clusters, perplexity=5)
    assert figure.axes[0].get_title(loc="right") == "t-SNE of 25 windows"
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == 25


def test_umap_is_optional(monkeypatch):
    x, clusters = clouds()
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigurationError, match=r"pip install seisbench-lcl\[umap\], or use method='tsne'"):
        embedding_map(x, clusters, method="umap", perplexity=5)

    class UMAP:  # replaces the package, which is large and not a dependency of the tests
        def __init__(self, **kwargs):
            assert kwargs == {"n_neighbors": 6, "random_state": 3, "n_jobs": 1}

        def fit_transform(self, rows):
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    figure = embedding_map(x, clusters, method="umap", perplexity=5.7, seed=3)
    assert figure.axes[0].get_title(loc="right") == "UMAP of 60 windows"


def test_invalid_maps_are_refused():
    x, clusters = clouds()
    with pytest.raises(DatasetError, match=r"have shapes \(60, 4\), \(59,\)$"):
        embedding_map(x, clusters[1:])
    with pytest.raises(DatasetError, match=r"have shapes \(60, 4\), \(60,\) and \(1,\)"):
        embedding_map(x, clusters, ["noise"])
    for spoilt in (np.where(x > 5, np.nan, x), np.ones_like(x)):
        with pytest.raises(DatasetError, match="finite features that differ between rows"):
            embedding_map(spoilt, clusters)
    with pytest.raises(DatasetError, match="cluster 2 has no name: found 2 names"):
        embedding_map(x, clusters, names=["a", "b"])
    with pytest.raises(DatasetError, match="clusters must be integers from 0, but are int64 from -1"):
        embedding_map(x, clusters - 1)
    with pytest.raises(ConfigurationError, match="less than the number of drawn rows, 60, but is 60"):
        embedding_map(x, clusters, perplexity=60)
    with pytest.raises(ConfigurationError, match="method must be one of tsne, umap, but is 'pca'"):
        embedding_map(x, clusters, method="pca")
