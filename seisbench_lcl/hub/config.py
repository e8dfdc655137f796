"""The configured hubs: from an environment variable, or else from a file."""

import os
import re
import sys
from pathlib import Path

from platformdirs import user_config_dir

from seisbench_lcl.errors import HubError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VARIABLE = "SEISBENCH_LCL_HUBS"
NONE = "none"


def config_file() -> Path:
    """Return the path of ``hubs.toml`` in the user's configuration folder of seisbench_lcl."""
    return Path(user_config_dir("seisbench_lcl")) / "hubs.toml"


def hubs() -> list[str]:
    """Return the addresses of the hubs, each once, in the order in which they are asked.

    The variable ``SEISBENCH_LCL_HUBS`` holds addresses, separated by white space or commas, or "none" for no hub. If it
    is unset or empty, the file is read: ``hubs = ["https://…", …]``, with folders relative to the file. Without either,
    no hub is asked and no network is used.

    Raises
    ------
    HubError
        If the file cannot be read, or has other content.
    """
    named = re.split(r"[\s,]+", os.environ.get(VARIABLE, "").strip(" \t\r\n,"))
    if named == [NONE]:
        return []
    return list(dict.fromkeys(named if named != [""] else _from_file(config_file())))


def _from_file(file: Path) -> list[str]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise HubError(f"cannot read {file}: {error}; fix the file, or set {VARIABLE}") from error
    addresses = content.get("hubs")
    if set(content) != {"hubs"} or not isinstance(addresses, list) or not all(isinstance(a, str) for a in addresses):
        raise HubError(f'{file} must contain hubs = ["https://…", …] and nothing else, but has {sorted(content)}')
    return [_placed(address, file.parent) for address in addresses]


def _placed(address: str, folder: Path) -> str:
    """Return an address with an absolute path; its key may hold "//", which is no path."""
    place, separator, key = address.partition("#RW")
    return address if "://" in place or place.startswith("~") else f"{folder / place}{separator}{key}"
