"""Features of a pretrained SeisBench model, such as PhaseNet."""

from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import Any, get_args

import torch
from seisbench.models import WaveformModel
from torch import Tensor
from torch.nn.functional import pad, relu
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, WeightsError, WindowError
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.layers import Pooling, default_layers, pool, shapes, watched
from seisbench_lcl.hub.backbones import Backbone, normalised, open_backbone
from seisbench_lcl.wording import listed, suggestion

DEFAULT_POOLING: tuple[Pooling, ...] = ("mean", "max", "std")

_ALIKE = 1e-2  # of the largest feature: rounding on another processor stays far below
_UNLIMITED = 3000  # samples of an example for a model that takes windows of any length
_BLOCK = 32  # windows passed through the backbone at a time


class SeisBenchEncoder(FeatureExtractor):
    """What the layers of a pretrained SeisBench model respond to a window, pooled over time.

    A picker that was trained on hundreds of thousands of records knows what earthquakes, noise and phases look like in
    many regions. This model, the backbone, stays as it is: there is nothing to fit. It is not part of the weights of a
    discriminator, which hold its name and the SHA-256 of its tensors; SeisBench finds it in its cache or downloads it.

    A window is prepared as the backbone prepares its own: its components in the backbone's order, with zeros for those
    that the window lacks, normalised by the backbone. A shorter window is then padded with zeros on both sides. A
    longer one is cut into pieces of equal length, which overlap if they must, and pooled over all of them. Features are
    the logarithms of the pooled values, ``sign(x) log(1 + |x|)``, because a few large activations would rule otherwise.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`; the rate must be that of the backbone.
    model : str
        Name of a class in `seisbench.models`.
    weights : str
        Name of its pretrained weights.
    version : str, optional
        Version of the weights; by default the newest in SeisBench's cache, or else on its server.
    sha256 : str, optional
        Digest of the tensors; other tensors are refused. By default, that of the weights that are found.
    layers : sequence of str, optional
        Names of layers, as ``seisbench-lcl backbone MODEL/WEIGHTS`` lists them. By default, the stages of PhaseNet,
        EQTransformer, GPD, CRED, BasicPhaseAE and models derived from them. Of a layer that is used several times, the
        last output counts.
    pooling : sequence of {"mean", "max", "std"}
        Statistics over the steps of a layer.
    rectify : bool, optional
        Whether to pool only the positive parts, for layers after which the backbone itself rectifies.
    component_order : str, optional
        Code of each component of a window; by default "ZNE" for three components and "Z" for one.

    Attributes
    ----------
    backbone : seisbench_lcl.hub.backbones.Backbone
        Model, weights, version and digest.
    probe : (n_features,) float32 buffer
        Features of a fixed window. The digest of the tensors does not cover how a window reaches them (order of
        components, normalisation, SeisBench's code), so loading a state compares these.

    Raises
    ------
    ConfigurationError
        If the model, a layer or a pooling does not exist, the windows have another sampling rate than the backbone or
        a component that it does not know.
    WindowError
        If a window is shorter than a step of a layer.
    WeightsError
        If the backbone cannot be found (`seisbench_lcl.errors.HubError`) or read, has other tensors, or returns NaN.

    References
    ----------
    PhaseNet: Zhu and Beroza (2019), doi:10.1093/gji/ggy423. SeisBench: Woollam et al. (2022), doi:10.1785/0220210324.
    """

    name = "seisbench"
    enough = 1

    backbone: Backbone
    module: WaveformModel
    probe: Tensor

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        model: str = "PhaseNet",
        weights: str = "original",
        version: str | None = None,
        sha256: str | None = None,
        layers: Sequence[str] | None = None,
        pooling: Sequence[Pooling] = DEFAULT_POOLING,
        rectify: bool | None = None,
        component_order: str | None = None,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        wrong = [name for name in pooling if name not in get_args(Pooling)]
        if wrong or not pooling:
            raise ConfigurationError(f"pooling must be from {', '.join(get_args(Pooling))}, but is {wrong or 'empty'}")
        module, self.backbone = open_backbone(model, weights, version, sha256)
        # Not a submodule: its tensors belong neither to the state nor to the trainable parameters.
        self.__dict__["module"] = module.requires_grad_(False)
        self.component_order = component_order or {1: "Z", 3: "ZNE"}.get(in_channels, "?" * in_channels)
        self._check_inputs()
        self.pooling = list(pooling)
        defaults, rectified_by_default = default_layers(module)
        self.rectify = rectified_by_default if rectify is None else rectify
        self.layers = self._checked_layers(layers if layers is not None else defaults)
        window = torch.randn(1, in_channels, in_samples, generator=torch.Generator().manual_seed(0))
        probe = self._extract(window)[0]
        self.n_features = len(probe)
        self.register_buffer("probe", probe)

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            **self.backbone.model_dump(),
            "layers": self.layers,
            "pooling": self.pooling,
            "rectify": self.rectify,
            "component_order": self.component_order,
        }

    def _check_inputs(self) -> None:
        rate, order = self.module.sampling_rate, self.module.component_order
        if rate and rate != self.sampling_rate:
            raise ConfigurationError(
                f"{self.backbone} takes records at {rate:g} Hz, but windows have {self.sampling_rate:g} Hz: make the "
                f"model with sampling_rate={rate:g}"
            )
        if len(self.component_order) != self.in_channels or not set(self.component_order) <= set(order):
            raise ConfigurationError(
                f"{self.backbone} takes the components {', '.join(order)}, but windows have "
                f"{', '.join(self.component_order)}: make the model with some of these as component_order"
            )

    def _checked_layers(self, layers: Sequence[str]) -> list[str]:
        known = layer_shapes(self.module)
        command = f"seisbench-lcl backbone {self.backbone.model}/{self.backbone.weights}"
        length = self.module.in_samples or self.in_samples
        if not layers:
            raise ConfigurationError(f"name the layers of {self.backbone}: it has {listed(known, command)}")
        for name in layers:
            if name not in known:
                raise ConfigurationError(
                    f"{self.backbone} has no layer {name!r} with an output of channels and steps: "
                    f"{suggestion(name, known, command)}"
                )
            steps = known[name][1] if len(known[name]) == 2 else inf
            if steps * self.in_samples < length:
                raise WindowError(
                    f"windows of {self.in_samples} samples are shorter than a step of layer {name} of "
                    f"{self.backbone}: use at least {ceil(length / steps)} samples, or other layers"
                )
        return list(layers)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.module._apply(fn)
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        saved = state_dict.get(f"{prefix}probe")
        if saved is not None and saved.shape == self.probe.shape:
            change = (saved.to(self.probe) - self.probe).abs().max() / saved.abs().max()
            if not change < _ALIKE:
                raise WeightsError(
                    f"{self.backbone} has the right tensors, but responds to a window differently than in training: "
                    f"its description is not the same ({self.backbone.files[0]}), or another version of SeisBench is "
                    "installed"
                )
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        pass

    def _extract(self, windows: Tensor) -> Tensor:
        if not len(windows):  # normalisations warn of empty batches
            return windows.new_zeros(0, self.n_features)
        with torch.no_grad():
            return torch.cat([self._pooled(block) for block in windows.split(_BLOCK)])

    def _pooled(self, windows: Tensor) -> Tensor:
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
        features = torch.cat([found[name] for name in self.layers], dim=1).float()
        if not torch.isfinite(features).all():
            wrong = next(name for name in self.layers if not torch.isfinite(found[name]).all())
            raise WeightsError(
                f"{self.backbone} returns NaN or infinite values in layer {wrong}: its weights are damaged"
            )
        return features

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
