"""Whether two outputs agree, and whether an output is finite."""

from collections.abc import Callable

import torch
from torch import Tensor

from seisbench_lcl.errors import NotFittedError, SeisBenchLCLError
from seisbench_lcl.testing._subject import Failed

RELATIVE, OF_SPREAD = 1e-4, 1e-5
_EXPECTED = "return a finite result, or raise an error of seisbench_lcl.errors that states the problem and the fix"


def agree(
    found: Tensor, expected: Tensor, what: str, *, relative: float = RELATIVE, of_spread: float = OF_SPREAD
) -> None:
    """Fail unless two outputs agree within rounding.

    Values may differ by the fraction `relative` of themselves plus `of_spread` of the standard deviation of all values.
    `what` begins the message: the problem, and how to fix it.
    """
    if found.shape != expected.shape:
        raise Failed(f"{what}: shapes are {tuple(found.shape)} and {tuple(expected.shape)}")
    if not found.numel():
        return
    a, b = found.detach().cpu().double(), expected.detach().cpu().double()
    allowed = relative * b.abs() + of_spread * b.std(correction=0)
    excess = (a - b).abs() - allowed
    same = (a == b) | (a.isnan() & b.isnan())
    excess = torch.where(same, -torch.inf, excess.nan_to_num(nan=torch.inf, posinf=torch.inf))
    if excess.max() > 0:
        where = [int(i) for i in torch.unravel_index(excess.argmax(), excess.shape)]
        raise Failed(
            f"{what}: {int((excess > 0).sum())} of {excess.numel()} values differ by more than rounding; at row "
            f"{where[0]}, column {where[-1]}, {a[tuple(where)]:.6g} and {b[tuple(where)]:.6g}"
        )


def defined(compute: Callable[[], Tensor], what: str) -> None:
    """Fail unless a result is finite, or a SeisBenchLCLError explains why it cannot be computed."""
    try:
        output = compute()
    except NotFittedError as error:
        raise Failed(
            f"{what} raises NotFittedError although fit succeeded: {error}; raise an error in fit instead"
        ) from error
    except SeisBenchLCLError:
        return
    except Exception as error:
        raise Failed(f"{what} raises {type(error).__name__}: {error}; {_EXPECTED}") from error
    finite(output, what)


def finite(output: Tensor, what: str) -> None:
    """Fail if an output has NaN or infinite values."""
    bad = ~torch.isfinite(output)
    if bad.any():
        row, column = torch.nonzero(bad)[0].tolist()[:2] if output.ndim > 1 else (int(bad.nonzero()[0]), 0)
        raise Failed(
            f"{what} returns NaN or infinity for {int(bad.sum())} of {bad.numel()} values, the first at row {row}, "
            f"column {column}; {_EXPECTED}"
        )
