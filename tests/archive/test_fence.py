"""A worker of an earlier run replaces nothing once a later run has begun."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sds_archive import MIDNIGHT, WEIGHTS, recorded, write_sds

from seisbench_lcl import archive
from seisbench_lcl.archive import engine, fence, worker
from seisbench_lcl.archive.fence import Fence
from seisbench_lcl.archive.worker import execute
from seisbench_lcl.errors import ArchiveError, OutputError

SPAN = {"start": MIDNIGHT - 60, "end": MIDNIGHT + 60}


def test_a_worker_that_outlives_its_client_leaves_later_results_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = write_sds(tmp_path / "sds", recorded(1)), tmp_path / "out"
    given: list[tuple[Any, ...]] = []
    monkeypatch.setattr(engine, "execute", lambda *a, **k: given.append(a) or execute(*a, **k))
    archive.run(root, WEIGHTS, out, **SPAN, workers=0, threshold=0.4)
    archive.run(root, WEIGHTS, out, **SPAN, workers=0, threshold=0.6)
    content = {file: file.read_bytes() for file in out.rglob("*.parquet")}
    assert len(given) == 4
    with pytest.raises(ArchiveError, match="a later run writes to"):
        execute(*given[0])  # a batch that it was given before its client was killed
    task, settings, mine = given[2]
    real = worker.write_batch

    def late(*a: Any) -> int:
        """Begin the next run while this one is about to replace a file."""
        Fence.begin(out)
        return real(*a)

    monkeypatch.setattr(worker, "write_batch", late)
    with pytest.raises(ArchiveError, match="a later run writes to"):
        execute(task, settings, mine)
    assert {file: file.read_bytes() for file in out.rglob("*.parquet")} == content
    assert not [*out.rglob(".*.parquet")]


def test_a_run_begins_when_nobody_replaces_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Fence.begin(tmp_path)
    order: list[str] = []

    def begins() -> None:
        Fence.begin(tmp_path)
        order.append("begun")

    other = threading.Thread(target=begins)
    with first.passed():
        other.start()
        time.sleep(0.1)
        order.append("replaced")
        monkeypatch.setattr(fence, "_PATIENCE", 0.05)
        with pytest.raises(OutputError, match="has been locked"):
            Fence.begin(tmp_path)
        monkeypatch.setattr(fence, "_PATIENCE", 60.0)
    other.join()
    assert order == ["replaced", "begun"]
    with pytest.raises(ArchiveError, match="later run"), first.passed():
        pass
    (tmp_path / ".run").unlink()
    with pytest.raises(ArchiveError, match="run again"):
        first.check()
