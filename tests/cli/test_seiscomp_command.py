"""``seiscomp``: a dump and decisions in, hints out, and the commands that follow."""

import shlex
from collections.abc import Callable
from pathlib import Path

from catalog_samples import decided, event, origin, pick, scml
from conftest import Done

from seisbench_lcl.events import write_tables


def test_hints_and_the_commands_that_bring_them_to_seiscomp(run: Callable[..., Done], tmp_path: Path) -> None:
    reference = "<preferredOriginID>o1</preferredOriginID><originReference>o1</originReference>"
    content = pick("p1") + origin("o1", 0, [("p1", "P")]) + event("net2024 a$b", reference)
    (tmp_path / "dump.xml").write_text(scml(content, "0.13"))
    write_tables([decided("net2024 a$b", "quarry blast")], tmp_path / "t.csv")
    done = run("seiscomp", "dump.xml", "--table", "t.csv", "--out", "my hints.xml")
    assert done.returncode == 0, done.stderr
    assert "quarry blast" in (tmp_path / "my hints.xml").read_text()
    assert "1 event with hints on 1 pick" in " ".join(done.stderr.split())
    assert [shlex.split(line) for line in done.stdout.splitlines()] == [
        ["scdispatch", "-i", "my hints.xml", "-O", "merge-without-remove"],
        ["scsendjournal", "net2024 a$b", "EvRefresh"],
        ["scsendjournal", "net2024 a$b", "EvTypeCertainty", "suspected"],
    ]
    write_tables([decided("another", "quarry blast")], tmp_path / "t.csv")
    assert run("seiscomp", "dump.xml", "--table", "t.csv", "--out", "hints.xml").returncode == 1
    refused = run("seiscomp", "t.csv", "--table", "t.csv", "--out", "hints.xml")
    assert refused.returncode == 2
    assert "SCML" in refused.stderr
