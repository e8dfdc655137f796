"""Training: windows from SeisBench datasets and continuous records, the loop, augmentations."""

from seisbench_lcl.training._session import session
from seisbench_lcl.training.cuts import Cuts
from seisbench_lcl.training.detection import DetectionSummary, detect_windows, read_archive
from seisbench_lcl.training.loop import History, initialise, optimise
from seisbench_lcl.training.supervised import Recipe, Tuning
from seisbench_lcl.training.windows import LabelledWindows, open_dataset, read_windows

__all__ = [
    "Cuts",
    "DetectionSummary",
    "History",
    "LabelledWindows",
    "Recipe",
    "Tuning",
    "detect_windows",
    "initialise",
    "open_dataset",
    "optimise",
    "read_archive",
    "read_windows",
    "session",
]
