import gc
import tempfile
from pathlib import Path

import numpy as np
import pytest

from seisbench_lcl.errors import OutputError
from seisbench_lcl.storage.rows import RowFile

DATA = np.arange(7 * 2 * 3, dtype=np.float32).reshape(7, 2, 3)


def filled() -> RowFile:
    rows = RowFile(2, 3)
    rows.append(DATA[0])
    rows.extend(DATA[1:5])
    rows.extend(DATA[5:].astype(float)[:, :, ::-1][:, :, ::-1])
    return rows


@pytest.mark.parametrize(
    "key",
    [slice(None), slice(2, 4), slice(5, 99), slice(4, 4), np.array([6, 0, 1, 1, 5]), np.arange(7) % 2 == 0],
)
def test_it_reads_like_an_array(key) -> None:
    rows = filled()
    assert rows.shape == DATA.shape
    np.testing.assert_array_equal(rows[key], DATA[key])
    np.testing.assert_array_equal(np.asarray(rows), DATA)
    if isinstance(key, np.ndarray):
        selected = rows.select(key)
        assert len(selected) == len(DATA[key])
        np.testing.assert_array_equal(selected.select(np.array([2, 0]))[:], DATA[key][[2, 0]])


def test_the_file_disappears_with_its_last_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = filled()
    selected = rows.select(np.array([3]))
    file = rows._file
    del rows
    gc.collect()
    np.testing.assert_array_equal(selected[:], DATA[[3]])
    del selected
    gc.collect()
    assert file.closed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_raises_output_error() -> None:
    rows = RowFile(2, 3)
    rows._file.close()
    rows._file = open("/dev/full", "r+b", buffering=0)
    with rows._file, pytest.raises(OutputError, match=r"cannot write to .*No space left.*set TMPDIR to another folder"):
        rows.extend(DATA)
