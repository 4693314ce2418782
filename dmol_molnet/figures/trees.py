"""A coupling of several factors as a tree: at each fork two of them become one, of a degree that it names."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from dmol_molnet.figures.style import COLORS, GRAY, ON_COLOR, ink, new
from dmol_molnet.molecules import InputError, quoted

RADIUS = 0.25


def coupling_tree(tree: tuple, ax: Axes | None = None, *, letter: str = "A", title: str = "") -> Figure:
    """Draw a tree of couplings, the factors at the bottom and the result at the top.

    Args:
        tree: (first, second, l): two parts, each the degree of a factor or again such a tree, and the degree to which
            they are coupled; ((1, 1, 2), 2, 0) couples two factors of degree 1 to degree 2, and that with a factor of
            degree 2 to a scalar.
        ax: where; None makes a new figure.
        letter: of the factors.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: it is no tree, or two degrees do not couple to the third.
    """
    if ax is None:
        _, ax = new(2.6, 2.4)
    places, lines, leaves = [], [], 0

    def place(node) -> tuple[float, int, int]:
        """Where the node stands: x, height; and its degree."""
        nonlocal leaves
        if isinstance(node, int) and not isinstance(node, bool) and node >= 0:
            leaves += 1
            places.append((float(leaves), 0, node, True))
            return float(leaves), 0, node
        if not isinstance(node, tuple) or len(node) != 3 or not isinstance(node[2], int):
            raise InputError(f"a tree is a degree, or (first, second, degree), not {quoted(node)}")
        (x1, y1, l1), (x2, y2, l2), l = place(node[0]), place(node[1]), node[2]
        if not abs(l1 - l2) <= l <= l1 + l2:
            raise InputError(f"degrees {l1} and {l2} couple to {abs(l1 - l2)} to {l1 + l2}, not to {l}")
        x, y = (x1 + x2) / 2, max(y1, y2) + 1
        lines.extend([(x1, y1, x, y), (x2, y2, x, y)])
        places.append((x, y, l, False))
        return x, y, l

    _, top, _ = place(tree)
    for x1, y1, x2, y2 in lines:
        ax.plot([x1, x2], [y1, y2], color=GRAY, lw=2, zorder=1)
    for x, y, l, leaf in places:
        ax.add_patch(Circle((x, y), RADIUS, fc=COLORS[0] if leaf else COLORS[1], ec=ON_COLOR, lw=0.9, zorder=2))
        ax.text(x, y, str(l), color=ON_COLOR, ha="center", va="center_baseline", fontsize=10, zorder=3)
        if leaf:
            ax.text(x, y - 0.55, f"${letter}_{{{l}}}$", ha="center", va="center", fontsize=11, color=ink(ax))
    ax.set(xlim=(0.4, leaves + 0.6), ylim=(-0.85, top + 0.4), aspect="equal", title=title)
    ax.set_axis_off()
    return ax.figure
