"""Cards: what is incomplete or disagrees with the weights is refused, all of it at once; ours are neither."""

import copy
import random
import re
from pathlib import Path
from typing import Any

import pytest

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import MAX_SIZE, Card
from seisbench_lcl.hub.head import join

HEAD: dict[str, Any] = {
    "model": "MiniRocketRidge",
    "name": "mixed-3c",
    "version": "1",
    "task": "Tell quarry blasts from noise",
    "state": "experimental",
    "summary": "An example.",
    "classes": {"quarry": "quarry blast", "noise": None},
    "training_data": [
        {"name": "mine", "sources": ["a network"], "licence": "CC-BY-4.0", "windows": 20, "events": 7, "note": ""}
    ],
    "split_manifest_sha256": "0" * 64,
    "recipe": {"path": "weights/recipes/minirocketridge/mixed-3c.toml", "commit": "a" * 40},
    "preprocessing": {
        "sampling_rate": 100.0,
        "samples": 2000,
        "before": 2.0,
        "components": "ZNE",
        "band": [1.0, 18.0],
        "normalisation": "component-std",
    },
    "scores": [
        {
            "data": "mine",
            "split": "dev",
            "level": level,
            "metric": "accuracy",
            "value": 0.9,
            "low": 0.8,
            "high": 1.0,
            "windows": 9,
            "events": 4,
        }
        for level in ("station", "event")
    ],
    "calibration": {"method": "temperature", "ece_station": 0.1, "ece_event": 0.2},
    "reject": {"novelty_rate": 0.05, "reject_below": 0.0},
    "valid_ranges": {"native sampling rate": "40 Hz or more"},
    "not_for": ["alarms"],
    "licence": "GPL-3.0-or-later",
    "citation": ["A paper"],
}

METADATA: dict[str, Any] = {
    "version": "1",
    "default_args": {},
    "seisbench_lcl": {"model": "MiniRocketRidge"},
    "model_args": {
        "labels": ["quarry", "noise"],
        "event_types": {"quarry": "quarry blast", "noise": None},
        "sampling_rate": 100.0,
        "in_samples": 2000,
        "before": 2.0,
        "component_order": "ZNE",
        "band": [1.0, 18.0],
        "normalisation": "component-std",
        "novelty_rate": 0.05,
    },
}

BUNDLED = sorted(weights.bundled().glob("*/*.json.v*"))


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(HEAD), **fields}


def test_read_gives_back_what_to_text_wrote(tmp_path: Path) -> None:
    card = Card.of(HEAD)
    file = tmp_path / "card.md"
    file.write_text(card.to_text("# Title\n\nWith --- inside\n\n---\n"))
    assert Card.read(file) == (card, "# Title\n\nWith --- inside\n\n---\n")
    assert "- {data: mine, split: dev, level: station, metric: accuracy, value: 0.9" in file.read_text()


@pytest.mark.parametrize("field", HEAD)
def test_no_field_can_be_left_out(field: str) -> None:
    head = changed()
    del head[field]
    with pytest.raises(HubError, match=f"not complete, mend its head:\n  {field}: is missing$"):
        Card.of(head)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mood": "good"}, "mood: is no field of a card"),
        ({"model": "../Ridge"}, "model: '../Ridge' is no name of a model class"),
        ({"name": "../up"}, "name: '../up' is no name of weights"),
        ({"version": 1}, "version: input should be a valid string, but is 1"),
        ({"version": "1..2"}, "version: '1..2' is no version"),
        ({"summary": "  "}, "summary: string should have at least 1 character, but is '  '"),
        ({"summary": "wipe \x1b[2J"}, r"summary: holds the control character '\x1b'; leave it out"),
        ({"summary": "back \u202e wards"}, r"summary: holds the control character '\u202e'; leave it out"),
        ({"classes": {"only": None}}, "classes: must name two classes or more, but names 1"),
        ({"classes": {"a": "Quarry Blast", "b": None}}, "is no QuakeML event type; write 'quarry blast'"),
        ({"classes": {"a": "quake", "b": None}}, "is no QuakeML event type; choose one of: not existing, "),
        ({"training_data": []}, "training_data: list should have at least 1 item"),
        ({"split_manifest_sha256": "0" * 63}, "split_manifest_sha256: string should match pattern"),
        ({"recipe": {"path": "/etc/passwd", "commit": "a" * 40}}, "recipe.path: '/etc/passwd' is no path"),
        ({"recipe": {"path": "a/../b", "commit": "main"}}, "recipe.commit: string should match pattern"),
        ({"scores": HEAD["scores"][:1]}, "scores: must have scores by station and by event; there is none by event"),
        ({"scores": [HEAD["scores"][0] | {"low": None}]}, "scores[0].low: input should be a valid number"),
        ({"scores": [HEAD["scores"][0] | {"value": float("nan")}]}, "scores[0].value: input should be a finite"),
        ({"scores": [HEAD["scores"][0] | {"value": 16**9999}]}, "scores[0].value: "),
        ({"scores": [HEAD["scores"][0] | {"windows": 16**9999}]}, "scores[0].windows: input should be less than"),
        ({"name": 16**9999}, "name: input should be a valid string, but is a value of type int"),
        ({"x\x1b[2J": 1}, r"x\x1b[2J: is no field of a card"),
        ({"not_for": []}, "not_for: list should have at least 1 item"),
        ({"state": "fine"}, "state: input should be 'experimental' or 'stable', but is 'fine'"),
    ],
)
def test_what_a_card_may_not_say(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(HubError) as error:
        Card.of(changed(**fields))
    assert f"\n  {told}" in str(error.value) or told in str(error.value).splitlines()[1]


def test_all_that_is_amiss_is_named_at_once() -> None:
    head = changed(licence="", state="fine")
    del head["recipe"], head["training_data"][0]["sources"]
    with pytest.raises(HubError) as error:
        Card.of(head, "x.md")
    first, *lines = str(error.value).splitlines()
    assert first == "x.md is not complete, mend its head:"
    assert {line.split(":")[0].strip() for line in lines} == {"licence", "state", "recipe", "training_data[0].sources"}


def test_a_card_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "card.md"
    with pytest.raises(HubError, match=r"cannot read the card .*No such file"):
        Card.read(file)
    file.write_bytes(b"---\n\xff\n---\n")
    with pytest.raises(HubError, match=r"cannot read the card .*utf-8"):
        Card.read(file)
    file.write_bytes(b"-" * (MAX_SIZE + 1))
    with pytest.raises(HubError, match="too large for a card: there is room for 1,000,000 bytes"):
        Card.read(file)


@pytest.mark.parametrize(
    ("field", "key", "value", "told"),
    [
        ("model_args", "labels", ["noise", "quarry"], "labels: ['quarry', 'noise'] in the card, ['noise', 'quarry']"),
        ("model_args", "event_types", {"quarry": "explosion", "noise": None}, "classes: "),
        ("model_args", "sampling_rate", 50.0, "preprocessing.sampling_rate: 100.0 in the card, 50.0 in the weights"),
        ("model_args", "in_samples", 10, "preprocessing.samples: "),
        ("model_args", "before", 1.0, "preprocessing.before: "),
        ("model_args", "component_order", "Z", "preprocessing.components: "),
        ("model_args", "band", [1.0, 8.0], "preprocessing.band: "),
        ("model_args", "normalisation", "joint-std", "preprocessing.normalisation: "),
        ("model_args", "novelty_rate", None, "reject.novelty_rate: "),
        ("default_args", "reject_below", 0.5, "reject.reject_below: 0.0 in the card, 0.5 in the weights"),
        ("seisbench_lcl", "model", "ResNet18", "model: 'MiniRocketRidge' in the card, 'ResNet18' in the weights"),
    ],
)
def test_a_card_of_other_weights(field: str, key: str, value: Any, told: str) -> None:
    Card.of(HEAD).check_against(METADATA)
    metadata = {**METADATA, field: {**METADATA[field], key: value}}
    with pytest.raises(HubError, match=f"mend the card:\n  {re.escape(told)}"):
        Card.of(HEAD).check_against(metadata)


def test_disagreements_are_named_at_once_and_only_clusters_need_no_calibration() -> None:
    card = Card.of(changed(calibration=None, version="2"))
    with pytest.raises(HubError) as error:
        card.check_against(METADATA)
    assert [line.split(":")[0] for line in str(error.value).splitlines()[1:]] == ["  version", "  calibration"]
    arguments = {**METADATA["model_args"], "clusters": ["quarry", "noise", "quarry"]}
    del arguments["labels"]
    Card.of(changed(calibration=None)).check_against({**METADATA, "model_args": arguments})


def test_an_ensemble_is_told_by_its_members() -> None:
    arguments = {"members": [METADATA["model_args"]] * 2, "citation": None}
    Card.of(HEAD).check_against({**METADATA, "model_args": arguments})
    arguments["members"] = [{**METADATA["model_args"], "before": 1.0}]
    with pytest.raises(HubError, match=r"preprocessing\.before"):
        Card.of(HEAD).check_against({**METADATA, "model_args": arguments})


def test_damaged_cards_raise_our_error_alone() -> None:
    text, signs = join(HEAD, "# Title\n"), random.Random(0)
    for _ in range(300):
        damaged = list(text)
        for _ in range(signs.randint(1, 8)):
            at = signs.randrange(len(damaged))
            damaged[at : at + signs.randint(0, 3)] = signs.choices("{}[]!&*|>'\"%@:-,\n\t 019.eé\x1b\ud800", k=2)
        try:
            card, body = Card.parse("".join(damaged))
        except HubError:
            continue
        assert Card.parse(card.to_text(body)) == (card, body)


@pytest.mark.parametrize("file", BUNDLED, ids=[f"{file.parent.name} {file.name}" for file in BUNDLED])
def test_bundled_cards_are_complete_and_of_their_weights(file: Path) -> None:
    name, version = file.name.split(".json.v")
    card, body = Card.read(file.with_name(f"{name}.md"))
    card.check_against(weights.read(file.with_name(name), version)[0])
    assert (card.model.lower(), card.name, card.version) == (file.parent.name, name, version)
    assert (Path(__file__).parents[2] / card.recipe.path).is_file()
    for score in card.scores:
        assert f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" in body
        assert f"{score.windows} station windows of {score.events} events" in body or "known elsewhere" in score.split
    for line in card.not_for:
        assert line in body.replace("`", "")
