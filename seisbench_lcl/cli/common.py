"""Helpers of several commands: models with clusters, output files, the terminal."""

import json
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import obspy
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from seisbench_lcl import storage
from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model

T = TypeVar("T")

console = Console()
errors = Console(stderr=True)


def load_discriminator(model: str | None, weights: str, default: str) -> Discriminator:
    """Load weights of a model with clusters.

    Raises
    ------
    ConfigurationError
    """
    loaded: Model = find_model(weights, model, default)
    if not isinstance(loaded, Discriminator):
        raise ConfigurationError(f"{weights} is an ensemble, whose members learn from labels: it has no clusters")
    return loaded


def say(text: str, to: Console = console) -> None:
    """Print text as it is, even with brackets."""
    to.print(text, markup=False, highlight=False, soft_wrap=True)


def remark(text: str) -> None:
    """Print a remark on standard error."""
    say(text, errors)


def show(sections: Iterable[Section]) -> str:
    """Print the sections of a report, and return them as Markdown."""
    written = []
    for section in sections:
        if section.content is not None:
            console.rule(section.heading)
            console.print(section.content)
        written.append(section.markdown)
    return "\n".join(written)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    write_file(path, lambda file: file.write_text(text, encoding="utf-8"))


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file completely or not at all, and say so.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    storage.write_file(path, write)
    say(f"wrote {path}")


def check_figure(path: Path) -> None:
    """Refuse a figure that cannot be written.

    Raises
    ------
    OutputError
        If its suffix is unknown, or it is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in formats:
        raise OutputError(f"cannot write a figure as {path.name!r}: use one of the suffixes {', '.join(formats)}")


def progress(description: str) -> Callable[[Iterable[T]], Iterable[T]]:
    """Return a wrapper that shows a progress bar on standard error."""
    return lambda items: track(list(items), description, console=errors, transient=True)


def read_files(files: list[str]) -> tuple[obspy.Stream, dict[str, str]]:
    """Read all files into one stream; also return the reason for each file that cannot be read."""
    stream = obspy.Stream()
    broken: dict[str, str] = {}
    for name in progress("reading")(files):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                stream += obspy.read(name)
            for warning in caught:
                say(f"{name}: {warning.message}", errors)
        except Exception as error:  # ObsPy's readers raise any error of the libraries below
            broken[name] = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return stream, broken


def parse_pairs(settings: list[str], option: str) -> dict[str, str]:
    """Turn ``key=value`` into a dict of text.

    Raises
    ------
    ConfigurationError
        If a setting has another form, or a key occurs twice.
    """
    parsed: dict[str, str] = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key:
            raise ConfigurationError(f"{option} takes key=value, but got {setting!r}")
        if key in parsed:
            raise ConfigurationError(f"{option} sets {key} twice: {parsed[key]!r} and {value!r}")
        parsed[key] = value
    return parsed


def parse_settings(settings: list[str], option: str) -> dict[str, Any]:
    """Turn ``key=value`` into a dict; a value is read as JSON if possible, otherwise as text.

    Dots in a key make mappings: ``physical.refine=0.5`` is ``{"physical": {"refine": 0.5}}``, like
    ``physical={"refine": 0.5}``. Mappings of the same name are merged.

    Raises
    ------
    ConfigurationError
        If a setting has another form, or a key is set twice.
    """
    parsed: dict[str, Any] = {}
    for path, text in parse_pairs(settings, option).items():
        if not all(keys := path.split(".")):
            raise ConfigurationError(f"{option} takes key=value or part.key=value, but got '{path}={text}'")
        value = _as_json(text)
        for key in reversed(keys):
            value = {key: value}
        _join(parsed, value, option)
    return parsed


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _join(settings: dict[str, Any], more: dict[str, Any], option: str, within: str = "") -> None:
    for key, value in more.items():
        if key not in settings:
            settings[key] = value
        elif isinstance(known := settings[key], dict) and isinstance(value, dict):
            _join(known, value, option, f"{within}{key}.")
        else:
            raise ConfigurationError(f"{option} sets {within}{key} twice: {known!r} and {value!r}")


def parse_event_types(settings: list[str]) -> dict[str, str | None]:
    """Turn ``label=QuakeML event type`` into a dict; "none" means no type."""
    types = parse_pairs(settings, "--event-type")
    return {label: None if kind in ("none", "null") else kind for label, kind in types.items()}
