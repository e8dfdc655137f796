"""P picks of a pretrained SeisBench picker in the waveforms of one instrument."""

from collections.abc import Mapping
from typing import Any

import obspy

from seisbench_lcl.archive.settings import opened_picker
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.windows import is_p
from seisbench_lcl.hub.backbones import Backbone

_BATCH = 32  # windows at once: SeisBench's 256 take half a gigabyte


def pick(stream: obspy.Stream, picker: Backbone, arguments: Mapping[str, Any]) -> list[int]:
    """Return the P picks in a stream, in ns since 1970.

    Parameters
    ----------
    stream : obspy.Stream
        Of one instrument; not changed.
    picker : Backbone
    arguments : mapping
        Of its `classify`, such as ``{"P_threshold": 0.2}``.
    """
    if not stream:
        return []
    found = opened_picker(picker).classify(stream, **{"batch_size": _BATCH, **arguments}).picks
    return sorted((one.peak_time or one.start_time).ns for one in found if is_p(one.phase or ""))


def check_picks(picker: Backbone) -> None:
    """Refuse a SeisBench model that does not pick P.

    Raises
    ------
    ConfigurationError
    """
    module = opened_picker(picker)
    if module.output_type != "array" or "P" not in module.labels:
        raise ConfigurationError(f"{picker} does not pick P: name a picker, such as PhaseNet/original")
