"""Checks of a named model that comes trained."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import obspy
import torch
from obspy import UTCDateTime
from obspy.core.event.header import EventType

from seisbench_lcl.errors import HubError, SeisBenchLCLError, WeightsError
from seisbench_lcl.hub.names import check_name
from seisbench_lcl.hub.published import Published
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.pretrained import PretrainedModel
from seisbench_lcl.testing import _fresh_process
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import Failed, ModelSubject, Skipped
from seisbench_lcl.waveforms.records import read_array

_START = UTCDateTime(2024, 3, 1)
_AMPLITUDE = 1000  # counts


@check("labels and types", "model")
def labels_and_types(subject: ModelSubject) -> None:
    """Give each label a QuakeML event type, or none.

    Catalogues, detections and ensembles match labels by their types. Give labels that are no QuakeML type, such as
    "px", their types by `event_types` of the constructor; None is for noise.
    """
    model = subject.model
    if list(model.event_types) != list(model.labels):
        raise Failed(f"event_types has the labels {list(model.event_types)}, but labels are {list(model.labels)}")
    for label, kind in model.event_types.items():
        if kind is not None and EventType(kind) != kind:
            raise Failed(f"{label!r} has the type {kind!r}, which QuakeML does not have: use one of {list(EventType)}")
    if not any(model.event_types.values()):
        raise Failed("no label has an event type, so the model could never detect an event: set event_types")


@check("description", "model")
def description(subject: ModelSubject) -> None:
    """Return arguments from `get_model_args` that are JSON and recreate the model.

    Weights store them, and loading passes them to the constructor. If the class has a constructor of its own, it must
    accept all of them by name.
    """
    again, text = _recreated(subject)
    if (found := json.dumps(again.get_model_args(), sort_keys=True)) != text:
        raise Failed(f"a model built from get_model_args {text} returns {found}: return the arguments unchanged")
    models = subject.model, again
    shapes = [{key: tuple(value.shape) for key, value in model.state_dict().items()} for model in models]
    if shapes[0] != shapes[1]:
        raise Failed("a model built from get_model_args has a state of other shapes: derive all shapes from them")


def _recreated(subject: ModelSubject) -> tuple[Discriminator, str]:
    """Return a model of the same description, and the description as text."""
    arguments = subject.model.get_model_args()
    try:
        text = json.dumps(arguments, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(
            f"get_model_args returned {arguments!r}, which is not JSON ({error}): return plain types"
        ) from error
    try:
        return subject.cls(**json.loads(text)), text
    except Exception as error:
        raise Failed(f"the constructor refuses get_model_args: {type(error).__name__}: {error}") from error


@check("published weights", "model", needs_fit=False)
def published_weights(subject: ModelSubject) -> None:
    """Name weights that others can fetch and check, and refuse tensors that do not fit.

    Each entry of `published` is a `seisbench_lcl.hub.published.Published` with an https address, and the class
    implements `from_tensors`, which raises WeightsError for other tensors: use `check_tensors`.
    """
    cls = subject.cls
    if not cls.published:
        raise Skipped("the class publishes no weights")
    if getattr(cls.from_tensors, "__func__", None) is PretrainedModel.from_tensors.__func__:  # type: ignore[attr-defined]
        raise Failed("the class has published weights, but no from_tensors: implement it, to build the model from them")
    for name, entry in cls.published.items():
        try:
            check_name(name)
        except HubError as error:
            raise Failed(str(error)) from error
        if not isinstance(entry, Published):
            raise Failed(f"published[{name!r}] is a {type(entry).__name__}, but must be a Published")
        if not entry.url.startswith("https://"):
            raise Failed(f"published[{name!r}] has the address {entry.url}: use https, which others cannot change")
        for what, tensors in (("no tensors", {}), ("an unknown tensor", {"unknown": torch.zeros(1)})):
            try:
                cls.from_tensors(name, tensors)
            except WeightsError:
                continue
            except Exception as error:
                raise Failed(f"from_tensors raises {type(error).__name__} for {what}: raise WeightsError") from error
            raise Failed(f"from_tensors accepts {what}: check names and shapes by check_tensors")


@check("probabilities of windows", "model", needs_fit=False)
def probabilities_of_windows(subject: ModelSubject) -> None:
    """Return one row of probabilities per window, which sums to 1 and is the same each time.

    The preparation of windows must not draw random numbers, whatever the global seeds are.
    """
    windows, n = subject.windows(), len(subject.model.labels)
    first = subject.answer(subject.model, windows)
    if first.shape != (len(windows), n) or first.dtype != torch.float32:
        raise Failed(
            f"predict_proba returned {first.dtype} of shape {tuple(first.shape)} for {len(windows)} windows, but must "
            f"return float32 of shape ({len(windows)}, {n})"
        )
    finite(first, "predict_proba")
    if (first < 0).any() or (first.sum(dim=1) - 1).abs().max() > 1e-4:
        sums = first.sum(dim=1)
        raise Failed(f"rows of predict_proba sum to {sums.min():.4g} to {sums.max():.4g}, with a smallest value of "
                     f"{first.min():.4g}: return probabilities")  # fmt: skip
    agree(subject.answer(subject.model, windows, seed=1), first, "a second prediction differs: draw no random numbers")


@check("windows one by one", "model")
def windows_one_by_one(subject: ModelSubject) -> None:
    """Compute the probabilities of each window from it alone.

    Models use batches of any size. Usual fixes: evaluation mode for normalisation layers; scales over the samples of a
    window instead of over the batch.
    """
    single = [subject.answer(subject.model, window[None]) for window in subject.windows()]
    agree(torch.cat(single), subject.answers, "single windows have other probabilities than in a batch")


@check("windows unchanged", "model")
def windows_unchanged(subject: ModelSubject) -> None:
    """Leave the given windows and the weights unchanged.

    Windows belong to the caller, and other members of an ensemble use them too: work on a copy.
    """
    windows = subject.windows()
    given = windows.clone()
    before = {key: tensor.clone() for key, tensor in subject.model.state_dict().items()}
    subject.model.predict_proba(given)
    if not torch.equal(given, windows):
        raise Failed("predict_proba changed its windows: work on a copy, without in-place operations")
    if changed := [key for key, tensor in subject.model.state_dict().items() if not torch.equal(tensor, before[key])]:
        raise Failed(f"predict_proba changes {', '.join(changed)}: only fit may")


@check("records", "model")
def records(subject: ModelSubject) -> None:
    """Classify a record as its windows, and abstain where it is too short.

    `classify` must give the windows of a record the probabilities that `predict_proba` gives them.
    """
    model, form = subject.model, subject.model.preprocessing
    rng = np.random.default_rng(0)
    length = form.in_samples + form.in_samples // 2
    data = _AMPLITUDE * rng.normal(size=(len(form.component_order), length))
    stride = max(1, form.in_samples // 4)
    found = _classified(model, data, stride)
    conditioned = read_array(data, form.sampling_rate, form)
    offsets = np.arange(0, length - form.in_samples + 1, stride)
    expected = subject.answer(model, torch.from_numpy(conditioned.cut(offsets, form.in_samples)))
    agree(found, expected, "classify and predict_proba give the windows of a record other probabilities")
    if not _classified(model, data[:, : form.in_samples // 2], stride).isnan().all():
        raise Failed("classify decides on a record that is shorter than a window, but must abstain")


def _classified(model: Discriminator, data: np.ndarray, stride: int) -> torch.Tensor:
    """Return probabilities (windows, K) of a record (C, n); NaN where the model abstains."""
    form = model.preprocessing
    stats = {"network": "XX", "station": "TEST", "starttime": _START, "sampling_rate": form.sampling_rate}
    stream = obspy.Stream(
        [
            obspy.Trace(row.copy(), stats | {"channel": f"HH{code}"})
            for code, row in zip(form.component_order, data, strict=True)
        ]
    )
    with seeded(0):
        table = model.classify(stream, stride=stride, max_novelty=None, reject_below=0.0).windows.to_dataframe()
    return torch.tensor(table[list(model.labels)].to_numpy(dtype=np.float32))


def _skip_unless_recreated(subject: ModelSubject) -> None:
    try:
        _recreated(subject)
    except Failed as error:
        raise Skipped(f"its description does not recreate it: {error}") from error


@check("saved weights", "model")
def saved_weights(subject: ModelSubject) -> None:
    """Return the same probabilities after `save` and `load`.

    Keep all learnt state in buffers and parameters of extractor and head: weights hold nothing else.
    """
    _skip_unless_recreated(subject)
    with TemporaryDirectory() as folder:
        path = Path(folder, "weights")
        try:
            subject.model.save(path)
            again = subject.cls.load(path)
        except SeisBenchLCLError as error:
            raise Failed(f"it cannot be saved and loaded: {error}") from error
        found = subject.answer(again, subject.windows())
    agree(found, subject.answers, "probabilities change after save and load: keep all state in buffers and parameters")


@check("weights in another process", "model")
def weights_in_another_process(subject: ModelSubject) -> None:
    """Return the same probabilities from saved weights in a new process.

    There, only the installed plugins are known: register extractor, head and model by their hooks.
    """
    _skip_unless_recreated(subject)
    with TemporaryDirectory() as folder:
        path = Path(folder, "weights")
        subject.model.save(path)
        found = _fresh_process.answer_of_weights(subject.cls, path, subject.windows().numpy())
    agree(torch.from_numpy(found), subject.answers, "probabilities change in a new process")
