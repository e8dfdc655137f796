"""The card of a set of weights: Markdown whose YAML head says, in fields that are checked, what the text tells."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from obspy.core.event.header import EventType
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from typing_extensions import Self

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.head import control_character, join, split
from seisbench_lcl.hub.names import check_class, check_name, check_path, check_version

MAX_SIZE = 1_000_000
"""Of a card, in bytes."""

_SHOWN = 50  # complaints about a head: more than it has fields


def _printable(text: str) -> str:
    if found := control_character(text):
        raise ValueError(f"holds the control character {found!a}; leave it out")
    return text


def _event_type(name: str) -> str:
    known = EventType(name)
    if known != name:
        hint = f"write {known!r}" if known else f"choose one of: {', '.join(EventType)}"
        raise ValueError(f"{name!a} is no QuakeML event type; {hint}")
    return name


def _distinguishing(classes: dict[str, str | None]) -> dict[str, str | None]:
    if len(classes) < 2:
        raise ValueError(f"must name two classes or more, but names {len(classes)}")
    return classes


def _both_levels(scores: list["Score"]) -> list["Score"]:
    if lacking := {"station", "event"} - {score.level for score in scores}:
        raise ValueError(f"must have scores by station and by event; there is none by {' or '.join(sorted(lacking))}")
    return scores


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_printable)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=10**12)]
Share = Annotated[float, Field(ge=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class TrainingData(_Part):
    """Data that weights were fitted to: where they come from, their licence, and how many windows and events."""

    name: Text
    sources: Annotated[list[Text], Field(min_length=1)]
    licence: Text
    windows: Count
    events: Count
    note: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_printable)] = ""


class RecipeReference(_Part):
    """File that the weights can be made from again, and the Git commit that holds it as it was."""

    path: Annotated[str, AfterValidator(check_path)]
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class CardPreprocessing(_Part):
    """What a window is: Hz, samples, seconds before P, components, band in Hz, and the name of the normalisation."""

    sampling_rate: Annotated[float, Field(gt=0)]
    samples: Count
    before: Annotated[float, Field(ge=0)]
    components: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+$")]
    band: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    normalisation: Text


class Score(_Part):
    """A metric with the ends of its 95 % interval, of some windows and events.

    `data` names what was scored, and `split` which part of it and how: "dev", "5 folds of events" or another text.
    """

    data: Text
    split: Text
    level: Literal["station", "event"]
    metric: Text
    value: float
    low: float
    high: float
    windows: Count
    events: Count


class Calibration(_Part):
    """How probabilities were made to be believed, and the expected calibration error that is left on held-out data."""

    method: Text
    ece_station: Annotated[float, Field(ge=0, le=1)]
    ece_event: Annotated[float, Field(ge=0, le=1)]


class Reject(_Part):
    """What the model abstains from.

    `novelty_rate` is the share of windows like those of the training that may be rejected as unlike them, None where
    none is; windows are rejected, too, whose most probable label is less probable than `reject_below`.
    """

    novelty_rate: Share | None
    reject_below: Share


class Card(_Part):
    """Head of the card of one version of weights: every field is needed, and no other is known.

    Attributes
    ----------
    model, name, version : str
        Class of the model, and name and version of its weights.
    task, summary : str
        What the weights do in a few words, and in a few sentences.
    classes : dict from str to str or None
        Labels in the order of the model, with the QuakeML event type of each, None for what is no event.
    training_data : list of TrainingData
    split_manifest_sha256 : str
        Says which event was in which split (`seisbench_lcl.datasets.manifest`).
    recipe : RecipeReference
    preprocessing : CardPreprocessing
    scores : list of Score
        By station and by event.
    calibration : Calibration or None
        None where probabilities are not calibrated, such as those of clusters.
    reject : Reject
    valid_ranges : dict from str to str
        What the weights may be given, such as {"native sampling rate": "40 Hz or more"}.
    not_for : list of str
        What the weights must not be used for.
    licence : str
        Of the weights.
    citation : list of str
        Works to cite.
    state : "experimental" or "stable"
    """

    model: Annotated[str, AfterValidator(check_class)]
    name: Annotated[str, AfterValidator(check_name)]
    version: Annotated[str, AfterValidator(check_version)]
    task: Text
    state: Literal["experimental", "stable"]
    summary: Text
    classes: Annotated[dict[Text, Annotated[str, AfterValidator(_event_type)] | None], AfterValidator(_distinguishing)]
    training_data: Annotated[list[TrainingData], Field(min_length=1)]
    split_manifest_sha256: Sha256
    recipe: RecipeReference
    preprocessing: CardPreprocessing
    scores: Annotated[list[Score], Field(min_length=1), AfterValidator(_both_levels)]
    calibration: Calibration | None
    reject: Reject
    valid_ranges: Annotated[dict[Text, Text], Field(min_length=1)]
    not_for: Annotated[list[Text], Field(min_length=1)]
    licence: Text
    citation: Annotated[list[Text], Field(min_length=1)]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> tuple[Self, str]:
        """Read the card in a file, as `parse`.

        Raises
        ------
        HubError
            As `parse`, and if the file cannot be read or holds more than `MAX_SIZE`.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(MAX_SIZE + 1)
            if len(content) > MAX_SIZE:
                raise HubError(f"{path} is too large for a card: there is room for {MAX_SIZE:,} bytes")
            return cls.parse(content.decode("utf-8-sig"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise HubError(f"cannot read the card {path}: {error}") from error

    @classmethod
    def parse(cls, text: str, where: str = "the card") -> tuple[Self, str]:
        """Take a card apart into its head and its body, which is Markdown.

        Raises
        ------
        HubError
            If it has no head, or the head is no YAML or not complete; all that is amiss is named at once.
        """
        head, body = split(text, where)
        return cls.of(head, where), body

    @classmethod
    def of(cls, head: Mapping[str, Any], where: str = "the card") -> Self:
        """Make a card of its fields.

        Raises
        ------
        HubError
            If it is not complete; all that is amiss is named at once.
        """
        try:
            return cls.model_validate(dict(head))
        except ValidationError as error:
            told = "".join(f"\n  {line}" for line in _complaints(error))
            raise HubError(f"{where} is not complete, mend its head:{told}") from error

    def to_text(self, body: str) -> str:
        """Return the card as Markdown with a YAML head."""
        return join(self.model_dump(), body)

    def check_against(self, metadata: Mapping[str, Any]) -> None:
        """Check that the card tells of the weights that a JSON file describes.

        Parameters
        ----------
        metadata : mapping
            The JSON file of the weights, as `seisbench_lcl.hub.weights.read` gives it. Of an ensemble, the first member is
            compared, since the members agree in all that a card tells.

        Raises
        ------
        HubError
            If they disagree in class, version, labels, event types, preprocessing, calibration or rejection; all
            disagreements are named at once.
        """
        told = [
            f"\n  {field}: {said!r} in the card, {found!r} in the weights"
            for field, said, found in self._beside(metadata)
            if said != found
        ]
        if told:
            raise HubError(
                f"the card of {self.model} {self.name} does not tell of these weights, mend the card:{''.join(told)}"
            )

    def _beside(self, metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Yield each field that the weights' description has, too, with what is in the card and in the weights."""
        given = metadata["model_args"]
        model = {**given, **given["members"][0]} if given.get("members") else given
        window = self.preprocessing
        yield "model", self.model, metadata["seisbench_lcl"].get("model")
        yield "version", self.version, metadata.get("version")
        named = model.get("labels") or model.get("clusters")
        if isinstance(named, list):
            yield "labels", list(self.classes), list(dict.fromkeys(named))
        for field, key, said in (
            ("classes", "event_types", self.classes),
            ("preprocessing.sampling_rate", "sampling_rate", window.sampling_rate),
            ("preprocessing.samples", "in_samples", window.samples),
            ("preprocessing.before", "before", window.before),
            ("preprocessing.components", "component_order", window.components),
            ("preprocessing.band", "band", window.band),
            ("preprocessing.normalisation", "normalisation", window.normalisation),
            ("reject.novelty_rate", "novelty_rate", self.reject.novelty_rate),
        ):
            if key in model:  # a model of a plugin may take other arguments
                yield field, said, model[key]
        default = (metadata.get("default_args") or {}).get("reject_below", 0.0)
        yield "reject.reject_below", self.reject.reject_below, default
        if not model.get("clusters"):
            yield "calibration", self.calibration and "told", "told"


def _complaints(error: ValidationError) -> Iterator[str]:
    """Yield one line for each field that is amiss; what came from outside is quoted."""
    found = error.errors(include_url=False)
    for one in found[:_SHOWN]:
        parts = (f"[{part}]" if isinstance(part, int) else f".{ascii(part)[1:-1]}" for part in one["loc"])
        field = "".join(parts).lstrip(".")[:200]
        if one["type"] == "missing":
            yield f"{field}: is missing"
        elif one["type"] == "extra_forbidden":
            yield f"{field}: is no field of a card"
        elif one["type"] == "value_error":
            yield f"{field}: {one['ctx']['error']}"
        else:
            yield f"{field}: {one['msg'][0].lower()}{one['msg'][1:]}, but is {_shortened(one['input'])}"
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more"


def _shortened(found: object) -> str:
    """Show a value in short; a whole number of very many digits cannot be shown."""
    plain = found is None or isinstance(found, str | float) or (isinstance(found, int) and abs(found) < 10**18)
    text = ascii(found) if plain else f"a value of type {type(found).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
