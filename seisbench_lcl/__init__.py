"""Event discrimination for SeisBench: earthquakes, blasts, slides and noise on any ObsPy stream.

Models are imported at the first use of a name, so that the command line and scripts start without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seisbench_lcl import _forwarding, _seisbench
from seisbench_lcl._version import __version__
from seisbench_lcl.errors import SeisBenchLCLError

if TYPE_CHECKING:
    from seisbench_lcl.models.discriminator import Discriminator
    from seisbench_lcl.models.ensemble import DiscriminatorEnsemble
    from seisbench_lcl.models.lookup import from_pretrained, load
    from seisbench_lcl.models.mixed import MixedEnsemble
    from seisbench_lcl.models.named import (
        DEC,
        VGG16,
        AutoencoderGMM,
        EnvelopeMiniRocketRidge,
        EnvelopePhysicalRidge,
        HybridRidge,
        Inception10,
        MiniRocketKMeans,
        MiniRocketRidge,
        MiniRocketSCAN,
        PhaseNetKMeans,
        PhaseNetNamedSCAN,
        PhaseNetPhysicalRidge,
        PhaseNetRidge,
        PhaseNetSCAN,
        PhysicalRidge,
        ResNet18,
        SimCLRKMeans,
        SpectrogramCNN,
        UNetGMM,
        WaveformKMeans,
    )
    from seisbench_lcl.plugins import PLUGIN_API_VERSION, hookimpl

__all__ = [
    "DEC",
    "PLUGIN_API_VERSION",
    "VGG16",
    "AutoencoderGMM",
    "Discriminator",
    "DiscriminatorEnsemble",
    "EnvelopeMiniRocketRidge",
    "EnvelopePhysicalRidge",
    "HybridRidge",
    "Inception10",
    "MiniRocketKMeans",
    "MiniRocketRidge",
    "MiniRocketSCAN",
    "MixedEnsemble",
    "PhaseNetKMeans",
    "PhaseNetNamedSCAN",
    "PhaseNetPhysicalRidge",
    "PhaseNetRidge",
    "PhaseNetSCAN",
    "PhysicalRidge",
    "ResNet18",
    "SeisBenchLCLError",
    "SimCLRKMeans",
    "SpectrogramCNN",
    "UNetGMM",
    "WaveformKMeans",
    "__version__",
    "from_pretrained",
    "hookimpl",
    "load",
]

# The modules of the names above. Those imported at the top are never looked up here.
_HOMES = dict.fromkeys(__all__, "models.named") | {
    "Discriminator": "models",
    "DiscriminatorEnsemble": "models",
    "MixedEnsemble": "models",
    "PLUGIN_API_VERSION": "plugins",
    "from_pretrained": "models.lookup",
    "hookimpl": "plugins",
    "load": "models.lookup",
}

if not TYPE_CHECKING:  # type checkers would take any name for known

    def __getattr__(name: str) -> Any:
        """Import a name, or a subpackage such as ``seisbench_lcl.extractors``, at its first use (PEP 562)."""
        if name in _HOMES:
            value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
            return value
        module = f"{__name__}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


_forwarding.install()
_seisbench.register([name for name in __all__ if _HOMES[name] in ("models", "models.named") and name not in globals()])
