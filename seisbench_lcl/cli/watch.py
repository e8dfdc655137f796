"""``seisbench-lcl watch``: decide while the ground still moves."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import console, errors, remark
from seisbench_lcl.cli.options import Channels, Threads, Weights, parse_channels
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.live import Change, Health, Watcher
from seisbench_lcl.live import watch as watch_source
from seisbench_lcl.live.logs import logged
from seisbench_lcl.live.outputs import Hook, Output, SeisComPComments, TerminalView, Webhook, serve_metrics
from seisbench_lcl.live.reporting import OnHealth
from seisbench_lcl.live.settings import Kept
from seisbench_lcl.live.sources import ADDRESSES, open_source
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.waveforms.network import read_inventory


def watch(
    weights: Weights,
    out: Annotated[Path, typer.Option(help="folder of decisions and state; run the command again with it to go on")],
    seedlink: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="SeedLink server")] = None,
    source: Annotated[str | None, typer.Option(metavar="ADDRESS", help=f"any source: {ADDRESSES}")] = None,
    streams: Annotated[
        str | None,
        typer.Option(metavar="NET_STA:CHA,...", help="streams of a server, such as 'GE_WLF:HH?,IU_KONO:00BH?'"),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="speed of a replay, in seconds of data per second; 0 is the fastest")
    ] = 0,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")] = None,
    picks: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL/WEIGHTS", help="decide at P picks of a SeisBench picker, such as PhaseNet/original"
        ),
    ] = None,
    pick_threshold: Annotated[float | None, typer.Option(help="smallest probability of a pick of --picks")] = None,
    stride: Annotated[float, typer.Option(help="seconds between windows")] = 1.0,
    threshold: Annotated[float, typer.Option(help="smallest probability of a detection")] = 0.5,
    min_coverage: Annotated[
        float | None, typer.Option(help="smallest fraction of samples in each component of a window (0.95)")
    ] = None,
    max_novelty: Annotated[
        float | None, typer.Option(help="abstain above this novelty; 1 is the limit of the weights (1)")
    ] = None,
    reject_below: Annotated[float | None, typer.Option(help="abstain if no label is as probable as this (0)")] = None,
    channels: Channels = None,
    travel_time: Annotated[
        float | None, typer.Option(help="longest time in s that P takes from one station to another (20)")
    ] = None,
    inventory: Annotated[Path | None, typer.Option(help="StationXML of the network, for --travel-time")] = None,
    min_stations: Annotated[int, typer.Option(min=1, help="leave out events with fewer stations")] = 1,
    margin: Annotated[
        float | None,
        typer.Option(help="seconds of record needed after a window; by default, what the filters need"),
    ] = None,
    wait: Annotated[float, typer.Option(help="seconds to wait for late packets")] = 20.0,
    final_after: Annotated[
        float, typer.Option(help="seconds to wait for a late station before an event is final")
    ] = 60.0,
    behind_after: Annotated[
        float, typer.Option(help="seconds by which decisions may fall behind before windows are dropped evenly")
    ] = 60.0,
    windows: Annotated[Kept, typer.Option(help="write no windows, or all, to OUT/windows")] = "none",
    hook: Annotated[
        list[str] | None,
        typer.Option(metavar="COMMAND", help="command to run for each change, with JSON on its input (repeatable)"),
    ] = None,
    webhook: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="post each change to an address (repeatable)")
    ] = None,
    seiscomp: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="write hints to OUT/hints for the SeisComP events that appear in this folder"
        ),
    ] = None,
    metrics: Annotated[
        int | None, typer.Option(metavar="PORT", help="serve metrics for Prometheus at this port of 127.0.0.1")
    ] = None,
    tui: Annotated[bool, typer.Option("--tui", help="show stations and decisions in the terminal")] = False,
    log: Annotated[Path | None, typer.Option(help="log file, which is rotated; by default, standard error")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="log in lines of JSON")] = False,
    threads: Threads = None,
) -> None:
    """Decide on waveforms as they come, from SeedLink, an FDSN service, a folder that fills, or a replay.

    Each change of an event is a line of OUT/decisions.jsonl, and each final event is a QuakeML file in OUT/events.
    SIGTERM or Ctrl-C ends the command once all decisions are written. Repeat the same command to go on where it ended,
    even after the machine went down.
    """
    if (seedlink is None) == (source is None):
        raise ConfigurationError("say where packets come from: --seedlink HOST:PORT, or --source ADDRESS")
    if pick_threshold is not None and picks is None:
        raise ConfigurationError("--pick-threshold needs --picks")
    address = source if source is not None else f"seedlink://{str(seedlink).removeprefix('seedlink://')}"
    options = {"speed": speed} if address.startswith("replay:") else {}
    opened = open_source(address, streams, **options)
    loaded = find_model(weights, model)
    limits = {
        "min_coverage": min_coverage,
        "max_novelty": max_novelty,
        "reject_below": reject_below,
        "channels": parse_channels(channels),
    }
    with ExitStack() as stack:
        stack.enter_context(logged(log, None if tui or log or errors.quiet else sys.stderr, as_json))
        outputs: list[Output] = [Hook(command) for command in hook or []]
        outputs += [Webhook(url) for url in webhook or []]
        if seiscomp is not None:
            outputs.append(SeisComPComments(seiscomp, out / "hints"))
        watch_source(
            opened,
            loaded,
            out,
            outputs=outputs,
            stride=stride,
            threshold=threshold,
            travel_time=travel_time,
            inventory=read_inventory(inventory) if inventory else None,
            picker=picks,
            picker_args={} if pick_threshold is None else {"P_threshold": pick_threshold},
            limits={name: value for name, value in limits.items() if value is not None},
            min_stations=min_stations,
            margin=margin,
            wait=wait,
            final_after=final_after,
            behind_after=behind_after,
            windows=windows,
            on_health=_shown(stack, metrics, tui),
            started=lambda watcher: stack.enter_context(_stopped_by_signals(watcher)),
        )


def _shown(stack: ExitStack, port: int | None, tui: bool) -> OnHealth | None:
    """Return what shows the health of the watcher; None if nothing does."""
    view = stack.enter_context(TerminalView(console)) if tui else None
    server = None
    if port is not None:
        server = serve_metrics(port)
        stack.callback(server.close)
        remark(f"metrics at {server.url}")
    if view is None and server is None:
        return None

    def show(health: Health, changes: Sequence[Change]) -> None:
        if view is not None:
            view.update(health, changes)
        if server is not None:
            server.update(health)

    return show


@contextmanager
def _stopped_by_signals(watcher: Watcher) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C stop the watcher, which then writes all that it knows."""
    before = {one: signal.signal(one, lambda *_: watcher.stop()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
