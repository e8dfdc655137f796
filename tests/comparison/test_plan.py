import re
from pathlib import Path
from typing import get_args

import pytest
from small_plan import PLAN, write

from seisbench_lcl.comparison import Plan
from seisbench_lcl.comparison.papers import Paper, tomllib
from seisbench_lcl.comparison.plan import BASELINE, Entry, trainable
from seisbench_lcl.comparison.runs import runs_of
from seisbench_lcl.comparison.specs import FigureSpec, TableSpec
from seisbench_lcl.errors import ConfigurationError


def test_a_plan_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    wrong = {
        r"split: .* test = 4 parts of folds = 4 leave none": {"split": {"folds": 4, "test": 4}},
        r"two models are called 'DEC': give one of them another name": {"models": [{"name": "DEC"}] * 2},
        r"needs either name, to be trained, or weights": {"models": [{"shown": "x"}]},
        "targets, a list of regions, and by = .* belong together": {"split": {"by": "targets"}},
        "of a target region, some events are learnt from": {
            "split": {"by": "targets", "targets": ["north"], "folds": 2, "test": 0}
        },
        'DEC: learn and fine_tune need a split by = "targets"': {"models": [{"name": "DEC", "learn": "elsewhere"}]},
        "nothing of a region that is held out can be learnt": {
            "split": {"by": "region"},
            "models": [{"name": "DEC", "fine_tune": True}],
        },
        r"no model is called 'WaveformKMean'; .*did you mean 'WaveformKMeans'": {
            "tables": [{"title": "t", "models": ["WaveformKMean"]}]
        },
        r"data.colour: Extra inputs": {"data": {"dataset": "d", "colour": 1}},
        r"no further model matches 'Nothing\*'": {"models": [{"name": "Nothing*"}]},
    }
    for message, changes in wrong.items():
        with pytest.raises(ConfigurationError, match=message):
            Plan.read(write(file, **changes))
    file.write_text("title = ")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        Plan.read(file)
    with pytest.raises(ConfigurationError, match=r"cannot read .*absent"):
        Plan.read(tmp_path / "absent.toml")


def test_a_pattern_takes_every_class_that_is_not_named(tmp_path: Path) -> None:
    models = [{"name": "MiniRocketSCAN", "copies": 2}, {"name": "MiniRocket*", "repeats": 1}]
    plan = Plan.read(write(tmp_path / "plan.toml", models=models))
    expected = [name for name in trainable() if name.startswith("MiniRocket") and name != "MiniRocketSCAN"]
    assert [entry.name for entry in plan.models] == ["MiniRocketSCAN", *expected]
    assert {entry.repeats for entry in plan.models[1:]} == {1}
    assert "Discriminator" not in trainable()


def test_runs_are_repeats_and_then_seeds_of_the_first_deal() -> None:
    plan = Plan.model_validate(PLAN)
    runs = [(run.entry.title, run.deal, run.seed) for run in runs_of(plan)]
    first, second = "MiniRocketRidge", "WaveformKMeans"
    deals = [(model, deal, deal) for deal in range(2) for model in (BASELINE, first, second)]
    assert runs == [*deals, (first, 0, 1)]
    assert [(run.deal, run.seed) for run in runs_of(plan, 1)] == [(0, 0)] * 3
    by_region = plan.model_copy(update={"split": plan.split.model_copy(update={"by": "region"})})
    assert [(r.entry.title, r.deal, r.seed) for r in runs_of(by_region)] == [
        *[(model, 0, 0) for model in (BASELINE, first, second)],
        *[(model, 0, 1) for model in (first, second)],
    ]


def test_the_fingerprint_depends_on_settings_data_and_split_alone() -> None:
    plan = Plan.model_validate(PLAN)
    run = next(run for run in runs_of(plan) if run.entry.map)
    prints = {
        other.fingerprint(data, digest, split)
        for other in (run, type(run)(Entry(name="MiniRocketRidge"), 0, 0), type(run)(run.entry, 1, 0))
        for data in (plan.data, plan.data.model_copy(update={"length": 9.0}))
        for digest in "ab"
        for split in "ab"
    }
    assert len(prints) == 3 * 2 * 2 * 2
    renamed = type(run)(run.entry.model_copy(update={"shown": "x", "repeats": 9}), 0, 0)
    assert renamed.fingerprint(plan.data, "a", "b") == run.fingerprint(plan.data, "a", "b")


def test_the_plans_and_papers_of_the_repository_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "benchmarks" / "comparisons"
    files = sorted(folder.glob("*.toml"))
    assert len(files) > 5
    for file in files:
        plan = Plan.read(file)
        for spec in plan.tables:
            if spec.paper:
                assert set(Paper.read(folder, spec.paper).values) <= {entry.title for entry in plan.models}


def test_the_example_in_the_documents_is_a_plan() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert Plan.model_validate(tomllib.loads(example)).models[1].members == 3
    for kind in get_args(TableSpec.model_fields["kind"].annotation) + get_args(
        FigureSpec.model_fields["kind"].annotation
    ):
        assert f"`{kind}`" in page
