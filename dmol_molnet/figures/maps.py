"""What a function does to vectors of all directions: where it takes a circle, and whether it may be turned with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmol_molnet.figures.neighbours import arrow
from dmol_molnet.figures.style import GRAY, ink, new
from dmol_molnet.molecules import InputError


def vector_map(
    f: Callable[[np.ndarray], np.ndarray],
    ax: Axes | None = None,
    *,
    arrows: int = 8,
    length: float = 1.5,
    reach: float = 1.7,
    title: str = "",
) -> Figure:
    """Draw vectors of one length and all directions in a plane, in gray, and what a function makes of them.

    What follows rotations takes the circle of their ends to a circle, and each arrow to one that is turned as far.

    Args:
        f: of a vector [2], gives a vector [2].
        ax: where; None makes a new figure.
        arrows: how many are drawn, evenly spread.
        length: of the vectors.
        reach: half the width of the drawing.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: the function does not give vectors.
    """
    if ax is None:
        _, ax = new(3.0, 3.0)
    angles = np.linspace(0, 2 * np.pi, 145)
    before = length * np.stack([np.cos(angles), np.sin(angles)], -1)  # [145, 2]
    after = np.array([np.asarray(f(v), float) for v in before])
    if after.shape != before.shape:
        raise InputError(f"of a vector [2] the function gives a vector [2], not {list(after.shape[1:])}")
    ax.plot(*before.T, color=GRAY, lw=1, ls=":")
    ax.plot(*after.T, color="#c2185b", lw=1.8)
    for k in np.arange(arrows) * 144 // arrows:
        ax.plot(*np.array([[0, 0], before[k]]).T, color=GRAY, lw=1, zorder=1)
        arrow(ax, (0, 0), after[k], color=ink(ax), lw=1.6, mutation_scale=10)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    ax.set_axis_off()
    return ax.figure
