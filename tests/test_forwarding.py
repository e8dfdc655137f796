"""Scripts and plugins written for version 0.1 find the modules that have moved."""

import sys
from importlib import import_module

import pytest

from seisbench_lcl._forwarding import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_is_the_same_module_as_the_new_one(old: str) -> None:
    new = import_module(f"seisbench_lcl.{MOVED[old]}")
    sys.modules.pop(f"seisbench_lcl.{old}", None)
    with pytest.warns(DeprecationWarning, match=rf"seisbench_lcl\.{old} has moved to seisbench_lcl\.{MOVED[old]}"):
        found = import_module(f"seisbench_lcl.{old}")
    assert found is new
    assert found.__spec__ is not None
    assert found.__spec__.name == found.__name__ == f"seisbench_lcl.{MOVED[old]}"


def test_other_paths_are_unknown() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"seisbench_lcl\.nowhere"):
        import_module("seisbench_lcl.nowhere")
