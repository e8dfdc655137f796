"""Arrays as users have them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import seisbench_lcl as lcl
from seisbench_lcl.errors import WindowError
from seisbench_lcl.models._windows import as_picks, as_windows

X = np.random.default_rng(0).normal(size=(4, 3, 50)).astype(np.float32)


def read_only(x: np.ndarray) -> np.ndarray:
    copy = x.copy()
    copy.flags.writeable = False
    return copy


VARIANTS: dict[str, Callable] = {
    "negative strides": lambda x: x[::-1].copy()[::-1],
    "reversed in time": lambda x: x[..., ::-1].copy()[..., ::-1],
    "every other sample": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "Fortran order": np.asfortranarray,
    "big-endian": lambda x: x.astype(">f4"),
    "big-endian double": lambda x: x.astype(">f8")[::-1].copy()[::-1],
    "read-only": read_only,
    "double": lambda x: x.astype(float),
    "objects": lambda x: x.astype(object),
    "list": lambda x: x.tolist(),
    "list of arrays": list,
    "masked without a masked sample": np.ma.array,
    "tensor": torch.from_numpy,
    "tensor with gradients": lambda x: torch.from_numpy(x).requires_grad_(),
    "list of tensors": lambda x: [torch.from_numpy(window) for window in x],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_array_of_numbers_gives_the_same_windows(variant: str) -> None:
    found = as_windows(VARIANTS[variant](X))
    assert found.dtype == torch.float32
    assert not found.requires_grad
    np.testing.assert_array_equal(found, X)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("variant", ["negative strides", "big-endian", "read-only", "tensor with gradients"])
def test_models_learn_from_and_predict_every_array(variant: str) -> None:
    windows = VARIANTS[variant](np.tile(X, (3, 1, 1)))
    model = lcl.MiniRocketRidge(labels=["a", "b"], in_samples=50, before=0, extractor_args={"max_features": 84})
    model.fit(windows, ["a", "b"] * 6)
    expected = model.predict_proba(np.tile(X, (3, 1, 1)))
    np.testing.assert_array_equal(model.predict_proba(windows), expected)
    np.testing.assert_array_equal(model.predict_detailed(windows).probabilities, expected)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, "masked"])
@pytest.mark.parametrize("where", [(2, 1, 7), (2, 1), 2])
def test_samples_that_are_not_finite_are_never_called_dead(value: float | str, where: tuple | int) -> None:
    spoilt: np.ndarray = np.ma.array(X, dtype=float) if value == "masked" else X.astype(float)
    spoilt[where] = np.ma.masked if value == "masked" else value
    with pytest.raises(WindowError, match=r"1 of 4 windows hold NaN or infinite samples, the first at index 2"):
        as_windows(spoilt)


@pytest.mark.parametrize(
    "windows", ["abc", np.array([["1.5"]]), 1j * X, torch.zeros(2, 3, 5) * 1j, np.array(["2020"], "M8")]
)
def test_other_types_are_refused(windows: object) -> None:
    with pytest.raises(WindowError, match="windows must be"):
        as_windows(windows)


@pytest.mark.parametrize(
    "picks",
    [
        [1.5, None, 2.0],
        np.array([1.5, np.nan, 2.0], dtype=">f4"),
        np.ma.array([1.5, 9, 2.0], mask=[0, 1, 0]),
        torch.tensor([1.5, np.nan, 2.0], requires_grad=True),
    ],
)
def test_picks_come_in_any_array(picks: object) -> None:
    np.testing.assert_array_equal(as_picks(3, picks), [1.5, np.nan, 2.0])
