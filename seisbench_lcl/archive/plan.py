"""What is to be done: station-days from what there is, without those that are done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seisbench_lcl.archive.listing import Listing, Wanted
from seisbench_lcl.archive.manifest import Manifest
from seisbench_lcl.archive.picks import picks_at, within
from seisbench_lcl.archive.settings import Reach
from seisbench_lcl.archive.units import SECOND, Batch, Unit, batches
from seisbench_lcl.events.source import Site

MARGIN = 300 * SECOND
"""How long a detection may last beyond the day on which it begins, in ns."""


@dataclass(frozen=True)
class Task:
    """What a worker does at a time.

    Attributes
    ----------
    batch : str
        Name of the batch.
    units : tuple of Unit
        To decide on.
    kept : tuple of str
        Days of the batch whose results stay as they are.
    """

    batch: str
    units: tuple[Unit, ...]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is to be done, and how much is done.

    Attributes
    ----------
    tasks : list of Task
    units, done : int
        Number of all units, and of those that are done.
    """

    tasks: list[Task]
    units: int
    done: int


def units_of(
    listing: Listing, wanted: Wanted, reach: Reach, picks: Mapping[Site, list[int]] | None = None
) -> list[Unit]:
    """Return the station-days of a listing.

    A day belongs to the plan if a file or an epoch is there for it; with picks, if one of them lies in it.

    Parameters
    ----------
    listing : Listing
    wanted : Wanted
    reach : Reach
        Of the model: with `MARGIN`, it says which files of neighbouring days count.
    picks : mapping from Site to list of int, optional
    """
    before, after = (MARGIN + round(seconds * SECOND) for seconds in (reach.before, reach.after))
    found = []
    for site, spans in listing.spans.items():
        files = sorted(listing.files.get(site, ()))
        inside = {(max(start, wanted.start), min(end, wanted.end)) for start, end in spans}
        arrivals = None if picks is None else picks_at(dict(picks), site)
        for start, end in _joined(inside):
            near = tuple(file for file in files if file.start < end + after and file.end > start - before)
            own = None if arrivals is None else within(arrivals, start, end)
            if own != ():
                found.append(Unit(site, start, end, near, own))
    return found


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return one span for each day."""
    found: dict[int, tuple[int, int]] = {}
    for start, end in spans:
        if start < end:
            day = start // (86400 * SECOND)
            first, last = found.get(day, (start, end))
            found[day] = min(first, start), max(last, end)
    return sorted(found.values())


def plan(units: Iterable[Unit], manifest: Manifest, settings: str) -> Plan:
    """Return the tasks for units that are not done, or were done with other data, model or settings.

    Parameters
    ----------
    units : iterable of Unit
    manifest : Manifest
    settings : str
        Digest of the settings.
    """
    tasks, total, done = [], 0, 0
    for batch in batches(units):
        kept = kept_days(batch, manifest, settings)
        left = tuple(unit for unit in batch.units if unit.day not in kept)
        total += len(batch.units)
        done += len(batch.units) - len(left)
        if left:
            tasks.append(Task(batch.name, left, kept))
    return Plan(tasks, total, done)


def kept_days(batch: Batch, manifest: Manifest, settings: str) -> tuple[str, ...]:
    """Return the days of a batch whose results are whole and still hold, those outside this run's time span too."""
    if not manifest.has_files(batch.name):
        return ()
    keys = {unit.day: unit.key(settings) for unit in batch.units}
    return tuple(
        sorted(
            day
            for day, entry in manifest.days(batch.name).items()
            if entry.status != "failed" and keys.get(day, entry.key) == entry.key
        )
    )
