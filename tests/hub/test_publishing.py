"""A folder as a hub: added weights are complete and never change, and damage is found."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from loopback import serving
from small_hub import BODY, FOLDER, NAME, contents, fitted, head, left_in, make_hub, save, use_hubs, windows

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError, OutputError, WeightsError
from seisbench_lcl.hub import publishing, weights
from seisbench_lcl.hub.head import join
from seisbench_lcl.hub.hubs import Hub, Offer
from seisbench_lcl.hub.pulling import pull
from seisbench_lcl.hub.schema import HubRegistry
from seisbench_lcl.testing._fresh_process import ORIGIN

Model = lcl.WaveformKMeans


@pytest.fixture(autouse=True)
def _no_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    use_hubs(monkeypatch)


def offers(*folders: Path) -> list[Offer]:
    return [offer for folder in folders for offer in Hub.at(str(folder)).offers()]


def add(made: Path, folder: Path, version: str = "1", seed: int = 0, **changes: object) -> Offer | None:
    path, card = save(made, version, seed, **changes)
    return publishing.add(Model, path, version, card, folder)


# add ----------------------------------------------------------------------------------------------------------------


def test_added_weights_are_offered(tmp_path: Path) -> None:
    hub = tmp_path / "new" / "hub"
    offer = add(tmp_path, hub)
    assert offer is not None
    assert offer.entry == offers(hub)[0].entry
    assert (offer.model, offer.name, offer.version, offer.entry.licence) == ("WaveformKMeans", NAME, "1", "CC0-1.0")
    assert left_in(hub) == [
        "registry.json",
        f"{FOLDER}/{NAME}.json.v1",
        f"{FOLDER}/{NAME}.md",
        f"{FOLDER}/{NAME}.safetensors.v1",
    ]
    publishing.verify(Model, offer)
    text = (hub / "registry.json").read_text()
    assert HubRegistry.parse(text.encode(), "here").to_text() == text


def test_adding_twice_changes_nothing_and_a_version_never_changes(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    add(tmp_path, hub)
    before = contents(hub)
    assert add(tmp_path, hub) is None
    for changes in ({"seed": 1}, {"summary": "Better."}):
        with pytest.raises(HubError, match="other weights WaveformKMeans tiny, version 1: a version never changes"):
            add(tmp_path, hub, **changes)
    assert contents(hub) == before


def test_a_version_of_the_package_never_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tensors, or another description of the same tensors, are refused; the package's own files are not."""
    package, hub = tmp_path / "package", tmp_path / "hub"
    monkeypatch.setattr(weights, "bundled", lambda: package)
    own, card = save(package / FOLDER)
    for seed, text in ((1, "saved as version 1"), (0, "described in another way")):
        fitted(seed).save(tmp_path / "mine", text)
        with pytest.raises(HubError, match=r"the package holds other weights WaveformKMeans/tiny, version 1, .*other"):
            publishing.add(Model, tmp_path / "mine", None, card, hub)
    assert not hub.exists()
    assert publishing.add(Model, own, "1", card, hub) is not None
    fitted(1).save(tmp_path / "mine")
    card.write_text(join(head() | {"name": "mine"}, BODY))
    assert publishing.add(Model, tmp_path / "mine", None, card, hub) is not None


def test_each_further_version_has_a_separate_card(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for version in ("2", "1", "3-rc.1"):
        offer = add(tmp_path, hub, version, seed=int(version[0]))
        assert offer is not None
        assert offer.version == version
    cards = {offer.version: offer.entry.files["card"].path for offer in offers(hub)}
    shared = f"{FOLDER}/{NAME}.md"
    assert cards == {"2": shared, "1": f"{shared}.v1", "3-rc.1": f"{shared}.v3-rc.1"}
    for offer in offers(hub):
        publishing.verify(Model, offer)
        assert add(tmp_path, hub, offer.version, seed=int(offer.version[0])) is None


def test_weights_without_a_version_become_the_first(tmp_path: Path) -> None:
    fitted().save(tmp_path / "any name")
    card = tmp_path / "card.md"
    card.write_text(join(head(), BODY))
    offer = publishing.add(Model, tmp_path / "any name", None, card, tmp_path / "hub", ["https://example.org/hub"])
    assert offer is not None
    assert (offer.name, offer.version, offer.entry.mirrors) == (NAME, "1", ["https://example.org/hub"])
    card.write_text(join(head("2"), BODY))
    with pytest.raises(HubError, match="is declared as version 2, but is version 1"):
        publishing.add(Model, tmp_path / "any name", None, card, tmp_path / "hub")


def test_an_incomplete_card_is_refused_with_all_missing_fields(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    path, card = save(tmp_path)
    for text, named in (
        (BODY, ["head"]),
        (
            join({k: v for k, v in head().items() if k not in ("licence", "recipe")}, BODY),
            ["licence: is", "recipe: is"],
        ),
        (join(head() | {"not_for": [], "scores": head()["scores"][:1]}, BODY), ["not_for", "none per event"]),
        (join(head() | {"split_manifest_sha256": "?"}, BODY), ["split_manifest_sha256"]),
        (join(head() | {"name": "../up"}, BODY), ["name"]),
    ):
        card.write_text(text)
        with pytest.raises(HubError) as error:
            publishing.add(Model, path, "1", card, hub)
        assert all(one in str(error.value) for one in named), str(error.value)
    card.unlink()
    with pytest.raises(HubError, match="cannot read the card"):
        publishing.add(Model, path, "1", card, hub)
    assert not hub.exists()


def test_weights_that_are_damaged_or_differ_from_their_card(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    with pytest.raises(HubError, match="does not describe these weights"):
        add(tmp_path, hub, preprocessing=head()["preprocessing"] | {"before": 0.6})
    path, card = save(tmp_path)
    with pytest.raises(WeightsError, match="holds weights of WaveformKMeans, not of MiniRocketKMeans"):
        publishing.add(lcl.MiniRocketKMeans, path, "1", card, hub)
    tensors = path.with_name(f"{NAME}.safetensors.v1")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="truncated or changed"):
        publishing.add(Model, path, "1", card, hub)
    tensors.unlink()
    with pytest.raises(OutputError, match="cannot copy"):
        publishing.add(Model, path, "1", card, hub)
    assert not hub.exists()


def test_forbidden_mirrors(tmp_path: Path) -> None:
    path, card = save(tmp_path)
    for mirror in ("file:///etc", "ftp://x", "https://me:secret@host/", "/hub", "hf://a/b@main"):
        with pytest.raises(HubError, match=r"cannot go into a hub: .*mirror"):
            publishing.add(Model, path, "1", card, tmp_path / "hub", [mirror])
    assert not (tmp_path / "hub").exists()


def test_a_registry_or_folder_that_cannot_be_used(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "registry.json").write_text("{}")
    with pytest.raises(HubError, match="schema_version"):
        add(tmp_path, hub)
    assert left_in(hub) == ["registry.json"]
    (hub / "registry.json").unlink()
    (hub / FOLDER).write_text("")
    with pytest.raises(OutputError, match="cannot copy"):
        add(tmp_path, hub)
    assert left_in(hub) == [FOLDER]
    (hub / FOLDER).unlink()
    (hub / "registry.json").mkdir()
    with pytest.raises(HubError, match="cannot read"):
        add(tmp_path, hub)


# verify -------------------------------------------------------------------------------------------------------------


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("kind", ["json", "safetensors", "card"])
def test_a_flipped_bit_in_a_hub_is_found(kind: str, tmp_path: Path) -> None:
    (offer,) = offers(make_hub(tmp_path / "hub"))
    publishing.verify(Model, offer)
    file = tmp_path / "hub" / offer.entry.files[kind].path  # type: ignore[index]
    flip(file, -20)
    with pytest.raises(HubError, match="damaged or replaced"):
        publishing.verify(Model, offer)
    file.unlink()
    with pytest.raises(HubError, match="has no file"):
        publishing.verify(Model, offer)


def test_a_good_mirror_does_not_hide_a_damaged_hub_nor_the_reverse(tmp_path: Path) -> None:
    with serving({}) as mirror:
        hub = make_hub(tmp_path / "hub", mirrors=(mirror.url,))
        (offer,) = offers(hub)
        with pytest.raises(HubError, match=f"of {mirror.url}: the server answers 404"):
            publishing.verify(Model, offer)
        mirror.answers = contents(hub)
        publishing.verify(Model, offer)
        flip(hub / FOLDER / f"{NAME}.safetensors.v1", -1)
        with pytest.raises(HubError, match=f"of {hub} has the SHA-256"):
            publishing.verify(Model, offer)


@pytest.mark.parametrize("kind", ["json", "safetensors", "pt", "md"])
def test_a_flipped_bit_in_the_cache_is_found(kind: str, tmp_path: Path, cache: Path) -> None:
    (offer,) = offers(make_hub(tmp_path / "hub"))
    pull(Model, offer, cache / FOLDER)
    known = {NAME: {"1": offer}}
    assert list(publishing.verify_cached(Model, known)) == [(NAME, "1", None)]
    file = cache / FOLDER / f"{NAME}.{kind}.v1"
    good = file.read_bytes()
    for place in (0, len(good) // 2, len(good) - 1) if kind != "pt" else (0, good.index(b"torch"), len(good) // 2):
        flip(file, place)
        ((_, _, wrong),) = publishing.verify_cached(Model, known)
        assert wrong, f"byte {place}"
        assert file.name in str(wrong) or NAME in str(wrong)
        file.write_bytes(good)
    file.unlink()
    assert all(wrong for _, _, wrong in publishing.verify_cached(Model, known))


def test_another_pickle_in_the_cache_is_found_and_not_opened(tmp_path: Path, cache: Path) -> None:
    class Trap:
        def __reduce__(self) -> object:
            return (Path.touch, (tmp_path / "sprung",))

    (offer,) = offers(make_hub(tmp_path / "hub"))
    pull(Model, offer, cache / FOLDER)
    own = cache / FOLDER / f"{NAME}.pt.v1"
    for content in (Trap(), fitted(1).state_dict(), {"a": torch.zeros(2)}):
        torch.save(content, own)
        ((_, _, wrong),) = publishing.verify_cached(Model, {})
        assert str(wrong).startswith(
            f"{own} does not hold the tensors of its safetensors file: replace these weights with"
        )
    assert not (tmp_path / "sprung").exists()


def test_the_cache_may_hold_other_weights_but_not_differ_from_a_hub(tmp_path: Path, cache: Path) -> None:
    fitted(1).save(cache / FOLDER / NAME, "my own", "1")
    assert list(publishing.verify_cached(Model, {})) == [(NAME, "1", None)]
    (offer,) = offers(make_hub(tmp_path / "hub"))
    ((_, _, wrong),) = publishing.verify_cached(Model, {NAME: {"1": offer}})
    assert f"differs from the declaration of the hub {tmp_path / 'hub'}" in str(wrong)


# export -------------------------------------------------------------------------------------------------------------

OFFLINE = """
    import os, sys

    network = []
    hook = lambda event, _: network.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None
    sys.addaudithook(hook)
    import numpy as np
    import seisbench
    import seisbench_lcl as lcl

    seisbench.cache_model_root = cache
    model = lcl.WaveformKMeans.from_pretrained("tiny")
    windows = np.random.default_rng(7).normal(size=(20, 3, 50)).astype(np.float32)
    found.write_text(f"{model.weights_version} {model.predict_proba(windows).sum(axis=0).tolist()}")

    os.environ["SEISBENCH_LCL_HUBS"] = hub
    lcl.WaveformKMeans.from_pretrained("tiny")
    lcl.WaveformKMeans.from_pretrained("tiny", version_str="2")
    lcl.MiniRocketRidge.from_pretrained("mixed-3c-fast")
    assert network == [], network
    lcl.WaveformKMeans.from_pretrained("tiny", update=True)
    assert "socket.connect" in network
"""


def test_an_export_is_a_hub(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", "1", "2")
    for _ in range(2):  # a second export changes nothing
        assert publishing.export(offers(hub), tmp_path / "stick") == 2
        assert contents(tmp_path / "stick") == contents(hub)


@pytest.mark.slow  # starts a process
def test_a_machine_without_a_network_uses_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = make_hub(tmp_path / "hub", "1", "2", mirrors=("https://example.org/hub",))
    publishing.export(offers(hub), tmp_path / "stick")
    hub.rename(tmp_path / "gone")
    monkeypatch.setenv("SEISBENCH_LCL_HUBS", str(tmp_path / "stick"))
    found = tmp_path / "found.txt"
    with serving({}) as empty:
        ORIGIN.ask(exec, dedent(OFFLINE), {"cache": tmp_path / "root" / "models", "found": found, "hub": empty.url})
        assert empty.requests == ["/registry.json"]  # of the update
    assert found.read_text() == f"2 {fitted().predict_proba(windows(7)).sum(axis=0).tolist()}"


def test_further_exports_add_to_a_hub(tmp_path: Path) -> None:
    first, second = offers(make_hub(tmp_path / "hub", "1", "2"))
    stick = tmp_path / "stick"
    assert publishing.export([second], stick) == 1
    assert [offer.version for offer in offers(stick)] == ["2"]
    assert publishing.export([first], stick) == 1
    assert contents(stick) == contents(tmp_path / "hub")


def test_an_export_never_replaces_other_weights(tmp_path: Path) -> None:
    stick = make_hub(tmp_path / "stick")
    before = contents(stick)
    with pytest.raises(HubError, match="already holds other weights WaveformKMeans tiny, version 1"):
        publishing.export(offers(make_hub(tmp_path / "hub", seed=1)), stick)
    damaged = make_hub(tmp_path / "damaged", "2")
    flip(damaged / FOLDER / f"{NAME}.json.v2", 5)
    with pytest.raises(HubError, match="damaged or replaced"):
        publishing.export(offers(damaged), stick)
    assert contents(stick).items() >= before.items()
    assert [offer.version for offer in offers(stick)] == ["1"]


def test_exports_of_two_hubs_keep_both_cards(tmp_path: Path) -> None:
    stick = make_hub(tmp_path / "stick")
    assert publishing.export(offers(make_hub(tmp_path / "hub", "2")), stick) == 1
    cards = {offer.version: offer.entry.files["card"].path for offer in offers(stick)}
    assert cards == {"1": f"{FOLDER}/{NAME}.md", "2": f"{FOLDER}/{NAME}.md.v2"}
    for offer in offers(stick):
        publishing.verify(Model, offer)


def test_a_folder_that_cannot_be_exported_to(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", Path("/proc/sys/kernel/hub")):
        with pytest.raises((HubError, OutputError), match="cannot"):
            publishing.export(offers(hub), out)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "registry.json").write_text(json.dumps({"schema_version": 1, "weights": {}, "x": 1}))
    with pytest.raises(HubError, match="cannot be used"):
        publishing.export(offers(hub), tmp_path / "full")
    assert left_in(tmp_path / "full") == ["registry.json"]
