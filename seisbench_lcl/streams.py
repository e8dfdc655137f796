"""Models on streams: what `annotate` and `classify` do, from records to windows to decisions."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import numpy as np
import obspy
import torch
from numpy.typing import ArrayLike, NDArray
from seisbench.util import ClassifyOutput
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WaveformError, WindowError
from seisbench_lcl.labels import NOISE
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.pretrained import PretrainedModel
from seisbench_lcl.records import Record, Unusable, read_stream
from seisbench_lcl.results import StationWindows, WindowList
from seisbench_lcl.verdict import Verdict

logger = logging.getLogger("seisbench")


class _Limits(NamedTuple):
    """From what a model abstains."""

    min_coverage: float
    max_novelty: float
    reject_below: float


class StreamModel(PretrainedModel):
    """A SeisBench model that decides on windows of streams, and abstains where a window is not whole.

    A subclass sets `preprocessing` and `event_types` and implements `_judge_record`.
    """

    preprocessing: Preprocessing
    event_types: dict[str, str | None]
    labels: list[str]

    _annotate_args: ClassVar[dict[str, tuple[str, Any]]] = {
        "batch_size": ("Windows computed at once", 256),
        "stride": (
            "Samples from window to window, at the sampling rate of the model; None is one second",
            None,
        ),
        "min_coverage": ("Least fraction of samples that every component of a window must have", 0.95),
        "strict": ("If true, every sample must be there: the same as min_coverage=1", False),
        "flexible_horizontal_components": PretrainedModel._annotate_args["flexible_horizontal_components"],
        "threshold": ("Least probability of a label to make a detection (classify)", 0.5),
        "max_novelty": (
            "Abstain from windows that are more unlike the training data, 1 being the threshold of the weights; None "
            "never",
            1.0,
        ),
        "reject_below": ("Abstain from windows whose most probable label is less probable", 0.0),
    }

    def annotate(self, stream: obspy.Stream, copy: bool = True, **kwargs: Any) -> obspy.Stream:
        """Return the class probabilities over time as a stream.

        Parameters
        ----------
        stream : obspy.Stream
            Never changed, whatever `copy` is.
        copy : bool
            As in SeisBench; without effect.
        **kwargs
            ``stride``, ``batch_size``, ``min_coverage``, ``strict``, ``flexible_horizontal_components``,
            ``max_novelty``, ``reject_below``.

        Returns
        -------
        obspy.Stream
            One trace for each station, label and stretch without abstention, named ``MODEL_label``, at the sampling
            rate divided by the stride. A sample stands at the time where the P arrival would lie in its window.

        Raises
        ------
        WaveformError
            If the stream is empty or no station of it can be read.
        ConfigurationError
            For an argument out of range.
        """
        return self._classify_windows(stream, kwargs).to_stream(self.name, self.preprocessing.before)

    async def annotate_async(self, stream: obspy.Stream, copy: bool = True, **kwargs: Any) -> obspy.Stream:
        """Do as `annotate` in a worker thread; whatever that raises is raised here."""
        return await asyncio.to_thread(self.annotate, stream, copy, **kwargs)

    def classify(self, stream: obspy.Stream, parallelism: int | None = None, **kwargs: Any) -> ClassifyOutput:
        """Decide on every window of a stream.

        Parameters
        ----------
        stream : obspy.Stream
        parallelism : int, optional
            As in SeisBench; without effect.
        **kwargs
            Those of `annotate`, and ``threshold``: the least probability that makes a detection.

        Returns
        -------
        seisbench.util.ClassifyOutput
            With `windows`, a `WindowList`, and `detections`, a `LabelledDetectionList`.

        Raises
        ------
        WaveformError
            If the stream is empty or no station of it can be read.
        ConfigurationError
            For an argument out of range.
        """
        threshold = self._fraction(kwargs, "threshold")
        windows = self._classify_windows(stream, kwargs)
        noise = [label for label in self.labels if self.event_types[label] is None or label.lower() == NOISE]
        return ClassifyOutput(self.name, windows=windows, detections=windows.detections(threshold, ignore=noise))

    async def classify_async(self, stream: obspy.Stream, **kwargs: Any) -> ClassifyOutput:
        """Do as `classify` in a worker thread; whatever that raises is raised here."""
        return await asyncio.to_thread(self.classify, stream, **kwargs)

    def _classify_windows(self, stream: obspy.Stream, kwargs: dict[str, Any]) -> WindowList:
        if not isinstance(stream, obspy.Stream):
            hint = ": wrap it in obspy.Stream([trace])" if isinstance(stream, obspy.Trace) else ""
            raise WaveformError(f"an ObsPy Stream is needed, but found a {type(stream).__name__}{hint}")
        self._verify_argdict(kwargs)
        stride = self._argument(kwargs, "stride")
        stride = round(self.sampling_rate) if stride is None else stride
        batch_size = self._argument(kwargs, "batch_size")
        for name, value in (("stride", stride), ("batch_size", batch_size)):
            if not isinstance(value, int | np.integer) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of 1 or more, but is {value!r}")
        limits = _Limits(
            1.0 if self._argument(kwargs, "strict") else self._fraction(kwargs, "min_coverage"),
            self._max_novelty(kwargs),
            self._reject_below(kwargs),
        )
        records, unusable = read_stream(
            stream, self.preprocessing, self._argument(kwargs, "flexible_horizontal_components")
        )
        blocks = [self._classify_record(record, int(stride), int(batch_size), limits) for record in records]
        blocks += [self._abstain(part) for part in unusable]
        for part in unusable:
            logger.warning("%s abstained: %s", part.station, part.reason)
        return WindowList(self.labels, sorted(blocks, key=lambda block: (block.station, block.start)))

    def _classify_record(self, record: Record, stride: int, batch_size: int, limits: _Limits) -> StationWindows:
        offsets = np.arange(0, record.data.shape[1] - self.in_samples + 1, stride)
        coverage = record.coverage(offsets, self.in_samples)
        least = coverage.min(axis=1)
        probabilities = np.full((len(offsets), len(self.labels)), np.nan, dtype=np.float32)
        doubts = {name: np.full(len(offsets), np.nan, dtype=np.float32) for name in self._doubts()}
        complete = np.flatnonzero(least >= limits.min_coverage)
        for start in range(0, len(complete), batch_size):
            batch = complete[start : start + batch_size]
            verdict = self._judge_record(record, offsets[batch], stride)
            probabilities[batch] = verdict.probabilities.cpu().numpy()
            for name, values in verdict.doubts.items():
                doubts[name][batch] = values.cpu().numpy()
        reasons = np.full(len(offsets), "", dtype=object)
        for i in np.flatnonzero(least < limits.min_coverage):
            component = self.component_order[int(coverage[i].argmin())]
            reasons[i] = (
                f"{100 * least[i]:.4g}% of component {component} present (gap, conflicting overlap or flat line)"
            )
        for i in np.flatnonzero(doubts.get("novelty", least * 0) > limits.max_novelty):
            reasons[i] = f"unlike the training data (novelty {doubts['novelty'][i]:.2f}, limit {limits.max_novelty:g})"
        for i in np.flatnonzero((probabilities.max(axis=1) < limits.reject_below) & (reasons == "")):
            best = self.labels[probabilities[i].argmax()]
            reasons[i] = f"not sure enough ({best} {probabilities[i].max():.2f}, limit {limits.reject_below:g})"
        probabilities[reasons != ""] = np.nan
        rate = self.sampling_rate
        return StationWindows(
            record.station, record.start, stride / rate, self.in_samples / rate, probabilities, least, reasons, doubts
        )

    def _abstain(self, part: Unusable) -> StationWindows:
        return StationWindows(
            part.station,
            part.start,
            step=part.end - part.start,
            length=part.end - part.start,
            probabilities=np.full((1, len(self.labels)), np.nan, dtype=np.float32),
            coverage=np.zeros(1, dtype=np.float32),
            reasons=np.array([part.reason], dtype=object),
            doubts={name: np.full(1, np.nan, dtype=np.float32) for name in self._doubts()},
        )

    def _argument(self, kwargs: dict[str, Any], name: str) -> Any:
        return {**self.default_args, **kwargs}.get(name, self._annotate_args[name][1])

    def _fraction(self, kwargs: dict[str, Any], name: str) -> float:
        value = self._argument(kwargs, name)
        if not isinstance(value, int | float | np.number) or not 0 < value <= 1:
            raise ConfigurationError(f"{name} must be a number above 0 and up to 1, but is {value!r}")
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

    @abstractmethod
    def _judge_record(self, record: Record, offsets: NDArray[np.int64], stride: int) -> Verdict:
        """Judge the windows of a record that begin at these samples, with a stride between neighbours."""

    @abstractmethod
    def _doubts(self) -> list[str]:
        """Return the names of the doubts that a verdict has."""

    # Windows --------------------------------------------------------------------------------------------------------

    @staticmethod
    def _windows(windows: ArrayLike | Tensor) -> Tensor:
        try:
            x = torch.as_tensor(windows, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise WindowError(f"windows must be numbers of shape (N, components, samples): {error}") from error
        if x.ndim == 3 and x.numel():
            dead = (x.amax(dim=-1) == x.amin(dim=-1)).any(dim=-1)
            if dead.any():
                raise WindowError(
                    f"{int(dead.sum())} of {len(x)} windows have a component without any motion, the first at index "
                    f"{int(dead.nonzero()[0])}: leave them out"
                )
        return x

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """Compute in evaluation mode, without gradients, in a precision that the weights allow."""
        if self.dtype not in (torch.float32, torch.float64):
            raise ConfigurationError(
                f"the model was cast to {self.dtype}, too coarse for its weights: call model.float()"
            )
        if self.training:
            self.eval()
        with torch.no_grad():
            yield

    @property
    def device(self) -> torch.device:
        """Device of the model; SeisBench asks the parameters, of which a model of buffers has none."""
        return self._some_tensor().device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the model's floating-point tensors."""
        return self._some_tensor().dtype

    def _some_tensor(self) -> Tensor:
        tensors = [*self.state_dict().values(), *self.buffers()]  # the latter hold what is not saved, too
        return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.zeros(()))
