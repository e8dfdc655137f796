"""A folder of weights as a hub: what goes in, what is checked, what is carried away."""

import hashlib
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
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.download import fetch
from seisbench_lcl.hub.hubs import Hub, Offer
from seisbench_lcl.hub.names import REGISTRY, implied_cards, implied_paths
from seisbench_lcl.hub.pulling import check, download
from seisbench_lcl.hub.schema import Entry, File, HubRegistry
from seisbench_lcl.storage.files import replace


def registry_of(folder: Path) -> HubRegistry:
    """Return the registry of a folder, an empty one if it has none.

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
    """Add weights with their card to a hub in a folder, which is made if it is missing.

    Parameters
    ----------
    cls : type
        Class of the model.
    path : Path
        Of the weights, without suffix.
    version : str, optional
        Suffix of their files.
    card : Path
    folder : Path
        Root of the hub.
    mirrors : sequence of str
        Further addresses that will hold the files.

    Returns
    -------
    Offer or None
        None if they are in the hub already, just so.

    Raises
    ------
    HubError
        If the card is incomplete or not of these weights, or the hub holds others of the same name and version.
    WeightsError
        If the weights cannot be loaded.
    OutputError
        If the folder cannot be written to.
    """
    head, _ = Card.read(card)
    files = weights.paths(path, version)
    with TemporaryDirectory() as scratch:  # as they will lie in the hub: what is checked there is what goes in
        staged = weights.paths(Path(scratch, head.name), head.version)
        for kind in ("json", "safetensors"):
            _copy(files[kind], staged[kind])
        check(cls, Path(scratch, head.name), head.version, card)
        sources = {"json": staged["json"], "safetensors": staged["safetensors"], "card": card}
        registry = registry_of(folder)
        names = registry.weights.setdefault(cls.__name__, {}).setdefault(head.name, {})
        entry = _entry(sources, cls.__name__, head, names, mirrors)
        if (known := names.get(head.version)) is not None:
            if known == entry:
                return None
            raise HubError(
                f"{folder} holds {cls.__name__} {head.name}, version {head.version}, already, and it is another: a "
                "version never changes, so give these the next one"
            )
        names[head.version] = entry
        text = registry.to_text()
        for kind, source in sources.items():
            _copy(source, folder / entry.files[kind].path)  # type: ignore[index]
    write_registry(folder, text)
    added = cls.__name__, head.name, head.version
    offers = Hub.at(str(folder)).offers()
    return next(offer for offer in offers if (offer.model, offer.name, offer.version) == added)


def verify(cls: type[WaveformModel], offer: Offer) -> None:
    """Download weights of a hub, and of each of its mirrors, and check all that `pull` checks.

    Raises
    ------
    HubError, WeightsError
    """
    with TemporaryDirectory() as scratch:
        for source in offer.sources:  # each by itself: a good mirror would hide what is wrong with the hub
            card = download(offer, [source], Path(scratch))
        check(cls, Path(scratch, offer.name), offer.version, card)


def verify_cached(cls: type[WaveformModel], offers: dict[str, dict[str, Offer]]) -> Iterator[tuple[str, str, str]]:
    """Check the weights of a class that lie in SeisBench's cache.

    Yields
    ------
    (str, str, str)
        Name, version, and what is wrong, "" if nothing is.
    """
    for name, versions in weights.available([cls._model_path()]).items():
        for version, path in versions.items():
            try:
                files = weights.paths(path, version)
                card = path.with_name(f"{name}.md.v{version}")
                if card.exists():  # they were pulled
                    _check_pickle(files["pt"], check(cls, path, version, card))
                else:
                    cls.load(path, version_str=version)
                _compare(files | {"card": card}, offers.get(name, {}).get(version))
                wrong = ""
            except SeisBenchLCLError as error:
                wrong = str(error)
            yield name, version, wrong


def export(offers: Iterable[Offer], folder: Path, progress: bool = True) -> int:
    """Copy weights with their cards into a hub of their own, for a machine without a network.

    Returns
    -------
    int
        How many.

    Raises
    ------
    HubError
        As `fetch`, or if the folder is a hub that holds others of the same name and version.
    OutputError
        If the folder cannot be written to.
    """
    registry = registry_of(folder)
    leaving: list[tuple[Offer, Entry]] = []
    for offer in offers:
        names = registry.weights.setdefault(offer.model, {}).setdefault(offer.name, {})
        entry = _beside(names, offer)
        if (known := names.get(offer.version)) is not None and known.files != entry.files:
            raise HubError(f"{folder} holds another {offer.model} {offer.name}, version {offer.version}")
        names[offer.version] = entry
        leaving.append((offer, entry))
    text = registry.to_text()  # before any file is written over
    for offer, entry in leaving:
        for kind, file in offer.entry.files.items():
            fetch(offer.sources, file, folder / entry.files[kind].path, progress)
    write_registry(folder, text)
    return len(leaving)


def write_registry(folder: Path, text: str) -> None:
    """Write the registry of a hub, whole.

    Raises
    ------
    OutputError
    """
    try:
        replace(folder / REGISTRY, lambda file: file.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"cannot write {folder / REGISTRY}: {error}") from error


def _entry(
    sources: dict[str, Path], model: str, head: Card, versions: dict[str, Entry], mirrors: Sequence[str]
) -> Entry:
    shared, own = implied_cards(model, head.name, head.version)
    paths = implied_paths(model, head.name, head.version)
    paths["card"] = own if _is_taken(shared, head.version, versions) else shared
    try:
        files = {
            kind: File(path=paths[kind], sha256=hashlib.sha256(file.read_bytes()).hexdigest(), size=file.stat().st_size)
            for kind, file in sources.items()
        }
        return Entry(files=files, licence=head.licence, mirrors=list(mirrors))  # type: ignore[arg-type]
    except ValidationError as error:
        raise HubError(f"{model} {head.name} cannot go into a hub: {error.errors()[0]['msg']}") from error


def _beside(versions: dict[str, Entry], offer: Offer) -> Entry:
    """Return the entry of an offer beside other versions, one of which may have taken the path of its card."""
    card = offer.entry.files["card"]
    if not _is_taken(card.path, offer.version, versions):
        return offer.entry
    own = implied_cards(offer.model, offer.name, offer.version)[1]
    files = {**offer.entry.files, "card": card.model_copy(update={"path": own})}
    return offer.entry.model_copy(update={"files": files, "mirrors": []})  # they have the card where it was


def _is_taken(card: str, version: str, versions: dict[str, Entry]) -> bool:
    return any(entry.files["card"].path == card for other, entry in versions.items() if other != version)


def _compare(files: dict[str, Path], offer: Offer | None) -> None:
    for kind, declared in offer.entry.files.items() if offer else ():
        assert offer is not None
        file = files[kind]
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != declared.sha256:
            raise HubError(f"{file} is not what the hub {offer.hub.address} declares: pull it anew with force")


def _check_pickle(file: Path, model: WaveformModel) -> None:
    """Compare the file that stock SeisBench reads with what is written of the model, without unpickling anything."""
    with TemporaryDirectory() as scratch:
        fresh = Path(scratch, file.name)
        torch.save(dict(model.state_dict()), fresh)
        if _sums(file) != _sums(fresh):
            raise HubError(
                f"{file} does not hold the tensors of the safetensors file beside it: pull it anew with force"
            )


def _sums(file: Path) -> dict[str, int]:
    """Return the checksums of pickle and tensors, which are the same for every version of PyTorch."""
    try:
        with ZipFile(file) as archive:
            damaged = archive.testzip()
            parts = {part.filename.partition("/")[2]: part.CRC for part in archive.infolist()}
    except (OSError, BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise HubError(f"{file} cannot be read: {error}; pull it anew with force") from error
    return {"damaged": 1} if damaged else {part: crc for part, crc in parts.items() if part.startswith("data")}


def _copy(source: Path, target: Path) -> None:
    try:
        replace(target, lambda file: shutil.copyfile(source, file))
    except OSError as error:
        raise OutputError(f"cannot copy {source} to {target}: {error}") from error
