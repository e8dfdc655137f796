"""``seisbench-lcl plugins``: list and check installed plugins."""

import json
from functools import partial
from inspect import signature
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from seisbench_lcl.cli.common import console, parse_settings, remark, say
from seisbench_lcl.errors import ConfigurationError, PluginError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.models.lookup import publishers
from seisbench_lcl.models.registry import Plugin, registry
from seisbench_lcl.testing import run_checks
from seisbench_lcl.wording import counted, suggestion

_COLOURS = {"loaded": "green", "failed": "red", "missing": "red", "not allowed": "yellow"}
_OUTCOMES = {"passed": "green", "failed": "red", "skipped": "yellow"}


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    check: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="check a plugin, a distribution, an extractor, a head or a trained model"),
    ] = None,
    arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="argument of the extractor or head, for a faster check (repeatable)"),
    ] = None,
) -> None:
    """List the installed plugins, or run the conformance checks of one."""
    if check:
        _check(check, parse_settings(arg or [], "--arg"))
    elif as_json:
        say(json.dumps([_described(plugin) for plugin in registry().plugins], indent=2))
    else:
        console.print(_table(registry().plugins))


def _described(plugin: Plugin) -> dict[str, Any]:
    kinds = {kind: list(named) for kind, named in plugin.classes._asdict().items()}
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution or None,
        "version": plugin.version or None,
        **kinds,
        "state": plugin.state,
        "reason": plugin.reason or None,
    }


def _table(found: list[Plugin]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("plugin", "distribution", "version", "registers", "state"):
        table.add_column(title, no_wrap=title != "registers")
    for plugin in found:
        kinds = (f"{kind}: {', '.join(named)}" for kind, named in plugin.classes._asdict().items() if named)
        told = "\n".join(kinds) or plugin.reason
        state = Text(plugin.state, style=_COLOURS[plugin.state])
        table.add_row(Text(plugin.name), Text(plugin.distribution), Text(plugin.version), Text(told), state)
    return table


def _check(name: str, arguments: dict[str, Any]) -> None:
    models = _trained(name)
    classes = _named(name, or_models=bool(models))
    if arguments and len(classes) > 1:
        listed = ", ".join(cls.name for cls in classes)
        raise ConfigurationError(f"--arg applies to one extractor or head, but {name} has several: {listed}")
    here = [model for model in models if model.list_pretrained(remote=False)]
    absent = [f"{model.__name__}/{next(iter(model.published))}" for model in models if model not in here]
    if absent:
        remark(f"not checked, because its weights are not on this machine: {', '.join(absent)} (hub pull, hub install)")
    if not classes and not here:
        raise PluginError(f"no check ran: run seisbench-lcl hub pull {absent[0]}, and check again")
    failures = 0
    for cls in classes:
        takes = list(signature(cls).parameters)
        if unknown := sorted(set(arguments) - set(takes)):
            raise ConfigurationError(
                f"{cls.__name__} has no argument {', '.join(unknown)}: its arguments are {', '.join(takes)}"
            )
        failures += _failures(cls.__name__, partial(cls, **arguments))
    for model in here:
        weights = model.list_pretrained(remote=False)[0]
        failures += _failures(model.__name__, partial(model.from_pretrained, weights))
    say(f"{counted(failures, 'check')} failed" if failures else "all checks passed")
    if failures:
        raise typer.Exit(1)


def _failures(name: str, candidate: partial[Any]) -> int:
    """Run and print the checks of a candidate, and return the number of failures."""
    console.rule(name)
    failures = 0
    for outcome in run_checks(candidate):
        style = _OUTCOMES[outcome.state]
        console.print(Text.assemble((f"{outcome.state:8}", style), outcome.check))
        if outcome.reason:
            say(f"        {outcome.reason}")
        failures += outcome.state == "failed"
    return failures


def _trained(name: str) -> list[type[Any]]:
    """Return the models that come trained, by their own name, the name of their plugin, or of its distribution."""
    owners = {key: registry().owner(cls) for key, cls in publishers().items()}
    return [
        publishers()[key]
        for key, owner in owners.items()
        if name == key or (owner and name in (owner.name, owner.distribution))
    ]


def _named(name: str, or_models: bool) -> list[type[FeatureExtractor] | type[Head]]:
    """Return extractors and heads by their own name, the name of their plugin, or of its distribution."""
    known = registry()
    if named := [cls for kind in known.classes[:2] for key, cls in kind.items() if key == name]:
        return named
    found = [plugin for plugin in known.plugins if name in (plugin.name, plugin.distribution)]
    for plugin in found:
        if plugin.state != "loaded":
            raise PluginError(f"cannot check plugin {plugin}, because it is not loaded: {plugin.reason}")
    if classes := [cls for plugin in found for kind in plugin.classes[:2] for cls in kind.values()]:
        return classes
    if or_models:
        return []
    if found:
        raise PluginError(f"{name} has neither extractor nor head, nor a model that comes trained")
    names = [key for kind in known.classes[:2] for key in kind] + [plugin.name for plugin in known.plugins]
    raise PluginError(
        f"no extractor, head or plugin is called {name!r}: {suggestion(name, names, 'seisbench-lcl plugins')}"
    )
