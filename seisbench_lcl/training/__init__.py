"""Training: windows from SeisBench datasets."""

from seisbench_lcl.training.windows import LabelledWindows, open_dataset, read_windows

__all__ = ["LabelledWindows", "open_dataset", "read_windows"]
