"""What several sub-commands share: models by name, output files, the terminal."""

import json
import warnings
from collections.abc import Callable, Iterable
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import obspy
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from seisbench_lcl import weights as weights_files
from seisbench_lcl.discriminator import Discriminator
from seisbench_lcl.ensemble import DiscriminatorEnsemble, Model, model_class, model_classes
from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.extractors.expression import leaves
from seisbench_lcl.files import replace
from seisbench_lcl.plugins import registry
from seisbench_lcl.training import LabelledWindows

T = TypeVar("T")

console = Console()
errors = Console(stderr=True)


def load_model(model: str | None, weights: str, default: str = "EnvelopePhysicalRidge") -> Model:
    """Load pretrained weights by name, or saved ones by path (with a separator, or the name of a JSON file).

    Saved weights tell the class of their model. Of pretrained ones it is `default`, or the only one that has such
    weights, unless `model` names it.
    """
    path = Path(weights)
    stem, _, version = path.name.partition(".json")
    named = path.is_file() and stem != path.name
    if not named and len(path.parts) < 2:
        return model_class(model or _class_with(weights, default)).from_pretrained(weights)
    path, version = (path.with_name(stem), version.removeprefix(".v")) if named else (path, "")
    known, source = weights_files.origin(path, version or None)
    return model_class(model or known, source).load(path, version or None)


def load_discriminator(model: str | None, weights: str, default: str) -> Discriminator:
    """Load as `load_model` what must not be an ensemble.

    Raises
    ------
    ConfigurationError
    """
    loaded = load_model(model, weights, default)
    if isinstance(loaded, DiscriminatorEnsemble):
        raise ConfigurationError(f"{weights} is an ensemble, whose members learn from labels: it has no clusters")
    return loaded


class Learning(NamedTuple):
    """What a model learns from.

    Attributes
    ----------
    supervised : bool
        Whether the head learns from labels.
    needs_labels : bool
        Whether head or extractor does.
    augments : bool
        Whether no moved copies of windows are made by default: what is trained by gradients may augment windows
        itself, and clusters are those of the windows as they are.
    """

    supervised: bool
    needs_labels: bool
    augments: bool


def learns_by(cls: type[Discriminator], extractor: str | None, head: str | None) -> Learning:
    """Return what a model of a class learns from, with extractor and head by name where the class has none.

    Raises
    ------
    ConfigurationError
        If the class is no named pair, and extractor or head is missing.
    """
    first, second = cls.pair or (extractor, head)
    if not first or not second:
        raise ConfigurationError("--model Discriminator needs the names of an --extractor and of a --head")
    supervised, extractor_too = registry().head(second).supervised, registry().learns_from_labels(first)
    in_epochs = any("epochs" in signature(registry().extractor(name)).parameters for name in leaves(first))
    return Learning(supervised, supervised or extractor_too, not supervised or extractor_too or in_epochs)


def _class_with(weights: str, default: str) -> str:
    """Return the class of pretrained weights by their name, the default if it has them, too, or if none has."""
    classes = model_classes()
    for remote in (False, True):  # hubs are asked for what is not here
        has = sorted({cls.__name__ for cls in classes if weights in cls.list_pretrained(remote=remote)})
        if has:
            break
    if not has or default in has:
        return default
    if len(has) > 1:
        raise ConfigurationError(f"{weights} are weights of {', '.join(has)}: name one by --model")
    return has[0]


def say(text: str, to: Console = console) -> None:
    """Print text that may hold anything, such as a path with brackets."""
    to.print(text, markup=False, highlight=False, soft_wrap=True)


def tell_of(data: LabelledWindows) -> None:
    """Say what was left out or assumed, and warn where splits share events."""
    for remark, count in data.notes.items():
        say(f"{count} traces: {remark}", errors)
    if shared := data.shared_events():
        listed = ", ".join(shared[:5]) + (" ..." if len(shared) > 5 else "")
        errors.print("[bold yellow]warning:[/] ", end="")
        say(f"{len(shared)} events have windows in more than one split, so their scores are too good: {listed}", errors)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_file(path, lambda file: file.write_text(text, encoding="utf-8"))


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole, and say so.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    try:
        replace(path, write)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    say(f"wrote {path}")


def check_figure(path: Path) -> None:
    """Refuse, before the work, a figure that cannot be written.

    Raises
    ------
    OutputError
        If its suffix is that of no format, or it is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file in it")
    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in formats:
        raise OutputError(
            f"a figure cannot be written as {path.name!r}; end its name with one of: {', '.join(formats)}"
        )


def progress(description: str) -> Callable[[Iterable[T]], Iterable[T]]:
    """Return a wrapper that shows a progress bar on standard error."""
    return lambda items: track(list(items), description, console=errors, transient=True)


def read_files(files: list[str]) -> tuple[obspy.Stream, dict[str, str]]:
    """Read all files into one stream, and say of each that cannot be read why."""
    stream = obspy.Stream()
    broken: dict[str, str] = {}
    for name in progress("reading")(files):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                stream += obspy.read(name)
            for warning in caught:
                say(f"{name}: {warning.message}", errors)
        except Exception as error:  # ObsPy's readers raise whatever their format's library does
            broken[name] = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return stream, broken


def parse_pairs(settings: list[str], option: str) -> dict[str, str]:
    """Turn ``key=value`` into a dict of text.

    Raises
    ------
    ConfigurationError
        If a setting is anything else, or a key comes twice.
    """
    parsed: dict[str, str] = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key:
            raise ConfigurationError(f"{option} takes key=value, but was given {setting!r}")
        if key in parsed:
            raise ConfigurationError(f"{option} was given twice for {key}: {parsed[key]!r} and {value!r}")
        parsed[key] = value
    return parsed


def parse_settings(settings: list[str], option: str) -> dict[str, Any]:
    """Turn ``key=value`` into a dict; values are JSON where they can be, else text.

    A key with dots is one in a mapping: ``physical.refine=0.5`` is ``{"physical": {"refine": 0.5}}``, and so is
    ``physical={"refine": 0.5}``. Mappings of one name are joined.

    Raises
    ------
    ConfigurationError
        If a setting is anything else, or something is given twice.
    """
    parsed: dict[str, Any] = {}
    for path, text in parse_pairs(settings, option).items():
        if not all(keys := path.split(".")):
            raise ConfigurationError(f"{option} takes key=value, or part.key=value, but was given '{path}={text}'")
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
            raise ConfigurationError(f"{option} was given twice for {within}{key}: {known!r} and {value!r}")


def parse_event_types(settings: list[str]) -> dict[str, str | None]:
    """Turn ``label=QuakeML event type`` into a dict; "none" is no type."""
    types = parse_pairs(settings, "--event-type")
    return {label: None if kind in ("none", "null") else kind for label, kind in types.items()}
