"""A watcher that gets SIGKILL soon after it has written so many windows."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from seisbench_lcl.cli import main


def run_until(windows: int, pause: float, out: Path, arguments: Sequence[str]) -> None:
    """Run the command in this process, which dies `pause` seconds after the folder `out` has got so many windows.

    It is for `ORIGIN.ask`: a copy of a process spends no seconds on importing.
    """

    def look() -> None:
        while count_windows(out) < windows:
            time.sleep(0.005)
        time.sleep(pause)
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=look, daemon=True).start()
    sys.argv = ["seisbench-lcl", *arguments]
    with suppress(SystemExit):
        main()


def count_windows(out: Path) -> int:
    """Return how many windows a watcher has written."""
    return sum(file.read_bytes().count(b"\n") for file in out.glob("windows/*"))
