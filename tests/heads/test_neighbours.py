import math
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.heads.neighbours import nearest


def rows(n, seed=0):
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 40), st.integers(0, 100))
def test_exact_neighbours_are_those_of_a_loop(n, seed):
    x = rows(n, seed)
    found, recall = nearest(x, 2)
    assert recall == 1
    for i in range(n):
        order = sorted((j for j in range(n) if j != i), key=lambda j: math.dist(x[i].tolist(), x[j].tolist()))
        assert found[i].tolist() == order[:2]


def test_blocks_change_nothing(monkeypatch):
    x = rows(100)
    whole, _ = nearest(x, 7)
    monkeypatch.setattr("seisbench_lcl.heads.neighbours._BLOCK", 9)
    assert torch.equal(nearest(x, 7)[0], whole)


def test_beyond_a_size_an_index_finds_nearly_all_and_says_how_many():
    pytest.importorskip("pynndescent")
    x = torch.cat([rows(1500), torch.zeros(40, 5)])  # among them many equal rows
    found, recall = nearest(x, 10, exact_up_to=100)
    assert 0.9 < recall <= 1
    assert found.shape == (1540, 10)
    assert not (found == torch.arange(1540)[:, None]).any()
    exact, _ = nearest(x[:1500], 10)
    hits = (found[:1500, :, None] == exact[:, None]).any(dim=2).float().mean()
    assert hits == pytest.approx(recall, abs=0.1)


def test_without_the_index_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seisbench-lcl\[neighbours\]', or train on fewer"):
        nearest(rows(20), 3, exact_up_to=10)
