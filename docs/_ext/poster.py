"""Draw poster.pdf beside the pages: one page for a wall, with the figure of the README and the scores of the cards."""

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import tables
from matplotlib.axes import Axes
from sphinx.application import Sphinx

_BLUE = "#1f4e79"
_TEXT = (
    "Seismic networks record earthquakes, but also blasts, slides and noise. seisbench_lcl tells them apart, on any "
    "ObsPy stream, as a plugin for SeisBench. It abstains, with a reason, where a record is damaged or unlike what a "
    "model has learnt."
)
_CODE = """\
import obspy
import seisbench_lcl as lcl

model = lcl.from_pretrained(
    "EnvelopePhysicalRidge/mixed-3c")
out = model.classify(obspy.read())
print(out.windows, out.detections, out.events)"""
_COMMANDS = """\
seisbench-lcl classify *.mseed --weights …
seisbench-lcl catalog events.xml --waveforms …
seisbench-lcl archive run /data/sds --weights …
seisbench-lcl watch --seedlink HOST --weights …
seisbench-lcl detect, train, clusters, name
seisbench-lcl review, adapt
seisbench-lcl compare, evaluate, new-plugin, hub"""
_POINTS = (
    "Streams, catalogues, archives and live data by the same code; decisions in QuakeML, SeisComP, CSV, Parquet.",
    "With labels, with few labels (a page in the browser, seconds of learning), and without any.",
    "Every score by event, with its interval, and with whole repositories held out.",
    "Your own extractor, head, network or weights as a plugin; no pickles.",
)


def draw(path: Path) -> None:
    """Draw the poster as A4; it is made of vectors but for the figure, so it can be printed in any size."""
    figure = plt.figure(figsize=(8.27, 11.69))
    figure.text(0.06, 0.945, "seisbench_lcl", size=30, weight="bold", color=_BLUE)
    figure.text(0.06, 0.925, "Event discrimination for SeisBench", size=13, color="0.3")
    figure.text(0.06, 0.905, fill(_TEXT, 100), size=10, va="top")
    axes = _blank(figure.add_axes((0.06, 0.545, 0.88, 0.31)))
    axes.imshow(plt.imread(tables.ROOT / "docs" / "figures" / "demo.png"))
    caption = (
        "A local earthquake at RJOB, Bavaria (ObsPy's example). Grey: the model abstained, unlike its training data."
    )
    figure.text(0.06, 0.535, caption, size=8, color="0.3", va="top")
    for left, title, code in ((0.06, "Six lines", _CODE), (0.52, "Commands", _COMMANDS)):
        figure.text(left, 0.5, title, size=12, weight="bold", color=_BLUE)
        figure.text(left, 0.49, code, size=8, family="monospace", va="top", linespacing=1.4)
    figure.text(0.06, 0.365, "What it does", size=12, weight="bold", color=_BLUE)
    points = "\n".join(fill(point, 110, initial_indent="•  ", subsequent_indent="   ") for point in _POINTS)
    figure.text(0.06, 0.355, points, size=9, va="top", linespacing=1.5)
    figure.text(0.06, 0.265, "Weights that come with it, and how they do", size=12, weight="bold", color=_BLUE)
    _scores(_blank(figure.add_axes((0.06, 0.055, 0.88, 0.2))))
    last = (
        "Balanced accuracy per event, 95 % intervals over events. Small examples: label a few events of your own first."
    )
    figure.text(0.06, 0.035, last, size=8, color="0.3", va="top")
    figure.savefig(path)
    plt.close(figure)


def _scores(axes: Axes) -> None:
    _, _, *rows = tables.weights_of_the_package().strip().splitlines()
    cells = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]
    heads = ["weights", "classes", "events\nheld out", "region\nheld out", "of classes\nknown elsewhere"]
    drawn = axes.table(
        cells, colLabels=heads, colWidths=[0.34, 0.25, 0.13, 0.13, 0.15], loc="upper left", cellLoc="left"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(6.5)
    for (row, _), cell in drawn.get_celld().items():
        cell.set_edgecolor("0.8")
        cell.set_height(0.13 if row == 0 else 0.068)
        if row == 0:
            cell.set_text_props(weight="bold")


def _blank(axes: Axes) -> Axes:
    axes.axis("off")
    return axes


def write(app: Sphinx, failed: Exception | None) -> None:
    """Write the poster after the pages of a build."""
    if not failed and app.builder.format == "html":
        draw(Path(app.outdir, "poster.pdf"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the poster when a build has finished."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
