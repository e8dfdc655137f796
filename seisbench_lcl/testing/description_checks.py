"""What a class says of itself."""

import json
import re
from collections.abc import Iterator
from inspect import Parameter, signature
from typing import Any

from torch import Tensor

from seisbench_lcl.heads.base import Head
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._subject import Failed, Instance, Subject

_NAME = re.compile("[a-z0-9][a-z0-9_-]*")
_OPEN = {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}


@check("name and tags", needs_fit=False)
def name_and_tags(subject: Subject) -> None:
    """Take a name that can stand in an expression, and tags of their types.

    Users write names in ``Discriminator(extractor="envelope>minirocket+physical")``: they are made of lower-case
    letters, digits, ``_`` and ``-``. A model asks the tags before it fits, and counts on `n_features` from the
    constructor on.
    """
    name = getattr(subject.cls, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Failed(
            f"name is {name!r}, but must be lower-case letters, digits, _ and -, and begin with a letter or digit: "
            f'write name = "my-{subject.kind}" in the class'
        )
    instance = subject.make()
    tags = ["supervised", "open_ended"] if isinstance(instance, Head) else ["supervised", "slides"]
    for tag in tags:
        if not isinstance(value := getattr(instance, tag), bool):
            raise Failed(f"the tag {tag} is {value!r}, but must be True or False")
    if isinstance(instance, Head):
        if instance.supervised and instance.open_ended:
            raise Failed("a head that learns from labels knows its classes: open_ended must be False")
        return
    for what, value in (
        ("n_features", getattr(instance, "n_features", None)),
        ("enough", 1 if instance.enough is None else instance.enough),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Failed(f"{what} is {value!r} after the constructor, but must be a whole number of 1 or more")


@check("configuration", needs_fit=False)
def configuration(subject: Subject) -> None:
    """Return a `config` that is JSON, and makes the same instance again.

    Weights are saved with it, and loaded into what the constructor makes of it. So it holds every argument besides
    those that a model gives by position, with the value that the instance has; what a model tells anew (an extractor's
    ``frequency_range``, ``before`` and ``component_order``, a head's ``blocks``) may be left out. Fitting does not
    change it.
    """
    instance = subject.make()
    config = instance.config()
    text = _json(config)
    _names_match(subject, config)
    again = _rebuild(subject, json.loads(text))
    if _json(again.config()) != text:
        raise Failed(
            f"the constructor makes an instance with config {_json(again.config())} of config {text}: return the "
            "arguments as they were given"
        )
    if _shapes(again) != _shapes(instance):
        raise Failed("an instance made of config has a state of other shapes: let them follow from config alone")
    for key, value in config.items():
        _follows(subject, config, key, value)
    if not subject.failure and _json(subject.fitted.config()) != text:
        raise Failed(f"fit changed config from {text} to {_json(subject.fitted.config())}: what is learnt is a buffer")


def _json(config: Any) -> str:
    if not isinstance(config, dict):
        raise Failed(f"config returned {type(config).__name__}, but must return a dict")
    try:
        return json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(f"config returned {config!r}, which JSON cannot hold ({error}): return plain types") from error


def _names_match(subject: Subject, config: dict[str, Any]) -> None:
    every = list(signature(subject.cls).parameters.values())
    own = {parameter.name for parameter in every[len(subject.shape) :] if parameter.kind not in _OPEN}
    if missing := sorted(own - set(config) - set(subject.told(subject.shape))):
        raise Failed(f"config lacks {', '.join(missing)} of the constructor: a saved model would get the default")
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in every)
    if not takes_any and (unknown := sorted(set(config) - own)):
        raise Failed(f"config holds {', '.join(unknown)}, which the constructor does not take: leave it out")


def _rebuild(subject: Subject, config: dict[str, Any]) -> Instance:
    try:
        return subject.build(config)
    except Exception as error:
        raise Failed(
            f"the constructor refuses its own config {config}, with {type(error).__name__}: {error}"
        ) from error


def _follows(subject: Subject, config: dict[str, Any], key: str, value: Any) -> None:
    """Fail if config says the same of instances that were made with other values."""
    same = False
    for other in _others(value):
        try:
            same = subject.build(config | {key: other}).config().get(key) == value
        except Exception:  # a value that the constructor refuses tells nothing
            continue
        if not same:
            return
    if same:
        raise Failed(
            f"config says {key}={value!r} also of an instance made with another {key}: return the value that was given"
        )


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, value * 2, value / 2) if isinstance(value, float) else (value + 1, value - 1)


def _shapes(instance: Instance) -> dict[str, Any]:
    state = instance.state_dict().items()
    return {key: (tuple(value.shape), value.dtype) for key, value in state if isinstance(value, Tensor)}
