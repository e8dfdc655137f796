"""What holds of the order in which a paper ranks models."""

from itertools import combinations

import pandas as pd

from seisbench_lcl.comparison.papers import Paper
from seisbench_lcl.comparison.specs import Level
from seisbench_lcl.comparison.spread import Intervals


def order_table(paper: Paper, intervals: Intervals, models: list[str], level: Level, metric: str) -> pd.DataFrame:
    """Compare each two models that a paper ranks, on the repeats that both have.

    Parameters
    ----------
    paper : Paper
    intervals : Intervals
    models : list of str
        The models of ours that have predictions.
    level : {"station", "event"}
    metric : str

    Returns
    -------
    pandas.DataFrame
        ``higher`` and ``lower`` by the paper, the best first, and whether they are ``neighbours`` in its ranks;
        ``printed``, the difference in the paper; ours, ``value``, with its interval by event from ``low`` to ``high``,
        over so many ``runs``; and whether the order ``holds``: "yes", "no" (reversed), or "open" where the interval
        holds 0.
    """
    ranked = sorted(
        (model for model, values in paper.values.items() if metric in values and model in models),
        key=lambda model: -paper.values[model][metric],
    )
    rows = []
    for higher, lower in combinations(ranked, 2):
        found, runs = intervals.difference(higher, lower, level, metric)
        rows.append(
            {
                "level": level,
                "metric": metric,
                "higher": higher,
                "lower": lower,
                "neighbours": ranked.index(lower) == ranked.index(higher) + 1,
                "printed": paper.values[higher][metric] - paper.values[lower][metric],
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "runs": runs,
                "holds": "yes" if found.low > 0 else "no" if found.high < 0 else "open",
            }
        )
    return pd.DataFrame(rows)
