"""SeedLink's notation for streams, and which of them record the motion of the ground."""

import numpy as np
import pytest
from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.live.sources.selection import Gate, StreamId, StreamPattern, StreamSelection, beginning

NOW = UTCDateTime(2024, 3, 1, 12)


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("GE_WLF", [("GE", "WLF", "*", "*")]),
        ("GE_WLF:HH?", [("GE", "WLF", "*", "HH?")]),
        (
            "IU_KONO:00BHZ --BHN,GE_WLF",
            [("IU", "KONO", "00", "BHZ"), ("IU", "KONO", "", "BHN"), ("GE", "WLF", "*", "*")],
        ),
        ("MN_AQU:HH?.D , MN_AQU:HH?", [("MN", "AQU", "*", "HH?")]),
        ("G?_*:*", [("G?", "*", "*", "*")]),
        ("GE.WLF..HH?", [("GE", "WLF", "", "HH?")]),
        ("GE.WLF", [("GE", "WLF", "*", "*")]),
    ],
)
def test_patterns_are_read(text: str, patterns: list[tuple[str, ...]]) -> None:
    selection = StreamSelection.parse(text)
    assert [tuple(pattern) for pattern in selection.patterns] == patterns
    again = StreamSelection.parse(",".join(map(str, selection.patterns)))
    assert again == selection


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no stream is named"),
        ("WLF", "expected NET_STA or NET_STA:CHA"),
        ("_WLF", "expected NET_STA or NET_STA:CHA"),
        ("GE_WLF:", "name a channel after the colon, such as HH?"),
        ("GE_WLF:HH", "a selector is a channel of three letters"),
        ("GE_WLF:!HHZ", "cannot exclude"),
        ("GE_WLF:HHZ.L", "ask for other than data"),
        ("GE.WLF.00.HHZ.D", "write NET.STA.LOC.CHA"),
    ],
)
def test_other_text_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StreamSelection.parse(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("channel", "wanted", "passes"),
    [
        ("HHZ", "*", True),
        ("ENZ", "*", True),
        ("UD", "*", True),  # K-NET
        ("velZ", "*", True),
        ("LOG", "*", False),
        ("ACE", "*", False),
        ("VMZ", "*", False),
        ("HDF", "*", False),
        ("HDF", "H??", False),
        ("HDF", "HDF", True),
        ("HHZ", "BH?", False),
    ],
)
def test_only_ground_motion_passes_unless_it_is_spelled_out(channel: str, wanted: str, passes: bool) -> None:
    gate = Gate(StreamSelection((StreamPattern("XX", "A", "*", wanted),)), "test")
    trace = Trace(np.ones(5, dtype=np.int32), {"network": "XX", "station": "A", "channel": channel})
    assert gate.passes(trace) is passes
    trace.data = np.array([b"a"] * 5)
    assert not gate.passes(trace)


def test_data_begin_at_the_earliest_end_of_the_streams_that_are_alive() -> None:
    pattern = StreamPattern("XX", "A")
    ends = {"XX.A..HHZ": NOW - 100, "XX.A..HHN": NOW - 160, "XX.B..HHZ": NOW - 500}
    assert beginning(ends, pattern, NOW) == NOW - 160
    assert beginning({**ends, "XX.A..HHE": NOW - 9000}, pattern, NOW) == NOW - 160  # dead for hours
    assert beginning({**ends, "XX.A..HHE": NOW + 9000}, pattern, NOW) == NOW - 160  # a wrong clock
    assert beginning(ends, StreamPattern("XX", "C"), NOW) is None
    assert StreamId("XX", "A", "", "HHZ") == StreamId.of(Trace(header=dict(network="XX", station="A", channel="HHZ")))
