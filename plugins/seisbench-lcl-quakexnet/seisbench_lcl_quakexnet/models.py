"""The named model, and the weights that its authors publish."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor
from typing_extensions import Self

from seisbench_lcl import Discriminator
from seisbench_lcl.hub.published import Published
from seisbench_lcl_quakexnet import layout

LABELS = ("earthquake", "explosion", "noise", "surface event")
"""In the order of the published network, which calls them eq, px, no and su."""

_PAPER = (
    "Kharita et al. (2025), Exploration of machine learning methods to seismic event discrimination in the Pacific "
    "Northwest, arXiv:2510.23795"
)
BASE = Published(
    url="https://raw.githubusercontent.com/SeisSCOPED/QuakeScope/f6ef27699305e72681aa9d0bcebed606c8ba8703/"
    "sb_catalog/models/v3/quakexnet/base.pt.v1",
    sha256="02b48c7e31d379cb34a91e1e848177ca13cc092212ec324245819424e5664f51",
    licence="MIT",
    source="SeisSCOPED/QuakeScope, weights 'base' of QuakeXNet, Copyright (c) 2024 SeisSCOPED",
    training_data="some 200,000 waveforms of the Pacific Northwest (earthquakes, explosions, noise, surface events)",
    citation=_PAPER,
    limit=5_000_000,
    command="seisbench-lcl-quakexnet install",
)


class QuakeXNet(Discriminator, extractor="quakexnet", head="linear", normalisation="joint-peak"):
    """The four-class network of Kharita et al. for the Pacific Northwest, with the weights that they publish.

    Windows of 100 s, three components. A window reaches the network as it was recorded: resampled to 50 Hz, not
    filtered, and divided by one number for all components, which has no effect. The network removes a line, tapers,
    filters from 1 to 20 Hz, and scales.

    Its answer depends on where the P arrival lies in the window. In its training it was 5 to 20 s after the start; by
    default it is expected 15 s after it.

    Parameters
    ----------
    extractor, head : str, optional
        Only "quakexnet" and "linear".
    labels, sampling_rate, in_samples, component_order, band, before, novelty_rate
        As in `seisbench_lcl.Discriminator`, with the values of the published network as defaults. The published weights
        have no novelty detector, because that learns from training windows.
    **description
        Further parameters of `seisbench_lcl.Discriminator`.

    References
    ----------
    Kharita et al. (2025), arXiv:2510.23795.

    Examples
    --------
    >>> QuakeXNet().labels
    ['earthquake', 'explosion', 'noise', 'surface event']
    """

    published: ClassVar[Mapping[str, Published]] = {"base": BASE}
    default_citation = _PAPER

    def __init__(
        self,
        extractor: str | None = None,
        head: str | None = None,
        *,
        labels: Sequence[str] | None = LABELS,
        sampling_rate: float = 50.0,
        in_samples: int = 5000,
        component_order: str = "ENZ",
        band: tuple[float, float] = (0.0, 25.0),
        before: float = 15.0,
        novelty_rate: float | None = None,
        **description: Any,
    ) -> None:
        super().__init__(
            extractor,
            head,
            labels=labels,
            sampling_rate=sampling_rate,
            in_samples=in_samples,
            component_order=component_order,
            band=band,
            before=before,
            novelty_rate=novelty_rate,
            **description,
        )

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> Self:
        """Return the model with the tensors that its authors publish; see `seisbench_lcl.models.pretrained`."""
        model = cls()
        own = layout.state(tensors)
        counters = {key: value for key, value in model.state_dict().items() if key.endswith("num_batches_tracked")}
        model.load_state_dict(own | counters)
        return model.eval()
