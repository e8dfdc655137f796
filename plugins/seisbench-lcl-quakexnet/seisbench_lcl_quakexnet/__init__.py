"""QuakeXNet, a trained discriminator for the Pacific Northwest, for seisbench-lcl."""

from seisbench_lcl_quakexnet.models import BASE, QuakeXNet
from seisbench_lcl_quakexnet.quakexnet import QuakeXNetEncoder

__all__ = ["BASE", "QuakeXNet", "QuakeXNetEncoder"]
