"""Catalogue files: events in, decisions out, and nothing else touched."""

from seisbench_lcl.events.files.in_memory import label_catalog
from seisbench_lcl.events.files.marks import COMMENT_ID
from seisbench_lcl.events.files.reader import CatalogReader
from seisbench_lcl.events.files.rewrite import Written, write_catalog

__all__ = ["COMMENT_ID", "CatalogReader", "Written", "label_catalog", "write_catalog"]
