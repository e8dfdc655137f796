"""Damaged miniSEED: bad records are missing, the others are unchanged."""

import io
from pathlib import Path

import numpy as np
import obspy
import pytest
from conftest import START
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seisbench_lcl.errors import WaveformError
from seisbench_lcl.waveforms.reading import Recording, read_recording

RATE = 100
KINDS = [("STEIM1", 512), ("STEIM2", 4096), ("STEIM2", 256), ("INT32", 512), ("FLOAT32", 1024)]


def file_of(encoding: str, length: int) -> tuple[dict[str, np.ndarray], bytes]:
    """Return the samples of three components, and a file of them."""
    steps = np.random.default_rng(length).normal(0, 20, (3, 4000))
    kind = np.float32 if encoding == "FLOAT32" else np.int32
    samples = dict(zip("ZNE", np.cumsum(steps, axis=1).astype(kind), strict=True))
    header = {"network": "XX", "station": "A", "sampling_rate": RATE, "starttime": START}
    stream = obspy.Stream([obspy.Trace(data, header | {"channel": f"HH{code}"}) for code, data in samples.items()])
    file = io.BytesIO()
    stream.write(file, "MSEED", encoding=encoding, reclen=length)
    return samples, file.getvalue()


def read(data: bytes, folder: Path) -> Recording:
    (folder / "x.mseed").write_bytes(data)
    return read_recording(folder / "x.mseed")


def count_kept(found: Recording, samples: dict[str, np.ndarray]) -> int:
    """Return the number of samples; each must be the original at its time, and none be there twice."""
    seen: set[tuple[str, int]] = set()
    for trace in found.stream:
        code, first = trace.id[-1], round((trace.stats.starttime - START) * RATE)
        np.testing.assert_array_equal(trace.data, samples[code][first : first + len(trace)])
        places = {(code, i) for i in range(first, first + len(trace))}
        assert not seen & places
        seen |= places
    return len(seen)


@pytest.mark.parametrize(("encoding", "length"), KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_header_costs_one_record(tmp_path: Path, encoding: str, length: int, data: st.DataObject) -> None:
    samples, raw = file_of(encoding, length)
    records = len(raw) // length
    bad = data.draw(st.integers(0, records - 1))
    filler = data.draw(st.sampled_from([b"\xab", b"\0", b"7"]))
    whole = data.draw(st.booleans())
    if filler == b"\0" and bad == records - 1:
        return  # zeros at the end are padding
    size = length if whole else 48
    changed = raw[: bad * length] + filler * size + raw[bad * length + size :]
    found = read(changed, tmp_path)
    lost = obspy.read(io.BytesIO(raw[bad * length : (bad + 1) * length]))[0].stats.npts
    assert count_kept(found, samples) == 12_000 - lost
    assert len(found.losses) == 1


@pytest.mark.parametrize(("encoding", "length"), KINDS)
@pytest.mark.parametrize("cut", [1, 100, 255, "half", "but one", "but 200"])
def test_a_file_cut_within_a_record(tmp_path: Path, encoding: str, length: int, cut: int | str) -> None:
    samples, raw = file_of(encoding, length)
    left_out = {"half": length // 2, "but one": length - 1, "but 200": length - 200}.get(cut, cut)
    last = obspy.read(io.BytesIO(raw[-length:]))[0].stats.npts
    found = read(raw[:-left_out], tmp_path)
    assert count_kept(found, samples) == 12_000 - last
    assert len(found.losses) == 1


@pytest.mark.parametrize(("encoding", "length"), KINDS)
@pytest.mark.parametrize("inserted", [1, 100, 512, 5000])
def test_records_after_foreign_bytes_are_found(tmp_path: Path, encoding: str, length: int, inserted: int) -> None:
    samples, raw = file_of(encoding, length)
    middle = len(raw) // length // 2 * length
    for place in (0, middle, len(raw)):
        found = read(raw[:place] + b"\xab" * inserted + raw[place:], tmp_path)
        assert count_kept(found, samples) == 12_000
        assert found.losses == [f"bytes that are not miniSEED: {inserted}"]


@pytest.mark.parametrize(("encoding", "length"), KINDS[:3])
@pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
def test_samples_that_fail_the_steim_check_are_missing(
    tmp_path: Path, encoding: str, length: int, place: float
) -> None:
    samples, raw = file_of(encoding, length)
    bad = int(place * (len(raw) // length)) * length
    last = obspy.read(io.BytesIO(raw[bad : bad + length]))[0].stats.npts
    changed = bytearray(raw)
    changed[bad + 64 + 9] ^= 0x40  # in the last sample of the record, with which the decoded one is compared
    found = read(bytes(changed), tmp_path)
    assert count_kept(found, samples) == 12_000 - last
    assert found.losses == [f"damaged records: 1 of {len(raw) // length}"]


def test_padding_and_whole_records_are_no_loss(tmp_path: Path) -> None:
    samples, raw = file_of("STEIM2", 512)
    for padding in (b"\0", b" "):
        found = read(raw + padding * 700, tmp_path)
        assert count_kept(found, samples) == 12_000
        assert found.losses == []


def test_damage_outside_the_requested_time(tmp_path: Path) -> None:
    samples, raw = file_of("STEIM1", 512)
    (tmp_path / "x").write_bytes(raw[:-100])
    found = read_recording(tmp_path / "x", starttime=START, endtime=START + 9.99)
    assert count_kept(found, samples) == 3000
    assert len(found.losses) == 1


def test_a_file_of_bad_records_only(tmp_path: Path) -> None:
    _, raw = file_of("STEIM1", 512)
    with pytest.raises(WaveformError, match="damaged records: 1 of 1"):
        read(raw[:300], tmp_path)
