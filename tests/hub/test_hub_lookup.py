"""Look-up of pretrained weights: the cache, then the package, then hubs; and messages about silent hubs."""

import logging
import shutil
import socket
from pathlib import Path
from typing import NoReturn

import pytest
from loopback import fail, serving
from small_hub import BODY, FOLDER, NAME, contents, declare, fitted, make_hub, use_hubs

import seisbench_lcl as lcl
from seisbench_lcl.errors import WeightsError
from seisbench_lcl.hub import hubs, lookup, weights

Model = lcl.WaveformKMeans


@pytest.fixture(autouse=True)
def _no_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    use_hubs(monkeypatch)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the class in a package without other weights."""
    monkeypatch.setattr(weights, "bundled", lambda: tmp_path / "package")
    return tmp_path / "package" / FOLDER


def docstring(model: lcl.WaveformKMeans) -> str:
    return str(model.weights_docstring)


# the order of places ------------------------------------------------------------------------------------------------


def test_the_cache_is_before_the_package_and_the_package_before_hubs(
    tmp_path: Path, cache: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub = make_hub(tmp_path / "hub")
    with serving(contents(hub)) as server:
        use_hubs(monkeypatch, server.url)
        assert docstring(Model.from_pretrained(NAME)) == "saved as version 1"
        assert len(server.requests) == 4
        shutil.rmtree(cache)
        fitted().save(bundle / NAME, "of the package", "1")
        assert docstring(Model.from_pretrained(NAME)) == "of the package"
        assert not cache.exists()
        assert "differ from" not in caplog.text
        fitted().save(cache / FOLDER / NAME, "of the cache", "1")
        assert docstring(Model.from_pretrained(NAME)) == "of the cache"
        assert "differ from those in the package" in caplog.text
        assert f"hub remove WaveformKMeans/{NAME} --version 1" in caplog.text
        assert docstring(Model.from_pretrained(NAME, "1")) == "of the cache"
        assert len(server.requests) == 4


def test_versions_are_pulled_on_request(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = make_hub(tmp_path / "hub", "1", "2", "10")
    use_hubs(monkeypatch, hub)
    first = Model.from_pretrained(NAME, version_str="1")
    assert (docstring(first), first.weights_version) == ("saved as version 1", "1")
    assert Model.from_pretrained(NAME).weights_version == "1"  # the newest in the cache
    assert Model.from_pretrained(NAME, "2").weights_version == "2"
    assert Model.from_pretrained(NAME, update=True).weights_version == "10"
    assert Model.from_pretrained(NAME).weights_version == "10"
    kinds = ("json", "md", "pt", "safetensors")
    assert {file.name for file in (cache / FOLDER).iterdir()} == {
        f"{NAME}.{kind}.v{version}" for kind in kinds for version in ("1", "2", "10")
    }
    with pytest.raises(WeightsError, match=r"'tiny' has no version '3'; available: 1, 10, 2$"):
        Model.from_pretrained(NAME, "3")


def test_force_pulls_again_and_update_pulls_newer_versions(
    tmp_path: Path, cache: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(contents(make_hub(tmp_path / "hub"))) as server:
        use_hubs(monkeypatch, server.url)
        Model.from_pretrained(NAME)
        assert docstring(Model.from_pretrained(NAME, update=True)) == "saved as version 1"
        assert len(server.requests) == 5  # the registry again, however recent it is
        damaged = cache / FOLDER / f"{NAME}.safetensors.v1"
        good = damaged.read_bytes()
        damaged.write_bytes(good[:-1])
        with pytest.raises(WeightsError, match="truncated or changed"):
            Model.from_pretrained(NAME)
        Model.from_pretrained(NAME, force=True)
        assert damaged.read_bytes() == good
        assert len(server.requests) == 9
        fitted(1).save(cache / FOLDER / NAME, "others", "1")
        assert docstring(Model.from_pretrained(NAME, update=True)) == "others"  # the version stays
        assert docstring(Model.from_pretrained(NAME, force=True)) == "saved as version 1"
    Model.from_pretrained(NAME, update=True)
    with pytest.raises(WeightsError, match=f"available: {NAME}; the hub {server.url} is left out: cannot get"):
        Model.from_pretrained(NAME, force=True)
    assert damaged.read_bytes() == good
    fitted().save(bundle / NAME, "of the package", "1")
    assert docstring(Model.from_pretrained(NAME, force=True)) == "of the package"


def test_lists_of_weights(tmp_path: Path, cache: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted().save(bundle / "own", "of the package", "1")
    use_hubs(monkeypatch, make_hub(tmp_path / "hub", "1", "2"))
    assert Model.list_pretrained() == ["own", NAME]
    assert Model.list_pretrained(remote=False) == ["own"]
    assert Model.list_pretrained(details=True) == {"own": "of the package", NAME: "Version 2, for tests only."}
    assert Model.list_pretrained(details=True, remote=False) == {"own": "of the package"}
    assert Model.list_versions(NAME) == ["1", "2"]
    assert Model.list_versions(NAME, remote=False) == Model.list_versions("none") == []
    assert not cache.exists()  # the card is read, but not kept
    Model.from_pretrained(NAME, "1")
    assert Model.list_versions(NAME, remote=False) == ["1"]
    assert Model.list_pretrained(details=True, remote=False)[NAME] == "saved as version 1"
    assert lcl.WaveformKMeans.list_pretrained() != lcl.MiniRocketKMeans.list_pretrained() == []


def test_a_bad_card_does_not_hide_other_weights(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted().save(bundle / "own", "of the package", "1")
    hub = make_hub(tmp_path / "hub")
    declare(hub, card=BODY.encode())
    use_hubs(monkeypatch, hub)
    details = Model.list_pretrained(details=True)
    assert details["own"] == "of the package"
    assert "card.md" in details[NAME]


# silent hubs --------------------------------------------------------------------------------------------------------


def test_a_silent_hub_causes_a_warning_and_the_others_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "registry.json").write_text('{"schema_version": 1}')
    with serving({"registry.json": fail(404)}) as nobody:
        use_hubs(monkeypatch, nobody.url, broken, tmp_path / "none", "gopher://x", make_hub(tmp_path / "hub"))
        with caplog.at_level(logging.WARNING, "seisbench"):
            assert docstring(Model.from_pretrained(NAME)) == "saved as version 1"
        assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
            f"the hub {address} is left out" for address in (nobody.url, broken, tmp_path / "none", "gopher://x")
        ]
        assert "404 (Not Found)" in caplog.text
        assert "weights" in caplog.text  # the field that the registry lacks
        with pytest.raises(WeightsError) as error:
            Model.from_pretrained("other")
        assert len(caplog.records) == 4  # one warning per hub
    message = str(error.value)
    assert message.startswith(f"WaveformKMeans has no pretrained weights called 'other'; available: {NAME}; the hub")
    assert message.count("is left out") == 4


def test_unknown_names_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"WaveformKMeans has no pretrained weights called 'x'; available: none$"):
        Model.from_pretrained("x")
    for name in ("../x", "a/b", "", "x\n"):
        with pytest.raises(WeightsError, match="is not a name of pretrained weights"):
            Model.from_pretrained(name)
    use_hubs(monkeypatch, make_hub(tmp_path / "hub"))
    for version in ("../1", "", "latest/", "1\n"):
        with pytest.raises(WeightsError, match="has no version"):
            Model.from_pretrained(NAME, version)


# no network ---------------------------------------------------------------------------------------------------------


def test_weights_on_this_machine_need_no_socket(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    with serving(contents(make_hub(tmp_path / "hub"))) as server:
        use_hubs(monkeypatch, server.url)
        Model.from_pretrained(NAME)
        hubs.forget_registries()
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", refuse)
            patch.setattr(socket, "create_connection", refuse)
            patch.setattr(socket, "getaddrinfo", refuse)
            for version in ("latest", "1"):
                assert docstring(Model.from_pretrained(NAME, version)) == "saved as version 1"
                assert lookup.find(Model, NAME, version) == (cache / FOLDER / NAME, "1")
            lcl.MiniRocketRidge.from_pretrained("mixed-3c-fast")
            assert Model.list_pretrained(remote=False) == [NAME]
            with pytest.raises(AssertionError, match="a socket was opened"):
                Model.from_pretrained(NAME, update=True)
        assert len(server.requests) == 4
