"""Draw formulas while the pages are built, with Matplotlib: no page needs the network to show them."""

import base64
import io
from typing import Any

from docutils import nodes
from matplotlib import rc_context
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger
from sphinx.writers.html5 import HTML5Translator

_SIZE = 13  # points

logger = getLogger(__name__)


def picture(formula: str) -> str:
    """Return a formula as an HTML image, whose baseline is that of the text."""
    drawn = io.StringIO()
    with rc_context({"mathtext.fontset": "cm", "svg.fonttype": "path"}):
        depth = math_to_image(f"${formula}$", drawn, FontProperties(size=_SIZE), dpi=72, format="svg")
    content = base64.b64encode(drawn.getvalue().encode()).decode()
    text = formula.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    address = f"data:image/svg+xml;base64,{content}"
    return f'<img class="math" style="vertical-align:-{depth:.1f}pt" alt="{text}" src="{address}"/>'


def visit(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula, in a line or on lines of its own."""
    block = isinstance(node, nodes.math_block)
    try:
        shown = picture(" ".join(node.astext().split()))
    except ValueError as error:
        logger.warning("this formula cannot be drawn: %s", error, location=node)
    else:
        self.body.append(f'<div class="math">{shown}</div>' if block else shown)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer to a build; `html_math_renderer` chooses it."""
    app.add_html_math_renderer("mathtext", (visit, None), (visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
