"""Figures of a comparison, from its files alone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from seisbench_lcl.comparison.plan import Plan
from seisbench_lcl.comparison.predictions import Predictions
from seisbench_lcl.comparison.specs import FigureSpec
from seisbench_lcl.comparison.tables import Scores, name_of
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation.calibration import reliability
from seisbench_lcl.evaluation.metrics import mean_by_event
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import hide_frame
from seisbench_lcl.wording import counted

_MARKERS = "osD^vP"
_LEAST = 10  # windows in a bin of confidence, or its accuracy is chance


def draw(plan: Plan, spec: FigureSpec, scores: Scores, predictions: Predictions) -> Figure:
    """Draw one figure.

    Raises
    ------
    ConfigurationError
        If it needs a map that no run has drawn.
    """
    shown = set(scores.summary["model"])
    models = [title for title in spec.models or [entry.title for entry in plan.models] if title in shown]
    if spec.kind == "map":
        return _map(spec, models, predictions)
    if spec.kind == "clusters":
        return _clusters(spec, models, predictions)
    if spec.kind == "deviations":
        return _deviations(spec, scores, models)
    if spec.kind == "pareto":
        return _pareto(spec, scores, models)
    if spec.kind == "reliability":
        return _reliability(spec, models, predictions)
    return _curves(plan, spec, scores, models)


def _deviations(spec: FigureSpec, scores: Scores, models: Sequence[str]) -> Figure:
    """Draw, after Figure 4 of Yin et al. (2022), how far each run is from the median of its model."""
    figure = Figure(figsize=(max(6.0, 1.1 * len(models) + 1), 2.5 * len(spec.metrics)), layout="constrained")
    panels = figure.subplots(len(spec.metrics), 1, squeeze=False, sharex=True)[:, 0]
    table = scores.metrics
    for axes, metric in zip(panels, spec.metrics, strict=True):
        chosen = table[(table["metric"] == metric) & (table["level"] == spec.level) & (table["part"] == "all")]
        chosen = chosen[chosen["deal"] == chosen["seed"]]
        for k, model in enumerate(models):
            values = chosen.loc[chosen["model"] == model, "value"].to_numpy()
            deviations = values - np.median(values)
            places = k + np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.array([float(k)])
            axes.plot(places, deviations, "o", ms=3.5, color=COLOURS[k % len(COLOURS)], alpha=0.8)
            if len(values) > 1:
                sd = values.std(ddof=1)
                axes.plot([k - 0.35, k + 0.35], [sd, sd], "-", color="0.4", lw=0.8)
                axes.plot([k - 0.35, k + 0.35], [-sd, -sd], "-", color="0.4", lw=0.8)
        axes.axhline(0, color="0.7", lw=0.8, zorder=0)
        axes.set_ylabel(f"{name_of(metric)}\nminus median")
        axes.set_xlim(-0.5, len(models) - 0.5)
        hide_frame(axes)
    panels[-1].set_xticks(
        range(len(models)), [f"{model}\n({counted(_runs(scores, model), 'run')})" for model in models]
    )
    if len(models) > 4:
        for label in panels[-1].get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    panels[0].set_title(spec.title, loc="left", fontsize="medium")
    return figure


def _map(spec: FigureSpec, models: Sequence[str], predictions: Predictions) -> Figure:
    """Draw, after Figure 5 of Yin et al. (2022), one map of features by truth and by the labels of models."""
    if spec.features not in predictions.maps:
        raise ConfigurationError(
            f"the figure {spec.name!r} needs a map of the features of {spec.features or 'a model'}: set map = true for "
            "it, and run the predictions of its first deal"
        )
    places = predictions.maps[spec.features].merge(predictions.targets[["window", "label"]], on="window")
    truth = places["label"].to_numpy(dtype=str)
    columns = {"Truth": truth}
    for model in models:
        found = predictions.first[model]
        found = found[found["shift"] == 0].set_index("window")[[f"p:{label}" for label in predictions.labels]]
        best = found.loc[places["window"]].to_numpy().argmax(axis=1)
        columns[model] = np.array(predictions.labels)[best]
    n = len(columns)
    width = min(n, 2)
    figure = Figure(figsize=(4.2 * width, 3.6 * -(-n // width) + 0.5), layout="constrained")
    panels = figure.subplots(-(-n // width), width, squeeze=False).ravel()
    for axes, (title, labels) in zip(panels, columns.items(), strict=False):
        for k, label in enumerate(predictions.labels):
            rows = labels == label
            _scatter(axes, places, rows, k)
        if title != "Truth":
            title = f"{title}: {np.mean(labels == truth):.0%} as in truth"
        axes.set_title(title, loc="left", fontsize="medium")
    for axes in panels[n:]:
        axes.set_visible(False)
    _key(figure, predictions.labels)
    return figure


def _clusters(spec: FigureSpec, models: Sequence[str], predictions: Predictions) -> Figure:
    """Draw, after Figures 3 and 4 of O'Boyle et al., the features of each model by its clusters, and by truth below."""
    if absent := [model for model in models if model not in predictions.maps]:
        raise ConfigurationError(
            f"the figure {spec.name!r} needs a map of the features of {absent[0]}: set map = true for it, and run the "
            "predictions of its first deal"
        )
    figure = Figure(figsize=(2.7 * len(models) + 0.4, 6), layout="constrained")
    panels = figure.subplots(2, len(models), squeeze=False)
    for column, model in zip(panels.T, models, strict=True):
        found = predictions.first[model].query("shift == 0")[["window", "cluster"]]
        places = predictions.maps[model].merge(found, on="window").merge(predictions.targets, on="window")
        clusters = places["cluster"].to_numpy(dtype=int)
        for cluster in np.unique(clusters):
            _scatter(column[0], places, clusters == cluster, int(cluster))
        for k, label in enumerate(predictions.labels):
            _scatter(column[1], places, places["label"].to_numpy(dtype=str) == label, k)
        column[0].set_title(f"{model}: {counted(len(np.unique(clusters)), 'cluster')}", loc="left", fontsize="small")
    panels[0, 0].set_ylabel("by cluster")
    panels[1, 0].set_ylabel("by truth")
    figure.suptitle(spec.title, fontsize="medium")
    _key(figure, predictions.labels)
    return figure


def _scatter(axes: Axes, places: pd.DataFrame, rows: NDArray[np.bool_], k: int) -> None:
    x, y = places["x"][rows], places["y"][rows]
    marker, color = _look(k)
    axes.scatter(x, y, s=12, lw=0, alpha=0.85, marker=marker, color=color)
    axes.set(xticks=[], yticks=[])


def _key(figure: Figure, labels: Sequence[str]) -> None:
    """Draw the marker of each class below all panels."""
    handles = [
        Line2D([], [], ls="", marker=marker, color=colour, label=label)
        for label, (marker, colour) in zip(labels, map(_look, range(len(labels))), strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def _pareto(spec: FigureSpec, scores: Scores, models: Sequence[str]) -> Figure:
    """Draw a score against the time that a window takes, and the models that no other beats in both."""
    metric = spec.metrics[0]
    table = scores.of(spec.level, metric)
    cost = scores.cards[scores.cards["error"].isna()].groupby("model")["milliseconds"].median()
    models = [model for model in models if model in table and cost.get(model, np.nan) > 0]
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    best = -np.inf
    front: list[str] = []
    for model in sorted(models, key=lambda one: (cost[one], -table[one]["value"])):
        if table[model]["value"] > best:
            best = float(table[model]["value"])
            front.append(model)
    axes.step([cost[m] for m in front], [table[m]["value"] for m in front], where="post", color="0.75", zorder=0)
    for k, model in enumerate(models):
        row = table[model]
        bars = np.maximum([[row["value"] - row["low"]], [row["high"] - row["value"]]], 0)
        fmt, colour = _look(k)
        axes.errorbar(cost[model], row["value"], bars, fmt=fmt, color=colour, ms=6, lw=1, label=model)
    axes.set(xscale="log", xlabel="ms of one thread per window", ylabel=f"{name_of(metric)} per {spec.level}")
    axes.set_title(spec.title, loc="left")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    hide_frame(axes)
    return figure


def _reliability(spec: FigureSpec, models: Sequence[str], predictions: Predictions) -> Figure:
    """Draw accuracy against confidence, of all repeats together."""
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", lw=0.8)
    truth_of = predictions.targets.set_index("window")
    codes = {label: k for k, label in enumerate(predictions.labels)}
    for k, model in enumerate(models):
        found = []
        for table in predictions.repeats[model]:
            own = table[table["shift"] == 0]
            p = own[[f"p:{label}" for label in predictions.labels]].to_numpy(dtype=float)
            truth = truth_of.loc[own["window"], "label"].map(codes).to_numpy()
            events = truth_of.loc[own["window"], "event"].to_numpy(dtype=str)
            found.append((p, truth) if spec.level == "station" else mean_by_event(p, truth, events)[:2])
        bins = reliability(*(np.concatenate(part) for part in zip(*found, strict=True))).query("n >= @_LEAST")
        marker, colour = _look(k)
        axes.plot(bins["confidence"], bins["accuracy"], f"-{marker}", color=colour, ms=4, label=model)
    axes.set(xlabel="Highest probability", ylabel=f"Accuracy per {spec.level}", xlim=(0.2, 1.01), ylim=(0, 1.02))
    axes.set_title(spec.title, loc="left")
    axes.legend(frameon=False, fontsize="small")
    hide_frame(axes)
    return figure


def _curves(plan: Plan, spec: FigureSpec, scores: Scores, models: Sequence[str]) -> Figure:
    """Draw a score against the parts of the windows, or against the number of training events."""
    metric = spec.metrics[0]
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    if spec.kind == "events":
        _by_events(axes, plan, scores.of(spec.level, metric), models)
        axes.set_xlabel("Events learnt from")
    else:
        parts = scores.parts(spec.part)
        for k, model in enumerate(models):
            rows = [(i, scores.of(spec.level, metric, part)) for i, part in enumerate(parts)]
            found = [(i, table[model]) for i, table in rows if model in table]
            _line(axes, [i + _aside(k, models) for i, _ in found], [row for _, row in found], model, k)
        axes.set_xticks(range(len(parts)), [part.removeprefix(f"{spec.part} ") for part in parts])
    axes.set_ylabel(f"{name_of(metric)} per {spec.level}")
    axes.set_title(spec.title, loc="left")
    axes.legend(frameon=False, fontsize="small")
    hide_frame(axes)
    return figure


def _by_events(axes: Axes, plan: Plan, table: Mapping[str, Mapping[str, float]], models: Sequence[str]) -> None:
    families: dict[str, list[tuple[float, str]]] = {}
    for entry in plan.models:
        if entry.title in models and entry.title in table:
            families.setdefault(entry.curve or entry.name, []).append((entry.events or np.inf, entry.title))
    numbers = sorted({n for family in families.values() for n, _ in family})
    for k, (family, members) in enumerate(families.items()):
        members.sort()
        x = [numbers.index(n) + _aside(k, families) for n, _ in members]
        _line(axes, x, [table[title] for _, title in members], family, k)
    axes.set_xticks(range(len(numbers)), [f"{n:g}" if np.isfinite(n) else "all" for n in numbers])


def _aside(k: int, lines: Collection[Any]) -> float:
    """Return how far line k moves aside, so that the intervals of all can be seen."""
    return 0.05 * (k - (len(lines) - 1) / 2)


def _line(axes: Axes, x: Sequence[float], rows: Sequence[Mapping[str, float]], label: str, k: int) -> None:
    y, low, high = (np.array([row[name] for row in rows]) for name in ("value", "low", "high"))
    marker, colour = _look(k)
    bars = np.maximum(np.stack([y - low, high - y]), 0)  # a calibration error may lie below its interval
    axes.errorbar(x, y, bars, fmt=f"-{marker}", color=colour, ms=4, lw=1.2, label=label)


def _look(k: int) -> tuple[str, str]:
    """Return marker and colour of model, class or cluster k."""
    return _MARKERS[k % len(_MARKERS)], COLOURS[k % len(COLOURS)]


def _runs(scores: Scores, model: str) -> int:
    table = scores.summary
    return int(table.loc[table["model"] == model, "runs"].max())
