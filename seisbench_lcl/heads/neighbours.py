"""Nearest neighbours of each row: exact up to 50,000 rows, beyond that from an index whose recall is measured."""

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError

EXACT_UP_TO = 50_000

_BLOCK = 1024
_PROBED = 500  # rows whose exact neighbours give the recall of the index


def exact(rows: Tensor, k: int, events: Tensor | None = None) -> Tensor:
    """Find the k nearest other rows of each row by Euclidean distance.

    Parameters
    ----------
    rows : (N, F) float32 Tensor
        Centred, because distances are computed from products, which lose digits to a common offset.
    k : int
        Less than N.
    events : (N,) int64 Tensor, optional
        If given, rows of the same event are not neighbours.

    Returns
    -------
    (N, k) int64 Tensor
    """
    squared = rows.square().sum(dim=1)
    blocks = torch.arange(len(rows)).split(_BLOCK)
    return torch.cat([_exact(rows, squared, block, k, events) for block in blocks])


def nearest(rows: Tensor, k: int, exact_up_to: int = EXACT_UP_TO, seed: int = 0) -> tuple[Tensor, float]:
    """Find the k nearest other rows of each row, exactly or from an index.

    Parameters
    ----------
    rows, k
        As in `exact`.
    exact_up_to : int
        With more rows than this, neighbours come from a graph index (NN-descent, Dong et al. 2011).
    seed : int
        Seed of the index and of the rows that measure its recall.

    Returns
    -------
    (N, k) int64 Tensor
    recall : float
        Fraction of the true neighbours that were found; 1 if the search was exact.

    Raises
    ------
    ConfigurationError
        If the index is needed and not installed.
    """
    if len(rows) <= exact_up_to:
        return exact(rows, k), 1.0
    try:
        from pynndescent import NNDescent
    except ImportError as error:
        raise ConfigurationError(
            f"{len(rows)} windows, more than {exact_up_to}, need an index of neighbours: "
            "pip install 'seisbench-lcl[neighbours]', or train on fewer windows"
        ) from error
    index = NNDescent(rows.cpu().numpy(), n_neighbors=k + 1, random_state=seed, n_jobs=torch.get_num_threads())
    found = torch.from_numpy(index.neighbor_graph[0]).long()
    # A row is its own nearest neighbour, unless another row equals it.
    itself = found == torch.arange(len(found))[:, None]
    itself[~itself.any(dim=1), -1] = True
    found = found[~itself].reshape(len(rows), k)
    probed = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:_PROBED]
    true = _exact(rows, rows.square().sum(dim=1), probed, k)
    hits = (found[probed][:, :, None] == true[:, None, :]).any(dim=2)
    return found, float(hits.float().mean())


def _exact(rows: Tensor, squared: Tensor, block: Tensor, k: int, events: Tensor | None = None) -> Tensor:
    distances = squared - 2 * rows[block] @ rows.T  # up to a constant for each row
    if events is None:
        distances[torch.arange(len(block)), block] = torch.inf
    else:
        distances[events[block, None] == events] = torch.inf
    return distances.topk(k, largest=False).indices.cpu()
