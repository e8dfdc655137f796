"""What all decisions of an archive have in common: the weights, and how windows are placed and kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

from obspy import UTCDateTime
from seisbench.models import WaveformModel

from seisbench_lcl.errors import ArchiveError, ConfigurationError, check_arguments
from seisbench_lcl.hub.backbones import Backbone, open_backbone
from seisbench_lcl.labels import NOISE
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.preprocessing import Preprocessing

Kept = Literal["none", "top", "all"]
"""Which probabilities of windows are kept."""

_SETTLED = 10.0  # periods of the lowest frequency after which the high-pass has forgotten where a record began
_LEAST_COVERAGE = 0.95


@dataclass(frozen=True)
class Weights:
    """Weights of the model, and how a worker finds them.

    Attributes
    ----------
    given : str
        Name or absolute path.
    model : str or None
        Class, if the user gave one.
    name, version, digest : str
        "MODEL/NAME"; version; SHA-256 of the tensors.
    """

    given: str
    model: str | None
    name: str
    version: str
    digest: str

    @classmethod
    def of(cls, given: str, model: str | None = None) -> "Weights":
        """Find weights by name or path.

        Raises
        ------
        ConfigurationError
            If the model is not one of saved weights.
        """
        origin = find_model(given, model).weights_origin
        if origin is None:
            raise ConfigurationError(f"{given} has no saved weights that workers could load: save the model first")
        if origin.place == "path":
            given = str(Path(given).resolve())  # workers may run in other folders
        return cls(given, model, f"{origin.model}/{origin.name}", str(origin.version), origin.sha256)

    def load(self) -> Model:
        """Return the model; each process loads it once.

        Raises
        ------
        ArchiveError
            If other weights have this name here.
        """
        return _loaded(self)


@lru_cache(maxsize=2)
def _loaded(weights: Weights) -> Model:
    model: Model = find_model(weights.given, weights.model)
    found = model.weights_origin.sha256 if model.weights_origin else ""
    if found != weights.digest:
        raise ArchiveError(
            f"{weights.given} has the digest {found[:12]} on this worker, but {weights.digest[:12]} where the run was "
            "started: give all machines the same weights"
        )
    return model


@lru_cache(maxsize=2)
def opened_picker(picker: Backbone) -> WaveformModel:
    """Return a picker; each process loads it once."""
    return open_backbone(picker.model, picker.weights, picker.version, picker.sha256)[0]


@dataclass(frozen=True)
class Settings:
    """How decisions are made.

    Attributes
    ----------
    weights : Weights
    stride : int
        Samples between windows.
    threshold : float
        Smallest probability of the label of a window in a detection.
    limits : mapping
        Further arguments of `classify`; those that are absent are as in the weights.
    instruments : tuple of str
        Band and instrument codes to use; empty takes every channel.
    windows : "none", "top" or "all"
        Which probabilities of windows are kept. Of windows at picks, all are.
    picker : Backbone or None
        Decide at the P picks of this picker instead of every stride.
    picker_args : mapping
        Arguments of its `classify`.
    service : str or None
        FDSN service to read from, instead of files.

    Raises
    ------
    ConfigurationError
        If a value is out of range.
    """

    weights: Weights
    stride: int
    threshold: float = 0.5
    limits: Mapping[str, Any] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    windows: Kept = "none"
    picker: Backbone | None = None
    picker_args: Mapping[str, Any] = field(default_factory=dict)
    service: str | None = None

    def __post_init__(self) -> None:
        check_arguments(
            "",
            ("stride must be at least one sample", self.stride >= 1, self.stride),
            ("threshold must be above 0 and up to 1", 0 < self.threshold <= 1, self.threshold),
            (f"windows must be one of {', '.join(get_args(Kept))}", self.windows in get_args(Kept), self.windows),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what results depend on, as JSON types."""
        plain = asdict(self) | {"picker": self.picker.model_dump() if self.picker else None}
        plain["weights"] = {name: plain["weights"][name] for name in ("name", "version", "digest")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @property
    def digest(self) -> str:
        """Of the model's tensors, not of its name, and of all settings."""
        plain = self.to_dict()
        plain["weights"] = plain["weights"]["digest"]
        return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Reach:
    """How far around its P position a decision depends on the record, in s.

    Attributes
    ----------
    before, after : float
        From the first sample to P, and from P to the last, with what the filters need.
    """

    before: float
    after: float

    @classmethod
    def of(cls, model: Model) -> "Reach":
        """Return the reach of the windows of a model or of the members of an ensemble."""
        found = model.window_preprocessing
        models = [found] if isinstance(found, Preprocessing) else found
        longest = max(one.seconds for one in models)  # a gap as long as a window splits a record
        settled = max(_SETTLED / one.band[0] if one.band[0] else 0.0 for one in models)
        pad = longest + max(settled, _SETTLED)
        return cls(max(one.before for one in models) + pad, max(one.seconds - one.before for one in models) + pad)


def ignored_labels(model: Model) -> list[str]:
    """Return the labels that make no detections: noise, and what is no event."""
    return [label for label in model.labels if model.event_types[label] is None or label.lower() == NOISE]


def least_coverage(model: Model, limits: Mapping[str, Any]) -> float:
    """Return the smallest fraction of samples with which a window is decided on."""
    known = {**model.default_args, **limits}
    return 1.0 if known.get("strict") else float(known.get("min_coverage", _LEAST_COVERAGE))


def time_of(ns: int) -> UTCDateTime:
    """Return a time from ns since 1970."""
    return UTCDateTime(ns=ns)
