"""``demo``: the bundled seismogram with bundled weights."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_tools import files_in
from conftest import Done

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
    code = "from seisbench_lcl.cli import main; main()"
    command = [sys.executable, "-c", code, "demo", "--out", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    check(tmp_path / "demo")
