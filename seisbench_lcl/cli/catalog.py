"""``seisbench-lcl catalog``: a catalogue in, a decision for each event, the catalogue and tables out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import track
from rich.table import Table
from rich.text import Text

from seisbench_lcl.cli.common import check_figures, check_writable, console, errors, remark, say
from seisbench_lcl.cli.options import Device, Picker, Threads, Weights
from seisbench_lcl.errors import ConfigurationError, check_arguments, is_whole
from seisbench_lcl.events import EventCalibration, EventDecision, EventRules, decide_events, open_waveforms
from seisbench_lcl.events.arrivals import arrivals_of
from seisbench_lcl.events.context import EventContext
from seisbench_lcl.events.doubtful import doubtful_events
from seisbench_lcl.events.figures import write_panels
from seisbench_lcl.events.files import CatalogReader, write_catalog
from seisbench_lcl.events.journal import Journal
from seisbench_lcl.events.quarries import read_quarries
from seisbench_lcl.events.source import WaveformSource
from seisbench_lcl.events.tables import check_tables, write_tables
from seisbench_lcl.events.views import view_preprocessing
from seisbench_lcl.hub.backbones import named_backbone
from seisbench_lcl.models.lookup import describe_weights, find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.channels import INSTRUMENTS
from seisbench_lcl.waveforms.network import read_inventory
from seisbench_lcl.wording import counted

_SHOWN = 20


def catalog(
    events: Annotated[
        Path,
        typer.Argument(help="QuakeML, SCML or any catalogue that ObsPy reads; or a CSV table of picks or origins"),
    ],
    weights: Weights,
    waveforms: Annotated[
        list[str],
        typer.Option(
            help="files, folders and patterns (repeatable); or sds:FOLDER, fdsn:NAME, or the address of an FDSN service"
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="catalogue with the decisions; nothing else in it changes")] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="table of events, .csv or .parquet; that of stations lies beside it, NAME_stations"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")] = None,
    rule: Annotated[
        str, typer.Option(help="how stations vote: mean, log-odds, majority, median, snr or earliest:N")
    ] = "mean",
    min_stations: Annotated[int, typer.Option(help="least number of stations with a decision")] = 1,
    min_margin: Annotated[float, typer.Option(help="least difference between the two highest probabilities")] = 0.0,
    max_disagreement: Annotated[
        float, typer.Option(help="largest standard deviation of the probability over the stations")
    ] = 0.5,
    max_novelty: Annotated[float, typer.Option(help="a station abstains above this novelty; inf turns it off")] = 1.0,
    reject_below: Annotated[float, typer.Option(help="a station abstains if no label is as probable as this")] = 0.0,
    min_coverage: Annotated[
        float, typer.Option(help="smallest fraction of samples in each component of a window")
    ] = 0.95,
    instruments: Annotated[str, typer.Option(help="band and instrument codes in the order of preference")] = ",".join(
        INSTRUMENTS
    ),
    refine: Annotated[
        float | None,
        typer.Option(help="move each pick to the onset within this many seconds; by default as in the training"),
    ] = None,
    picker: Picker = None,
    calibration: Annotated[
        str,
        typer.Option(help="of votes: weights (theirs, if they have one for the rule), none, or a file"),
    ] = "weights",
    inventory: Annotated[
        Path | None,
        typer.Option(
            help="StationXML of the network: to predict P for events without a P pick, and for maps in --plots"
        ),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="folder for figures of the most doubtful events: records, votes and a map")
    ] = None,
    doubtful: Annotated[int, typer.Option(help="number of events to draw with --plots")] = 20,
    velocity_model: Annotated[
        str, typer.Option(help="of ObsPy's TauP, by which P is predicted: a name, or a file, .tvel, .nd or .npz")
    ] = "iasp91",
    context: Annotated[
        Path | None,
        typer.Option(help="catalogue of your region with types: what hour, weekday and place alone say is in --table"),
    ] = None,
    quarries: Annotated[
        Path | None, typer.Option(help="places and working hours for --context, as CSV or GeoJSON")
    ] = None,
    timezone: Annotated[str, typer.Option(help="of working hours, such as Europe/Berlin")] = "UTC",
    mix_context: Annotated[
        bool, typer.Option("--mix-context", help="decide by waveforms and context together, not by waveforms alone")
    ] = False,
    cache: Annotated[Path | None, typer.Option(help="folder in which answers of an FDSN service are kept")] = None,
    overwrite_types: Annotated[
        bool, typer.Option("--overwrite-types", help="replace event types that a person or another program has set")
    ] = False,
    noise_as_not_existing: Annotated[
        bool, typer.Option("--noise-as-not-existing", help="make an event of noise 'not existing'")
    ] = False,
    threads: Threads = None,
    device: Device = "cpu",
) -> None:
    """Decide what each event of a catalogue is, by the vote of its stations.

    --out gets the type, the certainty "suspected" and a comment of each decided event; types that were set otherwise
    stay. Decisions are kept in a file beside --out or --table until all are made, so the same command goes on where an
    interrupted one ended.

    --plots draws undecided events, close votes, and events whose stations disagree.

    Exit status 0: there is a decision on each event; 1: some events are undecided; 2: nothing was decided.
    """
    if not (out or table):
        raise ConfigurationError("name at least one of --out and --table, for the decisions")
    if out and events.suffix.lower() == ".csv":
        raise ConfigurationError(f"{events} is a table and has no place for types: use --table instead of --out")
    outputs = [path for path in (out, *(check_tables(table) if table else ())) if path]
    check_writable(*(path for path in outputs if path.resolve() != events.resolve()))
    if plots:
        check_figures(plots)
    check_arguments("", ("--doubtful must be 1 or more", is_whole(doubtful, 1), doubtful))
    discriminator: Model = find_model(weights, model).to(device)
    rules = EventRules(
        rule=rule,
        calibration=_read_calibration(calibration),
        min_stations=min_stations,
        min_margin=min_margin,
        max_disagreement=max_disagreement,
        max_novelty=max_novelty,
        reject_below=reject_below,
        instruments=tuple(code.strip() for code in instruments.split(",")),
        min_coverage=min_coverage,
        refine=refine,
        picker=named_backbone(picker) if picker else None,
        inventory=read_inventory(inventory) if inventory else None,
        velocity_model=velocity_model,
        context=_read_context(context, discriminator, quarries, timezone),
        mix_context=mix_context,
    )
    rules.members(discriminator)
    source = open_waveforms(waveforms[0] if len(waveforms) == 1 else waveforms, cache=cache)
    read = arrivals_of(events)
    settings = {
        "events": str(events),
        "waveforms": waveforms,
        "weights": describe_weights(discriminator),
        "rules": repr(rules),
        "inventory": inventory and str(inventory),
    }
    journal = Journal(outputs[0].with_name(f".{outputs[0].name}.decisions"), settings)
    if journal.decisions:
        remark(f"{len(journal.decisions)} events were decided by an earlier run")
    made = decide_events(discriminator, journal.undecided(read), source, rules)
    for _ in track(journal.record(made), "deciding", total=None, console=errors, transient=True):
        pass
    decisions = list(journal.decisions.values())
    if out:
        done = write_catalog(
            events, decisions, out, overwrite=overwrite_types, noise_as_not_existing=noise_as_not_existing
        )
    if table:
        write_tables(decisions, table)
    drawn = _draw(decisions, source, discriminator, rules, plots, doubtful) if plots else []
    journal.remove()
    for note, count in getattr(read, "notes", {}).items():
        remark(f"{count} {note}")
    if apart := sum(_context_differs(decision) for decision in decisions):
        remark(f"context alone says another type of {counted(apart, 'event')}: see the columns context[…] of --table")
    say(describe_weights(discriminator))
    console.print(_summary(decisions))
    if out and done.kept:
        say(f"{counted(done.kept, 'event')} kept the type of a person or another program: see --overwrite-types")
    for path in outputs:
        say(f"wrote {path}")
    if plots:
        say(f"wrote {counted(len(drawn), 'figure')} to {plots}")
    undecided = sum(decision.label is None for decision in decisions)
    if undecided:
        raise typer.Exit(2 if undecided == len(decisions) else 1)


def _draw(
    decisions: Sequence[EventDecision],
    source: WaveformSource,
    model: Model,
    rules: EventRules,
    folder: Path,
    most: int,
) -> list[Path]:
    """Draw the most doubtful events, and return the files."""
    chosen = doubtful_events(decisions, most)
    made = write_panels(chosen, source, view_preprocessing(model), folder, inventory=rules.inventory)
    return list(track(made, "drawing", total=len(chosen), console=errors, transient=True))


def _read_calibration(given: str) -> EventCalibration | Literal["weights"] | None:
    if given == "none":
        return None
    return "weights" if given == "weights" else EventCalibration.load(given)


def _read_context(path: Path | None, model: Model, quarries: Path | None, timezone: str) -> EventContext | None:
    if path is None:
        if quarries:
            raise ConfigurationError("--quarries needs --context, a catalogue of your region with types")
        return None
    return EventContext.learnt(
        CatalogReader(path), model, quarries=read_quarries(quarries) if quarries else (), timezone=timezone
    )


def _context_differs(decision: EventDecision) -> bool:
    waveforms, context = decision.probabilities, decision.context
    return bool(context) and max(context, key=context.__getitem__) != max(waveforms, key=waveforms.__getitem__)


def _summary(decisions: Iterable[EventDecision]) -> Table:
    """Return how many events got each label, and why others have none."""
    found = Counter((decision.label or "", "" if decision.label else decision.reason) for decision in decisions)
    summary = Table(box=None, pad_edge=False)
    summary.add_column("events", justify="right")
    summary.add_column("label")
    summary.add_column("undecided because")
    for (label, reason), count in found.most_common(_SHOWN):
        summary.add_row(str(count), Text(label), Text(reason))
    return summary
