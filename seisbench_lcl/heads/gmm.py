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

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors.pca import PCA
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.kmeans import few_threads, too_few_windows

logger = logging.getLogger("seisbench")

Covariance = Literal["full", "diag", "tied"]

_MAX_ITERATIONS = 200


class GMM(Head):
    """Gaussian mixture, fitted by expectation maximisation; probabilities are the posterior of its components.

    Features are projected onto their principal components if ``n_components`` is given, then standardised, and fitted
    in double precision from several k-means starts, of which the one of highest likelihood is kept. Components are
    ordered by weight, the largest first.

    A full covariance has d (d + 1) / 2 values for each of K components: give ``n_components`` where features are more
    than a few dozen. The projection takes them as they are, so that their variance tells what is worth keeping:
    features of different units are better left without.

    Parameters
    ----------
    n_features, n_classes : int
        Features F, and mixture components K.
    covariance : {"full", "diag", "tied"}
        One covariance matrix a component, its diagonal only, or one matrix common to all components.
    n_components : int, optional
        Number of principal components d in front of the mixture. By default there is no projection, and d = F.
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
        Of the features or principal components. NaN until fitted.
    means : (K, d) float32 buffer
    precision_cholesky : (K, d, d), (K, d) or (d, d) float32 buffer
        For "full", "diag", "tied": A of Σ⁻¹ = A Aᵀ, upper triangular, or its diagonal.
    log_weights : (K,) float32 buffer

    Raises
    ------
    ConfigurationError
        For an unknown ``covariance``, an ``n_components`` beyond F, no start at all, or a ``reg_covar`` that is not
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
        if covariance not in get_args(Covariance):
            raise ConfigurationError(f"covariance must be one of {get_args(Covariance)}, but is {covariance!r}")
        if n_init < 1 or not 0 < reg_covar < np.inf:
            raise ConfigurationError(
                f"GMM needs n_init >= 1 and a positive reg_covar, but found {n_init} and {reg_covar}"
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
        if torch.isnan(self.log_weights[0]):
            raise NotFittedError("GMM has no mixture yet: call fit(features) first, or load weights")
        # ln π_k + ln |A_k| − |A_kᵀ (x − μ_k)|² / 2: the logarithm of the joint density, without what all have in common
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
        """Mean and standard deviation; what is constant gets the largest scale and thereby no influence."""
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        # To within the rounding of float32: relative to a feature itself, or to the first principal component.
        magnitude = np.abs(mean) if self.pca is None else scale.max()
        float32 = np.finfo(np.float32)
        scale[scale <= np.maximum(1e-6 * magnitude, float32.tiny)] = float32.max
        return mean, scale

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
                    f"the covariances of the mixture are singular with reg_covar={self.reg_covar}: raise it, or lower "
                    "n_classes or n_components"
                ) from error
        if not mixture.converged_:
            logger.warning(
                "GMM did not converge within %d iterations; fewer clusters or principal components, another "
                "covariance or a larger reg_covar may",
                _MAX_ITERATIONS,
            )
        return mixture
