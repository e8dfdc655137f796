"""What a review needs, with all that can be odd about it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pytest
from conftest import Done
from obspy.core.event import Catalog, ResourceIdentifier
from obspy.core.event import Event as CatalogEvent
from obspy.core.event import Origin as CatalogOrigin
from review_samples import START, decided, many, records

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError, WaveformError, WeightsError
from seisbench_lcl.events import Event, Pick, classify_catalog, write_tables
from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.review import VerdictFile, serve, serving
from seisbench_lcl.review.page.event_features import event_features
from seisbench_lcl.review.page.material import open_material
from seisbench_lcl.review.page.sheet import sheets
from seisbench_lcl.review.page.similar import Similar
from seisbench_lcl.review.page.surroundings import Surroundings

DECISIONS = many(8, crowded=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(DECISIONS, tmp_path / "decisions.csv")
    records(DECISIONS[:2]).write(str(tmp_path / "record.mseed"), "MSEED")
    return tmp_path


def test_the_model_of_the_decisions_is_found_and_its_features_know_a_twin(model: lcl.MiniRocketRidge) -> None:
    stream = obspy.read()
    later = stream.copy()
    for trace in later:
        trace.stats.starttime += 3600
    p = stream[0].stats.starttime + 4.7
    events = [Event(f"e{i}", picks=(Pick("", p + 3600 * i, "BW", "RJOB"),)) for i in range(2)]
    made = list(classify_catalog(model, events, stream + later, max_novelty=np.inf))
    material = open_material(made, stream + later)
    assert material.notes == []
    assert material.model is not None
    assert material.preprocessing == model.preprocessing
    similar = Similar()
    prepare = sheets(material, similar)
    assert [prepare(f"e{i}").problem for i in range(2)] == ["", ""]
    [(name, distance)] = similar.nearest("e0", {"e1": "earthquake"})
    assert (name, distance) == ("e1", pytest.approx(0, abs=1e-3))
    window = event_features(model, made[0], stream)
    assert window is not None
    assert window.shape == (
        model.features(np.random.default_rng(0).normal(size=(1, 3, 2000)).astype(np.float32)).shape[1],
    )
    assert event_features(model, made[0], obspy.Stream()) is None


def test_other_weights_and_those_that_are_gone_are_noted(model: lcl.MiniRocketRidge) -> None:
    source = StreamSource(records(DECISIONS[:1]))
    gone = open_material(DECISIONS, source)
    assert gone.model is None
    assert gone.notes[0].startswith("the weights of the decisions are not at hand")
    other = open_material(DECISIONS, source, weights=model)
    assert other.notes == [
        f"decisions are by {DECISIONS[0].weights}, but windows and similar events are shown by "
        f"{lcl.models.lookup.describe_weights(model)}"
    ]
    with pytest.raises(WeightsError, match="none-such"):
        open_material(DECISIONS, source, weights="MiniRocketRidge/none-such")


def test_the_catalogue_gives_places_and_an_event_that_it_lost_is_noted(tmp_path: Path) -> None:
    made = [decided(0, place=False), decided(1)]
    catalog = Catalog([CatalogEvent(resource_id=ResourceIdentifier(made[0].event), event_type="quarry blast")])
    catalog[0].origins.append(CatalogOrigin(time=START, latitude=47.5, longitude=11.5))
    catalog.write(str(tmp_path / "events.xml"), "QUAKEML")
    material = open_material(made, StreamSource(records(made)), catalog=tmp_path / "events.xml")
    assert material.decisions[made[0].event].origin.latitude == 47.5  # type: ignore[union-attr]
    assert material.catalog is not None
    assert material.catalog[made[0].event].type == "quarry blast"
    assert any("1 event with a decision not in" in note and made[1].event in note for note in material.notes)


def test_bad_input_is_refused_before_anything_is_written(folder: Path) -> None:
    decisions, record = folder / "decisions.csv", folder / "record.mseed"
    with pytest.raises(DatasetError, match="cannot read"):
        serve(folder / "none.csv", record)
    with pytest.raises(WaveformError, match="cannot read"):
        serve(decisions, folder / "moved.mseed")
    with pytest.raises(DatasetError, match="holds no decisions"):
        serve([], record, verdicts=folder)
    with pytest.raises(DatasetError, match="has two decisions"):
        serve([DECISIONS[0], DECISIONS[0]], record, verdicts=folder)
    with pytest.raises(ConfigurationError, match="name a folder"):
        serve(DECISIONS, record)
    with pytest.raises(ConfigurationError, match="no time zone"):
        Surroundings("Middle/Earth")
    assert not (folder / "decisions_review").exists()


def test_files_that_moved_after_the_start_are_said_at_the_station(folder: Path) -> None:
    material = open_material(folder / "decisions.csv", folder / "record.mseed")
    (folder / "record.mseed").rename(folder / "moved.mseed")
    sheet = sheets(material)(DECISIONS[0].event)
    assert all("record.mseed" in row.reason for row in sheet.rows)
    assert len(sheet.rows) == 2


def test_a_port_in_use_and_a_folder_that_cannot_be_written_are_refused(folder: Path) -> None:
    pytest.importorskip("panel", reason="Panel is not installed (extra review)")
    arguments = (folder / "decisions.csv", folder / "record.mseed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}: .*choose another --port"):
            serve(*arguments, port=port)
    with pytest.raises(ConfigurationError, match="browsers refuse port 5060"):
        serve(*arguments, port=5060)
    with pytest.raises(ConfigurationError, match="no IP address"):
        serve(*arguments, address="somewhere")
    (folder / "plain").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        serve(*arguments, verdicts=folder / "plain" / "verdicts")
    if os.geteuid() != 0:
        (folder / "locked").mkdir(mode=0o500)
        with pytest.raises(OutputError, match="choose another folder"):
            serve(*arguments, verdicts=folder / "locked" / "verdicts")
    with (
        VerdictFile(folder / "decisions_review", "Ana"),
        pytest.raises(OutputError, match="close it, or use another name"),
    ):
        serve(*arguments, analyst="Ana")


def test_without_panel_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'seisbench-lcl\[review\]'"):
        serve(folder / "decisions.csv", folder / "record.mseed")


def test_the_command_refuses_what_the_call_refuses(run: Callable[..., Done], folder: Path) -> None:
    done = run("review", "decisions.csv", "--waveforms", "moved.mseed", "--no-browser")
    assert done.returncode == 2
    assert "cannot read moved.mseed" in done.stderr
    done = run("review", "events", "decisions.csv", "--waveforms", "record.mseed", "--key", "earthquake=u")
    assert done.returncode == 2
    assert "have one key" in done.stderr
