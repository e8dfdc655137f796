"""Tasks on workers: in this process, on a local cluster, or on the cluster of a scheduler."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from seisbench_lcl.archive.fence import Fence
from seisbench_lcl.archive.plan import Task
from seisbench_lcl.archive.settings import Settings
from seisbench_lcl.archive.worker import ATTEMPTS, Outcome, execute, failed
from seisbench_lcl.errors import ArchiveError, ConfigurationError, SeisBenchLCLError

_PER_WORKER = 2  # tasks that wait at a worker, so that it never idles
_ALIVE = 30.0  # s to wait for a scheduler

Done = Callable[[Outcome], tuple[str, ...]]
"""Takes an outcome down, and returns the days of its batch that are there now."""


def check_distributed() -> None:
    """Refuse, before the work, to do without dask.distributed.

    Raises
    ------
    ConfigurationError
    """
    if find_spec("distributed") is None:
        raise ConfigurationError(
            "workers need dask.distributed: pip install 'seisbench-lcl[archive]', or compute in this process with "
            "--workers 0"
        )


def run_here(tasks: Sequence[Task], settings: Settings, fence: Fence, done: Done) -> None:
    """Do tasks one by one in this process; raises as `execute`."""
    for task in tasks:
        try:
            outcome = execute(task, settings, fence, one_thread=False)
        except SeisBenchLCLError:
            raise
        except Exception as error:  # of one batch, such as a damaged file of results
            outcome = _lost(task, settings, _line(error))
        done(outcome)


@contextmanager
def opened_client(workers: int | None, address: str | None, lifetime: float | None) -> Iterator[Any]:
    """Open a `distributed.Client` of a local cluster, or of the scheduler at an address.

    A local worker is one process with one thread: threads that read miniSEED at the same time crash in ObsPy. BLAS,
    numba and torch are limited to it.

    Parameters
    ----------
    workers : int, optional
        Local workers; by default one for each core.
    address : str, optional
        Such as tcp://10.0.0.1:8786.
    lifetime : float, optional
        Seconds after which a local worker is replaced by a fresh one, against leaks.

    Raises
    ------
    ArchiveError
        If no scheduler answers.
    """
    dask, distributed = import_module("dask"), import_module("distributed")
    with ExitStack() as stack:
        if address is None:
            environment = dict.fromkeys(
                ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
            )
            known = dask.config.get("distributed.nanny.pre-spawn-environ", {})
            stack.enter_context(
                dask.config.set(
                    {
                        "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
                        "distributed.nanny.pre-spawn-environ": {**known, **environment},
                    }
                )
            )
            aging: dict[str, Any] = {}
            if lifetime:
                aging = {"lifetime": f"{lifetime} s", "lifetime_stagger": f"{lifetime / 10} s"}
                aging |= {"lifetime_restart": True}
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=50,  # of workers that end
                    **aging,
                )
            )
            yield stack.enter_context(distributed.Client(cluster))
            return
        try:
            client = distributed.Client(address, timeout=_ALIVE)
        except (OSError, ValueError) as error:
            raise ArchiveError(f"no Dask scheduler answers at {address}: {error}") from error
        yield stack.enter_context(client)


def run_on(client: Any, tasks: Sequence[Task], settings: Settings, fence: Fence, done: Done) -> None:
    """Do tasks on a cluster, two for each worker at a time; results of others are not waited for.

    If a batch kills three workers, its days are done one by one; a day that kills three again has failed.

    Parameters
    ----------
    client : distributed.Client
    tasks : sequence of Task
    settings : Settings
    fence : Fence
        Of the run and its folder, which all workers must see.
    done : callable

    Raises
    ------
    OutputError
        If the results cannot be written.
    ArchiveError
        If the scheduler has gone.
    """
    distributed = import_module("distributed")
    waiting = list(reversed(tasks))
    pending: dict[str, tuple[Any, Task, list[Task]]] = {}
    finished = distributed.as_completed()

    def submit(task: Task, after: list[Task]) -> None:
        future = client.submit(execute, task, settings, fence, pure=False)
        pending[future.key] = future, task, after
        finished.add(future)

    def room() -> int:
        return _PER_WORKER * max(1, len(client.nthreads())) - len(pending)

    while waiting and room() > 0:
        submit(waiting.pop(), [])
    while pending:
        try:
            future = next(finished)
        except StopIteration:
            raise _gone(client) from None
        _, task, after = pending.pop(future.key)
        try:
            outcome = future.result()
        except distributed.KilledWorker:
            if len(task.units) > 1:
                after = [replace(task, units=(unit,)) for unit in task.units] + after
            else:
                reason = f"{ATTEMPTS} workers were killed by it: out of memory, or a crash of a library"
                done(_lost(task, settings, reason))
        except (CancelledError, OSError, TimeoutError) as error:
            raise _gone(client) from error
        except SeisBenchLCLError:
            raise
        except Exception as error:  # of one batch, such as a damaged file of results
            done(_lost(task, settings, _line(error)))
        else:
            kept = done(outcome)
            after = [replace(one, kept=kept) for one in after]
        future.release()
        if after:
            submit(after[0], after[1:])
        while waiting and room() > 0:
            submit(waiting.pop(), [])


def _lost(task: Task, settings: Settings, reason: str) -> Outcome:
    return Outcome(task, [failed(unit, settings, reason) for unit in task.units], {})


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _gone(client: Any) -> ArchiveError:
    return ArchiveError(
        f"the Dask scheduler at {client.scheduler.address if client.scheduler else '?'} has gone; what is done is "
        "kept: run the same command again"
    )
