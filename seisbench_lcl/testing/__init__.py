"""The conformance kit: checks for authors of extractors, heads and trained models, of everything that is relied on."""

from seisbench_lcl.errors import ConformanceError
from seisbench_lcl.testing._check import Check
from seisbench_lcl.testing._conformance import CHECKS, check_plugin, run_checks
from seisbench_lcl.testing._pytest import parametrize_with_checks
from seisbench_lcl.testing._report import Outcome

__all__ = ["CHECKS", "Check", "ConformanceError", "Outcome", "check_plugin", "parametrize_with_checks", "run_checks"]
