import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.heads import SCAN
from seisbench_lcl.heads._scan_layers import EventNeighbours, Layers, scan_loss

QUICK = {"n_neighbours": 5, "n_heads": 3, "epochs": 20, "batch_size": 32}


def blobs(sizes, seed=0, width=8):
    """Features around one centre a cluster, far from zero and of unequal scale, and the truth."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    centres = 4 * torch.randn(len(sizes), width, generator=generator)
    x = centres[truth] + torch.randn(len(truth), width, generator=generator)
    return 100 + x * torch.logspace(-2, 2, width), truth


def agreement(head, x, truth):
    """Fraction of rows whose cluster is, by majority, that of their truth."""
    clusters = head(x).argmax(dim=1)
    return sum(torch.bincount(truth[clusters == k]).max().item() for k in clusters.unique()) / len(x)


@given(st.integers(0, 1000), st.floats(0, 10))
def test_the_loss_is_that_of_the_written_out_sums(seed, weight):
    """Eq. 3 of Yin et al. (2022), with the shares of the clusters."""
    generator = torch.Generator().manual_seed(seed)
    p, q = torch.randn(2, 2, 6, 3, generator=generator).softmax(dim=-1)
    prior = torch.tensor([0.5, 0.3, 0.2])
    found = scan_loss(p.log(), q.log(), weight, prior)
    for h in range(2):
        consistency = -sum(math.log(sum(float(p[h, i, c] * q[h, i, c]) for c in range(3))) for i in range(6)) / 6
        mean = [sum(float(p[h, i, c]) for i in range(6)) / 6 for c in range(3)]
        balance = sum(m * math.log(m / (3 * share)) for m, share in zip(mean, prior.tolist(), strict=True))
        assert float(found[h]) == pytest.approx(consistency + weight * balance, abs=1e-4)


def test_blobs_are_found_whatever_the_scale_of_the_features():
    x, truth = blobs([60, 60, 60])
    kept = x.clone()
    head = SCAN(8, 3, **QUICK).fit(x)
    assert torch.equal(x, kept)
    assert agreement(head, x, truth) > 0.98
    assert head.losses[0] == pytest.approx(min(head.losses), abs=0.1)
    assert len(head.histories[0].train) == 20
    assert head.kmeans.shape == (180,)
    assert head.neighbours.shape == (180, 5)
    fresh, _ = blobs([20, 20, 20], seed=0)
    assert head(fresh).sum(dim=1).tolist() == pytest.approx([1] * 60, abs=1e-5)


def test_a_layer_learns_the_same_beside_others_as_alone(monkeypatch):
    def start(layers):
        first = 0.01 * torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for h in range(len(layers.weights)):
                layers.weights[h] = first * (h + 1)
            layers.biases.zero_()

    monkeypatch.setattr(Layers, "reset_parameters", start)
    x, _ = blobs([40, 40, 40])
    alone = SCAN(8, 3, **QUICK | {"n_heads": 1}).fit(x)
    beside = SCAN(8, 3, **QUICK | {"n_heads": 4}).fit(x)
    torch.testing.assert_close(beside.trained[0][0], alone.trained[0][0], rtol=1e-3, atol=1e-4)
    assert beside.histories[0].train == pytest.approx(alone.histories[0].train, rel=0.5)


def test_the_typical_layer_is_kept_and_not_the_one_with_the_lowest_loss():
    layers = Layers(3, 2, 1)
    with torch.no_grad():
        layers.weights.copy_(torch.tensor([[-1.0], [1.0]]).expand(3, 2, 1))
        layers.biases.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]))  # the second splits elsewhere
    head = SCAN(1, 2, **QUICK)
    head.losses = [-1.0, -2.0, -1.5]
    assert head._typical(layers, torch.linspace(-1, 1, 40)[:, None]) == 2


def test_constant_features_do_not_matter():
    x, _ = blobs([40, 40])
    head = SCAN(9, 2, **QUICK).fit(torch.cat([x, torch.full((80, 1), 7.0)], dim=1))
    one, other = (head(torch.cat([x, torch.full((80, 1), value)], dim=1)) for value in (7.0, 70.0))
    torch.testing.assert_close(one, other)
    assert torch.isfinite(head.scale).all()


def test_equal_seeds_give_equal_heads_and_the_state_can_be_loaded():
    x, _ = blobs([30, 30])
    one = SCAN(8, 2, **QUICK, seed=5).fit(x)
    twice = SCAN(8, 2, **QUICK, seed=5).fit(x + 1).fit(x)
    torch.testing.assert_close(one(x), twice(x), rtol=0, atol=0)
    other = SCAN(8, 2, **one.config())
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other(x), one(x), rtol=0, atol=0)
    torch.testing.assert_close(torch.cat([one(row[None]) for row in x]), one(x))


def test_a_prior_of_unequal_shares_finds_unequal_clusters_that_equal_shares_split():
    x, truth = blobs([150, 20, 20], seed=2)
    equal = SCAN(8, 3, **QUICK, entropy_weight=10).fit(x)
    unequal = SCAN(8, 3, **QUICK, entropy_weight=10, prior=[150, 20, 20]).fit(x)
    assert torch.bincount(equal(x).argmax(dim=1), minlength=3).max() < 120
    assert torch.bincount(unequal(x).argmax(dim=1), minlength=3).tolist() == pytest.approx([150, 20, 20], abs=6)
    assert agreement(unequal, x, truth) > agreement(equal, x, truth) - 1e-9


def test_windows_of_one_event_are_drawn_together():
    """Two stations record one source as different blobs; only the events associate them."""
    generator = torch.Generator().manual_seed(0)
    kind, station = torch.arange(160) % 2, torch.arange(160) // 2 % 2
    events = torch.arange(160) // 4 * 2 + kind
    x = torch.randn(160, 8, generator=generator) * 0.3
    x[:, 0] += 4 * station  # the strongest difference is the station's
    x[:, 1] += 2 * kind
    alone = SCAN(8, 2, **QUICK, event_share=0).fit(x, None, events)
    together = SCAN(8, 2, **QUICK, event_share=1).fit(x, None, events)
    assert agreement(together, x, kind) == 1
    assert torch.equal(alone(x), SCAN(8, 2, **QUICK, event_share=0).fit(x)(x))


def test_event_neighbours_are_the_other_windows_of_the_event():
    groups = torch.tensor([7, 3, 7, 5, 3, 7])
    event_neighbours = EventNeighbours(groups)
    assert event_neighbours.has.tolist() == [True, True, True, False, True, True]
    drawn = [event_neighbours.draw(torch.arange(6)) for _ in range(60)]
    for i, expected in enumerate([{2, 5}, {4}, {0, 5}, {3}, {1}, {0, 2}]):
        assert {int(found[i]) for found in drawn} == expected


def test_more_clusters_than_kinds_and_self_labelling():
    x, truth = blobs([60, 60])
    assert agreement(SCAN(8, 4, **QUICK).fit(x), x, truth) > 0.98
    head = SCAN(8, 2, **QUICK, self_label_epochs=5, confidence=0.8).fit(x)
    assert agreement(head, x, truth) > 0.98
    assert [history.name for history in head.histories] == ["scan", "scan self-labelling"]
    assert head.config()["self_label_epochs"] == 5


def test_self_labelling_without_confident_windows_is_skipped_with_a_warning(caplog):
    x = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    head = SCAN(8, 3, **(QUICK | {"epochs": 1}), self_label_epochs=5, confidence=0.999).fit(x)
    assert "self-labelling is skipped" in caplog.text
    assert len(head.histories) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_neighbours": 0}, "n_neighbours must be 1 or more, but is 0"),
        ({"event_share": 1.5}, "event_share must be from 0 to 1"),
        ({"entropy_weight": -1}, "entropy_weight must not be negative"),
        ({"prior": [1, 2]}, r"prior must be 3 positive numbers, but is \[1, 2\]"),
        ({"prior": [1, 2, 0]}, "prior must be 3 positive numbers"),
        ({"confidence": 1}, "confidence must be between 0 and 1"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        SCAN(8, 3, **changes)


def test_too_few_windows_equal_windows_and_no_fit():
    with pytest.raises(NotFittedError, match=r"SCAN is not fitted: call fit\(features\) first"):
        SCAN(8, 3)(torch.zeros(1, 8))
    with pytest.raises(TrainingError, match="20 windows are too few for 3 clusters and 20 neighbours"):
        SCAN(8, 3).fit(blobs([10, 10])[0])
    with pytest.raises(TrainingError, match="all windows have the same features"):
        SCAN(8, 3).fit(torch.ones(40, 8))
