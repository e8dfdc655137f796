"""The named pair of scattering features and a head."""

from seisbench_lcl import Discriminator


class ScatteringRidge(Discriminator, extractor="scattering", head="ridge", normalisation="joint-std"):
    """Wavelet scattering features and a ridge classifier with calibrated probabilities.

    Takes the parameters of `seisbench_lcl.Discriminator` besides `extractor` and `head`. The components keep their
    amplitude ratios.

    References
    ----------
    Andén and Mallat (2014), doi:10.1109/TSP.2014.2326991. Seydoux et al. (2020), doi:10.1038/s41467-020-17841-x.
    """
