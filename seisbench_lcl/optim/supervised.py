"""Supervised training of a network: held-out events, balanced classes, and the best epoch."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations import Chain
from seisbench_lcl.optim.balance import class_weights, event_weights, held_out_rows
from seisbench_lcl.optim.loop import History, evaluate, optimise
from seisbench_lcl.optim.recipe import DEFAULT_AUGMENTATIONS, Balance, TrainingRecipe, Tuning

__all__ = [
    "DEFAULT_AUGMENTATIONS",
    "Balance",
    "Trainable",
    "Trained",
    "TrainingRecipe",
    "Tuning",
    "class_weights",
    "event_weights",
    "held_out_rows",
    "train",
]


@runtime_checkable
class Trainable(Protocol):
    """An extractor that can be trained with labels: it has a sequence of stages and a recipe."""

    recipe: TrainingRecipe
    stages: nn.Sequential
    sampling_rate: float
    epochs_trained: Tensor

    def encode(self, windows: Tensor) -> Tensor:
        """Return the features (B, F) of windows (B, C, T), with gradients."""


class Trained(NamedTuple):
    """Results of a training, besides the trained state.

    Attributes
    ----------
    history : History
    unseen : (n,) int64 Tensor
        Rows of the held-out events.
    weights : (n,) Tensor
        Weights of these rows in the loss.
    logits, before : (n, K) Tensor
        Logits of these rows after the training, and before it if it was a fine-tuning.
    """

    history: History
    unseen: Tensor
    weights: Tensor
    logits: Tensor
    before: Tensor | None


def train(
    name: str,
    network: Trainable,
    classifier: nn.Module,
    n_classes: int,
    windows: Tensor,
    labels: Tensor,
    groups: Tensor | None,
    tuning: Tuning | None = None,
) -> Trained:
    """Train a network and a linear classifier on its features, starting from their current state.

    The state of the epoch with the highest macro F1 on the held-out events is kept; in a fine-tuning, the initial state
    is a candidate too.

    Parameters
    ----------
    name : str
        Name of the training.
    network : Trainable
    classifier : nn.Module
        Turns features (B, F) into logits (B, K).
    n_classes : int
    windows : (N, C, T) float32 Tensor
        Normalised.
    labels : (N,) int64 Tensor
    groups : (N,) int64 Tensor, optional
        Event of each window. By default each window is its own event.
    tuning : Tuning, optional
        Settings for fine-tuning a trained network.

    Returns
    -------
    Trained

    Raises
    ------
    TrainingError
        If a class has a single event, or the loss is not finite in the first epoch.
    ConfigurationError
        If a number is out of range.
    """
    recipe = network.recipe
    epochs, learning_rate, freeze = recipe.epochs, recipe.learning_rate, 0
    if tuning:
        epochs = recipe.epochs if tuning.epochs is None else tuning.epochs
        learning_rate = recipe.learning_rate / 10 if tuning.learning_rate is None else tuning.learning_rate
        freeze = tuning.freeze
    labels = labels.cpu()
    events = torch.arange(len(labels)) if groups is None else groups.cpu()
    unseen = held_out_rows(labels, events, recipe.held_out, recipe.seed)
    frozen, trained = _stages(network, classifier, freeze)
    objective = _Objective(network, classifier, trained, n_classes, windows, labels, events, unseen)
    with _frozen(frozen):
        before = deepcopy(trained.state_dict())
        logits = objective.logits(unseen) if tuning else None
        merit = objective.merit(unseen) if tuning else None
        history = optimise(
            name,
            trained,
            objective.loss,
            len(windows),
            epochs=epochs,
            batch_size=recipe.batch_size,
            learning_rate=learning_rate,
            weight_decay=recipe.weight_decay,
            optimiser="adamw",
            warm_up=recipe.warm_up,
            seed=recipe.seed,
            held_out=unseen,
            score=objective.macro_f1,
            patience=recipe.patience,
            draw=objective.draw if recipe.balance == "events" else None,
            details={key: value for key, value in recipe.config().items() if key != "patience"},
        )
    best = history.best_epoch
    if merit and merit > (history.scores[best], -history.held_out[best]):
        trained.load_state_dict(before)  # no epoch was better than the initial state
        history.best_epoch = -1
    network.epochs_trained.fill_(len(history.train))
    return Trained(history, unseen, objective.weights[unseen], objective.logits(unseen), logits)


class _Objective:
    """The objective of a training: augmented windows, their loss, and scores of held-out events."""

    def __init__(
        self,
        network: Trainable,
        classifier: nn.Module,
        trained: nn.Module,
        n_classes: int,
        windows: Tensor,
        labels: Tensor,
        events: Tensor,
        unseen: Tensor,
    ) -> None:
        self._network, self._classifier, self._trained = network, classifier, trained
        self._n_classes = n_classes
        self._windows, self._labels, self._events = windows, labels, events
        self._recipe = network.recipe
        self._augment = Chain.from_config(network.recipe.augmentations)
        self._like = network.epochs_trained  # for device and precision
        self._device = self._like.device
        self.weights = torch.ones(len(labels))
        held_out = torch.isin(torch.arange(len(labels)), unseen)
        for part in (held_out, ~held_out):  # each is balanced, as classes may have different held-out fractions
            if network.recipe.balance == "events":
                self.weights[part] = event_weights(labels[part], events[part])
            elif network.recipe.balance == "classes":
                self.weights[part] = class_weights(labels[part])

    def draw(self, rows: Tensor) -> Tensor:
        """Draw the same number of rows, with classes and the events of a class equally frequent."""
        return rows[torch.multinomial(self.weights[rows], len(rows), replacement=True)]

    def loss(self, rows: Tensor) -> Tensor:
        """Return the mean loss, in training mode of augmented and mixed windows."""
        x = self._inputs(rows)
        truth, weight = self._labels[rows].to(self._device), self.weights[rows].to(self._device)
        if not self._trained.training:
            # Weights average 1 over all held-out windows, however these are split into batches.
            return (functional.cross_entropy(self._apply(x), truth, reduction="none") * weight).mean()
        if self._recipe.balance == "events":
            weight = torch.ones_like(weight)  # windows were drawn in proportion to their weights
        smoothing = self._recipe.label_smoothing
        targets = (1 - smoothing) * functional.one_hot(truth, self._n_classes) + smoothing / self._n_classes
        x, targets = self._mix(self._augment(x, self._network.sampling_rate), targets * weight[:, None])
        return functional.cross_entropy(self._apply(x), targets, reduction="sum") / targets.sum()

    def logits(self, rows: Tensor) -> Tensor:
        """Return the logits (n, K) of unaugmented windows, on the CPU."""
        with torch.no_grad():
            parts = rows.split(self._recipe.batch_size)
            return torch.cat([self._apply(self._inputs(part)).float().cpu() for part in parts])

    def macro_f1(self, rows: Tensor) -> float:
        """Return the macro F1 over events, whose probabilities are the sums over their windows."""
        probabilities = torch.softmax(self.logits(rows), dim=1)
        found, index = torch.unique(self._events[rows], return_inverse=True)
        summed = probabilities.new_zeros(len(found), probabilities.shape[1]).index_add_(0, index, probabilities)
        truth = self._labels.new_empty(len(found)).index_copy_(0, index, self._labels[rows])
        present = torch.unique(truth).tolist()
        return float(f1_score(truth, summed.argmax(dim=1), labels=present, average="macro", zero_division=0))

    def merit(self, rows: Tensor) -> tuple[float, float]:
        """Return the criteria of the training loop: score and negative loss of held-out rows."""
        self._trained.eval()
        loss = evaluate(self._trained, self.loss, rows, self._recipe.batch_size, self._recipe.seed)
        return self.macro_f1(rows), -loss

    def _inputs(self, rows: Tensor) -> Tensor:
        return self._windows[rows].to(self._like)

    def _apply(self, x: Tensor) -> Tensor:
        found: Tensor = self._classifier(self._network.encode(x))
        return found

    def _mix(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if not self._recipe.mixup:
            return x, targets
        weight = torch.distributions.Beta(self._recipe.mixup, self._recipe.mixup).sample((len(x), 1)).to(x)
        other = torch.randperm(len(x), device=x.device)
        mixed = weight[..., None] * x + (1 - weight[..., None]) * x[other]
        return mixed, weight * targets + (1 - weight) * targets[other]


def _stages(network: Trainable, classifier: nn.Module, freeze: int) -> tuple[list[nn.Module], nn.ModuleList]:
    """Return frozen stages, and trained modules."""
    stages = list(network.stages)
    if freeze > len(stages):
        raise ConfigurationError(
            f"freeze must be at most {len(stages)}, the number of stages of {type(network).__name__}, but is {freeze}"
        )
    first = len(stages) if freeze == -1 else freeze
    return stages[:first], nn.ModuleList([*stages[first:], classifier])


@contextmanager
def _frozen(stages: Iterable[nn.Module]) -> Iterator[None]:
    """Keep the parameters and statistics of stages unchanged inside the block."""
    try:
        for stage in stages:
            stage.eval().requires_grad_(False)
        yield
    finally:
        for stage in stages:
            stage.requires_grad_(True)
