import importlib
import io
import sys
import types

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.optim.loop import History
from seisbench_lcl.plotting import cluster_number_figure, embedding_map, exemplars, loss_curves
from seisbench_lcl.plotting import embedding as embedding_module
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.waveforms.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(sampling_rate=50, in_samples=300, component_order="ZN", band=(1, 20), before=1)


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def legend(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def clouds(n=60, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    clusters = np.arange(n) % 3
    return (5 * np.eye(3, n_features)[clusters] + rng.normal(size=(n, n_features))).astype(np.float32), clusters


# Maps ----------------------------------------------------------------------------------------------------------------


def test_map_shows_labels_and_clusters_of_the_same_points():
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

    # What is named alike is coloured alike, and everything else differently.
    colours = [[handle.get_color() for handle in axes.get_legend().legend_handles] for axes in (left, right)]
    assert colours[0][:2] == colours[1][1::-1]
    assert len({*colours[0], *colours[1]}) == 5
    assert png(figure).startswith(b"\x89PNG")


def test_neighbours_among_features_are_neighbours_in_the_map():
    x, clusters = clouds(n_features=60)  # more than are kept of principal components
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


def test_large_data_are_thinned(monkeypatch):
    monkeypatch.setattr(embedding_module, "MAX_POINTS", 25)
    x, clusters = clouds()
    figure = embedding_map(x, clusters, perplexity=5)
    assert figure.axes[0].get_title(loc="right") == "t-SNE of 25 windows"
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == 25


def test_umap_is_optional(monkeypatch):
    x, clusters = clouds()
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigurationError, match=r"pip install seisbench-lcl\[umap\], or take method='tsne'"):
        embedding_map(x, clusters, method="umap", perplexity=5)

    class UMAP:  # stands in for the package, which is heavy and no dependency of the tests
        def __init__(self, **kwargs):
            assert kwargs == {"n_neighbors": 6, "random_state": 3, "n_jobs": 1}

        def fit_transform(self, rows):
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    figure = embedding_map(x, clusters, method="umap", perplexity=5.7, seed=3)
    assert figure.axes[0].get_title(loc="right") == "UMAP of 60 windows"


def test_maps_that_cannot_be_drawn_are_refused():
    x, clusters = clouds()
    with pytest.raises(DatasetError, match=r"have shapes \(60, 4\), \(59,\)$"):
        embedding_map(x, clusters[1:])
    with pytest.raises(DatasetError, match=r"have shapes \(60, 4\), \(60,\) and \(1,\)"):
        embedding_map(x, clusters, ["noise"])
    for spoilt in (np.where(x > 5, np.nan, x), np.ones_like(x)):
        with pytest.raises(DatasetError, match="features that are finite and differ from row to row"):
            embedding_map(spoilt, clusters)
    with pytest.raises(DatasetError, match="cluster 2 has no name: there are 2 names"):
        embedding_map(x, clusters, names=["a", "b"])
    with pytest.raises(DatasetError, match="clusters must be integers from 0, but are int64 from -1"):
        embedding_map(x, clusters - 1)
    with pytest.raises(ConfigurationError, match="less than the number of rows drawn, 60, but is 60"):
        embedding_map(x, clusters, perplexity=60)
    with pytest.raises(ConfigurationError, match="method must be one of tsne, umap, but is 'pca'"):
        embedding_map(x, clusters, method="pca")


# Exemplars -----------------------------------------------------------------------------------------------------------


def tones(n=12):
    """Windows of a tone of 3 Hz in cluster 0 and 12 Hz in cluster 2; cluster 1 is empty."""
    rng = np.random.default_rng(0)
    clusters = 2 * (np.arange(n) % 2)
    hertz = np.where(clusters == 0, 3, 12)[:, None, None]
    tone = np.sin(2 * np.pi * hertz * np.arange(300) / 50 + rng.uniform(0, 6, (n, 2, 1)))
    probabilities = np.full((n, 3), 0.05)
    probabilities[np.arange(n), clusters] = np.linspace(0.5, 0.9, n)
    windows = 1000 * tone + rng.normal(size=tone.shape)
    return windows.astype(np.float32), probabilities / probabilities.sum(axis=1, keepdims=True)


def test_exemplars_show_the_most_probable_windows_of_each_cluster():
    windows, probabilities = tones()
    before = windows.copy()
    figure = exemplars(windows, probabilities, PREPROCESSING, names=["low", "", "high"], n=2)
    assert png(figure).startswith(b"\x89PNG")
    panels = np.array(figure.axes[:9]).reshape(3, 3)
    assert [row[0].get_title(loc="left") for row in panels] == [
        "0: low (6 windows)",
        "cluster 1 (0 windows)",
        "2: high (6 windows)",
    ]
    assert [text.get_text() for text in panels[1, 0].texts] == ["no window"]
    for row, best in ((panels[0], (10, 8)), (panels[2], (11, 9))):
        waveforms = [line.get_ydata() for line in row[0].get_lines() if len(line.get_ydata()) == 300]
        assert len(waveforms) == 4  # of two windows, the second component and then the first
        for i, (found, window) in enumerate(zip(waveforms[1::2], best, strict=True)):
            assert np.corrcoef(found, windows[window, 0])[0, 1] == pytest.approx(1)
            assert np.abs(found + i).max() <= 0.48 + 1e-6
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["10–90 %", "all windows", "mean"]
    np.testing.assert_array_equal(windows, before)


def test_mean_spectrum_peaks_at_the_tone_and_lies_in_its_band():
    windows, probabilities = tones()
    panels = np.array(exemplars(windows, probabilities, PREPROCESSING).axes[:9]).reshape(3, 3)
    for row, hertz in ((panels[0], 3), (panels[2], 12)):
        frequencies, mean = row[2].get_lines()[1].get_data()
        assert frequencies[mean.argmax()] == pytest.approx(hertz, abs=0.5)
        image = row[1].get_images()[0]
        decibels = np.asarray(image.get_array()).mean(axis=1)
        assert 25 * decibels.argmax() / (len(decibels) - 1) == pytest.approx(hertz, abs=1)
        assert image.get_clim() == (-40, 0)


def test_exemplars_are_of_different_events():
    windows, probabilities = tones()
    groups = ["a"] * 10 + ["b", "c"]
    panels = np.array(exemplars(windows, probabilities, PREPROCESSING, groups=groups, n=3).axes[:9]).reshape(3, 3)
    for row, best in ((panels[0], (10, 8)), (panels[2], (11, 9))):
        first = [line.get_ydata() for line in row[0].get_lines() if len(line.get_ydata()) == 300][1::2]
        assert len(first) == 2
        for found, window in zip(first, best, strict=True):
            assert np.corrcoef(found, windows[window, 0])[0, 1] == pytest.approx(1)


def test_exemplars_of_a_file_and_of_windows_without_motion():
    windows, probabilities = tones()
    windows[:3] = 0
    rows = RowFile(2, 300)
    rows.extend(windows)
    frozen = windows.copy()
    frozen.flags.writeable = False
    figures = [exemplars(source, probabilities, PREPROCESSING) for source in (rows, frozen, np.zeros_like(windows))]
    lines = [[line.get_ydata() for axes in figure.axes for line in axes.get_lines()] for figure in figures]
    np.testing.assert_equal(lines[0], lines[1])
    assert np.isfinite(np.concatenate(lines[2])).all()
    assert png(figures[2])


def test_exemplars_that_do_not_fit_are_refused():
    windows, probabilities = tones()
    with pytest.raises(DatasetError, match=r"12 windows came with probabilities of shape \(11, 3\) and groups"):
        exemplars(windows, probabilities[1:], PREPROCESSING)
    with pytest.raises(DatasetError, match=r"groups of shape \(2,\)"):
        exemplars(windows, probabilities, PREPROCESSING, groups=["a", "b"])
    with pytest.raises(DatasetError, match=r"windows must have shape \(N, 2, 300\) .* but are \(12, 1, 300\)"):
        exemplars(windows[:, :1], probabilities, PREPROCESSING)
    with pytest.raises(DatasetError, match=r"3 clusters need as many names, but found \['a'\]"):
        exemplars(windows, probabilities, PREPROCESSING, names=["a"])
    with pytest.raises(ConfigurationError, match="n must be at least 1, but is 0"):
        exemplars(windows, probabilities, PREPROCESSING, n=0)


# Curves --------------------------------------------------------------------------------------------------------------


def test_losses_are_drawn_from_epoch_one_with_the_kept_epoch():
    both = History("simclr", [3.0, 2.0, 1.0], [3.5, 2.5, 2.8], best_epoch=1)
    alone = History("scan", [-1.0, -2.0], best_epoch=1, stopped="the loss was not finite in epoch 3")
    figure = loss_curves([both, alone])
    left, right = figure.axes
    assert [line.get_ydata().tolist() for line in left.get_lines()[:2]] == [both.train, both.held_out]
    assert left.get_lines()[0].get_xdata().tolist() == [1, 2, 3]
    assert np.concatenate(left.get_lines()[2].get_data()).tolist() == [2, 2.5]
    assert legend(left) == ["training", "held out", "kept: epoch 2"]
    assert legend(right) == ["training", "kept: epoch 2"]
    assert np.concatenate(right.get_lines()[1].get_data()).tolist() == [2, -2]
    assert right.get_title(loc="left").splitlines() == ["scan", "stopped: the loss was not finite in epoch 3"]
    assert png(figure).startswith(b"\x89PNG")


def test_one_epoch_and_none():
    assert png(loss_curves([History("dec", [1.0], best_epoch=0)]))
    with pytest.raises(ConfigurationError, match="at least one epoch, but there is none"):
        loss_curves([])
    with pytest.raises(ConfigurationError, match="at least one epoch, but dec has no epoch"):
        loss_curves([History("scan", [1.0], best_epoch=0), History("dec")])


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"clusters": [1, 2, 3, 4], **columns})


def test_criteria_and_what_they_suggest():
    frame = table(
        inertia=[4e6, 3e6, 2e6, 1e6],
        silhouette=[np.nan, 0.2, 0.4, 0.1],
        bic=[-1.0, -2.0, -3.0, -2.0],
        gap=[0.1, 0.2, 0.5, 0.4],
        gap_error=[0.01] * 4,
    )
    frame.attrs["suggested"] = {"silhouette": 3, "bic": 3, "gap": 2}
    figure = cluster_number_figure(frame)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "Sum of squared distances",
        "Mean silhouette",
        "Bayesian information criterion",
        "Gap statistic",
    ]
    assert [axes.get_title() for axes in figure.axes] == ["", "suggests 3", "suggests 3", "suggests 2"]
    for axes, name in zip(figure.axes, ["inertia", "silhouette", "bic", "gap"], strict=True):
        np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), frame[name])
    marked = figure.axes[1].get_lines()[-1]
    assert (*marked.get_xdata(), *marked.get_ydata()) == (3, 0.4)
    assert png(figure).startswith(b"\x89PNG")


def test_columns_that_are_missing_get_no_panel():
    assert len(cluster_number_figure(table(bic=[1, 2, 3, 4], gap=[np.nan] * 4)).axes) == 1
    with pytest.raises(DatasetError, match="one of inertia, silhouette, bic, gap, but has clusters, elbow"):
        cluster_number_figure(table(elbow=[1, 2, 3, 4]))
    with pytest.raises(DatasetError, match="needs the column clusters"):
        cluster_number_figure(pd.DataFrame({"bic": [1]}))


def test_figures_are_unknown_to_pyplot():
    pyplot = importlib.import_module("matplotlib.pyplot")
    loss_curves([History("dec", [1.0], best_epoch=0)])
    assert pyplot.get_fignums() == []
