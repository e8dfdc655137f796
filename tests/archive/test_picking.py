"""A pick at the edge of a block or day is neither lost nor doubled, though each side sees it a little elsewhere."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime
from sds_archive import MIDNIGHT, WEIGHTS, recorded, write_sds

from seisbench_lcl import archive
from seisbench_lcl.archive import deciding
from seisbench_lcl.archive.picking import Pick, edge_pad, picks_between
from seisbench_lcl.archive.units import SECOND

EDGES = [0, 150, 300, 450]  # s


def unsteady(arrivals: list[float], seed: int, spread: float) -> Pick:
    """Return a picker whose picks depend, by up to `spread` s, on where the record begins, as SeisBench's do."""

    def pick(stream: obspy.Stream) -> list[int]:
        start, end = stream[0].stats.starttime, stream[0].stats.endtime
        rng = np.random.default_rng([seed, start.ns % 2**63, end.ns % 2**63])
        moved = (UTCDateTime(0) + one + rng.uniform(-spread, spread) for one in arrivals)
        return sorted(one.ns for one in moved if start <= one <= end)

    return pick


@given(
    st.lists(
        st.one_of(
            st.sampled_from(EDGES).flatmap(lambda edge: st.floats(edge - 3.5, edge + 3.5)),
            st.floats(0, 450),
        ),
        max_size=12,
    ),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.01, 0.3]),
)
def test_each_arrival_is_picked_once(times: list[float], seed: int, spread: float) -> None:
    arrivals: list[float] = []
    for time in sorted(times):
        if not arrivals or time - arrivals[-1] > 2:
            arrivals.append(time)
    record = obspy.Trace(np.zeros(6900), {"sampling_rate": 10, "starttime": UTCDateTime(0) - 120})
    pick = unsteady(arrivals, seed, spread)
    found = []
    for start, end in pairwise(EDGES):
        read = obspy.Stream([record.slice(UTCDateTime(0) + start - edge_pad(), UTCDateTime(0) + end + edge_pad())])
        own = picks_between(read, start * SECOND, end * SECOND, pick)
        assert own == sorted(own)
        assert all(start * SECOND <= one < end * SECOND for one in own)
        found += own
    inside = [time for time in arrivals if 0.3 < time < 449.7]
    seen = [[one for one in found if abs(one / SECOND - time) <= spread + 1e-6] for time in arrivals]
    assert all(len(own) == 1 for time, own in zip(arrivals, seen, strict=True) if time in inside)
    assert all(len(own) <= 1 for own in seen)
    assert len(found) == sum(map(len, seen))


@pytest.mark.parametrize("shift", [-0.01, 0.0, 0.01])
def test_a_picker_at_midnight_and_at_the_edge_of_a_block(
    shift: float, backbones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_PICKED_BLOCK", 60 * SECOND)
    rise = 4.68  # from the start of the earthquake to its pick
    stream = recorded(2.5, events=(-rise + shift, 60 - rise + shift))
    root, out = write_sds(tmp_path / "sds", stream), tmp_path / "out"
    span = {"start": MIDNIGHT - 150, "end": MIDNIGHT + 150}
    archive.run(root, WEIGHTS, out, **span, picker="PhaseNet/original", workers=0)
    found = pd.read_parquet(out / "windows")
    picks = ((found["start_time"] - pd.Timestamp(MIDNIGHT.datetime)).dt.total_seconds() + 2).to_numpy()
    for arrival in (0, 60):
        assert (abs(picks - arrival) < 0.6).sum() == 1
