"""The registry of a hub: files, digests, licence and mirrors by model class, name and version."""

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.names import (
    HF_REPOSITORY,
    check_class,
    check_name,
    check_path,
    check_version,
    implied_paths,
)

SCHEMA_VERSION = 1
LARGEST_REGISTRY = 16_000_000
LARGEST: dict[str, int] = {"json": 1_000_000, "safetensors": 4_000_000_000, "card": 1_000_000}
"""Largest allowed size in bytes of each kind of file."""

_SHOWN = 5  # most errors shown about one registry
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


def _check_printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise HubError("must be one line of printable text")
    return text


def _check_mirror(address: str) -> str:
    """Refuse addresses by which a registry from outside could point to the user's disk."""
    _check_printable(address)
    kind, _, rest = address.partition("://")
    if kind == "hf" and HF_REPOSITORY.fullmatch(rest):
        return address
    parts = urlsplit(address)
    if kind not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise HubError(
            "a mirror must be https://…, http://… (without password, '?' and '#') or hf://owner/repository@commit"
        )
    return address


class File(BaseModel):
    """A file of a hub.

    Attributes
    ----------
    path : str
        Path below the root of the hub and of each mirror.
    sha256 : str
        64 hexadecimal digits, in lower case.
    size : int
        Size in bytes.

    Examples
    --------
    >>> File(path="resnet18/mine.json.v1", sha256="0" * 64, size=100).size
    100
    """

    model_config = _STRICT

    path: Annotated[str, Field(max_length=400), AfterValidator(check_path)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(gt=0)]


class Entry(BaseModel):
    """One version of the weights of a model; it never changes.

    Attributes
    ----------
    files : dict of str to File
        The three files "json", "safetensors" and "card".
    licence : str
        Licence of the weights, as an SPDX expression.
    mirrors : list of str
        Further addresses of the files, tried in this order after the hub itself.

    Examples
    --------
    >>> from seisbench_lcl.hub import weights
    >>> registry = HubRegistry.parse((weights.bundled() / "registry.json").read_bytes(), "here")
    >>> sorted(registry.weights["MiniRocketRidge"]["mixed-3c"]["1"].files)
    ['card', 'json', 'safetensors']
    """

    model_config = _STRICT

    files: dict[Literal["json", "safetensors", "card"], File]
    licence: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_printable)]
    mirrors: Annotated[
        list[Annotated[str, Field(max_length=1000), AfterValidator(_check_mirror)]], Field(max_length=16)
    ] = []

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each kind of file."""
        return {kind: file.sha256 for kind, file in self.files.items()}

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        missing = [kind for kind in LARGEST if kind not in self.files]
        if missing:
            raise HubError(f"files are missing for {', '.join(missing)}")
        for kind, file in self.files.items():
            if file.size > LARGEST[kind]:
                raise HubError(f"{kind} has {file.size:,} bytes, but only {LARGEST[kind]:,} are allowed")
        return self


Versions = Annotated[dict[Annotated[str, AfterValidator(check_version)], Entry], Field(min_length=1)]
Names = Annotated[dict[Annotated[str, AfterValidator(check_name)], Versions], Field(min_length=1)]


class HubRegistry(BaseModel):
    """The list of weights of a hub.

    Attributes
    ----------
    schema_version : int
        Always 1.
    weights : dict
        ``weights[model class][name][version]`` is an `Entry`.

    Examples
    --------
    >>> HubRegistry.parse(b'{"schema_version": 1, "weights": {}}', "this example").weights
    {}
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: Annotated[int, Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)]
    weights: dict[Annotated[str, AfterValidator(check_class)], Names]

    @classmethod
    def empty(cls) -> Self:
        """Return the registry of an empty hub."""
        return cls(schema_version=SCHEMA_VERSION, weights={})

    @classmethod
    def parse(cls, data: bytes, where: str) -> Self:
        """Read a registry.

        Parameters
        ----------
        data : bytes
            JSON in UTF-8.
        where : str
            Origin of the registry, for messages.

        Raises
        ------
        HubError
            If it is too large, is not JSON, or does not follow the schema: unknown fields, names and paths that do not
            match, missing digests, files that are too large.
        """
        if len(data) > LARGEST_REGISTRY:
            raise HubError(
                f"the registry of {where} has {len(data):,} bytes, but only {LARGEST_REGISTRY:,} are allowed"
            )
        try:
            content = json.loads(data.decode(), object_pairs_hook=_without_repetition)
        except (ValueError, RecursionError) as error:
            raise HubError(
                f"the registry of {where} is not JSON: {error}; check that this is the address of a hub"
            ) from error
        found = content.get("schema_version") if isinstance(content, dict) else None
        if isinstance(found, int) and found > SCHEMA_VERSION:
            raise HubError(
                f"the registry of {where} uses schema version {found}, but this package supports at most "
                f"{SCHEMA_VERSION}: install a newer seisbench-lcl"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise HubError(
                f"the registry of {where} cannot be used: {_listed(error)}; inform the maintainers of the hub"
            ) from error

    def to_text(self) -> str:
        """Return the registry as JSON; equal content gives equal text.

        Raises
        ------
        HubError
            If an added entry is not allowed in a registry.
        """
        content = self.model_dump(mode="json", warnings=False)
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        self.parse(text.encode(), "this hub")
        return text

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        _check_case(self.weights)
        digests: dict[str, File] = {}
        for model, names in self.weights.items():
            _check_case(names)
            for name, versions in names.items():
                _check_case(versions)
                for version, entry in versions.items():
                    _check_paths(model, name, version, entry)
                    for file in entry.files.values():
                        if digests.setdefault(file.path, file) != file:
                            raise HubError(f"{file.path} has two digests: use a separate card for each version")
        return self


def _check_paths(model: str, name: str, version: str, entry: Entry) -> None:
    for kind, allowed in implied_paths(model, name, version).items():
        path = entry.files[kind].path  # type: ignore[index]
        if path not in allowed:
            raise HubError(
                f"{kind} of {model} {name}, version {version}, is {path!a} instead of {' or '.join(allowed)}"
            )


def _check_case(names: dict[str, Any]) -> None:
    """Refuse names that would be the same file on systems that ignore case."""
    first: dict[str, str] = {}
    for name in names:
        if first.setdefault(name.lower(), name) != name:
            raise HubError(f"{first[name.lower()]} and {name} differ only in case")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object repeats a key")
    return content


def _listed(error: ValidationError) -> str:
    """List the first errors and their places; text from outside is quoted."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{ascii(' > '.join(map(str, e['loc'])))[:200]}: {e['msg']}" for e in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "; ".join(shown + more)
