"""Predictions to score: their labels, their sections, and their remark on windows unlike the training data."""

from pathlib import Path

import numpy as np
import pytest

from seisbench_lcl import MiniRocketRidge
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation import EvaluationReport, Recognition
from seisbench_lcl.evaluation.scored import held_out_in_training, predict_held_out, predict_split


@pytest.fixture(scope="module")
def data(dataset_folder: Path) -> LabelledWindows:
    return read_windows(open_dataset(dataset_folder), _model("high", "low").preprocessing)


@pytest.fixture(scope="module")
def fitted(data: LabelledWindows) -> MiniRocketRidge:
    train = data.in_split("train")
    return _model("high", "low").fit(train.windows, train.labels, train.groups)


def _model(*labels: str) -> MiniRocketRidge:
    return MiniRocketRidge(labels=labels, in_samples=500, before=1.0, extractor_args={"max_features": 168})


def test_a_split(fitted: MiniRocketRidge, data: LabelledWindows) -> None:
    scored = predict_split(fitted, data, "dev")
    assert (scored.title, scored.split, len(scored.data)) == ("split dev", "dev", 16)
    np.testing.assert_array_equal(scored.probabilities, fitted.predict_proba(data.in_split("dev").windows))
    scores, reliability = scored.sections()
    assert scores.markdown.startswith("### Split dev\n\n**Scores**")
    assert isinstance(scores.content, EvaluationReport)
    assert reliability.content is None
    assert reliability.markdown.startswith("### Reliability, split dev\n\n**Reliability per station**")


def test_windows_unlike_the_training_data_are_counted(fitted: MiniRocketRidge, data: LabelledWindows) -> None:
    alien = np.random.default_rng(0).standard_cauchy(data.windows.shape).astype(np.float32)
    scored = predict_split(fitted, LabelledWindows(**{**vars(data), "windows": alien}), "dev")
    assert scored.remark == "16 of 16 windows are unlike the training data: classify abstains on them."
    *_, last = scored.sections()
    assert last.markdown.endswith(f"|\n\n{scored.remark}\n")


def test_classes_unknown_to_a_model_are_errors(fitted: MiniRocketRidge, data: LabelledWindows) -> None:
    labels = np.where(data.labels == "low", "ice quake", data.labels)
    scored = predict_split(fitted, LabelledWindows(**{**vars(data), "labels": labels}), "all")
    assert scored.labels == ["high", "low", "ice quake"]
    assert not scored.probabilities[:, 2].any()
    with pytest.raises(ConfigurationError, match="the labels of the model, high, low, do not occur"):
        predict_split(fitted, LabelledWindows(**{**vars(data), "labels": np.full(len(data), "blast")}), "all")


def test_parts_held_out(fitted: MiniRocketRidge, data: LabelledWindows) -> None:
    scored = predict_held_out(fitted, data, np.ones(len(data), dtype=bool), by="region")
    assert scored.split is None
    first, *others = scored.sections()
    assert isinstance(first.content, Recognition)
    assert [section.heading for section in others] == [
        "region held out",
        "region held out: north",
        "region held out: south",
        "Reliability, region held out",
    ]


def test_windows_held_out_in_training(fitted: MiniRocketRidge, data: LabelledWindows) -> None:
    section = held_out_in_training(fitted, data.in_split("train"))
    assert section is not None
    assert section.heading == "Training windows, each predicted by a head fitted without its event"
    assert isinstance(section.content, EvaluationReport)
    assert section.content.station.n_rows == 32
    assert held_out_in_training(_model("high", "low"), data) is None
