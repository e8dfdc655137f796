"""What a training leaves behind: its losses, and the state from which it goes on."""

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
        What was trained.
    train, held_out : list of float
        Mean loss of each epoch, on the rows trained on and on those held out (empty if none were).
    scores : list of float
        What each epoch was chosen by, if it was not its loss: higher is better.
    best_epoch : int
        Epoch, from 0, whose state was kept; −1 if it is the one that a fine-tuning began with.
    stopped : str
        Why the training ended early; empty if it did not.
    """

    name: str
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_epoch: int = -1
    stopped: str = ""


@dataclass
class Checkpoint:
    """What an interrupted training goes on from, known by its recipe and the slope of its first batch."""

    path: Path
    recipe: str
    data: float = math.nan

    @classmethod
    def of(cls, folder: Path | None, name: str, recipe: list[Any]) -> "Checkpoint | None":
        """Return that of a training, if there is a folder for them."""
        # As text, for what is no plain type, such as a number of numpy's, does not come back from a checkpoint.
        return cls(folder / f"{name}.checkpoint", json.dumps(recipe, default=float)) if folder else None

    def resume(self, module: nn.Module, stepper: torch.optim.Optimizer) -> tuple[History, dict[str, Tensor]] | None:
        """Take up the saved state, and return losses and kept state; None if there is nothing saved."""
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            history = History(**saved["history"])
            same = (
                saved["recipe"] == self.recipe
                and _shapes(saved["module"]) == _shapes(saved["kept"]) == _shapes(module.state_dict())
                # Sums over threads may differ in the last digits.
                and math.isclose(saved["data"], self.data, rel_tol=1e-4)
            )
        except Exception as error:  # a file that is no checkpoint fails in many ways
            raise ConfigurationError(f"{self.path} is no checkpoint: remove it ({error})") from error
        if not same:
            raise ConfigurationError(
                f"{self.path} is of another training, with other data, another network or other arguments: remove "
                "it to train anew, or choose another folder for checkpoints"
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
        except (OSError, RuntimeError) as error:  # torch raises RuntimeError where there is no room
            raise OutputError(f"cannot write the checkpoint {self.path}: {error}") from error


def _shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}
