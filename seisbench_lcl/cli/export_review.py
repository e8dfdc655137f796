"""``seisbench-lcl export-review``: labels of analysts as a dataset, in a catalogue, and for SeisComP."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import check_folder, check_writable, parse_event_types, progress, remark, say
from seisbench_lcl.cli.options import Decisions, Reviewed, Types
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events import open_waveforms, read_tables
from seisbench_lcl.events.files import write_catalog
from seisbench_lcl.events.seiscomp import VERSIONS
from seisbench_lcl.events.seiscomp_journal import write_journal
from seisbench_lcl.review import analyst_decisions, export_dataset, read_verdicts, verdicts_folder
from seisbench_lcl.wording import counted


def export_review(
    decisions: Decisions,
    reviewed: Reviewed = None,
    dataset: Annotated[
        Path | None, typer.Option(help="new folder for a SeisBench dataset of the labelled events; needs --waveforms")
    ] = None,
    waveforms: Annotated[
        list[str] | None,
        typer.Option(
            help="files, folders and patterns (repeatable); or sds:FOLDER, fdsn:NAME, or the address of an FDSN service"
        ),
    ] = None,
    before: Annotated[float, typer.Option(help="seconds of record before P in the dataset")] = 30.0,
    after: Annotated[float, typer.Option(help="seconds of record after P in the dataset")] = 90.0,
    catalog: Annotated[Path | None, typer.Option(help="catalogue of the events; needs --out")] = None,
    out: Annotated[Path | None, typer.Option(help="copy of the catalogue with the types by the analysts")] = None,
    overwrite_types: Annotated[
        bool, typer.Option("--overwrite-types", help="replace event types that somebody else has set")
    ] = False,
    noise_as_not_existing: Annotated[
        bool, typer.Option("--noise-as-not-existing", help="make an event of noise 'not existing'")
    ] = False,
    seiscomp: Annotated[
        Path | None, typer.Option(help="script of scsendjournal commands; run it with sh FILE -H HOST")
    ] = None,
    scml: Annotated[str, typer.Option(help=f"version of SCML of that system, {' or '.join(VERSIONS)}")] = VERSIONS[-1],
    types: Types = None,
) -> None:
    """Write the labels of analysts as a dataset, into a catalogue, and as commands for SeisComP.

    In the catalogue, a type by an analyst replaces one by a model, with the certainty "known" and a comment that says
    who decided when; a type that somebody else has set stays. The dataset can be given to train, fine-tune and evaluate
    as it is.
    """
    if not (dataset or out or seiscomp):
        raise ConfigurationError("name at least one of --dataset, --out (with --catalog) and --seiscomp")
    if bool(catalog) != bool(out):
        raise ConfigurationError("--catalog and --out go together: the catalogue, and its copy with the types")
    if dataset and not waveforms:
        raise ConfigurationError("--dataset needs --waveforms, from which the records of the labelled events are cut")
    if scml not in VERSIONS:
        raise ConfigurationError(f"--scml takes {' or '.join(VERSIONS)}, but got {scml!r}")
    check_writable(
        *(path for path in (out, seiscomp) if path and not (catalog and path.resolve() == catalog.resolve()))
    )
    if dataset:
        check_folder(dataset)
    table = read_tables(decisions)
    verdicts = read_verdicts(reviewed or verdicts_folder(decisions))
    for note in verdicts.notes:
        remark(note)
    said = analyst_decisions(verdicts, table, parse_event_types(types or [], "--type"))
    say(f"{counted(len(said), 'labelled event')}")
    if dataset and waveforms:
        source = open_waveforms(waveforms[0] if len(waveforms) == 1 else waveforms)
        cut = progress("cutting records")
        found = export_dataset(verdicts, table, source, dataset, before=before, after=after, progress=cut)
        say(f"wrote {dataset}: {counted(found.pop('traces'), 'trace')} of {counted(found.pop('events'), 'event')}")
        for note, count in found.most_common():
            remark(f"{count} {note}")
    if catalog and out:
        done = write_catalog(catalog, said, out, overwrite=overwrite_types, noise_as_not_existing=noise_as_not_existing)
        kept = f", {counted(done.kept, 'event')} kept the type of somebody else" if done.kept else ""
        missing = f", {len(done.missing)} are not in the catalogue" if done.missing else ""
        say(f"wrote {out}: {counted(done.typed, 'event')} with the type of an analyst{kept}{missing}")
    if seiscomp:
        n = write_journal(said, seiscomp, version=scml, noise_as_not_existing=noise_as_not_existing)
        say(f"wrote {seiscomp}: commands for {counted(n, 'event')}; read it, then run it with sh {seiscomp} -H HOST")
