import numpy as np
import pytest

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import check_indices, ratio, rows_to_one


def test_ratio_fills_places_without_a_whole():
    found = ratio(np.array([[1, 2], [3, 4]]), np.array([2, 0]), empty=np.nan)
    np.testing.assert_array_equal(found, [[0.5, np.nan], [1.5, np.nan]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_sum_to_one_and_empty_rows_are_replaced(dtype):
    weights = np.array([[1, 3], [0, 0], [0.5, 0]], dtype=dtype)
    np.testing.assert_array_equal(rows_to_one(weights, 1 / 2), [[0.25, 0.75], [0.5, 0.5], [1, 0]])
    np.testing.assert_array_equal(rows_to_one(weights, [[0, 1], [1, 0], [0, 1]])[1], [1, 0])


def test_indices_need_not_have_an_upper_limit():
    assert check_indices("truth", [0, 9]).tolist() == [0, 9]
    with pytest.raises(DatasetError, match="from 0 to 8, but found 9; leave out rows without label"):
        check_indices("truth", [0, 9], 9)
    with pytest.raises(DatasetError, match="from 0, but found -1"):
        check_indices("truth", [0, -1])
