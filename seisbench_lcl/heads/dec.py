"""Deep embedded clustering: clusters and latent features are trained together."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, check_arguments, check_is_fitted
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.kmeans import KMeans
from seisbench_lcl.optim.loop import optimise
from seisbench_lcl.optim.supervised import Tuning

_STARTS = 20  # k-means starts; the best one is used


@runtime_checkable
class Reconstructs(Protocol):
    """Extra methods of an extractor that `DECHead` can train."""

    def images(self, windows: Tensor) -> Tensor:
        """Return the images of windows (B, C, T) that are to be reconstructed."""

    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features (B, F) of images, with gradients, and the images reconstructed from them."""


class DECHead(Head):
    """Student-t clusters, trained together with an autoencoder.

    A window with latent features z belongs to cluster j with probability ``q_j ∝ 1 / (1 + |z − μ_j|²)``, Student's t
    with one degree of freedom (Eq. 1 of Xie et al.). The target ``p_ij ∝ q_ij² / Σ_i q_ij`` (Eq. 3) is sharper and
    keeps large clusters from absorbing small ones. Training minimises the reconstruction error plus `gamma` times the
    Kullback-Leibler divergence of q from p (Eq. 2), both averaged over windows, over the centroids μ and the weights of
    the extractor. The reconstruction keeps the latent features from collapsing onto the centroids.

    The centroids start from k-means, and the target is updated before every epoch. The published method stops when
    fewer than 0.1 % of the windows change cluster between targets. Here the learning rate falls to zero over a fixed
    number of epochs, so that the clusters settle. The last state is kept, because the target sharpens during training
    and losses of different epochs are not comparable. `changed` shows whether the clusters had settled.

    `fit`, which sees features only, uses the centroids of k-means; `fit_with` trains head and extractor.

    Parameters
    ----------
    n_features, n_classes : int
        Number of latent features, and of clusters.
    gamma : float
        Weight of the divergence.
    epochs, batch_size : int
    learning_rate : float
    seed : int
        Seed of k-means and of the order of the windows.

    Attributes
    ----------
    centroids : (K, F) float32 parameter
        NaN until fitted.
    changed : float
        Fraction of the windows that changed cluster in the last epoch of the last `fit_with`.

    Raises
    ------
    ConfigurationError
        If gamma is not positive and finite.

    References
    ----------
    Xie, Girshick and Farhadi (2016), Unsupervised deep embedding for clustering analysis, ICML. With reconstruction:
    Guo et al. (2017), Improved deep embedded clustering with local structure preservation, IJCAI. On spectrograms:
    Jenkins, Gerstoft, Bianco and Bromirski (2021), JGR Solid Earth 126, doi:10.1029/2021JB021716.

    Examples
    --------
    >>> features = torch.tensor([[0.0], [0.1], [9.0], [9.1], [9.2]])
    >>> DECHead(n_features=1, n_classes=2).fit(features)(features).argmax(dim=1)
    tensor([1, 1, 0, 0, 0])
    """

    name = "dec"
    supervised = False

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        gamma: float = 0.1,
        epochs: int = 10,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_features, n_classes)
        check_arguments("DECHead", ("gamma must be positive and finite", 0 < gamma < float("inf"), gamma))
        self.gamma = gamma
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.changed = float("nan")
        self.centroids = nn.Parameter(torch.full((n_classes, n_features), torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "gamma": self.gamma,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }

    def joins(self, extractor: FeatureExtractor) -> bool:  # noqa: D102
        return True

    def fit_with(
        self,
        extractor: FeatureExtractor,
        windows: Tensor,
        labels: Tensor | None = None,
        groups: Tensor | None = None,
        tuning: Tuning | None = None,
    ) -> Self:
        """Train the extractor, and then centroids and extractor together.

        Parameters
        ----------
        extractor : FeatureExtractor
            It must have the methods of `Reconstructs`, like `SpectrogramAutoencoder`. Its weights are changed.
        windows : (N, C, T) float32 Tensor
            Normalised.
        labels, groups
            Not used.
        tuning : Tuning, optional
            Not supported.

        Returns
        -------
        DECHead
            Itself.

        Raises
        ------
        ConfigurationError
            If the extractor cannot reconstruct, an argument is out of range, or `tuning` is given.
        TrainingError
            If there are fewer distinct windows than clusters, or the loss is not finite in the first epoch.
        """
        if not isinstance(extractor, Reconstructs):
            raise ConfigurationError(
                f"DECHead needs an extractor with the methods images(windows) and reconstruct(images), but "
                f"{type(extractor).__name__} lacks them: use spectrogram_autoencoder or spectrogram_unet, or another "
                "cluster head"
            )
        if tuning is not None:
            raise ConfigurationError("DECHead cannot be fine-tuned: fit it again")
        extractor.fit(windows)
        windows = windows.to(self.centroids.device)
        both = nn.ModuleList([extractor, self]).eval()
        with torch.no_grad():
            self.fit(extractor(windows))
        target = assignments = torch.empty(0)

        def update_target() -> None:
            nonlocal target, assignments
            soft = self(extractor(windows))
            target, assignments = sharpen(soft), soft.argmax(dim=1)

        def loss(rows: Tensor) -> Tensor:
            images = extractor.images(windows[rows])
            latents, reconstruction = extractor.reconstruct(images)
            return F.mse_loss(reconstruction, images) + self.gamma * divergence(
                target[rows], self._probabilities(latents)
            )

        history = optimise(
            self.name,
            both,
            loss,
            len(windows),
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.seed,
            keep="last",
            before_epoch=update_target,
        )
        self.histories = [history]
        before = assignments
        with torch.no_grad():
            update_target()
        self.changed = (assignments != before).float().mean().item()
        return self

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        kmeans = KMeans(self.n_features, self.n_classes, n_init=_STARTS, seed=self.seed).fit(features)
        with torch.no_grad():
            self.centroids.copy_(kmeans.centroids)

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.centroids.detach(), "fit_with(extractor, windows)")
        return soft_assignment(features, self.centroids)


def soft_assignment(latents: Tensor, centroids: Tensor) -> Tensor:
    """Return q (B, K) for latents (B, F) and centroids (K, F): Eq. 1 of Xie et al. with one degree of freedom."""
    return torch.softmax(-(latents[:, None] - centroids).square().sum(dim=2).log1p(), dim=1)


def sharpen(soft: Tensor) -> Tensor:
    """Return the target p (N, K) for the assignments q of all windows: Eq. 3 of Xie et al."""
    weighted = soft.square() / soft.sum(dim=0)
    return weighted / weighted.sum(dim=1, keepdim=True)


def divergence(target: Tensor, soft: Tensor) -> Tensor:
    """Return KL(p ‖ q), averaged over windows: Eq. 2 of Xie et al."""
    return F.kl_div(soft.log(), target, reduction="batchmean")
