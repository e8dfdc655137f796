"""Comparisons of models: frozen targets, predictions, metrics, and tables with figures, each stage a file."""

from seisbench_lcl.comparison.plan import Plan
from seisbench_lcl.comparison.stages import STAGES, Comparison, Stage, compare, stages_of
from seisbench_lcl.comparison.working import Outcome

__all__ = ["STAGES", "Comparison", "Outcome", "Plan", "Stage", "compare", "stages_of"]
