"""Sphinx configuration; it needs no network."""

from seisbench_lcl import __version__

project = "seisbench_lcl"
author = "The seisbench_lcl developers"
copyright = author
release = version = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {release}"

myst_heading_anchors = 3

# Types and shapes stand in the docstrings; torch's and SeisBench's own docstrings are not ours to repeat.
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
