"""What a person decided on an event."""

from dataclasses import dataclass

from obspy import UTCDateTime

from seisbench_lcl.errors import check_arguments


@dataclass(frozen=True)
class AnalystDecision:
    """The decision of an analyst on an event, which beats that of any model.

    Attributes
    ----------
    event : str
        Id of the event.
    label : str
    event_type : str or None
        QuakeML type of the label; None if the label is not an event (noise).
    author : str
        Who decided.
    time : UTCDateTime
        When.
    shown : str
        The model's label that the analyst saw; "" if it was undecided.
    weights : str
        The model and weights that gave it.

    Raises
    ------
    ConfigurationError
        If event, label or author is blank.

    Examples
    --------
    >>> decision = AnalystDecision("smi:local/1", "blast", "explosion", "Ana", UTCDateTime(2024, 3, 1), "earthquake")
    >>> decision.label, decision.shown
    ('blast', 'earthquake')
    """

    event: str
    label: str
    event_type: str | None
    author: str
    time: UTCDateTime
    shown: str = ""
    weights: str = ""

    def __post_init__(self) -> None:
        check_arguments(
            "AnalystDecision",
            *((f"{name} must not be blank", bool(text.strip()), text) for name, text in (
                ("event", self.event), ("label", self.label), ("author", self.author))),
        )  # fmt: skip
