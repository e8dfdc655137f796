"""How good a model is: scores, their intervals over events, and the report that shows both."""

from seisbench_lcl.evaluation.bootstrap import Interval, bootstrap_intervals
from seisbench_lcl.evaluation.metrics import confusion, mean_by_event, score
from seisbench_lcl.evaluation.report import EvaluationReport, LevelReport

__all__ = [
    "EvaluationReport",
    "Interval",
    "LevelReport",
    "bootstrap_intervals",
    "confusion",
    "mean_by_event",
    "score",
]
