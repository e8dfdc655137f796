"""A comparison that takes a second, on the dataset that the tests make."""

from pathlib import Path
from typing import Any

PLAN: dict[str, Any] = {
    "title": "Small",
    "data": {"dataset": "dataset", "sampling_rate": 40.0, "length": 8.0, "region_column": "region"},
    "split": {"folds": 4, "test": 1, "repeats": 2, "seeds": 2},
    "models": [
        {"name": "MiniRocketRidge", "extractor_args": {"max_features": 84}, "map": True},
        {"name": "WaveformKMeans", "seeds": 0},
    ],
}

TABLES = [
    {"title": "Scores", "metrics": ["accuracy", "nmi"], "paper": "small"},
    {"title": "Events", "level": "event"},
    {"title": "Order", "kind": "order", "metrics": ["accuracy"], "paper": "small"},
    {"title": "Spread", "kind": "spread", "metrics": ["accuracy"]},
    {"title": "Parts", "kind": "parts", "part": "region", "metrics": ["accuracy"]},
    {"title": "Cost", "kind": "cost"},
]
FIGURES = [
    {"name": "deviations", "kind": "deviations"},
    {"name": "map", "kind": "map", "features": "MiniRocketRidge", "models": ["WaveformKMeans"]},
    {"name": "pareto", "kind": "pareto", "level": "event"},
    {"name": "reliability", "kind": "reliability", "level": "event"},
    {"name": "parts", "kind": "parts", "part": "region"},
    {"name": "events", "kind": "events"},
]
PAPER = """
source = "Someone (1999), Table 1"
data = "other windows"
[values]
MiniRocketRidge = { accuracy = 0.9 }
WaveformKMeans = { accuracy = 0.4 }
"""


def toml(value: Any, path: str = "") -> str:
    """Write a plan as TOML: tables in the order of the keys, arrays of tables as such."""
    plain, tables = [], []
    for key, entry in value.items():
        full = f"{path}.{key}" if path else key
        if isinstance(entry, dict):
            tables.append(f"[{full}]\n{toml(entry, full)}")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            tables += [f"[[{full}]]\n{toml(row, full)}" for row in entry]
        else:
            plain.append(f"{key} = {str(entry).lower() if isinstance(entry, bool) else repr(entry)}")
    return "\n".join([*plain, *tables])


def make_place(folder: Path, dataset: Path) -> Path:
    """Lay out a plan with a model that fails, the numbers of a paper, and the dataset."""
    (folder / "paper").mkdir()
    (folder / "paper" / "small.toml").write_text(PAPER)
    (folder / "dataset").symlink_to(dataset)
    broken = {"name": "DEC", "shown": "broken", "extractor_args": {"strange": 1}}
    write(folder / "plan.toml", models=[*PLAN["models"], broken], tables=TABLES, figures=FIGURES)
    return folder


def write(file: Path, **changes: Any) -> Path:
    """Write the plan with other parts."""
    file.write_text(toml(PLAN | changes))
    return file
