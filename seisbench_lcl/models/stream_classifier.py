"""`annotate` and `classify`: their arguments and results, for one model and for several."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import obspy
import torch
from numpy.typing import NDArray
from obspy import UTCDateTime
from seisbench.util import ClassifyOutput
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WaveformError
from seisbench_lcl.labels import NOISE
from seisbench_lcl.models._placing import NOT_COVERED, Placing
from seisbench_lcl.models._windows import Picks, Windows
from seisbench_lcl.models.detected_events import detected_events
from seisbench_lcl.models.pretrained import PretrainedModel
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.waveforms.channels import EXAMPLE
from seisbench_lcl.waveforms.network import TRAVEL_TIME, travel_time_across
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Unusable
from seisbench_lcl.waveforms.station import StationId
from seisbench_lcl.wording import suggestion

logger = logging.getLogger("seisbench")

# Hooks of SeisBench's own annotate and classify, which a stream model replaces.
_NEVER_CALLED = {
    "annotate_batch_post",
    "annotate_stream_pre",
    "annotate_stream_validate",
    "classify_aggregate",
    "classify_stream_pre",
    "detections_from_annotations",
    "picks_from_annotations",
    "resample",
    "stream_to_array",
}


class Limits(NamedTuple):
    """Limits beyond which a model abstains."""

    min_coverage: float
    max_novelty: float
    reject_below: float


class StreamClassifier(PretrainedModel):
    """A SeisBench model that decides on windows of streams, and abstains where a window is incomplete.

    A subclass sets `preprocessing` and `event_types` and implements `predict_proba`, `_blocks` and `_diagnostics`.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> issubclass(lcl.MiniRocketRidge, StreamClassifier)
    True
    """

    preprocessing: Preprocessing
    event_types: dict[str, str | None]
    labels: list[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if ignored := sorted(_NEVER_CALLED & vars(cls).keys()):
            raise TypeError(
                f"{cls.__name__} overrides {', '.join(ignored)}, which seisbench_lcl never calls: prepare records by "
                "Preprocessing, change windows in annotate_batch_pre, and change results by overriding classify"
            )

    _annotate_args: ClassVar[dict[str, tuple[str, Any]]] = {
        "batch_size": ("Windows computed at once", 256),
        "stride": ("Samples between windows, at the sampling rate of the model; None means one second", None),
        "aligned": ("Whether P positions of windows are whole strides since 1970, whenever records begin", False),
        "arrivals": ("P positions (UTCDateTime) of windows, in place of a window every stride; None means none", None),
        "between": ("Two times (UTCDateTime) between which P positions of windows lie; None means all", None),
        "min_coverage": ("Smallest fraction of samples that each component of a window must have", 0.95),
        "strict": ("If true, no sample may be missing: the same as min_coverage=1", False),
        "flexible_horizontal_components": PretrainedModel._annotate_args["flexible_horizontal_components"],
        "channels": (f"Channel of each component, such as {EXAMPLE}; None goes by their names", None),
        "threshold": ("Smallest probability of the label of a window in a detection (classify)", 0.5),
        "inventory": ("Stations, through which P takes the longest time between two of an event (classify)", None),
        "travel_time": ("That time in s; None goes by the inventory, or else means 20 (classify)", None),
        "max_novelty": ("Abstain above this novelty; 1 is the limit of the weights, None turns it off", 1.0),
        "reject_below": ("Abstain if no label is more probable than this", 0.0),
    }

    def annotate(self, stream: obspy.Stream, copy: bool = True, **kwargs: Any) -> obspy.Stream:
        """Return the class probabilities over time as a stream.

        Parameters
        ----------
        stream : obspy.Stream
            Never modified, whatever `copy` is.
        copy : bool
            As in SeisBench; has no effect.
        **kwargs
            ``stride``, ``aligned``, ``arrivals``, ``between``, ``batch_size``, ``min_coverage``, ``strict``,
            ``flexible_horizontal_components``, ``channels``, ``max_novelty``, ``reject_below``.

        Returns
        -------
        obspy.Stream
            One trace per station, label and stretch without abstention, named ``MODEL_label``, at the sampling rate
            divided by the stride. The time of a sample is that of the P arrival in its window. Its `write` gives
            channels codes that files can hold; see `seisbench_lcl.models.annotations.Annotations`.

        Raises
        ------
        WaveformError
            If the stream is empty, or none of its stations can be read.
        ConfigurationError
            If an argument is out of range or unknown.
        """
        return self._classify_windows(stream, kwargs).to_stream(self.name, self.preprocessing.before)

    async def annotate_async(self, stream: obspy.Stream, copy: bool = True, **kwargs: Any) -> obspy.Stream:
        """Run `annotate` in a worker thread; its exceptions are raised here."""
        return await asyncio.to_thread(self.annotate, stream, copy, **kwargs)

    def classify(self, stream: obspy.Stream, parallelism: int | None = None, **kwargs: Any) -> ClassifyOutput:
        """Classify every window of a stream.

        Parameters
        ----------
        stream : obspy.Stream
        parallelism : int, optional
            As in SeisBench; has no effect.
        **kwargs
            Those of `annotate`, and

            - ``threshold``, the smallest probability of the label of a window in a detection;
            - ``travel_time``, the longest time in s that P takes from one station to another: detections of several
              stations that overlap within it are one event. By default it follows from the ``inventory``
              (`obspy.Inventory`), or is 20 s.

        Returns
        -------
        seisbench.util.ClassifyOutput
            With `windows`, a `WindowList`; `detections`, a `LabelledDetectionList`; `events`, a
            `DecisionList` of what several stations detected (`seisbench_lcl.models.detected_events`); and `weights`,
            the `seisbench_lcl.hub.origin.WeightsOrigin`, or None if the model was not loaded from saved weights.

        Raises
        ------
        WaveformError
            If the stream is empty, or none of its stations can be read.
        ConfigurationError
            If an argument is out of range or unknown.
        """
        threshold, travel_time = self._fraction(kwargs, "threshold"), self._travel_time(kwargs)
        windows = self._classify_windows(stream, kwargs)
        noise = [label for label in self.labels if self.event_types[label] is None or label.lower() == NOISE]
        detections = windows.detections(threshold, ignore=noise)
        events = detected_events(detections, self.labels, self.event_types, travel_time, windows.weights)
        return ClassifyOutput(
            self.name, windows=windows, detections=detections, events=events, weights=self.weights_origin
        )

    async def classify_async(self, stream: obspy.Stream, **kwargs: Any) -> ClassifyOutput:
        """Run `classify` in a worker thread; its exceptions are raised here."""
        return await asyncio.to_thread(self.classify, stream, **kwargs)

    def _classify_windows(self, stream: obspy.Stream, kwargs: dict[str, Any]) -> WindowList:
        if not isinstance(stream, obspy.Stream):
            hint = ": wrap it in obspy.Stream([trace])" if isinstance(stream, obspy.Trace) else ""
            raise WaveformError(f"the input must be an ObsPy Stream, but is a {type(stream).__name__}{hint}")
        self._check_names(kwargs)
        return self._decide(stream, kwargs)

    @abstractmethod
    def _decide(self, stream: obspy.Stream, kwargs: dict[str, Any]) -> WindowList:
        """Decide on the windows of a stream; `kwargs` are known arguments, whose values are still to be checked."""

    def _window_list(self, blocks: list[StationWindows], **more: Any) -> WindowList:
        """Return windows as a result that names the weights."""
        order, origin = self.preprocessing.component_order, self.weights_origin
        return WindowList(
            self.labels,
            sorted(blocks, key=lambda block: (block.station, block.start)),
            before=self.preprocessing.before,
            event_types=self.event_types,
            component="Z" if "Z" in order else order[0],
            weights=f"{origin.model}/{origin.name}.v{origin.version} {origin.sha256[:12]}"
            if origin
            else f"{self.name}, not loaded from saved weights",
            **more,
        )

    def _abstain(self, part: Unusable) -> StationWindows:
        """Return one row for what yields no window."""
        return StationWindows(
            part.station,
            part.start,
            step=part.end - part.start,
            length=part.end - part.start,
            probabilities=np.full((1, len(self.labels)), np.nan, dtype=np.float32),
            coverage=np.zeros(1, dtype=np.float32),
            reasons=np.array([part.reason], dtype=object),
            diagnostics={name: np.full(1, np.nan, dtype=np.float32) for name in self._diagnostics()},
        )

    def _check_names(self, kwargs: dict[str, Any]) -> None:
        for name in kwargs.keys() - self._annotate_args.keys():
            hint = suggestion(name, self._annotate_args, what="its arguments are")
            raise ConfigurationError(f"{self.name} has no argument {name!r}: {hint}")

    def _whole_number(self, kwargs: dict[str, Any], name: str, default: int | None = None) -> int:
        value = self._argument(kwargs, name)
        value = default if value is None else value
        if not isinstance(value, int | np.integer) or value < 1:
            raise ConfigurationError(f"{name} must be a whole number of 1 or more, but is {value!r}")
        return int(value)

    def _limits(self, kwargs: dict[str, Any]) -> Limits:
        return Limits(
            1.0 if self._argument(kwargs, "strict") else self._fraction(kwargs, "min_coverage"),
            self._max_novelty(kwargs),
            self._reject_below(kwargs),
        )

    def _placing(self, kwargs: dict[str, Any]) -> Placing:
        return Placing.of(*(self._argument(kwargs, name) for name in ("aligned", "arrivals", "between")))

    def _uncovered(self, station: StationId, times: Iterable[UTCDateTime]) -> list[StationWindows]:
        """Return one row for each arrival whose window no record covers."""
        starts = [time - self.preprocessing.before for time in times]
        length = self.preprocessing.seconds
        return [self._abstain(Unusable(station, start, start + length, NOT_COVERED)) for start in starts]

    def _argument(self, kwargs: dict[str, Any], name: str) -> Any:
        return {**self.default_args, **kwargs}.get(name, self._annotate_args[name][1])

    def _fraction(self, kwargs: dict[str, Any], name: str) -> float:
        value = self._argument(kwargs, name)
        if not isinstance(value, int | float | np.number) or not 0 < value <= 1:
            raise ConfigurationError(f"{name} must be a number above 0 and up to 1, but is {value!r}")
        return float(value)

    def _travel_time(self, kwargs: dict[str, Any]) -> float:
        value, inventory = self._argument(kwargs, "travel_time"), self._argument(kwargs, "inventory")
        if inventory is not None and not isinstance(inventory, obspy.Inventory):
            raise ConfigurationError(f"inventory must be an ObsPy Inventory, but is a {type(inventory).__name__}")
        if value is None:
            return travel_time_across(inventory) if inventory else TRAVEL_TIME
        if not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
            raise ConfigurationError(f"travel_time must be a positive number of seconds, or None, but is {value!r}")
        return float(value)

    def _max_novelty(self, kwargs: dict[str, Any]) -> float:
        value = self._argument(kwargs, "max_novelty")
        if value is None:
            return np.inf
        if not isinstance(value, int | float | np.number) or not value > 0:
            raise ConfigurationError(f"max_novelty must be a positive number, or None, but is {value!r}")
        return float(value)

    def _reject_below(self, kwargs: dict[str, Any]) -> float:
        value = self._argument(kwargs, "reject_below")
        if not isinstance(value, int | float | np.number) or not 0 <= value < 1:
            raise ConfigurationError(f"reject_below must be a number from 0 to below 1, but is {value!r}")
        return float(value)

    @property
    def window_preprocessing(self) -> Preprocessing | list[Preprocessing]:
        """By which windows for `predict` are cut: the preprocessing of the model, or one for each member."""
        return self.preprocessing

    @abstractmethod
    def predict_proba(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return class probabilities (N, K) of windows (N, C, T)."""

    def predict(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.str_]:
        """Return the most probable label of windows (N, C, T) as (N,) strings.

        `classify` abstains from incomplete, novel and uncertain windows; this method never does.
        """
        return np.array(self.labels)[self.predict_proba(windows, s_arrivals).argmax(axis=1)]

    @abstractmethod
    def _diagnostics(self) -> list[str]:
        """Return the names of the diagnostics of a prediction."""

    @property
    def diagnostic_names(self) -> list[str]:
        """Names of the diagnostics of each window, such as "novelty"."""
        return self._diagnostics()

    @property
    def device(self) -> torch.device:
        """Device of the model; SeisBench looks at parameters only, and a model may have none."""
        return self._some_tensor().device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the model's floating-point tensors."""
        return self._some_tensor().dtype

    def _some_tensor(self) -> Tensor:
        tensors = [*self.state_dict().values(), *self.buffers()]  # the latter include what is not saved
        return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.zeros(()))
