"""Saving, loading and finding weights: what every model of the package has in common."""

import os
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from seisbench.models import WaveformModel
from typing_extensions import Self

from seisbench_lcl import weights
from seisbench_lcl._version import __version__
from seisbench_lcl.errors import HubError, NotFittedError, WeightsError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.plugins import BUILT_IN, registry

if TYPE_CHECKING:
    from seisbench_lcl.hub.hubs import Offer

_SEISBENCH_REQUIREMENT = "0.12.6"


class PretrainedModel(WaveformModel):
    """A SeisBench model of extractors and heads, whose weights are files of `seisbench_lcl.weights`.

    A subclass implements `_parts`, and has a constructor that takes what `get_model_args` returns.
    """

    def save(self, path: str | os.PathLike[str], weights_docstring: str = "", version_str: str | None = None) -> None:
        """Save in SeisBench's layout, with the tensors as safetensors too.

        Parameters
        ----------
        path : path
            Without suffix; folders are made.
        weights_docstring : str
            What the weights are: data, scores, limits.
        version_str : str, optional
            Appended to the file names as ``.v<version_str>``; the weights are version "1" without it.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        WeightsError
            If the files cannot be written.
        """
        tensors = self.state_dict()
        if not all(torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point()):
            raise NotFittedError(f"{self.name} has nothing to save yet: call fit first, or load weights")
        metadata = {
            "docstring": weights_docstring,
            "model_args": self.get_model_args(),
            "seisbench_requirement": _SEISBENCH_REQUIREMENT,
            "default_args": self.default_args,
            "version": version_str or "1",
            "seisbench_lcl": {"version": __version__, "model": self.name, "requires": self._requires()},
        }
        weights.write(path, version_str, metadata, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str], version_str: str | None = None, **kwargs: Any) -> Self:
        """Load a model; nothing is unpickled.

        Parameters
        ----------
        path : path
            Without suffix.
        version_str : str, optional
            As given to `save`.
        **kwargs
            Arguments of stock SeisBench's `load` for `torch.load`; without effect.

        Raises
        ------
        WeightsError
            If files are missing, truncated, changed, of another model, or do not fit their description.
        MissingPluginError
            If the extractor or head is not installed; the message names the package to install.
        """
        metadata, tensors = weights.read(path, version_str)
        try:
            cls._check_metadata(path, metadata)
            metadata["default_args"] = metadata.get("default_args") or {}
            model = cls(**metadata["model_args"], default_args=metadata["default_args"])
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
        """Load pretrained weights: from SeisBench's cache, from the package, or from a hub.

        No network is used for what is in the first two, unless `update` or `force` ask for it.

        Parameters
        ----------
        name : str
            One of `list_pretrained`.
        version_str : str
            A version, or "latest".
        update : bool
            Ask the hubs for a newer version.
        force : bool
            Pull the weights anew, over those in the cache.
        wait_for_file : bool
            As in SeisBench; without effect.

        Raises
        ------
        WeightsError
            If there are no such weights; the message lists those that there are.
        HubError
            If a hub does not hold what it declares, or none can be reached that might have the weights.
        """
        weights.check_name(name)
        known = weights.available(cls._weight_folders()[1 if force else 0 :]).get(name, {})
        here = bool(known) if version_str == "latest" else version_str in known
        if update or force:
            from seisbench_lcl.hub.hubs import ask_anew

            ask_anew()
        offers = {} if here and not update and not force else cls._offered().get(name, {})
        versions = [*known, *offers]
        if not versions:
            listed = ", ".join(cls.list_pretrained()) or "none"
            raise WeightsError(
                f"{cls.__name__} has no pretrained weights called {name!r}; there are: {listed}{cls._silent_hubs()}"
            )
        version = weights.newest(versions) if version_str == "latest" else version_str
        if version not in versions:
            raise WeightsError(
                f"{name!r} has no version {version!r}; there are: {', '.join(sorted(set(versions)))}"
                f"{cls._silent_hubs()}"
            )
        if version in offers and (force or version not in known):
            from seisbench_lcl.hub.pulling import pull

            known[version] = pull(cls, offers[version], cls._model_path())
        return cls.load(known[version], version_str=version)

    @classmethod
    def list_pretrained(cls, details: bool = False, remote: bool = True) -> list[str] | dict[str, str]:
        """Return the names of pretrained weights, with their docstrings if `details`.

        `remote` says whether hubs are asked, too; of what only they have the docstring is the summary of its card.
        """
        known = weights.available(cls._weight_folders())
        offers = cls._offered() if remote else {}
        names = sorted({*known, *offers})
        if not details:
            return names
        return {name: cls._docstring(known.get(name, {}), offers.get(name, {})) for name in names}

    @classmethod
    def list_versions(cls, name: str, remote: bool = True) -> list[str]:
        """Return the versions of pretrained weights; `remote` says whether hubs are asked, too."""
        known = weights.available(cls._weight_folders()).get(name, {})
        return sorted({*known, *(cls._offered().get(name, {}) if remote else {})})

    @classmethod
    def _offered(cls) -> dict[str, dict[str, "Offer"]]:
        """Return what the hubs hold of this class, by name and version."""
        from seisbench_lcl.hub.hubs import offered

        found: dict[str, dict[str, Offer]] = {}
        for (_, name, version), offer in offered(cls.__name__).items():
            found.setdefault(name, {})[version] = offer
        return found

    @classmethod
    def _docstring(cls, known: dict[str, Path], offers: dict[str, "Offer"]) -> str:
        """Return what the newest version says of itself: the one that is here, or that of a hub."""
        from seisbench_lcl.hub.pulling import read_card

        version = weights.newest([*known] or [*offers])
        if version not in known:
            try:
                return read_card(offers[version])[0].summary
            except HubError as error:  # one bad card must not hide the others
                return str(error)
        return str(weights.read(known[version], version)[0].get("docstring", ""))

    @staticmethod
    def _silent_hubs() -> str:
        from seisbench_lcl.hub.hubs import known_hubs

        return "".join(f"; no answer from the hub {hub.address}: {hub.error}" for hub in known_hubs() if hub.error)

    @abstractmethod
    def _parts(self) -> dict[str, FeatureExtractor | Head]:
        """Return the extractors and heads, which may come with plugins; each key ends in which of the two it is."""

    def _models(self) -> dict[str, type["PretrainedModel"]]:
        """Return the classes of models, which may come with plugins, too; each key ends in "model"."""
        return {"model": type(self)}

    def _requires(self) -> dict[str, dict[str, str]]:
        """Return what it takes to load the model: names, and the distributions that they come with."""
        needed = {part: (module.name, registry().owner(type(module))) for part, module in self._parts().items()}
        for part, cls in self._models().items():
            owner = registry().owner(cls)
            if owner and owner.name != BUILT_IN:  # a file of weights tells those of this package by their class alone
                needed[part] = cls.__name__, owner
        return {
            part: {"name": name, "distribution": owner.distribution, "version": owner.version}
            for part, (name, owner) in needed.items()
            if owner
        }

    @classmethod
    def _weight_folders(cls) -> list[Path]:
        return [cls._model_path(), weights.bundled() / cls.__name__.lower()]

    @classmethod
    def _check_metadata(cls, path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
        """Check that the weights are of this class, and that what they need is installed."""
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
