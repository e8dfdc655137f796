"""The temperature that turns scores into calibrated probabilities, fitted to held-out events."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(
    scores: NDArray[np.floating],
    y: NDArray[np.int64],
    weights: NDArray[np.floating],
    n_events: int,
    prior: NDArray[np.floating] | None = None,
) -> float:
    """Find T that minimises the weighted log loss of ``softmax(scores / T)`` against smoothed targets.

    Parameters
    ----------
    scores : (n, K)
        Scores of held-out rows.
    y : (n,)
        Class indices.
    weights : (n,)
    n_events : int
        Number of events that the rows come from. Fewer events give less certain probabilities: a small set with
        perfect separation would otherwise get the temperature 0.
    prior : (n, K), optional
        Probabilities that the targets are smoothed towards, such as those of a model before fine-tuning. By default
        all classes are equally likely, as in Platt.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, ICML. Platt (1999), Probabilistic outputs for support
    vector machines.
    """
    target = smoothed_targets(y, scores.shape[1], n_events, prior)

    def loss(log_temperature: float) -> float:
        return float(-weights @ (target * log_softmax(scores / np.exp(log_temperature), axis=1)).sum(axis=1))

    return float(np.exp(minimize_scalar(loss, bounds=(-6, 6), method="bounded").x))


def smoothed_targets(
    y: NDArray[np.int64], n_classes: int, n_events: int, prior: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Return Platt's targets (n, K), as if one event of each class were added."""
    smooth = np.full((len(y), n_classes), 1 / n_classes) if prior is None else prior
    target = smooth * n_classes / (n_events + n_classes)
    target[np.arange(len(y)), y] += n_events / (n_events + n_classes)
    return target
