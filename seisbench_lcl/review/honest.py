"""How often the model is right on all events, by those that were drawn at random."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scipy.stats import binomtest

from seisbench_lcl.evaluation.bootstrap import CONFIDENCE, Interval
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.review.order import ReviewOrder
from seisbench_lcl.review.verdicts import Verdict
from seisbench_lcl.wording import counted


@dataclass(frozen=True)
class HonestAccuracy:
    """The accuracy of a model on a random sample of events.

    Attributes
    ----------
    right, judged : int
        Events of the sample that both the model and the analyst labelled, and those whose labels agree.
    undecided : int
        Others of the sample on which the model was undecided.
    unclear : int
        Others that the analyst could not label.
    interval : Interval
        Accuracy with its exact 95 % interval (Clopper and Pearson 1934); NaN, from 0 to 1, if no event was judged.

    Examples
    --------
    >>> print(HonestAccuracy(right=10, judged=12, undecided=1, unclear=0, interval=Interval(0.83, 0.52, 0.98)))
    10 of 12 events right: 83 %, 95 % interval 52 to 98 %
    """

    right: int
    judged: int
    undecided: int
    unclear: int
    interval: Interval

    def __str__(self) -> str:
        """Return it as a sentence."""
        if not self.judged:
            return "no event drawn at random was judged yet"
        low, high = (round(100 * end) for end in (self.interval.low, self.interval.high))
        share = round(100 * self.interval.value)
        return f"{self.right} of {counted(self.judged, 'event')} right: {share} %, 95 % interval {low} to {high} %"


def honest_accuracy(
    verdicts: Mapping[str, Verdict], order: ReviewOrder, decisions: Iterable[EventDecision] | None = None
) -> HonestAccuracy:
    """Compare the model with the analyst on the reviewed events that were drawn at random.

    The sample is as good as a random one whatever else was reviewed (`ReviewOrder.sample`), so the accuracy is that on
    all events that the model decides, and no worse for the doubtful ones that the analyst saw besides.

    Parameters
    ----------
    verdicts : mapping from event to Verdict
        `VerdictFile.current`, or `Verdicts.latest` of several analysts.
    order : ReviewOrder
        By `review_order`, before or after these verdicts, with the share and the seed that they were made with.
    decisions : iterable of EventDecision, optional
        To be judged, by default what the analyst was shown. They must not have learnt from these verdicts.

    Returns
    -------
    HonestAccuracy

    Examples
    --------
    >>> from obspy import UTCDateTime
    >>> order = ReviewOrder(["e1", "e2"], ["e1", "e2"], [], random_share=0.5)
    >>> said = [Verdict(event, "slide", "label", "Ana", UTCDateTime(0), "slide", "w") for event in order]
    >>> print(honest_accuracy({verdict.event: verdict for verdict in said}, order))
    2 of 2 events right: 100 %, 95 % interval 16 to 100 %
    """
    sample = order.sample(verdicts.keys())
    if decisions is None:
        shown = {event: verdicts[event].shown for event in sample}
    else:
        shown = {decision.event: decision.label or "" for decision in decisions}
    pairs = [(shown.get(event, ""), verdicts[event].label) for event in sample]
    judged = [model == analyst for model, analyst in pairs if model and analyst is not None]
    exact = binomtest(sum(judged), len(judged)).proportion_ci(CONFIDENCE) if judged else None
    return HonestAccuracy(
        right=sum(judged),
        judged=len(judged),
        undecided=sum(not model for model, _ in pairs),
        unclear=sum(bool(model) and analyst is None for model, analyst in pairs),
        interval=Interval(sum(judged) / len(judged), exact.low, exact.high)
        if exact
        else Interval(float("nan"), 0.0, 1.0),
    )
