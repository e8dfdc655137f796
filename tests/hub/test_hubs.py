"""Where weights are found: the cache, then the package, then the hubs; and what is said of hubs that do not answer."""

import json
import logging
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import NoReturn

import pytest
import torch
from loopback import fail, serving
from small_hub import BODY, FOLDER, NAME, contents, declare, fitted, make_hub, save, windows

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.hub import hubs, weights
from seisbench_lcl.hub.hubs import Hub, known_hubs, offered

Model = lcl.WaveformKMeans


@pytest.fixture(autouse=True)
def _no_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    name_hubs(monkeypatch)


def name_hubs(monkeypatch: pytest.MonkeyPatch, *addresses: object) -> None:
    monkeypatch.setenv("SEISBENCH_LCL_HUBS", ",".join(map(str, addresses)) or "none")
    hubs._recent.cache_clear()


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the class among the weights of the package, which are others now."""
    monkeypatch.setattr(weights, "bundled", lambda: tmp_path / "package")
    return tmp_path / "package" / FOLDER


def docstring(model: lcl.WaveformKMeans) -> str:
    return str(model.weights_docstring)


# the order of places ------------------------------------------------------------------------------------------------


def test_the_cache_is_before_the_package_and_the_package_before_hubs(
    tmp_path: Path, cache: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(tmp_path / "hub")
    with serving(contents(hub)) as server:
        name_hubs(monkeypatch, server.url)
        assert docstring(Model.from_pretrained(NAME)) == "saved as version 1"
        assert len(server.requests) == 4
        shutil.rmtree(cache)
        fitted().save(bundle / NAME, "of the package", "1")
        assert docstring(Model.from_pretrained(NAME)) == "of the package"
        assert not cache.exists()
        fitted().save(cache / FOLDER / NAME, "of the cache", "1")
        assert docstring(Model.from_pretrained(NAME)) == "of the cache"
        assert docstring(Model.from_pretrained(NAME, "1")) == "of the cache"
        assert len(server.requests) == 4


def test_versions_are_pulled_when_they_are_asked_for(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(tmp_path / "hub", "1", "2", "10")
    name_hubs(monkeypatch, hub)
    first = Model.from_pretrained(NAME, version_str="1")
    assert (docstring(first), first.weights_version) == ("saved as version 1", "1")
    assert Model.from_pretrained(NAME).weights_version == "1"  # the newest that is here
    assert Model.from_pretrained(NAME, "2").weights_version == "2"
    assert Model.from_pretrained(NAME, update=True).weights_version == "10"
    assert Model.from_pretrained(NAME).weights_version == "10"
    kinds = ("json", "md", "pt", "safetensors")
    assert {file.name for file in (cache / FOLDER).iterdir()} == {
        f"{NAME}.{kind}.v{version}" for kind in kinds for version in ("1", "2", "10")
    }
    with pytest.raises(WeightsError, match=r"'tiny' has no version '3'; there are: 1, 10, 2$"):
        Model.from_pretrained(NAME, "3")


def test_force_pulls_anew_and_update_only_what_is_newer(
    tmp_path: Path, cache: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(contents(make_hub(tmp_path / "hub"))) as server:
        name_hubs(monkeypatch, server.url)
        Model.from_pretrained(NAME)
        assert docstring(Model.from_pretrained(NAME, update=True)) == "saved as version 1"
        assert len(server.requests) == 5  # the registry once more, however fresh it is
        damaged = cache / FOLDER / f"{NAME}.safetensors.v1"
        good = damaged.read_bytes()
        damaged.write_bytes(good[:-1])
        with pytest.raises(WeightsError, match="truncated or changed"):
            Model.from_pretrained(NAME)
        Model.from_pretrained(NAME, force=True)
        assert damaged.read_bytes() == good
        assert len(server.requests) == 9
    Model.from_pretrained(NAME, update=True)
    with pytest.raises(WeightsError, match=f"there are: {NAME}; no answer from the hub {server.url}: cannot get"):
        Model.from_pretrained(NAME, force=True)
    assert damaged.read_bytes() == good
    fitted().save(bundle / NAME, "of the package", "1")
    assert docstring(Model.from_pretrained(NAME, force=True)) == "of the package"


def test_what_is_listed(tmp_path: Path, cache: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted().save(bundle / "own", "of the package", "1")
    name_hubs(monkeypatch, make_hub(tmp_path / "hub", "1", "2"))
    assert Model.list_pretrained() == ["own", NAME]
    assert Model.list_pretrained(remote=False) == ["own"]
    told = {"own": "of the package", NAME: "Of version 2: for tests alone."}
    assert Model.list_pretrained(details=True) == told
    assert Model.list_pretrained(details=True, remote=False) == {"own": "of the package"}
    assert Model.list_versions(NAME) == ["1", "2"]
    assert Model.list_versions(NAME, remote=False) == Model.list_versions("none") == []
    assert not cache.exists()  # a card is looked at, and not kept
    Model.from_pretrained(NAME, "1")
    assert Model.list_versions(NAME, remote=False) == ["1"]
    assert Model.list_pretrained(details=True, remote=False)[NAME] == "saved as version 1"
    assert lcl.WaveformKMeans.list_pretrained() != lcl.MiniRocketKMeans.list_pretrained() == []


def test_one_bad_card_does_not_hide_the_others(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted().save(bundle / "own", "of the package", "1")
    hub = make_hub(tmp_path / "hub")
    declare(hub, card=BODY.encode())
    name_hubs(monkeypatch, hub)
    told = Model.list_pretrained(details=True)
    assert told["own"] == "of the package"
    assert "card.md" in told[NAME]


# hubs that do not answer --------------------------------------------------------------------------------------------


def test_a_hub_that_does_not_answer_is_a_warning_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "registry.json").write_text('{"schema_version": 1}')
    with serving({"registry.json": fail(404)}) as nobody:
        name_hubs(monkeypatch, nobody.url, broken, tmp_path / "none", "gopher://x", make_hub(tmp_path / "hub"))
        with caplog.at_level(logging.WARNING, "seisbench"):
            assert docstring(Model.from_pretrained(NAME)) == "saved as version 1"
        assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
            f"no answer from the hub {address}" for address in (nobody.url, broken, tmp_path / "none", "gopher://x")
        ]
        assert "404 (Not Found)" in caplog.text
        assert "weights" in caplog.text  # what the registry lacks
        with pytest.raises(WeightsError) as error:
            Model.from_pretrained("other")
        assert len(caplog.records) == 4  # once is enough
    said = str(error.value)
    assert said.startswith(f"WaveformKMeans has no pretrained weights called 'other'; there are: {NAME}; no answer")
    assert said.count("no answer from the hub") == 4


def test_nothing_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"WaveformKMeans has no pretrained weights called 'x'; there are: none$"):
        Model.from_pretrained("x")
    for name in ("../x", "a/b", "", "x\n"):
        with pytest.raises(WeightsError, match="is no name of pretrained weights"):
            Model.from_pretrained(name)
    name_hubs(monkeypatch, make_hub(tmp_path / "hub"))
    for version in ("../1", "", "latest/", "1\n"):
        with pytest.raises(WeightsError, match="has no version"):
            Model.from_pretrained(NAME, version)


def test_an_earlier_hub_hides_a_later_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_hub(tmp_path / "first"), make_hub(tmp_path / "second", "1", "2", seed=1)
    name_hubs(monkeypatch, first, second.as_uri())
    found = offered("WaveformKMeans", NAME)
    assert [(key[2], offer.hub.address) for key, offer in found.items()] == [("1", str(first)), ("2", str(second))]
    assert offered("MiniRocketRidge") == offered(name="other") == {}
    offer = found["WaveformKMeans", NAME, "1"]
    assert offer.size == sum(len(content) for path, content in contents(first).items() if path != "registry.json")
    expected = fitted().predict_proba(windows(7))
    torch.testing.assert_close(Model.from_pretrained(NAME, "1").predict_proba(windows(7)), expected)


def test_a_registry_is_asked_for_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(hubs, "time", SimpleNamespace(monotonic=lambda: now))
    with serving(contents(make_hub(tmp_path / "hub"))) as server:
        name_hubs(monkeypatch, server.url)
        for _ in range(3):
            assert Model.list_pretrained() == [NAME]
        assert server.requests == ["/registry.json"]
        now += 60
        assert Model.list_pretrained() == [NAME]
        assert server.requests == ["/registry.json"] * 2


@pytest.mark.parametrize("address", ["http://me:secret@127.0.0.1:9/hub", "https://me:secret@host/?x"])
def test_no_password_is_shown(address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    name_hubs(monkeypatch, address)
    (hub,) = known_hubs()
    with pytest.raises(WeightsError) as error:
        Model.from_pretrained(NAME)
    assert "no answer from the hub" in caplog.text
    assert "secret" not in f"{hub.address} {hub.error} {error.value} {caplog.text}"


def test_a_registry_that_is_too_large_or_of_the_future(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    registry = json.loads((hub / "registry.json").read_text())
    (hub / "registry.json").write_text(json.dumps(registry | {"schema_version": 2}))
    assert "install a newer seisbench-lcl" in str(Hub.at(str(hub)).error)
    with (hub / "registry.json").open("wb") as file:
        file.truncate(16_000_001)
    found = Hub.at(str(hub))
    assert isinstance(found.error, HubError)
    assert "is larger than the 16,000,000 bytes" in str(found.error)
    assert list(found.offers()) == []


# no network ---------------------------------------------------------------------------------------------------------


def test_what_is_here_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    with serving(contents(make_hub(tmp_path / "hub"))) as server:
        name_hubs(monkeypatch, server.url)
        Model.from_pretrained(NAME)
        hubs._recent.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", refuse)
            patch.setattr(socket, "create_connection", refuse)
            patch.setattr(socket, "getaddrinfo", refuse)
            for version in ("latest", "1"):
                assert docstring(Model.from_pretrained(NAME, version)) == "saved as version 1"
            lcl.MiniRocketRidge.from_pretrained("mixed-3c-fast")
            assert Model.list_pretrained(remote=False) == [NAME]
            with pytest.raises(AssertionError, match="a socket was opened"):
                Model.from_pretrained(NAME, update=True)
        assert len(server.requests) == 4


OFFLINE = """
    import sys

    events = []
    sys.addaudithook(lambda event, _: events.append(event) if event.startswith("socket.") else None)
    import seisbench_lcl as lcl

    lcl.WaveformKMeans.from_pretrained("tiny")
    lcl.WaveformKMeans.from_pretrained("tiny", version_str="1")
    lcl.MiniRocketRidge.from_pretrained("mixed-3c-fast")
    assert [e for e in events if e in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")] == [], events
    lcl.WaveformKMeans.from_pretrained("tiny", update=True)
    assert "socket.connect" in events
"""


def test_another_process_uses_no_network_for_what_is_here(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(cache / FOLDER)
    monkeypatch.setenv("SEISBENCH_CACHE_ROOT", str(tmp_path / "root"))
    (tmp_path / "root" / "models").mkdir(parents=True)
    shutil.move(cache, tmp_path / "root" / "models" / "v3")
    with serving({}) as nobody:
        monkeypatch.setenv("SEISBENCH_LCL_HUBS", nobody.url)
        done = subprocess.run([sys.executable, "-c", dedent(OFFLINE)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert nobody.requests == ["/registry.json"]  # for the update, which no other hub has
