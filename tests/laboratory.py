"""An environment of its own, in which the commands of a page are run as a reader would run them."""

import importlib
import os
import re
import runpy
import shlex
import site
import subprocess
import sys
import venv
from pathlib import Path

from seisbench_lcl.testing._fresh_process import Origin


def commands_of(page: str) -> list[list[str]]:
    """Return all commands of a page. Blocks of Python are commands too, because the reader stays in one shell."""
    commands = []
    for language, text in re.findall(r"```(bash|python)\n(.*?)```", page, flags=re.DOTALL):
        lines = [shlex.split(line, comments=True) for line in text.splitlines()]
        commands.extend([["python", "-c", text]] if language == "python" else filter(None, lines))
    return commands


class Laboratory:
    """A fresh environment, which sees the packages of this one. What is installed there is only there.

    Nothing is downloaded: pip builds with what this environment has. Commands of Python run in copies of a process of
    that environment, which has imported `seisbench_lcl` and nothing else: to import it takes each of them seconds.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        root = folder / "laboratory"
        venv.create(root, with_pip=False)
        self._python = str(root / "bin" / "python")
        self._packages = next((root / "lib").glob("python*/site-packages"))
        here = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        lines = [f"import site; site.addsitedir({path!r})" for path in here]  # so that their own .pth files count
        (self._packages / "parent.pth").write_text("\n".join(lines))
        self._origin = Origin(self._python, time_limit=250)

    def run(self, commands: list[list[str]]) -> str:
        """Run commands one after the other, and return what they print."""
        output, folder = self.folder / "output.txt", self.folder
        for command in commands:
            with output.open("a") as file:
                file.write(f"+ {shlex.join(command)}\n")
            if command[0] == "cd":
                folder = (folder / command[1]).resolve(strict=True)
                continue
            if command[:3] == ["python", "-m", "pip"]:
                with output.open("a") as file:
                    done = subprocess.run(
                        [self._python, *command[1:]], cwd=folder, stdout=file, stderr=file, timeout=250, check=False
                    )
                status = done.returncode
            else:
                status = self._origin.ask(perform, command, folder, output, self._packages)
            assert not status, output.read_text()
        return output.read_text()

    def close(self) -> None:
        """End its process."""
        self._origin.close()


def perform(command: list[str], folder: Path, output: Path, packages: Path | None = None) -> object:
    """Run a command in this process, and return its exit status: None or 0 if all went well."""
    if packages:
        site.addsitedir(str(packages))  # with what was installed since this process started
        importlib.invalidate_caches()
    os.chdir(folder)
    with output.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.path.insert(0, str(folder))
    try:
        match command:
            case ["seisbench-lcl", *_]:
                sys.argv = command
                runpy.run_module("seisbench_lcl", run_name="__main__", alter_sys=True)
            case ["python", "-m", module, *arguments]:
                sys.argv = [module, *arguments]
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case ["python", "-c", code]:
                exec(compile(code, "the page", "exec"), {"__name__": "__main__"})
            case _:
                return f"{command[0]} is not known here"
    except SystemExit as error:
        return error.code
    return None
