import csv
import sys

import pytest
import torch
from torch import nn

from seisbench_lcl.errors import OutputError
from seisbench_lcl.optim._logs import Logs
from seisbench_lcl.optim.loop import initialise, optimise
from seisbench_lcl.optim.session import session

COLUMNS = ["epoch", "learning_rate", "train", "held_out", "score", "seconds"]
X = torch.linspace(-1, 1, 20)[:, None]


class Stop(Exception):
    pass


@pytest.fixture
def without_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # makes its import fail


def train(interrupted_in=None, **options):
    net = nn.Linear(1, 1)
    initialise(net, 0)
    calls = iter(range(10**6 if interrupted_in is None else interrupted_in))

    def loss(rows):
        if next(calls, None) is None:
            raise Stop
        return (net(X[rows]) - X[rows].square()).square().mean()

    return optimise("net", net, loss, len(X), **({"epochs": 5, "batch_size": 10, "learning_rate": 0.1} | options))


def table(folder):
    with (folder / "net.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def row(epoch, value=0.5):
    return {"learning_rate": value, "train": value, "held_out": None, "score": None, "seconds": 1.0}


@pytest.mark.usefixtures("without_tensorboard")
def test_each_epoch_has_a_row(tmp_path):
    with session(logs=tmp_path / "new" / "logs"):
        history = train(held_out=0.2, score=lambda rows: 7.0)
    found = table(tmp_path / "new" / "logs")
    assert list(found[0]) == COLUMNS
    assert [row["epoch"] for row in found] == ["1", "2", "3", "4", "5"]
    assert [float(row["train"]) for row in found] == pytest.approx(history.train, rel=1e-5)
    assert [float(row["held_out"]) for row in found] == pytest.approx(history.held_out, rel=1e-5)
    assert {row["score"] for row in found} == {"7"}
    assert float(found[0]["learning_rate"]) > float(found[4]["learning_rate"]) > 0
    assert all(float(row["seconds"]) >= 0 for row in found)
    with session(logs=tmp_path):
        train()
    assert {(row["held_out"], row["score"]) for row in table(tmp_path)} == {("", "")}
    assert [file.name for file in tmp_path.iterdir() if file.suffix] == ["net.csv"]


@pytest.mark.usefixtures("without_tensorboard")
def test_the_table_of_a_resumed_training_has_each_epoch_once(tmp_path):
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    with session(logs=whole):
        train()
    with session(checkpoints=tmp_path, logs=resumed):
        for calls in (4, 6):  # one for the data, two per epoch
            with pytest.raises(Stop):
                train(calls)
        train()
        train()
    for rows in (expected := table(whole)), (found := table(resumed)):
        for row in rows:
            del row["seconds"]
    assert found == expected


@pytest.mark.usefixtures("without_tensorboard")
def test_rows_of_epochs_that_are_trained_again_or_were_cut_off_are_left_out(tmp_path):
    logs = Logs(tmp_path, "net", 0)
    for epoch in range(3):
        logs.write(epoch, **row(epoch))
    with (tmp_path / "net.csv").open("a") as file:
        file.write("1,0.2")  # cut off, for example in epoch 10
    Logs(tmp_path, "net", 2).write(2, **row(2, 0.25))
    assert [(row["epoch"], row["train"]) for row in table(tmp_path)] == [("1", "0.5"), ("2", "0.5"), ("3", "0.25")]
    Logs(tmp_path, "net", 0)
    assert table(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        session(logs=tmp_path / "file"),
        pytest.raises(OutputError, match=r"cannot write logs to .*file.*another folder"),
    ):
        train()
    logs = Logs(tmp_path / "logs", "net", 0)
    (tmp_path / "logs" / "net.csv").unlink()
    (tmp_path / "logs" / "net.csv").mkdir()
    with pytest.raises(OutputError, match=r"cannot write the log .*net\.csv"):
        logs.write(0, **row(0))
    logs.close()


def test_tensorboard_reads_what_was_written(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with session(checkpoints=tmp_path, logs=tmp_path):
        with pytest.raises(Stop):
            train(6, held_out=0.2)
        train(held_out=0.2)
        (tmp_path / "net.checkpoint").unlink()
        history = train(held_out=0.2, learning_rate=0.05)  # a new training: earlier rows do not count
    board = events.EventAccumulator(str(tmp_path / "net")).Reload()
    assert sorted(board.Tags()["scalars"]) == ["held_out", "learning_rate", "seconds", "train"]
    for name in ("train", "held_out"):
        assert [event.step for event in board.Scalars(name)] == [1, 2, 3, 4, 5]
        assert [event.value for event in board.Scalars(name)] == pytest.approx(getattr(history, name), rel=1e-6)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "net").write_text("")
    with session(logs=tmp_path / "other"), pytest.raises(OutputError, match="cannot write logs to"):
        train()
