"""Common parts are learnt once, and give what learning them anew would give."""

from typing import Any

import numpy as np
import pytest
import torch

from seisbench_lcl import Discriminator, SpectrogramCNN
from seisbench_lcl.comparison.sharing import Lesson, taught
from seisbench_lcl.extractors import SimCLR

SHAPE: dict[str, Any] = {"sampling_rate": 40.0, "in_samples": 320, "band": (1.0, 18.0), "novelty_rate": None}
LABELS = ["high", "low"]


def lesson(seed: int, tuning: bool = False) -> Lesson:
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(24, 3, 320)).astype(np.float32)
    windows[::2] = windows[::2].cumsum(axis=-1)
    labels = np.array(["low", "high"] * 12)
    return Lesson(windows, labels, np.array([f"e{k // 2 % 6}{label}" for k, label in enumerate(labels)]), tuning)


def network() -> SpectrogramCNN:
    return SpectrogramCNN(labels=LABELS, extractor_args={"epochs": 2, "seed": 1}, **SHAPE)


def simclr(head: str, **more: Any) -> Discriminator:
    outputs: dict[str, Any] = {"labels": LABELS} if head == "ridge" else {"clusters": 2}
    arguments = {"epochs": 1, "width": 4, "augmentations": {"noise": {}}} | more
    return Discriminator("simclr", head, **outputs, extractor_args=arguments, **SHAPE)


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in first.state_dict().items())


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often SimCLR is trained."""
    train, counts = SimCLR._fit, []

    def counted(self: SimCLR, *arguments: Any) -> None:
        counts.append(self.seed)
        train(self, *arguments)

    monkeypatch.setattr(SimCLR, "_fit", counted)
    return counts


def test_heads_on_one_extractor_share_its_training_and_its_seconds(trainings: list[int]) -> None:
    given = lesson(10)
    clusters, first = taught(simclr("kmeans"), [given])
    probe, second = taught(simclr("ridge"), [given])
    assert trainings == [0]
    assert second.cpu >= first.cpu / 2 > 0
    assert len(probe.histories) == len(clusters.histories) == 1
    anew = simclr("ridge").fit(given.windows, given.labels, given.groups)
    assert len(trainings) == 2
    assert same(probe, anew)
    assert "fit" not in vars(probe.extractor)
    assert not same(taught(simclr("kmeans"), [lesson(11)])[0].extractor, probe.extractor)
    assert not same(taught(simclr("kmeans", seed=5), [given])[0].extractor, probe.extractor)
    assert trainings == [0, 0, 0, 5]


def test_fine_tuning_goes_on_from_one_training_and_leaves_it_as_it_was() -> None:
    before, after, other = lesson(20), lesson(21, tuning=True), lesson(22, tuning=True)
    plain, _ = taught(network(), [before])
    tuned, both = taught(network(), [before, after])
    assert both.cpu > 0
    by_hand = network().fit(before.windows, before.labels, before.groups)
    assert same(plain, by_hand)
    by_hand.fine_tune(after.windows, after.labels, after.groups)
    assert same(tuned, by_hand)
    assert not same(tuned, plain)
    assert not same(taught(network(), [before, other])[0], tuned)
    tuned.fine_tune(other.windows, other.labels, other.groups)  # what is handed out is a copy
    assert same(taught(network(), [before, after])[0], by_hand)
    assert same(taught(network(), [before])[0], plain)
