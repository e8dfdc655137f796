"""The names of the package are imported when they are used."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import seisbench_lcl as lcl
from seisbench_lcl import _lazy, events, models

ORDER = """
import sys
import seisbench_lcl as lcl
assert {"torch", "seisbench", "obspy"}.isdisjoint(sys.modules)
from seisbench_lcl.events import DecisionList, read_tables
assert {"torch", "seisbench", "numba"}.isdisjoint(sys.modules)
import seisbench.models as m
assert "seisbench_lcl.models.named" not in sys.modules
assert m.MiniRocketRidge is lcl.MiniRocketRidge and m.DiscriminatorEnsemble is lcl.DiscriminatorEnsemble
assert {"MiniRocketRidge", "PhaseNet"} <= {*dir(m)} and not hasattr(m, "hookimpl") and not hasattr(m, "errors")
assert m.PhaseNet.__module__ == "seisbench.models.phasenet"
from seisbench_lcl.records import read_stream  # moved since version 0.1
"""


@pytest.mark.parametrize("package", [lcl, models, events])
def test_each_name_is_the_one_that_type_checkers_see(package: ModuleType) -> None:
    (block,) = (node for node in ast.parse(Path(package.__file__).read_text()).body if _is_for_type_checkers(node))
    seen = {name.name: node.module for node in block.body for name in node.names}
    at_once = ["SeisBenchLCLError", "__version__"] if package is lcl else []
    assert sorted([*seen, *at_once]) == sorted(package.__all__)
    files = {path.stem for path in Path(package.__file__).parent.iterdir()}
    assert files.isdisjoint(seen)  # a module, once imported, would take the place of its namesake
    for name, module in seen.items():
        vars(package).pop(name, None)
        assert getattr(package, name) is getattr(import_module(module), name)
        assert name in dir(package)


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize(("package", "module"), [(lcl, "extractors"), (models, "seeds"), (events, "doubtful")])
def test_modules_are_attributes_and_other_names_are_not(package: ModuleType, module: str) -> None:
    assert getattr(package, module) is import_module(f"{package.__name__}.{module}")
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("package", "caller", "name"),
    [(lcl, lcl, "load"), (lcl, lcl, "evaluation"), (models, _lazy, "Discriminator"), (events, _lazy, "doubtful")],
)
def test_an_import_error_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, package: ModuleType, caller: ModuleType, name: str
) -> None:
    def fail(module: str) -> None:
        raise ModuleNotFoundError(f"{module} needs torch", name="torch")

    monkeypatch.delitem(vars(package), name, raising=False)
    monkeypatch.setattr(caller, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="needs torch"):
        getattr(package, name)


@pytest.mark.slow
def test_a_fresh_process_imports_nothing_large_before_a_name_is_used() -> None:
    """And SeisBench, imported later, has our models; the other order is tested with `Discriminator`."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", ORDER], check=True, timeout=120)
