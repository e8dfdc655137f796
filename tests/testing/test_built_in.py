"""All built-in extractors and heads conform."""

from functools import partial

import pytest

from seisbench_lcl.extractors import (
    Inception10Encoder,
    MiniRocket,
    Physical,
    Raw,
    ResNet18Encoder,
    SimCLR,
    SpectrogramAutoencoder,
    SpectrogramCNNEncoder,
    SpectrogramUNet,
    VGG16Encoder,
)
from seisbench_lcl.heads import GMM, SCAN, DECHead, KMeans, Linear, NamedSCAN, Ridge, Stack
from seisbench_lcl.testing import parametrize_with_checks

QUICK = [
    partial(Inception10Encoder, epochs=1, width=4, in_samples=400),
    partial(MiniRocket, max_features=200),
    Physical,
    partial(Raw, n_components=4),
    Raw,
    partial(ResNet18Encoder, epochs=1, width=4, in_samples=400),
    partial(SimCLR, epochs=1, width=8),
    partial(SpectrogramAutoencoder, epochs=1, in_samples=400),
    partial(SpectrogramCNNEncoder, epochs=1, in_channels=1),
    partial(SpectrogramUNet, epochs=1, batch_size=24, in_channels=1, in_samples=400),
    partial(VGG16Encoder, epochs=1, width=4, in_samples=400),
    DECHead,
    GMM,
    partial(GMM, n_components=3, covariance="tied"),
    KMeans,
    Linear,
    partial(NamedSCAN, n_heads=2, epochs=2, n_neighbours=5),
    Ridge,
    partial(SCAN, n_heads=2, epochs=2, n_neighbours=5),
    partial(Stack, weighting="equal"),
    Stack,
]
IN_FRESH_PROCESSES = {"another process": MiniRocket, "import": SCAN}  # one class each, because a process takes seconds


def _marked(parameter):
    (check,) = parameter.values
    if check.check.name not in IN_FRESH_PROCESSES:
        return parameter
    return pytest.param(check, id=parameter.id, marks=pytest.mark.slow)


def _is_wanted(parameter):
    (check,) = parameter.values
    return check.subject.cls is IN_FRESH_PROCESSES.get(check.check.name, check.subject.cls)


PARAMETERS = [_marked(parameter) for parameter in parametrize_with_checks(QUICK).args[1] if _is_wanted(parameter)]


@pytest.mark.parametrize("check", PARAMETERS)
def test_conformance(check):
    check()
