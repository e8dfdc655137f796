"""Windows at whole strides since 1970, or at arrivals: the same decisions as those of windows that are cut alone."""

from collections.abc import Callable

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError

START = UTCDateTime(2024, 3, 1, 12)
Make = Callable[..., obspy.Stream]


def mixed() -> lcl.MixedEnsemble:
    return lcl.MixedEnsemble(
        [lcl.from_pretrained("MiniRocketRidge/mixed-3c-fast"), lcl.from_pretrained("ResNet18/mixed-3c")]
    )


@pytest.mark.parametrize("name", ["MiniRocketRidge/mixed-3c-fast", "mixed"])
def test_aligned_windows_have_p_at_whole_strides_and_are_those_of_a_record_that_begins_so(
    name: str, make_stream: Make
) -> None:
    model = mixed() if name == "mixed" else lcl.from_pretrained(name)
    stream = make_stream(60)
    late = stream.copy().trim(START + 3.33)
    whole = model.classify(stream, stride=200, max_novelty=None).windows.to_dataframe()
    part = model.classify(late, stride=200, max_novelty=None, aligned=True).windows.to_dataframe()
    assert part["start_time"].iloc[0] == whole["start_time"].iloc[2]  # 4 s: the first whole two seconds after 3.33 s
    both = whole.merge(part, on="start_time")
    assert len(both) == len(part) == len(whole) - 2
    inside = both["start_time"] > part["start_time"].iloc[0] + np.timedelta64(4, "s")  # filters see the new start
    for label in model.labels:
        np.testing.assert_allclose(both[f"{label}_x"][inside], both[f"{label}_y"][inside], atol=2e-3)


@pytest.mark.parametrize("name", ["MiniRocketRidge/mixed-3c-fast", "mixed"])
def test_windows_at_arrivals_are_those_of_the_sliding_window_there(name: str, make_stream: Make) -> None:
    model = mixed() if name == "mixed" else lcl.from_pretrained(name)
    stream = make_stream(60)
    sliding = model.classify(stream, stride=50, max_novelty=None).windows.to_dataframe().set_index("start_time")
    times = [START + 7, START + 25.5, START + 25.5, START + 59]
    found = model.classify(stream, arrivals=times, max_novelty=None).windows.to_dataframe()
    assert list(found["start_time"]) == [(time - 2).datetime for time in (times[0], times[1], times[3])]
    assert list(found["label"].isna()) == [False, False, True]
    assert "no window fits" in found["reason"].iloc[2]
    expected = sliding.loc[found["start_time"].iloc[:2], model.labels].to_numpy()
    np.testing.assert_allclose(found[model.labels].to_numpy()[:2], expected, atol=1e-5)


def test_no_arrival_means_no_window_and_what_is_no_time_is_refused(
    pretrained: lcl.MiniRocketRidge, make_stream: Make
) -> None:
    assert len(pretrained.classify(make_stream(30), arrivals=[]).windows) == 0
    with pytest.raises(ConfigurationError, match="UTCDateTime"):
        pretrained.classify(make_stream(30), arrivals=["noon"])


@pytest.mark.parametrize("name", ["MiniRocketRidge/mixed-3c-fast", "mixed"])
@pytest.mark.parametrize("aligned", [True, False])
def test_between_two_times_are_those_windows_of_all_that_have_p_there(
    name: str, aligned: bool, make_stream: Make
) -> None:
    model = mixed() if name == "mixed" else lcl.from_pretrained(name)
    stream = make_stream(60, start=START + 0.37)
    arguments = {"stride": 150, "max_novelty": None, "aligned": aligned}
    whole = model.classify(stream, **arguments).windows.to_dataframe()
    first = UTCDateTime(whole["start_time"].iloc[4].to_pydatetime()) + 2
    for low, high, rows in ((first, first + 4.5, [4, 5, 6]), (first + 0.01, first + 3.01, [5, 6]), (first, first, [])):
        found = model.classify(stream, between=(low, high), **arguments).windows.to_dataframe()
        found = found[found["coverage"] > 0]
        assert list(found["start_time"]) == list(whole["start_time"].iloc[rows])
        for label in model.labels:
            expected = whole[label].iloc[rows].to_numpy(float)
            np.testing.assert_allclose(found[label].to_numpy(float), expected, atol=1e-5)
    with pytest.raises(ConfigurationError, match="between must be two times"):
        model.classify(stream, between=(low, 3.0))
    with pytest.raises(ConfigurationError, match="leave it out"):
        model.classify(stream, between=(low, high), arrivals=[first])
