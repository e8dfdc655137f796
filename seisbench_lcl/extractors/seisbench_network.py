"""A SeisBench model that is trained further as a discriminator, and belongs to its weights."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from seisbench.models import WaveformModel
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors._network import Network
from seisbench_lcl.extractors.layer_features import DEFAULT_POOLING, LayerFeatures
from seisbench_lcl.extractors.layers import Pooling
from seisbench_lcl.hub.backbones import seisbench_class


class SeisBenchNetwork(Network):
    """The layers of a SeisBench model, as `SeisBenchEncoder` reads them, with parameters of its own.

    `seisbench_lcl.models.fine_tune_backbone` makes it from a model with the extractor ``seisbench``: it starts from the
    pretrained parameters, and is trained with the head `linear`. The weights hold all parameters and need no download.
    `fit` starts from random parameters instead. The statistics of batch normalisations never change.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    model : str
        Name of a class in `seisbench.models`.
    model_args : mapping
        Arguments of its constructor.
    source : str
        Where the first parameters came from: model, weights, version and digest.
    layers, pooling, rectify, component_order
        As in `SeisBenchEncoder`.
    **recipe
        Parameters of `seisbench_lcl.training.TrainingRecipe`.

    Raises
    ------
    ConfigurationError, WindowError
        As `SeisBenchEncoder`; also if the model cannot be built from these arguments.

    Examples
    --------
    >>> network = SeisBenchNetwork(model="PhaseNet", pooling=["max"], epochs=1)
    >>> network.name, network.config()["model"]
    ('seisbench_network', 'PhaseNet')
    """

    name = "seisbench_network"
    reduction: ClassVar[int] = 1

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        model: str = "PhaseNet",
        model_args: Mapping[str, Any] | None = None,
        source: str = "",
        layers: Sequence[str] | None = None,
        pooling: Sequence[Pooling] = DEFAULT_POOLING,
        rectify: bool | None = None,
        component_order: str | None = None,
        **recipe: Any,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate, **recipe)
        self.source, self._model, self._model_args = source, model, dict(model_args or {})
        try:
            module = seisbench_class(model)(**self._model_args)
        except TypeError as error:
            raise ConfigurationError(f"{model} cannot be built from {model_args}: {error}") from error
        self.stages = nn.Sequential(_SteadyStatistics(module.eval()))
        self.reader = LayerFeatures(
            module,
            model,
            f"{model}/…",
            (in_channels, in_samples, sampling_rate),
            layers=layers,
            pooling=pooling,
            rectify=rectify,
            component_order=component_order,
        )
        with torch.no_grad():
            self.n_features = self.reader(torch.zeros(1, in_channels, in_samples)).shape[1]

    def config(self) -> dict[str, Any]:  # noqa: D102
        described = {"model": self._model, "model_args": self._model_args}
        return {**described, "source": self.source, **self.reader.config(), **self.recipe.config()}

    def encode(self, windows: Tensor) -> Tensor:
        """Return features (B, n_features) of windows (B, C, T), with gradients."""
        return self.reader(windows)


class _SteadyStatistics(nn.Module):
    """A module whose normalisations keep their statistics: a few hundred windows are too few for new ones."""

    def __init__(self, module: WaveformModel) -> None:
        super().__init__()
        self.module = module

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()
        return self
