"""A Gaussian mixture over features, fitted without labels."""

import logging
import warnings
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted, is_whole
from seisbench_lcl.extractors.pca import PCA
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.kmeans import few_threads, too_few_windows
from seisbench_lcl.heads.standardise import usable_scale

logger = logging.getLogger("seisbench")

Covariance = Literal["full", "diag", "tied"]

_MAX_ITERATIONS = 200


class GMM(Head):
    """Gaussian mixture, fitted by expectation maximisation; probabilities are the posteriors of its components.

    Features are projected onto their principal components if ``n_components`` is set, then standardised. The mixture is
    fitted in double precision from several k-means starts, and the start with the highest likelihood is kept.
    Components are ordered by weight, the largest first.

    A full covariance has d (d + 1) / 2 values for each of K components: set ``n_components`` for more than a few dozen
    features. The projection uses raw features and keeps the directions of largest variance, so it does not suit
    features with different units.

    Parameters
    ----------
    n_features, n_classes : int
        Features F, and mixture components K.
    covariance : {"full", "diag", "tied"}
        One covariance matrix per component, its diagonal only, or one matrix for all components.
    n_components : int, optional
        Number d of principal components. By default there is no projection, and d = F.
    n_init : int
        Number of starts.
    seed : int
        Seed of the starts.
    reg_covar : float
        Added to the diagonal of covariances, in units of the variance of a feature or principal component.

    Attributes
    ----------
    pca : PCA or None
    mean, scale : (d,) float32 buffers
        Moments of the features or principal components. NaN until fitted.
    means : (K, d) float32 buffer
    precision_cholesky : (K, d, d), (K, d) or (d, d) float32 buffer
        For "full", "diag" and "tied": the upper triangular A in Σ⁻¹ = A Aᵀ, or its diagonal.
    log_weights : (K,) float32 buffer

    Raises
    ------
    ConfigurationError
        If ``covariance`` is unknown, ``n_components`` exceeds F, ``n_init`` is below 1, or ``reg_covar`` is not
        positive.

    References
    ----------
    Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm, J. R. Stat. Soc. B
    39. Full covariances on latent features of seismic spectrograms: O'Boyle, Lewis and Huntley, after Jenkins et al.
    (2021), J. Geophys. Res. Solid Earth 126, doi:10.1029/2021JB021716.

    Examples
    --------
    >>> import torch
    >>> features = torch.tensor([[0.0], [0.1], [0.3], [9.0], [9.2], [9.3], [9.6]])
    >>> GMM(n_features=1, n_classes=2).fit(features)(features).argmax(dim=1)
    tensor([1, 1, 1, 0, 0, 0, 0])
    """

    name = "gmm"
    supervised = False

    mean: Tensor
    scale: Tensor
    means: Tensor
    precision_cholesky: Tensor
    log_weights: Tensor

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        covariance: Covariance = "full",
        n_components: int | None = None,
        n_init: int = 5,
        seed: int = 0,
        reg_covar: float = 1e-6,
    ) -> None:
        super().__init__(n_features, n_classes)
        kinds = get_args(Covariance)
        check_arguments(
            "GMM",
            (f"covariance must be one of {', '.join(kinds)}", covariance in kinds, covariance),
            ("n_init must be a whole number of 1 or more", is_whole(n_init, 1), n_init),
            ("reg_covar must be positive and finite", 0 < reg_covar < np.inf, reg_covar),
        )
        self.covariance: Covariance = covariance
        self.n_components = n_components
        self.n_init = n_init
        self.seed = seed
        self.reg_covar = reg_covar
        self.pca = None if n_components is None else PCA(n_features, n_components)
        d = n_features if n_components is None else n_components
        shape = {"full": (n_classes, d, d), "diag": (n_classes, d), "tied": (d, d)}[covariance]
        self.register_buffer("mean", torch.full((d,), torch.nan))
        self.register_buffer("scale", torch.full((d,), torch.nan))
        self.register_buffer("means", torch.full((n_classes, d), torch.nan))
        self.register_buffer("precision_cholesky", torch.full(shape, torch.nan))
        self.register_buffer("log_weights", torch.full((n_classes,), torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "covariance": self.covariance,
            "n_components": self.n_components,
            "n_init": self.n_init,
            "seed": self.seed,
            "reg_covar": self.reg_covar,
        }

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.log_weights, "fit(features)")
        # ln π_k + ln |A_k| − |A_kᵀ (x − μ_k)|² / 2: the log joint density, without terms common to all components
        rows = (self._project(features) - self.mean) / self.scale
        a, from_means = self.precision_cholesky, rows - self.means[:, None]  # (K, B, d)
        diagonal = a if self.covariance == "diag" else a.diagonal(dim1=-2, dim2=-1)
        whitened = from_means * a[:, None] if self.covariance == "diag" else from_means @ a
        constant = self.log_weights + diagonal.log().sum(dim=-1)
        return torch.softmax(constant - whitened.square().sum(dim=-1).T / 2, dim=-1)

    def _project(self, features: Tensor) -> Tensor:
        return features if self.pca is None else self.pca(features)

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        n_distinct = len({hash(row.tobytes()) for row in features.cpu().numpy()})
        if n_distinct < self.n_classes:
            raise too_few_windows(n_distinct, self.n_classes)
        if self.pca is not None:
            self.pca.fit(features)
        rows = self._project(features).cpu().double().numpy()
        mean, scale = self._moments(rows)
        mixture = self._mixture((rows - mean) / scale)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))
        order = np.argsort(-mixture.weights_, kind="stable")
        cholesky = mixture.precisions_cholesky_
        self.means.copy_(torch.from_numpy(mixture.means_[order]))
        self.precision_cholesky.copy_(torch.from_numpy(cholesky if self.covariance == "tied" else cholesky[order]))
        self.log_weights.copy_(torch.from_numpy(np.log(mixture.weights_[order])))

    def _moments(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and scale; constant features and negligible principal components get no influence."""
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        magnitude = np.abs(mean) if self.pca is None else np.asarray(deviation.max())
        return mean, usable_scale(deviation, magnitude)

    def _mixture(self, rows: NDArray[np.float64]) -> GaussianMixture:
        mixture = GaussianMixture(
            self.n_classes,
            covariance_type=self.covariance,
            reg_covar=self.reg_covar,
            max_iter=_MAX_ITERATIONS,
            n_init=self.n_init,
            random_state=self.seed,
        )
        with few_threads(rows), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # logged below
            try:
                mixture.fit(rows)
            except ValueError as error:
                raise TrainingError(
                    f"GMM: covariances are singular with reg_covar={self.reg_covar}: raise it, or lower n_classes or "
                    "n_components"
                ) from error
        if not mixture.converged_:
            logger.warning(
                "GMM did not converge within %d iterations; try fewer clusters or principal components, another "
                "covariance, or a larger reg_covar",
                _MAX_ITERATIONS,
            )
        return mixture
