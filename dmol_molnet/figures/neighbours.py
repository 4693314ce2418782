"""One atom with its neighbours: the running picture of directions, of the cluster expansion and of the design space.

An arrow goes from each neighbour to the atom, along r_ji = x_i - x_j, as what the neighbour sends does.  Unless others
are given, two neighbours are drawn with cos(theta) = -0.6 and sin(theta) = 0.8: numbers for a hand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle, FancyArrowPatch, FancyBboxPatch

from dmol_molnet import so3
from dmol_molnet.figures.style import COLORS, GRAY, ON_COLOR, ink, new
from dmol_molnet.figures.tables import number, shade
from dmol_molnet.molecules import InputError

TWO = ((1.0, 0.0), (-0.6, 0.8))
"""Directions from two neighbours to the atom between them, in the xy plane."""

DISTANCE = 1.5
"""Of a neighbour in the drawing; an arrow is 1 long."""

ATOM, NEIGHBOUR = 0.24, 0.22
"""Radii of circles."""


def neighbours(
    directions: Sequence[Sequence[float]] = TWO,
    ax: Axes | None = None,
    *,
    center: str = "i",
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    angle: str = "θ",
    total: str = "",
    title: str = "",
) -> Figure:
    """Draw an atom, its neighbours, and the directions in which what they send arrives; seen along z.

    Args:
        directions: [N, 2] or [N, 3] of length 1, from each neighbour to the atom; what lies along z is not seen.
        ax: where; None makes a new figure.
        center: the letter in the atom.
        names: letters in the neighbours; None numbers them from 1.
        labels: beside their arrows; None writes n with the number.
        angle: beside the arc between the first two neighbours; "" for no arc.
        total: beside a dashed arrow from the middle of the atom, the sum of all directions; "" for no arrow.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: there is no neighbour, a direction has not length 1, or the letters are not one for each neighbour.
    """
    n = np.asarray(directions, float)
    if n.ndim != 2 or not len(n) or n.shape[1] not in (2, 3) or not np.allclose(np.linalg.norm(n, axis=1), 1):
        raise InputError("each neighbour has a direction of length 1, of two or three numbers")
    names = [str(j + 1) for j in range(len(n))] if names is None else list(names)
    labels = [rf"$\mathbf{{n}}_{{{name}}}$" for name in names] if labels is None else list(labels)
    if not len(names) == len(labels) == len(n):
        raise InputError(f"{len(n)} neighbours have a name and a label each, not {len(names)} and {len(labels)}")
    if ax is None:
        _, ax = new(3.75, 2.7)
    n = n[:, :2]
    paper = {"ec": ON_COLOR, "lw": 0.9}
    for j, direction in enumerate(n):
        at = -DISTANCE * direction
        start, end = at + NEIGHBOUR * direction, -ATOM * direction
        arrow(ax, start, end, color=ink(ax), lw=1.8)
        ax.add_patch(Circle(at, NEIGHBOUR, fc=COLORS[0], zorder=3, **paper))
        ax.text(*at, names[j], color=ON_COLOR, ha="center", va="center_baseline", fontsize=10, zorder=4)
        across = np.array([-direction[1], direction[0]])
        if across @ _inwards(n, j) > 0:  # on the side where no other neighbour is
            across = -across
        ax.text(*((start + end) / 2 + 0.2 * across), labels[j], ha="center", va="center", fontsize=11, color=ink(ax))
    if total:
        sum_of_all = n.sum(axis=0)
        arrow(ax, np.zeros(2), sum_of_all, color="#c2185b", lw=2.2, zorder=4.5, ls=(0, (3, 1.5)))
        size = max(float(np.linalg.norm(sum_of_all)), 1e-9)
        beside = sum_of_all + 0.22 * sum_of_all / size
        ax.text(*beside, total, ha="center", va="bottom" if sum_of_all[1] >= 0 else "top", fontsize=10, color=ink(ax))
    if angle and len(n) > 1:
        ends = np.degrees(np.arctan2(*-n[:2, ::-1].T))  # of the neighbours, as seen from the atom
        low, high = sorted(ends) if abs(ends[0] - ends[1]) <= 180 else (max(ends), min(ends) + 360)
        radius = 0.52
        ax.add_patch(Arc((0, 0), 2 * radius, 2 * radius, theta1=low, theta2=high, color=GRAY, lw=1.4, zorder=1))
        middle = np.radians((low + high) / 2)
        where = (radius + 0.17) * np.array([np.cos(middle), np.sin(middle)])
        ax.text(*where, angle, ha="center", va="center", fontsize=11, color=ink(ax))
    ax.add_patch(Circle((0, 0), ATOM, fc=COLORS[1], zorder=4, **paper))
    aside = np.zeros(2)
    if total:  # the letter stands beside the arrow over the atom
        along = sum_of_all / size
        aside = ATOM * (0.5 * np.array([along[1], -along[0]]) - 0.15 * along)
    ax.text(*aside, center, color=ON_COLOR, ha="center", va="center_baseline", fontsize=11, style="italic", zorder=5)
    corners = np.concatenate([-DISTANCE * n, [[0, 0]], [n.sum(axis=0) * 1.25] if total else [[0, 0]]])
    (left, low), (right, high) = corners.min(axis=0) - 0.4, corners.max(axis=0) + 0.4
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal", title=title)
    ax.set_axis_off()
    return ax.figure


def expansion(
    directions: Sequence[Sequence[float]] = TWO,
    weights: Sequence[float] = (1.0, 1.0, 1.0),
    *,
    title: str = "",
) -> Figure:
    """Draw the way from an atom's neighbours to its energy, with all numbers: A, products of two, and their sum.

    A_lm adds up the harmonics of all directions, B_l couples A_l with itself to a scalar, E = sum_l w_l B_l.

    Args:
        directions: as of `neighbours`.
        weights: [l_max + 1] of the products; their number says how many degrees there are, one to three.
        title: above the drawing.

    Returns:
        The figure.

    Raises:
        InputError: as `neighbours`; or there are no weights, or more than three.
    """
    n = np.asarray(directions, float)
    A, B, energy = expanded(n, weights)
    figure, (above, ax) = new(3.75, 5.4, nrows=2, height_ratios=[1, 1.6])
    neighbours(n, above, title=title)
    steps(ax, A, B, energy, weights)
    return figure


def expanded(directions: np.ndarray, weights: Sequence[float]) -> tuple[list[np.ndarray], list[float], float]:
    """The numbers of `expansion`: A by degree, B by degree, E.

    Raises:
        InputError: there are no weights, or more than three.
    """
    if not 1 <= len(weights) <= 3:
        raise InputError(f"one to three degrees can be drawn, each with its weight, not {len(weights)}")
    n = np.asarray(directions, float)
    A = so3.spherical_harmonics(len(weights) - 1, np.pad(n, ((0, 0), (0, 3 - n.shape[1])))).sum(axis=0)
    A = [A[l * l : (l + 1) ** 2] for l in range(len(weights))]
    B = [float(a @ a) / (2 * l + 1) ** 0.5 for l, a in enumerate(A)]
    return A, B, float(np.dot(weights, B))


def steps(ax: Axes, A, B, energy: float, weights: Sequence[float]) -> None:
    """Draw the numbers of `expanded` from top to bottom; colours are relative to the largest of A, of B and of E."""
    scales = [float(np.abs(np.concatenate(A)).max()), float(np.abs(B).max()), abs(energy)]
    y = 0.0
    _heading(ax, y, "A: harmonics, added up over neighbours")
    for l, a in enumerate(A):
        y -= 0.62
        _cells(ax, y, a, f"l = {l}", scales[0])
    y -= 0.55
    _down(ax, y, "each with itself,\ncoupled to l = 0")
    y -= 0.75
    _heading(ax, y, "B: one number for each degree")
    y -= 0.62
    _cells(ax, y, B, "", scales[1])
    y -= 0.55
    _down(ax, y, f"times {', '.join(f'{w:g}'.replace('-', '−') for w in weights)}, added up")
    y -= 0.75
    _heading(ax, y, "E: the energy of the atom")
    y -= 0.62
    _cells(ax, y, [energy], "", scales[2])
    ax.set(xlim=(-3.6, 3.8), ylim=(y - 0.4, 0.4))
    ax.set_axis_off()


def arrow(ax: Axes, start, end, **how) -> None:
    """An arrow from one point to another, with `how` for matplotlib's patch."""
    style = {"arrowstyle": "-|>", "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0, "zorder": 2}
    ax.add_patch(FancyArrowPatch(tuple(start), tuple(end), **{**style, **how}))


def _inwards(n: np.ndarray, j: int) -> np.ndarray:
    """[2]: to where the other neighbours are, from neighbour j's arrow."""
    others = np.delete(n, j, axis=0)
    return -others.sum(axis=0) if len(others) else np.array([0.0, -1.0])


def _heading(ax: Axes, y: float, text: str) -> None:
    ax.text(-3.5, y, text, ha="left", va="center", fontsize=10, weight="bold", color=ink(ax))


def _cells(ax: Axes, y: float, values, name: str, scale: float) -> None:
    width = 1.18  # room for a minus and three digits
    x = -0.5 * width * len(values) + 0.35
    if name:
        ax.text(-3.5, y, name, ha="left", va="center", fontsize=9, color=ink(ax))
    for k, value in enumerate(values):
        box = FancyBboxPatch(
            (x + k * width + 0.04, y - 0.24), width - 0.08, 0.48,
            boxstyle="round,pad=0,rounding_size=0.06", fc=shade(value, scale), ec=GRAY, lw=0.8,
        )  # fmt: skip
        ax.add_patch(box)
        middle = x + (k + 0.5) * width
        ax.text(middle, y, number(value), ha="center", va="center", fontsize=9, color=ON_COLOR)


def _down(ax: Axes, y: float, text: str) -> None:
    arrow(ax, (0.35, y + 0.2), (0.35, y - 0.38), color=GRAY, lw=1.6)
    ax.text(0.55, y - 0.08, text, ha="left", va="center", fontsize=9, color=ink(ax))
