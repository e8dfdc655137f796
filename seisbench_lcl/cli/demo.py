"""``seisbench-lcl demo``: the main job on a seismogram that ObsPy carries, with no network."""

from pathlib import Path
from typing import Annotated

import obspy
import typer

from seisbench_lcl.cli.classify import classify_stream
from seisbench_lcl.cli.common import console
from seisbench_lcl.models.named import EnvelopePhysicalRidge


def demo(out: Annotated[Path, typer.Option(help="folder for table and figure")] = Path("demo-output")) -> None:
    """Classify the local earthquake of 2009-08-24 at station RJOB, Bavaria, that comes with ObsPy."""
    model = EnvelopePhysicalRidge.from_pretrained("mixed-3c")
    console.print(f"{model.name}, weights mixed-3c, version {model.weights_version}: {', '.join(model.labels)}")
    classify_stream(
        model,
        obspy.read(),
        stride=1.0,
        limits={},
        out=out / "windows.csv",
        detections=out / "detections.csv",
        plot=out / "figure.png",
    )
