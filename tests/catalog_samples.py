"""Small catalogues, decisions, and ObsPy's own test files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import obspy
from obspy import UTCDateTime

from seisbench_lcl.models.decision import EventDecision

OBSPY = Path(obspy.__file__).parent / "io"
QUAKEML = sorted(OBSPY.joinpath("quakeml/tests/data").glob("*.xml")) + sorted(
    OBSPY.joinpath("seiscomp/tests/data").glob("*.xml")
)
SCML = [
    file
    for file in sorted(OBSPY.joinpath("seiscomp/tests/data").iterdir())
    if file.suffix != ".xml" and file.name != "EB_response_stationXML"
]

# Invalid by design, or without an event.
REFUSED = {
    "EB_response_sc3ml": "holds Inventory, but no EventParameters",
    "channel_level.sc3ml": "holds Inventory, but no EventParameters",
    "sc3ml_empty_depth_and_id.sc3ml": "holds Inventory, but no EventParameters",
    "zero_poles_and_zeros.sc3ml": "holds Inventory, but no EventParameters",
    "qml-example-1.2-RC3_no_events.sc3ml": "holds 1 origin, but no event",
    "version0.5": "is SCML 0.5",
    "version0.6": "is SCML 0.6",
    "version0.15": "is SCML 0.15",
    "version0.99": "is SCML 0.99",
}
EMPTY = {"no_version_attribute.sc3ml", *(f"version0.{i}" for i in range(7, 15))}
READ = [file for file in [*QUAKEML, *SCML] if file.name not in REFUSED and file.name not in EMPTY]

TYPES = ("quarry blast", "earthquake", "slide", "other event", "mining explosion")


def decided(
    event: str, event_type: str | None = "quarry blast", label: str | None = "blast", probability: float = 0.9
) -> EventDecision:
    """Return a decision; label None is undecided."""
    probabilities = {label: probability, "rest": 1 - probability} if label else {}
    return EventDecision(
        event, label, event_type, probabilities, 2 * probability - 1, 0.1, 4, 1, "" if label else "too few stations",
        "mean", "MiniRocketRidge/mixed-3c v2",
    )  # fmt: skip


def all_decided(events: Iterable[str]) -> list[EventDecision]:
    """Return a decision on each event, with types that change from one to the next."""
    return [decided(event, TYPES[i % len(TYPES)]) for i, event in enumerate(events)]


def quakeml(events: Sequence[str], head: str = '<?xml version="1.0" encoding="UTF-8"?>\n', tail: str = "\n") -> str:
    """Return a QuakeML document with these events."""
    return (
        f'{head}<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2" xmlns="http://quakeml.org/xmlns/bed/1.2">\n'
        f'  <eventParameters publicID="smi:local/catalogue">\n    {"".join(events)}\n  </eventParameters>\n'
        f"</q:quakeml>{tail}"
    )


def event(name: str, content: str = "") -> str:
    """Return an event of QuakeML."""
    return f'<event publicID="{name}">{content}</event>'


def origin(name: str, seconds: int = 0, arrivals: Sequence[tuple[str, str]] = ()) -> str:
    """Return an origin of QuakeML or SCML with arrivals of (pick, phase)."""
    return (
        f'<origin publicID="{name}"><time><value>{UTCDateTime(1_000_000_000 + seconds)}</value></time>'
        "<latitude><value>46.5</value></latitude><longitude><value>-120.25</value></longitude>"
        "<depth><value>7.5</value></depth>"
        + "".join(
            f'<arrival publicID="{name}/{i}"><pickID>{pick}</pickID><phase>{phase}</phase></arrival>'
            for i, (pick, phase) in enumerate(arrivals)
        )
        + "</origin>"
    )


def pick(name: str, station: str = "STA", phase: str = "P") -> str:
    """Return a pick of QuakeML or SCML."""
    return (
        f'<pick publicID="{name}"><time><value>2001-09-09T01:46:45.123456Z</value></time>'
        f'<waveformID networkCode="NW" stationCode="{station}" locationCode="00" channelCode="HHZ"/>'
        f"<phaseHint>{phase}</phaseHint></pick>"
    )


def scml(content: str, version: str = "0.13", after: str = "") -> str:
    """Return an SCML document; an event in it is written as in QuakeML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<seiscomp xmlns="http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/{version}" version="{version}">\n'
        f"  <EventParameters>\n    {content}\n  </EventParameters>\n{after}</seiscomp>\n"
    )
