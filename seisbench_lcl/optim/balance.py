"""Classes and events: checks of labels, held-out events, and weights of windows."""

import torch
from torch import Tensor

from seisbench_lcl.errors import TrainingError


def check_classes(n_windows: int, labels: Tensor, groups: Tensor | None, n_classes: int) -> None:
    """Refuse labels or events that do not match the windows, or that nothing can be learnt from.

    Raises
    ------
    TrainingError
        If their number is wrong, or labels are out of range or of one class only.
    """
    for name, values in (("labels", labels), ("groups", groups)):
        if values is not None and len(values) != n_windows:
            raise TrainingError(f"{n_windows} windows came with {len(values)} {name}; pass one for each window")
    check_indices(labels, n_classes)


def check_indices(labels: Tensor, n_classes: int) -> None:
    """Refuse class indices that are out of range, or of one class only.

    Raises
    ------
    TrainingError
    """
    present = torch.unique(labels).tolist()
    if len(present) < 2 or present[0] < 0 or present[-1] >= n_classes:
        raise TrainingError(
            f"labels must be class indices from 0 to {n_classes - 1} of at least two classes, but hold {present}"
        )


def held_out_rows(labels: Tensor, groups: Tensor, share: float, seed: int) -> Tensor:
    """Draw the fraction `share` of the events of each class, at least one, and return the indices of their rows.

    Raises
    ------
    TrainingError
        If a class has a single event.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in torch.unique(labels).tolist():
        events = torch.unique(groups[labels == label])
        if len(events) < 2:
            raise TrainingError(
                f"class {label} has a single event: one must be held out and one learnt from; use at least two events "
                "of each class"
            )
        n = min(max(1, round(share * len(events))), len(events) - 1)
        chosen.append(events[torch.randperm(len(events), generator=generator)[:n]])
    return torch.nonzero(torch.isin(groups, torch.cat(chosen))).flatten()


def class_weights(labels: Tensor) -> Tensor:
    """Return weights (N,) with mean 1 that give every class the same sum."""
    counts = torch.bincount(labels)
    return len(labels) / (counts[labels] * (counts > 0).sum())


def event_weights(labels: Tensor, groups: Tensor) -> Tensor:
    """Return weights (N,) with mean 1 that give every class, and every event of a class, the same sum."""
    _, event, sizes = torch.unique(groups, return_inverse=True, return_counts=True)
    each = 1 / sizes[event]
    events_of_class = torch.zeros(int(labels.max()) + 1).index_add_(0, labels, each)
    weights = each / events_of_class[labels]
    return weights * (len(labels) / weights.sum())
