"""Symmetric matrices reduced to a band, K = Q B Qᵀ, so that solving K + αI for many α costs little.

Eigenvectors would serve too, but need a tridiagonal matrix: half of that reduction is matrix-vector products, limited
by memory bandwidth, and it must be undone for all vectors. A band as wide as a block needs matrix-matrix products only
(Bischof, Lang and Sun 2000, ACM Transactions on Mathematical Software 26, 581), and B + αI has a Cholesky factor of the
same width. At N = 10,000 on two CPU cores, reduction and factors took 128 s of CPU time, torch.linalg.eigh 423 s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

WIDTH = 64
"""Rows of a block of the band: wide enough for fast matrix products, narrow enough for fast solutions."""

_TILE = 1024  # rows of the lower triangle updated at a time
_JOINED = 4  # blocks of reflections applied together to form Q


@dataclass(frozen=True)
class Banded:
    """Q (N, N), and the blocks of B (N / b, b, b) on and below the diagonal; the first block below is zero."""

    q: Tensor
    diagonal: Tensor
    below: Tensor

    @classmethod
    def of(cls, k: Tensor) -> "Banded":
        """Reduce a symmetric float64 matrix in place; only its `tiles` are read, and N is a multiple of `WIDTH`."""
        n, b = len(k), WIDTH
        diagonal, below, taus = k.new_empty(n // b, b, b), k.new_zeros(n // b, b, b), k.new_ones(n)
        for i in range(n // b - 1):
            here, after = slice(i * b, (i + 1) * b), (i + 1) * b
            diagonal[i] = k[here, here]
            # Reflections I − V T Vᵀ make the column of blocks triangular. Applied from both sides, they are an update
            # of rank 2b.
            v, tau = torch.geqrf(k[after:, here])
            below[i + 1] = v[:b].triu()
            v.tril_(-1).diagonal().fill_(1)
            v[:, tau == 0], tau[tau == 0] = 0, 1  # no reflection
            k[after:, here], taus[here] = v, tau
            rest = k[after:, after:]
            vt = v @ _inner_factor(v, tau)
            x = _symmetric_product(rest, vt)
            w = x - v @ (vt.T @ x) / 2
            left, right = torch.cat([w, v], dim=1), torch.cat([v, w], dim=1)
            for tile in tiles(len(rest)):
                rest[tile, : tile.stop].addmm_(left[tile], right[: tile.stop].T, alpha=-1)
        diagonal[-1] = k[-b:, -b:]
        # Q is the product of the reflections, last one first: each changes only the rows and columns after its start.
        q = torch.eye(n, dtype=k.dtype)
        for start in reversed(range(0, n - b, _JOINED * b)):
            stop = min(start + _JOINED * b, n - b)
            v, rest = k[start + b :, start:stop].tril(), q[start + b :, start + b :]
            rest.addmm_(v @ _inner_factor(v, taus[start:stop]), v.T @ rest, alpha=-1)
        return cls(q, diagonal, below)

    def factor(self, alphas: Tensor) -> "BandFactor":
        """Factor B + αI = L Lᵀ for each of A penalties.

        K is known only to its rounding error, N ε ‖K‖, and may be indefinite below that: smaller penalties are raised
        to it.
        """
        norm = (self.diagonal.square().sum() + 2 * self.below.square().sum()).sqrt()
        alphas = alphas.clamp(min=float(len(self.q) * torch.finfo(norm.dtype).eps * norm))
        eye = torch.eye(WIDTH, dtype=norm.dtype)
        inverse = self.diagonal.new_empty(len(self.diagonal), len(alphas), WIDTH, WIDTH)
        step = torch.zeros_like(inverse)
        for i, diagonal in enumerate(self.diagonal):
            schur = diagonal + alphas[:, None, None] * eye
            if i:
                left = self.below[i] @ inverse[i - 1].mT  # block of L below the diagonal
                schur -= left @ left.mT
            inverse[i] = torch.linalg.solve_triangular(torch.linalg.cholesky(schur), eye, upper=False)
            if i:
                step[i] = -inverse[i] @ left
        return BandFactor(alphas, inverse, step)


@dataclass(frozen=True)
class BandFactor:
    """Cholesky factors L of B + αI by blocks, (N / b, A, b, b): L_ii⁻¹, and −L_ii⁻¹ L_i,i−1."""

    alphas: Tensor
    inverse: Tensor
    step: Tensor

    def __getitem__(self, which: slice) -> "BandFactor":
        """Select some of the penalties."""
        return BandFactor(self.alphas[which], self.inverse[:, which], self.step[:, which])

    def inner(self, left: Tensor, right: Tensor) -> Tensor:
        """Compute Zᵀ (B + αI)⁻¹ [Z, Y] from Z (N, c) and Y (N, d) for each penalty, (A, c, c + d)."""
        n_left = left.shape[1]
        products = left.new_zeros(len(self.alphas), n_left, n_left + right.shape[1])
        for x in self._forward(torch.cat([left, right], dim=1)):
            products.baddbmm_(x[..., :n_left].mT, x)
        return products

    def solve(self, y: Tensor) -> Tensor:
        """Compute (B + αI)⁻¹ Y from Y (N, d) for each penalty, (A, N, d)."""
        solved: list[Tensor] = []
        carried: Tensor | None = None
        for i, x in reversed(list(enumerate(self._forward(y)))):
            carried = x if carried is None else x + self.step[i + 1].mT @ carried
            solved.insert(0, self.inverse[i].mT @ carried)
        return torch.cat(solved, dim=1)

    def _forward(self, y: Tensor) -> Iterator[Tensor]:
        """Yield the blocks of L⁻¹ Y from top to bottom, (A, b, d)."""
        x = y.new_zeros(len(self.alphas), WIDTH, y.shape[1])
        for inverse, step, block in zip(self.inverse, self.step, y.split(WIDTH), strict=True):
            x = torch.baddbmm(inverse @ block, step, x)
            yield x


def _inner_factor(v: Tensor, tau: Tensor) -> Tensor:
    """Return T, where I − V T Vᵀ is the product of the reflections I − τ v vᵀ (Puglisi 1992)."""
    eye = torch.eye(len(tau), dtype=v.dtype)
    return torch.linalg.solve_triangular((v.T @ v).triu_(1) + torch.diag(1 / tau), eye, upper=True)


def _symmetric_product(k: Tensor, y: Tensor) -> Tensor:
    """Multiply by a symmetric matrix, using its lower triangle only."""
    x = torch.empty_like(y)
    for tile in tiles(len(k)):
        torch.mm(k[tile, : tile.stop], y[: tile.stop], out=x[tile])
        x[: tile.start].addmm_(k[tile, : tile.start].T, y[tile])
    return x


def tiles(n: int) -> Iterator[slice]:
    """Cut the rows of a lower triangle into tiles, counted from its end, so that they fit every step of a reduction.

    A tile extends to its own last row as column, so that the squares on the diagonal are complete.
    """
    edges = [0, *range(n % _TILE or _TILE, n + 1, _TILE)]
    return map(slice, edges, edges[1:])
