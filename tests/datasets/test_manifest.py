"""The hash of a split manifest."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.datasets.manifest import split_manifest
from seisbench_lcl.errors import DatasetError

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\t\n"))


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1), st.randoms())
def test_the_hash_is_of_sorted_distinct_lines(rows: list[tuple[str, str, str]], order) -> None:
    lines = sorted({f"{event}\t{label}\t{split}\n" for event, label, split in rows})
    expected = hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()
    again = rows + order.sample(rows, len(rows))
    order.shuffle(again)
    assert split_manifest(*zip(*again, strict=True)) == expected


def test_invalid_columns_are_refused() -> None:
    with pytest.raises(DatasetError, match="there are 2 events, 1 labels and 2 splits"):
        split_manifest(["a", "b"], ["x"], ["train", "dev"])
    with pytest.raises(DatasetError, match="there are 0 events"):
        split_manifest([], [], [])
    with pytest.raises(DatasetError, match=r"'a\\tb' contains a tab or a line feed"):
        split_manifest(["a\tb"], ["x"], ["dev"])
