"""The four stages of a comparison, each of which writes files that the next one reads."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import seisbench.data
from matplotlib import rc_context

from seisbench_lcl.comparison.card import read_card
from seisbench_lcl.comparison.figures import draw
from seisbench_lcl.comparison.files import check_pyarrow, read_table
from seisbench_lcl.comparison.fitting import classes_of
from seisbench_lcl.comparison.metrics import metric_table, parts_of
from seisbench_lcl.comparison.order import order_table
from seisbench_lcl.comparison.papers import Paper
from seisbench_lcl.comparison.plan import Plan
from seisbench_lcl.comparison.predictions import Predictions
from seisbench_lcl.comparison.runs import Run, runs_of
from seisbench_lcl.comparison.spread import Intervals, summary
from seisbench_lcl.comparison.tables import Scores, document
from seisbench_lcl.comparison.targets import FILE, digest_of, digest_of_dataset, frozen
from seisbench_lcl.comparison.working import MAP, Outcome, Setting, run_all
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.storage import write_file, write_text
from seisbench_lcl.wording import listed, suggestion

Stage = Literal["targets", "predictions", "metrics", "tables"]
STAGES: tuple[Stage, ...] = get_args(Stage)

METRICS, SCORES, ORDER, CARDS, TABLES = "metrics.csv", "scores.csv", "order.csv", "cards.csv", "tables.md"
FIGURES = "figures"

Tell = Callable[[str], object]


@dataclass
class Comparison:
    """A comparison in a folder of results.

    Parameters
    ----------
    plan : Plan
    papers : Path
        Folder of the plan's file, with ``paper/`` beside it.
    data : Path
        Folder of the datasets.
    out : Path
        Folder of results.
    repeats : int, optional
        Most repeats of a model; fewer than the plan has.
    tell : callable
        Receives sentences.

    Raises
    ------
    ConfigurationError
        If pyarrow is missing, a paper's numbers are missing, or there are to be more repeats than the plan deals.

    Examples
    --------
    >>> plan = Plan.model_validate({"title": "Two", "data": {"dataset": "mixed_3c"}, "models": [{"name": "DEC"}]})
    >>> comparison = Comparison(plan, papers=Path(), data=Path("data"), out=Path("compared"))
    >>> comparison.dataset
    Traceback (most recent call last):
        ...
    seisbench_lcl.errors.DatasetError: data/mixed_3c is no folder, and seisbench.data has no mixed_3c: ...
    """

    plan: Plan
    papers: Path
    data: Path
    out: Path
    repeats: int | None = None
    tell: Tell = field(default=lambda text: None)

    def __post_init__(self) -> None:
        check_pyarrow()
        if self.repeats is not None and not 1 <= self.repeats <= self.plan.split.repeats:
            raise ConfigurationError(
                f"repeats must be 1 to the {self.plan.split.repeats} of the plan, but is {self.repeats}: raise "
                "repeats in its [split]"
            )
        names = {spec.paper for spec in self.plan.tables if spec.paper}
        self._papers = {name: Paper.read(self.papers, name) for name in sorted(names)}

    @cached_property
    def dataset(self) -> str:
        """Folder of the dataset, or its name in `seisbench.data`."""
        name = self.plan.data.dataset
        folder = self.data / name
        if folder.is_dir():
            return str(folder.resolve())
        if hasattr(seisbench.data, name):
            return name
        raise DatasetError(
            f"{folder} is no folder, and seisbench.data has no {name}: name the folder above it (--data)"
        )

    @cached_property
    def targets(self) -> pd.DataFrame:
        """The frozen targets."""
        return frozen(self.plan, self.dataset, self.out)

    @cached_property
    def setting(self) -> Setting:
        """What all runs share."""
        return Setting(
            self.plan.data,
            self.dataset,
            str(self.out.resolve()),
            digest_of_dataset(self.dataset, self.out / "dataset.json"),
            digest_of(self.targets),
        )

    def predict(
        self, workers: int = 0, address: str | None = None, done: Callable[[int, int], object] | None = None
    ) -> list[Outcome]:
        """Do the runs that are not done, and return those that failed.

        Parameters
        ----------
        workers, address
            As in `seisbench_lcl.comparison.working.run_all`.
        done : callable, optional
            Told after each run how many of how many are done.
        """
        every = list(runs_of(self.plan, self.repeats))
        waiting = [run for run in every if not self.setting.is_done(run)]
        failed: list[Outcome] = []
        count = len(every) - len(waiting)

        def take(outcome: Outcome) -> None:
            nonlocal count
            count += 1
            if outcome.error:
                failed.append(outcome)
                self.tell(f"{outcome.run.entry.title}, deal {outcome.run.deal}, failed: {outcome.error}")
            if done:
                done(count, len(every))

        run_all(waiting, self.setting, self.targets, take, workers=workers, address=address)
        return failed

    def score(self) -> None:
        """Write metrics, scores with their intervals, orders and the cards as tables."""
        labels = classes_of(self.targets)
        events = {event: k for k, event in enumerate(sorted(set(self.targets["event"])))}
        kinds = {spec.part for spec in self.plan.tables} | {spec.part for spec in self.plan.figures}
        intervals = Intervals(labels)

        def parts() -> Iterator[tuple[dict[str, object], Any]]:
            for run, table in self._predictions():
                own = list(parts_of(table, self.targets, labels, events, kinds, self.plan.snr, run.entry.without))
                if self._is_repeat(run):
                    intervals.add(run.entry.title, (run.deal, run.seed), own)
                yield {"model": run.entry.title, "deal": run.deal, "seed": run.seed}, own

        metrics = metric_table(parts(), labels)
        if metrics.empty:
            raise ConfigurationError(f"{self.out} has no predictions of this plan: run the stage predictions first")
        _write(self.out / METRICS, metrics)
        _write(self.out / SCORES, summary(metrics, intervals, self.plan.split.anew))
        models = list(dict.fromkeys(metrics["model"]))
        orders = [
            order_table(self._papers[spec.paper], intervals, models, spec.level, metric)
            for spec in self.plan.tables
            if spec.kind == "order" and spec.paper
            for metric in spec.metrics
        ]
        _write(self.out / ORDER, pd.concat(orders) if orders else pd.DataFrame({"level": []}))
        _write(self.out / CARDS, self._cards())

    def show(self) -> list[Path]:
        """Write tables and figures, and return their files."""
        files = [self.out / name for name in (METRICS, SCORES, ORDER, CARDS)]
        if absent := [file.name for file in files if not file.is_file()]:
            raise ConfigurationError(f"{self.out} lacks {listed(absent)}: run the stage metrics first")
        scores = Scores(*(pd.read_csv(file, keep_default_na=True) for file in files))
        written, predictions = [self.out / TABLES], self._drawn()
        write_text(written[0], document(self.plan, scores, self._papers, predictions))
        for spec in self.plan.figures:
            file = self.out / FIGURES / f"{spec.name}.svg"
            try:
                figure = draw(self.plan, spec, scores, predictions)
            except ConfigurationError as error:  # the others can be drawn
                self.tell(str(error))
                continue
            with rc_context({"svg.hashsalt": spec.name}):  # the same figure gives the same file
                write_file(file, partial(figure.savefig, metadata={"Date": None}))
            written.append(file)
        return written

    def _predictions(self) -> Iterator[tuple[Run, pd.DataFrame]]:
        for run in runs_of(self.plan):
            if self.setting.is_done(run):
                yield run, read_table(self.setting.file(run, ".parquet"))

    def _is_repeat(self, run: Run) -> bool:
        return not self.plan.split.anew or run.deal == run.seed

    def _cards(self) -> pd.DataFrame:
        rows = []
        for run in runs_of(self.plan):
            card = read_card(self.setting.file(run, ".json"))
            if card is None or card["fingerprint"] != self.setting.fingerprint(run):
                continue
            measured = card["measured"] or {}
            n, epochs = measured.get("tested") or 0, measured.get("epochs") or []
            rows.append(
                {
                    "model": card["model"],
                    "deal": run.deal,
                    "seed": run.seed,
                    "fit": measured.get("fit"),
                    "fit_wall": measured.get("fit_wall"),
                    "milliseconds": 1000 * measured["predict"] / n if n else None,
                    "windows": measured.get("windows"),
                    "events": measured.get("events"),
                    "parameters": measured.get("parameters"),
                    "epochs": sum(epochs) / len(epochs) if epochs else None,
                    "clusters": measured.get("clusters") or None,
                    "error": card["error"],
                    "data": card["data"],
                    "split": card["split"],
                    "processor": card["hardware"]["processor"],
                    "version": card["versions"]["seisbench-lcl"],
                    "torch": card["versions"]["torch"],
                    "made": card["made"],
                }
            )
        return pd.DataFrame(rows)

    def _drawn(self) -> Predictions:
        first: dict[str, pd.DataFrame] = {}
        repeats: dict[str, list[pd.DataFrame]] = {}
        maps: dict[str, pd.DataFrame] = {}
        for run, table in self._predictions():
            title = run.entry.title
            if self._is_repeat(run):
                repeats.setdefault(title, []).append(table)
            if (run.deal, run.seed) == (0, 0):
                first[title] = table
                if (file := self.setting.file(run, MAP)).is_file():
                    maps[title] = read_table(file)
        return Predictions(self.targets, classes_of(self.targets), first, repeats, maps)


def compare(
    comparison: Comparison,
    stages: tuple[Stage, ...] = STAGES,
    *,
    workers: int = 0,
    address: str | None = None,
    done: Callable[[int, int], object] | None = None,
) -> tuple[list[Outcome], list[Path]]:
    """Do stages of a comparison, and return the runs that failed and the files of tables and figures.

    Parameters
    ----------
    comparison : Comparison
    stages : tuple of {"targets", "predictions", "metrics", "tables"}
        By default all. A stage needs the files of those before it.
    workers, address, done
        As in `Comparison.predict`.
    """
    if "targets" in stages:
        comparison.targets  # noqa: B018 (frozen when first read)
    elif not (comparison.out / FILE).is_file():
        raise ConfigurationError(f"{comparison.out} has no {FILE}: run the stage targets first")
    failed = comparison.predict(workers, address, done) if "predictions" in stages else []
    if "metrics" in stages:
        comparison.score()
    return failed, comparison.show() if "tables" in stages else []


def stages_of(names: Iterable[str]) -> tuple[Stage, ...]:
    """Return stages by name, in their order.

    Raises
    ------
    ConfigurationError
        If one does not exist.
    """
    given = set(names)
    if strange := sorted(given - set(STAGES)):
        raise ConfigurationError(f"there is no stage {strange[0]!r}; {suggestion(strange[0], STAGES)}")
    return tuple(stage for stage in STAGES if stage in given)


def _write(file: Path, table: pd.DataFrame) -> None:
    write_file(file, lambda path: table.to_csv(path, index=False, float_format="%.6g", quoting=csv.QUOTE_MINIMAL))
