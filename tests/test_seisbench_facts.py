"""Facts of SeisBench 0.12.6 that our bridge works around, tested against a naive bridge.

`Naive` wraps the same extractor and head the way SeisBench's own point models do. Each test passes with our bridge and
fails with the naive one, with the error in its mark. When a naive test starts to pass, SeisBench has changed and our
bridge can become simpler.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pytest
import torch
from conftest import START, ground_motion
from seisbench.data import WaveformDataset
from seisbench.models import WaveformModel

import seisbench_lcl as lcl
from seisbench_lcl.errors import WeightsError
from seisbench_lcl.extractors import MiniRocket
from seisbench_lcl.heads import Ridge
from seisbench_lcl.training import read_windows

pytestmark = pytest.mark.timeout(60)

HANG = 5.0  # seconds after which a call counts as hung


class Naive(WaveformModel):
    """MiniRocket and ridge in the style of SeisBench's GPD: hooks only, everything else inherited."""

    def __init__(self, labels: list[str], **kwargs: Any) -> None:
        super().__init__(
            component_order="ZNE", sampling_rate=100, output_type="point", in_samples=2000, labels=labels, **kwargs
        )
        self.extractor = MiniRocket(3, 2000, 100)
        self.head = Ridge(self.extractor.n_features, len(labels))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return self.head(self.extractor(windows))

    def annotate_batch_pre(self, batch: torch.Tensor, argdict: dict[str, Any]) -> torch.Tensor:
        batch = batch - batch.mean(dim=-1, keepdim=True)
        return batch / batch.std(dim=-1, keepdim=True).clamp_min(1e-10)

    def training_window(self, dataset: WaveformDataset) -> np.ndarray:
        window = dataset.get_waveforms(0, sampling_rate=self.sampling_rate)[:, 2800:4800]
        return self.annotate_batch_pre(torch.tensor(window[None]), {})[0].numpy()


class MiniRocketRidge(lcl.MiniRocketRidge):
    """Our bridge, with the one extra method that the tests call on both."""

    def training_window(self, dataset: WaveformDataset) -> np.ndarray:
        window = torch.from_numpy(read_windows(dataset, self.preprocessing).windows[:1])
        return self.annotate_batch_pre(window, {})[0].numpy()


@pytest.fixture(params=["ours", "naive"])
def bridge(request: pytest.FixtureRequest, pretrained: lcl.MiniRocketRidge) -> Any:
    if request.param == "naive":
        error = request.node.get_closest_marker("naive").kwargs["raises"]
        request.applymarker(pytest.mark.xfail(strict=True, raises=error))
    model: Any = (
        MiniRocketRidge(labels=pretrained.labels) if request.param == "ours" else Naive(labels=pretrained.labels)
    )
    known = model.state_dict()
    model.load_state_dict({name: tensor for name, tensor in pretrained.state_dict().items() if name in known})
    return model


def annotate(model: Any, stream: obspy.Stream, **kwargs: Any) -> obspy.Stream:
    async def bounded() -> obspy.Stream:
        # Tasks abandoned by the naive bridge would log their tracebacks when they are collected.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        return await asyncio.wait_for(model.annotate_async(stream, **kwargs), HANG)

    return asyncio.run(bounded())


@pytest.mark.naive(raises=asyncio.TimeoutError)
def test_1_an_exception_in_forward_comes_out(bridge: Any, make_stream: Callable) -> None:
    def fail(features: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError("on purpose")

    bridge.head.forward = fail
    with pytest.raises(ArithmeticError, match="on purpose"):
        annotate(bridge, make_stream(), stride=100)


@pytest.mark.naive(raises=ValueError)
def test_2_a_trace_of_one_window_does_not_take_down_the_others(bridge: Any, make_stream: Callable) -> None:
    stream = make_stream(20.05) + make_stream(30, station="XX.DEF..HH")
    out = annotate(bridge, stream, stride=100)
    assert sorted((tr.stats.station, tr.stats.npts) for tr in out) == [("ABC", 1)] * 3 + [("DEF", 11)] * 3


@pytest.mark.naive(raises=AssertionError)
def test_3_a_record_of_exactly_one_window_gives_one_output(bridge: Any, make_stream: Callable) -> None:
    stream = make_stream(20) + make_stream(40, station="XX.DEF..HH")
    assert {tr.stats.station for tr in annotate(bridge, stream, stride=500)} == {"ABC", "DEF"}


@pytest.mark.naive(raises=AssertionError)
def test_4_annotate_resamples_as_training_does(bridge: Any, dataset_folder: Path, monkeypatch: Any) -> None:
    dataset = WaveformDataset(dataset_folder, component_order="ZNE", sampling_rate=None)
    seen: list[torch.Tensor] = []
    forward = bridge.extractor.forward
    bridge.extractor.forward = lambda windows: (seen.append(windows), forward(windows))[1]
    for rate in (40, 50, 200):
        motion = ground_motion(0, np.arange(60 * rate) / rate, "low")
        stream = obspy.Stream(
            [
                obspy.Trace(data, {"channel": f"HH{c}", "sampling_rate": rate, "starttime": START})
                for c, data in zip("ZNE", motion, strict=True)
            ]
        )
        annotate(bridge, stream, stride=2800)
        np.testing.assert_allclose(seen[-1][1].numpy(), bridge.training_window(dataset), atol=0.01)


@pytest.mark.naive(raises=AssertionError)
def test_5_two_instruments_of_one_site_stay_apart(bridge: Any, make_stream: Callable) -> None:
    motions = {code: make_stream(30, station=f"XX.ABC..{code}", seed=i) for i, code in enumerate(("HH", "HN"))}
    together = annotate(bridge, motions["HH"] + motions["HN"], stride=100)
    assert len(together) == 6
    for code, alone in motions.items():
        own = [tr.data for tr in together.select(channel=f"{code}_*")]
        np.testing.assert_array_equal(own, [tr.data for tr in annotate(bridge, alone, stride=100)])


@pytest.mark.naive(raises=AssertionError)
@pytest.mark.parametrize("lost", ["component", "gap"])
def test_6_what_is_missing_is_not_filled_with_zeros(bridge: Any, make_stream: Callable, lost: str) -> None:
    stream = make_stream(30)
    if lost == "component":
        stream = stream.select(component="Z")
    else:
        north = stream.select(component="N")[0]
        stream.remove(north)
        stream.extend([north.slice(endtime=START + 12), north.slice(starttime=START + 18)])
    assert len(annotate(bridge, stream, stride=100)) == 0
    reasons = {window.reason for window in bridge.classify(stream).windows}
    if lost == "component":
        assert reasons == {"component N, E missing: found channel HHZ"}
    else:
        assert "70.05% of component N present (gap)" in reasons


@pytest.mark.naive(raises=AssertionError)
def test_7_the_default_stride_is_one_second(bridge: Any, make_stream: Callable) -> None:
    out = annotate(bridge, make_stream(25))
    assert {tr.stats.sampling_rate for tr in out} == {1.0}
    assert {tr.stats.npts for tr in out} == {6}


@pytest.mark.naive(raises=AssertionError)
def test_8_large_offsets_lose_nothing(bridge: Any, make_stream: Callable) -> None:
    stream = make_stream(25)
    shifted = stream.copy()
    for trace in shifted:
        trace.data = trace.data + 1e10
    expected, found = annotate(bridge, stream, stride=100), annotate(bridge, shifted, stride=100)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a.data, b.data, atol=1e-4)


@pytest.mark.naive(raises=AssertionError)
def test_9_a_short_record_is_reported(bridge: Any, make_stream: Callable) -> None:
    windows = getattr(bridge.classify(make_stream(14.2)), "windows", [])
    assert [(window.label, window.reason) for window in windows] == [
        (None, "no window fits: the record is 14.2 s long, the model needs 20 s")
    ]


@pytest.mark.naive(raises=TypeError)
def test_10_saved_weights_load_and_state_their_versions(bridge: Any, tmp_path: Path) -> None:
    bridge.save(tmp_path / "weights", version_str="7")
    loaded = type(bridge).load(tmp_path / "weights", version_str="7")
    assert loaded.weights_version == "7"
    assert json.loads((tmp_path / "weights.json.v7").read_text())["seisbench_requirement"] == "0.12.6"


@pytest.mark.naive(raises=AssertionError)
def test_11_pretrained_weights_need_no_network(bridge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(WeightsError, match="no pretrained weights called 'unheard-of'"):
        type(bridge).from_pretrained("unheard-of")
    with pytest.raises(WeightsError, match="is not a name"):
        type(bridge).from_pretrained("../mixed-3c")
    assert type(bridge).from_pretrained("mixed-3c").weights_version == "1"


@pytest.mark.naive(raises=AssertionError)
def test_12_device_and_dtype_are_those_of_the_buffers(bridge: Any) -> None:
    assert bridge.to(torch.float64).dtype == torch.float64
    assert bridge.to("meta").device == torch.device("meta")


@pytest.mark.naive(raises=RuntimeError)
def test_13_annotate_and_classify_work_inside_a_running_event_loop(bridge: Any, make_stream: Callable) -> None:
    made = []
    annotate_async = bridge.annotate_async
    bridge.annotate_async = lambda *args, **kwargs: made.append(annotate_async(*args, **kwargs)) or made[-1]

    async def notebook() -> tuple[Any, ...]:
        stream = make_stream(25)
        inside = bridge.annotate(stream, stride=100)
        return inside, await bridge.annotate_async(stream, stride=100), await bridge.classify_async(stream, stride=100)

    try:
        inside, annotated, classified = asyncio.run(notebook())
    finally:
        for coroutine in made:
            coroutine.close()  # the naive bridge never awaits its own
    assert len(inside) == len(annotated) == 3
    assert len(classified.windows) == 6
