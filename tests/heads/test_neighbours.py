import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.heads import neighbours
from seisbench_lcl.heads.neighbours import nearest


def rows(n, seed=0):
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))


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


class Index:
    """An index with the interface of pynndescent, which misses the last neighbour of every fourth row."""

    def __init__(self, data, n_neighbors, random_state, n_jobs):
        order = np.argsort(((data[:, None] - data) ** 2).sum(axis=2), axis=1, kind="stable")
        found = order[:, :n_neighbors]
        found[::4, -1] = order[::4, -1]
        self.neighbor_graph = found, None


def test_neighbours_of_an_index_exclude_the_row_itself_and_their_recall_is_measured(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", SimpleNamespace(NNDescent=Index))
    x = rows(80)
    found, recall = nearest(x, 4, exact_up_to=79)
    assert recall == pytest.approx(1 - 1 / 16)
    exact, _ = nearest(x, 4, exact_up_to=80)
    complete = torch.arange(80) % 4 > 0
    assert torch.equal(found[complete].sort(dim=1).values, exact[complete].sort(dim=1).values)
    monkeypatch.setattr("seisbench_lcl.heads.neighbours._PROBED", 8)
    assert nearest(x, 4, exact_up_to=79)[1] in {1 - n / 32 for n in range(9)}

    equal = torch.cat([x, torch.zeros(20, 5)])  # the neighbours of an equal row may not include the row itself
    found, _ = nearest(equal, 4, exact_up_to=79)
    assert found.shape == (100, 4)
    assert not (found == torch.arange(100)[:, None]).any()
    assert (found[80:][torch.arange(20) % 4 > 0] >= 80).all()


# Numba compiles pynndescent for more than a minute, so it runs as plain Python here. Two of its functions exist in
# machine code only: they reinterpret the bits of a number.
PLAIN = """
import sys
import numpy as np
import torch
import pynndescent
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("neighbours", sys.argv[1])  # alone: the package would import all heads
neighbours = module_from_spec(spec)
spec.loader.exec_module(neighbours)

def as_float(number): return np.int32(number).view(np.float32)
def as_integer(number): return np.float32(number).view(np.int32)

for name, module in list(sys.modules.items()):
    if name.startswith("pynndescent") and hasattr(module, "int32_bits_as_float32"):
        module.int32_bits_as_float32 = as_float
        module.float32_bits_as_int32 = as_integer
x = torch.load("rows.pt")
torch.save(neighbours.nearest(x, 5, exact_up_to=100), "found.pt")
"""


@pytest.mark.timeout(120)
def test_the_index_of_pynndescent_finds_nearly_all_neighbours(tmp_path):
    pytest.importorskip("pynndescent")
    x = torch.cat([rows(180), torch.zeros(20, 5)])  # including many equal rows
    torch.save(x, tmp_path / "rows.pt")
    subprocess.run(
        [sys.executable, "-c", PLAIN, neighbours.__file__],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        cwd=tmp_path,
        check=True,
    )
    found, recall = torch.load(tmp_path / "found.pt")
    assert 0.8 < recall <= 1
    assert found.shape == (200, 5)
    assert not (found == torch.arange(200)[:, None]).any()
    exact, _ = nearest(x[:180], 5)
    hits = (found[:180, :, None] == exact[:, None]).any(dim=2).float().mean()
    assert hits == pytest.approx(recall, abs=0.1)


def test_without_the_index_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seisbench-lcl\[neighbours\]', or train on fewer"):
        nearest(rows(20), 3, exact_up_to=10)
