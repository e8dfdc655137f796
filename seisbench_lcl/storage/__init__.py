"""Atomic file writes, and arrays that do not fit into memory."""

from seisbench_lcl.storage.files import replace, sync, write_file, write_text
from seisbench_lcl.storage.rows import RowFile, Rows

__all__ = ["RowFile", "Rows", "replace", "sync", "write_file", "write_text"]
