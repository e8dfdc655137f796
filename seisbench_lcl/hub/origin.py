"""Where the weights in use come from: the package, the cache, a hub or a path."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seisbench.models import WaveformModel
from typing_extensions import Self

from seisbench_lcl.hub import lookup

_PLACES = {"package": "from the package", "hub": "pulled from a hub", "cache": "saved in the cache"}


@dataclass(frozen=True)
class WeightsOrigin:
    """The weights that a model was loaded from; as text, one line.

    Attributes
    ----------
    model, name, version : str
    place : "package", "cache", "hub" or "path"
        Weights pulled from a hub are in SeisBench's cache; "cache" means that they were saved there in another way.
    path : Path
        Path of the weights, without suffix.
    sha256 : str
        Digest of the tensors.

    Examples
    --------
    >>> from seisbench_lcl import from_pretrained
    >>> print(from_pretrained("MiniRocketRidge/mixed-3c").weights_origin)
    MiniRocketRidge/mixed-3c, version 1, from the package (sha256 a3714976ddd3)
    """

    model: str
    name: str
    version: str
    place: Literal["package", "cache", "hub", "path"]
    path: Path
    sha256: str

    @classmethod
    def of(
        cls, model: type[WaveformModel], path: str | os.PathLike[str], version: str | None, metadata: Mapping[str, Any]
    ) -> Self:
        """Describe the weights at a path without suffix, from which a model was loaded.

        Parameters
        ----------
        model : type
        path : path
        version : str, optional
            Version in the names of the files.
        metadata : mapping
            As returned by `seisbench_lcl.hub.weights.read`.
        """
        path = Path(path)
        cache, package = (folder.resolve() == path.resolve().parent for folder in lookup.folders(model))
        place: Literal["package", "cache", "hub", "path"] = "path"
        if package:
            place = "package"
        elif cache:
            place = "hub" if path.with_name(f"{path.name}.md.v{version}").exists() else "cache"
        sha256 = metadata["seisbench_lcl"]["sha256"]
        return cls(model.__name__, path.name, str(metadata.get("version")), place, path, sha256)

    def __str__(self) -> str:
        digest = f"(sha256 {self.sha256[:12]})"
        if self.place == "path":
            return f"{self.model} from {self.path}, version {self.version} {digest}"
        return f"{self.model}/{self.name}, version {self.version}, {_PLACES[self.place]} {digest}"
