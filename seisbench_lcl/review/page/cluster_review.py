"""The clusters of a model on a map, as all tabs of a server share them, and what happens on a click or a key."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import ConfigurationError, DatasetError, SeisBenchLCLError
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.lookup import describe_weights
from seisbench_lcl.plotting import MapMethod
from seisbench_lcl.plotting.embedding import MAX_POINTS, reduce_to_plane
from seisbench_lcl.review.page.book import Book
from seisbench_lcl.review.page.families import Families
from seisbench_lcl.review.page.keys import Keys, title
from seisbench_lcl.review.page.record_section import Line
from seisbench_lcl.review.page.screen import colours_of
from seisbench_lcl.storage import MemberRows
from seisbench_lcl.wording import counted

_PERPLEXITY = 30.0


class ClusterReview:
    """The windows of a dataset, their places on a map, and the verdicts on them.

    Parameters
    ----------
    model : Discriminator
        With clusters.
    data : LabelledWindows
        If there are more than 3000, so many are drawn at random.
    folder : Path or str
        Of the verdicts.
    analyst : str
    labels : sequence of str
        Types that can be given, beside the names of clusters and the labels of the data.
    keys : mapping from label or action to key, optional
    out : Path, optional
        Where the named weights are written, without suffix.
    method : {"tsne", "umap"}
    seed : int

    Attributes
    ----------
    places : (n, 2) float32 ndarray

    Raises
    ------
    ConfigurationError
        If the model has no clusters, or a key is set for nothing or twice.
    DatasetError
        If there are fewer than five windows, or no type to give.
    OutputError
        If verdicts cannot be written.
    """

    def __init__(
        self,
        model: Discriminator,
        data: LabelledWindows,
        folder: Path | str,
        analyst: str,
        *,
        labels: Sequence[str] = (),
        keys: Mapping[str, str] | None = None,
        out: Path | None = None,
        method: MapMethod = "tsne",
        seed: int = 0,
    ) -> None:
        if not model.clusters:
            raise ConfigurationError(f"{model.name} learns from labels and has no clusters")
        if len(data) < 5:
            raise DatasetError(f"a map needs five windows or more, but there are {len(data)}")
        assert not isinstance(data.windows, MemberRows), "those are of ensembles"
        named = [name for k, name in enumerate(model.clusters) if name != f"cluster {k}"]
        self.labels = list(dict.fromkeys([*labels, *named, *sorted({label for label in data.labels if label})]))
        if not self.labels:
            raise DatasetError("there are no types to give: name some with --label, such as --label 'quarry blast'")
        drawn = np.sort(np.random.default_rng(seed).permutation(len(data))[:MAX_POINTS])
        self.model, self.out, self.keys = model, out, Keys.of(self.labels, keys)
        windows = np.asarray(data.windows[drawn], dtype=np.float32)
        self.windows = model.preprocessing.normalise(torch.from_numpy(windows)).numpy()
        features = model.features(windows)
        with torch.no_grad():
            clusters = model.head(features.to(model.device)).cpu().numpy().argmax(axis=1)
        traces = data.metadata["trace_name"].to_numpy(dtype=str) if "trace_name" in data.metadata else None
        self.events = np.array([_event(data.groups[i], traces, i) for i in drawn])
        self.traces = self.events if traces is None else traces[drawn]
        perplexity = max(1.0, min(_PERPLEXITY, len(drawn) / 3))
        self.places = reduce_to_plane(features.numpy(), method, perplexity, seed)
        self.book = Book(folder, analyst)
        self.families = Families(
            features.numpy(), clusters, model.clusters, self.events, self.book, self.labels, describe_weights(model)
        )
        self.notes = [] if len(drawn) == len(data) else [f"{len(drawn)} of {len(data)} windows, drawn at random"]

    def lines(self, window: int) -> tuple[Line, ...]:
        """Return the components of a window as they are drawn, by seconds after P."""
        preprocessing = self.model.preprocessing
        times = (np.arange(preprocessing.in_samples) / preprocessing.sampling_rate - preprocessing.before).astype("f4")
        samples: NDArray[np.float32] = self.windows[window]
        peak = float(np.abs(samples).max()) or 1.0
        return tuple(
            Line(code, times, row / peak) for code, row in zip(preprocessing.component_order, samples, strict=True)
        )

    def write(self) -> str:
        """Name the clusters by the types given, write the weights, and say so.

        Raises
        ------
        ConfigurationError
            If no place for the weights was named, or no cluster has a type.
        """
        if self.out is None:
            raise ConfigurationError("name a path for the weights with --out when you start the page")
        names = self.families.cluster_names()
        if not names:
            raise ConfigurationError("no cluster has a type yet")
        self.model.name_clusters(names)
        self.model.save(self.out, self.model.weights_docstring or "")
        return f"wrote {self.out}: {', '.join(f'{k} = {name}' for k, name in names.items())}"

    def close(self) -> None:
        """Let another process write for this analyst."""
        self.book.close()


class ClusterCarrier(Protocol):
    """The views of a tab with clusters."""

    def show_facts(self, facts: Mapping[str, Any]) -> None:
        """Show what is chosen; all texts are plain."""
        ...

    def show_map(self, given: Sequence[str], chosen: Sequence[int]) -> None:
        """Colour the windows by the types given, and mark those chosen."""
        ...

    def show_records(self, records: Sequence[tuple[str, tuple[Line, ...]]]) -> None:
        """Show records below each other, each with its title."""
        ...

    def tell(self, message: str, trouble: bool = False) -> None:
        """Show a message for a few seconds."""
        ...

    def toggle_help(self) -> None:
        """Show the help, or hide it."""
        ...


class ClusterController:
    """Joins families with the views of one tab."""

    def __init__(self, review: ClusterReview, carrier: ClusterCarrier) -> None:
        self._review, self._carrier = review, carrier
        self._families = review.families.of_another_tab()
        self._clicked: int | None = None

    def start(self) -> None:
        """Show everything."""
        self._show()

    def handle(self, message: Mapping[str, Any]) -> None:
        """Do what a view was asked; trouble is told, never raised.

        Parameters
        ----------
        message : mapping
            One of ``chosen`` (windows), ``clicked`` (a window), ``cluster``, ``part``, ``label``, ``key``,
            ``hello`` (the page has loaded) and ``action`` ("split", "undo", "write" or "help").
        """
        try:
            self._handle(message)
        except SeisBenchLCLError as error:
            self._carrier.tell(str(error), trouble=True)

    def _handle(self, message: Mapping[str, Any]) -> None:
        families = self._families
        if "key" in message:
            kind, name = self._review.keys.meaning(str(message["key"])) or ("", "")
            message = {{"type": "label"}.get(kind, kind): name}
        told = ""
        if "chosen" in message:
            families.choose(message["chosen"])
            self._clicked = int(families.chosen[0]) if len(families.chosen) == 1 else None
        elif "cluster" in message:
            self._clicked = None
            families.choose_cluster(int(message["cluster"]))
        elif "part" in message:
            families.choose_part(int(message["part"]))
        elif "label" in message:
            told = families.label(str(message["label"]))
        elif message.get("action") == "split":
            families.split()
            told = f"split into {' and '.join(str(len(part)) for part in families.parts)} windows"
        elif message.get("action") == "undo":
            told = f"took back the types of {counted(families.undo(), 'event')}"
        elif message.get("action") == "write":
            told = self._review.write()
        elif message.get("action") == "help":
            self._carrier.toggle_help()
            return
        elif "hello" not in message:
            return
        self._show()
        if told:
            self._carrier.tell(told)

    def _show(self) -> None:
        review, families, given = self._review, self._families, self._families.given()
        near, edge = families.exemplars()
        records = [(f"clicked: {self._title(self._clicked)}", self._clicked)] if self._clicked is not None else []
        records += [(f"near the centre: {self._title(int(i))}", int(i)) for i in near if i != self._clicked]
        records += [(f"at the edge: {self._title(int(i))}", int(i)) for i in edge]
        self._carrier.show_map(given, families.chosen.tolist())
        self._carrier.show_records([(words, review.lines(i)) for words, i in records])
        counts = Counter(given[i] or "no type yet" for i in families.chosen)
        sizes = Counter(families.clusters.tolist())
        names, colours = families.cluster_names(), colours_of(review.labels)
        self._carrier.show_facts(
            {
                "chosen": counted(len(families.chosen), "window"),
                "events": counted(len({families.events[i] for i in families.chosen}), "event"),
                "types": ", ".join(f"{count} {label}" for label, count in counts.most_common()),
                "labels": [
                    {"label": name, "key": title(review.keys.types.get(name, "")), "colour": colours[name]}
                    for name in review.labels
                ],
                "parts": [len(part) for part in families.parts],
                "clusters": [
                    {"number": k, "name": name, "size": sizes[k], "type": names.get(k, "")}
                    for k, name in enumerate(families.names)
                ],
                "reviewed": sum(map(bool, given)),
                "total": len(given),
                "analyst": review.book.analyst,
                "notes": review.notes,
                "out": str(review.out or ""),
            }
        )

    def _title(self, window: int) -> str:
        review = self._review
        event, trace = review.events[window], review.traces[window]
        return str(event) if event == trace else f"{event}, {trace}"


def _event(group: str, traces: NDArray[np.str_] | None, row: int) -> str:
    """Return the event of a window; a window without one is its own event."""
    if str(group).strip():
        return str(group)
    return str(traces[row]) if traces is not None else f"window {row}"
