import math

import pytest
import torch
from torch import nn

from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.training.loop import initialise, optimise, session

X = torch.linspace(-1, 1, 60)[:, None]
Y = X.square()
RECIPE = {"epochs": 6, "batch_size": 16, "learning_rate": 0.03, "seed": 3}


class Net(nn.Sequential):
    """A net with all that a training has of state: parameters, running statistics, dropout."""

    def __init__(self):
        super().__init__(nn.Linear(1, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))
        initialise(self, 1)


class Stop(Exception):
    pass


def squared(net, rows, target=Y):
    return (net(X[rows]) - target[rows]).square().mean()


def train(net=None, loss=squared, name="net", **changes):
    net = net or Net()
    return net, optimise(name, net, lambda rows: loss(net, rows), len(X), **(RECIPE | changes))


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_adam_along_a_cosine_as_written_out():
    """Full batches, so that the order of rows does not matter: Kingma and Ba (2015), algorithm 1."""
    net = nn.Linear(1, 1)
    initialise(net, 0)
    w, b = net.weight.item(), net.bias.item()
    moments = [[0.0, 0.0], [0.0, 0.0]]
    x, y = X[:, 0].double(), Y[:, 0].double()
    for step in range(6):
        error = w * x + b - y
        rate = 0.03 * (1 + math.cos(math.pi * step / 6)) / 2
        values = []
        for value, gradient, m in zip((w, b), ((2 * error * x).mean(), (2 * error).mean()), moments, strict=True):
            g = gradient.item()
            m[0], m[1] = 0.9 * m[0] + 0.1 * g, 0.999 * m[1] + 0.001 * g * g
            first, second = m[0] / (1 - 0.9 ** (step + 1)), m[1] / (1 - 0.999 ** (step + 1))
            values.append(value - rate * first / (math.sqrt(second) + 1e-8))
        w, b = values
    optimise("line", net, lambda rows: squared(net, rows), len(X), **(RECIPE | {"batch_size": 60}), keep="last")
    assert net.weight.item() == pytest.approx(w, abs=1e-5)
    assert net.bias.item() == pytest.approx(b, abs=1e-5)


def test_equal_seeds_give_equal_nets_whatever_the_caller_draws():
    net, before = Net(), torch.random.get_rng_state()
    one, _ = train(net)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    assert same(one, train()[0])
    assert not same(one, train(seed=4)[0])
    assert not one.training


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_the_state_of_the_stated_epoch_is_kept(keep, held_out):
    states = []

    def loss(net, rows):
        return squared(net, rows) * (1 + 50 * (len(states) >= 5))  # the last epochs look worse

    net = Net()
    history = optimise(
        *("net", net, lambda rows: loss(net, rows), len(X)),
        **RECIPE,
        held_out=held_out,
        keep=keep,
        before_epoch=lambda: states.append({k: v.clone() for k, v in net.state_dict().items()}),
    )
    losses = history.held_out or history.train
    assert len(losses) == 6
    assert history.best_epoch == (5 if keep == "last" else losses.index(min(losses)))
    if keep == "best":
        assert history.best_epoch < 5
        expected = states[history.best_epoch + 1]
        assert all(torch.equal(value, expected[name]) for name, value in net.state_dict().items())


def test_rows_held_out_are_never_trained_on_and_batches_are_of_nearly_equal_size():
    trained, tested = [], []

    def loss(net, rows):
        (trained if torch.is_grad_enabled() else tested).append(rows)
        return squared(net, rows)

    train(loss=loss, held_out=0.2, epochs=2)
    assert sorted(torch.cat(tested[:1]).tolist() + torch.cat(trained[:3]).tolist()) == list(range(60))
    assert {len(rows) for rows in trained} == {16}
    assert not set(torch.cat(trained).tolist()) & set(torch.cat(tested).tolist())


@pytest.mark.parametrize("held_out", [0.0, 0.2])
@pytest.mark.parametrize("keep", ["best", "last"])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path, held_out, keep):
    whole, expected = train(held_out=held_out, keep=keep)
    calls = 0

    def interrupted(net, rows):
        nonlocal calls
        calls += 1
        if calls == 15:
            raise Stop
        return squared(net, rows)

    with session(checkpoints=tmp_path / "new"):
        with pytest.raises(Stop):
            train(loss=interrupted, held_out=held_out, keep=keep)
        assert [file.name for file in (tmp_path / "new").iterdir()] == ["net.checkpoint"]
        resumed, history = train(held_out=held_out, keep=keep)
        assert same(resumed, whole)
        assert history == expected
        done = []
        again, _ = train(loss=lambda net, rows: done.append(rows) or squared(net, rows), held_out=held_out, keep=keep)
        assert len(done) == 1  # the batch that tells whether the data are the same
        assert same(again, whole)


def test_a_checkpoint_of_other_data_or_arguments_is_refused(tmp_path):
    with session(checkpoints=tmp_path):
        train()
        with pytest.raises(ConfigurationError, match=r"net\.checkpoint is of another training, with other data"):
            train(learning_rate=0.02)
        with pytest.raises(ConfigurationError, match="is of another training"):
            train(loss=lambda net, rows: squared(net, rows, 2 * Y))
        (tmp_path / "net.checkpoint").write_bytes(b"something else")
        with pytest.raises(ConfigurationError, match=r"net\.checkpoint is no checkpoint: remove it"):
            train()


def test_a_loss_that_is_not_finite_stops_and_the_last_good_state_stays(caplog):
    calls = 0

    def loss(net, rows):
        nonlocal calls
        calls += 1
        return squared(net, rows) * (torch.nan if calls > 10 else 1)

    net, history = train(loss=loss, keep="last")
    assert len(history.train) == 2
    assert history.stopped == "the loss was not finite in epoch 3"
    assert "training stops, and the state after epoch 2 is kept" in caplog.text
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())
    with pytest.raises(TrainingError, match="not finite in the first epoch; take a learning rate below"):
        train(loss=lambda net, rows: squared(net, rows) * torch.inf)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more, but is 0"),
        ({"batch_size": 1}, "batch_size must be 2 or more, but is 1"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, but is nan"),
        ({"weight_decay": -1}, "weight_decay must not be negative, but is -1"),
        ({"optimiser": "lbfgs"}, "optimiser must be one of adam, adamw, sgd, but is 'lbfgs'"),
        ({"held_out": 1}, "held_out must be a fraction below 1, but is 1"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        train(**changes)


def test_too_few_rows_are_refused_and_progress_is_shown():
    net, seen = Net(), []
    with pytest.raises(TrainingError, match="net: 1 windows are too few"):
        optimise("net", net, lambda rows: squared(net, rows), 2, **RECIPE, held_out=0.1)
    with session(progress=lambda name: lambda epochs: seen.append(name) or epochs):
        train(name="bar")
    assert seen == ["bar"]
