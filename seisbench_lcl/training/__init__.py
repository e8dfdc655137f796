"""Training: from a dataset to a fitted model and its report."""

from seisbench_lcl.datasets import (
    Cuts,
    DetectionSummary,
    LabelledWindows,
    detect_windows,
    open_dataset,
    read_archive,
    read_windows,
)
from seisbench_lcl.optim import History, Tuning, initialise, optimise, session
from seisbench_lcl.optim.recipe import TrainingRecipe
from seisbench_lcl.training.pipeline import Columns, Training, TrainingRequest, recorded_cuts, refined_cuts
from seisbench_lcl.training.report import training_sections

__all__ = [
    "Columns",
    "Cuts",
    "DetectionSummary",
    "History",
    "LabelledWindows",
    "Training",
    "TrainingRecipe",
    "TrainingRequest",
    "Tuning",
    "detect_windows",
    "initialise",
    "open_dataset",
    "optimise",
    "read_archive",
    "read_windows",
    "recorded_cuts",
    "refined_cuts",
    "session",
    "training_sections",
]
