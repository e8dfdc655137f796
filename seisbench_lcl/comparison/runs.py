"""The trainings of a comparison, each with its name and its fingerprint."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from seisbench_lcl.comparison.plan import BASELINE, Data, Entry, Plan


@dataclass(frozen=True)
class Run:
    """One training: a model, a deal of the events, and a seed.

    Attributes
    ----------
    entry : Entry
    deal, seed : int

    Examples
    --------
    >>> Run(Entry(name="DEC"), 2, 2).path.as_posix()
    'predictions/DEC/deal-2-seed-2'
    """

    entry: Entry
    deal: int
    seed: int

    @property
    def path(self) -> Path:
        """Place of its files in the folder of results, without suffix."""
        safe = "".join(c if c.isalnum() or c in "-_.=, " else "-" for c in self.entry.title)
        return Path("predictions", safe.strip(". "), f"deal-{self.deal}-seed-{self.seed}")

    def fingerprint(self, data: Data, digest: str, split: str) -> str:
        """Return a digest of all that the predictions depend on, except the versions of programs.

        Parameters
        ----------
        data : Data
        digest, split : str
            Digests of the dataset and of the targets.
        """
        # Without defaults, so that a setting which later versions add leaves what is done as it is.
        settings = self.entry.model_dump(exclude={"repeats", "seeds", "shown", "curve"}, exclude_defaults=True)
        known: list[Any] = [settings, data.model_dump(exclude_defaults=True), digest, split, self.deal, self.seed]
        return sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def runs_of(plan: Plan, repeats: int | None = None) -> Iterator[Run]:
    """Yield the runs of a plan: first all models on the first deal, then on the second, and so on; then other seeds.

    Parameters
    ----------
    plan : Plan
    repeats : int, optional
        Most repeats of a model.
    """
    entries = [Entry(name=BASELINE, seeds=1), *plan.models]
    split = plan.split
    seen = set()
    for number in range(min(split.repeats, repeats or split.repeats)):
        for entry in entries:
            once = bool(entry.weights) or entry.name == BASELINE
            if number < (entry.repeats or split.repeats) and not (once and number and not split.anew):
                run = Run(entry, split.deal(number), number)
                seen.add((entry.title, run.deal, run.seed))
                yield run
    if not split.anew:  # the repeats are seeds already
        return
    for seed in range(split.seeds if repeats is None else min(split.seeds, repeats)):
        for entry in entries:
            more = split.seeds if entry.seeds is None else entry.seeds
            if seed < more and not entry.weights and entry.name != BASELINE and (entry.title, 0, seed) not in seen:
                yield Run(entry, 0, seed)
