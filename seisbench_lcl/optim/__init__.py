"""Training by gradient descent: the loop, its settings, checkpoints and logs, losses and augmentations."""

from seisbench_lcl.optim.loop import History, initialise, optimise
from seisbench_lcl.optim.recipe import Tuning
from seisbench_lcl.optim.session import session, session_part

__all__ = ["History", "Tuning", "initialise", "optimise", "session", "session_part"]
