"""Where a watcher is, in one small file: written after each change, so that a killed process loses nothing."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from seisbench_lcl.errors import OutputError
from seisbench_lcl.live.changes import Change, plain_decision
from seisbench_lcl.live.outputs.json_lines import files
from seisbench_lcl.storage import replace
from seisbench_lcl.storage.lock import lock

_VERSION = 1


class StateFile:
    """The state of a folder, which one watcher has at a time.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    digest : str
        Of the model and of all that decisions depend on.

    Raises
    ------
    OutputError
        If the folder cannot be written to, another watcher has it, its state is damaged, or it belongs to other
        weights or settings.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._path, self._digest = folder / "state.json", digest
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock: BinaryIO = (folder / ".lock").open("ab")
        except OSError as error:
            raise OutputError(f"cannot write to {folder}: {error.strerror}") from error
        try:
            lock(self._lock)
        except OSError as error:
            self._lock.close()
            raise OutputError(
                f"another watcher writes to {folder}: stop it, or give this one another folder"
            ) from error
        try:
            self.content = self._read()
        except OutputError:
            self.close()
            raise

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{self._path} is damaged ({error}): remove it, and the watcher begins with what is newest"
            ) from error
        if content.get("version") != _VERSION or content.get("digest") != self._digest:
            raise OutputError(
                f"{self._path} belongs to other weights or settings: give the same, or another folder; without the "
                "file, the watcher begins with what is newest"
            )
        return dict(content["content"])

    def save(self, content: dict[str, Any]) -> None:
        """Write the state, whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written; the one before is kept.
        """
        text = json.dumps({"version": _VERSION, "digest": self._digest, "content": content})
        replace(self._path, lambda file: file.write_text(text, encoding="utf-8"))

    def close(self) -> None:
        """Let another watcher have the folder."""
        with suppress(OSError):
            self._lock.close()


def told_after(folder: Path, number: int) -> Iterator[Change]:
    """Yield the changes in the journal of a folder whose number is above another, in order.

    A line that a killed process left unfinished is none.
    """
    found: dict[int, Change] = {}
    for file in reversed(files(folder)):
        lines = file.read_bytes().split(b"\n")[:-1]
        numbers = []
        for line in reversed(lines):
            try:
                change = Change.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
            numbers.append(change.number)
            if change.number <= number:
                break
            found[change.number] = change
        if numbers and min(numbers) <= number:
            break
    yield from (found[key] for key in sorted(found))


def key_of(change: Change) -> str:
    """Return what is the same for a change that is told again."""
    return json.dumps([change.kind, change.id, plain_decision(change.decision)], sort_keys=True)
