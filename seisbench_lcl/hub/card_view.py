"""Draw a card on a terminal."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seisbench_lcl.hub.card import Card, Score


def render(card: Card, body: str = "") -> RenderableType:
    """Draw the head of a card, and its body below.

    Uses that are ruled out come before the scores. Text of a card is never read as terminal markup.

    Parameters
    ----------
    card : Card
    body : str
        Markdown body, as returned by `Card.parse`; if empty, only the head is drawn.

    Returns
    -------
    renderable
        Print it with a `rich.console.Console`.
    """
    title = Text.assemble((f"{card.model} {card.name}", "bold"), f", version {card.version}, ", (card.state, "italic"))
    parts: list[RenderableType] = [title, Text(card.task), Text(), Text(card.summary), Text(), _facts(card), Text()]
    parts += [*_listed("Do not use it for", card.not_for, "bold red"), Text()]
    parts += [_scores(split, list(scores)) for split, scores in groupby(card.scores, lambda s: (s.data, s.split))]
    if card.placement:
        parts.append(_placement(card))
    parts += _listed("Cite", card.citation, "bold")
    if body:
        parts += [Text(), Markdown(body)]
    return Group(*parts)


def _facts(card: Card) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", max_width=24)
    table.add_column(overflow="fold")
    for name, value in _rows(card):
        table.add_row(Text(name), Text(value))
    return table


def _rows(card: Card) -> Iterator[tuple[str, str]]:
    window, reject = card.preprocessing, card.reject
    yield "classes", "\n".join(f"{label} (QuakeML: {kind or 'none'})" for label, kind in card.classes.items())
    band = "all frequencies"
    if window.band:
        band = f"{window.band[0]:g} to {window.band[1]:g} Hz" if window.band[0] else f"up to {window.band[1]:g} Hz"
    yield (
        "window",
        f"{window.samples / window.sampling_rate:g} s of {window.components}, {window.samples} samples at "
        f"{window.sampling_rate:g} Hz, {window.before:g} s before P, {band}, {window.normalisation}",
    )
    yield from card.valid_ranges.items()
    for backbone in card.backbones:
        yield "needs", f"{backbone}, SHA-256 {backbone.sha256[:12]}…: SeisBench finds or downloads it"
    for data in card.training_data:
        sources = "".join(f"\n{source}" for source in data.sources)
        note = f"\n{data.note}" if data.note else ""
        yield (
            "trained on",
            f"{data.name}: {data.windows} windows of {data.events} events, {data.licence}{sources}{note}",
        )
    if calibration := card.calibration:
        error = f"calibration error {calibration.ece_station:.3f} per station, {calibration.ece_event:.3f} per event"
        yield "calibration", f"{calibration.method}; {error}"
    else:
        yield "calibration", "none"
    rate = reject.novelty_rate
    novel = "no window as novel" if rate is None else f"{rate:.0%} of windows like the training data"
    unsure = f"; windows whose best probability is below {reject.reject_below:g}" if reject.reject_below else ""
    yield "rejects", novel + unsure
    yield "recipe", f"{card.recipe.path} at {card.recipe.commit}"
    yield "split manifest", card.split_manifest_sha256
    yield "licence", card.licence


def _scores(what: tuple[str, str], scores: list[Score]) -> RenderableType:
    sizes = sorted({(score.windows, score.events) for score in scores})
    counted = "; ".join(f"{windows} windows of {events} events" for windows, events in sizes)
    table = Table(title=Text(f"{', '.join(what)} ({counted})"), title_justify="left", title_style="bold")
    for column in ("metric", "per station", "per event"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    found = {(score.metric, score.level): score for score in scores}
    for metric in dict.fromkeys(score.metric for score in scores):
        table.add_row(Text(metric), *(_with_interval(found.get((metric, level))) for level in ("station", "event")))
    return Padding(table, (0, 0, 1, 0))


def _placement(card: Card) -> RenderableType:
    title = f"Windows that start later or earlier than in training ({card.placement[0].windows} windows)"
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for column in ("shift in s", "balanced accuracy", "labels changed"):
        table.add_column(column, justify="right")
    for at in card.placement:
        table.add_row(f"{at.shift:+g}" if at.shift else "0", f"{at.balanced_accuracy:.3f}", f"{at.changed:.3f}")
    return Padding(table, (0, 0, 1, 0))


def _with_interval(score: Score | None) -> str:
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})" if score else "-"


def _listed(title: str, items: Iterable[str], style: str) -> list[RenderableType]:
    table = Table.grid(padding=(0, 1))
    for item in items:
        table.add_row("-", Text(item))
    return [Text(title, style=style), table]
