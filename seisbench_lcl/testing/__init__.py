"""The conformance kit: what every model relies on, as checks that the author of an extractor or a head can run."""

from seisbench_lcl.errors import ConformanceError
from seisbench_lcl.testing._check import Check
from seisbench_lcl.testing._conformance import CHECKS, check_plugin, run_checks
from seisbench_lcl.testing._pytest import parametrize_with_checks
from seisbench_lcl.testing._report import Outcome

__all__ = ["CHECKS", "Check", "ConformanceError", "Outcome", "check_plugin", "parametrize_with_checks", "run_checks"]
