"""One extractor and one head on windows: features, probabilities, and what is unlike the training data."""

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.novelty import Novelty
from seisbench_lcl.records import Record
from seisbench_lcl.rows import RowFile
from seisbench_lcl.streams import StreamModel
from seisbench_lcl.verdict import Verdict

_BATCH = 256
_OVERLAPS = 5  # windows that cover a sample, from which on it pays to convolve a record once for all of them

Windows = ArrayLike | Tensor | RowFile
Picks = ArrayLike | Tensor | None


class Pair(StreamModel):
    """A stream model of one extractor and one head, which a subclass makes and fits.

    Attributes
    ----------
    extractor : FeatureExtractor
    head : Head
    unlikeness : Novelty or None
        What tells windows that are unlike the training data.
    clusters : list of str
        Label of each output of the head; empty where the outputs are the labels.
    """

    extractor: FeatureExtractor
    head: Head
    unlikeness: Novelty | None
    clusters: list[str]
    _merge: Tensor

    def predict_proba(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return class probabilities (N, K) of windows (N, C, T) in the rate and band of the model.

        `s_arrivals`, here and below, are picks of S in seconds after the first sample of each window, (N,), NaN where
        there is none. Physical discriminants use them; without, S is where most energy follows P.
        """
        return self._in_batches(windows, self._probabilities, s_arrivals).numpy()

    def features(self, windows: Windows, s_arrivals: Picks = None) -> Tensor:
        """Return the extractor's features (N, F) of windows (N, C, T) in the rate and band of the model."""
        return self._in_batches(windows, lambda features: features, s_arrivals)

    def cluster_proba(self, windows: Windows) -> NDArray[np.float32]:
        """Return the probability of each cluster, whatever its name, (N, number of clusters)."""
        return self._in_batches(windows, self.head).numpy()

    def novelty(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return how unlike the training data windows (N, C, T) are, (N,); 1 is the limit stored with the weights.

        Raises
        ------
        ConfigurationError
            If the model was made without such a limit.
        """
        if self.unlikeness is None:
            raise ConfigurationError(f"{self.name} was made without novelty_rate, so it has nothing to compare with")
        return self._in_batches(windows, self.unlikeness, s_arrivals).numpy()

    def judge(self, windows: Windows, s_arrivals: Picks = None) -> Verdict:
        """Return probabilities and doubts of windows (N, C, T), from one pass of the extractor."""

        def columns(features: Tensor) -> Tensor:
            verdict = self._verdict(features)
            return torch.column_stack([verdict.probabilities, *verdict.doubts.values()])

        found = self._in_batches(windows, columns, s_arrivals)
        n = len(self.labels)
        return Verdict(found[:, :n], dict(zip(self._doubts(), found[:, n:].T, strict=True)))

    def forward(self, windows: Tensor) -> Tensor:
        """Return class probabilities (B, K) of normalised windows (B, C, T)."""
        return self._probabilities(self.extractor(windows))

    def annotate_batch_pre(self, batch: Tensor, argdict: dict[str, Any]) -> Tensor:
        """Normalise a batch of windows (B, C, T)."""
        return self.preprocessing.normalise(batch)

    @property
    def learns_from_labels(self) -> bool:
        """Whether `fit` needs labels, be it for the head or for the extractor."""
        return self.head.supervised or self.extractor.supervised

    def _probabilities(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.head(features)
        return outputs @ self._merge if self.clusters else outputs

    def _judge_record(self, record: Record, offsets: NDArray[np.int64], stride: int) -> Verdict:
        with self._inference():
            if self._slides(stride):
                runs = record.runs(offsets, stride, self.preprocessing)
                features = self.extractor.slide([torch.from_numpy(run) for run in runs], stride)
            else:
                windows = torch.from_numpy(record.cut(offsets, self.in_samples)).to(self.device)
                features = self.extractor(self.annotate_batch_pre(windows, {}))
            return self._verdict(features)

    def _verdict(self, features: Tensor) -> Verdict:
        doubts = {"novelty": self.unlikeness(features)} if self.unlikeness else {}
        return Verdict(self._probabilities(features), doubts)

    def _doubts(self) -> list[str]:
        return ["novelty"] if self.unlikeness else []

    def _slides(self, stride: int) -> bool:
        """Whether windows share their scale, and enough of their samples, for `FeatureExtractor.slide` to pay."""
        on_cpu = self.device.type == "cpu"
        return on_cpu and self.extractor.slides and self.preprocessing.peak and _OVERLAPS * stride <= self.in_samples

    def _in_batches(self, windows: Windows, function: Callable[[Tensor], Tensor], s_arrivals: Picks = None) -> Tensor:
        """Normalise windows, extract their features and apply a function to these, batch by batch."""
        if isinstance(windows, RowFile):
            starts = range(0, max(len(windows), 1), _BATCH)
            parts = (self._windows(windows[start : start + _BATCH]) for start in starts)
        else:
            parts = iter(self._windows(windows).split(_BATCH))
        picks = self._picks(len(windows), s_arrivals)  # type: ignore[arg-type]
        with self._inference():
            batches = []
            for part, s in zip(parts, picks, strict=False):
                normalised = self.annotate_batch_pre(part.to(self.device), {})
                batches.append(function(self.extractor(normalised, s)))
            return torch.cat(batches).cpu()

    def _picks(self, n: int, s_arrivals: Picks) -> Iterable[Tensor | None]:
        if s_arrivals is None:
            return repeat(None)
        return check_picks(n, s_arrivals).to(self.device).split(_BATCH)

    def _feature_rows(self, windows: Tensor | RowFile, s_arrivals: Picks = None) -> Tensor | RowFile:
        if isinstance(windows, Tensor):
            return self.features(windows, s_arrivals)
        rows = RowFile(self.extractor.n_features)
        for start, s in zip(range(0, len(windows), _BATCH), self._picks(len(windows), s_arrivals), strict=False):
            rows.extend(self.features(windows[start : start + _BATCH], s).numpy())
        return rows

    def _parts(self) -> dict[str, FeatureExtractor | Head]:
        leaves = self.extractor.leaves
        extractors = (
            {f"{leaf.name} extractor": leaf for leaf in leaves} if len(leaves) > 1 else {"extractor": leaves[0]}
        )
        return {**extractors, "head": self.head}


def check_picks(n: int, s_arrivals: ArrayLike | Tensor) -> Tensor:
    """Return picks of S as (n,) float64.

    Raises
    ------
    WindowError
        If there is not one number or NaN for each of n windows.
    """
    try:
        picks = torch.from_numpy(np.array(s_arrivals, dtype=float))  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise WindowError(f"S arrivals must be seconds, NaN where there is none: {error}") from error
    if picks.shape != (n,):
        raise WindowError(
            f"{n} windows need one S arrival each, NaN where there is none, but found shape {tuple(picks.shape)}"
        )
    return picks
