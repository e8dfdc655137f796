"""Windows of one dataset for several models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets import open_dataset, read_member_windows, read_windows
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.waveforms import Preprocessing

SHORT = Preprocessing(40.0, 320, "ZNE", (1.0, 18.0), 2.0)
LONG = Preprocessing(50.0, 1000, "Z", (1.0, 15.0), 10.0)
SCALED = Preprocessing(40.0, 320, "ZNE", (1.0, 18.0), 2.0, "joint-peak")


@pytest.fixture
def dataset(dataset_folder: Path) -> WaveformDataset:
    """P of every third trace is so early that only the short window fits, of every fourth so late that none does."""
    opened = open_dataset(dataset_folder)
    rows = np.arange(len(opened.metadata))
    rate = opened.metadata["trace_sampling_rate_hz"]
    opened.metadata.loc[rows % 3 == 0, "trace_p_arrival_sample"] = 5 * rate
    opened.metadata.loc[rows % 4 == 0, "trace_p_arrival_sample"] = 58 * rate
    return opened


def test_each_member_has_the_windows_that_it_would_read_alone(dataset: WaveformDataset) -> None:
    data = read_member_windows(dataset, [SHORT, LONG, SCALED])
    assert len(data) == 36
    kept = np.flatnonzero(np.arange(48) % 4)
    assert data.traces.tolist() == kept.tolist()
    assert data.labels.tolist() == dataset.metadata["source_type"].iloc[kept].tolist()
    assert data.groups.tolist() == dataset.metadata["source_id"].iloc[kept].tolist()
    pd.testing.assert_series_equal(
        data.metadata["trace_name"], dataset.metadata["trace_name"].iloc[kept].reset_index(drop=True)
    )
    for member, preprocessing in enumerate((SHORT, LONG, SCALED)):
        alone = read_windows(dataset, preprocessing)
        rows, windows = data.windows.of(member)
        assert data.traces[rows].tolist() == alone.traces.tolist()
        np.testing.assert_array_equal(windows, alone.windows)
    assert data.windows.parts[0] is data.windows.parts[2]
    assert data.windows.of(1)[0].tolist() == np.flatnonzero(kept % 3).tolist()
    assert data.notes == {
        "left out: trace does not cover the whole window (8 s of ZNE)": 12,
        "left out: trace does not cover the whole window (20 s of Z)": 24,
    }


def test_rows_are_selected_together(dataset: WaveformDataset) -> None:
    data = read_member_windows(dataset, [SHORT, LONG])
    dev = data.in_split("dev")
    chosen = np.flatnonzero(data.splits == "dev")
    assert dev.traces.tolist() == data.traces[chosen].tolist()
    rows, windows = dev.windows.of(1)
    all_rows, all_windows = data.windows.of(1)
    inside = np.isin(all_rows, chosen)
    np.testing.assert_array_equal(windows, all_windows[inside])
    assert chosen[rows].tolist() == all_rows[inside].tolist()


def test_a_member_may_have_no_window_but_a_class_must(dataset: WaveformDataset) -> None:
    endless = Preprocessing(40.0, 4000, "Z", (1.0, 18.0), 2.0)
    data = read_member_windows(dataset, [endless, SHORT])
    assert len(data.windows.of(0)[0]) == 0
    assert len(data.windows.of(1)[0]) == len(data) == 36
    with pytest.raises(DatasetError, match="no trace of high, low gives a window for any member: left out: trace sh"):
        read_member_windows(dataset, [endless, endless])
    with pytest.raises(DatasetError, match="the dataset has no column 'kind'"):
        read_member_windows(dataset, [SHORT, LONG], label_column="kind")
