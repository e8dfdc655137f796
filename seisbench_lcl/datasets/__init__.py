"""Labelled windows from SeisBench datasets, and new datasets from continuous records."""

from seisbench_lcl.datasets.cuts import Cuts
from seisbench_lcl.datasets.detection import DetectionSummary, detect_windows, read_archive
from seisbench_lcl.datasets.manifest import split_manifest
from seisbench_lcl.datasets.member_windows import read_member_windows
from seisbench_lcl.datasets.windows import LabelledWindows, open_dataset, read_windows

__all__ = [
    "Cuts",
    "DetectionSummary",
    "LabelledWindows",
    "detect_windows",
    "open_dataset",
    "read_archive",
    "read_member_windows",
    "read_windows",
    "split_manifest",
]
