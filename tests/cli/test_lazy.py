"""The list of commands, which is shown before any of them is imported."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from conftest import Done
from typer.main import get_command

import seisbench_lcl.cli
from seisbench_lcl.cli.app import app
from seisbench_lcl.cli.lazy import COMMANDS


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that are imported while a test runs."""
    names: list[str] = []

    def record(module: str) -> object:
        names.append(module.rpartition(".")[2])
        return import_module(module)

    monkeypatch.setattr("seisbench_lcl.cli.lazy.import_module", record)
    return names


def test_the_list_has_all_commands_and_the_first_sentence_of_their_help() -> None:
    files = Path(seisbench_lcl.cli.__file__).parent.glob("[!_]*.py")
    modules = {file.stem: import_module(f"seisbench_lcl.cli.{file.stem}") for file in files if file.stem != "app"}
    defined = {name.replace("_", "-") for name, module in modules.items() if {name, "app"} & vars(module).keys()}
    assert defined == COMMANDS.keys()
    group = get_command(app)
    for name, text in COMMANDS.items():
        command = group.get_command(None, name)
        assert command.name == name
        assert f"{' '.join(command.help.split())} ".split(". ")[0].removesuffix(".") == text.removesuffix(".")


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help_imports_no_command(run: Callable[..., Done], imported: list[str], arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert all(f" {name} " in done.stdout + done.stderr for name in COMMANDS)
    assert imported == []


def test_a_misspelt_command_imports_none_and_suggests_one(run: Callable[..., Done], imported: list[str]) -> None:
    done = run("clasify", "a.mseed")
    assert done.returncode == 2
    assert "No such command 'clasify'. Did you mean 'classify'?" in done.stderr
    assert imported == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_knows_both_help_options(run: Callable[..., Done], imported: list[str], name: str) -> None:
    short, long = run(name, "-h"), run(name, "--help")
    assert (short.returncode, short) == (0, long)
    assert f"seisbench-lcl {name} [OPTIONS]" in short.stdout
    assert {*imported} == {name.replace("-", "_")}


@pytest.mark.parametrize(
    ("typed", "completed", "needed"),
    [
        ("seisbench-lcl c", ["classify", "catalog", "compare", "clusters"], []),
        ("seisbench-lcl --vers", ["--version"], []),
        ("seisbench-lcl classify --sta", ["--station", "--start"], ["classify"]),
        ("seisbench-lcl hub p", ["pull"], ["hub"]),
    ],
)
def test_completion_in_bash(
    run: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
    imported: list[str],
    typed: str,
    completed: list[str],
    needed: list[str],
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__package__", "")  # a script, unlike ``python -m pytest``
    monkeypatch.setenv("_SEISBENCH_LCL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert run().stdout.split() == completed
    assert {*imported} == {*needed}


def test_the_script_for_completion_in_bash(run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__package__", "")
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    assert "_SEISBENCH_LCL_COMPLETE=complete_bash" in run("--show-completion", "bash").stdout
