"""The watcher: packets in, changes of events out, and a state from which the next process goes on."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event

import torch
from obspy import Trace, UTCDateTime

from seisbench_lcl.archive.settings import ignored_labels
from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.grown_events import News
from seisbench_lcl.live.hits import Rules
from seisbench_lcl.live.network import Network
from seisbench_lcl.live.outputs.base import Output
from seisbench_lcl.live.outputs.json_lines import last_written
from seisbench_lcl.live.pace import Pace
from seisbench_lcl.live.reading import PacketReader
from seisbench_lcl.live.reporting import OnHealth, Reporter
from seisbench_lcl.live.settings import WatchSettings
from seisbench_lcl.live.sources.base import PacketSource
from seisbench_lcl.live.state import StateFile, key_of, told_after
from seisbench_lcl.live.stations import Stations
from seisbench_lcl.live.window_lines import WindowLines
from seisbench_lcl.live.writing import Writer
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.seisbench_log import log_from
from seisbench_lcl.waveforms.segments import gapless
from seisbench_lcl.wording import counted

logger = logging.getLogger(__name__)

_TICK = 0.2  # s to wait for a packet
_EVERYWHERE = 0.5  # s after which stations that send nothing are looked at
_TAKEN = 2000  # packets at once
_SAVED = 5.0  # s after which the state is written, though no event has changed
_FUTURE = 60.0  # s by which the clock of a station may be fast


class Watcher:
    """Decides on what a source sends, until it ends or `stop` is called.

    Parameters
    ----------
    source : PacketSource
    model : Model
        Of saved weights.
    folder : Path
        Of the state and, if wanted, of windows.
    settings : WatchSettings
    open_journal : callable
        Returns the output that has each change once, when the folder belongs to this watcher.
    outputs : sequence of Output
        Get each change, too.
    on_health : callable, optional
        Called about once a second with the health and the newest changes.

    Raises
    ------
    OutputError
        If another watcher has the folder, it belongs to other weights or settings, or it cannot be written to.

    Examples
    --------
    `seisbench_lcl.live.watch` makes one of addresses and names; this is what it does.

    >>> from tempfile import TemporaryDirectory
    >>> from obspy.core.util import get_example_file
    >>> from seisbench_lcl import from_pretrained
    >>> from seisbench_lcl.live.outputs import JsonLines, written
    >>> from seisbench_lcl.live.sources import open_source
    >>> source = open_source("replay:" + get_example_file("BW.BGLD.__.EHE.D.2008.001.first_10_records"))
    >>> model = from_pretrained("MiniRocketRidge/mixed-3c-fast")
    >>> with TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     watcher = Watcher(source, model, folder, WatchSettings(stride=100, margin=4.0), lambda: JsonLines(folder))
    ...     watcher.run()  # one component of three: no decision
    ...     list(written(folder))
    []
    """

    def __init__(
        self,
        source: PacketSource,
        model: Model,
        folder: Path,
        settings: WatchSettings,
        open_journal: Callable[[], Output],
        outputs: Sequence[Output] = (),
        on_health: OnHealth | None = None,
    ) -> None:
        self._source, self._settings, self._folder = source, settings, folder
        self._reporter = Reporter(source.name, source.is_live, on_health)
        rules = rules_of(model, settings)
        self._stations = Stations(model, settings, rules, self._reporter.say_once)
        self._network = Network(rules, settings.travel_time, settings.final_after, settings.min_stations)
        self._pace = Pace(settings.behind_after)
        self._stopping = Event()
        self._counts: Counter[str] = Counter()
        self._data_clock = float("-inf")
        origin = model.weights_origin
        self._state = StateFile(folder, settings.digest(origin.sha256 if origin else rules.weights))
        try:
            self._resume(open_journal, outputs, rules)
        except BaseException:
            self._state.close()
            raise

    def stop(self) -> None:
        """Let `run` finish; may be called from a signal handler or another thread."""
        self._stopping.set()

    def run(self) -> None:
        """Watch until the source ends or `stop` is called; then write all that is decided.

        When the source ends, what it has sent is decided to its very end, and all events are final. When the watcher
        is stopped, what is open stays open for the next process.

        Raises
        ------
        SourceError
            If the source cannot go on.
        """
        reader = PacketReader(self._source, self._since())
        reader.start()
        try:
            with torch.no_grad(), log_from(logging.ERROR):  # abstentions are in the windows
                while not (self._stopping.is_set() or reader.ended):
                    self._take(reader.take(_TICK, _TAKEN))
                    self._step(reader)
                    self._report(reader.waiting)
                reader.stop()
                while packets := reader.take(0, _TAKEN):
                    self._take(packets)
                    self._step(reader)
                self._step(reader, ended=reader.error is None and not self._stopping.is_set())
            if reader.error is None or len(self._stations):  # else a source refuses, and nothing has begun
                self._save()
                self._report(0, now=True)
        finally:
            reader.stop()
            self._writer.close()
            self._state.close()
        if reader.error is not None:
            raise reader.error

    @property
    def _clock(self) -> float:
        """Time in s by which waits are measured: of this machine, or of the newest sample where data are not of now."""
        return time.monotonic() if self._source.is_live else self._data_clock

    def _take(self, packets: Iterable[Trace]) -> None:
        limit = UTCDateTime() + _FUTURE
        for packet in packets:
            self._reporter.last_packet = time.monotonic()
            end = packet.stats.endtime
            if end > limit:
                self._counts["packets of the future"] += 1
                self._reporter.say_once(
                    packet.id, f"{packet.id} sends samples of the future, which are left out ({end})"
                )
                continue
            self._data_clock = max(self._data_clock, end.timestamp)
            for part in gapless(packet):
                if len(part.data):
                    self._stations.add(part, self._clock)

    def _step(self, reader: PacketReader, ended: bool = False) -> None:
        """Decide on all that is complete, and tell what has changed."""
        clock = self._clock
        everywhere = ended or self._reporter.due("everywhere", _EVERYWHERE)
        begun = time.monotonic()
        self._stations.look(clock, ended, everywhere)
        decided = self._stations.decide(self._pace.every, lambda: self._relieve(reader))
        if everywhere:
            self._stations.bound()
        changes: list[Change] = []
        closed = self._stations.closed()
        if decided or closed or everywhere:
            fronts = {} if ended else self._stations.fronts(clock)
            changes = self._numbered(self._network.update(closed, self._stations.growing(), fronts, clock, ended))
        self._write(decided, changes, bool(closed))
        if decided and self._source.is_live:
            self._pace.update(time.monotonic() - begun)

    def _relieve(self, reader: PacketReader) -> None:
        """Take packets while decisions take long, so that the source need not wait."""
        if self._source.is_live and reader.waiting > _TAKEN // 2:
            self._take(reader.take(0, _TAKEN))

    def _numbered(self, news: Iterable[News]) -> list[Change]:
        now, changes = UTCDateTime(), []
        for one in news:
            latency = now - one.last if self._source.is_live else None
            change = Change(one.kind, one.decision, latency, now, self._number + 1, one.id)
            if self._repeats and key_of(change) in self._repeats:  # told by a process that could not write its state
                continue
            self._number += 1
            changes.append(change)
        return changes

    def _write(self, decided: Sequence[StationWindows], changes: Sequence[Change], closed: bool) -> None:
        """Write windows, then the state with the changes, then the changes: so none is lost or told twice."""
        if self._windows is not None and decided:
            try:
                self._windows.write(decided, UTCDateTime(), self._source.is_live)
                self._writer.worked("windows")
            except OSError as error:
                self._writer.failed("windows", error)
        self._writer.add(changes)
        if changes or closed or (decided and self._reporter.due("state", _SAVED)):
            self._save()
        self._writer.deliver()

    def _save(self) -> None:
        content = {
            "number": self._number,
            "clock": None if self._source.is_live else self._data_clock,
            "waiting": [change.to_dict() for change in self._writer.waiting],
            "network": self._network.to_dict(),
            "windows": self._windows.sizes if self._windows else {},
            "stations": self._stations.to_list(),
        }
        try:
            self._state.save(content)
            self._writer.worked("the state")
        except OSError as error:
            self._writer.failed("the state", error)

    def _resume(self, open_journal: Callable[[], Output], outputs: Sequence[Output], rules: Rules) -> None:
        """Go on where an earlier process ended."""
        content, journal = self._state.content, open_journal()
        known = int(content.get("number", 0))
        later = list(told_after(self._folder, known))
        self._repeats = {key_of(change) for change in later}
        last = last_written(self._folder)
        written = 0 if last is None else int(last["number"])
        self._number = max(known, written)
        waiting = [Change.from_dict(one) for one in content.get("waiting", [])]
        self._writer = Writer(journal, outputs, waiting, written)
        sizes = content.get("windows", {})
        self._windows = (
            WindowLines(self._folder / "windows", rules.labels, sizes) if self._settings.windows == "all" else None
        )
        if not content:
            return
        if content["clock"] is not None:
            self._data_clock = content["clock"]
        self._network.resume(content["network"], self._clock)
        self._stations.resume(content["stations"], self._clock)
        if len(self._stations):
            logger.info("going on where the last watcher ended, with %s", counted(len(self._stations), "station"))

    def _since(self) -> dict[str, UTCDateTime]:
        """Return from when on the source should send each channel: windows that come next begin before they end."""
        since = {}
        for one in self._state.content.get("stations", []):
            for name, own in one["channels"].items():
                if own["end"] is not None:
                    needed = own["end"] if one["since"] is None else min(own["end"], one["since"])
                    since[".".join([*one["station"][:3], name])] = UTCDateTime(ns=needed)
        return since

    def _report(self, queue: int, now: bool = False) -> None:
        self._reporter.report(
            self._stations,
            self._network,
            list(self._writer.last),
            self._counts + self._writer.errors,
            queue=queue,
            behind=self._pace.behind,
            clock=self._clock,
            quiet_after=self._settings.quiet_after,
            now=now,
        )


def rules_of(model: Model, settings: WatchSettings) -> Rules:
    """Return what makes detections, as `classify` does."""
    order, origin = model.preprocessing.component_order, model.weights_origin
    return Rules(
        tuple(model.labels),
        tuple(ignored_labels(model)),
        settings.threshold,
        model.event_types,
        "Z" if "Z" in order else order[0],
        f"{origin.model}/{origin.name}.v{origin.version} {origin.sha256[:12]}"
        if origin
        else f"{model.name}, not loaded from saved weights",
        model.preprocessing.before,
        settings.stride / model.sampling_rate,
        model.preprocessing.seconds,
        settings.picker is not None,
    )
