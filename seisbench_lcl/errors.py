"""The exceptions of the package: one small hierarchy; a message says what was found and how to mend it."""

__all__ = [
    "ComponentError",
    "ConfigurationError",
    "ConformanceError",
    "DatasetError",
    "EmptyStreamError",
    "HubError",
    "MissingPluginError",
    "NotFittedError",
    "OutputError",
    "PluginError",
    "SamplingRateError",
    "SeisBenchLCLError",
    "TrainingError",
    "WaveformError",
    "WeightsError",
    "WindowError",
]


class SeisBenchLCLError(Exception):
    """Base of everything that this package raises on purpose."""


class ConfigurationError(SeisBenchLCLError, ValueError):
    """A model, extractor, head or option was described in a way that cannot work."""


class NotFittedError(SeisBenchLCLError, RuntimeError):
    """A model was asked for probabilities before it was fitted or loaded."""


class WindowError(SeisBenchLCLError, ValueError):
    """An array of windows has the wrong shape, is too short, or holds values that are not finite."""


class WaveformError(SeisBenchLCLError, ValueError):
    """A recording cannot be turned into windows."""


class EmptyStreamError(WaveformError):
    """A stream holds no trace, or no sample that is not masked."""


class ComponentError(WaveformError):
    """A station lacks the components that the model was trained on."""


class SamplingRateError(WaveformError):
    """A record is sampled too slowly for the frequency band of the model."""


class DatasetError(SeisBenchLCLError, ValueError):
    """A training or evaluation dataset lacks a column, a label or a trace that was asked for."""


class TrainingError(SeisBenchLCLError, ValueError):
    """Labels or groups do not allow the fit: one class only, or fewer events than folds."""


class OutputError(SeisBenchLCLError, OSError):
    """A table, figure or report cannot be written."""


class WeightsError(SeisBenchLCLError, ValueError):
    """A weights file is missing, truncated, tampered with, or does not fit the model that it describes."""


class HubError(WeightsError):
    """A hub cannot be reached, or what it holds is not what it declares."""


class PluginError(SeisBenchLCLError):
    """A plugin cannot be used: it was made for another version, or what it registers does not fit."""


class ConformanceError(PluginError, AssertionError):
    """An extractor or a head does not do what every model relies on."""


class MissingPluginError(WeightsError):
    """Weights need an extractor, head or model class that is not installed."""
