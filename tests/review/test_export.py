"""Labels of analysts leave the review: as a dataset, in catalogues, and as commands for SeisComP."""

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import obspy
import pytest
from catalog_samples import decided, event, quakeml, scml
from conftest import Done
from obspy import UTCDateTime, read_events

from seisbench_lcl.datasets import open_dataset, read_windows
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError
from seisbench_lcl.events import StationDecision, write_tables
from seisbench_lcl.events.files import label_catalog, write_catalog
from seisbench_lcl.events.files.marks import VERDICT_ID
from seisbench_lcl.events.seiscomp_journal import write_journal
from seisbench_lcl.models.analyst_decision import AnalystDecision
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.event import Origin
from seisbench_lcl.review import Verdict, VerdictFile, Verdicts, analyst_decisions, export_dataset, read_verdicts
from seisbench_lcl.waveforms import Preprocessing

P = UTCDateTime(2024, 3, 1, 12)


def said(folder: Path, labels: dict[str, str | None], analyst: str = "Ana", at: float = 0) -> Verdicts:
    with VerdictFile(folder, analyst) as file:
        for name, label in labels.items():
            file.record(
                Verdict(name, label, "label" if label else "undecided", analyst, P + at, "slide", "w 1", "", "n")
            )
    return read_verdicts(folder)


@pytest.fixture
def decisions() -> list[EventDecision]:
    """Three events at two stations; P of the later ones is an hour and two hours later."""
    origin = Origin("o", P - 5, 47.0, 12.0, 8000.0)
    return [
        replace(
            decided(f"smi:local/{i}", "slide", "surface event"),
            stations=tuple(
                StationDecision(
                    f"XX.{code}..HH", P + 3600 * i + k, "pick", {"surface event": 0.9, "noise": 0.1}, snr=12.5
                )
                for k, code in enumerate(("AAA", "BBB"))
            ),
            origin=origin,
        )
        for i in range(3)
    ]


@pytest.fixture
def stream(make_stream: Callable[..., obspy.Stream]) -> obspy.Stream:
    """100 Hz and three components at one station; 50 Hz, later and with components 1 and 2 at the other."""
    found = obspy.Stream()
    for i in range(3):
        found += make_stream(180, station="XX.AAA..HH", start=P + 3600 * i - 60, seed=i)
        found += make_stream(100, 50, "Z12", "XX.BBB..HH", P + 3600 * i - 9.5, seed=10 + i)
        found += make_stream(100, 50, "Z", "XX.BBB..HN", P + 3600 * i - 9.5, seed=20 + i)
    return found


def test_the_dataset_holds_the_records_and_who_decided_when(
    tmp_path: Path, decisions: list[EventDecision], stream: obspy.Stream
) -> None:
    verdicts = said(tmp_path / "v", {"smi:local/0": "Surface_Event", "smi:local/1": "collapse", "smi:local/2": None})
    found = export_dataset(verdicts, decisions, stream, tmp_path / "set")
    assert dict(found) == {"traces": 4, "events": 2}
    dataset = open_dataset(tmp_path / "set")
    table = dataset.metadata
    assert table["source_type"].tolist() == ["surface event"] * 2 + ["collapse"] * 2, "in the spelling of the model"
    assert set(table["review_analyst"]) == {"Ana"}
    assert set(table["review_time"]) == {str(P)}
    assert table.loc[0, ["review_shown", "review_weights", "review_note"]].tolist() == ["slide", "w 1", "n"]
    assert table.loc[0, ["source_latitude_deg", "source_depth_km", "trace_snr_db"]].tolist() == [47.0, 8.0, 12.5]
    assert table["trace_component_order"].tolist() == ["ZNE", "Z12"] * 2
    for row in range(4):
        station, rate = (("AAA", 100), ("BBB", 50))[row % 2]
        start, arrival = UTCDateTime(table["trace_start_time"][row]), table["trace_p_arrival_sample"][row]
        p_time = decisions[row // 2].stations[row % 2].p_time
        assert abs(start + arrival / rate - p_time) <= 0.5 / rate
        own = stream.select(station=station, channel="HH*").slice(start, start + 200)
        stored = dataset.get_waveforms(row, sampling_rate=rate)
        np.testing.assert_allclose(stored[0], own.select(component="Z")[0].data[: stored.shape[1]])
        assert stored.shape == ((3, 12001) if row % 2 == 0 else (3, 5000))
    # As train reads it: a window for each station, cut at P.
    data = read_windows(dataset, Preprocessing(before=2.0, in_samples=1000, band=(1, 18)))
    assert (len(data), sorted(set(data.labels)), len(set(data.groups))) == (4, ["collapse", "surface event"], 2)
    with pytest.raises(OutputError, match="exists already"):
        export_dataset(verdicts, decisions, stream, tmp_path / "set")


def test_what_has_no_record_is_told_and_nothing_half_written_stays(
    tmp_path: Path, decisions: list[EventDecision], stream: obspy.Stream
) -> None:
    verdicts = said(tmp_path / "v", {"smi:local/0": "noise", "smi:local/1": "collapse"})
    with VerdictFile(tmp_path / "v", "Bob") as file:
        file.record(Verdict("smi:local/1", None, "wrong pick", "Bob", P, "", "", "XX.BBB..HH"))
    broken = stream.select(station="AAA").copy()
    gap = [broken[0].slice(None, P - 1), broken[0].slice(P + 1, None), *broken[1:]]
    found = export_dataset(read_verdicts(tmp_path / "v"), decisions, obspy.Stream(gap), tmp_path / "set")
    assert dict(found) == {
        "traces": 1, "events": 1, "gap at P": 1, "no waveform": 1, "stations with a wrong pick, left out": 1,
    }  # fmt: skip
    with pytest.raises(DatasetError, match=r"no station of the labelled events has a trace: no waveform \(4\)"):
        export_dataset(verdicts, decisions, make_other(stream), tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "v"]


def make_other(stream: obspy.Stream) -> obspy.Stream:
    other = stream.copy()
    for trace in other:
        trace.stats.station = "CCC"
    return other


def by_hand(name: str, kind: str | None = "explosion", author: str = "Ana & <b>", at: float = 0) -> AnalystDecision:
    return AnalystDecision(name, kind or "noise", kind, author, P + at, "earthquake", "w 1")


@pytest.mark.parametrize("form", ["QuakeML", "SCML", "in memory"])
def test_a_persons_type_beats_a_models_and_no_model_takes_it_back(tmp_path: Path, form: str) -> None:
    make = {"SCML": scml}.get(form, quakeml)
    name = "smi:local/a"
    file = tmp_path / "c.xml"
    file.write_text(make([event(name)]))

    def write(one: EventDecision | AnalystDecision, **options: bool) -> None:
        if form == "in memory":
            label_catalog(read_events(str(file)), [one], **options).write(str(file), "QUAKEML")
        else:
            before = file.read_bytes()
            write_catalog(file, [one], file, **options)
            again = file.read_bytes()
            write_catalog(file, [one], file, **options)
            assert file.read_bytes() == again, "writing the same again changes nothing"
            assert before != again

    def now() -> tuple[str | None, str | None, list[str]]:
        text = file.read_text()
        found = [part.split("<")[0] for part in text.split("type>")[1::2]]
        sure = [part.split("<")[0] for part in text.split("typeCertainty>")[1::2]]
        verdicts = [part.split("text>")[0].split("<")[0] for part in text.split("text>")[1::2]]
        return (found or [None])[0], (sure or [None])[0], [one for one in verdicts if "decided manually" in one]

    write(decided(name, "slide"))
    assert now()[:2] == ("slide", "suspected")
    write(by_hand(name))
    assert now()[:2] == ("explosion", "known")
    [comment] = now()[2]
    assert comment == (
        f"seisbench_lcl: explosion; label explosion, decided manually by Ana &amp; &lt;b&gt; at {P}; the model said "
        "earthquake; weights w 1; type set"
    )
    assert VERDICT_ID in file.read_text()
    assert "author>Ana &amp; &lt;b&gt;</" in file.read_text()
    assert f"creationTime>{P}</" in file.read_text()
    write(decided(name, "slide", probability=0.8))
    assert now()[:2] == ("explosion", "known"), "a model does not take it back"
    assert now()[2] == [comment]
    write(by_hand(name, "collapse", at=60))
    assert now()[:2] == ("collapse", "known"), "a person who thinks again does"
    assert len(now()[2]) == 1
    write(by_hand(name, None, at=90))
    assert now()[:2] == (None, None), "not an event"
    write(by_hand(name, None, at=90), noise_as_not_existing=True)
    assert now()[:2] == ("not existing", "known")


def test_the_type_of_somebody_else_stays_unless_asked(tmp_path: Path) -> None:
    source = tmp_path / "c.xml"
    source.write_text(quakeml([event("smi:local/a", "<type>quarry blast</type>")]))
    done = write_catalog(source, [by_hand("smi:local/a")], tmp_path / "out.xml")
    assert (done.kept, done.typed) == (1, 0)
    assert ">quarry blast<" in (tmp_path / "out.xml").read_text()
    assert "type left as it was: quarry blast" in (tmp_path / "out.xml").read_text()
    done = write_catalog(source, [by_hand("smi:local/a")], tmp_path / "out.xml", overwrite=True)
    assert (done.kept, done.typed) == (0, 1)
    assert ">known<" in (tmp_path / "out.xml").read_text()


def test_commands_for_seiscomp_reach_it_as_they_are_meant(tmp_path: Path) -> None:
    odd = "ev'1; touch hacked"
    decisions = [by_hand(odd, "quarry blast"), by_hand("b", None), by_hand("c", "other event", "A\nrm -rf")]
    assert write_journal(decisions, tmp_path / "labels.sh") == 2
    fake = tmp_path / "scsendjournal"
    fake.write_text('#!/bin/sh\nfor a in "$@"; do printf "[%s]" "$a"; done; echo\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "labels.sh", "-H", "host"], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        f"[-H][host][{odd}][EvType][quarry blast]",
        f"[-H][host][{odd}][EvTypeCertainty][known]",
        "[-H][host][c][EvType][other]",
        "[-H][host][c][EvTypeCertainty][known]",
    ]
    assert not (tmp_path / "hacked").exists()
    assert write_journal(decisions, tmp_path / "labels.sh", noise_as_not_existing=True) == 3


def test_types_are_those_of_the_model_the_label_or_the_user(tmp_path: Path, decisions: list[EventDecision]) -> None:
    labels: dict[str, str | None] = {
        "smi:local/0": "surface event",
        "smi:local/1": "icequake",
        "smi:local/2": "Noise",
        "elsewhere": "sinkhole",
    }
    found = analyst_decisions(said(tmp_path, labels), decisions, {"sinkhole": "collapse"})
    assert {one.event: (one.label, one.event_type) for one in found} == {
        "smi:local/0": ("surface event", "slide"),
        "smi:local/1": ("icequake", "ice quake"),
        "smi:local/2": ("Noise", None),
        "elsewhere": ("sinkhole", "collapse"),
    }
    with pytest.raises(ConfigurationError, match="not a QuakeML event type"):
        analyst_decisions(said(tmp_path, {}), decisions, {"sinkhole": "hole"})


def test_the_command_writes_all_three(
    run: Callable[..., Done], tmp_path: Path, decisions: list[EventDecision], stream: obspy.Stream
) -> None:
    write_tables(decisions, tmp_path / "decisions.csv")
    said(tmp_path / "decisions_review", {"smi:local/0": "explosion", "smi:local/1": "sinkhole"})
    (tmp_path / "events.xml").write_text(quakeml([event(f"smi:local/{i}") for i in range(3)]))
    stream.write(str(tmp_path / "record.mseed"), "MSEED")
    base = ("export-review", "--decisions", "decisions.csv")
    done = run(
        *base, "--dataset", "set", "--waveforms", "record.mseed", "--catalog", "events.xml", "--out", "out.xml",
        "--seiscomp", "labels.sh", "--type", "sinkhole=collapse",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["2 labelled events", "wrote set: 4 traces of 2 events"]
    kinds = [(str(one.event_type), str(one.event_type_certainty)) for one in read_events(str(tmp_path / "out.xml"))]
    assert kinds == [("explosion", "known"), ("collapse", "known"), ("None", "None")]
    assert "smi:local/1 EvType collapse" in (tmp_path / "labels.sh").read_text()
    assert len(open_dataset(tmp_path / "set")) == 4
    for options, words in (
        ((), "name at least one of"),
        (("--out", "x.xml"), "--catalog and --out go together"),
        (("--dataset", "x"), "--dataset needs --waveforms"),
        (("--seiscomp", "x.sh", "--reviewed", "nowhere"), "cannot read the verdicts in nowhere"),
    ):
        done = run(*base, *options)
        assert done.returncode == 2
        assert words in " ".join(done.stderr.split())
