"""Stacking: a ridge regression for each block of features, pooled by their scores on held-out events."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, check_arguments, check_is_fitted
from seisbench_lcl.heads._temperature import smoothed_targets
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.ridge import DEFAULT_ALPHAS, ClassWeight, Ridge
from seisbench_lcl.storage.rows import Rows

Weighting = Literal["learnt", "equal"]

_LEAST = 1e-6  # smallest probability of a block for a class: one certain block must not overrule all others
_PENALTY = 1e-4  # mean log loss per unit of weight: an uninformative block fits any weight, even hundreds
_ROWS = 1024  # rows read at a time, from which the columns of a block are cut


class Stack(Head):
    """A `Ridge` for each block of features, such as the blocks of several extractors, and their logarithmic pool.

    In one regression, all blocks would share a penalty, and a large block would mask a small one. Here each block has
    its own penalty and calibrated probabilities p_k, which are pooled to ``softmax(Σ_k w_k (log p_k − mean over classes
    of log p_k))``. The weights w_k are not negative. They need not sum to one, because their sum acts as a temperature:
    blocks with independent errors deserve more certainty together, blocks that repeat each other do not.

    The weights minimise the log loss of the *held-out* probabilities of the ridges plus 1e-4 Σ_k w_k, a convex problem,
    with row weights and smoothed targets as for the temperature of `Ridge`. Probabilities of rows that a ridge was
    fitted to would favour the block with the closest fit. The last term matters only for an uninformative block: its
    probabilities are nearly equal, and the term keeps its weight from growing by chance. A single block keeps its
    probabilities almost unchanged.

    Blocks thus count by their information about events of the training networks. At other networks, the block that
    fits the training networks best may mislead: with ``weighting="equal"`` all blocks share one weight, and only its
    size is learnt.

    Probabilities of a block below 1e-6 are raised to it.

    `fine_tune` fine-tunes each ridge and keeps the weights, because a few events cannot determine them.

    Parameters
    ----------
    n_features, n_classes : int
    blocks : sequence of int, optional
        Number of features of each block, in order. By default all features are one block.
    weighting : {"learnt", "equal"}
        Whether each block has its own weight or all share one.
    alphas, class_weight
        Arguments of each `Ridge`.

    Attributes
    ----------
    ridges : ModuleList of Ridge
        One for each block.
    weights : (n_blocks,) float32 buffer
        NaN until fitted.
    held_out : (N, K) float32 ndarray or None
        Held-out probabilities of the training rows. Not saved. They were also used to choose the weights, and the
        penalty and temperature of each ridge; apart from that, no row influenced its own prediction.

    Raises
    ------
    ConfigurationError
        If blocks are missing or do not sum to the number of features, the weighting is unknown, or `Ridge` refuses the
        penalties or class weights.

    References
    ----------
    Stacking: Wolpert (1992), Stacked generalization, Neural Networks 5. Weights that are not negative: Breiman (1996),
    Stacked regressions, Machine Learning 24. Pool: Genest and Zidek (1986), Combining probability distributions: a
    critique and an annotated bibliography, Statistical Science 1.

    Examples
    --------
    >>> features = torch.tensor([[0.0, 5.0], [0.1, 7.0], [0.3, 6.0], [9.0, 6.0], [9.2, 7.0], [9.3, 5.0]])
    >>> labels = torch.tensor([0, 0, 0, 1, 1, 1])
    >>> head = Stack(n_features=2, n_classes=2, blocks=[1, 1]).fit(features, labels)
    >>> bool(head.weights[0] > head.weights[1])
    True
    """

    name = "stack"
    supervised = True
    takes_blocks = True

    weights: Tensor

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        blocks: Sequence[int] | None = None,
        weighting: Weighting = "learnt",
        alphas: Sequence[float] = DEFAULT_ALPHAS,
        class_weight: ClassWeight = "balanced",
    ) -> None:
        super().__init__(n_features, n_classes)
        self.blocks = [n_features] if blocks is None else [int(width) for width in blocks]
        if min(self.blocks, default=0) < 1 or sum(self.blocks) != n_features:
            raise ConfigurationError(
                f"Stack: blocks must be numbers of 1 or more that sum to the {n_features} features of a row, but are "
                f"{self.blocks}, which sum to {sum(self.blocks)}"
            )
        kinds = get_args(Weighting)
        check_arguments("Stack", (f"weighting must be one of {', '.join(kinds)}", weighting in kinds, weighting))
        self.weighting: Weighting = weighting
        self.ridges = nn.ModuleList(
            Ridge(width, n_classes, alphas=alphas, class_weight=class_weight) for width in self.blocks
        )
        self.register_buffer("weights", torch.full((len(self.blocks),), torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return self._ridges[0].config() | {"blocks": self.blocks, "weighting": self.weighting}

    def config_of(self, classes: list[int]) -> dict[str, Any]:  # noqa: D102
        return self.config() | self._ridges[0].config_of(classes)

    def grown(self, n_more: int) -> Self:  # noqa: D102
        self._check_fitted()
        head = type(self)(self.n_features, self.n_classes + n_more, **self.config()).to(self.weights.device)
        head.ridges = nn.ModuleList(ridge.grown(n_more) for ridge in self._ridges)
        head.weights.copy_(self.weights)
        return head.eval()

    def condensed(self, features: Tensor) -> tuple[Head, Tensor]:  # noqa: D102
        self._check_fitted()
        parts = features.split(self.blocks, dim=1)
        ridges, rows = zip(
            *(ridge.condensed(part) for ridge, part in zip(self._ridges, parts, strict=True)), strict=True
        )
        widths = [part.shape[1] for part in rows]
        head = type(self)(sum(widths), self.n_classes, **self.config() | {"blocks": widths}).to(self.weights.device)
        head.ridges = nn.ModuleList(ridges)
        head.weights.copy_(self.weights)
        return head.eval(), torch.cat(rows, dim=1)

    def shift(self, logits: Tensor) -> None:  # noqa: D102
        self._check_fitted()
        if total := float(self.weights.sum()):
            for ridge in self._ridges:
                ridge.shift(logits / total)

    @property
    def _ridges(self) -> list[Ridge]:
        return cast(list[Ridge], list(self.ridges))

    def _probabilities(self, features: Tensor) -> Tensor:
        self._check_fitted()
        parts = features.split(self.blocks, dim=1)
        evidence = _evidence(ridge(part) for ridge, part in zip(self._ridges, parts, strict=True))
        return torch.softmax(evidence @ self.weights, dim=1)

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        self._fit_rows(features.cpu().numpy(), labels, groups)

    def _fit_rows(self, rows: Rows, labels: Tensor | None, groups: Tensor | None) -> None:
        assert labels is not None
        for ridge, part in zip(self._ridges, self._parts(rows), strict=True):
            ridge._fit_rows(part, labels, groups)
        evidence = self._held_out_evidence()
        y = labels.cpu().numpy()
        n_events = len(y if groups is None else torch.unique(groups))
        targets = torch.from_numpy(smoothed_targets(y, self.n_classes, n_events))
        of_rows = torch.from_numpy(self._ridges[0]._weights(y))
        free = evidence.mean(dim=2, keepdim=True) if self.weighting == "equal" else evidence
        found = torch.from_numpy(_pool_weights(free, targets, of_rows))
        self.weights.copy_(found * len(found) / len(self.blocks))
        self._pool_held_out(evidence)

    def _fine_tune(self, features: Tensor | Rows, labels: Tensor | None, groups: Tensor | None) -> None:
        self._check_fitted()
        rows = features.cpu().numpy() if isinstance(features, Tensor) else features
        for ridge, part in zip(self._ridges, self._parts(rows), strict=True):
            ridge._fine_tune(part, labels, groups)
        self._pool_held_out(self._held_out_evidence())

    def _parts(self, rows: Rows) -> list[Rows]:
        columns = [slice(start, stop) for start, stop in pairwise(accumulate(self.blocks, initial=0))]
        return [rows[:, part] if isinstance(rows, np.ndarray) else _Columns(rows, part) for part in columns]

    def _held_out_evidence(self) -> Tensor:
        return _evidence(torch.from_numpy(cast(NDArray[np.float32], ridge.held_out)).double() for ridge in self._ridges)

    def _pool_held_out(self, evidence: Tensor) -> None:
        pooled = torch.softmax(evidence @ self.weights.cpu().double(), dim=1)
        self.held_out = pooled.float().numpy()

    def _check_fitted(self) -> None:
        check_is_fitted(self, self.weights, "fit(features, labels)")


class _Columns:
    """The columns of one block of rows that are read from a file."""

    def __init__(self, rows: Rows, columns: slice) -> None:
        self._rows = rows
        self._columns = columns
        self.shape = rows.shape[0], columns.stop - columns.start

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        # In pieces: a ridge with more features than rows asks for all rows, and loading all their blocks takes memory.
        places = np.arange(self.shape[0])[rows]
        found = np.empty((len(places), self.shape[1]), dtype=np.float32)
        for start in range(0, len(places), _ROWS):
            some = slice(start, start + _ROWS)
            found[some] = self._rows[places[some]][:, self._columns]
        return found


def _evidence(probabilities: Iterable[Tensor]) -> Tensor:
    """Return the log probabilities of each block minus their mean over classes, (N, K, n_blocks)."""
    logs = torch.stack([p.clamp(min=_LEAST).log() for p in probabilities], dim=2)
    return logs - logs.mean(dim=1, keepdim=True)


def _pool_weights(evidence: Tensor, targets: Tensor, of_rows: Tensor) -> NDArray[np.float64]:
    """Minimise the penalised mean log loss of ``softmax(evidence @ weights)`` over non-negative weights.

    Parameters
    ----------
    evidence : (N, K, n_blocks) float64 Tensor
    targets : (N, K) float64 Tensor
        Each row sums to 1.
    of_rows : (N,) float64 Tensor
    """
    of_rows = of_rows / of_rows.sum()

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_p = torch.log_softmax(evidence @ torch.from_numpy(weights), dim=1)
        excess = of_rows[:, None] * (log_p.exp() - targets)
        gradient = torch.tensordot(excess, evidence, dims=2)
        log_loss = -(of_rows @ (targets * log_p).sum(dim=1)).item()
        return log_loss + _PENALTY * weights.sum(), gradient.numpy() + _PENALTY

    n_blocks = evidence.shape[2]
    found = minimize(
        loss,
        np.full(n_blocks, 1 / n_blocks),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * n_blocks,
        options={"ftol": 1e-15, "gtol": 1e-8},
    )
    return found.x
