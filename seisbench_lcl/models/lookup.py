"""Models and weights by name: classes, pretrained weights, saved weights."""

import os
from collections.abc import Iterator
from inspect import isabstract
from pathlib import Path
from typing import Any

from seisbench_lcl.errors import ConfigurationError, WeightsError
from seisbench_lcl.hub import weights as weights_files
from seisbench_lcl.models.registry import registry
from seisbench_lcl.models.stream_classifier import StreamClassifier
from seisbench_lcl.wording import nearest, suggestion

DEFAULT_MODEL = "EnvelopePhysicalRidge"
"""The class that a name of weights means if several classes have such weights, and that is trained by default."""


def model_class(name: str, source: str | None = None) -> type[Any]:
    """Return a model class by its name.

    Parameters
    ----------
    name : str
        Such as "MiniRocketRidge" or "DiscriminatorEnsemble".
    source : str, optional
        The distribution that is known to hold the class, for the error message.

    Raises
    ------
    MissingPluginError
        If no class has this name.
    """
    known = model_classes()
    if name not in known:
        raise registry().missing("model", name, known, source)
    return known[name]


def model_classes() -> dict[str, type[Any]]:
    """Return all model classes by name: the registered ones, and those that a script defines."""
    registered = registry().classes.models  # first, because it imports the classes of this package
    return {cls.__name__: cls for cls in _descendants(StreamClassifier) if not isabstract(cls)} | registered


def publishers() -> dict[str, type[Any]]:
    """Return the registered model classes that name weights which others publish, by name."""
    return {name: cls for name, cls in registry().classes.models.items() if cls.published}


def from_pretrained(weights: str, *, model: str | None = None, default: str = DEFAULT_MODEL, **options: Any) -> Any:
    """Load pretrained weights by their name alone.

    Parameters
    ----------
    weights : str
        "MODEL/NAME", such as "MiniRocketRidge/mixed-3c", or "NAME".
    model : str, optional
        Class of the model, in place of "MODEL/".
    default : str
        Class that "NAME" means if several classes have such weights.
    **options
        Options of `from_pretrained` of the class, such as ``version_str``.

    Returns
    -------
    Discriminator or DiscriminatorEnsemble

    Raises
    ------
    WeightsError
        If the weights do not exist.
    MissingPluginError
        If the class does not exist.
    ConfigurationError
        If the class is named twice, or the name alone is ambiguous.

    Examples
    --------
    >>> from seisbench_lcl import from_pretrained
    >>> from_pretrained("MiniRocketRidge/mixed-3c").labels
    ['earthquake', 'noise', 'surface event']
    """
    prefix, _, name = weights.rpartition("/")
    if prefix and model not in (None, prefix):
        raise ConfigurationError(f"{weights} are weights of {prefix}, not of {model}")
    chosen = prefix or model or _class_of(name, default)
    return model_class(chosen).from_pretrained(name, **options)


def load(path: str | os.PathLike[str], version_str: str | None = None) -> Any:
    """Load saved weights of any model class.

    Parameters
    ----------
    path : path
        Without suffix, or one of the files of the weights.
    version_str : str, optional
        As given to `save`.

    Raises
    ------
    WeightsError
        If files are missing, truncated or changed.
    MissingPluginError
        If the class, extractor or head is not installed; the message names the package to install.
    """
    stem, version = weights_files.resolve(path)
    version = version_str or version
    name, source = weights_files.origin(stem, version)
    return model_class(name, source).load(stem, version)


def find_model(weights: str, model: str | None = None, default: str = DEFAULT_MODEL) -> Any:
    """Load weights as a user names them: a path of saved weights, or the name of pretrained ones.

    An existing file is always meant literally. Otherwise "MODEL/NAME" and "NAME" are pretrained weights.

    Parameters
    ----------
    weights : str
    model : str, optional
        Class of the model; saved weights know theirs.
    default : str
        Class that "NAME" means if several classes have such weights.

    Raises
    ------
    WeightsError, MissingPluginError, ConfigurationError
        As `load` and `from_pretrained`.
    """
    stem, version = weights_files.resolve(weights)
    if weights_files.paths(stem, version)["json"].is_file():
        found = load(stem, version)
        if model not in (None, found.name):
            raise WeightsError(f"{weights} holds weights of {found.name}, not of {model}: leave the model out")
        return found
    prefix, _, name = weights.rpartition("/")
    if Path(weights).is_file() or (os.sep in weights and prefix not in model_classes()):
        try:
            return load(weights)
        except WeightsError as error:  # names the missing file
            saved = {file.name.split(".json")[0] for file in Path(weights).parent.glob("*.json*")}
            known = [f"{cls}/{name}" for cls in model_classes()] + [f"{prefix}/{other}" for other in sorted(saved)]
            if Path(weights).is_file() or not (near := nearest(weights, known, 1)):
                raise
            raise WeightsError(f"{error}; did you mean {near[0]!r}?") from error
    return from_pretrained(weights, model=model, default=default)


def describe_weights(model: Any) -> str:
    """Return one line that says which weights a model uses.

    Examples
    --------
    >>> from seisbench_lcl import MiniRocketRidge
    >>> describe_weights(MiniRocketRidge.from_pretrained("mixed-3c"))
    'MiniRocketRidge/mixed-3c, version 1, from the package (sha256 a3714976ddd3)'
    >>> describe_weights(MiniRocketRidge(labels=["earthquake", "noise"]))
    'MiniRocketRidge, not loaded from saved weights'
    """
    return str(model.weights_origin or f"{model.name}, not loaded from saved weights")


def _class_of(name: str, default: str) -> str:
    """Return the class that has pretrained weights of a name; the default if it has them, or if no class has."""
    classes = model_classes().values()
    for remote in (False, True):  # hubs are asked only for what is not here
        has = sorted({cls.__name__ for cls in classes if name in cls.list_pretrained(remote=remote)})
        if has:
            break
    if default in has:
        return default
    if len(has) > 1:
        raise ConfigurationError(f"{name} are weights of several models: choose one of {_joined(has, name)}")
    if has:
        return has[0]
    known = sorted({known for cls in classes for known in cls.list_pretrained()})
    hint = suggestion(name, known, "seisbench-lcl hub list")
    raise WeightsError(f"no model has pretrained weights called {name!r}; {hint}")


def _joined(models: list[str], name: str) -> str:
    return ", ".join(f"{model}/{name}" for model in models)


def _descendants(cls: type[Any]) -> Iterator[type[Any]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)
