"""Stages that windows pass through before an extractor: windows in, windows out."""

from seisbench_lcl.extractors.stages.base import Stage
from seisbench_lcl.extractors.stages.component_std import ComponentStd
from seisbench_lcl.extractors.stages.envelope import Envelope

__all__ = ["ComponentStd", "Envelope", "Stage"]
