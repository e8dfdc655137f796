"""Backbones: models that SeisBench serves, named by weights of this package instead of copied into them."""

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated

import numpy as np
import requests
import seisbench
import seisbench.models
import torch
from pydantic import BaseModel, ConfigDict, StringConstraints
from seisbench.models import WaveformModel
from torch import Tensor, nn

from seisbench_lcl.errors import ConfigurationError, MissingBackboneError, WeightsError
from seisbench_lcl.hub import weights as weights_files
from seisbench_lcl.wording import suggestion

_PATIENCE = 120.0  # s, for SeisBench's server, which SeisBench would wait for without end


class Backbone(BaseModel):
    """The weights of a SeisBench model, identified by their tensors.

    Attributes
    ----------
    model : str
        Name of a class in `seisbench.models`.
    weights, version : str
        As in its `from_pretrained`.
    sha256 : str
        Digest of the tensors (`tensor_digest`).

    Examples
    --------
    >>> backbone = Backbone(model="PhaseNet", weights="original", version="1", sha256="0" * 64)
    >>> backbone.model, backbone.weights
    ('PhaseNet', 'original')
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    weights: str
    version: str
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    def __str__(self) -> str:
        return f"{self.model} {self.weights!r}, version {self.version}"

    @property
    def files(self) -> list[Path]:
        """The files in SeisBench's cache."""
        return _files(seisbench_class(self.model), self.weights, self.version)


def open_backbone(
    model: str, weights: str, version: str | None = None, sha256: str | None = None
) -> tuple[WaveformModel, Backbone]:
    """Load a pretrained SeisBench model from SeisBench's cache, or else from its server.

    Parameters
    ----------
    model : str
        Name of a class in `seisbench.models`.
    weights : str
    version : str, optional
        By default the newest in the cache; if there is none, the newest on the server.
    sha256 : str, optional
        Refuse weights with other tensors.

    Returns
    -------
    module : seisbench.models.WaveformModel
        In evaluation mode.
    backbone : Backbone

    Raises
    ------
    ConfigurationError
        If SeisBench has no such model.
    MissingBackboneError
        If the weights are not in the cache and cannot be downloaded; the message says how to put them there.
    WeightsError
        If the files in the cache cannot be read, or hold other tensors.
    """
    cls = seisbench_class(model)
    weights_files.check_name(weights)
    cached = [v for v in cls.list_versions(weights, remote=False) if all(f.is_file() for f in _files(cls, weights, v))]
    if version is None and cached:
        version = weights_files.newest(cached)
    if version not in cached:
        _download(cls, weights, version)
        version = version or weights_files.newest(cls.list_versions(weights, remote=False))
    assert version is not None
    stem = cls._model_path() / weights
    try:
        module = cls.load(stem, version_str=version, weights_only=True)
    except Exception as error:
        # PyTorch's own message advises to unpickle.
        reason = "no tensors" if isinstance(error, UnpicklingError) else f"{type(error).__name__}: {error}"
        raise WeightsError(
            f"cannot read {stem}.pt.v{version}, weights of {model} ({reason}): remove {stem}.{{pt,json}}.v{version}, "
            f"then run seisbench-lcl backbone {model}/{weights}"
        ) from error
    found = Backbone(model=model, weights=weights, version=version, sha256=tensor_digest(module))
    if sha256 not in (None, found.sha256):
        raise WeightsError(
            f"{stem}.pt.v{version} are not the weights that the model was trained with: the SHA-256 of their tensors "
            f"is {found.sha256[:12]}…, but {sha256[:12]}… is needed; remove {stem}.{{pt,json}}.v{version}, then run "
            f"seisbench-lcl backbone {model}/{weights} --version {version}"
        )
    return module.eval(), found


def tensor_digest(tensors: nn.Module | Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names, types, shapes and values of tensors by name, or of all those of a module."""
    digest = hashlib.sha256()
    named = tensors.state_dict() if isinstance(tensors, nn.Module) else tensors
    for name, tensor in sorted(named.items()):
        tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor  # which NumPy lacks; exact
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little_endian.dtype.str} {array.shape}\n".encode())
        digest.update(little_endian.tobytes())
    return digest.hexdigest()


def normalised(module: WaveformModel, inputs: Tensor) -> Tensor:
    """Prepare a batch of windows (B, C, T) as a SeisBench model does in `annotate`, with its default arguments."""
    arguments = {name: value for name, (_, value) in module._annotate_args.items()} | dict(module.default_args)
    prepared: Tensor = module.annotate_batch_pre(inputs, arguments)
    return prepared


def split_name(name: str) -> tuple[str, str]:
    """Return the class and the weights that "MODEL/WEIGHTS" names.

    Raises
    ------
    ConfigurationError
        If one of them is missing.
    """
    model, _, weights = name.partition("/")
    if not model or not weights:
        raise ConfigurationError(f"{name!r} does not name a model and its weights: write MODEL/WEIGHTS")
    return model, weights


def named_backbone(name: str) -> Backbone:
    """Find a pretrained SeisBench model by "MODEL/WEIGHTS"; raises as `split_name` and `open_backbone`."""
    return open_backbone(*split_name(name))[1]


def seisbench_class(model: str) -> type[WaveformModel]:
    """Return a class of `seisbench.models` by its name.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    known = {
        name: cls
        for name, cls in vars(seisbench.models).items()
        if isinstance(cls, type) and issubclass(cls, WaveformModel) and cls.__module__.startswith("seisbench.models")
    }
    if model not in known:
        raise ConfigurationError(f"seisbench.models has no model {model!r}: {suggestion(model, sorted(known))}")
    return known[model]


def _files(cls: type[WaveformModel], weights: str, version: str) -> list[Path]:
    return [cls._model_path() / f"{weights}.{kind}.v{version}" for kind in ("json", "pt")]


def _download(cls: type[WaveformModel], weights: str, version: str | None) -> None:
    """Let SeisBench fetch the weights, in a thread, because its requests have no time limit."""
    raised: list[BaseException] = []

    def fetch() -> None:
        try:
            cls.from_pretrained(weights, version_str=version or "latest")
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=fetch, name=f"download of {cls.__name__} {weights}", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if thread.is_alive():
        reason = f"SeisBench's server did not deliver within {_PATIENCE:g} s"
    elif raised and not isinstance(raised[0], Exception):
        raise raised[0]
    elif raised and isinstance(raised[0], requests.RequestException):
        reason = f"no connection to {seisbench.remote_model_root}"
    elif raised:
        reason = f"{type(raised[0]).__name__}: {raised[0]}"
    else:
        return
    name = f"{cls.__name__}/{weights}"
    option = f" --version {version}" if version else ""
    partial = sorted(cls._model_path().glob(f"{weights}.*.partial"))
    mend = f"remove {', '.join(map(str, partial))} and try again" if partial else "check the network"
    raise MissingBackboneError(
        f"{name}{f' version {version}' if version else ''} is not in SeisBench's cache and could not be downloaded "
        f"({reason}): {mend}; or run seisbench-lcl backbone {name}{option} on a machine with a network, and copy its "
        f"two files to {cls._model_path()}"
    )
