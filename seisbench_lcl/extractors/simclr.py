"""SimCLR: features learned without labels, by matching two augmented views of each window."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from seisbench_lcl.errors import ConfigurationError, check_arguments, check_is_fitted, is_whole
from seisbench_lcl.extractors._encoder import GROUPS, Encoder
from seisbench_lcl.extractors._scale import unit_rms
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.optim.augmentations import Chain
from seisbench_lcl.optim.contrastive import nt_xent
from seisbench_lcl.optim.loop import initialise, optimise

DEFAULT_AUGMENTATIONS: Mapping[str, Mapping[str, Any]] = {
    "scaling": {},
    "noise": {},
    "band_pass": {},
    "band_stop": {},
    "time_shift": {},
    "component_drop": {},
}

_PROJECTED = 64
_BLOCK = 512  # windows encoded at a time
_WEIGHT_DECAY = 1e-4


class SimCLR(FeatureExtractor):
    """A small residual network over time, trained without labels by contrast.

    Each window of a batch is augmented twice. The network learns features that identify the two views of a window among
    the views of all other windows (`nt_xent`), and so ignore whatever the augmentations change. Kinzel et al. brought
    this to seismology, with augmentations of amplitude and frequency and k-means on the features.

    A window is divided by its root mean square over all components, in training after augmentation, so that training
    and use have the same scale and features do not depend on the gain. Features are the mean and the maximum over time
    of the last layer, scaled to unit length, which suits k-means. The projection, two layers between features and loss,
    serves training only; it is part of the state.

    Kernels and strides are counted in samples: a network is tied to the sampling rate it was trained at.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window.
    sampling_rate : float
        Sampling rate of the windows in Hz.
    augmentations : mapping from name to arguments
        Applied in this order, with names from `seisbench_lcl.optim.augmentations.AUGMENTATIONS`; omitted arguments have
        their defaults. The default bands and shifts suit windows of 1 to 18 Hz.
    epochs, batch_size : int
        The larger the batch, the more windows each window is contrasted with.
    learning_rate : float
        Initial learning rate of Adam; it decays along a cosine.
    temperature : float
        Temperature of the loss.
    width : int
        Channels of the first layer, a multiple of 4. The number of features is 8 × width.
    seed : int
        Seed of the initial parameters, the batches and the augmentations.

    Attributes
    ----------
    epochs_trained : scalar float32 buffer
        NaN until fitted.

    Raises
    ------
    ConfigurationError
        If an augmentation is unknown or does not suit the windows, there is none, or a number is out of range.

    References
    ----------
    Chen et al. (2020), A simple framework for contrastive learning of visual representations, ICML. Kinzel et al.
    (2024), Unsupervised deep feature learning for icequake discrimination at Neumayer station, Antarctica,
    Seismological Research Letters, doi:10.1785/0220230078. Group normalisation: Wu and He (2018), ECCV.

    Examples
    --------
    >>> windows = torch.randn(32, 3, 500, generator=torch.Generator().manual_seed(0))
    >>> SimCLR(3, 500, 100.0, epochs=1, augmentations={"scaling": {}, "noise": {}}).fit(windows)(windows).shape
    torch.Size([32, 128])
    """

    name = "simclr"
    trained_in_epochs = True

    epochs_trained: Tensor

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        augmentations: Mapping[str, Mapping[str, Any]] = DEFAULT_AUGMENTATIONS,
        epochs: int = 30,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        temperature: float = 0.2,
        width: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        if not augmentations:
            raise ConfigurationError(
                "SimCLR needs at least one augmentation: without one, both views of a window are equal"
            )
        check_arguments(
            "SimCLR",
            (f"width must be a positive multiple of {GROUPS}", is_whole(width, 1) and width % GROUPS == 0, width),
            ("temperature must be positive", temperature > 0, temperature),
        )
        self.augment = Chain.from_config(augmentations)
        self.augment.check(in_channels, in_samples, sampling_rate)
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.temperature = temperature
        self.width = width
        self.seed = seed
        self.encoder = Encoder(in_channels, width)
        self.n_features = self.encoder.n_features
        self.projection = nn.Sequential(
            nn.Linear(self.n_features, self.n_features), nn.ReLU(), nn.Linear(self.n_features, _PROJECTED)
        )
        self.register_buffer("epochs_trained", torch.tensor(torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "augmentations": self.augment.config(),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "temperature": self.temperature,
            "width": self.width,
            "seed": self.seed,
        }

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        self.epochs_trained.fill_(torch.nan)
        initialise(self, self.seed)

        def loss(rows: Tensor) -> Tensor:
            batch = windows[rows].to(self.epochs_trained.device)
            views = torch.cat([self.augment(batch, self.sampling_rate) for _ in range(2)])
            first, second = self.projection(self._encode(views)).chunk(2)
            return nt_xent(first, second, self.temperature)

        history = optimise(
            self.name,
            self,
            loss,
            len(windows),
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=_WEIGHT_DECAY,
            seed=self.seed,
            keep="last",  # the loss of an epoch varies with its random views
        )
        self.histories = [history]
        self.epochs_trained.fill_(len(history.train))

    def _extract(self, windows: Tensor) -> Tensor:
        check_is_fitted(self, self.epochs_trained, "fit(windows)")
        windows = windows.to(self.epochs_trained.dtype)
        return normalize(torch.cat([self._encode(part) for part in windows.split(_BLOCK)]), dim=1).float()

    def _encode(self, windows: Tensor) -> Tensor:
        return self.encoder(unit_rms(windows))
