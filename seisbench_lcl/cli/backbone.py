"""``seisbench-lcl backbone``: find a pretrained SeisBench model, and list its layers."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from seisbench_lcl.cli.common import console, say
from seisbench_lcl.extractors.layer_features import layer_shapes
from seisbench_lcl.extractors.layers import default_layers
from seisbench_lcl.hub.backbones import open_backbone, split_name


def backbone(
    what: Annotated[str, typer.Argument(metavar="MODEL/WEIGHTS", help="such as PhaseNet/original")],
    version: Annotated[str | None, typer.Option(help="by default the newest in SeisBench's cache")] = None,
) -> None:
    """Find a pretrained SeisBench model, or download it, and list the layers that can give features.

    Name the layers in train --extractor seisbench --extractor-arg 'layers=["NAME", ...]'. Default layers have a star.
    """
    module, found = open_backbone(*split_name(what), version)
    say(f"{found}, sha256 {found.sha256}")
    for file in found.files:
        say(f"  {file}")
    order, samples = ", ".join(module.component_order), module.in_samples or "any number of"
    say(f"takes the components {order} and {samples} samples at {module.sampling_rate:g} Hz")
    defaults, _ = default_layers(module)
    table = Table(box=None, pad_edge=False)
    for title in ("", "layer", "channels", "steps"):
        table.add_column(title, justify="right" if title in ("channels", "steps") else "left")
    for name, shape in layer_shapes(module).items():
        table.add_row("*" if name in defaults else "", Text(name), *map(str, shape))
    console.print(table)
