"""The one way from a dataset to a fitted model: build the model, read windows, choose among them, fit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets import Cuts, LabelledWindows, read_member_windows, read_windows
from seisbench_lcl.datasets.selection import learnable, loud_enough
from seisbench_lcl.datasets.windows import labels_in
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation.event_calibration import EventCalibration
from seisbench_lcl.hub.backbones import Backbone, named_backbone
from seisbench_lcl.models import Discriminator, DiscriminatorEnsemble
from seisbench_lcl.models.lookup import DEFAULT_MODEL, model_class
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.traits import Traits
from seisbench_lcl.optim import session
from seisbench_lcl.waveforms import Preprocessing

Progress = Callable[[str], Callable[[Iterable[Any]], Iterable[Any]]]
Tell = Callable[[str], object]

ALL = "all"
"""Name of the split that holds every window."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Metadata columns of a dataset; see `seisbench_lcl.datasets.read_windows`.

    Examples
    --------
    >>> Columns(label="event_type", group="event_id").split
    'split'
    """

    label: str = "source_type"
    group: str = "source_id"
    split: str = "split"
    pick: str | None = None

    def read(
        self, dataset: WaveformDataset, preprocessing: Preprocessing | Sequence[Preprocessing], **settings: Any
    ) -> LabelledWindows:
        """Read windows by these columns, of one preprocessing or of several; `settings` are those of `read_windows`."""
        columns: dict[str, Any] = {
            "label_column": self.label,
            "group_column": self.group,
            "split_column": self.split,
            "pick_column": self.pick,
        }
        if isinstance(preprocessing, Preprocessing):
            return read_windows(dataset, preprocessing, **columns, **settings)
        return read_member_windows(dataset, preprocessing, **columns, **settings)


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """All settings of a training. The same request and dataset give the same weights.

    Parameters
    ----------
    model : str
        Class of the model.
    extractor, head : str, optional
        Names of both, for the class `Discriminator`.
    members : int
        Number of models with different seeds that form an ensemble.
    labels : sequence of str, optional
        Classes to learn; by default all in the dataset.
    clusters : int, optional
        Number of clusters of a model that learns without labels.
    columns : Columns
    split : str
        Split to learn from; "all" means every window.
    sampling_rate, before, components, band, normalisation
        As in `seisbench_lcl.waveforms.Preprocessing`; the normalisation is that of the model by default.
    length : float
        Length of a window in s.
    max_shift, copies, refine
        As in `seisbench_lcl.datasets.Cuts.default`.
    picker : str, optional
        The SeisBench picker that refines picks, as "PhaseNet/original".
    min_snr : float, optional
        Smallest signal-to-noise ratio of a training window in dB.
    novelty_rate : float
        As in `Discriminator`; 0 turns the novelty detector off.
    event_types : mapping from label to QuakeML event type or None
    extractor_args, head_args : mapping
    memory : float
        Windows to keep in memory, in GB; more go to a temporary file.

    Raises
    ------
    ConfigurationError
        If settings are out of range or contradict each other.
    MissingPluginError
        If model, extractor or head is not installed.

    Examples
    --------
    >>> request = TrainingRequest(model="MiniRocketRidge", labels=["earthquake", "quarry blast"], band=(1, 18))
    >>> request.length
    20.0
    """

    model: str = DEFAULT_MODEL
    extractor: str | None = None
    head: str | None = None
    members: int = 1
    labels: Sequence[str] | None = None
    clusters: int | None = None
    columns: Columns = field(default_factory=Columns)
    split: str = "train"
    sampling_rate: float = 100.0
    before: float = 2.0
    length: float = 20.0
    components: str = "ZNE"
    band: tuple[float, float] = (1.0, 18.0)
    normalisation: str | None = None
    max_shift: float | None = None
    copies: int | None = None
    refine: float = 0.0
    picker: str | None = None
    min_snr: float | None = None
    novelty_rate: float = 0.05
    event_types: Mapping[str, str | None] = field(default_factory=dict)
    extractor_args: Mapping[str, Any] = field(default_factory=dict)
    head_args: Mapping[str, Any] = field(default_factory=dict)
    memory: float = 1.0

    def __post_init__(self) -> None:
        supervised, needs_labels, _ = self.traits
        if supervised and self.clusters is not None:
            raise ConfigurationError(f"{self.model} learns from labels and has no clusters: choose another model")
        if not supervised and self.clusters is None:
            raise ConfigurationError(f"{self.model} learns without labels: set the number of clusters, such as 8")
        if (self.labels and not needs_labels) or (self.event_types and not supervised):
            raise ConfigurationError(
                f"{self.model} learns without labels: labels and event types do not apply until its clusters are named"
            )
        if self.members < 1 or (self.members > 1 and not supervised):
            raise ConfigurationError(
                f"members must be 1 or more, and only models that learn from labels form an ensemble, but is "
                f"{self.members}"
            )
        if self.min_snr is not None and not np.isfinite(self.min_snr):
            raise ConfigurationError(f"min_snr must be a finite number of dB, but is {self.min_snr}")
        self.cuts()

    @property
    def traits(self) -> Traits:
        """How the model learns."""
        return self._class.traits(self.extractor, self.head)

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the model."""
        return Preprocessing(
            self.sampling_rate,
            round(self.length * self.sampling_rate),
            self.components,
            self.band,
            self.before,
            self.normalisation or self._class.default_normalisation,  # type: ignore[arg-type]
        )

    def cuts(self) -> Cuts:
        """Return how training windows are cut, with defaults filled in."""
        return Cuts.default(
            self.preprocessing,
            augments=self.traits.augments,
            max_shift=self.max_shift,
            copies=self.copies,
            refine=self.refine,
            picker=_picker(self.picker) if self.picker else None,
        )

    def build(self, labels: Sequence[str]) -> Model:
        """Build the unfitted model.

        Parameters
        ----------
        labels : sequence of str
            Classes in the dataset; a model that learns without labels does not use them.
        """
        supervised = self.traits.supervised
        description: dict[str, Any] = {
            "extractor": self.extractor,
            "head": self.head,
            **({"labels": list(labels)} if supervised else {"clusters": self.clusters}),
            **self.preprocessing.to_dict(),
            "novelty_rate": self.novelty_rate or None,
            "event_types": self.event_types,
            "extractor_args": self.extractor_args,
            "head_args": self.head_args,
        }
        if self.members > 1:
            return DiscriminatorEnsemble.of(self._class, self.members, **description)
        return self._class(**description)

    @property
    def _class(self) -> type[Discriminator]:
        cls: type[Discriminator] = model_class(self.model)
        return cls


class Training:
    """One training, stage by stage: what can be refused is refused before the work that it would waste.

    Parameters
    ----------
    request : TrainingRequest
    dataset : seisbench.data.WaveformDataset
    tell : callable
        Receives sentences about what was left out.
    progress : callable
        Takes a description, and returns a wrapper that shows a progress bar.

    Attributes
    ----------
    model : Discriminator or DiscriminatorEnsemble
        Fitted by `fit`.
    data : LabelledWindows
        All windows of the dataset, after `read`.
    usable : (N,) bool ndarray
        Which of them may be learnt from.
    learnt : LabelledWindows
        The usable windows of the training split.

    Raises
    ------
    ConfigurationError, MissingPluginError
        If the model cannot be built.
    DatasetError
        If the dataset has no labels, and the model needs them.

    Examples
    --------
    >>> import numpy as np
    >>> from seisbench.data import WaveformDataWriter
    >>> from seisbench_lcl.datasets import open_dataset
    >>> rng = np.random.default_rng(0)
    >>> with WaveformDataWriter("made_up/metadata.csv", "made_up/waveforms.hdf5") as writer:
    ...     writer.data_format = {"dimension_order": "CW", "component_order": "ZNE"}
    ...     for event in range(8):
    ...         row = {"source_id": event, "source_type": ["high", "low"][event % 2], "split": "train"}
    ...         row |= {"trace_sampling_rate_hz": 50, "trace_p_arrival_sample": 200, "station_code": "AAA"}
    ...         motion = rng.normal(size=(3, 800))
    ...         writer.add_trace(row, motion.cumsum(axis=1) if event % 2 else motion)
    >>> request = TrainingRequest(model="PhysicalRidge", labels=["high", "low"], length=8, band=(1, 18), copies=0)
    >>> training = Training(request, open_dataset("made_up"))
    >>> _ = training.read()
    >>> training.fit().labels
    ['high', 'low']
    """

    data: LabelledWindows
    usable: NDArray[np.bool_]
    learnt: LabelledWindows

    def __init__(
        self,
        request: TrainingRequest,
        dataset: WaveformDataset,
        *,
        tell: Tell = lambda text: None,
        progress: Progress = lambda name: iter,
    ) -> None:
        self.request = request
        self._dataset, self._tell, self._progress = dataset, tell, progress
        labels = request.labels
        if labels is None:
            labels = labels_in(dataset, request.columns.label) if request.traits.supervised else []
        self.model: Model = request.build(labels)

    def read(self) -> LabelledWindows:
        """Read the windows, and choose those to learn from.

        Raises
        ------
        DatasetError
            If a column, a label or the training split is missing, or a class loses all its windows.
        """
        request = self.request
        self.data = request.columns.read(
            self._dataset,
            self.model.preprocessing,
            labels=request.labels,
            unlabelled=not self.model.learns_from_labels,
            memory=request.memory,
            cuts=request.cuts(),
            progress=self._progress("reading windows"),
        )
        for line in remarks(self.data):
            self._tell(line)
        chosen = self.data if request.split == ALL else self.data.in_split(request.split)
        rows = learnable(chosen, request.min_snr, self._tell)
        self.learnt = chosen if rows.all() else chosen.select(rows)
        self.usable = loud_enough(self.data, request.min_snr)
        return self.learnt

    def fit(self, checkpoints: Path | None = None, logs: Path | None = None) -> Model:
        """Fit the model to the windows to learn from.

        Parameters
        ----------
        checkpoints, logs : Path, optional
            As in `seisbench_lcl.training.session`.
        """
        learnt, cuts = self.learnt, self.request.cuts()
        self._tell(f"fitting {len(learnt)} windows of {len(set(learnt.groups))} events")
        with session(checkpoints, self._progress, logs):
            self.model.fit(learnt.windows, learnt.labels if self.model.learns_from_labels else None, learnt.groups)
        self.model.training_windows = {
            "max_shift": cuts.max_shift,
            "copies": cuts.copies,
            "refine": cuts.refine,
            "min_snr": self.request.min_snr,
            "windows": int((learnt.shifts == 0).sum()),
        }
        if cuts.picker:
            self.model.training_windows["picker"] = cuts.picker.model_dump()
        if self.model.learns_from_labels and (found := EventCalibration.fit_held_out(self.model, learnt)):
            self.model.event_calibration = asdict(found)
        return self.model


def remarks(data: LabelledWindows) -> Iterable[str]:
    """Yield what reading left out or assumed, and whether splits share events."""
    for remark, count in data.notes.items():
        yield f"{count} traces: {remark}"
    if shared := data.shared_events():
        listed = ", ".join(shared[:5]) + (", …" if len(shared) > 5 else "")
        yield f"warning: {len(shared)} events are in more than one split, so scores are too high: {listed}"


def recorded_cuts(
    model: Model,
    max_shift: float | None = None,
    copies: int | None = None,
    refine: float | None = None,
    picker: str | None = None,
) -> Cuts:
    """Return how to cut windows for training a model again: as given, as its weights record, or by default."""
    found = _picker(picker) if picker else None
    if recorded := model.training_windows:
        copies = recorded["copies"] if copies is None and max_shift is None else copies
        max_shift = recorded["max_shift"] if max_shift is None else max_shift
        refine, found = (recorded["refine"], found or _recorded_picker(model)) if refine is None else (refine, found)
    return Cuts.default(
        model.preprocessing, augments=model.augments, max_shift=max_shift, copies=copies, refine=refine, picker=found
    )


def refined_cuts(model: Model) -> Cuts:
    """Return how to cut one window for each pick, refined as the training windows of a model were."""
    recorded = model.training_windows
    return Cuts(refine=recorded["refine"], picker=_recorded_picker(model)) if recorded else Cuts()


def _recorded_picker(model: Model) -> Backbone | None:
    recorded = model.training_windows
    return Backbone(**recorded["picker"]) if recorded and "picker" in recorded else None


@cache
def _picker(name: str) -> Backbone:
    return named_backbone(name)
