"""The one bridge to SeisBench: an extractor and a head, wrapped as a `WaveformModel`."""

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from inspect import signature
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, SeisBenchLCLError, TrainingError
from seisbench_lcl.labels import check_clusters, check_labels, encode, encode_groups, named_clusters, quakeml_types
from seisbench_lcl.matching import name_by_labels
from seisbench_lcl.novelty import Novelty
from seisbench_lcl.pair import Pair, Picks, Windows, check_picks
from seisbench_lcl.plugins import registry
from seisbench_lcl.preprocessing import Normalisation, Preprocessing
from seisbench_lcl.rows import RowFile
from seisbench_lcl.training.loop import History
from seisbench_lcl.training.supervised import Tuning

_FEATURE_BATCH = 256
_NOVELTY_RATE = 0.05
_NOVELTY_ROWS = 4096  # windows whose features tell what the training data are like

logger = logging.getLogger("seisbench")


class Discriminator(Pair):
    """A feature extractor followed by a head, as a SeisBench model.

    `annotate` and `classify` take any ObsPy stream. Whatever a window lacks is reported, not guessed: a station with a
    component missing, a window with a gap, a record shorter than a window give an abstention with its reason.

    Parameters
    ----------
    extractor, head : str
        Names of a feature extractor and of a head. A named pair such as `MiniRocketRidge` has them already. Several
        extractors stand side by side as "minirocket+physical", and one behind a stage as "envelope>minirocket".
    labels : sequence of str, optional
        Class names, free text. For a head that learns from labels.
    clusters : int or sequence of str, optional
        Number of clusters, or the name of each. For a head that learns without labels. Clusters are called "cluster 0"
        and so on until `name_clusters` gives them event types; several may have one name, and then count as one label.
        A head that finds their number itself takes it as an upper bound, the "unknown" among them.
    sampling_rate : float
        In Hz. Records are resampled to it.
    in_samples : int
        Length of a window in samples.
    component_order : str
        Component codes, such as "ZNE" or "Z".
    band, before, normalisation
        See `seisbench_lcl.preprocessing.Preprocessing`. A named pair may have a normalisation of its own.
    novelty_rate : float or None, optional
        Share of windows like those of the training that may be rejected as unlike them (`seisbench_lcl.novelty`); None
        for no such limit. By default 0.05 for a head that learns from labels, none for clusters.
    event_types : mapping from label to QuakeML event type or None, optional
        What differs from the defaults; see `seisbench_lcl.labels.quakeml_types`.
    extractor_args, head_args : mapping, optional
        Further arguments of the two; for several extractors, or one behind a stage, a mapping of such mappings by name.
    default_args : mapping, optional
        Arguments of `annotate` and `classify` to use unless a call gives them.
    citation : str, optional

    Attributes
    ----------
    pair : (str, str) or None
        Of the class: names of the extractor and the head of a named pair.
    default_normalisation : str
        Of the class: what windows are divided by unless the constructor is told otherwise.
    default_head_args : mapping
        Of the class: arguments of the head unless the constructor is told otherwise.
    preprocessing : Preprocessing
    extractor : FeatureExtractor
    head : Head
    unlikeness : Novelty or None
        What tells windows that are unlike the training data.
    labels : list of str
        What the columns of probabilities stand for.
    clusters : list of str
        Label of each cluster; empty for a head that learns from labels.
    event_types : dict from label to QuakeML event type or None
    held_out : (N, K) float32 ndarray or None
        Of the windows of the last fit, what the head said of them without having learnt from their events; NaN for
        those that it did learn from. Not part of the saved state.

    Raises
    ------
    ConfigurationError, WindowError
        If the description cannot work; the message says why.
    MissingPluginError
        If the extractor or head is not installed.
    """

    pair: ClassVar[tuple[str, str] | None] = None
    default_normalisation: ClassVar[Normalisation] = "component-std"
    default_head_args: ClassVar[Mapping[str, Any]] = {}
    labels: list[str]

    def __init_subclass__(
        cls,
        *,
        extractor: str | None = None,
        head: str | None = None,
        normalisation: Normalisation | None = None,
        head_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Make a named pair: ``class MiniRocketRidge(Discriminator, extractor="minirocket", head="ridge")``."""
        super().__init_subclass__(**kwargs)
        if extractor and head:
            cls.pair = extractor, head
            # What a parent was given was for its own pair.
            cls.default_normalisation = normalisation or Discriminator.default_normalisation
            cls.default_head_args = head_args or {}

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
        novelty_rate: float | Literal["default"] | None = "default",
        event_types: Mapping[str, str | None] | None = None,
        extractor_args: Mapping[str, Any] | None = None,
        head_args: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        citation: str | None = None,
    ) -> None:
        pair = self._resolve_pair(extractor, head)
        head_class = registry().head(pair[1])
        outputs = (
            check_labels(labels)
            if head_class.supervised
            else named_clusters(head_class.__name__, head_class.open_ended, labels, clusters)
        )
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
        told = {
            "frequency_range": list(preprocessing.band),  # spectrograms are empty outside
            "before": before,
            "component_order": component_order,
        }
        shape = len(component_order), in_samples, sampling_rate
        try:
            self.extractor = registry().build_extractor(pair[0], shape, extractor_args or {}, told)
            own = {**self.default_head_args, **(head_args or {})}
            if "blocks" in signature(head_class).parameters:
                own.setdefault("blocks", self.extractor.blocks)
            self.head = head_class(self.extractor.n_features, len(outputs), **own)
        except SeisBenchLCLError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(f"{'+'.join(self._names)}: {error}") from error
        self._set_clusters([] if head_class.supervised else outputs)
        self.held_out: NDArray[np.float32] | None = None
        if novelty_rate == "default":
            novelty_rate = _NOVELTY_RATE if head_class.supervised else None
        self.unlikeness = None if novelty_rate is None else Novelty(self.extractor.n_features, novelty_rate)

    # Training and plain windows -------------------------------------------------------------------------------------

    def fit(
        self,
        windows: Windows,
        labels: Iterable[str] | None = None,
        groups: Iterable[Any] | None = None,
        s_arrivals: Picks = None,
    ) -> Self:
        """Fit extractor and head.

        An extractor that says how many windows are `enough` learns from as many, drawn with a fixed seed; the head
        learns from the features of all. Where the windows come in a file, so do the features: neither is held whole,
        unless the extractor is a network, which holds its windows.

        Parameters
        ----------
        windows : (N, C, T) float32 ndarray, Tensor or RowFile
            In the rate and band of the model, as `seisbench_lcl.training.read_windows` returns them. Normalised here.
        labels : iterable of N str
            Ignored with a warning by a head that learns without them.
        groups : iterable of N hashables, optional
            The event of each window. Windows of one event are held out together; a cluster head may use that they
            show one source.
        s_arrivals : (N,) array_like, optional
            Picks of S in seconds after the first sample of each window, NaN where there is none. Physical discriminants
            use them; without, S is where most energy follows P, as it is in `classify`. Where only some classes have
            picks, a model would learn which: then leave them out.

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

        A network with the head `linear` is trained on, with all or its last stages. A ridge regression is shrunk
        towards its coefficients instead of zero, in closed form, on features as they are; how strongly is settled by
        leaving out each event in turn. Either way the temperature of the probabilities, and what counts as unlike the
        training data, are learnt anew from these windows. The events must be others than those that the model was
        trained on: of its own events it is too certain, and some of these are what settles all that.

        Parameters
        ----------
        windows, labels, groups
            As in `fit`. Of the labels of the model some may not occur, but two must.
        freeze : int
            So many of the first stages of a network stay as they are; −1 trains the head alone.
        learning_rate : float, optional
            Of a network; by default a tenth of that of its recipe.
        epochs : int, optional
            Of a network; by default those of its recipe.

        Returns
        -------
        Discriminator
            Itself.

        Raises
        ------
        ConfigurationError
            If the head cannot be adapted; if a network's argument is given where there is none, or out of range.
        NotFittedError
            If the model was neither fitted nor loaded.
        WindowError, TrainingError
            As in `fit`.

        References
        ----------
        Fine-tuning of seismic discriminators to other regions: Kasburg et al. (2024), doi:10.1785/0120230198.
        """
        if not self.head.supervised:
            raise ConfigurationError(f"{self.name} learns without labels and cannot be fine-tuned: fit it anew")
        if not self.head.joins(self.extractor) and (freeze, learning_rate, epochs) != (0, None, None):
            raise ConfigurationError(
                f"{self.name} is not trained together with its head: freeze, learning_rate and epochs are for networks"
            )
        return self._learn(windows, labels, groups, None, Tuning(learning_rate, epochs, freeze))

    def _learn(
        self,
        windows: Windows,
        labels: Iterable[str] | None,
        groups: Iterable[Any] | None,
        s_arrivals: Picks,
        tuning: Tuning | None = None,
    ) -> Self:
        x = windows if isinstance(windows, RowFile) else self._windows(windows)
        s_arrivals = None if s_arrivals is None else check_picks(len(x), s_arrivals)
        y, events = self._encode(labels, groups, len(x), every_class=tuning is None)
        if tuning and y is not None and len(present := torch.unique(y)) < 2:
            there = [self.labels[k] for k in present.tolist()]
            raise TrainingError(f"fine-tuning takes windows of two classes at least, but these are of {there}")
        before = deepcopy(self.state_dict())
        try:
            self._fit(x, y, events, s_arrivals, tuning)
        except BaseException:
            self.load_state_dict(before)  # else an extractor of this fit would stand before a head of the last
            self.eval()  # a training that was cut short leaves its networks in training mode
            raise
        return self.eval()

    def _fit(
        self,
        x: Tensor | RowFile,
        y: Tensor | None,
        events: Tensor | None,
        s_arrivals: Picks,
        tuning: Tuning | None,
    ) -> None:
        joint = self.head.joins(self.extractor)
        unseen = self._fit_extractor(x, y, events, tuning) if joint or not tuning else None
        features = self._feature_rows(x, s_arrivals)
        if not joint and tuning:
            self.head.fine_tune(features, y, events)
        elif not joint:
            self._fit_head(features, y, events, unseen)
        if not self.head.supervised and not self.head.open_ended:
            self._warn_of_empty_clusters(features)
        if self.unlikeness:
            self._fit_unlikeness(self.unlikeness, features, events, unseen)
        self.held_out = self._held_out_rows(len(x), unseen)

    def _fit_extractor(
        self, x: Tensor | RowFile, y: Tensor | None, events: Tensor | None, tuning: Tuning | None
    ) -> Tensor | None:
        """Fit the extractor, with the head where they are joint, and return the rows that it held out."""
        drawn = np.sort(np.random.default_rng(0).permutation(len(x))[: self.extractor.enough])
        own_y, own_events = (None if indices is None else indices[drawn] for indices in (y, events))
        # The extractor must see in training what it sees in application: normalised windows.
        seen = self.annotate_batch_pre(self._windows(x[drawn]), {})
        if self.head.joins(self.extractor):
            self.head.fit_with(self.extractor, seen, own_y, own_events, tuning)
        else:
            self.extractor.fit(seen, own_y, own_events)
        held_out = self.extractor.unseen
        return None if held_out is None else torch.from_numpy(drawn)[held_out]

    def _fit_head(
        self, features: Tensor | RowFile, y: Tensor | None, events: Tensor | None, unseen: Tensor | None
    ) -> None:
        if not self.head.supervised:
            self.head.fit(features, None, events)
        elif unseen is None:
            self.head.fit(features, y, events)
        else:
            # Of the events that it was trained on, a network is more certain than of any that it will meet.
            rows = unseen.numpy()
            own_y, own_events = (None if indices is None else indices[rows] for indices in (y, events))
            self._check_held_out(own_y, own_events)
            self.head.fit(torch.as_tensor(features[rows]), own_y, own_events)

    def _check_held_out(self, y: Tensor | None, events: Tensor | None) -> None:
        assert y is not None
        groups = torch.arange(len(y)) if events is None else events
        for k, label in enumerate(self.labels):
            if len(torch.unique(groups[y == k])) < 2:
                raise TrainingError(
                    f"{self._names[1]} learns from the events that the training of {self._names[0]} held out, which "
                    f"has one event alone of class {label!r}: give more events, raise the network's held_out, or take "
                    "the head linear"
                )

    @staticmethod
    def _fit_unlikeness(
        check: Novelty, features: Tensor | RowFile, events: Tensor | None, unseen: Tensor | None
    ) -> None:
        order = np.random.default_rng(0).permutation(len(features))
        rows = np.sort(order[:_NOVELTY_ROWS])
        held_out = None
        if unseen is not None:
            rows = np.union1d(rows, order[np.isin(order, unseen)][: _NOVELTY_ROWS // 4])  # there may be few
            held_out = torch.nonzero(torch.isin(torch.from_numpy(rows), unseen)).flatten()
        check.fit(torch.as_tensor(features[rows]), None if events is None else events[rows], held_out)

    def _held_out_rows(self, n: int, unseen: Tensor | None) -> NDArray[np.float32] | None:
        found: NDArray[np.float32] | None = getattr(self.head, "held_out", None)
        if found is None or len(found) == n or unseen is None:
            return found
        every = np.full((n, found.shape[1]), np.nan, dtype=np.float32)
        every[unseen.numpy()] = found
        return every

    def name_clusters(
        self,
        windows: Windows | Mapping[int, str],
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
        if isinstance(windows, Mapping):
            by_hand: Mapping[int, str] = windows
        elif labels is None:
            raise TrainingError("name_clusters needs the labels of the windows, or a mapping such as {0: 'earthquake'}")
        else:
            assigned = self.cluster_proba(windows).argmax(axis=1)
            by_hand = name_by_labels(assigned, labels, len(self.clusters), self.head.open_ended)
        if unknown := [k for k in by_hand if k not in range(len(self.clusters))]:
            raise ConfigurationError(f"there are clusters 0 to {len(self.clusters) - 1}, but {unknown} were named")
        names = [by_hand.get(k, name) for k, name in enumerate(self.clusters)]
        distinct = check_clusters(names)
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

    def _set_clusters(self, names: list[str]) -> None:
        """Take the names of the clusters; their probabilities are added up by name."""
        self.clusters = names
        self.labels = list(dict.fromkeys(names)) or self.labels
        merge = torch.tensor([[float(name == label) for label in self.labels] for name in names])
        self.register_buffer("_merge", merge.to(self.device, self.dtype), persistent=False)

    def _encode(
        self, labels: Iterable[str] | None, groups: Iterable[Any] | None, n_windows: int, every_class: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        if self.learns_from_labels:
            if labels is None:
                raise TrainingError(f"{self.name} learns from labels: call fit(windows, labels)")
            labels = list(labels)
            # A network before a cluster head learns from classes of its own.
            known = self.labels if self.head.supervised else sorted({str(label) for label in labels})
            return encode(labels, groups, known, n_windows, every_class)
        if labels is not None:
            warnings.warn(
                f"{self.name} learns without labels: those given to fit are ignored; name_clusters(windows, labels) "
                "uses them",
                stacklevel=4,
            )
        return None, encode_groups(groups, n_windows)

    def get_model_args(self) -> dict[str, Any]:
        """Return what the constructor takes, as JSON types."""
        pair = {} if self.pair else {"extractor": self._names[0], "head": self._names[1]}
        return {
            **pair,
            **({"clusters": list(self.clusters)} if self.clusters else {"labels": list(self.labels)}),
            **self.preprocessing.to_dict(),
            "novelty_rate": self.unlikeness.rate if self.unlikeness else None,
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
