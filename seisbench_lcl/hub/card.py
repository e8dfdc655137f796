"""Weights cards: Markdown with a YAML head whose fields are checked."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from obspy.core.event.header import EventType
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from typing_extensions import Self

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.hub.head import control_character, join, split
from seisbench_lcl.hub.names import check_class, check_name, check_path, check_version

MAX_SIZE = 1_000_000
"""Largest size of a card in bytes."""

_SHOWN = 50  # most complaints shown about one head


def _printable(text: str) -> str:
    if found := control_character(text):
        raise ValueError(f"holds the control character {found!a}; leave it out")
    return text


def _event_type(name: str) -> str:
    known = EventType(name)
    if known != name:
        hint = f"write {known!r}" if known else f"choose one of: {', '.join(EventType)}"
        raise ValueError(f"{name!a} is not a QuakeML event type; {hint}")
    return name


def _distinguishing(classes: dict[str, str | None]) -> dict[str, str | None]:
    if len(classes) < 2:
        raise ValueError(f"must name at least two classes, but names {len(classes)}")
    return classes


def _both_levels(scores: list["Score"]) -> list["Score"]:
    if lacking := {"station", "event"} - {score.level for score in scores}:
        raise ValueError(f"must have scores per station and per event, but has none per {' or '.join(sorted(lacking))}")
    return scores


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_printable)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=10**12)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class TrainingData(_Part):
    """A training dataset: its sources, licence, and numbers of windows and events."""

    name: Text
    sources: Annotated[list[Text], Field(min_length=1)]
    licence: Text
    windows: Count
    events: Count
    note: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_printable)] = ""


class RecipeReference(_Part):
    """The recipe file that reproduces the weights, and the Git commit that holds it."""

    path: Annotated[str, AfterValidator(check_path)]
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class CardPreprocessing(_Part):
    """Windows of the model: rate in Hz, samples, seconds before P, components, band in Hz, normalisation."""

    sampling_rate: Annotated[float, Field(gt=0)]
    samples: Count
    before: Annotated[float, Field(ge=0)]
    components: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+$")]
    band: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    normalisation: Text


class Score(_Part):
    """A metric with its 95 % interval, for some windows and events.

    `data` names the dataset, and `split` the part of it and the protocol, such as "dev" or "5 folds of events".
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
    """Calibration method, and the expected calibration errors (ECE) on held-out data."""

    method: Text
    ece_station: Annotated[float, Field(ge=0, le=1)]
    ece_event: Annotated[float, Field(ge=0, le=1)]


class Reject(_Part):
    """Windows on which the model abstains.

    `novelty_rate` is the fraction of windows like the training data that may be rejected as novel; None turns novelty
    rejection off. The model also rejects windows whose best probability is below `reject_below`.
    """

    novelty_rate: Fraction | None
    reject_below: Fraction


class Placement(_Part):
    """Answers for windows that start `shift` seconds later than in training; see `seisbench_lcl.evaluation.placement`.

    `changed` is the fraction of labels that differ from those without a shift.
    """

    shift: float
    balanced_accuracy: Annotated[float, Field(ge=0, le=1)]
    changed: Annotated[float, Field(ge=0, le=1)]
    windows: Count


class Card(_Part):
    """Head of the card of one version of weights; all fields but the last three are required, and no other is allowed.

    Attributes
    ----------
    model, name, version : str
        Model class, and name and version of the weights.
    task, summary : str
        Purpose of the weights in a few words, and in a few sentences.
    classes : dict from str to str or None
        Labels in the order of the model, each with its QuakeML event type; None if it is not an event.
    training_data : list of TrainingData
    split_manifest_sha256 : str
        Digest of the manifest that lists the split of each event (`seisbench_lcl.datasets.manifest`).
    recipe : RecipeReference
    preprocessing : CardPreprocessing
    scores : list of Score
        Scores per station and per event.
    calibration : Calibration or None
        None if probabilities are not calibrated, as for clusters.
    reject : Reject
    valid_ranges : dict from str to str
        Allowed inputs, such as {"native sampling rate": "40 Hz or more"}.
    not_for : list of str
        Uses that are ruled out.
    licence : str
        Licence of the weights.
    citation : list of str
        Works to cite.
    state : "experimental" or "stable"
    placement : list of Placement
        How the answers depend on the place of P in the window, for the split of the scores of the weights themselves.
    backbones : list of seisbench_lcl.hub.backbones.Backbone
        Pretrained SeisBench models that the weights need but do not hold.
    weights_sha256 : str or None
        Digest of the safetensors file; None if the card does not state it.

    Examples
    --------
    >>> from seisbench_lcl.hub import weights
    >>> card, body = Card.read(weights.bundled() / "minirocketridge" / "mixed-3c.md")
    >>> card.model, list(card.classes)
    ('MiniRocketRidge', ['earthquake', 'noise', 'surface event'])
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
    placement: list[Placement] = []
    backbones: list[Backbone] = []
    weights_sha256: Sha256 | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> tuple[Self, str]:
        """Read a card from a file, and return its head and body.

        Raises
        ------
        HubError
            As `parse`; also if the file cannot be read or is larger than `MAX_SIZE`.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(MAX_SIZE + 1)
            if len(content) > MAX_SIZE:
                raise HubError(f"{path} is too large for a card: the limit is {MAX_SIZE:,} bytes")
            return cls.parse(content.decode("utf-8-sig"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise HubError(f"cannot read the card {path}: {error}") from error

    @classmethod
    def parse(cls, text: str, where: str = "the card") -> tuple[Self, str]:
        """Split a card into its head and its Markdown body.

        Raises
        ------
        HubError
            If the head is missing, is not YAML, or is not valid; the message lists every problem.
        """
        head, body = split(text, where)
        return cls.of(head, where), body

    @classmethod
    def of(cls, head: Mapping[str, Any], where: str = "the card") -> Self:
        """Create a card from its fields.

        Raises
        ------
        HubError
            If a field is missing, unknown or wrong; the message lists every problem.
        """
        try:
            return cls.model_validate(dict(head))
        except ValidationError as error:
            listed = "".join(f"\n  {line}" for line in _complaints(error))
            raise HubError(f"{where} is not valid; fix its head:{listed}") from error

    def to_text(self, body: str) -> str:
        """Return the card as Markdown with a YAML head."""
        absent = {name for name in ("placement", "backbones", "weights_sha256") if not getattr(self, name)}
        return join(self.model_dump(exclude=absent), body)

    def check_against(self, metadata: Mapping[str, Any]) -> None:
        """Check that the card describes the weights of a JSON file.

        Parameters
        ----------
        metadata : mapping
            The JSON file of the weights, as returned by `seisbench_lcl.hub.weights.read`. For an ensemble, the card is
            compared in the fields in which all members agree.

        Raises
        ------
        HubError
            If class, version, digest, backbones, number of training windows, labels, event types, preprocessing,
            calibration or rejection differ; the message lists every difference.
        """
        differences = [
            f"\n  {field}: {stated!r} in the card, {found!r} in the weights"
            for field, stated, found in self._compared(metadata)
            if stated != found
        ]
        if differences:
            raise HubError(
                f"the card of {self.model} {self.name} does not describe these weights; fix it, or use their own card:"
                f"{''.join(differences)}"
            )

    def _compared(self, metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Yield each field that card and weights share, with its value in the card and in the weights."""
        given = metadata["model_args"]
        model = given
        if members := given.get("members"):
            model = given | {
                key: members[0][key] for key in members[0] if all(m.get(key) == members[0][key] for m in members)
            }
            if all("normalisation" in member for member in members):
                model["normalisation"] = ", ".join(dict.fromkeys(member["normalisation"] for member in members))
        window = self.preprocessing
        yield "model", self.model, metadata["seisbench_lcl"].get("model")
        yield "version", self.version, metadata.get("version")
        if self.weights_sha256:
            yield "weights_sha256", self.weights_sha256, metadata["seisbench_lcl"].get("sha256")
        named_backbones = metadata["seisbench_lcl"].get("backbones", [])
        yield "backbones", [backbone.model_dump() for backbone in self.backbones], named_backbones
        if learnt := (metadata["seisbench_lcl"].get("training_windows") or {}).get("windows"):
            yield "training_data, windows", sum(data.windows for data in self.training_data), learnt
        named = model.get("labels") or model.get("clusters")
        if isinstance(named, list):
            yield "labels", list(self.classes), list(dict.fromkeys(named))
        for field, key, stated in (
            ("classes", "event_types", self.classes),
            ("preprocessing.sampling_rate", "sampling_rate", window.sampling_rate),
            ("preprocessing.samples", "in_samples", window.samples),
            ("preprocessing.before", "before", window.before),
            ("preprocessing.components", "component_order", window.components),
            ("preprocessing.band", "band", window.band),
            ("preprocessing.normalisation", "normalisation", window.normalisation),
            ("reject.novelty_rate", "novelty_rate", self.reject.novelty_rate),
        ):
            if key in model:  # a model class of a plugin may have other arguments
                yield field, stated, model[key]
        default = (metadata.get("default_args") or {}).get("reject_below", 0.0)
        yield "reject.reject_below", self.reject.reject_below, default
        if not model.get("clusters"):
            yield "calibration", self.calibration and "required", "required"


def _complaints(error: ValidationError) -> Iterator[str]:
    """Yield one line for each wrong field; text from outside is quoted."""
    found = error.errors(include_url=False)
    for one in found[:_SHOWN]:
        parts = (f"[{part}]" if isinstance(part, int) else f".{ascii(part)[1:-1]}" for part in one["loc"])
        field = "".join(parts).lstrip(".")[:200]
        if one["type"] == "missing":
            yield f"{field}: is missing"
        elif one["type"] == "extra_forbidden":
            yield f"{field}: is not a field of a card"
        elif one["type"] == "value_error":
            yield f"{field}: {one['ctx']['error']}"
        else:
            yield f"{field}: {one['msg'][0].lower()}{one['msg'][1:]}, but is {_shortened(one['input'])}"
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more"


def _shortened(found: object) -> str:
    """Show a value in at most 80 characters; Python refuses to print integers of thousands of digits."""
    plain = found is None or isinstance(found, str | float) or (isinstance(found, int) and abs(found) < 10**18)
    text = ascii(found) if plain else f"a value of type {type(found).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
