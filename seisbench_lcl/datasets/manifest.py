"""A fingerprint of the split of each event, to check that two evaluations used the same unseen events."""

import hashlib
from collections.abc import Iterable

from seisbench_lcl.errors import DatasetError


def split_manifest(events: Iterable[str], labels: Iterable[str], splits: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted distinct lines "event, tab, label, tab, split, line feed" in UTF-8.

    The manifest of a set of weights covers all windows that its recipe can cut from its datasets, in all splits
    including the test split: `groups`, `labels` and `splits` of `seisbench_lcl.datasets.windows.LabelledWindows` before
    any selection by signal-to-noise ratio. The order of the windows and the number of windows per event do not matter.

    Parameters
    ----------
    events, labels, splits : iterable of N str
        Event, label and split of each window. A label or split may be "" for none.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    DatasetError
        If there are no windows, the numbers differ, or a name contains a tab or a line feed.

    Examples
    --------
    >>> split_manifest(["a", "b"], ["blast", "slide"], ["train", "dev"])[:8]
    '2af654df'
    """
    columns = [[str(value) for value in column] for column in (events, labels, splits)]
    numbers = [len(column) for column in columns]
    if len(set(numbers)) > 1 or not numbers[0]:
        raise DatasetError(
            "a split manifest needs event, label and split of each window, but there are "
            f"{numbers[0]} events, {numbers[1]} labels and {numbers[2]} splits"
        )
    rows = set(zip(*columns, strict=True))
    if unfit := sorted(name for row in rows for name in row if "\t" in name or "\n" in name):
        raise DatasetError(
            f"{unfit[0]!r} contains a tab or a line feed, which separate names in a split manifest: rename it"
        )
    lines = sorted("\t".join(row) + "\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
