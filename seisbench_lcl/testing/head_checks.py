"""Checks of heads only."""

import numpy as np

from seisbench_lcl.errors import SeisBenchLCLError
from seisbench_lcl.heads.base import Head
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import Failed, HeadSubject
from seisbench_lcl.testing._trial import Trial


@check("number of classes", "head")
def number_of_classes(subject: HeadSubject) -> None:
    """Keep K columns and ``n_classes`` = K, whatever the data hold.

    Columns are named by class or cluster. If the data hold fewer than K, the spare columns get low probabilities, or
    `fit` raises TrainingError.
    """
    k, trial = subject.shape["n_classes"], subject.trial()
    _keeps(subject, k, trial, "the trial")
    if k > 2:
        _keeps(subject, k, trial.rows(trial.labels != k - 1), f"{k - 1} of {k} classes")
    _keeps(subject, 2 * k, trial, f"{k} of {2 * k} classes")


def _keeps(subject: HeadSubject, k: int, trial: Trial, what: str) -> None:
    try:
        instance = subject.learn(subject.make(n_classes=k), trial)
    except SeisBenchLCLError:
        return
    columns = subject.answer(instance, trial.inputs).shape[-1]
    if columns != k or subject.width(instance) != k:
        raise Failed(
            f"after a fit to {what}, the output has {columns} columns and n_classes is {subject.width(instance)}, but "
            f"the constructor got n_classes={k}: keep all columns, and do not change n_classes"
        )


@check("rows of a file", "head")
def rows_of_a_file(subject: HeadSubject) -> None:
    """Learn the same from features in a file as in memory.

    Large archives do not fit into memory. The base class reads the whole file, unless you implement `_fit_rows`.
    """
    trial, instance = subject.trial().copy(), subject.make()
    rows = RowFile(trial.inputs.shape[1])
    rows.extend(trial.inputs.numpy())
    with seeded(0):
        instance.fit(rows, trial.labels if instance.supervised else None, trial.groups)  # type: ignore[arg-type]
    agree(
        subject.answer(instance, subject.trial().inputs),
        subject.answers,
        "a fit to a RowFile differs from a fit to the same rows in memory: see _fit_rows",
        relative=1e-3,
        of_spread=1e-3,
    )


@check("report of the fit", "head")
def report_of_the_fit(subject: HeadSubject) -> None:
    """Describe the fit in `notes` and `held_out`, in the right types.

    Reports print the sentences of `notes`. `held_out` has the probability of each training row, predicted without its
    event, and NaN for rows that are left out; it is None for a head that holds out no events.
    """
    head = subject.fitted
    assert isinstance(head, Head)
    notes = head.notes()
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise Failed(f"notes returned {notes!r}, but must return a list of sentences")
    found, expected = head.held_out, (len(subject.trial().inputs), subject.width(head))
    if found is not None and (
        not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.shape != expected
    ):
        described = f"{getattr(found, 'dtype', '')} {getattr(found, 'shape', '')}".strip()
        raise Failed(
            f"held_out is a {type(found).__name__} ({described}), but must be None or a float32 array of shape "
            f"{expected}"
        )
