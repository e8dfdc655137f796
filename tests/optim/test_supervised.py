import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.optim.loop import initialise
from seisbench_lcl.optim.session import session
from seisbench_lcl.optim.supervised import (
    Trainable,
    TrainingRecipe,
    Tuning,
    class_weights,
    event_weights,
    held_out_rows,
    train,
)

STILL = {"learning_rate": 1e-30, "weight_decay": 0.0, "epochs": 1, "warm_up": 0.0}  # the network stays unchanged
PLAIN = {"augmentations": {}, "label_smoothing": 0.0}


class Net(nn.Module):
    """Three stages over the samples of a window, with statistics; records the windows it is trained on."""

    sampling_rate = 10.0

    def __init__(self, **recipe):
        super().__init__()
        self.recipe = TrainingRecipe(**{"batch_size": 8, "learning_rate": 0.01} | recipe)
        self.stages = nn.Sequential(
            nn.Sequential(nn.Conv1d(1, 4, 5), nn.BatchNorm1d(4), nn.ReLU()),
            nn.Sequential(nn.Conv1d(4, 4, 5), nn.BatchNorm1d(4), nn.ReLU()),
            nn.Sequential(nn.Conv1d(4, 4, 5), nn.BatchNorm1d(4), nn.ReLU()),
        )
        self.register_buffer("epochs_trained", torch.tensor(torch.nan))
        self.classifier = nn.Linear(4, 3)
        self.given = []
        initialise(self, self.recipe.seed)

    def encode(self, windows):
        if torch.is_grad_enabled():
            self.given.append(windows)
        return self.stages(windows).mean(dim=-1)


class Identity(Net):
    """Features are the samples of a window, so that rows of `one_hot` windows can be identified even if mixed."""

    def __init__(self, n, n_classes, **recipe):
        super().__init__(**recipe)
        self.stages = nn.Sequential()
        self.classifier = nn.Linear(n, n_classes)
        initialise(self.classifier, 5)

    def encode(self, windows):
        if torch.is_grad_enabled():
            self.given.append(windows[:, 0])
        return windows[:, 0]


class Stop(Exception):
    pass


def data(n_events=8, seed=0):
    """Two windows per event, and three classes with a high, a middle and a low frequency in noise."""
    generator = torch.Generator().manual_seed(seed)
    groups = torch.arange(3 * n_events).repeat_interleave(2)
    labels = groups % 3
    phase = 6.3 * torch.rand(len(labels), 1, 1, generator=generator)
    windows = torch.sin((0.3 + 0.9 * labels[:, None, None]) * torch.arange(40) + phase)
    return windows + 0.3 * torch.randn(windows.shape, generator=generator), labels, groups


def fit(net, tuning=None, given=None):
    return train("net", net, net.classifier, 3, *(given or data()), tuning)


def state(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


labelled_events = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=6, max_size=25).map(
    lambda events: [(k % 3, 1) for k in range(6)] + events
)


def rows_of(events):
    labels = torch.tensor([label for label, size in events for _ in range(size)])
    groups = torch.tensor([7 * i - 50 for i, (_, size) in enumerate(events) for _ in range(size)])
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    return labels[order], groups[order]


@given(labelled_events, st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_fraction_of_the_events_of_each_class_is_held_out(events, share, seed):
    labels, groups = rows_of(events)
    rows = held_out_rows(labels, groups, share, seed)
    assert torch.equal(rows, held_out_rows(labels, groups, share, seed))
    out = set(groups[rows].tolist())
    assert sorted(rows.tolist()) == [i for i, group in enumerate(groups.tolist()) if group in out]
    for label in range(3):
        own = set(groups[labels == label].tolist())
        assert len(own & out) == min(max(round(share * len(own)), 1), len(own) - 1)


@given(labelled_events)
def test_weights_balance_classes_and_the_events_of_a_class(events):
    labels, groups = rows_of(events)
    n = Counter(labels.tolist())
    events_of = {label: set(groups[labels == label].tolist()) for label in range(3)}
    windows_of = Counter(groups.tolist())
    pairs = list(zip(labels.tolist(), groups.tolist(), strict=True))
    expected = [len(labels) / 3 / n[label] for label, _ in pairs]
    assert class_weights(labels).tolist() == pytest.approx(expected, rel=1e-5)
    expected = [len(labels) / 3 / len(events_of[label]) / windows_of[group] for label, group in pairs]
    assert event_weights(labels, groups).tolist() == pytest.approx(expected, rel=1e-5)


def test_a_class_of_a_single_event_or_windows_that_are_not_finite_are_refused():
    windows, labels, groups = data()
    with pytest.raises(TrainingError, match=r"class 2 has a single event: .* at least two events of each class"):
        fit(Net(), given=(windows, labels, torch.where(labels == 2, 2, groups)))
    with pytest.raises(TrainingError, match="net: the loss was not finite in the first epoch"):
        fit(Net(), given=(windows * torch.nan, labels, groups))


def test_it_learns_and_equal_seeds_give_equal_results():
    one, other, third = (Net(epochs=10, learning_rate=0.05, seed=seed) for seed in (0, 0, 1))
    caller = torch.random.get_rng_state()
    trained = fit(one)
    assert torch.equal(torch.random.get_rng_state(), caller)
    torch.rand(7)
    again = fit(other)
    assert trained.history == again.history
    assert max(trained.history.scores) > 0.9
    assert same(state(one), state(other))
    assert torch.equal(trained.logits, again.logits)
    assert not torch.equal(trained.unseen, fit(third).unseen)
    assert not any(module.training for module in (*one.stages, one.classifier))
    assert one.epochs_trained == len(trained.history.train)
    assert isinstance(one, Trainable)


def one_hot(sizes):
    """Events of these sizes for each class; each window is a row of the unit matrix."""
    events = [(label, size) for label, own in enumerate(sizes) for size in own]
    labels = torch.tensor([label for label, size in events for _ in range(size)])
    groups = torch.tensor([i for i, (_, size) in enumerate(events) for _ in range(size)])
    return torch.eye(len(labels))[:, None], labels, groups


def test_classes_and_the_events_of_a_class_are_drawn_equally_often():
    windows, labels, groups = one_hot([[1, 1, 3, 3], [4, 4, 2, 2, 6, 6, 6, 6]])
    net = Identity(len(labels), 2, **STILL | PLAIN | {"epochs": 60, "held_out": 0.5, "patience": 60})
    trained = train("net", net, net.classifier, 2, windows, labels, groups)
    drawn = torch.cat(net.given).argmax(dim=1)
    assert not set(drawn.tolist()) & set(trained.unseen.tolist())
    seen = sorted(set(range(len(labels))) - set(trained.unseen.tolist()))
    events = {label: {groups[i].item() for i in seen if labels[i] == label} for label in (0, 1)}
    assert len(drawn) == 60 * len(seen)
    for i in seen:
        n_windows = sum(groups[j] == groups[i] for j in seen).item()
        share = 1 / 2 / len(events[labels[i].item()]) / n_windows
        spread = math.sqrt(share * (1 - share) / len(drawn))
        assert (drawn == i).float().mean().item() == pytest.approx(share, abs=5 * spread)


@pytest.mark.parametrize(
    ("balance", "mixup", "smoothing"),
    [
        ("events", 0.0, 0.0),
        ("events", 0.4, 0.2),
        ("classes", 0.0, 0.0),
        ("classes", 0.0, 0.2),
        ("classes", 0.4, 0.2),
        ("none", 0.4, 0.0),
        ("none", 0.0, 0.2),
    ],
)
def test_the_loss_is_as_written_out(balance, mixup, smoothing):
    windows, labels, groups = one_hot([[1, 2, 3, 4], [5, 6, 1, 2], [2, 2, 2]])
    n, given = len(labels), {"balance": balance, "mixup": mixup, "label_smoothing": smoothing}
    net = Identity(n, 3, **STILL | given, augmentations={})
    history, unseen, _, logits, _ = train("net", net, net.classifier, 3, windows, labels, groups)

    def cross_entropy(z, target):
        total = sum(math.exp(value) for value in z)
        return -sum(p * math.log(math.exp(value) / total) for p, value in zip(target, z, strict=True))

    expected, n_mixed = 0.0, 0
    weight, held_out = torch.ones(n), torch.isin(torch.arange(n), unseen)
    for part in (held_out, ~held_out):  # each is balanced by itself
        if balance == "classes":
            weight[part] = class_weights(labels[part])
    for batch in net.given:
        losses, weights = [], []
        for x in batch:
            target = [0.0] * 3
            rows = x.nonzero().flatten().tolist()
            for row in rows:  # the rows that were mixed
                for k in range(3):
                    own = (1 - smoothing) * (labels[row] == k).item() + smoothing / 3
                    target[k] += weight[row].item() * own * x[row].item()
                weights.append(weight[row].item() * x[row].item())
            losses.append(cross_entropy(net.classifier(x).tolist(), target))
            n_mixed += len(rows) == 2
        loss = sum(losses) / sum(weights)
        expected += loss * len(batch) / (n - len(unseen))
    assert (n_mixed > 0) == (mixup > 0)
    assert history.train[0] == pytest.approx(expected, rel=1e-4)

    if balance == "events":
        weight[held_out] = event_weights(labels[held_out], groups[held_out])
    expected = 0.0
    for rows in torch.arange(len(unseen)).tensor_split(math.ceil(len(unseen) / 8)):
        w = weight[unseen[rows]]
        each = [cross_entropy(logits[i].tolist(), [float(k == labels[unseen[i]]) for k in range(3)]) for i in rows]
        expected += (w @ torch.tensor(each)).item() / len(unseen)
    assert history.held_out[0] == pytest.approx(expected, rel=1e-4)


def test_the_score_is_the_macro_f1_on_held_out_events():
    windows, labels, groups = data(12)
    windows[::5] = torch.randn(windows[::5].shape, generator=torch.Generator().manual_seed(0))
    history, unseen, _, logits, _ = fit(Net(epochs=8, held_out=0.5), given=(windows, labels, groups))
    right, wrong, missed = Counter(), Counter(), Counter()
    for event in torch.unique(groups[unseen]):
        own = groups[unseen] == event
        truth = labels[unseen][own][0].item()
        found = torch.softmax(logits[own], dim=1).sum(dim=0).argmax().item()
        if found == truth:
            right[truth] += 1
        else:
            wrong[found] += 1
            missed[truth] += 1
    f1 = [2 * right[k] / (2 * right[k] + wrong[k] + missed[k]) for k in range(3)]
    assert 0.3 < sum(f1) / 3 < 1
    assert history.scores[history.best_epoch] == pytest.approx(sum(f1) / 3)


def test_fine_tuning_that_does_not_help_leaves_the_network_unchanged():
    net = Net(epochs=8)
    fit(net)
    before = state(net)
    trained = fit(net, Tuning(learning_rate=10.0, epochs=2))
    assert trained.history.best_epoch == -1
    assert len(trained.history.train) == 2
    assert net.epochs_trained == 2
    assert same({k: v for k, v in before.items() if k != "epochs_trained"}, state(net))
    fresh = Net(epochs=8)
    assert fit(fresh, Tuning(learning_rate=0.01)).history.best_epoch >= 0
    assert not same(state(fresh), state(Net(epochs=8)))


@pytest.mark.parametrize("freeze", [0, 1, 2, 3, -1])
def test_frozen_stages_do_not_change_by_a_bit(freeze):
    net = Net(epochs=2, held_out=0.5)
    before = state(net)
    fit(net, Tuning(learning_rate=0.05, freeze=freeze))
    after = state(net)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    stages = {int(name.split(".")[1]) for name in changed if name.startswith("stages")}
    assert stages == set(range(3 if freeze == -1 else freeze, 3))
    assert {"classifier.weight", "classifier.bias"} <= changed
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_frozen_stages_are_trainable_again_after_an_error():
    net = Net()
    with pytest.raises(TrainingError):
        fit(net, Tuning(freeze=2), given=(data()[0] * torch.nan, *data()[1:]))
    assert all(parameter.requires_grad for parameter in net.parameters())
    with pytest.raises(ConfigurationError, match="freeze must be at most 3, the number of stages of Net, but is 4"):
        fit(net, Tuning(freeze=4))


@pytest.mark.parametrize("tuning", [None, Tuning(epochs=3, freeze=1)])
def test_an_interrupted_training_continues_bit_for_bit(tmp_path, tuning):
    recipe = {"epochs": 3, "mixup": 0.2, "patience": 2}
    whole, interrupted, resumed = Net(**recipe), Net(**recipe), Net(**recipe)
    expected = fit(whole, tuning)

    class Breaks(list):
        def append(self, windows):
            super().append(windows)
            if len(self) == 9:
                raise Stop

    interrupted.given = Breaks()
    with session(checkpoints=tmp_path):
        with pytest.raises(Stop):
            fit(interrupted, tuning)
        found = fit(resumed, tuning)
    assert len(resumed.given) < len(whole.given)
    assert found.history == expected.history
    assert same(state(resumed), state(whole))
    assert torch.equal(found.logits, expected.logits)


@pytest.mark.parametrize(
    "other",
    [
        {"label_smoothing": 0.1},
        {"mixup": 0.1},
        {"balance": "classes"},
        {"augmentations": {"noise": {"level": [0, 0.4]}, "time_shift": {"seconds": 1.0}}},
        {"augmentations": {"time_shift": {"seconds": 1.0}, "noise": {}}},
        {"held_out": 0.21},
        {"warm_up": 1.0},
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, other):
    with session(checkpoints=tmp_path):
        fit(Net(epochs=1))
        with pytest.raises(ConfigurationError, match="belongs to another training"):
            fit(Net(epochs=1, **other))
        fit(Net(epochs=1, patience=3))  # patience may change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "recipe: epochs must be a whole number of 1 or more, but is 0"),
        ({"epochs": 1.5}, r"recipe: epochs must be a whole number of 1 or more, but is 1\.5"),
        ({"batch_size": 1}, "batch_size must be a whole number of 2 or more, but is 1"),
        ({"learning_rate": 0.0}, r"learning_rate must be positive, but is 0\.0"),
        ({"weight_decay": -0.1}, r"weight_decay must not be negative, but is -0\.1"),
        ({"warm_up": float("nan")}, "warm_up must not be negative, but is nan"),
        ({"patience": 0}, "patience must be a whole number of 1 or more, but is 0"),
        ({"held_out": 0.0}, r"held_out must be between 0 and 1, but is 0\.0"),
        ({"held_out": 1.0}, "held_out must be between 0 and 1"),
        ({"balance": "stations"}, "balance must be one of events, classes, none, but is 'stations'"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1"),
        ({"mixup": float("inf")}, "mixup must be finite and not negative, but is inf"),
        ({"seed": 0.5}, r"seed must be a whole number and not negative, but is 0\.5"),
        ({"seed": -1}, "seed must be a whole number and not negative, but is -1"),
        ({"augmentations": {"nois": {}}}, "there is no augmentation 'nois'; available: scaling"),
        ({"augmentations": {"noise": {"loud": 1}}}, "noise has no argument loud"),
    ],
)
def test_an_invalid_recipe_is_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainingRecipe(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be positive, but is 0"),
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, but is 0"),
        ({"freeze": -2}, "freeze must be a number of stages, or -1 for all stages, but is -2"),
        ({"freeze": 0.5}, r"freeze must be a number of stages, or -1 for all stages, but is 0\.5"),
    ],
)
def test_invalid_fine_tuning_settings_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        Tuning(**changes)


def test_a_recipe_can_be_rebuilt_from_its_config():
    recipe = TrainingRecipe(seed=2, augmentations={"noise": {"level": (0, 1)}})
    assert TrainingRecipe(**recipe.config()) == recipe
    assert recipe.config()["augmentations"] == {"noise": {"probability": 0.5, "level": [0.0, 1.0]}}
    assert TrainingRecipe(seed=2**60).seed == 2**60
