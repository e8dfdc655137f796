"""The curve over places of P, against windows cut one place at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation.placement import SHIFTS, Placement, placements, shifted_cuts


@pytest.fixture(scope="module")
def model(dataset_folder: Path) -> lcl.Discriminator:
    """A model that hangs on the place of P: it learnt from windows of one place."""
    model = lcl.Discriminator(
        "physical", "ridge", labels=["low", "high"], in_samples=1200, before=6.0, component_order="Z", band=(1, 18)
    )
    read = read_windows(open_dataset(dataset_folder, "Z"), model.preprocessing).in_split("train")
    return model.fit(read.windows, read.labels, read.groups)


@pytest.fixture(scope="module")
def data(dataset_folder: Path, model: lcl.Discriminator) -> LabelledWindows:
    return read_windows(open_dataset(dataset_folder, "Z"), model.preprocessing, cuts=shifted_cuts())


def test_each_place_is_that_of_windows_cut_there(
    dataset_folder: Path, model: lcl.Discriminator, data: LabelledWindows
) -> None:
    labels: dict[float, np.ndarray] = {}
    for shift in sorted([0.0, *SHIFTS]):
        elsewhere = replace(model.preprocessing, before=model.preprocessing.before - shift)
        there = read_windows(open_dataset(dataset_folder, "Z"), elsewhere)
        labels[shift] = model.predict(there.windows)
        truth = there.labels
    expected = [
        Placement(
            shift,
            pytest.approx(sum((found[truth == label] == label).mean() for label in ("high", "low")) / 2),
            pytest.approx((found != labels[0.0]).mean()),
            48,
        )
        for shift, found in labels.items()
    ]
    found = placements(model, data)
    assert found == expected
    assert max(at.changed for at in found) > 0


def test_only_traces_with_p_a_known_label_and_every_window_count(
    model: lcl.Discriminator, data: LabelledWindows
) -> None:
    n = 1 + len(SHIFTS)
    labels, has_p = data.labels.astype("U9"), data.has_p.copy()
    labels[:n], has_p[n : 2 * n] = "avalanche", False
    lacking = np.arange(len(data)) != 2 * n + 3
    part = replace(data, labels=labels, has_p=has_p).select(lacking)
    rest = data.select(np.arange(len(data)) >= 3 * n)
    assert placements(model, part) == placements(model, rest)
    assert placements(model, part)[0].windows == 45
    assert placements(model, data.select(data.shifts == 0)) == []
