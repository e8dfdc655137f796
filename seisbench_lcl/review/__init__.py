"""What analysts say about events, and what is learned from it."""

from seisbench_lcl.review.adaptation import Adaptation
from seisbench_lcl.review.adapting import adapt
from seisbench_lcl.review.comparison import Comparison
from seisbench_lcl.review.serving import serve
from seisbench_lcl.review.verdicts import Verdict, VerdictFile, Verdicts, read_verdicts, verdicts_folder

__all__ = [
    "Adaptation",
    "Comparison",
    "Verdict",
    "VerdictFile",
    "Verdicts",
    "adapt",
    "read_verdicts",
    "serve",
    "verdicts_folder",
]
