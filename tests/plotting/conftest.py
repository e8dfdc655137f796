"""Helpers of the tests of figures."""

import io
from collections.abc import Callable

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@pytest.fixture
def png() -> Callable[[Figure], bytes]:
    """Draw a figure as a small PNG image."""

    def draw(figure: Figure) -> bytes:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=40)
        return file.getvalue()

    return draw


@pytest.fixture
def legend() -> Callable[[Axes], list[str]]:
    """Return the texts of the legend of a panel."""
    return lambda axes: [text.get_text() for text in axes.get_legend().get_texts()]
