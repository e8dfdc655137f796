"""Every convention for channel names gives the same record as Z, N and E; all other names are refused as they are."""

from itertools import permutations

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ComponentError, ConfigurationError
from seisbench_lcl.waveforms import Preprocessing, StationId, read_stream
from seisbench_lcl.waveforms.channels import Channels, channel_code

PRE = Preprocessing()

# Names of Z, N and E, and the instrument that they share.
CONVENTIONS = {
    ("HHZ", "HHN", "HHE"): "HH",
    ("HHZ", "HH1", "HH2"): "HH",
    ("HHZ", "HH2", "HH3"): "HH",
    ("hhz", "hhn", "hhe"): "HH",
    ("HHZ ", " HHN", "HHE  "): "HH",
    ("UD", "NS", "EW"): "",
    ("U-D", "N-S", "E-W"): "",
    ("UD2", "NS2", "EW2"): "2",
    ("U", "N", "E"): "",
    ("Z", "N", "E"): "",
    ("HNU", "HNN", "HNE"): "HN",
    ("velZ", "velN", "velE"): "vel",
    ("H_H_Z", "H_H_1", "H_H_2"): "H_H_",
}

UNCLEAR = [
    ("C00", "C01", "C02"),
    ("0", "1", "2"),
    ("1", "2", "3"),
    ("001", "002", "003"),
    ("10", "11", "12"),
    ("EH0", "EH1", "EH2"),
    ("a100", "a101", "a102"),
    ("vel-V (mm/s)", "vel-L (mm/s)", "vel-T (mm/s)"),
    ("HHU", "HHV", "HHW"),
    ("HNX", "HNY", "HNZ"),
    ("vertical", "north", "east"),
]


def recording(names: tuple[str, ...], order: tuple[int, ...] = (0, 1, 2)) -> obspy.Stream:
    """Three different components of 25 s, in some order of traces."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(3, 2500))
    header = {"network": "XX", "station": "AAA", "sampling_rate": 100.0}
    traces = [obspy.Trace(x, {**header, "channel": name}) for x, name in zip(data, names, strict=True)]
    return obspy.Stream([traces[i] for i in order])


EXPECTED = read_stream(recording(("HHZ", "HHN", "HHE")), PRE)[0][0].data


@pytest.mark.parametrize("names", CONVENTIONS)
def test_conventions_give_the_record_of_zne_in_any_order(names: tuple[str, ...]) -> None:
    for order in permutations(range(3)):
        (record,), unusable = read_stream(recording(names, order), PRE)
        assert not unusable
        np.testing.assert_array_equal(record.data, EXPECTED)
        assert record.station == StationId("XX", "AAA", "", CONVENTIONS[names])
        assert {StationId.of(trace.stats) for trace in recording(names)} == {record.station}


@pytest.mark.parametrize("names", UNCLEAR)
def test_unclear_names_are_refused_in_full_and_can_be_mapped(names: tuple[str, ...]) -> None:
    try:
        records, unusable = read_stream(recording(names), PRE)
        message = unusable[0].reason
        assert not records
    except ComponentError as error:
        message = str(error)
    assert f"found channels {', '.join(sorted(names))}" in message
    for part in ("rename", "channels={'Z'", "--channels Z="):
        assert part in message
    stated = Channels.of(dict(zip("ZNE", names, strict=True)), "ZNE")
    for order in permutations(range(3)):
        (record,), _ = read_stream(recording(names, order), PRE, channels=stated)
        np.testing.assert_array_equal(record.data, EXPECTED)


@given(st.permutations("ZNE"), st.lists(st.text(max_size=8).map(str.strip), min_size=3, max_size=3, unique=True))
def test_stated_channels_of_any_name_win(components: list[str], names: list[str]) -> None:
    """Also against the conventions, as in a stream that has both sets of horizontals."""
    stated = Channels.of(dict(zip(components, names, strict=True)), "ZNE")
    assert len({stated.code(name).instrument for name in names}) == 1
    rows = stated.rows([*names, "HHZ", "HHN", "HHE"], {"Z": 0, "N": 1, "E": 2})
    assert rows == {name: "ZNE".index(component) for component, name in zip(components, names, strict=True)}


def test_traces_without_channel_code() -> None:
    with pytest.raises(ComponentError, match=r"found channel \(no code\), .* rename the traces, as in trace.stats"):
        read_stream(recording(("", "", "")), PRE)
    single = recording(("HHZ", "HHN", "HHE"))[:1]
    single[0].stats.channel = ""
    vertical = Preprocessing(component_order="Z")
    (record,), _ = read_stream(single, vertical, channels=Channels.of({"Z": ""}, "Z"))
    np.testing.assert_array_equal(record.data[0], EXPECTED[0])


def test_a_missing_component_is_not_a_matter_of_names() -> None:
    _, (part,) = read_stream(recording(("HHZ", "HHN", "HHE"))[:2], PRE)
    assert part.reason == "component E missing: found channels HHN, HHZ"


def test_two_names_of_one_component_are_refused() -> None:
    with pytest.raises(ComponentError, match="found channels HHE, HHN, HHZ, hhz, two of which are equivalent"):
        read_stream(recording(("HHZ", "HHN", "HHE")) + recording(("hhz", "HHN", "HHE"))[:1], PRE)


def test_borehole_and_surface_are_two_stations() -> None:
    stream = recording(("UD1", "NS1", "EW1")) + recording(("UD2", "NS2", "EW2"))
    records, _ = read_stream(stream, PRE)
    assert [str(record.station) for record in records] == ["XX.AAA..1", "XX.AAA..2"]


def test_horizontals_of_unknown_direction_need_permission() -> None:
    _, (part,) = read_stream(recording(("HHZ", "HH2", "HH3")), PRE, flexible=False)
    assert "component N, E missing: found channels HH2, HH3, HHZ; rename" in part.reason


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"R": "UD"}, "component 'R', which the model does not have: its components are Z, N, E"),
        ({"Z": "UD", "N": "UD"}, "takes components Z and N from one channel, 'UD'"),
        ({"Z": "UP"}, r"component Z is 'UP', but no trace has this channel; the stream has EW, NS, UD$"),
        ({"Z": 3}, "must map components to channel names"),
        ("UD,NS,EW", "must map components to channel names"),
    ],
)
def test_wrong_mappings(chosen: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_stream(recording(("UD", "NS", "EW")), PRE, channels=Channels.of(chosen, "ZNE"))


@given(st.text())
def test_any_name_has_a_code(name: str) -> None:
    instrument, component = channel_code(name)
    assert len(instrument) + len(component) <= max(len(name.strip().upper()), 1)
