"""Evaluation of models: protocols, scores with intervals over events, and reports."""

from seisbench_lcl.evaluation.bootstrap import Interval, bootstrap_intervals
from seisbench_lcl.evaluation.calibration import (
    area_under_risk_coverage,
    reject_threshold,
    reliability,
    risk_coverage,
)
from seisbench_lcl.evaluation.cluster_number import cluster_numbers
from seisbench_lcl.evaluation.cluster_report import ClusterReport
from seisbench_lcl.evaluation.clustering import clustering_scores
from seisbench_lcl.evaluation.group_probe import GroupProbe, comparable_rows, group_probe
from seisbench_lcl.evaluation.group_recall import GroupRecall
from seisbench_lcl.evaluation.metrics import confusion, mean_by_event, score
from seisbench_lcl.evaluation.probes import linear_probe, neighbour_purity
from seisbench_lcl.evaluation.protocols import column_folds, event_folds, held_out_probabilities
from seisbench_lcl.evaluation.provenance import group_alone, known_elsewhere
from seisbench_lcl.evaluation.recognition import Recognition
from seisbench_lcl.evaluation.report import EvaluationReport, LevelReport

__all__ = [
    "ClusterReport",
    "EvaluationReport",
    "GroupProbe",
    "GroupRecall",
    "Interval",
    "LevelReport",
    "Recognition",
    "area_under_risk_coverage",
    "bootstrap_intervals",
    "cluster_numbers",
    "clustering_scores",
    "column_folds",
    "comparable_rows",
    "confusion",
    "event_folds",
    "group_alone",
    "group_probe",
    "held_out_probabilities",
    "known_elsewhere",
    "linear_probe",
    "mean_by_event",
    "neighbour_purity",
    "reject_threshold",
    "reliability",
    "risk_coverage",
    "score",
]
