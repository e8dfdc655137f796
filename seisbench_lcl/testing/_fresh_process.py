"""A fresh Python process, which shares only search path, folder and environment with this one.

A process spends seconds on importing torch and SeisBench. So one is started, which imports `seisbench_lcl` and does
nothing else, and each question is put to a copy of it.
"""

import atexit
import importlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from seisbench_lcl.testing._subject import Failed

_NETWORK = {
    f"socket.{event}" for event in ("bind", "connect", "getaddrinfo", "gethostbyaddr", "gethostbyname", "sendto")
}
_START = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import _serve; _serve()"
_COPIES = sys.platform == "linux"  # elsewhere, a copy may crash in a system library, or there are none

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def answer(pickled: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the output of a pickled extractor or head for windows or features, computed in a fresh process."""
    return ORIGIN.ask(_answer, pickled, inputs)


def answer_of_weights(cls: type[Any], path: Path, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of a model class for windows, with its weights at a path, in a fresh process."""
    return ORIGIN.ask(_answer_of_weights, cls, path, windows)


def import_alone(module: str) -> tuple[float, list[str]]:
    """Return the import time of a module in seconds after seisbench_lcl, and its attempts to use the network."""
    return ORIGIN.ask(_import, module)


class Origin:
    """A process that is copied for each question. It starts with the first, and ends with this process.

    Parameters
    ----------
    python : str
        The interpreter.
    time_limit : float
        Seconds after which the process is killed.
    """

    def __init__(self, python: str = sys.executable, time_limit: float = 120.0) -> None:
        self.python = python
        self.time_limit = time_limit
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None

    def ask(
        self, function: Callable[Arguments, Answer], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Answer:
        """Return what a function, which must be importable by its name, returns in a fresh process.

        Raises
        ------
        Failed
            If it raises or does not finish within the time limit.
        """
        # Files, because a module may print anything; pickle is safe here, because both ends run this code.
        with TemporaryDirectory() as name:
            folder = Path(name)
            question = sys.path, os.getcwd(), dict(os.environ), pickle.dumps((function, arguments, named))
            (folder / "question").write_bytes(pickle.dumps(question))
            status = self._ended(folder)
            if status or not (folder / "reply").exists():
                last = (folder / "errors").read_text(errors="replace").strip().rpartition("\n")[2]
                raise Failed(f"a fresh process fails: {last or f'exit status {status}'}")
            found: Answer = pickle.loads((folder / "reply").read_bytes())
            return found

    def close(self) -> None:
        """End the process, and a copy that is still at work."""
        process, errors = self._process, self._errors
        if process is None or errors is None:
            return
        self._process = self._errors = None
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL) if _COPIES else process.kill()
        process.communicate()
        errors.close()

    def _ended(self, folder: Path) -> int:
        """Have the question in a folder answered, and return the exit status."""
        until = time.monotonic() + self.time_limit
        process, errors = self._started()
        assert process.stdin is not None
        try:
            try:
                print(folder, file=process.stdin, flush=True)
            except BrokenPipeError:  # it ended before it read anything
                process.wait()
            while not (folder / "status").exists() and process.poll() is None:
                if time.monotonic() > until:
                    raise Failed(f"a fresh process did not finish within {self.time_limit:g} s")
                time.sleep(0.01)
            if (folder / "status").exists():
                return int((folder / "status").read_text())
            if not (folder / "errors").exists():
                errors.seek(0)
                (folder / "errors").write_bytes(errors.read())
        except BaseException:
            self.close()
            raise
        self.close()
        return process.returncode

    def _started(self) -> tuple[subprocess.Popen[str], IO[bytes]]:
        if self._process is None or self._errors is None:
            self._errors = TemporaryFile()
            self._process = subprocess.Popen(
                [self.python, "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                text=True,
                start_new_session=True,  # so that it can be killed with its copies
            )
        return self._process, self._errors


ORIGIN = Origin()
atexit.register(ORIGIN.close)


def _serve() -> None:
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        child = os.fork() if _COPIES else 0
        if not child:
            _reply(folder)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (folder / "ended").write_text(str(status))
        (folder / "ended").rename(folder / "status")  # so that it is read whole


def _reply(folder: Path) -> None:
    """Answer a question, and end this process."""
    status = 1
    with (folder / "errors").open("wb") as errors, open(os.devnull, "r+b") as nothing:
        for own, file in ((0, nothing), (1, nothing), (2, errors)):
            os.dup2(file.fileno(), own)
    try:
        path, where, environment, question = pickle.loads((folder / "question").read_bytes())
        sys.path[:] = path
        importlib.invalidate_caches()
        os.chdir(where)
        os.environ.clear()
        os.environ.update(environment)
        function, arguments, named = pickle.loads(question)
        (folder / "reply").write_bytes(pickle.dumps(function(*arguments, **named)))
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _answer(pickled: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
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
