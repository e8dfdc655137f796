"""Look up pretrained weights: in SeisBench's cache, in the package, then on hubs."""

import logging
from pathlib import Path

from seisbench.models import WaveformModel

from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.hubs import Offer, forget_registries, known_hubs, offered
from seisbench_lcl.hub.pulling import pull, read_card

logger = logging.getLogger("seisbench")


def find(
    cls: type[WaveformModel], name: str, version: str = "latest", *, update: bool = False, force: bool = False
) -> tuple[Path, str]:
    """Find the weights of a model class, and pull them from a hub if they are not on this machine.

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
        If the files of a hub differ from its registry.
    """
    weights.check_name(name)
    known = weights.available(folders(cls)[1 if force else 0 :]).get(name, {})
    here = bool(known) if version == "latest" else version in known
    if update or force:
        forget_registries()
    offers = {} if here and not update and not force else _offers(cls).get(name, {})
    versions = [*known, *offers]
    if not versions:
        listed = ", ".join(names(cls)) or "none"
        raise WeightsError(
            f"{cls.__name__} has no pretrained weights called {name!r}; available: {listed}{_silent_hubs()}"
        )
    chosen = weights.newest(versions) if version == "latest" else version
    if chosen not in versions:
        raise WeightsError(
            f"{name!r} has no version {chosen!r}; available: {', '.join(sorted(set(versions)))}{_silent_hubs()}"
        )
    if chosen in offers and (force or chosen not in known):
        return pull(cls, offers[chosen], cls._model_path(), force=force), chosen
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
    """Return the names of the pretrained weights of a model class; `remote` includes those on hubs."""
    return sorted({*weights.available(folders(cls)), *(_offers(cls) if remote else ())})


def versions(cls: type[WaveformModel], name: str, remote: bool = True) -> list[str]:
    """Return the versions of pretrained weights; `remote` includes those on hubs."""
    known = weights.available(folders(cls)).get(name, {})
    return sorted({*known, *(_offers(cls).get(name, {}) if remote else {})})


def docstrings(cls: type[WaveformModel], remote: bool = True) -> dict[str, str]:
    """Return the docstring of each set of weights; for weights that are only on a hub, the summary of their card."""
    known = weights.available(folders(cls))
    offers = _offers(cls) if remote else {}
    return {name: _docstring(known.get(name, {}), offers.get(name, {})) for name in sorted({*known, *offers})}


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


def _silent_hubs() -> str:
    return "".join(f"; the hub {hub.address} does not answer: {hub.error}" for hub in known_hubs() if hub.error)
