"""``demo``: the bundled seismogram with bundled weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_tools import files_in
from conftest import Done
from laboratory import perform

from seisbench_lcl.testing._fresh_process import ORIGIN

pytestmark = pytest.mark.timeout(120)


def check(folder: Path) -> None:
    assert files_in(folder) == ["detections.csv", "figure.png", "windows.csv"]
    frame = pd.read_csv(folder / "detections.csv")
    assert frame["label"].tolist() == ["earthquake"]
    assert np.isfinite(frame["probability"]).all()


def test_demo(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("demo", "--out", "demo")
    assert done.returncode == 0, done.stderr
    assert "EnvelopePhysicalRidge/mixed-3c, version " in done.stdout
    check(tmp_path / "demo")


@pytest.mark.slow
def test_demo_in_a_new_process(tmp_path: Path) -> None:
    printed = tmp_path / "printed.txt"
    assert not ORIGIN.ask(perform, ["seisbench-lcl", "demo", "--out", "demo"], tmp_path, printed), printed.read_text()
    check(tmp_path / "demo")
