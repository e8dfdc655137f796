"""What the configured hubs offer."""

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
from seisbench_lcl.hub.sources import FileSource, source

_FRESH = 60.0  # seconds for which a registry is not asked for again

logger = logging.getLogger("seisbench")


@dataclass(frozen=True)
class Hub:
    """A hub, and its registry or why there is none.

    Attributes
    ----------
    address : str
        As it may be shown.
    source : FileSource or None
    registry : HubRegistry
        Empty if it cannot be read.
    error : HubError or None
        Why not.
    """

    address: str
    source: FileSource | None
    registry: HubRegistry
    error: HubError | None = None

    @classmethod
    def at(cls, address: str) -> "Hub":
        """Ask a hub for its registry; what goes wrong is kept."""
        place = None
        try:
            place = source(address)
            data = read(place, REGISTRY, LARGEST_REGISTRY)
            return cls(place.address, place, HubRegistry.parse(data, place.address))
        except HubError as error:
            shown = place.address if place else address.rpartition("@")[2]  # no password, which an address may hold
            return cls(shown, None, HubRegistry.empty(), error)

    def offers(self) -> Iterator["Offer"]:
        """Yield all that it holds."""
        for model, names in self.registry.weights.items():
            for name, versions in names.items():
                for version, entry in versions.items():
                    yield Offer(self, model, name, version, entry)


@dataclass(frozen=True)
class Offer:
    """One version of weights on one hub."""

    hub: Hub
    model: str
    name: str
    version: str
    entry: Entry

    @property
    def sources(self) -> list[FileSource]:
        """Return where its files lie: the hub itself, then the mirrors in their order."""
        assert self.hub.source is not None
        return [self.hub.source, *map(source, self.entry.mirrors)]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.entry.files.values())


def known_hubs() -> list[Hub]:
    """Return the configured hubs; each was asked within the last minute, and says itself whether it answered."""
    return [_recent(address, int(time.monotonic() / _FRESH)) for address in hubs()]


def offered(model: str | None = None, name: str | None = None) -> dict[tuple[str, str, str], Offer]:
    """Return what the hubs offer, keyed by model class, name and version; an earlier hub hides a later one.

    Parameters
    ----------
    model, name : str, optional
        Only weights of this class, or name.

    Notes
    -----
    A hub that does not answer is a warning: the others may have what is looked for.
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
    """Warn once: a program may ask for the weights of many classes."""
    logger.warning("no answer from the hub %s: %s", address, reason)


def ask_anew() -> None:
    """Ask each hub for its registry again, however recently it was asked."""
    _recent.cache_clear()


@lru_cache(maxsize=64)
def _recent(address: str, age: int) -> Hub:
    return Hub.at(address)
