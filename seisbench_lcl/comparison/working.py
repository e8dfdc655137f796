"""Do the runs: in this process, on a local cluster, or on the cluster of a scheduler."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from seisbench_lcl.archive.engine import check_distributed, opened_client
from seisbench_lcl.comparison.card import read_card, write_card
from seisbench_lcl.comparison.files import write_table
from seisbench_lcl.comparison.fitting import one_thread, predict
from seisbench_lcl.comparison.plan import Data
from seisbench_lcl.comparison.runs import Run
from seisbench_lcl.errors import ConfigurationError, OutputError

MAP = ".map.parquet"


@dataclass(frozen=True)
class Setting:
    """What all runs of a comparison share; workers must see the same folders.

    Attributes
    ----------
    data : Data
    dataset : str
        Folder, or name in `seisbench.data`.
    out : str
        Folder of results.
    digest, split : str
        Digests of the dataset and of the targets.
    """

    data: Data
    dataset: str
    out: str
    digest: str
    split: str

    def fingerprint(self, run: Run) -> str:
        """Return the digest of all that the predictions of a run depend on."""
        return run.fingerprint(self.data, self.digest, self.split)

    def file(self, run: Run, suffix: str) -> Path:
        """Return a file of a run."""
        place = Path(self.out) / run.path
        return place.with_name(place.name + suffix)

    def is_done(self, run: Run) -> bool:
        """Whether predictions of these settings are there."""
        card = read_card(self.file(run, ".json"))
        return (
            card is not None
            and card["error"] is None
            and card["fingerprint"] == self.fingerprint(run)
            and self.file(run, ".parquet").is_file()
        )


@dataclass(frozen=True)
class Outcome:
    """A run, and why it failed.

    Attributes
    ----------
    run : Run
    error : str or None
        None if its predictions are written.

    Examples
    --------
    >>> from seisbench_lcl.comparison.plan import Entry
    >>> Outcome(Run(Entry(name="DEC"), deal=0, seed=0), error="too few windows").run.path.as_posix()
    'predictions/DEC/deal-0-seed-0'
    """

    run: Run
    error: str | None = None


Done = Callable[[Outcome], object]


def perform(run: Run, setting: Setting, targets: pd.DataFrame) -> Outcome:
    """Do a run and write its files; what fails is written on its card.

    Raises
    ------
    OutputError
        If the results cannot be written: then no other run could be either.
    """
    try:
        with one_thread():
            found = predict(run, setting.data, targets, setting.dataset)
            write_table(setting.file(run, ".parquet"), found.table)
            if found.map is not None:
                write_table(setting.file(run, MAP), found.map)
            _card(run, setting, measured=found.measured)
    except OutputError:
        raise
    except Exception as error:  # of one model, such as a plugin's: the others go on
        return lost(run, setting, f"{type(error).__name__}: {' '.join(str(error).split())}")
    return Outcome(run)


def run_all(
    runs: Sequence[Run],
    setting: Setting,
    targets: pd.DataFrame,
    done: Done,
    *,
    workers: int = 0,
    address: str | None = None,
) -> None:
    """Do runs, each on one thread.

    Parameters
    ----------
    runs : sequence of Run
    setting : Setting
    targets : pandas.DataFrame
    done : callable
        Told of each run.
    workers : int
        Processes on this machine; 0 for none.
    address : str, optional
        Of a Dask scheduler.

    Raises
    ------
    ConfigurationError
        If both are given, or dask.distributed is missing.
    ArchiveError
        If no scheduler answers.
    OutputError
        If the results cannot be written.
    """
    if address and workers:
        raise ConfigurationError("use either workers on this machine or those of a Dask scheduler, not both")
    if not address and not workers:
        for run in runs:
            done(perform(run, setting, targets))
        return
    check_distributed()
    distributed = import_module("distributed")
    with opened_client(workers or None, address, None) as client:
        shared = client.scatter(targets, broadcast=True)
        futures: dict[Any, Run] = {client.submit(perform, run, setting, shared, pure=False): run for run in runs}
        for future in distributed.as_completed(list(futures)):
            run = futures.pop(future)
            try:
                outcome = future.result()
            except distributed.KilledWorker:
                outcome = lost(run, setting, "its workers were killed: out of memory, or a crash of a library")
            done(outcome)


def lost(run: Run, setting: Setting, error: str) -> Outcome:
    """Write the card of a run that failed."""
    _card(run, setting, error=error)
    return Outcome(run, error)


def _card(run: Run, setting: Setting, **found: Any) -> None:
    write_card(
        setting.file(run, ".json"),
        run,
        fingerprint=setting.fingerprint(run),
        data=setting.digest,
        split=setting.split,
        **found,
    )
