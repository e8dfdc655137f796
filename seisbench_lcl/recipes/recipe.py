"""The content of a recipe file: data, model, training, evaluation, and those fields of a card that are not measured."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.hub.card import Fraction, Text
from seisbench_lcl.training import Columns, TrainingRequest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ANY = "*"
"""In `Recipe.classes`: every other label."""

ORIGIN, LABEL, EVENT, SPLIT = "recipe_dataset", "recipe_class", "recipe_event", "recipe_split"
"""Columns that `seisbench_lcl.recipes.datasets.open_datasets` adds to the metadata."""

Table = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
    )


class Evaluation(_Part):
    """How weights are scored.

    Attributes
    ----------
    split : str
        Split that the weights are scored on.
    folds : int, optional
        Number of folds of events over all splits, for which models are trained again; by default none.
    by : str, optional
        Column whose values are held out one by one, for which models are trained again.
    seed : int
        Seed of folds and resamples.
    """

    split: Text = "dev"
    folds: Annotated[int, Field(ge=2)] | None = None
    by: Text | None = None
    seed: Annotated[int, Field(ge=0)] = 0


class DataSource(_Part):
    """A training dataset: its name, sources and licence, and a note."""

    name: Text
    sources: Annotated[list[Text], Field(min_length=1)]
    licence: Text
    note: str = ""


class About(_Part):
    """Fields in the head of a card that are not measured; see `seisbench_lcl.hub.card.Card`.

    Attributes
    ----------
    calibration : str, optional
        How probabilities are calibrated; None if they are not, such as those of clusters.
    """

    task: Text
    state: Literal["experimental", "stable"]
    summary: Text
    training_data: Annotated[list[DataSource], Field(min_length=1)]
    calibration: Text | None = None
    reject_below: Fraction = 0.0
    valid_ranges: Annotated[dict[Text, Text], Field(min_length=1)]
    not_for: Annotated[list[Text], Field(min_length=1)]
    licence: Text
    citation: Annotated[list[Text], Field(min_length=1)]


class Recipe(_Part):
    """How weights are made; the file has the option names of ``train``, with "-" between words.

    Attributes
    ----------
    dataset : str or list of str
        Folders of SeisBench datasets, or their names in `seisbench.data`; several are joined.
    model : str
        Class of the model.
    version : str
    description : str
        Description of the weights, stored in their file.
    members : int
        Number of models with different seeds that form an ensemble.
    clusters : int, optional
        Number of clusters of a model that learns without labels; the labels of the training split name them afterwards.
    label_column : str or list of str
        Column of the label; if there are several, the first with a value.
    group_column, split_column : str
        Columns of event and split. Events of a dataset without splits are distributed to "train", "dev" and "test".
    pick_column : str, optional
    classes : dict from str to str
        Class of each label of the dataset; "*" means every other label. Other labels are left out. By default labels
        are classes.
    whole : dict from str to str
        Datasets of a single class, such as {"PNWNoise": "noise"}. Without a column of events, traces with the same
        start time are one event.
    events_per_class : int, optional
        Largest number of events of a class in each split; a hash of their names chooses them.
    split : str
        Split to train on.
    sampling_rate, before, length, components, band, normalisation
        As in `seisbench_lcl.waveforms.preprocessing.Preprocessing`, with `length` in seconds.
    max_shift, copies, refine
        As in `seisbench_lcl.training.Cuts`.
    picker : str, optional
        The SeisBench picker that refines picks, as "PhaseNet/original".
    min_snr : float, optional
        Smallest signal-to-noise ratio of a training window in dB; windows with unknown ratio stay.
    novelty_rate : float
        As in `seisbench_lcl.models.Discriminator`; 0 turns the novelty detector off.
    event_type : dict from str to str
        QuakeML event type of a class; "none" means that the class is not an event.
    extractor_arg, head_arg : dict
    evaluate : Evaluation
    card : About
    """

    dataset: Text | Annotated[list[Text], Field(min_length=1)]
    model: Text
    version: Text = "1"
    description: str = ""
    members: Annotated[int, Field(ge=1)] = 1
    clusters: Annotated[int, Field(ge=2)] | None = None
    label_column: Text | Annotated[list[Text], Field(min_length=1)] = "source_type"
    group_column: Text = "source_id"
    split_column: Text = "split"
    pick_column: Text | None = None
    classes: dict[Text, Text] = {}
    whole: dict[Text, Text] = {}
    events_per_class: Annotated[int, Field(ge=2)] | None = None
    split: Text = "train"
    sampling_rate: float = 100.0
    before: float = 2.0
    length: float = 20.0
    components: Text = "ZNE"
    band: Annotated[list[float], Field(min_length=2, max_length=2)] = [1.0, 18.0]
    normalisation: Text | None = None
    max_shift: float | None = None
    copies: int | None = None
    refine: float = 0.0
    picker: Text | None = None
    min_snr: float | None = None
    novelty_rate: Fraction = 0.05
    event_type: dict[Text, Text] = {}
    extractor_arg: Table = {}
    head_arg: Table = {}
    evaluate: Evaluation = Evaluation()
    card: About

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recipe file.

        Raises
        ------
        ConfigurationError
            If the file cannot be read, is not valid TOML, or is not a valid recipe; the message lists all errors.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error.strerror}; a recipe is a TOML file") from error
        except ValidationError as error:
            told = "".join(
                f"\n  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)
            )
            raise ConfigurationError(f"{path} is not a valid recipe:{told}") from error
        except ValueError as error:  # invalid TOML or UTF-8
            raise ConfigurationError(f"{path} is not valid TOML: {error}") from error

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets, in order."""
        return [self.dataset] if isinstance(self.dataset, str) else self.dataset

    @property
    def event_types(self) -> dict[str, str | None]:
        """QuakeML event types that the recipe sets; None for a class that is not an event."""
        return {label: None if kind == "none" else kind for label, kind in self.event_type.items()}

    def request(self, memory: float = 1.0) -> TrainingRequest:
        """Return the training that the recipe describes, on the dataset of `seisbench_lcl.recipes.datasets`.

        Parameters
        ----------
        memory : float
            Windows to keep in memory, in GB.
        """
        return TrainingRequest(
            model=self.model,
            members=self.members,
            clusters=self.clusters,
            columns=Columns(label=LABEL, group=EVENT, split=SPLIT, pick=self.pick_column),
            split=self.split,
            sampling_rate=self.sampling_rate,
            before=self.before,
            length=self.length,
            components=self.components,
            band=(self.band[0], self.band[1]),
            normalisation=self.normalisation,
            max_shift=self.max_shift,
            copies=self.copies,
            refine=self.refine,
            picker=self.picker,
            min_snr=self.min_snr,
            novelty_rate=self.novelty_rate,
            event_types={} if self.clusters else self.event_types,
            extractor_args=self.extractor_arg,
            head_args=self.head_arg,
            memory=memory,
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        named, told = self.datasets, [source.name for source in self.card.training_data]
        if len(set(named)) < len(named):
            raise ValueError(f"dataset lists a name twice: {named}")
        if unknown := sorted(set(self.whole) - set(named)):
            raise ValueError(f"whole names {unknown}, which are not in dataset: {named}")
        if len(named) > 1 and sorted(told) != sorted(named):
            raise ValueError(f"card.training-data must describe each dataset, {named}, but describes {told}")
        if len(named) == 1 and len(told) > 1:
            raise ValueError(f"card.training-data must describe one dataset, {named[0]!r}, but describes {told}")
        if self.clusters and self.members > 1:
            raise ValueError("only models that learn from labels form an ensemble: remove members or clusters")
        return self
