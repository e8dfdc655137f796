"""Pull weights from a hub into SeisBench's cache, in its own layout, so that stock SeisBench finds them too."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import torch
from seisbench.models import WaveformModel

from seisbench_lcl.errors import HubError, OutputError, SeisBenchLCLError
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.download import fetch
from seisbench_lcl.hub.hubs import Offer, warn_if_unchecked
from seisbench_lcl.hub.sources import FileSource
from seisbench_lcl.storage.files import sync


def pull(cls: type[WaveformModel], offer: Offer, folder: Path, progress: bool = True, *, force: bool = False) -> Path:
    """Download weights, check them, and only then move them into a folder.

    Files arrive in a temporary folder, which checks digests and sizes. A model is then built from them, which checks
    that the tensors are finite and fit their description. SeisBench's own ``.pt`` is written here from the tensors;
    pickles are never downloaded.

    Parameters
    ----------
    cls : type
        Model class.
    offer : Offer
    folder : Path
        SeisBench's folder for weights of the class.
    progress : bool
        Draw a progress bar if standard error is a terminal.
    force : bool
        Replace other weights of the same name and version.

    Returns
    -------
    Path
        Path of the weights in the folder, without suffix.

    Raises
    ------
    HubError
        If no source serves the declared files, or the files do not hold these weights; nothing is left behind.
        Without `force`, also if the folder or the package has other weights of this name and version.
    OutputError
        If the folder cannot be written to.
    """
    if not force:
        _check_unchanged(cls, offer, folder)
    warn_if_unchecked(offer.hub)
    arriving = folder / f".{uuid4().hex}"
    try:
        arriving.mkdir(parents=True)
        return _pull(cls, offer, folder, arriving, progress)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write weights to {folder}: {error}") from error
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _check_unchanged(cls: type[WaveformModel], offer: Offer, folder: Path) -> None:
    """Refuse weights that differ from those of the same name and version in the folder or in the package."""
    for place, known in (("SeisBench's cache", folder), ("the package", weights.bundled() / cls.__name__.lower())):
        if weights.differ(known / offer.name, offer.version, offer.entry.digests):
            raise HubError(
                f"{offer.hub.address} and {place} have different weights {offer.model}/{offer.name}, version "
                f"{offer.version}, although a version never changes: to use those of the hub, pull them with force "
                "(hub pull --force)"
            )


def remove(cls: type[WaveformModel], name: str, version: str) -> None:
    """Remove weights from SeisBench's cache.

    Raises
    ------
    OutputError
        If a file cannot be removed.
    """
    base = cls._model_path() / name
    try:
        # The description goes first, because weights count as present while it exists.
        for file in (*weights.paths(base, version).values(), base.with_name(f"{name}.md.v{version}")):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove weights from {base.parent}: {error}") from error


def _pull(cls: type[WaveformModel], offer: Offer, folder: Path, arriving: Path, progress: bool) -> Path:
    files = weights.paths(arriving / offer.name, offer.version)
    card = download(offer, offer.sources, arriving, progress)
    model = check(cls, arriving / offer.name, offer.version, card)
    try:
        torch.save(dict(model.state_dict()), files["pt"])
    except RuntimeError as error:  # torch.save raises this on a full disk
        raise OSError(error) from error
    # The description comes last, because weights count as present once it exists.
    for file in (card, files["safetensors"], files["pt"], files["json"]):
        sync(file)
        file.replace(folder / file.name)
    return folder / offer.name


def download(offer: Offer, sources: Sequence[FileSource], folder: Path, progress: bool = False) -> Path:
    """Download description, tensors and card to a folder, and return the path of the card.

    Raises
    ------
    HubError
        As `fetch`.
    """
    files = weights.paths(folder / offer.name, offer.version)
    card = folder / f"{offer.name}.md.v{offer.version}"
    for kind, target in (("json", files["json"]), ("safetensors", files["safetensors"]), ("card", card)):
        fetch(sources, offer.entry.files[kind], target, progress)  # type: ignore[index]
    return card


def read_card(offer: Offer) -> tuple[Card, str]:
    """Download and read only the card of weights.

    Raises
    ------
    HubError
        As `pull`.
    """
    with TemporaryDirectory() as folder:
        card = Path(folder, "card.md")
        fetch(offer.sources, offer.entry.files["card"], card)
        return Card.read(card)


def check(cls: type[WaveformModel], path: Path, version: str, card: Path) -> WaveformModel:
    """Load weights, check that their card is complete and describes them, and return the model.

    Raises
    ------
    HubError
        If the version differs, or the card does not fit.
    WeightsError
        As the `load` of the model.
    """
    try:
        model = cls.load(path, version_str=version)
    except SeisBenchLCLError:
        raise
    except Exception as error:  # a constructor gets arguments from outside
        raise HubError(f"{path.name} cannot be loaded: {type(error).__name__}: {error}") from error
    for tensor, values in model.state_dict().items():
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise HubError(f"{path.name}: tensor {tensor!r} holds values out of range for its model")
    metadata: dict[str, Any] = model._weights_metadata
    if metadata.get("version") != version:
        raise HubError(f"{path.name} is declared as version {version}, but is version {metadata.get('version')}")
    head, _ = Card.read(card)
    if (head.name, head.version) != (path.name, version):
        raise HubError(
            f"the card of {path.name}, version {version}, belongs to {head.name}, version {head.version}: use the card "
            "of these weights"
        )
    head.check_against(metadata)
    return model
