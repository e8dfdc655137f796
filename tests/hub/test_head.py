"""The YAML head of a Markdown file: it survives a round trip, and nothing in it runs, expands or hides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.head import control_character, join, split

TEXT = st.text().filter(lambda text: control_character(text) is None)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4), TEXT.map(lambda text: text.lstrip("\n")))
def test_split_undoes_join(head: dict[str, object], body: str) -> None:
    assert split(join(head, body), "x") == (head, body)


def test_line_ends_of_other_systems() -> None:
    assert split("---\r\na: 1\r\n---\r\n\r\nText\r\n", "x") == ({"a": 1}, "Text\n")
    assert split("---\na: 1\n---", "x") == ({"a": 1}, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Title\n", "x has no head: it must begin with a line '---'"),
        ("---\na: 1\n", "x has no head"),
        ("---\n- a\n---\n", "the head of x must be a mapping"),
        ("---\n1: a\n---\n", "the head of x must be a mapping"),
        ("---\na: [\n---\n", "the head of x is not valid YAML"),
        ("---\na: 1\nb: {c: 1, c: 2}\n---\n", "keys are repeated: 'c'"),
        ("---\na: &a [1, 1]\nb: [*a, *a]\n---\n", "aliases .* are not allowed in cards"),
        ("---\na: !!python/object/apply:os.system [true]\n---\n", "could not determine a constructor"),
        ("---\na: !!int ''\n---\n", "is not valid YAML"),
        ("---\na: !!timestamp x\n---\n", "is not valid YAML"),
        ("---\na: 2001-99-99\n---\n", "is not valid YAML"),
        (f"---\na: {'9' * 5000}\n---\n", "is not valid YAML"),
        (f"---\na: {'[' * 600}\n---\n", "is not valid YAML"),
        ("---\na: 1\n---\nText \x1b]0;title\x07", r"x holds the control character '\\x1b'"),
        ("---\na: \u202e1\n---\n", r"x holds the control character '\\u202e'"),
    ],
)
def test_wrong_heads_are_refused(text: str, message: str) -> None:
    with pytest.raises(HubError, match=message):
        split(text, "x")


def test_joiners_and_marks_of_other_scripts_are_allowed() -> None:
    assert control_character("می\u200cخواهم 👩\u200d🔬 é\t\n") is None
    assert control_character("a\u2066b") == "\u2066"
