"""Ridge regression from one eigendecomposition: every penalty, and every held-out event, in closed form.

Rows are weighted and centred, X̃ = √w (X − x̄_w) / σ, which takes the intercept out of the penalty. With V and λ the
eigenvectors and eigenvalues of X̃ᵀX̃ and Z = X̃V, the hat matrix of penalty α, intercept included, is

    H(α) = Z diag(1 / (λ + α)) Zᵀ + q qᵀ,    q = √w / ‖√w‖

and leaving a block of rows g out changes their residuals e to (I − H_gg)⁻¹ e_g, exactly (Cook and Weisberg 1982,
section 2.2). With a block for each event, this is leave-one-event-out at the price of one fit.

Where rows are fewer than features, the eigenvectors U of X̃X̃ᵀ give the same Z = U √λ.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk

Array = NDArray[np.float64]

_BLOCK = 512  # rows or columns cast to double precision at a time


@dataclass(frozen=True)
class Design:
    """Features as given, with the weights, centre and scale that standardise them block by block."""

    features: NDArray[np.float32]
    weights: Array
    mean: Array
    scale: Array

    def rows(self, block: slice) -> Array:
        """Return rows of X̃."""
        x = (self.features[block] - self.mean) / self.scale
        return x * np.sqrt(self.weights[block])[:, None]

    def columns(self, block: slice) -> Array:
        """Return columns of X̃."""
        x = (self.features[:, block] - self.mean[block]) / self.scale[block]
        return x * np.sqrt(self.weights)[:, None]

    @classmethod
    def standardised(cls, features: NDArray[np.float32], weights: Array) -> "Design":
        """Weight, centre and scale; a constant feature gets the largest scale and thereby no influence."""
        weights = weights * (len(weights) / weights.sum())
        mean, square = np.zeros(features.shape[1]), np.zeros(features.shape[1])
        for block in _blocks(len(features)):
            mean += weights[block] @ features[block]
        mean /= len(features)
        for block in _blocks(len(features)):
            square += weights[block] @ (features[block] - mean) ** 2
        scale = np.sqrt(square / len(features))
        # Constant to within the rounding of float32; relative, for a feature may be a displacement in metres.
        float32 = np.finfo(np.float32)
        scale[scale <= np.maximum(1e-6 * np.abs(mean), float32.tiny)] = float32.max
        return cls(features, weights, mean, scale)


@dataclass(frozen=True)
class Spectrum:
    """The decomposition: Z of shape (n, r) and λ of shape (r,), r the smaller of rows and features."""

    design: Design
    eigenvalues: Array
    projections: Array
    vectors: Array  # V (F, r) if rows are many, U (n, r) if features are
    primal: bool

    @classmethod
    def of(cls, design: Design) -> "Spectrum":
        """Decompose the smaller of the two Gram matrices, accumulated by blocks in double precision."""
        n, n_features = design.features.shape
        primal = n > n_features
        gram = np.zeros((min(n, n_features),) * 2, order="F")
        for block in _blocks(n if primal else n_features):
            part = design.rows(block) if primal else design.columns(block).T
            gram = dsyrk(1.0, part, trans=True, beta=1.0, c=gram, overwrite_c=True)  # upper triangle, in place
        eigenvalues, vectors = eigh(gram, lower=False, overwrite_a=True, check_finite=False, driver="evd")
        eigenvalues = np.maximum(eigenvalues, 0)
        if primal:
            projections = np.empty((n, n_features))
            for block in _blocks(n):
                projections[block] = design.rows(block) @ vectors
        else:
            projections = vectors * np.sqrt(eigenvalues)
        return cls(design, eigenvalues, projections, vectors, primal)

    def coefficients(self, targets: Array, alpha: float) -> tuple[Array, Array]:
        """Solve for (K, F) coefficients of the standardised features and (K,) intercepts.

        Parameters
        ----------
        targets : (n, K)
        alpha : float
        """
        intercepts, y = self._centred(targets)
        inner = (self.projections.T @ y) / (self.eigenvalues + alpha)[:, None]
        if self.primal:
            return (self.vectors @ inner).T, intercepts
        # X̃ᵀ U diag(1/√λ) inner, with Zᵀy = √λ Uᵀy: divide once, where λ is zero nothing was projected.
        root = np.sqrt(self.eigenvalues)
        dual = self.vectors @ (inner / np.where(root > 0, root, 1)[:, None])
        n_features = self.design.features.shape[1]
        return np.concatenate(
            [dual.T @ self.design.columns(block) for block in _blocks(n_features)], axis=1
        ), intercepts

    def held_out(self, targets: Array, alpha: float, groups: NDArray[np.int64]) -> Array:
        """Predict each row from a fit without its group, exactly.

        Parameters
        ----------
        targets : (n, K)
        alpha : float
        groups : (n,)

        Returns
        -------
        (n, K)
        """
        root = np.sqrt(self.design.weights)[:, None]
        shrink = 1 / (self.eigenvalues + alpha)
        _, y = self._centred(targets)
        residuals = y - self.projections @ (shrink[:, None] * (self.projections.T @ y))
        intercept = self.design.weights.sum()
        for rows in _members(groups):
            z, q = self.projections[rows], root[rows]
            hat = (z * shrink) @ z.T + q @ q.T / intercept
            residuals[rows] = np.linalg.solve(np.eye(len(rows)) - hat, residuals[rows])
        return targets - residuals / root

    def _centred(self, targets: Array) -> tuple[Array, Array]:
        weights = self.design.weights
        mean = weights @ targets / weights.sum()
        return mean, np.sqrt(weights)[:, None] * (targets - mean)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(i, min(i + _BLOCK, n)) for i in range(0, n, _BLOCK))


def _members(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(groups, kind="stable")
    _, first = np.unique(groups[order], return_index=True)
    return np.split(order, first[1:])
