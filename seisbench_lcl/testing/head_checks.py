"""What is asked of heads alone."""

from seisbench_lcl.errors import SeisBenchLCLError
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import Failed, HeadSubject
from seisbench_lcl.testing._trial import Trial


@check("number of classes", "head")
def number_of_classes(subject: HeadSubject) -> None:
    """Keep K columns, and `n_classes` at K, whatever is found in the data.

    Labels and clusters are named by column. Where there are more columns than classes or clusters in the data, some are
    of low probability, or `fit` raises TrainingError.
    """
    k, trial = subject.shape["n_classes"], subject.trial()
    _keeps(subject, k, trial, "the trial")
    if k > 2:
        _keeps(subject, k, trial.rows(trial.labels != k - 1), f"{k - 1} of {k} classes")
    _keeps(subject, 2 * k, trial, f"{2 * k} classes where rows show {k}")


def _keeps(subject: HeadSubject, k: int, trial: Trial, what: str) -> None:
    try:
        instance = subject.learn(subject.make(n_classes=k), trial)
    except SeisBenchLCLError:  # it says why it cannot
        return
    columns = subject.answer(instance, trial.inputs).shape[-1]
    if columns != k or subject.width(instance) != k:
        raise Failed(
            f"after a fit to {what}, there are {columns} columns and n_classes is {subject.width(instance)}, but the "
            f"constructor was told {k}: leave every column in its place, and n_classes as it was given"
        )


@check("rows of a file", "head")
def rows_of_a_file(subject: HeadSubject) -> None:
    """Learn the same from features in a file as from those in memory.

    Large archives do not fit into memory. The base class reads the file whole, unless you implement `_fit_rows`.
    """
    trial, instance = subject.trial().copy(), subject.make()
    rows = RowFile(trial.inputs.shape[1])
    rows.extend(trial.inputs.numpy())
    with seeded(0):
        instance.fit(rows, trial.labels if instance.supervised else None, trial.groups)  # type: ignore[arg-type]
    agree(
        subject.answer(instance, subject.trial().inputs),
        subject.answers,
        "a fit to rows of a RowFile differs from one to the same rows in memory: see _fit_rows",
        relative=1e-3,
        of_spread=1e-3,
    )
