"""Parts of messages: a number with its noun, a list that stays short, the name that a misspelt one may mean."""

from collections.abc import Iterable
from difflib import get_close_matches

_NEAREST = 2
_LISTED = 12


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 window" or "2 windows"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def nearest(name: str, known: Iterable[str], most: int = _NEAREST) -> list[str]:
    """Return the known names that a misspelt one may mean, the likeliest first; capitals do not count.

    Examples
    --------
    >>> nearest("mixd-3c", ["pnw-z", "mixed-3c"])
    ['mixed-3c']
    """
    originals = {str(one).casefold(): str(one) for one in known}
    if (folded := str(name).casefold()) in originals:
        return [originals[folded]]
    return [originals[found] for found in get_close_matches(folded, originals, most)]


def listed(names: Iterable[str], see: str = "", most: int = _LISTED) -> str:
    """Join names; of many, only the first, with the number of the others.

    Parameters
    ----------
    names : iterable of str
    see : str
        Where all of them are listed, for a list that is cut.
    most : int
        Number of names to show.

    Examples
    --------
    >>> listed(["b", "a", "d", "c"], "seisbench-lcl plugins", most=2)
    'b, a and 2 others (seisbench-lcl plugins lists all)'
    """
    known = [str(name) for name in names]
    if len(known) <= most + 1:  # "and 1 other" is no shorter than the other
        return ", ".join(known) or "none"
    return f"{', '.join(known[:most])} and {len(known) - most} others" + (f" ({see} lists all)" if see else "")


def suggestion(name: str, known: Iterable[str], see: str = "", what: str = "available") -> str:
    """Return the end of a message about an unknown name: what it may mean, or else what there is.

    Parameters
    ----------
    name : str
    known : iterable of str
    see : str
        Where all names are listed.
    what : str
        Heading of the list.

    Examples
    --------
    >>> suggestion("eartquake", ["earthquake", "noise"]), suggestion("x", ["earthquake", "noise"])
    ("did you mean 'earthquake'?", 'available: earthquake, noise')
    """
    names = list(dict.fromkeys(map(str, known)))
    if near := nearest(name, names):
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"{what}: {listed(names, see)}"
