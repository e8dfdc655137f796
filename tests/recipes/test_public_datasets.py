"""Recipes for public datasets of SeisBench, on small datasets of the same format."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomlkit
from seisbench.data import WaveformDataWriter

from seisbench_lcl import EnvelopePhysicalRidge, MiniRocketSCAN
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.hub.card import Card, RecipeReference
from seisbench_lcl.recipes import Recipe, Reproduced, reproduce
from seisbench_lcl.recipes.datasets import EVENT, LABEL, SPLIT, deal, open_datasets

RECIPES = Path(__file__).parents[2] / "weights" / "recipes"
RATE = 100
LEVELS = ("station", "event")
SPLITS = ("train", "train", "train", "dev", "test")

Row = dict[str, Any]


def motion(kind: str, seed: int, onset: float, seconds: float) -> np.ndarray:
    """Three components of noise, with an arrival at the onset whose frequency and decay depend on the kind."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    noise = rng.normal(0, 1, (3, len(time)))
    if kind == "noise":
        return noise
    frequency, decay = {"earthquake": (12, 3), "explosion": (6, 1.5), "surface event": (3, 12), "lp": (2, 6)}[kind]
    since = np.clip(time - onset, 0, None)
    phases = rng.uniform(0, 2 * np.pi, (3, 1))
    wave = np.sin(2 * np.pi * frequency * rng.uniform(0.8, 1.2) * since + phases) * since * np.exp(-since / decay)
    return noise + 60 * wave / np.abs(wave).max()


def write(
    folder: Path, rows: Iterable[tuple[Row, np.ndarray]], chunk: str = "", order: str = "ENZ", bucket: int = 1024
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"metadata{chunk}.csv", folder / f"waveforms{chunk}.hdf5"
    with WaveformDataWriter(*files) as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": order, "sampling_rate": RATE}
        writer.bucket_size = bucket
        for row, data in rows:
            writer.add_trace(row, data)


def pnw_row(kind: str, label: str, event: int, station: str, onset: float) -> Row:
    """The columns of the PNW datasets: `event_id`, and a capital P in the names of arrivals."""
    hour = f"2019-03-{1 + event // 24:02d}T{event % 24:02d}"
    return {
        "event_id": f"uw6{event:07d}",
        "source_origin_time": f"{hour}:00:10.000000Z",
        "source_type": kind,
        "source_type_pnsn_label": label,
        "preferred_source_magnitude": 1.2,
        "station_network_code": "UW",
        "station_channel_code": "HH",
        "station_code": station,
        "station_location_code": "--",
        "trace_sampling_rate_hz": RATE,
        "trace_start_time": f"{hour}:00:00.000000Z",
        "trace_P_arrival_sample": round(onset * RATE),
        "trace_S_arrival_sample": round((onset + 4) * RATE),
        "trace_snr_db": "20.1|18.3|25.0",
        "split": SPLITS[event % 5],
    }


@pytest.fixture(scope="module")
def pnw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pnw")

    def events(kinds: list[tuple[str, str, str]], first: int) -> Iterable[tuple[Row, np.ndarray]]:
        for i, (shape, kind, label) in enumerate(kinds):
            for n in range(10):
                event = first + 10 * i + n
                for station in ("GNW", "LON"):
                    onset = 12 + n % 3
                    seed = 10 * event + len(station)
                    yield pnw_row(kind, label, event, station, onset), motion(shape, seed, onset, 40)

    comcat = [
        ("earthquake", "earthquake", "eq"),
        ("explosion", "explosion", "px"),
        ("lp", "earthquake", "lf"),  # which the recipe leaves out
    ]
    write(folder / "pnw", events(comcat, 0))
    exotic = [("surface event", "surface event", "su"), ("lp", "thunder", "th")]
    write(folder / "pnwexotic", events(exotic, 40))
    noise = []
    for n in range(12):
        for station in ("GNW", "LON"):
            row = pnw_row("noise", "", n, station, 0)
            for column in [c for c in row if c.startswith(("event", "source", "trace_P", "trace_S_"))] + ["split"]:
                del row[column]  # traces of noise have no event and no arrival, and these have no split
            noise.append((row, motion("noise", 900 + 2 * n + len(noise), 0, 40)))
    write(folder / "pnwnoise", noise)
    return folder


@pytest.fixture(scope="module")
def vcseis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One chunk for each region and type, as in VCSEIS."""
    folder = tmp_path_factory.mktemp("volcanoes") / "vcseis"
    for chunk, kind, network, first in (
        ("_ak_lp", "lp", "AV", 0),
        ("_ak_rg", "rg", "AV", 100),
        ("_aknoise", "noise", "AV", 200),
        ("_hw12t21_lp", "lp", "HV", 300),
        ("_hw12t21_rg", "vt", "HV", 400),
        ("_hwnoise", "noise", "HV", 500),
    ):
        rows = []
        for n in range(10):
            row = {
                "source_id": f"{network}{first + n}" if kind != "noise" else None,
                "source_type": kind,
                "station_network_code": network,
                "station_code": f"S{n % 3}",
                "trace_sampling_rate_hz": RATE,
                "trace_start_time": f"2015-01-01T00:{n:02d}:00",
                "split": SPLITS[n % 5],
            }
            if kind != "noise":
                row["trace_p_arrival_sample"] = 12 * RATE
            shape = {"rg": "earthquake", "vt": "earthquake"}.get(kind, kind)
            rows.append((row, motion(shape, first + n, 12, 40)))
        write(folder, rows, chunk, order="ZNE")
    (folder / "chunks").write_text("_ak_lp\n_ak_rg\n_aknoise\n_hw12t21_lp\n_hw12t21_rg\n_hwnoise\n")
    return folder.parent


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without buckets; the event numbers of earthquakes and noise are the same."""
    folder = tmp_path_factory.mktemp("italy")
    for name, kind in (("instancecounts", "earthquake"), ("instancenoise", "noise")):
        rows = []
        for n in range(15):
            for station in ("ACER", "MGAB"):
                row = {
                    "trace_name": f"{1000 + n}.IV.{station}..HH",
                    "source_id": 1000 + n,
                    "station_network_code": "IV",
                    "station_code": station,
                    "trace_sampling_rate_hz": RATE,
                    "trace_start_time": f"2011-05-01T{n:02d}:00:00",
                    "split": SPLITS[n % 5],
                }
                if kind == "earthquake":
                    row |= {"source_type": "earthquake", "trace_P_arrival_sample": 12 * RATE}
                rows.append((row, motion(kind, 31 * n + len(rows), 12, 40)))
        write(folder / name, rows, bucket=1)
    return folder


def reproduced(recipe: str, data: Path, out: Path, **changes: Any) -> Reproduced:
    """Follow a bundled recipe, with some settings changed to suit a small dataset."""
    text = tomlkit.parse((RECIPES / f"{recipe}.toml").read_text())
    for key, value in changes.items():
        text[key.replace("_", "-")] = value
    copy = out / "recipe" / f"{Path(recipe).name}.toml"
    copy.parent.mkdir(parents=True)
    copy.write_text(tomlkit.dumps(text))
    copy.with_suffix(".md").write_text((RECIPES / f"{recipe}.md").read_text())
    return reproduce(copy, data, out, source=RecipeReference(path=f"weights/recipes/{recipe}.toml", commit="0" * 40))


SMALL = {"length": 25.0, "extractor_arg": {"envelope>minirocket": {"minirocket": {"max_features": 168}}}}


def test_pnw(pnw: Path, tmp_path: Path) -> None:
    made = reproduced(
        "envelopephysicalridge/pnw", pnw, tmp_path, **SMALL, events_per_class=5, evaluate={"split": "dev", "folds": 2}
    )
    card, body = Card.read(made.files["card"])
    assert card == made.card
    assert list(card.classes) == ["earthquake", "explosion", "noise", "surface event"]
    told = {data.name: (data.events, data.windows) for data in card.training_data}
    assert told["PNW, split train"] == (10, 20)  # of two classes
    assert told["PNWExotic, split train"] == (5, 10)
    assert told["PNWNoise, split train"] == (5, 10)  # traces of two stations at the same time are one event
    scores = {(s.split, s.level): s.value for s in card.scores if s.metric == "balanced_accuracy"}
    assert set(scores) == {(split, level) for split in ("dev", "2 folds of events, trained anew") for level in LEVELS}
    assert scores["dev", "event"] > 0.7
    assert body.startswith("# EnvelopePhysicalRidge pnw, version 1")
    loaded = EnvelopePhysicalRidge.load(made.files["card"].with_suffix(""), "1")
    assert loaded.event_types == card.classes
    assert sorted(path.name for path in made.files["card"].parent.iterdir()) == [
        "pnw.json.v1",
        "pnw.md",
        "pnw.safetensors.v1",
    ]


def test_volcanoes(vcseis: Path, tmp_path: Path) -> None:
    made = reproduced(
        *("envelopephysicalridge/vcseis", vcseis, tmp_path),
        **SMALL,
        evaluate={"split": "dev", "by": "station_network_code"},
    )
    assert made.card.classes == {
        "earthquake": "earthquake",
        "long-period event": "other event",
        "noise": None,
    }
    assert made.card.training_data[0].windows == 36
    assert [score.split for score in made.card.scores][-11:-9] == ["station_network_code held out, trained anew", "dev"]


def test_italy(instance: Path, tmp_path: Path) -> None:
    made = reproduced(
        *("minirocketscan/instance", instance, tmp_path),
        clusters=3,
        length=25.0,
        extractor_arg={"max_features": 84},
        head_arg={"epochs": 2, "n_neighbours": 5},
    )
    assert set(made.card.classes) <= {"earthquake", "noise"}
    assert made.card.calibration is None
    assert [data.events for data in made.card.training_data] == [
        9,
        9,
    ]  # event 1000 of one dataset is not event 1000 of the other
    assert "### Clusters" in made.files["card"].read_text()
    assert MiniRocketSCAN.load(made.files["card"].with_suffix(""), "1").clusters == made.model.clusters


def test_labels_and_events_of_several_datasets(pnw: Path) -> None:
    recipe = Recipe.read(RECIPES / "envelopephysicalridge" / "pnw.toml")
    metadata = open_datasets(recipe, pnw).metadata
    known = metadata[["source_type", "source_type_pnsn_label", LABEL]].fillna("").drop_duplicates()
    assert sorted(known.itertuples(index=False, name=None)) == [
        ("", "", "noise"),
        ("earthquake", "eq", "earthquake"),
        ("explosion", "px", "explosion"),
        ("surface event", "su", "surface event"),
    ]
    assert metadata.groupby(EVENT)[SPLIT].nunique().eq(1).all()
    noise = metadata[metadata[LABEL] == "noise"]
    assert noise[EVENT].str.startswith("PNWNoise 2019-03-01T").all()
    assert noise[EVENT].nunique() == 12
    assert set(noise[SPLIT]) <= {"train", "dev", "test"}


def test_the_choice_of_events_depends_on_their_names_only(pnw: Path, vcseis: Path) -> None:
    recipe = Recipe.read(RECIPES / "envelopephysicalridge" / "pnw.toml")
    few, more = (
        open_datasets(recipe.model_copy(update={"events_per_class": n}), pnw).metadata[[LABEL, SPLIT, EVENT]]
        for n in (2, 3)
    )
    assert few.drop_duplicates().groupby([LABEL, SPLIT]).size().max() == 2
    assert set(few[EVENT]) < set(more[EVENT])
    volcanoes = Recipe.read(RECIPES / "envelopephysicalridge" / "vcseis.toml").model_copy(
        update={"events_per_class": 2}
    )
    noise = open_datasets(volcanoes, vcseis).metadata.query(f"{LABEL} == 'noise'")
    assert noise[EVENT].isna().all()  # every trace counts as an event
    assert noise.groupby(SPLIT).size().max() == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_column": "kind"}, "PNW has no column 'kind', which the recipe names; "),
        ({"group_column": "source_id"}, "PNW has no column 'source_id'"),
        (
            {"classes": {"eq": "earthquake", "ice": "ice quake"}},
            "no trace has the class ice quake in PNW, PNWEx",
        ),
        ({"dataset": ["PNW", "PNWAccelerometers"], "whole": {}}, "holds no folder PNWAccelerometers or pnwaccel"),
    ],
)
def test_datasets_that_lack_a_part(pnw: Path, changes: dict[str, Any], message: str) -> None:
    recipe = Recipe.read(RECIPES / "envelopephysicalridge" / "pnw.toml").model_copy(update=changes)
    with pytest.raises(DatasetError, match=message):
        open_datasets(recipe, pnw)


def test_shares_of_the_splits() -> None:
    dealt = pd.Series([deal(f"event {n}") for n in range(5000)]).value_counts(normalize=True)
    assert dealt["train"] == pytest.approx(0.8, abs=0.02)
    assert dealt["dev"] == pytest.approx(0.1, abs=0.02)
    assert dealt["test"] == pytest.approx(0.1, abs=0.02)
