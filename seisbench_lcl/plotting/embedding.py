"""Features in two dimensions, coloured by label and by cluster."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from seisbench_lcl.errors import ConfigurationError, DatasetError, check_arguments
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import cluster_title

MapMethod = Literal["tsne", "umap"]

MAX_POINTS = 3000
_PERPLEXITY = 30.0
_MARKERS = "osD^vP"
_UNLABELLED = "0.8"


class _Look(NamedTuple):
    text: str
    colour: str
    marker: str


def embedding_map(
    features: ArrayLike,
    clusters: ArrayLike,
    labels: Sequence[str] | ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    method: MapMethod = "tsne",
    perplexity: float | None = None,
    seed: int = 0,
) -> Figure:
    """Draw features in two dimensions, coloured by label and by cluster.

    Neighbours in the map are neighbours among the features; the sizes of distant groups and the distances between them
    have no meaning. This is Figure 5 of Yin et al. (2022).

    Parameters
    ----------
    features : array_like of shape (n, F)
        Reduced to 50 principal components if F is larger. If there are more than 3000 rows, 3000 are drawn at random.
    clusters : array_like of int, shape (n,)
    labels : array_like of str, shape (n,), optional
        Labels, "" where unknown, which is drawn in grey. Without labels there is one panel.
    names : sequence of str, optional
        Name of each cluster, or "". A cluster with the name of a label has its colour.
    method : {"tsne", "umap"}
        UMAP needs the package umap-learn.
    perplexity : float, optional
        Number of neighbours that a row keeps close; rounded, the number of neighbours of UMAP. By default 30, or a
        third of the rows if there are fewer than 90.
    seed : int
        Seed of the drawn rows and of the map.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DatasetError
        If the arrays do not fit each other, or the features are not finite or all equal.
    ConfigurationError
        If the perplexity is not between 1 and the number of drawn rows, the method is unknown, or umap-learn is not
        installed.

    References
    ----------
    van der Maaten & Hinton 2008, Visualizing data using t-SNE, J. Mach. Learn. Res. 9. McInnes, Healy & Melville
    2018, UMAP, arXiv:1802.03426.
    """
    x, found = np.asarray(features, dtype=np.float32), np.asarray(clusters)
    texts = None if labels is None else np.asarray(labels, dtype=str)
    if x.ndim != 2 or found.shape != x.shape[:1] or (texts is not None and texts.shape != found.shape):
        raise DatasetError(
            "features (n, F) need one cluster and one label per row, but have shapes "
            f"{x.shape}, {found.shape}{'' if texts is None else f' and {texts.shape}'}"
        )
    if not np.isfinite(x).all() or (x == x[:1]).all():
        raise DatasetError(
            "a map needs finite features that differ between rows; leave out rows with NaN or infinite values"
        )
    looks_of_clusters, looks_of_labels = _looks(found, texts, names)

    drawn = np.random.default_rng(seed).permutation(len(x))[:MAX_POINTS]  # random, so that no class covers others
    if perplexity is None:
        perplexity = max(1.0, min(_PERPLEXITY, len(drawn) / 3))
    check_arguments(
        "",
        (
            f"perplexity must be at least 1 and less than the number of drawn rows, {len(drawn)}",
            1 <= perplexity < len(drawn),
            perplexity,
        ),
        (f"method must be one of {', '.join(get_args(MapMethod))}", method in get_args(MapMethod), method),
    )
    places = reduce_to_plane(x[drawn], method, perplexity, seed)
    count = f"{'t-SNE' if method == 'tsne' else 'UMAP'} of {len(drawn)} windows"
    n_rows = max(-(-(len(looks) + 1) // _columns(looks)) for looks in (looks_of_clusters, [*looks_of_labels.values()]))
    figure = Figure(figsize=(5 if texts is None else 10, 4.4 + 0.23 * n_rows), layout="constrained")
    panels = figure.subplots(1, 1 if texts is None else 2, squeeze=False)[0].tolist()
    if texts is not None:
        kinds = np.array([-1 if text == "" else list(looks_of_labels).index(text) for text in texts[drawn]])
        _scatter(panels[0], places, kinds, list(looks_of_labels.values()), "Label")
    _scatter(panels[-1], places, found[drawn], looks_of_clusters, "Cluster", numbered=True)
    panels[-1].set_title(count, loc="right", fontsize="medium", color="0.4")
    return figure


def _looks(
    clusters: NDArray[Any], labels: NDArray[np.str_] | None, names: Sequence[str] | None
) -> tuple[list[_Look], dict[str, _Look]]:
    """Choose text, colour and marker of every label and cluster; equal names look alike."""
    if not np.issubdtype(clusters.dtype, np.integer) or clusters.min(initial=0) < 0:
        raise DatasetError(f"clusters must be integers from 0, but are {clusters.dtype} from {clusters.min(initial=0)}")
    known = [] if labels is None else sorted(set(labels.tolist()) - {""})
    n_clusters = int(clusters.max(initial=0)) + 1 if names is None else len(names)
    if clusters.max(initial=0) >= n_clusters:
        raise DatasetError(f"cluster {clusters.max()} has no name: found {n_clusters} names, for clusters from 0")
    shades = [(colour, marker) for marker in _MARKERS for colour in COLOURS]
    of_labels = {label: _Look(label, *shades[k % len(shades)]) for k, label in enumerate(known)}
    free = shades[len(known) :] if names is not None else shades
    of_clusters: list[_Look] = []
    for k in range(n_clusters):
        name = names[k] if names else ""
        look = of_labels.get(name, _Look("", *free[k % len(free)]))
        of_clusters.append(look._replace(text=cluster_title(k, name)))
    return of_clusters, of_labels


def reduce_to_plane(x: NDArray[np.float32], method: MapMethod, perplexity: float, seed: int) -> NDArray[np.float32]:
    """Return features (n, F) in two dimensions, (n, 2), as `embedding_map` draws them.

    Raises
    ------
    ConfigurationError
        If umap-learn is needed and not installed.
    """
    if x.shape[1] > 50:
        x = PCA(min(50, len(x)), random_state=seed).fit_transform(x)
    if method == "tsne":
        tsne = TSNE(perplexity=perplexity, init="pca" if x.shape[1] > 1 else "random", random_state=seed)
        with threadpool_limits(1, user_api="openmp"):  # contending threads slow down its many short parallel regions
            return tsne.fit_transform(x)
    try:
        umap = import_module("umap")
    except ImportError as error:
        raise ConfigurationError(
            "a UMAP map needs the package umap-learn: pip install seisbench-lcl[umap], or use method='tsne'"
        ) from error
    return umap.UMAP(n_neighbors=max(2, round(perplexity)), random_state=seed, n_jobs=1).fit_transform(x)


def _scatter(
    axes: Axes,
    places: NDArray[np.float32],
    kinds: NDArray[np.int64],
    looks: Sequence[_Look],
    title: str,
    *,
    numbered: bool = False,
) -> None:
    size = float(np.clip(12000 / len(places), 6, 40))
    x, y = places.T
    unknown = kinds < 0
    axes.scatter(x[unknown], y[unknown], s=size, color=_UNLABELLED, lw=0)
    for marker in dict.fromkeys(look.marker for look in looks):
        rows = np.flatnonzero([k >= 0 and looks[k].marker == marker for k in kinds])
        colours = [looks[kinds[row]].colour for row in rows]
        axes.scatter(x[rows], y[rows], s=size, c=colours, marker=marker, lw=0, alpha=0.85)
    handles = [_handle(look, int((kinds == k).sum())) for k, look in enumerate(looks)]
    if unknown.any():
        handles.append(_handle(_Look("unlabelled", _UNLABELLED, "o"), int(unknown.sum())))
    for k in np.unique(kinds) if numbered else []:
        members = places[kinds == k]
        from_centre = np.linalg.norm(members - np.median(members, axis=0), axis=1)
        across, up = members[from_centre.argmin()]  # the median itself may be outside a bent cluster
        number = axes.text(across, up, str(k), ha="center", va="center", fontweight="bold")
        number.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        ncols=_columns(looks),
        frameon=False,
    )


def _columns(looks: Sequence[_Look]) -> int:
    """Return how many columns the legend below a panel has room for."""
    return 2 if all(len(look.text) <= 20 for look in looks) else 1


def _handle(look: _Look, count: int) -> Line2D:
    return Line2D([], [], ls="", marker=look.marker, color=look.colour, ms=7, mew=0, label=f"{look.text} ({count})")
