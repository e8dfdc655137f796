"""The names of the package are imported when they are used."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import seisbench_lcl as lcl

ORDER = """
import sys
import seisbench_lcl as lcl
assert {"torch", "seisbench", "obspy"}.isdisjoint(sys.modules)
import seisbench.models as m
assert "seisbench_lcl.models" not in sys.modules
assert m.MiniRocketRidge is lcl.MiniRocketRidge and m.DiscriminatorEnsemble is lcl.DiscriminatorEnsemble
assert {"MiniRocketRidge", "PhaseNet"} <= {*dir(m)} and not hasattr(m, "hookimpl") and not hasattr(m, "errors")
assert m.PhaseNet.__module__ == "seisbench.models.phasenet"
from seisbench_lcl.records import read_stream  # moved since version 0.1
"""


def test_each_name_is_the_one_that_type_checkers_see() -> None:
    (block,) = (node for node in ast.parse(Path(lcl.__file__).read_text()).body if _is_for_type_checkers(node))
    seen = {name.name: node.module for node in block.body for name in node.names}
    assert sorted([*seen, "SeisBenchLCLError", "__version__"]) == sorted(lcl.__all__)
    for name, module in seen.items():
        assert getattr(lcl, name) is getattr(import_module(module), name)
        assert name in dir(lcl)


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_subpackages_are_attributes_and_other_names_are_not() -> None:
    assert lcl.extractors is import_module("seisbench_lcl.extractors")
    with pytest.raises(AttributeError, match="module 'seisbench_lcl' has no attribute 'nothing'"):
        lcl.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["load", "evaluation"])
def test_an_import_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fail(module: str) -> None:
        raise ModuleNotFoundError(f"{module} needs torch", name="torch")

    monkeypatch.delitem(vars(lcl), name, raising=False)
    monkeypatch.setattr(lcl, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="needs torch"):
        getattr(lcl, name)


@pytest.mark.slow
def test_a_fresh_process_imports_nothing_large_before_a_name_is_used() -> None:
    """And SeisBench, imported later, has our models; the other order is tested with `Discriminator`."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", ORDER], check=True, timeout=120)
