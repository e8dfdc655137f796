"""Tables of models, weights and commands, made from the code and from the cards of the weights.

In a page, the directive ``{table-of} models`` (``weights``, ``commands``) shows one. README.md holds the table of
weights between two comments; ``python docs/_ext/tables.py`` renews it there.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx

from seisbench_lcl.cli.lazy import COMMANDS
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card
from seisbench_lcl.models.model import Model
from seisbench_lcl.plugins import builtin

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- weights -->", "<!-- end of weights -->"
_KNOWN = ", of classes known elsewhere"


def models() -> str:
    """Return a table of the named models: what they are, their extractor and head, what they learn from, papers."""
    rows = [
        (f"`{cls.__name__}`", first_sentence(cls), *(f"`{part}`" for part in cls.pair), learns(cls), papers(cls))
        for cls in named_models()
    ]
    return table(("model", "what it is", "extractor", "head", "learns from", "papers"), rows)


def weights_of_the_package() -> str:
    """Return a table of the bundled weights, in their newest versions, with the scores per event of their cards."""
    rows = []
    for card in cards():
        elsewhere = [
            s.split for s in card.scores if "held out, trained anew" in s.split and not s.split.startswith("ev")
        ]
        overall = next((split for split in elsewhere if _KNOWN not in split), None)
        known = next((split for split in elsewhere if _KNOWN in split), None)
        scores = [score(card, split) for split in ("5 folds of events, trained anew", overall, known)]
        rows.append((f"`{card.model}/{card.name}`", ", ".join(card.classes), *scores))
    heads = ("weights", "classes", "events held out", "region held out", "of classes known elsewhere")
    return table(heads, rows, aligned=3)


def commands() -> str:
    """Return a table of the commands."""
    rows = [(f"[`{name}`](cli.md#seisbench-lcl-{name})", text) for name, text in COMMANDS.items()]
    return table(("command", "what it does"), rows)


TABLES = {"models": models, "weights": weights_of_the_package, "commands": commands}


def named_models() -> list[type[Any]]:
    """Return the named models of the package: first those that learn from labels."""
    found = builtin.register_models()
    return sorted(found, key=lambda cls: (learns(cls) != "labels", cls.__name__))


def cards() -> list[Card]:
    """Return the newest card of all bundled weights: first those that lose least elsewhere."""
    newest: dict[tuple[str, str], Card] = {}
    for path in weights.bundled().glob("*/*.md*"):
        card, _ = Card.read(path)
        before = newest.get((card.model, card.name))
        if before is None or int(card.version) > int(before.version):
            newest[card.model, card.name] = card
    return sorted(newest.values(), key=lambda card: (-_elsewhere(card), card.model, card.name))


def _elsewhere(card: Card) -> float:
    kinds = [s for s in card.scores if "held out, trained anew" in s.split and s.level == "event"]
    kinds = [s for s in kinds if s.metric == "balanced_accuracy" and not s.split.startswith("events")]
    known = [s for s in kinds if _KNOWN in s.split]
    return float((known or kinds)[0].value) + bool(known) if kinds else 0.0


def score(card: Card, split: str | None) -> str:
    """Return the balanced accuracy per event of a split, with its 95 % interval."""
    for found in card.scores:
        if (found.split, found.level, found.metric) == (split, "event", "balanced_accuracy"):
            return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    return ""


def first_sentence(cls: type[Any]) -> str:
    """Return the first sentence of a docstring, without what the column "learns from" says."""
    line = (cls.__doc__ or "").strip().splitlines()[0]
    return line.removesuffix(" Needs no labels.").removesuffix(".")


def learns(cls: type[Model]) -> str:
    """Return what a model learns from."""
    return "windows" if "Needs no labels" in (cls.__doc__ or "") else "labels"


def papers(cls: type[Any]) -> str:
    """Return the papers of a model as links."""
    found = []
    for line in cls.default_citation.splitlines():
        who = re.match(r".*?\(\d{4}\)|[^,]+, [^,]+ and \w+", line)
        where = re.search(r"doi:(\S+)|arXiv:(\S+)", line)
        text = who[0] if who else line
        address = f"https://doi.org/{where[1]}" if where and where[1] else f"https://arxiv.org/abs/{where and where[2]}"
        found.append(f"[{text}]({address})" if where else text)
    return "; ".join(found)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], aligned: int = 0) -> str:
    """Return a Markdown table, whose last columns are aligned to the right."""
    rules = ["---"] * (len(heads) - aligned) + ["---:"] * aligned
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, tuple(rules), *rows)) + "\n"


class TableOf(Directive):
    """Show a generated table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown of the table."""
        node = nodes.container()
        lines = TABLES[self.arguments[0]]().splitlines()
        self.state.nested_parse(StringList(lines, source=__file__), 0, node)
        return node.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive to a build."""
    app.add_directive("table-of", TableOf)
    return {"parallel_read_safe": True}


def renewed(readme: str) -> str:
    """Return the text of README.md with the present table of weights."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{weights_of_the_package()}{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(renewed(readme.read_text()))
