"""Compile the template of numpydoc once: it does so anew for each docstring, which takes a fifth of a build."""

from typing import Any

from jinja2.loaders import PackageLoader
from jinja2.sandbox import SandboxedEnvironment
from numpydoc import docscrape_sphinx
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Load numpydoc, and let it use one environment of templates."""
    app.setup_extension("numpydoc")
    shared = SandboxedEnvironment(loader=PackageLoader("numpydoc"))
    docscrape_sphinx.SandboxedEnvironment = lambda loader: shared
    return {"parallel_read_safe": True}
