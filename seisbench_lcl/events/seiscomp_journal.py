"""Decisions of analysts for SeisComP: commands that set types by its journal, as an operator does in scolv."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from seisbench_lcl.events.files.layout import Layout
from seisbench_lcl.events.files.marks import KNOWN, Rules, by_event, wanted_type
from seisbench_lcl.models.analyst_decision import AnalystDecision
from seisbench_lcl.storage import write_text

_HEAD = """#!/bin/sh
# Event types by analysts, for scevent. Run it with the options of scsendjournal: sh FILE -H HOST
set -e
"""


def write_journal(
    decisions: Mapping[str, AnalystDecision] | Iterable[AnalystDecision],
    target: str | Path,
    *,
    version: str = "0.13",
    noise_as_not_existing: bool = False,
) -> int:
    """Write a script of `scsendjournal` commands: EvType and EvTypeCertainty "known" for each event.

    A journal `EvType` is a person's word: scevent keeps the type from then on. So there are none for models, whose way
    into SeisComP are hints (`seisbench_lcl.events.seiscomp.write_hints`).

    Parameters
    ----------
    decisions : mapping from id of the event to AnalystDecision, or iterable of AnalystDecision
    target : str or Path
        Written whole or not at all.
    version : str
        Version of SCML that the system speaks, for the words of the types.
    noise_as_not_existing : bool
        Whether noise makes an event "not existing"; otherwise there is no command for it.

    Returns
    -------
    int
        Number of events with a command.

    Raises
    ------
    ConfigurationError
        If two decisions are about one event, or QuakeML has no such type.
    OutputError
        If the file cannot be written.
    """
    layout, rules = Layout("SCML", version, ""), Rules(noise_as_not_existing=noise_as_not_existing)
    lines = []
    for event, decision in by_event(decisions).items():
        if (kind := wanted_type(decision, rules)) is None:
            continue
        told = f"{decision.label}, by {decision.author} at {decision.time}"
        lines.append("# " + "".join(letter if letter.isprintable() else "?" for letter in told))
        for action, word in (("EvType", layout.word(kind)), ("EvTypeCertainty", KNOWN)):
            lines.append(f'scsendjournal "$@" {shlex.quote(event)} {action} {shlex.quote(word)}')
    write_text(Path(target), _HEAD + "".join(f"{line}\n" for line in lines))
    return sum(line.startswith("#") for line in lines)
