"""Wavelet scattering features for seisbench-lcl."""

from seisbench_lcl_scattering.models import ScatteringRidge
from seisbench_lcl_scattering.scattering import Scattering

__all__ = ["Scattering", "ScatteringRidge"]
