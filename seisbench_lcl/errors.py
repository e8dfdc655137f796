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
    """Base class of all exceptions of this package.

    Examples
    --------
    >>> from seisbench_lcl.heads import KMeans
    >>> try:
    ...     KMeans(n_features=2, n_classes=2, n_init=0)
    ... except SeisBenchLCLError as error:
    ...     print(type(error).__name__)
    ConfigurationError
    """


class ConfigurationError(SeisBenchLCLError, ValueError):
    """A setting of a model, extractor, head or command is invalid.

    Examples
    --------
    >>> from seisbench_lcl.heads import KMeans
    >>> KMeans(n_features=2, n_classes=2, n_init=0)
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.ConfigurationError: KMeans: n_init must be a whole number of 1 or more, but is 0
    """


class NotFittedError(SeisBenchLCLError, RuntimeError):
    """A model was used before it was fitted or loaded.

    Examples
    --------
    >>> import torch
    >>> from seisbench_lcl.heads import KMeans
    >>> KMeans(n_features=2, n_classes=2)(torch.zeros(1, 2))
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.NotFittedError: KMeans is not fitted: call fit(features) first, or load weights
    """


class WindowError(SeisBenchLCLError, ValueError):
    """An array of windows has the wrong shape, is too short, or holds NaN or infinite values.

    Examples
    --------
    >>> import torch
    >>> from seisbench_lcl.heads import KMeans
    >>> KMeans(n_features=2, n_classes=2).fit(torch.full((4, 2), torch.nan))
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.WindowError: KMeans: features are NaN or infinite
    """


class WaveformError(SeisBenchLCLError, ValueError):
    """A recording cannot be turned into windows.

    Parameters
    ----------
    message : str
    summary : str, optional
        The part of the message that many recordings share, to count them by; by default the whole message.

    Examples
    --------
    >>> error = WaveformError("XX.ABC..HH: the record is 14.2 s long, the model needs 20 s", "too short")
    >>> error.summary
    'too short'
    """

    def __init__(self, message: str, summary: str = "") -> None:
        super().__init__(message)
        self.summary = summary or message


class EmptyStreamError(WaveformError):
    """A stream holds no trace, or only masked samples.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> lcl.MiniRocketRidge.from_pretrained("mixed-3c").classify(obspy.Stream())
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.EmptyStreamError: the stream is empty: check that reading and selecting found ...
    """


class ComponentError(WaveformError):
    """A station lacks the components that the model was trained on.

    Examples
    --------
    >>> try:
    ...     raise ComponentError("BW.RJOB..EH: component N, E missing: found channel EHZ", "component N, E missing")
    ... except WaveformError as error:
    ...     print(error.summary)
    component N, E missing
    """


class SamplingRateError(WaveformError):
    """A record is sampled too slowly for the frequency band of the model.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> stream = obspy.read()
    >>> for trace in stream:
    ...     trace.stats.sampling_rate = 20
    >>> lcl.MiniRocketRidge.from_pretrained("mixed-3c").classify(stream)
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.SamplingRateError: station BW.RJOB..EH: sampled at 20 Hz, but the model's band ...
    """


class UnknownFormatError(WaveformError):
    """A file is not a recording in any format that is read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from seisbench_lcl.waveforms.reading import read_recording
    >>> _ = Path("notes.txt").write_text("no record")
    >>> read_recording("notes.txt")
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.UnknownFormatError: its format is unknown: ObsPy reads miniSEED, SAC and many others
    """


class DatasetError(SeisBenchLCLError, ValueError):
    """A dataset lacks a requested column, label or trace.

    Examples
    --------
    >>> from seisbench_lcl.datasets import open_dataset
    >>> open_dataset("nowhere")
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.DatasetError: nowhere is neither a folder nor the name of a dataset in ...
    """


class CatalogError(SeisBenchLCLError, ValueError):
    """A file is not a catalogue of events, is cut off or damaged, or names an event twice.

    Examples
    --------
    >>> from pathlib import Path
    >>> from seisbench_lcl.events.files import CatalogReader
    >>> _ = Path("events.xml").write_text("<html>")
    >>> list(CatalogReader("events.xml"))
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.CatalogError: events.xml is not a catalogue that can be read: it is neither ...
    """


class TrainingError(SeisBenchLCLError, ValueError):
    """Labels or groups do not allow the fit, for example one class only, or fewer events than folds.

    Examples
    --------
    >>> import torch
    >>> from seisbench_lcl.heads import Ridge
    >>> Ridge(n_features=1, n_classes=2).fit(torch.rand(4, 1), torch.zeros(4, dtype=torch.int64))
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.TrainingError: labels must be class indices from 0 to 1 of at least two ...
    """


class OutputError(SeisBenchLCLError, OSError):
    """A table, figure or report cannot be written.

    Examples
    --------
    >>> from seisbench_lcl.events.tables import check_tables
    >>> check_tables("decisions.xlsx")
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.OutputError: cannot write decisions.xlsx as a table: use the suffix .csv or .parquet
    """


class ArchiveError(SeisBenchLCLError, RuntimeError):
    """A folder of results belongs to another model, is damaged or in use, or a cluster has gone away.

    Examples
    --------
    >>> from seisbench_lcl import archive
    >>> archive.status("nowhere")
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.ArchiveError: nowhere has no results: it lacks archive.json; make some with ...
    """


class SourceError(SeisBenchLCLError, RuntimeError):
    """A source of live data cannot be used, and trying again would not help: no such host, no such stream.

    Examples
    --------
    >>> from seisbench_lcl.live.sources import open_source
    >>> open_source("replay:nowhere.mseed")
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.SourceError: ...
    """


class WeightsError(SeisBenchLCLError, ValueError):
    """A weights file is missing, truncated or changed, or does not fit its model.

    Examples
    --------
    >>> import seisbench_lcl as lcl
    >>> lcl.load("nowhere")
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.WeightsError: no weights file nowhere.json; check the path and the version
    """


class HubError(WeightsError):
    """A hub cannot be reached, or its files differ from its registry.

    Examples
    --------
    >>> try:
    ...     raise HubError("/data/hub has no file registry.json")
    ... except WeightsError as error:
    ...     print(error)
    /data/hub has no file registry.json
    """


class MissingBackboneError(HubError):
    """A pretrained SeisBench model that weights name is not in SeisBench's cache and cannot be downloaded.

    Examples
    --------
    >>> try:
    ...     raise MissingBackboneError("PhaseNet/original is not in SeisBench's cache")
    ... except HubError as error:
    ...     print(error)
    PhaseNet/original is not in SeisBench's cache
    """


class PluginError(SeisBenchLCLError):
    """A plugin was made for another version, or registers classes that do not fit.

    Examples
    --------
    >>> try:
    ...     raise PluginError("the name 'ridge' is taken")
    ... except SeisBenchLCLError as error:
    ...     print(error)
    the name 'ridge' is taken
    """


class ConformanceError(PluginError, AssertionError):
    """An extractor or a head fails a check of the conformance kit.

    Examples
    --------
    >>> try:
    ...     raise ConformanceError("flat windows: finite features are required")
    ... except AssertionError as error:  # pytest reports it as a failed test
    ...     print(error)
    flat windows: finite features are required
    """


class MissingPluginError(WeightsError):
    """Weights need an extractor, head or model class that is not installed.

    Examples
    --------
    >>> import seisbench_lcl as lcl
    >>> lcl.Discriminator("wavelets", "ridge", labels=["earthquake", "noise"])
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.MissingPluginError: no extractor is called 'wavelets'; installed: inception10, ...
    """


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
