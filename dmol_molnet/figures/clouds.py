"""Clouds of atoms in perspective, with the pairs of atoms that matter, and a bar that says how long an ångström is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from dmol_molnet.figures.draw import ELEMENT_COLORS, HIGHLIGHT, OTHER_ELEMENT
from dmol_molnet.figures.style import GRAY, ON_COLOR, ink, new
from dmol_molnet.molecules import InputError, Molecule

EYE = 4.0
"""How far the eye is from the middle, in radii of the cloud."""


def cloud(
    molecule: Molecule,
    ax: Axes | None = None,
    *,
    edges: Sequence[tuple[int, int]] | None = None,
    faint: Sequence[tuple[int, int]] = (),
    highlight: Sequence[tuple[int, int]] = (),
    labels: Mapping[int, str] | None = None,
    fills: Mapping[int, str] | None = None,
    view: tuple[float, float] = (20.0, 20.0),
    up: Sequence[float] = (0.0, 0.0, 1.0),
    radius: float | None = None,
    reach: tuple[float, float] | None = None,
    bar: float = 1.0,
    title: str = "",
) -> Figure:
    """Draw atoms where they are, seen in perspective: what is near is larger and drawn over what is far.

    Args:
        molecule: one with positions.
        ax: where; None makes a new figure.
        edges: pairs of atoms joined by a line; None takes the bonds.
        faint: pairs joined by a thin gray line.
        highlight: pairs joined by a broken line in a colour of its own, over all atoms.
        labels: text on atoms, by number.
        fills: colours of atoms, by number; that of its element where none is given.
        view: degrees: turned about z (0 looks along y, with x to the right), then raised above the xy plane.
        up: a direction that is turned to z beforehand.
        radius: of an atom in Å; None takes a sixth of the mean length of the edges.
        reach: half the width and height of the drawing in Å, so that several have one scale; None fits the cloud.
        bar: length of the bar at the bottom in Å; 0 leaves it out.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: the molecule has no positions.
    """
    if molecule.positions is None:
        raise InputError(f"{molecule} has no positions to draw; embed() gives it some")
    if ax is None:
        _, ax = new(3.0, 3.0)
    x = molecule.positions - (molecule.positions.max(axis=0) + molecule.positions.min(axis=0)) / 2
    edges = molecule.bonds if edges is None else edges
    x = x @ _turn_to_z(np.asarray(up, float)).T
    azimuth, elevation = np.radians(view)
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    back = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    above = np.sin(elevation) * back + [0, 0, np.cos(elevation)]
    toward = np.cross(right, above)
    size = float(np.linalg.norm(x, axis=1).max(initial=0)) or 1.0
    depth = x @ toward  # larger is nearer
    zoom = EYE * size / (EYE * size - depth)  # [A]
    at = np.stack([x @ right, x @ above], axis=1) * zoom[:, None]  # [A, 2]
    if radius is None:
        lengths = [float(np.linalg.norm(x[i] - x[j])) for i, j in edges] or [size]
        radius = float(np.mean(lengths)) / 6
    order = 2 + np.argsort(np.argsort(depth, kind="stable"))

    for pairs, color, width, style in ((edges, ink(ax), 2.0, "-"), (faint, GRAY, 0.8, "-")):
        for i, j in pairs:
            nearness = (zoom[i] + zoom[j]) / 2
            ax.plot(*at[[i, j]].T, color=color, lw=width * nearness**2, ls=style, zorder=min(order[i], order[j]) - 0.5)
    for i, j in highlight:
        ax.plot(*at[[i, j]].T, color=HIGHLIGHT, lw=2.0, ls=(0, (4, 2)), zorder=len(x) + 3)
    for v, symbol in enumerate(molecule.symbols):
        r = radius * zoom[v] * (0.75 if symbol == "H" else 1.0)
        fill = (fills or {}).get(v, ELEMENT_COLORS.get(symbol, OTHER_ELEMENT))
        ax.add_patch(Circle(at[v], r, fc=fill, ec=ON_COLOR, lw=0.9, zorder=order[v]))
        if labels and v in labels:
            ax.text(*at[v], labels[v], color=ON_COLOR, ha="center", va="center", fontsize=8, zorder=order[v] + 0.1)
    low, high = at.min(axis=0, initial=0) - 1.6 * radius, at.max(axis=0, initial=0) + 1.6 * radius
    if reach is not None:
        low, high = -np.array(reach, float), np.array(reach, float)
    room = 0.12 * max(high - low) if bar else 0.0
    if bar:
        middle, bottom = (low[0] + high[0]) / 2, low[1] - room / 4
        ax.plot([middle - bar / 2, middle + bar / 2], [bottom] * 2, color=ink(ax), lw=1.6, solid_capstyle="butt")
        ax.text(middle, bottom - room / 8, f"{bar:g} Å", ha="center", va="top", fontsize=8, color=ink(ax))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1] - room, high[1]), title=title)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax.figure


def _turn_to_z(up: np.ndarray) -> np.ndarray:
    """A rotation [3, 3] that takes the direction `up` to z, and turns as little as it can."""
    u = up / np.linalg.norm(up)
    axis, cosine = np.cross(u, [0, 0, 1]), u[2]
    if cosine < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    K = np.cross(np.eye(3), axis)  # K v = axis x v
    return np.eye(3) + K + K @ K / (1 + cosine)
