import logging
import math
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seisbench_lcl_hdbscan import HDBSCAN
from seisbench_lcl_hdbscan._families import best_reach, find_families
from sklearn import cluster
from threadpoolctl import threadpool_limits

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.testing import parametrize_with_checks


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def blobs(sizes, n_features=4, background=0, distance=20.0, seed=0):
    """Return round families at the corners of a simplex and uniform background (−1), in mixed order."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(-1, len(sizes)), [background, *sizes]))
    centres = distance * np.eye(len(sizes), n_features)
    x = np.where(y[:, None] < 0, rng.uniform(-2 * distance, 2 * distance, (len(y), n_features)), centres[y])
    x = x + (y >= 0)[:, None] * rng.normal(size=x.shape)
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)


def found(head, x):
    """Return the family of each row, −1 for unknown."""
    best = head(x).argmax(dim=1)
    return torch.where(best == head.n_classes - 1, -1, best)


def slow_probabilities(head, rows):
    """Evaluate the rule of the docstring for one row, family, member and feature at a time."""
    mean, scale = head.mean.double().tolist(), head.scale.double().tolist()
    centre, components = head.pca.mean.double().tolist(), head.pca.components.double().tolist()
    probabilities = []
    for row in rows.double().tolist():
        standardised = [(x - m) / s - c for x, m, s, c in zip(row, mean, scale, centre, strict=True)]
        z = [sum(a * b for a, b in zip(direction, standardised, strict=True)) for direction in components]
        odds = []
        for members, reach in zip(head.members.double().tolist(), head.reach.double().tolist(), strict=True):
            nearest = min(math.dist(z, member) for member in members)
            odds.append((reach / max(nearest, 1e-3 * reach)) ** 2 if reach else 0.0)
        probabilities.append([o / (1 + sum(odds)) for o in [*odds, 1.0]])
    return torch.tensor(probabilities)


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(15, 40), min_size=2, max_size=4),
    n_kept=st.integers(2, 50),
    standardise=st.booleans(),
    n_components=st.integers(3, 4) | st.none(),
    seed=st.integers(0, 1000),
)
def test_probabilities_agree_with_a_slow_reference(sizes, n_kept, standardise, n_components, seed):
    x, _ = blobs(sizes, background=20, seed=seed)
    before = x.clone()
    head = HDBSCAN(4, 6, n_kept=n_kept, standardise=standardise, n_components=n_components, seed=seed).fit(x)
    rows = torch.cat([x, 3 * x[:20], x[:20] + 1])
    probabilities = head(rows)
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities, slow_probabilities(head, rows), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat([head(row[None]) for row in rows]), probabilities, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(rows)))
    assert torch.equal(x, before)


@settings(max_examples=100, deadline=None)
@given(
    members=st.lists(st.floats(0, 10), min_size=1, max_size=20),
    others=st.lists(st.floats(0, 10), max_size=20),
)
def test_the_reach_is_the_best_threshold(members, others):
    def right(limit):
        return sum(d <= limit for d in members) + sum(d > limit for d in others)

    reach = best_reach(np.array(members), np.array(others))
    assert right(reach) == max(right(limit) for limit in members)


def test_the_reach_of_a_family_uses_distances_to_other_kept_members():
    x, _ = blobs([60, 40], background=60)
    head = HDBSCAN(4, 3, n_kept=25).fit(x)
    rows = head._project(x).numpy()
    assigned = find_families(rows, 10, 5, "eom")
    for k in range(2):
        kept = head.members[k].numpy()
        distances = []
        for row in rows:
            to_kept = sorted(math.dist(row, member) for member in kept)
            distances.append(to_kept[to_kept[0] < 1e-6])  # without the distance of a kept member to itself
        distances = np.array(distances)
        expected = best_reach(distances[assigned == k], distances[assigned == -1])
        assert float(head.reach[k]) == pytest.approx(expected, rel=1e-4)


def test_families_are_counted_and_ordered_by_size_and_other_windows_are_unknown():
    x, y = blobs([25, 60, 40], background=15)
    head = HDBSCAN(4, 8).fit(x)
    assert head.n_families == 3
    rank = torch.tensor([2, 0, 1, -1])  # of the simulated families; the background is last
    assert (found(head, x) == rank[y]).float().mean() > 0.97
    probabilities = head(torch.cat([x, 1e6 * torch.ones(1, 4), torch.full((1, 4), 3e38)]))
    assert (probabilities[:, 3:7] == 0).all()
    assert probabilities[-2:].argmax(dim=1).tolist() == [7, 7]
    fresh, y = blobs([25, 60, 40], seed=1)
    assert (found(head, fresh) == rank[y]).float().mean() > 0.9


@pytest.mark.parametrize("selection", ["eom", "leaf"])
@pytest.mark.parametrize("n_kept", [40, 200])
def test_training_rows_agree_with_scikit_learn(selection, n_kept):
    x, _ = blobs([120, 80, 50], background=100, distance=8.0)
    head = HDBSCAN(4, 20, selection=selection, n_kept=n_kept, standardise=False).fit(x)
    theirs = cluster.HDBSCAN(min_cluster_size=10, min_samples=5, cluster_selection_method=selection, copy=True)
    theirs = torch.from_numpy(theirs.fit(x.double().numpy()).labels_)
    ours = found(head, x)
    pairs = torch.unique(torch.stack([theirs, ours]), dim=1, return_counts=True)
    right = sum(pairs[1][pairs[0][0] == k].max() for k in torch.unique(theirs))
    assert right / len(x) > 0.95
    assert (ours[theirs < 0] < 0).float().mean() > 0.85


def test_families_without_an_output_are_unknown_and_logged(caplog):
    x, y = blobs([30, 50, 20, 40], background=10)
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        few = HDBSCAN(4, 3).fit(x)
    assert "found 4 families, but has outputs for 2: the 2 smallest, of 20 to 30 windows, count" in caplog.text
    assert "set clusters (n_classes) to 5 to keep" in caplog.text
    rank = torch.tensor([-1, 0, -1, 1, -1])
    assert (found(few, x) == rank[y]).float().mean() > 0.97
    caplog.clear()
    assert HDBSCAN(4, 5).fit(x).n_families == 4
    assert not caplog.records


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(seed, order):
    x, _ = blobs([40, 30, 20], background=5, seed=seed)
    mixed = torch.from_numpy(np.random.default_rng(order).permutation(len(x)))
    one, other = HDBSCAN(4, 6).fit(x), HDBSCAN(4, 6).fit(x[mixed])
    assert torch.equal(found(one, x), found(other, x))
    torch.testing.assert_close(other(x), one(x), atol=1e-4, rtol=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_most_probable_family_is_the_nearest_in_units_of_its_reach(seed):
    x, _ = blobs([40, 30, 20], background=20, distance=6.0, seed=seed)
    head = HDBSCAN(4, 9, standardise=False).fit(x)
    n = head.n_families
    rows = torch.from_numpy(np.random.default_rng(seed).uniform(-9, 9, (200, 4)).astype(np.float32))
    z, kept = head._project(rows), head.members[:n].double()
    units = (z[:, None, None] - kept).norm(dim=-1).amin(dim=2) / head.reach[:n]
    nearest, which = units.min(dim=1)
    assert torch.equal(found(head, rows), torch.where(nearest <= 1, which, -1))


def test_units_offsets_and_constant_features_do_not_matter():
    x, _ = blobs([40, 30], background=10)
    x = (64 * x).round()
    scale = torch.tensor([2.0**-30, 1.0, 2.0**10, 2.0**20])
    other = torch.cat([(x + 512) * scale, torch.full((80, 1), 0.1)], dim=1)
    one, scaled = HDBSCAN(4, 3).fit(x), HDBSCAN(5, 3, n_components=4).fit(other)
    torch.testing.assert_close(scaled(other), one(x), atol=1e-3, rtol=0)
    constant = other.clone()
    constant[:, 4] = 7.0
    assert torch.equal(scaled(constant), scaled(other))


def test_features_without_standardisation():
    x, y = blobs([40, 30], background=20)
    noise = torch.randn(90, 30, generator=torch.Generator().manual_seed(0))
    both = torch.cat([x, noise], dim=1)
    head = HDBSCAN(34, 3, standardise=False, n_components=4).fit(both)
    assert (found(head, both) == y).float().mean() > 0.9
    assert torch.equal(head.scale, torch.ones(34))


def test_equal_windows_are_a_family():
    x, _ = blobs([40], background=40)
    x = torch.cat([x, torch.full((15, 4), 30.0), torch.full((12, 4), -30.0)])
    head = HDBSCAN(4, 8).fit(x)
    probabilities = head(x)
    assert torch.isfinite(probabilities).all()
    assert torch.equal(probabilities, torch.cat([head(row[None]) for row in x]))
    assert len(torch.unique(found(head, x)[-27:])) == 2
    assert (found(head, x)[-27:] >= 0).all()


def test_the_seed_only_draws_the_kept_members():
    x, y = blobs([60, 40])
    one, same, other = (HDBSCAN(4, 4, n_kept=20, seed=seed).fit(x) for seed in (0, 0, 1))
    torch.testing.assert_close(one.state_dict(), same.state_dict(), rtol=0, atol=0)
    assert not torch.equal(one.members[0], other.members[0])
    for head in (one, other):
        assert (found(head, x) == y).float().mean() > 0.9


def test_a_second_fit_forgets_the_first():
    three, two = blobs([50, 40, 30])[0], blobs([20, 15])[0]
    head = HDBSCAN(4, 6).fit(three).fit(two)
    torch.testing.assert_close(head.state_dict(), HDBSCAN(4, 6).fit(two).state_dict(), rtol=0, atol=0)


def test_many_rows_are_measured_in_blocks():
    x, _ = blobs([40, 30], background=10)
    head = HDBSCAN(4, 3).fit(x)
    assert torch.equal(head(x.repeat(120, 1)), head(x).repeat(120, 1))
    assert head(x[:0]).shape == (0, 3)


def test_data_that_cannot_be_clustered_are_refused():
    x, _ = blobs([40, 30])
    head = HDBSCAN(4, 3)
    assert head.n_families == 0
    with pytest.raises(NotFittedError, match=r"HDBSCAN is not fitted: call fit\(features\) first"):
        head(x)
    with pytest.raises(TrainingError, match=r"need 20 windows, but fit got 19; use more windows, or lower min_cluster"):
        head.fit(x[:19])
    with pytest.raises(TrainingError, match=r"need 30 windows, but fit got 20"):
        HDBSCAN(4, 3, min_samples=30).fit(x[:20])
    with pytest.raises(TrainingError, match="windows that differ, but all 40 are equal"):
        head.fit(x[:1].repeat(40, 1))
    with pytest.raises(TrainingError, match=r"no family of at least 35 windows among 70: lower min_cluster_size"):
        HDBSCAN(4, 3, min_cluster_size=35).fit(x)
    fitted = HDBSCAN(4, 3, min_cluster_size=20).fit(x)
    with pytest.raises(TrainingError, match="no family"):
        fitted.fit(blobs([50])[0])
    with pytest.raises(NotFittedError):  # a failed fit does not leave a mixture of two fits
        fitted(x)
    with pytest.raises(WindowError, match="NaN or infinite"):
        head.fit(torch.full((40, 4), torch.nan))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_cluster_size": 1}, "HDBSCAN: min_cluster_size must be 2 or more, but is 1"),
        ({"min_samples": 0}, "HDBSCAN: min_samples must be 1 or more, but is 0"),
        ({"n_kept": 1}, "HDBSCAN: n_kept must be 2 or more, but is 1"),
        ({"selection": "all"}, "HDBSCAN: selection must be one of eom, leaf, but is 'all'"),
        ({"n_components": 5}, "n_components must be between 1 and 4, the number of features, but is 5"),
        ({"n_classes": 1}, "two classes"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        HDBSCAN(**({"n_features": 4, "n_classes": 3} | arguments))


def repeaters(sizes, noise=0, seed=0):
    """Return windows of families that repeat one waveform each, then windows of noise, and the family of each."""
    rng = np.random.default_rng(seed)
    y = np.repeat([*range(len(sizes)), -1], [*sizes, noise])
    waveforms = np.random.default_rng(0).normal(size=(len(sizes) + 1, 3, 200))
    waveforms[-1] = 0
    return (waveforms[y] + 0.2 * rng.normal(size=(len(y), 3, 200))).astype(np.float32), y


def test_a_model_with_this_head_is_saved_and_loaded(tmp_path):
    arguments = {"clusters": 6, "in_samples": 200, "before": 0.5, "band": (1.0, 40.0)}
    model = lcl.Discriminator("raw", "hdbscan", head_args={"min_samples": 3}, **arguments)
    model.fit(repeaters([25, 15])[0])
    model.name_clusters({0: "earthquake", 1: "ice quake"})
    assert model.labels == ["earthquake", "ice quake", "cluster 2", "cluster 3", "cluster 4", "unknown"]
    fresh, y = repeaters([20, 20], noise=20, seed=1)
    expected = model.predict_proba(fresh)
    assert (expected.argmax(axis=1) == y % 6).mean() > 0.95
    model.save(str(tmp_path / "families"))
    loaded = lcl.Discriminator.load(str(tmp_path / "families"))
    np.testing.assert_array_equal(loaded.predict_proba(fresh), expected)
    assert loaded.head.n_families == 2
    assert loaded.head.config() == model.head.config()


def test_the_example_of_the_readme_runs(capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out.startswith("2\n[4")


@parametrize_with_checks([partial(HDBSCAN, min_cluster_size=5, min_samples=2)])
def test_conformance(check):
    check()
