"""``seisbench-lcl ensemble``: combine several weights into one model."""

from collections.abc import Iterator
from typing import Annotated

import typer

from seisbench_lcl.cli.common import parse_pairs, remark, say
from seisbench_lcl.cli.options import GroupColumn, LabelColumn, Out, PickColumn, SplitColumn, Version, read_dataset
from seisbench_lcl.cli.outputs import Overwrite, check_weights, save
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.datasets.windows import labels_in
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models import Discriminator, DiscriminatorEnsemble, MixedEnsemble
from seisbench_lcl.models.ensemble import difference
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.training import Columns


def ensemble(
    weights: Annotated[list[str], typer.Option(help="weights of a member (repeatable), or of an ensemble of members")],
    out: Out,
    merge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=TYPE",
            help="QuakeML event type of a label, or of all labels of a type, such as 'quarry blast=explosion': labels "
            "of one type are one class; none makes a label noise (repeatable)",
        ),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="fit weight and temperature of each member's vote to labelled events that no member learnt from",
        ),
    ] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to calibrate on; 'all' means every window")] = "dev",
    description: Annotated[str, typer.Option(help="description of the weights, stored in their file")] = "",
    version: Version = None,
    overwrite: Overwrite = False,
) -> None:
    """Combine several models into one that averages their probabilities.

    Members may differ in classes, windows, sampling rates and components. Each then votes on the classes that it
    knows, on its own window around the same P arrival; labels are matched by their QuakeML event types.
    """
    check_weights(out, version, overwrite)
    members = [member for path in weights for member in _members(path)]
    types = {label: None if kind == "none" else kind for label, kind in parse_pairs(merge or [], "--merge").items()}
    if not (types or calibrate or difference(members)):
        save(DiscriminatorEnsemble(members), out, description, version)
        say(f"{len(members)} members: {', '.join(member.name for member in members)}")
        return
    mixed = MixedEnsemble(members, merge=types)
    if calibrate:
        columns = Columns(label=label_column, group=group_column, split=split_column, pick=pick_column)
        _calibrate(mixed, calibrate, columns, split)
    save(mixed, out, description, version)
    say(f"{len(members)} members that vote on the classes that they know:")
    for line in _classes(mixed):
        say(line)
    if mixed.calibration:
        say(str(mixed.calibration))
        numbers = zip(mixed.member_names, mixed.weights, mixed.temperatures, strict=True)
        say("; ".join(f"{name}: weight {weight:.2f}, temperature {t:.2f}" for name, weight, t in numbers))


def _members(path: str) -> list[Discriminator]:
    model = find_model(path)
    if isinstance(model, MixedEnsemble):
        raise ConfigurationError(
            f"{path} is an ensemble of members that differ, with a vote of its own: name the weights of its members"
        )
    return list(model.members)


def _calibrate(model: MixedEnsemble, name: str, columns: Columns, split: str) -> None:
    dataset = open_dataset(name)
    found = labels_in(dataset, columns.label)
    known = [label for label in model.labels if label in found] or None  # otherwise an error lists the labels
    if known and (unknown := sorted(set(found) - set(known))):
        remark(f"left out classes that no member knows: {', '.join(unknown)}")
    data = read_dataset(dataset, model.window_preprocessing, columns, split, labels=known)
    model.calibrate(data.windows, data.labels, data.groups)


def _classes(model: MixedEnsemble) -> Iterator[str]:
    """Yield one line for each class: who knows it, and by which label if that is another."""
    for label, known in model.classes.items():
        members = [name if own == [label] else f"{name} ({', '.join(own)})" for name, own in known.items()]
        yield f"  {label} (QuakeML: {model.event_types[label] or 'none'}): {', '.join(members)}"
