"""Imports follow the table of rooms in CONTRIBUTING.md."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import seisbench_lcl

PACKAGE = Path(seisbench_lcl.__file__).parent
TABLE = re.findall(r"^\| (`.*?) \|", (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
ROWS = {room: i for i, line in enumerate(TABLE) for room in re.findall(r"`(\w+)", line)}
MODULES = {
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): file
    for file in PACKAGE.rglob("*.py")
    if file.parent != PACKAGE / "plugins" / "template"
}


LATE = (ast.FunctionDef, ast.AsyncFunctionDef)


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield the modules of the package that a module imports, and whether it does so when it is imported."""
    tree = ast.parse(MODULES[module].read_text())
    late = {node for part in ast.walk(tree) if isinstance(part, LATE) for node in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "seisbench_lcl":
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                yield (longer if longer in MODULES else node.module), node not in late
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node not in late) for alias in node.names if alias.name in MODULES)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_is_in_the_table() -> None:
    assert {room(module) for module in MODULES if not room(module).startswith("_")} - {""} == set(ROWS)


def test_imports_run_one_way_outside_functions_and_past_no_private_door() -> None:
    wrong = []
    for module in MODULES:
        if not room(module):
            continue
        for imported, at_once in imports(module):
            own, other = room(module), room(imported)
            upwards = other in ROWS and own != other and ROWS.get(own, len(ROWS)) <= ROWS[other]
            private = own != other and any(part.startswith("_") for part in imported.split(".")[2:])
            if upwards or private or not at_once:
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


def test_no_file_imports_itself_through_others() -> None:
    graph = {module: {imported for imported, _ in imports(module)} - {module, "seisbench_lcl"} for module in MODULES}
    for package in graph:  # a package re-exports its files, which may name it
        graph[package] -= {other for other in graph[package] if package.startswith(f"{other}.")}
    list(TopologicalSorter(graph).static_order())  # raises CycleError
