"""Look up pretrained weights: in SeisBench's cache, in the package, then on hubs, then at their own public address."""

import logging
from collections.abc import Mapping
from pathlib import Path

from seisbench.models import WaveformModel

from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.hub import published as published_weights
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.hubs import Offer, forget_registries, known_hubs, offered
from seisbench_lcl.hub.published import Published
from seisbench_lcl.hub.pulling import pull, read_card

logger = logging.getLogger("seisbench")


def find(
    cls: type[WaveformModel], name: str, version: str = "latest", *, update: bool = False, force: bool = False
) -> tuple[Path, str]:
    """Find the weights of a model class, and pull them if they are not on this machine.

    They come from a hub or, if the class publishes them and no hub has them, from their public address.

    Parameters
    ----------
    cls : type
        Model class.
    name : str
    version : str
        A version, or "latest".
    update : bool
        Ask the hubs for a newer version.
    force : bool
        Pull the weights again, and replace those in the cache, even by other weights of this name and version.

    Returns
    -------
    path : Path
        Path of the weights, without suffix.
    version : str

    Raises
    ------
    WeightsError
        If no weights have this name and version; the message lists the existing ones.
    HubError
        If the files of a hub differ from its registry, or published weights cannot be downloaded.
    """
    weights.check_name(name)
    known = weights.available(folders(cls)[1 if force else 0 :]).get(name, {})
    here = bool(known) if version == "latest" else version in known
    if update or force:
        forget_registries()
    elsewhere = not here or update or force
    offers = _offers(cls).get(name, {}) if elsewhere else {}
    own = [_published(cls)[name].version] if elsewhere and name in _published(cls) else []
    versions = [*known, *offers, *own]
    if not versions:
        listed = ", ".join(names(cls)) or "none"
        raise WeightsError(
            f"{cls.__name__} has no pretrained weights called {name!r}; available: {listed}{_left_out()}"
        )
    chosen = weights.newest(versions) if version == "latest" else version
    if chosen not in versions:
        raise WeightsError(
            f"{name!r} has no version {chosen!r}; available: {', '.join(sorted(set(versions)))}{_left_out()}"
        )
    if chosen in offers and (force or chosen not in known):
        return pull(cls, offers[chosen], cls._model_path(), force=force), chosen
    if chosen not in known:
        return published_weights.pull(cls, name), chosen
    _warn_of_others(cls, name, chosen)
    return known[chosen], chosen


def _warn_of_others(cls: type[WaveformModel], name: str, version: str) -> None:
    """Warn if the weights in the cache, which come first, are not those of the package."""
    cached, packaged = (folder / name for folder in folders(cls))
    files = weights.paths(packaged, version)
    digests = {kind: weights.file_digest(file) for kind, file in files.items() if file.exists()}
    if {"json", "safetensors"} <= digests.keys() and weights.differ(cached, version, digests):
        logger.warning(
            "the weights %s/%s, version %s, in SeisBench's cache are used, but differ from those in the package: to "
            "use those in the package, run seisbench-lcl hub remove %s/%s --version %s",
            *(cls.__name__, name, version) * 2,
        )


def folders(cls: type[WaveformModel]) -> list[Path]:
    """Return the folders of a model class, in SeisBench's cache and in the package."""
    return [cls._model_path(), weights.bundled() / cls.__name__.lower()]


def names(cls: type[WaveformModel], remote: bool = True) -> list[str]:
    """Return the names of the pretrained weights of a model class; `remote` includes those that must be downloaded."""
    return sorted({*weights.available(folders(cls)), *((*_offers(cls), *_published(cls)) if remote else ())})


def versions(cls: type[WaveformModel], name: str, remote: bool = True) -> list[str]:
    """Return the versions of pretrained weights; `remote` includes those that must be downloaded."""
    known = weights.available(folders(cls)).get(name, {})
    own = [_published(cls)[name].version] if remote and name in _published(cls) else []
    return sorted({*known, *(_offers(cls).get(name, {}) if remote else {}), *own})


def docstrings(cls: type[WaveformModel], remote: bool = True) -> dict[str, str]:
    """Return the docstring of each set of weights.

    For weights that are only on a hub it is the summary of their card, for published ones their description.
    """
    known = weights.available(folders(cls))
    offers = _offers(cls) if remote else {}
    found = {name: _docstring(known.get(name, {}), offers.get(name, {})) for name in {*known, *offers}}
    own = {name: entry.describe() for name, entry in _published(cls).items()} if remote else {}
    return dict(sorted((own | found).items()))


def _docstring(known: dict[str, Path], offers: dict[str, Offer]) -> str:
    version = weights.newest([*known] or [*offers])
    if version not in known:
        try:
            return read_card(offers[version])[0].summary
        except HubError as error:  # one bad card must not hide the other weights
            return str(error)
    return str(weights.read(known[version], version)[0].get("docstring", ""))


def _offers(cls: type[WaveformModel]) -> dict[str, dict[str, Offer]]:
    """Return the offers of the hubs for a model class, by name and version."""
    found: dict[str, dict[str, Offer]] = {}
    for (_, name, version), offer in offered(cls.__name__).items():
        found.setdefault(name, {})[version] = offer
    return found


def _published(cls: type[WaveformModel]) -> Mapping[str, Published]:
    return getattr(cls, "published", {})  # not every SeisBench model is one of ours


def _left_out() -> str:
    return "".join(f"; the hub {hub.address} is left out: {hub.error}" for hub in known_hubs() if hub.error)
