"""Windows of one dataset for several models, each with its own length, rate and components."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets.windows import LabelledWindows, labels_in, read_windows
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.storage import MemberRows
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.wording import listed


def read_member_windows(dataset: WaveformDataset, models: Sequence[Preprocessing], **settings: Any) -> LabelledWindows:
    """Cut windows from the traces of a dataset for each member of an ensemble, aligned by the P arrival.

    A trace that is too short for one member, or lacks a component of it, still counts if it gives a window for another.

    Parameters
    ----------
    dataset : seisbench.data.WaveformDataset
    models : sequence of Preprocessing
        That of each member, such as `MixedEnsemble.window_preprocessing`. Windows are read once for those that cut
        them alike.
    **settings
        Those of `read_windows`, except `cuts`: windows are not shifted.

    Returns
    -------
    LabelledWindows
        Its `windows` are `seisbench_lcl.storage.MemberRows`. The signal-to-noise ratio of a trace is that of the first
        member with a window of it. Notes name the member's window they are about, as "(20 s of ZNE)".

    Raises
    ------
    DatasetError
        As `read_windows`; a class is lost if it gives no window for any member.
    """
    read: dict[tuple[Any, ...], LabelledWindows] = {}
    notes: dict[str, int] = {}
    for model in models:
        if model.cut not in read:
            found = read[model.cut] = read_windows(dataset, model, every_class=False, **settings)
            window = f"({model.seconds:g} s of {model.component_order})"
            notes |= {f"{note} {window}": count for note, count in found.notes.items()}
    each = list(read.values())
    traces, first = np.unique(np.concatenate([_traces(found) for found in each]), return_index=True)

    def joined(name: str) -> Any:
        return np.concatenate([getattr(found, name) for found in each])[first]

    labels = joined("labels")
    wanted = settings.get("labels") or labels_in(dataset, settings.get("label_column", "source_type"))
    if lost := sorted(set(wanted) - set(labels.tolist())):
        counts = "; ".join(f"{note}, {count} traces" for note, count in notes.items())
        raise DatasetError(f"no trace of {listed(lost)} gives a window for any member: {counts}")
    places = []
    for model in models:
        place = np.full(len(traces), -1)
        place[np.searchsorted(traces, _traces(read[model.cut]))] = np.arange(len(read[model.cut]))
        places.append(place)
    return LabelledWindows(
        MemberRows([read[model.cut].windows for model in models], places),  # type: ignore[misc]
        labels,
        joined("groups"),
        joined("splits"),
        pd.concat([found.metadata for found in each], ignore_index=True).iloc[first].reset_index(drop=True),
        joined("shifts"),
        joined("snr"),
        notes,
        joined("has_p"),
        traces,
    )


def _traces(found: LabelledWindows) -> NDArray[np.int64]:
    assert found.traces is not None, "read_windows sets them"
    return found.traces
