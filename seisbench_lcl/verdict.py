"""What a model says of windows, before it is decided whether it should say anything."""

from typing import NamedTuple

from torch import Tensor


class Verdict(NamedTuple):
    """Probabilities, and how far they are to be trusted.

    Attributes
    ----------
    probabilities : (B, K) Tensor
    doubts : dict from name to (B,) Tensor
        "novelty": how unlike the training data a window is, 1 at the threshold stored with the weights. "spread":
        standard deviation, between the members of an ensemble, of the probability of the label that it gives.
    """

    probabilities: Tensor
    doubts: dict[str, Tensor]
