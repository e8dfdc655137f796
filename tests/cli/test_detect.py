"""``detect``: continuous records to a dataset."""

import signal
import sys
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from seisbench_lcl.cli import main
from seisbench_lcl.cli.detect import detect
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError, SeisBenchLCLError

app = typer.Typer()
app.command()(detect)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ten minutes with three events, one file per component, and the same record in an archive."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = []
    for component in "ZNE":
        data = rng.normal(0, 100, 60_000)
        for onset in (10_000, 25_000, 40_000):
            data[onset : onset + 300] *= 30
        header = {"network": "XX", "station": "AAA", "channel": f"HH{component}", "sampling_rate": 100}
        trace = obspy.Trace(data.astype(np.int32), header | {"starttime": obspy.UTCDateTime(2024, 3, 1, 12)})
        names.append(f"{component}.mseed")
        folder = Path("sds/2024/XX/AAA") / f"HH{component}.D"
        folder.mkdir(parents=True)
        trace.write(names[-1], "MSEED")
        trace.write(str(folder / f"{trace.id}.D.2024.061"), "MSEED")
    return names


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


ARCHIVE = ("--archive", "sds", "--station", "XX.AAA", "--start", "2024-03-01", "--end", "2024-03-01T12:06")


def test_files_and_archive_to_a_dataset(files: list[str]) -> None:
    done = run(*files, "--out", "a/set", "--dev", 0.4, "--band", 1, 20)
    assert done.exit_code == 0, done.output
    assert "3 windows (2 train, 1 dev) of 3 events at 1 station" in done.stdout
    assert "XX.AAA..HH: 3 windows" in done.stdout
    assert "wrote a/set" in done.stdout
    assert len(pd.read_csv("a/set/metadata.csv")) == 3
    done = run(*ARCHIVE, "--out", "b", "--on", 5)
    assert done.exit_code == 0, done.output
    assert "2 windows (2 train) of 2 events" in done.stdout


def test_unreadable_files_are_reported_and_the_rest_is_done(files: list[str]) -> None:
    Path("broken.mseed").write_bytes(b"\x00not a seismogram" * 40)
    done = run("broken.mseed", *files, "absent.sac", "--out", "a")
    assert done.exit_code == 1
    assert "3 windows" in done.stdout
    assert "cannot read broken.mseed: its format is unknown" in done.stderr
    assert "cannot read absent.sac: no such file" in done.stderr
    folder = Path("sds/2024/XX/BBB/HHZ.D")
    folder.mkdir(parents=True)
    Path("broken.mseed").rename(folder / "XX.BBB..HHZ.D.2024.061")
    done = run(*ARCHIVE, "--station", "XX.BBB", "--out", "b")
    assert done.exit_code == 1
    assert f"cannot read {folder}/XX.BBB..HHZ.D.2024.061: its format is unknown" in done.stderr
    assert "2 windows" in done.stdout


def test_no_readable_file() -> None:
    done = run("absent.sac", "--out", "set")
    assert done.exit_code == 2
    assert "cannot read absent.sac" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((), ConfigurationError, "pass files, or --archive with"),
        (("Z.mseed", "--station", "XX.AAA"), ConfigurationError, "pass files, or --archive with"),
        (("Z.mseed", *ARCHIVE), ConfigurationError, "and takes no files"),
        (ARCHIVE[:4], ConfigurationError, "--archive needs --station, --start and --end"),
        ((*ARCHIVE, "--end", "tomorrow"), ConfigurationError, "'tomorrow' is not a time such as"),
        ((*ARCHIVE, "--end", "2024-02-01"), ConfigurationError, "start must be before end"),
        (("Z.mseed",), DatasetError, "only components Z': 3"),
        (("Z.mseed", "--coincidence", 2), DatasetError, "fewer than 2 stations': 3"),
        (("Z.mseed", "--out", "sds"), OutputError, "sds exists already"),
        (("Z.mseed", "--out", "Z.mseed/a"), OutputError, "cannot write Z.mseed/a"),
    ],
)
def test_detections_that_cannot_work(
    arguments: tuple[object, ...], kind: type[SeisBenchLCLError], message: str
) -> None:
    before = sorted(Path().rglob("*"))
    done = run(*(() if "--out" in arguments else ("--out", "a")), *arguments)
    assert isinstance(done.exception, kind)
    assert message in str(done.exception)
    assert sorted(Path().rglob("*")) == before


def test_files_are_not_read_if_the_folder_exists(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seisbench_lcl.cli.detect.read_files", pytest.fail)
    Path("set").mkdir()
    assert "set exists already" in str(run(*files, "--out", "set").exception)


def test_sigterm_leaves_no_hidden_folder(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal arrives while windows are written."""
    hidden: list[Path] = []

    def cut(*arguments: object) -> None:
        hidden.extend(Path().glob(".*.set"))
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("seisbench_lcl.datasets._detection_files.cut", cut)
    monkeypatch.setattr(sys, "argv", ["seisbench-lcl", "detect", *files, "--out", "set"])
    before = sorted(Path().iterdir())
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 128 + signal.SIGTERM
    assert len(hidden) == 1
    assert sorted(Path().iterdir()) == before
    assert signal.getsignal(signal.SIGTERM) == handler
