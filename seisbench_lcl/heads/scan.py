"""SCAN: clusters that a window shares with its nearest neighbours, with all clusters in use."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor
from torch.nn.functional import cross_entropy

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted
from seisbench_lcl.heads._scan_layers import EventNeighbours, Layers, scan_loss
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.kmeans import KMeans
from seisbench_lcl.heads.neighbours import nearest
from seisbench_lcl.heads.standardise import LARGEST, varies
from seisbench_lcl.optim.loop import Optimiser, initialise, optimise

_LEAST_EPOCHS = 30
_LEAST_BATCHES = 1200

logger = logging.getLogger("seisbench")


class SCAN(Head):
    """The cluster head of LCL-SSS: linear layers on fixed features, trained to give neighbours the same cluster.

    The loss of Yin et al. (2022, Eq. 3) gives a window x and its neighbour k the same cluster, and uses all clusters::

        −mean log⟨Φ(x), Φ(k)⟩ + λ Σ_c Φ'_c log(Φ'_c / (C π_c))

    Φ is the softmax over C clusters, Φ' its mean over the batch, and π the expected fractions of the clusters. With
    equal fractions, the default, the second term is the negative entropy of Eq. 3. Features are standardised and scaled
    to a mean squared length of one, so that learning rates do not depend on the number of features. Several layers are
    trained together from different starts. The one that agrees best with all others is kept (adjusted Rand index): the
    lowest loss may be that of a layer that found clusters of its own.

    Windows of one event at several stations show the same source. If `fit` gets the events, the fraction `event_share`
    of the neighbours is drawn from the other windows of the same event. This needs association but no labels; the paper
    uses single stations and does not do it.

    Probabilities are the trained softmax. The loss sharpens them, and they are not calibrated.

    Parameters
    ----------
    n_features, n_classes : int
        Length of a feature row, and number of clusters. More clusters than expected event types are often better
        (over-clustering), because several clusters may get the same name.
    n_neighbours : int
        Neighbours of a window by Euclidean distance of standardised features, found once: exactly up to 50,000
        windows, from an index beyond.
    event_share : float
        Fraction of neighbours drawn from the window's own event, if it has other windows; 0 for the published method.
    entropy_weight : float
        λ. A large weight pushes the clusters towards `prior`, which hurts if `prior` is wrong.
    prior : sequence of float, optional
        Expected relative sizes of the clusters; equal by default.
    n_heads : int
        Number of layers trained.
    epochs : int, optional
        By default 30, or more for a small set, to make 1,200 batches.
    batch_size, learning_rate, weight_decay, optimiser
        See `seisbench_lcl.optim.loop.optimise`; the learning rate is divided by 1 + λ. The published recipe, for
        whole networks, is Adam with 1e-4 and a weight decay of 1e-4.
    self_label_epochs : int
        Epochs of a second training on the layer's own labels of confident windows (Van Gansbeke et al. 2020, section
        2.3), balanced over clusters.
    confidence : float
        Smallest probability of a confident window.
    seed : int

    Attributes
    ----------
    weights, biases : (K, F) and (K,) float32 buffers
        Layer for standardised features. NaN until fitted.
    mean, scale : (F,) float32 buffers
    losses : list of float
        Final loss of each layer. This and the following attributes describe the training and are not saved.
    trained : (Tensor, Tensor) or None
        Weights (n_heads, K, F) and biases (n_heads, K) of all layers.
    neighbours : (N, n_neighbours) int64 Tensor
    recall : float
        Recall of the neighbours; 1 if they are exact.
    kmeans : (N,) int64 Tensor
        Clusters of the training windows by k-means on the same features, for comparison.
    kmeans_agreement : float
        Adjusted Rand index of both clusterings.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.

    References
    ----------
    Yin et al. (2022), Applied Sciences 12(16):8389, doi:10.3390/app12168389. Van Gansbeke et al. (2020), SCAN: learning
    to classify images without labels, ECCV.

    Examples
    --------
    >>> features = torch.cat([torch.zeros(20, 2), torch.ones(10, 2)]) + torch.linspace(0, 0.1, 30)[:, None]
    >>> head = SCAN(n_features=2, n_classes=2, n_neighbours=3, n_heads=2, epochs=20).fit(features)
    >>> head(features).argmax(dim=1).bincount().sort().values
    tensor([10, 20])
    """

    name = "scan"
    supervised = False

    weights: Tensor
    biases: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        n_neighbours: int = 20,
        event_share: float = 0.5,
        entropy_weight: float = 2.0,
        prior: Sequence[float] | None = None,
        n_heads: int = 10,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 1.5,
        weight_decay: float = 1e-4,
        optimiser: Optimiser = "sgd",
        self_label_epochs: int = 0,
        confidence: float = 0.99,
        seed: int = 0,
    ) -> None:
        super().__init__(n_features, n_classes)
        check_arguments(
            "SCAN",
            ("n_neighbours must be 1 or more", n_neighbours >= 1, n_neighbours),
            ("event_share must be from 0 to 1", 0 <= event_share <= 1, event_share),
            ("entropy_weight must not be negative", entropy_weight >= 0, entropy_weight),
            ("n_heads must be 1 or more", n_heads >= 1, n_heads),
            ("epochs must be 1 or more", epochs is None or epochs >= 1, epochs),
            ("self_label_epochs must not be negative", self_label_epochs >= 0, self_label_epochs),
            ("confidence must be between 0 and 1", 0 < confidence < 1, confidence),
            (
                f"prior must be {n_classes} positive numbers",
                prior is None or (len(prior) == n_classes and all(0 < size < float("inf") for size in prior)),
                prior,
            ),
        )
        self.n_neighbours = n_neighbours
        self.event_share = event_share
        self.entropy_weight = entropy_weight
        self.prior = None if prior is None else [float(size) for size in prior]
        self.n_heads = n_heads
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.optimiser: Optimiser = optimiser
        self.self_label_epochs = self_label_epochs
        self.confidence = confidence
        self.seed = seed
        self.register_buffer("weights", torch.full((n_classes, n_features), torch.nan))
        self.register_buffer("biases", torch.full((n_classes,), torch.nan))
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.losses: list[float] = []
        self.trained: tuple[Tensor, Tensor] | None = None
        self.neighbours = torch.empty(0, n_neighbours, dtype=torch.int64)
        self.recall = 1.0
        self.kmeans = torch.empty(0, dtype=torch.int64)
        self.kmeans_agreement = float("nan")

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "n_neighbours": self.n_neighbours,
            "event_share": self.event_share,
            "entropy_weight": self.entropy_weight,
            "prior": self.prior,
            "n_heads": self.n_heads,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "optimiser": self.optimiser,
            "self_label_epochs": self.self_label_epochs,
            "confidence": self.confidence,
            "seed": self.seed,
        }

    def notes(self) -> list[str]:  # noqa: D102
        if not self.losses:
            return []
        return [
            f"loss of the {self.n_heads} heads: {min(self.losses):.3f} to {max(self.losses):.3f}",
            f"neighbours: {self.n_neighbours} per window, recall {self.recall:.3f}",
            f"agreement with k-means on the same features: adjusted Rand index {self.kmeans_agreement:.3f}",
        ]

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.biases, "fit(features)")
        return torch.softmax((features - self.mean) @ (self.weights / self.scale).T + self.biases, dim=-1)

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        if len(features) <= max(self.n_neighbours, self.n_classes):
            raise TrainingError(
                f"{len(features)} windows are too few for {self.n_classes} clusters and {self.n_neighbours} neighbours "
                "of each window: use more windows, or fewer neighbours (n_neighbours)"
            )
        features = features.to(self.mean.device)
        self.mean.copy_(features.mean(dim=0))
        spread = features.std(dim=0, correction=0)
        useful = varies(spread, spread.amax())
        if not useful.any():
            raise TrainingError("all windows have the same features, so clusters cannot be separated")
        # The useful features make up a mean squared length of one; the others would be amplified rounding errors.
        self.scale.copy_(torch.where(useful, spread * useful.sum().sqrt(), LARGEST))
        rows = (features - self.mean) / self.scale
        self.neighbours, self.recall = nearest(rows, self.n_neighbours, seed=self.seed)
        layers = self._train(rows, groups)
        with torch.no_grad():
            clusters = layers.log_probabilities(rows)[0].argmax(dim=1)
        rows = rows.cpu()
        kmeans = KMeans(self.n_features, self.n_classes, n_init=3, seed=self.seed).fit(rows)
        self.kmeans = kmeans(rows).argmax(dim=1)
        self.kmeans_agreement = float(adjusted_rand_score(clusters.cpu(), self.kmeans))
        self.weights.copy_(layers.weights[0].detach())
        self.biases.copy_(layers.biases[0].detach())

    def _train(self, rows: Tensor, groups: Tensor | None) -> Layers:
        layers = Layers(self.n_heads, self.n_classes, self.n_features).to(rows.device)
        initialise(layers, self.seed)
        event_neighbours = None if groups is None or not self.event_share else EventNeighbours(groups)
        prior = self._prior(rows)

        def loss(batch: Tensor) -> Tensor:
            anchors = layers.log_probabilities(rows[batch])
            positives = layers.log_probabilities(rows[self._draw(batch, event_neighbours)])
            # The sum, so that a layer learns the same beside others as alone.
            return scan_loss(anchors, positives, self.entropy_weight, prior).sum()

        recipe: dict[str, Any] = {
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate / (1 + self.entropy_weight),  # gradients grow with λ
            "weight_decay": self.weight_decay,
            "optimiser": self.optimiser,
            "seed": self.seed,
        }
        epochs = self.epochs or max(_LEAST_EPOCHS, math.ceil(_LEAST_BATCHES / math.ceil(len(rows) / self.batch_size)))
        # Neighbours are drawn at random, so the loss of an epoch is too noisy to choose a state by.
        history = optimise("scan", layers, loss, len(rows), epochs=epochs, keep="last", **recipe)
        history.train = [total / self.n_heads for total in history.train]
        self.histories = [history]
        self.losses = self._losses(layers, rows).tolist()
        self.trained = layers.weights.detach(), layers.biases.detach()
        layers = layers.only(self._typical(layers, rows))
        if self.self_label_epochs:
            self._self_label(layers, rows, recipe)
        return layers

    def _typical(self, layers: Layers, rows: Tensor) -> int:
        """Return the layer that agrees best with all others; of equals, and of two, the one with the lowest loss."""
        with torch.no_grad():
            clusters = layers.log_probabilities(rows).argmax(dim=2).cpu().numpy()
        agreement = [sum(adjusted_rand_score(one, other) for other in clusters) for one in clusters]
        return max(range(self.n_heads), key=lambda k: (round(agreement[k], 6), -self.losses[k]))

    def _self_label(self, layers: Layers, rows: Tensor, recipe: dict[str, Any]) -> None:
        with torch.no_grad():
            sure, own = layers.log_probabilities(rows)[0].exp().max(dim=1)
        chosen = torch.nonzero(sure > self.confidence).flatten().cpu()
        counts = torch.bincount(own[chosen.to(own.device)], minlength=self.n_classes)
        if len(chosen) < 2 or not counts.all():
            logger.warning(
                "SCAN: self-labelling is skipped, because each cluster needs windows with a probability above %g, but "
                "their numbers are %s; lower the confidence",
                self.confidence,
                counts.tolist(),
            )
            return
        weight = len(chosen) / (self.n_classes * counts)

        def loss(batch: Tensor) -> Tensor:
            picked = chosen[batch]
            return cross_entropy(layers.log_probabilities(rows[picked])[0], own[picked], weight)

        self.histories.append(
            optimise("scan self-labelling", layers, loss, len(chosen), epochs=self.self_label_epochs, **recipe)
        )

    def _losses(self, layers: Layers, rows: Tensor) -> Tensor:
        """Return the loss of each layer over all windows and all their neighbours."""
        with torch.no_grad():
            log_p = layers.log_probabilities(rows)
            prior = self._prior(rows)
            losses = [scan_loss(log_p, log_p[:, column], self.entropy_weight, prior) for column in self.neighbours.T]
            return torch.stack(losses).mean(dim=0)

    def _prior(self, rows: Tensor) -> Tensor:
        sizes = rows.new_tensor(self.prior or [1.0] * self.n_classes)
        return sizes / sizes.sum()

    def _draw(self, batch: Tensor, event_neighbours: EventNeighbours | None) -> Tensor:
        drawn = self.neighbours[batch, torch.randint(self.n_neighbours, (len(batch),))]
        if event_neighbours is None:
            return drawn
        from_event = event_neighbours.has[batch] & (torch.rand(len(batch)) < self.event_share)
        return torch.where(from_event, event_neighbours.draw(batch), drawn)
