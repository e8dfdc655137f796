"""An extractor or a head on trial: how it is made, fitted and applied, as a model would."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property, partial
from inspect import signature
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.heads.base import Head
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._trial import N_CLASSES, Trial, trial_of_features, trial_of_windows

Kind = Literal["extractor", "head"]
Instance = FeatureExtractor | Head
Candidate = type[FeatureExtractor] | type[Head] | partial[Any]


class Failed(AssertionError):
    """A check found what must not be."""


class Skipped(Exception):
    """A check cannot be asked."""


class Subject(ABC):
    """A candidate, its trial, and its first fit, which checks share and must not change.

    Parameters
    ----------
    cls : type
        A subclass of FeatureExtractor or Head.
    arguments : mapping
        Of the constructor. Those that a model gives by position replace the sizes of the trial.

    Attributes
    ----------
    shape : dict
        What a model gives the constructor by position.
    """

    kind: ClassVar[Kind]
    inputs: ClassVar[str]
    default_shape: ClassVar[Mapping[str, Any]]

    _first: tuple[Instance, Tensor]

    def __init__(self, cls: type[Any], arguments: Mapping[str, Any]) -> None:
        self.cls = cls
        self.shape = {name: arguments.get(name, value) for name, value in self.default_shape.items()}
        self.arguments = {name: value for name, value in arguments.items() if name not in self.default_shape}

    def make(self, seed: int = 0, **sizes: Any) -> Instance:
        """Return a new instance, made under a global seed; sizes replace those of the trial."""
        return self.build(self.arguments, seed, **sizes)

    def build(self, arguments: Mapping[str, Any], seed: int = 0, **sizes: Any) -> Instance:
        """Return a new instance with other arguments."""
        shape = self.shape | sizes
        known = signature(self.cls).parameters
        told = {name: value for name, value in self.told(shape).items() if name in known}
        with seeded(seed):
            instance: Instance = self.cls(*shape.values(), **(told | dict(arguments)))
        return instance

    def learn(self, instance: Instance, trial: Trial, seed: int = 0) -> Instance:
        """Fit an instance to copies of the data, with labels if it asks for them, under a global seed."""
        trial = trial.copy()
        with seeded(seed):
            found = instance.fit(trial.inputs, trial.labels if instance.supervised else None, trial.groups)
        if found is not instance:
            raise Failed(f"fit returned {type(found).__name__}, but must return the instance: end it with return self")
        return instance

    def answer(self, instance: Instance, inputs: Tensor, seed: int = 0) -> Tensor:
        """Return the output for copies of the inputs, as a model computes it."""
        if instance.training:
            instance.eval()
        with torch.no_grad(), seeded(seed):
            output = instance(inputs.clone())
        if not isinstance(output, Tensor):
            raise Failed(f"forward returned {type(output).__name__}, but must return a Tensor")
        return output

    def trial(self, seed: int = 0, **sizes: Any) -> Trial:
        """Return data of these sizes; another seed makes others of the same kinds."""
        return self._trial(self.shape | sizes, seed)

    @cached_property
    def failure(self) -> BaseException | None:
        """Return what the first fit, or its output, ended with; None where both went well."""
        try:
            instance = self.learn(self.make(), self.trial())
            self._first = instance, self.answer(instance, self.trial().inputs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a candidate can fail in any way
            return error
        return None

    @property
    def fitted(self) -> Instance:
        """Return the first fit."""
        if self.failure:
            raise self.failure
        return self._first[0]

    @property
    def answers(self) -> Tensor:
        """Return the output of the first fit for its own data."""
        if self.failure:
            raise self.failure
        return self._first[1]

    @abstractmethod
    def width(self, instance: Instance) -> int:
        """Return the number of columns of the output."""

    @abstractmethod
    def told(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a model tells the constructor if it has such a parameter, and leaves out of its weights."""

    @abstractmethod
    def _trial(self, shape: Mapping[str, Any], seed: int) -> Trial: ...


class ExtractorSubject(Subject):
    """A feature extractor on trial."""

    kind = "extractor"
    inputs = "windows"
    default_shape: ClassVar[Mapping[str, Any]] = {"in_channels": 3, "in_samples": 1000, "sampling_rate": 100.0}

    def width(self, instance: Instance) -> int:
        return instance.n_features

    def told(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"frequency_range": [1.0, 18.0], "before": 2.0}
        if shape["in_channels"] <= len("ZNE"):
            told["component_order"] = "ZNE"[: shape["in_channels"]]
        return told

    def _trial(self, shape: Mapping[str, Any], seed: int) -> Trial:
        return trial_of_windows(**shape, seed=seed)


class HeadSubject(Subject):
    """A head on trial."""

    kind = "head"
    inputs = "features"
    default_shape: ClassVar[Mapping[str, Any]] = {"n_features": 8, "n_classes": N_CLASSES}

    def width(self, instance: Instance) -> int:
        assert isinstance(instance, Head)
        return instance.n_classes

    def told(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        first = shape["n_features"] // 2
        return {"blocks": [first, shape["n_features"] - first] if first else [shape["n_features"]]}

    def _trial(self, shape: Mapping[str, Any], seed: int) -> Trial:
        return trial_of_features(**shape, seed=seed)


def subject_of(candidate: Candidate) -> Subject:
    """Return what is on trial.

    Raises
    ------
    ConfigurationError
        If it is neither a subclass of FeatureExtractor or Head, nor `functools.partial` of one with arguments by name.
    """
    cls: Any = candidate
    arguments: Mapping[str, Any] = {}
    if isinstance(candidate, partial):
        if candidate.args:
            raise ConfigurationError(f"{label_of(candidate)}: give the arguments of a candidate by name")
        cls, arguments = candidate.func, candidate.keywords
    if isinstance(cls, type) and issubclass(cls, FeatureExtractor):
        return ExtractorSubject(cls, arguments)
    if isinstance(cls, type) and issubclass(cls, Head):
        return HeadSubject(cls, arguments)
    raise ConfigurationError(
        f"a candidate is a subclass of FeatureExtractor or Head, or functools.partial of one with the arguments of its "
        f"trial, but is {candidate!r}"
    )


def label_of(candidate: Candidate) -> str:
    """Return what a candidate is called in reports."""
    cls = candidate.func if isinstance(candidate, partial) else candidate
    return getattr(cls, "__name__", repr(cls))
