"""Extractors made of others: after a stage, or side by side."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.stages import Stage
from seisbench_lcl.extractors.stages.bands import shared_power
from seisbench_lcl.extractors.stages.base import BLOCK


class Staged(FeatureExtractor):
    """An extractor whose windows pass through a stage first: ``"envelope>minirocket"``.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        Components, samples and sampling rate (Hz) of the windows before the stage.
    stage : Stage
    extractor : FeatureExtractor
        Extractor for the windows that the stage returns.
    """

    def __init__(
        self, in_channels: int, in_samples: int, sampling_rate: float, stage: Stage, extractor: FeatureExtractor
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        self.stage = stage
        self.extractor = extractor
        self.name = f"{stage.name}>{extractor.name}"
        self.supervised, self.enough = extractor.supervised, extractor.enough
        self.trained_in_epochs = extractor.trained_in_epochs
        self.n_features = extractor.n_features

    def config(self) -> dict[str, Any]:
        """Return the arguments of stage and extractor, by name."""
        return {self.stage.name: self.stage.config(), self.extractor.name: self.extractor.config()}

    @property
    def leaves(self) -> list[FeatureExtractor]:
        """Return the extractors it consists of."""
        return self.extractor.leaves

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        self.extractor.fit(self._through(windows), labels, groups)
        self.unseen, self.histories = self.extractor.unseen, self.extractor.histories

    def _extract(self, windows: Tensor) -> Tensor:
        return self._extract_at(windows, None)

    def _extract_at(self, windows: Tensor, s_arrivals: Tensor | None) -> Tensor:
        features: Tensor = self.extractor(self._through(windows), s_arrivals)  # stages keep times
        return features

    def _through(self, windows: Tensor) -> Tensor:
        # In blocks, because intermediate results of a stage can be many times as large as the windows.
        return torch.cat([self.stage(block) for block in windows.split(BLOCK)])


class Concatenated(FeatureExtractor):
    """The features of several extractors in one row: ``"minirocket+physical"``.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    parts : sequence of FeatureExtractor
        Extractors of the same windows, with different names.
    """

    parts: nn.ModuleList

    def __init__(
        self, in_channels: int, in_samples: int, sampling_rate: float, parts: Sequence[FeatureExtractor]
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        self.parts = nn.ModuleList(parts)
        self.name = "+".join(part.name for part in parts)
        self.supervised = any(part.supervised for part in parts)
        self.trained_in_epochs = any(part.trained_in_epochs for part in parts)
        enough = [part.enough for part in parts]
        self.enough = None if None in enough else max(n for n in enough if n is not None)
        self.n_features = sum(part.n_features for part in parts)

    def config(self) -> dict[str, Any]:
        """Return the arguments of each part, by name."""
        return {part.name: part.config() for part in self._parts}

    @property
    def leaves(self) -> list[FeatureExtractor]:
        """Return the extractors it consists of."""
        return [leaf for part in self._parts for leaf in part.leaves]

    @property
    def blocks(self) -> list[int]:
        """Return the number of features of each part."""
        return [part.n_features for part in self._parts]

    @property
    def _parts(self) -> Iterable[FeatureExtractor]:
        return self.parts  # type: ignore[return-value]

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        for part in self._parts:
            part.fit(windows, labels, groups)
        self.histories = [history for part in self._parts for history in part.histories]
        unseen = [part.unseen.cpu().numpy() for part in self._parts if part.unseen is not None]
        # A head may only learn from events that no part learned from.
        self.unseen = torch.from_numpy(reduce(np.intersect1d, unseen)) if unseen else None

    def _extract(self, windows: Tensor) -> Tensor:
        return self._extract_at(windows, None)

    def _extract_at(self, windows: Tensor, s_arrivals: Tensor | None) -> Tensor:
        with shared_power():
            return torch.cat([part(windows, s_arrivals) for part in self._parts], dim=1)
