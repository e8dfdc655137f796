"""The card of a run: what made its predictions, where, and how long it took."""

import json
import os
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from seisbench_lcl._version import __version__
from seisbench_lcl.comparison.fitting import Measured
from seisbench_lcl.comparison.runs import Run
from seisbench_lcl.storage import write_text

FORMAT = 1

_PROGRAMS = ("seisbench", "obspy", "torch", "numpy", "scikit-learn")


def write_card(
    file: Path,
    run: Run,
    *,
    fingerprint: str,
    data: str,
    split: str,
    measured: Measured | None = None,
    error: str | None = None,
) -> None:
    """Write the card of a run as JSON.

    Parameters
    ----------
    file : Path
    run : Run
    fingerprint, data, split : str
        Digests of the settings, of the dataset, and of the targets.
    measured : Measured, optional
        What a run that succeeded took.
    error : str, optional
        Why a run failed.

    Raises
    ------
    OutputError
    """
    card: dict[str, Any] = {
        "format": FORMAT,
        "model": run.entry.title,
        "settings": run.entry.model_dump(exclude={"repeats", "seeds"}),
        "deal": run.deal,
        "seed": run.seed,
        "data": data,
        "split": split,
        "fingerprint": fingerprint,
        "versions": {"seisbench-lcl": __version__, "python": platform.python_version()}
        | {name: version(name) for name in _PROGRAMS},
        "hardware": {
            "machine": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "measured": asdict(measured) if measured else None,
        "error": error,
    }
    write_text(file, json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def read_card(file: Path) -> dict[str, Any] | None:
    """Return a card, None if there is none or it is damaged."""
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and card.get("format") == FORMAT else None


@cache
def _processor() -> str:
    """Return the name of the processor, as Linux knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
