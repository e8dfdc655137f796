"""The exceptions of the package: one small hierarchy, whose messages say what was found and what to do."""

import math
from numbers import Integral
from typing import Any

__all__ = [
    "ArchiveError",
    "CatalogError",
    "ComponentError",
    "ConfigurationError",
    "ConformanceError",
    "DatasetError",
    "EmptyStreamError",
    "HubError",
    "MissingBackboneError",
    "MissingPluginError",
    "NotFittedError",
    "OutputError",
    "PluginError",
    "SamplingRateError",
    "SeisBenchLCLError",
    "SourceError",
    "TrainingError",
    "UnknownFormatError",
    "WaveformError",
    "WeightsError",
    "WindowError",
    "check_arguments",
    "check_is_fitted",
    "is_whole",
]


class SeisBenchLCLError(Exception):
    """Base class of all exceptions of this package."""


class ConfigurationError(SeisBenchLCLError, ValueError):
    """A setting of a model, extractor, head or command is invalid."""


class NotFittedError(SeisBenchLCLError, RuntimeError):
    """A model was used before it was fitted or loaded."""


class WindowError(SeisBenchLCLError, ValueError):
    """An array of windows has the wrong shape, is too short, or holds NaN or infinite values."""


class WaveformError(SeisBenchLCLError, ValueError):
    """A recording cannot be turned into windows.

    Parameters
    ----------
    message : str
    summary : str, optional
        The part of the message that many recordings share, to count them by; by default the whole message.
    """

    def __init__(self, message: str, summary: str = "") -> None:
        super().__init__(message)
        self.summary = summary or message


class EmptyStreamError(WaveformError):
    """A stream holds no trace, or only masked samples."""


class ComponentError(WaveformError):
    """A station lacks the components that the model was trained on."""


class SamplingRateError(WaveformError):
    """A record is sampled too slowly for the frequency band of the model."""


class UnknownFormatError(WaveformError):
    """A file is not a recording in any format that is read."""


class DatasetError(SeisBenchLCLError, ValueError):
    """A dataset lacks a requested column, label or trace."""


class CatalogError(SeisBenchLCLError, ValueError):
    """A file is not a catalogue of events, is cut off or damaged, or names an event twice."""


class TrainingError(SeisBenchLCLError, ValueError):
    """Labels or groups do not allow the fit, for example one class only, or fewer events than folds."""


class OutputError(SeisBenchLCLError, OSError):
    """A table, figure or report cannot be written."""


class ArchiveError(SeisBenchLCLError, RuntimeError):
    """A folder of results belongs to another model, is damaged or in use, or a cluster has gone away."""


class SourceError(SeisBenchLCLError, RuntimeError):
    """A source of live data cannot be used, and trying again would not help: no such host, no such stream."""


class WeightsError(SeisBenchLCLError, ValueError):
    """A weights file is missing, truncated or changed, or does not fit its model."""


class HubError(WeightsError):
    """A hub cannot be reached, or its files differ from its registry."""


class MissingBackboneError(HubError):
    """A pretrained SeisBench model that weights name is not in SeisBench's cache and cannot be downloaded."""


class PluginError(SeisBenchLCLError):
    """A plugin was made for another version, or registers classes that do not fit."""


class ConformanceError(PluginError, AssertionError):
    """An extractor or a head fails a check of the conformance kit."""


class MissingPluginError(WeightsError):
    """Weights need an extractor, head or model class that is not installed."""


def check_arguments(owner: str, *checks: tuple[str, bool, object]) -> None:
    """Refuse the first argument that does not fit.

    Parameters
    ----------
    owner : str
        Name at the start of the message, such as "SCAN"; may be empty.
    *checks : (str, bool, object)
        The requirement, such as "epochs must be 1 or more"; whether it holds; and the value.

    Raises
    ------
    ConfigurationError
    """
    for requirement, holds, value in checks:
        if not holds:
            raise ConfigurationError(f"{owner}{': ' if owner else ''}{requirement}, but is {value!r}")


def is_whole(value: object, least: int) -> bool:
    """Return whether a value is a whole number of at least `least`."""
    return isinstance(value, Integral) and int(value) >= least


def check_is_fitted(part: object, state: Any, learn: str = "fit") -> None:
    """Refuse to compute with a part whose state is NaN, because it was neither fitted nor loaded.

    Parameters
    ----------
    part : object
        An extractor, head or other module, for its name.
    state : torch.Tensor
        A buffer or parameter whose first element is NaN until the part is fitted.
    learn : str
        The call that fits it, such as "fit(windows)".

    Raises
    ------
    NotFittedError
    """
    if math.isnan(float(state.detach().flatten()[0])):
        raise NotFittedError(f"{type(part).__name__} is not fitted: call {learn} first, or load weights")
