"""When two outputs count as equal, and an output as defined."""

from collections.abc import Callable

import torch
from torch import Tensor

from seisbench_lcl.errors import NotFittedError, SeisBenchLCLError
from seisbench_lcl.testing._subject import Failed

RELATIVE, OF_SPREAD = 1e-4, 1e-5


def agree(
    found: Tensor, expected: Tensor, what: str, *, relative: float = RELATIVE, of_spread: float = OF_SPREAD
) -> None:
    """Fail unless two outputs differ by rounding only.

    Values may differ by the fraction `relative` of themselves plus `of_spread` of the standard deviation of all.
    `what` says what was found and asked, with the mend.
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
    """Fail unless a result is finite, or a SeisBenchLCLError says why there is none."""
    try:
        output = compute()
    except NotFittedError as error:
        raise Failed(
            f"{what} ends with NotFittedError after the fit went through: {error}; raise the reason in fit instead"
        ) from error
    except SeisBenchLCLError:
        return
    except Exception as error:
        raise Failed(
            f"{what} ends with {type(error).__name__}: {error}; asked is a finite result, or an error of "
            "seisbench_lcl.errors that says what cannot be and how to mend it"
        ) from error
    finite(output, what)


def finite(output: Tensor, what: str) -> None:
    """Fail if an output holds NaN or infinite values."""
    bad = ~torch.isfinite(output)
    if bad.any():
        row, column = torch.nonzero(bad)[0].tolist()[:2] if output.ndim > 1 else (int(bad.nonzero()[0]), 0)
        raise Failed(
            f"{what} gives {int(bad.sum())} of {bad.numel()} values that are NaN or infinite, the first at row {row}, "
            f"column {column}; asked is a finite result, or an error of seisbench_lcl.errors that says what cannot be"
        )
