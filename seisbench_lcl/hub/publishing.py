"""Publish weights in a hub folder: add, verify and export them."""

import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

import torch
from pydantic import ValidationError
from seisbench.models import WaveformModel

from seisbench_lcl.errors import HubError, OutputError, SeisBenchLCLError
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.download import fetch
from seisbench_lcl.hub.hubs import Hub, Offer
from seisbench_lcl.hub.names import REGISTRY, implied_paths
from seisbench_lcl.hub.pulling import check, download
from seisbench_lcl.hub.schema import Entry, File, HubRegistry
from seisbench_lcl.storage.files import replace, write_text

_REPLACE = "replace these weights with hub pull --force, or remove them with hub remove"


def registry_of(folder: Path) -> HubRegistry:
    """Return the registry of a folder, or an empty one if the folder has none.

    Raises
    ------
    HubError
        If it cannot be read.
    """
    file = folder / REGISTRY
    try:
        return HubRegistry.parse(file.read_bytes(), str(file)) if file.exists() else HubRegistry.empty()
    except OSError as error:
        raise HubError(f"cannot read {file}: {error}") from error


def add(
    cls: type[WaveformModel],
    path: Path,
    version: str | None,
    card: Path,
    folder: Path,
    mirrors: Sequence[str] = (),
) -> Offer | None:
    """Add weights with their card to a hub folder, which is created if it is missing.

    Parameters
    ----------
    cls : type
        Model class.
    path : Path
        Path of the weights, without suffix.
    version : str, optional
        Version in the names of the weights files.
    card : Path
    folder : Path
        Root of the hub.
    mirrors : sequence of str
        Further addresses that will hold the files.

    Returns
    -------
    Offer or None
        None if the hub already holds the same files.

    Raises
    ------
    HubError
        If the card is incomplete or describes other weights, or the hub or the package holds other weights of this name
        and version.
    WeightsError
        If the weights cannot be loaded.
    OutputError
        If the folder cannot be written to.
    """
    head, _ = Card.read(card)
    files = weights.paths(path, version)
    with TemporaryDirectory() as scratch:  # a copy, so that the published files are the checked ones
        staged = weights.paths(Path(scratch, head.name), head.version)
        for kind in ("json", "safetensors"):
            _copy(files[kind], staged[kind])
        check(cls, Path(scratch, head.name), head.version, card)
        sources = {"json": staged["json"], "safetensors": staged["safetensors"], "card": card}
        registry = registry_of(folder)
        names = registry.weights.setdefault(cls.__name__, {}).setdefault(head.name, {})
        entry = _entry(sources, cls.__name__, head, names, mirrors)
        _check_not_of_package(entry, head)
        if (known := names.get(head.version)) is not None:
            if known == entry:
                return None
            raise HubError(
                f"{folder} already holds other weights {cls.__name__} {head.name}, version {head.version}: a version "
                "never changes, so use the next one"
            )
        names[head.version] = entry
        text = registry.to_text()
        for kind, source in sources.items():
            _copy(source, folder / entry.files[kind].path)  # type: ignore[index]
    write_text(folder / REGISTRY, text)
    added = cls.__name__, head.name, head.version
    offers = Hub.at(str(folder)).offers()
    return next(offer for offer in offers if (offer.model, offer.name, offer.version) == added)


def verify(cls: type[WaveformModel], offer: Offer) -> None:
    """Download weights from a hub and from each of its mirrors, and check them as `pull` does.

    Raises
    ------
    HubError, WeightsError
    """
    with TemporaryDirectory() as scratch:
        for source in offer.sources:  # one at a time: a good mirror would hide a damaged hub
            card = download(offer, [source], Path(scratch))
        check(cls, Path(scratch, offer.name), offer.version, card)


def verify_cached(
    cls: type[WaveformModel], offers: dict[str, dict[str, Offer]]
) -> Iterator[tuple[str, str, SeisBenchLCLError | None]]:
    """Check the weights of a class in SeisBench's cache.

    Yields
    ------
    (str, str, SeisBenchLCLError or None)
        Name, version, and the problem.
    """
    for name, versions in weights.available([cls._model_path()]).items():
        for version, path in versions.items():
            try:
                files = weights.paths(path, version)
                card = path.with_name(f"{name}.md.v{version}")
                if card.exists():  # these weights were pulled
                    _check_pickle(files["pt"], check(cls, path, version, card))
                else:
                    cls.load(path, version_str=version)
                _compare(files | {"card": card}, offers.get(name, {}).get(version))
            except SeisBenchLCLError as error:
                yield name, version, error
            else:
                yield name, version, None


def export(offers: Iterable[Offer], folder: Path, progress: bool = True) -> int:
    """Copy weights with their cards to a hub folder, for a machine without a network.

    Returns
    -------
    int
        Number of copied sets of weights.

    Raises
    ------
    HubError
        As `fetch`, or if the folder is a hub that holds other weights of the same name and version.
    OutputError
        If the folder cannot be written to.
    """
    registry = registry_of(folder)
    leaving: list[tuple[Offer, Entry]] = []
    for offer in offers:
        names = registry.weights.setdefault(offer.model, {}).setdefault(offer.name, {})
        entry = _adapted(names, offer)
        if (known := names.get(offer.version)) is not None and known.files != entry.files:
            raise HubError(f"{folder} already holds other weights {offer.model} {offer.name}, version {offer.version}")
        names[offer.version] = entry
        leaving.append((offer, entry))
    text = registry.to_text()  # checked before any file is overwritten
    for offer, entry in leaving:
        for kind, file in offer.entry.files.items():
            fetch(offer.sources, file, folder / entry.files[kind].path, progress)
    write_text(folder / REGISTRY, text)
    return len(leaving)


def export_backbones(folder: Path) -> dict[Backbone, bool]:
    """Copy the backbones of all weights in a hub folder from SeisBench's cache to its subfolder "backbones".

    Its content belongs into the folder of models in SeisBench's cache on the other machine.

    Returns
    -------
    dict from Backbone to bool
        Whether SeisBench's cache had it.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    found: dict[Backbone, bool] = {}
    for offer in Hub.at(str(folder)).offers():
        description = json.loads((folder / offer.entry.files["json"].path).read_text(encoding="utf-8"))
        for named in description["seisbench_lcl"].get("backbones", []):
            backbone = Backbone(**named)
            found[backbone] = all(file.is_file() for file in backbone.files)
            for file in backbone.files if found[backbone] else ():
                _copy(file, folder / "backbones" / file.parent.name / file.name)
    return found


def _entry(
    sources: dict[str, Path], model: str, head: Card, versions: dict[str, Entry], mirrors: Sequence[str]
) -> Entry:
    paths = implied_paths(model, head.name, head.version)
    if _is_taken(paths["card"][0], head.version, versions):
        paths["card"] = paths["card"][1:]
    try:
        files = {
            kind: File(path=paths[kind][0], sha256=weights.file_digest(file), size=file.stat().st_size)
            for kind, file in sources.items()
        }
        return Entry(files=files, licence=head.licence, mirrors=list(mirrors))  # type: ignore[arg-type]
    except ValidationError as error:
        raise HubError(f"{model} {head.name} cannot go into a hub: {error.errors()[0]['msg']}") from error


def _check_not_of_package(entry: Entry, head: Card) -> None:
    """Refuse other weights under a name and version of the package, usually with the card of the package's weights."""
    if weights.differ(weights.bundled() / head.model.lower() / head.name, head.version, entry.digests):
        raise HubError(
            f"the package holds other weights {head.model}/{head.name}, version {head.version}, and a version never "
            "changes: write a card for these weights, with another name or version"
        )


def _adapted(versions: dict[str, Entry], offer: Offer) -> Entry:
    """Return the entry of an offer for another hub, where another version may have taken the path of its card."""
    card = offer.entry.files["card"]
    if not _is_taken(card.path, offer.version, versions):
        return offer.entry
    own = implied_paths(offer.model, offer.name, offer.version)["card"][1]
    files = {**offer.entry.files, "card": card.model_copy(update={"path": own})}
    return offer.entry.model_copy(update={"files": files, "mirrors": []})  # mirrors have the card at the old path


def _is_taken(card: str, version: str, versions: dict[str, Entry]) -> bool:
    return any(entry.files["card"].path == card for other, entry in versions.items() if other != version)


def _compare(files: dict[str, Path], offer: Offer | None) -> None:
    for kind, declared in offer.entry.files.items() if offer else ():
        assert offer is not None
        file = files[kind]
        if not file.exists() or weights.file_digest(file) != declared.sha256:
            raise HubError(f"{file} differs from the declaration of the hub {offer.hub.address}: {_REPLACE}")


def _check_pickle(file: Path, model: WaveformModel) -> None:
    """Compare the file that stock SeisBench reads with a fresh one of the model, without unpickling anything."""
    with TemporaryDirectory() as scratch:
        fresh = Path(scratch, file.name)
        torch.save(dict(model.state_dict()), fresh)
        if _sums(file) != _sums(fresh):
            raise HubError(f"{file} does not hold the tensors of its safetensors file: {_REPLACE}")


def _sums(file: Path) -> dict[str, int]:
    """Return the checksums of pickle and tensors, which do not depend on the version of PyTorch."""
    try:
        with ZipFile(file) as archive:
            damaged = archive.testzip()
            parts = {part.filename.partition("/")[2]: part.CRC for part in archive.infolist()}
    except (OSError, BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise HubError(f"{file} cannot be read: {error}; {_REPLACE}") from error
    return {"damaged": 1} if damaged else {part: crc for part, crc in parts.items() if part.startswith("data")}


def _copy(source: Path, target: Path) -> None:
    try:
        replace(target, lambda file: shutil.copyfile(source, file))
    except OSError as error:
        raise OutputError(f"cannot copy {source} to {target}: {error}") from error
