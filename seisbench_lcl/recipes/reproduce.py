"""From a recipe to weights and their card: train, name, score, describe."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisbench_lcl import weights
from seisbench_lcl.discriminator import Discriminator
from seisbench_lcl.ensemble import DiscriminatorEnsemble, Model
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError
from seisbench_lcl.evaluation import ClusterReport
from seisbench_lcl.evaluation.scored import Scored, Section, held_out_in_training, predict_anew, predict_split
from seisbench_lcl.files import replace
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.card import Recipe as Committed
from seisbench_lcl.hub.names import check_name, check_version
from seisbench_lcl.models import named
from seisbench_lcl.recipes.cards import card_of, configuration, scores_of
from seisbench_lcl.recipes.commits import committed
from seisbench_lcl.recipes.datasets import EVENT, LABEL, ORIGIN, SPLIT, open_datasets
from seisbench_lcl.recipes.recipe import Recipe
from seisbench_lcl.training import LabelledWindows, read_windows, session
from seisbench_lcl.training.windows import labels_in

Progress = Callable[[str], Callable[[Iterable[Any]], Iterable[Any]]]


@dataclass(frozen=True)
class Reproduced:
    """What a recipe became.

    Attributes
    ----------
    model : Discriminator or DiscriminatorEnsemble
    card : Card
    files : dict from "json", "safetensors" and "card" to Path
    sha256 : str
        Of the safetensors file: the same data, recipe and software make the same one.
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
    source: Committed | None = None,
    memory: float = 1.0,
    tell: Callable[[str], None] = lambda text: None,
    progress: Progress = lambda name: iter,
) -> Reproduced:
    """Train the weights of a recipe, score them, and write them with their card.

    The name of the weights is that of the file. The text beside it, with the ending ``.md``, becomes the first part of
    the card. What can be refused is refused before the training.

    Parameters
    ----------
    recipe : Path
        TOML file as `Recipe`.
    data : Path, optional
        Folder of the datasets; by default those of `seisbench.data`, which are downloaded if need be.
    out : Path
        Folder as that of a hub: the files are written below a folder for the class of the model.
    source : seisbench_lcl.hub.card.Recipe, optional
        Where the recipe is kept; by default what Git says.
    memory : float
        GB of windows to hold; if there are more, they go to temporary files.
    tell, progress : callable
        For what was left out of the data, and for progress bars.

    Returns
    -------
    Reproduced

    Raises
    ------
    ConfigurationError
        If the recipe is not complete, does not describe a model, or is not committed.
    OutputError
        If there are weights of this name and version in the folder, or it cannot be written to.
    DatasetError, TrainingError
        If the data do not hold what the recipe asks for.
    HubError
        If the card does not tell of the weights.
    """
    described = Recipe.read(recipe)
    source = source or committed(recipe)
    introduction = _introduction(recipe)
    files = _files(described, check_name(recipe.stem), out)
    waveforms = open_datasets(described, data)
    model = _model(described, labels_in(waveforms, LABEL))
    read = read_windows(
        waveforms,
        model.preprocessing,
        label_column=LABEL,
        group_column=EVENT,
        split_column=SPLIT,
        pick_column=described.pick_column,
        unlabelled=not model.learns_from_labels,
        memory=memory,
        cuts=described.cuts(),
        progress=progress("reading windows"),
    )
    for remark, count in read.notes.items():
        tell(f"{count} traces: {remark}")
    for split in (described.split, described.evaluate.split):
        if split not in read.splits:
            read.in_split(split)  # which says what splits there are
    learn = _learnable(described, read, tell)
    learnt = read.select(learn).in_split(described.split)
    if idle := sorted(set(described.datasets) - set(learnt.metadata[ORIGIN])):
        raise DatasetError(f"no window of {', '.join(idle)} is learnt from: leave it out of the recipe, or mend that")
    tell(f"fitting {len(learnt)} windows of {len(set(learnt.groups))} events")
    with session(None, progress):
        model.fit(learnt.windows, learnt.labels if model.learns_from_labels else None, learnt.groups)
    trained = _after_training(model, learnt, described)
    known = np.not_equal(read.labels, "")
    labelled = read if known.all() else read.select(known)
    scored = list(_predictions(model, labelled, learn[known], described, progress))
    sections = [list(each.sections(described.evaluate.seed)) for each in scored]
    names = ", ".join(described.datasets)
    scores = [score for each, parts in zip(scored, sections, strict=True) for score in scores_of(each, parts, names)]
    card = card_of(described, recipe.stem, source, model, read, learnt, scores)
    # No weights without a card: they are written when all is known.
    _save(model, described, files)
    card.check_against(weights.read(_base(files), described.version)[0])
    text = _text(described, sections, [*trained, configuration(described, model)])
    _write(files["card"], card.to_text(f"{introduction}{text}"))
    digest = hashlib.sha256(files["safetensors"].read_bytes()).hexdigest()
    return Reproduced(model, card, files, digest)


def _introduction(recipe: Path) -> str:
    text = recipe.with_suffix(".md")
    try:
        return text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {text}, with which the card is to begin: {error}") from error


def _files(recipe: Recipe, name: str, out: Path) -> dict[str, Path]:
    cls: type[Model] = DiscriminatorEnsemble if recipe.members > 1 else named(recipe.model)
    base = out / cls.__name__.lower() / name
    files = weights.paths(base, check_version(recipe.version)) | {"card": base.with_name(f"{name}.md")}
    if there := [path for path in files.values() if path.exists()]:
        raise OutputError(
            f"{there[0]} is there already, and weights of a version never change: take another folder, or raise the "
            "version in the recipe"
        )
    return files


def _base(files: dict[str, Path]) -> Path:
    return files["card"].with_suffix("")


def _model(recipe: Recipe, labels: list[str]) -> Model:
    cls = named(recipe.model)
    description: dict[str, Any] = {
        **({"clusters": recipe.clusters} if recipe.clusters else {"labels": labels}),
        **recipe.preprocessing(cls.default_normalisation).to_dict(),
        "novelty_rate": "default" if recipe.novelty_rate is None else recipe.novelty_rate or None,
        "event_types": _event_types(recipe) if not recipe.clusters else {},
        "extractor_args": recipe.extractor_arg,
        "head_args": recipe.head_arg,
    }
    model: Model = (
        DiscriminatorEnsemble.of(cls, recipe.members, **description) if recipe.members > 1 else cls(**description)
    )
    recipe.cuts().check(model.preprocessing)
    return model


def _event_types(recipe: Recipe) -> dict[str, str | None]:
    return {label: None if kind == "none" else kind for label, kind in recipe.event_type.items()}


def _learnable(recipe: Recipe, data: LabelledWindows, tell: Callable[[str], None]) -> np.ndarray[Any, Any]:
    """Return which windows may be learnt from, (N,): those whose P rises above the noise, or where that is unknown."""
    if recipe.min_snr is None:
        return np.ones(len(data), dtype=bool)
    rows: np.ndarray[Any, Any] = ~(data.snr < recipe.min_snr)
    picked = data.shifts == 0
    tell(
        f"{np.count_nonzero(picked & ~rows)} of {np.count_nonzero(picked)} traces are not learnt from: P rises less "
        f"than {recipe.min_snr:g} dB above the noise"
    )
    return rows


def _after_training(model: Model, learnt: LabelledWindows, recipe: Recipe) -> list[str]:
    """Name clusters, and return what is to be said of the training windows, as Markdown."""
    if not (isinstance(model, Discriminator) and model.clusters):
        section = held_out_in_training(model, learnt)
        return [section.markdown] if section else []
    picked = learnt.as_picked()
    labelled = picked.select(np.not_equal(picked.labels, ""))
    model.name_clusters(labelled.windows, labelled.labels, _event_types(recipe))
    found = model.cluster_proba(picked.windows).argmax(axis=1)
    report = ClusterReport.from_clusters(
        found,
        picked.labels,
        picked.groups,
        n_clusters=len(model.clusters),
        open_ended=model.head.open_ended,
        seed=recipe.evaluate.seed,
    )
    sizes = np.bincount(found, minlength=len(model.clusters))
    lines = [f"- cluster {k}: {size} windows, named {model.clusters[k]}" for k, size in enumerate(sizes)]
    return ["### Clusters\n\n" + "\n".join(lines) + f"\n\n{report.to_markdown()}\n\n"]


def _save(model: Model, recipe: Recipe, files: dict[str, Path]) -> None:
    model.save(_base(files), recipe.description, recipe.version)
    files.pop("pt").unlink()  # SeisBench's own format is made where weights are used


def _predictions(
    model: Model, data: LabelledWindows, learn: np.ndarray[Any, Any], recipe: Recipe, progress: Progress
) -> Iterator[Scored]:
    """Yield what is scored: first what to expect elsewhere, where the recipe asks for that."""
    wanted = recipe.evaluate
    watch = progress("training")
    if wanted.by:
        yield predict_anew(model, data, learn, by=wanted.by, seed=wanted.seed, progress=watch)
    yield predict_split(model, data.as_picked(), wanted.split)
    if wanted.folds:
        yield predict_anew(model, data, learn, folds=wanted.folds, seed=wanted.seed, progress=watch)


def _text(recipe: Recipe, sections: list[list[Section]], trained: list[str]) -> str:
    """Put the body of a card together; what training tells stands before what the weights do on a split."""
    texts = ["\n".join(section.markdown for section in parts) + "\n" for parts in sections]
    first = 1 if recipe.evaluate.by else 0
    return "".join([*texts[:first], *trained, *texts[first:]])


def _write(path: Path, text: str) -> None:
    try:
        replace(path, lambda file: file.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
