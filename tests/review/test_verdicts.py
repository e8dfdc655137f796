"""Verdicts of analysts: on disk when they are said, whatever happens next."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.errors import CatalogError, ConfigurationError, OutputError
from seisbench_lcl.review import verdicts
from seisbench_lcl.review.agreement import cohens_kappa
from seisbench_lcl.review.verdicts import Kind, Verdict, VerdictFile, read_verdicts, verdicts_folder


def verdict(
    event: str,
    label: str | None = "slide",
    kind: Kind = "label",
    analyst: str = "Ana",
    at: float = 0,
    station: str = "",
) -> Verdict:
    return Verdict(event, label, kind, analyst, UTCDateTime(at), "noise", "weights", station, "a\nnote \u2028 <b>")


def unsure(event: str, analyst: str = "Ana", at: float = 0) -> Verdict:
    return verdict(event, None, "undecided", analyst, at)


def wrong_pick(event: str, station: str = "", analyst: str = "Ana", at: float = 0) -> Verdict:
    return verdict(event, None, "wrong pick", analyst, at, station)


# The other files of the room load torch, which takes a process seconds.
ALONE = f"""
import sys, types
sys.modules["seisbench_lcl.review"] = types.ModuleType("seisbench_lcl.review")
sys.modules["seisbench_lcl.review"].__path__ = [{str(Path(verdicts.__file__).parent)!r}]
"""
HURRY = """
import itertools, os, signal
from obspy import UTCDateTime
from seisbench_lcl.review.verdicts import Verdict, VerdictFile
file = VerdictFile(sys.argv[1], "Ana")
for i in itertools.count():
    file.record(Verdict(str(i), "slide", "label", "Ana", UTCDateTime(i), "", "w"))
    os.write(1, f"{i}\\n".encode())
    if i == 2 and len(sys.argv) > 2:
        os.write(file._file.fileno(), file.path.read_bytes()[:40])
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("half", [True, False], ids=["in the middle of a line", "at any moment"])
def test_a_killed_writer_loses_nothing_that_it_recorded(tmp_path: Path, half: bool) -> None:
    arguments = [sys.executable, "-c", ALONE + HURRY, str(tmp_path), *(["half"] if half else [])]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said, enough = [], random.randrange(3, 200)
        for line in child.stdout:
            said.append(line)
            if len(said) == enough:
                child.kill()
        assert child.wait() == -signal.SIGKILL
    recorded = {line.strip() for line in said if line.endswith("\n")}
    found = read_verdicts(tmp_path)
    assert recorded <= set(found.labels)
    assert len(found.labels) <= len(recorded) + 1  # at most what was being said
    assert len(found.notes) == half
    broken = next(tmp_path.iterdir()).read_bytes()
    with VerdictFile(tmp_path, "Ana") as file:  # the lock went with the process
        file.record(verdict("after"))
        assert set(file.current) == {*found.labels, "after"}
    assert file.path.read_bytes().startswith(broken), "what was there, broken line included, stays"
    again = read_verdicts(tmp_path)
    assert set(again.labels) == {*found.labels, "after"}
    assert len(again.notes) == half
    assert all("line 4 is damaged: left out, and kept" in note for note in again.notes)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", "undecided", "pick", "undo"])), max_size=25)
)
def test_the_last_verdict_counts_and_undo_takes_back_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("verdicts")
    plain: list[tuple[str, str]] = []  # the whole history, cut at its end by each undo
    for event, step in steps:
        with VerdictFile(folder, "Ana") as file:  # each step in a new session
            if step == "undo":
                back = file.undo()
                assert (back is None) == (not plain)
                if plain:
                    assert back is not None
                    assert back.event == plain.pop()[0]
                continue
            plain.append((event, step))
            kinds = {"undecided": unsure(event), "pick": wrong_pick(event, "XX.A..HH")}
            file.record(kinds.get(step, verdict(event, step)))
    expected = {event: "pick" for event, step in plain if step == "pick"}
    expected |= {event: step for event, step in plain if step != "pick"}
    found = read_verdicts(folder)
    words = {event: one.label or one.kind.removeprefix("wrong ") for event, one in found.latest.items()}
    assert words == expected
    assert found.wrong_picks == {event: {"XX.A..HH"} for event, step in plain if step == "pick"}


def test_two_writers_for_one_analyst_are_refused_and_two_analysts_do_not_meet(tmp_path: Path) -> None:
    with VerdictFile(tmp_path, "Ana") as ana, VerdictFile(tmp_path, "Bob") as bob:
        with pytest.raises(OutputError, match="another page or process records the verdicts of Ana"):
            VerdictFile(tmp_path, " Ana ")
        check = f"from seisbench_lcl.review.verdicts import VerdictFile; VerdictFile({str(tmp_path)!r}, 'Ana')"
        other = subprocess.run([sys.executable, "-c", ALONE + check], capture_output=True, text=True, check=False)
        assert "another page or process" in other.stderr
        ana.record(verdict("1", "slide"))
        bob.record(verdict("1", "blast", analyst="Bob"))
        with pytest.raises(ConfigurationError, match="analyst must be 'Ana', whose file it is"):
            ana.record(verdict("1", analyst="Bob"))
    VerdictFile(tmp_path, "Ana").close()
    assert {analyst: said["1"].label for analyst, said in read_verdicts(tmp_path).by_analyst.items()} == {
        "Ana": "slide",
        "Bob": "blast",
    }


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", ".", "..", "a\0b", "Müller & Söhne", "%2E", "<b>", "山田", "a:b\\c*"]
)
def test_any_name_is_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "review"
    with VerdictFile(folder, name) as file, VerdictFile(folder, "other"):
        file.record(verdict("1", analyst=name))
    assert [path.name for path in tmp_path.iterdir()] == ["review"]
    assert file.path.parent == folder
    assert len(list(folder.iterdir())) == 2
    assert list(read_verdicts(folder).by_analyst) == [name]


def test_names_and_verdicts_that_are_none(tmp_path: Path) -> None:
    for name, words in ((" ", "must be a name"), ("x" * 300, "fit into a file name"), ("\ud800", "in Unicode")):
        with pytest.raises(ConfigurationError, match=words):
            VerdictFile(tmp_path, name)
    with pytest.raises(ConfigurationError, match="label must be a name"):
        verdict("1", " ")
    with pytest.raises(ConfigurationError, match="label must be None"):
        verdict("1", "slide", "undecided")
    with pytest.raises(ConfigurationError, match="station goes with a wrong pick"):
        verdict("1", station="XX.A..HH")
    with pytest.raises(ConfigurationError, match="kind must be one of label, undecided"):
        verdict("1", None, "maybe")  # type: ignore[arg-type]
    with VerdictFile(tmp_path, "Ana") as file, pytest.raises(ConfigurationError, match=r"call undo\(\)"):
        file.record(verdict("1", None, "undo"))


def test_lines_that_are_no_verdicts_are_kept_and_told(tmp_path: Path) -> None:
    with VerdictFile(tmp_path, "Ana") as file:
        file.record(verdict("1"))
    good = json.loads(file.path.read_bytes())
    lines = [
        b"\xff\xfe",
        b"[]",
        b"{}",
        json.dumps({**good, "time": None}).encode(),
        json.dumps({**good, "event": 3}).encode(),
    ]
    lines += [json.dumps({**good, "kind": "later"}).encode(), json.dumps({**good, "event": "2", "new": 1}).encode()]
    with file.path.open("ab") as out:
        out.write(b"\n".join(lines) + b'\n\n{"event": "3", "la')
    found = read_verdicts(tmp_path)
    assert set(found.labels) == {"1", "2"}, "a later version may say more"
    assert len(found.notes) == 7
    assert "line 7 is damaged" in found.notes[5]
    assert "kind must be one of label, undecided, wrong pick, undo, but is 'later'" in found.notes[5]
    assert "line 10 is unfinished: left out" in found.notes[6]
    with VerdictFile(tmp_path, "Ana") as file:
        assert file.notes == list(found.notes)


def test_what_could_not_be_written_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VerdictFile(tmp_path, "Ana") as file:
        file.record(verdict("1"))
        before = file.path.read_bytes()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OutputError, match="No space left"):
                file.record(verdict("2"))
            with pytest.raises(OutputError, match="No space left"):
                file.undo()
        assert (set(file.current), file.path.read_bytes()) == ({"1"}, before)
        file.record(verdict("3"))
        file.path.rename(tmp_path / "moved.jsonl")
        with pytest.raises(OutputError, match="was moved or removed"):
            file.record(verdict("4"))
    with pytest.raises(OutputError, match="closed"):
        file.record(verdict("5"))
    assert set(read_verdicts(tmp_path).labels) == {"1", "3"}
    with pytest.raises(OutputError, match="choose another folder"):
        VerdictFile(tmp_path / "moved.jsonl", "Ana")
    with pytest.raises(CatalogError, match="by default NAME_review"):
        read_verdicts(verdicts_folder(tmp_path / "decisions.csv"))


def test_the_newest_of_all_analysts_counts_and_copies_count_once(tmp_path: Path) -> None:
    with VerdictFile(tmp_path, "Ana") as ana, VerdictFile(tmp_path, "Bob") as bob:
        ana.record(verdict("1", "slide", at=5))
        ana.record(verdict("2", "slide", at=6))
        ana.record(wrong_pick("3", at=6))
        bob.record(verdict("1", "blast", analyst="Bob", at=4))
        bob.record(unsure("2", "Bob", at=7))
        bob.record(verdict("3", "blast", analyst="Bob", at=5))
        bob.record(wrong_pick("3", "XX.A..HH", "Bob", at=9))
        ana.record(verdict("4", at=1))
        ana.undo()
    found = read_verdicts(tmp_path)
    assert found.labels == {"1": "slide"}
    assert [found.latest[event].kind for event in "123"] == ["label", "undecided", "wrong pick"]
    assert [[one.label for one in event] for event in found.disagreements()] == [["blast", "slide"]]
    (tmp_path / "copy of Ana.jsonl").write_bytes(ana.path.read_bytes())
    assert read_verdicts(tmp_path).by_analyst == found.by_analyst


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_kappa_against_its_definition(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    chance = sum((first.count(label) / n) * (second.count(label) / n) for label in "abc")
    found = cohens_kappa(first, second)
    if len({*first, *second}) == 1:
        assert found != found
    else:
        assert found == pytest.approx((observed - chance) / (1 - chance))
        assert found == 1 or first != second


def test_kappa_takes_the_events_that_both_labelled(tmp_path: Path) -> None:
    labels = {"Ana": "ssbb-s", "Bob": "sbbb?b", "Cleo": "------"}
    kinds = {"s": "slide", "b": "blast"}
    for analyst, letters in labels.items():
        with VerdictFile(tmp_path, analyst) as file:
            for event, letter in enumerate(letters):
                if letter in kinds:
                    file.record(verdict(str(event), kinds[letter], analyst=analyst))
                elif letter == "?":
                    file.record(unsure(str(event), analyst))
    assert read_verdicts(tmp_path).kappa() == {("Ana", "Bob"): (cohens_kappa("ssbbs", "sbbbb"), 5)}
