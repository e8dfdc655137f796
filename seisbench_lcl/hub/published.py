"""Weights that others trained and publish: fetched from their address, checked, and converted on this machine.

A model class names them in `PretrainedModel.published`, and `PretrainedModel.from_tensors` turns their tensors into the
model. The files themselves are in no package and on no hub.
"""

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.parse import urlsplit

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, HubError, OutputError, SeisBenchLCLError, WeightsError
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.backbones import tensor_digest
from seisbench_lcl.hub.download import read
from seisbench_lcl.hub.names import check_name, check_version
from seisbench_lcl.hub.sources import source

_PICKLED = (b"PK\x03\x04", b"\x80")  # PyTorch's files: a ZIP archive, or in old versions a plain pickle
_TYPES = {
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Published:
    """Weights at a public address, identified by their tensors.

    Parameters
    ----------
    url : str
        Address of the file: tensors that PyTorch or safetensors saved. Use one whose content does not change, such as
        that of a commit.
    sha256 : str
        Digest of the tensors (`seisbench_lcl.hub.backbones.tensor_digest`), without those in `ignored`: the same for a
        file of PyTorch and one of safetensors.
    licence : str
        Licence of the weights, such as "MIT".
    source : str
        Who publishes them, which of their weights these are, and the notice that the licence asks for.
    training_data : str
        What they learnt from. Part of it may be in a user's test data.
    citation : str
        Papers to cite, one per line.
    version : str
        Version of the weights in SeisBench's cache.
    limit : int
        Largest allowed size of the file in bytes.
    command : str
        Command that installs a local file; by default ``seisbench-lcl hub install MODEL/NAME``. The file follows it.
    ignored : tuple of str
        Tensors that the model does not need, by the last part of their names.

    Raises
    ------
    ConfigurationError
        If the address, the digest or the version is not valid, or a text is empty.

    Examples
    --------
    >>> entry = Published(
    ...     url="https://example.org/blast.pt", sha256="0" * 64, licence="MIT", source="the example group",
    ...     training_data="200 blasts", citation="Example et al. (2025)",
    ... )
    >>> entry.version
    '1'
    """

    url: str
    sha256: str
    licence: str
    source: str
    training_data: str
    citation: str
    version: str = "1"
    limit: int = 64_000_000
    command: str = ""
    ignored: tuple[str, ...] = ("num_batches_tracked",)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.path.endswith("/"):
            raise ConfigurationError(
                f"published weights need the address of a file, https://host/path/file, but url is {self.url!r}"
            )
        if not _DIGEST.fullmatch(self.sha256):
            raise ConfigurationError(
                f"published weights need the SHA-256 of their tensors, 64 digits of 0-9 and a-f, but sha256 is "
                f"{self.sha256!r}"
            )
        for field in ("licence", "source", "training_data", "citation"):
            if not getattr(self, field).strip():
                raise ConfigurationError(f"published weights at {self.url} must state their {field}")
        try:
            check_version(self.version)
        except HubError as error:
            raise ConfigurationError(str(error)) from error

    def describe(self) -> str:
        """Return what a user should know, in lines of ``name: text``."""
        return (
            f"Weights that others trained and publish; not checked by this project.\nsource: {self.source}\n"
            f"address: {self.url}\nlicence: {self.licence}\ntrained on: {self.training_data}; part of it may be in "
            f"your test data\ncite: {self.citation}\ntensors: sha256 {self.sha256}"
        )


def pull(cls: Any, name: str) -> Path:
    """Download weights that a model class publishes, and install them in SeisBench's cache.

    Parameters
    ----------
    cls : type
        Model class, a `seisbench_lcl.models.pretrained.PretrainedModel`.
    name : str
        A key of its `published`.

    Returns
    -------
    Path
        Path of the installed weights, without suffix.

    Raises
    ------
    HubError
        If the file cannot be downloaded; the message has its address, and the command that installs a local copy.
    WeightsError, OutputError
        As `install`.
    """
    entry = entry_of(cls, name)
    folder, _, file = entry.url.rpartition("/")
    try:
        content = read(source(folder), file, entry.limit)
    except HubError as error:
        raise HubError(
            f"{cls.__name__}/{name} is not on this machine, and its file cannot be downloaded from {entry.url}: copy "
            f"it from a machine with a network, and run {_command(cls, name)} FILE (reason: {error})"
        ) from error
    return _install(cls, name, content, entry.url)


def install(cls: Any, name: str, file: Path) -> Path:
    """Install a local copy of weights that a model class publishes in SeisBench's cache.

    From there, `from_pretrained` loads them without a network. Files appear whole or not at all.

    Parameters
    ----------
    cls : type
        Model class, a `seisbench_lcl.models.pretrained.PretrainedModel`.
    name : str
        A key of its `published`.
    file : Path
        Saved by PyTorch or safetensors.

    Returns
    -------
    Path
        Path of the installed weights, without suffix.

    Raises
    ------
    WeightsError
        If the class publishes no weights of this name; if the file is missing, too large, or holds more than tensors;
        if tensors are missing, have other shapes or other values.
    OutputError
        If the cache cannot be written to.
    """
    limit = entry_of(cls, name).limit
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise WeightsError(f"cannot read {file}: {error.strerror or error}; check the path") from error
    if len(content) > limit:
        raise WeightsError(f"{file} is larger than the allowed {limit:,} bytes: it is not the published file")
    return _install(cls, name, content, str(file))


def entry_of(cls: Any, name: str) -> Published:
    """Return the entry of weights that a model class publishes.

    Raises
    ------
    WeightsError
        If it publishes no weights of this name.
    """
    known: Mapping[str, Published] = cls.published
    if name not in known:
        raise WeightsError(f"{cls.__name__} publishes no weights called {name!r}; it publishes: {', '.join(known)}")
    check_name(name)
    return known[name]


def installed(cls: Any, name: str) -> bool:
    """Return whether the published weights are in SeisBench's cache."""
    return entry_of(cls, name).version in weights.available([cls._model_path()]).get(name, {})


def read_tensors(content: bytes, where: str) -> dict[str, Tensor]:
    """Read the tensors of a file that PyTorch or safetensors saved, without unpickling anything else.

    Parameters
    ----------
    content : bytes
    where : str
        Name of the file, for messages.

    Raises
    ------
    WeightsError
        If the file is damaged, or holds anything but finite tensors by name.
    """
    try:
        # The header of safetensors is JSON after eight bytes of its length, which may be those of a pickle.
        if content.startswith(_PICKLED) and content[8:9] != b"{":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about old formats, which are read or refused all the same
                found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        else:
            found = load_safetensors(content)
    except UnpicklingError as error:  # PyTorch's own message advises to unpickle
        raise WeightsError(
            f"{where} holds more than tensors, and running the rest could do anything: it is refused; use the "
            "published file"
        ) from error
    except SafetensorError as error:
        raise WeightsError(f"{where} is neither a file of PyTorch nor of safetensors: {error}") from error
    except Exception as error:  # damaged archives raise whatever their reader stumbles over
        reason = f"{error}".partition("\n")[0]
        raise WeightsError(f"{where} is damaged ({type(error).__name__}: {reason}): copy it again") from error
    if not isinstance(found, Mapping):
        raise WeightsError(f"{where} holds a {type(found).__name__}, but must hold tensors by name")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor) or tensor.layout is not torch.strided:
            raise WeightsError(f"{where} holds a {type(tensor).__name__} under {name!r}, but must hold tensors only")
        if tensor.dtype not in _TYPES:
            raise WeightsError(f"tensor {name!r} of {where} has the type {tensor.dtype}, which is not read")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"tensor {name!r} of {where} holds NaN or infinite values")
    return {name: tensor.detach().clone() for name, tensor in found.items()}


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tensors of other names or shapes than a model needs; for `PretrainedModel.from_tensors`.

    Raises
    ------
    WeightsError
        The message lists all differences.

    Examples
    --------
    >>> check_tensors({"layer.weight": torch.zeros(4, 3)}, {"layer.weight": (4, 3)})
    """
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = [f"{name} is missing" for name in shapes if name not in found]
    wrong += [f"{name} is not expected" for name in found if name not in shapes]
    wrong += [f"{n} is {found[n]} instead of {shapes[n]}" for n in shapes if n in found and found[n] != shapes[n]]
    if wrong:
        listed = "; ".join(wrong[:10]) + (f"; and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise WeightsError(f"the tensors do not fit the model: {listed}")


def needed(tensors: Mapping[str, Tensor], entry: Published) -> dict[str, Tensor]:
    """Return the tensors without those that an entry ignores."""
    return {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] not in entry.ignored}


def _install(cls: Any, name: str, content: bytes, where: str) -> Path:
    entry = entry_of(cls, name)
    tensors = needed(read_tensors(content, where), entry)
    try:
        model = cls.from_tensors(name, tensors)
    except WeightsError as error:
        raise WeightsError(f"{where}: {error}") from error
    except SeisBenchLCLError:
        raise
    except Exception as error:  # from_tensors is code of others
        raise WeightsError(
            f"{where}: {cls.__name__} cannot use its tensors ({type(error).__name__}: {error})"
        ) from error
    if (digest := tensor_digest(tensors)) != entry.sha256:
        raise WeightsError(
            f"{where} holds other weights than {cls.__name__}/{name}: the SHA-256 of its tensors is {digest}, but "
            f"{entry.sha256} is published: get the file at {entry.url}"
        )
    target: Path = cls._model_path() / name
    try:
        model.save(target, entry.describe(), entry.version)
    except WeightsError as error:
        raise OutputError(f"cannot install {cls.__name__}/{name}: {error}") from error
    return target


def _command(cls: Any, name: str) -> str:
    return entry_of(cls, name).command or f"seisbench-lcl hub install {cls.__name__}/{name}"
