"""Why a model abstains from a window that is complete, in the words of every result."""


def novel(novelty: float, limit: float) -> str:
    """Return the reason of a window beyond the limit of novelty."""
    return f"unlike the training data (novelty {novelty:.2f}, limit {limit:g})"


def unsure(label: str, probability: float, limit: float) -> str:
    """Return the reason of a window whose most probable label is less probable than a limit."""
    return f"not sure enough ({label} {probability:.2f}, limit {limit:g})"
