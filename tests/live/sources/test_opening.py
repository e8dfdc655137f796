"""Which source an address means."""

from pathlib import Path

import pytest

from seisbench_lcl.errors import ConfigurationError, SourceError
from seisbench_lcl.live.sources import FdsnPollingSource, FolderSource, ReplaySource, SeedLinkSource, open_source


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("seedlink://host.org", "seedlink host.org:18000"),
        ("seedlink://host.org:18500/", "seedlink host.org:18500"),
        ("seedlink:host.org:18001", "seedlink host.org:18001"),
        ("seedlink://[::1]:18001", "seedlink ::1:18001"),
        ("fdsn:EARTHSCOPE", "fdsn EARTHSCOPE"),
        ("fdsn:https://service.org", "fdsn https://service.org"),
    ],
)
def test_servers_are_named_by_their_address(address: str, name: str) -> None:
    source = open_source(address, "XX_ABC:HH?")
    assert source.name == name
    assert type(source) is (SeedLinkSource if "seedlink" in address else FdsnPollingSource)
    assert source.is_live


def test_files_are_replayed_or_watched(tmp_path: Path) -> None:
    file = tmp_path / "a:b.mseed"
    file.touch()
    replay = open_source(f"replay:{file}", speed=10)
    assert isinstance(replay, ReplaySource)
    folder = open_source(tmp_path, "XX_ABC", interval=2.0)
    assert isinstance(folder, FolderSource)
    assert (replay.is_live, folder.is_live) == (False, False)


@pytest.mark.parametrize(
    ("address", "error", "problem"),
    [
        (
            "http://host.org",
            ConfigurationError,
            "expected seedlink://HOST:PORT, fdsn:SERVICE, replay:PATH, or a folder",
        ),
        ("host.org:18000", ConfigurationError, "expected seedlink://HOST:PORT, fdsn:SERVICE"),
        ("seedlink://host.org:many", ConfigurationError, "cannot read the address 'seedlink://host.org:many'"),
        ("seedlink://", ConfigurationError, "expected seedlink://HOST:PORT"),
        ("seedlink://host.org:0", ConfigurationError, "the port must be between 1 and 65535"),
        ("fdsn:", ConfigurationError, "expected fdsn:SERVICE"),
        ("replay:missing", SourceError, "no such file"),
        ("missing", SourceError, "is no folder"),
    ],
)
def test_other_addresses_are_refused(address: str, error: type[Exception], problem: str) -> None:
    with pytest.raises(error) as caught:
        open_source(address, "XX_ABC:HH?")
    assert problem in str(caught.value)


def test_servers_need_streams() -> None:
    with pytest.raises(ConfigurationError, match="say which streams, such as 'GE_WLF:HH"):
        open_source("seedlink://host.org")
