"""Shared code of the benchmarks of supervised models: the dataset, the split of events, and scores."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from _models import described
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import bootstrap_intervals, event_folds, mean_by_event
from seisbench_lcl.models.seeds import with_seed
from seisbench_lcl.waveforms.preprocessing import Preprocessing

data: LabelledWindows
components: str


def deal(seed: int, n_test: int = 3) -> tuple[LabelledWindows, LabelledWindows]:
    """Split the events of each class at random: 70 % for training, 30 % for the test."""
    test = np.isin(event_folds(data, 10, seed), [f"fold {k + 1}" for k in range(n_test)])
    return data.select(~test), data.select(test)


def run(
    folder: str | None, order: str, jobs: int, task: Callable[..., dict[str, Any]], calls: Iterable[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """Run a task in processes that each hold the dataset, if one is given; failed tasks are reported and left out."""
    rows = []
    # Processes are spawned, because torch does not survive a fork.
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_read, initargs=(folder, order)) as pool:
        tasks = {pool.submit(task, *call): call for call in calls}
        for done in as_completed(tasks):
            try:
                rows.append(done.result())
            except Exception as error:  # a failure must not discard hours of other results
                print(f"# failed: {tasks[done]}: {type(error).__name__}: {error}", flush=True)
            else:
                print("#", {k: v for k, v in rows[-1].items() if not isinstance(v, np.ndarray)}, flush=True)
    return rows


def metadata(part: LabelledWindows) -> NDArray[np.str_]:
    """Return native sampling rate, band code and network code, (N, 3)."""
    table = part.metadata
    rate = "origin_sampling_rate_hz" if "origin_sampling_rate_hz" in table else "trace_sampling_rate_hz"
    columns = table[rate], table["trace_channel"].str[:1], table["station_network_code"]
    return np.stack([column.astype(str) for column in columns], axis=1)


def metadata_model(part: LabelledWindows) -> Pipeline:
    """Fit a logistic regression on metadata, as a baseline without waveforms."""
    regression = LogisticRegression(class_weight="balanced", max_iter=1000)
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), regression).fit(metadata(part), part.labels)


def levels(probabilities: NDArray[Any], test: LabelledWindows, labels: list[str]) -> dict[str, NDArray[Any]]:
    """Return predictions, truth and events per station and per event, as needed by `intervals`."""
    truth = test.truth(labels)
    by_event, event_truth, events = mean_by_event(probabilities, truth, test.groups)
    return {
        "station": probabilities, "station truth": truth, "station event": test.groups,
        "event": by_event, "event truth": event_truth, "event event": events,
    }  # fmt: skip


def intervals(rows: list[dict[str, Any]], level: str, labels: list[str]) -> dict[str, Any]:
    """Score the predictions of all seeds together, with 95 % intervals from resampled events.

    A resampled event brings its predictions of all seeds.
    """
    parts = [np.concatenate([row[key] for row in rows]) for key in (level, f"{level} truth", f"{level} event")]
    return bootstrap_intervals(*parts, labels)


def _read(folder: str | None, order: str) -> None:
    global data, components
    torch.set_num_threads(1)
    components = order
    if folder:
        data = read_windows(open_dataset(folder, order), Preprocessing(component_order=order))


def make(name: str, seed: int, labels: list[str]) -> lcl.Discriminator:
    """Make an unfitted model by name, with the seed for its extractor if that has one."""
    cls, parts = described(name)
    plain = cls(**parts, labels=labels, component_order=components)
    return cls(
        **parts,
        labels=labels,
        component_order=components,
        extractor_args=with_seed(plain.extractor.config(), seed),
    )


def parts_of(repository: str) -> tuple[LabelledWindows, LabelledWindows]:
    """Return the windows of the other repositories, and the windows of this one whose class occurs in the others."""
    here = (data.metadata["origin_repository"] == repository).to_numpy()
    source = data.select(~here)
    return source, data.select(here & np.isin(data.labels, list(set(source.labels.tolist()))))
