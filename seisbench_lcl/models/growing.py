"""A model that knows more classes than the one it comes from."""

from collections.abc import Mapping
from copy import copy

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models.discriminator import Discriminator


def grown(model: Discriminator, classes: Mapping[str, str | None]) -> Discriminator:
    """Return a copy of a fitted model with more classes, which it never chooses until it is fine-tuned with examples.

    Parameters
    ----------
    model : Discriminator
        With the head ridge or stack, unless there are no more classes; it stays as it is.
    classes : mapping from label to QuakeML event type or None
        The new classes; may be empty.

    Raises
    ------
    ConfigurationError
        If the head cannot take more classes, or a label cannot be one of the model.
    NotFittedError
        If the model was neither fitted nor loaded.
    """
    if not model.head.supervised:
        raise ConfigurationError(f"{model.name} learns without labels: name its clusters instead of adding classes")
    head = model.head.grown(len(classes)) if classes else model.head
    description = model.get_model_args() | {
        "labels": [*model.labels, *classes],
        "event_types": {**model.event_types, **classes},
    }
    larger = type(model)(**description, default_args=dict(model.default_args)).to(model.device, model.dtype)
    for part, source in (
        (larger.head, head),
        (larger.extractor, model.extractor),
        (larger.novelty_detector, model.novelty_detector),
    ):
        if part is not None and source is not None:
            part.load_state_dict(source.state_dict())
    larger.training_windows = copy(model.training_windows)
    larger.weights_origin = None if classes else model.weights_origin
    return larger.eval()
