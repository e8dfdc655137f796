"""``catalog``: a catalogue and waveforms in, types and tables out, and an interrupted run gone on with."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obspy
import pandas as pd
import pytest
from conftest import Done
from obspy.core.event import Arrival, Catalog, Event, Origin, Pick, ResourceIdentifier, WaveformStreamID
from obspy.core.inventory import Inventory, Network, Station

from seisbench_lcl.cli import catalog as command
from seisbench_lcl.events import EventDecision

WEIGHTS = ("--weights", "MiniRocketRidge/mixed-3c", "--max-novelty", "inf")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """ObsPy's record of a local earthquake, twice, and a catalogue of three events; the third has no waveforms."""
    stream = obspy.read()
    later = stream.copy()
    for trace in later:
        trace.stats.starttime += 3600
    (stream + later).write(str(tmp_path / "record.mseed"), "MSEED")
    p = stream[0].stats.starttime + 4.7
    catalog = Catalog()
    for i, hours in enumerate((0, 1, 5)):
        pick = Pick(
            resource_id=ResourceIdentifier(f"smi:local/pick{i}"),
            time=p + 3600 * hours,
            waveform_id=WaveformStreamID("BW", "RJOB", "", "EHZ"),
            phase_hint="P",
        )
        origin = Origin(
            resource_id=ResourceIdentifier(f"smi:local/origin{i}"),
            time=p + 3600 * hours - 2,
            latitude=47.7,
            longitude=12.8,
            arrivals=[Arrival(ResourceIdentifier(f"smi:local/arrival{i}"), pick_id=pick.resource_id, phase="P")],
        )
        event = Event(resource_id=ResourceIdentifier(f"smi:local/event{i}"), picks=[pick], origins=[origin])
        event.preferred_origin_id = origin.resource_id
        catalog.append(event)
    catalog[1].event_type = "explosion"  # by a person
    catalog.write(str(tmp_path / "events.xml"), "QUAKEML")
    return tmp_path


def test_decisions_go_into_catalogue_and_tables(run: Callable[..., Done], data: Path) -> None:
    arguments = ("catalog", "events.xml", *WEIGHTS, "--waveforms", "record.mseed")
    done = run(*arguments, "--out", "out.xml", "--table", "decisions.csv")
    assert done.returncode == 1, done.stderr  # one event is undecided
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("MiniRocketRidge/mixed-3c, version 1, from the package")
    assert "2 earthquake" in lines
    assert "1 event kept the type of a person or another program: see --overwrite-types" in lines
    first, second, third = obspy.read_events(str(data / "out.xml"))
    assert (first.event_type, first.event_type_certainty) == ("earthquake", "suspected")
    assert second.event_type == "explosion"
    assert third.event_type is None
    table = pd.read_csv(data / "decisions.csv", keep_default_na=False)
    assert table["label"].tolist() == ["earthquake", "earthquake", ""]
    assert table["reason"][2]
    assert len(pd.read_csv(data / "decisions_stations.csv")) == 3
    assert not list(data.glob(".*decisions"))

    again = run(*arguments, "--out", "out.xml", "--overwrite-types")
    assert again.returncode == 1
    assert [event.event_type for event in obspy.read_events(str(data / "out.xml"))] == ["earthquake"] * 2 + [None]


def test_an_interrupted_run_gives_the_same_file(
    run: Callable[..., Done], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("catalog", "events.xml", *WEIGHTS, "--waveforms", "record.mseed", "--out")
    run(*arguments, "whole.xml")
    decide = command.decide_events

    def interrupted(*given: Any) -> Iterator[EventDecision]:
        yield next(iter(decide(*given)))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "decide_events", interrupted)
    with pytest.raises((KeyboardInterrupt, AssertionError)):
        assert run(*arguments, "out.xml").returncode in (0, 1)
    assert not (data / "out.xml").exists()
    assert (data / ".out.xml.decisions").exists()
    monkeypatch.setattr(command, "decide_events", decide)
    other = run(*arguments, "out.xml", "--rule", "median")
    assert other.returncode == 2
    assert "made with other settings" in other.stderr
    done = run(*arguments, "out.xml")
    assert "1 events were decided by an earlier run" in done.stderr or "1 event was decided" in done.stderr
    assert (data / "out.xml").read_bytes() == (data / "whole.xml").read_bytes()
    assert not (data / ".out.xml.decisions").exists()


def test_context_is_beside_the_decisions(run: Callable[..., Done], data: Path) -> None:
    catalog = obspy.read_events(str(data / "events.xml"))
    for event in catalog:
        event.event_type = "quarry blast"
    catalog.write(str(data / "region.xml"), "QUAKEML")
    (data / "quarries.csv").write_text("latitude,longitude\n47.7,12.8\n")
    arguments = ("catalog", "events.xml", *WEIGHTS, "--waveforms", "record.mseed", "--table", "t.csv")
    refused = run(*arguments, "--context", "region.xml")
    assert refused.returncode == 2
    assert "a type that the model knows" in refused.stderr  # it has no label of blasts
    for event in catalog:
        event.event_type = "slide"
    catalog.write(str(data / "region.xml"), "QUAKEML")
    done = run(*arguments, "--context", "region.xml", "--quarries", "quarries.csv", "--timezone", "Europe/Berlin")
    assert done.returncode == 1, done.stderr
    assert "context alone says another type of 2 events" in " ".join(done.stderr.split())
    table = pd.read_csv(data / "t.csv", keep_default_na=False)
    assert table["label"].tolist() == ["earthquake", "earthquake", ""]
    assert (table["context[surface event]"][:2].astype(float) > table["context[earthquake]"][:2].astype(float)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["events.xml", "--table", "t.csv", "--quarries", "q.csv"], "--quarries needs --context"),
        (["events.xml", "--table", "t.csv", "--cache", "c"], "cache do not apply to files"),
        (["events.xml"], "name at least one of --out and --table"),
        (["picks.csv", "--out", "o.xml"], "picks.csv is a table and has no place for types: use --table"),
        (["events.xml", "--table", "t.txt"], "use the suffix .csv or .parquet"),
        (["nothing.xml", "--table", "t.csv"], "nothing.xml is missing: give a file with a catalogue"),
        (["record.mseed", "--table", "t.csv"], "record.mseed"),
        (["events.xml", "--table", "t.csv", "--rule", "mode"], "mode"),
        (["events.xml", "--table", "t.csv", "--picker", "PhaseNet"], "write MODEL/WEIGHTS"),
        (["events.xml", "--table", "t.csv", "--inventory", "events.xml"], "cannot read events.xml as an inventory"),
    ],
)
def test_bad_input(run: Callable[..., Done], data: Path, arguments: list[str], message: str) -> None:
    before = sorted(data.iterdir())
    done = run("catalog", *arguments, *WEIGHTS, "--waveforms", "record.mseed")
    assert done.returncode == 2
    assert message in done.stderr
    assert sorted(data.iterdir()) == before


def test_a_catalogue_that_is_cut_off_leaves_nothing_but_the_decisions(run: Callable[..., Done], data: Path) -> None:
    text = (data / "events.xml").read_text()
    (data / "cut.xml").write_text(text[: text.rindex("<event ") + 30])
    done = run("catalog", "cut.xml", *WEIGHTS, "--waveforms", "record.mseed", "--out", "o.xml")
    assert done.returncode == 2
    assert "cut.xml" in done.stderr
    assert not (data / "o.xml").exists()


def test_doubtful_events_are_drawn_also_by_the_run_that_goes_on(
    run: Callable[..., Done], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station("RJOB", 47.737, 12.796, 860.0)
    Inventory([Network("BW", [station])]).write(str(data / "stations.xml"), "STATIONXML")
    arguments = ("catalog", "events.xml", *WEIGHTS, "--waveforms", "record.mseed", "--table", "decisions.csv")
    arguments += ("--inventory", "stations.xml", "--plots", "plots", "--doubtful")
    draw = command.write_panels

    def interrupted(*given: Any, **options: Any) -> Iterator[Path]:
        yield next(iter(draw(*given, **options)))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "write_panels", interrupted)
    run(*arguments, 2)
    assert len(list((data / "plots").iterdir())) == 1
    monkeypatch.setattr(command, "write_panels", draw)
    done = run(*arguments, 2)
    assert "3 events were decided by an earlier run" in done.stderr
    assert done.returncode == 1, done.stderr
    assert "wrote 2 figures to plots" in done.stdout
    names = sorted(path.name.rsplit("_", 1)[0] for path in (data / "plots").iterdir())
    assert names[-1] == "20090824T052005_smi_local_event2"  # undecided, because it has no waveform
    assert len(names) == 2
    assert not list(data.glob(".*"))

    (data / "file").write_text("")
    for wrong, reason in (("--plots", "file"), "file is a file"), (("--doubtful", 0), "--doubtful must be 1 or more"):
        done = run(*arguments, 2, *wrong)
        assert done.returncode == 2
        assert reason in " ".join(done.stderr.split())
