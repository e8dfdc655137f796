import importlib

import numpy as np
import pandas as pd
import pytest

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.optim.loop import History
from seisbench_lcl.plotting import cluster_number_figure, loss_curves


def test_losses_are_drawn_from_epoch_one_with_the_kept_epoch(png, legend):
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


def test_one_epoch_is_drawn_and_none_is_refused(png):
    assert png(loss_curves([History("dec", [1.0], best_epoch=0)]))
    with pytest.raises(ConfigurationError, match="at least one epoch, but there are no trainings"):
        loss_curves([])
    with pytest.raises(ConfigurationError, match="at least one epoch, but the history of dec is empty"):
        loss_curves([History("scan", [1.0], best_epoch=0), History("dec")])


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"clusters": [1, 2, 3, 4], **columns})


def test_criteria_and_their_suggestions(png):
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


def test_missing_columns_have_no_panel():
    assert len(cluster_number_figure(table(bic=[1, 2, 3, 4], gap=[np.nan] * 4)).axes) == 1
    with pytest.raises(DatasetError, match="one of inertia, silhouette, bic, gap, but has clusters, elbow"):
        cluster_number_figure(table(elbow=[1, 2, 3, 4]))
    with pytest.raises(DatasetError, match="needs the column clusters"):
        cluster_number_figure(pd.DataFrame({"bic": [1]}))


def test_figures_are_independent_of_pyplot():
    pyplot = importlib.import_module("matplotlib.pyplot")
    loss_curves([History("dec", [1.0], best_epoch=0)])
    assert pyplot.get_fignums() == []
