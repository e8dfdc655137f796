"""Picks of P by a SeisBench picker, against its own pass over the samples around the arrival."""

from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest
import torch
from seisbench.models import PhaseNet
from small_backbone import WEIGHTS, install, put

from seisbench_lcl.datasets import Cuts, picker
from seisbench_lcl.datasets.picker import check_picker, pick_p
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.hub.backbones import Backbone, open_backbone
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import read_array

RATE = 100.0


@pytest.fixture(autouse=True)
def _reopened() -> None:
    picker._opened.cache_clear()


@pytest.fixture
def tiny(cache: Path) -> tuple[PhaseNet, Backbone]:
    install(cache)
    return open_backbone("PhaseNet", WEIGHTS)


@pytest.mark.parametrize("components", ["ZNE", "Z", "EZ"])
@pytest.mark.parametrize("arrival", [0.0, 3.0, 21.7, 40.0])
@pytest.mark.parametrize("radius", [0.5, 5.0])
def test_the_pick_is_the_most_probable_sample_near_the_arrival(
    tiny: tuple[PhaseNet, Backbone], monkeypatch: pytest.MonkeyPatch, components: str, arrival: float, radius: float
) -> None:
    monkeypatch.setattr(picker, "CERTAIN", 0.0)
    module, backbone = tiny
    preprocessing = Preprocessing(component_order=components)
    data = np.random.default_rng(0).normal(size=(len(components), 4001)).astype(np.float32)
    wide = np.zeros((3, 4001 + 2 * 1500), dtype=np.float32)
    for code, row in zip(components, data, strict=True):
        wide["ENZ".index(code), 1500:-1500] = row
    middle = round(arrival * RATE)
    window = torch.from_numpy(wide[None, :, middle : middle + 3001])
    window = window - window.mean(dim=-1, keepdim=True)
    window = window / (window.std(dim=-1, keepdim=True) + 1e-10)
    with torch.no_grad():
        p = module(window)[0, "NPS".index("P")].numpy()
    reach = round(radius * RATE)
    near = {i: p[1500 + i] for i in range(-reach, reach + 1)}
    best = max(near, key=near.get)
    found = pick_p(backbone, data, arrival, radius, preprocessing)
    assert found is not None
    assert found.time == pytest.approx((middle + best) / RATE)
    assert found.probability == pytest.approx(near[best], abs=1e-5)


def test_where_the_picker_is_not_sure_the_pick_stays(
    tiny: tuple[PhaseNet, Backbone], monkeypatch: pytest.MonkeyPatch
) -> None:
    preprocessing, cuts = Preprocessing(), Cuts(refine=3.0, picker=tiny[1])
    record = read_array(np.random.default_rng(0).normal(size=(3, 4000)), RATE, preprocessing)
    moved = {}
    for limit in (0.0, 0.999999):
        monkeypatch.setattr(picker, "CERTAIN", limit)
        moved[limit] = cuts.refined(record, 20.0, preprocessing)
    assert moved[0.999999] == 20.0
    assert moved[0.0] != 20.0


@pytest.mark.parametrize(
    ("preprocessing", "radius", "message"),
    [
        ({"sampling_rate": 50.0}, 3.0, "picks at 100 Hz, but windows have 50 Hz: use windows of its sampling rate"),
        ({}, 16.0, "sees 15.005 s on each side of an arrival, less than the 16 s to search"),
    ],
)
def test_pickers_that_do_not_fit_are_refused(
    tiny: tuple[PhaseNet, Backbone], preprocessing: dict[str, Any], radius: float, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Cuts(refine=radius, picker=tiny[1]).check(Preprocessing(**preprocessing))


def test_other_models_and_no_radius_are_refused(tiny: tuple[PhaseNet, Backbone], cache: Path) -> None:
    module = PhaseNet(phases="NQS", component_order="ENZ")
    put(module, cache / "phasenet" / "other", arguments={"phases": "NQS", "component_order": "ENZ"})
    _, other = open_backbone("PhaseNet", "other")
    with pytest.raises(ConfigurationError, match="PhaseNet 'other', version 1 does not pick P: name a picker, such as"):
        check_picker(other, Preprocessing(), 1.0)
    with pytest.raises(ConfigurationError, match="is to refine picks within 0 s: set refine to a positive number"):
        Cuts(picker=tiny[1])


def test_phasenet_finds_a_real_arrival(backbones: Path) -> None:
    _, phasenet = open_backbone("PhaseNet", "original")
    preprocessing = Preprocessing()
    data = np.stack([obspy.read().select(component=code)[0].data for code in "ZNE"])
    record = read_array(data, RATE, preprocessing)
    at = [Cuts(refine=4.0, picker=phasenet).refined(record, rough, preprocessing) for rough in (4.0, 4.7, 6.5)]
    assert at == pytest.approx([4.65] * 3, abs=0.15)
