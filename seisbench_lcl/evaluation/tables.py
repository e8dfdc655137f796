"""Tables of reports, as Markdown and for the terminal."""

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

Content = tuple[str, list[str], list[list[str]]]
"""Title, header and rows; the first column holds names, the others numbers."""


def to_markdown(tables: Iterable[Content]) -> str:
    """Return tables as Markdown, each below its title."""
    return "\n\n".join(f"**{title}**\n\n{_markdown(header, rows)}" for title, header, rows in tables)


def to_rich(tables: Iterable[Content]) -> Iterator[Table]:
    """Yield tables for the terminal."""
    for title, header, rows in tables:
        # Text, because rich would read "recall[noise]" as markup and drop the label.
        table = Table(title=Text(title), title_justify="left")
        table.add_column(Text(header[0]))
        for column in header[1:]:
            table.add_column(Text(column), justify="right")
        for row in rows:
            table.add_row(*map(Text, row))
        yield table


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
