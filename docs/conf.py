"""Sphinx configuration; it needs no network."""

import sys
from pathlib import Path

from seisbench_lcl import __version__

project = "seisbench_lcl"
author = "The seisbench_lcl developers"
copyright = author
release = version = __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
extensions = [
    "myst_parser",
    "docstrings",
    "sphinx.ext.autodoc",
    "mathtext",
    "executed",
    "tables",
    "llms",
    "poster",
]
exclude_patterns = ["_build"]
executed_exclude = ["cli"]
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme = "furo"
html_math_renderer = "mathtext"
html_title = f"{project} {release}"

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

# Types and shapes stand in the docstrings; torch's and SeisBench's own docstrings are not ours to repeat.
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
