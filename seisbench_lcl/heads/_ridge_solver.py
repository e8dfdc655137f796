"""Ridge regression in closed form: all penalties and all held-out events from one decomposition.

Rows are weighted, centred and scaled, X̃ = √w (X − x̄_w) / σ, so that the intercept is not penalised. The targets y are
weighted and centred likewise, and q = √w / ‖√w‖ is the column of the intercept. Without a block of rows g, their
residuals are exactly (I − H_gg)⁻¹ e_g, with the hat matrix H including the intercept (Cook and Weisberg 1982, section
2.2). With one block for each event, this is leave-one-event-out at the cost of one fit. The smaller Gram matrix is
decomposed in double precision:

- With more rows than features, C = X̃ᵀX̃ and H = X̃ (C + αI)⁻¹ X̃ᵀ + q qᵀ.
- Otherwise, K = X̃X̃ᵀ + c q qᵀ with any c > 0. As X̃ᵀq = 0, the intercept acts as an extra feature with the penalty
  α / c, which is removed again: with M = (K + αI)⁻¹, e = α M y and I − H = α (M − q qᵀ / (c + α)), and α cancels.
  Without c, small penalties would leave a difference of large numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seisbench_lcl.heads._banded import WIDTH, Banded, BandFactor, tiles
from seisbench_lcl.heads.standardise import usable_scale
from seisbench_lcl.storage.rows import Rows

Array = NDArray[np.float64]

_BLOCK = 1024  # rows or columns cast to double precision at a time
_HELD_OUT = 96  # least number of rows, in whole events, whose residuals are solved for together
_ENTRIES = 2**24  # most entries of the hat matrices of these rows, over all penalties
_INFINITE = 1e100  # a penalty above every Gram matrix, with a finite inverse


@dataclass(frozen=True)
class Design:
    """Raw features, with the weights, mean and scale that standardise them block by block."""

    features: Rows
    weights: Array
    mean: Array
    scale: Array

    def rows(self, block: slice | NDArray[np.int64]) -> Array:
        """Return rows of X̃."""
        x = self.features[block] - self.mean
        x /= self.scale
        x *= np.sqrt(self.weights[block])[:, None]
        return x

    def columns(self, block: slice) -> Array:
        """Return columns of X̃; features must be an array."""
        x = self.features[:, block] - self.mean[block]
        x /= self.scale[block]
        x *= np.sqrt(self.weights)[:, None]
        return x

    def times(self, coefficients: Array) -> Array:
        """Multiply X̃ by (K, F) coefficients, to (n, K)."""
        return np.concatenate([self.rows(block) @ coefficients.T for block in _blocks(len(self.weights))])

    @classmethod
    def standardised(cls, features: Rows, weights: Array, scale: Array | None = None) -> "Design":
        """Find the weighted mean and scale; a constant feature gets no influence.

        Fine-tuning passes the scale of the pretrained model, which is kept.
        """
        n, n_features = features.shape
        weights = weights * (n / weights.sum())
        # In one pass, relative to the first row: differences are large only where the deviation is large.
        shift = features[:1][0].astype(float)
        mean, square = np.zeros(n_features), np.zeros(n_features)
        for block in _blocks(n, _BLOCK // 8):
            x = features[block] - shift
            mean += weights[block] @ x
            square += weights[block] @ np.square(x, out=x)
        mean /= n
        deviation = np.sqrt(np.maximum(square / n - mean**2, 0))
        mean += shift
        if scale is None:
            scale = usable_scale(deviation, np.abs(mean))
        return cls(features, weights, mean, scale)


class Solver:
    """The decomposition, and the solutions for every penalty.

    Parameters
    ----------
    design : Design
        With more rows than features, rows are read three times, block by block; otherwise all are held in memory.
    targets : (n, K)
    """

    def __init__(self, design: Design, targets: Array) -> None:
        n, n_features = design.features.shape
        self.primal = n > n_features
        if not self.primal:
            design = Design(design.features[:], design.weights, design.mean, design.scale)
        self.design = design
        self.targets = targets
        root = np.sqrt(design.weights)[:, None]
        self.intercepts: Array = design.weights @ targets / design.weights.sum()
        self.y = torch.from_numpy(root * (targets - self.intercepts))
        self.q = torch.from_numpy(root / np.linalg.norm(root))

        size = min(n, n_features)
        padded = torch.zeros((-(-size // WIDTH) * WIDTH,) * 2, dtype=torch.float64)  # zeros do not change the solution
        gram = padded[:size, :size]
        moments = torch.zeros(n_features, targets.shape[1], dtype=torch.float64) if self.primal else self.y
        for block in _blocks(n if self.primal else n_features):
            part = torch.from_numpy(design.rows(block).T if self.primal else design.columns(block))
            for tile in tiles(len(padded)):
                gram[tile, : tile.stop].addmm_(part[tile], part[: tile.stop].T)
            if self.primal:
                moments.addmm_(part, self.y[block])
        self.c = float(gram.trace() / size)
        if not self.primal:
            for tile in tiles(len(padded)):
                gram[tile, : tile.stop].addmm_(self.q[tile], self.q[: tile.stop].T, alpha=self.c)
        self.banded = Banded.of(padded)
        self.basis = self.banded.q[:size]
        self.moments = self.basis.T @ moments

    def coefficients(self, alpha: float) -> tuple[Array, Array]:
        """Solve for (K, F) coefficients of the standardised features and (K,) intercepts."""
        solved = self.basis @ self._factor([alpha]).solve(self.moments)[0]
        if self.primal:
            return solved.T.numpy(), self.intercepts
        dual = solved.T.numpy()
        blocks = _blocks(self.design.features.shape[1])
        return np.concatenate([dual @ self.design.columns(block) for block in blocks], axis=1), self.intercepts

    def held_out(self, alphas: list[float], groups: NDArray[np.int64]) -> Array:
        """Predict each row exactly as a fit without its group would.

        Parameters
        ----------
        alphas : list of A float
            With an infinite penalty only the intercept is fitted.
        groups : (n,)

        Returns
        -------
        (A, n, K)
        """
        factor = self._factor(alphas)
        residuals = self.y.new_empty(len(alphas), *self.y.shape)
        for block in _whole_groups(groups, _BLOCK):
            z = self.basis.T @ torch.from_numpy(self.design.rows(block)).T if self.primal else self.basis[block].T
            for part in _whole_groups(groups[block], _HELD_OUT):
                rows, n = block[part], len(part)
                y, q = self.y[rows], self.q[rows]
                other_groups = torch.from_numpy(groups[rows, None] != groups[rows])
                for some in _blocks(len(alphas), max(1, _ENTRIES // n**2)):
                    products = factor[some].inner(z[:, part], self.moments)
                    kept, e = products[..., :n], products[..., n:]
                    if self.primal:
                        kept, e = torch.eye(n, dtype=y.dtype) - kept - q @ q.T, y - e
                    else:
                        kept = kept - q @ q.T / (self.c + factor.alphas[some, None, None])
                    residuals[some, rows] = torch.linalg.solve(kept.masked_fill(other_groups, 0), e)
        return self.targets - residuals.numpy() / np.sqrt(self.design.weights)[:, None]

    def _factor(self, alphas: list[float]) -> BandFactor:
        return self.banded.factor(torch.tensor(alphas, dtype=torch.float64).clamp(max=_INFINITE))


def _blocks(n: int, size: int | None = None) -> Iterator[slice]:
    size = size or _BLOCK
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def _whole_groups(groups: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Yield row indices in whole groups, at least `size` rows at a time."""
    order = np.argsort(groups, kind="stable")
    _, first = np.unique(groups[order], return_index=True)
    start = 0
    for end in [*first[1:], len(order)]:
        if end - start >= size or end == len(order):
            yield order[start:end]
            start = end
