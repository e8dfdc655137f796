"""``seisbench-lcl archive``: from an SDS archive to a catalogue."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
from command_tools import strict
from conftest import START, Done

WEIGHTS = "MiniRocketRidge/mixed-3c-fast"


def sds(root: Path) -> Path:
    rng, motion = np.random.default_rng(0), obspy.read()
    for station in ("ABC", "DEF"):
        for component in "ZNE":
            data = rng.normal(0, 100, 6000)
            data[2000:5000] += motion.select(component=component)[0].data
            header = {"network": "XX", "station": station, "channel": f"HH{component}", "starttime": START}
            trace = obspy.Trace(data.round().astype(np.int32), header | {"sampling_rate": 100})
            folder = root / f"2024/XX/{station}/HH{component}.D"
            folder.mkdir(parents=True)
            trace.write(str(folder / f"XX.{station}..HH{component}.D.2024.061"), "MSEED")
    return root


def test_an_archive_becomes_tables_and_a_catalogue(run: Callable[..., Done], tmp_path: Path) -> None:
    run = strict(run)
    root, out = sds(tmp_path / "sds"), tmp_path / "out"
    (root / "2024/XX/DEF/HHZ.D/notes").write_text("foreign")
    command = ("archive", "run", root, "--weights", WEIGHTS, "--out", out, "--workers", 0)
    span = ("--start", "2024-03-01", "--end", "2024-03-02")
    first = run(*command, *span, "--station", "XX.A*")
    assert "XX.ABC 2024-03-01 0 1 0 0" in first.stdout
    assert "left out 1 file" not in first.stderr
    lines = run(*command, *span, "--json").stdout
    end = json.loads(lines[lines.index('{"end"') :])["end"]
    assert (end["station_days"], end["done_before"], end["gaps"], end["detections"]) == (2, 1, 1, 1)
    assert end["seconds_left"] == 0
    told = json.loads(run("archive", "status", out, "--json").stdout)
    assert [station["station"] for station in told["stations"]] == ["XX.ABC", "XX.DEF"]
    assert f"1 day with gaps or empty: seisbench-lcl archive status {out} --reasons" in first.stderr
    assert "XX.ABC 2024-03-01 gaps: 0." in run("archive", "status", out, "--reasons").stdout
    days = json.loads(run("archive", "status", out, "--reasons", "--json").stdout)["days"]
    assert [(day["station"], day["status"]) for day in days] == [("XX.ABC", "gaps"), ("XX.DEF", "gaps")]
    shown = run("archive", "events", out, "--out", tmp_path / "events.csv")
    assert "1 event" in shown.stdout
    assert list(pd.read_csv(tmp_path / "events.csv")["n_stations"]) == [2]
    run("archive", "export", out, "--out", tmp_path / "events.xml", "--min-stations", 2)
    (event,) = obspy.read_events(str(tmp_path / "events.xml"))
    assert (event.event_type, len(event.picks)) == ("earthquake", 2)


def test_what_does_not_fit_is_refused(run: Callable[..., Done], tmp_path: Path) -> None:
    run = strict(run)
    root = sds(tmp_path / "sds")
    command = ("archive", "run", root, "--weights", WEIGHTS, "--out", tmp_path / "out", "--workers", 0)
    assert "start must be before end" in run(*command, "--start", "2024-03-02", "--end", "2024-03-01", expect=2).stderr
    wrong = run(*command, "--start", "2024-03-01", "--end", "2024-03-02", "--pick-threshold", 0.2, expect=2)
    assert "needs --picker" in wrong.stderr
    assert "has no results" in run("archive", "status", tmp_path, expect=2).stderr
    span = ("--start", "2024-03-02", "--end", "2024-03-01")
    assert "--end must be after --start" in run("archive", "events", tmp_path, *span, expect=2).stderr
    bad = run("archive", "events", tmp_path, "--travel-time", -1, expect=2)
    assert "positive number" in bad.stderr
