"""A PhaseNet with random parameters, in SeisBench's cache, as if it had been downloaded."""

import json
from pathlib import Path

import torch
from seisbench.models import PhaseNet, WaveformModel
from torch import nn

WEIGHTS = "tiny"


def random_phasenet(seed: int = 0, **arguments) -> PhaseNet:
    """A network whose layers all respond to the input: its normalisations know noise."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PhaseNet(component_order="ENZ", **arguments).train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = 1.0
        with torch.no_grad():
            model(torch.randn(2, 3, 3001))
    return model.eval()


def install(cache: Path, weights: str = WEIGHTS, version: str = "1", seed: int = 0, **arguments) -> Path:
    """Write a PhaseNet as SeisBench's server has it, and return the stem of its files."""
    model = random_phasenet(seed, **arguments)
    return put(model, cache / "phasenet" / weights, version, {"component_order": "ENZ", **arguments})


def put(model: WaveformModel, stem: Path, version: str = "1", arguments: dict[str, object] | None = None) -> Path:
    """Write the files of a model in SeisBench's layout, and return their stem."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), f"{stem}.pt.v{version}")
    description = {"model_args": arguments or {}, "default_args": {}, "version": version}
    Path(f"{stem}.json.v{version}").write_text(json.dumps(description))
    return stem
