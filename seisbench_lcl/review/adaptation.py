"""What became of a model that learnt from analysts, and the card that says so."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seisbench_lcl.errors import TrainingError
from seisbench_lcl.evaluation.event_calibration import EventCalibration
from seisbench_lcl.models import Discriminator
from seisbench_lcl.review.comparison import Comparison
from seisbench_lcl.review.record import Labels
from seisbench_lcl.storage import write_text
from seisbench_lcl.wording import counted

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A model that learnt from reviewed events, and what it is worth.

    Attributes
    ----------
    model : Discriminator
        It learnt from all reviewed windows.
    events : Comparison
        The reviewed events by the old weights, and by weights that learnt without the event.
    stations : Comparison or None
        The same, by weights that learnt without the station too: what to expect at a new station. None if there is one
        station only.
    calibration : EventCalibration or None
        Of the votes of the new weights, which hold it; None if there are too few events, or it does not help.
    labels : Labels
        How many labels of whom, and when.
    new : mapping from label to QuakeML event type or None
        Classes that the old weights did not know.
    absent : mapping from label to (float, float)
        Classes that no reviewed event has, and their mean probability in the reviewed windows before and after.
    before, rule : str
        The old weights, and the rule of the votes.
    n_windows : int
    notes : Counter
        What was left out.

    Examples
    --------
    >>> from seisbench_lcl.review import adapt
    >>> adapt.__annotations__["return"].__name__
    'Adaptation'
    """

    model: Discriminator
    events: Comparison
    stations: Comparison | None
    calibration: EventCalibration | None
    labels: Labels
    new: Mapping[str, str | None]
    absent: Mapping[str, tuple[float, float]]
    before: str
    rule: str
    n_windows: int
    notes: Counter[str]

    def lines(self) -> list[str]:
        """Return what became of it, a sentence each."""
        told = [
            f"{self.labels}",
            f"each event left out: {self.events}",
            f"each station left out as well: {self.stations or 'there is only one, so nothing is known of others'}",
        ]
        if self.new:
            told.append(f"new classes: {', '.join(f'{label} ({kind})' for label, kind in self.new.items())}")
        for label, (before, after) in self.absent.items():
            told.append(
                f"no reviewed event is {label!r}: its mean probability in these windows was {before:.3f}, "
                f"now {after:.3f}"
            )
        if self.calibration:
            told.append(
                f"votes by the rule {self.rule} are calibrated: T = {self.calibration.temperature:.2f} · "
                f"n^{self.calibration.exponent:.2f}"
            )
        return told

    def card(self) -> str:
        """Return the card of the weights as Markdown: where they come from, what they learnt, what they are worth."""
        rows = [
            f"| {analyst} | {label} | {count} |"
            for analyst, own in self.labels.counts.items()
            for label, count in sorted(own.items())
        ]
        classes = [f"| {label} | {kind or 'none'} |" for label, kind in self.model.event_types.items()]
        left = [f"- {count} {note}" for note, count in self.notes.most_common()]
        parts = [
            f"# {self.model.name}, adapted\n\nFrom {self.before}, by {counted(self.n_windows, 'window')} of "
            f"{counted(self.labels.n_events, 'reviewed event')}, labelled from "
            f"{self.labels.first.strftime(_TIME)} to {self.labels.last.strftime(_TIME)}.",
            "\n".join(["| analyst | label | events |", "| --- | --- | ---: |", *rows]),
            "\n".join(["| class | QuakeML type |", "| --- | --- |", *classes]),
            "\n".join(f"- {line}" for line in self.lines()),
            "The reviewed events are those that analysts chose to look at, not a sample of the catalogue: among all "
            "events, the share of wrong decisions is another.",
            *(["Left out:\n\n" + "\n".join(left)] if left else []),
        ]
        return "\n\n".join(parts) + "\n"

    def save(self, path: str | Path, version: str | None = None, *, force: bool = False) -> Path:
        """Write the weights and their card.

        Parameters
        ----------
        path : path
            Without suffix, as in `Discriminator.save`; the card is PATH.md.
        version : str, optional
        force : bool
            Whether to write weights that are worse than before.

        Returns
        -------
        Path
            The card.

        Raises
        ------
        TrainingError
            If the weights are worse than before, unless forced; nothing is written.
        WeightsError, OutputError
            If a file cannot be written.
        """
        if self.events.is_worse and not force:
            raise TrainingError(
                f"the adapted weights are worse on events that they did not see, so they were not written: "
                f"{self.events}. Review more events, look at those that analysts disagree on, or force it"
            )
        written = Path(f"{path}.md{'' if version is None else f'.v{version}'}")
        self.model.save(path, f"Adapted from {self.before}. {self.labels}. {self.events}.", version)
        write_text(written, self.card())
        return written
