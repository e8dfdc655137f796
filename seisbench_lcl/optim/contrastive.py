"""The contrastive loss: views of one window are similar, views of different windows are not."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from seisbench_lcl.errors import ConfigurationError


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Compute the normalised, temperature-scaled cross entropy.

    Each of the 2 B rows must identify its partner among the 2 B − 2 views of other windows by cosine similarity.

    Parameters
    ----------
    first, second : (B, D) Tensor
        Projections of two views of the same windows, in the same order.
    temperature : float
        Divides the similarities: a smaller temperature gives more weight to the most similar views.

    Returns
    -------
    scalar Tensor
        Mean over the 2 B rows; zero for a single window.

    Raises
    ------
    ConfigurationError
        If the shapes differ or the temperature is not positive.

    References
    ----------
    Chen et al. (2020), A simple framework for contrastive learning of visual representations, ICML, Eq. 1.
    """
    if first.shape != second.shape or first.ndim != 2 or not temperature > 0:
        raise ConfigurationError(
            f"nt_xent needs two tensors of the same shape (B, D) and a positive temperature, but got "
            f"{tuple(first.shape)}, {tuple(second.shape)} and {temperature!r}"
        )
    rows = normalize(torch.cat([first, second]), dim=1)
    similarities = (rows @ rows.T / temperature).fill_diagonal_(-torch.inf)  # a row is not compared with itself
    partners = torch.arange(len(rows), device=rows.device).roll(len(first))
    return cross_entropy(similarities, partners)
