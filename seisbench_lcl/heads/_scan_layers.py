"""The linear layers that SCAN trains, their loss, and neighbours from the same event."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax


def scan_loss(anchors: Tensor, positives: Tensor, entropy_weight: float, prior: Tensor) -> Tensor:
    """Compute the loss of each of H heads: Eq. 3 of Yin et al. (2022) with expected cluster sizes.

    Parameters
    ----------
    anchors, positives : (H, B, K) float32 Tensors
        Log probabilities of windows, and of one neighbour of each window.
    entropy_weight : float
        λ.
    prior : (K,) float32 Tensor
        Expected fractions of the windows in each cluster; they sum to 1.

    Returns
    -------
    (H,) float32 Tensor
    """
    consistency = -torch.logsumexp(anchors + positives, dim=-1).mean(dim=-1)
    log_mean = torch.logsumexp(anchors, dim=-2) - math.log(anchors.shape[-2])
    balance = (log_mean.exp() * (log_mean - torch.log(prior * len(prior)))).sum(dim=-1)
    return consistency + entropy_weight * balance


def scores(weights: Tensor, biases: Tensor, rows: Tensor) -> Tensor:
    """Return the scores (B, H, K) of rows (B, F) by layers with weights (H, K, F) and biases (H, K), as one product."""
    return (rows @ weights.flatten(0, 1).T).unflatten(1, biases.shape) + biases


class Layers(nn.Module):
    """H linear layers, each with a softmax, computed as one product."""

    def __init__(self, n_heads: int, n_classes: int, n_features: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(n_heads, n_classes, n_features))
        self.biases = nn.Parameter(torch.empty(n_heads, n_classes))

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weights, std=0.01)
        nn.init.zeros_(self.biases)

    def log_probabilities(self, rows: Tensor) -> Tensor:
        """Return log probabilities (H, B, K) for rows (B, F)."""
        return log_softmax(scores(self.weights, self.biases, rows), dim=-1).transpose(0, 1)

    def only(self, head: int) -> "Layers":
        """Return a copy with one of the heads."""
        one = Layers(1, *self.weights.shape[1:]).to(self.weights.device)
        with torch.no_grad():
            one.weights.copy_(self.weights[head : head + 1])
            one.biases.copy_(self.biases[head : head + 1])
        return one


class EventNeighbours:
    """The other windows of each window's event."""

    def __init__(self, groups: Tensor) -> None:
        groups = groups.cpu()
        self._order = torch.argsort(groups, stable=True)
        _, event, counts = torch.unique(groups, return_inverse=True, return_counts=True)
        self._count = counts[event]
        self._first = (counts.cumsum(0) - counts)[event]
        place = torch.empty_like(self._order)
        place[self._order] = torch.arange(len(groups))
        self._place = place - self._first
        self.has = self._count > 1

    def draw(self, batch: Tensor) -> Tensor:
        """Return a random other window of the event for each window, or the window itself where it is the only one."""
        count = self._count[batch]
        step = 1 + (torch.rand(len(batch)) * (count - 1)).long()
        return self._order[self._first[batch] + (self._place[batch] + step) % count]
