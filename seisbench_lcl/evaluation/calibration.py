"""Whether probabilities can be believed, and what to reject so that the rest can."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation.bootstrap import ends, resample_tallies
from seisbench_lcl.evaluation.metrics import N_BINS, Floats, Indices, check_groups, check_predictions

CONFIDENCE = 0.95  # of every interval and bound here
_RESAMPLES = 1000
_WALKS = 2  # one from the strictest threshold that could pass, one from half-way between it and none
_DECIMALS = 4  # of a threshold, so that the number printed is the number tested


def reliability(probabilities: ArrayLike, truth: ArrayLike, groups: ArrayLike | None = None) -> pd.DataFrame:
    """Compare how sure predictions are with how often they are right.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.
    groups : array_like of shape (n,), optional
        Event of each row, for an interval around each accuracy from resampling whole events.

    Returns
    -------
    pandas.DataFrame
        One row for each of the 10 bins of the ``ece`` of `score`: its ends ``low`` and ``high``, of which the upper
        one belongs to it; ``n`` rows whose highest probability lies in it; their mean ``confidence`` and ``accuracy``,
        NaN where there are none. With `groups` also the number of ``events``, and the 95 % interval from
        ``accuracy_low`` to ``accuracy_high``, NaN in a bin of fewer than two events.

    Raises
    ------
    DatasetError
        If the arrays are empty, do not fit each other, or do not hold probabilities and class indices.

    Notes
    -----
    The expected calibration error is ``Σ n |accuracy - confidence| / Σ n``. A bin without an error gets an interval of
    no width: read it together with its number of events.

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
    table["confidence"] = _ratio(np.bincount(bins, confidence, N_BINS), n)
    table["accuracy"] = _ratio(np.bincount(bins, ~wrong, N_BINS), n)
    if groups is not None:
        codes, events = check_groups(groups, len(y))
        cells, size = codes * N_BINS + bins, len(events) * N_BINS
        rows, right = (np.bincount(cells, x, size).reshape(-1, N_BINS) for x in (np.ones(len(y)), ~wrong))
        table["events"] = np.count_nonzero(rows, axis=0)
        draws = resample_tallies(np.hstack([right, rows]), _RESAMPLES, seed=0)
        accuracies = _ratio(draws[:, :N_BINS], draws[:, N_BINS:])
        accuracies[:, table["events"] < 2] = np.nan
        tails = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
        table[["accuracy_low", "accuracy_high"]] = [ends(column, tails) for column in accuracies.T]
    return table


def risk_coverage(probabilities: ArrayLike, truth: ArrayLike) -> pd.DataFrame:
    """Trade coverage for risk: reject the rows whose highest probability is below a threshold.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.

    Returns
    -------
    pandas.DataFrame
        One row for each highest probability that occurs, from the largest down: the ``threshold``, the ``coverage`` or
        share of rows that reach it, and the ``risk`` or error rate among these. Rows of equal probability are kept or
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
    """Average the risk over all coverages, the less the better.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
    truth : array_like of int, shape (n,)

    Returns
    -------
    float
        Mean over rows of the risk at the row's own threshold: 0 without an error, and the error rate where the highest
        probability says nothing.

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
    """Find the least probability below which to reject, so that few of the rows kept are wrong.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        Of held-out rows: one per station's window, or per event from `mean_by_event`; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.
    groups : array_like of shape (n,)
        Event of each row.
    risk : float
        Error rate to allow among the rows kept, between 0 and 1.

    Returns
    -------
    float
        Keep rows whose highest probability is this or more. 0 if nothing needs rejecting, else with four decimals.

    Raises
    ------
    ConfigurationError
        If `risk` is not between 0 and 1.
    DatasetError
        If the held-out rows cannot show that risk at any threshold; the message says which one they can. Also if the
        arrays do not fit each other.

    Notes
    -----
    The observed risk is not enough: it is lowest by chance where few rows are kept. A threshold passes if an upper
    bound of its risk does. Stations of one event err together, so the bound is that of Clopper and Pearson with
    as many trials as there are independent ones at least: Kish's effective number ``(Σ m)² / Σ m²`` of events with m
    rows kept, as if an event's rows all erred or none. Unlike a bootstrap over events, it stays above zero without an
    error: no risk below 5 % can be shown with fewer than 110 events, nor one below 1 % with fewer than 555. Event
    decisions would give a bound as well, but of another quantity: what `classify` rejects are windows.

    The best of many thresholds would pass by chance. They are therefore tested in a fixed order, down in steps of 1 %
    coverage until one fails. One such walk starts at the strictest threshold that could pass with one event wrong, and
    another half-way between it and no rejection: on the first alone, a model that is good enough as it is would often
    fail for having few rows there. Where they start depends on the confidences but not on the truth, and each bound has
    half of the 5 % to err, so that the 95 % hold for the threshold returned.

    The promise is for events like the held-out ones, with windows cut like theirs. A station that keeps recording
    noise, or another region, is another population.

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
            f"no threshold keeps the risk at {risk:g} or less with {CONFIDENCE:.0%} confidence: the least that these "
            f"{len(events)} events can show is {least:.3f}; ask for that, or take more held-out events or a "
            "better model"
        )
    return float(thresholds[passed])


def check_risk(risk: float) -> None:
    """Check at the door that a risk lies between 0 and 1.

    Raises
    ------
    ConfigurationError
    """
    if not 0 < risk < 1:
        raise ConfigurationError(f"a risk is an error rate between 0 and 1, such as 0.05, but found {risk:g}")


def _confidence_and_errors(p: Floats, y: Indices) -> tuple[Floats, NDArray[np.bool_]]:
    return p.max(axis=1), p.argmax(axis=1) != y


def _candidates(confidence: Floats) -> Floats:
    """Thresholds from the strictest down, about 1 % of the rows apart; the last keeps all."""
    quantiles = np.quantile(confidence, np.linspace(0.99, 0.01, 99))
    rounded = np.floor(quantiles * 10**_DECIMALS) / 10**_DECIMALS
    return np.append(np.unique(rounded)[::-1], 0.0)


def _effective_number(codes: Indices) -> float:
    rows = np.bincount(codes)
    return float(rows.sum() ** 2 / np.square(rows).sum())


def _upper_bound(errors: Floats, trials: Floats) -> Floats:
    """One-sided bound of Clopper and Pearson; 1 where all trials failed. Neither number need be whole."""
    right = np.maximum(trials - errors, 0)
    level = 1 - (1 - CONFIDENCE) / _WALKS
    return np.where(right > 0, betaincinv(errors + 1, np.where(right > 0, right, 1), level), 1.0)


def _last_to_pass(bounds: Floats, one_wrong: Floats, risk: float) -> int | None:
    """Index of the last threshold that a walk reaches; None where each fails at its start."""
    could_pass = np.flatnonzero(one_wrong <= risk)
    if not could_pass.size:
        return None
    passes = np.append(bounds <= risk, False)
    first, last = int(could_pass[0]), len(bounds) - 1
    starts = first, (first + last) // 2
    return max((start + int(np.argmin(passes[start:])) - 1 for start in starts if passes[start]), default=None)


def _ratio(part: Floats | Indices, whole: Floats | Indices) -> Floats:
    out = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
