"""Helpers of several commands: models with clusters, output files, the terminal."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import obspy
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from seisbench_lcl import storage
from seisbench_lcl.errors import ConfigurationError, OutputError, WaveformError
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.reading import matching_files, read_recording

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


def check_writable(*paths: Path) -> None:
    """Refuse, before the work, outputs that cannot be written, and two outputs in one file.

    Raises
    ------
    OutputError
        If a path is a folder or used twice, or its folder is not writable.
    """
    for i, path in enumerate(paths):
        if path.is_dir():
            raise OutputError(f"{path} is a folder: name a file in it")
        is_device = path.exists() and not path.is_file()
        if not is_device and path.resolve() in [other.resolve() for other in paths[:i]]:
            raise OutputError(f"{path} is named for two outputs: name two files")
        folder = next(folder for folder in path.resolve().parents if folder.exists())
        if not is_device and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise OutputError(f"cannot write {path}: {folder} is not a writable folder")


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


def find_files(names: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Return the named files, and a message for each name without a file; a name may also be a pattern."""
    files: list[Path] = []
    absent: list[str] = []
    for name in names:
        try:
            found = matching_files(name)
        except WaveformError as error:
            absent.append(f"cannot read {name}: {error}")
            continue
        if found != [Path(name)]:
            remark(f"no file is called {name}: reading the {len(found)} that match it as a pattern")
        files += found
    return list(dict.fromkeys(files)), absent


def read_files(files: list[Path]) -> tuple[obspy.Stream, list[str]]:
    """Read all files into one stream, and return a message for each file that was not read completely."""
    stream = obspy.Stream()
    lost: list[str] = []
    for file in progress("reading")(files):
        try:
            recording = read_recording(file)
        except WaveformError as error:
            lost.append(f"cannot read {file}: {error}")
            continue
        stream += recording.stream
        if recording.remarks:
            remark(f"{file}: {'; '.join(recording.remarks)}")
        if recording.losses:
            lost.append(f"read {file} in part: {'; '.join(recording.losses)}")
    return stream, lost


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
