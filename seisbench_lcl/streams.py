"""Models on streams: what `annotate` and `classify` do, from records to windows to decisions."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import obspy
import torch
from numpy.typing import ArrayLike
from seisbench.util import ClassifyOutput
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WaveformError, WindowError
from seisbench_lcl.labels import NOISE
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.pretrained import PretrainedModel
from seisbench_lcl.records import Record, Unusable, read_stream
from seisbench_lcl.results import StationWindows, WindowList
from seisbench_lcl.rows import RowFile

_OVERLAPS = 5  # windows that cover a sample, from which on it pays to convolve a record once for all of them

logger = logging.getLogger("seisbench")


class StreamModel(PretrainedModel):
    """A SeisBench model that decides on windows of streams, and abstains where a window is not whole.

    A subclass sets `preprocessing` and `event_types` and implements `_decide`.
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
            ``stride``, ``batch_size``, ``min_coverage``, ``strict``, ``flexible_horizontal_components``.

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

    def annotate_batch_pre(self, batch: Tensor, argdict: dict[str, Any]) -> Tensor:
        """Normalise a batch of windows (B, C, T)."""
        return self.preprocessing.normalise(batch)

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
        min_coverage = 1.0 if self._argument(kwargs, "strict") else self._fraction(kwargs, "min_coverage")
        records, unusable = read_stream(
            stream, self.preprocessing, self._argument(kwargs, "flexible_horizontal_components")
        )
        blocks = [self._classify_record(record, int(stride), int(batch_size), min_coverage) for record in records]
        blocks += [self._abstain(part) for part in unusable]
        for part in unusable:
            logger.warning("%s abstained: %s", part.station, part.reason)
        return WindowList(self.labels, sorted(blocks, key=lambda block: (block.station, block.start)))

    def _classify_record(self, record: Record, stride: int, batch_size: int, min_coverage: float) -> StationWindows:
        offsets = np.arange(0, record.data.shape[1] - self.in_samples + 1, stride)
        coverage = record.coverage(offsets, self.in_samples)
        least = coverage.min(axis=1)
        probabilities = np.full((len(offsets), len(self.labels)), np.nan, dtype=np.float32)
        complete = np.flatnonzero(least >= min_coverage)
        slide = self._slides(stride)
        for start in range(0, len(complete), batch_size):
            batch = complete[start : start + batch_size]
            if slide:
                runs = record.runs(offsets[batch], stride, self.preprocessing)
                with self._inference():
                    features = self.extractor.slide([torch.from_numpy(run) for run in runs], stride)
                    probabilities[batch] = self._decide(features).numpy()
            else:
                windows = torch.from_numpy(record.cut(offsets[batch], self.in_samples))
                probabilities[batch] = self._in_batches(windows, self, batch_size).numpy()
        reasons = np.full(len(offsets), "", dtype=object)
        for i in np.flatnonzero(least < min_coverage):
            component = self.component_order[int(coverage[i].argmin())]
            reasons[i] = (
                f"{100 * least[i]:.4g}% of component {component} present (gap, conflicting overlap or flat line)"
            )
        rate = self.sampling_rate
        return StationWindows(
            record.station, record.start, stride / rate, self.in_samples / rate, probabilities, least, reasons
        )

    def _slides(self, stride: int) -> bool:
        """Whether windows share their scale, and enough of their samples, for `FeatureExtractor.slide` to pay."""
        on_cpu = self.device.type == "cpu"
        return on_cpu and self.extractor.slides and self.preprocessing.peak and _OVERLAPS * stride <= self.in_samples

    def _abstain(self, part: Unusable) -> StationWindows:
        return StationWindows(
            part.station,
            part.start,
            step=part.end - part.start,
            length=part.end - part.start,
            probabilities=np.full((1, len(self.labels)), np.nan, dtype=np.float32),
            coverage=np.zeros(1, dtype=np.float32),
            reasons=np.array([part.reason], dtype=object),
        )

    def _argument(self, kwargs: dict[str, Any], name: str) -> Any:
        return {**self.default_args, **kwargs}.get(name, self._annotate_args[name][1])

    def _fraction(self, kwargs: dict[str, Any], name: str) -> float:
        value = self._argument(kwargs, name)
        if not isinstance(value, int | float | np.number) or not 0 < value <= 1:
            raise ConfigurationError(f"{name} must be a number above 0 and up to 1, but is {value!r}")
        return float(value)

    @abstractmethod
    def _decide(self, features: Tensor) -> Tensor:
        """Return probabilities (B, K) of features (B, F)."""

    # Windows --------------------------------------------------------------------------------------------------------

    def forward(self, windows: Tensor) -> Tensor:
        """Return class probabilities (B, K) of normalised windows (B, C, T)."""
        return self._decide(self.extractor(windows))

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

    def _in_batches(
        self, windows: ArrayLike | Tensor | RowFile, function: Callable[[Tensor], Tensor], size: int
    ) -> Tensor:
        """Normalise windows and apply a module to them, batch by batch."""
        if isinstance(windows, RowFile):
            parts = (self._windows(windows[i : i + size]) for i in range(0, max(len(windows), 1), size))
        else:
            parts = iter(self._windows(windows).split(size))
        with self._inference():
            batches = [function(self.annotate_batch_pre(part.to(self.device), {})) for part in parts]
            return torch.cat(batches).cpu()

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
        return next(self._floats()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the model's floating-point tensors."""
        return next(self._floats()).dtype

    def _floats(self) -> Iterator[Tensor]:
        return (tensor for tensor in self.state_dict().values() if tensor.is_floating_point())
