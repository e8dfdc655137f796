"""The one bridge to SeisBench: an extractor and a head, wrapped as a `WaveformModel`."""

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import obspy
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from seisbench.util import ClassifyOutput
from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, SeisBenchLCLError, TrainingError, WaveformError, WindowError
from seisbench_lcl.heads import Head
from seisbench_lcl.labels import NOISE, check_labels, cluster_names, encode, encode_groups, quakeml_types
from seisbench_lcl.matching import UNKNOWN, match_clusters
from seisbench_lcl.plugins import registry
from seisbench_lcl.preprocessing import Normalisation, Preprocessing
from seisbench_lcl.pretrained import PretrainedModel
from seisbench_lcl.records import Record, Unusable, read_stream
from seisbench_lcl.results import StationWindows, WindowList
from seisbench_lcl.rows import RowFile
from seisbench_lcl.training.loop import History

_FEATURE_BATCH = 256
_OVERLAPS = 5  # windows that cover a sample, from which on it pays to convolve a record once for all of them

logger = logging.getLogger("seisbench")


class Discriminator(PretrainedModel):
    """A feature extractor followed by a head, as a SeisBench model.

    `annotate` and `classify` take any ObsPy stream. Whatever a window lacks is reported, not guessed: a station with a
    component missing, a window with a gap, a record shorter than a window give an abstention with its reason.

    Parameters
    ----------
    extractor, head : str
        Names of a feature extractor and of a head. A named pair such as `MiniRocketRidge` has them already.
    labels : sequence of str, optional
        Class names, free text. For a head that learns from labels.
    clusters : int or sequence of str, optional
        Number of clusters, or the name of each. For a head that learns without labels. Clusters are called "cluster 0"
        and so on until `name_clusters` gives them event types; several may have one name, and then count as one label.
    sampling_rate : float
        In Hz. Records are resampled to it.
    in_samples : int
        Length of a window in samples.
    component_order : str
        Component codes, such as "ZNE" or "Z".
    band, before, normalisation
        See `seisbench_lcl.preprocessing.Preprocessing`. A named pair may have a normalisation of its own.
    event_types : mapping from label to QuakeML event type or None, optional
        What differs from the defaults; see `seisbench_lcl.labels.quakeml_types`.
    extractor_args, head_args : mapping, optional
        Further arguments of the two.
    default_args : mapping, optional
        Arguments of `annotate` and `classify` to use unless a call gives them.
    citation : str, optional

    Attributes
    ----------
    pair : (str, str) or None
        Of the class: names of the extractor and the head of a named pair.
    default_normalisation : str
        Of the class: what windows are divided by unless the constructor is told otherwise.
    preprocessing : Preprocessing
    extractor : FeatureExtractor
    head : Head
    labels : list of str
        What the columns of probabilities stand for.
    clusters : list of str
        Label of each cluster; empty for a head that learns from labels.
    event_types : dict from label to QuakeML event type or None

    Raises
    ------
    ConfigurationError, WindowError
        If the description cannot work; the message says why.
    MissingPluginError
        If the extractor or head is not installed.
    """

    _annotate_args: ClassVar[dict[str, tuple[str, Any]]] = {
        "batch_size": ("Windows computed at once", 256),
        "stride": (
            "Samples from window to window, at the sampling rate of the model; None is one second",
            None,
        ),
        "min_coverage": ("Least fraction of samples that every component of a window must have", 0.95),
        "strict": ("If true, every sample must be there: the same as min_coverage=1", False),
        "flexible_horizontal_components": PretrainedModel._annotate_args["flexible_horizontal_components"],
        "threshold": ("Least probability of a label to make a detection (classify)", 0.5),
    }
    pair: ClassVar[tuple[str, str] | None] = None
    default_normalisation: ClassVar[Normalisation] = "component-std"
    labels: list[str]
    _merge: Tensor

    def __init_subclass__(
        cls,
        *,
        extractor: str | None = None,
        head: str | None = None,
        normalisation: Normalisation | None = None,
        **kwargs: Any,
    ) -> None:
        """Make a named pair: ``class MiniRocketRidge(Discriminator, extractor="minirocket", head="ridge")``."""
        super().__init_subclass__(**kwargs)
        if extractor and head:
            cls.pair = extractor, head
        if normalisation:
            cls.default_normalisation = normalisation

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
        event_types: Mapping[str, str | None] | None = None,
        extractor_args: Mapping[str, Any] | None = None,
        head_args: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        citation: str | None = None,
    ) -> None:
        pair = self._resolve_pair(extractor, head)
        extractor_class, head_class = registry().extractor(pair[0]), registry().head(pair[1])
        outputs = check_labels(labels) if head_class.supervised else _cluster_names(head_class, labels, clusters)
        if head_class.supervised and clusters is not None:
            raise ConfigurationError(f"{head_class.__name__} learns from labels: give labels=[...] instead of clusters")
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
        try:
            self.extractor = extractor_class(len(component_order), in_samples, sampling_rate, **(extractor_args or {}))
            self.head = head_class(self.extractor.n_features, len(outputs), **(head_args or {}))
        except SeisBenchLCLError:
            raise
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{'+'.join(self._names)}: {error}") from error
        self._set_clusters([] if head_class.supervised else outputs)

    # Training and plain windows -------------------------------------------------------------------------------------

    def fit(
        self,
        windows: ArrayLike | Tensor | RowFile,
        labels: Iterable[str] | None = None,
        groups: Iterable[Any] | None = None,
    ) -> Self:
        """Fit extractor and head.

        An extractor that says how many windows are `enough` learns from as many, drawn with a fixed seed; the head
        learns from the features of all. Where the windows come in a file, so do the features: neither is held whole.

        Parameters
        ----------
        windows : (N, C, T) float32 ndarray, Tensor or RowFile
            In the rate and band of the model, as `seisbench_lcl.training.read_windows` returns them. Normalised here.
        labels : iterable of N str
            Ignored with a warning by a head that learns without them.
        groups : iterable of N hashables, optional
            The event of each window. Windows of one event are held out together; a cluster head may use that they
            show one source.

        Returns
        -------
        Discriminator
            Itself.

        Raises
        ------
        WindowError
            If the windows have another shape, hold NaN or infinite values, or a component without motion.
        TrainingError
            If labels are missing or unknown, a class has no window or a single event, or an event has windows of two
            labels; if there are fewer windows than clusters.
        """
        x = windows if isinstance(windows, RowFile) else self._windows(windows)
        y, events = self._encode(labels, groups, len(x))
        drawn = np.sort(np.random.default_rng(0).permutation(len(x))[: self.extractor.enough])
        # The extractor must see in training what it sees in application: normalised windows.
        seen = self.annotate_batch_pre(self._windows(x[drawn]), {})
        self.extractor.fit(seen, None if y is None else y[drawn])
        if self.head.joint:
            self.head.fit_with(self.extractor, seen)
        features = self._feature_rows(x)
        if not self.head.joint:
            self.head.fit(features, y, events)
        if not self.head.supervised:
            self._warn_of_empty_clusters(features)
        return self.eval()

    def name_clusters(
        self,
        windows: ArrayLike | Tensor | RowFile | Mapping[int, str],
        labels: Iterable[str | None] | None = None,
        event_types: Mapping[str, str | None] | None = None,
    ) -> Self:
        """Give clusters the names of event types, by labelled windows or by hand.

        With as many clusters as there are labels, each label goes to one cluster, such that as many windows as
        possible keep theirs (Hungarian assignment). Otherwise a cluster gets the label of most of its windows.

        Parameters
        ----------
        windows : (N, C, T) array_like or RowFile, or mapping from cluster to label
            Windows in the rate and band of the model. By hand: ``{0: "earthquake", 3: "noise"}``.
        labels : iterable of N str, optional
            An empty or missing label ("", None, NaN) means that nothing is known of the window.
        event_types : mapping from label to QuakeML event type or None, optional
            As in the constructor.

        Returns
        -------
        Discriminator
            Itself. A cluster without a labelled window, or that the mapping does not name, keeps what it has.

        Raises
        ------
        ConfigurationError
            If the head learns from labels, the mapping names a cluster that there is not, or all clusters would have
            one name.
        TrainingError
            If labels are missing, or fewer than two are among them.
        """
        if self.head.supervised:
            raise ConfigurationError(f"{self.name} learns from labels and has no clusters to name")
        by_hand = windows if isinstance(windows, Mapping) else self._match(windows, labels)
        if unknown := [k for k in by_hand if k not in range(len(self.clusters))]:
            raise ConfigurationError(f"there are clusters 0 to {len(self.clusters) - 1}, but {unknown} were named")
        names = [by_hand.get(k, name) for k, name in enumerate(self.clusters)]
        distinct = _check_names(names)
        known = {label: kind for label, kind in self.event_types.items() if label in distinct}
        self.event_types = quakeml_types(distinct, known | dict(event_types or {}))
        self._set_clusters(names)
        return self

    def fresh(self, labels: Sequence[str] | None = None) -> Self:
        """Return an unfitted model of the same description, with fewer labels if some are given."""
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

    def predict_proba(self, windows: ArrayLike | Tensor | RowFile) -> NDArray[np.float32]:
        """Return class probabilities (N, K) of windows (N, C, T) in the rate and band of the model."""
        return self._in_batches(windows, self, _FEATURE_BATCH).numpy()

    def features(self, windows: ArrayLike | Tensor | RowFile) -> Tensor:
        """Return the extractor's features (N, F) of windows (N, C, T) in the rate and band of the model."""
        return self._in_batches(windows, self.extractor, _FEATURE_BATCH)

    def cluster_proba(self, windows: ArrayLike | Tensor | RowFile) -> NDArray[np.float32]:
        """Return the probability of each cluster, whatever its name, (N, number of clusters)."""
        return self._in_batches(windows, lambda x: self.head(self.extractor(x)), _FEATURE_BATCH).numpy()

    def forward(self, windows: Tensor) -> Tensor:
        """Return class probabilities (B, K) of normalised windows (B, C, T)."""
        return self._decide(self.extractor(windows))

    def _feature_rows(self, windows: Tensor | RowFile) -> Tensor | RowFile:
        if isinstance(windows, Tensor):
            return self.features(windows)
        rows = RowFile(self.extractor.n_features)
        for start in range(0, len(windows), _FEATURE_BATCH):
            rows.extend(self.features(windows[start : start + _FEATURE_BATCH]).numpy())
        return rows

    def _warn_of_empty_clusters(self, features: Tensor | RowFile) -> None:
        sizes = torch.zeros(len(self.clusters), dtype=torch.int64)
        with self._inference():
            for start in range(0, len(features), _FEATURE_BATCH):
                rows = torch.as_tensor(features[start : start + _FEATURE_BATCH]).to(self.device)
                sizes += torch.bincount(self.head(rows).argmax(dim=1).cpu(), minlength=len(sizes))
        if empty := torch.nonzero(sizes == 0).flatten().tolist():
            logger.warning(
                "%s: no training window is in cluster %s of %d; ask for fewer clusters",
                self.name,
                ", ".join(map(str, empty)),
                len(sizes),
            )

    def _decide(self, features: Tensor) -> Tensor:
        outputs = self.head(features)
        return outputs @ self._merge if self.clusters else outputs

    def _set_clusters(self, names: list[str]) -> None:
        """Take the names of the clusters; their probabilities are added up by name."""
        self.clusters = names
        self.labels = list(dict.fromkeys(names)) or self.labels
        merge = torch.tensor([[float(name == label) for label in self.labels] for name in names])
        self.register_buffer("_merge", merge.to(self.device, self.dtype), persistent=False)

    def _encode(
        self, labels: Iterable[str] | None, groups: Iterable[Any] | None, n_windows: int
    ) -> tuple[Tensor | None, Tensor | None]:
        if self.head.supervised:
            if labels is None:
                raise TrainingError(f"{self.name} learns from labels: call fit(windows, labels)")
            return encode(labels, groups, self.labels, n_windows)
        if labels is not None:
            warnings.warn(
                f"{self.name} learns without labels: those given to fit are ignored; name_clusters(windows, labels) "
                "uses them",
                stacklevel=3,
            )
        return None, encode_groups(groups, n_windows)

    def _match(self, windows: ArrayLike | Tensor | RowFile, labels: Iterable[str | None] | None) -> dict[int, str]:
        if labels is None:
            raise TrainingError("name_clusters needs the labels of the windows, or a mapping such as {0: 'earthquake'}")
        given = ["" if pd.isna(label) else str(label) for label in labels]
        clusters = self.cluster_proba(windows).argmax(axis=1)
        if len(given) != len(clusters):
            raise TrainingError(f"{len(clusters)} windows came with {len(given)} labels")
        known = sorted(set(given) - {""})
        if len(known) < 2:
            raise TrainingError(f"clusters are told apart by two labels or more, but the windows have {known}")
        truth = np.array([known.index(label) if label else UNKNOWN for label in given])
        matched = match_clusters(clusters, truth, len(self.clusters), len(known))
        return {k: known[c] for k, c in enumerate(matched.tolist()) if c != UNKNOWN}

    # Streams --------------------------------------------------------------------------------------------------------

    def annotate(self, stream: obspy.Stream, copy: bool = True, **kwargs: Any) -> obspy.Stream:
        """Return the class probabilities over time as a stream.

        Parameters
        ----------
        stream : obspy.Stream
            Never changed, whatever `copy` is.
        copy : bool
            As in SeisBench; without effect.
        **kwargs
            ``stride``, ``batch_size``, ``min_coverage``, ``strict``, ``flexible_horizontal_components``.

        Returns
        -------
        obspy.Stream
            One trace for each station, label and stretch without abstention, named ``MODEL_label``, at the sampling
            rate divided by the stride. A sample stands at the time where the P arrival would lie in its window.

        Raises
        ------
        WaveformError
            If the stream is empty or no station of it can be read.
        ConfigurationError
            For an argument out of range.
        """
        return self._classify_windows(stream, kwargs).to_stream(self.name, self.preprocessing.before)

    async def annotate_async(self, stream: obspy.Stream, copy: bool = True, **kwargs: Any) -> obspy.Stream:
        """Do as `annotate` in a worker thread; whatever that raises is raised here."""
        return await asyncio.to_thread(self.annotate, stream, copy, **kwargs)

    def classify(self, stream: obspy.Stream, parallelism: int | None = None, **kwargs: Any) -> ClassifyOutput:
        """Decide on every window of a stream.

        Parameters
        ----------
        stream : obspy.Stream
        parallelism : int, optional
            As in SeisBench; without effect.
        **kwargs
            Those of `annotate`, and ``threshold``: the least probability that makes a detection.

        Returns
        -------
        seisbench.util.ClassifyOutput
            With `windows`, a `WindowList`, and `detections`, a `LabelledDetectionList`.

        Raises
        ------
        WaveformError
            If the stream is empty or no station of it can be read.
        ConfigurationError
            For an argument out of range.
        """
        threshold = self._fraction(kwargs, "threshold")
        windows = self._classify_windows(stream, kwargs)
        noise = [label for label in self.labels if self.event_types[label] is None or label.lower() == NOISE]
        return ClassifyOutput(self.name, windows=windows, detections=windows.detections(threshold, ignore=noise))

    async def classify_async(self, stream: obspy.Stream, **kwargs: Any) -> ClassifyOutput:
        """Do as `classify` in a worker thread; whatever that raises is raised here."""
        return await asyncio.to_thread(self.classify, stream, **kwargs)

    def annotate_batch_pre(self, batch: Tensor, argdict: dict[str, Any]) -> Tensor:
        """Normalise a batch of windows (B, C, T)."""
        return self.preprocessing.normalise(batch)

    def _classify_windows(self, stream: obspy.Stream, kwargs: dict[str, Any]) -> WindowList:
        if not isinstance(stream, obspy.Stream):
            hint = ": wrap it in obspy.Stream([trace])" if isinstance(stream, obspy.Trace) else ""
            raise WaveformError(f"an ObsPy Stream is needed, but found a {type(stream).__name__}{hint}")
        self._verify_argdict(kwargs)
        stride = self._argument(kwargs, "stride")
        stride = round(self.sampling_rate) if stride is None else stride
        batch_size = self._argument(kwargs, "batch_size")
        for name, value in (("stride", stride), ("batch_size", batch_size)):
            if not isinstance(value, int | np.integer) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of 1 or more, but is {value!r}")
        min_coverage = 1.0 if self._argument(kwargs, "strict") else self._fraction(kwargs, "min_coverage")
        records, unusable = read_stream(
            stream, self.preprocessing, self._argument(kwargs, "flexible_horizontal_components")
        )
        blocks = [self._classify_record(record, int(stride), int(batch_size), min_coverage) for record in records]
        blocks += [self._abstain(part) for part in unusable]
        for part in unusable:
            logger.warning("%s abstained: %s", part.station, part.reason)
        return WindowList(self.labels, sorted(blocks, key=lambda block: (block.station, block.start)))

    def _classify_record(self, record: Record, stride: int, batch_size: int, min_coverage: float) -> StationWindows:
        offsets = np.arange(0, record.data.shape[1] - self.in_samples + 1, stride)
        coverage = record.coverage(offsets, self.in_samples)
        least = coverage.min(axis=1)
        probabilities = np.full((len(offsets), len(self.labels)), np.nan, dtype=np.float32)
        complete = np.flatnonzero(least >= min_coverage)
        slide = self._slides(stride)
        for start in range(0, len(complete), batch_size):
            batch = complete[start : start + batch_size]
            if slide:
                runs = record.runs(offsets[batch], stride, self.preprocessing)
                with self._inference():
                    features = self.extractor.slide([torch.from_numpy(run) for run in runs], stride)
                    probabilities[batch] = self._decide(features).numpy()
            else:
                windows = torch.from_numpy(record.cut(offsets[batch], self.in_samples))
                probabilities[batch] = self._in_batches(windows, self, batch_size).numpy()
        reasons = np.full(len(offsets), "", dtype=object)
        for i in np.flatnonzero(least < min_coverage):
            component = self.component_order[int(coverage[i].argmin())]
            reasons[i] = (
                f"{100 * least[i]:.4g}% of component {component} present (gap, conflicting overlap or flat line)"
            )
        rate = self.sampling_rate
        return StationWindows(
            record.station, record.start, stride / rate, self.in_samples / rate, probabilities, least, reasons
        )

    def _slides(self, stride: int) -> bool:
        """Whether windows share their scale, and enough of their samples, for `FeatureExtractor.slide` to pay."""
        on_cpu = self.device.type == "cpu"
        return on_cpu and self.extractor.slides and self.preprocessing.peak and _OVERLAPS * stride <= self.in_samples

    def _abstain(self, part: Unusable) -> StationWindows:
        return StationWindows(
            part.station,
            part.start,
            step=part.end - part.start,
            length=part.end - part.start,
            probabilities=np.full((1, len(self.labels)), np.nan, dtype=np.float32),
            coverage=np.zeros(1, dtype=np.float32),
            reasons=np.array([part.reason], dtype=object),
        )

    def get_model_args(self) -> dict[str, Any]:
        """Return what the constructor takes, as JSON types."""
        pair = {} if self.pair else {"extractor": self._names[0], "head": self._names[1]}
        return {
            **pair,
            **({"clusters": list(self.clusters)} if self.clusters else {"labels": list(self.labels)}),
            **self.preprocessing.to_dict(),
            "event_types": self.event_types,
            "extractor_args": self.extractor.config(),
            "head_args": self.head.config(),
            "citation": self.citation,
        }

    @property
    def histories(self) -> list[History]:
        """Losses of the last `fit`, in the order of its trainings; not part of the saved state."""
        return [*self.extractor.histories, *self.head.histories]

    # Plumbing -------------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Device of the model; SeisBench asks the parameters, of which a model of buffers has none."""
        return next(self._floats()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the model's floating-point tensors."""
        return next(self._floats()).dtype

    def _floats(self) -> Iterator[Tensor]:
        return (tensor for tensor in self.state_dict().values() if tensor.is_floating_point())

    def _resolve_pair(self, extractor: str | None, head: str | None) -> tuple[str, str]:
        if self.pair is None:
            if not extractor or not head:
                raise ConfigurationError("Discriminator needs the names of an extractor and of a head")
            return extractor, head
        if (extractor or self.pair[0], head or self.pair[1]) != self.pair:
            raise ConfigurationError(
                f"{self.name} is {self.pair[0]} with {self.pair[1]}; for {extractor or self.pair[0]} with "
                f"{head or self.pair[1]} use Discriminator(extractor=..., head=...)"
            )
        return self.pair

    def _argument(self, kwargs: dict[str, Any], name: str) -> Any:
        return {**self.default_args, **kwargs}.get(name, self._annotate_args[name][1])

    def _fraction(self, kwargs: dict[str, Any], name: str) -> float:
        value = self._argument(kwargs, name)
        if not isinstance(value, int | float | np.number) or not 0 < value <= 1:
            raise ConfigurationError(f"{name} must be a number above 0 and up to 1, but is {value!r}")
        return float(value)

    @staticmethod
    def _windows(windows: ArrayLike | Tensor) -> Tensor:
        try:
            x = torch.as_tensor(windows, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise WindowError(f"windows must be numbers of shape (N, components, samples): {error}") from error
        if x.ndim == 3 and x.numel():
            dead = (x.amax(dim=-1) == x.amin(dim=-1)).any(dim=-1)
            if dead.any():
                raise WindowError(
                    f"{int(dead.sum())} of {len(x)} windows have a component without any motion, the first at index "
                    f"{int(dead.nonzero()[0])}: leave them out"
                )
        return x

    def _in_batches(
        self, windows: ArrayLike | Tensor | RowFile, function: Callable[[Tensor], Tensor], size: int
    ) -> Tensor:
        """Normalise windows and apply a module to them, batch by batch."""
        if isinstance(windows, RowFile):
            parts = (self._windows(windows[i : i + size]) for i in range(0, max(len(windows), 1), size))
        else:
            parts = iter(self._windows(windows).split(size))
        with self._inference():
            batches = [function(self.annotate_batch_pre(part.to(self.device), {})) for part in parts]
            return torch.cat(batches).cpu()

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """Compute in evaluation mode, without gradients, in a precision that the weights allow."""
        if self.dtype not in (torch.float32, torch.float64):
            raise ConfigurationError(
                f"the model was cast to {self.dtype}, too coarse for its weights: call model.float()"
            )
        if self.training:
            self.eval()
        with torch.no_grad():
            yield


def _cluster_names(head: type[Head], labels: Sequence[str] | None, clusters: int | Sequence[str] | None) -> list[str]:
    if labels is not None or clusters is None:
        raise ConfigurationError(
            f"{head.__name__} learns without labels: give the number of clusters, as clusters=8, and name them "
            "afterwards with name_clusters"
        )
    if isinstance(clusters, int | np.integer):
        if clusters < 2:
            raise ConfigurationError(f"clusters must be 2 or more, but is {clusters}")
        return cluster_names(int(clusters))
    if isinstance(clusters, str) or not isinstance(clusters, Iterable):
        raise ConfigurationError(f"clusters must be a number, or a list with the name of each, but is {clusters!r}")
    names = list(clusters)
    _check_names(names)
    return names


def _check_names(names: list[str]) -> list[str]:
    """Check the names of all clusters, of which several may be equal, and return the distinct ones."""
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"clusters are named by text, but these are {names}")
    distinct = list(dict.fromkeys(names))
    if len(distinct) < 2:
        raise ConfigurationError(f"clusters need two names or more to tell anything apart, but these are {names}")
    return check_labels(distinct)
