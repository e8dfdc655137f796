import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seisbench_lcl.errors import ConfigurationError, OutputError, TrainingError
from seisbench_lcl.optim.loop import initialise, optimise
from seisbench_lcl.optim.session import session, session_part

X = torch.linspace(-1, 1, 60)[:, None]
Y = X.square()
RECIPE = {"epochs": 6, "batch_size": 16, "learning_rate": 0.03, "seed": 3}


class Net(nn.Sequential):
    """A net with parameters, running statistics and dropout."""

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


def test_equal_seeds_give_equal_nets_whatever_random_numbers_the_caller_draws():
    net, before = Net(), torch.random.get_rng_state()
    one, _ = train(net)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    assert same(one, train()[0])
    assert not same(one, train(seed=4)[0])
    assert not one.training


class Weight(nn.Module):
    """A single number, in double precision."""

    def __init__(self, start=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start, dtype=torch.float64))


def test_adamw_along_a_warm_up_and_a_cosine_as_written_out():
    """With a constant gradient of 1, Adam's step is the learning rate; decay is separate."""
    net, found = Weight(), []

    def loss(rows):
        found.append(net.weight.item())
        return net.weight * 1.0

    recipe = {"epochs": 4, "batch_size": 10, "learning_rate": 0.1, "weight_decay": 0.5, "optimiser": "adamw"}
    optimise("weight", net, loss, 30, **recipe, warm_up=1.5, keep="last")
    # Three steps an epoch: in a warm-up of 1.5 epochs the fifth step is the first of the full rate.
    rising = [1 / 4.5, 2 / 4.5, 3 / 4.5, 4 / 4.5] + 8 * [1.0]
    w, expected = 1.0, []
    for step in range(12):
        expected.append(w)
        rate = 0.1 * rising[step] * (1 + math.cos(math.pi * step / 12)) / 2
        w = w - rate * 0.5 * w - rate
    assert [*found, net.weight.item()] == pytest.approx([*expected, w], abs=1e-6)


epoch_by_epoch = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=8)


@given(epoch_by_epoch, st.none() | st.integers(1, 3))
def test_the_score_then_the_loss_choose_the_epoch_and_patience_ends_the_training(epochs, patience):
    net, states = Weight(), []

    def score(rows):
        assert not net.training
        assert not torch.is_grad_enabled()
        states.append(net.weight.item())
        return epochs[len(states) - 1][0]

    def loss(rows):
        return net.weight if torch.is_grad_enabled() else torch.tensor(float(epochs[len(states)][1]))

    history = optimise(
        *("weight", net, loss, 10),
        **{"epochs": len(epochs), "batch_size": 8, "learning_rate": 0.1},
        **{"held_out": torch.tensor([4, 1]), "score": score, "patience": patience},
    )

    def best(n):  # max takes the first of equals
        return max(range(n), key=lambda epoch: (epochs[epoch][0], -epochs[epoch][1]))

    ends = [n for n in range(1, len(epochs)) if patience and n - 1 - best(n) >= patience]
    n = min(ends, default=len(epochs))
    assert history.scores == [float(score) for score, _ in epochs[:n]]
    assert history.held_out == [loss for _, loss in epochs[:n]]
    assert history.best_epoch == best(n)
    assert history.stopped == (f"no better epoch within {patience}" if ends else "")
    assert net.weight.item() == states[best(n)]


def test_chosen_rows_are_held_out_and_drawn_rows_trained_on():
    trained, tested, offered = [], [], []

    def loss(net, rows):
        (trained if torch.is_grad_enabled() else tested).extend(rows.tolist())
        return squared(net, rows)

    def draw(rows):
        offered.append(rows)
        return rows[:20].repeat(2)

    train(loss=loss, held_out=torch.tensor([5, 0, 59]), draw=draw, epochs=2)
    assert tested == 2 * [5, 0, 59]
    assert sorted(offered[0].tolist()) == sorted(set(range(60)) - {5, 0, 59})
    assert trained == 2 * offered[0][:20].repeat(2).tolist()


def test_parameters_without_gradient_stay_and_the_others_are_trained(tmp_path):
    net, before = Net(), Net()
    net[0].requires_grad_(False)
    with session(checkpoints=tmp_path):
        train(net, weight_decay=0.1, optimiser="adamw")
    assert same(net[0], before[0])
    assert not torch.equal(net[4].weight, before[4].weight)


def test_batches_too_large_for_a_gpu_are_halved_with_the_same_gradient(caplog):
    def line():
        net = nn.Linear(1, 1)
        initialise(net, 0)
        return net.double()

    def loss(net, rows, room):
        if torch.is_grad_enabled() and len(rows) > room:
            raise torch.OutOfMemoryError
        return (net(X[rows].double()) - Y[rows]).square().mean()

    whole, expected = train(line(), lambda net, rows: loss(net, rows, 15), optimiser="sgd")
    halved, found = train(line(), lambda net, rows: loss(net, rows, 8), optimiser="sgd")
    assert caplog.messages == ["net: the GPU has no memory for a batch of 15 windows: batches are halved"]
    torch.testing.assert_close(halved.state_dict(), whole.state_dict(), rtol=1e-12, atol=1e-12)
    assert found.train == pytest.approx(expected.train, rel=1e-12)
    with pytest.raises(TrainingError, match="net: the GPU has no memory for half a batch, 8 windows: use a smaller ba"):
        train(line(), lambda net, rows: loss(net, rows, 7))


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


def test_held_out_rows_are_never_trained_on_and_batches_have_nearly_equal_sizes():
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
def test_an_interrupted_training_ends_like_an_uninterrupted_one(tmp_path, held_out, keep):
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
        assert len(done) == 1  # the batch that identifies the data
        assert same(again, whole)


def options():
    """Score, patience, warm-up and draw; rows and scores are random."""
    return {
        "score": lambda rows: round(torch.rand(()).item(), 1),
        "patience": 3,
        "warm_up": 2.5,
        "draw": lambda rows: rows[torch.randint(len(rows), (len(rows),))],
        "held_out": torch.arange(10),
        "optimiser": "adamw",
        "epochs": 12,
    }


def test_a_training_interrupted_repeatedly_ends_like_an_uninterrupted_one(tmp_path):
    whole, expected = train(**options())
    assert expected.stopped == "no better epoch within 3"
    attempts = 0
    with session(checkpoints=tmp_path):
        while True:
            attempts, calls = attempts + 1, iter(range(8))  # a loss for the data, and 5 per epoch

            def interrupted(net, rows, calls=calls):
                if next(calls, None) is None:
                    raise Stop
                return squared(net, rows)

            try:
                resumed, history = train(loss=interrupted, **options())
                break
            except Stop:
                pass
        assert attempts == len(expected.train)
        assert same(resumed, whole)
        assert history == expected
        again, history = train(loss=lambda net, rows: squared(net, rows), **options())
    assert same(again, whole)
    assert history == expected


def test_members_of_an_ensemble_write_separate_files(tmp_path):
    with session(checkpoints=tmp_path, logs=tmp_path), session_part("member-0"), session_part("stage-1"):
        _, history = train(epochs=1)
    assert history.name == "member-0-stage-1-net"
    names = {file.name for file in tmp_path.iterdir() if file.is_file()}
    assert names == {"member-0-stage-1-net.checkpoint", "member-0-stage-1-net.csv"}


def test_numpy_numbers_can_be_loaded_from_a_checkpoint(tmp_path):
    def numbers():
        return {
            "epochs": np.int64(2),
            "learning_rate": np.float64(0.03),
            "weight_decay": np.float32(0.1),
            "score": lambda rows: np.float64(1),
            "details": {"rate": np.float32(2)},
        }

    with session(checkpoints=tmp_path):
        one, _ = train(**numbers())
        assert same(one, train(**numbers())[0])


@pytest.mark.parametrize("damage", [b"", b"something else", "truncated", "a list", "no state", "folder"])
def test_a_file_that_is_not_a_checkpoint_is_named(tmp_path, damage):
    file, net = tmp_path / "net.checkpoint", Net()
    with session(checkpoints=tmp_path):
        train(epochs=1)
        content = file.read_bytes()
        file.unlink()
        if damage == "folder":
            file.mkdir()
        elif damage == "a list":
            torch.save([1, 2], file)
        elif damage == "no state":
            torch.save({"recipe": "[]", "data": 1.0}, file)
        else:
            file.write_bytes(content[: len(content) // 2] if damage == "truncated" else damage)
        with pytest.raises(ConfigurationError, match=r"net\.checkpoint is not a checkpoint: remove it"):
            train(net, epochs=1)
    assert same(net, Net())


def test_a_checkpoint_of_another_network_rows_or_details_is_refused_and_nothing_is_changed(tmp_path):
    def flat(net, rows):  # with a gradient of zero
        return sum((0 * parameter).sum() for parameter in net.parameters()) + 1.0

    wider, start = nn.Linear(1, 32), nn.Linear(1, 32)
    start.load_state_dict(wider.state_dict())
    with session(checkpoints=tmp_path):
        train(loss=flat, held_out=torch.tensor([1, 2]), details={"mixup": 0.1})
        for net, changes in (
            (wider, {"held_out": torch.tensor([1, 2]), "details": {"mixup": 0.1}}),
            (Net(), {"held_out": torch.tensor([1, 3]), "details": {"mixup": 0.1}}),
            (Net(), {"held_out": torch.tensor([1, 2]), "details": {"mixup": 0.2}}),
        ):
            with pytest.raises(
                ConfigurationError, match="belongs to another training, with other data, another network"
            ):
                train(net, loss=flat, **changes)
    assert same(wider, start)


def test_a_folder_that_is_not_writable_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        session(checkpoints=tmp_path / "file"),
        pytest.raises(OutputError, match=r"cannot write the checkpoint .*file"),
    ):
        train()


def test_a_checkpoint_of_other_data_or_arguments_is_refused(tmp_path):
    with session(checkpoints=tmp_path):
        train()
        with pytest.raises(ConfigurationError, match=r"net\.checkpoint belongs to another training, with other data"):
            train(learning_rate=0.02)
        with pytest.raises(ConfigurationError, match="belongs to another training"):
            train(loss=lambda net, rows: squared(net, rows, 2 * Y))


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
    with pytest.raises(TrainingError, match="not finite in the first epoch; use a learning rate below"):
        train(loss=lambda net, rows: squared(net, rows) * torch.inf)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, but is 0"),
        ({"epochs": 2.5}, r"epochs must be a whole number of 1 or more, but is 2\.5"),
        ({"batch_size": 1}, "batch_size must be a whole number of 2 or more, but is 1"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, but is nan"),
        ({"weight_decay": -1}, "weight_decay must not be negative, but is -1"),
        ({"optimiser": "lbfgs"}, "optimiser must be one of adam, adamw, sgd, but is 'lbfgs'"),
        ({"warm_up": -1}, "warm_up must not be negative, but is -1"),
        ({"patience": 0}, "patience must be a whole number of 1 or more, but is 0"),
        ({"held_out": 1}, "held_out must be a fraction of at least 0 and below 1, but is 1"),
        ({"held_out": torch.ones(60, dtype=torch.bool)}, "held_out must be a fraction, or distinct int64 indices of"),
        ({"held_out": torch.tensor([3, 60])}, "indices of rows from 0 to 59"),
        ({"held_out": torch.tensor([3, 3])}, "distinct int64 indices"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        train(**changes)


def test_too_few_rows_are_refused_and_progress_is_shown():
    net, seen = Net(), []
    with pytest.raises(TrainingError, match="net: training needs 2 windows or more, but has 1"):
        optimise("net", net, lambda rows: squared(net, rows), 2, **RECIPE, held_out=0.1)
    with session(progress=lambda name: lambda epochs: seen.append(name) or epochs):
        train(name="bar")
    assert seen == ["bar"]
