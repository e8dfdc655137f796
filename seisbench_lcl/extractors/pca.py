"""Principal component analysis as a torch module."""

import numpy as np
import torch
from sklearn import decomposition
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, TrainingError, check_is_fitted


class PCA(nn.Module):
    """Projection onto the leading principal components of training rows.

    Components have unit length and are ordered by variance; the entry of largest magnitude of each is positive.
    Projections are not divided by their standard deviation. scikit-learn's randomised solver, with a fixed seed,
    decomposes matrices of which only few components are needed.

    Parameters
    ----------
    n_features : int
        Length F of a row.
    n_components : int
        Number of components d, at most F.

    Attributes
    ----------
    mean : (F,) float32 buffer
        NaN until fitted.
    components : (d, F) float32 buffer
        NaN until fitted.

    Raises
    ------
    ConfigurationError
        If d is not between 1 and F.

    References
    ----------
    Halko, Martinsson and Tropp (2011), Finding structure with randomness: probabilistic algorithms for constructing
    approximate matrix decompositions, SIAM Review 53, doi:10.1137/090771806.

    Examples
    --------
    >>> import torch
    >>> rows = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    >>> PCA(n_features=8, n_components=2).fit(rows)(rows).shape
    torch.Size([50, 2])
    """

    mean: Tensor
    components: Tensor

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        if not 1 <= n_components <= n_features:
            raise ConfigurationError(
                f"n_components must be between 1 and {n_features}, the number of features, but is {n_components}"
            )
        self.n_features = n_features
        self.n_components = n_components
        self.register_buffer("mean", torch.full((n_features,), torch.nan))
        self.register_buffer("components", torch.full((n_components, n_features), torch.nan))

    def fit(self, rows: Tensor) -> Self:
        """Compute the components of rows.

        Parameters
        ----------
        rows : (N, F) float32 Tensor

        Returns
        -------
        PCA
            Itself.

        Raises
        ------
        TrainingError
            If there are fewer rows than components, or all rows are equal.
        """
        x = rows.cpu().numpy()
        if len(x) < self.n_components:
            raise TrainingError(
                f"{self.n_components} principal components need at least {self.n_components} windows, but fit got "
                f"{len(x)}: lower n_components"
            )
        if (x == x[0]).all():
            raise TrainingError(f"principal components need windows that differ, but all {len(x)} are equal")
        mean = x.mean(axis=0, dtype=np.float64)
        centred = x - mean.astype(np.float32)  # one of scikit-learn's solvers centres only after squaring
        solver = decomposition.PCA(self.n_components, copy=False, random_state=0).fit(centred)
        self.mean.copy_(torch.from_numpy(mean))
        self.components.copy_(torch.from_numpy(solver.components_))
        return self

    def forward(self, rows: Tensor) -> Tensor:
        """Project rows.

        Parameters
        ----------
        rows : (B, F) float32 Tensor

        Returns
        -------
        (B, d) float32 Tensor

        Raises
        ------
        NotFittedError
            If it is not fitted.
        """
        check_is_fitted(self, self.mean, "fit(rows)")
        return (rows - self.mean) @ self.components.T
