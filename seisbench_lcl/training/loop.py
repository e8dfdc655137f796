"""The one training loop: reconstruction, contrast and clusters differ in their loss alone."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.training._checkpoint import Checkpoint, History

__all__ = ["History", "Optimiser", "initialise", "optimise", "session"]

Optimiser = Literal["adam", "sgd"]

_OPTIMISERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
_EPOCH_SEEDS = 1_000_003  # seeds of the epochs of two trainings do not meet before that many epochs

logger = logging.getLogger("seisbench")


@dataclass(frozen=True)
class _Session:
    checkpoints: Path | None = None
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda name: iter


_ALONE = _Session()
_session: ContextVar[_Session] = ContextVar("session")


@contextmanager
def session(
    checkpoints: Path | None = None,
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda name: iter,
) -> Iterator[None]:
    """Give all trainings inside the block a folder for checkpoints, and progress bars.

    A training that was interrupted goes on from its last whole epoch when it is started again with the same data,
    arguments and folder, and ends with the state of an uninterrupted one.

    Parameters
    ----------
    checkpoints : Path, optional
        Folder; each training writes one file in it, after each epoch.
    progress : callable
        Takes the name of a training, and returns a wrapper of its sequence of epochs.
    """
    token = _session.set(_Session(checkpoints, progress))
    try:
        yield
    finally:
        _session.reset(token)


def initialise(module: nn.Module, seed: int) -> None:
    """Draw all parameters of a module anew, and reset its statistics, from a seed."""
    with _seeded(module, seed):
        for part in module.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()


def optimise(
    name: str,
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    n_rows: int,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    optimiser: Optimiser = "adam",
    seed: int = 0,
    held_out: float = 0.0,
    keep: Literal["best", "last"] = "best",
    before_epoch: Callable[[], object] | None = None,
) -> History:
    """Train a module by stochastic gradients, with a learning rate that falls along a cosine to zero.

    Parameters
    ----------
    name : str
        Of the training, for progress, checkpoint and curves.
    module : nn.Module
        All of its parameters are trained. It is left in evaluation mode.
    loss : callable
        Takes the int64 indices of a batch of rows, and returns their mean loss. What it draws at random it draws from
        torch's global generator, which has a seed of its own in every epoch.
    n_rows : int
    epochs, batch_size : int
        Batches are of nearly equal size, at most `batch_size`.
    learning_rate, weight_decay : float
    optimiser : {"adam", "sgd"}
        SGD with momentum 0.9.
    seed : int
    held_out : float
        Fraction of the rows that is never trained on.
    keep : {"best", "last"}
        The state to end with: that of the epoch of lowest loss, held out if there are such rows, or the last.
    before_epoch : callable, optional
        Called before each epoch, in evaluation mode, without gradients.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the loss is not finite in the first epoch. Later, training stops with a warning, and the kept state is one
        from before.
    ConfigurationError
        If a number is out of range, or the checkpoint is of another training.
    """
    _check(name, n_rows, epochs, batch_size, learning_rate, weight_decay, optimiser, held_out)
    settings = {"momentum": 0.9} if optimiser == "sgd" else {}
    stepper = _OPTIMISERS[optimiser](module.parameters(), lr=learning_rate, weight_decay=weight_decay, **settings)
    shuffled = torch.randperm(n_rows, generator=torch.Generator().manual_seed(seed))
    n_held_out = math.ceil(held_out * n_rows) if held_out else 0
    tested, trained = shuffled[:n_held_out], shuffled[n_held_out:]
    history = History(name)
    kept = deepcopy(module.state_dict())

    recipe = [n_rows, epochs, batch_size, learning_rate, weight_decay, optimiser, seed, held_out, keep]
    checkpoint = Checkpoint.of(_session.get(_ALONE).checkpoints, name, recipe)
    if checkpoint:
        with _seeded(module, seed):
            module.eval()
            if before_epoch:
                with torch.no_grad():
                    before_epoch()
            checkpoint.data = _slope(module, loss, shuffled[:batch_size])
        history, kept = checkpoint.resume(module, stepper) or (history, kept)

    n_batches = math.ceil(len(trained) / batch_size)
    for epoch in _session.get(_ALONE).progress(name)(range(len(history.train), epochs)):
        with _seeded(module, seed * _EPOCH_SEEDS + epoch + 1), torch.enable_grad():
            if before_epoch:
                module.eval()
                with torch.no_grad():
                    before_epoch()
            module.train()
            batches = trained[torch.randperm(len(trained))].tensor_split(n_batches)
            total = 0.0
            for i, rows in enumerate(batches):
                for group in stepper.param_groups:
                    group["lr"] = learning_rate * (1 + math.cos(math.pi * (epoch + i / n_batches) / epochs)) / 2
                stepper.zero_grad()
                value = loss(rows)
                value.backward()
                stepper.step()
                total += value.item() * len(rows)
                if not math.isfinite(total):
                    break
        module.eval()
        found = total / len(trained)
        criterion = _evaluate(module, loss, tested, batch_size, seed) if n_held_out and math.isfinite(found) else found
        if not (math.isfinite(criterion) and all(torch.isfinite(p).all() for p in module.parameters())):
            _stop(history, epoch, learning_rate)
            break
        losses = history.held_out if n_held_out else history.train
        if keep == "last" or not losses or criterion < min(losses):
            kept, history.best_epoch = deepcopy(module.state_dict()), epoch
        history.train.append(found)
        if n_held_out:
            history.held_out.append(criterion)
        if checkpoint:
            checkpoint.write(module, stepper, history, kept)
    module.load_state_dict(kept)
    module.eval()
    return history


def _evaluate(module: nn.Module, loss: Callable[[Tensor], Tensor], rows: Tensor, batch_size: int, seed: int) -> float:
    """Mean loss of rows in evaluation mode; what is drawn at random is the same in every epoch."""
    with _seeded(module, seed), torch.no_grad():
        batches = rows.tensor_split(math.ceil(len(rows) / batch_size))
        return sum(loss(batch).item() * len(batch) for batch in batches) / len(rows)


def _slope(module: nn.Module, loss: Callable[[Tensor], Tensor], rows: Tensor) -> float:
    """Length of the gradient of a batch, which hardly two sets of data have in common."""
    gradients = torch.autograd.grad(loss(rows), list(module.parameters()), allow_unused=True)
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients if gradient is not None))


def _stop(history: History, epoch: int, learning_rate: float) -> None:
    if not history.train:
        raise TrainingError(
            f"{history.name}: the loss was not finite in the first epoch; take a learning rate below {learning_rate:g}"
        )
    history.stopped = f"the loss was not finite in epoch {epoch + 1}"
    logger.warning(
        "%s: %s; training stops, and the state after epoch %d is kept. Take a learning rate below %g.",
        history.name,
        history.stopped,
        history.best_epoch + 1,
        learning_rate,
    )


@contextmanager
def _seeded(module: nn.Module, seed: int) -> Iterator[None]:
    """Seed torch's global generators, and give the caller's state back afterwards."""
    devices = {tensor.device for tensor in module.state_dict().values() if tensor.device.type == "cuda"}
    with torch.random.fork_rng(list(devices)):
        torch.manual_seed(seed)
        yield


def _check(
    name: str,
    n_rows: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    optimiser: str,
    held_out: float,
) -> None:
    for what, fits, value in (
        ("epochs must be 1 or more", epochs >= 1, epochs),
        ("batch_size must be 2 or more", batch_size >= 2, batch_size),
        ("learning_rate must be positive", 0 < learning_rate < math.inf, learning_rate),
        ("weight_decay must not be negative", 0 <= weight_decay < math.inf, weight_decay),
        ("optimiser must be one of adam, sgd", optimiser in _OPTIMISERS, optimiser),
        ("held_out must be a fraction below 1", 0 <= held_out < 1, held_out),
    ):
        if not fits:
            raise ConfigurationError(f"{name}: {what}, but is {value!r}")
    if n_rows - math.ceil(held_out * n_rows) < 2:
        raise TrainingError(f"{name}: {n_rows} windows are too few to train on")
