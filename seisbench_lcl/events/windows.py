"""Windows of an event: one for each station with a P pick, cut as the model was trained, or the reason for none."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.datasets.cuts import Cuts, signal_to_noise
from seisbench_lcl.errors import WaveformError, check_arguments
from seisbench_lcl.events.source import Found, Site, WaveformSource
from seisbench_lcl.models.decision import StationDecision
from seisbench_lcl.models.event import Pick
from seisbench_lcl.waveforms import Preprocessing, Record, StationId
from seisbench_lcl.waveforms.channels import INSTRUMENTS
from seisbench_lcl.waveforms.records import read_stream
from seisbench_lcl.wording import listed

_P = re.compile(r"[ieqIEQ]?P([gnb*1]|diff)?[cduCDU+\-]?[0-4]?")  # with onset, polarity and weight, as in Nordic files
_FAR_APART = 600.0  # s between picks from which on their waveforms are read apart
_TOUCHING = 1e-6  # s
_T = TypeVar("_T")


@dataclass(frozen=True)
class WindowRules:
    """Which windows of an event count.

    Parameters
    ----------
    instruments : sequence of str
        Band and instrument codes, the preferred first. The next one is used where one has no complete window.
    min_coverage : float
        Smallest fraction of samples that each component of a window must have.
    margin : float
        Seconds of waveform before and after the window: for the filters, for the noise that the signal is compared
        with, and for the picker.
    flexible : bool
        Whether components 1 and 2 may replace N and E.

    Raises
    ------
    ConfigurationError
        If a value is out of range.

    Examples
    --------
    >>> WindowRules(instruments=["HH", "EH"], min_coverage=0.9).instruments
    ['HH', 'EH']
    """

    instruments: Sequence[str] = INSTRUMENTS
    min_coverage: float = 0.95
    margin: float = 30.0
    flexible: bool = True

    def __post_init__(self) -> None:
        names = self.instruments
        fits = not isinstance(names, str) and len(names) > 0 and all(re.fullmatch(r"[A-Z0-9]{2}", n) for n in names)
        check_arguments(
            "",
            (f"instruments must be codes of two letters, such as {list(INSTRUMENTS)}", fits, names),
            ("min_coverage must be above 0 and up to 1", 0 < self.min_coverage <= 1, self.min_coverage),
            ("margin must be a number of seconds from 0 to 3600", 0 <= self.margin <= 3600, self.margin),
        )


class Member(NamedTuple):
    """How a model wants its windows.

    Attributes
    ----------
    preprocessing : Preprocessing
    cuts : dict of str to Cuts
        How arrivals are refined, by the source of the pick: "pick", and others such as "predicted".

    Examples
    --------
    >>> Member(Preprocessing(100.0, 2000), {}).preprocessing.in_samples
    2000
    """

    preprocessing: Preprocessing
    cuts: dict[str, Cuts]


@dataclass(frozen=True)
class StationWindow:
    """One station's window, not normalised.

    Attributes
    ----------
    station : str
        NET.STA.LOC.CH.
    p_time : UTCDateTime
        P arrival that it was cut at.
    p_source : str
        "pick", "predicted" or "refined".
    samples : (C, T) float32 ndarray
    coverage : float
        Fraction of samples in the least complete component.
    snr : float
        Signal-to-noise ratio of P in dB; NaN if unknown.

    Examples
    --------
    >>> import numpy as np
    >>> window = StationWindow("XX.AAA..HH", UTCDateTime(60), "pick", np.zeros((3, 2000), np.float32), 1.0, 12.5)
    >>> window.samples.shape
    (3, 2000)
    """

    station: str
    p_time: UTCDateTime
    p_source: str
    samples: NDArray[np.float32]
    coverage: float
    snr: float


def is_p(phase: str) -> bool:
    """Return whether a phase name is that of a direct or refracted P; a pick without phase counts as P.

    Examples
    --------
    >>> [is_p(name) for name in ("P", "Pg", "IPU0", "", "S", "pP", "PKP")]
    [True, True, True, True, False, False, False]
    """
    return not phase.strip() or _P.fullmatch(phase.strip()) is not None


def first_arrivals(picks: Iterable[Pick]) -> list[Pick]:
    """Return the earliest P pick of each station, in order of time.

    A pick without network counts as one of the station of that name, so that no station votes twice.
    """
    found: dict[str, list[Pick]] = {}
    for pick in sorted((pick for pick in picks if is_p(pick.phase)), key=lambda pick: pick.time):
        others = found.setdefault(pick.station, [])
        if not any(pick.network in ("", other.network) or not other.network for other in others):
            others.append(pick)
    return sorted((pick for own in found.values() for pick in own), key=lambda pick: pick.time)


def cut_windows(
    picks: Iterable[Pick],
    source: WaveformSource,
    members: Sequence[Member],
    rules: WindowRules,
) -> Iterator[list[StationWindow | StationDecision]]:
    """Yield the windows of each station with a P pick, one for each member, or decisions that say why there are none.

    Parameters
    ----------
    picks : iterable of Pick
    source : WaveformSource
        Asked once for all stations, unless picks are more than ten minutes apart.
    members : sequence of Member
        One for a model; those of a `MixedEnsemble`.
    rules : WindowRules

    Raises
    ------
    WaveformError
        If the source has failed.
    """
    before = max(model.preprocessing.before for model in members) + rules.margin
    after = max(model.preprocessing.seconds - model.preprocessing.before for model in members) + rules.margin
    for group in together(first_arrivals(picks), lambda pick: pick.time):
        sites = [Site(pick.network, pick.station) for pick in group if pick.station]
        start, end = group[0].time - before, group[-1].time + after
        found = source.read(sites, start, end, rules.instruments) if sites else Found(obspy.Stream())
        for pick in group:
            yield [
                _Station(pick, model.preprocessing, rules).window(
                    found, model.cuts.get(pick.source, model.cuts["pick"]), pick.time - before, after
                )
                for model in members
            ]


def together(items: Iterable[_T], time: Callable[[_T], UTCDateTime]) -> Iterator[list[_T]]:
    """Yield the arrivals of an event, in order of time, in groups whose waveforms are read at once."""
    group: list[_T] = []
    for item in items:
        if group and time(item) - time(group[-1]) > _FAR_APART:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


class _NoWindowError(WaveformError):
    """Why an instrument has no window."""

    def __init__(self, reason: str, coverage: float = float("nan")) -> None:
        super().__init__(reason)
        self.coverage = coverage


class _Station:
    """The station of a pick, and the instruments there in order of preference."""

    def __init__(self, pick: Pick, preprocessing: Preprocessing, rules: WindowRules) -> None:
        self._pick, self._preprocessing, self._rules = pick, preprocessing, rules
        self._site = Site(pick.network, pick.station)

    def window(self, found: Found, cuts: Cuts, start: UTCDateTime, after: float) -> StationWindow | StationDecision:
        pick = self._pick
        if not pick.station:
            return self._without("the pick names no station")
        span = start, pick.time + after
        own = [trace for trace in found.stream if self._site.has(trace)]
        instruments: dict[StationId, list[obspy.Trace]] = {}
        for trace in own:
            instruments.setdefault(StationId.of(trace.stats), []).append(trace)
        usable = [station for station in instruments if station.instrument in self._rules.instruments]
        if not usable:
            reason = self._none_of({trace.stats.channel for trace in own})
            problem = found.problems.get(self._site)
            return self._without(f"{reason} ({problem})" if problem else reason)
        first: StationDecision | None = None
        for station in sorted(usable, key=self._preference):
            try:
                return self._cut([trace.slice(*span) for trace in instruments[station]], station, cuts)
            except _NoWindowError as error:
                first = first or self._without(str(error), station, error.coverage)
        assert first is not None
        return first

    def _preference(self, station: StationId) -> tuple[int, bool, bool, StationId]:
        """Rank instruments by the rules; of two equal ones, the one that was picked comes first."""
        pick = self._pick
        rank = list(self._rules.instruments).index(station.instrument)
        return rank, station.location != pick.location, not pick.channel.startswith(station.instrument), station

    def _none_of(self, channels: set[str]) -> str:
        if not channels:
            return "no waveform"
        return f"no channel of {', '.join(self._rules.instruments)}: found {listed(sorted(channels))}"

    def _cut(self, traces: list[obspy.Trace], station: StationId, cuts: Cuts) -> StationWindow:
        preprocessing, rules, pick = self._preprocessing, self._rules, self._pick
        rate, length = preprocessing.sampling_rate, preprocessing.in_samples
        stream = obspy.Stream([trace for trace in traces if len(trace)])
        if not stream:
            raise _NoWindowError("no waveform around the pick")
        try:
            records, unusable = read_stream(stream, preprocessing, rules.flexible)
        except WaveformError as error:
            raise _NoWindowError(str(error).removeprefix(f"station {station}: ")) from error
        if not records:
            raise _NoWindowError(unusable[0].reason if unusable else "no waveform")
        record = max(records, key=lambda record: _overlap(record, pick.time - preprocessing.before, preprocessing))
        arrival = cuts.refined(record, pick.time - record.start, preprocessing)
        offset = round((arrival - preprocessing.before) * rate)
        if offset < 0 or offset + length > record.data.shape[1]:
            raise _NoWindowError(_uncovered(record, offset, preprocessing), _fraction(record, offset, length))
        offsets = np.array([offset])
        coverage = record.coverage(offsets, length)[0]
        row, least = int(coverage.argmin()), float(coverage.min())
        component = preprocessing.component_order[row]
        if least < rules.min_coverage:
            flaws = record.flaws_in(row, offset, length)
            raise _NoWindowError(f"{100 * least:.4g}% of component {component} present ({flaws})", least)
        samples = record.cut(offsets, length)[0]
        if still := [
            code for code, x in zip(preprocessing.component_order, samples, strict=True) if x.min() == x.max()
        ]:
            raise _NoWindowError(f"component {', '.join(still)} without motion", least)
        p_time = record.start + arrival
        moved = abs(p_time - pick.time) > _TOUCHING
        return StationWindow(
            str(station),
            p_time if moved else pick.time,
            "refined" if moved else pick.source,
            samples,
            least,
            signal_to_noise(record, arrival, rate),
        )

    def _without(
        self, reason: str, station: StationId | None = None, coverage: float = float("nan")
    ) -> StationDecision:
        pick = self._pick
        name = str(station) if station else ".".join((pick.network, pick.station, pick.location, pick.channel[:2]))
        return StationDecision(name, pick.time, pick.source, reason=reason, coverage=coverage)


def _overlap(record: Record, start: UTCDateTime, preprocessing: Preprocessing) -> float:
    end = record.start + record.data.shape[1] / preprocessing.sampling_rate
    return min(end, start + preprocessing.seconds) - max(record.start, start)


def _fraction(record: Record, offset: int, length: int) -> float:
    """Return which fraction of a window a record spans."""
    return max(0, min(offset + length, record.data.shape[1]) - max(offset, 0)) / length


def _uncovered(record: Record, offset: int, preprocessing: Preprocessing) -> str:
    """Say how much a record lacks of a window that starts at an offset in samples."""
    rate, found = preprocessing.sampling_rate, record.data.shape[1]
    early, late = max(0, -offset), max(0, offset + preprocessing.in_samples - found)
    lacks = [
        f"starts {early / rate:.4g} s too late" * (early > 0),
        f"ends {late / rate:.4g} s too early" * (late > 0),
    ]
    return f"window not covered: the record {' and '.join(filter(None, lacks))}"
