"""Helpers of several commands: models with clusters, output files, the terminal."""

import json
import os
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import obspy
from matplotlib.figure import Figure
from obspy import UTCDateTime
from obspy.core import Stats
from rich.progress import track

from seisbench_lcl import storage
from seisbench_lcl.cli.terminal import complain, console, errors, remark, say
from seisbench_lcl.errors import ConfigurationError, OutputError, UnknownFormatError, WaveformError
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.models import Discriminator, MixedEnsemble
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.reading import files_in, matching_files, read_recording
from seisbench_lcl.wording import listed

__all__ = [
    "Inputs",
    "check_figure",
    "check_figures",
    "check_folder",
    "check_trainable",
    "check_writable",
    "complain",
    "console",
    "errors",
    "find_files",
    "load_discriminator",
    "parse_event_types",
    "parse_pairs",
    "parse_settings",
    "parse_span",
    "parse_time",
    "progress",
    "read_files",
    "remark",
    "say",
    "select_stations",
    "show",
    "write_file",
    "write_text",
]

T = TypeVar("T")

_NAMED = 5  # files or stations that a message names


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


def check_trainable(model: Model) -> None:
    """Refuse, before the work, to train members that differ as one model.

    Raises
    ------
    ConfigurationError
    """
    if isinstance(model, MixedEnsemble):
        raise ConfigurationError(
            f"the members of this ensemble ({listed(model.member_names)}) differ in classes or windows and are trained "
            "one by one: use the weights of a member, and combine them again with seisbench-lcl ensemble"
        )


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
        if not _is_device(path) and path.resolve() in [other.resolve() for other in paths[:i]]:
            raise OutputError(f"{path} is named for two outputs: name two files")
        check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse, before the work, an output in a folder that cannot be written to; a device needs no folder.

    Raises
    ------
    OutputError
    """
    folder = next(folder for folder in path.resolve().parents if folder.exists())
    if not _is_device(path) and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OutputError(f"cannot write {path}: {folder} is not a writable folder")


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()


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


def check_figures(folder: Path) -> None:
    """Refuse a folder for figures that cannot be made or written to.

    Raises
    ------
    OutputError
        If it is a file, or not writable.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file: name a folder for the figures")
    check_folder(folder / "figure.png")


def progress(description: str) -> Callable[[Iterable[T]], Iterable[T]]:
    """Return a wrapper that shows a progress bar on standard error."""
    return lambda items: track(list(items), description, console=errors, transient=True)


class Inputs(NamedTuple):
    """Recordings to read.

    Attributes
    ----------
    files : list of Path
    in_folders : set of Path
        Those of `files` that were not named, but found in a folder.
    absent : list of str
        A message for each name without a file.
    """

    files: list[Path]
    in_folders: set[Path]
    absent: list[str]


def find_files(names: Iterable[str]) -> Inputs:
    """Find recordings by name. A name may be a folder, whose files are all read, or a pattern."""
    files: list[Path] = []
    in_folders: set[Path] = set()
    absent: list[str] = []
    for name in names:
        try:
            found = matching_files(name)
        except WaveformError as error:
            absent.append(f"cannot read {name}: {error}")
            continue
        if found != [Path(name)]:
            remark(f"no file is called {name}: reading the {len(found)} that match it as a pattern")
        for path in found:
            inside = files_in(path) if path.is_dir() else []
            if path.is_dir() and not inside:
                absent.append(f"cannot read {path}: the folder has no files")
            files += inside or ([] if path.is_dir() else [path])
            in_folders.update(inside)
    return Inputs(list(dict.fromkeys(files)), in_folders, absent)


def read_files(inputs: Inputs, **span: UTCDateTime) -> tuple[obspy.Stream, list[str]]:
    """Read all files into one stream, and return a message for each file that was not read completely.

    Files in a folder that are no recordings, such as notes, are left out with a remark. `span` is a ``starttime``, an
    ``endtime`` or both.
    """
    stream = obspy.Stream()
    lost: list[str] = []
    others: list[str] = []
    for file in progress("reading")(inputs.files):
        try:
            recording = read_recording(file, **span)
        except WaveformError as error:
            if isinstance(error, UnknownFormatError) and file in inputs.in_folders:
                others.append(str(file))
            else:
                lost.append(f"cannot read {file}: {error}")
            continue
        stream += recording.stream
        if recording.remarks:
            remark(f"{file}: {'; '.join(recording.remarks)}")
        if recording.losses:
            lost.append(f"read {file} in part: {'; '.join(recording.losses)}")
    if others:
        named = listed(others, most=_NAMED)
        remark(f"left out {len(others)} of {len(inputs.files)} files, which are no recordings: {named}")
    return stream, lost


def select_stations(stream: obspy.Stream, patterns: Iterable[str]) -> tuple[obspy.Stream, list[str]]:
    """Return the traces of stations, and a message for each pattern without a trace.

    Parameters
    ----------
    stream : obspy.Stream
    patterns : iterable of str
        "NET.STA" or "NET.STA.LOC.CHA"; ``*`` and ``?`` are wildcards.

    Raises
    ------
    WaveformError
        If no trace remains.
    """
    patterns = list(patterns)
    kept = [trace for trace in stream if any(_is_of(trace.stats, pattern) for pattern in patterns)]
    missing = [pattern for pattern in patterns if not any(_is_of(trace.stats, pattern) for trace in kept)]
    absent = [f"no recording is of station {pattern}" for pattern in missing]
    if not kept:
        stations = sorted({f"{trace.stats.network}.{trace.stats.station}" for trace in stream})
        raise WaveformError(f"{'; '.join(absent)}: the recordings are of {listed(stations, most=_NAMED)}")
    return obspy.Stream(kept), absent


def _is_of(stats: Stats, pattern: str) -> bool:
    site = f"{stats.network}.{stats.station}"
    return any(fnmatchcase(name, pattern) for name in (site, f"{site}.{stats.location}.{stats.channel}"))


def parse_span(start: str | None, end: str | None) -> dict[str, UTCDateTime]:
    """Return the options of `read_files` for a time span.

    Raises
    ------
    ConfigurationError
        If a time is not in ISO form, or the end is not after the start.
    """
    given = {"starttime": start, "endtime": end}
    span = {name: parse_time(text) for name, text in given.items() if text is not None}
    if len(span) == 2 and not span["starttime"] < span["endtime"]:
        raise ConfigurationError(f"--end must be after --start, but {end} is not after {start}")
    return span


def parse_time(text: str) -> UTCDateTime:
    """Read a time in ISO form; UTC unless it names another zone.

    Raises
    ------
    ConfigurationError
    """
    try:
        return UTCDateTime(text.replace(" ", "T"), iso8601=True)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{text!r} is not a time such as 2024-03-01T12:00: {error}") from error


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


def parse_event_types(settings: list[str], option: str = "--event-type") -> dict[str, str | None]:
    """Turn ``label=QuakeML event type`` into a dict; "none" means no type."""
    types = parse_pairs(settings, option)
    return {label: None if kind in ("none", "null") else kind for label, kind in types.items()}
