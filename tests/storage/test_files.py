import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seisbench_lcl.storage.files import replace


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "table.csv"
    replace(target, lambda file: file.write_text("old"))

    def fail(file: Path) -> None:
        file.write_text("half of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(target, fail)
    assert target.read_text() == "old"
    assert [file.name for file in target.parent.iterdir()] == ["table.csv"]


def test_links_are_followed_and_pipes_are_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    replace(tmp_path / "link", lambda file: file.write_text("text"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "text"
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        replace(tmp_path / "pipe", lambda file: file.write_text("through"))
        assert read.result(timeout=10) == "through"
    assert (tmp_path / "pipe").is_fifo()


def test_the_temporary_file_has_the_suffix_of_the_target(tmp_path: Path) -> None:
    seen = []
    replace(tmp_path / "figure.png", lambda file: (seen.append(file.suffix), file.write_bytes(b"")))
    assert seen == [".png"]
