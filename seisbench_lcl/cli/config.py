"""Configuration files: the options of a command in TOML, read from a file or written into a card."""

import difflib
import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import tomlkit
import typer

from seisbench_lcl.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Where results go and what the machine affords: nothing of this changes what is computed.
_NOT_KEPT = frozenset({"out", "report", "curves", "checkpoints", "logs", "memory"})
_PLACES = frozenset({"dataset", "weights"})
_NAMES = {bool: "true or false", int: "a whole number", float: "a number"}


def as_toml(ctx: typer.Context, **parts: Mapping[str, Any]) -> str:
    """Return all options of a running command as TOML, which ``--config`` reads back to the same values.

    Defaults are written too, as they may change. Options without a value are left out, and so are those that name
    outputs or say how much memory there is. Of a dataset its name is given, without folders, and so of weights.

    Parameters
    ----------
    ctx : typer.Context
        Of a command that takes a `Config`.
    **parts : mapping
        Options that are tables, by name, with all that they came to: more than was given.
    """
    values: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for key, option in _options(ctx).items():
        value = ctx.params[option.name]
        if option.name in _NOT_KEPT or value in (None, (), []):
            continue
        if _takes_table(option):
            tables[key] = dict(map(_as_entry, value))
        else:
            # Where data and weights lie on this machine is nobody's business who reads a card.
            values[key] = Path(value).absolute().name if option.name in _PLACES else _as_value(value)
    for name, table in parts.items():
        tables[name.replace("_", "-")] = _as_table(table)
    return tomlkit.dumps(values | tables)  # in TOML, what follows the head of a table belongs to it


def as_markdown(ctx: typer.Context, **parts: Mapping[str, Any]) -> str:
    """Return all options of a running command as the section "Configuration" of a card: `as_toml` in a fence."""
    return f"### Configuration\n\n```toml\n{as_toml(ctx, **parts)}```\n\n"


def _load(ctx: typer.Context, file: Path | None) -> Path | None:
    if file is not None:
        ctx.default_map = _read(ctx, file)
    return file


Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with values of these options; an option given here replaces that of the file",
        is_eager=True,  # before the others look up their defaults
        callback=_load,
    ),
]


def _read(ctx: typer.Context, file: Path) -> dict[str, Any]:
    options = _options(ctx)
    kinds = get_type_hints(inspect.unwrap(ctx.command.callback))  # type: ignore[arg-type]  # a command has one
    values: dict[str, Any] = {}
    for key, value in _parse(file).items():
        option = options.get(key.replace("_", "-"))
        if option is None:
            near = difflib.get_close_matches(key.replace("_", "-"), options, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(options)}"
            raise ConfigurationError(f"{file}: no option is called {key!r}; {hint}")
        if option.name in values:
            raise ConfigurationError(f"{file}: {key!r} is given twice, with '-' and with '_'; leave one out")
        kind, table = _without_none(kinds[option.name]), _takes_table(option)
        if table and _is_table(value):
            value = [f"{name}={_as_text(setting)}" for name, setting in value.items()]
        elif not _fits(value, kind):
            syntax = f" like {option.metavar}, or a table with no '=' in its keys" if table else ""
            raise ConfigurationError(f"{file}: {key!r} must be {_describe(kind)}{syntax}, but is {value!r}")
        try:
            option.process_value(ctx, value)  # against its choices and its range
        except typer.BadParameter as error:
            raise ConfigurationError(f"{file}: {key!r} cannot be {value!r}: {error.message}") from error
        values[option.name] = value
    return values


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}; --config takes a TOML file") from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise ConfigurationError(f"{file} is no TOML: {error}") from error


def _options(ctx: typer.Context) -> dict[str, Any]:
    """Options that reach the command, by their flag without dashes. Eager ones act before a file is read."""
    options = [p for p in ctx.command.params if p.param_type_name == "option" and p.expose_value and not p.is_eager]
    return {max(option.opts, key=len).lstrip("-").replace("_", "-"): option for option in options}


def _takes_table(option: Any) -> bool:
    """Whether an option is repeated as ``key=value``, which its metavar tells."""
    return "=" in (option.metavar or "")


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    return kind


def _fits(value: Any, kind: Any) -> bool:
    parts = get_args(kind)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(item, parts[0]) for item in value)
    if get_origin(kind) is tuple:
        return isinstance(value, list) and len(value) == len(parts) and all(map(_fits, value, parts))
    if kind in (int, float):
        return isinstance(value, kind | int) and not isinstance(value, bool)
    return isinstance(value, bool if kind is bool else str)


def _describe(kind: Any) -> str:
    parts = ", ".join(map(_describe, get_args(kind))) if get_origin(kind) in (list, tuple) else ""
    if get_origin(kind) is list:
        return f"an array, each item {parts}"
    return f"an array [{parts}]" if parts else _NAMES.get(kind, "a string")


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(key and "=" not in key for key in value)


def _as_text(setting: Any) -> str:
    """Write a value as on the command line: text as it is, anything else (dates as text) in JSON."""
    return setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False, default=str)


def _as_entry(setting: str) -> tuple[str, Any]:
    """Split ``key=value``; a number, boolean or list becomes that of TOML where it comes back letter by letter."""
    key, _, text = setting.partition("=")
    try:
        value = json.loads(text)
    except ValueError:
        return key, text
    return key, value if _is_plain(value) and _as_text(value) == text else text


def _is_plain(value: Any) -> bool:
    """Whether TOML has a value of JSON, and writes it on a line."""
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, str | int | float)


def _as_table(table: Mapping[Any, Any]) -> dict[str, Any]:
    """TOML has no null, and no keys but text."""
    return {
        str(key): _as_table(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


def _as_value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_value(item) for item in value]
    return str(value) if isinstance(value, Path) else value
