"""Cards: one error lists everything that is incomplete or disagrees with the weights."""

import copy
import random
import re
from pathlib import Path
from typing import Any

import pytest

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.card import MAX_SIZE, Card
from seisbench_lcl.hub.head import join

HEAD: dict[str, Any] = {
    "model": "MiniRocketRidge",
    "name": "mixed-3c",
    "version": "1",
    "task": "Separate quarry blasts from noise",
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


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(HEAD), **fields}


def test_read_undoes_to_text(tmp_path: Path) -> None:
    card = Card.of(HEAD)
    file = tmp_path / "card.md"
    file.write_text(card.to_text("# Title\n\nWith --- inside\n\n---\n"))
    assert Card.read(file) == (card, "# Title\n\nWith --- inside\n\n---\n")
    assert "weights_sha256" not in file.read_text()
    bound = Card.of(changed(weights_sha256="0" * 64))
    assert Card.parse(bound.to_text("")) == (bound, "")
    assert "- {data: mine, split: dev, level: station, metric: accuracy, value: 0.9" in file.read_text()


@pytest.mark.parametrize("field", HEAD)
def test_every_field_is_required(field: str) -> None:
    head = changed()
    del head[field]
    with pytest.raises(HubError, match=f"not valid; fix its head:\n  {field}: is missing$"):
        Card.of(head)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mood": "good"}, "mood: is not a field of a card"),
        ({"model": "../Ridge"}, "model: '../Ridge' is not a name of a model class"),
        ({"name": "../up"}, "name: '../up' is not a name of weights"),
        ({"version": 1}, "version: input should be a valid string, but is 1"),
        ({"version": "1..2"}, "version: '1..2' is not a version"),
        ({"summary": "  "}, "summary: string should have at least 1 character, but is '  '"),
        ({"summary": "wipe \x1b[2J"}, r"summary: holds the control character '\x1b'; leave it out"),
        ({"summary": "back \u202e wards"}, r"summary: holds the control character '\u202e'; leave it out"),
        ({"classes": {"only": None}}, "classes: must name at least two classes, but names 1"),
        ({"classes": {"a": "Quarry Blast", "b": None}}, "is not a QuakeML event type; write 'quarry blast'"),
        ({"classes": {"a": "quake", "b": None}}, "is not a QuakeML event type; choose one of: not existing, "),
        ({"training_data": []}, "training_data: list should have at least 1 item"),
        ({"split_manifest_sha256": "0" * 63}, "split_manifest_sha256: string should match pattern"),
        ({"recipe": {"path": "/etc/passwd", "commit": "a" * 40}}, "recipe.path: '/etc/passwd' is not a path"),
        ({"recipe": {"path": "a/../b", "commit": "main"}}, "recipe.commit: string should match pattern"),
        ({"scores": HEAD["scores"][:1]}, "scores: must have scores per station and per event, but has none per event"),
        ({"scores": [HEAD["scores"][0] | {"low": None}]}, "scores[0].low: input should be a valid number"),
        ({"scores": [HEAD["scores"][0] | {"value": float("nan")}]}, "scores[0].value: input should be a finite"),
        ({"scores": [HEAD["scores"][0] | {"value": 16**9999}]}, "scores[0].value: "),
        ({"scores": [HEAD["scores"][0] | {"windows": 16**9999}]}, "scores[0].windows: input should be less than"),
        ({"name": 16**9999}, "name: input should be a valid string, but is a value of type int"),
        ({"x\x1b[2J": 1}, r"x\x1b[2J: is not a field of a card"),
        ({"not_for": []}, "not_for: list should have at least 1 item"),
        ({"state": "fine"}, "state: input should be 'experimental' or 'stable', but is 'fine'"),
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(HubError) as error:
        Card.of(changed(**fields))
    assert f"\n  {message}" in str(error.value) or message in str(error.value).splitlines()[1]


def test_one_error_lists_all_wrong_fields() -> None:
    head = changed(licence="", state="fine")
    del head["recipe"], head["training_data"][0]["sources"]
    with pytest.raises(HubError) as error:
        Card.of(head, "x.md")
    first, *lines = str(error.value).splitlines()
    assert first == "x.md is not valid; fix its head:"
    assert {line.split(":")[0].strip() for line in lines} == {"licence", "state", "recipe", "training_data[0].sources"}


def test_a_card_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "card.md"
    with pytest.raises(HubError, match=r"cannot read the card .*No such file"):
        Card.read(file)
    file.write_bytes(b"---\n\xff\n---\n")
    with pytest.raises(HubError, match=r"cannot read the card .*utf-8"):
        Card.read(file)
    file.write_bytes(b"-" * (MAX_SIZE + 1))
    with pytest.raises(HubError, match="too large for a card: the limit is 1,000,000 bytes"):
        Card.read(file)


@pytest.mark.parametrize(
    ("field", "key", "value", "message"),
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
        ("seisbench_lcl", "training_windows", {"windows": 21}, "training_data, windows: 20 in the card, 21 in the"),
        ("seisbench_lcl", "sha256", "1" * 64, f"weights_sha256: '{'0' * 64}' in the card, '{'1' * 64}' in the weights"),
    ],
)
def test_a_card_of_other_weights(field: str, key: str, value: Any, message: str) -> None:
    """A card may leave out the digest, and weights may leave out the number of windows."""
    card = Card.of(changed(weights_sha256="0" * 64))
    ours = {**METADATA["seisbench_lcl"], "sha256": "0" * 64, "training_windows": {"windows": 20}}
    weights = {**METADATA, "seisbench_lcl": ours}
    Card.of(HEAD).check_against(METADATA)
    card.check_against(weights)
    with pytest.raises(HubError, match=f"fix it, or use their own card:\n  {re.escape(message)}"):
        card.check_against({**weights, field: {**weights[field], key: value}})


def test_one_error_lists_all_differences_and_only_clusters_need_no_calibration() -> None:
    card = Card.of(changed(calibration=None, version="2"))
    with pytest.raises(HubError) as error:
        card.check_against(METADATA)
    assert [line.split(":")[0] for line in str(error.value).splitlines()[1:]] == ["  version", "  calibration"]
    assert "calibration: None in the card, 'required' in the weights" in str(error.value)
    arguments = {**METADATA["model_args"], "clusters": ["quarry", "noise", "quarry"]}
    del arguments["labels"]
    Card.of(changed(calibration=None)).check_against({**METADATA, "model_args": arguments})


def test_a_card_of_an_ensemble_is_compared_with_its_members() -> None:
    arguments = {"members": [METADATA["model_args"]] * 2, "citation": None}
    Card.of(HEAD).check_against({**METADATA, "model_args": arguments})
    arguments["members"] = [{**METADATA["model_args"], "before": 1.0}]
    with pytest.raises(HubError, match=r"preprocessing\.before"):
        Card.of(HEAD).check_against({**METADATA, "model_args": arguments})
    other = {**METADATA["model_args"], "before": 1.0, "labels": ["quarry", "noise", "slide"]}
    arguments["members"] = [METADATA["model_args"], other]  # which agree in the rest
    Card.of(HEAD).check_against({**METADATA, "model_args": arguments})
    with pytest.raises(HubError, match=r"preprocessing\.components"):
        Card.of(HEAD).check_against(
            {**METADATA, "model_args": {"members": [{**one, "component_order": "Z"} for one in arguments["members"]]}}
        )


@pytest.mark.slow  # fuzzes
def test_damaged_cards_raise_only_our_error() -> None:
    text, rng = join(HEAD, "# Title\n"), random.Random(0)
    for _ in range(300):
        damaged = list(text)
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(damaged))
            damaged[at : at + rng.randint(0, 3)] = rng.choices("{}[]!&*|>'\"%@:-,\n\t 019.eé\x1b\ud800", k=2)
        try:
            card, body = Card.parse("".join(damaged))
        except HubError:
            continue
        assert Card.parse(card.to_text(body)) == (card, body)
