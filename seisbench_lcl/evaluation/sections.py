"""Sections of a report, for the terminal and as Markdown."""

from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text


@dataclass(frozen=True, eq=False)
class Section:
    """A section of a report.

    Attributes
    ----------
    heading : str
    content : renderable or None
        Content that rich prints; None if the section is for documents only.
    markdown : str
        Heading and content as Markdown.

    Examples
    --------
    >>> print(Section.of_lines("Clusters", ["cluster 0: 12 windows"]).markdown, end="")
    ### Clusters
    <BLANKLINE>
    - cluster 0: 12 windows
    """

    heading: str
    content: RenderableType | None
    markdown: str

    @classmethod
    def of_lines(cls, heading: str, lines: list[str]) -> "Section":
        """Make a section of a list of lines."""
        listed = "\n".join(f"- {line}" for line in lines)
        return cls(heading, Text("\n".join(lines)), f"### {heading}\n\n{listed}\n")
