"""Weights that others publish: read without unpickling more than tensors, checked, converted and installed."""

import io
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from loopback import fail, send, serving, stall
from safetensors.torch import save as dump_safetensors
from small_hub import left_in, use_hubs
from small_published import ENTRY, Tiny, tensors, trained

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, HubError, OutputError, WeightsError
from seisbench_lcl.hub import published, sources
from seisbench_lcl.hub.backbones import tensor_digest
from seisbench_lcl.hub.published import check_tensors, install, read_tensors
from seisbench_lcl.models.pretrained import PretrainedModel

WINDOWS = np.random.default_rng(0).normal(size=(3, 1, 200)).astype(np.float32)
FILES = ["tiny/tiny.json.v1", "tiny/tiny.pt.v1", "tiny/tiny.safetensors.v1"]


class Dangerous:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("unpickled"),))


def pt(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.fixture(autouse=True)
def _entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_hubs(monkeypatch)
    monkeypatch.chdir(tmp_path)
    publish(monkeypatch, "https://example.org/tiny.pt")


def publish(monkeypatch: pytest.MonkeyPatch, url: str, **changes: object) -> None:
    entry = replace(ENTRY, url=url, sha256=tensor_digest(tensors()), **changes)
    monkeypatch.setattr(Tiny, "published", {"tiny": entry})


@pytest.fixture
def counted() -> dict[str, torch.Tensor]:
    """The tensors with the counter of a batch normalisation, which no model needs."""
    return tensors() | {"norm.num_batches_tracked": torch.tensor(7)}


# installing a file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["pt", "old pt", "parameters", "safetensors"])
def test_a_file_is_installed_whatever_its_format(
    tmp_path: Path, cache: Path, counted: dict[str, torch.Tensor], how: str
) -> None:
    file = tmp_path / "file"
    if how == "old pt":
        torch.save(counted, file, _use_new_zipfile_serialization=False)
    elif how == "parameters":
        file.write_bytes(pt({k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in counted.items()}))
    else:
        file.write_bytes(pt(counted) if how == "pt" else dump_safetensors(counted))
    assert install(Tiny, "tiny", file) == cache / "tiny" / "tiny"
    assert left_in(cache) == FILES
    model = Tiny.from_pretrained("tiny")
    np.testing.assert_array_equal(model.predict_proba(WINDOWS), trained().predict_proba(WINDOWS))
    assert str(model.weights_origin).startswith("Tiny/tiny, version 1, saved in the cache")
    assert "licence: MIT" in model.weights_docstring
    assert "part of it may be in your test data" in model.weights_docstring
    assert published.installed(Tiny, "tiny")
    assert lcl.Discriminator.published == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            pt(tensors(1)),
            "holds other weights than Tiny/tiny: the SHA-256 .* but .* is published: get the file at https",
        ),
        (pt({"weight": torch.zeros(3, 200)}), "the tensors do not fit the model: bias is missing$"),
        (pt(tensors() | {"more": torch.zeros(1)}), "the tensors do not fit the model: more is not expected$"),
        (pt(tensors() | {"bias": torch.zeros(4)}), r"bias is \(4,\) instead of \(3,\)$"),
        (pt(tensors() | {"bias": torch.full((3,), torch.nan)}), "tensor 'bias' of .* holds NaN"),
        (pt(Dangerous()), "holds more than tensors, and running the rest could do anything: it is refused"),
        (pt({"weight": Dangerous()}), "holds more than tensors"),
        (pickle.dumps(Dangerous()), "holds more than tensors"),
        (pt({"model": tensors()}), "holds a dict under 'model', but must hold tensors only"),
        (pt({1: torch.zeros(1)}), "holds a Tensor under 1, but must hold tensors only"),
        (pt([torch.zeros(1)]), "holds a list, but must hold tensors by name"),
        (pt({"weight": torch.eye(3).to_sparse()}), "under 'weight', but must hold tensors only"),
        (pt(tensors())[:-100], "is damaged .*: copy it again"),
        (b"PK\x03\x04", "is damaged .*: copy it again"),
        (b"<html>", "is neither a file of PyTorch nor of safetensors"),
        (b"", "is neither a file of PyTorch nor of safetensors"),
        (dump_safetensors(tensors())[:-1], "is neither a file of PyTorch nor of safetensors"),
        (b"\0" * 1001, "is larger than the allowed 1,000 bytes: it is not the published file"),
    ],
)
def test_other_content_is_refused_and_nothing_is_left(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    publish(monkeypatch, "https://example.org/tiny.pt", limit=1000 if len(content) == 1001 else 64_000_000)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WeightsError, match=message) as raised:
        install(Tiny, "tiny", tmp_path / "file")
    assert str(tmp_path / "file") in str(raised.value)
    assert not cache.exists()
    assert not Path("unpickled").exists()


def test_missing_files_names_and_folders(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot read .*nothing: No such file or directory; check the path"):
        install(Tiny, "tiny", tmp_path / "nothing")
    with pytest.raises(WeightsError, match=r"Tiny publishes no weights called 'large'; it publishes: tiny"):
        install(Tiny, "large", tmp_path / "nothing")
    cache.write_text("in the way")
    (tmp_path / "file").write_bytes(pt(tensors()))
    with pytest.raises(OutputError, match="cannot install Tiny/tiny: cannot write weights to"):
        install(Tiny, "tiny", tmp_path / "file")


def test_a_class_that_fails_or_does_not_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(pt(tensors()))
    with monkeypatch.context() as patch:
        patch.setattr(Tiny, "from_tensors", lambda name, tensors: tensors["other"])
        with pytest.raises(WeightsError, match="Tiny cannot use its tensors \\(KeyError: 'other'\\)"):
            install(Tiny, "tiny", tmp_path / "file")
    monkeypatch.setattr(Tiny, "from_tensors", classmethod(PretrainedModel.from_tensors.__func__))
    with pytest.raises(ConfigurationError, match="it must define from_tensors"):
        install(Tiny, "tiny", tmp_path / "file")


def test_many_wrong_tensors_are_counted() -> None:
    with pytest.raises(WeightsError, match=r"; and 3 more$"):
        check_tensors({}, {f"layer{i}": (1,) for i in range(13)})


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn"])
def test_types_that_numpy_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    coarse = {key: tensor.to(getattr(torch, name)) for key, tensor in tensors().items()}
    (tmp_path / "file").write_bytes(pt(coarse))
    if name == "bfloat16":
        entry = replace(ENTRY, sha256=tensor_digest({key: tensor.float() for key, tensor in coarse.items()}))
        monkeypatch.setattr(Tiny, "published", {"tiny": entry})
        install(Tiny, "tiny", tmp_path / "file")
        assert Tiny.from_pretrained("tiny").dtype == torch.float32
    else:
        with pytest.raises(WeightsError, match=r"has the type torch.float8_e4m3fn, which is not read"):
            install(Tiny, "tiny", tmp_path / "file")


def test_float64_is_another_file() -> None:
    """The digest covers the types: a file with other numbers is not taken for the published one."""
    assert tensor_digest(tensors()) != tensor_digest({name: tensor.double() for name, tensor in tensors().items()})
    read = read_tensors(dump_safetensors(tensors()), "file")
    assert tensor_digest(read) == tensor_digest(tensors())


# fetching from the address -----------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = sources.WebSource.__init__

    def impatient(self: sources.WebSource, address: str, timeout: tuple[float, float] = (0.2, 0.2)) -> None:
        real(self, address, (0.2, 0.2))

    monkeypatch.setattr(sources.WebSource, "__init__", impatient)
    return


def test_the_first_load_downloads_and_later_ones_do_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch, counted: dict[str, torch.Tensor]
) -> None:
    with serving({"v3/tiny.pt.v1": pt(counted)}) as server:
        publish(monkeypatch, f"{server.url}/v3/tiny.pt.v1")
        assert Tiny.list_pretrained(remote=False) == []
        assert Tiny.list_pretrained() == ["tiny"]
        assert Tiny.list_pretrained(details=True)["tiny"].startswith("Weights that others trained and publish")
        assert (Tiny.list_versions("tiny"), Tiny.list_versions("tiny", remote=False)) == (["1"], [])
        assert server.requests == []
        with monkeypatch.context() as patch:
            patch.setattr("seisbench_lcl.models.lookup.model_classes", lambda: {"Tiny": Tiny, "Other": lcl.DEC})
            first = lcl.from_pretrained("tiny")  # its class is found by the name of the weights
        assert isinstance(first, Tiny)
        assert left_in(cache) == FILES
        np.testing.assert_array_equal(first.predict_proba(WINDOWS), trained().predict_proba(WINDOWS))
        Tiny.from_pretrained("tiny")
        Tiny.from_pretrained("tiny", "1", update=True)
        assert server.requests == ["/v3/tiny.pt.v1"]
        Tiny.from_pretrained("tiny", force=True)
        assert len(server.requests) == 2
        with pytest.raises(WeightsError, match="'tiny' has no version '2'; available: 1"):
            Tiny.from_pretrained("tiny", "2")
    Tiny.from_pretrained("tiny")
    assert Tiny.list_pretrained(remote=False) == ["tiny"]


def test_a_stock_seisbench_model_reads_the_pt_file(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(pt(tensors()))
    install(Tiny, "tiny", tmp_path / "file")
    assert set(torch.load(cache / FILES[1], weights_only=True)) == set(trained().state_dict())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", ["none", "refused", "stalled", "longer"])
def test_without_a_network_the_message_says_how_to_install(
    cache: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    content = pt(tensors())
    answers = {
        "none": {},
        "refused": {"tiny.pt": fail(403)},
        "stalled": {"tiny.pt": stall(content, 100)},
        "longer": {"tiny.pt": send(content)},
    }[answer]
    with serving(answers) as server:
        publish(monkeypatch, f"{server.url}/tiny.pt", limit=len(content) - 1)
        with pytest.raises(HubError) as raised:
            Tiny.from_pretrained("tiny")
    message = str(raised.value)
    assert message.startswith(f"Tiny/tiny is not on this machine, and its file cannot be downloaded from {server.url}")
    assert "run seisbench-lcl hub install Tiny/tiny FILE" in message
    assert not cache.exists()


def test_a_plugin_names_a_command_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "http://127.0.0.1:9/tiny.pt", command="tiny-tool install")
    with pytest.raises(HubError, match="and run tiny-tool install FILE"):
        Tiny.from_pretrained("tiny")


def test_two_threads_install_the_same_weights(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "file").write_bytes(pt(tensors()))
    threads = [threading.Thread(target=install, args=(Tiny, "tiny", tmp_path / "file")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left_in(cache) == FILES
    Tiny.from_pretrained("tiny")


# entries -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "ftp://example.org/a.pt"}, "need the address of a file, https://host/path/file, but url is 'ftp:"),
        ({"url": "https:///a.pt"}, "need the address of a file"),
        ({"url": "https://example.org/folder/"}, "need the address of a file"),
        ({"url": "https://example.org/a.pt?raw=1"}, "need the address of a file"),
        ({"sha256": "0" * 63}, "need the SHA-256 of their tensors, 64 digits"),
        ({"sha256": "A" * 64}, "need the SHA-256 of their tensors"),
        ({"licence": " "}, "must state their licence"),
        ({"training_data": ""}, "must state their training_data"),
        ({"version": "../1"}, "is not a version"),
    ],
)
def test_wrong_entries_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replace(ENTRY, **changes)
