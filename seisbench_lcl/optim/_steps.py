"""Single steps of an optimiser, with mixed precision on a GPU and batches that fit into its memory."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from seisbench_lcl.errors import TrainingError

logger = logging.getLogger("seisbench")


class Steps:
    """Takes one optimiser step per batch."""

    def __init__(
        self, name: str, module: nn.Module, loss: Callable[[Tensor], Tensor], stepper: torch.optim.Optimizer
    ) -> None:
        self._name = name
        self._module = module
        self._loss = loss
        self._stepper = stepper
        self._parts = 1

    def take(self, rows: Tensor) -> float:
        """Take one step, and return the loss before it."""
        try:
            return self._take(rows)
        except torch.OutOfMemoryError as error:
            if self._parts > 1:
                raise TrainingError(
                    f"{self._name}: the GPU has no memory for half a batch, {-(-len(rows) // 2)} windows: use a "
                    "smaller batch_size, or train on the CPU"
                ) from error
        self._parts = 2
        logger.warning("%s: the GPU has no memory for a batch of %d windows: batches are halved", self._name, len(rows))
        torch.cuda.empty_cache()
        return self.take(rows)

    def _take(self, rows: Tensor) -> float:
        self._stepper.zero_grad()
        total = 0.0
        for part in rows.tensor_split(self._parts):
            with _mixed_precision(self._module):
                value = self._loss(part) * (len(part) / len(rows))
            value.backward()
            total += value.item()
        self._stepper.step()
        return total


def _mixed_precision(module: nn.Module) -> AbstractContextManager[object]:
    """Use bfloat16 on a GPU that supports it; its range makes scaling the loss unnecessary."""
    on_gpu = any(p.device.type == "cuda" for p in module.parameters())
    return (
        torch.autocast("cuda", torch.bfloat16)
        if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        else nullcontext()
    )
