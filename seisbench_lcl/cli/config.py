"""Configuration files: the options of a command as TOML, read from a file or written into a report."""

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import tomlkit
import typer
from pydantic import TypeAdapter, ValidationError

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.wording import suggestion

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Outputs and the memory of the machine: these do not change the results.
_NOT_KEPT = frozenset({"out", "overwrite", "report", "curves", "checkpoints", "logs", "memory"})
_PLACES = frozenset({"dataset", "weights"})


def as_toml(ctx: typer.Context, **parts: Mapping[str, Any]) -> str:
    """Return all options of a running command as TOML, from which ``--config`` reads the same values.

    Defaults are included, because they may change. Options without a value, outputs and the memory limit are left out.
    Datasets and weights are written without their folders.

    Parameters
    ----------
    ctx : typer.Context
        Context of a command that takes a `Config`.
    **parts : mapping
        Complete tables for options that are tables, by name.
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
            # A report should not reveal the folders of this machine.
            values[key] = Path(value).absolute().name if option.name in _PLACES else _as_value(value)
    for name, table in parts.items():
        tables[name.replace("_", "-")] = _as_table(table)
    return tomlkit.dumps(values | tables)  # in TOML, everything after the head of a table belongs to the table


def as_markdown(ctx: typer.Context, **parts: Mapping[str, Any]) -> str:
    """Return all options of a running command as the section "Configuration" of a report."""
    return f"### Configuration\n\n```toml\n{as_toml(ctx, **parts)}```\n\n"


def _load(ctx: typer.Context, file: Path | None) -> Path | None:
    if file is not None:
        ctx.default_map = _read(ctx, file)
    return file


Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with values for these options; options on the command line override it",
        is_eager=True,  # it acts before other options look up their defaults
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
            hint = suggestion(key.replace("_", "-"), options, f"{ctx.command_path} --help", "the options are")
            raise ConfigurationError(f"{file}: there is no option {key!r}; {hint}")
        if option.name in values:
            raise ConfigurationError(f"{file}: {key!r} occurs twice, with '-' and with '_': remove one")
        table = _takes_table(option)
        if table and _is_table(value):
            value = [f"{name}={_as_text(setting)}" for name, setting in value.items()]
        elif complaint := _complaint(value, kinds[option.name]):
            if table:
                complaint = f"input should be an array of {option.metavar}, or a table with no '=' in its keys"
            raise ConfigurationError(f"{file}: {key!r} cannot be {value!r}: {complaint}")
        try:
            option.process_value(ctx, value)  # checks choices and range
        except typer.BadParameter as error:
            raise ConfigurationError(f"{file}: {key!r} cannot be {value!r}: {error.message}") from error
        values[option.name] = value
    return values


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}; --config takes a TOML file") from error
    except ValueError as error:  # invalid TOML or UTF-8
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from error


def _options(ctx: typer.Context) -> dict[str, Any]:
    """Options that reach the command, by their flag without dashes; eager options act before a file is read."""
    options = [p for p in ctx.command.params if p.param_type_name == "option" and p.expose_value and not p.is_eager]
    return {max(option.opts, key=len).lstrip("-").replace("_", "-"): option for option in options}


def _takes_table(option: Any) -> bool:
    """Whether an option takes ``key=value`` repeatedly, as its metavar shows."""
    return "=" in (option.metavar or "")


def _complaint(value: Any, kind: Any) -> str:
    """Return why a value of TOML is not of a type, in the words of pydantic; empty if it is."""
    try:
        # As JSON, because an array of TOML may be a tuple; strictly, because text is not a number.
        TypeAdapter(kind).validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return str(first["msg"][0].lower() + first["msg"][1:])
    return ""


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(key and "=" not in key for key in value)


def _as_text(setting: Any) -> str:
    """Write a value as on the command line: text unchanged, everything else as JSON (dates as text)."""
    return setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False, default=str)


def _as_entry(setting: str) -> tuple[str, Any]:
    """Split ``key=value``; a number, boolean or list becomes a TOML value if it can be read back exactly."""
    key, _, text = setting.partition("=")
    try:
        value = json.loads(text)
    except ValueError:
        return key, text
    return key, value if _is_plain(value) and _as_text(value) == text else text


def _is_plain(value: Any) -> bool:
    """Whether TOML can express a JSON value on one line."""
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, str | int | float)


def _as_table(table: Mapping[Any, Any]) -> dict[str, Any]:
    """TOML has no null, and its keys are text."""
    return {
        str(key): _as_table(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


def _as_value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_value(item) for item in value]
    return str(value) if isinstance(value, Path) else value
