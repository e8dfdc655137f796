"""An extractor or head under test, built, fitted and applied as a model does; and a model that comes trained."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from inspect import isroutine, signature
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.heads.base import Head
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._trial import N_CLASSES, Trial, trial_of_features, trial_of_windows

Kind = Literal["extractor", "head", "model"]
Instance = FeatureExtractor | Head
Candidate = type[FeatureExtractor] | type[Head] | partial[Any] | Discriminator | Callable[[], Discriminator]


class Failed(AssertionError):
    """A check failed."""


class Skipped(Exception):
    """A check does not apply."""


class Subject(ABC):
    """A candidate, its trial data, and its first fit, which checks share and must not change.

    Parameters
    ----------
    cls : type
        A subclass of FeatureExtractor or Head.
    arguments : mapping
        Arguments of the constructor. Sizes among them replace those of the trial.

    Attributes
    ----------
    shape : dict
        Arguments that a model passes to the constructor by position.
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
        """Return a new instance, built under a global seed; `sizes` replace those of the trial."""
        return self.build(self.arguments, seed, **sizes)

    def build(self, arguments: Mapping[str, Any], seed: int = 0, **sizes: Any) -> Instance:
        """Return a new instance with other arguments."""
        shape = self.shape | sizes
        known = signature(self.cls).parameters
        context = {name: value for name, value in self.context(shape).items() if name in known}
        with seeded(seed):
            instance: Instance = self.cls(*shape.values(), **(context | dict(arguments)))
        return instance

    def learn(self, instance: Instance, trial: Trial, seed: int = 0) -> Instance:
        """Fit an instance to copies of the data, with labels if it is supervised, under a global seed."""
        trial = trial.copy()
        with seeded(seed):
            found = instance.fit(trial.inputs, trial.labels if instance.supervised else None, trial.groups)
        if found is not instance:
            raise Failed(f"fit returned {type(found).__name__}, but must return the instance: write return self")
        return instance

    def answer(self, instance: Instance, inputs: Tensor, seed: int = 0) -> Tensor:
        """Return the output for a copy of the inputs, as a model computes it."""
        if instance.training:
            instance.eval()
        with torch.no_grad(), seeded(seed):
            output = instance(inputs.clone())
        if not isinstance(output, Tensor):
            raise Failed(f"forward returned {type(output).__name__}, but must return a Tensor")
        return output

    def trial(self, seed: int = 0, **sizes: Any) -> Trial:
        """Return data of these sizes; another seed gives other data of the same kind."""
        return self._trial(self.shape | sizes, seed)

    @cached_property
    def failure(self) -> BaseException | None:
        """Return the exception of the first fit or its output; None without one."""
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
        """Return the output of the first fit for its training data."""
        if self.failure:
            raise self.failure
        return self._first[1]

    @abstractmethod
    def width(self, instance: Instance) -> int:
        """Return the number of columns of the output."""

    @abstractmethod
    def context(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments that a model passes if the constructor has them; `config` may leave them out."""

    @abstractmethod
    def _trial(self, shape: Mapping[str, Any], seed: int) -> Trial: ...


class ExtractorSubject(Subject):
    """A feature extractor under test."""

    kind = "extractor"
    inputs = "windows"
    default_shape: ClassVar[Mapping[str, Any]] = {"in_channels": 3, "in_samples": 1000, "sampling_rate": 100.0}

    def width(self, instance: Instance) -> int:
        return instance.n_features

    def context(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = {"frequency_range": [1.0, 18.0], "before": 2.0}
        if shape["in_channels"] <= len("ZNE"):
            context["component_order"] = "ZNE"[: shape["in_channels"]]
        return context

    def _trial(self, shape: Mapping[str, Any], seed: int) -> Trial:
        return trial_of_windows(**shape, seed=seed)


class HeadSubject(Subject):
    """A head under test."""

    kind = "head"
    inputs = "features"
    default_shape: ClassVar[Mapping[str, Any]] = {"n_features": 8, "n_classes": N_CLASSES}

    def width(self, instance: Instance) -> int:
        assert isinstance(instance, Head)
        return instance.n_classes

    def context(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        first = shape["n_features"] // 2
        return {"blocks": [first, shape["n_features"] - first] if first else [shape["n_features"]]}

    def _trial(self, shape: Mapping[str, Any], seed: int) -> Trial:
        return trial_of_features(**shape, seed=seed)


class ModelSubject:
    """A named model that comes trained, under test.

    Parameters
    ----------
    candidate : Discriminator or callable
        The trained model, or a function that returns it.
    """

    kind: ClassVar[Kind] = "model"

    def __init__(self, candidate: Discriminator | Callable[[], Discriminator]) -> None:
        self._candidate = candidate

    @cached_property
    def model(self) -> Discriminator:
        """Return the model, which checks must not change."""
        given = self._candidate
        found = given if isinstance(given, Discriminator) else given()
        if not isinstance(found, Discriminator):
            raise Failed(f"the function returned {type(found).__name__}, but must return a trained Discriminator")
        return found

    @property
    def cls(self) -> type[Discriminator]:
        """Return its class."""
        return type(self.model)

    def windows(self, seed: int = 0) -> Tensor:
        """Return windows (N, C, T) of the length, rate and number of components of the model."""
        form = self.model.preprocessing
        trial = trial_of_windows(len(form.component_order), form.in_samples, form.sampling_rate, seed, n_events=4)
        return trial.inputs.clone()

    def answer(self, model: Discriminator, windows: Tensor, seed: int = 0) -> Tensor:
        """Return the probabilities of a model for a copy of windows, under a global seed."""
        with seeded(seed):
            return torch.from_numpy(model.predict_proba(windows.clone()))

    @cached_property
    def failure(self) -> BaseException | None:
        """Return the exception of the first prediction; None without one."""
        try:
            self.answers = self.answer(self.model, self.windows())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a candidate can fail in any way
            return error
        return None


AnySubject = Subject | ModelSubject


def subject_of(candidate: Candidate) -> AnySubject:
    """Return the subject of a candidate.

    Raises
    ------
    ConfigurationError
        If it is neither a subclass of FeatureExtractor or Head, nor `functools.partial` of one with keyword arguments,
        nor a trained model, nor a function that returns one.
    """
    cls: Any = candidate
    if isinstance(cls, Discriminator) or isroutine(cls.func if isinstance(cls, partial) else cls):
        return ModelSubject(cls)
    arguments: Mapping[str, Any] = {}
    if isinstance(cls, partial):
        if cls.args:
            raise ConfigurationError(f"{label_of(candidate)}: pass the arguments of a candidate by name")
        cls, arguments = cls.func, cls.keywords
    if isinstance(cls, type) and issubclass(cls, FeatureExtractor):
        return ExtractorSubject(cls, arguments)
    if isinstance(cls, type) and issubclass(cls, Head):
        return HeadSubject(cls, arguments)
    raise ConfigurationError(
        "a candidate must be a subclass of FeatureExtractor or Head, or functools.partial of one with keyword "
        f"arguments, or a trained Discriminator or a function that returns one, but is {candidate!r}"
    )


def label_of(candidate: Candidate) -> str:
    """Return the name of a candidate in reports."""
    cls = candidate.func if isinstance(candidate, partial) else candidate
    cls = type(cls) if isinstance(cls, Discriminator) else cls
    return getattr(cls, "__name__", repr(cls))
