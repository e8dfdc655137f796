"""The augmentations of SeisBench, which process one numpy window at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import seisbench.generate
import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations.base import Augmentation

_KNOWN: dict[str, Callable[..., Any]] = {
    name: member
    for name in seisbench.generate.__all__
    if (member := getattr(seisbench.generate, name)).__module__ == "seisbench.generate.augmentation"
}


@dataclass(frozen=True, kw_only=True)
class FromSeisBench(Augmentation):
    """Augmentations of `seisbench.generate`, applied in order.

    Each window is passed under the key "X", with component order and sampling rate as metadata. numpy's global
    generator is seeded from torch's, so that training is reproducible, and then restored. Processing one window at a
    time is slower than the other augmentations of this package. Arguments must be JSON types, which excludes the
    dataset of ``RealNoise``.

    Parameters
    ----------
    augmentations : mapping from name to arguments
        For example ``{"RotateHorizontalComponents": {}, "GaussianNoise": {"scale": [0, 0.1]}}``.
    component_order : str
        Component codes of the windows.
    probability : float
        Fraction of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If there are no augmentations, or SeisBench lacks one or refuses its arguments; from `check`, if an augmentation
        fails on the windows or changes their shape.

    References
    ----------
    Woollam et al. (2022), SeisBench: a toolbox for machine learning in seismology, doi:10.1785/0220210324.

    Examples
    --------
    >>> rotate = FromSeisBench(augmentations={"RotateHorizontalComponents": {}})
    >>> rotate(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
    """

    name: ClassVar[str] = "seisbench"
    augmentations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    component_order: str = "ZNE"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.augmentations:
            raise ConfigurationError("seisbench needs augmentations, such as {'RotateHorizontalComponents': {}}")
        self._built()

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:  # noqa: D102
        windows = torch.zeros(1, in_channels, in_samples)
        try:
            with torch.random.fork_rng(devices=[]):
                found = self._augment(windows, sampling_rate).shape
        except Exception as error:  # code and arguments from outside this package
            raise ConfigurationError(
                f"seisbench: {', '.join(self.augmentations)} cannot augment windows of {in_channels} components and "
                f"{in_samples} samples with component_order {self.component_order}: {error}"
            ) from error
        if found != windows.shape:
            raise ConfigurationError(
                f"seisbench: {', '.join(self.augmentations)} must keep the shape {tuple(windows.shape[1:])} of a "
                f"window, but changed it to {tuple(found[1:])}"
            )

    def _built(self) -> list[Callable[[dict[str, Any]], None]]:
        built = []
        for name, arguments in self.augmentations.items():
            if name not in _KNOWN:
                raise ConfigurationError(
                    f"seisbench.generate has no augmentation {name!r}; available: {', '.join(sorted(_KNOWN))}"
                )
            try:
                built.append(_KNOWN[name](**arguments))
            except (TypeError, ValueError) as error:
                raise ConfigurationError(f"seisbench: {name} refuses the arguments {arguments!r}: {error}") from error
        return built

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        augmented = []
        with _numpy_seeded():
            for window in windows.cpu().numpy().copy():  # many augmentations change their input
                metadata = {"trace_component_order": self.component_order, "trace_sampling_rate_hz": sampling_rate}
                state = {"X": (window, metadata)}
                for augment in self._built():
                    augment(state)
                augmented.append(np.asarray(state["X"][0], dtype=np.float32))
        return torch.from_numpy(np.stack(augmented)).to(windows.device)


@contextmanager
def _numpy_seeded() -> Iterator[None]:
    before = np.random.get_state()
    np.random.seed(int(torch.randint(2**32, ())))
    try:
        yield
    finally:
        np.random.set_state(before)
