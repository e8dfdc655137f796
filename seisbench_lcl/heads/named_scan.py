"""SCAN clusters that labels only name: what was found without labels is not bent to the classes of one region."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from seisbench_lcl.errors import check_arguments, check_is_fitted, is_whole
from seisbench_lcl.heads._scan_layers import scores
from seisbench_lcl.heads._temperature import fit_temperature
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.scan import SCAN
from seisbench_lcl.optim.balance import class_weights
from seisbench_lcl.storage.rows import RowFile

_LEAST = 1e-6  # smallest probability before the logarithm
_PRETRAINED = 10.0  # windows of each class that earlier profiles count as
_BLOCK = 1024  # rows whose events are left out at a time


class NamedSCAN(Head):
    """A classifier whose clusters learn without labels; labels only say what each cluster is.

    A regression on labels weighs every direction in which the classes of the training data differ, such as the network
    that recorded each of them. `SCAN` finds a few clusters without labels, and these transfer better to other networks.
    Here, each of its H layers gives cluster probabilities p_h(k|x), which labels name softly::

        P_h(k|c) ∝ Σ_{i of class c} p_h(k|x_i) + 1/K        P_h(c|k) = P_h(k|c) / Σ_c' P_h(k|c')

    with K clusters, as if one more window of each class were spread over all clusters. All classes thus count equally,
    however many windows they have.

    Probabilities are ``softmax(log S / T)`` of the mean over the layers, ``S(c|x) = 1/H Σ_h Σ_k p_h(k|x) P_h(c|k)``,
    because single layers may settle in another optimum, which their losses do not tell. The temperature T minimises the
    log loss of windows whose event was left out of the names; the clusters saw these windows, without their labels.

    `fine_tune` keeps the clusters. The new windows join the profiles P_h(k|c), which count as ten windows of each
    class.

    Parameters
    ----------
    n_features, n_classes : int
    n_clusters : int, optional
        By default the number of classes.
    **arguments
        Parameters of `SCAN`.

    Attributes
    ----------
    scan : SCAN
        The clusters; its own attributes describe their training.
    weights, biases : (H, K, F) and (H, K) float32 buffers
        All layers. NaN until fitted.
    profiles : (H, K, C) float32 buffer
        P_h(k|c).
    temperature : scalar float32 buffer
    held_out : (N, C) float32 ndarray or None
        Probabilities of the training rows, named without the labels of their events. Not saved.

    Raises
    ------
    ConfigurationError
        If there are fewer than two clusters, or `SCAN` refuses its parameters.

    References
    ----------
    See `SCAN`. Temperature: Guo et al. (2017), On calibration of modern neural networks, ICML.

    Examples
    --------
    >>> features = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + torch.linspace(0, 0.1, 40)[:, None]
    >>> labels = torch.arange(40) // 20
    >>> head = NamedSCAN(n_features=2, n_classes=2, n_neighbours=3, n_heads=2, epochs=20).fit(features, labels)
    >>> bool((head(features).argmax(dim=1) == labels).all())
    True
    """

    name = "named_scan"

    weights: Tensor
    biases: Tensor
    profiles: Tensor
    temperature: Tensor

    def __init__(self, n_features: int, n_classes: int, *, n_clusters: int | None = None, **arguments: Any) -> None:
        super().__init__(n_features, n_classes)
        check_arguments(
            "NamedSCAN", ("n_clusters must be 2 or more", n_clusters is None or is_whole(n_clusters, 2), n_clusters)
        )
        self.n_clusters = n_clusters or n_classes
        self.scan = SCAN(n_features, self.n_clusters, **arguments)
        shape = self.scan.n_heads, self.n_clusters
        self.register_buffer("weights", torch.full((*shape, n_features), torch.nan))
        self.register_buffer("biases", torch.full(shape, torch.nan))
        self.register_buffer("profiles", torch.full((*shape, n_classes), torch.nan))
        self.register_buffer("temperature", torch.tensor(torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"n_clusters": self.n_clusters, **self.scan.config()}

    def notes(self) -> list[str]:  # noqa: D102
        return [*self.scan.notes(), "held-out events are left out of the names, but not of the clusters"]

    def cluster_probabilities(self, features: Tensor) -> Tensor:
        """Return the probability of each cluster by each layer, (H, B, K)."""
        rows = (features - self.scan.mean) / self.scan.scale
        return scores(self.weights, self.biases, rows).softmax(dim=-1).transpose(0, 1)

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.temperature, "fit(features, labels)")
        names = self.profiles / self.profiles.sum(dim=-1, keepdim=True)
        classes = torch.einsum("hbk,hkc->bc", self.cluster_probabilities(features), names) / len(names)
        return (classes.clamp(min=_LEAST).log() / self.temperature).softmax(dim=-1)

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        assert labels is not None
        features = features.to(self.temperature.device)
        self.scan.fit(features, None, groups)
        assert self.scan.trained is not None
        weights, biases = self.scan.trained
        self.weights.copy_(weights)
        self.biases.copy_(biases)
        uniform = np.full(self.profiles.shape, 1 / self.n_clusters)
        self._name(features, labels, groups, uniform, 1.0, None)

    def _fine_tune(self, features: Tensor | RowFile, labels: Tensor | None, groups: Tensor | None) -> None:
        assert labels is not None
        check_is_fitted(self, self.temperature, "fit(features, labels)")
        rows = features if isinstance(features, Tensor) else torch.from_numpy(features[:])
        rows = rows.to(self.temperature.device)
        before = self._probabilities(rows).double().cpu().numpy()
        self._name(rows, labels, groups, self.profiles.double().cpu().numpy(), _PRETRAINED, before)

    def _name(
        self,
        features: Tensor,
        labels: Tensor,
        groups: Tensor | None,
        prior: NDArray[np.float64],
        strength: float,
        before: NDArray[np.float64] | None,
    ) -> None:
        """Set profiles and temperature; the prior profiles count as `strength` windows of each class."""
        clusters = self.cluster_probabilities(features).double().cpu().numpy()
        y = labels.cpu().numpy()
        events = np.arange(len(y)) if groups is None else groups.cpu().numpy()
        sums = strength * prior
        sums += np.stack([clusters[:, y == c].sum(axis=1) for c in range(self.n_classes)], axis=-1)
        self.profiles.copy_(torch.from_numpy(sums / sums.sum(axis=1, keepdims=True)))
        left_out = np.log(_left_out(clusters, y, events, sums).clip(_LEAST))
        weights = class_weights(labels).cpu().numpy()
        temperature = fit_temperature(left_out, y, weights, len(np.unique(events)), before)
        self.temperature.fill_(temperature)
        self.held_out = np.exp(log_softmax(left_out / temperature, axis=1)).astype(np.float32)


def _names(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(c|k) from the summed cluster probabilities of each class, (..., K, C)."""
    profiles = sums / sums.sum(axis=-2, keepdims=True)
    named: NDArray[np.float64] = profiles / profiles.sum(axis=-1, keepdims=True)
    return named


def _left_out(
    clusters: NDArray[np.float64], y: NDArray[np.int64], events: NDArray[np.int64], sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return S(c|x) of each row (N, C), with clusters (H, N, K) named without the rows of its event."""
    _, event = np.unique(events, return_inverse=True)
    n_layers, n_clusters, n_classes = sums.shape
    of_event = np.zeros(((event.max() + 1) * n_classes, n_layers, n_clusters))
    np.add.at(of_event, event * n_classes + y, clusters.transpose(1, 0, 2))
    of_event = of_event.reshape(-1, n_classes, n_layers, n_clusters).transpose(0, 2, 3, 1)
    found = []
    for start in range(0, len(y), _BLOCK):
        block = slice(start, start + _BLOCK)
        names = _names(sums - of_event[event[block]])
        found.append(np.einsum("hbk,bhkc->bc", clusters[:, block], names) / len(clusters))
    return np.concatenate(found)
