"""Which features vary enough to be standardised: a constant feature gets no influence."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

LARGEST = float(np.finfo(np.float32).max)
"""Scale of a constant feature: dividing by it leaves nothing of the feature."""

_RELATIVE = 1e-6
_SMALLEST = float(np.finfo(np.float32).tiny)

Values = TypeVar("Values", NDArray[Any], Tensor)


def varies(deviation: Values, magnitude: Values) -> Values:
    """Find the features that vary by more than the rounding of float32.

    The limit is relative, because features have any unit: a displacement in metres may be 1e-9.

    Parameters
    ----------
    deviation : (F,) ndarray or Tensor
        Standard deviation of each feature.
    magnitude : (F,) or scalar ndarray or Tensor
        Size that rounding is relative to, such as the absolute mean of each feature, or the largest deviation.

    Returns
    -------
    (F,) bool ndarray or Tensor

    Examples
    --------
    >>> varies(np.array([0.0, 1e-7, 1e-7]), np.array([1.0, 1.0, 1e-6])).tolist()
    [False, False, True]
    """
    return (deviation > _RELATIVE * magnitude) & (deviation > _SMALLEST)


def usable_scale(deviation: NDArray[np.float64], magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviations (F,) as scales to divide by, the largest float32 number for a constant feature."""
    return np.where(varies(deviation, magnitude), deviation, LARGEST)
