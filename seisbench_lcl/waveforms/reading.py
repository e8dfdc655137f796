"""Recordings from files: which files a name means, which formats are read, and what of a file was lost."""

import bz2
import glob
import gzip
import os
import pickletools
import re
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import obspy
from obspy.core import Stats
from obspy.io.mseed import InternalMSEEDWarning

from seisbench_lcl.errors import UnknownFormatError, WaveformError
from seisbench_lcl.waveforms.miniseed import ends_within_a_record, read_good_records

__all__ = ["FORMATS", "Headers", "Recording", "files_in", "matching_files", "read_headers", "read_recording"]

#: ObsPy's formats in the order in which it tries them, without PICKLE: whoever writes a pickle chooses code to run.
FORMATS = (
    *("MSEED", "SAC", "GSE2", "SEISAN", "SACXY", "GSE1", "Q", "SH_ASC", "SLIST", "TSPAIR", "Y", "SEGY", "SU", "SEG2"),
    *("WAV", "WIN", "CSS", "NNSA_KB_CORE", "AH", "PDAS", "KINEMETRICS_EVT", "GCF", "DMX", "ALSEP_PSE", "ALSEP_WTN"),
    *("ALSEP_WTH", "CYBERSHAKE", "KNET", "REFTEK130", "RG16"),
)

# Number of samples in the headers of text formats, whose readers accept files that are cut off
_DECLARED = {
    "SLIST": re.compile(rb"^TIMESERIES [^\n]*?, *(\d+) samples", re.MULTILINE),
    "TSPAIR": re.compile(rb"^TIMESERIES [^\n]*?, *(\d+) samples", re.MULTILINE),
    "SH_ASC": re.compile(rb"^LENGTH: *(\d+)", re.MULTILINE),
}
_LOSS = re.compile("truncat|drop|contiguous|mismatch|weird", re.IGNORECASE)  # in warnings of other readers


@dataclass
class Recording:
    """Content of a file.

    Attributes
    ----------
    stream : obspy.Stream
        Traces with samples, without log channels.
    losses : list of str
        What the file holds but `stream` does not.
    remarks : list of str
        Other warnings of the reader, such as a rounded sampling rate.

    Examples
    --------
    >>> from obspy.core.util import get_example_file
    >>> recording = read_recording(get_example_file("test.mseed"))
    >>> recording.stream[0].id, recording.losses
    ('NL.HGN.00.BHZ', [])
    """

    stream: obspy.Stream = field(default_factory=obspy.Stream)
    losses: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, options: dict[str, Any]) -> None:
        """Add the content of a file from an archive."""
        try:
            other = _read(path, options)
        except WaveformError as error:
            other = Recording(losses=[str(error)])
        self.stream += other.stream
        self.losses += [f"{name}: {loss}" for loss in other.losses]
        self.remarks += [f"{name}: {remark}" for remark in other.remarks]


class Headers(NamedTuple):
    """Headers of the traces in a file.

    Attributes
    ----------
    stats : list of obspy.core.Stats
    format : str
        ObsPy's name of the format; "" for an archive, and for a file of which only a part is readable.
    losses : list of str
        What the file holds but cannot be read, as far as headers show it.
    """

    stats: list[Stats]
    format: str
    losses: list[str]


def matching_files(name: str | Path) -> list[Path]:
    """Return the file of a name; only if there is none, the files that match the name as a pattern.

    Raises
    ------
    WaveformError
        If no file matches.
    """
    if os.path.lexists(name):
        return [Path(name)]
    found = sorted(glob.glob(str(name), recursive=True)) if glob.has_magic(str(name)) else []
    if not found:
        raise WaveformError("no such file" + (", and no file matches the pattern" if glob.has_magic(str(name)) else ""))
    return [Path(path) for path in found]


def files_in(folder: Path) -> list[Path]:
    """Return all files in a folder and the folders below, sorted by path, without hidden ones."""
    visible = (path for path in folder.rglob("[!.]*") if not any(p[0] == "." for p in path.relative_to(folder).parts))
    return sorted(path for path in visible if path.is_file())


def read_recording(path: str | Path, **options: Any) -> Recording:
    """Read a file, also one compressed by gzip or bzip2, or a tar or zip archive of files.

    The format is one of `FORMATS`, recognised by the content. Unlike in `obspy.read`, the path is not a pattern, no
    code in the file runs, the good records of a damaged miniSEED file are kept, and losses are reported.

    Parameters
    ----------
    path : path
    **options
        Of `obspy.read`, such as ``starttime`` and ``endtime``.

    Raises
    ------
    UnknownFormatError
        If the file is in none of the formats.
    WaveformError
        If nothing can be read.
    """
    path = Path(path)
    if path.is_dir():
        raise WaveformError("is a folder: name the files in it")
    recording, members = Recording(), 0
    try:
        for name, content in _members(path):
            members += 1
            with NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                recording.add(name, Path(file.name), options)
        if not members:
            recording = _read(path, options)
    except FileNotFoundError as error:
        raise WaveformError("no such file") from error
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        recording.losses.append(_line(error))
    _keep_signals(recording)
    if not (recording.stream or options):
        raise WaveformError("; ".join(recording.losses + recording.remarks) or "holds no samples")
    return recording


def read_headers(path: str | Path) -> Headers:
    """Read the headers of a file, without its samples where the format allows that.

    Raises
    ------
    UnknownFormatError
        If the file is in none of the formats.
    WaveformError
        If nothing can be read.
    """
    path = Path(path)
    packed = path.suffix in (".gz", ".bz2") or tarfile.is_tarfile(path) or zipfile.is_zipfile(path)
    format = None if packed else _format(path)
    if format and not (format == "MSEED" and ends_within_a_record(path)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", InternalMSEEDWarning)
            with suppress(Exception):  # ObsPy's readers raise errors of many types; below they become ours
                stream = obspy.read(glob.escape(str(path)), format=format, check_compression=False, headonly=True)
                return Headers([trace.stats for trace in stream if trace.stats.npts], format, [])
    recording = read_recording(path)
    return Headers([trace.stats for trace in recording.stream], "", recording.losses)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the files in an archive or a compressed file; nothing for other files."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            for member in tar:
                if (file := tar.extractfile(member)) and member.size:
                    yield member.name, file.read()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.file_size:
                    yield entry.filename, archive.read(entry)
    elif path.suffix == ".gz":
        yield path.stem, gzip.decompress(path.read_bytes())
    elif path.suffix == ".bz2":
        yield path.stem, bz2.decompress(path.read_bytes())


def _read(path: Path, options: dict[str, Any]) -> Recording:
    """Read a file that is not compressed."""
    format = _format(path)
    recording = Recording()
    if format is None:
        _refuse(path)
        recording.stream, loss = read_good_records(path, **options)
        if not recording.stream:
            raise UnknownFormatError("its format is unknown: ObsPy reads miniSEED, SAC and many others")
        recording.losses.append(loss)
        return recording
    failure: Exception | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            recording.stream = obspy.read(glob.escape(str(path)), format=format, check_compression=False, **options)
        except Exception as error:  # ObsPy's readers raise any error of the libraries below
            failure = error
    texts = {" ".join(str(warning.message).split()): warning.category for warning in caught}
    if format == "MSEED":
        if failure or InternalMSEEDWarning in texts.values() or ends_within_a_record(path):
            recording.stream, loss = read_good_records(path, **options)
            recording.losses += [loss] if loss else []
    else:
        for text, category in texts.items():
            if issubclass(category, UserWarning):
                (recording.losses if _LOSS.search(text) else recording.remarks).append(text)
        if not (failure or options) and (missing := _missing_samples(path, format, recording.stream)):
            recording.losses.append(f"samples missing at its end: {missing}")
    if failure and not recording.stream:
        raise WaveformError("; ".join(recording.losses) or _line(failure)) from failure
    return recording


def _missing_samples(path: Path, format: str, stream: obspy.Stream) -> int:
    """Return the number of samples that the headers of a file promise, but which it lacks."""
    promised = 0
    if format in _DECLARED:
        promised = sum(map(int, _DECLARED[format].findall(path.read_bytes())))
    elif format == "KNET":
        promised = sum(round(trace.stats.knet.duration * trace.stats.sampling_rate) for trace in stream)
    return max(0, promised - sum(len(trace) for trace in stream))


def _keep_signals(recording: Recording) -> None:
    """Drop traces without samples, and log channels, whose samples are text."""
    filled = [trace for trace in recording.stream if len(trace)]
    signals = [trace for trace in filled if trace.data.dtype.kind in "iuf"]
    if empty := len(recording.stream) - len(filled):
        recording.remarks.append(f"left out traces without samples: {empty}")
    if logs := {trace.id for trace in filled} - {trace.id for trace in signals}:
        recording.remarks.append(f"left out log channels: {', '.join(sorted(logs))}")
    recording.stream.traces = signals


@cache
def _recogniser(format: str) -> Any:
    """Return ObsPy's function that recognises a format by the content of a file; None if ObsPy lacks the format."""
    found = tuple(entry_points(group=f"obspy.plugin.waveform.{format}", name="isFormat"))
    return found[0].load() if found else None


def _format(path: Path) -> str | None:
    for name in FORMATS:
        with warnings.catch_warnings(), suppress(Exception):  # ObsPy's functions raise errors of many types
            warnings.simplefilter("ignore")
            if (recognise := _recogniser(name)) and recognise(str(path)):
                return name
    return None


def _refuse(path: Path) -> None:
    if not path.stat().st_size:
        raise WaveformError("is empty")
    if _is_pickle(path):
        raise WaveformError(
            "is a Python pickle, which can run code: read it with ObsPy if you trust it, and write it as miniSEED"
        )


def _is_pickle(path: Path) -> bool:
    """Parse the instructions of a pickle, without running any."""
    with path.open("rb") as file:
        try:
            return sum(1 for _ in pickletools.genops(file)) > 1
        except Exception:  # genops raises errors of many types
            return False


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
