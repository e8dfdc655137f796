"""``seisbench-lcl adapt``: better weights from the labels of analysts."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import check_folder, check_writable, parse_event_types, progress, remark, say
from seisbench_lcl.cli.options import Decisions, Out, Reviewed, Threads, Types, Version, Weights
from seisbench_lcl.cli.outputs import Overwrite, check_weights
from seisbench_lcl.events import open_waveforms, read_tables
from seisbench_lcl.models.lookup import describe_weights, find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.review import adapt as learn
from seisbench_lcl.review import read_verdicts, verdicts_folder


def adapt(
    decisions: Decisions,
    weights: Weights,
    waveforms: Annotated[
        list[str],
        typer.Option(
            help="files, folders and patterns (repeatable); or sds:FOLDER, fdsn:NAME, or the address of an FDSN service"
        ),
    ],
    out: Out,
    reviewed: Reviewed = None,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")] = None,
    types: Types = None,
    keep_absent: Annotated[
        bool,
        typer.Option("--keep-absent", help="leave classes that no reviewed event has as probable as they were"),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="write the weights even if they are worse than before")
    ] = False,
    version: Version = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Learn from the events that analysts have labelled, and say how much better the weights became.

    The weights must have the head ridge or stack. They are written with their card, OUT.md, which says how many labels
    of whom they learnt from. Labels that the weights do not know become new classes.

    Exit status 0: written; 2: nothing was written, since the weights would be worse, or learning was not possible.
    """
    check_weights(out, version, overwrite)
    check_folder(out)
    check_writable(Path(f"{out}.md"))
    old: Model = find_model(weights, model)
    table = read_tables(decisions)
    verdicts = read_verdicts(reviewed or verdicts_folder(decisions))
    for note in verdicts.notes:
        remark(note)
    if disputed := verdicts.disagreements():
        first = disputed[0][0].event
        remark(f"analysts disagree on {len(disputed)} events, such as {first}: of these, the newest label counts")
    other = sorted({decision.weights for decision in table if decision.weights} - {describe_weights(old)})
    if other:
        remark(f"the decisions were made with other weights, {other[0]}: before and after are compared by --weights")
    source = open_waveforms(waveforms[0] if len(waveforms) == 1 else waveforms)
    found = learn(
        old,
        verdicts,
        table,
        source,
        event_types=parse_event_types(types or [], "--type"),
        lower_absent=not keep_absent,
        progress=progress,
    )
    for note, count in found.notes.most_common():
        remark(f"{count} {note}")
    for line in found.lines():
        say(line)
    card = found.save(out, version, force=force)
    say(f"wrote {out}.{{json,safetensors,pt}}{'' if version is None else '.v' + version} and {card}")
