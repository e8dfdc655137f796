"""Extractor expressions: names joined by ``>`` (stage before extractor) and ``+`` (features side by side)."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from seisbench_lcl.errors import ConfigurationError, MissingPluginError
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.joined import Concatenated, Staged
from seisbench_lcl.extractors.stages import ComponentStd, Envelope, Stage

Find = Callable[[str], type[FeatureExtractor]]

STAGES: dict[str, type[Stage]] = {stage.name: stage for stage in (ComponentStd, Envelope)}


def canonical(expression: str) -> str:
    """Return an expression without spaces.

    Raises
    ------
    ConfigurationError
        If a name is missing, or a part occurs twice.
    """
    if not isinstance(expression, str):
        raise ConfigurationError(f"extractor must be a name, or names joined by > and +, but is {expression!r}")
    parts = [[name.strip() for name in part.split(">")] for part in expression.split("+")]
    text = "+".join(">".join(part) for part in parts)
    if not all(name for part in parts for name in part):
        raise ConfigurationError(
            f"extractor {expression!r} lacks a name: write a name, stage>name, or several joined by +"
        )
    if len(set(text.split("+"))) < len(parts):
        raise ConfigurationError(f"extractor {expression!r} names a part twice: remove the duplicate")
    return text


def leaves(expression: str) -> list[str]:
    """Return the names of the extractors in an expression."""
    return [part.split(">")[-1] for part in canonical(expression).split("+")]


def build(
    expression: str,
    find: Find,
    shape: tuple[int, int, float],
    arguments: Mapping[str, Any],
    model: Mapping[str, Any],
) -> FeatureExtractor:
    """Build the extractor of an expression.

    Parameters
    ----------
    expression : str
        Such as "minirocket", "envelope>minirocket" or "envelope>minirocket+physical".
    find : callable
        Returns the class of an extractor by name.
    shape : (int, int, float)
        Components and samples of a window, and its sampling rate in Hz.
    arguments : mapping
        Arguments of the constructor; for a compound expression, one mapping per part or stage name, such as
        ``{"envelope>minirocket": {"envelope": {"width": 1.0}}, "physical": {"refine": 1.0}}``.
    model : mapping
        Properties of the model, passed to extractors and stages that have such a parameter, unless `arguments` set it.

    Raises
    ------
    ConfigurationError
        If the expression is malformed, or arguments match no part.
    MissingPluginError
        If a stage does not exist.
    """
    parts = canonical(expression).split("+")
    if len(parts) == 1:
        return _behind(parts[0].split(">"), find, shape, arguments, model)
    own = _arguments_of(parts, arguments)
    return Concatenated(*shape, [_behind(part.split(">"), find, shape, own[part], model) for part in parts])


def _behind(
    names: list[str],
    find: Find,
    shape: tuple[int, int, float],
    arguments: Mapping[str, Any],
    model: Mapping[str, Any],
) -> FeatureExtractor:
    first, *others = names
    if not others:
        return _make(find(first), shape, arguments, model)
    if first not in STAGES:
        raise MissingPluginError(f"no stage is called {first!r}; available: {', '.join(sorted(STAGES))}")
    rest = ">".join(others)
    own = _arguments_of([first, rest], arguments)
    stage = _make(STAGES[first], shape, own[first], model)
    behind = stage.out_channels, stage.out_samples, stage.out_rate
    # Most stages change components and frequencies, so only the time of P still holds.
    known = model if stage.transparent else {key: value for key, value in model.items() if key == "before"}
    return Staged(*shape, stage, _behind(others, find, behind, own[rest], known))


def _make(cls: Callable[..., Any], shape: tuple[int, int, float], arguments: Any, model: Mapping[str, Any]) -> Any:
    given = {key: value for key, value in model.items() if key in signature(cls).parameters}
    return cls(*shape, **(given | dict(arguments)))


def _arguments_of(names: list[str], arguments: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if not isinstance(arguments, Mapping):
        raise ConfigurationError(
            f"arguments of an extractor made of {' and '.join(names)} must map each name to its arguments, but are "
            f"{arguments!r}"
        )
    if unknown := sorted(set(arguments) - set(names)):
        raise ConfigurationError(
            f"arguments were passed for {', '.join(unknown)}, but the extractor is made of {' and '.join(names)}: pass "
            f"one mapping per name, such as {{{names[-1]!r}: {{...}}}}"
        )
    found = {name: arguments.get(name, {}) for name in names}
    for name, own in found.items():
        if not isinstance(own, Mapping):
            raise ConfigurationError(f"arguments of {name} must be a mapping, but are {own!r}")
    return found
