"""Global random numbers: set for a while, and given back as they were."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def restored() -> Iterator[None]:
    """Leave the global random numbers of Python, NumPy and torch as they were."""
    python, numpy, on_cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(on_cpu)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global random numbers for a while."""
    with restored():
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)
        yield
