"""The command line: one file per sub-command, thin over the library."""

from seisbench_lcl.cli.app import main

__all__ = ["main"]
