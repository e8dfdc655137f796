import pytest
import torch

from seisbench_lcl.errors import NotFittedError, TrainingError
from seisbench_lcl.testing._closeness import agree, defined
from seisbench_lcl.testing._subject import Failed

ROWS = torch.tensor([[1.0, 1000.0], [3.0, 1002.0], [-2.0, 998.0]])


def test_outputs_agree_within_rounding_only():
    agree(ROWS * (1 + 5e-5), ROWS, "rounded")
    agree(ROWS[:0], ROWS[:0], "nothing")
    other = ROWS.clone()
    other[1, 0] += 0.1
    with pytest.raises(
        Failed, match=r"^moved: 1 of 6 values differ by more than rounding; at row 1, column 0, 3.1 and 3$"
    ):
        agree(other, ROWS, "moved")
    with pytest.raises(Failed, match=r"shapes are \(2, 2\) and \(3, 2\)"):
        agree(ROWS[:2], ROWS, "cut")


def test_a_value_that_is_not_finite_differs_from_every_other():
    for value in (torch.nan, torch.inf):
        other = ROWS.clone()
        other[2, 1] = value
        agree(other, other.clone(), "the same")
        for pair in ((other, ROWS), (ROWS, other)):
            with pytest.raises(Failed, match="values differ by more than rounding"):
                agree(*pair, "one is not finite")


def raising(error):
    def compute():
        raise error

    return compute


def test_a_result_is_finite_or_explained():
    defined(lambda: ROWS, "this")
    defined(raising(TrainingError("use more windows")), "this")
    with pytest.raises(Failed, match="this raises ZeroDivisionError: oh; return a finite result, or raise an error of"):
        defined(raising(ZeroDivisionError("oh")), "this")
    with pytest.raises(Failed, match="this raises NotFittedError although fit succeeded"):
        defined(raising(NotFittedError("call fit")), "this")
    with pytest.raises(Failed, match="this returns NaN or infinity for 3 of 6 values, the first at row 0, column 0"):
        defined(lambda: ROWS.log() / torch.tensor([torch.inf, 1]) + torch.tensor([torch.nan, 0]), "this")
