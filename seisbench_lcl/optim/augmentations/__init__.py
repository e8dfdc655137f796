"""Augmentations: random changes of windows that keep their class."""

from seisbench_lcl.optim.augmentations.bands import BandPass, BandStop
from seisbench_lcl.optim.augmentations.base import Augmentation
from seisbench_lcl.optim.augmentations.chain import AUGMENTATIONS, Chain
from seisbench_lcl.optim.augmentations.component_drop import ComponentDrop
from seisbench_lcl.optim.augmentations.noise import Noise
from seisbench_lcl.optim.augmentations.scaling import Scaling
from seisbench_lcl.optim.augmentations.seisbench import FromSeisBench
from seisbench_lcl.optim.augmentations.time_shift import TimeShift

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "BandPass",
    "BandStop",
    "Chain",
    "ComponentDrop",
    "FromSeisBench",
    "Noise",
    "Scaling",
    "TimeShift",
]
