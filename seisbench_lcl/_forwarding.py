"""Import paths of version 0.1, forwarded with a warning to where the modules are now."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_PACKAGE = "seisbench_lcl."

MOVED = {
    "discriminator": "models.discriminator",
    "ensemble": "models.ensemble",
    "matching": "heads.matching",
    "neighbours": "heads.neighbours",
    "novelty": "models.novelty",
    "onset": "waveforms.onset",
    "pca": "extractors.pca",
    "preprocessing": "waveforms.preprocessing",
    "records": "waveforms.records",
    "resampling": "waveforms.resampling",
    "results": "models.results",
    "rows": "storage.rows",
    "stages": "extractors.stages",
    "streams": "models.stream_model",
    "training.augmentations": "optim.augmentations",
    "training.contrastive": "optim.contrastive",
    "training.cuts": "datasets.cuts",
    "training.detection": "datasets.detection",
    "training.loop": "optim.loop",
    "training.manifest": "datasets.manifest",
    "training.supervised": "optim.supervised",
    "training.windows": "datasets.windows",
    "weights": "hub.weights",
}
"""Old module path to new one, both below ``seisbench_lcl``."""


class Forwarding(MetaPathFinder, Loader):
    """Finds the modules of `MOVED` by their old paths."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for an old path."""
        moved = fullname.startswith(_PACKAGE) and fullname.removeprefix(_PACKAGE) in MOVED
        return ModuleSpec(fullname, self) if moved else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module from its new path."""
        new = _PACKAGE + MOVED[spec.name.removeprefix(_PACKAGE)]
        warnings.warn(f"{spec.name} has moved to {new}", DeprecationWarning, stacklevel=2)
        module = import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back; it was executed when it was imported."""
        state = module.__spec__
        assert state is not None
        module.__spec__ = state.loader_state


def install() -> None:
    """Add the finder once, after all others."""
    if not any(isinstance(finder, Forwarding) for finder in sys.meta_path):
        sys.meta_path.append(Forwarding())
