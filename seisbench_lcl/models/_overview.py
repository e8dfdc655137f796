"""What `classify` found, at a glance: counts of each station, reasons of abstention, and the first windows."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from seisbench_lcl.models._tables import clock, table
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.wording import counted

_STATIONS = 20  # rows of the stations
_REASONS = 5  # rows of the reasons
_WINDOWS = 10  # rows of the windows
_WIDE = 120  # columns that hold a window with its whole reason


def overview(
    labels: Sequence[str], blocks: Sequence[StationWindows], console: Console, options: ConsoleOptions
) -> Iterator[RenderableType]:
    """Yield tables that fit a terminal: stations and labels first, then reasons, then windows in time."""
    counts = _counts(labels, blocks)
    n_windows = sum(map(len, blocks))
    if not n_windows:
        yield "no windows"
        return
    total: Counter[str] = sum(counts.values(), Counter())
    parts = ", ".join(f"{n} {name}" for name, n in total.most_common())
    yield Text(f"{counted(n_windows, 'window')} of {counted(len(counts), 'station')}: {parts}")
    stations = _stations(labels, counts)
    if console.measure(stations, options=options.update(width=10_000)).maximum > options.max_width:
        stations = _stations_in_words(counts)
    yield stations
    yield from _more(len(counts) - _STATIONS)
    if reasons := _reasons(blocks):
        yield ""
        yield table(
            [], ["abstained"], ((str(n), why, where) for n, why, where in reasons[:_REASONS]), "reason", "where"
        )
        yield from _more(len(reasons) - _REASONS)
    yield ""
    yield _first_windows(labels, blocks, whole=options.max_width >= _WIDE)
    yield from _more(n_windows - _WINDOWS)


def short_reason(reason: str) -> str:
    """Return a reason without what differs from window to window.

    Examples
    --------
    >>> short_reason("unlike the training data (novelty 1.13, limit 1)")
    'unlike training data'
    >>> short_reason("93.05% of component Z present (gap, spike)")
    'component Z incomplete (gap, spike)'
    >>> short_reason("DEC: 9.1% of component Z present (gap); VGG16: not sure enough (noise 0.4, limit 0.5)")
    'DEC: component Z incomplete (gap); VGG16: not sure enough'
    """
    parts = []
    for part in reason.split("; "):  # one for each member of an ensemble
        part = re.sub(r"(^|: )[\d.e+-]+% of (component .+) present", r"\1\2 incomplete", part)
        parts.append(re.sub(r" \([^)]*\d[^)]*\)$", "", part.replace("the training data", "training data")))
    return "; ".join(parts)


def _counts(labels: Sequence[str], blocks: Sequence[StationWindows]) -> dict[str, Counter[str]]:
    """Return the number of windows of each station and label, and of abstentions."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    names = [*labels, "abstained"]
    for block in blocks:
        counts[str(block.station)].update(names[k] for k in block.best.tolist())  # the last name where it is −1
    return counts


def _stations(labels: Sequence[str], counts: dict[str, Counter[str]]) -> Table:
    columns = [*labels, "abstained"]
    rows = (
        (station, str(count.total()), *(str(count[name] or "-") for name in columns))
        for station, count in list(counts.items())[:_STATIONS]
    )
    return table(["station"], ["windows", *columns], rows)


def _stations_in_words(counts: dict[str, Counter[str]]) -> Table:
    """Return a table that fits however many labels there are."""
    rows = (
        (station, str(count.total()), ", ".join(f"{n} {name}" for name, n in count.most_common()))
        for station, count in list(counts.items())[:_STATIONS]
    )
    return table(["station"], ["windows"], rows, "labels")


def _reasons(blocks: Sequence[StationWindows]) -> list[tuple[int, str, str]]:
    """Return number of windows, reason, and where, the most frequent first."""
    count: Counter[str] = Counter()
    stations: dict[str, set[str]] = defaultdict(set)
    for block in blocks:
        for reason, n in Counter(block.reasons[~block.decided].tolist()).items():
            count[why := short_reason(reason)] += n
            stations[why].add(str(block.station))
    return [
        (n, why, counted(len(where), "station") if len(where := stations[why]) > 1 else next(iter(where)))
        for why, n in count.most_common()
    ]


def _first_windows(labels: Sequence[str], blocks: Sequence[StationWindows], whole: bool) -> Table:
    """Return the first windows in time of all stations; `whole` keeps reasons as they are."""
    heads = (
        (block.time(i), str(block.station), i, block) for block in blocks for i in range(min(len(block), _WINDOWS))
    )
    first = sorted(heads, key=lambda head: head[:2])[:_WINDOWS]
    novel = any("novelty" in block.diagnostics for *_, block in first)
    header, times = clock("start", [time for time, *_ in first])
    rows = []
    for time, (_, station, i, block) in zip(times, first, strict=True):
        decided = block.decided[i]
        rows.append(
            [
                time,
                station,
                labels[block.best[i]] if decided else "abstained",
                f"{block.highest[i]:.2f}" if decided else "-",
                *([_number(block.diagnostics, i)] if novel else []),
                block.reasons[i] if whole else short_reason(block.reasons[i]).partition(": ")[0],
            ]
        )
    numbers = ["prob.", "novelty"] if novel else ["prob."]
    return table([header, "station", "label"], numbers, rows, "reason")


def _number(diagnostics: dict[str, NDArray[np.float32]], i: int) -> str:
    value = diagnostics.get("novelty", {i: np.nan})[i]
    return "-" if np.isnan(value) else f"{value:.2f}"


def _more(number: int) -> Iterator[str]:
    if number > 0:
        yield f"... {number} more"
