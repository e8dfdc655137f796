"""Several discriminators that vote: the mean of their probabilities, and how far they agree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.discriminator import Discriminator
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.models import every_model, named
from seisbench_lcl.pair import Picks, Windows
from seisbench_lcl.pretrained import PretrainedModel
from seisbench_lcl.records import Record
from seisbench_lcl.seeds import with_seed, without_seeds
from seisbench_lcl.streams import StreamModel
from seisbench_lcl.training._session import part
from seisbench_lcl.training.loop import History
from seisbench_lcl.verdict import Verdict

_ALIKE = ("sampling_rate", "in_samples", "component_order", "band", "before")


class DiscriminatorEnsemble(StreamModel):
    """Soft voting: the mean of the calibrated probabilities of several discriminators.

    Records are conditioned once for all members; only the normalisation of windows may differ between them. Beside
    the probabilities of a window stands their spread: the standard deviation, over the members, of the probability of
    the label that the ensemble gives. Its novelty is the mean of those of the members that have one.

    Parameters
    ----------
    members : sequence of Discriminator, or of mapping
        Two or more, of one kind or of several. A mapping holds the name of the class as "model", and what its
        constructor takes.
    default_args : mapping, optional
        Arguments of `annotate` and `classify` to use unless a call gives them; by default those of the members.
    citation : str, optional

    Attributes
    ----------
    members : nn.ModuleList of Discriminator
    held_out : (N, K) float32 ndarray or None
        Of each window of the last fit, the mean over the members that held it out; NaN where none did. Not part of
        the saved state.

    Raises
    ------
    ConfigurationError
        If there are fewer than two members, or one twice, or they differ in labels, event types, what records are cut
        to, or default arguments; the message says which and how.
    MissingPluginError
        If a member is of a class, or has an extractor or head, that is not installed.

    References
    ----------
    Kasburg et al. (2024), BSSA, doi:10.1785/0120230198. Deep ensembles: Lakshminarayanan, Pritzel and Blundell (2017),
    NeurIPS.

    Examples
    --------
    >>> from seisbench_lcl import DiscriminatorEnsemble, SpectrogramCNN
    >>> ensemble = DiscriminatorEnsemble.of(SpectrogramCNN, 5, labels=["earthquake", "quarry blast"])
    >>> [member.extractor.recipe.seed for member in ensemble.members]
    [0, 1, 2, 3, 4]
    """

    clusters: ClassVar[list[str]] = []
    learns_from_labels: ClassVar[bool] = True

    def __init__(
        self,
        members: Sequence[Discriminator | Mapping[str, Any]],
        *,
        default_args: Mapping[str, Any] | None = None,
        citation: str | None = None,
    ) -> None:
        built = [_build(i, member) for i, member in enumerate(members)]
        _check_alike(built)
        first = built[0]
        super().__init__(
            component_order=first.component_order,
            sampling_rate=first.sampling_rate,
            output_type="point",
            default_args=dict(default_args if default_args is not None else _common_arguments(built)),
            in_samples=first.in_samples,
            pred_sample=first.pred_sample,
            labels=first.labels,
            grouping="instrument",
            citation=citation,
        )
        self.preprocessing = first.preprocessing
        self.event_types = first.event_types
        self.members = nn.ModuleList(built)
        self.held_out: NDArray[np.float32] | None = None
        self.eval()

    @classmethod
    def of(cls, model: type[Discriminator], n: int, **description: Any) -> Self:
        """Make n members of one kind that differ in their seeds, 0 to n − 1.

        Parameters
        ----------
        model : type
            Such as `SpectrogramCNN`.
        n : int
            Two or more.
        **description
            What its constructor takes.

        Raises
        ------
        ConfigurationError
            If neither the extractor nor the head of the model has a seed: all members would be equal.
        """
        config = {
            "extractor_args": (plain := model(**description)).extractor.config(),
            "head_args": plain.head.config(),
        }
        if config == {key: without_seeds(value) for key, value in config.items()}:
            raise ConfigurationError(f"{plain.name} has no seed, so that all members would be equal")
        return cls(
            [model(**description | {key: with_seed(value, seed) for key, value in config.items()}) for seed in range(n)]
        )

    def fit(
        self,
        windows: Windows,
        labels: Iterable[str] | None = None,
        groups: Iterable[Any] | None = None,
        s_arrivals: Picks = None,
    ) -> Self:
        """Fit each member to all windows; parameters and errors are those of `Discriminator.fit`."""
        names, events = _list(labels), _list(groups)
        return self._teach(lambda member: member.fit(windows, names, events, s_arrivals))

    def fine_tune(
        self, windows: Windows, labels: Iterable[str], groups: Iterable[Any] | None = None, **arguments: Any
    ) -> Self:
        """Adapt each member to another region; parameters and errors are those of `Discriminator.fine_tune`.

        Arguments of networks go to the members that are networks.
        """
        names, events = list(labels), _list(groups)
        networks = [member for member in self._members if member.head.joins(member.extractor)]
        if arguments and not networks:
            raise ConfigurationError(f"no member is a network, so there is no use for {', '.join(arguments)}")

        def tune(member: Discriminator) -> None:
            own = arguments if any(member is network for network in networks) else {}
            member.fine_tune(windows, names, events, **own)

        return self._teach(tune)

    def fresh(self, labels: Sequence[str] | None = None) -> Self:
        """Return an unfitted ensemble of the same description, with fewer labels if some are given."""
        return type(self)(
            [member.fresh(labels) for member in self._members], default_args=self.default_args, citation=self.citation
        )

    def predict_proba(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return class probabilities (N, K) of windows (N, C, T) in the rate and band of the model.

        Picks of S, here and below, are those of `Discriminator.predict_proba`.
        """
        return self._votes(windows, s_arrivals).mean(axis=0)

    def spread(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return, for each of N windows, the standard deviation of the members' probabilities of its label."""
        votes = torch.from_numpy(self._votes(windows, s_arrivals))
        return _spread(votes, votes.mean(dim=0)).numpy()

    def novelty(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return how unlike the training data windows are, (N,): the mean over the members, 1 being their limit.

        Raises
        ------
        ConfigurationError
            If no member has such a limit.
        """
        able = [member for member in self._members if member.unlikeness] or self._members[:1]
        return np.mean([member.novelty(windows, s_arrivals) for member in able], axis=0, dtype=np.float32)

    def judge(self, windows: Windows, s_arrivals: Picks = None) -> Verdict:
        """Return probabilities and doubts of windows (N, C, T), from one pass of each member."""
        return _vote([member.judge(windows, s_arrivals) for member in self._members])

    def forward(self, windows: Tensor) -> Tensor:
        """Return class probabilities (B, K) of windows (B, C, T) that are not normalised."""
        votes = [member(member.annotate_batch_pre(windows, {})) for member in self._members]
        return torch.stack(votes).mean(dim=0)

    def get_model_args(self) -> dict[str, Any]:
        """Return what the constructor takes, as JSON types."""
        members = [{"model": member.name, **member.get_model_args()} for member in self._members]
        return {"members": members, "citation": self.citation}

    @property
    def histories(self) -> list[History]:
        """Losses of the last `fit` of all members; not part of the saved state."""
        return [history for member in self._members for history in member.histories]

    @property
    def _members(self) -> list[Discriminator]:
        return list(self.members)  # type: ignore[arg-type]

    def _teach(self, learn: Callable[[Discriminator], object]) -> Self:
        before = deepcopy(self.state_dict())
        try:
            for i, member in enumerate(self._members):
                with part(f"member-{i}"):
                    learn(member)
        except BaseException:
            self.load_state_dict(before)  # else some members would be of this fit, and some of the last
            raise
        found = [member.held_out for member in self._members if member.held_out is not None]
        mean = np.ma.masked_invalid(np.stack(found)).mean(axis=0) if found else None
        self.held_out = None if mean is None else mean.filled(np.nan).astype(np.float32)
        return self

    def _votes(self, windows: Windows, s_arrivals: Picks) -> NDArray[np.float32]:
        return np.stack([member.predict_proba(windows, s_arrivals) for member in self._members])

    def _judge_record(self, record: Record, offsets: NDArray[np.int64], stride: int) -> Verdict:
        return _vote([member._judge_record(record, offsets, stride) for member in self._members])

    def _doubts(self) -> list[str]:
        return ["spread", "novelty"] if any(member.unlikeness for member in self._members) else ["spread"]

    def _parts(self) -> dict[str, FeatureExtractor | Head]:
        return {
            f"member {i} {name}": module
            for i, member in enumerate(self._members)
            for name, module in member._parts().items()
        }

    def _models(self) -> dict[str, type[PretrainedModel]]:
        return {f"member {i} model": type(member) for i, member in enumerate(self._members)}


Model = Discriminator | DiscriminatorEnsemble


def voters(model: Model) -> list[Discriminator]:
    """Return the members of an ensemble, or the model alone."""
    return model._members if isinstance(model, DiscriminatorEnsemble) else [model]


def model_classes() -> list[type[Model]]:
    """Return all classes of models: single ones, and their ensemble."""
    return [*every_model().values(), DiscriminatorEnsemble]


def model_class(name: str, source: str | None = None) -> type[Model]:
    """Return the class of a model by its name; `source` is the distribution known to hold it.

    Raises
    ------
    MissingPluginError
        If there is none of the name.
    """
    return DiscriminatorEnsemble if name == DiscriminatorEnsemble.__name__ else named(name, source)


def _vote(verdicts: Sequence[Verdict]) -> Verdict:
    votes = torch.stack([verdict.probabilities.cpu() for verdict in verdicts])
    mean = votes.mean(dim=0)
    doubts = {"spread": _spread(votes, mean)}
    if novelties := [verdict.doubts["novelty"].cpu() for verdict in verdicts if "novelty" in verdict.doubts]:
        doubts["novelty"] = torch.stack(novelties).mean(dim=0)
    return Verdict(mean, doubts)


def _spread(votes: Tensor, mean: Tensor) -> Tensor:
    label = mean.argmax(dim=-1).expand(len(votes), -1)[..., None]
    chosen = votes.gather(-1, label).squeeze(-1)
    return (chosen - chosen.mean(dim=0)).square().mean(dim=0).sqrt()  # std would warn where there is no window


def _list(values: Iterable[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _build(i: int, member: Discriminator | Mapping[str, Any]) -> Discriminator:
    if isinstance(member, Discriminator):
        return member
    if isinstance(member, DiscriminatorEnsemble):
        raise ConfigurationError(f"member {i} is an ensemble: give its members one by one, [*ensemble.members, ...]")
    if not isinstance(member, Mapping) or "model" not in member:
        raise ConfigurationError(
            f"a member of an ensemble is a Discriminator, or a mapping with the name of its class as 'model', but "
            f"member {i} is {member!r}"
        )
    arguments = dict(member)
    return named(arguments.pop("model"))(**arguments)


def _common_arguments(members: Sequence[Discriminator]) -> dict[str, Any]:
    first = members[0].default_args
    for i, member in enumerate(members):
        if member.default_args != first:
            raise ConfigurationError(
                f"member {i} has the default arguments {member.default_args}, member 0 has {first}: give default_args"
            )
    return first


def _check_alike(members: Sequence[Discriminator]) -> None:
    if len(members) < 2:
        raise ConfigurationError(f"an ensemble needs two members or more, but was given {len(members)}")
    first = members[0]
    for i, member in enumerate(members):
        if member.clusters:
            raise ConfigurationError(f"member {i}, a {member.name}, learns without labels: clusters cannot vote")
        if any(member is other for other in members[:i]):
            raise ConfigurationError(f"member {i}, a {member.name}, was given twice: a model has one vote")
        pairs = {"labels": (first.labels, member.labels), "event_types": (first.event_types, member.event_types)}
        pairs |= {key: (getattr(first.preprocessing, key), getattr(member.preprocessing, key)) for key in _ALIKE}
        for key, (expected, found) in pairs.items():
            if expected != found:
                raise ConfigurationError(
                    f"members of an ensemble must agree in {key}, but member {i}, a {member.name}, has {found}, and "
                    f"member 0, a {first.name}, has {expected}"
                )
