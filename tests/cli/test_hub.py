"""``hub`` and its commands: output, files and exit status."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Done
from safetensors.torch import save_file
from small_hub import BODY, FOLDER, NAME, contents, describe, fitted, head, left_in, make_hub, save, use_hubs
from small_published import ENTRY, Tiny, tensors

from seisbench_lcl.cli.common import console
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.backbones import tensor_digest
from seisbench_lcl.hub.head import join
from seisbench_lcl.hub.minisign import PublicKey, SecretKey


@pytest.fixture(autouse=True)
def _no_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hubs, and a package without weights; each test names its own hubs."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "registry.json").write_text('{"schema_version": 1, "weights": {}}')
    monkeypatch.setattr(weights, "bundled", lambda: package)
    monkeypatch.setattr("seisbench_lcl.cli.hub.publishers", dict)  # no plugin either
    use_hubs(monkeypatch)


@pytest.fixture
def run(run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run ``hub``, expect an exit status, and join the lines of the output."""
    monkeypatch.setattr(console, "width", 300)

    def call(*arguments: object, expect: int = 0) -> Done:
        done = run("hub", *arguments)
        assert done.returncode == expect, done.stderr
        assert "Traceback" not in done.stderr
        return Done(done.returncode, *(" ".join(text.split()) for text in (done.stdout, done.stderr)))

    return call


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return make_hub(tmp_path / "hub", "1", "2")


def test_list(run: Callable[..., Done], hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("list").stdout == "weights ver. MB hub licence"
    listed = f"WaveformKMeans/tiny 1 0.0 {hub} CC0-1.0 WaveformKMeans/tiny 2 0.0 {hub} CC0-1.0"
    assert run("list", "--hub", hub).stdout.endswith(listed.replace("\n", " "))
    use_hubs(monkeypatch, tmp_path / "nobody", hub)
    done = run("list")
    assert done.stdout.endswith(listed)
    assert f"{tmp_path / 'nobody'} is left out: " in done.stderr


def test_list_for_programs(run: Callable[..., Done], hub: Path) -> None:
    first, second = json.loads(run("list", "--json", "--hub", hub).stdout)
    assert (first["model"], first["name"], first["version"], first["hub"]) == ("WaveformKMeans", NAME, "1", str(hub))
    assert (second["version"], second["licence"]) == ("2", "CC0-1.0")
    assert first["bytes"] > 0
    assert len(first["sha256"]) == 64


def test_show(run: Callable[..., Done], hub: Path, cache: Path) -> None:
    newest = run("show", NAME, "--hub", hub).stdout
    assert "Version 2, for tests only." in newest
    assert "quarry blast" in newest
    assert "Noise in two clusters." in newest
    assert "Version 1" in run("show", f"WaveformKMeans/{NAME}", "--version", "1", "--hub", hub.as_uri()).stdout
    assert not cache.exists()


def test_pull(run: Callable[..., Done], hub: Path, cache: Path) -> None:
    done = run("pull", NAME, "--version", "1", "--hub", hub)
    assert done.stdout == f"wrote {cache / FOLDER / NAME}.{{json,safetensors,pt,md}}.v1"
    assert left_in(cache) == [f"{FOLDER}/{NAME}.{kind}.v1" for kind in ("json", "md", "pt", "safetensors")]
    run("pull", NAME, "--hub", hub)
    assert len(left_in(cache)) == 8


def test_pull_replaces_other_weights_only_with_force(
    run: Callable[..., Done], hub: Path, cache: Path, tmp_path: Path
) -> None:
    fitted(1).save(cache / FOLDER / NAME, "my own", "1")
    before = contents(cache)
    own = ("pull", NAME, "--version", "1", "--hub", hub)
    assert f"{hub} and SeisBench's cache have different weights" in run(*own, expect=2).stderr
    assert "remove them with hub remove" in run("verify", "--hub", hub, expect=1).stdout
    assert contents(cache) == before
    run(*own, "--force")
    assert "failed" not in run("verify", "--hub", hub).stdout
    run(*own)


def test_remove(run: Callable[..., Done], hub: Path, cache: Path) -> None:
    for version in ("1", "2"):
        run("pull", NAME, "--version", version, "--hub", hub)
    fitted().save(cache / FOLDER / "other", version_str="1")
    several = f"choose one of WaveformKMeans/{NAME} --version 1; WaveformKMeans/{NAME} --version 2"
    assert several in run("remove", NAME, expect=2).stderr
    assert f"has no weights {NAME}, version 3" in run("remove", NAME, "--version", "3", expect=2).stderr
    assert "has no weights MiniRocketKMeans/tiny" in run("remove", "MiniRocketKMeans/tiny", expect=2).stderr
    assert run("remove", NAME, "--version", "1").stdout.endswith("tiny.{json,safetensors,pt,md}.v1")
    run("remove", f"WaveformKMeans/{NAME}")
    assert left_in(cache) == [f"{FOLDER}/other.{kind}.v1" for kind in ("json", "pt", "safetensors")]


def test_show_paths(run: Callable[..., Done], hub: Path, tmp_path: Path) -> None:
    """Saved weights with and without a card, each of their files, a card, and a file that is neither."""
    folder = hub / FOLDER
    for path in (folder / NAME, folder / f"{NAME}.safetensors.v2"):
        shown = run("show", path).stdout
        assert shown.startswith(f"WaveformKMeans from {folder / NAME}, version 2 (sha256 ")
        assert "Version 2, for tests only." in shown
    assert "Version 1, for tests only." in run("show", folder / f"{NAME}.md").stdout
    fitted().save(tmp_path / "mine", "made on Sunday")
    for path in ("mine", "./mine", "mine.json"):
        assert run("show", path).stdout.endswith("labels: quarry blast, noise made on Sunday")
    (tmp_path / "notes").write_text("no card")
    assert "notes has no head" in run("show", "notes", expect=2).stderr


def test_verify(run: Callable[..., Done], hub: Path, cache: Path, tmp_path: Path) -> None:
    run("pull", NAME, "--hub", hub)
    done = run("verify", "--hub", hub)
    assert done.stdout == (
        f"good {hub}: WaveformKMeans tiny 1 good {hub}: WaveformKMeans tiny 2 good cache: WaveformKMeans tiny 2"
    )
    in_hub, in_cache = hub / FOLDER / f"{NAME}.safetensors.v1", cache / FOLDER / f"{NAME}.pt.v2"
    for file in (in_hub, in_cache):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    done = run("verify", "--hub", hub, expect=1)
    assert f"failed {hub}: WaveformKMeans tiny 1 cannot download" in done.stdout
    assert f"good {hub}: WaveformKMeans tiny 2" in done.stdout
    assert f"failed cache: WaveformKMeans tiny 2 {in_cache}" in done.stdout
    assert done.stderr == "2 checks failed"
    assert run("verify", expect=1).stdout.startswith("failed cache:")  # the package alone, and the cache


def test_verify_reports_a_hub_that_does_not_answer_and_a_missing_plugin(
    run: Callable[..., Done], hub: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted().save(cache / FOLDER / NAME, version_str="7")
    for file in ("registry.json", f"{FOLDER}/{NAME}.json.v1"):
        assert (hub / file).exists()
    text = (hub / "registry.json").read_text().replace("WaveformKMeans", "OfAPlugin").replace(FOLDER, "ofaplugin")
    (hub / "registry.json").write_text(text)
    (hub / FOLDER).rename(hub / "ofaplugin")
    use_hubs(monkeypatch, tmp_path / "nobody", hub)
    done = run("verify", expect=1)
    assert f"failed {hub}: OfAPlugin tiny 1" in done.stdout
    assert "good cache: WaveformKMeans tiny 7" in done.stdout
    assert done.stderr.endswith("3 checks failed")
    assert "OfAPlugin" in run("pull", NAME, expect=2).stderr


def test_add(run: Callable[..., Done], tmp_path: Path) -> None:
    path, card = save(tmp_path / "made")
    own = ("add", "--weights", f"{path}.json.v1", "--card", card, "--hub", "new", "--mirror", "https://example.org/x")
    assert run(*own).stdout == f"added WaveformKMeans/{NAME} to new"
    assert run(*own).stdout == f"WaveformKMeans/{NAME} is in new already"
    fitted().save(tmp_path / "plain")
    fitted().save(tmp_path / "newest", version_str="5")
    for name, version in (("plain", "1"), ("newest", "5")):
        card.write_text(join(head(version) | {"name": name}, BODY))
        assert run("add", "--weights", f"./{name}", "--card", card, "--hub", "new").stdout.startswith("added")
        assert f"{name} {version}" in run("list", "--hub", "new").stdout


def test_add_lists_all_that_an_incomplete_card_lacks(run: Callable[..., Done], tmp_path: Path) -> None:
    path, card = save(tmp_path / "made")
    card.write_text(join({key: value for key, value in head().items() if key not in ("citation", "task")}, BODY))
    done = run("add", "--weights", f"{path}.json.v1", "--card", card, "--hub", "new", expect=2)
    assert "citation: is missing" in done.stderr
    assert "task: is missing" in done.stderr
    assert not (tmp_path / "new").exists()


def test_export(run: Callable[..., Done], hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("export", "--out", "stick", "--hub", hub).stdout
    assert said.startswith("copied 2 sets of weights to stick to use them on another machine, copy this folder there")
    assert said.endswith("set SEISBENCH_LCL_HUBS to its path")
    assert contents(tmp_path / "stick") == contents(hub)
    use_hubs(monkeypatch, hub, make_hub(tmp_path / "later", "1", "3", seed=1))  # hub hides its first version
    assert run("export", "--out", "all").stdout.startswith("copied 3 sets of weights to all")
    assert contents(tmp_path / "all").items() >= {k: v for k, v in contents(hub).items() if FOLDER in k}.items()
    assert run("verify", "--hub", "all").stdout.count("good") == 3
    assert run("export", NAME, "--out", "some", "--hub", "stick").stdout.startswith("copied 2 sets")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--hub", "nowhere"), "has no file registry.json"),
        (("list", "--hub", "gopher://x"), "is not an address of a hub"),
        (("show", "other", "--hub", "hub"), "no hub has weights called other: available: "),
        (("show", f"MiniRocketRidge/{NAME}", "--hub", "hub"), f"no hub has weights called MiniRocketRidge/{NAME}"),
        (("show", f"../{NAME}", "--hub", "hub"), "no hub has weights called"),
        (("pull", NAME, "--version", "3", "--hub", "hub"), "tiny has no version '3'; available: 1, 2"),
        (("pull", NAME), "no hub has weights called tiny"),
        (("add", "--weights", "none", "--card", "none.md", "--hub", "new"), "no weights file"),
        (
            ("add", "--weights", "made/tiny.json.v1", "--card", "none.md", "--hub", "new"),
            "cannot read the card",
        ),
        (("export", "--out", "hub/registry.json", "--hub", "hub"), "cannot"),
        (("export", "other", "--out", "new", "--hub", "hub"), "no hub has weights called other"),
        (("serve", "."), "is not a hub, because it has no registry.json: make one with hub add or hub export"),
        (("serve", "nowhere"), "nowhere is not a hub"),
        (("serve", "hub", "--port", "70000"), "cannot listen on 127.0.0.1, port 70000"),
        (("serve", "hub", "--host", "256.0.0.1", "--port", "0"), "cannot listen on 256.0.0.1, port 0"),
    ],
)
def test_refusals_are_one_message_and_status_2(
    arguments: tuple[str, ...], message: str, run: Callable[..., Done], tmp_path: Path, cache: Path
) -> None:
    make_hub(tmp_path / "hub", "1", "2")
    save(tmp_path / "made")
    done = run(*arguments, expect=2)
    assert message in done.stderr
    assert done.stderr.count("rror") <= 2, done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "new").exists()
    assert not cache.exists()


def test_one_name_of_two_classes(run: Callable[..., Done], hub: Path, tmp_path: Path) -> None:
    registry = (hub / "registry.json").read_text()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "registry.json").write_text(
        registry.replace("WaveformKMeans", "MiniRocketKMeans").replace(FOLDER, "minirocketkmeans")
    )
    both = ("--hub", hub, "--hub", tmp_path / "other")
    done = run("show", NAME, *both, expect=2)
    assert f"{NAME} are weights of MiniRocketKMeans, WaveformKMeans: write MiniRocketKMeans/{NAME}" in done.stderr
    assert "Version 2" in run("show", f"WaveformKMeans/{NAME}", *both).stdout


def test_a_port_that_is_taken(run: Callable[..., Done], hub: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", hub, "--port", taken.getsockname()[1], expect=2)
    assert "cannot listen on 127.0.0.1" in done.stderr


def test_refused_weights_are_not_kept(run: Callable[..., Done], hub: Path, cache: Path) -> None:
    describe(hub, lambda metadata: metadata.update(version="9"))
    done = run("pull", NAME, "--version", "1", "--hub", hub, expect=2)
    assert "is declared as version 1, but is version 9" in done.stderr
    assert left_in(cache) == []


# weights of others --------------------------------------------------------------------------------------------------


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A plugin with published weights at an address that does not answer, and a local copy of their file."""
    entry = replace(ENTRY, url="http://127.0.0.1:9/v3/tiny.pt", sha256=tensor_digest(tensors()))
    monkeypatch.setattr(Tiny, "published", {"tiny": entry})
    monkeypatch.setattr("seisbench_lcl.cli.hub.publishers", lambda: {"Tiny": Tiny})
    save_file(tensors(), tmp_path / "copy.safetensors")
    return tmp_path / "copy.safetensors"


def test_published_weights_are_listed_shown_and_installed(run: Callable[..., Done], others: Path, cache: Path) -> None:
    assert run("list").stdout.endswith("Tiny/tiny 1 127.0.0.1 MIT")
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["model"], listed["version"], listed["bytes"]) == ("Tiny", "1", None)
    assert listed["hub"] == "http://127.0.0.1:9/v3/tiny.pt"
    shown = run("show", "Tiny/tiny").stdout
    assert shown.startswith("Tiny/tiny, version 1, not on this machine Weights that others trained and publish")
    for text in ("licence: MIT", "trained on: made-up windows; part of it may be in your test data", "cite: nobody"):
        assert text in shown
    assert "run seisbench-lcl hub install Tiny/tiny FILE" in run("pull", "tiny", expect=2).stderr
    assert not cache.exists()
    done = run("install", "Tiny/tiny", others)
    assert done.stdout == f"wrote {cache / 'tiny' / 'tiny'}.{{json,safetensors,pt}}.v1"
    assert "Tiny/tiny, version 1, installed in SeisBench's cache" in run("show", "tiny").stdout


def test_install_refuses_other_names_and_files(run: Callable[..., Done], others: Path, cache: Path) -> None:
    assert "no plugin names published weights Tiny/tin" in run("install", "Tiny/tin", others, expect=2).stderr
    assert "no plugin names published weights Other/tiny" in run("install", "Other/tiny", others, expect=2).stderr
    assert "check the path" in run("install", "tiny", others.with_name("nothing"), expect=2).stderr
    save_file(tensors(1), others)
    assert "holds other weights than Tiny/tiny" in run("install", "tiny", others, expect=2).stderr
    assert not cache.exists()


def test_a_hub_is_asked_only_for_its_own(run: Callable[..., Done], others: Path, hub: Path) -> None:
    assert "Tiny" not in run("list", "--hub", hub).stdout.replace("WaveformKMeans/tiny", "")
    assert "Version 2, for tests only." in run("show", NAME, "--hub", hub).stdout


def test_a_signed_hub(run: Callable[..., Done], hub: Path, tmp_path: Path, cache: Path) -> None:
    done = run("keygen", "--out", tmp_path / "hub.key", "--without-password")
    key = (tmp_path / "hub.pub").read_text().split()[-1]
    assert done.stdout.endswith(f"users of your hub write ADDRESS#{key}")
    assert "a key that is overwritten is lost" in run("keygen", "--out", tmp_path / "hub.key", expect=2).stderr
    assert "is not signed, but must be" in run("list", "--hub", f"{hub}#{key}", expect=2).stderr
    assert "make one with seisbench-lcl hub keygen" in run("sign", hub, "--key", tmp_path / "none", expect=2).stderr
    assert run("sign", hub, "--key", tmp_path / "hub.key").stdout.endswith(f"users of this hub write ADDRESS#{key}")
    name = PublicKey.parse(key).name
    assert f"good {hub}: registry, signed with the key {name}" in run("verify", "--hub", f"{hub}#{key}").stdout
    path, card = save(tmp_path, "3")
    added = run("add", "--weights", f"{path}.json.v3", "--card", card, "--hub", hub)
    assert f"sign it again, with seisbench-lcl hub sign {hub}" in added.stderr
    refused = run("pull", NAME, "--hub", f"{hub}#{key}", expect=2).stderr
    assert f"was changed after it was signed with the key {name}" in refused
    assert not cache.exists()


def test_a_key_with_a_password(
    run: Callable[..., Done], hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def prompt(text: str, **options: object) -> str:
        asked.append(options)
        return "geheim"

    monkeypatch.setattr("seisbench_lcl.cli.hub.typer.prompt", prompt)
    monkeypatch.setattr(SecretKey.to_text, "__defaults__", ("", 32768, 1 << 20))  # a guess takes milliseconds
    run("keygen", "--out", tmp_path / "hub.key")
    run("sign", hub, "--key", tmp_path / "hub.key")
    assert asked == [{"hide_input": True, "confirmation_prompt": True}, {"hide_input": True}]
    assert "encrypted" in (tmp_path / "hub.key").read_text()
