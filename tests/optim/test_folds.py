import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.optim.folds import assign_folds

dealt = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60)


@given(dealt, st.integers(2, 5), st.booleans(), st.integers(0, 99))
def test_events_stay_whole_and_are_dealt_in_turn(rows, n_folds, keep_shared, seed):
    classes, events = np.array(rows).T
    rng, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    found = assign_folds(classes, events, n_folds, lambda k, own: rng.permutation(len(own)), keep_shared=keep_shared)
    fold: dict[int, int] = {}
    for k in sorted(set(classes.tolist())):
        own = sorted({event for label, event in rows if label == k})
        if not keep_shared:  # the plain way: one event after the other, to one fold after the other
            fold |= {int(event): i % n_folds for i, event in enumerate(twin.permutation(own))}
            continue
        for event in twin.permutation([event for event in own if event not in fold]):
            counts = [sum(fold.get(other) == f for other in own) for f in range(n_folds)]
            fold[int(event)] = counts.index(min(counts))
    assert found.tolist() == [fold[event] for _, event in rows]


def test_names_of_events_and_the_generator_of_torch():
    """The order comes from any generator, and events have any type."""
    classes, events = np.repeat([0, 1], 20), np.array([f"event {i // 2}" for i in range(40)])
    generator = torch.Generator().manual_seed(0)
    fold = assign_folds(classes, events, 5, lambda k, own: torch.randperm(len(own), generator=generator).numpy())
    for k in range(2):
        assert np.bincount(fold[classes == k]).tolist() == [4] * 5
    assert (fold[::2] == fold[1::2]).all()
