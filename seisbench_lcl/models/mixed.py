"""Members that differ in classes, windows or sampling rate, as one model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import obspy
import torch
from numpy.typing import NDArray
from obspy import UTCDateTime
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.models._alignment import Grid, Stretch, condition_for, stretches
from seisbench_lcl.models._classes import match_classes
from seisbench_lcl.models._member_windows import MemberWindows, as_member_rows
from seisbench_lcl.models._members import Ensemble, build_members, named_members
from seisbench_lcl.models._voting import Outcome, Vote
from seisbench_lcl.models._windows import Picks, as_picks
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.prediction import Prediction
from seisbench_lcl.models.reasons import unsure
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.models.stream_classifier import Limits, logger
from seisbench_lcl.models.stream_model import Decisions
from seisbench_lcl.models.vote_calibration import VoteCalibration, calibrate
from seisbench_lcl.storage import MemberRows
from seisbench_lcl.waveforms.channels import Channels
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Unusable
from seisbench_lcl.waveforms.station import StationId
from seisbench_lcl.wording import listed

_PASSED_ON = ("min_coverage", "strict", "max_novelty")


class MixedEnsemble(Ensemble):
    """The vote of discriminators that differ in classes, window, sampling rate, band or components.

    **Time.** Windows of the members are aligned by the P arrival: for a decision at time t, the window of each member
    starts its own `before` seconds earlier. The times are one stride apart; the windows of the result are those of the
    member with the shortest window. A stream is conditioned once for each sampling rate, band and set of components.

    **Abstention.** Each member decides on its own window, with its own coverage, novelty limit and default arguments.
    One that abstains, or whose window does not fit into the record, leaves the vote to the others. The ensemble
    abstains where no member votes, and says why for each.

    **Classes.** Labels of one QuakeML event type are one class; `classes` shows which. The ensemble has the classes of
    all members.

    **Vote.** A member's probabilities are read as conditional: given that the truth is one of the classes K_i that it
    knows. Its vote for the others is that of the ensemble itself. So the probability of class k is the weighted mean,
    over the voters i that know it, of q_i(k) P(K_i), with q_i(k) the probability that the member gives, and P(K_i) the
    ensemble's probability of all classes that the member knows. Where all voters know the same classes, this is their
    weighted mean. A class that no voter knows has probability 0. Classes that no voter knows together are compared by
    those in between: members should share more than one class, or one of them know all.

    The diagnostic "spread" is the standard deviation of the probability of the ensemble's label, over the voters that
    know it; NaN where there are fewer than two. The "novelty" is the least of the members', and is there if each has a
    novelty detector.

    Parameters
    ----------
    members : sequence of Discriminator, or of mapping
        Two or more. A mapping holds the name of the class as "model", and the arguments of its constructor.
    merge : mapping from label or QuakeML event type to QuakeML event type or None, optional
        Which classes are the same, such as {"quarry blast": "explosion"}; None makes a label noise.
    weights : sequence of float, optional
        Weight of each member, not negative; by default equal. They are divided by their sum.
    temperatures : sequence of float, optional
        Divides the log probabilities of each member; by default 1. `calibrate` fits weights and temperatures.
    names : sequence of str, optional
        Names of the members in results; by default those of their weights, such as "EnvelopePhysicalRidge/mixed-3c".
    default_args : mapping, optional
        Default arguments of `annotate` and `classify`. `min_coverage`, `strict` and `max_novelty` replace those of the
        members; `reject_below` is for the vote, beside the limits of members.
    citation : str, optional

    Attributes
    ----------
    members : nn.ModuleList of Discriminator
    classes : dict from label to dict from name of a member to list of its labels
    preprocessing : Preprocessing
        That of the member with the shortest window.
    calibration : VoteCalibration or None
        What `calibrate` found; not saved.
    held_out : (N, K) float32 ndarray or None
        Probabilities of the windows of `calibrate`, each by a vote that was fitted without its event. Not saved.

    Raises
    ------
    ConfigurationError
        If there are fewer than two members, a member occurs twice or is an ensemble, members share no class, `merge`
        names what there is not, or weights, temperatures or names do not fit.
    MissingPluginError
        If the class, extractor or head of a member is not installed.

    References
    ----------
    The vote: Wu, Lin and Weng (2004), J. Mach. Learn. Res. 5, for members that know two classes each.

    Examples
    --------
    >>> from seisbench_lcl import MixedEnsemble, from_pretrained
    >>> members = [from_pretrained(f"EnvelopePhysicalRidge/{name}") for name in ("mixed-3c", "pnw-z-experimental")]
    >>> ensemble = MixedEnsemble(members)
    >>> ensemble.labels
    ['earthquake', 'noise', 'surface event', 'explosion']
    >>> list(ensemble.classes["explosion"])
    ['EnvelopePhysicalRidge/pnw-z-experimental']
    """

    def __init__(
        self,
        members: Sequence[Discriminator | Mapping[str, Any]],
        *,
        merge: Mapping[str, str | None] | None = None,
        weights: Sequence[float] | None = None,
        temperatures: Sequence[float] | None = None,
        names: Sequence[str] | None = None,
        default_args: Mapping[str, Any] | None = None,
        citation: str | None = None,
    ) -> None:
        built = build_members(members)
        named = named_members(built, names)
        classes = match_classes(named, [member.event_types for member in built], merge or {})
        shortest = min(built, key=lambda member: member.preprocessing.seconds)
        super().__init__(
            component_order=shortest.component_order,
            sampling_rate=shortest.sampling_rate,
            output_type="point",
            default_args=dict(default_args or {}),
            in_samples=shortest.in_samples,
            pred_sample=shortest.pred_sample,
            labels=classes.labels,
            grouping="instrument",
            citation=citation,
        )
        self.preprocessing = shortest.preprocessing
        self.event_types = classes.event_types
        self.members = nn.ModuleList(built)
        self.merge = dict(merge or {})
        self.member_names = named
        self._columns = classes.columns
        self._vote = Vote.of(classes.known, weights, temperatures)
        if len(lost := np.flatnonzero(~classes.known[self._vote.weights > 0].any(axis=0))):
            raise ConfigurationError(
                f"weights of 0 leave no member that knows {listed(self.labels[k] for k in lost)}: leave the members out"
            )
        self.calibration: VoteCalibration | None = None
        self.held_out: NDArray[np.float32] | None = None
        self.eval()

    # Windows --------------------------------------------------------------------------------------------------------

    def predict_proba(self, windows: MemberWindows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return class probabilities (N, K) of windows that every member has cut and conditioned for itself.

        Parameters
        ----------
        windows : sequence of one (N, C, T) array per member, or MemberRows
            In the order of the members, as `seisbench_lcl.datasets.read_member_windows` returns them. One array is
            enough if the members differ in classes or normalisation only.
        s_arrivals : (N,) array_like, optional
            S picks in seconds after the first sample of the windows of `preprocessing`; NaN without a pick.

        Raises
        ------
        ConfigurationError
            If one array is given to members with different windows, or their number is not that of the members.
        WindowError
            If the arrays have different lengths, the wrong shape, or NaN, or no member has a window for some row.
        """
        return self.predict_detailed(windows, s_arrivals).probabilities.numpy()

    def predict_detailed(self, windows: MemberWindows, s_arrivals: Picks = None) -> Prediction:
        """Return probabilities, spread and, if each member measures it, novelty; arguments as in `predict_proba`."""
        votes, novelty = self._votes(as_member_rows(windows, self.window_preprocessing), s_arrivals)
        outcome = self._vote.on(votes)
        if lost := int((~outcome.voters.any(axis=0)).sum()):
            raise WindowError(f"{lost} of {len(novelty)} rows have a window for no member that votes")
        found = {"spread": outcome.spread, "novelty": novelty}
        diagnostics = {name: torch.from_numpy(found[name].astype(np.float32)) for name in self._diagnostics()}
        return Prediction(torch.from_numpy(outcome.probabilities.astype(np.float32)), diagnostics)

    def calibrate(
        self,
        windows: MemberWindows,
        labels: Iterable[str],
        groups: Iterable[Any] | None = None,
        s_arrivals: Picks = None,
    ) -> Self:
        """Fit the weight and the temperature of each member to labelled events that no member has learnt from.

        The fit is kept only if votes that were fitted without an event give it a smaller log loss than the plain mean
        does; folds of whole events decide. Otherwise weights are equal and temperatures 1.

        Parameters
        ----------
        windows, s_arrivals
            As in `predict_proba`.
        labels : iterable of N str
            Labels of the ensemble.
        groups : iterable of N hashables, optional
            Event of each window. A window without event is its own event.

        Returns
        -------
        MixedEnsemble
            Itself, with `calibration` and `held_out`.

        Raises
        ------
        TrainingError
            If a label is unknown, an event has windows of two labels, or a class has a single event; or if windows of
            fewer than two classes remain that a voter knows.
        """
        votes, _ = self._votes(as_member_rows(windows, self.window_preprocessing), s_arrivals)
        self.calibration = calibrate(votes, self._vote.known, self.labels, labels, groups)
        self._vote, self.held_out = self.calibration.vote, self.calibration.held_out
        self._forget_weights()
        return self

    def features(self, windows: MemberWindows, s_arrivals: Picks = None) -> Tensor:
        """Return the features of all members side by side, (N, F); every member needs a window for each row."""
        rows = as_member_rows(windows, self.window_preprocessing)
        if (rows.places < 0).any():
            raise WindowError("features of all members need a window of every member for each row")
        picks = None if s_arrivals is None else as_picks(len(rows), s_arrivals)
        parts = [
            member.features(rows.of(i)[1], self._moved(picks, member, rows.of(i)[0]))
            for i, member in enumerate(self._members)
        ]
        return torch.hstack(parts)

    def vote(self, probabilities: Sequence[NDArray[np.float32]]) -> Outcome:
        """Let the members vote by what each has decided for itself.

        Parameters
        ----------
        probabilities : sequence of (N, K_i) arrays
            For each member, of its own labels; NaN where it abstains.

        Returns
        -------
        Outcome
            A tuple: probabilities (N, K), NaN where nobody votes; spread (N,); voters (M, N).
        """
        return self._vote.on(np.stack([self._in_classes(i, own) for i, own in enumerate(probabilities)]))

    def _votes(self, rows: MemberRows, s_arrivals: Picks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the members' probabilities of the ensemble's classes (M, N, K), and the least novelty (N,)."""
        picks = None if s_arrivals is None else as_picks(len(rows), s_arrivals)
        votes = np.full((len(self._members), len(rows), len(self.labels)), np.nan)
        novelty = np.full((len(self._members), len(rows)), np.inf)
        for i, member in enumerate(self._members):
            there, windows = rows.of(i)
            if len(there):
                found = member.predict_detailed(windows, self._moved(picks, member, there))
                votes[i, there] = self._in_classes(i, found.probabilities.numpy())
                novelty[i, there] = found.diagnostics.get("novelty", torch.zeros(len(there))).numpy()
        return votes, novelty.min(axis=0)

    def _moved(self, picks: Tensor | None, member: Discriminator, rows: NDArray[np.int64]) -> Tensor | None:
        """Return S picks in the windows of a member."""
        return None if picks is None else picks[rows] + (member.preprocessing.before - self.preprocessing.before)

    def _in_classes(self, i: int, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        found = np.zeros((len(probabilities), len(self.labels)))
        for label, k in enumerate(self._columns[i]):
            found[:, k] += probabilities[:, label]
        found[np.isnan(probabilities[:, 0])] = np.nan
        return found

    # Streams --------------------------------------------------------------------------------------------------------

    def _decide(self, stream: obspy.Stream, kwargs: dict[str, Any]) -> WindowList:
        step = self._whole_number(kwargs, "stride", round(self.sampling_rate)) / self.sampling_rate
        batch_size = self._whole_number(kwargs, "batch_size")
        reject_below, placing = self._reject_below(kwargs), self._placing(kwargs)
        given = {name: value for name, value in {**self.default_args, **kwargs}.items() if name in _PASSED_ON}
        limits = [member._limits(given) for member in self._members]
        models = self.window_preprocessing
        order = "".join(dict.fromkeys("".join(model.component_order for model in models)))
        channels = Channels.of(self._argument(kwargs, "channels"), order)
        conditioned = condition_for(stream, models, self._argument(kwargs, "flexible_horizontal_components"), channels)
        blocks: list[StationWindows] = []
        of_members: list[list[StationWindows]] = [[] for _ in self._members]
        left: dict[StationId, dict[int, UTCDateTime]] = {}  # arrivals without a window
        for stretch in stretches(conditioned, models):
            grid = stretch.grid(models, step)
            if grid is None:
                own = [_part(stretch, reason) for reason in stretch.reasons(models)]
                whole = _part(stretch, self.joined_reasons([part.reason for part in own]))
                logger.warning("%s abstained: %s", whole.station, whole.reason)
                blocks.append(self._abstain(whole))
                single = [member._abstain(part) for member, part in zip(self._members, own, strict=True)]
                for list_of, block in zip(of_members, single, strict=True):
                    list_of.append(block)
                continue
            waiting = left.setdefault(stretch.station, placing.waiting())
            for one in placing.grids(grid):
                waiting.pop(one.first.ns, None)
                found = [self._decide_for(i, stretch, one, batch_size, limits[i]) for i in range(len(self._members))]
                for list_of, model, own_found in zip(of_members, models, found, strict=True):
                    own_start = one.first - model.before
                    list_of.append(StationWindows(stretch.station, own_start, step, model.seconds, *own_found))
                blocks.append(self._vote_on(stretch, one, found, reject_below))
        blocks += [block for station, times in left.items() for block in self._uncovered(station, times.values())]
        at_arrivals = placing.arrivals is not None
        result = self._window_list(blocks, at_arrivals=at_arrivals)
        for name, member, own_blocks in zip(self.member_names, self._members, of_members, strict=True):
            result.votes[name] = member._window_list(own_blocks, at_arrivals=at_arrivals)
            result.votes[name].weights = f"{name} in {result.weights}"
        return result

    def _decide_for(self, i: int, stretch: Stretch, grid: Grid, batch_size: int, limits: Limits) -> Decisions:
        """Return what one member decides for itself."""
        member = self._members[i]
        whole = Decisions(
            np.full((grid.n, len(member.labels)), np.nan, dtype=np.float32),
            np.zeros(grid.n, dtype=np.float32),
            np.full(grid.n, stretch.reasons(self.window_preprocessing)[i], dtype=object),
            {name: np.full(grid.n, np.nan, dtype=np.float32) for name in member._diagnostics()},
        )
        stride = max(round(grid.step * member.sampling_rate), 1)
        for record, rows, offsets in grid.fits(stretch.records[i], member.preprocessing):
            found = member._decide_windows(record, offsets, stride, batch_size, limits)
            for into, values in zip(whole[:3], found[:3], strict=True):
                into[rows] = values
            for name, values in found.diagnostics.items():
                whole.diagnostics[name][rows] = values
        return whole

    def _vote_on(self, stretch: Stretch, grid: Grid, decisions: list[Decisions], reject_below: float) -> StationWindows:
        probabilities, doubt, who = self.vote([one.probabilities for one in decisions])
        reasons = np.full(grid.n, "", dtype=object)
        for j in np.flatnonzero(~who.any(axis=0)):
            reasons[j] = self.joined_reasons([one.reasons[j] for one in decisions])
        for j in np.flatnonzero(np.nan_to_num(probabilities, nan=1).max(axis=1) < reject_below):
            best = self.labels[probabilities[j].argmax()]
            reasons[j] = unsure(best, probabilities[j].max(), reject_below)
        probabilities[reasons != ""] = np.nan
        coverage = np.stack([one.coverage for one in decisions])
        lowest = np.where(who, coverage, np.inf).min(axis=0)
        found: dict[str, NDArray[Any]] = {"spread": doubt, "novelty": _least_novelty(decisions)}
        return StationWindows(
            stretch.station,
            grid.first - self.preprocessing.before,
            grid.step,
            self.preprocessing.seconds,
            probabilities.astype(np.float32),
            np.where(who.any(axis=0), lowest, coverage.max(axis=0)).astype(np.float32),
            reasons,
            {name: found[name].astype(np.float32) for name in self._diagnostics()},
            self._named(who),
        )

    def _named(self, who: NDArray[np.bool_]) -> NDArray[np.object_]:
        """Return the names of the voters (n,), given who votes where (M, n)."""
        patterns, pattern = np.unique(who, axis=1, return_inverse=True)
        names = [", ".join(np.array(self.member_names)[row]) for row in patterns.T]
        return np.array(names, dtype=object)[pattern.ravel()]

    def _abstain(self, part: Unusable) -> StationWindows:
        block = super()._abstain(part)
        return StationWindows(**{**vars(block), "voters": np.array([""], dtype=object)})

    def joined_reasons(self, reasons: Sequence[str]) -> str:
        """Return one text of the reasons for which all members abstain; those without a vote do not count."""
        own = zip(self.member_names, reasons, self._vote.weights, strict=True)
        return "; ".join(f"{name}: {reason}" for name, reason, weight in own if weight > 0)

    def _diagnostics(self) -> list[str]:
        return ["spread", "novelty"] if all(member.novelty_detector for member in self._members) else ["spread"]

    # Description ----------------------------------------------------------------------------------------------------

    @property
    def classes(self) -> dict[str, dict[str, list[str]]]:
        """The labels that each member has for each class of the ensemble."""
        return {
            label: {
                name: [own for own, column in zip(member.labels, columns, strict=True) if column == k]
                for name, member, columns in zip(self.member_names, self._members, self._columns, strict=True)
                if k in columns
            }
            for k, label in enumerate(self.labels)
        }

    @property
    def weights(self) -> list[float]:
        """Weight of each member; their sum is 1."""
        return self._vote.weights.tolist()

    @property
    def temperatures(self) -> list[float]:
        """Number by which the log probabilities of each member are divided."""
        return self._vote.temperatures.tolist()

    @property
    def window_preprocessing(self) -> list[Preprocessing]:
        """By which the windows of each member are cut; see `seisbench_lcl.datasets.read_member_windows`."""
        return [member.preprocessing for member in self._members]

    @property
    def part_args(self) -> dict[str, dict[str, Any]]:
        """Arguments of extractor and head: none, as the members have their own."""
        return {}

    def get_model_args(self) -> dict[str, Any]:
        """Return what the constructor takes, as JSON types."""
        return {
            "members": [
                {**described, "default_args": member.default_args}  # which has its own limits
                for described, member in zip(self._described(), self._members, strict=True)
            ],
            "merge": self.merge,
            "weights": self.weights,
            "temperatures": self.temperatures,
            "names": self.member_names,
            "citation": self.citation,
        }

    # Training -------------------------------------------------------------------------------------------------------

    def fit(self, *arguments: Any, **keywords: Any) -> NoReturn:
        """Refuse: each member is trained alone, with its own windows and classes.

        Raises
        ------
        ConfigurationError
        """
        raise ConfigurationError(
            f"the members of {self.name} differ in classes or windows: train or fine-tune each of them alone, and "
            "combine them again; calibrate fits their votes"
        )

    fine_tune = fresh = fit


def _part(stretch: Stretch, reason: str) -> Unusable:
    return Unusable(stretch.station, stretch.start, stretch.end, reason)


def _least_novelty(decisions: Sequence[Decisions]) -> NDArray[np.float32]:
    nothing = np.full(len(decisions[0].reasons), np.nan, dtype=np.float32)
    least: NDArray[np.float32] = np.fmin.reduce([one.diagnostics.get("novelty", nothing) for one in decisions])
    return least
