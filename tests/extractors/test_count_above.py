"""The two kernels of the inner loop, and the choice between them."""

import os
import platform
import subprocess
import sys
from importlib import import_module

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import cgutils

import seisbench_lcl.extractors
from seisbench_lcl.extractors import MiniRocket, _count_above, _minirocket_blocks, _minirocket_kernels

STRIDE, LENGTH = 40, 300
RECORD = np.random.default_rng(0).normal(size=(3, LENGTH + 4 * STRIDE)).astype(np.float32)
WINDOWS = np.lib.stride_tricks.sliding_window_view(RECORD, LENGTH, axis=1)[:, ::STRIDE].swapaxes(0, 1).copy()


@pytest.fixture(scope="module")
def model():
    """Up to 16 biases per kernel and dilation, so passes of several sizes."""
    return MiniRocket(3, LENGTH, max_features=84 * 40, max_dilations=5).fit(torch.from_numpy(WINDOWS))


def count(kernels, blocks, plan, biases):
    """Count all outputs of the windows; Python runs the outer loops, which would take long to compile."""
    counts = np.zeros((2, len(WINDOWS), len(biases)), dtype=np.int32)
    kernels.count_windows.py_func(WINDOWS, False, plan, biases, counts[0])
    columns = blocks.Blocks.of([RECORD[:, : LENGTH + STRIDE], RECORD[:, 2 * STRIDE :]], LENGTH, STRIDE)
    blocks.count_interiors.py_func(columns, LENGTH, plan, biases, counts[1])
    kernels.count_windows.py_func(WINDOWS, True, plan, biases, counts[1])
    return counts


def imported_again(monkeypatch, tmp_path):
    """Import the kernels as a new process would, without compiled code from the cache."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    for name in ("_count_above_vectors", "_count_above", "_minirocket_kernels", "_minirocket_blocks"):
        monkeypatch.delitem(sys.modules, f"seisbench_lcl.extractors.{name}", raising=False)
        monkeypatch.setattr(seisbench_lcl.extractors, name, None, raising=False)
    return [import_module(f"seisbench_lcl.extractors.{name}") for name in ("_minirocket_kernels", "_minirocket_blocks")]


def test_the_installed_numba_has_the_fast_kernel():
    assert _count_above.count_above is not _count_above.count_plain
    assert _count_above.LANES in (16, 32)


@settings(deadline=None)  # the first call compiles
@given(
    st.integers(1, 6), st.integers(0, 200), st.lists(st.integers(0, 150), min_size=4, max_size=4), st.integers(0, 99)
)
def test_both_kernels_count_the_same(k, n, offsets, seed):
    rng = np.random.default_rng(seed)
    base, x = rng.normal(size=(2, 400)).astype(np.float32)
    biases = rng.normal(size=12).astype(np.float32)
    biases[3] = base[offsets[0]] + x[offsets[1]] + x[offsets[2]] + x[offsets[3]]  # a tie in the first sample
    found = rng.integers(0, 9, 15).astype(np.int32)
    expected = found.copy()
    first, a, b, c = offsets
    _minirocket_kernels._count(k, base, first, x, a, b, c, n, biases, 3, found, 5)
    _count_above.count_plain(k, base, first, x, a, b, c, n, biases, 3, expected, 5)
    np.testing.assert_array_equal(found, expected)


@settings(deadline=None)
@given(
    st.integers(1, 6),
    st.integers(0, 30),
    st.integers(0, 30),
    st.lists(st.integers(0, 150), min_size=4, max_size=4),
    st.integers(0, 99),
)
def test_both_kernels_count_the_same_in_columns(k, part, more, offsets, seed):
    rng = np.random.default_rng(seed)
    pitch, width = 19, _count_above.COLUMNS
    base, x = rng.normal(size=(2, 200 + 62 * pitch)).astype(np.float32)
    biases = rng.normal(size=12).astype(np.float32)
    biases[3] = base[offsets[0]] + x[offsets[1]] + x[offsets[2]] + x[offsets[3]]  # a tie in the first sample
    found, expected = np.full((2, 4 + 16 * 40), 77, dtype=np.int32)
    given_ = base, offsets[0], x, *offsets[1:], pitch, part, part + more, biases, 3
    _minirocket_blocks._count(k, *given_, found, 4, 40)
    outputs = [
        [sum(a[o + t * pitch + i] for a, o in zip((base, x, x, x), offsets, strict=True)) for i in range(width)]
        for t in range(part + more)
    ]
    above = np.reshape(np.float32(outputs), (-1, width))[:, None] > biases[3 : 3 + k, None]
    for j in range(k):
        for half, rows in enumerate((above[:part, j], above[:, j])):
            start = 4 + (2 * j + half) * 40
            expected[start : start + width] = rows.sum(axis=0)
    np.testing.assert_array_equal(found, expected)
    found[:] = 77
    _count_above.count_columns_plain(k, *given_, found, 4, 40)
    start = 4 + 40 * np.arange(2 * k)[:, None] + np.arange(8)
    np.testing.assert_array_equal(found[start], expected[start])


@settings(deadline=None)
@given(st.sets(st.integers(0, 9), min_size=1), st.integers(0, 400), st.integers(0, 40), st.integers(0, 99))
def test_components_are_summed_in_order(members, n, first, seed):
    parts = np.random.default_rng(seed).normal(size=(10, 480)).astype(np.float32)
    mask = np.isin(np.arange(10), list(members))
    rows, sizes = _minirocket_kernels.members_of(mask[None])
    found, expected = np.zeros((2, 500), dtype=np.float32)
    scale = np.float32(3)
    _minirocket_kernels.sum_components(parts.ravel(), first, 480, rows[0], sizes[0], scale, found, 7, n)
    total = np.zeros(n, dtype=np.float32)
    for row in parts[mask, first : first + n]:
        total += row
    expected[7 : 7 + n] = total * scale
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("missing", ["module", "name", "tested release"])
def test_without_the_private_names_of_numba_the_plain_kernel_is_used(monkeypatch, tmp_path, missing):
    with monkeypatch.context() as hidden:
        if missing == "module":
            hidden.setitem(sys.modules, "numba.core.cgutils", None)
        elif missing == "name":
            hidden.delattr(cgutils, "if_unlikely")
        else:
            hidden.setattr(numba, "__version__", "0.99.0rc1")
        plain, blocks = imported_again(hidden, tmp_path)
    assert plain.LANES == 0
    assert plain.count_above.__name__ == "count_plain"
    assert plain.sum_rows.__name__ == "sum_rows_plain"
    assert blocks.count_columns.__name__ == "count_columns_plain"
    assert _minirocket_kernels.count_above is _count_above.count_above


def test_the_plain_kernel_gives_the_same_features(model, monkeypatch, tmp_path):
    with monkeypatch.context() as hidden:
        hidden.delattr(cgutils, "if_unlikely")
        plain, blocks = imported_again(hidden, tmp_path)
    plan = model._plan()
    windows, slid = count(plain, blocks, plan, model.biases.numpy())
    features = (windows / plan.positions(LENGTH)).astype(np.float32)
    np.testing.assert_array_equal(features, model(torch.from_numpy(WINDOWS)))
    np.testing.assert_array_equal(slid, windows)


@pytest.mark.parametrize(
    ("version", "tested"),
    [("0.60.0", False), ("0.61.0", True), ("0.63.1", True), ("0.68.1", True), ("0.69.0", False), ("1.0", False)],
)
def test_releases_in_the_tested_range_have_the_fast_kernel(version, tested):
    assert _count_above._is_tested(version) is tested


SCRIPT = """
import sys, types
import numpy as np
for name, path in (("seisbench_lcl", sys.argv[1]), ("seisbench_lcl.extractors", sys.argv[1] + "/extractors")):
    sys.modules[name] = types.ModuleType(name)  # the package itself would import torch
    sys.modules[name].__path__ = [path]
from seisbench_lcl.extractors import _count_above, _minirocket_kernels as kernels
assert _count_above.count_above is not _count_above.count_plain
given = dict(np.load(sys.argv[2]))
windows, biases = given.pop("windows"), given.pop("biases")
counts = np.zeros((len(windows), len(biases)), dtype=np.int32)
kernels.count_windows.py_func(windows, False, kernels.Plan(**given), biases, counts)
np.save(sys.argv[3], counts)
"""


@pytest.mark.timeout(180)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the CPUs are named for one architecture")
@pytest.mark.parametrize("cpu", ["generic", "haswell"])
def test_features_are_the_same_on_a_cpu_with_other_vectors(model, tmp_path, cpu):
    plan = model._plan()
    np.savez(tmp_path / "in.npz", windows=WINDOWS, biases=model.biases.numpy(), **plan._asdict())
    features = {"cmov", "sse2"} | ({"avx", "avx2"} if cpu == "haswell" else set())
    environment = os.environ | {
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in sorted(features)),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    package = os.path.dirname(seisbench_lcl.__file__)
    command = [sys.executable, "-c", SCRIPT, package, str(tmp_path / "in.npz"), str(tmp_path / "out.npy")]
    subprocess.run(command, check=True, env=environment, timeout=150)
    found = (np.load(tmp_path / "out.npy") / plan.positions(LENGTH)).astype(np.float32)
    np.testing.assert_array_equal(found, model(torch.from_numpy(WINDOWS)))
