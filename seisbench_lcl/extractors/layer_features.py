"""Features of the layers of a SeisBench model: windows in as it takes them, outputs pooled over time."""

from collections.abc import Sequence
from math import ceil, inf
from typing import Any, get_args

import torch
from seisbench.models import WaveformModel
from torch import Tensor
from torch.nn.functional import pad, relu

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.extractors.layers import Pooling, default_layers, pool, shapes, watched
from seisbench_lcl.hub.backbones import normalised
from seisbench_lcl.wording import listed, suggestion

DEFAULT_POOLING: tuple[Pooling, ...] = ("mean", "max", "std")

_UNLIMITED = 3000  # samples of an example for a model that takes windows of any length


class LayerFeatures:
    """From windows to features of named layers, with gradients.

    Parameters
    ----------
    module : seisbench.models.WaveformModel
    name : str
        Name of the module in messages.
    weights : str
        MODEL/WEIGHTS, of which ``seisbench-lcl backbone`` lists the layers.
    shape : (int, int, float)
        Components, samples and sampling rate of the windows.
    layers, pooling, rectify, component_order
        As in `seisbench_lcl.extractors.SeisBenchEncoder`.

    Raises
    ------
    ConfigurationError, WindowError
        As `seisbench_lcl.extractors.SeisBenchEncoder`.

    Examples
    --------
    >>> from seisbench.models import PhaseNet
    >>> features = LayerFeatures(PhaseNet(), "PhaseNet", "untrained", (3, 3001, 100.0), pooling=["max"])
    >>> features(torch.zeros(2, 3, 3001)).shape
    torch.Size([2, 371])
    """

    def __init__(
        self,
        module: WaveformModel,
        name: str,
        weights: str,
        shape: tuple[int, int, float],
        *,
        layers: Sequence[str] | None = None,
        pooling: Sequence[Pooling] = DEFAULT_POOLING,
        rectify: bool | None = None,
        component_order: str | None = None,
    ) -> None:
        wrong = [name for name in pooling if name not in get_args(Pooling)]
        if wrong or not pooling:
            raise ConfigurationError(f"pooling must be from {', '.join(get_args(Pooling))}, but is {wrong or 'empty'}")
        self.module, self.name = module, name
        self.in_channels, self.in_samples, self.sampling_rate = shape
        self.component_order = component_order or {1: "Z", 3: "ZNE"}.get(self.in_channels, "?" * self.in_channels)
        self._check_inputs()
        self.pooling = list(pooling)
        defaults, rectified_by_default = default_layers(module)
        self.rectify = rectified_by_default if rectify is None else rectify
        self.layers = self._checked_layers(layers if layers is not None else defaults, weights)

    def config(self) -> dict[str, Any]:
        """Return layers, pooling, rectify and component_order."""
        return {
            "layers": self.layers,
            "pooling": self.pooling,
            "rectify": self.rectify,
            "component_order": self.component_order,
        }

    def __call__(self, windows: Tensor) -> Tensor:
        """Return the features (B, F) of normalised windows (B, C, T)."""
        return torch.cat(list(self.by_layer(windows).values()), dim=1).float()

    def by_layer(self, windows: Tensor) -> dict[str, Tensor]:
        """Return the features (B, f) of each layer."""
        inputs = self._prepared(windows)
        pieces = len(inputs) // len(windows)
        found: dict[str, Tensor] = {}

        def use(name: str, output: Tensor) -> None:
            parts = output.unflatten(0, (-1, pieces))
            whole = parts.mean(dim=1) if output.ndim == 2 else parts.transpose(1, 2).flatten(2)
            pooled = pool(relu(whole) if self.rectify else whole, self.pooling)
            found[name] = pooled.abs().log1p().copysign(pooled)

        with watched(self.module, self.layers, use):
            self.module(inputs)
        return {name: found[name] for name in self.layers}

    def _check_inputs(self) -> None:
        rate, order = self.module.sampling_rate, self.module.component_order
        if rate and rate != self.sampling_rate:
            raise ConfigurationError(
                f"{self.name} takes records at {rate:g} Hz, but windows have {self.sampling_rate:g} Hz: make the "
                f"model with sampling_rate={rate:g}"
            )
        if len(self.component_order) != self.in_channels or not set(self.component_order) <= set(order):
            raise ConfigurationError(
                f"{self.name} takes the components {', '.join(order)}, but windows have "
                f"{', '.join(self.component_order)}: make the model with some of these as component_order"
            )

    def _checked_layers(self, layers: Sequence[str], weights: str) -> list[str]:
        known = layer_shapes(self.module)
        command = f"seisbench-lcl backbone {weights}"
        length = self.module.in_samples or self.in_samples
        if not layers:
            raise ConfigurationError(f"name the layers of {self.name}: it has {listed(known, command)}")
        for name in layers:
            if name not in known:
                raise ConfigurationError(
                    f"{self.name} has no layer {name!r} with an output of channels and steps: "
                    f"{suggestion(name, known, command)}"
                )
            steps = known[name][1] if len(known[name]) == 2 else inf
            if steps * self.in_samples < length:
                raise WindowError(
                    f"windows of {self.in_samples} samples are shorter than a step of layer {name} of "
                    f"{self.name}: use at least {ceil(length / steps)} samples, or other layers"
                )
        return list(layers)

    def _prepared(self, windows: Tensor) -> Tensor:
        """Return windows as the backbone takes them: padded if they are shorter, cut into pieces if they are longer."""
        order = self.module.component_order
        parameters = next(self.module.parameters())
        inputs = windows.new_zeros(len(windows), len(order), windows.shape[-1], dtype=parameters.dtype)
        inputs[:, [order.index(code) for code in self.component_order]] = windows.to(parameters.dtype)
        length, n = windows.shape[-1], self.module.in_samples or windows.shape[-1]
        if length > n:
            count = ceil(length / n)
            starts = [round(i * (length - n) / (count - 1)) for i in range(count)]
            inputs = torch.stack([inputs[..., start : start + n] for start in starts], dim=1).flatten(0, 1)
        before, after = max(n - length, 0) // 2, (max(n - length, 0) + 1) // 2
        prepared = normalised(self.module, inputs)
        if prepared.shape != inputs.shape:  # such as the spectrograms of CRED
            return normalised(self.module, pad(inputs, (before, after)))
        return pad(prepared, (before, after))


def layer_shapes(module: WaveformModel) -> dict[str, tuple[int, ...]]:
    """Return the layers of a SeisBench model that can give features, with their shapes.

    Parameters
    ----------
    module : seisbench.models.WaveformModel

    Returns
    -------
    dict from str to tuple of int
        Channels and steps, for a window as long as the model takes it, or the number of features without steps.
    """
    inputs = torch.zeros(2, len(module.component_order), module.in_samples or _UNLIMITED)
    return shapes(module, normalised(module, inputs))
