"""``seisbench-lcl demo``: classify a seismogram that comes with ObsPy, without a network."""

from pathlib import Path
from typing import Annotated

import obspy
import typer

from seisbench_lcl.cli.classify import classify_stream
from seisbench_lcl.models.lookup import DEFAULT_MODEL, model_class


def demo(out: Annotated[Path, typer.Option(help="folder for tables and figure")] = Path("demo-output")) -> None:
    """Classify a local earthquake recorded at RJOB, Bavaria, on 2009-08-24; the record comes with ObsPy."""
    model = model_class(DEFAULT_MODEL).from_pretrained("mixed-3c")
    classify_stream(
        model,
        obspy.read(),
        stride=1.0,
        limits={},
        out=out / "windows.csv",
        detections=out / "detections.csv",
        events=None,
        plot=out / "figure.png",
    )
