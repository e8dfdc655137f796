"""The arguments of annotate and classify, and subclasses of stream models."""

from collections.abc import Callable

import numpy as np
import obspy
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, WaveformError
from seisbench_lcl.models.stream_classifier import _NEVER_CALLED
from seisbench_lcl.models.stream_model import StreamModel


@pytest.mark.parametrize("hook", sorted(_NEVER_CALLED))
def test_a_subclass_cannot_override_a_hook_that_is_never_called(hook: str) -> None:
    assert hasattr(StreamModel, hook), "SeisBench has no such hook any more"
    with pytest.raises(TypeError, match=f"Deaf overrides {hook}, which seisbench_lcl never calls"):
        type("Deaf", (lcl.MiniRocketRidge,), {hook: lambda self, *args, **kwargs: None})


def test_a_subclass_may_override_what_is_called(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    class Flat(lcl.MiniRocketRidge):
        def annotate_batch_pre(self, batch, argdict):
            batches.append(len(batch))
            return super().annotate_batch_pre(batch, argdict)

    batches: list[int] = []
    flat = Flat(**model.get_model_args())
    flat.load_state_dict(model.state_dict())
    flat.classify(make_stream(25), stride=300)
    assert batches == [2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"treshold": 0.5}, "MiniRocketRidge has no argument 'treshold': did you mean 'threshold'?"),
        ({"minimum_coverage": 0.5}, "did you mean 'min_coverage'"),
        ({"blinding": 1}, "has no argument 'blinding': its arguments are: batch_size, stride, "),
        ({"stride": 0}, "stride must be a whole number of 1 or more, but is 0"),
        ({"batch_size": 1.5}, "batch_size must be a whole number"),
        ({"min_coverage": 0}, "min_coverage must be a number above 0 and up to 1"),
        ({"max_novelty": -1}, "max_novelty must be a positive number, or None"),
        ({"reject_below": 1}, "reject_below must be a number from 0 to below 1"),
    ],
)
def test_arguments(model: lcl.MiniRocketRidge, make_stream: Callable, arguments: dict, message: str) -> None:
    for call in (model.classify, model.annotate):
        with pytest.raises(ConfigurationError) as caught:
            call(make_stream(25), **arguments)
        assert message in str(caught.value)


def test_stated_channels_and_conventions_change_no_probability(
    model: lcl.MiniRocketRidge, make_stream: Callable
) -> None:
    stream = make_stream(30)
    expected = [model.classify(stream).windows.blocks[0].probabilities, model.annotate(stream)[0].data]
    for names in (("UD", "NS", "EW"), ("hhz", "hhn", "hhe"), ("U", "N", "E"), ("C00", "C01", "C02")):
        for trace, name in zip(stream, names, strict=True):
            trace.stats.channel = name
        stated = {"channels": dict(zip("ZNE", names, strict=True))} if "C00" in names else {}
        stream.traces.reverse()
        found = [model.classify(stream, **stated).windows.blocks[0].probabilities]
        found.append(model.annotate(stream, **stated)[0].data)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
        stream.traces.reverse()


def test_a_trace_is_not_a_stream(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    with pytest.raises(WaveformError, match=r"must be an ObsPy Stream, but is a Trace: wrap it in obspy.Stream"):
        model.classify(make_stream(25)[0])


def test_predict_gives_the_most_probable_label(model: lcl.MiniRocketRidge) -> None:
    windows = np.random.default_rng(0).normal(size=(5, 3, 2000))
    probabilities = model.predict_proba(windows)
    assert model.predict(windows).tolist() == [model.labels[k] for k in probabilities.argmax(axis=1)]
    ensemble = lcl.DiscriminatorEnsemble.from_pretrained("mixed-3c")
    assert ensemble.predict(windows).tolist() == [
        ensemble.labels[k] for k in ensemble.predict_proba(windows).argmax(axis=1)
    ]


def test_results_say_which_weights_answered(model: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    out = model.classify(make_stream(25))
    assert out.weights is model.weights_origin
    assert out.windows.weights == f"MiniRocketRidge/mixed-3c.v1 {out.weights.sha256[:12]}"
    fresh = lcl.MiniRocketRidge(**model.get_model_args())
    fresh.load_state_dict(model.state_dict())
    out = fresh.classify(make_stream(25))
    assert out.weights is None
    assert out.windows.weights == "MiniRocketRidge, not loaded from saved weights"


def test_detections_and_annotations_agree_on_times(model: lcl.MiniRocketRidge) -> None:
    (found,) = model.classify(obspy.read()).detections
    traces = model.annotate(obspy.read()).select(channel=f"*_{found.label}")
    trace = max(traces, key=lambda trace: trace.data.max())
    assert trace.times("utcdatetime")[trace.data.argmax()] == found.onset
    assert (found.event_type, found.component) == ("earthquake", "Z")
    assert found.probability in np.concatenate([trace.data for trace in traces])  # of the last window, by which it ends
