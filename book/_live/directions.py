"""Figures of the chapter on directions: a rotation in the hand, two directions, and the products of two vectors."""

from __future__ import annotations

import functools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from dmol_molnet import Molecule, so3, symmetry
from dmol_molnet.figures import in_space, lobes, matrix, show
from dmol_molnet.figures import tables as fills
from dmol_molnet.figures.style import GRAY, ON_COLOR, Picture, ink, style
from dmol_molnet.live.page import Figure

AXIS, ANGLE = (1.0, 2.0, 2.0), 60.0
"""The rotation in the beginning: that of the chapter's film, in its first picture."""

EDGE = {True: "#d9822b", False: "#2a7fb8"}
"""Rims of what is positive, and of what is not."""

COLORS = {
    name: "#" + "".join(f"{c:02x}" for c in rgb)
    for name, rgb in [("positive", fills.POSITIVE), ("negative", fills.NEGATIVE), ("neutral", fills.NEUTRAL)]
}


def about(axis: tuple[float, ...], degrees: float) -> np.ndarray:
    """[3, 3]: the rotation about an axis (Rodrigues)."""
    u, angle = np.asarray(axis) / np.linalg.norm(axis), np.radians(degrees)
    K = np.cross(np.eye(3), u)  # K v = u x v
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def listed(values: np.ndarray) -> str:
    return " ".join(f"{x:.2f}".replace("-", "−") for x in np.ravel(values))


# ------------------------------------------------------------------------------------------------ turning


@functools.cache
def methanol() -> Molecule:
    """The chapter's, about the middle of its atoms."""
    found = Molecule.example("methanol").embed(0)
    return symmetry.moved(found, np.eye(3), -found.positions.mean(axis=0))


def moments(l: int, x: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Charges Z [N] times the harmonics of one degree at x [N, 3], added up [2l+1]."""
    return Z @ so3.spherical_harmonics(l, x)[:, l * l :]


def turning() -> dict:
    """A molecule and a direction, to turn."""
    molecule = methanol()
    return {
        "clouds": {
            "methanol": {
                "symbols": list(molecule.symbols),
                "numbers": molecule.numbers.tolist(),
                "positions": molecule.positions.round(6).tolist(),
                "bonds": molecule.bonds.tolist(),
            },
            "direction": {"numbers": [1], "positions": [[0, 0, 1]]},
        },
        "axis": AXIS,
        "angle": ANGLE,
        "colors": COLORS,
    }


def turned() -> Picture:
    """Methanol turned, its five numbers as lobes, and the matrices of three degrees between numbers and numbers."""
    molecule, R = methanol(), about(AXIS, ANGLE)
    with style():
        figure = Drawing(figsize=(8.4, 6.2), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
        left, right = above.subplots(1, 2)
        panels = below.subplots(1, 3, width_ratios=[2 * l + 4.4 for l in (1, 2, 3)])
        in_space(symmetry.moved(molecule, R), left, reach=2.6, title="methanol, turned")
        now = so3.wigner_d(2, R) @ moments(2, molecule.positions, molecule.numbers)
        lobes(now, right, view=(0, 90), fineness=30, title="its five numbers of l = 2, as lobes")
        for l, ax in enumerate(panels, 1):
            panel(ax, l, R, moments(l, molecule.positions, molecule.numbers))
    return show(
        figure,
        "Above: methanol, turned by 60 degrees about an oblique axis, and its quadrupole as lobes. Below, for degrees 1, 2 "
        "and 3: numbers before the rotation, a matrix, and the numbers now, the matrix times those before. All three, "
        f"five, seven have changed; their lengths have not. The five were {listed(so3.wigner_d(2, R).T @ now)}, and are "
        f"now {listed(now)}.",
    )


def panel(ax: Axes, l: int, R: np.ndarray, before: np.ndarray) -> None:
    """The matrix of a degree: above its columns the numbers before [2l+1], beside its rows the numbers now."""
    D, n = so3.wigner_d(l, R), 2 * l + 1
    size = np.linalg.norm(before)
    matrix(D, ax)
    for (row, column), value in np.ndenumerate(D):
        if abs(value) > 0.05:
            ax.text(column + 0.5, row + 0.5, "+" if value > 0 else "−", color=ON_COLOR, fontsize=7, **MIDDLE)
    right = n + 1.35
    ax.plot([0, n], [-1.4, -1.4], color=GRAY, lw=0.8)
    ax.plot([right, right], [0, n], color=GRAY, lw=0.8)
    for k, (was, now) in enumerate(zip(before / size * 1.1, D @ before / size * 1.1, strict=True)):
        ax.add_patch(Rectangle((k + 0.2, -1.4), 0.6, -was, fill=False, ec=EDGE[was > 0], lw=1.2))
        ax.add_patch(Rectangle((right, k + 0.2), now, 0.6, color=EDGE[now > 0], lw=0))
        name = "yzx"[k] if l == 1 else f"{k - l}".replace("-", "−")
        ax.text(-0.4, k + 0.5, name, fontsize=9, color=ink(ax), **MIDDLE)
    ax.text(right, -1.4, "before", fontsize=9, color=ink(ax), **MIDDLE)
    ax.text(right, -0.3, "now", fontsize=9, color=ink(ax), **MIDDLE)
    ax.set(xlim=(-0.8, n + 2.6), ylim=(n + 0.2, -2.7))
    ax.set_title(f"l = {l}: D{'¹²³'[l - 1]}" + (" = R" if l == 1 else ""))


MIDDLE = {"ha": "center", "va": "center"}


FIGURES = {
    "turning": Figure(turned, data=turning),
}
