"""All windows as lines of JSON, one file a day; what an interrupted process wrote after its state is taken back."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from obspy import UTCDateTime

from seisbench_lcl.models.station_windows import StationWindows

_KEPT = 3  # days whose size is known


class WindowLines:
    """A folder of windows.

    Parameters
    ----------
    folder : Path
    labels : sequence of str
    sizes : mapping from name to int, optional
        Sizes of the files in bytes when the state was written: longer ones are cut, newer ones removed.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """

    def __init__(self, folder: Path, labels: Sequence[str], sizes: Mapping[str, int] | None = None) -> None:
        self._folder, self._labels = folder, list(labels)
        self.sizes: dict[str, int] = dict(sizes or {})
        folder.mkdir(parents=True, exist_ok=True)
        newest = max(self.sizes, default="")
        for file in sorted(folder.glob("windows-*.jsonl")):
            if file.name in self.sizes:
                if file.stat().st_size > self.sizes[file.name]:
                    os.truncate(file, self.sizes[file.name])
            elif file.name > newest:
                file.unlink()

    def write(self, blocks: Iterable[StationWindows], now: UTCDateTime, is_live: bool) -> None:
        """Add the windows of some blocks, which are on disk when this returns.

        Raises
        ------
        OSError
            If they cannot be written; then none of them is there.
        """
        lines = "".join(f"{json.dumps(row)}\n" for block in blocks for row in self._rows(block, now, is_live))
        if not lines:
            return
        name = f"windows-{now.strftime('%Y-%m-%d')}.jsonl"
        path, size = self._folder / name, self.sizes.get(name, 0)
        try:
            with path.open("ab") as file:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            if path.exists():
                os.truncate(path, size)
            raise
        self.sizes[name] = size + len(lines.encode())
        for old in sorted(self.sizes)[:-_KEPT]:
            del self.sizes[old]

    def _rows(self, block: StationWindows, now: UTCDateTime, is_live: bool) -> Iterable[dict[str, Any]]:
        for i in range(len(block)):
            row, start = block.probabilities[i], block.time(i)
            decided = not np.isnan(row[0])
            yield {
                "station": str(block.station),
                "start": str(start),
                "end": str(start + block.length),
                "label": self._labels[int(row.argmax())] if decided else None,
                "probabilities": dict(zip(self._labels, row.tolist(), strict=True)) if decided else {},
                "reason": str(block.reasons[i]),
                "coverage": float(block.coverage[i]),
                **{name: None if np.isnan(v[i]) else float(v[i]) for name, v in block.diagnostics.items()},
                "latency": round(now - start - block.length, 3) if is_live else None,
            }
