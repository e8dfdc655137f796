"""The dataset, its split by events, and unfitted models, in processes that each hold the dataset."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from _models import described

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import event_folds
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
