"""The configured hubs, and the weights that they offer."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.config import hubs
from seisbench_lcl.hub.download import read
from seisbench_lcl.hub.names import REGISTRY
from seisbench_lcl.hub.schema import LARGEST_REGISTRY, Entry, HubRegistry
from seisbench_lcl.hub.signing import check_registry, split_key
from seisbench_lcl.hub.sources import FileSource, WebSource, source

_FRESH = 60.0  # seconds for which a registry is kept

logger = logging.getLogger("seisbench")


@dataclass(frozen=True)
class Hub:
    """A hub with its registry, or with the error that prevented reading it.

    Attributes
    ----------
    address : str
        Address without user name, password and key.
    source : FileSource or None
    registry : HubRegistry
        Empty if it cannot be read.
    error : HubError or None
        Why the registry cannot be read, or is refused.
    key : str or None
        Name of the key that signed the registry; None if the address names no key, and no signature was checked.

    Examples
    --------
    >>> from seisbench_lcl.hub import weights
    >>> hub = Hub.at(str(weights.bundled()))
    >>> "MiniRocketRidge" in hub.registry.weights
    True
    """

    address: str
    source: FileSource | None
    registry: HubRegistry
    error: HubError | None = None
    key: str | None = None

    @classmethod
    def at(cls, address: str) -> "Hub":
        """Read the registry of a hub; an error is stored instead of raised.

        The registry at ``ADDRESS#KEY``, with a public key of minisign, must be signed with this key.
        """
        place = None
        address, key = split_key(address)
        try:
            place = source(address)
            data = read(place, REGISTRY, LARGEST_REGISTRY)
            if key:
                check_registry(place, data, key)
            return cls(place.address, place, HubRegistry.parse(data, place.address), key=key.name if key else None)
        except HubError as error:
            shown = place.address if place else address.rpartition("@")[2]  # an address may hold a password
            return cls(shown, None, HubRegistry.empty(), error)

    def offers(self) -> Iterator["Offer"]:
        """Yield every version of every set of weights."""
        for model, names in self.registry.weights.items():
            for name, versions in names.items():
                for version, entry in versions.items():
                    yield Offer(self, model, name, version, entry)


@dataclass(frozen=True)
class Offer:
    """One version of weights on one hub.

    Examples
    --------
    >>> from seisbench_lcl.hub import weights
    >>> hub = Hub.at(str(weights.bundled()))
    >>> offer = Offer(hub, "MiniRocketRidge", "mixed-3c", "1", hub.registry.weights["MiniRocketRidge"]["mixed-3c"]["1"])
    >>> offer.entry.licence
    'GPL-3.0-or-later'
    """

    hub: Hub
    model: str
    name: str
    version: str
    entry: Entry

    @property
    def sources(self) -> list[FileSource]:
        """Return the sources of the files: the hub itself, then the mirrors in their order."""
        assert self.hub.source is not None
        return [self.hub.source, *map(source, self.entry.mirrors)]

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum(file.size for file in self.entry.files.values())


def known_hubs() -> list[Hub]:
    """Return the configured hubs, each with a registry at most one minute old or the error that occurred."""
    return [_recent(address, int(time.monotonic() / _FRESH)) for address in hubs()]


def offered(model: str | None = None, name: str | None = None) -> dict[tuple[str, str, str], Offer]:
    """Return the offers of all hubs, keyed by model class, name and version; an earlier hub hides a later one.

    Parameters
    ----------
    model, name : str, optional
        Only weights of this class, or with this name.

    Notes
    -----
    A hub that cannot be used is left out with a warning, because other hubs may have the weights.
    """
    found: dict[tuple[str, str, str], Offer] = {}
    for hub in known_hubs():
        if hub.error:
            _warn(hub.address, str(hub.error))
        for offer in hub.offers():
            if model in (None, offer.model) and name in (None, offer.name):
                found.setdefault((offer.model, offer.name, offer.version), offer)
    return found


@lru_cache(maxsize=64)
def _warn(address: str, reason: str) -> None:
    """Warn once, although a program may ask for the weights of many classes."""
    logger.warning("the hub %s is left out: %s", address, reason)


def warn_if_unchecked(hub: Hub) -> None:
    """Warn once that weights come from a web server without a check of who offers them.

    A folder is as safe as the disk, and a commit of the Hugging Face Hub never changes.
    """
    if hub.key is None and isinstance(hub.source, WebSource):
        _warn_unchecked(hub.address)


@lru_cache(maxsize=64)
def _warn_unchecked(address: str) -> None:
    logger.warning(
        "nobody's signature vouches for the weights of %s: if the owner of this hub states a public key, add it to the "
        "address, as ADDRESS#KEY",
        address,
    )


def forget_registries() -> None:
    """Forget all registries, so that each hub is asked again."""
    _recent.cache_clear()


@lru_cache(maxsize=64)
def _recent(address: str, age: int) -> Hub:
    return Hub.at(address)
