"""Rows of several arrays that belong together."""

import numpy as np

from seisbench_lcl.storage import MemberRows, RowFile


def test_rows_of_arrays_and_files_are_selected_alike() -> None:
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    file = RowFile(3)
    file.extend(values)
    for part in (values, file):
        rows = MemberRows([part, values[:1]], [[3, 1, 0, 2], [-1, 0, -1, -1]])
        chosen = rows.select(np.array([True, True, False, True]))[np.array([2, 0])]
        assert len(chosen) == 2
        there, found = chosen.of(0)
        assert there.tolist() == [0, 1]
        np.testing.assert_array_equal(found[:], values[[2, 3]])
        assert chosen.of(1)[0].tolist() == []
        assert len(chosen.of(1)[1]) == 0
