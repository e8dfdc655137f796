"""The plugin with published weights, installed by pip into a fresh environment without a network."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

PLUGIN = Path(__file__).parents[2] / "plugins" / "seisbench-lcl-quakexnet"
CHECK = """
import sys
import numpy as np
import seisbench_lcl as lcl
reference = np.load(sys.argv[1])
found = lcl.from_pretrained("QuakeXNet/base").predict_proba(reference["windows"])
print("largest difference below 1e-4:", bool(np.abs(found - reference["probabilities"]).max() < 1e-4))
"""


@pytest.mark.slow  # builds an environment
@pytest.mark.timeout(600)
def test_the_plugin_is_installed_and_takes_a_local_file(
    laboratory: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    laboratory("python", "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(PLUGIN))
    assert "QuakeXNet/base, version 1, not on this machine" in laboratory("seisbench-lcl", "hub", "show", "base").stdout
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pt")
    refused = laboratory("bash", "-c", "! seisbench-lcl-quakexnet install other.pt")
    assert "the tensors do not fit the model: conv1.bias is missing" in refused.stderr
    if not (folder := os.environ.get("SEISBENCH_LCL_PUBLISHED")):
        return  # the rest needs the published file
    done = laboratory("seisbench-lcl-quakexnet", "install", f"{folder}/quakexnet-base.safetensors")
    assert "licence: MIT" in done.stdout
    assert "QuakeXNet/base" in laboratory("seisbench-lcl", "hub", "list").stdout
    done = laboratory("python", "-c", CHECK, f"{folder}/quakexnet-reference.npz")
    assert "largest difference below 1e-4: True" in done.stdout
