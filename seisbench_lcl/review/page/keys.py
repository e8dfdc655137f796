"""Keys of the review page: one for each type, and one for each action."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.wording import suggestion

Action = Literal[
    "accept",
    "undecided",
    "wrong pick",
    "next",
    "back",
    "undo",
    "play",
    "station above",
    "station below",
    "components",
    "help",
]

ACTIONS: dict[Action, str] = {
    "accept": "Enter",
    "undecided": "u",
    "wrong pick": "w",
    "next": "ArrowRight",
    "back": "ArrowLeft",
    "undo": "Backspace",
    "play": " ",
    "station above": "ArrowUp",
    "station below": "ArrowDown",
    "components": "c",
    "help": "h",
}
"""The key of each action, as browsers name keys."""

WORDS: dict[Action, str] = {
    "accept": "accept the type of the model",
    "undecided": "undecided: nobody can tell",
    "wrong pick": "the pick of the chosen station is wrong",
    "next": "next event",
    "back": "event before",
    "undo": "take back the last verdict",
    "play": "play the chosen station as sound",
    "station above": "choose the station above",
    "station below": "choose the station below",
    "components": "show one or all components of each station",
    "help": "show or hide this help",
}
"""What each action does, for the help."""

_NAMES = {" ": "Space", "ArrowRight": "→", "ArrowLeft": "←", "ArrowUp": "↑", "ArrowDown": "↓", "Backspace": "⌫"}
_WRITTEN = {"space": " ", "right": "ArrowRight", "left": "ArrowLeft", "up": "ArrowUp", "down": "ArrowDown"}
_OTHERS = ("Enter", "Backspace", "Delete", "Home", "End", "PageUp", "PageDown", "Insert")


@dataclass(frozen=True)
class Keys:
    """Which key gives which type or action.

    Attributes
    ----------
    types : dict from label to key
    actions : dict from action to key

    Examples
    --------
    >>> keys = Keys.of(["earthquake", "noise"], {"noise": "x", "next": "n"})
    >>> keys.types, keys.meaning("n"), keys.meaning("1")
    ({'earthquake': '1', 'noise': 'x'}, ('action', 'next'), ('type', 'earthquake'))
    """

    types: Mapping[str, str]
    actions: Mapping[Action, str]

    @classmethod
    def of(cls, labels: Iterable[str], chosen: Mapping[str, str] | None = None) -> "Keys":
        """Give each label a key: the chosen one, or else a digit; and each action its own.

        Parameters
        ----------
        labels : iterable of str
        chosen : mapping from label or action to key, optional
            A key is one character, or a name such as "Enter", "space", "left", "F2".

        Raises
        ------
        ConfigurationError
            If a name is neither a label nor an action, a key is none, or two things have one key.
        """
        labels, chosen = list(dict.fromkeys(labels)), dict(chosen or {})
        known = [*labels, *get_args(Action)]
        if unknown := [name for name in chosen if name not in known]:
            raise ConfigurationError(
                f"a key is set for {unknown[0]!r}, which is neither a type nor an action: "
                f"{suggestion(unknown[0], known)}"
            )
        keys = {name: _key(key) for name, key in chosen.items()}
        actions = {action: keys.get(action, usual) for action, usual in ACTIONS.items()}
        free = (digit for digit in "1234567890" if digit not in keys.values())
        types = {label: keys.get(label) or next(free, "") for label in labels}
        owner: dict[str, str] = {}
        for name, key in [*types.items(), *actions.items()]:
            if key and owner.setdefault(key, name) != name:
                raise ConfigurationError(f"{owner[key]!r} and {name!r} have one key, {title(key)!r}: choose another")
        return cls(types, actions)

    def meaning(self, key: str) -> tuple[Literal["type", "action"], str] | None:
        """Return what a key means: a type or an action, by name; None if nothing."""
        for label, own in self.types.items():
            if own == key:
                return "type", label
        return next((("action", action) for action, own in self.actions.items() if own == key), None)


def title(key: str) -> str:
    """Return how a key is shown.

    Examples
    --------
    >>> title(" "), title("ArrowLeft"), title("e")
    ('Space', '←', 'e')
    """
    return _NAMES.get(key, key)


def _key(text: str) -> str:
    """Return a key as browsers name it."""
    if len(text) == 1:
        return text
    if text.lower() in _WRITTEN:
        return _WRITTEN[text.lower()]
    for name in (*_WRITTEN.values(), *_OTHERS, *(f"F{n}" for n in range(1, 13))):
        if text.lower() == name.lower():
            return name
    raise ConfigurationError(f"{text!r} is no key: use one character, or a name such as Enter, space, left or F2")
