"""Decisions change the type, its certainty and our comment; every other byte of a catalogue passes through."""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from catalog_samples import (
    OBSPY,
    QUAKEML,
    READ,
    REFUSED,
    SCML,
    TYPES,
    all_decided,
    decided,
    event,
    origin,
    pick,
    quakeml,
    scml,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from obspy import read_events

from seisbench_lcl.errors import CatalogError, ConfigurationError, OutputError
from seisbench_lcl.events.files import COMMENT_ID, CatalogReader, Written, label_catalog, write_catalog
from seisbench_lcl.models.decision import EventDecision

OURS = ("type", "typeCertainty", "comment")


def events_of(tree: etree._ElementTree) -> Iterator[etree._Element]:
    for found in tree.iter("{*}event"):
        parent = found.getparent()
        if parent is not None and etree.QName(parent).localname.lower() in ("eventparameters", "catalog"):
            yield found


def our_comment(child: etree._Element) -> bool:
    name = child.get("id") or child.findtext(f"{{{etree.QName(child).namespace}}}id") or ""
    return name.startswith(COMMENT_ID)


def without_ours(data: bytes) -> bytes:
    """Return a document in canonical form, without types, certainties, our comments and the blanks before them."""
    tree = etree.ElementTree(etree.fromstring(data, etree.XMLParser(resolve_entities=False)))
    for found in events_of(tree):
        for child in list(found):
            if not isinstance(child.tag, str) or etree.QName(child).namespace != etree.QName(found).namespace:
                continue
            name = etree.QName(child).localname
            if name in OURS and (name != "comment" or our_comment(child)):
                before = child.getprevious()
                if before is None:
                    found.text = child.tail
                else:
                    before.tail = child.tail
                child.tail = None
                found.remove(child)
    out = io.BytesIO()
    tree.write_c14n(out, with_comments=True)
    return out.getvalue()


def marked(path: Path) -> list[tuple[str | None, str | None, str | None]]:
    """Return type, certainty and our comment of each event."""
    found = []
    for one in events_of(etree.parse(path)):
        prefix = f"{{{etree.QName(one).namespace}}}"
        texts = [
            child.findtext(prefix + "text") for child in one.iterchildren(prefix + "comment") if our_comment(child)
        ]
        assert len(texts) < 2
        found.append((one.findtext(prefix + "type"), one.findtext(prefix + "typeCertainty"), (texts or [None])[0]))
    return found


@cache
def schemas(data: bytes) -> tuple[etree.RelaxNG | etree.XMLSchema, ...]:
    root = etree.fromstring(data)
    if etree.QName(root).localname == "quakeml":
        folder = OBSPY / "quakeml" / "data"
        rng = etree.RelaxNG(etree.parse(folder / "QuakeML-1.2.rng"))
        return rng, etree.XMLSchema(etree.parse(folder / "QuakeML-1.2.xsd"))
    version = root.nsmap[None].rsplit("/", 1)[1]
    name = "scml" if version == "0.14" else "sc3ml"
    return (etree.XMLSchema(etree.parse(OBSPY / "seiscomp" / "data" / f"{name}_{version}.xsd")),)


def valid(data: bytes) -> list[bool]:
    tree = etree.ElementTree(etree.fromstring(data))
    try:
        return [schema.validate(tree) for schema in schemas(data)]
    except (etree.XMLSchemaParseError, etree.RelaxNGParseError):
        return []  # the schemas of SCML 0.7 to 0.9 refer to a file that is not there


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", READ, ids=lambda file: file.name)
def test_obspys_catalogues_are_labelled_and_nothing_else(tmp_path: Path, file: Path) -> None:
    source, target, again = file.read_bytes(), tmp_path / "a.xml", tmp_path / "b.xml"
    events = [one.id for one in CatalogReader(file)]
    decisions = all_decided(events)
    done = write_catalog(file, decisions, target, overwrite=True)
    written = target.read_bytes()
    assert without_ours(written) == without_ours(source)
    assert done.events == done.typed + done.kept == len(events)
    spelt = {"other event": "other"} if "<seiscomp" in source.decode() else {}
    for (kind, certainty, comment), decision in zip(marked(target), decisions, strict=True):
        assert kind == spelt.get(decision.event_type or "", decision.event_type)
        assert certainty == "suspected" or done.kept
        assert (comment or "").startswith(f"seisbench_lcl: {decision.event_type}; label blast, probability 0.900")
    # A second run, also over the file itself, changes nothing more.
    write_catalog(target, {one.event: one for one in decisions}, again, overwrite=True)
    write_catalog(again, decisions, again)
    assert again.read_bytes() == written
    # What was valid is valid.
    assert all(after or not before for before, after in zip(valid(source), valid(written), strict=True))
    # ObsPy reads from the file what it would have labelled itself.
    theirs = read_events(str(target))
    labelled = label_catalog(read_events(str(file)), [d for d in decisions if "invalid" not in d.event], overwrite=True)
    by_id = {str(one.resource_id): one for one in theirs}
    for one in labelled:
        other = by_id[str(one.resource_id)]
        if file.name.startswith("usgs") or str(one.resource_id) not in events:
            continue  # ObsPy changes an invalid type or id as it reads
        same = one.event_type == other.event_type
        assert same or (one.event_type, other.event_type) == ("other event", "not reported") or spelt
        assert [c.text for c in other.comments] == [c.text for c in one.comments]


def test_valid_catalogues_were_among_them() -> None:
    checked = [(file, valid(file.read_bytes())) for file in READ]
    assert sum(all(found) and len(found) == 2 for file, found in checked if file in QUAKEML) >= 15
    assert sum(all(found) and len(found) == 1 for file, found in checked if file in SCML) >= 10


@pytest.mark.parametrize("file", [file for file in SCML if file.name in REFUSED], ids=lambda file: file.name)
def test_what_is_refused_is_not_written(tmp_path: Path, file: Path) -> None:
    with pytest.raises(CatalogError):
        write_catalog(file, [decided("x")], tmp_path / "out.xml")
    assert list(tmp_path.iterdir()) == []


NASTY = (
    '\ufeff<?xml version="1.0" encoding="UTF-8" standalone="yes"?><?style a?>\r\n<!-- before --><!DOCTYPE q>\r\n'
    "<q:quakeml xmlns:q='http://quakeml.org/xmlns/quakeml/1.2' xmlns:b='http://quakeml.org/xmlns/bed/1.2'"
    ' xmlns:f="urn:f"><!-- <event publicID="no"/> -->\r\n'
    "<b:eventParameters publicID='smi:local/c'><f:event publicID='smi:local/e1'><type>x</type></f:event>\r\n"
    '\t<b:event f:a="a>b/>" publicID=\'smi:local/e1\' f:c="&#228;&amp;"><!-- > -->'
    "<b:preferredOriginID>o</b:preferredOriginID>{0}<![CDATA[ ]]><b:description  ><b:text>a &lt; b</b:text>"
    "</b:description ><b:comment id='x'><b:text><![CDATA[<b>]]></b:text></b:comment>{1}<?pi x?>\r\n\t\t"
    "<f:type>foreign</f:type></b:event><b:event publicID='smi:local/e2' {2}"
    "<b:event publicID='smi:local/e3'>{3}<b:type/>\r\n</b:event></b:eventParameters></q:quakeml><!-- after -->\r\n"
)


def test_every_other_byte_stays(tmp_path: Path) -> None:
    def bytes_of(*inserted: str) -> bytes:
        return NASTY.format(*inserted).encode()

    def comment(name: str) -> str:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return (
            f'<b:comment id="{COMMENT_ID}{digest}"><b:text>seisbench_lcl: quarry blast; label blast, probability 0.900,'
            " margin 0.800; stations 4 for and 1 against; rule mean; weights MiniRocketRidge/mixed-3c v2; type set"
            "</b:text><b:creationInfo><b:author>seisbench_lcl</b:author><b:version>VERSION</b:version></b:creationInfo>"
            "</b:comment>"
        )

    source, target = tmp_path / "in.xml", tmp_path / "out.xml"
    source.write_bytes(bytes_of("", "", "/>", ""))
    write_catalog(source, [decided(f"smi:local/e{i}") for i in (1, 2, 3)], target)
    kind, sure = "<b:type>quarry blast</b:type>", "<b:typeCertainty>suspected</b:typeCertainty>"
    expected = bytes_of(
        kind + sure,
        comment("smi:local/e1"),
        f">{kind}{sure}{comment('smi:local/e2')}</b:event>",
        "",
    ).replace(b"<b:type/>", (kind + sure + comment("smi:local/e3")).encode())
    version = re.search(rb"<b:version>(.*?)<", target.read_bytes())
    assert version is not None
    assert target.read_bytes() == expected.replace(b"VERSION", version[1])


CHILDREN = st.lists(
    st.sampled_from(
        ["<preferredOriginID>o</preferredOriginID>", "<type>slide</type>", "<type />",
         "<typeCertainty>known</typeCertainty>", "<typeCertainty/>",
         "<description><text>type</text></description>", '<comment id="smi:local/x"><text>a</text></comment>',
         "<creationInfo><author>type</author></creationInfo>", "<!-- <type>x</type> -->", "<?type x?>",
         '<f:type xmlns:f="urn:f">x</f:type>', origin("o"), pick("p"), '<f:any xmlns:f="urn:f" a="&gt;>"/>']
    ),
    max_size=8,
    unique_by=lambda part: part.split(">")[0].split("/")[0].strip() if part.startswith("<type") else part,
)  # fmt: skip
BLANKS = st.sampled_from(["", "\n      ", "\r\n\t", " "])


def reference(text: str, decisions: Mapping[str, EventDecision]) -> bytes:
    """Set the types of a whole tree, in the slow way that loses blanks, and return it in canonical form."""
    tree = etree.ElementTree(etree.fromstring(text.encode()))
    for found in events_of(tree):
        prefix = f"{{{etree.QName(found).namespace}}}"
        now = found.findtext(prefix + "type")
        if found.get("publicID") in decisions and not now:
            for name, value in (("type", "quarry blast"), ("typeCertainty", "suspected")):
                child = found.find(prefix + name)
                if child is None:
                    child = etree.SubElement(found, prefix + name)
                child.text = value
    return sorted_form(tree)


def sorted_form(tree: etree._ElementTree) -> bytes:
    for found in events_of(tree):
        for child in [c for c in found if isinstance(c.tag, str)]:
            if our_comment(child):
                found.remove(child)
        found[:] = sorted(found, key=lambda child: etree.tostring(child, with_tail=False))
    for node in tree.iter():
        node.tail = None
        node.text = (node.text or "").strip() or None
    return etree.tostring(tree, method="c14n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CHILDREN, BLANKS), min_size=1, max_size=4), st.booleans())
def test_any_event_is_edited_as_a_tree_would_be(
    tmp_path: Path, contents: list[tuple[list[str], str]], prefixed: bool
) -> None:
    parts = [event(f"e{i}", blank + "".join(child + blank for child in own)) for i, (own, blank) in enumerate(contents)]
    text = quakeml(parts)
    if prefixed:
        text = re.sub(r"<(/?)(?=[a-zA-Z]+[ />])(?![fq]:)", r"<\1b:", text).replace("xmlns=", "xmlns:b=")
    source, target = tmp_path / "in.xml", tmp_path / "out.xml"
    source.write_bytes(text.encode())
    decisions = {f"e{i}": decided(f"e{i}") for i in range(0, len(parts), 2)}
    write_catalog(source, decisions, target)
    written = target.read_bytes()
    assert without_ours(written) == without_ours(text.encode())
    assert sorted_form(etree.ElementTree(etree.fromstring(written))) == reference(text, decisions)
    write_catalog(target, decisions, target)
    assert target.read_bytes() == written


@pytest.mark.parametrize("version", ["0.9", "0.10", "0.11", "0.12", "0.13"])
@pytest.mark.parametrize("kind", TYPES)
def test_scml_keeps_its_order_and_words(tmp_path: Path, version: str, kind: str) -> None:
    content = (
        "<preferredOriginID>o</preferredOriginID>\n<creationInfo><agencyID>A</agencyID></creationInfo>\n"
        "<description><text>X</text><type>region name</type></description>\n<comment><text>mine</text></comment>\n"
        "<originReference>o</originReference>\n"
    )
    source, target = tmp_path / "in.xml", tmp_path / "out.xml"
    source.write_text(scml(event("e", content) + event("f", "<originReference>o</originReference>"), version))
    write_catalog(source, [decided("e", kind), decided("f", kind)], target)
    first, second = [[etree.QName(child).localname for child in found] for found in events_of(etree.parse(target))]
    assert first == ["preferredOriginID", "type", "typeCertainty", "creationInfo", "description", "comment", "comment",
                     "originReference"]  # fmt: skip
    assert second == ["type", "typeCertainty", "comment", "originReference"]
    old = {"slide": "other", "mining explosion": "explosion"} if version == "0.9" else {}
    assert marked(target)[0][0] == {"other event": "other", **old}.get(kind, kind)
    assert all(valid(target.read_bytes()))
    before = target.read_bytes()
    write_catalog(target, [decided("e", kind), decided("f", kind)], target)
    assert target.read_bytes() == before
    assert [one.type_author for one in CatalogReader(target)] == ["seisbench_lcl"] * 2


def run(folder: Path, content: str, *decisions: EventDecision, **options: bool) -> tuple[Written, str, str]:
    """Write decisions one after the other; return what was done last, the type and certainty, and the comment."""
    file = folder / "e.xml"
    file.write_text(quakeml([event("e", content)]))
    for decision in decisions:
        done = write_catalog(file, [decision], file, **options)
    [(kind, certainty, comment)] = marked(file)
    return done, f"{kind}/{certainty}", (comment or "").rpartition("; ")[2]


BLAST, QUAKE = decided("e"), decided("e", "earthquake", "earthquake")
NOISE, NONE = decided("e", None, "noise"), decided("e", None, None)
MANUAL, KNOWN = "<type>slide</type>", "<type>slide</type><typeCertainty>known</typeCertainty>"


@pytest.mark.parametrize(
    ("content", "decisions", "options", "result", "outcome"),
    [
        ("", [BLAST], {}, "quarry blast/suspected", "type set"),
        ("<type/>", [BLAST], {}, "quarry blast/suspected", "type set"),
        ("<type>not reported</type>", [BLAST], {}, "quarry blast/suspected", "type set"),
        (MANUAL, [BLAST], {}, "slide/None", "type left as it was: slide"),
        (MANUAL, [BLAST, QUAKE], {}, "slide/None", "type left as it was: slide"),
        (KNOWN, [BLAST], {"overwrite": True}, "quarry blast/suspected", "type set"),
        # A person's type stays a person's, also where the decision is the same; so does its certainty.
        (KNOWN, [decided("e", "slide")], {"overwrite": True}, "slide/known", "type left as it was: slide"),
        (KNOWN.replace("known", "suspected"), [decided("e", "slide"), BLAST], {}, "slide/suspected",
         "type left as it was: slide"),
        # A type of ours is ours to change.
        ("", [BLAST, QUAKE], {}, "earthquake/suspected", "type set"),
        ("", [BLAST, NOISE], {}, "None/None", "no type set"),
        # An undecided event stays as it was.
        (MANUAL, [NONE], {"overwrite": True}, "slide/None", ""),
        ("", [NONE], {}, "None/None", ""),
        ("", [BLAST, NONE], {}, "quarry blast/suspected", "type set"),
        ("", [NOISE], {}, "None/None", "no type set"),
        ("", [NOISE], {"noise_as_not_existing": True}, "not existing/suspected", "type set"),
        (MANUAL, [NOISE], {"noise_as_not_existing": True}, "slide/None", "type left as it was: slide"),
    ],
)  # fmt: skip
def test_who_sets_the_type(
    tmp_path: Path, content: str, decisions: list[EventDecision], options: dict[str, bool], result: str, outcome: str
) -> None:
    done, kind, comment = run(tmp_path, content, *decisions, **options)
    assert (kind, comment) == (result, outcome)
    undecided = decisions[-1].label is None
    assert (done.undecided, done.kept) == (undecided, outcome.startswith("type left"))
    assert (done.typed, done.not_events) == (outcome == "type set" and not undecided, outcome == "no type set")
    # ObsPy's catalogues follow the same rules.
    catalog = read_events(io.BytesIO(quakeml([event("smi:local/e", content)]).encode()))
    for decision in decisions:
        catalog = label_catalog(catalog, [EventDecision(**{**decision.__dict__, "event": "smi:local/e"})], **options)
    [one] = catalog
    assert f"{one.event_type}/{one.event_type_certainty}" == result
    assert [c.text.rpartition("; ")[2] for c in one.comments] == ([outcome] if outcome else [])


@pytest.mark.parametrize("change", ["<type>landslide<", "<typeCertainty>known<"])
def test_a_type_of_ours_that_a_person_changed_or_confirmed_is_theirs(tmp_path: Path, change: str) -> None:
    file = tmp_path / "e.xml"
    file.write_text(quakeml([event("e")]))
    write_catalog(file, [BLAST], file)
    tag = change.split(">")[0] + ">"
    file.write_text(re.sub(f"{tag}[^<]*<", change, file.read_text()))
    done = write_catalog(file, [QUAKE], file)
    assert done.kept == 1
    assert change in file.read_text()


def test_a_journal_makes_a_type_a_persons(tmp_path: Path) -> None:
    file, journal = tmp_path / "e.xml", '<entry sender="erika" action="EvType" parameters="quarry blast"><objectID>{}'
    file.write_text(scml(event("e") + event("f")))
    write_catalog(file, [BLAST, decided("f")], file)
    entries = "".join(journal.format(name) + "</objectID></entry>" for name in ("e", "g"))
    file.write_text(file.read_text().replace("</seiscomp>", f"<Journaling>{entries}</Journaling></seiscomp>"))
    assert [one.type_author for one in CatalogReader(file)] == ["erika", "seisbench_lcl"]
    done = write_catalog(file, [QUAKE, decided("f", "earthquake")], file)
    assert (done.kept, done.typed) == (1, 1)
    assert [kind for kind, *_ in marked(file)] == ["quarry blast", "earthquake"]


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("make", [lambda parts: quakeml(parts), lambda parts: scml("".join(parts))])
def test_nothing_is_written_from_a_file_that_is_cut_off(tmp_path: Path, cut: float, make: type[str]) -> None:
    text = make([event(f"e{i}", origin(f"o{i}") if "quake" in str(make) else "") for i in range(9)])
    source, target = tmp_path / "in.xml", tmp_path / "out.xml"
    source.write_text(text[: int(cut * len(text))])
    target.write_text("before")
    with pytest.raises(CatalogError, match=r"cut off or damaged|ends before|neither QuakeML"):
        write_catalog(source, [decided("e1")], target)
    assert target.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_decisions_must_fit_the_catalogue(tmp_path: Path) -> None:
    file, target = tmp_path / "e.xml", tmp_path / "out.xml"
    file.write_text(quakeml([event("e"), event("f")]))
    with pytest.raises(CatalogError, match=r"none of the 2 events that were decided, such as 'x'"):
        write_catalog(file, [decided("x"), decided("y")], target)
    with pytest.raises(ConfigurationError, match="two decisions on the event 'e'"):
        write_catalog(file, [BLAST, QUAKE], target)
    with pytest.raises(ConfigurationError, match=r"decisions\['f'\] is about the event 'e'"):
        write_catalog(file, {"f": BLAST}, target)
    with pytest.raises(ConfigurationError, match=r"'quary blast' is not a QuakeML event type; .*quarry blast"):
        write_catalog(file, [decided("e", "quary blast")], target)
    file.write_text(quakeml([event("e"), event("e")]))
    with pytest.raises(CatalogError, match="two events have the id 'e'"):
        write_catalog(file, [BLAST], target)
    assert list(tmp_path.iterdir()) == [file]


def test_what_was_done_is_told_event_by_event(tmp_path: Path) -> None:
    file, target, steps = tmp_path / "e.xml", tmp_path / "new" / "out.xml", list[int]()
    file.write_text(quakeml([event("e"), event("f", MANUAL), event("g"), event("h")]))
    decisions = [decided(name) for name in "efx"] + [decided("g", None, "noise")]
    done = write_catalog(file, decisions, target, progress=steps.append)
    assert done == Written(events=4, typed=1, kept=1, not_events=1, undecided=1, missing=["x"])
    assert steps == [1, 2, 3, 4]
    with pytest.raises(OutputError, match="cannot write"):
        write_catalog(file, decisions, file / "out.xml")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    file = tmp_path / "e.xml"
    file.write_text(quakeml([event("e")]))
    with pytest.raises(OutputError, match=r"cannot write /dev/full: .*No space left"):
        write_catalog(file, [BLAST], "/dev/full")


def test_odd_text_stays_well_formed_in_any_encoding(tmp_path: Path) -> None:
    file = tmp_path / "e.xml"
    text = quakeml([event("e", "<description><text>Z\u00fcrich</text></description>")])
    file.write_bytes(text.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    odd = EventDecision("e", "Sprengung \u2660 <&>\x01", "explosion", {"Sprengung \u2660 <&>\x01": 1.0}, 1.0, 0.0, 1,
                        0, "", "mean", "w\r\n")  # fmt: skip
    write_catalog(file, [odd], file)
    [(_, _, comment)] = marked(file)
    assert comment is not None
    assert "label Sprengung \u2660 <&>\ufffd, probability 1.000" in comment
    assert etree.parse(file).findtext(".//{*}description/{*}text") == "Z\u00fcrich"
    before = file.read_bytes()
    write_catalog(file, [odd], file)
    assert file.read_bytes() == before


def test_two_comments_of_ours_become_one(tmp_path: Path) -> None:
    file = tmp_path / "e.xml"
    file.write_text(quakeml([event("e", "\n      ")]))
    write_catalog(file, [BLAST], file)
    once = file.read_text()
    [comment] = re.findall(r"\n      <comment.*?</comment>", once) or re.findall("<comment.*?</comment>", once)
    file.write_text(once.replace(comment, comment + comment.replace("0.900", "0.100")))
    write_catalog(file, [BLAST], file)
    assert file.read_text() == once


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["nordic/tests/data/03-0345-23L.S202101", "nlloc/tests/data/nlloc.hyp"])
def test_other_formats_become_quakeml(tmp_path: Path, name: str) -> None:
    file, first, second = OBSPY / name, tmp_path / "a.xml", tmp_path / "b.xml"
    events = [one.id for one in CatalogReader(file)]
    done = write_catalog(file, all_decided(events), first, overwrite=True)
    assert done.typed + done.kept == done.events == len(events)
    assert [one.id for one in CatalogReader(first)] == events
    assert [len(one.picks) for one in CatalogReader(first)] == [len(one.picks) for one in CatalogReader(file)]
    assert all(valid(first.read_bytes()))
    write_catalog(file, all_decided(events), second, overwrite=True)
    assert second.read_bytes() == first.read_bytes()
    write_catalog(first, all_decided(events), first, overwrite=True)
    assert second.read_bytes() == first.read_bytes()
    with pytest.raises(CatalogError, match="none of the 1 event"):
        write_catalog(file, [decided("x")], first)


def test_the_copy_of_a_catalogue_leaves_the_original_alone() -> None:
    catalog = read_events(str(OBSPY / "quakeml/tests/data/iris_events.xml"))
    before = [(one.event_type, len(one.comments)) for one in catalog]
    labelled = label_catalog(catalog, all_decided(str(one.resource_id) for one in catalog), overwrite=True)
    again = label_catalog(labelled, all_decided(str(one.resource_id) for one in catalog))
    assert [(one.event_type, len(one.comments)) for one in catalog] == before
    assert [one.event_type for one in labelled] == ["quarry blast", "earthquake"]
    assert [[c.text for c in one.comments] for one in again] == [[c.text for c in one.comments] for one in labelled]
    assert [one.type_author for one in CatalogReader(again)] == ["seisbench_lcl", None]
