"""Predictions against labels: where a point lies on the line, they agree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmol_molnet.figures.style import GRAY, new
from dmol_molnet.molecules import InputError, quoted

MARKERS = "osD^v"


def parity(
    pairs: Mapping[str, tuple],
    ax: Axes | None = None,
    *,
    what: str,
    unit: str,
    most: int = 300,
    digits: int = 0,
) -> Figure:
    """Draw predictions against labels, several sets in one drawing, with the root mean square error of each.

    Args:
        pairs: by name, labels and predictions: numbers, arrays or lists of arrays, of the same shapes.
        ax: where; None makes a new figure.
        what: what is predicted, for the axes.
        unit: of both, which may take the prefix m: errors stand in thousandths of it.
        most: of each set at most so many points are drawn, evenly picked; errors are those of all.
        digits: after the point, of errors.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: labels and predictions differ in number, or there are none.
    """
    if ax is None:
        _, ax = new(3.6, 3.6)
    low, high = np.inf, -np.inf
    for n, (name, (labels, predictions)) in enumerate(pairs.items()):
        x, y = (np.concatenate([[], *map(np.ravel, values)]) for values in (labels, predictions))
        if len(x) != len(y) or not len(x):
            raise InputError(f"{quoted(name)} needs as many predictions as labels, not {len(y)} and {len(x)}")
        error = 1000 * float(np.sqrt(np.mean((y - x) ** 2)))
        chosen = np.unique(np.linspace(0, len(x) - 1, min(most, len(x))).astype(int))
        label = f"{name}: {error:.{digits}f} m{unit}"
        ax.plot(x[chosen], y[chosen], MARKERS[n % len(MARKERS)], ms=3.5, mew=0, alpha=0.7, label=label)
        shown = np.concatenate([x[chosen], y[chosen]])
        low, high = min(low, shown.min()), max(high, shown.max())
    room = 0.03 * (high - low) or 1.0
    ends = [low - room, high + room]
    ax.plot(ends, ends, color=GRAY, lw=1, zorder=0)
    ax.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"{what}, label ({unit})", ylabel=f"{what}, predicted ({unit})")
    ax.legend(loc="upper left", title="rms error", title_fontsize=9, fontsize=8, frameon=False, alignment="left")
    return ax.figure
