"""Tables of results for the terminal, and as plain text."""

import io
import shutil
from collections.abc import Iterable, Sequence

from obspy import UTCDateTime
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text


def table(words: Sequence[str], numbers: Sequence[str], rows: Iterable[Sequence[str]], *last: str) -> Table:
    """Return a table of columns of words, numbers, and again words.

    Parameters
    ----------
    words, numbers : sequence of str
        Headers. Words are wrapped where the table is wider than the terminal.
    rows : iterable of sequences of str
    *last : str
        Headers of words that follow the numbers.
    """
    made = Table(box=None, pad_edge=False)
    for header in words:
        made.add_column(Text(header), overflow="fold")
    for header in numbers:
        made.add_column(Text(header), justify="right")
    for header in last:
        made.add_column(Text(header), overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))  # Text, because rich would read "[noise]" as markup and drop it
    return made


def plain(content: RenderableType) -> str:
    """Render for the width of the terminal, or for 80 columns without one, as text without colours."""
    file = io.StringIO()
    width = shutil.get_terminal_size((80, 24)).columns
    Console(file=file, width=width, color_system=None, force_terminal=False).print(content)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def clock(name: str, times: Sequence[UTCDateTime]) -> tuple[str, list[str]]:
    """Return a header and times with tenths of a second; if all are on one day, the header holds the date.

    Examples
    --------
    >>> time = UTCDateTime(2009, 8, 24, 23, 59, 50, 980000)
    >>> clock("onset", [time, time + 1])
    ('onset 2009-08-24', ['23:59:51.0', '23:59:52.0'])
    >>> clock("onset", [time, time + 10])
    ('onset (UTC)', ['2009-08-24 23:59:51.0', '2009-08-25 00:00:01.0'])
    """
    written = [(time + 0.05).strftime("%Y-%m-%d %H:%M:%S.%f")[:-5] for time in times]
    days = {text[:10] for text in written}
    return (f"{name} {days.pop()}", [text[11:] for text in written]) if len(days) == 1 else (f"{name} (UTC)", written)
