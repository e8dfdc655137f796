"""The named model of scattering features and a ridge head."""

from seisbench_lcl import Discriminator


class ScatteringRidge(Discriminator, extractor="scattering", head="ridge", normalisation="joint-std"):
    """Wavelet scattering features and a ridge classifier with calibrated probabilities.

    Parameters are those of `seisbench_lcl.Discriminator` except `extractor` and `head`. The components keep their
    amplitude ratios.

    References
    ----------
    Andén and Mallat (2014), doi:10.1109/TSP.2014.2326991. Seydoux et al. (2020), doi:10.1038/s41467-020-17841-x.

    Examples
    --------
    >>> ScatteringRidge(labels=["earthquake", "tremor"]).extractor.n_features
    219
    """
