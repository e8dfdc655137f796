"""How events are decided: all settings in one place, checked once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from obspy import Inventory

from seisbench_lcl.datasets.cuts import Cuts
from seisbench_lcl.errors import ConfigurationError, check_arguments, is_whole
from seisbench_lcl.evaluation.event_calibration import EventCalibration
from seisbench_lcl.events.context import EventContext
from seisbench_lcl.events.votes import Rule, rule_of
from seisbench_lcl.events.windows import Member, WindowRules
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.models.model import Model
from seisbench_lcl.training.pipeline import refined_cuts
from seisbench_lcl.waveforms.channels import INSTRUMENTS

_REFINED = 3.0  # s on each side of a predicted arrival in which its onset is searched


@dataclass(frozen=True, kw_only=True)
class EventRules:
    """How events are decided.

    Parameters
    ----------
    rule : str or Rule
        How the stations vote: "mean", "log-odds", "majority", "median", "snr" or "earliest:3"
        (`seisbench_lcl.events.votes`).
    calibration : EventCalibration, "weights" or None
        Fitted to this model and rule. By default that of the weights, if they have one for this rule.
    min_stations : int
        Least number of stations with a decision.
    min_margin : float
        Least difference between the two highest probabilities.
    max_disagreement : float
        Largest standard deviation over the stations of the probability of the label; it is at most .5.
    max_novelty : float or None
        A station abstains above this novelty; 1 is the limit of the weights.
    reject_below : float
        A station abstains if no label is more probable than this.
    instruments, min_coverage, margin, flexible
        As in `seisbench_lcl.events.windows.WindowRules`.
    refine : float, optional
        Seconds on each side of a pick in which its onset is searched; by default as in the training of the weights.
        Predicted arrivals are searched within 3 s, or this if it is more.
    picker : Backbone, optional
        SeisBench picker that refines; by default that of the training.
    context : EventContext, optional
        What time and place alone say is kept beside each decision.
    mix_context : bool
        Whether decisions are by waveforms and context together; their rule then says so.
    inventory : obspy.Inventory, optional
        Stations at which P is predicted, for events without a P pick.
    velocity_model, max_distance
        As in `seisbench_lcl.events.predicted.predicted_picks`.

    Raises
    ------
    ConfigurationError
        If a value is out of range, or the calibration belongs to another rule.

    Examples
    --------
    >>> EventRules(rule="snr", min_stations=3, min_margin=0.2).min_stations
    3
    """

    rule: str | Rule = "mean"
    calibration: EventCalibration | Literal["weights"] | None = "weights"
    min_stations: int = 1
    min_margin: float = 0.0
    max_disagreement: float = 0.5
    max_novelty: float | None = 1.0
    reject_below: float = 0.0
    instruments: Sequence[str] = INSTRUMENTS
    min_coverage: float = 0.95
    margin: float = 30.0
    flexible: bool = True
    refine: float | None = None
    picker: Backbone | None = None
    context: EventContext | None = None
    mix_context: bool = False
    inventory: Inventory | None = field(default=None, compare=False, repr=False)
    velocity_model: str = "iasp91"
    max_distance: float = 2.0

    def __post_init__(self) -> None:
        novelty = self.max_novelty
        check_arguments(
            "",
            ("min_stations must be 1 or more", is_whole(self.min_stations, 1), self.min_stations),
            ("min_margin must be from 0 to below 1", 0 <= self.min_margin < 1, self.min_margin),
            ("max_disagreement must be above 0", self.max_disagreement > 0, self.max_disagreement),
            ("max_novelty must be positive, or None", novelty is None or novelty > 0, novelty),
            ("reject_below must be from 0 to below 1", 0 <= self.reject_below < 1, self.reject_below),
            ("max_distance must be a positive number of degrees", 0 < self.max_distance <= 180, self.max_distance),
        )
        if self.mix_context and not self.context:
            raise ConfigurationError("mix_context needs a context: pass context=")
        check_arguments(
            "",
            (
                "calibration must be an EventCalibration, 'weights' or None",
                self.calibration in ("weights", None) or isinstance(self.calibration, EventCalibration),
                self.calibration,
            ),
        )
        if isinstance(self.calibration, EventCalibration) and self.calibration.rule != self.rule_name:
            raise ConfigurationError(
                f"the calibration was fitted to the rule {self.calibration.rule!r}, but events vote by "
                f"{self.rule_name!r}: use that rule, or fit another calibration"
            )
        self.vote()
        self.windows()

    @property
    def rule_name(self) -> str:
        """Name of the rule, for the record."""
        return self.rule if isinstance(self.rule, str) else getattr(self.rule, "__name__", "own rule")

    def calibration_of(self, model: Model) -> EventCalibration | None:
        """Return the calibration of a model's votes by this rule, if there is one."""
        if self.calibration != "weights":
            return self.calibration
        own = EventCalibration(**model.event_calibration) if model.event_calibration else None
        return own if own and own.rule == self.rule_name else None

    def vote(self) -> Rule:
        """Return the rule as a function."""
        return rule_of(self.rule) if isinstance(self.rule, str) else self.rule

    def windows(self) -> WindowRules:
        """Return which windows count."""
        return WindowRules(self.instruments, self.min_coverage, self.margin, self.flexible)

    def members(self, model: Model) -> list[Member]:
        """Return how each member of a `MixedEnsemble` wants its windows, or how the one model does.

        Raises
        ------
        ConfigurationError
            If the picker does not fit the windows of the model.
        """
        members = model.members if isinstance(model.window_preprocessing, list) else [model]
        return [Member(member.preprocessing, self.cuts(member)) for member in members]

    def cuts(self, model: Model) -> dict[str, Cuts]:
        """Return how arrivals are refined, by the source of a pick.

        Raises
        ------
        ConfigurationError
            If the picker does not fit the windows of the model.
        """
        own = refined_cuts(model)
        picker = self.picker or own.picker
        radius = own.refine if self.refine is None else self.refine
        found = {
            "pick": Cuts(refine=radius, picker=picker if radius else None),
            "predicted": Cuts(refine=max(radius, _REFINED), picker=picker),
        }
        for cuts in found.values():
            cuts.check(model.preprocessing)
        return found
