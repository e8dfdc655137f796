"""Checks of the description: name, tags and configuration of a class."""

import json
import re
from collections.abc import Iterator
from inspect import Parameter, signature
from typing import Any

from torch import Tensor

from seisbench_lcl.errors import is_whole
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.heads.base import Head
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._subject import Failed, Instance, Subject

_NAME = re.compile("[a-z0-9][a-z0-9_-]*")
_OPEN = {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}
_EXTRACTOR_TAGS = ("supervised", "slides", "trained_in_epochs")
_HEAD_TAGS = ("supervised", "open_ended", "takes_blocks")


@check("name and tags", needs_fit=False)
def name_and_tags(subject: Subject) -> None:
    """Use a name that fits into an expression, and tags of the right types.

    Users write names in ``Discriminator(extractor="envelope>minirocket+physical")``, so names consist of lower-case
    letters, digits, ``_`` and ``-``. Models read the tags before the fit, and `n_features` after the constructor.
    """
    name = getattr(subject.cls, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Failed(
            f"name is {name!r}, but must consist of lower-case letters, digits, _ and -, and begin with a letter or "
            f'digit: write name = "my-{subject.kind}" in the class'
        )
    instance = subject.make()
    for tag in _HEAD_TAGS if isinstance(instance, Head) else _EXTRACTOR_TAGS:
        if not isinstance(value := getattr(instance, tag), bool):
            raise Failed(f"the tag {tag} is {value!r}, but must be True or False")
    if isinstance(instance, Head):
        _check_head(subject, instance)
    else:
        _check_extractor(subject, instance)


def _check_head(subject: Subject, head: Head) -> None:
    if head.supervised and head.open_ended:
        raise Failed("a head that learns from labels knows its classes: open_ended must be False")
    has_blocks = "blocks" in signature(subject.cls).parameters
    if head.takes_blocks and not has_blocks and not _takes_any(subject):
        raise Failed("takes_blocks is True, but the constructor has no parameter blocks: add it, or set False")
    if has_blocks and not head.takes_blocks:
        raise Failed("the constructor has a parameter blocks, but models do not pass it: set takes_blocks = True")


def _check_extractor(subject: Subject, extractor: FeatureExtractor) -> None:
    if "epochs" in signature(subject.cls).parameters and not extractor.trained_in_epochs:
        raise Failed("the constructor has a parameter epochs: set trained_in_epochs = True in the class")
    for what, value in (
        ("n_features", getattr(extractor, "n_features", None)),
        ("enough", 1 if extractor.enough is None else extractor.enough),
    ):
        if isinstance(value, bool) or not is_whole(value, 1):
            raise Failed(f"{what} is {value!r} after the constructor, but must be a whole number of at least 1")


@check("configuration", needs_fit=False)
def configuration(subject: Subject) -> None:
    """Return a `config` that is JSON and recreates the instance.

    Weights store `config`, and loading passes it to the constructor. So it holds every keyword argument with the value
    of the instance. It may leave out those that a model passes itself: an extractor's ``frequency_range``, ``before``
    and ``component_order``, a head's ``blocks``. Fitting must not change it.
    """
    instance = subject.make()
    config = instance.config()
    text = _json(config)
    _names_match(subject, config)
    again = _rebuild(subject, json.loads(text))
    if _json(again.config()) != text:
        raise Failed(
            f"an instance built from config {text} has config {_json(again.config())}: return the arguments unchanged"
        )
    if _shapes(again) != _shapes(instance):
        raise Failed("an instance built from config has a state of other shapes: derive all shapes from config")
    for key, value in config.items():
        _follows(subject, config, key, value)
    if not subject.failure and _json(subject.fitted.config()) != text:
        raise Failed(
            f"fit changed config from {text} to {_json(subject.fitted.config())}: keep learnt values in buffers"
        )


def _json(config: Any) -> str:
    if not isinstance(config, dict):
        raise Failed(f"config returned {type(config).__name__}, but must return a dict")
    try:
        return json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(f"config returned {config!r}, which is not valid JSON ({error}): return plain types") from error


def _names_match(subject: Subject, config: dict[str, Any]) -> None:
    every = list(signature(subject.cls).parameters.values())
    own = {parameter.name for parameter in every[len(subject.shape) :] if parameter.kind not in _OPEN}
    if missing := sorted(own - set(config) - set(subject.context(subject.shape))):
        raise Failed(f"config lacks {', '.join(missing)} of the constructor: a loaded model would have the default")
    if not _takes_any(subject) and (unknown := sorted(set(config) - own)):
        raise Failed(f"config has {', '.join(unknown)}, which the constructor does not accept: remove it")


def _takes_any(subject: Subject) -> bool:
    return any(parameter.kind is Parameter.VAR_KEYWORD for parameter in signature(subject.cls).parameters.values())


def _rebuild(subject: Subject, config: dict[str, Any]) -> Instance:
    try:
        return subject.build(config)
    except Exception as error:
        raise Failed(f"the constructor refuses its own config {config} with {type(error).__name__}: {error}") from error


def _follows(subject: Subject, config: dict[str, Any], key: str, value: Any) -> None:
    """Fail if config has the same value for instances built with other values."""
    same = False
    for other in _others(value):
        try:
            same = subject.build(config | {key: other}).config().get(key) == value
        except Exception:  # the constructor refuses this value
            continue
        if not same:
            return
    if same:
        raise Failed(
            f"config has {key}={value!r} also for an instance built with another {key}: return the actual value"
        )


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, value * 2, value / 2) if isinstance(value, float) else (value + 1, value - 1)


def _shapes(instance: Instance) -> dict[str, Any]:
    state = instance.state_dict().items()
    return {key: (tuple(value.shape), value.dtype) for key, value in state if isinstance(value, Tensor)}
