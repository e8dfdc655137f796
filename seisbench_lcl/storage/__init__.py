"""Atomic file writes, arrays that do not fit into memory, and rows of several arrays."""

from seisbench_lcl.storage.files import replace, sync, write_file, write_text
from seisbench_lcl.storage.member_rows import MemberRows
from seisbench_lcl.storage.rows import RowFile, Rows

__all__ = ["MemberRows", "RowFile", "Rows", "replace", "sync", "write_file", "write_text"]
