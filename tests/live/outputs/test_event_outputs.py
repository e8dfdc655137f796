"""Final events as QuakeML, and as hints for SeisComP."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obspy
import pytest
from catalog_samples import event, scml
from changes_samples import TIME, changed
from lxml import etree

from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.events.seiscomp import HINT_ID
from seisbench_lcl.live.outputs import QuakeMLFolder, SeisComPComments, seiscomp

pytestmark = pytest.mark.timeout(60)


def wait_for(what: Callable[[], Any]) -> None:
    limit = time.monotonic() + 10
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_each_final_event_is_a_file_that_obspy_reads(tmp_path: Path) -> None:
    output = QuakeMLFolder(tmp_path)
    for kind in ("provisional", "updated"):
        output.write(changed(kind=kind))
    assert not any(tmp_path.iterdir())
    output.write(changed())
    [file] = tmp_path.rglob("*.*")
    assert file.relative_to(tmp_path).as_posix() == "2024/03/20240301T115920_000000_XX_ABC.xml"
    [found] = obspy.read_events(str(file))
    assert (found.event_type, found.event_type_certainty) == ("quarry blast", "suspected")
    assert [p.waveform_id.get_seed_string() for p in found.picks] == ["XX.ABC..HHZ", "XX.DEF..HHZ"]
    assert found.resource_id.id == changed().decision.event
    output.write(changed(kind="withdrawn"))
    assert not list(tmp_path.rglob("*.*"))


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "2024").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot write"):
        QuakeMLFolder(tmp_path).write(changed())


def dumped(name: str, *picks: str) -> str:
    """Return an event with picks, each "STATION SECONDS" after the P of the decision."""
    made = []
    for number, one in enumerate(picks):
        station, seconds = one.split()
        made.append(
            f'<pick publicID="{name}/p{number}"><time><value>{TIME - 40 + float(seconds)}</value></time>'
            f'<waveformID networkCode="XX" stationCode="{station}" channelCode="HHZ"/><phaseHint>P</phaseHint></pick>'
        )
    arrivals = "".join(
        f"<arrival><pickID>{name}/p{number}</pickID><phase>P</phase></arrival>" for number in range(len(picks))
    )
    place = f'<origin publicID="{name}/o"><time><value>{TIME - 45}</value></time>{arrivals}</origin>'
    inside = f"<preferredOriginID>{name}/o</preferredOriginID><originReference>{name}/o</originReference>"
    return scml("".join(made) + place + event(name, inside), "0.13")


def hints(file: Path) -> dict[str, str]:
    tree = etree.parse(file)
    return {
        str(node.getparent().get("publicID")): str(node.findtext("{*}text"))
        for node in tree.iter("{*}comment")
        if node.findtext("{*}id") == HINT_ID
    }


def test_hints_go_to_the_event_that_shares_most_stations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seiscomp, "_LOOK", 0.05)
    dumps, target = tmp_path / "dumps", tmp_path / "hints"
    dumps.mkdir()
    (dumps / "early.xml").write_text(dumped("early", "ABC 1.5", "DEF 2.0", "XYZ 0"))
    (dumps / "other.xml").write_text(dumped("other", "ABC -30", "DEF 300"))
    output = SeisComPComments(dumps, target, command=f"cp {{}} {tmp_path / 'sent.xml'}")
    output.write(changed(1, "provisional"))
    output.write(changed(2))
    wait_for(lambda: (tmp_path / "sent.xml").exists())
    assert hints(target / "early.xml") == {f"early/p{number}": "quarry blast" for number in range(3)}
    assert os.listdir(target) == ["early.xml"]

    (dumps / "broken.xml").write_text("<seiscomp>")
    (dumps / "later.xml").write_text(dumped("later", "DEF 9.0"))
    wait_for((target / "later.xml").exists)
    assert hints(target / "later.xml") == {"later/p0": "quarry blast"}
    first = (target / "early.xml").stat().st_mtime_ns
    time.sleep(0.3)
    output.close()
    assert (target / "early.xml").stat().st_mtime_ns == first  # a dump that has not changed is not looked at again
    assert sorted(os.listdir(target)) == ["early.xml", "later.xml"]


def test_a_folder_of_dumps_and_the_command_must_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is no folder: name the one that scxmldump writes to"):
        SeisComPComments(tmp_path / "missing", tmp_path)
    with pytest.raises(ConfigurationError, match="'scdispatchx' is no command"):
        SeisComPComments(tmp_path, tmp_path, command="scdispatchx -i {}")
