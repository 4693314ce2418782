"""Molecules in space with arrows, seen along z, and matrices as coloured squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from dmol_molnet.figures.draw import ELEMENT_COLORS, OTHER_ELEMENT
from dmol_molnet.figures.style import GRAY, ON_COLOR, ink, new
from dmol_molnet.figures.tables import shade
from dmol_molnet.molecules import InputError, Molecule

RADII = {"H": 0.4}
OTHER_RADIUS = 0.55
"""Radii of atoms in Å: smaller than atoms are, so that bonds show."""


def in_space(
    molecule: Molecule,
    ax: Axes | None = None,
    *,
    arrows: Sequence[tuple[Sequence[float], Sequence[float], str]] = (),
    numbered: bool = False,
    reach: float | None = None,
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw a molecule where it is, seen along z from above: x to the right, y up.  A gray cross marks the origin.

    Args:
        molecule: one with positions.
        ax: where; None makes a new figure.
        arrows: (start [3], vector [3], how) in Å; how is "full" or "open", drawn in gray and dashed.
        numbered: whether each atom's number stands beside it.
        reach: the drawing goes from -reach to reach, in Å; None fits the molecule.
        title: above the drawing.
        note: below it.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: the molecule has no positions.
    """
    if molecule.positions is None:
        raise InputError(f"{molecule} has no positions to draw; embed() gives it some")
    if ax is None:
        _, ax = new(3.0, 3.0)
    x = molecule.positions
    depth = np.argsort(np.argsort(x[:, 2], kind="stable"))  # 0 is farthest from the eye
    for i, j in molecule.bonds.tolist():
        ax.plot(*x[[i, j], :2].T, color=GRAY, lw=3, solid_capstyle="round", zorder=1 + min(depth[i], depth[j]))
    for v, symbol in enumerate(molecule.symbols):
        radius = RADII.get(symbol, OTHER_RADIUS)
        fill = ELEMENT_COLORS.get(symbol, OTHER_ELEMENT)
        ax.add_patch(Circle(x[v, :2], radius, fc=fill, ec=ON_COLOR, lw=0.8, zorder=1.3 + depth[v]))
        ax.text(*x[v, :2], symbol, color=ON_COLOR, ha="center", va="center", fontsize=8, zorder=1.4 + depth[v])
        if numbered:
            at = _free(x[v, :2], radius + 0.42, np.delete(x[:, :2], v, axis=0))
            ax.text(*at, str(v), ha="center", va="center", fontsize=8, color=ink(ax), zorder=len(x) + 3)
    for start, vector, how in arrows:
        start = np.asarray(start, float)
        full = how == "full"
        ax.add_patch(
            FancyArrowPatch(
                start[:2],
                (start + vector)[:2],
                arrowstyle="-|>" if full else "->",
                mutation_scale=13,
                lw=2.2 if full else 1.8,
                ls="-" if full else (0, (3, 2)),
                color=ink(ax) if full else GRAY,
                shrinkA=0,
                shrinkB=0,
                zorder=0.9 if full else 0.8,  # behind the atoms, whose letters must stay legible
            )
        )
    ax.plot(0, 0, "+", color=GRAY, ms=9, zorder=0.5)
    if reach is None:
        reach = float(np.abs(x[:, :2]).max(initial=0)) + 1.2
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    ax.set_axis_off()
    if note:
        ax.text(0.5, -0.02, note, transform=ax.transAxes, ha="center", va="top", fontsize=9)
    return ax.figure


def _free(center: np.ndarray, distance: float, others: np.ndarray) -> np.ndarray:
    """The point [2] at this distance from a center that is farthest from all others [N, 2]."""
    angles = np.pi / 2 - np.arange(24) * np.pi / 12  # upwards, if all are as good
    points = center + distance * np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # [24, 2]
    return points[np.argmax(np.linalg.norm(points[:, None] - others, axis=-1).min(axis=1, initial=9.0))]


def upright(molecule: Molecule) -> Molecule:
    """The molecule about its middle, turned to where one sees most of it: longest along x, thinnest along z."""
    return turn_upright(molecule)[0]


def turn_upright(molecule: Molecule) -> tuple[Molecule, np.ndarray]:
    """As `upright`, and the rotation [3, 3] that rows of vectors are multiplied by to follow."""
    x = molecule.positions - molecule.positions.mean(axis=0)
    axes = np.linalg.eigh(x.T @ x)[1][:, ::-1]  # columns, the longest first
    signs = np.where(axes[np.abs(axes).argmax(axis=0), range(3)] < 0, -1.0, 1.0)  # the same on every machine
    axes = axes * signs
    axes[:, 2] *= np.linalg.det(axes)  # a rotation, or a molecule would become its mirror image
    return replace(molecule, positions=x @ axes, energy=None, forces=None), axes


def matrix(
    values: np.ndarray,
    ax: Axes | None = None,
    *,
    blocks: Mapping[str, int] | None = None,
    title: str = "",
    largest: float | None = None,
) -> Figure:
    """Draw a matrix as squares: orange is positive, blue negative, and the size of a square the size of its number.

    Args:
        values: [rows, columns].
        ax: where; None makes a new figure.
        blocks: names and sizes of blocks on the diagonal, which are framed.
        title: above the drawing.
        largest: the number of a full square; None for the largest.

    Returns:
        The figure that holds the drawing.
    """
    values = np.asarray(values, float)
    if ax is None:
        _, ax = new(3.0, 3.0)
    n_rows, n_columns = values.shape
    largest = largest or float(np.abs(values).max(initial=0)) or 1.0
    for (row, column), value in np.ndenumerate(values):
        share = abs(value) / largest
        if share > 1e-6:
            side = 0.15 + 0.8 * share**0.5
            corner = (column + 0.5 - side / 2, row + 0.5 - side / 2)
            sign = "#d9822b" if value > 0 else "#2a7fb8"
            ax.add_patch(Rectangle(corner, side, side, fc=shade(value, largest), ec=sign, lw=0.8))
        else:
            ax.plot(column + 0.5, row + 0.5, ".", color=GRAY, ms=1.5)
    start = 0
    for name, size in (blocks or {}).items():
        ax.add_patch(Rectangle((start, start), size, size, fill=False, ec=ink(ax), lw=1.6))
        ax.text(n_columns + 0.4, start + size / 2, name, va="center", ha="left", fontsize=9)
        start += size
    ax.add_patch(Rectangle((0, 0), n_columns, n_rows, fill=False, ec=GRAY, lw=0.8))
    ax.set(xlim=(-0.2, n_columns + 0.2), ylim=(n_rows + 0.2, -0.2), aspect="equal", title=title)
    ax.set_axis_off()
    return ax.figure
