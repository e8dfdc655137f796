"""The training loop; reconstruction, contrastive learning, clustering and classification differ only in their loss."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from seisbench_lcl.errors import ConfigurationError, TrainingError, check_arguments, is_whole
from seisbench_lcl.optim._checkpoint import Checkpoint, History
from seisbench_lcl.optim._logs import Logs
from seisbench_lcl.optim._steps import Steps
from seisbench_lcl.optim.session import current

__all__ = ["History", "Optimiser", "initialise", "optimise"]

Optimiser = Literal["adam", "adamw", "sgd"]

_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
_EPOCH_SEEDS = 1_000_003  # epochs of trainings with different seeds share no seed before this many epochs
_SLOPE_ROWS = 32  # a batch may be too large for the GPU in full precision and without halving

logger = logging.getLogger("seisbench")


def initialise(module: nn.Module, seed: int) -> None:
    """Draw new parameters for a module from a seed, and reset its statistics."""
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
    warm_up: float = 0.0,
    seed: int = 0,
    held_out: float | Tensor = 0.0,
    keep: Literal["best", "last"] = "best",
    score: Callable[[Tensor], float] | None = None,
    patience: int | None = None,
    draw: Callable[[Tensor], Tensor] | None = None,
    before_epoch: Callable[[], object] | None = None,
    details: Mapping[str, Any] | None = None,
) -> History:
    """Train a module by stochastic gradient descent, with a learning rate that falls to zero along a cosine.

    On a GPU with bfloat16, losses are computed in mixed precision. If a batch does not fit into its memory, batches are
    halved once, and the gradients of the halves are added.

    Parameters
    ----------
    name : str
        Name of the training, for progress, checkpoint, logs and curves.
    module : nn.Module
        All its parameters that require gradients are trained. It is left in evaluation mode.
    loss : callable
        Takes the int64 indices of a batch of rows and returns their mean loss. It must draw random numbers from torch's
        global generator, which is seeded for every epoch.
    n_rows : int
    epochs, batch_size : int
        Batches have nearly equal sizes of at most `batch_size`.
    learning_rate, weight_decay : float
    optimiser : {"adam", "adamw", "sgd"}
        SGD has a momentum of 0.9.
    warm_up : float
        Number of epochs over which a factor on the learning rate rises linearly to 1.
    seed : int
    held_out : float or int64 Tensor
        Fraction of the rows that is never trained on, or the indices of these rows.
    keep : {"best", "last"}
        Which state to keep: the last one, or the best epoch's, by highest score if there is a `score`, else by lowest
        loss on held-out rows if there are any, else by lowest training loss.
    score : callable, optional
        Called with the held-out rows after each epoch, in evaluation mode and without gradients; higher is better. If
        two epochs have equal scores, the one with the lower loss is better.
    patience : int, optional
        Training ends after this many epochs without a better one.
    draw : callable, optional
        Takes the training rows and returns the rows of an epoch in order. By default all rows, shuffled.
    before_epoch : callable, optional
        Called before each epoch, in evaluation mode and without gradients.
    details : mapping, optional
        Anything else that the loss depends on, as JSON types: a checkpoint with other details is refused.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the loss is not finite in the first epoch, or half a batch does not fit into the memory of the GPU. If a
        later loss is not finite, training stops with a warning and keeps an earlier state.
    ConfigurationError
        If a number is out of range, or the checkpoint belongs to another training.
    """
    surroundings = current()
    name = surroundings.prefix + name
    shuffled = torch.randperm(n_rows, generator=torch.Generator().manual_seed(seed))
    tested, trained = _split(name, shuffled, held_out)
    check_settings(name, epochs, batch_size, learning_rate, weight_decay, optimiser, warm_up, patience)
    if len(trained) < 2:
        raise TrainingError(f"{name}: training needs 2 windows or more, but has {len(trained)}")
    learning_rate, weight_decay = float(learning_rate), float(weight_decay)  # a checkpoint cannot load numpy numbers
    settings = {"momentum": 0.9} if optimiser == "sgd" else {}
    stepper = _OPTIMISERS[optimiser](module.parameters(), lr=learning_rate, weight_decay=weight_decay, **settings)
    history = History(name)
    kept = deepcopy(module.state_dict())

    numbers = [n_rows, epochs, batch_size, learning_rate, weight_decay, warm_up, seed]
    recipe = [*numbers, optimiser, keep, dict(details or {}), tested.tolist()]
    checkpoint = Checkpoint.of(surroundings.checkpoints, name, recipe)
    if checkpoint:
        with _seeded(module, seed):
            _prepare(module, before_epoch)
            checkpoint.data = _slope(module, loss, shuffled[: min(batch_size, _SLOPE_ROWS)])
        history, kept = checkpoint.resume(module, stepper) or (history, kept)

    steps = Steps(name, module, loss, stepper)
    with _logs(surroundings.logs, name, len(history.train)) as logs:
        for epoch in surroundings.progress(name)(range(len(history.train), epochs)):
            if patience and epoch - history.best_epoch > patience:
                history.stopped = f"no better epoch within {patience}"
                break
            began = time.perf_counter()
            with _seeded(module, seed * _EPOCH_SEEDS + epoch + 1), torch.enable_grad():
                _prepare(module, before_epoch)
                module.train()
                rows = draw(trained) if draw else trained[torch.randperm(len(trained))]
                batches = rows.tensor_split(math.ceil(len(rows) / batch_size))
                batches = tuple(batch for batch in batches if len(batch) > 1)  # batch statistics need two rows
                total = 0.0
                for i, batch in enumerate(batches):
                    # torch's LambdaLR rounds differently during the warm-up, and would change trained weights.
                    rate = _rate(learning_rate, epoch + i / len(batches), 1 / len(batches), epochs, warm_up)
                    for group in stepper.param_groups:
                        group["lr"] = rate
                    total += steps.take(batch) * len(batch)
                    if not math.isfinite(total):
                        break
            module.eval()
            found = total / sum(map(len, batches))
            has_held_out = len(tested) and math.isfinite(found)
            criterion = evaluate(module, loss, tested, batch_size, seed) if has_held_out else found
            if not (math.isfinite(criterion) and all(torch.isfinite(p).all() for p in module.parameters())):
                _stop(history, epoch, learning_rate)
                break
            history.train.append(found)
            if len(tested):
                history.held_out.append(criterion)
            if score:
                with _seeded(module, seed), torch.no_grad():
                    history.scores.append(float(score(tested)))
            if keep == "last" or history.best_epoch < 0 or _merit(history, epoch) > _merit(history, history.best_epoch):
                kept, history.best_epoch = deepcopy(module.state_dict()), epoch
            if logs:
                logs.write(
                    epoch,
                    learning_rate=rate,
                    train=found,
                    held_out=criterion if len(tested) else None,
                    score=history.scores[-1] if score else None,
                    seconds=time.perf_counter() - began,
                )
            if checkpoint:  # after the logs: a resumed training rewrites an extra row, but cannot add a missing one
                checkpoint.write(module, stepper, history, kept)
    module.load_state_dict(kept)
    module.eval()
    return history


def evaluate(module: nn.Module, loss: Callable[[Tensor], Tensor], rows: Tensor, batch_size: int, seed: int) -> float:
    """Return the mean loss of rows in evaluation mode, with the same random numbers in every epoch."""
    with _seeded(module, seed), torch.no_grad():
        batches = rows.tensor_split(math.ceil(len(rows) / batch_size))
        return sum(loss(batch).item() * len(batch) for batch in batches) / len(rows)


def _split(name: str, shuffled: Tensor, held_out: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return held-out rows and training rows."""
    if not isinstance(held_out, Tensor):
        check_arguments(name, ("held_out must be a fraction of at least 0 and below 1", 0 <= held_out < 1, held_out))
        tested, trained = shuffled.tensor_split([math.ceil(held_out * len(shuffled))])
        return tested, trained
    if held_out.dtype == torch.int64:
        trained = shuffled[~torch.isin(shuffled, held_out)]
        if len(trained) + len(held_out) == len(shuffled):
            return held_out, trained
    raise ConfigurationError(
        f"{name}: held_out must be a fraction, or distinct int64 indices of rows from 0 to {len(shuffled) - 1}"
    )


def _prepare(module: nn.Module, before_epoch: Callable[[], object] | None) -> None:
    module.eval()
    if before_epoch:
        with torch.no_grad():
            before_epoch()


def _rate(highest: float, done: float, step: float, epochs: int, warm_up: float) -> float:
    """Return the learning rate of a step that starts after `done` epochs and takes the fraction `step` of an epoch."""
    rising = min(1.0, (done + step) / warm_up) if warm_up else 1.0
    return highest * rising * (1 + math.cos(math.pi * done / epochs)) / 2


def _merit(history: History, epoch: int) -> tuple[float, ...]:
    losses = history.held_out or history.train
    return (*history.scores[epoch : epoch + 1], -losses[epoch])


@contextmanager
def _logs(folder: Path | None, name: str, start: int) -> Iterator[Logs | None]:
    logs = Logs(folder, name, start) if folder else None
    try:
        yield logs
    finally:
        if logs:
            logs.close()


def _slope(module: nn.Module, loss: Callable[[Tensor], Tensor], rows: Tensor) -> float:
    """Return the gradient norm of a batch, which identifies data and network."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(loss(rows), parameters, allow_unused=True)
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients if gradient is not None))


def _stop(history: History, epoch: int, learning_rate: float) -> None:
    if not history.train:
        raise TrainingError(
            f"{history.name}: the loss was not finite in the first epoch; use a learning rate below {learning_rate:g}"
        )
    history.stopped = f"the loss was not finite in epoch {epoch + 1}"
    logger.warning(
        "%s: %s; training stops, and the state after epoch %d is kept. Use a learning rate below %g.",
        history.name,
        history.stopped,
        history.best_epoch + 1,
        learning_rate,
    )


@contextmanager
def _seeded(module: nn.Module, seed: int) -> Iterator[None]:
    """Seed torch's global generators, and restore the caller's state afterwards."""
    devices = {tensor.device for tensor in module.state_dict().values() if tensor.device.type == "cuda"}
    with torch.random.fork_rng(list(devices)):
        torch.manual_seed(seed % 2**63)
        yield


def check_settings(
    name: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    optimiser: str,
    warm_up: float,
    patience: int | None,
) -> None:
    """Check arguments of `optimise`.

    Raises
    ------
    ConfigurationError
    """
    check_arguments(
        name,
        ("epochs must be a whole number of 1 or more", is_whole(epochs, 1), epochs),
        ("batch_size must be a whole number of 2 or more", is_whole(batch_size, 2), batch_size),
        ("learning_rate must be positive", 0 < learning_rate < math.inf, learning_rate),
        ("weight_decay must not be negative", 0 <= weight_decay < math.inf, weight_decay),
        (f"optimiser must be one of {', '.join(_OPTIMISERS)}", optimiser in _OPTIMISERS, optimiser),
        ("warm_up must not be negative", 0 <= warm_up < math.inf, warm_up),
        ("patience must be a whole number of 1 or more", patience is None or is_whole(patience, 1), patience),
    )
