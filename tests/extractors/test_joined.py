import pickle

import numpy as np
import pytest
import torch
from torch import nn

from seisbench_lcl.errors import NotFittedError, WindowError
from seisbench_lcl.extractors import FeatureExtractor, MiniRocket, Physical, Raw
from seisbench_lcl.extractors.joined import Concatenated, Staged
from seisbench_lcl.extractors.stages import ComponentStd, Envelope
from seisbench_lcl.optim.loop import History

SHAPE = 3, 300, 100.0


def windows(n, seed=0, n_samples=300):
    gains = np.array([1.0, 2.0, 5.0])[:, None]
    return torch.from_numpy((np.random.default_rng(seed).normal(size=(n, 3, n_samples)) * gains).astype(np.float32))


class Learner(FeatureExtractor):
    """Learns the mean of the windows, and holds some windows out."""

    name = "learner"
    supervised = True

    def __init__(self, in_channels, in_samples, sampling_rate, held_out=(), enough=None):
        super().__init__(in_channels, in_samples, sampling_rate)
        self.held_out, self.enough, self.n_features = list(held_out), enough, in_channels
        self.register_buffer("shift", torch.full((in_channels,), torch.nan))
        self.fitted_with = None

    def config(self):
        return {"held_out": self.held_out, "enough": self.enough}

    def _fit(self, windows, labels, groups):
        self.fitted_with = labels, groups
        self.shift.copy_(windows.mean(dim=(0, 2)))
        self.histories = [History(self.name)]
        self.unseen = torch.tensor(self.held_out)

    def _extract(self, windows):
        return windows.mean(dim=-1) - self.shift


def make_concatenated():
    parts = [
        Staged(*SHAPE, ComponentStd(*SHAPE), MiniRocket(*SHAPE, max_features=84)),
        Physical(*SHAPE, before=0.5),
        Raw(*SHAPE, n_components=2),
    ]
    return Concatenated(*SHAPE, parts)


def test_features_stand_side_by_side():
    x, unknown = windows(12), windows(5, seed=1)
    joined = make_concatenated().fit(x)
    assert joined.name == "component-std>minirocket+physical+raw"
    staged, physical, raw = joined.parts
    alone = [
        MiniRocket(*SHAPE, max_features=84).fit(staged.stage(x))(staged.stage(unknown)),
        Physical(*SHAPE, before=0.5).fit(x)(unknown),
        Raw(*SHAPE, n_components=2).fit(x)(unknown),
    ]
    torch.testing.assert_close(joined(unknown), torch.cat(alone, dim=1))
    assert joined.blocks == [part.shape[1] for part in alone]
    assert joined.n_features == sum(joined.blocks)
    assert joined.leaves == [staged.extractor, physical, raw]
    assert staged.blocks == [84]
    assert staged.leaves == [staged.extractor]


def test_a_staged_extractor_equals_stage_then_extractor():
    stage = Envelope(*SHAPE)
    behind = stage.out_channels, stage.out_samples, stage.out_rate
    x = windows(300)  # more than pass through at a time
    staged = Staged(*SHAPE, stage, Raw(*behind)).fit(x)
    torch.testing.assert_close(staged(x), stage(x).flatten(1), atol=1e-5, rtol=0)
    assert staged.n_features == staged(x).shape[1]
    assert staged(x[:0]).shape == (0, staged.n_features)
    record = torch.cat(list(windows(3)), dim=1)
    expected = staged(torch.stack([record[:, i : i + 300] for i in range(0, 601, 150)]))
    torch.testing.assert_close(staged.slide([record], 150), expected, atol=1e-5, rtol=0)


def test_s_picks_reach_the_parts_that_use_them():
    x, picks = windows(6), torch.tensor([1.6, 2.0, torch.nan, 1.9, 1.7, 2.5])
    physical = Physical(*SHAPE, before=0.5, s_length=0.5, p_length=0.5).fit(x)
    staged = Staged(*SHAPE, ComponentStd(*SHAPE), Physical(*SHAPE, before=0.5, s_length=0.5, p_length=0.5))
    joined = Concatenated(*SHAPE, [Raw(*SHAPE), physical, staged]).fit(x)
    column = physical.feature_names.index("S-P")
    found = joined(x, picks)
    for first in (900, 900 + physical.n_features):
        s_minus_p = found[:, first + column]
        known = picks.isfinite()
        torch.testing.assert_close(s_minus_p[known], picks[known] - 0.5)
        assert s_minus_p[2] == joined(x)[2, first + column]
    torch.testing.assert_close(found[:, 900 : 900 + physical.n_features], physical(x, picks))
    torch.testing.assert_close(found[:, :900], joined(x)[:, :900])


@pytest.mark.parametrize(
    ("held_out", "expected"), [(([1, 3, 5], [5, 2, 1]), [1, 5]), (([1], [2]), []), (([4, 2],), [2, 4])]
)
def test_no_part_has_learned_from_unseen_windows(held_out, expected):
    x, labels, groups = windows(6), torch.tensor([0, 1, 0, 1, 0, 1]), torch.arange(6)
    learners = [Learner(*SHAPE, rows) for rows in held_out]
    staged = Staged(*SHAPE, ComponentStd(*SHAPE), learners[-1])
    joined = Concatenated(*SHAPE, [*learners[:-1], staged, Raw(*SHAPE)]).fit(x, labels, groups)
    assert sorted(joined.unseen.tolist()) == expected
    assert joined.unseen.dtype == torch.int64
    assert len(joined.histories) == len(learners)
    assert staged.histories == learners[-1].histories
    assert staged.unseen is learners[-1].unseen
    for learner in learners:
        assert learner.fitted_with == (labels, groups)
    without = Concatenated(*SHAPE, [Raw(*SHAPE), Raw(*SHAPE)]).fit(x)
    assert without.unseen is None
    assert without.histories == []


def test_tags_are_those_of_the_parts():
    few, many, all_of_them = (Learner(*SHAPE, enough=enough) for enough in (10, 500, None))
    raw, physical = Raw(*SHAPE), Physical(*SHAPE, before=0.5)
    assert Concatenated(*SHAPE, [few, many]).enough == 500
    assert Concatenated(*SHAPE, [few, all_of_them]).enough is None
    assert Concatenated(*SHAPE, [few, physical]).supervised
    assert not Concatenated(*SHAPE, [raw, physical]).supervised
    staged = Staged(*SHAPE, ComponentStd(*SHAPE), many)
    assert (staged.supervised, staged.enough, staged.name) == (True, 500, "component-std>learner")
    assert not Staged(*SHAPE, ComponentStd(*SHAPE), raw).supervised


def test_the_state_travels():
    x = windows(12)
    joined = make_concatenated()
    with pytest.raises(NotFittedError):
        joined(x)
    expected = joined.fit(x)(x)
    loaded = make_concatenated()
    loaded.load_state_dict(joined.state_dict())
    assert torch.equal(loaded.eval()(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(joined))(x), expected)
    assert not joined.training
    assert not any(part.training for part in joined.modules())


def test_parameters_of_a_network_behind_a_stage_have_gradients():
    class Network(Learner):
        def __init__(self, *shape):
            super().__init__(*shape)
            self.layer = nn.Linear(self.in_samples, 1)

        def _extract(self, windows):
            return self.layer(windows)[..., 0]

    stage = Envelope(*SHAPE)
    network = Network(stage.out_channels, stage.out_samples, stage.out_rate)
    Staged(*SHAPE, stage, network)(windows(4)).sum().backward()
    assert network.layer.weight.grad.abs().sum() > 0


def test_windows_are_checked_first():
    joined = make_concatenated().fit(windows(5))
    with pytest.raises(WindowError, match=r"Concatenated needs windows of shape \(B, 3, 300\)"):
        joined(windows(5, n_samples=299))
    bad = windows(5)
    bad[3, 1, 7] = torch.nan
    with pytest.raises(WindowError, match="1 of 5 windows hold NaN or infinite samples, the first at index 3"):
        joined.parts[0](bad)
