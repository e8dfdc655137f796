"""The bridge to SeisBench: an extractor and a head, wrapped as a `WaveformModel`."""

from typing import TYPE_CHECKING

from seisbench_lcl._lazy import on_demand

if TYPE_CHECKING:
    from seisbench_lcl.models.backbone_tuning import fine_tune_backbone
    from seisbench_lcl.models.discriminator import Discriminator
    from seisbench_lcl.models.ensemble import DiscriminatorEnsemble
    from seisbench_lcl.models.mixed import MixedEnsemble

__all__ = ["Discriminator", "DiscriminatorEnsemble", "MixedEnsemble", "fine_tune_backbone"]

if not TYPE_CHECKING:  # type checkers would take any name for known
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "Discriminator": "seisbench_lcl.models.discriminator",
            "DiscriminatorEnsemble": "seisbench_lcl.models.ensemble",
            "MixedEnsemble": "seisbench_lcl.models.mixed",
            "fine_tune_backbone": "seisbench_lcl.models.backbone_tuning",
        },
    )
