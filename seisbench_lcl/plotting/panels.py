"""Parts of panels that several figures share."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray


def hide_frame(axes: Axes) -> None:
    """Hide the upper and the right edge of a panel."""
    axes.spines[["top", "right"]].set_visible(False)


def plain(text: str) -> str:
    """Return text that is drawn as it is: dollar signs would make formulas of names and reasons."""
    return text.replace("$", r"\$")


def cluster_title(number: int, name: str) -> str:
    """Return the title of a cluster: its number, and its name unless that is empty."""
    return f"{number}: {name}" if name else f"cluster {number}"


def decibels(power: NDArray[np.floating], least: float) -> NDArray[np.floating]:
    """Convert power to decibels, raising it to a least power first."""
    return 10 * np.log10(np.maximum(power, least))


def draw_image(
    axes: Axes, image: NDArray[np.floating], times: NDArray[np.floating], highest: float, limits: tuple[float, float]
) -> None:
    """Draw a spectrogram (frequencies, times) from 0 Hz to the highest frequency; limits are those of the colours."""
    extent = (times[0], times[-1], 0.0, highest)
    axes.imshow(image, origin="lower", aspect="auto", extent=extent, vmin=limits[0], vmax=limits[1])
