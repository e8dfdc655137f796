"""From a recipe to weights and their card: train, name, score, describe."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError
from seisbench_lcl.evaluation.placement import placements, shifted_cuts
from seisbench_lcl.evaluation.scored import Scored, predict_held_out, predict_split
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card, RecipeReference
from seisbench_lcl.hub.names import check_name, check_version
from seisbench_lcl.models import Discriminator, DiscriminatorEnsemble
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.model import Model
from seisbench_lcl.recipes.cards import card_of, configuration, scores_of
from seisbench_lcl.recipes.commits import committed
from seisbench_lcl.recipes.datasets import open_datasets
from seisbench_lcl.recipes.recipe import ORIGIN, Recipe
from seisbench_lcl.storage.files import write_text
from seisbench_lcl.training import Training, TrainingRequest, training_sections
from seisbench_lcl.training.pipeline import Progress


@dataclass(frozen=True)
class Reproduced:
    """Weights made from a recipe.

    Attributes
    ----------
    model : Discriminator or DiscriminatorEnsemble
    card : Card
    files : dict from "json", "safetensors" and "card" to Path
    sha256 : str
        Digest of the safetensors file; the same data, recipe and software give the same digest.
    """

    model: Model
    card: Card
    files: dict[str, Path]
    sha256: str


def reproduce(
    recipe: Path,
    data: Path | None = None,
    out: Path = Path("reproduced"),
    *,
    source: RecipeReference | None = None,
    memory: float = 1.0,
    tell: Callable[[str], None] = lambda text: None,
    progress: Progress = lambda name: iter,
) -> Reproduced:
    """Train the weights of a recipe, score them, and write them with their card.

    The weights have the name of the file. The text file of the same name with suffix ``.md`` becomes the first part of
    the card. Errors in the recipe and the data are reported before the training.

    Parameters
    ----------
    recipe : Path
        TOML file; see `Recipe`.
    data : Path, optional
        Folder of the datasets; by default the datasets of `seisbench.data`, downloaded if necessary.
    out : Path
        Output folder, with a folder for the class of the model, as in a hub.
    source : seisbench_lcl.hub.card.RecipeReference, optional
        Path and commit of the recipe; by default from Git.
    memory : float
        Windows to keep in memory, in GB; more go to temporary files.
    tell, progress : callable
        Receive sentences about left-out data, and show progress bars; see `seisbench_lcl.training.Training`.

    Returns
    -------
    Reproduced

    Raises
    ------
    ConfigurationError
        If the recipe is not complete, does not describe a model, or is not committed.
    OutputError
        If the folder has weights of this name and version, or cannot be written to.
    DatasetError, TrainingError
        If the data lack a part that the recipe needs.
    HubError
        If the card does not match the weights.
    """
    described = Recipe.read(recipe)
    source = source or committed(recipe)
    introduction = _introduction(recipe)
    files = _files(described, check_name(recipe.stem), out)
    request = described.request(memory)
    dataset = open_datasets(described, data)
    training = Training(request, dataset, tell=tell, progress=progress)
    learnt = training.read()
    read = training.data
    read.in_split(described.evaluate.split)  # raises if the split does not exist
    if idle := sorted(set(described.datasets) - set(learnt.metadata[ORIGIN])):
        raise DatasetError(f"no window of {', '.join(idle)} is used for training: remove it from the recipe")
    model = training.fit()
    trained = "".join(f"{section.markdown}\n" for section in _after_training(model, learnt, described))
    known = np.not_equal(read.labels, "")
    labelled = read if known.all() else read.select(known)
    scored = list(_predictions(model, labelled, training.usable[known], described, progress))
    sections = [list(each.sections(described.evaluate.seed)) for each in scored]
    names = ", ".join(described.datasets)
    scores = [score for each, parts in zip(scored, sections, strict=True) for score in scores_of(each, parts, names)]
    curve = placements(model, _shifted(request, dataset, model, described.evaluate.split))
    card = card_of(described, recipe.stem, source, model, read, learnt, scores, curve)
    # Weights are written together with their complete card.
    _save(model, described, files)
    metadata, _ = weights.read(_base(files), described.version)
    digest = metadata["seisbench_lcl"]["sha256"]
    card = card.model_copy(update={"weights_sha256": digest})
    card.check_against(metadata)
    text = _text(described, sections, trained + configuration(described, request, model))
    write_text(files["card"], card.to_text(f"{introduction}{text}"))
    return Reproduced(model, card, files, digest)


def _introduction(recipe: Path) -> str:
    text = recipe.with_suffix(".md")
    try:
        return text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {text}, the introduction of the card: {error}") from error


def _files(recipe: Recipe, name: str, out: Path) -> dict[str, Path]:
    cls = DiscriminatorEnsemble if recipe.members > 1 else model_class(recipe.model)
    base = out / cls.__name__.lower() / name
    files = weights.paths(base, check_version(recipe.version)) | {"card": base.with_name(f"{name}.md")}
    if existing := [path for path in files.values() if path.exists()]:
        raise OutputError(
            f"{existing[0]} exists already, and weights of a version never change: choose another folder, or raise the "
            "version in the recipe"
        )
    return files


def _base(files: dict[str, Path]) -> Path:
    return files["card"].with_suffix("")


def _after_training(model: Model, learnt: LabelledWindows, recipe: Recipe) -> Iterator[Section]:
    """Name clusters by the labels of the training windows, and yield the report of the training."""
    if isinstance(model, Discriminator) and model.clusters:
        picked = learnt.as_picked()
        labelled = picked.select(np.not_equal(picked.labels, ""))
        model.name_clusters(labelled.windows, labelled.labels, recipe.event_types)
    yield from training_sections(model, learnt, recipe.evaluate.seed)


def _shifted(request: TrainingRequest, dataset: WaveformDataset, model: Model, split: str) -> LabelledWindows:
    part = dataset.filter((dataset.metadata[request.columns.split] == split).to_numpy(), inplace=False)
    return request.columns.read(
        part, model.preprocessing, unlabelled=True, memory=request.memory, cuts=shifted_cuts(request.cuts())
    )


def _save(model: Model, recipe: Recipe, files: dict[str, Path]) -> None:
    model.save(_base(files), recipe.description, recipe.version)
    files.pop("pt").unlink()  # written from the other files when the weights are pulled


def _predictions(
    model: Model, data: LabelledWindows, learn: np.ndarray[Any, Any], recipe: Recipe, progress: Progress
) -> Iterator[Scored]:
    """Yield the predictions to score: first with groups held out, if the recipe asks for it."""
    wanted = recipe.evaluate
    watch = progress("training")
    if wanted.by:
        yield predict_held_out(model, data, learn, by=wanted.by, seed=wanted.seed, progress=watch)
    yield predict_split(model, data.as_picked(), wanted.split)
    if wanted.folds:
        yield predict_held_out(model, data, learn, folds=wanted.folds, seed=wanted.seed, progress=watch)


def _text(recipe: Recipe, sections: list[list[Section]], trained: str) -> str:
    """Join the body of a card: scores with groups held out, then the training, then the scores of the weights."""
    texts = ["\n".join(section.markdown for section in parts) + "\n" for parts in sections]
    first = 1 if recipe.evaluate.by else 0
    return "".join([*texts[:first], trained, *texts[first:]])
