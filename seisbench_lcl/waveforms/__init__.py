"""Streams and dataset arrays as records on the time grid of a model, with gaps marked."""

from seisbench_lcl.waveforms.onset import aic_onset
from seisbench_lcl.waveforms.preprocessing import Normalisation, Preprocessing
from seisbench_lcl.waveforms.records import Record, Unusable, read_array, read_stream
from seisbench_lcl.waveforms.station import StationId

__all__ = [
    "Normalisation",
    "Preprocessing",
    "Record",
    "StationId",
    "Unusable",
    "aic_onset",
    "read_array",
    "read_stream",
]
