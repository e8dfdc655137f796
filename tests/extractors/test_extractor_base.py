import pytest
import torch

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.extractors import FeatureExtractor


class Mean(FeatureExtractor):
    """The mean of each component; it remembers the arguments of `_fit`."""

    name = "mean"

    def __init__(self, in_channels, in_samples, sampling_rate):
        super().__init__(in_channels, in_samples, sampling_rate)
        self.n_features = in_channels
        self.seen = None

    def config(self):
        return {}

    def _fit(self, windows, labels, groups):
        self.seen = windows, labels

    def _extract(self, windows):
        return windows.mean(dim=-1)


@pytest.mark.parametrize("arguments", [(0, 100, 50.0), (3, 0, 50.0), (3, 100, 0.0), (3, 100, -50.0)])
def test_a_size_or_rate_that_is_not_positive_is_refused(arguments):
    with pytest.raises(ConfigurationError, match="at least one component, one sample and a positive sampling rate"):
        Mean(*arguments)


@pytest.mark.parametrize("method", ["fit", "forward"])
@pytest.mark.parametrize("shape", [(3, 20), (2, 2, 20), (2, 3, 19), (2, 3, 20, 1)])
def test_a_wrong_shape_is_refused_with_both_shapes(method, shape):
    with pytest.raises(WindowError, match=r"Mean needs windows of shape \(B, 3, 20\).*got \(" + str(shape[0])):
        getattr(Mean(3, 20, 100), method)(torch.zeros(shape))


@pytest.mark.parametrize("method", ["fit", "forward"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e39])
def test_windows_not_finite_in_float32_are_counted_and_the_first_is_named(method, value):
    windows = torch.zeros(5, 3, 20, dtype=torch.float64)
    windows[2, 1, 7] = windows[4, 0, 0] = value
    with pytest.raises(WindowError, match="2 of 5 windows hold NaN or infinite samples, the first at index 2"):
        getattr(Mean(3, 20, 100), method)(windows)


def test_fit_passes_on_float32_windows_and_labels_and_refuses_no_windows():
    extractor, labels = Mean(3, 20, 100), torch.tensor([0, 1])
    assert extractor.fit(torch.ones(2, 3, 20, dtype=torch.int16), labels) is extractor
    windows, passed = extractor.seen
    assert windows.dtype == torch.float32
    assert passed is labels
    with pytest.raises(WindowError, match="at least one window"):
        extractor.fit(torch.zeros(0, 3, 20))
    assert extractor(torch.zeros(0, 3, 20)).shape == (0, 3)
