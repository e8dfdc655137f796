"""Saving, loading and finding weights."""

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import torch
from seisbench.models import WaveformModel
from torch import Tensor
from typing_extensions import NotRequired, Self

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import ConfigurationError, NotFittedError, WeightsError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.hub import lookup, weights
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.hub.origin import WeightsOrigin
from seisbench_lcl.hub.published import Published
from seisbench_lcl.models.registry import BUILT_IN, registry

_SEISBENCH_REQUIREMENT = "0.12.6"


class TrainingWindows(TypedDict):
    """How the training windows of weights were cut and chosen; see `seisbench_lcl.datasets.Cuts`.

    `max_shift` and `refine` are in seconds, `min_snr` in dB; None accepted all windows. `picker` is the
    `seisbench_lcl.hub.backbones.Backbone` that refined picks, as a mapping. `windows` is the number of windows, without
    shifted copies.

    Examples
    --------
    >>> TrainingWindows(max_shift=1.0, copies=2, refine=0.0, min_snr=None)["copies"]
    2
    """

    max_shift: float
    copies: int
    refine: float
    min_snr: float | None
    picker: NotRequired[dict[str, str]]
    windows: NotRequired[int]


class PretrainedModel(WaveformModel):
    """A SeisBench model of extractors and heads, whose weights are files of `seisbench_lcl.hub.weights`.

    A subclass implements `_parts`, and its constructor takes what `get_model_args` returns.

    Attributes
    ----------
    published : mapping from name to seisbench_lcl.hub.published.Published
        Class attribute: weights that others trained and publish. A class that has any implements `from_tensors`.
    training_windows : TrainingWindows or None
        How the training windows were cut and chosen; None if the weights do not record it.
    event_calibration : dict or None
        Arguments of `seisbench_lcl.events.EventCalibration`: how certain votes of several stations are. Training fits
        it to events that it holds out.
    weights_origin : seisbench_lcl.hub.origin.WeightsOrigin or None
        The weights in use: name, version, digest and origin; None if the model was not loaded, or changed since.

    Examples
    --------
    >>> import seisbench_lcl as lcl
    >>> model = lcl.MiniRocketRidge.from_pretrained("mixed-3c")
    >>> issubclass(lcl.MiniRocketRidge, PretrainedModel), model.weights_origin.name
    (True, 'mixed-3c')
    """

    published: ClassVar[Mapping[str, Published]] = {}
    training_windows: TrainingWindows | None = None
    event_calibration: dict[str, Any] | None = None
    weights_origin: WeightsOrigin | None = None

    def save(self, path: str | os.PathLike[str], weights_docstring: str = "", version_str: str | None = None) -> None:
        """Save in SeisBench's layout, with the tensors as safetensors too.

        Parameters
        ----------
        path : path
            Without suffix; missing folders are created.
        weights_docstring : str
            Description of the weights: data, scores, limits.
        version_str : str, optional
            Appended to the file names as ``.v<version_str>``; without it the weights are version "1".

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        WeightsError
            If the files cannot be written.
        """
        tensors = self.state_dict()
        if not all(torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point()):
            raise NotFittedError(
                f"{self.name} is not fitted, so there is nothing to save: call fit first, or load weights"
            )
        metadata = {
            "docstring": weights_docstring,
            "model_args": self.get_model_args(),
            "seisbench_requirement": _SEISBENCH_REQUIREMENT,
            "default_args": self.default_args,
            "version": version_str or "1",
            "seisbench_lcl": {"version": __version__, "model": self.name, "requires": self._requires()},
        }
        if self.backbones:
            metadata["seisbench_lcl"]["backbones"] = [backbone.model_dump() for backbone in self.backbones]
        if self.training_windows is not None:
            metadata["seisbench_lcl"]["training_windows"] = self.training_windows
        if self.event_calibration is not None:
            metadata["seisbench_lcl"]["event_calibration"] = self.event_calibration
        weights.write(path, version_str, metadata, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str], version_str: str | None = None, **kwargs: Any) -> Self:
        """Load a model without unpickling anything.

        Parameters
        ----------
        path : path
            Without suffix.
        version_str : str, optional
            As given to `save`.
        **kwargs
            Arguments of stock SeisBench's `load` for `torch.load`; no effect.

        Raises
        ------
        WeightsError
            If files are missing, truncated or changed, belong to another model, or do not fit their description.
        MissingPluginError
            If the extractor or head is not installed; the message names the package to install.
        """
        metadata, tensors = weights.read(path, version_str)
        try:
            cls._check_metadata(path, metadata)
            metadata["default_args"] = metadata.get("default_args") or {}
            model = cls(**_completed(metadata["model_args"]), default_args=metadata["default_args"])
        except WeightsError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: the description of the model cannot be used: {error}") from error
        expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if expected != found:
            wrong = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
            listed = "; ".join(f"{n}: {found.get(n)} instead of {expected.get(n)}" for n in wrong)
            raise WeightsError(f"{path}: tensors do not fit the description of the model: {listed}")
        model.load_state_dict(tensors)
        model._weights_metadata = metadata
        model.training_windows = metadata["seisbench_lcl"].get("training_windows")
        model.event_calibration = metadata["seisbench_lcl"].get("event_calibration")
        model.weights_origin = WeightsOrigin.of(cls, path, version_str, metadata)
        model._parse_metadata()
        return model.eval()

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        version_str: str = "latest",
        update: bool = False,
        force: bool = False,
        wait_for_file: bool = False,
    ) -> Self:
        """Load pretrained weights from SeisBench's cache, from the package, from a hub, or from their public address.

        Only the last two need a network; they are asked if the weights are not here, or with `update` or `force`.
        Weights at a public address (`published`) are converted and stored in the cache.

        Parameters
        ----------
        name : str
            One of `list_pretrained`.
        version_str : str
            A version, or "latest".
        update : bool
            Ask the hubs for a newer version.
        force : bool
            Pull the weights again, and replace those in the cache, even by other weights of this name and version.
        wait_for_file : bool
            As in SeisBench; no effect.

        Raises
        ------
        WeightsError
            If the weights do not exist; the message lists the existing ones.
        HubError
            If a hub does not hold what its registry declares, no hub that might have the weights can be reached, or
            published weights cannot be downloaded; the message says how to install a local file.
        """
        path, version = lookup.find(cls, name, version_str, update=update, force=force)
        return cls.load(path, version_str=version)

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> Self:
        """Build a model from the tensors of weights that its class publishes; a class with `published` overrides it.

        Parameters
        ----------
        name : str
            A key of `published`.
        tensors : mapping from str to Tensor
            As the authors of the weights named them, without those that the entry ignores. Check them by
            `seisbench_lcl.hub.published.check_tensors`.

        Returns
        -------
        PretrainedModel
            Fitted, in evaluation mode.

        Raises
        ------
        WeightsError
            If tensors are missing, or have other shapes.
        """
        raise ConfigurationError(f"{cls.__name__} cannot read published weights {name!r}: it must define from_tensors")

    @classmethod
    def list_pretrained(cls, details: bool = False, remote: bool = True) -> list[str] | dict[str, str]:
        """Return the names of the pretrained weights, with their docstrings if `details`.

        `remote` includes weights on hubs, whose docstring is the summary of their card, and published weights.
        """
        return lookup.docstrings(cls, remote) if details else lookup.names(cls, remote)

    @classmethod
    def list_versions(cls, name: str, remote: bool = True) -> list[str]:
        """Return the versions of pretrained weights; `remote` includes those on hubs."""
        return lookup.versions(cls, name, remote)

    @property
    def backbones(self) -> list[Backbone]:
        """The pretrained SeisBench models that the weights name instead of holding them."""
        found = (getattr(part, "backbone", None) for part in self._parts().values())
        return list(dict.fromkeys(backbone for backbone in found if backbone))

    def _forget_weights(self) -> None:
        """Forget the weights that the model was loaded from, because it has others now."""
        self.weights_origin = self.event_calibration = None
        if self.training_windows is not None:
            self.training_windows.pop("windows", None)

    @abstractmethod
    def _parts(self) -> dict[str, FeatureExtractor | Head]:
        """Return all extractors and heads; the last word of each key is "extractor" or "head"."""

    def _models(self) -> dict[str, type["PretrainedModel"]]:
        """Return all model classes; the last word of each key is "model"."""
        return {"model": type(self)}

    def _requires(self) -> dict[str, dict[str, str]]:
        """Return what loading the model requires: names of classes, and their distributions."""
        needed = {part: (module.name, registry().owner(type(module))) for part, module in self._parts().items()}
        for part, cls in self._models().items():
            owner = registry().owner(cls)
            if owner and owner.name != BUILT_IN:  # weights name the classes of this package without a distribution
                needed[part] = cls.__name__, owner
        return {
            part: {"name": name, "distribution": owner.distribution, "version": owner.version}
            for part, (name, owner) in needed.items()
            if owner
        }

    @classmethod
    def _check_metadata(cls, path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
        """Check that the weights belong to this class, and that everything they require is installed."""
        ours = metadata["seisbench_lcl"]
        if ours.get("model") != cls.__name__:
            raise WeightsError(
                f"{path} holds weights of {ours.get('model')}, not of {cls.__name__}: "
                f"use {ours.get('model')}.load, or install the package that has this class"
            )
        try:
            cls._check_version_requirement(metadata)
        except ValueError as error:
            raise WeightsError(f"{path}: {error}") from error
        for part, needed in ours.get("requires", {}).items():
            registry().check(part, needed)


def _completed(arguments: Any) -> Any:
    """Add what weights of version 0.1 leave out, for a model and its members.

    Clusters had no limit of novelty, and novelty was measured to one neighbour.
    """
    if isinstance(arguments, list):
        return [_completed(one) for one in arguments]
    if not isinstance(arguments, dict):
        return arguments
    missing: dict[str, Any] = {"novelty_rate": None} if "clusters" in arguments else {}
    missing |= {"novelty_neighbours": 1} if {"novelty_rate", "clusters"} & arguments.keys() else {}
    return missing | {name: _completed(value) for name, value in arguments.items()}
