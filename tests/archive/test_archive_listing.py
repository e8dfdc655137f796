"""An archive is listed by the names of its files, whatever else lies there."""

from pathlib import Path

import pytest
from sds_archive import MIDNIGHT, WEIGHTS, recorded, sds_name, write_sds

from seisbench_lcl import archive
from seisbench_lcl.archive.listing import Wanted, list_files, list_sds
from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events.source import Site

WANTED = Wanted((), MIDNIGHT.ns, (MIDNIGHT + 86400).ns, ("HH",))
VERTICAL = sds_name("XX", "ABC", "HHZ", MIDNIGHT)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_sds(tmp_path / "sds", recorded(0.5, ("ABC",)))


@pytest.mark.parametrize(
    "name",
    [
        *("XX.ABC..HHZ.D.0000.001", "XX.ABC..HHZ.D.2024.000", "XX.ABC..HHZ.D.2024.999", "XX.ABC..HHZ.D.2023.061"),
        *("XX.DEF..HHZ.D.2024.061", "XX.ABC..HHZ.D.2024.061.gz", "notes.txt"),
    ],
)
def test_files_with_other_names_are_ignored(name: str, root: Path) -> None:
    expected = list_sds(root, WANTED)
    (root / VERTICAL).with_name(name).write_bytes(b"x")
    found = list_sds(root, WANTED)
    assert (found.files, found.ignored) == (expected.files, 1)
    assert len(found.files[Site("XX", "ABC")]) == 6


def test_files_in_place_of_folders_do_not_count(root: Path) -> None:
    for name in ("README", "2024/README", "2024/XX/README", "2024/XX/ABC/HHZ.D.md5", "2024/XX/ABC/SHZ.D", "2023"):
        (root / name).write_text("x")
    found = list_sds(root, WANTED)
    assert (len(found.files[Site("XX", "ABC")]), found.ignored, found.problems) == (6, 0, {})


def test_a_folder_that_cannot_be_read_is_told(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    station, iterdir = root / "2024/XX/ABC", Path.iterdir

    def refused(path: Path) -> object:
        if path == station:
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(WaveformError, match=r"no waveforms .* \(.*ABC: cannot be read: Permission denied\): check"):
        archive.run(root, WEIGHTS, tmp_path / "out", start=MIDNIGHT, end=MIDNIGHT + 60, workers=0)


def test_foreign_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("foreign")
    with pytest.raises(WaveformError, match=r"found no recording in .*notes\.txt \(1 file\): name the root"):
        list_files([tmp_path / "notes.txt"], WANTED, tmp_path / "index.json")
