"""Events that were labelled before and look like this one: nearest in the features of the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass
class Similar:
    """Features of events, and which labelled ones are nearest.

    Features are standardised over all events that are known; so a feature with large values does not decide alone.

    Attributes
    ----------
    features : dict from event to (F,) ndarray
        It may grow while the page is used.
    """

    features: dict[str, Floats] = field(default_factory=dict)

    def nearest(self, event: str, labels: Mapping[str, str], most: int = 5) -> list[tuple[str, float]]:
        """Return labelled events and their distances, the nearest first; empty if the features are not known.

        Parameters
        ----------
        event : str
        labels : mapping from event to label
            Those that can be named.
        most : int

        Returns
        -------
        list of (str, float)
            The distance is the root mean square over the features, in standard deviations.
        """
        known = dict(self.features)
        others = [other for other in labels if other != event and other in known]
        if event not in known or not others:
            return []
        everything = np.stack([*known.values()])
        scale = everything.std(axis=0)
        scale[scale == 0] = 1
        away = (np.stack([known[other] for other in others]) - known[event]) / scale
        distances = np.sqrt(np.mean(np.square(away), axis=1))
        order = np.argsort(distances, kind="stable")[:most]
        return [(others[i], float(distances[i])) for i in order]
