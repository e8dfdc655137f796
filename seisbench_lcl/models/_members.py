"""What all ensembles share: members that learn from labels, each with one vote."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.models._windows import Windows
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.pretrained import PretrainedModel
from seisbench_lcl.models.stream_classifier import StreamClassifier
from seisbench_lcl.optim import History


class Ensemble(StreamClassifier):
    """A model whose members vote; a subclass sets `members`."""

    clusters: ClassVar[list[str]] = []
    learns_from_labels: ClassVar[bool] = True
    open_ended: ClassVar[bool] = False
    members: nn.ModuleList

    def cluster_proba(self, windows: Windows) -> NDArray[np.float32]:
        """Refuse: members learn from labels.

        Raises
        ------
        ConfigurationError
        """
        raise ConfigurationError(f"{self.name} learns from labels and has no clusters")

    @property
    def augments(self) -> bool:
        """Whether a member is trained on each window once, as picked (see `seisbench_lcl.models.traits.Traits`)."""
        return any(member.augments for member in self._members)

    @property
    def histories(self) -> list[History]:
        """Losses of the last `fit` of all members; not saved."""
        return [history for member in self._members for history in member.histories]

    @property
    def _members(self) -> list[Discriminator]:
        return list(self.members)  # type: ignore[arg-type]

    def _described(self) -> list[dict[str, Any]]:
        """Return the members as mappings that `build_members` takes."""
        return [{"model": member.name, **member.get_model_args()} for member in self._members]

    def _parts(self) -> dict[str, FeatureExtractor | Head]:
        return {
            f"member {i} {name}": module
            for i, member in enumerate(self._members)
            for name, module in member._parts().items()
        }

    def _models(self) -> dict[str, type[PretrainedModel]]:
        return {f"member {i} model": type(member) for i, member in enumerate(self._members)}


def build_members(members: Sequence[Discriminator | Mapping[str, Any]]) -> list[Discriminator]:
    """Return the members of an ensemble.

    Parameters
    ----------
    members : sequence of Discriminator, or of mapping
        A mapping holds the name of the class as "model", and the arguments of its constructor.

    Raises
    ------
    ConfigurationError
        If there are fewer than two members, one occurs twice, or one is an ensemble or has clusters.
    MissingPluginError
        If the class, extractor or head of a member is not installed.
    """
    built = [_build(i, member) for i, member in enumerate(members)]
    if len(built) < 2:
        raise ConfigurationError(f"an ensemble needs at least two members, but got {len(built)}")
    for i, member in enumerate(built):
        if member.clusters:
            raise ConfigurationError(f"member {i} ({member.name}) learns without labels: clusters cannot vote")
        if any(member is other for other in built[:i]):
            raise ConfigurationError(f"member {i} ({member.name}) occurs twice: each model has one vote")
    return built


def named_members(members: Sequence[Discriminator], names: Sequence[str] | None) -> list[str]:
    """Return a name for each member: the given ones, or by default those of their weights or classes, made distinct.

    Raises
    ------
    ConfigurationError
        If the given names are not one text for each member, or two are equal.
    """
    if names is None:
        found: list[str] = []
        for member in members:
            origin = member.weights_origin
            name = f"{origin.model}/{origin.name}" if origin else member.name
            choices = [name, *(f"{name} {number}" for number in range(2, len(members) + 1))]
            found.append(next(choice for choice in choices if choice not in found))
        return found
    if isinstance(names, str) or len(names) != len(members) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ConfigurationError(f"names must be one text for each of {len(members)} members, but are {names!r}")
    if len(set(names)) < len(names):
        raise ConfigurationError(f"names of members must differ, but are {list(names)}")
    return list(names)


def _build(i: int, member: Discriminator | Mapping[str, Any]) -> Discriminator:
    if isinstance(member, Discriminator):
        return member
    if isinstance(member, Ensemble):
        raise ConfigurationError(f"member {i} is an ensemble: pass its members one by one, [*ensemble.members, ...]")
    if not isinstance(member, Mapping) or "model" not in member:
        raise ConfigurationError(
            f"a member of an ensemble must be a Discriminator, or a mapping with the name of its class as 'model', but "
            f"member {i} is {member!r}"
        )
    arguments = dict(member)
    cls = model_class(arguments.pop("model"))
    if not issubclass(cls, Discriminator):
        raise ConfigurationError(f"member {i} is an ensemble: list its members one by one")
    return cls(**arguments)
