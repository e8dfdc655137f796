"""How good a model is: protocols, scores with their intervals over events, and the report that shows them."""

from seisbench_lcl.evaluation.bootstrap import Interval, bootstrap_intervals
from seisbench_lcl.evaluation.metrics import confusion, mean_by_event, score
from seisbench_lcl.evaluation.protocols import column_folds, event_folds, held_out_probabilities
from seisbench_lcl.evaluation.report import EvaluationReport, LevelReport

__all__ = [
    "EvaluationReport",
    "Interval",
    "LevelReport",
    "bootstrap_intervals",
    "column_folds",
    "confusion",
    "event_folds",
    "held_out_probabilities",
    "mean_by_event",
    "score",
]
