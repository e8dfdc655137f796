"""The configured hubs: their registries, and which of them wins."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from loopback import serving
from small_hub import NAME, contents, fitted, make_hub, use_hubs, windows

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.hub import hubs
from seisbench_lcl.hub.hubs import Hub, known_hubs, offered

Model = lcl.WaveformKMeans


@pytest.fixture(autouse=True)
def _no_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    use_hubs(monkeypatch)


def test_an_earlier_hub_hides_a_later_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_hub(tmp_path / "first"), make_hub(tmp_path / "second", "1", "2", seed=1)
    use_hubs(monkeypatch, first, second.as_uri())
    found = offered("WaveformKMeans", NAME)
    assert [(key[2], offer.hub.address) for key, offer in found.items()] == [("1", str(first)), ("2", str(second))]
    assert offered("MiniRocketRidge") == offered(name="other") == {}
    offer = found["WaveformKMeans", NAME, "1"]
    assert offer.size == sum(len(content) for path, content in contents(first).items() if path != "registry.json")
    expected = fitted().predict_proba(windows(7))
    torch.testing.assert_close(Model.from_pretrained(NAME, "1").predict_proba(windows(7)), expected)


def test_a_registry_is_read_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(hubs, "time", SimpleNamespace(monotonic=lambda: now))
    with serving(contents(make_hub(tmp_path / "hub"))) as server:
        use_hubs(monkeypatch, server.url)
        for _ in range(3):
            assert Model.list_pretrained() == [NAME]
        assert server.requests == ["/registry.json"]
        now += 60
        assert Model.list_pretrained() == [NAME]
        assert server.requests == ["/registry.json"] * 2


def test_a_registry_that_is_too_large_or_of_the_future(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    registry = json.loads((hub / "registry.json").read_text())
    (hub / "registry.json").write_text(json.dumps(registry | {"schema_version": 2}))
    assert "install a newer seisbench-lcl" in str(Hub.at(str(hub)).error)
    with (hub / "registry.json").open("wb") as file:
        file.truncate(16_000_001)
    found = Hub.at(str(hub))
    assert isinstance(found.error, HubError)
    assert "is larger than the allowed 16,000,000 bytes" in str(found.error)
    assert list(found.offers()) == []


@pytest.mark.parametrize("address", ["http://me:secret@127.0.0.1:9/hub", "https://me:secret@host/?x"])
def test_no_password_is_shown(address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    use_hubs(monkeypatch, address)
    (hub,) = known_hubs()
    with pytest.raises(WeightsError) as error:
        Model.from_pretrained(NAME)
    assert "is left out" in caplog.text
    assert "secret" not in f"{hub.address} {hub.error} {error.value} {caplog.text}"
