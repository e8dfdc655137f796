"""What a supervised training is told, and how one goes on from a trained network."""

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
        Those of `seisbench_lcl.optim.augmentations.AUGMENTATIONS`, applied in this order; may be empty.
    seed : int
        Of the events held out, the initial parameters, the batches and the augmentations.

    Raises
    ------
    ConfigurationError
        If a number is out of range or a name unknown.
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
            ("held_out must lie between 0 and 1", 0 < self.held_out < 1, self.held_out),
            (f"balance must be one of {', '.join(get_args(Balance))}", self.balance in get_args(Balance), self.balance),
            ("label_smoothing must lie from 0 to below 1", 0 <= self.label_smoothing < 1, self.label_smoothing),
            ("mixup must not be negative and be finite", 0 <= self.mixup < float("inf"), self.mixup),
            ("augmentations must map names to arguments", _is_nested(self.augmentations), self.augmentations),
            ("seed must be a whole number, not negative", is_whole(self.seed, 0), self.seed),
        )
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

    Raises
    ------
    ConfigurationError
        If a number is out of range.
    """

    learning_rate: float | None = None
    epochs: int | None = None
    freeze: int = 0

    def __post_init__(self) -> None:
        rate, epochs, freeze = self.learning_rate, self.epochs, self.freeze
        check_arguments(
            "",
            ("learning_rate must be positive", rate is None or 0 < rate < float("inf"), rate),
            ("epochs must be 1 or more, and whole", epochs is None or is_whole(epochs, 1), epochs),
            ("freeze must be a number of stages, or -1 for all", is_whole(freeze, -1), freeze),
        )


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(arguments, Mapping) for arguments in value.values())
