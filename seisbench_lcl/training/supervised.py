"""How a network learns from labels: events held out, classes balanced, the best epoch kept."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, get_args, runtime_checkable

import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional as F

from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.training.augmentations import Chain
from seisbench_lcl.training.loop import History, optimise

Balance = Literal["events", "classes", "none"]

DEFAULT_AUGMENTATIONS: Mapping[str, Mapping[str, Any]] = {"noise": {}, "time_shift": {"seconds": 1.0}}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a supervised training is told.

    Parameters
    ----------
    epochs, batch_size : int
        Epochs at most.
    learning_rate, weight_decay, warm_up : float
        Of AdamW: the rate rises for `warm_up` epochs, and falls along a cosine.
    patience : int
        Training ends after as many epochs without a better macro F1 over the events held out.
    held_out : float
        Share of the events of each class, one at least, that is never trained on: it chooses the epoch, and settles
        the temperature of the probabilities.
    balance : {"events", "classes", "none"}
        "events" draws windows such that classes are equally frequent, and so are the events of a class. "classes"
        takes each window once, and weights its loss such that classes have equal weight.
    label_smoothing : float
        Share of the target that is spread over all classes (Szegedy et al. 2016).
    mixup : float
        If positive, windows are mixed in pairs, with weights from Beta(mixup, mixup) (Zhang et al. 2018).
    augmentations : mapping from name to arguments
        Those of `seisbench_lcl.training.augmentations.AUGMENTATIONS`, applied in this order; may be empty.
    seed : int
        Of the events held out, the initial parameters, the batches and the augmentations.

    Raises
    ------
    ConfigurationError
        If a number is out of range or a name unknown.
    """

    epochs: int = 25
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: float = 2.0
    patience: int = 8
    held_out: float = 0.2
    balance: Balance = "events"
    label_smoothing: float = 0.05
    mixup: float = 0.0
    augmentations: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: DEFAULT_AUGMENTATIONS)
    seed: int = 0

    def __post_init__(self) -> None:
        for what, fits, value in (
            ("held_out must lie between 0 and 1", 0 < self.held_out < 1, self.held_out),
            (f"balance must be one of {', '.join(get_args(Balance))}", self.balance in get_args(Balance), self.balance),
            ("label_smoothing must lie from 0 to below 1", 0 <= self.label_smoothing < 1, self.label_smoothing),
            ("mixup must not be negative", 0 <= self.mixup < float("inf"), self.mixup),
        ):
            if not fits:
                raise ConfigurationError(f"{what}, but is {value!r}")
        object.__setattr__(self, "augmentations", Chain.from_config(self.augmentations).config())

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Tuning:
    """How a training goes on from a trained network, for another region.

    Parameters
    ----------
    learning_rate : float, optional
        A tenth of that of the recipe by default.
    epochs : int, optional
        Those of the recipe by default.
    freeze : int
        So many of the first stages of the network stay as they are, with their statistics; −1 stands for all, so that
        the head alone is trained.
    """

    learning_rate: float | None = None
    epochs: int | None = None
    freeze: int = 0

    def __post_init__(self) -> None:
        if self.freeze < -1:
            raise ConfigurationError(f"freeze must be a number of stages, or -1 for all, but is {self.freeze}")


@runtime_checkable
class Trainable(Protocol):
    """An extractor that can be trained by the labels of its windows: a sequence of stages, and a recipe."""

    recipe: Recipe
    stages: nn.Sequential
    sampling_rate: float
    epochs_trained: Tensor

    def encode(self, windows: Tensor) -> Tensor:
        """Return features (B, F) of windows (B, C, T), with gradients."""


class Trained(NamedTuple):
    """What a training leaves besides the state: its history, the rows of the events held out, and their logits."""

    history: History
    unseen: Tensor
    logits: Tensor


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
    """Train a network and a linear classifier on its features, from the state they are in.

    The state that is kept is that of the epoch of the highest macro F1 over the events held out; in a tuning, that
    before the first epoch counts, too.

    Parameters
    ----------
    name : str
        Of the training.
    network : Trainable
    classifier : nn.Module
        Turns features (B, F) into logits (B, K).
    n_classes : int
    windows : (N, C, T) float32 Tensor
        Normalised.
    labels : (N,) int64 Tensor
    groups : (N,) int64 Tensor, optional
        Event of each window; without, each window is an event of its own.
    tuning : Tuning, optional
        Where the network is trained already.

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
    recipe, tuning_ = network.recipe, tuning or Tuning()
    augment = Chain.from_config(recipe.augmentations)
    events = torch.arange(len(labels)) if groups is None else groups.cpu()
    labels = labels.cpu()
    weights = event_weights(labels, events)
    unseen = held_out_rows(labels, events, recipe.held_out, recipe.seed)
    device = network.epochs_trained.device
    loss_weights = weights if recipe.balance == "events" else class_weights(labels)
    if recipe.balance == "none":
        loss_weights = torch.ones(len(labels))
    frozen, trained = _stages(network, classifier, tuning_.freeze)

    def logits(rows: Tensor) -> Tensor:
        found: Tensor = classifier(network.encode(windows[rows].to(device)))
        return found

    def loss(rows: Tensor) -> Tensor:
        truth, weight = labels[rows].to(device), loss_weights[rows].to(device)
        if not trained.training:  # of the events held out
            return (F.cross_entropy(logits(rows), truth, reduction="none") * weight).sum() / weight.sum()
        x = augment(windows[rows].to(device), network.sampling_rate)
        targets = F.one_hot(truth, n_classes).to(x.dtype)
        if recipe.mixup:
            share = torch.distributions.Beta(recipe.mixup, recipe.mixup).sample((len(rows), 1)).to(x)
            other = torch.randperm(len(rows), device=device)
            x = share[..., None] * x + (1 - share[..., None]) * x[other]
            targets = share * targets + (1 - share) * targets[other]
        each = F.cross_entropy(
            classifier(network.encode(x)), targets, reduction="none", label_smoothing=recipe.label_smoothing
        )
        # Windows that were drawn by weight already have it.
        return each.mean() if recipe.balance == "events" else (each * weight).sum() / weight.sum()

    def in_parts(rows: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([logits(part).float().cpu() for part in rows.split(recipe.batch_size)])

    def draw(rows: Tensor) -> Tensor:
        return rows[torch.multinomial(weights[rows], len(rows), replacement=True)]

    def macro_f1(rows: Tensor) -> float:
        probabilities = torch.softmax(in_parts(rows), dim=1)
        found, index = torch.unique(events[rows], return_inverse=True)
        summed = probabilities.new_zeros(len(found), probabilities.shape[1]).index_add_(0, index, probabilities)
        truth = labels.new_empty(len(found)).index_copy_(0, index, labels[rows])
        present = torch.unique(truth).tolist()
        return float(f1_score(truth, summed.argmax(dim=1), labels=present, average="macro", zero_division=0))

    for module in frozen:
        module.eval().requires_grad_(False)
    before = deepcopy(trained.state_dict())
    with torch.no_grad():
        trained.eval()
        merit = macro_f1(unseen), -loss(unseen).item()
    try:
        history = optimise(
            name,
            trained,
            loss,
            len(windows),
            epochs=tuning_.epochs or recipe.epochs,
            batch_size=recipe.batch_size,
            learning_rate=tuning_.learning_rate or recipe.learning_rate / (10 if tuning else 1),
            weight_decay=recipe.weight_decay,
            optimiser="adamw",
            warm_up=recipe.warm_up,
            seed=recipe.seed,
            held_out=unseen,
            score=macro_f1,
            patience=recipe.patience,
            draw=draw if recipe.balance == "events" else None,
        )
    finally:
        for module in frozen:
            module.requires_grad_(True)
    best = history.best_epoch
    if tuning and merit > (history.scores[best], -history.held_out[best]):
        trained.load_state_dict(before)  # nothing did better on the events held out than what it began with
        history.best_epoch = -1
    network.epochs_trained.fill_(len(history.train))
    return Trained(history, unseen, in_parts(unseen))


def held_out_rows(labels: Tensor, groups: Tensor, share: float, seed: int) -> Tensor:
    """Draw events of each class, one at least, and return the indices of their rows.

    Raises
    ------
    TrainingError
        If a class has a single event.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in torch.unique(labels).tolist():
        events = torch.unique(groups[labels == label])
        if len(events) < 2:
            raise TrainingError(
                f"class {label} has a single event: one must be held out, and one be learnt from; give at least two "
                "events of each class"
            )
        n = min(max(1, round(share * len(events))), len(events) - 1)
        chosen.append(events[torch.randperm(len(events), generator=generator)[:n]])
    return torch.nonzero(torch.isin(groups, torch.cat(chosen))).flatten()


def class_weights(labels: Tensor) -> Tensor:
    """Return weights (N,) of mean 1 that give every class the same sum."""
    counts = torch.bincount(labels)
    return len(labels) / (counts[labels] * (counts > 0).sum())


def event_weights(labels: Tensor, groups: Tensor) -> Tensor:
    """Return weights (N,) of mean 1 that give every class the same sum, and every event of a class."""
    _, event, sizes = torch.unique(groups, return_inverse=True, return_counts=True)
    each = 1 / sizes[event]
    events_of_class = torch.zeros(int(labels.max()) + 1).index_add_(0, labels, each)
    weights = each / events_of_class[labels]
    return weights * (len(labels) / weights.sum())


def _stages(network: Trainable, classifier: nn.Module, freeze: int) -> tuple[list[nn.Module], nn.ModuleList]:
    """Return what stays as it is, and what is trained."""
    stages = list(network.stages)
    if freeze > len(stages):
        raise ConfigurationError(
            f"freeze must be up to {len(stages)}, the number of stages of {type(network).__name__}, but is {freeze}"
        )
    first = len(stages) if freeze == -1 else freeze
    return stages[:first], nn.ModuleList([*stages[first:], classifier])
