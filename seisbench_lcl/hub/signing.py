"""Signed hubs: whether a registry is the one that the owner of a key signed.

The registry holds the digests of all files, so its signature covers them.
"""

import os
import re
import time
from pathlib import Path

from seisbench_lcl.errors import HubError, OutputError
from seisbench_lcl.hub.download import read
from seisbench_lcl.hub.minisign import PublicKey, SecretKey
from seisbench_lcl.hub.names import REGISTRY, SIGNATURE
from seisbench_lcl.hub.schema import HubRegistry
from seisbench_lcl.hub.sources import FileSource
from seisbench_lcl.storage.files import write_file, write_text

_KEYED = re.compile(r"(.*)#(RW[A-Za-z0-9+/]{54})", re.DOTALL)
_LARGEST = 10_000  # bytes of a signature


def split_key(address: str) -> tuple[str, PublicKey | None]:
    """Split ``ADDRESS#KEY`` into the address of a hub and the public key of its owner.

    Any other "#" stays a part of the address.

    Examples
    --------
    >>> address, key = split_key("/data/hub#RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")
    >>> address, key.name
    ('/data/hub', 'E7620F1842B4E81F')
    """
    found = _KEYED.fullmatch(address)
    return (found[1], PublicKey.parse(found[2])) if found else (address, None)


def check_registry(source: FileSource, registry: bytes, key: PublicKey) -> None:
    """Check the registry of a hub against its signature.

    Raises
    ------
    HubError
        If the hub has no signature, the key did not sign this registry, or the package cryptography is missing.
    """
    advice = "do not use it, and ask its owner; if the hub is being changed just now, try again in a minute"
    try:
        signature = read(source, SIGNATURE, _LARGEST)
    except HubError as error:
        raise HubError(
            f"{source.address} is not signed, but must be, with the key {key.name}: {error}; {advice}"
        ) from error
    try:
        key.check(registry, signature.decode())
    except UnicodeDecodeError as error:
        raise HubError(f"{SIGNATURE} of {source.address} is not text; {advice}") from error
    except HubError as error:
        raise HubError(f"the registry of {source.address} is refused: {error}; {advice}") from error


def sign(folder: Path, key: SecretKey) -> Path:
    """Sign the registry of a hub folder, and return the path of the signature.

    Raises
    ------
    HubError
        If the folder has no registry, or one that cannot be used.
    OutputError
        If the folder cannot be written to.
    """
    try:
        registry = (folder / REGISTRY).read_bytes()
    except OSError as error:
        raise HubError(f"cannot read {folder / REGISTRY}: {error}; make a hub with hub add or hub export") from error
    HubRegistry.parse(registry, str(folder))
    write_text(folder / SIGNATURE, key.sign(registry, f"timestamp:{int(time.time())}\tfile:{REGISTRY}\thashed"))
    return folder / SIGNATURE


def key_files(file: Path) -> tuple[Path, Path]:
    """Return the paths of a secret and its public key.

    Raises
    ------
    OutputError
        If one of them exists, because a lost key cannot be had again.
    """
    files = file, file.with_name(f"{file.stem}.pub")
    for present in filter(Path.exists, files):
        raise OutputError(f"{present} exists: choose another name, because a key that is overwritten is lost")
    return files


def write_key(key: SecretKey, file: Path, password: str = "") -> Path:
    """Write a secret key for its owner's eyes only, and beside it the public key, whose path is returned.

    Raises
    ------
    OutputError
        If one of the files exists, or they cannot be written.
    """
    file, public = key_files(file)
    text = key.to_text(password)

    def write(temporary: Path) -> None:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)

    write_file(file, write)
    write_text(public, key.public.to_text())
    return public
