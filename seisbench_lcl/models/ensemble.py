"""Soft voting: the mean probability of several discriminators, and how far they agree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.labels import as_list
from seisbench_lcl.models._fitting import restored_on_error
from seisbench_lcl.models._members import Ensemble, build_members
from seisbench_lcl.models._windows import Picks, Windows
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.prediction import Prediction
from seisbench_lcl.models.seeds import with_seed, without_seeds
from seisbench_lcl.models.stream_model import StreamModel
from seisbench_lcl.optim import session_part
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Record

_ALIKE = ("sampling_rate", "in_samples", "component_order", "band", "before")


class DiscriminatorEnsemble(Ensemble, StreamModel):
    """Soft voting: the mean of the calibrated probabilities of several discriminators.

    Members share the preprocessing of records; only the normalisation of windows may differ. `MixedEnsemble` takes
    members that differ in classes or windows. The diagnostic "spread" is the standard deviation, over the members, of
    the probability of the ensemble's label. The novelty is the mean over the members that have a novelty detector.

    Parameters
    ----------
    members : sequence of Discriminator, or of mapping
        Two or more, of one class or several. A mapping holds the name of the class as "model", and the arguments of
        its constructor.
    default_args : mapping, optional
        Default arguments of `annotate` and `classify`; by default those of the members.
    citation : str, optional

    Attributes
    ----------
    members : nn.ModuleList of Discriminator
    preprocessing : Preprocessing
        That of the members. If their normalisations differ, it names all of them, as "component-std, joint-peak".
    held_out : (N, K) float32 ndarray or None
        Mean probabilities of the training windows over the members that held them out; NaN where none did. Not saved.

    Raises
    ------
    ConfigurationError
        If there are fewer than two members, a member occurs twice, or members differ in labels, event types, window,
        band or default arguments; the message says how.
    MissingPluginError
        If the class, extractor or head of a member is not installed.

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

    def __init__(
        self,
        members: Sequence[Discriminator | Mapping[str, Any]],
        *,
        default_args: Mapping[str, Any] | None = None,
        citation: str | None = None,
    ) -> None:
        built = build_members(members)
        if found := difference(built):
            raise ConfigurationError(
                f"members of an ensemble must agree in {found}; MixedEnsemble takes members that differ"
            )
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
        self.preprocessing = _shared_preprocessing(built)
        self.event_types = first.event_types
        self.members = nn.ModuleList(built)
        self.held_out: NDArray[np.float32] | None = None
        self.eval()

    @classmethod
    def of(cls, model: type[Discriminator], n: int, **description: Any) -> Self:
        """Make n members of one class with the seeds 0 to n − 1.

        Parameters
        ----------
        model : type
            Such as `SpectrogramCNN`.
        n : int
            Two or more.
        **description
            Arguments of its constructor.

        Raises
        ------
        ConfigurationError
            If neither the extractor nor the head has a seed, so that all members would be equal.
        """
        plain = model(**description)
        if plain.part_args == without_seeds(plain.part_args):
            raise ConfigurationError(f"{plain.name} has no seed, so all members would be equal")
        return cls([model(**description | with_seed(plain.part_args, seed)) for seed in range(n)])

    def fit(
        self,
        windows: Windows,
        labels: Iterable[str] | None = None,
        groups: Iterable[Any] | None = None,
        s_arrivals: Picks = None,
    ) -> Self:
        """Fit each member to all windows; parameters and errors are those of `Discriminator.fit`."""
        names, events = (None if values is None else as_list(values) for values in (labels, groups))
        return self._teach(lambda member: member.fit(windows, names, events, s_arrivals))

    def fine_tune(
        self, windows: Windows, labels: Iterable[str], groups: Iterable[Any] | None = None, **arguments: Any
    ) -> Self:
        """Adapt each member to another region; parameters and errors are those of `Discriminator.fine_tune`.

        Arguments of networks go to the members that are networks.
        """
        names, events = as_list(labels), None if groups is None else as_list(groups)
        networks = [member for member in self._members if member.trains_jointly]
        if arguments and not networks:
            raise ConfigurationError(f"no member is a network, so {', '.join(arguments)} cannot be used")

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
        """Return class probabilities (N, K) of windows (N, C, T) at the sampling rate and in the band of the model.

        `s_arrivals`, here and below, are those of `Discriminator.predict_proba`.
        """
        return self._votes(windows, s_arrivals).mean(axis=0)

    def spread(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return, for each of N windows, the standard deviation of the members' probabilities of its label."""
        votes = torch.from_numpy(self._votes(windows, s_arrivals))
        return _spread(votes, votes.mean(dim=0)).numpy()

    def novelty(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return the distance of windows from the training data, (N,): the mean over the members; 1 is their limit.

        Raises
        ------
        ConfigurationError
            If no member has a novelty detector.
        """
        able = [member for member in self._members if member.novelty_detector] or self._members[:1]
        return np.mean([member.novelty(windows, s_arrivals) for member in able], axis=0, dtype=np.float32)

    def predict_detailed(self, windows: Windows, s_arrivals: Picks = None) -> Prediction:
        """Return probabilities and diagnostics of windows (N, C, T), from one pass of each member."""
        return _vote([member.predict_detailed(windows, s_arrivals) for member in self._members])

    def features(self, windows: Windows, s_arrivals: Picks = None) -> Tensor:
        """Return the features of all members side by side, (N, F), for windows (N, C, T)."""
        return torch.hstack([member.features(windows, s_arrivals) for member in self._members])

    def forward(self, windows: Tensor) -> Tensor:
        """Return class probabilities (B, K) of windows (B, C, T) that are not normalised."""
        votes = [member(member.annotate_batch_pre(windows, {})) for member in self._members]
        return torch.stack(votes).mean(dim=0)

    def get_model_args(self) -> dict[str, Any]:
        """Return what the constructor takes, as JSON types."""
        return {"members": self._described(), "citation": self.citation}

    @property
    def part_args(self) -> dict[str, dict[str, Any]]:
        """Arguments of extractor and head of the first member, without seeds."""
        return without_seeds(self._members[0].part_args)

    def _teach(self, learn: Callable[[Discriminator], object]) -> Self:
        with restored_on_error(self):  # else some members would be of this fit and some of an earlier one
            for i, member in enumerate(self._members):
                with session_part(f"member-{i}"):
                    learn(member)
        found = [member.held_out for member in self._members if member.held_out is not None]
        mean = np.ma.masked_invalid(np.stack(found)).mean(axis=0) if found else None
        self.held_out = None if mean is None else mean.filled(np.nan).astype(np.float32)
        self._forget_weights()
        return self

    def _votes(self, windows: Windows, s_arrivals: Picks) -> NDArray[np.float32]:
        return np.stack([member.predict_proba(windows, s_arrivals) for member in self._members])

    def _predict_record(self, record: Record, offsets: NDArray[np.int64], stride: int) -> Prediction:
        return _vote([member._predict_record(record, offsets, stride) for member in self._members])

    def _diagnostics(self) -> list[str]:
        return ["spread", "novelty"] if any(member.novelty_detector for member in self._members) else ["spread"]


def _vote(predictions: Sequence[Prediction]) -> Prediction:
    votes = torch.stack([prediction.probabilities.cpu() for prediction in predictions])
    mean = votes.mean(dim=0)
    diagnostics = {"spread": _spread(votes, mean)}
    if novelties := [p.diagnostics["novelty"].cpu() for p in predictions if "novelty" in p.diagnostics]:
        diagnostics["novelty"] = torch.stack(novelties).mean(dim=0)
    return Prediction(mean, diagnostics)


def _spread(votes: Tensor, mean: Tensor) -> Tensor:
    label = mean.argmax(dim=-1).expand(len(votes), -1)[..., None]
    chosen = votes.gather(-1, label).squeeze(-1)
    return (chosen - chosen.mean(dim=0)).square().mean(dim=0).sqrt()  # std warns if there is no window


@dataclass(frozen=True)
class _MemberPreprocessing(Preprocessing):
    """Preprocessing of records for members that normalise windows in different ways."""

    def __post_init__(self) -> None:
        """Accept several normalisations; the members have checked all values."""

    def normalise(self, windows: Tensor) -> Tensor:
        raise ConfigurationError(
            f"the members normalise windows in different ways ({self.normalisation}): use the preprocessing of a member"
        )


def _shared_preprocessing(members: Sequence[Discriminator]) -> Preprocessing:
    first = members[0].preprocessing
    normalisations = dict.fromkeys(member.preprocessing.normalisation for member in members)
    if len(normalisations) == 1:
        return first
    return _MemberPreprocessing(**vars(first) | {"normalisation": ", ".join(normalisations)})


def _common_arguments(members: Sequence[Discriminator]) -> dict[str, Any]:
    first = members[0].default_args
    for i, member in enumerate(members):
        if member.default_args != first:
            raise ConfigurationError(
                f"member {i} has the default arguments {member.default_args}, member 0 has {first}: pass default_args"
            )
    return first


def difference(members: Sequence[Discriminator]) -> str | None:
    """Return the first setting in which members differ, and with it who has what; None if they are alike."""
    first = members[0]
    for i, member in enumerate(members):
        pairs = {"labels": (first.labels, member.labels), "event_types": (first.event_types, member.event_types)}
        pairs |= {key: (getattr(first.preprocessing, key), getattr(member.preprocessing, key)) for key in _ALIKE}
        for key, (expected, found) in pairs.items():
            if expected != found:
                return f"{key}, but member {i} ({member.name}) has {found}, and member 0 ({first.name}) has {expected}"
    return None
