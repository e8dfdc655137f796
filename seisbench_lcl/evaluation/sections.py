"""Parts of a report: a heading, what a terminal shows, and the same as Markdown."""

from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a report.

    Attributes
    ----------
    heading : str
    content : renderable or None
        What rich shows; None is for documents alone.
    markdown : str
        Heading and content.
    """

    heading: str
    content: RenderableType | None
    markdown: str

    @classmethod
    def of_lines(cls, heading: str, lines: list[str]) -> "Section":
        """Make a section of a list."""
        listed = "\n".join(f"- {line}" for line in lines)
        return cls(heading, Text("\n".join(lines)), f"### {heading}\n\n{listed}\n")
