import numpy as np
import torch

from seisbench_lcl.extractors.stages import ComponentStd
from seisbench_lcl.waveforms.preprocessing import Preprocessing


def test_each_component_has_its_mean_removed_and_standard_deviation_one():
    x = np.random.default_rng(0).normal(5, 2, (4, 3, 50)) * [[[1e-9], [1.0], [1e6]]]
    x = x.astype(np.float32)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(axis=-1, keepdims=True)) / wide.std(axis=-1, keepdims=True)
    stage = ComponentStd(3, 50, 100)
    np.testing.assert_allclose(stage(torch.from_numpy(x)), expected, atol=1e-4)
    model = Preprocessing(in_samples=50, before=0.1, normalisation="component-std")
    assert torch.equal(stage(torch.from_numpy(x)), model.normalise(torch.from_numpy(x)))


def test_after_a_joint_normalisation_it_is_as_if_there_had_been_none():
    x = torch.from_numpy(np.random.default_rng(1).normal(0, [[[1.0], [7.0]]], (4, 2, 50)).astype(np.float32))
    joint = Preprocessing(in_samples=50, before=0.1, component_order="ZN", normalisation="joint-std")
    stage = ComponentStd(2, 50, 100)
    torch.testing.assert_close(stage(joint.normalise(x)), stage(x))


def test_a_dead_component_is_zero():
    x = torch.ones(2, 3, 20)
    x[:, 1] = torch.arange(20.0)
    y = ComponentStd(3, 20, 100)(x)
    assert not y[:, [0, 2]].any()
    assert y.isfinite().all()


def test_windows_keep_their_shape_and_meaning():
    stage = ComponentStd(2, 30, 40)
    assert (stage.out_channels, stage.out_samples, stage.out_rate) == (2, 30, 40)
    assert stage.transparent
    assert stage.config() == {}
    assert not stage.state_dict()
