"""``seisbench-lcl hub``: list, show, pull, check and publish weights."""

import json
import signal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.table import Table
from rich.text import Text

from seisbench_lcl.cli.common import console, errors, say
from seisbench_lcl.errors import HubError, MissingBackboneError, OutputError, SeisBenchLCLError
from seisbench_lcl.hub import publishing, serving
from seisbench_lcl.hub import weights as weights_files
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.card_view import render
from seisbench_lcl.hub.hubs import Hub, Offer, known_hubs
from seisbench_lcl.hub.minisign import SecretKey
from seisbench_lcl.hub.names import REGISTRY, SIGNATURE
from seisbench_lcl.hub.published import Published, installed
from seisbench_lcl.hub.published import install as install_published
from seisbench_lcl.hub.published import pull as pull_published
from seisbench_lcl.hub.pulling import pull as pull_weights
from seisbench_lcl.hub.pulling import read_card
from seisbench_lcl.hub.pulling import remove as remove_weights
from seisbench_lcl.hub.signing import key_files, write_key
from seisbench_lcl.hub.signing import sign as sign_registry
from seisbench_lcl.models.lookup import describe_weights, load, model_class, model_classes, publishers
from seisbench_lcl.wording import counted, suggestion

app = typer.Typer(
    no_args_is_help=True,
    help="List, show, pull, check and publish weights; SEISBENCH_LCL_HUBS or hubs.toml in the configuration folder "
    "sets the hubs.",
)

_HubOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hub",
        help="folder or address of a hub, or ADDRESS#KEY for one that must be signed (repeatable); by default the "
        "package and all configured hubs",
    ),
]
_What = Annotated[str, typer.Argument(metavar="[MODEL/]NAME", help="such as MiniRocketRidge/mixed-3c")]
_Version = Annotated[str, typer.Option(help="version, or latest")]


@app.command("list")
def list_weights(
    hub: _HubOption = None, as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False
) -> None:
    """List weights; without --hub, also those that others publish for the models of plugins."""
    offers, others = _offers(hub), [] if hub else _published()
    if as_json:
        described = [_described(offer) for offer in offers] + [_described_published(*other) for other in others]
        say(json.dumps(described, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("weights", "ver.", "MB", "hub", "licence"):  # those of the package fit 80 columns
        table.add_column(title, no_wrap=title != "hub", justify="right" if title == "MB" else "left", overflow="fold")
    for offer in offers:
        cells = (f"{offer.model}/{offer.name}", offer.version, f"{offer.size / 1e6:.1f}")
        table.add_row(*map(Text, (*cells, _place(offer.hub).removeprefix("the "), offer.entry.licence)))
    for cls, name, entry in others:
        host = urlsplit(entry.url).hostname or ""
        table.add_row(*map(Text, (f"{cls.__name__}/{name}", entry.version, "", host, entry.licence)))
    console.print(table)


@app.command()
def show(
    what: Annotated[
        str, typer.Argument(metavar="[MODEL/]NAME|PATH", help="weights on a hub, or path of saved weights or of a card")
    ],
    version: _Version = "latest",
    hub: _HubOption = None,
) -> None:
    """Show the card of weights: their purpose, scores and limits.

    The path of an existing file always means this file. For weights without a card, their own file describes them; for
    weights that others publish, the plugin that names them does.
    """
    stem, suffix = weights_files.resolve(what)
    if weights_files.paths(stem, suffix)["json"].is_file():
        model = load(stem, suffix)
        cards = (stem.with_name(f"{stem.name}.md{end}") for end in (f".v{suffix}", ""))
        say(describe_weights(model))
        if found := next((card for card in cards if card.is_file()), None):
            console.print(render(*Card.read(found)))
        else:
            say(f"labels: {', '.join(model.labels)}\n{model.weights_docstring or 'no description'}")
    elif Path(what).is_file():
        console.print(render(*Card.read(what)))
    elif other := None if hub else _published_as(what):
        cls, name, entry = other
        place = "installed in SeisBench's cache" if installed(cls, name) else "not on this machine"
        say(f"{cls.__name__}/{name}, version {entry.version}, {place}\n{entry.describe()}")
    else:
        offer = _chosen(what, version, hub)
        card, body = read_card(offer)
        say(f"{_place(offer.hub)}, sha256 {offer.entry.files['safetensors'].sha256[:12]}")
        console.print(render(card, body))


@app.command()
def pull(
    what: _What,
    version: _Version = "latest",
    hub: _HubOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="replace other weights of the same name and version, also in the package")
    ] = False,
) -> None:
    """Download weights into SeisBench's cache, where from_pretrained finds them without a network."""
    if not hub and (other := _published_as(what)):
        _say_installed(other[0], other[1], pull_published(other[0], other[1]))
        return
    offer = _chosen(what, version, hub)
    cls = model_class(offer.model)
    path = pull_weights(cls, offer, cls._model_path(), force=force)
    say(f"wrote {path}.{{json,safetensors,pt,md}}.v{offer.version}")


@app.command()
def install(
    what: _What, file: Annotated[Path, typer.Argument(help="the published file, saved by PyTorch or safetensors")]
) -> None:
    """Install a local copy of weights that others publish, for a machine without a network."""
    other = _published_as(what)
    if other is None:
        known = [f"{cls.__name__}/{name}" for cls, name, _ in _published()]
        raise HubError(f"no plugin names published weights {what}: {suggestion(what, known, 'seisbench-lcl hub list')}")
    _say_installed(other[0], other[1], install_published(other[0], other[1], file))


@app.command()
def remove(
    what: _What,
    version: Annotated[str | None, typer.Option(help="needed if the cache has several versions")] = None,
) -> None:
    """Remove weights from SeisBench's cache; those in the package and on hubs stay."""
    model, _, name = what.rpartition("/")
    cached = {
        (cls, number)
        for cls in map(model_class, [model] if model else _cached_classes())
        for number in weights_files.available([cls._model_path()]).get(name, {})
        if version in (None, number)
    }
    listed = sorted(f"{cls.__name__}/{name} --version {number}" for cls, number in cached)
    if not cached:
        raise HubError(f"SeisBench's cache has no weights {what}{f', version {version}' if version else ''}")
    if len(cached) > 1:
        raise HubError(f"SeisBench's cache has several weights {what}: choose one of {'; '.join(listed)}")
    ((cls, number),) = cached
    remove_weights(cls, name, number)
    say(f"removed {cls._model_path() / name}.{{json,safetensors,pt,md}}.v{number}")


@app.command()
def verify(hub: _HubOption = None) -> None:
    """Check signatures of hubs, and digests, tensors and cards of all weights on hubs and in SeisBench's cache.

    A signature is checked where the address of the hub holds the public key, as ADDRESS#KEY.

    Weights that need a pretrained SeisBench model are not checked if it is missing.
    """
    hubs = _hubs(hub)
    offers = [offer for place in hubs for offer in place.offers()]
    wrong = sum(place.error is not None for place in hubs)
    for place in hubs:
        if place.key:
            _tell(f"{place.address}: registry, signed with the key {place.key}", None)
    for offer in offers:
        try:
            publishing.verify(model_class(offer.model), offer)
            problem = None
        except SeisBenchLCLError as error:
            problem = error
        wrong += _tell(f"{_place(offer.hub)}: {offer.model} {offer.name} {offer.version}", problem)
    by_class: dict[str, dict[str, dict[str, Offer]]] = {}
    for offer in offers:
        by_class.setdefault(offer.model, {}).setdefault(offer.name, {}).setdefault(offer.version, offer)
    for model in sorted(_cached_classes()):
        for name, version, problem in publishing.verify_cached(model_class(model), by_class.get(model, {})):
            wrong += _tell(f"cache: {model} {name} {version}", problem)
    if wrong:
        say(f"{wrong} checks failed", errors)
        raise typer.Exit(1)


@app.command()
def add(
    weights: Annotated[Path, typer.Option(help="path of saved weights without suffix, or one of their files")],
    card: Annotated[Path, typer.Option(help="card: Markdown with a YAML head")],
    hub: Annotated[Path, typer.Option(help="folder of the hub")],
    mirror: Annotated[list[str] | None, typer.Option(help="another address of the files (repeatable)")] = None,
) -> None:
    """Add weights and their card to a hub in a folder."""
    path, version = weights_files.resolve(weights)
    model, source = weights_files.origin(path, version)
    offer = publishing.add(model_class(model, source), path, version, card, hub, mirror or [])
    say(f"{model}/{path.name} is in {hub} already" if offer is None else f"added {model}/{offer.name} to {hub}")
    if offer:
        _ask_to_sign(hub)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="folder of the new hub")],
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[[MODEL/]NAME]...", help="by default all weights")
    ] = None,
    hub: _HubOption = None,
) -> None:
    """Copy weights into a folder that serves as a hub on a machine without a network."""
    offers = [offer for name in what for offer in _matching(name, hub)] if what else _offers(hub)
    # An earlier hub hides a later one, as in pulling.
    unique = {(offer.model, offer.name, offer.version): offer for offer in reversed(offers)}
    count = publishing.export(unique.values(), out)
    say(f"copied {counted(count, 'set')} of weights to {out}")
    _ask_to_sign(out)
    for backbone, copied in publishing.export_backbones(out).items():
        if copied:
            say(f"copied {backbone}, which they need, to {out / 'backbones'}")
            say(f"copy the folders in it to the other machine, where it has {backbone.files[0].parents[1]}")
        else:
            name = f"{backbone.model}/{backbone.weights} --version {backbone.version}"
            say(f"{backbone} is not in SeisBench's cache: run seisbench-lcl backbone {name}, and export again", errors)
    say("to use them on another machine, copy this folder there, and set SEISBENCH_LCL_HUBS to its path")


@app.command()
def keygen(
    out: Annotated[Path, typer.Option(help="file of the secret key; the public key goes beside it, as .pub")],
    without_password: Annotated[
        bool, typer.Option("--without-password", help="do not encrypt the secret key: for programs that sign")
    ] = False,
) -> None:
    """Make a pair of keys that sign a hub, in the format of minisign."""
    key_files(out)  # before a password is asked for
    key = SecretKey.new()
    password = "" if without_password else typer.prompt("password", hide_input=True, confirmation_prompt=True)
    public = write_key(key, out, password)
    say(f"wrote {out}, which only you should have, and {public}\nusers of your hub write ADDRESS#{key.public}")


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(help="folder of the hub")],
    key: Annotated[Path, typer.Option(help="file of the secret key, from hub keygen or minisign")],
) -> None:
    """Sign the registry of a hub in a folder; repeat this whenever it changes."""
    try:
        text = key.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise HubError(f"cannot read the secret key {key}: {error}; make one with seisbench-lcl hub keygen") from error
    password = typer.prompt("password", hide_input=True) if SecretKey.is_encrypted(text) else ""
    secret = SecretKey.parse(text, password)
    written = sign_registry(folder, secret)
    say(f"wrote {written}\nusers of this hub write ADDRESS#{secret.public}")


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="folder of the hub")],
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 accepts other machines")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port; 0 chooses a free one")] = 8000,
) -> None:
    """Serve a hub in a folder until interrupted."""
    if not (folder / REGISTRY).is_file():
        raise HubError(f"{folder} is not a hub, because it has no {REGISTRY}: make one with hub add or hub export")
    try:
        server = serving.server(folder, host, port)
    except (OSError, OverflowError) as error:
        raise OutputError(f"cannot listen on {host}, port {port}: {error}") from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the signal that stops services
    with server:
        say(f"http://{host}:{server.server_address[1]}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped", errors)


def _ask_to_sign(folder: Path) -> None:
    """Say that the signature of a hub belongs to its former content."""
    if (folder / SIGNATURE).exists():
        say(f"{folder} has changed: sign it again, with seisbench-lcl hub sign {folder} --key FILE", errors)


def _hubs(addresses: list[str] | None) -> list[Hub]:
    """Return the named hubs, or the package and the configured hubs; say which of these do not answer."""
    hubs = [Hub.at(address) for address in addresses or []] or [Hub.at(str(weights_files.bundled())), *known_hubs()]
    for hub in hubs:
        if hub.error and addresses:
            raise hub.error
        if hub.error:
            say(f"{hub.address} is left out: {hub.error}", errors)
    return hubs


def _described(offer: Offer) -> dict[str, Any]:
    return {
        "model": offer.model,
        "name": offer.name,
        "version": offer.version,
        "bytes": offer.size,
        "licence": offer.entry.licence,
        "hub": _place(offer.hub),
        "sha256": offer.entry.files["safetensors"].sha256,
    }


def _published() -> list[tuple[type[Any], str, Published]]:
    """Return the weights that others publish for the models of plugins."""
    return [(cls, name, entry) for cls in publishers().values() for name, entry in cls.published.items()]


def _published_as(what: str) -> tuple[type[Any], str, Published] | None:
    """Return published weights by [MODEL/]NAME; None if there are none."""
    model, _, name = what.rpartition("/")
    found = [other for other in _published() if other[1] == name and model in ("", other[0].__name__)]
    if len(found) > 1:
        models = [cls.__name__ for cls, _, _ in found]
        raise HubError(f"{what} are weights of {', '.join(models)}: write {models[0]}/{what}")
    return found[0] if found else None


def _described_published(cls: type[Any], name: str, entry: Published) -> dict[str, Any]:
    return {
        "model": cls.__name__,
        "name": name,
        "version": entry.version,
        "bytes": None,
        "licence": entry.licence,
        "hub": entry.url,
        "sha256": entry.sha256,
    }


def _say_installed(cls: type[Any], name: str, path: Path) -> None:
    say(f"wrote {path}.{{json,safetensors,pt}}.v{cls.published[name].version}")


def _place(hub: Hub) -> str:
    return "the package" if hub.address == str(weights_files.bundled()) else hub.address


def _offers(addresses: list[str] | None) -> list[Offer]:
    return [offer for hub in _hubs(addresses) for offer in hub.offers()]


def _matching(what: str, addresses: list[str] | None) -> list[Offer]:
    model, _, name = what.rpartition("/")
    offers = _offers(addresses)
    found = [offer for offer in offers if offer.name == name and model in ("", offer.model)]
    if not found:
        known = [f"{offer.model}/{offer.name}" if model else offer.name for offer in offers]
        raise HubError(f"no hub has weights called {what}: {suggestion(what, known, 'seisbench-lcl hub list')}")
    return found


def _chosen(what: str, version: str, addresses: list[str] | None) -> Offer:
    found = _matching(what, addresses)
    if len(models := sorted({offer.model for offer in found})) > 1:
        raise HubError(f"{what} are weights of {', '.join(models)}: write {models[0]}/{what}")
    versions = [offer.version for offer in found]
    wanted = weights_files.newest(versions) if version == "latest" else version
    if wanted not in versions:
        raise HubError(f"{what} has no version {version!r}; available: {', '.join(dict.fromkeys(versions))}")
    return found[versions.index(wanted)]


def _cached_classes() -> list[str]:
    return [name for name, cls in model_classes().items() if weights_files.available([cls._model_path()])]


def _tell(what: str, problem: SeisBenchLCLError | None) -> bool:
    """Say what was found; return whether weights are wrong, which they are not for want of a model that they name."""
    unchecked = isinstance(problem, MissingBackboneError)
    found, colour = ("good", "green") if not problem else ("not checked", "yellow") if unchecked else ("failed", "red")
    console.print(Text.assemble((f"{found:<12}", colour), what))
    if problem:
        say(f"{'':12}{problem}")
    return bool(problem) and not unchecked
