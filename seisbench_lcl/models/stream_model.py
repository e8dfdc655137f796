"""Models on streams: from records to windows to decisions."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import obspy
import torch
from numpy.typing import NDArray

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models._placing import Placing
from seisbench_lcl.models.prediction import Prediction
from seisbench_lcl.models.reasons import novel, unsure
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.models.stream_classifier import Limits, StreamClassifier, logger
from seisbench_lcl.waveforms.channels import Channels
from seisbench_lcl.waveforms.records import Record, read_stream


class Decisions(NamedTuple):
    """Decisions on windows of one record.

    Attributes
    ----------
    probabilities : (n, K) float32 ndarray
        NaN where the model abstained.
    coverage : (n,) float32 ndarray
        Fraction of samples present in the least complete component.
    reasons : (n,) ndarray of str
        Why the model abstained; empty where it did not.
    diagnostics : dict from name to (n,) float32 ndarray
    """

    probabilities: NDArray[np.float32]
    coverage: NDArray[np.float32]
    reasons: NDArray[np.object_]
    diagnostics: dict[str, NDArray[np.float32]]


class StreamModel(StreamClassifier):
    """A model with one preprocessing, which decides on the windows of each record on its own.

    A subclass sets `preprocessing` and `event_types` and implements `predict_proba` and `_predict_record`.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> model: StreamModel = lcl.from_pretrained("MiniRocketRidge/mixed-3c")
    >>> len(model.classify(obspy.read(), stride=200).windows)
    6
    """

    def _decide(self, stream: obspy.Stream, kwargs: dict[str, Any]) -> WindowList:
        stride = self._whole_number(kwargs, "stride", round(self.sampling_rate))
        batch_size = self._whole_number(kwargs, "batch_size")
        limits, placing = self._limits(kwargs), self._placing(kwargs)
        records, unusable = read_stream(
            stream,
            self.preprocessing,
            self._argument(kwargs, "flexible_horizontal_components"),
            Channels.of(self._argument(kwargs, "channels"), self.component_order),
        )
        if placing.arrivals is None:
            blocks = [self._classify_record(record, placing, stride, batch_size, limits) for record in records]
        else:
            blocks = self._classify_arrivals(records, placing, stride, batch_size, limits)
        blocks += [self._abstain(part) for part in unusable]
        for part in unusable:
            logger.warning("%s abstained: %s", part.station, part.reason)
        return self._window_list(blocks, at_arrivals=placing.arrivals is not None)

    def _classify_record(
        self, record: Record, placing: Placing, stride: int, batch_size: int, limits: Limits
    ) -> StationWindows:
        offsets = placing.offsets(record, stride, self.preprocessing)
        rate = self.sampling_rate
        start = record.start + (int(offsets[0]) if len(offsets) else 0) / rate
        found = self._decide_windows(record, offsets, stride, batch_size, limits)
        return StationWindows(record.station, start, stride / rate, self.in_samples / rate, *found)

    def _classify_arrivals(
        self, records: list[Record], placing: Placing, stride: int, batch_size: int, limits: Limits
    ) -> list[StationWindows]:
        """Return one block for each station and arrival."""
        blocks: list[StationWindows] = []
        rate, length = self.sampling_rate, self.in_samples
        left = {record.station: placing.waiting() for record in records}
        for record in records:
            found = placing.at_arrivals(record, self.preprocessing)
            for ns in found:
                left[record.station].pop(ns, None)
            offsets = np.unique(np.array([*found.values()], dtype=np.int64))  # two arrivals may share a sample
            if not len(offsets):
                continue
            made = self._decide_windows(record, offsets, length, batch_size, limits)  # which share no samples
            for i, offset in enumerate(offsets.tolist()):
                row = slice(i, i + 1)
                diagnostics = {name: values[row] for name, values in made.diagnostics.items()}
                start = record.start + offset / rate
                single = made.probabilities[row], made.coverage[row], made.reasons[row], diagnostics
                blocks.append(StationWindows(record.station, start, stride / rate, length / rate, *single))
        return blocks + [block for station, times in left.items() for block in self._uncovered(station, times.values())]

    def _decide_windows(
        self, record: Record, offsets: NDArray[np.int64], stride: int, batch_size: int, limits: Limits
    ) -> Decisions:
        """Decide on the windows that begin at these samples; neighbours are one stride apart, or more."""
        coverage = record.coverage(offsets, self.in_samples)
        least = coverage.min(axis=1)
        probabilities = np.full((len(offsets), len(self.labels)), np.nan, dtype=np.float32)
        diagnostics = {name: np.full(len(offsets), np.nan, dtype=np.float32) for name in self._diagnostics()}
        complete = np.flatnonzero(least >= limits.min_coverage)
        for start in range(0, len(complete), batch_size):
            batch = complete[start : start + batch_size]
            prediction = self._predict_record(record, offsets[batch], stride)
            probabilities[batch] = prediction.probabilities.cpu().numpy()
            for name, values in prediction.diagnostics.items():
                diagnostics[name][batch] = values.cpu().numpy()
        reasons = np.full(len(offsets), "", dtype=object)
        for i in np.flatnonzero(least < limits.min_coverage):
            row = int(coverage[i].argmin())
            component = self.component_order[row]
            flaws = record.flaws_in(row, int(offsets[i]), self.in_samples)
            reasons[i] = f"{100 * least[i]:.4g}% of component {component} present ({flaws})"
        novelty = diagnostics.get("novelty", least * 0)
        for i in np.flatnonzero(novelty > limits.max_novelty):
            reasons[i] = novel(novelty[i], limits.max_novelty)
        for i in np.flatnonzero((probabilities.max(axis=1) < limits.reject_below) & (reasons == "")):
            best = self.labels[probabilities[i].argmax()]
            reasons[i] = unsure(best, probabilities[i].max(), limits.reject_below)
        probabilities[reasons != ""] = np.nan
        return Decisions(probabilities, least, reasons, diagnostics)

    @abstractmethod
    def _predict_record(self, record: Record, offsets: NDArray[np.int64], stride: int) -> Prediction:
        """Predict the windows of a record that begin at these samples; neighbours are one stride apart."""

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """Compute in evaluation mode, without gradients, in a sufficient precision."""
        if self.dtype not in (torch.float32, torch.float64):
            raise ConfigurationError(
                f"the model was cast to {self.dtype}, which is too coarse for its weights: load the weights again"
            )
        if self.training:
            self.eval()
        with torch.no_grad():
            yield
