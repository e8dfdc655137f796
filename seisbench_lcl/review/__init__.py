"""What analysts say about events, and what is learned from it."""

from seisbench_lcl.review.adaptation import Adaptation
from seisbench_lcl.review.adapting import adapt
from seisbench_lcl.review.comparison import Comparison
from seisbench_lcl.review.curve import LearningCurve, learning_curve
from seisbench_lcl.review.export import analyst_decisions, export_dataset
from seisbench_lcl.review.honest import HonestAccuracy, honest_accuracy
from seisbench_lcl.review.order import ReviewOrder, review_order
from seisbench_lcl.review.serving import serve, serve_clusters
from seisbench_lcl.review.verdicts import Verdict, VerdictFile, Verdicts, read_verdicts, verdicts_folder

__all__ = [
    "Adaptation",
    "Comparison",
    "HonestAccuracy",
    "LearningCurve",
    "ReviewOrder",
    "Verdict",
    "VerdictFile",
    "Verdicts",
    "adapt",
    "analyst_decisions",
    "export_dataset",
    "honest_accuracy",
    "learning_curve",
    "read_verdicts",
    "review_order",
    "serve",
    "serve_clusters",
    "verdicts_folder",
]
