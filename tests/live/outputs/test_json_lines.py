"""Lines of JSON: whole ones only, whatever happens, and files by day."""

import errno
import json
import os
from pathlib import Path

import pytest
from changes_samples import TIME, changed

from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.outputs import JsonLines, last_written, written
from seisbench_lcl.live.outputs.json_lines import files


def test_lines_are_the_changes_in_their_order(tmp_path: Path) -> None:
    changes = [changed(number, kind) for number, kind in enumerate(("provisional", "updated", "final"), 1)]
    lines = JsonLines(tmp_path / "new")
    for change in changes[:2]:
        lines.write(change)
    lines.close()
    lines = JsonLines(tmp_path / "new")
    lines.write(changes[2])
    lines.close()
    assert [Change.from_dict(line).to_dict() for line in written(tmp_path / "new")] == [c.to_dict() for c in changes]
    assert last_written(tmp_path / "new") == changes[2].to_dict()
    assert last_written(tmp_path) is None


def test_an_unfinished_line_is_taken_out_before_the_next(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path)
    lines.write(changed(1))
    lines.close()
    with (tmp_path / "decisions.jsonl").open("a") as file:
        file.write(json.dumps(changed(2).to_dict())[:-20])  # killed here
    assert [line["number"] for line in written(tmp_path)] == [1]
    lines = JsonLines(tmp_path)
    lines.write(changed(3))
    assert [line["number"] for line in written(tmp_path)] == [1, 3]
    lines.close()


def test_a_full_disk_leaves_whole_lines_and_writing_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = JsonLines(tmp_path)
    lines.write(changed(1))
    real, room = os.write, [100]

    def write(file: int, data: bytes) -> int:
        taken = min(room[0], len(data))
        room[0] -= taken
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:taken])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OutputError, match=r"cannot write .*decisions.jsonl: No space left on device"):
        lines.write(changed(2))
    assert (tmp_path / "decisions.jsonl").read_text().count("\n") == 1
    room[0] = 10**6
    lines.write(changed(3))
    assert [line["number"] for line in written(tmp_path)] == [1, 3]
    lines.close()


def test_a_file_holds_a_day_or_what_there_is_room_for(tmp_path: Path) -> None:
    size = len(json.dumps(changed(1).to_dict())) + 1
    day = 86_400
    for restart in (False, True):  # the day of a file is known after a restart too
        folder = tmp_path / str(restart)
        lines = JsonLines(folder, max_bytes=2 * size + 10)
        for number, seconds in enumerate((0, 10, 20, 30, 40, day, 3 * day), 1):
            lines.write(changed(number, time=TIME + seconds))
            if restart:
                lines.close()
                lines = JsonLines(folder, max_bytes=2 * size + 10)
        lines.close()
        assert [path.name for path in files(folder)] == [
            "decisions.2024-03-01.jsonl",
            "decisions.2024-03-01.001.jsonl",
            "decisions.2024-03-01.002.jsonl",
            "decisions.2024-03-02.jsonl",
            "decisions.jsonl",
        ]
        assert [line["number"] for line in written(folder)] == [1, 2, 3, 4, 5, 6, 7]


def test_wrong_places_and_damaged_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        JsonLines(tmp_path / "file" / "below")
    with pytest.raises(ConfigurationError, match="max_bytes must be 1000 or more"):
        JsonLines(tmp_path, max_bytes=0)
    (tmp_path / "decisions.jsonl").write_text('{"number": 1}\n{"numb\n{}\n')
    with pytest.raises(OutputError, match=r"decisions.jsonl: line 2 is damaged .*: repair it or take it out"):
        list(written(tmp_path))
