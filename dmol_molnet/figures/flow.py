"""What is computed from what: boxes, and arrows between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmol_molnet.figures.style import COLORS, ON_COLOR, ink, new
from dmol_molnet.molecules import InputError, quoted


def flow(
    boxes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str]],
    ax: Axes | None = None,
    *,
    groups: Mapping[str, int] | None = None,
) -> Figure:
    """Draw a computation as boxes that feed each other.

    Args:
        boxes: by their text, where the middle of each stands: x from 0 to 1 to the right, y from 0 to 1 upwards.
        arrows: from which box to which.
        ax: where; None makes a new figure.
        groups: by text, the class of a box, which gives its colour; 0 where none is given.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: an arrow or a group of a box that is not there.
    """
    for name in [*(end for arrow in arrows for end in arrow), *(groups or {})]:
        if name not in boxes:
            raise InputError(f"there is no box {quoted(name)}; there are {', '.join(map(quoted, boxes))}")
    if ax is None:
        _, ax = new(4.0, 4.0)
    drawn = {}
    for text, at in boxes.items():
        fill = COLORS[(groups or {}).get(text, 0) % len(COLORS)]
        box = {"boxstyle": "round,pad=0.35", "fc": fill, "ec": ON_COLOR, "lw": 0.9}
        drawn[text] = ax.text(*at, text, color=ON_COLOR, ha="center", va="center", fontsize=9, bbox=box, zorder=3)
    for start, end in arrows:
        # From middle to middle; boxes hide what lies below them, and matplotlib ends the arrow at their rims.
        style = {"arrowstyle": "-|>", "color": ink(ax), "lw": 1.2, "shrinkA": 0, "shrinkB": 2}
        patches = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        ax.annotate("", boxes[end], boxes[start], arrowprops={**style, **patches}, zorder=2)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_axis_off()
    return ax.figure
