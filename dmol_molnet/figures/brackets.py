"""What a pair of nodes sees in the first round of 2-WL: one bracket of pairs, or two brackets of single colours."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import cycle

import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from dmol_molnet.figures.draw import draw, layout
from dmol_molnet.figures.style import GRAY, ON_COLOR, color, ink, new
from dmol_molnet.molecules import InputError

KINDS = "same", "joined", "apart"
"""The colours of pairs before the first round, in a graph without labels."""

SIGNS = {"same": "=", "joined": "–", "apart": "×"}
LETTERS = "pqrstuxyzabdefghijklmno"
"""Of the nodes that are not of the pair; v and w have other meanings, c is a colour."""

SIDE = 0.72
"""Of a cell."""


def seen(graph: nx.Graph, pair: tuple[Hashable, Hashable]) -> list[tuple[Hashable, str, str]]:
    """For each node w of the graph: w, the colour of (w, v2), and the colour of (v1, w), before the first round.

    Args:
        graph: without labels.
        pair: (v1, v2), two of its nodes.

    Raises:
        InputError: a node that there is not.
    """
    for v in pair:
        if v not in graph:
            raise InputError(f"the graph has no node {v!r}")
    first, second = pair

    def kind(a, b):
        return "same" if a == b else "joined" if graph.has_edge(a, b) else "apart"

    return [(w, kind(w, second), kind(first, w)) for w in graph]


def brackets(graph: nx.Graph, pair: tuple[Hashable, Hashable], ax: Axes | None = None, *, title: str = "") -> Figure:
    """Draw a graph, and below it what one of its pairs sees: as folklore 2-WL collects it, then as oblivious 2-WL does.

    Args:
        graph: without labels.
        pair: (v1, v2), two of its nodes.
        ax: where; None makes a new figure.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: a node that there is not.
    """
    found = seen(graph, pair)
    if ax is None:
        _, ax = new(3.9, 4.4)
    n, letters = len(found), cycle(LETTERS)
    names = {w: "v₁" if w == pair[0] else "v₂" if w == pair[1] else next(letters) for w in graph}
    at = layout(graph)
    left, right = (f(xy[0] for xy in at.values()) for f in (min, max))
    low = min(xy[1] for xy in at.values())
    middle = n * SIDE / 2
    places = {v: (xy[0] - (left + right) / 2 + middle, xy[1] - low + 1.1) for v, xy in at.items()}
    stressed = {v: color(1) if v in pair else "#e3e6e9" for v in graph}
    draw(graph, ax, labels=names, fills=stressed, positions=places, highlight=[pair])

    # Nodes that show the same stand together.
    order = sorted(found, key=lambda it: (KINDS.index(it[1]), KINDS.index(it[2])))
    _words(ax, -0.15, "folklore: one bracket")
    ax.text(-0.25, -0.95, "w =", ha="right", va="center", fontsize=9, color=ink(ax))
    _frame(ax, -2.75, n, 2.05)
    for k, (w, here, there) in enumerate(order):
        ax.text((k + 0.5) * SIDE, -0.95, names[w], ha="center", va="center", fontsize=9, color=ink(ax))
        _cell(ax, k, -1.9, here)
        _cell(ax, k, -1.9 - SIDE, there)
    _words(ax, -3.5, "oblivious: two brackets")
    for row, (place, y) in enumerate((("(w, v₂)", -4.7), ("(v₁, w)", -5.85))):
        _frame(ax, y - 0.1, n, SIDE + 0.2)
        for k, kind in enumerate(sorted((it[1 + row] for it in found), key=KINDS.index)):
            _cell(ax, k, y, kind)
        for height in (y, -1.9 - row * SIDE):
            ax.text(-0.25, height + SIDE / 2, place, ha="right", va="center", fontsize=9, color=ink(ax))
    top = 1.7 + max(2.0, *(xy[1] - 1.1 for xy in places.values()))  # flat graphs stand beside others on one level
    half = (right - left) / 2 + 0.6
    ax.set(xlim=(min(-1.6, middle - half), max(n * SIDE + 0.2, middle + half)), ylim=(-6.1, top), title=title)
    return ax.figure


def _words(ax: Axes, y: float, text: str) -> None:
    ax.text(-0.1, y, text, ha="left", va="top", fontsize=9.5, fontweight="bold", color=ink(ax))


def _frame(ax: Axes, y: float, n: int, height: float) -> None:
    box = FancyBboxPatch((-0.08, y), n * SIDE + 0.16, height, boxstyle="round,pad=0,rounding_size=0.15", fill=False)
    box.set(edgecolor=GRAY, linewidth=1.4)
    ax.add_patch(box)


def _cell(ax: Axes, column: int, y: float, kind: str) -> None:
    corner = column * SIDE + 0.05, y + 0.03
    fill = color(KINDS.index(kind) * 2)
    ax.add_patch(Rectangle(corner, SIDE - 0.1, SIDE - 0.06, fc=fill, ec=ON_COLOR, lw=0.7))
    middle = (column + 0.5) * SIDE, y + SIDE / 2
    ax.text(*middle, SIGNS[kind], ha="center", va="center_baseline", fontsize=11, color=ON_COLOR)
