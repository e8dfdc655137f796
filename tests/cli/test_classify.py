"""``classify``: recordings to tables and figures."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pandas as pd
import pytest
from command_tools import is_png, saved_models, strict
from conftest import START, Done, ground_motion

import seisbench_lcl as lcl
from seisbench_lcl.cli import main
from seisbench_lcl.cli.common import console
from seisbench_lcl.events import read_tables

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


@pytest.fixture
def weights(dataset_folder: Path) -> Path:
    return saved_models(dataset_folder)


@pytest.fixture
def sac_files(tmp_path: Path) -> list[Path]:
    """The bundled seismogram as three SAC files, one for each component."""
    files = []
    for trace in obspy.read():
        files.append(tmp_path / f"{trace.id}.sac")
        trace.write(str(files[-1]), "SAC")
    return files


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A "high" event, and then spikes, which are unlike the training data."""
    rng = np.random.default_rng(0)
    motion = np.concatenate(
        [
            ground_motion(7, np.arange(60 * 40) / 40, "high"),
            1e6 * (np.arange(60 * 40) % 90 == 0) + rng.normal(size=(3, 60 * 40)),
        ],
        axis=1,
    )
    header = {"sampling_rate": 40, "starttime": START, "station": "A", "network": "XX"}
    stream = obspy.Stream([obspy.Trace(x, header | {"channel": f"HH{c}"}) for c, x in zip("ZNE", motion, strict=True)])
    stream.write(str(tmp_path / "a.mseed"), "MSEED")
    return tmp_path / "a.mseed"


def test_components_in_separate_files(run: Callable[..., Done], sac_files: list[Path], tmp_path: Path) -> None:
    done = run("classify", *sac_files, "--weights", "mixed-3c", "--out", "t/windows.csv", "--plot", "figure.pdf")
    assert "11 windows of 1 station" in done.stdout
    frame = pd.read_csv(tmp_path / "t" / "windows.csv")
    assert frame["label"].iloc[0] == "earthquake"
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_a_broken_file_is_reported_and_the_rest_is_done(
    run: Callable[..., Done], weights: Path, sac_files: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "broken.mseed").write_bytes(b"\x00not a seismogram" * 40)
    files = ("broken.mseed", *sac_files, "absent.sac")
    done = run("classify", *files, "--weights", weights / "rocket", "--stride", 2, expect=1)
    assert "12 windows of 1 station" in done.stdout
    assert "cannot read broken.mseed: its format is unknown" in done.stderr
    assert "cannot read absent.sac: no such file" in done.stderr
    assert "2 of 5 files could not be read completely" in done.stderr


def test_the_named_file_is_read_and_patterns_are_mentioned(
    run: Callable[..., Done], weights: Path, tmp_path: Path
) -> None:
    for name, station in {"day[1].mseed": "RIGHT", "day1.mseed": "WRONG"}.items():
        stream = obspy.read()
        for trace in stream:
            trace.stats.station = station
        stream.write(str(tmp_path / name), "MSEED")
    done = run("classify", "day[1].mseed", "--weights", weights / "rocket", "--out", "w.csv")
    assert set(pd.read_csv(tmp_path / "w.csv")["station"]) == {"BW.RIGHT..EH"}
    assert "pattern" not in done.stderr
    done = run("classify", "day[01].mseed", "--weights", weights / "rocket", "--out", "w.csv")
    assert set(pd.read_csv(tmp_path / "w.csv")["station"]) == {"BW.WRONG..EH"}
    assert "no file is called day[01].mseed: reading the 1 that match it as a pattern" in done.stderr
    done = run("classify", "day?.mseed", "--weights", weights / "rocket", "--out", "day1.mseed", expect=2)
    assert "day1.mseed is one of the recordings" in done.stderr


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder of two stations with folders and files of its own, some of which are no recordings."""
    for place, station in {"b/2024": "AAA", "a": "BBB"}.items():
        (tmp_path / "data" / place).mkdir(parents=True)
        for trace in obspy.read():
            trace.stats.station = station
            trace.write(str(tmp_path / "data" / place / f"{trace.id}.mseed"), "MSEED")
    (tmp_path / "data" / "README.md").write_text("# Two stations\n")
    (tmp_path / "data" / ".hidden").mkdir()
    for hidden in (".index", ".hidden/broken.mseed"):
        (tmp_path / "data" / hidden).write_bytes(b"\0")
    return tmp_path / "data"


def test_a_folder_is_all_recordings_below_it(
    run: Callable[..., Done], weights: Path, archive: Path, tmp_path: Path
) -> None:
    done = run("classify", "data", "--weights", weights / "rocket", "--out", "w.csv")
    assert pd.read_csv("w.csv")["station"].drop_duplicates().tolist() == ["BW.AAA..EH", "BW.BBB..EH"]
    assert "left out 1 of 7 files, which are no recordings: data/README.md" in done.stderr
    assert "hidden" not in done.stderr
    (archive / "a" / "empty.mseed").touch()
    done = run("classify", "data", "--weights", weights / "rocket", expect=1)
    assert "cannot read data/a/empty.mseed: is empty" in done.stderr
    (tmp_path / "none" / "below").mkdir(parents=True)
    assert (
        "cannot read none: the folder has no files"
        in run("classify", "none", "--weights", weights / "rocket", expect=2).stderr
    )
    (tmp_path / "none" / "notes.txt").write_text("none yet")
    assert "the files hold no samples" in run("classify", "none", "--weights", weights / "rocket", expect=2).stderr
    message = "data/a/BW.BBB..EHZ.mseed is one of the recordings"
    arguments = ("--out", "data/a/BW.BBB..EHZ.mseed", "--weights", weights / "rocket")
    assert message in run("classify", "data", *arguments, expect=2).stderr


@pytest.mark.parametrize(
    ("patterns", "found", "missed"),
    [
        (["BW.AAA"], ["AAA"], []),
        (["BW.*"], ["AAA", "BBB"], []),
        (["BW.B?B", "BW.[A]AA..EH*"], ["AAA", "BBB"], []),
        (["BW.BBB", "XX.*"], ["BBB"], ["XX.*"]),
    ],
)
def test_stations_are_chosen(
    run: Callable[..., Done], weights: Path, archive: Path, patterns: list[str], found: list[str], missed: list[str]
) -> None:
    chosen = [argument for pattern in patterns for argument in ("--station", pattern)]
    done = run("classify", archive, *chosen, "--weights", weights / "rocket", "--out", "w.csv", expect=len(missed))
    assert pd.read_csv("w.csv")["station"].drop_duplicates().tolist() == [f"BW.{station}..EH" for station in found]
    for pattern in missed:
        assert f"no recording is of station {pattern}" in done.stderr


@pytest.mark.parametrize("suffix", ["mseed", "sac"])
def test_a_span_of_time_is_chosen(run: Callable[..., Done], weights: Path, sac_files: list[Path], suffix: str) -> None:
    files: list[object] = [*sac_files]
    if suffix == "mseed":
        obspy.read().write("a.mseed", "MSEED")
        files = ["a.mseed"]
    times = ("2009-08-24 00:20:08", "2009-08-24T02:20:25+02:00")  # of a record from 00:20:03 to 00:20:33
    run("classify", *files, "--weights", weights / "rocket", "--start", times[0], "--end", times[1], "--out", "w.csv")
    frame = pd.read_csv("w.csv", parse_dates=["start_time", "end_time"])
    assert f"{frame['start_time'].iloc[0]:%T}" == "00:20:08"
    assert f"{frame['end_time'].iloc[-1]:%T}" in ("00:20:24", "00:20:25")
    assert len(frame) == 10
    run("classify", *files, "--weights", weights / "rocket", "--start", times[0], "--out", "w.csv")
    assert len(pd.read_csv("w.csv")) == 18


def test_a_file_read_in_part_is_one_line_and_status_1(run: Callable[..., Done], weights: Path, tmp_path: Path) -> None:
    obspy.read().write(str(tmp_path / "a.mseed"), "MSEED", reclen=512)
    data = (tmp_path / "a.mseed").read_bytes()
    (tmp_path / "a.mseed").write_bytes(data[: len(data) // 2] + b"\xab" * 512 + data[len(data) // 2 : -100])
    done = run("classify", "a.mseed", "--weights", weights / "rocket", "--min-coverage", 0.5, expect=1)
    assert "windows of 1 station" in done.stdout
    assert "read a.mseed in part: damaged records: 1 of " in done.stderr
    assert done.stderr.count("a.mseed") == 1


def test_pickles_are_refused(run: Callable[..., Done], weights: Path, tmp_path: Path) -> None:
    obspy.read().write(str(tmp_path / "evil.mseed"), "PICKLE")
    done = run("classify", "evil.mseed", "--weights", weights / "rocket", expect=2)
    assert "cannot read evil.mseed: is a Python pickle, which can run code" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.sac"], "cannot read absent.sac"),
        (["Z.sac", "--weights", "unheard-of"], "mixed-3c, mixed-3c-fast, pnw-z-experimental"),
        (["Z.sac", "--weights", "folder/w.json"], "no weights file"),
        (["Z.sac", "--weights", "mixed-3c", "--model", "Unheard"], "no model is called 'Unheard'; installed: "),
        (["Z.sac", "--stride", "0.001"], "at least one sample, 0.025 s"),
        (["Z.sac", "--stride", "nan"], "at least one sample"),
        (["Z.sac", "--out", "Z.sac/t.csv"], "cannot write"),
        (["Z.sac", "--out", "Z.sac"], "is one of the recordings"),
        (["Z.sac", "--plot", "figure.xyz"], "use one of the suffixes"),
        (["Z.sac", "--plot", "."], "is a folder"),
        (["Z.sac", "--out", "t.csv", "--detections", "./t.csv"], "t.csv is named for two outputs"),
        (["Z.sac", "--detections", "t.png", "--plot", "x/../t.png"], "t.png is named for two outputs"),
        (["Z.sac", "--station", "XX.AAA"], "no recording is of station XX.AAA: the recordings are of BW.RJOB"),
        (["Z.sac", "--start", "2009-08-25"], "the files hold no samples in this time span"),
        (["Z.sac", "--start", "noon"], "'noon' is not a time such as 2024-03-01T12:00"),
        (["Z.sac", "--end", "2009-02-30"], "'2009-02-30' is not a time such as 2024-03-01T12:00: day is out of range"),
        (
            ["Z.sac", "--start", "2009-08-25", "--end", "2009-08-25T00:00:00Z"],
            "--end must be after --start, but 2009-08-25T00:00:00Z is not after 2009-08-25",
        ),
        (["H.sac"], "but the model needs the components Z, N, E: rename"),
        (["Z.sac", "--out", "-", "--detections", "-"], "write one table to standard output"),
        (["Z.sac", "--plot", "-"], "use one of the suffixes"),
        (["Z.sac", "--max-novelty", 0], "max_novelty must be a positive number, or None, but is 0.0"),
        (["Z.sac", "--max-novelty", "nan"], "max_novelty must be a positive number"),
        (["Z.sac", "--reject-below", 1], "reject_below must be a number from 0 to below 1, but is 1.0"),
        (["Z.sac", "--reject-below", -0.5], "reject_below must be a number from 0 to below 1, but is -0.5"),
    ],
)
def test_errors_are_one_message_and_status_2(
    run: Callable[..., Done], weights: Path, tmp_path: Path, arguments: list[Any], message: str
) -> None:
    trace = obspy.read()[0]
    trace.write(str(tmp_path / "Z.sac"), "SAC")
    trace.stats.channel = "BDH"
    trace.write(str(tmp_path / "H.sac"), "SAC")
    before = sorted(tmp_path.iterdir())
    given = () if "--weights" in arguments else ("--weights", weights / "both")
    assert message in run("classify", *arguments, *given, expect=2).stderr
    assert sorted(tmp_path.iterdir()) == before


def test_channels_of_other_names(run: Callable[..., Done], weights: Path, tmp_path: Path) -> None:
    stream = obspy.read()
    tables = []
    for names in (("EHZ", "EHN", "EHE"), ("C02", "C00", "C01")):
        for trace, name in zip(stream, names, strict=True):
            trace.stats.channel = name
        stream.write(str(tmp_path / "a.mseed"), "MSEED")
        option = "Z={},N={},E={}".format(*names)
        run("classify", "a.mseed", "--weights", weights / "rocket", "--channels", option, "--out", "a.csv")
        tables.append(pd.read_csv(tmp_path / "a.csv").drop(columns="station"))
    pd.testing.assert_frame_equal(*tables)
    done = run("classify", "a.mseed", "--weights", weights / "rocket", expect=1)
    assert "component Z missing: found channels C00, C01, C02; rename the channels, or say" in done.stderr
    assert "--channels Z=UD,N=NS,E=EW" in done.stderr
    for option, message in {
        "Z=C00,Z=C01": "--channels sets Z twice",
        "Z=C00,X=C01": "component 'X', which the model does not have",
        "Z=C00,N=C00": "components Z and N from one channel, 'C00'",
        "Z=C03": "component Z is 'C03', but no trace has this channel; the stream has C00, C01, C02",
        "C00": "--channels takes key=value",
    }.items():
        done = run("classify", "a.mseed", "--weights", weights / "rocket", "--channels", option, expect=2)
        assert message in done.stderr


def test_a_station_without_a_decision_is_listed(run: Callable[..., Done], weights: Path, sac_files: list[Path]) -> None:
    done = run("classify", sac_files[0], "--weights", weights / "rocket", expect=1)
    assert "component N, E missing: found channel" in done.stdout
    assert "BW.RJOB..EH was not classified: component N, E missing" in done.stderr


def test_a_closed_pipe_loses_no_file(
    weights: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "quiet", False)  # as rich silences the console after a closed pipe
    arguments = ("--weights", str(weights / "rocket"), "--out", "w.csv", "--detections", "d.csv", "--plot", "f.png")
    monkeypatch.setattr(sys, "argv", ["seisbench-lcl", "classify", str(recording), *arguments])
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 1
    assert "error" not in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "w.csv")) == 113
    assert (tmp_path / "d.csv").exists()
    assert is_png(tmp_path / "f.png")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_results_on_a_full_device_are_one_error_and_lose_no_file(
    weights: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--weights", str(weights / "rocket"), "--out", "w.csv")
    monkeypatch.setattr(sys, "argv", ["seisbench-lcl", "classify", str(recording), *arguments])
    with open("/dev/full", "w") as device:
        monkeypatch.setattr(sys, "stdout", device)
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    assert "No space left on device" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "w.csv")) == 113


def test_names_on_an_ascii_terminal(
    run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--weights", str(weights / "rocket"), "--out", "größe.csv")
    monkeypatch.setattr(sys, "argv", ["seisbench-lcl", "classify", str(recording), *arguments])
    with open("printed", "w", encoding="ascii") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    assert Path("printed").read_text().splitlines()[-1] == r"wrote gr\xf6\xdfe.csv"
    assert Path("größe.csv").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_an_output_that_fails_stops_neither_others_nor_results(
    run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path
) -> None:
    outputs = ("--out", "/dev/full", "--detections", "d.csv")
    done = run("classify", recording, "--weights", weights / "rocket", *outputs, expect=2)
    assert "113 windows of 1 station" in done.stdout
    assert "cannot write /dev/full" in done.stderr
    assert "wrote d.csv" in done.stdout
    assert (tmp_path / "d.csv").exists()


def test_results_name_the_weights_and_times_are_utc(
    run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path
) -> None:
    outputs = ("--out", "w.csv", "--detections", "d.csv", "--plot", "f.svg")
    done = run("classify", recording, "--weights", weights / "rocket", *outputs)
    assert done.stdout.startswith("MiniRocketRidge from ")
    origin = lcl.load(weights / "rocket").weights_origin
    windows, detections = pd.read_csv(tmp_path / "w.csv"), pd.read_csv(tmp_path / "d.csv")
    name = f"MiniRocketRidge/rocket.v1 {origin.sha256[:12]}"
    for table in (windows, detections):
        assert list(table)[-1] == "weights"
        assert table["weights"].unique().tolist() == [name]
    assert windows["start_time"][0] == "2024-03-01T12:00:00.000000Z"
    assert set(detections) >= {"onset", "mean_probability", "n_windows"}
    for table, column in ((windows, "end_time"), (detections, "onset"), (detections, "end_time")):
        assert table[column].str.fullmatch(r"2024-03-01T12:\d\d:\d\d\.\d{6}Z").all()
        assert str(pd.to_datetime(table[column]).dt.tz) == "UTC"


def test_detections_as_quakeml(run: Callable[..., Done], sac_files: list[Path], tmp_path: Path) -> None:
    run("classify", *sac_files, "--weights", "mixed-3c", "--detections", "found.QuakeML")
    (event,) = obspy.read_events(str(tmp_path / "found.QuakeML"), "QUAKEML")
    assert (event.event_type, event.event_type_certainty) == ("earthquake", "suspected")
    assert event.picks[0].waveform_id.get_seed_string() == "BW.RJOB..EHZ"


def test_events_as_quakeml_and_as_tables(run: Callable[..., Done], tmp_path: Path) -> None:
    stream = obspy.read()
    for trace in stream.copy():
        trace.stats.station, trace.stats.starttime = "NEAR", trace.stats.starttime + 4
        stream.append(trace)
    stream.write(str(tmp_path / "two.mseed"), "MSEED")
    classify = ("classify", "two.mseed", "--weights", "mixed-3c", "--model", "MiniRocketRidge", "--events")
    assert "1 event" in run(*classify, "found.xml").stdout
    (event,) = obspy.read_events(str(tmp_path / "found.xml"), "QUAKEML")
    assert (event.event_type, event.event_type_certainty) == ("earthquake", "suspected")
    assert [pick.waveform_id.get_seed_string() for pick in event.picks] == ["BW.RJOB..EHZ", "BW.NEAR..EHZ"]
    assert "1 event" in run(*classify, "found.csv").stdout
    (decision,) = read_tables(tmp_path / "found.csv")
    assert decision.event == str(event.resource_id)
    assert [station.p_time for station in decision.stations] == [pick.time for pick in event.picks]
    assert "use the suffix" in run(*classify, "-", expect=2).stderr


@pytest.mark.parametrize(("option", "column"), [("--out", "reason"), ("--detections", "onset")])
def test_a_table_on_standard_output_is_alone_there(
    weights: Path,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: str,
    column: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--weights", str(weights / "rocket"), option, "-", "--plot", "f.png")
    monkeypatch.setattr(sys, "argv", ["seisbench-lcl", "classify", str(recording), *arguments])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    assert column in pd.read_csv(io.StringIO(printed.out))
    for text in ("MiniRocketRidge from ", "113 windows of 1 station", "wrote f.png"):
        assert text in printed.err


def test_abstention_by_novelty_and_probability(
    run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path
) -> None:
    def tables(*arguments: object) -> tuple[pd.DataFrame, pd.DataFrame]:
        run(
            *("classify", recording, "--weights", weights / "rocket", *arguments),
            *("--out", "windows.csv", "--detections", "detections.csv"),
        )
        return pd.read_csv(tmp_path / "windows.csv"), pd.read_csv(tmp_path / "detections.csv")

    free, _ = tables("--max-novelty", "inf")
    assert free["label"].notna().all()
    assert free.loc[28, "label"] == "high"
    assert free["novelty"][62:].min() > 1 > free["novelty"].min()
    found, detections = tables()
    beyond = free["novelty"] > 1
    assert (found["label"].isna() == beyond).all()
    assert found["reason"][beyond].str.startswith("unlike the training data (novelty ").all()
    assert (detections["start_time"] < str(START + 60)).all()
    limit = float(free[["high", "low"]].max(axis=1).median())
    unsure, _ = tables("--max-novelty", "inf", "--reject-below", limit)
    doubtful = free[["high", "low"]].max(axis=1) < limit
    assert doubtful.any()
    assert (unsure["label"].isna() == doubtful).all()
    assert unsure["reason"][doubtful].str.startswith("not sure enough (").all()


def test_an_ensemble(run: Callable[..., Done], weights: Path, recording: Path, tmp_path: Path) -> None:
    outputs = ("--out", "w.csv", "--plot", "f.png")
    done = run("classify", recording, "--weights", weights / "both", "--max-novelty", "inf", *outputs)
    assert "113 windows of 1 station" in done.stdout
    frame = pd.read_csv(tmp_path / "w.csv")
    assert frame[["high", "low", "spread", "novelty"]].notna().all(axis=None)
    assert is_png(tmp_path / "f.png")
