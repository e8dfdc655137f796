"""Model outputs before abstention rules."""

from typing import NamedTuple

from torch import Tensor


class Prediction(NamedTuple):
    """Class probabilities of windows, and how far to trust them.

    Attributes
    ----------
    probabilities : (B, K) Tensor
    diagnostics : dict from name to (B,) Tensor
        "novelty": distance from the training data; 1 is the limit stored with the weights. "spread": standard
        deviation, over the members of an ensemble, of the probability of the label that the ensemble gives.

    Examples
    --------
    >>> import torch
    >>> Prediction(torch.tensor([[0.9, 0.1]]), {"novelty": torch.tensor([0.4])}).probabilities.argmax(dim=1)
    tensor([0])
    """

    probabilities: Tensor
    diagnostics: dict[str, Tensor]
