"""The waveform itself as features: the baseline of all other extractors."""

from typing import Any

from torch import Tensor

from seisbench_lcl.errors import check_is_fitted
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.pca import PCA


class Raw(FeatureExtractor):
    """The samples of a window, component after component, or their leading principal components.

    Distances between such rows depend on the alignment of the windows: the same wavelet half a period later is as far
    away as its opposite.

    Parameters
    ----------
    in_channels, in_samples : int
        Components C and samples T of a window.
    sampling_rate : float
        Sampling rate in Hz. Features do not depend on it.
    n_components : int, optional
        Number of principal components to keep, at most C × T. By default all C × T samples are features, which needs
        no fit.

    Attributes
    ----------
    pca : PCA or None

    Raises
    ------
    ConfigurationError
        If ``n_components`` is not between 1 and C × T.

    References
    ----------
    Yin et al. (2022), Applied Sciences 12(16):8389, doi:10.3390/app12168389: k-means on waveforms, section 4.

    Examples
    --------
    >>> import torch
    >>> Raw(in_channels=3, in_samples=500, sampling_rate=100)(torch.zeros(8, 3, 500)).shape
    torch.Size([8, 1500])
    """

    name = "raw"

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        n_components: int | None = None,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        n_values = in_channels * in_samples
        self.n_components = n_components
        self.n_features = n_values if n_components is None else n_components
        self.pca = None if n_components is None else PCA(n_values, n_components)

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"n_components": self.n_components}

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        if self.pca is not None:
            self.pca.fit(windows.flatten(1))

    def _extract(self, windows: Tensor) -> Tensor:
        rows = windows.flatten(1)
        if self.pca is None:
            return rows
        check_is_fitted(self, self.pca.mean, "fit(windows)")
        return self.pca(rows)
