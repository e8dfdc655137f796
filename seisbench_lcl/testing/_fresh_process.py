"""A fresh Python process, which shares only the module search path with this one."""

import importlib
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.testing._subject import Failed

TIME_LIMIT = 120.0
"""Seconds after which a process is killed."""

_NETWORK = {
    f"socket.{event}" for event in ("bind", "connect", "getaddrinfo", "gethostbyaddr", "gethostbyname", "sendto")
}
_START = f"import sys; sys.path[:] = sys.argv[3:]; from {__name__} import _main; _main()"


def answer(pickled: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the output of a pickled extractor or head for windows or features, computed in a fresh process."""
    output: NDArray[np.float32] = _run(("answer", pickled, inputs))
    return output


def answer_of_weights(cls: type[Any], path: Path, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of a model class for windows, with its weights at a path, in a fresh process."""
    output: NDArray[np.float32] = _run(("weights", cls, path, windows))
    return output


def import_alone(module: str) -> tuple[float, list[str]]:
    """Return the import time of a module in seconds after seisbench_lcl, and its attempts to use the network."""
    seconds, network = _run(("import", module))
    return seconds, network


def _run(request: tuple[Any, ...]) -> Any:
    # Files, because a module may print anything; pickle is safe here, because both ends run this code.
    with TemporaryDirectory() as folder:
        question, reply = Path(folder, "question"), Path(folder, "reply")
        question.write_bytes(pickle.dumps(request))
        try:
            done = subprocess.run(
                [sys.executable, "-c", _START, str(question), str(reply), *sys.path],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"a fresh process did not finish within {TIME_LIMIT:g} s") from error
        if done.returncode or not reply.exists():
            last = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
            raise Failed(f"a fresh process fails: {last}")
        return pickle.loads(reply.read_bytes())


def _main() -> None:
    question, reply = Path(sys.argv[1]), Path(sys.argv[2])
    what, *arguments = pickle.loads(question.read_bytes())
    do: dict[str, Callable[..., Any]] = {"answer": _answer, "weights": _answer_of_weights, "import": _import}
    reply.write_bytes(pickle.dumps(do[what](*arguments)))


def _answer(pickled: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    instance = pickle.loads(pickled)
    with torch.no_grad():
        output: NDArray[np.float32] = instance(torch.from_numpy(inputs)).numpy()
    return output


def _answer_of_weights(cls: type[Any], path: Path, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    output: NDArray[np.float32] = cls.load(path).predict_proba(windows)
    return output


def _import(module: str) -> tuple[float, list[str]]:
    network: list[str] = []

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NETWORK:
            network.append(f"{event}{tuple(part for part in arguments if isinstance(part, str | int | tuple))}")
            raise OSError("plugins have no network access while they are imported")

    sys.addaudithook(listen)
    start = time.perf_counter()
    try:
        importlib.import_module(module)
    except OSError:
        if not network:
            raise
    return time.perf_counter() - start, network
