"""Train a pretrained SeisBench model further, together with the head that was fitted to its features."""

import json
from collections.abc import Iterable
from copy import copy
from typing import Any

import torch

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors import SeisBenchEncoder, SeisBenchNetwork
from seisbench_lcl.heads import Head, Linear
from seisbench_lcl.labels import as_list, encode
from seisbench_lcl.models._windows import Windows
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.model import Model
from seisbench_lcl.optim.balance import held_out_rows
from seisbench_lcl.optim.recipe import TrainingRecipe


def fine_tune_backbone(
    model: Model,
    windows: Windows,
    labels: Iterable[str],
    groups: Iterable[Any] | None = None,
    *,
    learning_rate: float = 1e-4,
    epochs: int = 8,
    seed: int = 0,
) -> Discriminator:
    """Return a model whose backbone was trained further, and belongs to its weights.

    Statistics of batch normalisations stay. A fifth of the events is held out: training starts from the backbone of
    the model and from a head that is fitted without these events, and the epoch with the highest macro F1 on them is
    kept. If no epoch was better than the beginning, the backbone and the head of the model are kept. With a few hundred
    windows that may be so: see "A backbone trained further" in the benchmarks.

    Parameters
    ----------
    model : Discriminator
        Fitted, with the extractor `seisbench` and the head `linear`; it stays as it is.
    windows : (N, C, T) float32 ndarray, Tensor or RowFile
        At the sampling rate and in the band of the model.
    labels : iterable of N str
    groups : iterable of N hashables, optional
        Event of each window.
    learning_rate : float
    epochs : int
    seed : int
        Seed of the held-out events, the batches and the augmentations.

    Returns
    -------
    Discriminator
        With the extractor `seisbench_network`. The licence of the backbone applies to its weights.

    Raises
    ------
    ConfigurationError
        If the model has another extractor or head, or an argument is out of range.
    NotFittedError
        If the model was neither fitted nor loaded.
    WindowError, TrainingError
        As in `Discriminator.fit`.
    """
    if not (
        isinstance(model, Discriminator)
        and isinstance(encoder := model.extractor, SeisBenchEncoder)
        and isinstance(model.head, Linear)
    ):
        raise ConfigurationError(
            f"{model.name} does not have the extractor seisbench and the head linear, which are trained together: fit "
            'Discriminator("seisbench", "linear", ...) first'
        )
    backbone = encoder.backbone
    described = json.loads(backbone.files[0].read_text(encoding="utf-8"))
    arguments = {
        "model": backbone.model,
        "model_args": described["model_args"],
        "source": f"{backbone.model}/{backbone.weights}, version {backbone.version}, SHA-256 {backbone.sha256}",
        **encoder.reader.config(),
        "seed": seed,
    }
    pair = {"extractor": "seisbench_network", "head": "linear"}
    description = model.get_model_args() | pair | {"extractor_args": arguments, "citation": model.citation}
    tuned = Discriminator(**description, default_args=model.default_args).to(model.device)
    network = tuned.extractor
    assert isinstance(network, SeisBenchNetwork)
    network.reader.module.load_state_dict(encoder.reader.module.state_dict())
    network.epochs_trained.fill_(0)
    tuned.training_windows = copy(model.training_windows)
    labels, groups = as_list(labels), None if groups is None else as_list(groups)
    tuned.head.load_state_dict(_head_without_held_out(model, network.recipe, windows, labels, groups).state_dict())
    tuned.fine_tune(windows, labels, groups, learning_rate=learning_rate, epochs=epochs)
    if network.histories[0].best_epoch < 0:
        tuned.head.load_state_dict(model.head.state_dict())  # which learnt from all events
    return tuned


def _head_without_held_out(
    model: Discriminator, recipe: TrainingRecipe, windows: Windows, labels: list[str], groups: list[Any] | None
) -> Head:
    """Fit a head of the same kind to the events that training does not hold out: to the others it must be new."""
    y, events = encode(labels, groups, model.labels, len(labels))
    events = torch.arange(len(y)) if events is None else events
    learnt = torch.ones(len(y), dtype=torch.bool)
    learnt[held_out_rows(y, events, recipe.held_out, recipe.seed)] = False
    features = model.features(windows)[learnt]
    head = Linear(model.head.n_features, model.head.n_classes, **model.head.config())
    return head.fit(features, y[learnt], events[learnt]).to(model.device)
