"""Synthetic data for a trial: small, separable, and reproducible."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from typing_extensions import Self

N_CLASSES = 3


@dataclass(frozen=True)
class Trial:
    """Windows or features, two rows per event, with the class and event of each row."""

    inputs: Tensor
    labels: Tensor
    groups: Tensor

    def copy(self) -> Self:
        """Return copies, which a candidate may change without effect on other checks."""
        return type(self)(self.inputs.clone(), self.labels.clone(), self.groups.clone())

    def rows(self, kept: Tensor | slice) -> Self:
        """Return a selection of rows."""
        return type(self)(self.inputs[kept], self.labels[kept], self.groups[kept])

    def with_inputs(self, inputs: Tensor) -> Self:
        """Return other inputs with the same labels and events."""
        return type(self)(inputs, self.labels, self.groups)


@cache
def trial_of_windows(
    in_channels: int, in_samples: int, sampling_rate: float, seed: int = 0, n_events: int = 12
) -> Trial:
    """Return windows of three classes: low and long, high and short, and a steady tone; the largest sample is 1."""
    generator = torch.Generator().manual_seed(seed)
    groups = torch.arange(n_events).repeat_interleave(2)
    labels = groups % N_CLASSES
    shape = len(labels), in_channels, 1
    time = torch.arange(in_samples) / sampling_rate
    onset = min(2.0, in_samples / sampling_rate / 5)
    since = (time - onset).clamp(min=0)
    envelopes = torch.stack(
        [since * torch.exp(-since / 1.5), since * torch.exp(-since / 0.4) * 4, torch.full_like(time, 0.5)]
    )
    frequencies = torch.tensor([0.03, 0.1, 0.17])[labels, None, None] * sampling_rate
    frequencies = frequencies * (1 + 0.1 * torch.rand(shape, generator=generator))
    phases = 2 * torch.pi * torch.rand(shape, generator=generator)
    windows = torch.sin(2 * torch.pi * frequencies * time + phases) * envelopes[labels, None]
    windows = windows + 0.05 * torch.randn(windows.shape, generator=generator)
    return Trial(windows / windows.abs().amax(dim=(1, 2), keepdim=True), labels, groups)


@cache
def trial_of_features(n_features: int, n_classes: int, seed: int = 0, n_events: int = 30) -> Trial:
    """Return rows around one centre per class, with a tenth of them halfway to the next centre.

    These rows show differences between fits, because all other rows have certain classes.
    """
    generator = torch.Generator().manual_seed(seed)
    groups = torch.arange(n_events).repeat_interleave(2)
    labels = groups % n_classes
    # Every feature separates the classes, so that heads that standardise do not amplify pure noise.
    centres = 3.0 * ((torch.arange(n_classes)[:, None] + torch.arange(n_features)) % n_classes)
    between = (groups % 10 == 0)[:, None]
    middles = torch.where(between, (centres + centres.roll(-1, dims=0))[labels] / 2, centres[labels])
    noise = torch.randn(middles.shape, generator=generator)
    return Trial(middles + torch.where(between, 0.1 * noise, noise), labels, groups)
