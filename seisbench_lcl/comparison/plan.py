"""A comparison as its TOML file describes it: data, split, models, tables and figures."""

# ruff: noqa: RUF012 (pydantic copies the defaults of each object)

import sys
from fnmatch import fnmatchcase
from inspect import isabstract
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from seisbench_lcl.comparison.specs import FigureSpec, Part, TableSpec, Text, Whole
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.lookup import model_classes
from seisbench_lcl.waveforms import Preprocessing
from seisbench_lcl.wording import suggestion

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BASELINE = "metadata alone"
"""The model that sees no waveform; it is part of every comparison."""


class Data(Part):
    """The windows that all models are given.

    Attributes
    ----------
    dataset : str
        Folder of a SeisBench dataset below the folder of the data, or a name in `seisbench.data`.
    components : str
    sampling_rate : float
        Hz.
    before, length : float
        Start of a window in s before P, and its length in s.
    band : (float, float)
        Hz.
    label_column, group_column : str
        Columns with the class and the event.
    region_column : str, optional
        Column with where a trace comes from; by default its repository or else its network, if there is such a column.
    metadata_columns : list of str
        What the baseline without waveforms may know, beside the band code of the channel.
    unlabelled : bool
        Whether models that learn without labels also learn from traces that have none.
    shifts : list of float
        Errors of P in s at which test windows are cut as well; 0 is always there. Windows are only used where all
        shifts fit into the trace.
    relabel : dict
        Class of the comparison for labels of the dataset, such as one class for all events; "" leaves a label out.

    Examples
    --------
    >>> Data(dataset="mixed_3c").band
    (1.0, 18.0)
    """

    dataset: Text
    components: Text = "ZNE"
    sampling_rate: Annotated[float, Field(gt=0)] = 100.0
    before: float = 2.0
    length: Annotated[float, Field(gt=0)] = 20.0
    band: tuple[float, float] = (1.0, 18.0)
    label_column: Text = "source_type"
    group_column: Text = "source_id"
    region_column: Text | None = None
    metadata_columns: list[Text] = ["origin_sampling_rate_hz", "station_network_code"]
    unlabelled: bool = False
    shifts: list[float] = []
    relabel: dict[Text, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("band"), list):
            return {**given, "band": tuple(given["band"])}
        return given

    def preprocessing(self) -> Preprocessing:
        """Return how windows are cut and filtered, long enough for all shifts."""
        first, last = min([0.0, *self.shifts]), max([0.0, *self.shifts])
        samples = round((self.length + last - first) * self.sampling_rate)
        return Preprocessing(self.sampling_rate, samples, self.components, self.band, self.before - first)


class Split(Part):
    """Which windows are tested, and how often this is dealt anew.

    Attributes
    ----------
    by : {"events", "region", "event", "targets"}
        Whole events at random, each region in turn, each event in turn (leave one out), or events of each target region
        in turn, at random.
    targets : list of str
        The target regions.
    folds : int
        Parts that the events of each class are dealt into.
    test : int
        Number of these parts that are tested by a model trained on the others; 0 tests each part in turn.
    repeats : int
        Number of deals; the number of a deal is also the seed of its models. Regions and single events are
        dealt once, so that only the seed changes. A class that no other region has is not tested.
    seeds : int
        Number of seeds with which the first deal is learnt again, to tell chance in training from chance in data.

    Examples
    --------
    >>> Split(folds=10, test=3, repeats=10).seeds
    1
    """

    by: Literal["events", "region", "event", "targets"] = "events"
    targets: list[Text] = []
    folds: Annotated[int, Field(ge=2)] = 10
    test: Whole = 3
    repeats: Annotated[int, Field(ge=1)] = 5
    seeds: Whole = 1

    @model_validator(mode="after")
    def _leaves_some(self) -> Self:
        if self.test >= self.folds:
            raise ValueError(f"test = {self.test} parts of folds = {self.folds} leave none to learn from")
        if bool(self.targets) != (self.by == "targets"):
            raise ValueError('targets, a list of regions, and by = "targets" belong together')
        if self.targets and not self.test:
            raise ValueError("test must be 1 or more: of a target region, some events are learnt from")
        return self

    @property
    def anew(self) -> bool:
        """Whether each repeat deals the events anew."""
        return self.by in ("events", "targets")

    def deal(self, repeat: int) -> int:
        """Return the number of the deal of a repeat."""
        return repeat if self.anew else 0

    @property
    def n_deals(self) -> int:
        """Number of deals."""
        return self.repeats if self.anew else 1


class Entry(Part):
    """A model of the comparison.

    Attributes
    ----------
    name : str
        Class of a model, a pair such as "minirocket:ridge", or a pattern of classes such as "MiniRocket*".
    weights : str, optional
        Weights that are scored as they are, without training.
    shown : str, optional
        Name in tables and figures.
    repeats, seeds : int, optional
        Fewer of them than the split has, for slow models.
    members : int
        Number of models with different seeds whose probabilities are averaged.
    best : bool
        Whether to take the best of the members instead: the one with the lowest log loss of the windows that its own
        training held out.
    learn : {"all", "elsewhere", "target"}
        Windows to learn from, of those that are not tested: all, those of other regions than the tested windows, or
        those of the same.
    fine_tune : bool
        Whether the model then is fine-tuned on the windows of the same region.
    clusters : int or {"silhouette", "bic", "gap"}, optional
        By default as many as there are classes. A criterion chooses from 2 to 12
        (`seisbench_lcl.evaluation.cluster_numbers`), by the features before any clustering.
    normalisation, extractor_args, head_args
        As in `seisbench_lcl.Discriminator`.
    copies : int
        Copies of each training window with P moved by up to 1 s.
    events : int
        Number of training events, taken from the classes in turn; 0 means all. Of a model that is fine-tuned, those of
        the target region.
    curve : str
        Curve of a figure "events" that the model is a point of; by default its name.
    without : str, optional
        Class that the model does not learn, as a kind of event that is unknown to it. Its windows count only in the
        metrics of what is unknown.
    how : {"train", "closed form", "heads"}
        Train without the tested windows; or train once on all windows, and take for each the prediction that the
        training itself made without its event, which ridge heads know in closed form; or compute the features once,
        and train the head alone without the tested windows.
    relabel : dict
        Class of the comparison for labels of `weights` that are called otherwise; "" leaves a label out.
    map : bool
        Whether to draw the features of the test windows of the first deal in two dimensions (t-SNE).

    Examples
    --------
    >>> Entry(name="SpectrogramCNN", members=3, shown="three networks").title
    'three networks'
    """

    name: str = ""
    weights: Text | None = None
    shown: str = ""
    repeats: Annotated[int, Field(ge=1)] | None = None
    seeds: Whole | None = None
    members: Annotated[int, Field(ge=1)] = 1
    best: bool = False
    learn: Literal["all", "elsewhere", "target"] = "all"
    fine_tune: bool = False
    clusters: Annotated[int, Field(ge=2)] | Literal["silhouette", "bic", "gap"] | None = None
    normalisation: Text | None = None
    extractor_args: dict[str, Any] = {}
    head_args: dict[str, Any] = {}
    copies: Whole = 0
    events: Whole = 0
    curve: str = ""
    without: Text | None = None
    how: Literal["train", "closed form", "heads"] = "train"
    relabel: dict[str, str] = {}
    map: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.name) == bool(self.weights):
            raise ValueError("a model needs either name, to be trained, or weights, to be scored as they are")
        return self

    @property
    def title(self) -> str:
        """Name in tables and figures."""
        return self.shown or self.weights or self.name


class Plan(Part):
    """A comparison.

    Attributes
    ----------
    title : str
    about : str
        A paragraph below the title.
    data : Data
    split : Split
    models : list of Entry
    snr : list of float
        Limits in dB between which windows are scored apart.
    tables : list of TableSpec
    figures : list of FigureSpec

    Examples
    --------
    >>> plan = Plan.model_validate({"title": "Two", "data": {"dataset": "mixed_3c"}, "models": [{"name": "DEC"}]})
    >>> plan.split.test, plan.models[0].title
    (3, 'DEC')
    """

    title: Text
    about: str = ""
    data: Data
    split: Split = Split()
    models: Annotated[list[Entry], Field(min_length=1)]
    snr: list[float] = []
    tables: list[TableSpec] = []
    figures: list[FigureSpec] = []

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        titles = [entry.title for entry in self.models]
        if twice := sorted({title for title in titles if titles.count(title) > 1}):
            raise ValueError(f"two models are called {twice[0]!r}: give one of them another name with shown")
        if self.split.by not in ("region", "targets"):
            for entry in self.models:
                if entry.learn != "all" or entry.fine_tune:
                    raise ValueError(f'{entry.title}: learn and fine_tune need a split by = "targets"')
        if self.split.by == "region" and any(entry.learn == "target" or entry.fine_tune for entry in self.models):
            raise ValueError('nothing of a region that is held out can be learnt: use a split by = "targets"')
        known = {BASELINE, *titles}
        patterns = any(set("*?[") & set(entry.name) for entry in self.models)
        wanted_by = [*(spec.models for spec in self.tables), *(spec.models for spec in self.figures)]
        for wanted in [*wanted_by, *([spec.features] for spec in self.figures if spec.features)]:
            if not patterns and (absent := [title for title in wanted if title not in known]):
                raise ValueError(f"no model is called {absent[0]!r}; {suggestion(absent[0], sorted(known))}")
        return self

    @classmethod
    def read(cls, file: Path) -> "Plan":
        """Read a TOML file.

        Raises
        ------
        ConfigurationError
            If it cannot be read, or says something that no comparison has.
        """
        try:
            plan = cls.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ConfigurationError(f"{file}: {place + ': ' if place else ''}{first['msg']}") from error
        except ValueError as error:  # invalid TOML or UTF-8
            raise ConfigurationError(f"{file} is not valid TOML: {error}") from error
        return plan.expanded()

    def expanded(self) -> "Plan":
        """Return the plan with each pattern of classes replaced by the classes that it matches.

        Raises
        ------
        ConfigurationError
            If a pattern matches none.
        """
        entries: list[Entry] = []
        for entry in self.models:
            if not set("*?[") & set(entry.name):
                entries.append(entry)
                continue
            taken = {other.name for other in (*self.models, *entries)}
            found = [name for name in trainable() if fnmatchcase(name, entry.name) and name not in taken]
            if not found:
                raise ConfigurationError(
                    f"no further model matches {entry.name!r}; {suggestion(entry.name, trainable())}"
                )
            entries += [entry.model_copy(update={"name": name, "shown": ""}) for name in found]
        return self.model_copy(update={"models": entries})


def trainable() -> list[str]:
    """Return the classes that can be trained by name alone, those of plugins included, sorted."""
    return sorted(
        name
        for name, cls in model_classes().items()
        if issubclass(cls, Discriminator) and cls is not Discriminator and not isabstract(cls) and not cls.published
    )
