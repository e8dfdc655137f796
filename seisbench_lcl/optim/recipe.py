"""Settings of a supervised training, and of fine-tuning a trained network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from seisbench_lcl.errors import check_arguments, is_whole
from seisbench_lcl.optim.augmentations import Chain
from seisbench_lcl.optim.loop import check_settings

Balance = Literal["events", "classes", "none"]

DEFAULT_AUGMENTATIONS: Mapping[str, Mapping[str, Any]] = {"noise": {}, "time_shift": {"seconds": 1.0}}


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """Settings of a supervised training.

    Parameters
    ----------
    epochs, batch_size : int
        Largest number of epochs, and windows per batch.
    learning_rate, weight_decay, warm_up : float
        Settings of AdamW: the learning rate rises for `warm_up` epochs and falls along a cosine.
    patience : int
        Training ends after this many epochs without a better macro F1 on the held-out events.
    held_out : float
        Fraction of the events of each class, at least one, that is held out to choose the epoch and to fit the
        temperature of the probabilities.
    balance : {"events", "classes", "none"}
        "events" draws windows so that classes, and the events of a class, are equally frequent. "classes" uses each
        window once and weights its loss so that classes have equal weight.
    label_smoothing : float
        Fraction of the target that is spread over all classes (Szegedy et al. 2016).
    mixup : float
        If positive, windows are mixed in pairs, with weights from Beta(mixup, mixup) (Zhang et al. 2018).
    augmentations : mapping from name to arguments
        Names of `seisbench_lcl.optim.augmentations.AUGMENTATIONS`, applied in this order; may be empty.
    seed : int
        Seed of the held-out events, the initial parameters, the batches and the augmentations.

    Raises
    ------
    ConfigurationError
        If a number is out of range or a name is unknown.

    Examples
    --------
    >>> TrainingRecipe(epochs=30, augmentations={"noise": {}}).config()["augmentations"]
    {'noise': {'probability': 0.5, 'level': [0.0, 0.5]}}
    """

    epochs: int = 15
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: float = 2.0
    patience: int = 6
    held_out: float = 0.2
    balance: Balance = "events"
    label_smoothing: float = 0.05
    mixup: float = 0.0
    augmentations: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: DEFAULT_AUGMENTATIONS)
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings(
            "recipe",
            self.epochs,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            "adamw",
            self.warm_up,
            self.patience,
        )
        check_arguments(
            "recipe",
            ("held_out must be between 0 and 1", 0 < self.held_out < 1, self.held_out),
            (f"balance must be one of {', '.join(get_args(Balance))}", self.balance in get_args(Balance), self.balance),
            ("label_smoothing must be at least 0 and below 1", 0 <= self.label_smoothing < 1, self.label_smoothing),
            ("mixup must be finite and not negative", 0 <= self.mixup < float("inf"), self.mixup),
            ("augmentations must map names to arguments", _is_nested(self.augmentations), self.augmentations),
            ("seed must be a whole number and not negative", is_whole(self.seed, 0), self.seed),
        )
        object.__setattr__(self, "augmentations", Chain.from_config(self.augmentations).config())

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Tuning:
    """Settings for fine-tuning a trained network, for example for another region.

    Parameters
    ----------
    learning_rate : float, optional
        By default a tenth of the learning rate in the recipe.
    epochs : int, optional
        By default the epochs of the recipe.
    freeze : int
        Number of first stages of the network that stay unchanged, including their statistics; −1 freezes all stages,
        so that only the head is trained.

    Raises
    ------
    ConfigurationError
        If a number is out of range.

    Examples
    --------
    >>> Tuning(epochs=5, freeze=-1)
    Tuning(learning_rate=None, epochs=5, freeze=-1)
    """

    learning_rate: float | None = None
    epochs: int | None = None
    freeze: int = 0

    def __post_init__(self) -> None:
        rate, epochs, freeze = self.learning_rate, self.epochs, self.freeze
        check_arguments(
            "",
            ("learning_rate must be positive", rate is None or 0 < rate < float("inf"), rate),
            ("epochs must be a whole number of 1 or more", epochs is None or is_whole(epochs, 1), epochs),
            ("freeze must be a number of stages, or -1 for all stages", is_whole(freeze, -1), freeze),
        )


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(arguments, Mapping) for arguments in value.values())
