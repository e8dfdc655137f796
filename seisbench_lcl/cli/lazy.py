"""The commands by name, imported when they are used: help and completion do not wait for torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

#: The first sentence of each command's help, in the order of the list.
COMMANDS = {
    "classify": "Classify recordings.",
    "catalog": "Decide what each event of a catalogue is, by the vote of its stations.",
    "review": "Review events on a page in the browser: look at the doubtful ones, and say what they are with one key.",
    "seiscomp": "Prepare decisions for SeisComP: hints on picks, from which scevent sets the types of events.",
    "archive": "Decide on a network's archive, show how far a run is, and take events out of the results.",
    "watch": "Decide on waveforms as they come, from SeedLink, an FDSN service, a folder that fills, or a replay.",
    "train": "Train a model and save its weights, on labelled traces, or on all traces if it learns without labels.",
    "fine-tune": (
        "Adapt weights to another region: train a network further, or refit a ridge regression in closed form."
    ),
    "ensemble": "Combine several models into one that averages their probabilities.",
    "adapt": "Learn from the events that analysts have labelled, and say how much better the weights became.",
    "export-review": "Write the labels of analysts as a dataset, into a catalogue, and as commands for SeisComP.",
    "evaluate": "Score a model per station and per event, each score with its 95 % interval over events.",
    "compare": "Compare models on the same windows, splits and seeds, beside the numbers that papers print.",
    "detect": "Detect events by STA/LTA in continuous records, and write them as a dataset to train on without labels.",
    "clusters": "Show the clusters of a model: exemplars, a map, a table of windows, and scores if there are labels.",
    "name": "Name the clusters of a model, by labelled windows or by hand.",
    "plugins": "List the installed plugins, or run the conformance checks of one.",
    "backbone": "Find a pretrained SeisBench model, or download it, and list the layers that can give features.",
    "new-plugin": "Write a working plugin with passing tests, as a starting point for your own.",
    "reproduce": "Train the weights of a recipe, score them, and write them with their card.",
    "demo": "Classify a local earthquake recorded at RJOB, Bavaria, on 2009-08-24; the record comes with ObsPy.",
    "hub": (
        "List, show, pull, check and publish weights; SEISBENCH_LCL_HUBS or hubs.toml in the configuration folder "
        "sets the hubs."
    ),
}


class LazyGroup(TyperGroup):
    """A group of the commands in `COMMANDS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}
        self._listing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; in a list of commands, its name and help are enough."""
        listed = super().get_command(ctx, cmd_name)
        return listed if listed is None or self._listing else _load(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        with self._as_list():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return the commands and options that begin with a text."""
        with self._as_list():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _as_list(self) -> Iterator[None]:
        self._listing = True
        try:
            yield
        finally:
            self._listing = False


def _load(name: str) -> Any:
    """Import a command: the module of its name has a function of that name, or an app with sub-commands."""
    title = name.replace("-", "_")
    module = import_module(f"{__package__}.{title}")
    if hasattr(module, "app"):
        command = get_group(module.app)
        command.name = name
        return command
    single = typer.Typer(add_completion=False)
    single.command()(getattr(module, title))
    return get_command(single)
