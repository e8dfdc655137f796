import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ground_motion
from seisbench.data import WaveformDataset, WaveformDataWriter

import seisbench_lcl as lcl
from seisbench_lcl.datasets import Cuts, LabelledWindows, open_dataset, read_windows
from seisbench_lcl.datasets.windows import labels_in
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.waveforms.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def plain(dataset_folder: Path) -> LabelledWindows:
    """The unshifted windows of the dataset."""
    return read_windows(open_dataset(dataset_folder), Preprocessing())


def test_windows_start_before_the_pick_whatever_the_native_rate(plain: LabelledWindows) -> None:
    """The synthetic onset is at 30 s: quiet before 2 s, loud afterwards."""
    data = plain
    assert data.windows.shape == (48, 3, 2000)
    assert data.windows.dtype == np.float32
    assert np.abs(data.windows[..., :180]).max() < 0.5 * np.abs(data.windows[..., 220:600]).max(axis=(1, 2)).min()
    assert data.labels[:2].tolist() == ["low", "low"]
    assert data.groups[:3].tolist() == ["event0", "event0", "event1"]
    assert data.notes == {}
    assert data.shared_events() == []
    assert len(data.in_split("train")) == 32
    assert len(data.in_split("train", "dev")) == 48


def test_equal_motion_at_unequal_rates_gives_equal_windows(plain: LabelledWindows) -> None:
    preprocessing, data = Preprocessing(), plain
    time = np.arange(6000) / 100
    for row, (seed, kind) in enumerate([(0, "low"), (1, "low"), (100, "high"), (101, "high")]):
        motion = [preprocessing.condition(x, 100)[2800:4800] for x in ground_motion(seed, time, kind)]
        np.testing.assert_allclose(data.windows[row], motion, atol=0.002 * np.abs(motion).max())


def test_records_sampled_too_slowly_for_the_band_are_left_out(dataset_folder: Path) -> None:
    data = read_windows(open_dataset(dataset_folder), Preprocessing(band=(1, 22)))
    assert data.notes == {"left out: sampled at 40 Hz": 12}
    assert len(data) == 36


def test_vertical_only(dataset_folder: Path, plain: LabelledWindows) -> None:
    one = read_windows(open_dataset(dataset_folder, "Z"), Preprocessing(component_order="Z"))
    np.testing.assert_array_equal(one.windows[:, 0], plain.windows[:, 0])


@pytest.fixture
def odd_dataset(tmp_path: Path) -> Path:
    """Traces with different defects, and one noise trace without a pick."""
    rng = np.random.default_rng(0)
    with WaveformDataWriter(tmp_path / "metadata.csv", tmp_path / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW"}

        def add(data: np.ndarray, pick: float | None, event: str, split: str = "train") -> None:
            writer.add_trace(
                {
                    "source_id": event,
                    "source_type": "noise" if pick is None else "quake",
                    "split": split,
                    "trace_sampling_rate_hz": 100,
                    "trace_p_arrival_sample": pick,
                    "trace_component_order": "ZNE"[: len(data)],
                },
                data,
            )

        good = rng.normal(size=(3, 4000))
        add(good, None, "n1")
        add(good, 1000, "q1")
        add(good, 1000, "q1", split="dev")
        add(good, 100, "q2")
        flat = good.copy()
        flat[2, 1500:1900] = 7
        add(flat, 1000, "q3")
        nan = good.copy()
        nan[0, 1500:1900] = np.nan
        add(nan, 1000, "q4")
        add(good[:1], 1000, "q5")
        add(good[:, :0], 1000, "q6")
    return tmp_path


def test_traces_that_give_no_window_are_counted_by_reason(odd_dataset: Path) -> None:
    data = read_windows(open_dataset(odd_dataset), Preprocessing())
    assert data.labels.tolist() == ["noise", "quake", "quake"]
    assert data.notes == {
        "left out: trace does not cover the whole window": 1,
        "left out: gap or flat line in the window": 2,
        "left out: component missing: E, N": 1,
        "left out: has no samples": 1,
        "no P arrival, cut from the middle: noise": 1,
    }
    assert data.shared_events() == ["q1"]


def test_noise_is_cut_from_the_middle(odd_dataset: Path) -> None:
    dataset = open_dataset(odd_dataset)
    data = read_windows(dataset, Preprocessing(), labels=["noise"])
    whole = Preprocessing().condition(dataset.get_waveforms(0)[0], 100)
    np.testing.assert_array_equal(data.windows[0, 0], whole[1000:3000])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_column": "class"}, "has no column 'class'; it has: .*source_type"),
        ({"group_column": "event"}, "has no column 'event'"),
        ({"pick_column": "trace_s_sample"}, "has no column 'trace_s_sample'"),
        ({"labels": ["blast"]}, "no trace is labelled blast in 'source_type'; available: high, low"),
    ],
)
def test_missing_columns_and_labels_are_named(dataset_folder: Path, arguments: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_windows(open_dataset(dataset_folder), Preprocessing(), **arguments)


def test_a_dataset_without_usable_windows_is_refused(dataset_folder: Path, plain: LabelledWindows) -> None:
    with pytest.raises(
        DatasetError,
        match=r"no trace of high, low gives a window: trace does not .* window \(48 traces\): .* seconds around P",
    ):
        read_windows(open_dataset(dataset_folder), Preprocessing(in_samples=5000))
    with pytest.raises(DatasetError, match="no usable window is in split test; available: dev, train"):
        plain.in_split("test")


def test_names_and_folders_that_are_not_datasets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="neither a folder nor the name"):
        open_dataset("WaveformDataset")
    with pytest.raises(DatasetError, match="is a folder, but not a SeisBench dataset"):
        open_dataset(tmp_path)


def test_mixed_sampling_rates_give_no_warning(dataset_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        open_dataset(dataset_folder)
    assert caplog.records == []


def change(dataset_folder: Path, tmp_path: Path, **columns: object) -> Path:
    """Return a copy of the dataset with other metadata; a column set to None is dropped."""
    copy = shutil.copytree(dataset_folder, tmp_path / "changed")
    metadata = pd.read_csv(copy / "metadata.csv").assign(**columns)
    metadata.drop(columns=[name for name, value in columns.items() if value is None]).to_csv(copy / "metadata.csv")
    return copy


def test_the_first_pick_of_a_trace_is_used(dataset_folder: Path, tmp_path: Path, plain: LabelledWindows) -> None:
    p = plain.metadata["trace_p_arrival_sample"]
    copy = change(
        dataset_folder,
        tmp_path,
        trace_p_arrival_sample=None,
        trace_P_arrival_sample=p.where(p.index % 2 == 0),
        trace_Pg_arrival_sample=p.where(p.index % 2 == 1),
    )
    found = read_windows(open_dataset(copy), Preprocessing())
    np.testing.assert_array_equal(found.windows, plain.windows)
    assert found.notes == {}


def test_events_without_picks_are_never_cut_silently(
    dataset_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As long as they are events: noise has no P, and unlabelled traces may have none."""
    labels = np.repeat(["noise", "earthquake", "quarry blast"], 16)
    p = open_dataset(dataset_folder).metadata["trace_p_arrival_sample"].astype(float)
    without = change(
        dataset_folder, tmp_path / "without", trace_p_arrival_sample=None, my_p_arrival=p, source_type=labels
    )
    message = r"no P arrivals for earthquake, quarry blast: .*trace_p_arrival_sample, trace_P_.*columns: my_p_arrival\."
    with pytest.raises(DatasetError, match=message):
        read_windows(open_dataset(without), Preprocessing())
    assert len(read_windows(open_dataset(without), Preprocessing(), pick_column="my_p_arrival")) == 48
    assert len(read_windows(open_dataset(without), Preprocessing(), labels=["noise"])) == 16
    assert caplog.text == ""
    read_windows(open_dataset(without), Preprocessing(), unlabelled=True)
    assert "without a P arrival in trace_p_arrival_sample, trace_P_arrival_sample" in caplog.text
    caplog.clear()
    some = change(
        dataset_folder, tmp_path / "some", trace_p_arrival_sample=p.where(labels == "earthquake"), source_type=labels
    )
    data = read_windows(open_dataset(some), Preprocessing())
    assert "without a P arrival in trace_p_arrival_sample: 16 traces of quarry blast;" in caplog.text
    assert data.notes == {f"no P arrival, cut from the middle: {name}": 16 for name in ("noise", "quarry blast")}


@pytest.mark.parametrize(
    ("spellings", "message"),
    [
        (["earthquake", "earthquake "], "'earthquake' and 'earthquake ' differ only by capitals or blanks"),
        (["Quarry Blast", "quarry_blast"], "'Quarry Blast' and 'quarry_blast' differ only"),
        (["earthquake", "noise "], "'noise ' begins or ends with a blank: write 'noise'"),
    ],
)
def test_one_class_in_two_spellings_is_refused(
    dataset_folder: Path, tmp_path: Path, spellings: list[str], message: str
) -> None:
    dataset = open_dataset(change(dataset_folder, tmp_path, source_type=spellings * 24))
    for read in (
        lambda: labels_in(dataset, "source_type"),
        lambda: read_windows(dataset, Preprocessing()),
        lambda: read_windows(dataset, Preprocessing(), labels=spellings[1:]),
    ):
        with pytest.raises(DatasetError, match=message):
            read()


@pytest.mark.parametrize("bad", [np.nan, 0.0, -100.0, np.inf])
def test_a_trace_without_a_sampling_rate_is_left_out(
    dataset_folder: Path, tmp_path: Path, plain: LabelledWindows, bad: float
) -> None:
    rates = open_dataset(dataset_folder).metadata["trace_sampling_rate_hz"].astype(float)
    rates[[1, 7]] = bad
    data = read_windows(open_dataset(change(dataset_folder, tmp_path, trace_sampling_rate_hz=rates)), Preprocessing())
    assert data.notes == {"left out: sampling rate unknown": 2}
    np.testing.assert_array_equal(data.windows, np.delete(plain.windows, [1, 7], axis=0))


def test_a_dataset_without_sampling_rates(dataset_folder: Path, tmp_path: Path) -> None:
    """The interval may stand for the rate."""
    rates = open_dataset(dataset_folder).metadata["trace_sampling_rate_hz"]
    none = change(dataset_folder, tmp_path / "none", trace_sampling_rate_hz=None)
    with pytest.raises(
        DatasetError, match=r"no trace of high, low gives a window: sampling rate unknown .48 traces.: fill in"
    ):
        read_windows(open_dataset(none), Preprocessing())
    dt = change(dataset_folder, tmp_path / "dt", trace_sampling_rate_hz=None, trace_dt_s=1 / rates)
    assert len(read_windows(open_dataset(dt), Preprocessing())) == 48


class TestComponents:
    @pytest.mark.parametrize(
        ("stored", "order"), [("Z12", "ZNE"), ("12Z", "ZNE"), ("ZNE", "Z12"), ("ENZ", "ZNE"), ("Z1E", "ZNE")]
    )
    def test_1_and_2_replace_north_and_east(self, tmp_path: Path, stored: str, order: str) -> None:
        """In part of a dataset, as in `classify`."""
        rows = {"Z": 0, "N": 1, "1": 1, "E": 2, "2": 2}
        with WaveformDataWriter(tmp_path / "metadata.csv", tmp_path / "waveforms.hdf5") as writer:
            writer.data_format = {"dimension_order": "CW"}
            samples = np.random.default_rng(0).normal(size=(3, 4000))
            for codes in (order, stored, "Z"):
                trace = {"source_id": codes, "source_type": "quake", "trace_sampling_rate_hz": 100}
                trace |= {"trace_p_arrival_sample": 1000, "trace_component_order": codes}
                writer.add_trace(trace, samples[[rows[code] for code in codes]])
        data = read_windows(open_dataset(tmp_path), Preprocessing(component_order=order))
        assert data.notes == {f"left out: component missing: {', '.join(sorted(order[1:]))}": 1}
        np.testing.assert_array_equal(data.windows[0], data.windows[1])
        vertical = read_windows(open_dataset(tmp_path), Preprocessing(component_order="Z"))
        np.testing.assert_array_equal(vertical.windows, np.tile(data.windows[:1, :1], (3, 1, 1)))

    @pytest.mark.parametrize(
        "opened",
        [
            {"component_order": "ENZ"},
            {"component_order": "Z"},
            {"component_order": "Z", "missing_components": "ignore"},
            {"component_order": "ZNE", "dimension_order": "NWC"},
            {"component_order": "ZNE", "sampling_rate": 20, "cache": "trace"},
        ],
    )
    @pytest.mark.parametrize("order", ["ZNE", "Z", "EZ"])
    def test_a_dataset_may_be_opened_in_any_way(
        self, dataset_folder: Path, plain: LabelledWindows, opened: dict[str, Any], order: str
    ) -> None:
        dataset = WaveformDataset(dataset_folder, **{"dimension_order": "NCW", **opened})
        dataset.filter((np.arange(48) < 6), inplace=True)
        found = read_windows(dataset, Preprocessing(component_order=order))
        np.testing.assert_array_equal(found.windows, plain.windows[:6, ["ZNE".index(code) for code in order]])
        assert dataset.component_order == opened["component_order"]
        assert dataset.sampling_rate == opened.get("sampling_rate")


class TestRepeatedRows:
    def test_a_trace_counts_once(self, dataset_folder: Path, tmp_path: Path, plain: LabelledWindows) -> None:
        copy = change(dataset_folder, tmp_path)
        metadata = pd.read_csv(copy / "metadata.csv")
        moved = metadata[5:6].assign(split="dev", source_id="again")
        later = metadata[9:10].assign(trace_p_arrival_sample=metadata["trace_p_arrival_sample"][9] + 10)
        pd.concat([metadata, metadata[:3], moved, later]).to_csv(copy / "metadata.csv", index=False)
        data = read_windows(open_dataset(copy), Preprocessing())
        assert data.notes == {"left out: repeats trace and pick of an earlier row": 4}
        np.testing.assert_array_equal(data.windows[:48], plain.windows)
        assert len(data) == 49  # another pick is another window

    def test_contradicting_labels_are_refused(self, dataset_folder: Path, tmp_path: Path) -> None:
        copy = change(dataset_folder, tmp_path)
        metadata = pd.read_csv(copy / "metadata.csv")
        pd.concat([metadata, metadata[:1].assign(source_type="high")]).to_csv(copy / "metadata.csv", index=False)
        dataset = open_dataset(copy)
        with pytest.raises(DatasetError, match=r"several rows with one pick and different labels \(low, high\)"):
            read_windows(dataset, Preprocessing())
        assert len(read_windows(dataset, Preprocessing(), labels=["high"])) == 25

    def test_joined_datasets_may_use_the_same_names(self, dataset_folder: Path, plain: LabelledWindows) -> None:
        one = open_dataset(dataset_folder)
        both = one + one
        data = read_windows(both, Preprocessing(), cuts=Cuts(max_shift=1.0, copies=1))
        assert len(data) == 192
        np.testing.assert_array_equal(data.as_picked().windows, np.tile(plain.windows, (2, 1, 1)))
        both.filter(np.arange(96) >= 47)
        data = read_windows(both, Preprocessing(component_order="Z"))
        np.testing.assert_array_equal(data.windows[:2], plain.windows[[47, 0], :1])


def test_a_class_without_windows_is_an_error(dataset_folder: Path, tmp_path: Path) -> None:
    """All traces of one class are sampled too slowly; training on the other classes would hide the loss."""
    expected = open_dataset(dataset_folder).metadata
    slow = expected["trace_sampling_rate_hz"] == 40
    copy = change(dataset_folder, tmp_path, source_type=expected["source_type"].where(~slow, "slow"))
    with pytest.raises(DatasetError, match=r"no trace of slow gives a window: .*sampled at 40 Hz"):
        read_windows(open_dataset(copy), Preprocessing(band=(1, 22)))


def test_numeric_labels_missing_events_and_no_split(dataset_folder: Path, tmp_path: Path) -> None:
    rows = np.arange(48)
    events = pd.Series([f"event{row // 2}" for row in rows]).where(rows != 5).mask(rows == 8, " ")
    copy = change(dataset_folder, tmp_path, source_type=rows // 2 % 2, source_id=events, split=None)
    data = read_windows(open_dataset(copy), Preprocessing(), labels=["1"])
    assert set(data.labels) == {"1"}
    data = read_windows(open_dataset(copy), Preprocessing())
    assert data.groups[4:9].tolist() == ["event2", "trace 5", "event3", "event3", "trace 8"]
    assert data.notes == {"no event, used as its own event": 2}
    with pytest.raises(DatasetError, match="none, as the dataset has no split column"):
        data.in_split("train")


def test_a_filtered_dataset_returns_the_waveforms_of_its_rows(dataset_folder: Path, plain: LabelledWindows) -> None:
    dataset = open_dataset(dataset_folder)
    dataset.filter((dataset.metadata["station_code"] == "ST1").to_numpy(), inplace=True)
    found = read_windows(dataset, Preprocessing())
    np.testing.assert_array_equal(found.windows, plain.windows[1::2])
    assert found.labels.tolist() == plain.labels[1::2].tolist()


def test_windows_beyond_the_memory_limit_are_in_a_file_and_train_the_same_model(dataset_folder: Path) -> None:
    model = lcl.MiniRocketRidge(labels=["high", "low"], extractor_args={"max_features": 84})
    enough = 48 * 3 * 2000 * 4e-9
    held, filed = (
        read_windows(open_dataset(dataset_folder), model.preprocessing, memory=memory)
        for memory in (1.001 * enough, 0.999 * enough)
    )
    assert isinstance(held.windows, np.ndarray)
    assert isinstance(filed.windows, RowFile)
    np.testing.assert_array_equal(filed.windows, held.windows)
    heads = []
    for data in (held, filed):
        train = data.in_split("train")
        heads.append(model.fresh().fit(train.windows, train.labels, train.groups).head)
    for name, expected in heads[0].state_dict().items():
        np.testing.assert_allclose(heads[1].state_dict()[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(heads[1].held_out, heads[0].held_out, atol=1e-5)


class TestUnlabelled:
    def test_traces_without_label_get_an_empty_label(
        self, dataset_folder: Path, tmp_path: Path, plain: LabelledWindows
    ) -> None:
        labels = pd.Series(np.where(np.arange(48) % 3 == 0, None, "quake"), dtype=object)
        copy = change(dataset_folder, tmp_path, source_type=labels)
        found = read_windows(open_dataset(copy), Preprocessing(), unlabelled=True)
        assert found.labels.tolist() == labels.fillna("").tolist()
        assert found.labels.dtype.kind == "U"
        np.testing.assert_array_equal(found.windows, plain.windows)
        assert found.groups.tolist() == plain.groups.tolist()
        assert found.notes == {}
        labelled = read_windows(open_dataset(copy), Preprocessing())
        np.testing.assert_array_equal(labelled.windows, plain.windows[labels.notna()])

    def test_chosen_labels_and_unlabelled_traces(self, dataset_folder: Path, tmp_path: Path) -> None:
        labels = pd.Series(["a", "b", None] * 16, dtype=object)
        dataset = open_dataset(change(dataset_folder, tmp_path, source_type=labels))
        assert set(read_windows(dataset, Preprocessing(), labels=["a"], unlabelled=True).labels) == {"a", ""}
        with pytest.raises(DatasetError, match="no trace is labelled c in"):
            read_windows(dataset, Preprocessing(), labels=["c"], unlabelled=True)

    def test_a_dataset_without_the_column(self, dataset_folder: Path, tmp_path: Path) -> None:
        dataset = open_dataset(change(dataset_folder, tmp_path, source_type=None))
        with pytest.raises(DatasetError, match="has no column 'source_type'"):
            read_windows(dataset, Preprocessing())
        columns = set(dataset.metadata.columns)
        data = read_windows(dataset, Preprocessing(), unlabelled=True)
        assert set(data.labels) == {""}
        assert len(data) == 48
        assert set(dataset.metadata.columns) == columns
        assert len(data.in_split("dev")) == 16
        with pytest.raises(DatasetError, match="has no column 'event'"):
            read_windows(dataset, Preprocessing(), unlabelled=True, group_column="event")

    def test_a_trace_without_label_or_pick_is_cut_from_the_middle(self, odd_dataset: Path) -> None:
        metadata = pd.read_csv(odd_dataset / "metadata.csv")
        metadata.drop(columns="source_type").to_csv(odd_dataset / "metadata.csv", index=False)
        data = read_windows(open_dataset(odd_dataset), Preprocessing(), unlabelled=True)
        assert data.notes["no P arrival, cut from the middle: without label"] == 1
        assert len(data) == 3

    def test_a_class_without_windows_does_not_stop_a_training_without_labels(
        self, dataset_folder: Path, tmp_path: Path
    ) -> None:
        """Whether all "slow" or all unlabelled traces are too slow: the others train a model without labels."""
        slow = open_dataset(dataset_folder).metadata["trace_sampling_rate_hz"] == 40
        fast = Preprocessing(band=(1, 22))
        for label in ("slow", None):
            copy = change(dataset_folder, tmp_path / str(label), source_type=slow.map({True: label, False: "quake"}))
            data = read_windows(open_dataset(copy), fast, unlabelled=True)
            assert set(data.labels) == {"quake"}
            assert data.notes == {"left out: sampled at 40 Hz": 12}
        none = open_dataset(change(dataset_folder, tmp_path / "none", source_type=None))
        with pytest.raises(
            DatasetError,
            match=r"^no trace gives a window: trace does not cover the whole window \(48 traces\): use a model",
        ):
            read_windows(none, Preprocessing(in_samples=5000), unlabelled=True)


class TestCuts:
    def test_a_copy_equals_a_window_at_another_p(self, dataset_folder: Path, plain: LabelledWindows) -> None:
        dataset, preprocessing, cuts = open_dataset(dataset_folder), Preprocessing(), Cuts(max_shift=1.5, copies=3)
        data = read_windows(dataset, preprocessing, cuts=cuts)
        assert data.windows.shape == (4 * 48, 3, 2000)
        assert data.shifts.dtype == data.snr.dtype == np.float32
        assert np.abs(data.shifts).max() <= 1.5
        np.testing.assert_array_equal(data.windows[::4], plain.windows)
        np.testing.assert_array_equal(np.flatnonzero(data.shifts == 0), np.arange(0, 192, 4))
        for row in (1, 3, 190):
            before = preprocessing.before - float(data.shifts[row])
            moved = read_windows(dataset, replace(preprocessing, before=before))
            np.testing.assert_array_equal(data.windows[row], moved.windows[row // 4])
            record = preprocessing.condition(
                dataset.get_waveforms(row // 4)[0], dataset.metadata["trace_sampling_rate_hz"][row // 4]
            )
            start = round(2800 + 100 * float(data.shifts[row]))
            np.testing.assert_array_equal(data.windows[row, 0], record[start : start + 2000])
        for name in ("labels", "groups", "splits", "snr"):
            np.testing.assert_array_equal(getattr(data, name), np.repeat(getattr(plain, name), 4), err_msg=name)
        assert data.metadata["station_code"].tolist() == np.repeat(plain.metadata["station_code"], 4).tolist()
        assert data.notes == {}
        assert len(data.in_split("dev")) == 64

    def test_as_picked_returns_the_unshifted_windows(self, dataset_folder: Path, plain: LabelledWindows) -> None:
        assert plain.as_picked() is plain
        assert set(plain.shifts.tolist()) == {0}
        for memory in (np.inf, 0):
            data = read_windows(
                open_dataset(dataset_folder), Preprocessing(), cuts=Cuts(max_shift=1.0, copies=2), memory=memory
            )
            assert isinstance(data.windows, RowFile) == (memory == 0)
            found = data.as_picked()
            np.testing.assert_array_equal(found.windows, plain.windows)
            assert found.groups.tolist() == plain.groups.tolist()
            assert found.metadata.reset_index(drop=True).equals(plain.metadata)

    def test_copies_count_towards_the_memory_limit(self, dataset_folder: Path) -> None:
        three = 3 * 48 * 3 * 2000 * 4e-9
        for memory, kind in ((1.001 * three, np.ndarray), (0.999 * three, RowFile)):
            data = read_windows(
                open_dataset(dataset_folder), Preprocessing(), cuts=Cuts(max_shift=1.0, copies=2), memory=memory
            )
            assert isinstance(data.windows, kind)

    def test_the_copies_of_a_trace_do_not_depend_on_the_other_traces(self, dataset_folder: Path) -> None:
        dataset, cuts = open_dataset(dataset_folder), Cuts(max_shift=1.0, copies=2)
        every = read_windows(dataset, Preprocessing(), cuts=cuts)
        high = read_windows(dataset, Preprocessing(), labels=["high"], cuts=cuts)
        np.testing.assert_array_equal(high.windows, every.windows[every.labels == "high"])
        dataset.filter((dataset.metadata["station_code"] == "ST1").to_numpy(), inplace=True)
        one = read_windows(dataset, Preprocessing(), cuts=cuts)
        rows = (every.metadata["station_code"] == "ST1").to_numpy()
        np.testing.assert_array_equal(one.windows, every.windows[rows])
        np.testing.assert_array_equal(one.shifts, every.shifts[rows])
        other = read_windows(dataset, Preprocessing(), cuts=Cuts(max_shift=1.0, copies=2, seed=1))
        assert (other.shifts[other.shifts != 0] != one.shifts[one.shifts != 0]).all()

    def test_copies_that_do_not_fit_are_left_out_silently(self, odd_dataset: Path) -> None:
        """With P at 10 s, a window of 30 s starts at 2 s and ends 8 s before the end of the trace of 40 s."""
        long = Preprocessing(in_samples=3000, before=8.0)
        cuts = Cuts(max_shift=6.0, copies=40)
        data = read_windows(open_dataset(odd_dataset), long, labels=["quake"], cuts=cuts)
        expected = [shift for trace in (1, 2) for shift in cuts.shifts(trace) if shift >= -2]
        np.testing.assert_array_equal(data.shifts, np.array(expected, dtype=np.float32))
        assert 40 < len(data) < 70
        plain = read_windows(open_dataset(odd_dataset), long, labels=["quake"])
        assert data.notes == plain.notes

    def test_p_must_stay_in_the_window(self, dataset_folder: Path) -> None:
        for before, farthest in ((0.5, 0.5), (19.5, 0.5), (0.0, 0.0)):
            preprocessing = Preprocessing(before=before)
            expected = f"max_shift of 0.6 s moves P out of the window, .* {before:g} s before P; .* {farthest:g} s,"
            with pytest.raises(ConfigurationError, match=expected):
                read_windows(open_dataset(dataset_folder), preprocessing, cuts=Cuts(max_shift=0.6, copies=1))

    def test_traces_with_a_p_arrival_are_marked(self, odd_dataset: Path) -> None:
        data = read_windows(open_dataset(odd_dataset), Preprocessing(), cuts=Cuts(max_shift=1.0, copies=1))
        assert data.has_p is not None
        assert data.has_p.tolist() == (data.labels == "quake").tolist()
        quakes = data.select(data.labels == "quake")
        assert quakes.has_p is not None
        assert quakes.has_p.all()

    def test_picks_outside_the_trace_are_left_out(self, dataset_folder: Path, tmp_path: Path) -> None:
        picks = open_dataset(dataset_folder).metadata["trace_p_arrival_sample"].astype(float)
        picks[:3] = [np.inf, -1e300, 1e12]
        dataset = open_dataset(change(dataset_folder, tmp_path, trace_p_arrival_sample=picks))
        data = read_windows(dataset, Preprocessing(), cuts=Cuts(max_shift=1.0, copies=1, refine=1.0))
        assert data.notes == {"left out: trace does not cover the whole window": 3}
        assert len(data) == 90

    def test_a_copy_with_a_gap_is_left_out(self, odd_dataset: Path) -> None:
        """The fourth quake has a flat line from 15 to 19 s, which a window of 6 s around P at 10 s may include."""
        short, cuts = Preprocessing(in_samples=600), Cuts(max_shift=2.0, copies=30)
        data = read_windows(open_dataset(odd_dataset), short, labels=["quake"], cuts=cuts)
        shifts = data.shifts[data.groups == "q3"]
        wanted = cuts.shifts(4)
        assert len(shifts) == np.count_nonzero(wanted <= 1.305)  # s: 5% of a window may be missing
        assert shifts.max() <= 1.305 < wanted.max()

    def test_noise_is_shifted_too_and_counted_once(self, odd_dataset: Path) -> None:
        dataset, cuts = open_dataset(odd_dataset), Cuts(max_shift=2.0, copies=4, refine=1.0)
        data = read_windows(dataset, Preprocessing(), labels=["noise"], cuts=cuts)
        whole = Preprocessing().condition(dataset.get_waveforms(0)[0], 100)
        assert len(data) == 5
        for window, shift in zip(data.windows, cuts.shifts(0), strict=True):
            start = 1000 + round(100 * shift)
            np.testing.assert_array_equal(window[0], whole[start : start + 2000])
        assert data.notes == {"no P arrival, cut from the middle: noise": 1}
        assert np.isnan(data.snr).all()

    def test_a_trace_without_event_is_one_event_with_its_copies(self, dataset_folder: Path, tmp_path: Path) -> None:
        events = pd.Series([f"event{row // 2}" for row in range(48)]).where(np.arange(48) != 5)
        copy = change(dataset_folder, tmp_path, source_id=events)
        data = read_windows(open_dataset(copy), Preprocessing(), cuts=Cuts(max_shift=1.0, copies=1))
        assert data.groups[8:14].tolist() == ["event2"] * 2 + ["trace 5"] * 2 + ["event3"] * 2
        assert data.notes == {"no event, used as its own event": 1}

    def test_a_wrong_pick_is_moved_to_the_onset(self, odd_dataset: Path) -> None:
        """Noise is ten times louder after 10 s; the second pick is 0.6 s late."""
        rng = np.random.default_rng(1)
        data = rng.normal(size=(3, 4000)) * np.where(np.arange(4000) < 1000, 1, 10)
        folder = odd_dataset / "late"
        folder.mkdir()
        with WaveformDataWriter(folder / "metadata.csv", folder / "waveforms.hdf5") as writer:
            writer.data_format = {"dimension_order": "CW"}
            for name, pick in (("right", 1000), ("late", 1060)):
                writer.add_trace(
                    {
                        "source_id": name,
                        "source_type": "quake",
                        "trace_sampling_rate_hz": 100,
                        "trace_p_arrival_sample": pick,
                        "trace_component_order": "ZNE",
                    },
                    data,
                )
        dataset = open_dataset(folder)
        right, late = read_windows(dataset, Preprocessing()).windows
        np.testing.assert_array_equal(late[:, :-60], right[:, 60:])
        found = read_windows(dataset, Preprocessing(), cuts=Cuts(refine=1.0))
        np.testing.assert_array_equal(found.windows[0], found.windows[1])
        whole = Preprocessing().condition(dataset.get_waveforms(0)[0], 100)
        starts = [
            start for start in range(780, 821) if np.array_equal(whole[start : start + 2000], found.windows[0, 0])
        ]
        assert starts == [pytest.approx(800, abs=5)]
        assert found.snr[0] == pytest.approx(20, abs=1)
        assert found.snr[0] == found.snr[1]
        assert set(found.shifts.tolist()) == {0}


@pytest.mark.parametrize(
    ("lengths", "message"),
    [((17,), "^no window of quake fits: traces are 17 s long, the model needs 20 s: use a model with shorter windows"),
     ((15, 17), "traces are 15 to 17 s long, the model needs 20 s"),
     ((15, 17, 0), r"no trace of quake gives a window: trace shorter than the window \(2 traces\); has no samples")],
)  # fmt: skip
def test_advice_fits_the_cause(tmp_path: Path, lengths: tuple[int, ...], message: str) -> None:
    with WaveformDataWriter(tmp_path / "metadata.csv", tmp_path / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": "ZNE"}
        for i, seconds in enumerate(lengths):
            row = {"source_type": "quake", "source_id": f"q{i}", "trace_sampling_rate_hz": 100.0}
            row |= {"trace_p_arrival_sample": 200, "trace_component_order": "ZNE"}
            writer.add_trace(row, np.random.default_rng(i).normal(size=(3, 100 * seconds)))
    with pytest.raises(DatasetError, match=message):
        read_windows(open_dataset(tmp_path), Preprocessing())


@pytest.mark.parametrize("codes", ["Z23", "UNE"])
def test_unusual_component_codes(dataset_folder: Path, tmp_path: Path, codes: str, plain: LabelledWindows) -> None:
    renamed = open_dataset(change(dataset_folder, tmp_path, trace_component_order=codes))
    np.testing.assert_array_equal(read_windows(renamed, Preprocessing()).windows, plain.windows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_column": "source_typ"}, r"no column 'source_typ'; did you mean 'source_type'"),
        ({"labels": ["hihg"]}, r"no trace is labelled hihg in 'source_type'; did you mean 'high'\?"),
    ],
)
def test_misspelt_columns_and_labels(dataset_folder: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_windows(open_dataset(dataset_folder), Preprocessing(), **arguments)
    with pytest.raises(DatasetError, match=r"neither .*; did you mean 'STEAD'"):
        open_dataset("STED")
