"""A feature extractor followed by a head, as a SeisBench model."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, SeisBenchLCLError, TrainingError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.heads.matching import name_by_labels
from seisbench_lcl.labels import (
    as_list,
    check_clusters,
    check_labels,
    encode,
    encode_groups,
    named_clusters,
    quakeml_types,
)
from seisbench_lcl.models import _forking as _forking
from seisbench_lcl.models._fitting import Fitting, restored_on_error
from seisbench_lcl.models._plain import plain
from seisbench_lcl.models._windows import Picks, Windows, as_picks, as_windows, batches
from seisbench_lcl.models.novelty import NoveltyDetector
from seisbench_lcl.models.prediction import Prediction
from seisbench_lcl.models.registry import registry
from seisbench_lcl.models.stream_model import StreamModel
from seisbench_lcl.models.traits import Traits, traits_of
from seisbench_lcl.optim import History, Tuning
from seisbench_lcl.storage import RowFile
from seisbench_lcl.waveforms import Normalisation, Preprocessing, Record

_OVERLAPS = 5  # windows per sample from which on it pays to convolve a record once for all of them


class Discriminator(StreamModel):
    """A feature extractor followed by a head, as a SeisBench model.

    `annotate` and `classify` take any ObsPy stream. The model never guesses: if a component is missing, a window has a
    gap, or a record is shorter than a window, it abstains and gives the reason.

    Parameters
    ----------
    extractor, head : str
        Names of a feature extractor and a head. A named model such as `MiniRocketRidge` sets both. Join several
        extractors as "minirocket+physical", and put a stage before one as "envelope>minirocket".
    labels : sequence of str, optional
        Class names, free text. Required by a head that learns from labels.
    clusters : int or sequence of str, optional
        Number of clusters, or their names. Required by a head that learns without labels. Clusters are called
        "cluster 0", "cluster 1", … until `name_clusters` names them. Clusters of the same name count as one label. If
        the head finds the number of clusters itself, this is an upper bound that includes "unknown".
    sampling_rate : float
        In Hz. Records are resampled to it.
    in_samples : int
        Length of a window in samples.
    component_order : str
        Component codes, such as "ZNE" or "Z".
    band, before, normalisation
        See `seisbench_lcl.waveforms.Preprocessing`. A named model may have its own default normalisation.
    novelty_rate : float or None, optional
        Fraction of known windows that the novelty detector may reject (`seisbench_lcl.models.novelty`); None turns it
        off.
    novelty_neighbours : int
        Number of nearest training windows that the novelty of a window is the mean distance to.
    event_types : mapping from label to QuakeML event type or None, optional
        Overrides the default types; see `seisbench_lcl.labels.quakeml_types`.
    extractor_args, head_args : mapping, optional
        Further arguments of the extractor and the head. For an expression, a mapping of such mappings by name.
    default_args : mapping, optional
        Default arguments of `annotate` and `classify`.
    citation : str, optional
        Papers to cite; by default those that a named model stands on.

    Attributes
    ----------
    pair : (str, str) or None
        Class attribute: extractor and head of a named model.
    default_normalisation : str
        Class attribute: normalisation unless the constructor is given one.
    default_head_args : mapping
        Class attribute: arguments of the head unless the constructor is given others.
    default_citation : str or None
        Class attribute: the papers that the model stands on, one per line.
    preprocessing : Preprocessing
    extractor : FeatureExtractor
    head : Head
    novelty_detector : NoveltyDetector or None
    labels : list of str
        Column names of the probabilities.
    clusters : list of str
        Label of each cluster; empty for a head that learns from labels.
    event_types : dict from label to QuakeML event type or None
    held_out : (N, K) float32 ndarray or None
        Probabilities of the training windows, each predicted without its event; NaN where the event was not held out.
        Not saved.

    Raises
    ------
    ConfigurationError, WindowError
        If the description is invalid; the message says why.
    MissingPluginError
        If the extractor or head is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from seisbench_lcl import Discriminator
    >>> windows = np.random.default_rng(0).normal(size=(8, 1, 400))
    >>> windows[::2] = windows[::2].cumsum(axis=-1)
    >>> model = Discriminator("physical", "ridge", labels=["low", "high"], component_order="Z", in_samples=400)
    >>> model.fit(windows, ["low", "high"] * 4).predict(windows).tolist()[:2]
    ['low', 'high']
    """

    pair: ClassVar[tuple[str, str] | None] = None
    default_normalisation: ClassVar[Normalisation] = "component-std"
    default_head_args: ClassVar[Mapping[str, Any]] = {}
    default_citation: ClassVar[str | None] = None
    extractor: FeatureExtractor
    head: Head
    labels: list[str]
    clusters: list[str]
    _merge: Tensor

    def __init_subclass__(
        cls,
        *,
        extractor: str | None = None,
        head: str | None = None,
        normalisation: Normalisation | None = None,
        head_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Define a named model: ``class MiniRocketRidge(Discriminator, extractor="minirocket", head="ridge")``.

        A subclass inherits what it does not set, but the defaults of a parent are meant for its own extractor and head.
        """
        super().__init_subclass__(**kwargs)
        if bool(extractor) != bool(head):
            raise ConfigurationError(f"class {cls.__name__} must set both extractor and head, or neither")
        defaults = {
            "default_normalisation": normalisation,
            "default_head_args": head_args,
            "default_citation": None,  # set in the body of a class
        }
        for name, value in defaults.items():
            if value is not None:
                setattr(cls, name, value)
            elif extractor and name not in vars(cls):
                setattr(cls, name, getattr(Discriminator, name))
        if extractor and head:
            cls.pair = extractor, head

    def __init__(
        self,
        extractor: str | None = None,
        head: str | None = None,
        *,
        labels: Sequence[str] | None = None,
        clusters: int | Sequence[str] | None = None,
        sampling_rate: float = 100.0,
        in_samples: int = 2000,
        component_order: str = "ZNE",
        band: tuple[float, float] = (1.0, 18.0),
        before: float = 2.0,
        normalisation: Normalisation | None = None,
        novelty_rate: float | None = 0.05,
        novelty_neighbours: int = 5,
        event_types: Mapping[str, str | None] | None = None,
        extractor_args: Mapping[str, Any] | None = None,
        head_args: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        citation: str | None = None,
    ) -> None:
        sampling_rate, in_samples, band, before = plain((sampling_rate, in_samples, band, before))
        novelty_rate, novelty_neighbours = plain((novelty_rate, novelty_neighbours))
        default_args = plain(default_args)
        pair = self._resolve_pair(extractor, head)
        head_class = registry().head(pair[1])
        outputs = (
            check_labels(labels)
            if head_class.supervised
            else named_clusters(head_class.__name__, head_class.open_ended, labels, clusters)
        )
        if head_class.supervised and clusters is not None:
            raise ConfigurationError(f"{head_class.__name__} learns from labels: pass labels=[...] instead of clusters")
        names = list(dict.fromkeys(outputs))
        preprocessing = Preprocessing(
            sampling_rate, in_samples, component_order, band, before, normalisation or self.default_normalisation
        )
        super().__init__(
            component_order=component_order,
            sampling_rate=sampling_rate,
            output_type="point",
            default_args=dict(default_args or {}),
            in_samples=in_samples,
            pred_sample=round(before * sampling_rate),
            labels=names,
            grouping="instrument",
            citation=citation,
        )
        self._names = pair
        self.preprocessing = preprocessing
        self.event_types = quakeml_types(names, event_types)
        known = {
            "frequency_range": list(preprocessing.band),  # spectrograms are empty outside
            "before": before,
            "component_order": component_order,
        }
        shape = len(component_order), in_samples, sampling_rate
        try:
            self.extractor = registry().build_extractor(pair[0], shape, plain(extractor_args or {}), known)
            own = {**self.default_head_args, **plain(head_args or {})}
            if head_class.takes_blocks:
                own.setdefault("blocks", self.extractor.blocks)
            self.head = head_class(self.extractor.n_features, len(outputs), **own)
        except SeisBenchLCLError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(f"{'+'.join(self._names)}: {error}") from error
        self._set_clusters([] if head_class.supervised else outputs)
        self.held_out: NDArray[np.float32] | None = None
        self.novelty_neighbours = novelty_neighbours
        detector = (
            None
            if novelty_rate is None
            else NoveltyDetector(self.extractor.n_features, novelty_rate, novelty_neighbours)
        )
        self.add_module("unlikeness", detector)  # weights files have its tensors under this name

    # Training -------------------------------------------------------------------------------------------------------

    def fit(
        self,
        windows: Windows,
        labels: Iterable[str] | None = None,
        groups: Iterable[Any] | None = None,
        s_arrivals: Picks = None,
    ) -> Self:
        """Fit extractor and head.

        An extractor whose tag `enough` is a number learns from that many windows, drawn with a fixed seed; the head
        learns from all windows. If the windows are in a file, so are the features, and neither is loaded as a whole,
        except that a network loads its windows.

        Parameters
        ----------
        windows : (N, C, T) float32 ndarray, Tensor or RowFile
            At the sampling rate and in the band of the model, as `seisbench_lcl.datasets.read_windows` returns them.
            Normalised here.
        labels : iterable of N str
            A head that learns without labels ignores them with a warning.
        groups : iterable of N hashables, optional
            Event of each window. Windows of one event are held out together; a cluster head may use the fact that
            they show the same source. A window without event (None, NaN or blank) is its own event.
        s_arrivals : (N,) array_like, optional
            S picks in seconds after the first sample of each window; NaN without a pick. Physical discriminants use
            them; without picks, S is where most energy follows P, as in `classify`. If only some classes have picks,
            leave them out: the model would learn which classes have picks.

        Returns
        -------
        Discriminator
            Itself. If the fit fails or is interrupted, the model stays as it was.

        Raises
        ------
        WindowError
            If the windows have the wrong shape, hold NaN or infinite values, or a component without motion.
        TrainingError
            If labels are missing or unknown, two differ only by capitals or blanks, a class has no window or only one
            event, or an event has windows of two labels; if there are fewer windows than clusters.
        """
        return self._learn(windows, labels, groups, s_arrivals)

    def fine_tune(
        self,
        windows: Windows,
        labels: Iterable[str],
        groups: Iterable[Any] | None = None,
        *,
        freeze: int = 0,
        learning_rate: float | None = None,
        epochs: int | None = None,
    ) -> Self:
        """Adapt a trained model to another region or network.

        A network with the head `linear` is trained further, as a whole or from some stage on. A ridge regression is
        shrunk towards its coefficients instead of zero, in closed form, with unchanged features; leave-one-event-out
        sets how strongly. Named clusters stay as they are and get other names. In all cases the temperature of the
        probabilities and the novelty detector are fitted again to these windows. Use events that the model was not
        trained on: it is too certain of its own training events.

        Parameters
        ----------
        windows, labels, groups
            As in `fit`. At least two of the model's labels must occur.
        freeze : int
            Number of first stages of a network to keep unchanged; −1 trains the head alone.
        learning_rate : float, optional
            For a network; by default a tenth of the rate in its recipe.
        epochs : int, optional
            For a network; by default those of its recipe.

        Returns
        -------
        Discriminator
            Itself.

        Raises
        ------
        ConfigurationError
            If the head cannot be adapted, or an argument for networks is out of range or given to another model.
        NotFittedError
            If the model was neither fitted nor loaded.
        WindowError, TrainingError
            As in `fit`.

        References
        ----------
        Fine-tuning of seismic discriminators to other regions: Kasburg et al. (2024), doi:10.1785/0120230198.
        """
        if not self.head.supervised:
            raise ConfigurationError(f"{self.name} learns without labels and cannot be fine-tuned: fit it again")
        if not self.trains_jointly and (freeze, learning_rate, epochs) != (0, None, None):
            raise ConfigurationError(
                f"{self.name} is not a network trained with its head: freeze, learning_rate and epochs do not apply"
            )
        return self._learn(windows, labels, groups, None, Tuning(learning_rate, epochs, freeze))

    def fresh(self, labels: Sequence[str] | None = None) -> Self:
        """Return an unfitted model of the same description, optionally with fewer labels."""
        description = self.get_model_args()
        if not self.head.supervised:
            description |= {"clusters": len(self.clusters), "event_types": None}
        elif labels is not None:
            description |= {
                "labels": list(labels),
                "event_types": {label: self.event_types[label] for label in labels},
                "head_args": self.head.config_of([self.labels.index(label) for label in labels]),
            }
        return type(self)(**description, default_args=self.default_args)

    def _learn(
        self,
        windows: Windows,
        labels: Iterable[str] | None,
        groups: Iterable[Any] | None,
        s_arrivals: Picks,
        tuning: Tuning | None = None,
    ) -> Self:
        x = windows if isinstance(windows, RowFile) else as_windows(windows)
        s_arrivals = None if s_arrivals is None else as_picks(len(x), s_arrivals)
        y, events = self._encode(labels, groups, len(x), every_class=tuning is None)
        if tuning and y is not None and len(present := torch.unique(y)) < 2:
            found = [self.labels[k] for k in present.tolist()]
            raise TrainingError(f"fine-tuning needs windows of at least two classes, but all of these are {found}")
        fitting = Fitting(
            self.name,
            self.labels,
            self.extractor,
            self.head,
            self.novelty_detector,
            lambda rows: self.preprocessing.normalise(as_windows(rows)),
            self._feature_rows,
        )
        with restored_on_error(self):  # else the new extractor would be followed by the old head
            self.held_out = fitting.run(x, y, events, s_arrivals, tuning)
        self._forget_weights()
        return self.eval()

    def _encode(
        self, labels: Iterable[str] | None, groups: Iterable[Any] | None, n_windows: int, every_class: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        if self.learns_from_labels:
            if labels is None:
                raise TrainingError(f"{self.name} learns from labels: call fit(windows, labels)")
            labels = as_list(labels)
            # A network in front of a cluster head learns from the classes in the data.
            known = self.labels if self.head.supervised else sorted({str(label) for label in labels})
            return encode(labels, groups, known, n_windows, every_class)
        if labels is not None:
            warnings.warn(
                f"{self.name} learns without labels: fit ignores them; name_clusters(windows, labels) uses them",
                stacklevel=4,
            )
        return None, encode_groups(groups, n_windows)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or cast the model (``to``, ``cuda``, ``double``), unless its weights would change (``half``).

        Raises
        ------
        ConfigurationError
            If the new type is less precise than float32: casting back would not restore the weights.
        """
        cast = fn(torch.zeros(1, device=self.device)).dtype
        if cast not in (torch.float32, torch.float64):
            raise ConfigurationError(
                f"{self.name} cannot be cast to {cast}, which would change its weights for good: use float32 or float64"
            )
        return super()._apply(fn, recurse)

    # Prediction -----------------------------------------------------------------------------------------------------

    def predict_proba(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return class probabilities (N, K) of windows (N, C, T) at the sampling rate and in the band of the model.

        `s_arrivals`, here and below, are S picks in seconds after the first sample of each window, (N,); NaN without a
        pick. Physical discriminants use them; without picks, S is where most energy follows P.
        """
        return self._in_batches(windows, self._probabilities, s_arrivals).numpy()

    def predict_detailed(self, windows: Windows, s_arrivals: Picks = None) -> Prediction:
        """Return probabilities and diagnostics of windows (N, C, T), from one pass of the extractor."""

        def columns(features: Tensor) -> Tensor:
            prediction = self._prediction(features)
            return torch.column_stack([prediction.probabilities, *prediction.diagnostics.values()])

        found = self._in_batches(windows, columns, s_arrivals)
        n = len(self.labels)
        return Prediction(found[:, :n], dict(zip(self._diagnostics(), found[:, n:].T, strict=True)))

    def features(self, windows: Windows, s_arrivals: Picks = None) -> Tensor:
        """Return the extractor's features (N, F) of windows (N, C, T)."""
        return self._in_batches(windows, lambda features: features, s_arrivals)

    def cluster_proba(self, windows: Windows) -> NDArray[np.float32]:
        """Return the probability of each cluster, whatever its name, (N, number of clusters)."""
        return self._in_batches(windows, self.head).numpy()

    def novelty(self, windows: Windows, s_arrivals: Picks = None) -> NDArray[np.float32]:
        """Return the distance of windows (N, C, T) from the training data, (N,); 1 is the limit of the weights.

        Raises
        ------
        ConfigurationError
            If the model has no novelty detector.
        """
        if self.novelty_detector is None:
            raise ConfigurationError(f"{self.name} was made without novelty_rate, so it has no novelty detector")
        return self._in_batches(windows, self.novelty_detector, s_arrivals).numpy()

    def forward(self, windows: Tensor) -> Tensor:
        """Return class probabilities (B, K) of normalised windows (B, C, T)."""
        return self._probabilities(self.extractor(windows))

    def annotate_batch_pre(self, batch: Tensor, argdict: dict[str, Any]) -> Tensor:
        """Normalise a batch of windows (B, C, T)."""
        return self.preprocessing.normalise(batch)

    def _predict_record(self, record: Record, offsets: NDArray[np.int64], stride: int) -> Prediction:
        with self._inference():
            if self._slides(stride):
                runs = record.runs(offsets, stride, self.preprocessing)
                features = self.extractor.slide([torch.from_numpy(run) for run in runs], stride)
            else:
                windows = torch.from_numpy(record.cut(offsets, self.in_samples)).to(self.device)
                features = self.extractor(self.annotate_batch_pre(windows, {}))
            return self._prediction(features)

    def _slides(self, stride: int) -> bool:
        """Whether windows share their scale, and enough of their samples, for `FeatureExtractor.slide` to pay."""
        on_cpu = self.device.type == "cpu"
        return on_cpu and self.extractor.slides and self.preprocessing.peak and _OVERLAPS * stride <= self.in_samples

    def _prediction(self, features: Tensor) -> Prediction:
        diagnostics = {"novelty": self.novelty_detector(features)} if self.novelty_detector else {}
        return Prediction(self._probabilities(features), diagnostics)

    def _diagnostics(self) -> list[str]:
        return ["novelty"] if self.novelty_detector else []

    def _probabilities(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.head(features)
        return outputs @ self._merge if self.clusters else outputs

    def _in_batches(self, windows: Windows, function: Callable[[Tensor], Tensor], s_arrivals: Picks = None) -> Tensor:
        """Normalise windows, extract their features and apply a function to these, batch by batch."""
        with self._inference():
            parts = []
            for part, picks in batches(windows, s_arrivals):
                normalised = self.annotate_batch_pre(part.to(self.device), {})
                parts.append(function(self.extractor(normalised, None if picks is None else picks.to(self.device))))
            return torch.cat(parts).cpu()

    def _feature_rows(self, windows: Tensor | RowFile, s_arrivals: Picks = None) -> Tensor | RowFile:
        if isinstance(windows, Tensor):
            return self.features(windows, s_arrivals)
        rows = RowFile(self.extractor.n_features)
        for part, picks in batches(windows, s_arrivals):
            rows.extend(self.features(part, picks).numpy())
        return rows

    # Clusters -------------------------------------------------------------------------------------------------------

    def name_clusters(
        self,
        windows: Windows | Mapping[int, str],
        labels: Iterable[str | None] | None = None,
        event_types: Mapping[str, str | None] | None = None,
    ) -> Self:
        """Name clusters after event types, from labelled windows or by hand.

        If there are as many clusters as labels, each label goes to one cluster such that most windows keep their label
        (Hungarian assignment). Otherwise a cluster gets the most frequent label of its windows.

        Parameters
        ----------
        windows : (N, C, T) array_like or RowFile, or mapping from cluster to label
            Windows at the sampling rate and in the band of the model. By hand: ``{0: "earthquake", 3: "noise"}``.
        labels : iterable of N str, optional
            "", None or NaN for an unlabelled window.
        event_types : mapping from label to QuakeML event type or None, optional
            As in the constructor.

        Returns
        -------
        Discriminator
            Itself. A cluster without labelled windows, or missing from the mapping, keeps its name.

        Raises
        ------
        ConfigurationError
            If the head learns from labels, the mapping names a cluster that does not exist, or all clusters would have
            the same name.
        TrainingError
            If labels are missing, or fewer than two different labels are given.
        """
        if self.head.supervised:
            raise ConfigurationError(f"{self.name} learns from labels and has no clusters to name")
        if isinstance(windows, Mapping):
            by_hand: Mapping[int, str] = windows
        elif labels is None:
            raise TrainingError("name_clusters needs the labels of the windows, or a mapping such as {0: 'earthquake'}")
        else:
            assigned = self.cluster_proba(windows).argmax(axis=1)
            by_hand = name_by_labels(assigned, labels, len(self.clusters), self.head.open_ended)
        if unknown := [k for k in by_hand if k not in range(len(self.clusters))]:
            raise ConfigurationError(f"clusters are numbered 0 to {len(self.clusters) - 1}, but {unknown} were named")
        names = [by_hand.get(k, name) for k, name in enumerate(self.clusters)]
        distinct = check_clusters(names)
        known = {label: kind for label, kind in self.event_types.items() if label in distinct}
        self.event_types = quakeml_types(distinct, known | dict(event_types or {}))
        self._set_clusters(names)
        self.weights_origin = None  # which has other labels
        return self

    def _set_clusters(self, names: list[str]) -> None:
        """Take the names of the clusters; probabilities of clusters of the same name are summed."""
        self.clusters = names
        self.labels = list(dict.fromkeys(names)) or self.labels
        merge = torch.tensor([[float(name == label) for label in self.labels] for name in names])
        self.register_buffer("_merge", merge.to(self.device, self.dtype), persistent=False)

    # Description ----------------------------------------------------------------------------------------------------

    @property
    def novelty_detector(self) -> NoveltyDetector | None:
        """The detector of windows unlike the training data, or None."""
        return self._modules["unlikeness"]

    @property
    def members(self) -> list["Discriminator"]:
        """The models that vote: this one."""
        return [self]

    @property
    def citation(self) -> str | None:
        """Papers to cite, one per line: those given to the constructor, or those that the named model stands on."""
        return self._citation or self.default_citation

    @property
    def learns_from_labels(self) -> bool:
        """Whether `fit` needs labels, for the head or for the extractor."""
        return self.head.supervised or self.extractor.supervised

    @property
    def open_ended(self) -> bool:
        """Whether the head finds the number of clusters itself."""
        return self.head.open_ended

    @property
    def trains_jointly(self) -> bool:
        """Whether extractor and head are trained together, as a network."""
        return self.head.joins(self.extractor)

    @property
    def augments(self) -> bool:
        """Whether training uses each window once, as picked (see `Traits`)."""
        return traits_of(*self._names).augments

    @property
    def part_args(self) -> dict[str, dict[str, Any]]:
        """All arguments of extractor and head, as JSON types."""
        return {"extractor_args": self.extractor.config(), "head_args": self.head.config()}

    @property
    def histories(self) -> list[History]:
        """Losses of the last `fit`, in the order of its trainings; not saved."""
        return [*self.extractor.histories, *self.head.histories]

    @classmethod
    def traits(cls, extractor: str | None = None, head: str | None = None) -> Traits:
        """Return how a model learns, given its extractor and head by name where the class does not set them.

        Raises
        ------
        ConfigurationError
            If extractor or head is missing.
        MissingPluginError
            If one of them is not installed.
        """
        return traits_of(*cls._resolve_pair(extractor, head))

    def get_model_args(self) -> dict[str, Any]:
        """Return the arguments of the constructor as JSON types."""
        pair = {} if self.pair else {"extractor": self._names[0], "head": self._names[1]}
        return {
            **pair,
            **({"clusters": list(self.clusters)} if self.clusters else {"labels": list(self.labels)}),
            **self.preprocessing.to_dict(),
            "novelty_rate": self.novelty_detector.rate if self.novelty_detector else None,
            "novelty_neighbours": self.novelty_neighbours,
            "event_types": self.event_types,
            **self.part_args,
            "citation": self._citation,
        }

    def _parts(self) -> dict[str, FeatureExtractor | Head]:
        leaves = self.extractor.leaves
        extractors = (
            {f"{leaf.name} extractor": leaf for leaf in leaves} if len(leaves) > 1 else {"extractor": leaves[0]}
        )
        return {**extractors, "head": self.head}

    @classmethod
    def _resolve_pair(cls, extractor: str | None, head: str | None) -> tuple[str, str]:
        if cls.pair is None:
            if not extractor or not head:
                raise ConfigurationError(f"{cls.__name__} needs the names of an extractor and a head")
            return extractor, head
        if (extractor or cls.pair[0], head or cls.pair[1]) != cls.pair:
            raise ConfigurationError(
                f"{cls.__name__} is {cls.pair[0]} with {cls.pair[1]}; for {extractor or cls.pair[0]} with "
                f"{head or cls.pair[1]} use Discriminator(extractor=..., head=...)"
            )
        return cls.pair
