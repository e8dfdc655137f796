"""Our models as names of `seisbench.models`, whichever of the two packages is imported first."""

import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MODULE = "seisbench.models"


class _AddsNames(MetaPathFinder):
    """Waits for the import of `seisbench.models`, and then adds the names."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders find, with a loader that adds the names."""
        if fullname != _MODULE:
            return None
        found = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, found), None)
        if spec and spec.loader:
            run = spec.loader.exec_module

            def run_and_add(module: ModuleType) -> None:
                run(module)
                _add(module, self.names)

            spec.loader.exec_module = run_and_add  # type: ignore[method-assign]  # of this one loader
        return spec


def register(names: Collection[str]) -> None:
    """Add names of `seisbench_lcl` to `seisbench.models`: now, or when it is imported.

    A model is imported when its name is used. SeisBench's own names stay its own.
    """
    if _MODULE in sys.modules:
        _add(sys.modules[_MODULE], names)
    else:
        sys.meta_path.insert(0, _AddsNames(names))


def _add(module: ModuleType, names: Collection[str]) -> None:
    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {_MODULE!r} has no attribute {name!r}")
        return getattr(import_module(__package__), name)

    own = vars(module)  # PEP 562: Python asks __getattr__ for names that are not there
    own["__getattr__"] = find
    own["__dir__"] = lambda: sorted({*own, *names})
