"""Keys of the page: one meaning each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.review.page.keys import ACTIONS, WORDS, Keys, title

LABELS = ["earthquake", "quarry blast", "noise"]


def test_types_get_digits_and_chosen_keys_count_first() -> None:
    keys = Keys.of(LABELS, {"quarry blast": "1", "next": "SPACE", "play": "p", "noise": "f2"})
    assert keys.types == {"earthquake": "2", "quarry blast": "1", "noise": "F2"}
    assert keys.meaning(" ") == ("action", "next")
    assert keys.meaning("F2") == ("type", "noise")
    assert keys.meaning("ArrowRight") is None
    assert (title(" "), title("ArrowLeft"), title("e")) == ("Space", "←", "e")


@given(st.lists(st.text("abcdefgh ", min_size=1, max_size=4), max_size=15, unique=True))
def test_every_key_has_one_meaning(labels: list[str]) -> None:
    keys = Keys.of(labels)
    used = [key for key in (*keys.types.values(), *keys.actions.values()) if key]
    assert len(set(used)) == len(used)
    assert all(keys.meaning(key) == ("type", label) for label, key in keys.types.items() if key)
    assert sum(map(bool, keys.types.values())) == min(10, len(labels))
    assert set(WORDS) == set(ACTIONS) == set(keys.actions)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"eartquake": "e"}, "did you mean 'earthquake'"),
        ({"noise": "both"}, "'both' is no key"),
        ({"noise": "u"}, "'noise' and 'undecided' have one key"),
        ({"noise": "ArrowRight"}, "have one key, '→'"),
    ],
)
def test_a_key_for_nothing_or_twice_is_refused(chosen: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Keys.of(LABELS, chosen)
