"""Calibration of probabilities, and the threshold that keeps the error rate of the decisions low."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from seisbench_lcl.errors import DatasetError, check_arguments
from seisbench_lcl.evaluation.arrays import Floats, Indices, Mask, check_groups, check_predictions, ratio
from seisbench_lcl.evaluation.bootstrap import CONFIDENCE, Interval, resample_tallies
from seisbench_lcl.evaluation.metrics import N_BINS

_RESAMPLES = 1000
_WALKS = 2  # one from the strictest threshold that could pass, one from half-way between it and no rejection
_DECIMALS = 4  # of a threshold, so that the printed number is the tested number


def reliability(probabilities: ArrayLike, truth: ArrayLike, groups: ArrayLike | None = None) -> pd.DataFrame:
    """Compare the confidence of predictions with their accuracy.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.
    groups : array_like of shape (n,), optional
        Event of each row, for an interval of each accuracy from resampling whole events.

    Returns
    -------
    pandas.DataFrame
        One row for each of the 10 bins of the ``ece`` of `score`: its ends ``low`` (excluded) and ``high`` (included);
        the number ``n`` of rows whose highest probability is in the bin; their mean ``confidence`` and ``accuracy``,
        NaN in an empty bin. With `groups` also the number of ``events``, and the 95 % interval from ``accuracy_low`` to
        ``accuracy_high``, NaN in a bin of fewer than two events.

    Raises
    ------
    DatasetError
        If the arrays are empty, do not fit each other, or do not hold probabilities and class indices.

    Notes
    -----
    The expected calibration error is ``Σ n |accuracy - confidence| / Σ n``. A bin without an error gets an interval of
    zero width: read it together with its number of events.

    References
    ----------
    DeGroot & Fienberg 1983, The comparison and evaluation of forecasters, The Statistician 32.
    Guo, Pleiss, Sun & Weinberger 2017, On calibration of modern neural networks, ICML.
    """
    p, y = check_predictions(probabilities, truth)
    confidence, wrong = _confidence_and_errors(p, y)
    edges = np.arange(N_BINS + 1) / N_BINS
    bins = np.digitize(confidence, edges[1:-1], right=True)
    n = np.bincount(bins, minlength=N_BINS)
    table = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": n})
    table["confidence"] = ratio(np.bincount(bins, confidence, N_BINS), n, empty=np.nan)
    table["accuracy"] = ratio(np.bincount(bins, ~wrong, N_BINS), n, empty=np.nan)
    if groups is not None:
        codes, events = check_groups(groups, len(y))
        cells, size = codes * N_BINS + bins, len(events) * N_BINS
        rows, right = (np.bincount(cells, x, size).reshape(-1, N_BINS) for x in (np.ones(len(y)), ~wrong))
        table["events"] = np.count_nonzero(rows, axis=0)
        draws = resample_tallies(np.hstack([right, rows]), _RESAMPLES, seed=0)
        accuracies = ratio(draws[:, :N_BINS], draws[:, N_BINS:], empty=np.nan)
        accuracies[:, table["events"] < 2] = np.nan
        found = [Interval.from_draws(*pair) for pair in zip(table["accuracy"], accuracies.T, strict=True)]
        table["accuracy_low"], table["accuracy_high"] = [x.low for x in found], [x.high for x in found]
    return table


def risk_coverage(probabilities: ArrayLike, truth: ArrayLike) -> pd.DataFrame:
    """Return the error rate of the rows kept (risk) against their fraction (coverage), for falling thresholds.

    A threshold rejects the rows whose highest probability is below it.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.

    Returns
    -------
    pandas.DataFrame
        One row for each distinct highest probability, in descending order: the ``threshold``; the ``coverage``, the
        fraction of rows that reach it; the ``risk``, the error rate among them. Rows of equal probability are kept or
        rejected together. The last row keeps all.

    Raises
    ------
    DatasetError
        If the arrays are empty, do not fit each other, or do not hold probabilities and class indices.

    References
    ----------
    El-Yaniv & Wiener 2010, On the foundations of noise-free selective classification, JMLR 11.
    Geifman & El-Yaniv 2017, Selective classification for deep neural networks, NeurIPS.

    Examples
    --------
    >>> risk_coverage([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]], [0, 0, 0, 1])
       threshold  coverage  risk
    0        0.9      0.25  0.00
    1        0.8      0.50  0.00
    2        0.6      1.00  0.25
    """
    confidence, wrong = _confidence_and_errors(*check_predictions(probabilities, truth))
    thresholds, which = np.unique(confidence, return_inverse=True)
    kept = np.bincount(which)[::-1].cumsum()
    errors = np.bincount(which, wrong)[::-1].cumsum()
    return pd.DataFrame({"threshold": thresholds[::-1], "coverage": kept / len(wrong), "risk": errors / kept})


def area_under_risk_coverage(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Average the risk over all coverages; lower is better.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
    truth : array_like of int, shape (n,)

    Returns
    -------
    float
        Mean over rows of the risk at the row's own threshold: 0 if all rows are right; the error rate if the highest
        probability is unrelated to the errors.

    Raises
    ------
    DatasetError
        If the arrays are empty, do not fit each other, or do not hold probabilities and class indices.

    References
    ----------
    Geifman, Uziel & El-Yaniv 2019, Bias-reduced uncertainty estimation for deep neural classifiers, ICLR.
    """
    curve = risk_coverage(probabilities, truth)
    return float(curve["risk"] @ np.diff(curve["coverage"], prepend=0.0))


def reject_threshold(probabilities: ArrayLike, truth: ArrayLike, groups: ArrayLike, *, risk: float) -> float:
    """Find the lowest probability threshold that keeps the error rate of the remaining rows below a limit.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        Held-out rows: one per station's window, or per event from `mean_by_event`; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.
    groups : array_like of shape (n,)
        Event of each row.
    risk : float
        Allowed error rate of the rows kept, between 0 and 1.

    Returns
    -------
    float
        Keep rows whose highest probability is at least this. 0 if no rejection is needed, else with four decimals.

    Raises
    ------
    ConfigurationError
        If `risk` is not between 0 and 1.
    DatasetError
        If the held-out rows cannot confirm that risk at any threshold; the message states the lowest risk that they
        can confirm. Also if the arrays do not fit each other.

    Notes
    -----
    The observed risk is not enough: where few rows are kept, it is low by chance. A threshold passes if an upper bound
    of its risk does. The errors of an event's stations are correlated, so the bound is that of Clopper and Pearson with
    a conservative number of independent trials: Kish's effective number ``(Σ m)² / Σ m²`` of events with m rows kept,
    as if the rows of an event were all right or all wrong. Unlike a bootstrap over events, the bound stays above zero
    without an error: confirming a risk below 5 % takes at least 110 events, one below 1 % at least 555. Event decisions
    would also give a bound, but of another quantity: `classify` rejects windows.

    The best of many thresholds would pass by chance. Thresholds are therefore tested in a fixed order, down in steps of
    1 % coverage until one fails. One such walk starts at the strictest threshold that could pass with one event wrong,
    another half-way between it and no rejection: with the first alone, a model that needs no rejection would often fail
    because few rows are left at the start. The starts depend on the confidences but not on the truth, and each bound
    may err in half of the 5 %, so that the 95 % hold for the returned threshold.

    The guarantee holds for events like the held-out ones, with windows cut the same way. A station that records noise
    most of the time, or another region, is a different population.

    References
    ----------
    Clopper & Pearson 1934, The use of confidence or fiducial limits, Biometrika 26.
    Kish 1965, Survey Sampling; Korn & Graubard 1998, Confidence intervals for proportions with small expected number
    of positive counts estimated from survey data, Surv. Methodol. 24.
    Geifman & El-Yaniv 2017, Selective classification for deep neural networks, NeurIPS.
    Angelopoulos, Bates, Candès, Jordan & Lei 2021, Learn then test, arXiv:2110.01052: fixed-sequence testing.
    """
    check_risk(risk)
    p, y = check_predictions(probabilities, truth)
    codes, events = check_groups(groups, len(y))
    confidence, wrong = _confidence_and_errors(p, y)
    thresholds = _candidates(confidence)
    kept = [confidence >= threshold for threshold in thresholds]
    trials = np.array([_effective_number(codes[rows]) for rows in kept])
    bounds = _upper_bound(trials * [wrong[rows].mean() for rows in kept], trials)
    one_wrong = _upper_bound(np.ones_like(trials), trials)

    passed = _last_to_pass(bounds, one_wrong, risk)
    if passed is None:
        promises = (thousandths / 1000 for thousandths in range(1, 1000))
        least = next((r for r in promises if _last_to_pass(bounds, one_wrong, r) is not None), 1.0)
        raise DatasetError(
            f"no threshold keeps the risk at {risk:g} or less with {CONFIDENCE:.0%} confidence: the lowest risk that "
            f"these {len(events)} events can confirm is {least:.3f}; allow that risk, or use more held-out events or a "
            "better model"
        )
    return float(thresholds[passed])


def check_risk(risk: float) -> None:
    """Refuse a risk that is not between 0 and 1.

    Raises
    ------
    ConfigurationError
    """
    check_arguments("", ("risk must be an error rate between 0 and 1, such as 0.05", 0 < risk < 1, risk))


def _confidence_and_errors(p: Floats, y: Indices) -> tuple[Floats, Mask]:
    return p.max(axis=1), p.argmax(axis=1) != y


def _candidates(confidence: Floats) -> Floats:
    """Return thresholds from the strictest down, about 1 % of the rows apart; the last keeps all."""
    quantiles = np.quantile(confidence, np.linspace(0.99, 0.01, 99))
    rounded = np.floor(quantiles * 10**_DECIMALS) / 10**_DECIMALS
    return np.append(np.unique(rounded)[::-1], 0.0)


def _effective_number(codes: Indices) -> float:
    rows = np.bincount(codes)
    return float(rows.sum() ** 2 / np.square(rows).sum())


def _upper_bound(errors: Floats, trials: Floats) -> Floats:
    """Return the one-sided bound of Clopper and Pearson, 1 where all trials failed. Fractional numbers are allowed."""
    right = np.maximum(trials - errors, 0)
    level = 1 - (1 - CONFIDENCE) / _WALKS
    return np.where(right > 0, betaincinv(errors + 1, np.where(right > 0, right, 1), level), 1.0)


def _last_to_pass(bounds: Floats, one_wrong: Floats, risk: float) -> int | None:
    """Return the index of the last threshold that a walk reaches, None if every walk fails at its start."""
    could_pass = np.flatnonzero(one_wrong <= risk)
    if not could_pass.size:
        return None
    passes = np.append(bounds <= risk, False)
    first, last = int(could_pass[0]), len(bounds) - 1
    starts = first, (first + last) // 2
    return max((start + int(np.argmin(passes[start:])) - 1 for start in starts if passes[start]), default=None)
