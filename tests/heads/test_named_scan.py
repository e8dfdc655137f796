"""Clusters found without labels and named by them: the names against plain loops, and nothing else from labels."""

import numpy as np
import pytest
import torch
from test_scan import blobs

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.heads import SCAN, NamedSCAN
from seisbench_lcl.heads.named_scan import _names

QUICK = {"n_neighbours": 5, "n_heads": 3, "epochs": 20, "batch_size": 32}


def fitted(seed=0, n_clusters=None, wrong=0.2):
    """Three blobs, two of which are one class, with some wrong labels; two rows an event."""
    x, blob = blobs([40, 30, 50], seed)
    y = torch.tensor([0, 1, 1])[blob]
    generator = torch.Generator().manual_seed(seed)
    events = torch.arange(len(y)) // 2
    flipped = (torch.rand(len(events.unique()), generator=generator) < wrong)[events]
    y = torch.where(flipped, 1 - y, y)
    y = y[2 * events]  # one label an event
    return NamedSCAN(8, 2, n_clusters=n_clusters, **QUICK).fit(x, y, events), x, y, events


def named_by_loops(p, y, skip=()):
    """P(c|k) of each layer, from the rows that are not skipped."""
    n_layers, n, n_clusters = p.shape
    names = np.zeros((n_layers, n_clusters, 2))
    for h in range(n_layers):
        for c in range(2):
            own = [i for i in range(n) if y[i] == c and i not in skip]
            for k in range(n_clusters):
                names[h, k, c] = (sum(p[h, i, k] for i in own) + 1 / n_clusters) / (len(own) + 1)
        for k in range(n_clusters):
            names[h, k] /= names[h, k].sum()
    return names


@pytest.mark.parametrize("n_clusters", [None, 4])
def test_names_and_left_out_probabilities_agree_with_plain_loops(n_clusters):
    head, x, y, events = fitted(n_clusters=n_clusters)
    p = head.cluster_probabilities(x).double().numpy()
    names = named_by_loops(p, y.tolist())
    np.testing.assert_allclose(head.profiles / head.profiles.sum(dim=-1, keepdim=True), names, rtol=1e-4)
    np.testing.assert_allclose(head.profiles.sum(dim=1), 1, rtol=1e-5)
    temperature = float(head.temperature)
    for i in (0, 1, 17, 80, 119):
        classes = np.mean([p[h, i] @ names[h] for h in range(3)], axis=0)
        expected = classes ** (1 / temperature) / (classes ** (1 / temperature)).sum()
        np.testing.assert_allclose(head(x)[i], expected, rtol=1e-3)
        rest = named_by_loops(p, y.tolist(), skip={j for j in range(len(y)) if events[j] == events[i]})
        classes = np.mean([p[h, i] @ rest[h] for h in range(3)], axis=0)
        expected = classes ** (1 / temperature) / (classes ** (1 / temperature)).sum()
        np.testing.assert_allclose(head.held_out[i], expected, rtol=1e-3)


def test_clusters_do_not_depend_on_labels():
    head, x, y, events = fitted()
    alone = SCAN(8, 2, **QUICK).fit(x, None, events)
    torch.testing.assert_close(head.scan(x), alone(x), rtol=0, atol=0)
    other = NamedSCAN(8, 2, **QUICK).fit(x, 1 - y, events)
    torch.testing.assert_close(other(x).flip(1), head(x), rtol=1e-3, atol=1e-4)


def test_wrong_labels_make_probabilities_modest():
    sure, x, _, _ = fitted(wrong=0.0, n_clusters=3)
    unsure, _, _, _ = fitted(wrong=0.3, n_clusters=3)
    assert sure(x).amax(dim=1).mean() > 0.95
    assert 0.5 < unsure(x).amax(dim=1).mean() < 0.85


def test_classes_count_equally_whatever_their_windows():
    sums = np.random.default_rng(0).uniform(50, 100, size=(2, 3, 2))
    np.testing.assert_allclose(_names(sums * [1000, 1]), _names(sums), rtol=0.01)


def test_fine_tuning_adds_windows_to_the_profiles_and_keeps_the_clusters():
    head, x, y, events = fitted(n_clusters=3, wrong=0.0)
    before, profiles, clusters = head(x), head.profiles.clone(), head.cluster_probabilities(x)
    head.fine_tune(x[:4], torch.tensor([1, 1, 0, 0]), torch.arange(4))
    torch.testing.assert_close(head.cluster_probabilities(x), clusters, rtol=0, atol=0)
    expected = (10 * profiles[..., 1] + clusters[:, :2].sum(dim=1)) / 12
    torch.testing.assert_close(head.profiles[..., 1], expected, rtol=1e-4, atol=1e-5)
    assert ((head(x).argmax(dim=1) == before.argmax(dim=1)).float().mean()) > 0.95
    swapped = NamedSCAN(8, 2, **head.config())
    swapped.load_state_dict(head.state_dict())
    swapped.fine_tune(x, 1 - y, events)  # many windows that say the opposite
    assert ((swapped(x).argmax(dim=1) == 1 - y).float().mean()) > 0.9


def test_fine_tuning_needs_a_fit():
    with pytest.raises(NotFittedError):
        NamedSCAN(8, 2).fine_tune(torch.zeros(4, 8), torch.tensor([0, 1, 0, 1]))


def test_state_and_description():
    head, x, _, _ = fitted(n_clusters=4)
    again = NamedSCAN(8, 2, **head.config())
    again.load_state_dict(head.state_dict())
    torch.testing.assert_close(again(x), head(x), rtol=0, atol=0)
    assert head.config()["n_clusters"] == 4
    assert head.notes()[:-1] == head.scan.notes()
    assert "left out of the names" in head.notes()[-1]


def test_errors():
    with pytest.raises(ConfigurationError, match="n_clusters must be 2 or more, but is 1"):
        NamedSCAN(8, 2, n_clusters=1)
    with pytest.raises(ConfigurationError, match="event_share must be from 0 to 1"):
        NamedSCAN(8, 2, event_share=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'neighbours'"):
        NamedSCAN(8, 2, neighbours=2)
    with pytest.raises(TrainingError, match="NamedSCAN learns from labels"):
        NamedSCAN(8, 2).fit(torch.zeros(40, 8))
