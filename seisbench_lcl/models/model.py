"""The interface that evaluation and commands use, for one discriminator and for an ensemble."""

# ruff: noqa: D102 (the classes behind the protocol document its members)

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np
import obspy
from numpy.typing import NDArray
from seisbench.util import ClassifyOutput
from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.hub.origin import WeightsOrigin
from seisbench_lcl.models._windows import Picks, Windows
from seisbench_lcl.models.prediction import Prediction
from seisbench_lcl.models.pretrained import TrainingWindows
from seisbench_lcl.optim import History
from seisbench_lcl.waveforms import Preprocessing


class Model(Protocol):
    """A `Discriminator` or an ensemble; their docstrings describe the members of this protocol.

    Examples
    --------
    >>> import seisbench_lcl as lcl
    >>> model: Model = lcl.from_pretrained("MiniRocketRidge/mixed-3c")
    >>> model.labels
    ['earthquake', 'noise', 'surface event']
    """

    labels: list[str]
    event_types: dict[str, str | None]
    preprocessing: Preprocessing
    default_args: dict[str, Any]
    held_out: NDArray[np.float32] | None
    training_windows: TrainingWindows | None
    event_calibration: dict[str, Any] | None
    weights_origin: WeightsOrigin | None

    @property
    def name(self) -> str: ...
    @property
    def window_preprocessing(self) -> Preprocessing | list[Preprocessing]: ...
    @property
    def diagnostic_names(self) -> list[str]: ...
    @property
    def weights_docstring(self) -> str | None: ...
    @property
    def sampling_rate(self) -> float: ...
    @property
    def clusters(self) -> list[str]: ...
    @property
    def backbones(self) -> list[Backbone]: ...
    @property
    def members(self) -> Iterable[Any]: ...
    @property
    def learns_from_labels(self) -> bool: ...
    @property
    def open_ended(self) -> bool: ...
    @property
    def augments(self) -> bool: ...
    @property
    def part_args(self) -> dict[str, dict[str, Any]]: ...
    @property
    def histories(self) -> list[History]: ...

    def fit(
        self,
        windows: Windows,
        labels: Iterable[str] | None = None,
        groups: Iterable[Any] | None = None,
        s_arrivals: Picks = None,
    ) -> Self: ...
    def fine_tune(
        self, windows: Windows, labels: Iterable[str], groups: Iterable[Any] | None = None, **arguments: Any
    ) -> Self: ...
    def fresh(self, labels: Sequence[str] | None = None) -> Self: ...
    def predict(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.str_]: ...
    def predict_proba(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]: ...
    def predict_detailed(self, windows: Windows, s_arrivals: Picks = None) -> Prediction: ...
    def cluster_proba(self, windows: Windows) -> NDArray[np.float32]: ...
    def features(self, windows: Windows, s_arrivals: Picks = None) -> Tensor: ...
    def classify(self, stream: obspy.Stream, parallelism: int | None = None, **kwargs: Any) -> ClassifyOutput: ...
    def get_model_args(self) -> dict[str, Any]: ...
    def save(self, path: str | PathLike[str], weights_docstring: str = "", version_str: str | None = None) -> None: ...
