"""Catalogue files of any size: seconds and peak memory to index them and to write decisions into them.

    python benchmarks/catalog_files.py --events 5000 --obspy
    python benchmarks/catalog_files.py --events 50000

Makes QuakeML and SCML files of synthetic events with 15 picks each, decides every event, and prints for each task the
seconds and the peak memory of a fresh process, imports included. With --obspy, beside ObsPy's `read_events`, and its
reading and writing; that takes minutes. Memory is read from /proc, so this runs on Linux.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from obspy import read_events

from seisbench_lcl.events.files import CatalogReader, write_catalog
from seisbench_lcl.models.decision import EventDecision

PICKS = 15
HEADS = {
    "quakeml": '<?xml version="1.0" encoding="UTF-8"?>\n<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2" '
    'xmlns="http://quakeml.org/xmlns/bed/1.2">\n  <eventParameters publicID="smi:local/catalogue">\n',
    "scml": '<?xml version="1.0" encoding="UTF-8"?>\n<seiscomp xmlns="http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/'
    '0.13" version="0.13">\n  <EventParameters>\n',
}
TAILS = {"quakeml": "  </eventParameters>\n</q:quakeml>\n", "scml": "  </EventParameters>\n</seiscomp>\n"}
INFO = (
    "<creationInfo><agencyID>NW</agencyID><author>picker@host</author>"
    "<creationTime>2020-01-01T00:10:00.000000Z</creationTime></creationInfo>"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--kinds", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--obspy", action="store_true", help="measure ObsPy, too")
    parser.add_argument("--task", nargs=3, metavar=("TASK", "FILE", "EVENTS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        measure(TASKS[arguments.task[0]], Path(arguments.task[1]), int(arguments.task[2]))
        return
    print("| events | file | MB | task | seconds | of which computing | peak memory, MB |")
    print("| ---: | --- | ---: | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            file = Path(folder, f"{kind}.xml")
            with file.open("w") as out:
                out.writelines(document(kind, arguments.events))
            for task in TASKS if arguments.obspy else ("imports", "index", "rewrite"):
                command = [sys.executable, __file__, "--task", task, str(file), str(arguments.events)]
                told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
                size = file.stat().st_size / 1e6
                row = (arguments.events, kind, f"{size:.0f}", task, told[0], told[2], told[1])
                print("|", " | ".join(map(str, row)), "|", flush=True)


def document(kind: str, events: int) -> Iterator[str]:
    """Yield the parts of a catalogue; times are seconds after each other."""
    yield HEADS[kind]
    for i in range(events):
        names = [f"smi:local/pick/{i:06d}/{j:02d}" for j in range(PICKS)]
        picks = "".join(pick(name, i, j) for j, name in enumerate(names))
        if kind == "quakeml":
            yield f'    <event publicID="{event_id(i)}">\n{preferred(i)}{picks}{origin(i, names)}    </event>\n'
        else:
            reference = f"      <originReference>smi:local/origin/{i:06d}</originReference>\n    </event>\n"
            yield f'{picks}{origin(i, names)}    <event publicID="{event_id(i)}">\n{preferred(i)}{reference}'
    yield TAILS[kind]


def event_id(i: int) -> str:
    """Return the id of an event."""
    return f"smi:local/event/{i:06d}"


def preferred(i: int) -> str:
    """Return the first child of an event."""
    return f"      <preferredOriginID>smi:local/origin/{i:06d}</preferredOriginID>\n"


def clock(i: int, seconds: float) -> str:
    """Return a time in the hour of an event."""
    return f"20{i // 8760 % 30:02d}-{i // 730 % 12 + 1:02d}-{i // 24 % 28 + 1:02d}T{i % 24:02d}:00:{seconds:09.6f}Z"


def pick(name: str, i: int, j: int) -> str:
    """Return a pick."""
    return (
        f'      <pick publicID="{name}">\n        <time><value>{clock(i, 3 + j)}</value><uncertainty>0.05</uncertainty>'
        f'</time>\n        <waveformID networkCode="NW" stationCode="S{j:03d}" locationCode="00" channelCode="HHZ"/>\n'
        f"        <phaseHint>P</phaseHint>\n        <evaluationMode>automatic</evaluationMode>\n        {INFO}\n"
        "      </pick>\n"
    )


def origin(i: int, picks: list[str]) -> str:
    """Return an origin located with picks."""
    arrivals = "".join(
        f'        <arrival publicID="smi:local/arrival/{i:06d}/{j:02d}"><pickID>{name}</pickID><phase>Pg</phase>'
        f"<azimuth>{j * 24}</azimuth><distance>{j / 10}</distance><timeResidual>0.01</timeResidual></arrival>\n"
        for j, name in enumerate(picks)
    )
    return (
        f'      <origin publicID="smi:local/origin/{i:06d}">\n        <time><value>{clock(i, 0)}</value></time>\n'
        f"        <latitude><value>{45 + i % 100 / 100}</value></latitude>\n"
        f"        <longitude><value>{-120 - i % 77 / 77:.4f}</value></longitude>\n{arrivals}      </origin>\n"
    )


def decisions(events: int) -> dict[str, EventDecision]:
    """Return a decision on every event."""
    found = {"earthquake": 0.9, "explosion": 0.1}
    return {
        name: EventDecision(name, "earthquake", "earthquake", found, 0.8, 0.1, 14, 1, "", "mean", "Model/name v1")
        for name in map(event_id, range(events))
    }


def index(file: Path, events: int) -> None:
    assert sum(len(event.picks) for event in CatalogReader(file)) == PICKS * events


def rewrite(file: Path, events: int) -> None:
    assert write_catalog(file, decisions(events), file.with_suffix(".out")).typed == events


def read_obspy(file: Path, events: int) -> None:
    assert len(read_events(str(file))) == events


def write_obspy(file: Path, events: int) -> None:
    catalog = read_events(str(file))
    for event in catalog:
        event.event_type = "earthquake"
    catalog.write(str(file.with_suffix(".out")), format="SCML" if file.stem == "scml" else "QUAKEML")


TASKS: dict[str, Callable[[Path, int], None]] = {
    "imports": lambda *_: None,
    "index": index,
    "rewrite": rewrite,
    "ObsPy: read": read_obspy,
    "ObsPy: read and write": write_obspy,
}


def measure(task: Callable[[Path, int], None], file: Path, events: int) -> None:
    """Run a task; print its seconds, the peak memory of this process in MB, and its seconds of computing."""
    start, computed = time.perf_counter(), time.process_time()
    task(file, events)
    seconds, computed = time.perf_counter() - start, time.process_time() - computed
    [peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    print(f"{seconds:.1f} {int(peak) / 1024:.0f} {computed:.1f}")


if __name__ == "__main__":
    main()
