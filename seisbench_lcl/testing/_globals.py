"""Global state of the process: random numbers and settings, saved and restored."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def restored() -> Iterator[None]:
    """Restore random numbers and settings of Python, NumPy and torch at the end."""
    python, numpy, on_cpu, before = random.getstate(), np.random.get_state(), torch.get_rng_state(), settings()
    try:
        with np.errstate():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(on_cpu)
        torch.set_num_threads(before["torch.get_num_threads()"])
        torch.set_default_dtype(before["torch.get_default_dtype()"])
        torch.set_grad_enabled(before["torch.is_grad_enabled()"])
        torch.use_deterministic_algorithms(before["torch.are_deterministic_algorithms_enabled()"])
        os.chdir(before["os.getcwd()"])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global random numbers inside the block."""
    with restored():
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)
        yield


def settings() -> dict[str, Any]:
    """Return global settings that code may change for all other code, keyed by the call that reads them."""
    return {
        "torch.get_num_threads()": torch.get_num_threads(),
        "torch.get_default_dtype()": torch.get_default_dtype(),
        "torch.is_grad_enabled()": torch.is_grad_enabled(),
        "torch.are_deterministic_algorithms_enabled()": torch.are_deterministic_algorithms_enabled(),
        "numpy.geterr()": np.geterr(),
        "os.getcwd()": os.getcwd(),
    }


def random_numbers() -> dict[str, Any]:
    """Return the states of the global random generators."""
    return {
        "random": random.getstate(),
        "numpy.random": np.random.get_state(legacy=False)["state"]["key"].tobytes(),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
