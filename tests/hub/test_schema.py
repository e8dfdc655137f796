import copy
import json
import random
import tracemalloc
from typing import Any

import pytest
from pydantic import ValidationError

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.schema import LARGEST, LARGEST_REGISTRY, Entry, File, HubRegistry


def a_file(path: str, size: int = 5, sha256: str = "0" * 64) -> dict[str, Any]:
    return {"path": path, "sha256": sha256, "size": size}


def an_entry(version: str = "1", model: str = "minirocketridge", name: str = "mixed-3c") -> dict[str, Any]:
    return {
        "files": {
            "json": a_file(f"{model}/{name}.json.v{version}"),
            "safetensors": a_file(f"{model}/{name}.safetensors.v{version}"),
            "card": a_file(f"{model}/{name}.md"),
        },
        "licence": "GPL-3.0-or-later",
        "mirrors": ["https://example.org/hub/", "hf://owner/repository@" + "a" * 40],
    }


@pytest.fixture
def content() -> dict[str, Any]:
    return {"schema_version": 1, "weights": {"MiniRocketRidge": {"mixed-3c": {"1": an_entry()}}}}


def parse(content: Any) -> HubRegistry:
    return HubRegistry.parse(json.dumps(content).encode(), "https://hub.example")


def test_equal_registries_have_equal_text_and_survive_a_round_trip(content: dict[str, Any]) -> None:
    registry = parse(content)
    assert registry.weights["MiniRocketRidge"]["mixed-3c"]["1"].files["json"].size == 5
    assert json.loads(registry.to_text()) == content
    assert HubRegistry.parse(registry.to_text().encode(), "here") == registry
    content["weights"] = {"ResNet18": {"a": {"1": an_entry(model="resnet18", name="a")}}} | content["weights"]
    turned = {"weights": dict(reversed(content["weights"].items())), "schema_version": 1}
    assert parse(turned).to_text() == parse(content).to_text()
    assert HubRegistry.parse(HubRegistry.empty().to_text().encode(), "here").weights == {}


def test_wrong_entries_are_not_written(content: dict[str, Any]) -> None:
    registry = parse(content)
    registry.weights["Other"] = registry.weights["MiniRocketRidge"]
    with pytest.raises(HubError, match=r"instead of other/mixed-3c\.json\.v1"):
        registry.to_text()


def test_entries_do_not_change(content: dict[str, Any]) -> None:
    entry = parse(content).weights["MiniRocketRidge"]["mixed-3c"]["1"]
    with pytest.raises(ValidationError, match="frozen"):
        entry.licence = "MIT"
    with pytest.raises(ValidationError, match="frozen"):
        entry.files["json"].sha256 = "1" * 64


def test_versions_share_a_card_or_have_separate_ones(content: dict[str, Any]) -> None:
    versions = content["weights"]["MiniRocketRidge"]["mixed-3c"]
    versions["2"] = an_entry("2")
    parse(content)
    versions["2"]["files"]["card"]["sha256"] = "1" * 64
    with pytest.raises(HubError, match=r"mixed-3c\.md has two digests"):
        parse(content)
    versions["2"]["files"]["card"]["path"] += ".v2"
    parse(content)


ENTRY = ("weights", "MiniRocketRidge", "mixed-3c", "1")
JSON = (*ENTRY, "files", "json")


@pytest.mark.parametrize(
    ("where", "value", "reason"),
    [
        (("schema_version",), 2, "install a newer seisbench-lcl"),
        (("schema_version",), "1", "schema_version"),
        (("schema_version",), True, "schema_version"),
        (("schema_version",), None, "schema_version"),
        (("more",), 1, "Extra inputs"),
        (("weights",), [], "weights"),
        (("weights", "Mini/Rocket"), {"a": {"1": an_entry()}}, "not a name of a model class"),
        (("weights", "MINIROCKETRIDGE"), {"mixed-3c": {"1": an_entry()}}, "differ only in case"),
        (("weights", "MiniRocketRidge", "../x"), {"1": an_entry()}, "not a name of weights"),
        (("weights", "MiniRocketRidge", "Mixed-3c"), {"1": an_entry(name="Mixed-3c")}, "differ only in case"),
        (("weights", "MiniRocketRidge", "x"), {}, "at least 1 item"),
        ((*ENTRY[:3], "1/../2"), an_entry(), "not a version"),
        ((*ENTRY[:3], "2"), an_entry("1"), r"instead of minirocketridge/mixed-3c\.json\.v2"),
        ((*ENTRY, "licence"), "", "at least 1 character"),
        ((*ENTRY, "licence"), "MIT\x1b[2J", "printable"),
        ((*ENTRY, "more"), 1, "Extra inputs"),
        ((*ENTRY, "mirrors"), ["file:///etc"], "a mirror must be"),
        ((*ENTRY, "mirrors"), ["/etc"], "a mirror must be"),
        ((*ENTRY, "mirrors"), ["https://[x"], "mirrors"),
        ((*ENTRY, "mirrors"), ["https://h/?a=b"], "a mirror must be"),
        ((*ENTRY, "mirrors"), ["https://user:secret@h/"], "a mirror must be"),
        ((*ENTRY, "mirrors"), ["hf://owner/repository@main"], "a mirror must be"),
        ((*ENTRY, "mirrors"), ["https://h"] * 17, "at most 16"),
        ((*ENTRY, "files", "pt"), a_file("minirocketridge/mixed-3c.pt.v1"), "'json', 'safetensors' or 'card'"),
        ((*JSON, "path"), "/etc/passwd", "not a path inside a hub"),
        ((*JSON, "path"), "minirocketridge/../x", "not a path inside a hub"),
        ((*JSON, "path"), "x/mixed-3c.json.v1", "instead of"),
        ((*ENTRY, "files", "card", "path"), "minirocketridge/mixed-3c.html", r"mixed-3c\.md or "),
        ((*JSON, "sha256"), None, "sha256"),
        ((*JSON, "sha256"), "", "sha256"),
        ((*JSON, "sha256"), "0" * 64 + "\n", "sha256"),
        ((*JSON, "sha256"), "A" * 64, "sha256"),
        ((*JSON, "size"), 0, "size"),
        ((*JSON, "size"), -1, "size"),
        ((*JSON, "size"), 5.0, "size"),
        ((*JSON, "size"), "5", "size"),
        ((*JSON, "size"), LARGEST["json"] + 1, "are allowed"),
        ((*ENTRY, "files", "safetensors", "size"), LARGEST["safetensors"] + 1, "are allowed"),
    ],
)  # fmt: skip
def test_wrong_registries_are_refused(content: dict[str, Any], where: tuple[str, ...], value: Any, reason: str) -> None:
    place = content
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(HubError, match=reason) as error:
        parse(content)
    assert "https://hub.example" in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("missing", [JSON, (*JSON, "sha256"), (*JSON, "size"), (*ENTRY, "licence"), ("weights",)])
def test_nothing_may_be_missing(content: dict[str, Any], missing: tuple[str, ...]) -> None:
    place = content
    for key in missing[:-1]:
        place = place[key]
    del place[missing[-1]]
    with pytest.raises(HubError, match=missing[-1]):
        parse(content)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b"\xff\xfe",
        b"NaN",
        b"[" * 100_000,
        b"9" * 5000,
        b'{"schema_version": 1, "weights": {"\\ud800": {}}}',
    ],
)
def test_other_data_are_refused(data: bytes) -> None:
    with pytest.raises(HubError, match="the registry of here"):
        HubRegistry.parse(data, "here")


def test_a_repeated_key_is_refused() -> None:
    with pytest.raises(HubError, match="an object repeats a key"):
        HubRegistry.parse(b'{"schema_version": 1, "weights": {}, "weights": {}}', "here")


def test_a_registry_that_is_too_large_is_not_parsed() -> None:
    data = bytes(LARGEST_REGISTRY + 1)
    tracemalloc.start()
    try:
        with pytest.raises(HubError, match="16,000,000 are allowed"):
            HubRegistry.parse(data, "here")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_parts_built_in_code_are_checked_too() -> None:
    with pytest.raises(ValidationError, match="not a path inside a hub"):
        File(path="../x", sha256="0" * 64, size=1)
    with pytest.raises(ValidationError, match="files are missing for safetensors, card"):
        Entry(files={"json": File(path="a/x.json.v1", sha256="0" * 64, size=1)}, licence="MIT")


VALUES: list[Any] = [
    *(None, True, 0, -1, 1, 2**80, 1e300, float("nan")),
    *("", "1", "..", "../..", "/", "a" * 5000, "\0", "\ud800", "\u202e", "0" * 64, "https://x"),
    *([], {}, [[]], {"": {}}, {"1": {}}),
]


def mutate(content: Any, rng: random.Random) -> Any:
    """Replace, remove, rename or add something somewhere."""
    if not isinstance(content, dict | list) or not content or rng.random() < 0.15:
        return rng.choice(VALUES)
    key = rng.choice(list(content)) if isinstance(content, dict) else rng.randrange(len(content))
    match rng.randrange(6) if isinstance(content, dict) else 5:
        case 0:
            del content[key]
        case 1:
            content[str(rng.choice(VALUES))] = content.pop(key)
        case 2:
            content[str(rng.choice(VALUES))] = rng.choice(VALUES)
        case _:
            content[key] = mutate(content[key], rng)
    return content


@pytest.mark.slow  # fuzzes
def test_fuzzed_registries_raise_our_error_or_are_valid(content: dict[str, Any]) -> None:
    rng = random.Random(0)
    refused = []
    for number in range(1000):
        if number % 2:
            data = json.dumps(mutate(copy.deepcopy(content), rng)).encode()
        else:
            raw = bytearray(json.dumps(content).encode())
            for _ in range(rng.randint(1, 4)):
                place = rng.randrange(len(raw))
                raw[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
            data = bytes(raw)
        try:
            registry = HubRegistry.parse(data, "here")
        except HubError as error:
            refused.append(str(error))
        else:
            assert HubRegistry.parse(registry.to_text().encode(), "here") == registry
    assert len(refused) > 800
    assert max(map(len, refused)) < 6000
