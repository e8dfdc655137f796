import io

from rich.console import Console

from seisbench_lcl.evaluation.sections import Section


def test_lines_become_a_list_in_markdown_and_plain_lines_in_the_terminal():
    section = Section.of_lines("Clusters [all]", ["cluster 0 [noise]: 3 windows", "cluster 1: 1 window"])
    assert section.markdown == "### Clusters [all]\n\n- cluster 0 [noise]: 3 windows\n- cluster 1: 1 window\n"
    console = Console(width=80, file=io.StringIO())
    console.print(section.content)  # rich would drop "[noise]" as markup
    assert console.file.getvalue() == "cluster 0 [noise]: 3 windows\ncluster 1: 1 window\n"
