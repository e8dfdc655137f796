"""Features of a pretrained SeisBench model, such as PhaseNet."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.errors import WeightsError
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.layer_features import DEFAULT_POOLING, LayerFeatures
from seisbench_lcl.extractors.layers import Pooling
from seisbench_lcl.hub.backbones import Backbone, open_backbone

_ALIKE = 1e-2  # of the largest feature: rounding on another processor stays far below
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
    reader : seisbench_lcl.extractors.layer_features.LayerFeatures
        Holds the backbone, which is not a submodule: its tensors are neither in the state nor trained.
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

    Examples
    --------
    >>> SeisBenchEncoder.name, SeisBenchEncoder.supervised
    ('seisbench', False)
    """

    name = "seisbench"
    enough = 1

    backbone: Backbone
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
        module, self.backbone = open_backbone(model, weights, version, sha256)
        self.reader = LayerFeatures(
            module.requires_grad_(False),
            str(self.backbone),
            f"{model}/{weights}",
            (in_channels, in_samples, sampling_rate),
            layers=layers,
            pooling=pooling,
            rectify=rectify,
            component_order=component_order,
        )
        window = torch.randn(1, in_channels, in_samples, generator=torch.Generator().manual_seed(0))
        probe = self._extract(window)[0]
        self.n_features = len(probe)
        self.register_buffer("probe", probe)

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {**self.backbone.model_dump(), **self.reader.config()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.reader.module._apply(fn)
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
            return torch.cat([self._checked(self.reader.by_layer(block)) for block in windows.split(_BLOCK)])

    def _checked(self, found: dict[str, Tensor]) -> Tensor:
        for name, features in found.items():
            if not torch.isfinite(features).all():
                raise WeightsError(
                    f"{self.backbone} returns NaN or infinite values in layer {name}: its weights are damaged"
                )
        return torch.cat(list(found.values()), dim=1).float()
