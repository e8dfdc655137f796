"""Messages about unknown names stay short, and suggest the nearest."""

from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.wording import listed, nearest, suggestion

WORDS = st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=4, max_size=12), unique=True)


@given(WORDS, st.text(max_size=8))
def test_messages_are_short(known: list[str], name: str) -> None:
    many = [f"{word}{i}" for word in known for i in range(40)]
    assert len(suggestion(name, many, "the manual")) < 300
    assert listed(known, most=100) == (", ".join(known) or "none")


@given(st.integers(0, 10), st.data())
def test_one_wrong_letter_finds_the_name(i: int, data: st.DataObject) -> None:
    known = ["EnvelopePhysicalRidge", "mixed-3c", "source_type", "earthquake"]
    name = data.draw(st.sampled_from(known))
    i %= len(name)
    for wrong in (name[:i] + name[i + 1 :], name[:i] + "q" + name[i + 1 :], name.upper(), name.lower()):
        assert nearest(wrong, known)[0] == name


def test_what_else_there_is() -> None:
    assert suggestion("x", range(100), "the manual", "numbers").startswith("numbers: 0, 1, 2")
    assert suggestion("x", range(100), "the manual").endswith(", 11 and 88 others (the manual lists all)")
    assert suggestion("x", []) == "available: none"
