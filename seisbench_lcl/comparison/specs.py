"""The tables and figures that a comparison asks for."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["station", "event"]
Text = Annotated[str, Field(min_length=1)]
Whole = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of the file: what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class TableSpec(Part):
    """A table of scores; see `seisbench_lcl.comparison.tables`.

    Attributes
    ----------
    title : str
    kind : {"scores", "spread", "parts", "cost", "order", "agreement"}
        Scores with their intervals; their spread over deals and over seeds; one score by parts of the windows; time
        and size; what holds of the order of a paper; how far predictions are those of the first model.
    level : {"station", "event"}
    metrics : list of str
        Keys of `seisbench_lcl.comparison.metrics.run_metrics` and `unknown_metrics`.
    part : str
        Kind of parts of a table "parts": "snr", "region" or "shift".
    models : list of str
        Titles; by default all.
    paper : str, optional
        Name of a file of numbers in the folder `paper` beside the TOML file.

    Examples
    --------
    >>> TableSpec(title="Scores of events", level="event", metrics=["accuracy", "ece"]).kind
    'scores'
    """

    title: Text
    kind: Literal["scores", "spread", "parts", "cost", "order", "agreement"] = "scores"
    level: Level = "station"
    metrics: list[Text] = ["accuracy", "balanced_accuracy", "macro_f1"]
    part: Literal["", "snr", "region", "shift"] = ""
    models: list[Text] = []
    paper: Text | None = None


class FigureSpec(Part):
    """A figure; see `seisbench_lcl.comparison.figures`.

    Attributes
    ----------
    name : str
        Of the file, without suffix.
    kind : {"deviations", "map", "clusters", "pareto", "reliability", "parts", "events"}
        Each run minus the median of its model; the features of one model, coloured by truth and by labels of others;
        the features of each model, coloured by its own clusters and by truth; a score against time; accuracy against
        confidence; a score by parts of the windows, or by the number of training events.
    title : str
    level, metrics, part, models
        As in `TableSpec`.
    features : str
        Title of the model whose features are drawn in a "map".

    Examples
    --------
    >>> FigureSpec(name="trust", kind="reliability", level="event").metrics
    ['accuracy']
    """

    name: Annotated[str, Field(pattern=r"^[\w-]+$")]
    kind: Literal["deviations", "map", "clusters", "pareto", "reliability", "parts", "events"]
    title: str = ""
    level: Level = "station"
    metrics: list[Text] = ["accuracy"]
    part: Literal["", "snr", "region", "shift"] = ""
    models: list[Text] = []
    features: str = ""
