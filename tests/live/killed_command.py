"""A command that gets SIGKILL soon after a file has so many lines."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from seisbench_lcl.cli import main


def run_until(arguments: Sequence[str], file: Path, lines: int, pause: float) -> None:
    """Run the command in this process, which dies `pause` seconds after the file has got `lines` lines.

    It is for `ORIGIN.ask`: a copy of a process spends no seconds on importing.
    """

    def look() -> None:
        while not file.exists() or file.read_bytes().count(b"\n") < lines:
            time.sleep(0.005)
        time.sleep(pause)
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=look, daemon=True).start()
    sys.argv = ["seisbench-lcl", *arguments]
    with suppress(SystemExit):
        main()
