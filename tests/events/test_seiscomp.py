"""Hints for SeisComP: whole picks with one comment more, and nothing else."""

from pathlib import Path

import pytest
from catalog_samples import OBSPY, decided, event, origin, pick, quakeml, scml
from lxml import etree

from seisbench_lcl.errors import CatalogError, ConfigurationError
from seisbench_lcl.events.seiscomp import HINT_ID, Hinted, write_hints
from seisbench_lcl.models.decision import EventDecision

COMMENT = "<comment><text>check</text><id>Operator</id></comment>"


def dumped(name: str, place: str, kind: str = "") -> str:
    content = f"<preferredOriginID>{place}</preferredOriginID>{kind and f'<type>{kind}</type>'}"
    return event(name, f"{content}<originReference>{place}</originReference>")


def commented(name: str, comments: str) -> str:
    return pick(name).replace("</pick>", f"{comments}</pick>")


def dump(folder: Path, content: str, version: str = "0.13") -> Path:
    file = folder / "dump.xml"
    file.write_text(scml(content, version))
    return file


def local(node: etree._Element) -> str:
    return etree.QName(node).localname


def hints(file: Path) -> dict[str, str]:
    """Return our hints by pick."""
    found = {}
    for node in etree.parse(file).iter("{*}comment"):
        if node.findtext("{*}id") == HINT_ID:
            name = str(node.getparent().get("publicID"))
            assert name not in found
            assert [local(child) for child in node] == ["text", "id"]
            found[name] = str(node.findtext("{*}text"))
    return found


def plain(node: etree._Element) -> tuple[object, ...]:
    """Return an element without its namespace, blanks and our hint."""
    children = [child for child in node if isinstance(child.tag, str) and child.findtext("{*}id") != HINT_ID]
    return local(node), dict(node.attrib), (node.text or "").strip(), [plain(child) for child in children]


def is_valid(file: Path, version: str) -> bool:
    schema = etree.XMLSchema(etree.parse(OBSPY / "seiscomp" / "data" / f"sc3ml_{version}.xsd"))
    return bool(schema.validate(etree.parse(file)))


@pytest.mark.parametrize("version", ["0.12", "0.13"])
@pytest.mark.parametrize("source", ["0.9", "0.11", "0.12", "0.13"])
def test_picks_of_the_preferred_origin_get_a_hint_and_nothing_else(tmp_path: Path, source: str, version: str) -> None:
    content = (
        commented("p1", COMMENT) + pick("p2") + pick("p3") + pick("p4")
        + origin("o1", 0, [("p1", "P"), ("p2", "S")]) + origin("o2", 1, [("p3", "P")]) + dumped("e1", "o1")
        + origin("o3", 9, [("p4", "P")]) + dumped("e2", "o3")
    )  # fmt: skip
    file, target = dump(tmp_path, content, source), tmp_path / "hints.xml"
    told = write_hints(file, [decided("e1", "other event"), decided("e2", None, None)], target, version=version)
    assert told == Hinted(("e1",), 2, (), (), 0)
    assert hints(target) == {"p1": "other", "p2": "other"}
    assert is_valid(target, version)
    root = etree.parse(target).getroot()
    assert root.get("version") == version
    assert [local(node) for node in root] == ["EventParameters"]
    before = {node.get("publicID"): plain(node) for node in etree.parse(file).iter("{*}pick")}
    after = {node.get("publicID"): plain(node) for node in root[0]}
    assert after == {name: before[name] for name in ("p1", "p2")}
    again = tmp_path / "again.xml"
    write_hints(file, [decided("e1", "other event")], again, version=version)
    assert again.read_bytes() == target.read_bytes()


def test_a_real_dump(tmp_path: Path) -> None:
    file, target = OBSPY / "seiscomp/tests/data/westaus_events_0.12", tmp_path / "hints.xml"
    names = [str(node.get("publicID")) for node in etree.parse(file).iter("{*}event")]
    assert write_hints(file, [decided(name) for name in names], target).typed == tuple(names)
    told = write_hints(file, [decided(name) for name in names], target, overwrite=True)
    assert (told.events, told.picks) == (tuple(names), 13)
    assert set(hints(target).values()) == {"quarry blast"}
    assert 'version="0.12"' in target.read_text()
    assert is_valid(target, "0.12")
    newer = OBSPY / "seiscomp/tests/data/westaus_events_0.14"
    write_hints(newer, [decided(name) for name in names], target, overwrite=True)
    assert is_valid(target, "0.13")


def test_a_new_hint_replaces_ours_and_no_other_comment(tmp_path: Path) -> None:
    content = commented("p", COMMENT) + origin("o", 0, [("p", "P")])
    target = tmp_path / "hints.xml"
    write_hints(dump(tmp_path, content + dumped("e", "o")), [decided("e")], target)
    hinted = etree.tostring(next(etree.parse(target).iter("{*}pick"))).decode().replace(' xmlns="', ' dropped="')
    content = hinted + origin("o", 0, [("p", "P")])
    # scevent has set the type from our hint: it is ours to change.
    told = write_hints(dump(tmp_path, content + dumped("e", "o", "quarry blast")), [decided("e", "slide")], target)
    assert (told.typed, hints(target)) == ((), {"p": "slide"})
    assert COMMENT.replace("</id>", "</id>") in target.read_text()
    # The type of an analyst is not.
    told = write_hints(dump(tmp_path, content + dumped("e", "o", "earthquake")), [decided("e", "slide")], target)
    assert (told, hints(target)) == (Hinted((), 0, ("e",), (), 0), {})


def test_what_has_no_hints(tmp_path: Path) -> None:
    content = (
        pick("p1") + pick("p2") + origin("o1", 0, [("p1", "P")]) + origin("o2", 0, [("p1", "P"), ("p2", "P")])
        + origin("o3") + dumped("e1", "o1") + dumped("e2", "o2") + dumped("e3", "o3") + dumped("e4", "o1")
    )  # fmt: skip
    file, target = dump(tmp_path, content), tmp_path / "hints.xml"
    decisions = [decided("e1"), decided("e2", "slide"), decided("e3"), decided("e4", None, "noise")]
    told = write_hints(file, decisions, target)
    assert told == Hinted(("e1", "e2"), 1, (), ("e3",), 1)
    assert hints(target) == {"p2": "slide"}
    told = write_hints(file, decisions[3:], target, noise_as_not_existing=True)
    assert hints(target) == {"p1": "not existing"}


def test_bad_input(tmp_path: Path) -> None:
    target = tmp_path / "hints.xml"
    file = tmp_path / "e.xml"
    file.write_text(quakeml([event("e")]))
    with pytest.raises(CatalogError, match=r"is not SCML \(QuakeML 1\.2\): dump the events with scxmldump"):
        write_hints(file, [decided("e")], target)
    dump(tmp_path, dumped("e", "o"))
    with pytest.raises(ConfigurationError, match="version must be one of"):
        write_hints(tmp_path / "dump.xml", list[EventDecision](), target, version="0.10")
    (tmp_path / "dump.xml").write_text(scml(dumped("e", "o"))[:-20])
    with pytest.raises(CatalogError, match="cut off"):
        write_hints(tmp_path / "dump.xml", [decided("e")], target)
    assert not target.exists()
