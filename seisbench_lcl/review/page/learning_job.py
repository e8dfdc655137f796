"""Learning from the verdicts while the page goes on: adapted weights, what they are worth, and the learning curve."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from threading import Lock, Thread

import numpy as np
from obspy import UTCDateTime

from seisbench_lcl.errors import SeisBenchLCLError
from seisbench_lcl.events import EventDecision
from seisbench_lcl.events.source import WaveformSource
from seisbench_lcl.models import Discriminator
from seisbench_lcl.review.adapting import adapt
from seisbench_lcl.review.curve import LearningCurve, learning_curve
from seisbench_lcl.review.reviewed import reviewed_events, reviewed_windows
from seisbench_lcl.review.verdicts import Verdicts


class LearningJob:
    """Learns in a thread of its own, one time after the other.

    Weights are written beside the verdicts, each time under a new name; worse ones are not written.

    Parameters
    ----------
    model : Discriminator or None
        None, if the weights of the decisions are not at hand.
    decisions : iterable of EventDecision
    source : WaveformSource
        Which may be read from several threads.
    folder : Path
        Of the verdicts.

    Attributes
    ----------
    lines : list of str
        What became of it, or that it is running.
    curve : LearningCurve or None
        The last one; None if there is none.
    """

    def __init__(
        self, model: Discriminator | None, decisions: Iterable[EventDecision], source: WaveformSource, folder: Path
    ) -> None:
        self._model, self._decisions, self._source, self._folder = model, list(decisions), source, folder
        self._running = Lock()
        self.lines: list[str] = []
        self.curve: LearningCurve | None = None

    def start(self, verdicts: Verdicts, sample: Collection[str], then: Callable[[], None]) -> bool:
        """Begin to learn; return whether it did, or is at work already.

        Parameters
        ----------
        verdicts : Verdicts
        sample : collection of str
            Reviewed events that were drawn at random, for the curve.
        then : callable
            Called from the thread at the end.
        """
        if not self._running.acquire(blocking=False):
            return False
        self.lines = ["learning from the verdicts …"]
        Thread(target=self._work, args=(verdicts, sample, then), name="learns", daemon=True).start()
        return True

    def _work(self, verdicts: Verdicts, sample: Collection[str], then: Callable[[], None]) -> None:
        try:
            self.lines = self._learn(verdicts, sample)
        except SeisBenchLCLError as error:
            self.lines = [str(error)]
        except Exception as error:  # a source may raise anything; the page must not wait for ever
            self.lines = [f"learning failed: {error or type(error).__name__}"]
        finally:
            self._running.release()
            then()

    def _learn(self, verdicts: Verdicts, sample: Collection[str]) -> list[str]:
        if self._model is None:
            return ["the weights of the decisions are not at hand: name them when you start the page (--weights)"]
        found = adapt(self._model, verdicts, self._decisions, self._source)
        lines = found.lines()
        self.curve = self._curve(self._model, verdicts, sample)
        path = self._folder / f"adapted_{UTCDateTime().strftime('%Y%m%dT%H%M%S')}"
        try:
            found.save(path)
        except SeisBenchLCLError as error:
            return [*lines, str(error)]
        return [*lines, f"wrote {path}: decide anew with catalog --weights {path}"]

    def _curve(self, model: Discriminator, verdicts: Verdicts, sample: Collection[str]) -> LearningCurve | None:
        """Return the learning curve on the classes that the model knows; None if there is nothing to score."""
        events = reviewed_events(verdicts, self._decisions, model.labels, Counter())
        known = [event for event in events if event.label in model.labels]
        if len({event.label for event in known}) < 2:
            return None
        data = reviewed_windows(known, self._source, model.preprocessing)
        y = np.array([model.labels.index(label) for label in data.labels])
        order = sorted(known, key=lambda event: event.verdict.time.ns)
        names = [event.decision.event for event in order]
        return learning_curve(model.head, model.features(data.samples), y, data.events, names, sample)
