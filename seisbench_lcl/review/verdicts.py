"""The verdicts of all analysts: which one counts, and where they differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from seisbench_lcl.errors import CatalogError
from seisbench_lcl.review.agreement import pairwise_kappa
from seisbench_lcl.review.verdict import Kind, Standing, Verdict, parse_lines
from seisbench_lcl.review.verdict_file import SUFFIX, VerdictFile

__all__ = ["Kind", "Verdict", "VerdictFile", "Verdicts", "read_verdicts", "verdicts_folder"]


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of all analysts that stand.

    Attributes
    ----------
    by_analyst : mapping from analyst to a mapping from event to Verdict
        As `VerdictFile.current`.
    wrong_picks : mapping from event to set of str
        Stations whose pick is wrong by any analyst.
    notes : tuple of str
        Lines that could not be read, each with its file and number.

    Examples
    --------
    >>> from obspy import UTCDateTime
    >>> verdict = Verdict("e1", "slide", "label", "Ana", UTCDateTime(0), "earthquake", "weights")
    >>> Verdicts({"Ana": {"e1": verdict}}).labels
    {'e1': 'slide'}
    """

    by_analyst: Mapping[str, Mapping[str, Verdict]]
    wrong_picks: Mapping[str, set[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def latest(self) -> dict[str, Verdict]:
        """The newest verdict on each event, by whomever."""
        # A wrong pick of a station says nothing of the event: it gives way to any other verdict.
        said = sorted(self._all(), key=lambda verdict: (not verdict.of_station, verdict.time.ns))
        return {verdict.event: verdict for verdict in said}

    @property
    def labels(self) -> dict[str, str]:
        """The label of each event whose newest verdict is a label."""
        return {event: verdict.label for event, verdict in self.latest.items() if verdict.label is not None}

    def disagreements(self) -> list[tuple[Verdict, ...]]:
        """Return, for each event that analysts label differently, the labels of all, the oldest first."""
        labelled = [verdict for verdict in self._all() if verdict.kind == "label"]
        labelled.sort(key=lambda verdict: (verdict.event, verdict.time.ns))
        events = (tuple(verdicts) for _, verdicts in groupby(labelled, key=lambda verdict: verdict.event))
        return [verdicts for verdicts in events if len({verdict.label for verdict in verdicts}) > 1]

    def kappa(self) -> dict[tuple[str, str], tuple[float, int]]:
        """Return Cohen's kappa of each pair of analysts that labelled an event in common, and the number of such."""
        return pairwise_kappa(
            {
                analyst: {event: verdict.label for event, verdict in verdicts.items() if verdict.label is not None}
                for analyst, verdicts in self.by_analyst.items()
            }
        )

    def _all(self) -> Iterable[Verdict]:
        return (verdict for verdicts in self.by_analyst.values() for verdict in verdicts.values())


def read_verdicts(folder: Path | str) -> Verdicts:
    """Read the verdicts of all analysts; nothing is changed, and writers may go on meanwhile.

    Parameters
    ----------
    folder : Path or str
        With one file for each analyst, as `VerdictFile` writes them. A copy of a file (other computer, backup) is
        merged with it by time; what both hold counts once.

    Raises
    ------
    CatalogError
        If the folder or a file of it cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from obspy import UTCDateTime
    >>> with TemporaryDirectory() as folder:
    ...     with VerdictFile(folder, "Ana") as file:
    ...         file.record(Verdict("e1", "slide", "label", "Ana", UTCDateTime(), "", "weights"))
    ...     read_verdicts(folder).labels
    {'e1': 'slide'}
    """
    said: dict[str, dict[str, list[Verdict]]] = {}  # analyst, file
    notes = []
    try:
        for path in sorted(Path(folder).iterdir()):
            if path.suffix == SUFFIX and path.is_file():
                verdicts, found = parse_lines(path, path.read_bytes())
                notes += found
                for verdict in verdicts:
                    said.setdefault(verdict.analyst, {}).setdefault(path.name, []).append(verdict)
    except OSError as error:
        raise CatalogError(
            f"cannot read the verdicts in {folder}: {error.strerror}; give the folder that the review page keeps them "
            f"in, by default NAME_review beside the table of decisions NAME.parquet or NAME.csv"
        ) from error
    stands = {analyst: _stand(files) for analyst, files in said.items()}
    wrong: dict[str, set[str]] = {}
    for stand in stands.values():
        for event, stations in stand.wrong_picks.items():
            wrong.setdefault(event, set()).update(stations)
    return Verdicts({analyst: stand.current for analyst, stand in sorted(stands.items())}, wrong, tuple(notes))


def verdicts_folder(table: Path | str) -> Path:
    """Return where the verdicts on a table of decisions are kept by default.

    Examples
    --------
    >>> verdicts_folder("run/decisions.parquet").as_posix()
    'run/decisions_review'
    """
    return Path(table).with_name(f"{Path(table).stem}_review")


def _stand(files: Mapping[str, list[Verdict]]) -> Standing:
    verdicts = [verdict for found in files.values() for verdict in found]
    if len(files) > 1:
        verdicts = list({verdict.line(): verdict for verdict in verdicts}.values())
        verdicts.sort(key=lambda verdict: verdict.time.ns)
    return Standing(verdicts)
