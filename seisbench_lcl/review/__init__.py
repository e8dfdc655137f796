"""What analysts say about events, and what is learned from it."""

from seisbench_lcl.review.serving import serve
from seisbench_lcl.review.verdicts import Verdict, VerdictFile, Verdicts, read_verdicts, verdicts_folder

__all__ = ["Verdict", "VerdictFile", "Verdicts", "read_verdicts", "serve", "verdicts_folder"]
