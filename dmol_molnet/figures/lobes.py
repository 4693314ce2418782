"""Functions of a direction as lobes: how far from the middle is how large, and the colour is the sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from dmol_molnet import so3
from dmol_molnet.figures.style import GRAY, THEMES, ink, new
from dmol_molnet.molecules import InputError

POSITIVE, NEGATIVE = "#e39b54", "#5f9fd4"

LIGHT = np.array([-0.5, 0.7, 0.8]) / np.linalg.norm([-0.5, 0.7, 0.8])
"""Where the light comes from: x to the right, y up, z to the eye."""

AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}


def lobes(
    coefficients: Sequence[float],
    ax: Axes | None = None,
    *,
    view: tuple[float, float] = (25.0, 20.0),
    reach: float | None = None,
    axes: bool = True,
    fineness: int = 48,
    title: str = "",
) -> Figure:
    """Draw a sum of the harmonics of one degree as a surface at the distance |f(n)| in every direction n.

    Args:
        coefficients: [2l+1], m = -l … l, of f = sum_m c_m Y_lm.
        ax: where; None makes a new figure.
        view: degrees: turned about z (0 looks along y, with x to the right), then raised above the xy plane.
        reach: half the width of the drawing; None fits the lobes.
        axes: whether x, y and z are shown, as thin lines.
        fineness: strips of the surface from pole to pole.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: there are not 2l+1 coefficients.
    """
    c = np.asarray(coefficients, float)
    if c.ndim != 1 or len(c) % 2 == 0:
        raise InputError(f"harmonics of degree l have 2l+1 coefficients, not {list(c.shape)}")
    if ax is None:
        _, ax = new(2.0, 2.0)
    l = len(c) // 2
    polar, azimuth = np.meshgrid(
        np.linspace(0, np.pi, fineness + 1), np.linspace(0, 2 * np.pi, 2 * fineness + 1), indexing="ij"
    )
    n = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], -1)
    f = so3.spherical_harmonics(l, n)[..., l * l :] @ c  # [polar, azimuth]
    eye = _eye(view)
    x = (np.abs(f)[..., None] * n) @ eye.T  # right, up, to the eye
    corners = np.stack([x[:-1, :-1], x[1:, :-1], x[1:, 1:], x[:-1, 1:]], axis=2).reshape(-1, 4, 3)
    sign = (f[:-1, :-1] + f[1:, 1:]).ravel() >= 0
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    size = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.divide(normal, size, out=np.zeros_like(normal), where=size > 0)
    normal *= np.sign((normal * corners.mean(axis=1)).sum(axis=1, keepdims=True))  # outwards
    light = 0.62 + 0.38 * (normal @ LIGHT)
    base = np.where(sign[:, None], _rgb(POSITIVE), _rgb(NEGATIVE))
    order = np.argsort(corners[..., 2].mean(axis=1))  # what is far is drawn first
    reach = reach or 1.1 * max(float(np.abs(f).max(initial=0)), 1e-9)
    surface = PolyCollection(corners[order, :, :2], facecolors=(base * light[:, None]).clip(0, 1)[order], lw=0)
    surface.set_edgecolor("face")
    surface.set_linewidth(0.3)
    surface.set_rasterized(True)
    if axes:
        paper = dict(THEMES.values()).get(ink(ax), "#ffffff")
        halo = [withStroke(linewidth=2.5, foreground=paper)]  # before the surface, letters stay legible
        for name, direction in AXES.items():
            end = 0.92 * reach * (eye @ direction)[:2]
            length = np.hypot(*end)
            if length > 0.1 * reach:  # else it points at the eye
                u = end / length
                beside = np.abs(x[..., 0] * u[1] - x[..., 1] * u[0]) < 0.12 * reach
                covered = (x[..., :2] @ u)[beside].max(initial=0)  # the letter stands beyond what hides the line
                end, at = u * max(length, covered + 0.05 * reach), u * max(1.06 * length, covered + 0.16 * reach)
                ax.text(*at, name, ha="center", va="center", fontsize=8, color=ink(ax), path_effects=halo)
            ax.plot([-end[0], end[0]], [-end[1], end[1]], color=GRAY, lw=0.8, zorder=0.5)
    ax.add_collection(surface, autolim=False)
    room = 1.16 * reach if axes else reach  # for the letters
    ax.set(xlim=(-room, room), ylim=(-room, room), aspect="equal", title=title)
    ax.set_axis_off()
    return ax.figure


def _eye(view: tuple[float, float]) -> np.ndarray:
    """[3, 3]: rows to the right, up, and to the eye."""
    azimuth, elevation = np.radians(view)
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    back = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    up = np.sin(elevation) * back + [0, 0, np.cos(elevation)]
    return np.stack([right, up, np.cross(right, up)])


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
