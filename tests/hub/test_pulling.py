"""Files of a hub reach the cache only after every check; if one fails, nothing is left behind."""

import io
import os
import pickle
import random
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from loopback import Answer, fail, in_another_process, redirect, send, serving, stall
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from seisbench.models import WaveformModel
from small_hub import (
    BODY,
    FOLDER,
    NAME,
    contents,
    declare,
    describe,
    fitted,
    head,
    left_in,
    make_hub,
    use_hubs,
    windows,
)

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError, OutputError, SeisBenchLCLError, WeightsError
from seisbench_lcl.hub import download, publishing, sources, weights
from seisbench_lcl.hub.head import join
from seisbench_lcl.hub.hubs import Hub, Offer
from seisbench_lcl.hub.pulling import pull, read_card, remove

Model = lcl.WaveformKMeans
TENSORS = f"{FOLDER}/{NAME}.safetensors.v1"
FILES = sorted(f"{FOLDER}/{NAME}.{kind}.v1" for kind in ("json", "md", "pt", "safetensors"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    monkeypatch.setattr(sources, "_RETRIES", sources._RETRIES.new(backoff_factor=0))
    use_hubs(monkeypatch)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return make_hub(tmp_path / "hub")


def offer_of(address: object) -> Offer:
    hub = Hub.at(str(address))
    assert hub.error is None
    (offer,) = hub.offers()
    return offer


def take(address: object, cache: Path) -> lcl.WaveformKMeans:
    """Pull the weights of a hub into the cache, and load them from there."""
    return Model.load(pull(Model, offer_of(address), cache / FOLDER), version_str="1")


def refused(address: object, cache: Path, reason: str, error: type[Exception] = WeightsError) -> None:
    with pytest.raises(error, match=reason):
        take(address, cache)
    assert not cache.exists() or not any(cache.rglob(".*")), "something is left behind"
    assert left_in(cache) == []


def check_model(model: WaveformModel, seed: int = 0) -> None:
    torch.testing.assert_close(model.predict_proba(windows(7)), fitted(seed).predict_proba(windows(7)), rtol=0, atol=0)


# good hubs ----------------------------------------------------------------------------------------------------------


def test_from_a_web_server_and_from_a_disk(hub: Path, cache: Path, tmp_path: Path) -> None:
    with serving(contents(hub)) as server:
        check_model(take(server.url, cache))
    assert left_in(cache) == FILES
    for address, folder in ((hub.as_uri(), "a"), (hub, "b")):
        check_model(take(address, tmp_path / folder))
        assert contents(tmp_path / folder) == contents(cache)


@pytest.mark.parametrize("place", ["cache", "package"])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_version_never_changes(
    place: str, damaged: bool, hub: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tensors, or the same tensors with another description, are pulled only with force."""
    monkeypatch.setattr(weights, "bundled", lambda: tmp_path / "package")
    known = tmp_path / place / FOLDER
    for seed, text in ((0, "saved as version 1"), (1, "saved as version 1"), (0, "another description")):
        fitted(seed).save(known / NAME, text, "1")
        if damaged:
            (known / f"{NAME}.safetensors.v1").write_bytes(b"")
        before = contents(known)
        if (seed, text, damaged) == (0, "saved as version 1", False):
            pull(Model, offer_of(hub), tmp_path / "elsewhere")
            continue
        with pytest.raises(HubError, match=f"{hub} and .*{place} have different weights .*hub pull --force"):
            pull(Model, offer_of(hub), cache / FOLDER)
        assert contents(known) == before
    pull(Model, offer_of(hub), cache / FOLDER, force=True)
    check_model(Model.from_pretrained(NAME))
    pull(Model, offer_of(make_hub(tmp_path / "newer", "2")), cache / FOLDER)  # another version is not affected


def test_removed_weights(hub: Path, cache: Path, tmp_path: Path) -> None:
    take(hub, cache)
    pull(Model, offer_of(make_hub(tmp_path / "newer", "2")), cache / FOLDER)
    remove(Model, NAME, "2")
    assert left_in(cache) == FILES
    remove(Model, NAME, "1")
    assert left_in(cache) == []


def test_stock_seisbench_loads_pulled_weights(hub: Path, cache: Path) -> None:
    ours = take(hub, cache)
    stock = WaveformModel.load.__func__(Model, cache / FOLDER / NAME, version_str="1")
    assert torch.equal(stock.forward(torch.tensor(windows(7))), ours.forward(torch.tensor(windows(7))))
    assert stock.weights_version == "1"
    assert stock.weights_docstring == "saved as version 1"


def test_mirrors_are_tried_in_their_order(tmp_path: Path, cache: Path) -> None:
    with serving({}) as first, serving({}) as second, serving({}) as third:
        made = make_hub(tmp_path / "hub", mirrors=(first.url, f"{second.url}/m/", third.url))
        files = contents(made)
        wrong = files[TENSORS][:-1] + b"x"
        first.answers = {path: fail(503) for path in files}
        second.answers = {f"m/{path}": redirect(f"/real/{path}") for path in files}
        second.answers |= {f"real/{path}": content for path, content in files.items()}
        with serving(files | {TENSORS: wrong}) as broken:
            check_model(take(broken.url, cache))
        assert set(first.requests) == {f"/{TENSORS}"}  # the hub itself had the other two files
        assert second.requests == [f"/m/{TENSORS}", f"/real/{TENSORS}"]
        assert third.requests == []
    assert left_in(cache) == FILES
    assert (cache / TENSORS).read_bytes() == files[TENSORS]


def test_a_card_alone(hub: Path, cache: Path) -> None:
    with serving(contents(hub)) as server:
        card, body = read_card(offer_of(server.url))
        assert (card.name, card.version, body.strip()) == (NAME, "1", BODY.strip())
        assert server.requests == ["/registry.json", f"/{FOLDER}/{NAME}.md"]
    assert not cache.exists()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_processes_at_once_leave_one_good_set(hub: Path, cache: Path) -> None:
    both = threading.Barrier(2, timeout=60)
    files = contents(hub)

    def at_once(handler: Any) -> None:
        both.wait()
        content = files[TENSORS]
        send(content[:1000], len(content))(handler)
        both.wait()  # both have begun
        handler.wfile.write(content[1000:])

    with serving({**files, TENSORS: at_once}) as server, in_another_process(take, server.url, cache):
        take(server.url, cache)
    assert left_in(cache) == FILES
    assert not any(cache.rglob(".*"))
    check_model(Model.from_pretrained(NAME))
    ((name, version, wrong),) = publishing.verify_cached(Model, {NAME: {"1": offer_of(hub)}})
    assert (name, version, wrong) == (NAME, "1", None)


# failures -----------------------------------------------------------------------------------------------------------

CUT: dict[str, tuple[Callable[[bytes], Answer], str]] = {
    "missing": (lambda content: fail(404), r"404 \(Not Found\)"),
    "cut": (lambda content: send(content[:99], len(content)), "broke off|ended after"),
    "declared longer": (lambda content: send(content, len(content) + 1), "this is a different file"),
    "declared shorter": (lambda content: send(content, len(content) - 1), "this is a different file"),
    "longer": (lambda content: send(content + b"x"), "this is a different file"),
    "wrong": (lambda content: send(bytes(len(content))), "damaged or replaced"),
}


@pytest.mark.parametrize(("answer", "reason"), CUT.values(), ids=CUT.keys())
@pytest.mark.parametrize("kind", ["json", "safetensors", "card"])
def test_a_failed_transfer_leaves_nothing(
    answer: Callable[[bytes], Answer], reason: str, kind: str, hub: Path, cache: Path
) -> None:
    path = offer_of(hub).entry.files[kind].path  # type: ignore[index]
    files: Mapping[str, bytes | Answer] = contents(hub)
    with serving({**files, path: answer((hub / path).read_bytes())}) as server:
        refused(server.url, cache, reason, HubError)


def test_older_files_stay_if_a_pull_fails(hub: Path, cache: Path) -> None:
    take(hub, cache)
    before = contents(cache)
    with serving(contents(hub) | {TENSORS: bytes(9)}) as server, pytest.raises(HubError):
        take(server.url, cache)
    assert contents(cache) == before


def test_control_c_leaves_nothing(hub: Path, cache: Path) -> None:
    interrupted = threading.Event()

    def once(*_: object) -> None:
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt

    def press() -> None:
        for _ in range(500):
            if len(left_in(cache)) == 2:  # the description, and part of the tensors
                break
            time.sleep(0.02)
        while not interrupted.wait(0.05):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    files = contents(hub)
    with serving({**files, TENSORS: stall(files[TENSORS], 1000, press)}) as server:
        before = signal.signal(signal.SIGINT, once)
        try:
            with pytest.raises(KeyboardInterrupt):
                take(server.url, cache)
        finally:
            signal.signal(signal.SIGINT, before)
    assert interrupted.is_set()
    assert list((cache / FOLDER).iterdir()) == []


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Limit the size of files of this process, as a full disk or a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("full_at", ["tensors", "SeisBench's file"])
def test_a_full_disk(full_at: str, hub: Path, cache: Path) -> None:
    tensors = (hub / TENSORS).stat().st_size
    with room_for(tensors - 100 if full_at == "tensors" else tensors + 100):
        refused(hub, cache, "cannot write", SeisBenchLCLError)


@pytest.mark.parametrize("place", ["read-only", "file for a folder"])
def test_a_cache_that_cannot_be_written(place: str, hub: Path, cache: Path) -> None:
    folder = cache / FOLDER
    if place == "file for a folder":
        cache.mkdir()
        folder.write_text("")
    else:
        folder.mkdir(parents=True)
        folder.chmod(0o555)
        if os.access(folder, os.W_OK):  # root may write to every folder, except to those of the kernel
            folder = Path("/proc/sys/kernel") / FOLDER
    before = left_in(cache)
    with pytest.raises(OutputError, match=f"cannot write weights to {folder}: "):
        pull(Model, offer_of(hub), folder)
    assert left_in(cache) == before


# hostile hubs -------------------------------------------------------------------------------------------------------


class Trap:
    """Creates a file if it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (Path.touch, (self.file,))


def test_a_pickle_is_never_opened(hub: Path, cache: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    buffer = io.BytesIO()
    torch.save(Trap(sprung), buffer)
    files = contents(hub)
    take(hub, tmp_path / "good")
    good = (tmp_path / "good" / FOLDER / f"{NAME}.pt.v1").read_bytes()
    for trap in (pickle.dumps(Trap(sprung)), buffer.getvalue()):
        (hub / FOLDER / f"{NAME}.pt.v1").write_bytes(trap)  # not in the registry
        check_model(take(hub, cache))
        assert (cache / FOLDER / f"{NAME}.pt.v1").read_bytes() == good
        for file in (cache / FOLDER).iterdir():
            file.unlink()
    for trap in (pickle.dumps(Trap(sprung)), buffer.getvalue()):
        declare(hub, safetensors=trap)
        refused(hub, cache, "is truncated or changed")
        describe(hub, lambda metadata: None, trap)
        refused(hub, cache, "is not a safetensors file")
        declare(hub, json=trap)
        refused(hub, cache, "cannot read")
        for path, content in files.items():
            (hub / path).write_bytes(content)
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()  # the trap works


def tensors_of(hub: Path, **changed: torch.Tensor) -> bytes:
    return dump_tensors(load_tensors((hub / TENSORS).read_bytes()) | changed)


def of_another_class(metadata: dict[str, Any]) -> None:
    metadata["seisbench_lcl"]["model"] = "MiniRocketKMeans"


DESCRIPTIONS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "class": (of_another_class, "holds weights of MiniRocketKMeans, not of WaveformKMeans"),
    "version": (lambda m: m.update(version="2"), "is declared as version 1, but is version 2"),
    "no version": (lambda m: m.pop("version"), "is declared as version 1, but is version None"),
    "future": (lambda m: m.update(seisbench_requirement="99"), "99"),
    "shapes": (lambda m: m["model_args"].update(in_samples=51), r"tensors do not fit .*\(150,\) instead of \(153,\)"),
    "labels": (
        lambda m: m["model_args"].update(clusters=["a", "b"], event_types={"a": None, "b": None}),
        "does not describe these weights",
    ),
    "order": (lambda m: m["model_args"]["clusters"].reverse(), "does not describe these weights"),
    "unknown": (lambda m: m["model_args"].update(secret=1), "cannot be used"),
    "huge": (lambda m: m["model_args"].update(in_samples=10**17), "tiny cannot be loaded|do not fit|cannot be used"),
    "nothing": (lambda m: m["model_args"].clear(), "cannot be used|clusters"),
    "plugin": (
        lambda m: m["seisbench_lcl"]["requires"]["head"].update(name="x", distribution="lcl-evil"),
        "lcl-evil",
    ),
    "shell": (lambda m: m["seisbench_lcl"]["requires"]["head"].update(distribution="x; rm"), "the requirements in"),
    "pair": (lambda m: m["model_args"].update(extractor="minirocket"), "minirocket|cannot be used"),
}


@pytest.mark.parametrize(("change", "reason"), DESCRIPTIONS.values(), ids=DESCRIPTIONS.keys())
def test_a_description_of_other_weights(
    change: Callable[[dict[str, Any]], object], reason: str, hub: Path, cache: Path
) -> None:
    describe(hub, change)
    refused(hub, cache, reason)


def test_tensors_that_do_not_fit_the_model(hub: Path, cache: Path) -> None:
    name, good = next((n, t) for n, t in load_tensors((hub / TENSORS).read_bytes()).items() if t.shape == (150,))
    cases: dict[str, torch.Tensor] = {
        "holds NaN or infinite": torch.full_like(good, torch.nan),
        "holds NaN or infinite ": torch.full_like(good, -torch.inf),
        "holds values out of range for its model": torch.full_like(good, 1e300, dtype=torch.float64),
        r"\(149,\) instead of \(150,\)": good[:-1],
        r"\(1, 150\) instead of": good[None],
    }
    for reason, tensor in cases.items():
        describe(hub, lambda metadata: None, tensors_of(hub, **{name: tensor}))
        refused(hub, cache, reason.strip())
        hub = make_hub(hub.with_name(f"{hub.name}+"))
    describe(hub, lambda metadata: None, tensors_of(hub, more=torch.zeros(1)))
    refused(hub, cache, r"more: \(1,\) instead of None")


CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": "other"}, r"the card of tiny, version 1, belongs to other, version 1"),
    "version": ({"version": "2"}, r"the card of tiny, version 1, belongs to tiny, version 2"),
    "class": ({"model": "MiniRocketKMeans"}, "does not describe these weights"),
    "labels": ({"classes": {"noise": None, "quarry blast": "quarry blast"}}, "does not describe these weights"),
    "reject": ({"reject": {"novelty_rate": 0.1, "reject_below": 0.0}}, "does not describe these weights"),
    "incomplete": ({"not_for": []}, "not_for"),
    "unknown": ({"trust": "me"}, "is not a field of a card"),
}


@pytest.mark.parametrize(("changes", "reason"), CARDS.values(), ids=CARDS.keys())
def test_a_card_of_other_weights(changes: dict[str, Any], reason: str, hub: Path, cache: Path) -> None:
    declare(hub, card=join(head() | changes, BODY).encode())
    refused(hub, cache, reason, HubError)


def test_names_that_leave_the_folder_are_refused_with_the_registry(hub: Path) -> None:
    text = (hub / "registry.json").read_text()
    for change in (("waveformkmeans/tiny.json", "../tiny.json"), ('"tiny"', '"../tiny"'), ('"1"', '"../1"')):
        (hub / "registry.json").write_text(text.replace(*change))
        found = Hub.at(str(hub))
        assert isinstance(found.error, HubError)
        assert list(found.offers()) == []


# fuzz ---------------------------------------------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    0.5,
    1e308,
    float("nan"),
    10**30,
    "",
    "x",
    "\0",
    [],
    {},
    [[]],
    {"": None},
    ["a"] * 3,
]


def _changed_bytes(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 30])):
        place = rng.randrange(len(changed)) if rng.random() < 0.5 else rng.randrange(min(800, len(changed)))
        changed[place] = rng.choice([rng.randrange(256), changed[place] ^ 1 << rng.randrange(8), *b'0"[{}],:-e'])
    return bytes(changed)


def _damaged(rng: random.Random, content: bytes) -> bytes:
    place = rng.randrange(len(content))
    return (
        rng.choice(
            [
                lambda: content[:place],
                lambda: content[place:] or b"x",
                lambda: content[:place] + rng.randbytes(rng.randrange(1, 50)) + content[place:],
                lambda: content + content,
                lambda: _changed_bytes(rng, content),
                lambda: _changed_bytes(rng, content),
                lambda: bytes(len(content)),
                lambda: rng.randbytes(len(content)),
                lambda: b"[" * 100_000,
                lambda: b"\xff\xff\xff\xff\xff\xff\xff\x7f" + content[8:],
            ]
        )()
        or b"x"
    )


def _odd_somewhere(rng: random.Random, metadata: dict[str, Any]) -> None:
    inside: Any = metadata
    while True:
        key = rng.choice(list(inside)) if isinstance(inside, dict) else rng.randrange(len(inside))
        if not isinstance(inside[key], dict | list) or not inside[key] or rng.random() < 0.2:
            break
        inside = inside[key]
    if isinstance(inside, dict) and rng.random() < 0.2:
        del inside[key]
    else:
        inside[key] = rng.choice(ODD)


@pytest.mark.slow  # fuzzes
def test_damaged_pairs_raise_only_our_errors_and_leave_nothing(
    hub: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)  # 1,500 of them
    folder = cache / FOLDER
    good = contents(hub)
    description = f"{FOLDER}/{NAME}.json.v1"
    outcomes = {"refused": 0, "taken": 0}
    for seed in range(300):
        rng = random.Random(seed)
        match seed % 5:
            case 0:
                declare(hub, json=_damaged(rng, good[description]))
            case 1:
                describe(hub, lambda metadata: None, _damaged(rng, good[TENSORS]))
            case 2:
                declare(hub, safetensors=_damaged(rng, good[TENSORS]))
            case 3:
                declare(hub, json=rng.choice(list(good.values())), safetensors=rng.choice(list(good.values())))
            case 4:
                try:
                    describe(hub, lambda metadata, rng=rng: _odd_somewhere(rng, metadata))
                except (KeyError, TypeError, ValueError):  # digests cannot be computed for the odd value
                    declare(hub, json=good[description].replace(b"50", b"51"))
        try:
            model = take(hub, cache)
        except SeisBenchLCLError:
            outcomes["refused"] += 1
            assert list(folder.iterdir()) == [], seed
        else:  # a valid model, for example with another docstring or another digit of a tensor
            outcomes["taken"] += 1
            assert left_in(cache) == FILES
            assert torch.isfinite(torch.tensor(model.predict_proba(windows(7)))).all()
            for file in folder.iterdir():
                file.unlink()
        for path, content in good.items():
            if (hub / path).read_bytes() != content:
                (hub / path).write_bytes(content)
    assert outcomes["refused"] > 240, outcomes
    assert outcomes["taken"] > 5, outcomes
    check_model(take(hub, cache))
