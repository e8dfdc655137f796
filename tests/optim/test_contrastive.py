import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.contrastive import nt_xent


def views(n, d, seed=0):
    return torch.randn(2, n, d, generator=torch.Generator().manual_seed(seed)).unbind()


def slow_nt_xent(first, second, temperature):
    """Eq. 1 of Chen et al. (2020), for each ordered pair of views of a window."""
    rows = [[float(x) for x in row] for row in torch.cat([first, second]).double()]

    def similarity(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    n, total = len(first), 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        others = sum(math.exp(similarity(rows[i], rows[k]) / temperature) for k in range(2 * n) if k != i)
        total -= math.log(math.exp(similarity(rows[i], rows[partner]) / temperature) / others)
    return total / (2 * n)


@given(n=st.integers(1, 6), d=st.integers(1, 5), temperature=st.sampled_from([0.05, 0.5, 2.0]), seed=st.integers(0, 99))
def test_loss_is_that_of_the_double_loop(n, d, temperature, seed):
    first, second = views(n, d, seed)
    assert nt_xent(first, second, temperature).item() == pytest.approx(
        slow_nt_xent(first, second, temperature), rel=1e-4, abs=1e-5
    )


def test_loss_is_that_of_lightly():
    loss = pytest.importorskip("lightly.loss")
    first, second = views(16, 8)
    theirs = loss.NTXentLoss(temperature=0.3)(first, second)
    torch.testing.assert_close(nt_xent(first, second, 0.3), theirs)


def test_length_and_order_of_rows_do_not_matter_and_partners_attract():
    first, second = views(12, 4)
    loss = nt_xent(first, second, 0.2)
    torch.testing.assert_close(nt_xent(5 * second, first, 0.2), loss)
    torch.testing.assert_close(nt_xent(first.flip(0), second.flip(0), 0.2), loss)
    assert nt_xent(first, first, 0.2) < loss < nt_xent(first, second.flip(0) - 3 * first, 0.2)
    first.requires_grad_()
    nt_xent(first, second, 0.2).backward()
    assert torch.isfinite(first.grad).all()
    assert nt_xent((first - 0.1 * first.grad).detach(), second, 0.2) < loss


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ConfigurationError, match="a positive temperature, but got"):
        nt_xent(*views(3, 2), temperature)


def test_views_of_other_shapes_are_refused():
    first, second = views(3, 2)
    with pytest.raises(ConfigurationError, match=r"same shape \(B, D\).*got \(3, 2\), \(2, 2\) and 0.5"):
        nt_xent(first, second[:2], 0.5)
