import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import obspy
import pandas as pd
import pytest
import seisbench.models
import torch
from conftest import START, ground_motion
from safetensors.torch import load_file, save_file
from seisbench.models.base import SeisBenchModel

import seisbench_lcl as lcl
from seisbench_lcl import errors
from seisbench_lcl.hub import weights
from seisbench_lcl.training import open_dataset, read_windows
from seisbench_lcl.waveforms.preprocessing import Normalisation

RATES = (40, 50, 100, 125, 200)
TOLERANCE = 1e-3  # of a probability, between native sampling rates
TOLERANCE_AT_ENDS = 0.03  # of windows at the ends of a record, where the filters lack samples


@pytest.fixture(scope="module")
def trained(dataset_folder: Path) -> lcl.MiniRocketRidge:
    model = lcl.MiniRocketRidge(
        labels=["high", "low"],
        extractor_args={"max_features": 1680},
        default_args={"stride": 200, "max_novelty": None},
    )
    data = read_windows(open_dataset(dataset_folder), model.preprocessing).in_split("train")
    return model.fit(data.windows, data.labels, data.groups)


@pytest.fixture(scope="module")
def small() -> lcl.MiniRocketRidge:
    """A quick model, fitted to noise."""
    windows = np.random.default_rng(0).normal(size=(12, 3, 2000)).astype(np.float32)
    return lcl.MiniRocketRidge(labels=["a", "b"], extractor_args={"max_features": 168}).fit(windows, ["a", "b"] * 6)


def motion_stream(rate: float, seed: int, kind: str) -> obspy.Stream:
    motion = ground_motion(seed, np.arange(round(60 * rate)) / rate, kind)
    header = {"network": "XX", "station": f"R{rate}", "sampling_rate": rate, "starttime": START}
    return obspy.Stream(
        obspy.Trace(data.astype(np.float32), header | {"channel": f"HH{c}"})
        for c, data in zip("ZNE", motion, strict=True)
    )


@pytest.mark.parametrize("kind", ["high", "low"])
def test_one_ground_motion_gets_one_probability_at_any_sampling_rate(
    trained: lcl.MiniRocketRidge, tmp_path: Path, kind: str
) -> None:
    """Trained on dataset windows, applied to miniSEED files, with P at 2 s and anywhere else in a window."""
    curves = []
    for rate in RATES:
        motion_stream(rate, 7, kind).write(tmp_path / f"{rate}.mseed", "MSEED")
        stream = obspy.read(tmp_path / f"{rate}.mseed")
        out = trained.classify(stream, stride=400).windows.to_dataframe().set_index("start_time")
        assert out["label"][(START + 28).datetime] == kind
        curves.append(out["high"].to_numpy())
    for curve in curves:
        np.testing.assert_allclose(curve[1:-1], curves[2][1:-1], atol=TOLERANCE)
        np.testing.assert_allclose(curve, curves[2], atol=TOLERANCE_AT_ENDS)


def test_classify_agrees_with_predict_proba_on_training_windows(
    trained: lcl.MiniRocketRidge, dataset_folder: Path
) -> None:
    dataset = open_dataset(dataset_folder)
    data = read_windows(dataset, trained.preprocessing)
    expected = trained.predict_proba(data.windows[:4])
    for row, probabilities in zip(range(4), expected, strict=True):
        rate = dataset.metadata["trace_sampling_rate_hz"][row]
        stream = obspy.Stream(
            obspy.Trace(x, {"channel": f"HH{c}", "sampling_rate": rate, "starttime": START})
            for c, x in zip("ZNE", dataset.get_waveforms(row), strict=True)
        )
        window = trained.classify(stream, stride=2800).windows[1]
        np.testing.assert_allclose(list(window.probabilities.values()), probabilities, atol=1e-5)


def test_probabilities_do_not_depend_on_batch_stride_or_company(
    model: lcl.MiniRocketRidge, make_stream: Callable
) -> None:
    stream = make_stream(40)
    every = model.classify(stream, stride=100).windows.to_dataframe()
    other = model.classify(stream + make_stream(30, station="YY.Z..EH", seed=3), stride=300, batch_size=2).windows
    some = other.to_dataframe().query("station == 'XX.ABC..HH'")
    np.testing.assert_allclose(every[model.labels][::3], some[model.labels], atol=1e-6)
    assert (every[model.labels].sum(axis=1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("normalisation", get_args(Normalisation))
@pytest.mark.parametrize("padding", ["alternate", "none"])
def test_overlapping_windows_get_the_probabilities_of_single_windows(
    small: lcl.MiniRocketRidge,
    make_stream: Callable,
    monkeypatch: pytest.MonkeyPatch,
    normalisation: Normalisation,
    padding: str,
) -> None:
    changes = {"normalisation": normalisation, "extractor_args": {"max_features": 168, "padding": padding}}
    model = lcl.MiniRocketRidge(**small.get_model_args() | changes, default_args={"max_novelty": None})
    model.load_state_dict(small.state_dict())
    stream = (
        make_stream(70) + make_stream(47.3, rate=50, station="YY.Z..EH", seed=3) + make_stream(5, station="A.B..HH")
    )
    stream[0].data[6_200:] *= 0  # a dead channel
    stream[4].data = np.ma.masked_array(stream[4].data, mask=False)
    stream[4].data[900:960] = np.ma.masked
    stream[3].data[1_500] *= 30  # sets the scale of some windows

    def count(*arguments: Any, **keywords: Any) -> Any:
        calls.append(arguments)
        return slide(*arguments, **keywords)

    calls: list[Any] = []
    slide = model.extractor.slide
    monkeypatch.setattr(model.extractor, "slide", count)
    for stride in (45, 400, 401):
        calls.clear()
        found = model.classify(stream, stride=stride, batch_size=50)
        assert bool(calls) == (normalisation.endswith("peak") and stride <= 400)
        with monkeypatch.context() as patch:
            patch.setattr(type(model.extractor), "slides", False)
            expected = model.classify(stream, stride=stride, batch_size=7)
            expected_traces = model.annotate(stream, stride=stride, batch_size=7)
        windows = expected.windows.to_dataframe()
        assert windows["label"].notna().sum() > 10
        assert windows["reason"].str.contains("component N present").any()
        pd.testing.assert_frame_equal(found.windows.to_dataframe(), windows)
        for trace, other in zip(model.annotate(stream, stride=stride), expected_traces, strict=True):
            assert trace.stats == other.stats
            np.testing.assert_allclose(trace.data, other.data, atol=1e-6)


def test_calls_from_several_threads_at_once(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    streams = [make_stream(40, seed=i) for i in range(6)]
    alone = [model.classify(s).windows.to_dataframe()[model.labels].to_numpy() for s in streams]
    with ThreadPoolExecutor(6) as pool:
        together = [w.windows.to_dataframe()[model.labels].to_numpy() for w in pool.map(model.classify, streams)]
    np.testing.assert_array_equal(alone, together)


def test_abstentions_leave_the_rest_of_the_record(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    whole = make_stream(90)
    gappy = whole.copy()
    gappy[1].data = np.ma.masked_array(gappy[1].data, mask=False)
    gappy[1].data[4000:4400] = np.ma.masked
    frame = model.classify(gappy, stride=100).windows.to_dataframe()
    abstained = frame["label"].isna()
    # A window with less than 1 s of the gap has more than 95 % of its samples.
    assert frame[abstained].index.tolist() == list(range(22, 43))
    assert frame.loc[abstained, model.labels].isna().all(axis=None)
    assert frame.loc[30, "reason"].startswith("80% of component N present")
    far = frame.index[(frame.index < 10) | (frame.index > 50)]
    expected = model.classify(whole, stride=100).windows.to_dataframe()
    np.testing.assert_allclose(frame.loc[far, model.labels], expected.loc[far, model.labels], atol=2e-3)
    assert model.classify(gappy, strict=True).windows.to_dataframe()["label"].isna().sum() == 23


def spoilt(stream: obspy.Stream, how: str) -> obspy.Stream:
    for trace in stream:
        if how == "masked":
            trace.data = np.ma.masked_all_like(trace.data)
        elif how == "hydrophone":
            trace.stats.channel = "HDH"
        elif how == "slow":
            trace.data, trace.stats.sampling_rate = trace.data[::5], 20
        elif how == "text":
            trace.data = np.array(list("log" * 100), dtype="S1")
    return obspy.Stream() if how == "empty" else stream


BAD_STREAMS = [
    ("empty", errors.EmptyStreamError, "the stream is empty"),
    ("masked", errors.EmptyStreamError, "none of the 3 traces holds a sample: all are empty or fully masked"),
    ("hydrophone", errors.ComponentError, "but the model needs the components Z, N, E: rename"),
    ("slow", errors.SamplingRateError, "sampled at 20 Hz, but the model's band reaches 18 Hz"),
    ("text", errors.WaveformError, "not numbers"),
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("how", "error", "message"), BAD_STREAMS)
def test_a_stream_that_cannot_be_read_says_why(
    model: lcl.MiniRocketRidge, make_stream: Callable, how: str, error: type[Exception], message: str
) -> None:
    for method in (model.classify, model.annotate):
        with pytest.raises(error, match=message):
            method(spoilt(make_stream(), how))


@pytest.mark.parametrize("how", ["masked", "hydrophone", "slow", "text"])
def test_a_bad_station_abstains_beside_a_good_one(model: lcl.MiniRocketRidge, make_stream: Callable, how: str) -> None:
    stream = spoilt(make_stream(station="XX.BAD..HH"), how) + make_stream(station="XX.GOOD..HH")
    frame = model.classify(stream).windows.to_dataframe()
    good = frame["station"] == "XX.GOOD..HH"
    assert frame["label"][good].notna().all()
    assert good.sum() == 11
    assert frame["label"][~good].isna().all()
    assert (frame["reason"][~good] != "").all()
    assert (~good).sum() == (0 if how == "masked" else 1)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"stride": 0}, "stride must be a whole number"),
        ({"stride": 2.5}, "stride must be a whole number"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"min_coverage": 0}, "min_coverage must be a number above 0"),
        ({"threshold": 1.5}, "threshold must be a number above 0"),
        ({"threshold": "high"}, "threshold must be a number above 0"),
    ],
)
def test_arguments_out_of_range(
    model: lcl.MiniRocketRidge, make_stream: Callable, argument: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=message):
        model.classify(make_stream(), **argument)


def test_only_streams_are_classified(model: lcl.MiniRocketRidge) -> None:
    with pytest.raises(errors.WaveformError, match=r"but is a Trace: wrap it in obspy\.Stream"):
        model.classify(obspy.read()[0])
    with pytest.raises(errors.WaveformError, match="but is a str"):
        model.annotate("file.mseed")


@pytest.mark.parametrize("factor", [1e-30, 1e-15, 1e12, 1e30])
def test_units_do_not_matter(model: lcl.MiniRocketRidge, make_stream: Callable, factor: float) -> None:
    stream = make_stream(30)
    expected = model.classify(stream).windows.to_dataframe()[model.labels]
    for trace in stream:
        trace.data = trace.data * factor
    np.testing.assert_allclose(model.classify(stream).windows.to_dataframe()[model.labels], expected, atol=2e-3)


def test_amplitudes_beyond_single_precision_abstain(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    stream = make_stream(30)
    for trace in stream:
        trace.data = trace.data * 1e50
    with pytest.raises(errors.WaveformError, match="too large"):
        model.classify(stream)


def test_straight_lines_are_no_signal(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    """A gap filled by interpolation, and a ramp from end to end."""
    stream = make_stream(90)
    stream[2].data[3000:6000] = np.linspace(500, -800, 3000)
    frame = model.classify(stream).windows.to_dataframe()
    assert frame["label"].isna().tolist() == [12 <= second <= 58 for second in range(71)]
    for trace in stream:
        trace.data = np.arange(9000) * 3.0
    assert model.classify(stream).windows.to_dataframe()["label"].isna().all()


def test_a_model_cast_to_half_precision_is_refused(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    """Its weights would not come back with model.float()."""
    expected = model.classify(make_stream()).windows.to_dataframe()
    with pytest.raises(errors.ConfigurationError, match=r"cannot be cast to torch\.float16"):
        model.half()
    assert model.double().float().classify(make_stream()).windows.to_dataframe().equals(expected)
    model.extractor.half()  # behind the model's back
    with pytest.raises(errors.ConfigurationError, match="load the weights again"):
        model.classify(make_stream())


def test_default_arguments_are_saved_with_the_weights(
    trained: lcl.MiniRocketRidge, tmp_path: Path, make_stream: Callable
) -> None:
    trained.save(tmp_path / "w")
    loaded = lcl.MiniRocketRidge.load(tmp_path / "w")
    assert {trace.stats.sampling_rate for trace in loaded.annotate(make_stream(30))} == {0.5}
    assert {trace.stats.sampling_rate for trace in loaded.annotate(make_stream(30), stride=100)} == {1.0}


class TestFit:
    X = np.random.default_rng(0).normal(size=(12, 3, 200)).astype(np.float32)
    labels = ("a", "b") * 6

    def model(self, **kwargs: Any) -> lcl.MiniRocketRidge:
        return lcl.MiniRocketRidge(
            labels=["a", "b"], in_samples=200, before=0.5, extractor_args={"max_features": 840}, **kwargs
        )

    def test_unfitted_models_have_no_probabilities_and_no_weights(self, tmp_path: Path) -> None:
        with pytest.raises(errors.NotFittedError, match="fit"):
            self.model().predict_proba(self.X)
        with pytest.raises(errors.NotFittedError, match="fit"):
            self.model().save(tmp_path / "w")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("labels", "groups", "message"),
        [
            (("a",) * 12, None, r"no window is labelled \['b'\]"),
            (("a", "c") * 6, None, r"does not know the labels \['c'\]"),
            (("a", "b") * 5, None, "12 windows came with 10 labels"),
            (labels, range(5), "12 windows came with 5 groups"),
            (labels, [0] * 12, "event 0 has windows labelled 'a' and 'b'"),
            (labels, [0, 1] * 6, "a single event"),
        ],
    )
    def test_labels_and_groups_that_make_no_sense(self, labels: Any, groups: Any, message: str) -> None:
        with pytest.raises(errors.TrainingError, match=message):
            self.model().fit(self.X, labels, groups)

    @pytest.mark.parametrize("method", ["fit", "predict_proba"])
    def test_windows_without_information(self, method: str) -> None:
        model = self.model().fit(self.X, self.labels)
        arguments = (self.labels,) if method == "fit" else ()
        for value, message in ((np.nan, "NaN"), (7.0, "without any motion, the first at index 3")):
            spoilt = self.X.copy()
            spoilt[3, 1] = value
            with pytest.raises(errors.WindowError, match=message):
                getattr(model, method)(spoilt, *arguments)
        with pytest.raises(errors.WindowError, match="must be numbers"):
            getattr(model, method)("windows", *arguments)

    def test_windows_of_another_shape_or_with_nan(self) -> None:
        with pytest.raises(errors.WindowError, match=r"\(B, 3, 200\)"):
            self.model().fit(self.X[:, :2], self.labels)
        spoilt = self.X.copy()
        spoilt[4, 1, 7] = np.nan
        with pytest.raises(errors.WindowError, match="index 4"):
            self.model().fit(spoilt, self.labels)

    def test_a_failed_refit_leaves_the_model_as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shape = {"labels": ["a", "b"], "in_samples": 200, "before": 0.5}
        network = lcl.ResNet18(**shape, extractor_args={"width": 2, "epochs": 1, "augmentations": {}})
        for model in (self.model(), network):
            windows, labels = np.tile(self.X, (2, 1, 1)), self.labels * 2
            model.fit(windows, labels)
            held_out, inner, unseen = model.held_out.copy(), model.head.held_out.copy(), model.extractor.unseen
            histories, expected = model.histories, model.predict_proba(self.X)
            with monkeypatch.context() as patch:
                patch.setattr(model.novelty_detector, "fit", lambda *arguments: 1 / 0)  # the last step
                with pytest.raises(ZeroDivisionError):
                    model.fit(2 * windows[::-1][:20] ** 3, labels[:20])
            np.testing.assert_array_equal(model.held_out, held_out)
            np.testing.assert_array_equal(model.head.held_out, inner)
            assert model.extractor.unseen is unseen
            assert model.histories == histories
            assert not model.training
            np.testing.assert_array_equal(model.predict_proba(self.X), expected)

    def test_sizes_and_rates_of_numpy(self, tmp_path: Path) -> None:
        model = lcl.MiniRocketRidge(
            labels=np.array(["a", "b"]),
            sampling_rate=np.float32(100),
            in_samples=np.int64(200),
            band=np.array([1, 20]),
            before=np.float64(0.5),
            novelty_rate=np.float32(0.125),
            extractor_args={"max_features": np.int64(168), "seed": np.int32(3)},
            head_args={"alphas": np.array([1.0, 10.0]), "class_weight": {np.int64(0): np.float32(2)}},
            default_args={"stride": np.int64(50)},
        ).fit(self.X, np.array(self.labels))
        model.save(tmp_path / "w")
        loaded = lcl.MiniRocketRidge.load(tmp_path / "w")
        assert loaded.get_model_args() == model.get_model_args()
        assert (loaded.in_samples, loaded.default_args) == (200, {"stride": 50})

    def test_same_data_same_model(self) -> None:
        one, two = (self.model().fit(self.X, self.labels).state_dict() for _ in range(2))
        assert all(torch.equal(one[name], two[name]) for name in one)

    def test_units_and_offsets_change_nothing(self) -> None:
        """In fitting and in predicting; biases of raw counts would give constant features."""
        one = self.model().fit(self.X, self.labels)
        other = self.model().fit(1e6 * self.X + 50, self.labels)
        torch.testing.assert_close(one.extractor.biases, other.extractor.biases, atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(one.predict_proba(self.X), other.predict_proba(1e-3 * self.X), atol=2e-3)

    def test_features_of_raw_counts_vary(self, dataset_folder: Path) -> None:
        model = lcl.MiniRocketRidge(labels=["high", "low"], extractor_args={"max_features": 840})
        data = read_windows(open_dataset(dataset_folder), model.preprocessing)
        model.fit(data.windows, data.labels, data.groups)
        assert (model.features(data.windows).std(dim=0) == 0).float().mean() < 0.01

    def test_a_model_of_fewer_labels_keeps_the_settings_of_each_label(self) -> None:
        weights = {0: 3.0, 2: 5.0}
        model = lcl.MiniRocketRidge(
            labels=["a", "b", "c"], event_types={"c": "collapse"}, head_args={"class_weight": weights}
        ).fresh(["b", "c"])
        assert model.event_types == {"b": "other event", "c": "collapse"}
        assert model.head.class_weight == {1: 5.0}


class TestWeights:
    def test_stock_seisbench_loads_saved_weights(self, model: lcl.MiniRocketRidge, tmp_path: Path) -> None:
        model.save(tmp_path / "w", "what they are", version_str="2")
        stock = SeisBenchModel.load.__func__(seisbench.models.MiniRocketRidge, tmp_path / "w", version_str="2")
        assert (stock.weights_version, stock.weights_docstring) == ("2", "what they are")
        assert all(
            torch.equal(a, b) for a, b in zip(stock.state_dict().values(), model.state_dict().values(), strict=True)
        )

    def test_stock_seisbench_finds_weights_in_its_cache(self, model: lcl.MiniRocketRidge, cache: Path) -> None:
        model.save(cache / "minirocketridge" / "mine", version_str="3")
        assert seisbench.models.MiniRocketRidge.from_pretrained("mine").weights_version == "3"
        stock = SeisBenchModel.from_pretrained.__func__(seisbench.models.MiniRocketRidge, "mine", version_str="3")
        assert stock.weights_version == "3"

    def test_nothing_is_unpickled(
        self, model: lcl.MiniRocketRidge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model.save(tmp_path / "w")
        (tmp_path / "w.pt").write_bytes(b"no pickle")
        monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("torch.load was called"))
        lcl.MiniRocketRidge.load(tmp_path / "w")
        (tmp_path / "w.safetensors").unlink()
        with pytest.raises(errors.WeightsError, match=r"w\.pt exists, but seisbench_lcl does not open pickles"):
            lcl.MiniRocketRidge.load(tmp_path / "w")

    def test_pretrained_weights_of_both_places(self, model: lcl.MiniRocketRidge, cache: Path) -> None:
        model.save(cache / "minirocketridge" / "mine", "of my own", version_str="1")
        model.save(cache / "minirocketridge" / "mine", version_str="10")
        model.save(cache / "minirocketridge" / "mixed-3c", version_str="0.5")
        assert lcl.MiniRocketRidge.list_pretrained() == ["mine", "mixed-3c", "mixed-3c-fast", "pnw-z-experimental"]
        assert lcl.MiniRocketRidge.list_versions("mine") == ["1", "10"]
        assert lcl.MiniRocketRidge.from_pretrained("mine").weights_version == "10"
        assert lcl.MiniRocketRidge.from_pretrained("mine", version_str="1").weights_docstring == "of my own"
        assert lcl.MiniRocketRidge.from_pretrained("mixed-3c").weights_version == "1"
        assert "Earthquake" in lcl.MiniRocketRidge.list_pretrained(details=True)["mixed-3c"]
        with pytest.raises(errors.WeightsError, match="has no version '7'; available: 1, 10"):
            lcl.MiniRocketRidge.from_pretrained("mine", version_str="7")

    def test_weights_of_another_class(self, model: lcl.MiniRocketRidge, tmp_path: Path) -> None:
        model.save(tmp_path / "w")
        with pytest.raises(errors.WeightsError, match="weights of MiniRocketRidge, not of Discriminator"):
            lcl.Discriminator.load(tmp_path / "w")

    @pytest.mark.parametrize("part", ["extractor", "head"])
    def test_a_missing_part_names_the_package(self, model: lcl.MiniRocketRidge, tmp_path: Path, part: str) -> None:
        model.save(tmp_path / "w")
        metadata = json.loads((tmp_path / "w.json").read_text())
        metadata["seisbench_lcl"]["requires"][part] = {"name": "wavelet", "distribution": "lcl-wave", "version": "1.2"}
        (tmp_path / "w.json").write_text(json.dumps(metadata))
        with pytest.raises(errors.MissingPluginError, match=r"'wavelet'.*pip install 'lcl-wave>=1\.2'"):
            lcl.MiniRocketRidge.load(tmp_path / "w")

    def test_weights_that_need_a_newer_seisbench(self, model: lcl.MiniRocketRidge, tmp_path: Path) -> None:
        model.save(tmp_path / "w")
        text = (tmp_path / "w.json").read_text().replace('"0.12.6"', '"99.0"')
        (tmp_path / "w.json").write_text(text)
        with pytest.raises(errors.WeightsError, match="at least 99"):
            lcl.MiniRocketRidge.load(tmp_path / "w")

    def test_a_description_that_does_not_fit(self, model: lcl.MiniRocketRidge, tmp_path: Path) -> None:
        model.save(tmp_path / "w")
        metadata, tensors = weights.read(tmp_path / "w", None)
        for change, message in (
            ({"in_samples": 1000}, r"do not fit.*extractor\.subsets"),
            ({"out_samples": 1000}, "out_samples"),
            ({"in_samples": 8, "before": 0}, "at least 9 samples"),
            ({"band": "x"}, "band must be two frequencies"),
            ({"sampling_rate": None}, "cannot be used"),
            ({"head_args": {"alphas": "x"}}, "cannot be used"),
        ):
            changed = metadata | {"model_args": metadata["model_args"] | change}
            weights.write(tmp_path / "w", None, changed, tensors)
            with pytest.raises(errors.WeightsError, match=message):
                lcl.MiniRocketRidge.load(tmp_path / "w")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"default_args": "x"}, "cannot be used"),
            ({"seisbench_lcl": {"requires": "x"}}, "the requirements in .* cannot be read"),
        ],
    )
    def test_metadata_of_the_wrong_kind(
        self, model: lcl.MiniRocketRidge, tmp_path: Path, change: Any, message: str
    ) -> None:
        model.save(tmp_path / "w")
        metadata = json.loads((tmp_path / "w.json").read_text())
        metadata["seisbench_lcl"] |= change.pop("seisbench_lcl", {})
        (tmp_path / "w.json").write_text(json.dumps(metadata | change))
        with pytest.raises(errors.WeightsError, match=message):
            lcl.MiniRocketRidge.load(tmp_path / "w")

    def test_labels_in_another_order(self, model: lcl.MiniRocketRidge, tmp_path: Path) -> None:
        """The worst change by hand: every probability would be that of another class."""
        model.save(tmp_path / "w")
        text = (
            (tmp_path / "w.json")
            .read_text()
            .replace('"noise",', '"earthquake",', 1)
            .replace('"earthquake",', '"noise",', 1)
        )
        (tmp_path / "w.json").write_text(text)
        with pytest.raises(errors.WeightsError, match="was changed"):
            lcl.MiniRocketRidge.load(tmp_path / "w")

    def test_tensors_that_are_not_finite(self, model: lcl.MiniRocketRidge, tmp_path: Path) -> None:
        model.save(tmp_path / "w")
        tensors = load_file(tmp_path / "w.safetensors")
        tensors["head.coefficients"][0, 0] = torch.inf
        metadata = json.loads((tmp_path / "w.json").read_text())
        save_file(tensors, tmp_path / "w.safetensors")
        metadata["seisbench_lcl"].pop("sha256")
        (tmp_path / "w.json").write_text(json.dumps(metadata))
        with pytest.raises(errors.WeightsError, match="SHA-256"):
            lcl.MiniRocketRidge.load(tmp_path / "w")


def test_generic_discriminator_round_trip(tmp_path: Path) -> None:
    windows = TestFit.X
    model = lcl.Discriminator(
        extractor="minirocket",
        head="ridge",
        labels=["a", "b"],
        in_samples=200,
        before=0.5,
        band=(2, 20),
        normalisation="joint-peak",
        event_types={"a": "quarry blast"},
        extractor_args={"channels": "sum", "max_features": 500},
        head_args={"alphas": [1.0, 10.0], "class_weight": {0: 2.0}},
        citation="someone (2024)",
    ).fit(windows, TestFit.labels)
    model.save(tmp_path / "deep" / "er" / "w")
    loaded = lcl.Discriminator.load(tmp_path / "deep" / "er" / "w")
    assert loaded.get_model_args() == model.get_model_args()
    assert loaded.event_types == {"a": "quarry blast", "b": "other event"}
    np.testing.assert_array_equal(loaded.predict_proba(windows), model.predict_proba(windows))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "labels must name at least two"),
        ({"labels": ["a"]}, "labels must name at least two"),
        ({"labels": ["a", ""]}, "labels must be non-empty text"),
        ({"labels": ["a", "b"], "sampling_rate": float("nan")}, "positive sampling rate"),
        ({"labels": ["a", "b"], "band": None}, "band must be two frequencies"),
        ({"labels": ["a", "b"], "extractor": "other"}, "MiniRocketRidge is minirocket with ridge"),
        ({"labels": ["a", "b"], "band": (1, 60)}, "band must satisfy"),
        ({"labels": ["a", "b"], "extractor_args": {"kernels": 3}}, "kernels"),
        ({"labels": ["a", "b"], "in_samples": 300}, None),
    ],
)
def test_descriptions_that_cannot_work(arguments: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert lcl.MiniRocketRidge(**arguments).in_samples == 300
        return
    with pytest.raises(errors.ConfigurationError, match=message):
        lcl.MiniRocketRidge(**arguments)


class TestSubclasses:
    labels = ("a", "b")

    def test_a_normalisation_and_arguments_of_its_own(self) -> None:
        class Joint(lcl.MiniRocketRidge, normalisation="joint-peak", head_args={"alphas": [3.0]}):
            pass

        class Child(Joint):
            pass

        class Other(Joint, extractor="physical", head="ridge"):
            pass

        class Stated(lcl.Discriminator, extractor="minirocket", head="ridge"):
            default_normalisation = "joint-std"

        for cls, pair, normalisation, alphas in (
            (Joint, ("minirocket", "ridge"), "joint-peak", [3.0]),
            (Child, ("minirocket", "ridge"), "joint-peak", [3.0]),
            (Other, ("physical", "ridge"), "component-std", None),
            (Stated, ("minirocket", "ridge"), "joint-std", None),
        ):
            model = cls(labels=self.labels)
            assert (model.pair, model.preprocessing.normalisation) == (pair, normalisation)
            assert (model.head.config()["alphas"] == [3.0]) == (alphas is not None)
        assert lcl.MiniRocketRidge(labels=self.labels).preprocessing.normalisation == "component-std"

    @pytest.mark.parametrize("part", [{"extractor": "raw"}, {"head": "gmm"}])
    def test_half_a_pair_is_refused(self, part: dict[str, str]) -> None:
        with pytest.raises(errors.ConfigurationError, match="class Half must set both extractor and head"):
            type("Half", (lcl.MiniRocketRidge,), {}, **part)


def test_an_unknown_extractor_is_reported() -> None:
    with pytest.raises(errors.MissingPluginError, match="no extractor is called 'wavelet'; installed:"):
        lcl.Discriminator(extractor="wavelet", head="ridge", labels=["a", "b"])


@pytest.mark.slow
def test_forked_processes_compute_what_their_parent_does() -> None:
    """In a new process, so that torch starts its two threads there; without one thread in the child, it would hang."""
    code = """
import multiprocessing, numpy as np, torch
import seisbench_lcl as lcl

torch.set_num_threads(2)
windows = np.random.default_rng(0).normal(size=(64, 3, 500)).astype(np.float32)
labels, shape = ["a", "b"] * 32, {"labels": ["a", "b"], "in_samples": 500}
rocket = lcl.MiniRocketRidge(**shape, extractor_args={"max_features": 840}).fit(windows, labels)
network = lcl.SpectrogramCNN(**shape, extractor_args={"epochs": 1, "augmentations": {}}).fit(windows, labels)

def work(_):
    fitted = rocket.fresh().fit(windows, labels)
    return [torch.get_num_threads(), *(m.predict_proba(windows) for m in (rocket, network, fitted))]

expected = work(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    for found in pool.map_async(work, range(2)).get(90):
        assert (expected[0], found[0]) == (2, 1)
        for mine, theirs in zip(expected[1:], found[1:]):
            np.testing.assert_allclose(theirs, mine, atol=1e-4)
assert torch.get_num_threads() == 2
"""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=150, env=environment)


@pytest.mark.slow
def test_seisbench_models_gets_our_classes_and_keeps_its_own() -> None:
    """In a new process, in which SeisBench already has a class of that name."""
    code = (
        "import seisbench.models as m; m.MiniRocketRidge = 'theirs'\n"
        "import seisbench_lcl as lcl\n"
        "assert m.MiniRocketRidge == 'theirs' and m.Discriminator is lcl.Discriminator"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert seisbench.models.MiniRocketRidge is lcl.MiniRocketRidge
