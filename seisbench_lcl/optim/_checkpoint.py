"""The losses of a training, and checkpoints from which an interrupted training continues."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.storage.files import replace


@dataclass
class History:
    """The loss of each epoch of one training.

    Attributes
    ----------
    name : str
        Name of the training.
    train, held_out : list of float
        Mean loss of each epoch, on training rows and on held-out rows (empty if there were none).
    scores : list of float
        Score of each epoch, if the training had one: higher is better.
    best_epoch : int
        Epoch, from 0, whose state was kept; −1 for the initial state of a fine-tuning.
    stopped : str
        Why the training ended early; empty if it did not.

    Examples
    --------
    >>> from seisbench_lcl.optim import optimise
    >>> line, x = nn.Linear(1, 1), torch.linspace(0, 1, 20)[:, None]
    >>> def loss(rows):
    ...     return (line(x[rows]) - 3 * x[rows]).square().mean()
    >>> history = optimise("line", line, loss, 20, epochs=5, batch_size=10, learning_rate=0.1)
    >>> len(history.train), history.train[4] < history.train[0]
    (5, True)
    """

    name: str
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_epoch: int = -1
    stopped: str = ""


@dataclass
class Checkpoint:
    """A file with the state of a training, identified by its recipe and the gradient norm of its first batch."""

    path: Path
    recipe: str
    data: float = math.nan

    @classmethod
    def of(cls, folder: Path | None, name: str, recipe: list[Any]) -> "Checkpoint | None":
        """Return the checkpoint of a training, or None without a folder."""
        # As text, because only plain types, not numpy numbers, can be loaded from a checkpoint.
        return cls(folder / f"{name}.checkpoint", json.dumps(recipe, default=float)) if folder else None

    def resume(self, module: nn.Module, stepper: torch.optim.Optimizer) -> tuple[History, dict[str, Tensor]] | None:
        """Restore the saved state, and return losses and kept state; None if nothing is saved."""
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            history = History(**saved["history"])
            same = (
                saved["recipe"] == self.recipe
                and _shapes(saved["module"]) == _shapes(saved["kept"]) == _shapes(module.state_dict())
                # Sums over several threads may differ in the last digits.
                and math.isclose(saved["data"], self.data, rel_tol=1e-4)
            )
        except Exception as error:  # a file that is not a checkpoint fails in many ways
            raise ConfigurationError(f"{self.path} is not a checkpoint: remove it ({error})") from error
        if not same:
            raise ConfigurationError(
                f"{self.path} belongs to another training, with other data, another network or other arguments: "
                "remove it to train again, or choose another folder for checkpoints"
            )
        module.load_state_dict(saved["module"])
        stepper.load_state_dict(saved["stepper"])
        return history, saved["kept"]

    def write(
        self, module: nn.Module, stepper: torch.optim.Optimizer, history: History, kept: dict[str, Tensor]
    ) -> None:
        """Save the state after an epoch."""
        content = {
            "recipe": self.recipe,
            "data": self.data,
            "module": module.state_dict(),
            "stepper": stepper.state_dict(),
            "history": asdict(history),
            "kept": kept,
        }
        try:
            replace(self.path, lambda file: torch.save(content, file))
        except (OSError, RuntimeError) as error:  # torch raises RuntimeError if the disk is full
            raise OutputError(f"cannot write the checkpoint {self.path}: {error}") from error


def _shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}
