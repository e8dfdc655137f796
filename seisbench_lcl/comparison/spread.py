"""Scores of models over their runs: the mean, its interval by event, and what deals and seeds contribute."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from seisbench_lcl.comparison.metrics import (
    ALL,
    LEVELS,
    Rows,
    contingency_of,
    mutual_information,
    selective,
    unknown_metrics,
)
from seisbench_lcl.comparison.specs import Level
from seisbench_lcl.evaluation import Interval
from seisbench_lcl.evaluation.arrays import Floats, Indices
from seisbench_lcl.evaluation.bootstrap import resample_tallies
from seisbench_lcl.evaluation.metrics import read_tally, tally

_RESAMPLES = 1000
_FEWER = 200  # for scores that are no sums over events

Key = tuple[str, str, Level]
"""Model, part and level."""


class Intervals:
    """Collect the predictions of the repeats of each model, and resample whole events.

    A resampled event brings its predictions in all repeats, so the interval tells how much the mean over the repeats
    would change with other events of the same kind; it does not shrink with more repeats.

    Parameters
    ----------
    labels : sequence of str, length K
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self._runs: dict[Key, list[Rows]] = defaultdict(list)
        self._deals: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def add(self, model: str, deal: tuple[int, int], parts: Iterable[tuple[str, Rows]]) -> None:
        """Add a repeat: its number of deal and seed, and its predictions by part."""
        self._deals[model].append(deal)
        for part, rows in parts:
            for level in LEVELS:
                self._runs[model, part, level].append(rows if level == "station" else rows.by_event())

    def items(self) -> Iterable[tuple[Key, dict[str, Interval]]]:
        """Yield the intervals of the mean over the repeats, by metric."""
        for key, runs in self._runs.items():
            yield key, mean_intervals(runs, self.labels)

    def difference(self, first: str, second: str, level: Level, metric: str) -> tuple[Interval, int]:
        """Return how much higher the first of two models scores on all windows, and in how many common repeats.

        Both are resampled alike: an event that is left out of one is left out of the other.

        Parameters
        ----------
        first, second : str
        level : {"station", "event"}
        metric : str
            One of `seisbench_lcl.evaluation.score`.
        """
        common = [deal for deal in self._deals[first] if deal in self._deals[second]]
        if not common:
            return Interval(np.nan, np.nan, np.nan), 0
        runs = [
            [self._runs[model, ALL, level][self._deals[model].index(deal)] for deal in common]
            for model in (first, second)
        ]
        events = _all_events([*runs[0], *runs[1]])
        draws = np.subtract(*(_tally_draws(own, self.labels, events)[metric] for own in runs))
        return Interval.from_draws(float(draws[0]), draws[1:]), len(common)


def mean_intervals(runs: Sequence[Rows], labels: Sequence[str]) -> dict[str, Interval]:
    """Return the mean of each metric over runs, with its interval from resampling events.

    Parameters
    ----------
    runs : sequence of Rows
    labels : sequence of str
    """
    events = _all_events(runs)
    known = [run.known() for run in runs]
    draws = _tally_draws(known, labels, events)
    draws |= _weighted_draws(known, events, lambda run, weights: selective(run.p, run.truth, weights))
    draws |= _weighted_draws(runs, events, unknown_metrics)
    if all(run.clusters is not None for run in runs):
        draws["nmi"] = _cluster_draws(runs, events)
    return {metric: Interval.from_draws(float(values[0]), values[1:]) for metric, values in draws.items()}


def summary(metrics: pd.DataFrame, intervals: Intervals, anew: bool) -> pd.DataFrame:
    """Return a row for each model, part, level and metric.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `seisbench_lcl.comparison.metrics.metric_table` returns it.
    intervals : Intervals
        Of the repeats.
    anew : bool
        Whether each repeat dealt the events anew.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``part``, ``level``, ``metric``; ``value``, the mean over the repeats; ``low`` and ``high``, its 95 %
        interval by event; ``runs``, the number of repeats, and ``spread``, the standard deviation over them, each with
        its own deal and seed; ``seeds``, and ``seed_spread``, the standard deviation over seeds with the first deal;
        ``windows`` and ``events``, medians over the repeats.
    """
    keys = ["model", "part", "level", "metric"]
    known: dict[tuple[object, ...], Interval] = {
        (*key, metric): interval for key, found in intervals.items() for metric, interval in found.items()
    }
    rows = []
    repeats = metrics[metrics["deal"] == metrics["seed"]] if anew else metrics
    first = {key: part["value"].dropna() for key, part in metrics[metrics["deal"] == 0].groupby(keys, sort=False)}
    # A part that a repeat lacks, such as a region without a tested event, has fewer runs.
    for key, part in repeats.groupby(keys, sort=False):
        interval, values, seeds = known[tuple(key)], part["value"].dropna(), first.get(key, pd.Series(dtype=float))
        rows.append(
            {
                **dict(zip(keys, key, strict=True)),
                "value": interval.value,
                "low": interval.low,
                "high": interval.high,
                "runs": len(part),
                "spread": values.std(ddof=1) if anew else np.nan,
                "seeds": len(seeds),
                "seed_spread": seeds.std(ddof=1),
                "windows": int(part["windows"].median()),
                "events": int(part["events"].median()),
            }
        )
    return pd.DataFrame(rows)


def _all_events(runs: Sequence[Rows]) -> Indices:
    return np.unique(np.concatenate([run.codes for run in runs]))


def _tally_draws(runs: Sequence[Rows], labels: Sequence[str], events: Indices) -> dict[str, Floats]:
    n, k = len(events), len(labels)
    tallies = np.stack([tally(run.p, run.truth, np.searchsorted(events, run.codes), n) for run in runs], axis=1)
    sums = _resampled(tallies, _RESAMPLES)
    there = sums[..., : k * k].sum(axis=-1) > 0  # a resample may hold no event that a repeat tests
    found = {}
    for metric, values in read_tally(sums[there], labels).items():
        every = np.full(there.shape, np.nan)
        every[there] = values
        found[metric] = _mean(every)
    return found


def _weighted_draws(
    runs: Sequence[Rows], events: Indices, function: Callable[[Rows, Floats], dict[str, Floats]]
) -> dict[str, Floats]:
    """Return scores that are no sums over events, from how often each row counts."""
    weights = np.vstack([np.ones(len(events)), resample_tallies(np.eye(len(events)), _FEWER, seed=0)])
    found = [function(run, weights[:, np.searchsorted(events, run.codes)]) for run in runs]
    return {metric: _mean(np.stack([one[metric] for one in found], axis=1)) for metric in found[0]}


def _cluster_draws(runs: Sequence[Rows], events: Indices) -> Floats:
    draws = []
    for run in runs:
        shape = contingency_of(run).shape
        cells = np.zeros((len(events), shape[0] * shape[1]))
        assert run.clusters is not None
        np.add.at(cells, (np.searchsorted(events, run.codes), run.clusters * shape[1] + run.truth), 1.0)
        sums = _resampled(cells[:, None], _FEWER)[:, 0].reshape(-1, *shape)
        there = sums.sum(axis=(1, 2)) > 0
        values = np.full(len(sums), np.nan)
        values[there] = mutual_information(sums[there])
        draws.append(values)
    return _mean(np.stack(draws, axis=1))


def _resampled(tallies: Floats, n_resamples: int) -> Floats:
    """Return tallies (E, R, M), summed over all events and over each resample of them, (1 + B, R, M)."""
    flat = tallies.reshape(len(tallies), -1)
    sums = np.vstack([flat.sum(axis=0), resample_tallies(flat, n_resamples, seed=0)])
    return sums.reshape(-1, *tallies.shape[1:])


def _mean(values: Floats) -> Floats:
    """Return the mean over the repeats (1 + B, R) that define a score, (1 + B,)."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    return np.where(count > 0, np.where(there, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
