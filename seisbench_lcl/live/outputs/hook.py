"""A command for each change, with its JSON as standard input."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress

from seisbench_lcl.errors import ConfigurationError, OutputError, check_arguments
from seisbench_lcl.live.changes import KINDS, Change
from seisbench_lcl.live.outputs.queued import QueuedOutput

_SHOWN = 200  # characters of what a command says
_LAST = 2.0  # s for what a killed command leaves in its pipes


class Hook(QueuedOutput):
    """Runs a command for each change, one after the other.

    The command gets the line of JSON as its standard input and no shell comes in between: for pipes and variables, name
    a script. It and its children are killed after the time limit.

    Parameters
    ----------
    command : str or sequence of str
        A string is split as a shell would.
    kinds : collection of str
        Kinds of change to run it for.
    timeout : float
        Longest time in s for one run.
    waiting : int
        Changes that may wait for their run.

    Raises
    ------
    ConfigurationError
        If there is no such command, or an argument is out of range.

    Examples
    --------
    >>> hook = Hook("cat", kinds=["final"])
    >>> hook.close()
    """

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        kinds: Collection[str] = KINDS,
        timeout: float = 30.0,
        waiting: int = 100,
    ) -> None:
        check_arguments("hook", ("timeout must be a positive number of seconds", timeout > 0, timeout))
        self._command = split(command, "hook")
        self._timeout = timeout
        super().__init__(f"hook {self._command[0]}", kinds=kinds, waiting=waiting)

    def send(self, change: Change) -> None:
        """Run the command.

        Raises
        ------
        OutputError
            If it fails, or takes too long.
        """
        line = json.dumps(change.to_dict(), allow_nan=False) + "\n"
        run(self._command, line.encode(), self._timeout)


def split(command: str | Sequence[str], owner: str) -> list[str]:
    """Return the parts of a command, whose program must exist.

    Raises
    ------
    ConfigurationError
    """
    try:
        parts = shlex.split(command) if isinstance(command, str) else [str(part) for part in command]
    except ValueError as error:
        raise ConfigurationError(f"{owner}: cannot read the command {command!r}: {error}") from error
    if not parts:
        raise ConfigurationError(f"{owner}: the command is empty")
    if shutil.which(parts[0]) is None:
        raise ConfigurationError(f"{owner}: {parts[0]!r} is no command that can be run: give its path")
    return parts


def run(command: Sequence[str], text: bytes, timeout: float) -> None:
    """Run a command with a text as its standard input.

    Raises
    ------
    OutputError
        If it cannot be started, fails, or takes too long; it and its children are killed then.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, start_new_session=sys.platform != "win32"
        )
    except OSError as error:
        raise OutputError(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        _, said = process.communicate(text, timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_LAST)
        raise OutputError(f"{command[0]} was killed after {timeout:g} s") from None
    if process.returncode:
        last = " ".join(said.decode(errors="replace").split())[-_SHOWN:]
        raise OutputError(f"{command[0]} ended with status {process.returncode}{': ' if last else ''}{last}")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command with its children."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
