import numpy as np
import pytest
import seisbench.generate
import torch

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations import FromSeisBench


@pytest.fixture
def windows():
    return torch.randn(4, 3, 200, generator=torch.Generator().manual_seed(0))


def test_windows_equal_those_that_seisbench_augments_one_by_one(windows):
    arguments = {"GaussianNoise": {"scale": [0.1, 0.2]}, "ChannelDropout": {}, "AddGap": {}, "RandomArrayRotation": {}}
    torch.manual_seed(3)
    found = FromSeisBench(augmentations=arguments, probability=1)(windows, 100.0)
    torch.manual_seed(3)
    torch.rand(4)  # which windows are changed
    before = np.random.get_state()
    np.random.seed(int(torch.randint(2**32, ())))
    for window, augmented in zip(windows, found, strict=True):
        state = {"X": (window.numpy().copy(), {})}
        for name, values in arguments.items():
            getattr(seisbench.generate, name)(**values)(state)
        np.testing.assert_array_equal(augmented.numpy(), state["X"][0].astype(np.float32))
    np.random.set_state(before)


def test_augmentation_is_reproducible_and_restores_the_generator_of_numpy(windows):
    rotate = FromSeisBench(augmentations={"RotateHorizontalComponents": {}}, probability=1)
    before = np.random.get_state()[1].copy()
    torch.manual_seed(0)
    first = rotate(windows, 100.0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.rand(7)
    torch.manual_seed(0)
    assert torch.equal(rotate(windows, 100.0), first)
    assert not torch.equal(rotate(windows, 100.0), first)
    assert torch.equal(first[:, 0], windows[:, 0])
    torch.testing.assert_close(first[:, 1:].square().sum(dim=1), windows[:, 1:].square().sum(dim=1))


def test_metadata_state_components_and_sampling_rate(windows):
    low_pass = {"Filter": {"N": 4, "Wn": 5, "btype": "low", "forward_backward": True}}
    slow, fast = (FromSeisBench(augmentations=low_pass, probability=1)(windows, rate) for rate in (20.0, 200.0))
    assert fast.square().sum() < 0.3 * slow.square().sum()
    vertical_last = FromSeisBench(
        augmentations={"RotateHorizontalComponents": {}}, component_order="NEZ", probability=1
    )(windows, 100.0)
    assert torch.equal(vertical_last[:, 2], windows[:, 2])


@pytest.mark.parametrize(
    ("augmentations", "message"),
    [
        (
            {"Rotate": {}},
            "seisbench.generate has no augmentation 'Rotate'; available: AddGap, ChangeDtype, ChannelDropout",
        ),
        ({"ProbabilisticLabeller": {}}, "no augmentation 'ProbabilisticLabeller'"),
        ({"GaussianNoise": {"level": 1}}, "GaussianNoise refuses the arguments {'level': 1}: .*unexpected keyword"),
        ({"RotateHorizontalComponents": {"components": "ZNE"}}, "refuses the arguments .*Only two components"),
        ({"RealNoise": {}}, "RealNoise refuses the arguments {}: .*noise_dataset"),
    ],
)
def test_augmentations_that_seisbench_lacks_or_refuses_are_named(augmentations, message):
    with pytest.raises(ConfigurationError, match=message):
        FromSeisBench(augmentations=augmentations)


def test_windows_that_seisbench_cannot_augment_are_refused_beforehand():
    state = torch.get_rng_state()
    FromSeisBench(augmentations={"RotateHorizontalComponents": {}}).check(3, 100, 100.0)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(
        ConfigurationError, match=r"cannot augment windows of 1 components and 100 samples with component_order Z: .*N"
    ):
        FromSeisBench(augmentations={"RotateHorizontalComponents": {}}, component_order="Z").check(1, 100, 100.0)
    with pytest.raises(ConfigurationError, match=r"cannot augment windows of 3 components.*'Y'"):
        FromSeisBench(augmentations={"AddGap": {"key": "Y"}}).check(3, 100, 100.0)
    with pytest.raises(
        ConfigurationError, match=r"must keep the shape \(3, 100\) of a window, but changed it to \(5, "
    ):
        FromSeisBench(augmentations={"DKPNPreProcessor": {}}).check(3, 100, 100.0)
