"""Made-up data for a trial: small, separable, the same for each seed."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from typing_extensions import Self

N_CLASSES = 3


@dataclass(frozen=True)
class Trial:
    """Windows or features, two rows an event, with the class and the event of each."""

    inputs: Tensor
    labels: Tensor
    groups: Tensor

    def copy(self) -> Self:
        """Return tensors that a candidate may spoil without spoiling those of other checks."""
        return type(self)(self.inputs.clone(), self.labels.clone(), self.groups.clone())

    def rows(self, kept: Tensor | slice) -> Self:
        """Return some of the rows."""
        return type(self)(self.inputs[kept], self.labels[kept], self.groups[kept])

    def with_inputs(self, inputs: Tensor) -> Self:
        """Return the same labels and events for other inputs."""
        return type(self)(inputs, self.labels, self.groups)


@cache
def trial_of_windows(
    in_channels: int, in_samples: int, sampling_rate: float, seed: int = 0, n_events: int = 12
) -> Trial:
    """Return windows of three kinds: low and long, high and short, and a tone all along; the largest sample is 1."""
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
    """Return rows around one centre for each class, but a tenth of them halfway to that of the next.

    Those between tell one fit from another, where all others are certain.
    """
    generator = torch.Generator().manual_seed(seed)
    groups = torch.arange(n_events).repeat_interleave(2)
    labels = groups % n_classes
    # Every feature tells classes apart: with some of mere noise, what standardises would have little to go by.
    centres = 3.0 * ((torch.arange(n_classes)[:, None] + torch.arange(n_features)) % n_classes)
    between = (groups % 10 == 0)[:, None]
    middles = torch.where(between, (centres + centres.roll(-1, dims=0))[labels] / 2, centres[labels])
    noise = torch.randn(middles.shape, generator=generator)
    return Trial(middles + torch.where(between, 0.1 * noise, noise), labels, groups)
