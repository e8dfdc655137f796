"""Models of several parts on the command line: arguments of a part, and cards that bring them back."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.cli.common import parse_settings
from seisbench_lcl.errors import ConfigurationError

pytestmark = pytest.mark.timeout(120)

OWN = ("--model", "EnvelopePhysicalRidge", "--length", 10)
FEW = ("--extractor-arg", "envelope>minirocket.minirocket.max_features=84")


def described(file: Path) -> Any:
    return json.loads(file.read_text())["model_args"]


def test_train_evaluate_classify_and_again_by_the_card(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    out = ("train", "--dataset", dataset_folder, "--report", "card.md", "--out")
    given = ("--extractor-arg", 'physical={"refine": 0.5, "p_length": 1}', "--extractor-arg", "physical.s_length=2.5")
    done = run(*out, "w/mine", *OWN, *FEW, *given)
    assert done.returncode == 0, done.stderr
    arguments = described(tmp_path / "w" / "mine.json")
    assert arguments["extractor_args"]["envelope>minirocket"]["minirocket"]["max_features"] == 84
    physical = arguments["extractor_args"]["physical"]
    assert (physical["refine"], physical["p_length"], physical["s_length"]) == (0.5, 1.0, 2.5)
    assert arguments["head_args"]["weighting"] == "equal"
    same = ("--dataset", dataset_folder, "--weights", "w/mine")
    done = run("evaluate", *same, "--report", "dev.md")
    assert done.returncode == 0, done.stderr
    assert "16 station windows of 8 events" in (tmp_path / "dev.md").read_text()
    done = run("evaluate", *same, "--by", "region", "--report", "region.md")
    assert done.returncode == 0, done.stderr
    assert "### Region held out: north" in (tmp_path / "region.md").read_text()
    done = run("fine-tune", *same, "--split", "dev", "--out", "w/there")
    assert done.returncode == 0, done.stderr
    assert described(tmp_path / "w" / "there.json") == arguments
    obspy.read().write(str(tmp_path / "a.mseed"), "MSEED")
    done = run("classify", "a.mseed", "--weights", "w/there")
    assert done.returncode == 0, done.stderr
    assert "windows of 1 station" in done.stdout

    card = (tmp_path / "card.md").read_text()
    assert "| accuracy | " in card
    configuration = re.search(r"```toml\n(.*?)```", card, re.DOTALL)
    assert configuration is not None
    assert '[extractor-arg."envelope>minirocket".minirocket]\nmax_features = 84\n' in configuration[1]
    (tmp_path / "card.toml").write_text(configuration[1])
    done = run(*out, "w/again", "--config", "card.toml", "--dataset", dataset_folder)
    assert done.returncode == 0, done.stderr
    one, again = (lcl.EnvelopePhysicalRidge.load(tmp_path / "w" / name) for name in ("mine", "again"))
    windows = np.random.default_rng(0).normal(size=(4, 3, 1000)).astype(np.float32)
    np.testing.assert_array_equal(one.predict_proba(windows), again.predict_proba(windows))
    assert one.get_model_args() == again.get_model_args()


def test_members_of_several_parts_differ_in_their_seeds(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    done = run(
        *("train", "--dataset", dataset_folder, "--out", "w/two", "--report", "card.md"),
        *(*OWN, *FEW, "--members", 2, "--copies", 0),
    )
    assert done.returncode == 0, done.stderr
    members = described(tmp_path / "w" / "two.json")["members"]
    seeds = [member["extractor_args"]["envelope>minirocket"]["minirocket"]["seed"] for member in members]
    assert seeds == [0, 1]
    card = (tmp_path / "card.md").read_text()
    assert "max_features = 84" in card
    assert "seed" not in card
    assert "members = 2" in card
    done = run("evaluate", "--dataset", dataset_folder, "--weights", "w/two", "--folds", 2)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "[extractor-arg]\nphysical.refine = 0.5\n",
        '[extractor-arg]\n"physical.refine" = 0.5\n',
        "[extractor-arg.physical]\nrefine = 0.5\n",
        'extractor-arg = ["physical.refine=0.5"]\n',
    ],
)
def test_a_file_may_give_arguments_of_a_part_in_any_way(
    run: Callable, dataset_folder: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "own.toml").write_text('model = "PhysicalRidge"\nlength = 10.0\ncopies = 0\n' + text)
    done = run("train", "--dataset", dataset_folder, "--out", "w", "--config", "own.toml")
    assert done.returncode == 2
    assert "unexpected keyword argument 'physical'" in done.stderr
    text = 'model = "Discriminator"\nextractor = "raw+physical"\nhead = "stack"\nlength = 4.0\ncopies = 0\n' + text
    (tmp_path / "own.toml").write_text(text)
    done = run("train", "--dataset", dataset_folder, "--out", "w", "--config", "own.toml")
    assert done.returncode == 0, done.stderr
    assert described(tmp_path / "w.json")["extractor_args"]["physical"]["refine"] == 0.5


def test_a_card_holds_what_toml_has_no_word_for(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    """Arguments that are None, as of `raw`, and classes by their number."""
    given = ("--model", "Discriminator", "--extractor", "raw+physical", "--head", "stack", "--length", 4)
    weights = ("--head-arg", 'class_weight={"0": 2, "1": 1}', "--copies", 0)
    done = run("train", "--dataset", dataset_folder, "--out", "w", "--report", "card.md", *given, *weights)
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "card.md").read_text()
    assert "[head-arg.class_weight]\n0 = 2.0\n1 = 1.0\n" in card
    assert "n_components" not in card


def test_settings_of_parts() -> None:
    settings = ["a.b.c=1", 'a={"d": [1, 2]}', 'a.b={"e": "f"}', "g=h.i=j", "k.l=null", "m={x"]
    assert parse_settings(settings, "--option") == {
        "a": {"b": {"c": 1, "e": "f"}, "d": [1, 2]},
        "g": "h.i=j",
        "k": {"l": None},
        "m": "{x",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["a.b=1", "a.b=1"], "--option sets a.b twice: '1' and '1'"),
        (["a.b=1", 'a={"b": 1}'], "--option sets a.b twice: 1 and 1"),
        (["a=1", "a.b=2"], "--option sets a twice: 1 and {'b': 2}"),
        (["a.b={}", "a=1"], "--option sets a twice: {'b': {}} and 1"),
        (["a..b=1"], r"--option takes key=value or part.key=value, but got 'a..b=1'"),
        ([".a=1"], "--option takes key=value or part.key=value, but got '.a=1'"),
        (["a.=1"], "--option takes key=value or part.key=value, but got 'a.=1'"),
        (["a.b"], "--option takes key=value, but got 'a.b'"),
    ],
)
def test_settings_that_contradict_each_other(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        parse_settings(settings, "--option")


def test_a_part_that_is_not_there_is_one_message(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    for argument, message in {
        "phsical.refine=1": "arguments were passed for phsical, but the extractor is made of envelope>minirocket and",
        "physical=1": "arguments of physical must be a mapping, but are 1",
    }.items():
        done = run("train", "--dataset", dataset_folder, "--out", "w", *OWN, "--extractor-arg", argument)
        assert done.returncode == 2
        assert message in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("w*")) == []
