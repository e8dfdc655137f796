"""The named pairs of extractor and head."""

from seisbench_lcl.discriminator import Discriminator


class MiniRocketRidge(Discriminator, extractor="minirocket", head="ridge"):
    """MiniRocket features and a ridge classifier with leave-one-event-out and calibrated probabilities.

    Takes the parameters of `Discriminator` besides `extractor` and `head`.

    References
    ----------
    Dempster, Schmidt and Webb (2021), doi:10.1145/3447548.3467231. Yin et al. (2022), doi:10.3390/app12168389.
    """
