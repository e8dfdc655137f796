"""Watch a source: one call."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import obspy

from seisbench_lcl.archive.picking import check_picks
from seisbench_lcl.hub.backbones import named_backbone
from seisbench_lcl.live.engine import Watcher
from seisbench_lcl.live.outputs.base import Output
from seisbench_lcl.live.outputs.json_lines import JsonLines
from seisbench_lcl.live.outputs.quakeml import QuakeMLFolder
from seisbench_lcl.live.reporting import OnHealth
from seisbench_lcl.live.settings import WatchSettings, default_margin
from seisbench_lcl.live.sources.base import PacketSource
from seisbench_lcl.live.sources.opening import open_source
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.network import TRAVEL_TIME, travel_time_across


def watch(
    source: PacketSource | str | Path,
    model: Model | str,
    out: str | Path,
    *,
    streams: str | None = None,
    outputs: Sequence[Output] = (),
    quakeml: bool = True,
    stride: float = 1.0,
    inventory: obspy.Inventory | None = None,
    travel_time: float | None = None,
    picker: str | None = None,
    picker_args: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    margin: float | None = None,
    on_health: OnHealth | None = None,
    started: Callable[[Watcher], None] | None = None,
    **settings: Any,
) -> None:
    """Decide on waveforms as they come, until the source ends or the watcher is stopped.

    Each change of an event is a line of ``decisions.jsonl``, final events are QuakeML files below ``events/``. The same
    call with the same folder goes on where it ended, also after the process was killed.

    Parameters
    ----------
    source : PacketSource, str or path
        Or an address that `seisbench_lcl.live.sources.open_source` knows, such as "seedlink://geofon.gfz.de".
    model : Model or str
        Or the name or path of weights.
    out : path
        Folder for decisions and state; it belongs to one watcher, one model and one choice of settings.
    streams : str, optional
        Streams of a server, such as "GE_WLF:HH?".
    outputs : sequence of Output
        Further outputs, such as `seisbench_lcl.live.outputs.Hook`. They are closed at the end.
    quakeml : bool
        Whether final events are written as QuakeML.
    stride : float
        Seconds between windows.
    inventory : obspy.Inventory, optional
        Stations, from which the travel time follows.
    travel_time : float, optional
        Longest time in s that P takes from one station to another; by default as in `classify`.
    picker : str, optional
        "MODEL/WEIGHTS" of a SeisBench picker, such as "PhaseNet/original": decide at its P picks, not every stride.
    picker_args : mapping, optional
        Arguments of its `classify`, such as ``{"P_threshold": 0.2}``.
    limits : mapping, optional
        Further arguments of the model's `classify`: ``min_coverage``, ``max_novelty``, ``reject_below``, ``channels``.
    margin : float, optional
        Seconds of record after a window before it is decided; by default `default_margin`.
    on_health : callable, optional
        Called about once a second with the `Health` and the newest changes.
    started : callable, optional
        Called with the `Watcher` before it runs, to keep a hand on its `stop`.
    **settings
        ``threshold``, ``wait``, ``final_after``, ``min_stations``, ``windows``, ``behind_after``, ``quiet_after`` and
        ``buffer`` of `WatchSettings`.

    Raises
    ------
    ConfigurationError
        If an argument is out of range, or the picker does not pick P.
    SourceError
        If the source cannot be read.
    OutputError
        If the folder cannot be written to, belongs to another watcher, or to other weights or settings.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import obspy
    >>> from seisbench_lcl.live import watch
    >>> with TemporaryDirectory() as folder:
    ...     obspy.read().write(f"{folder}/example.mseed", format="MSEED")
    ...     watch(f"replay:{folder}/example.mseed", "MiniRocketRidge/mixed-3c-fast", f"{folder}/out")
    ...     len(list(Path(folder, "out", "events").rglob("*.xml")))
    1
    """
    loaded: Model = find_model(model, None) if isinstance(model, str) else model
    backbone = None if picker is None else named_backbone(picker)
    if backbone:
        check_picks(backbone)
    if travel_time is None:
        travel_time = travel_time_across(inventory) if inventory else TRAVEL_TIME
    chosen = WatchSettings(
        stride=round(stride * loaded.sampling_rate),
        margin=default_margin(loaded) if margin is None else margin,
        limits=dict(limits or {}),
        travel_time=travel_time,
        picker=backbone,
        picker_args=dict(picker_args or {}),
        **settings,
    )
    if isinstance(source, str | Path):
        source = open_source(source, streams)
    folder = Path(out)
    own: list[Output] = [QuakeMLFolder(folder / "events")] if quakeml else []
    try:
        watcher = Watcher(source, loaded, folder, chosen, lambda: JsonLines(folder), [*own, *outputs], on_health)
    except BaseException:
        for output in outputs:
            output.close()
        raise
    if started:
        started(watcher)
    watcher.run()
