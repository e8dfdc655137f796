"""Signed hubs, over a real server: what is accepted, and what is refused."""

import os
import threading
from pathlib import Path

import pytest
from loopback import serving
from small_hub import NAME, contents, make_hub, use_hubs

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError, OutputError, WeightsError
from seisbench_lcl.hub import config, hubs
from seisbench_lcl.hub.hubs import Hub
from seisbench_lcl.hub.minisign import PublicKey, SecretKey
from seisbench_lcl.hub.serving import server
from seisbench_lcl.hub.signing import sign, split_key, write_key

KEY, OTHER = SecretKey.new(), SecretKey.new()
SLASHES = PublicKey(b"\xff" * 8, b"\xff" * 32)  # its text is full of "//"


@pytest.fixture
def hub(tmp_path: Path, cache: Path) -> Path:
    return make_hub(tmp_path / "hub")


@pytest.fixture(autouse=True)
def _forget() -> None:
    hubs._warn_unchecked.cache_clear()


def test_a_signed_hub(hub: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert sign(hub, KEY) == hub / "registry.json.minisig"
    with serving(contents(hub)) as web:
        use_hubs(monkeypatch, f"{web.url}#{KEY.public}")
        assert lcl.WaveformKMeans.from_pretrained(NAME).labels == ["quarry blast", "noise"]
        found = Hub.at(f"{web.url}#{KEY.public}")
        assert (found.address, found.key) == (web.url, KEY.public.name)
        assert not any("#" in path for path in web.requests)
    assert caplog.text == ""
    assert Hub.at(f"{hub}#{KEY.public}").error is None


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_registry_that_changed_after_it_was_signed(
    hub: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    sign(hub, KEY)
    registry = (hub / "registry.json").read_bytes()
    make_hub(hub, "2")
    assert registry != (hub / "registry.json").read_bytes()
    with serving(contents(hub)) as web:
        use_hubs(monkeypatch, f"{web.url}#{KEY.public}")
        with pytest.raises(WeightsError, match=f"was changed after it was signed with the key {KEY.public.name}"):
            lcl.WaveformKMeans.from_pretrained(NAME, version)
        assert {*web.requests} == {"/registry.json", "/registry.json.minisig"}  # no weights were asked for
    assert not cache.exists()
    sign(hub, KEY)
    assert Hub.at(f"{hub}#{KEY.public}").error is None


def test_no_signature_and_that_of_another(hub: Path) -> None:
    with serving(contents(hub)) as web:
        found = Hub.at(f"{web.url}#{KEY.public}")
    assert f"is not signed, but must be, with the key {KEY.public.name}: cannot get registry.json.minisig" in str(
        found.error
    )
    assert [*found.offers()] == []
    sign(hub, OTHER)
    assert f"is signed with the key {OTHER.public.name}, not with" in str(Hub.at(f"{hub}#{KEY.public}").error)
    (hub / "registry.json.minisig").write_bytes(b"\xff")
    assert "is not text" in str(Hub.at(f"{hub}#{KEY.public}").error)
    (hub / "registry.json.minisig").write_bytes(b"x" * 20_000)
    assert "larger than the allowed 10,000 bytes" in str(Hub.at(f"{hub}#{KEY.public}").error)


def test_that_nothing_is_checked_is_said_once_and_of_servers_only(
    hub: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_hubs(monkeypatch, hub)
    lcl.WaveformKMeans.from_pretrained(NAME)
    assert caplog.text == ""
    with serving(contents(hub)) as web:
        use_hubs(monkeypatch, web.url)
        for _ in range(2):
            lcl.WaveformKMeans.from_pretrained(NAME, force=True)
        assert caplog.text.count(f"nobody's signature vouches for the weights of {web.url}") == 1


def test_our_own_server_serves_the_signature(hub: Path) -> None:
    sign(hub, KEY)
    with server(hub, port=0) as own:
        thread = threading.Thread(target=own.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        found = Hub.at(f"http://127.0.0.1:{own.server_port}#{KEY.public}")
        own.shutdown()
        thread.join()
    assert (found.error, found.key) == (None, KEY.public.name)


@pytest.mark.parametrize(
    "rest",
    ["", "#", "#1", "#RW", f"#{KEY.public}x", f"#{str(KEY.public)[:-1]}"],
    ids=["none", "empty", "short", "prefix", "long key", "short key"],  # keys differ from one process to the other
)
def test_another_number_sign_stays_in_the_address(rest: str) -> None:
    assert split_key(f"/data/hub{rest}") == (f"/data/hub{rest}", None)
    assert split_key(f"/data/hub{rest}#{KEY.public}") == (f"/data/hub{rest}", KEY.public)


def test_keys_in_the_file_of_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "//" in str(SLASHES)
    monkeypatch.delenv("SEISBENCH_LCL_HUBS", raising=False)
    monkeypatch.setattr(config, "user_config_dir", lambda name: str(tmp_path))
    (tmp_path / "hubs.toml").write_text(f'hubs = ["lab hub#{SLASHES}", "https://a.example/hub#{SLASHES}"]')
    places = [(str(tmp_path / "lab hub"), SLASHES), ("https://a.example/hub", SLASHES)]
    assert [split_key(address) for address in config.hubs()] == places
    monkeypatch.setenv("SEISBENCH_LCL_HUBS", f"/b#{SLASHES}, https://a.example/hub#{SLASHES}")
    assert [split_key(address)[1] for address in config.hubs()] == [SLASHES] * 2


def test_a_pair_of_keys_is_written_once_and_for_its_owner(tmp_path: Path) -> None:
    public = write_key(KEY, tmp_path / "hub.key")
    assert PublicKey.parse(public.read_text()) == KEY.public
    assert SecretKey.parse((tmp_path / "hub.key").read_text()) == KEY
    if os.name == "posix":
        assert (tmp_path / "hub.key").stat().st_mode & 0o777 == 0o600
    for path in ("hub.key", "hub.other"):  # hub.pub is there
        with pytest.raises(OutputError, match="a key that is overwritten is lost"):
            write_key(OTHER, tmp_path / path)
    assert {file.name for file in tmp_path.iterdir()} == {"hub.key", "hub.pub"}


def test_what_is_no_hub_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="make a hub with hub add"):
        sign(tmp_path, KEY)
    (tmp_path / "registry.json").write_text("{}")
    with pytest.raises(HubError, match="cannot be used"):
        sign(tmp_path, KEY)
    assert [file.name for file in tmp_path.iterdir()] == ["registry.json"]
