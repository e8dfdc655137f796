"""Windows are those of the training, and every station without one says why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime

from seisbench_lcl.datasets import Cuts, open_dataset, read_windows
from seisbench_lcl.datasets.cuts import signal_to_noise
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.events.windows import Member, StationWindow, WindowRules, cut_windows, first_arrivals
from seisbench_lcl.models.decision import StationDecision
from seisbench_lcl.models.event import Pick
from seisbench_lcl.waveforms import Preprocessing
from seisbench_lcl.waveforms.records import read_stream

START = UTCDateTime(2024, 3, 1, 12)
AS_PICKED = {"pick": Cuts(), "predicted": Cuts(refine=3.0)}
MakeStream = Callable[..., obspy.Stream]


def cut(
    stream: obspy.Stream,
    *picks: Pick,
    cuts: dict[str, Cuts] = AS_PICKED,
    preprocessing: Preprocessing | None = None,
    **rules: object,
) -> list[StationWindow | StationDecision]:
    rules = {"margin": 60.0} | rules
    member = Member(preprocessing or Preprocessing(), cuts)
    return [only for (only,) in cut_windows(picks, StreamSource(stream), [member], WindowRules(**rules))]


def only(found: list[StationWindow | StationDecision]) -> StationWindow:
    [window] = found
    assert isinstance(window, StationWindow), window.reason
    return window


def reason(found: list[StationWindow | StationDecision]) -> str:
    [decision] = found
    assert isinstance(decision, StationDecision)
    assert decision.label is None
    assert not decision.probabilities
    return decision.reason


def pick(seconds: float, station: str = "ABC", network: str = "XX", **codes: str) -> Pick:
    return Pick("", START + seconds, network, station, **codes)


@pytest.mark.parametrize("refine", [0.0, 2.0])
def test_windows_equal_those_of_the_training(dataset_folder: Path, refine: float) -> None:
    cuts = Cuts(refine=refine)
    dataset = open_dataset(dataset_folder, "ZNE")
    expected = read_windows(dataset, Preprocessing(), cuts=cuts)
    rates = dataset.metadata["trace_sampling_rate_hz"]
    stored = dataset.sampling_rate
    assert stored is None or stored == 100
    for i in range(0, 12):
        rate = float(rates[i])
        waveform = dataset.get_waveforms(i, sampling_rate=rate)
        stream = obspy.Stream(
            obspy.Trace(
                row,
                {"network": "XX", "station": "ABC", "channel": f"HH{c}", "sampling_rate": rate, "starttime": START},
            )
            for row, c in zip(waveform, "ZNE", strict=True)
        )
        window = only(cut(stream, pick(30.0), cuts={"pick": cuts}))
        np.testing.assert_allclose(window.samples, expected.windows[i], atol=1e-3 * np.abs(expected.windows[i]).max())
        assert window.snr == pytest.approx(expected.snr[i], abs=0.1)
        assert window.coverage == 1
        assert window.p_source == ("refined" if abs(window.p_time - (START + 30)) > 1e-6 else "pick")


def test_the_margin_keeps_the_filters_from_the_window(make_stream: MakeStream) -> None:
    stream = make_stream(300)
    whole = only(cut(stream, pick(150.0), margin=140.0))
    near = only(cut(stream, pick(150.0), margin=30.0))
    assert np.abs(whole.samples - near.samples).max() < 1e-3 * np.abs(whole.samples).max()


def test_the_signal_to_noise_ratio_is_that_of_the_record(make_stream: MakeStream) -> None:
    stream = make_stream(120)
    for trace in stream:
        trace.data[6000:] *= 10
    window = only(cut(stream, pick(60.0)))
    [record], _ = read_stream(stream, Preprocessing())
    assert window.snr == pytest.approx(signal_to_noise(record, 60.0, 100.0), abs=0.05)
    assert window.snr == pytest.approx(20, abs=1)


def test_a_late_pick_is_refined_to_the_onset(make_stream: MakeStream) -> None:
    stream = make_stream(120)
    for trace in stream:
        trace.data[6000:] *= 30
    window = only(cut(stream, pick(61.0), cuts={"pick": Cuts(refine=2.0)}))
    assert abs(window.p_time - (START + 60)) < 0.2  # the filters have no phase, so noise before P grows too
    assert window.p_source == "refined"
    predicted = Pick("", START + 61.0, "XX", "ABC", source="predicted")
    assert only(cut(stream, predicted)).p_source == "refined"
    assert only(cut(stream, predicted, cuts={"pick": Cuts(refine=2.0), "predicted": Cuts()})).p_source == "predicted"


def test_the_preferred_instrument_is_used_and_the_next_one_where_it_is_incomplete(make_stream: MakeStream) -> None:
    stream = make_stream(120, station="XX.ABC.00.HN") + make_stream(120, station="XX.ABC.00.BH")
    stream += make_stream(120, station="XX.ABC.10.HH", components="ZN") + make_stream(120, station="XX.ABC..LH", rate=1)
    assert only(cut(stream, pick(60.0))).station == "XX.ABC.00.BH"
    assert only(cut(stream, pick(60.0), instruments=["HN", "BH"])).station == "XX.ABC.00.HN"
    assert "component E missing" in reason(cut(stream, pick(60.0), instruments=["HH"]))
    two = make_stream(120, station="XX.ABC.00.HH") + make_stream(120, station="XX.ABC.10.HH")
    assert only(cut(two, pick(60.0))).station == "XX.ABC.00.HH"
    assert only(cut(two, pick(60.0, location="10"))).station == "XX.ABC.10.HH"


def test_the_earliest_p_of_each_station_counts() -> None:
    picks = [
        pick(9.0, phase="S"),
        pick(5.0, phase="Pn"),
        pick(4.0, phase="pP"),
        pick(7.0, phase="Pg"),
        pick(3.0, "DEF", phase=""),
        pick(2.0, "GHI", phase="S"),
    ]
    assert [(p.station, p.time - START) for p in first_arrivals(picks)] == [("DEF", 3.0), ("ABC", 5.0)]


def test_no_station_votes_twice_because_a_pick_lacks_its_network() -> None:
    first, second = pick(5.0, network=""), pick(6.0)
    assert first_arrivals([first, second]) == [first]
    assert first_arrivals([pick(4.0), first, second, pick(7.0, network="YY")]) == [pick(4.0), pick(7.0, network="YY")]


def test_every_station_without_a_window_says_why(make_stream: MakeStream) -> None:
    stream = make_stream(120)
    gap = make_stream(58) + make_stream(58, start=START + 62)
    still = make_stream(120)
    still[1].data[5000:] = still[1].data[5000]
    for given, p, expected in (
        (stream, pick(60.0, "DEF"), "no waveform"),
        (stream, pick(60.0, network="YY"), "no waveform"),
        (stream, pick(60.0, ""), "the pick names no station"),
        (make_stream(120, station="XX.ABC..LH"), pick(60.0), "no channel of HH, BH, EH, SH, HN, EN, HL, EL: found LHE"),
        (make_stream(120, components="Z"), pick(60.0), "component N, E missing: found channel HHZ"),
        (make_stream(120, rate=20.0), pick(60.0), "sampled at 20 Hz, but the model's band reaches 18 Hz"),
        (stream, pick(1.5), "window not covered: the record starts 0.5 s too late"),
        (stream, pick(110.0), "window not covered: the record ends 8 s too early"),
        (stream, pick(-9000.0), "no waveform"),
        (make_stream(10), pick(5.0), "no window fits: the record is 10 s long, the model needs 20 s"),
        (gap, pick(60.0), "80% of component Z present (gap)"),
        (still, pick(60.0), "0% of component N present (flat line)"),
    ):
        assert reason(cut(given, p)).startswith(expected), (expected, cut(given, p))


def test_coverage_counts_and_may_be_less_if_asked(make_stream: MakeStream) -> None:
    stream = make_stream(58) + make_stream(58, start=START + 62)
    [decision] = cut(stream, pick(60.0))
    assert decision.coverage == pytest.approx(0.8, abs=0.01)
    assert only(cut(stream, pick(60.0), min_coverage=0.75)).coverage == pytest.approx(0.8, abs=0.01)


def test_a_pick_without_network_takes_the_station_of_any(make_stream: MakeStream) -> None:
    assert only(cut(make_stream(120), pick(60.0, network=""))).station == "XX.ABC..HH"


def test_a_pick_of_another_day_does_not_make_us_read_all_days_between(make_stream: MakeStream) -> None:
    class Counting(StreamSource):
        longest = 0.0

        def read(self, sites, start, end, instruments):
            self.longest = max(self.longest, end - start)
            return super().read(sites, start, end, instruments)

    source = Counting(make_stream(120))
    picks = [pick(60.0), pick(4e6, "DEF")]
    found = [only for (only,) in cut_windows(picks, source, [Member(Preprocessing(), AS_PICKED)], WindowRules())]
    assert source.longest < 100
    assert [isinstance(one, StationWindow) for one in found] == [True, False]


@pytest.mark.parametrize(
    "rules", [{"instruments": "HH"}, {"instruments": []}, {"instruments": ["HHZ"]}, {"min_coverage": 0}, {"margin": -1}]
)
def test_settings_out_of_range_are_refused(rules: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        WindowRules(**rules)
