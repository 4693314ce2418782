"""Figures of the chapter on directions: a rotation in the hand, two directions, and the products of two vectors."""

from __future__ import annotations

import functools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Circle, Rectangle

from dmol_molnet import Molecule, so3, symmetry
from dmol_molnet.figures import in_space, lobes, matrix, show
from dmol_molnet.figures import tables as fills
from dmol_molnet.figures.draw import HIGHLIGHT
from dmol_molnet.figures.style import GRAY, ON_COLOR, Picture, ink, style
from dmol_molnet.live.page import Figure

AXIS, ANGLE = (1.0, 2.0, 2.0), 60.0
"""The rotation in the beginning."""

VIEW = (-28.0, 20.0)
"""How directions are seen: turned by degrees about y, then about the x of the paper, so that z is seen."""

DASHED = (0, (4, 4))

MIDDLE = {"ha": "center", "va": "center"}

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


def seen() -> np.ndarray:
    """[3, 3]: to the right, up, and to the eye."""
    return about((1, 0, 0), VIEW[1]) @ about((0, 1, 0), VIEW[0])


def axes(ax: Axes, reach: float) -> None:
    """x, y and z as thin lines, dashed where negative; z, which is foreshortened, goes farther."""
    for letter, end in zip("xyz", (reach * np.array([1, 1, 1.75]) * seen())[:2].T, strict=True):
        ax.plot([0, end[0]], [0, end[1]], color=GRAY, lw=0.8, zorder=0.5)
        ax.plot([0, -0.9 * end[0]], [0, -0.9 * end[1]], color=GRAY, lw=0.8, ls=DASHED, zorder=0.5)
        ax.text(*(end * (1 + 0.09 * reach / np.linalg.norm(end))), letter, fontsize=9, color=ink(ax), **MIDDLE)


def vector(ax: Axes, v: np.ndarray, name: str, color: str, beyond: float, foot: bool = True) -> None:
    """An arrow to v [3]; below its tip a dashed line down to the floor, and from the origin one to its foot."""
    tip = (seen() @ v)[:2]
    how = {"arrowstyle": "-|>", "lw": 2.2, "color": color, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", tip, (0, 0), arrowprops=how)
    ax.text(*(tip * (1 + beyond / np.linalg.norm(tip))), name, fontsize=11, **MIDDLE)
    if foot:
        x, y = (seen() @ (v * [1, 0, 1]))[:2]
        ax.plot([0, x], [0, y], color=GRAY, lw=0.8, zorder=0.5)
        ax.plot([x, tip[0]], [y, tip[1]], color=GRAY, lw=0.8, ls=DASHED, zorder=0.5)


def tilted(c: np.ndarray, ax: Axes, **how) -> None:
    """Lobes of coefficients [2l+1], seen as directions are."""
    lobes(so3.wigner_d(len(c) // 2, seen()) @ c, ax, view=(0, 90), axes=False, fineness=30, **how)


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
        "view": VIEW,
        "colors": COLORS,
    }


def turned() -> Picture:
    """Methanol turned, its five numbers as lobes, and the matrices of three degrees between numbers and numbers."""
    molecule, R = methanol(), about(AXIS, ANGLE)
    with style():
        figure = Drawing(figsize=(8.4, 5.4), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
        left, right = above.subplots(1, 2)
        panels = below.subplots(1, 3, width_ratios=[2 * l + 4.4 for l in (1, 2, 3)])
        in_space(symmetry.moved(molecule, seen() @ R), left, reach=2.6, title="methanol, turned")
        now = so3.wigner_d(2, R) @ moments(2, molecule.positions, molecule.numbers)
        size = np.abs(so3.spherical_harmonics(2, sphere())[:, 4:] @ now).max()
        tilted(now, right, reach=1.3 * size, title="lobes of its l = 2")
        axes(left, 2.2)
        axes(right, 1.1 * size)
        for l, ax in enumerate(panels, 1):
            panel(ax, l, R, moments(l, molecule.positions, molecule.numbers))
    return show(
        figure,
        "Above: methanol, turned by 60 degrees about an oblique axis, and its quadrupole as lobes. Below, for degrees "
        "1, 2 and 3: numbers before the rotation, a matrix, and the numbers now, the matrix times those before. The "
        "three, the five and the seven have changed; their lengths have not. "
        f"The five were {listed(so3.wigner_d(2, R).T @ now)}, and are now {listed(now)}.",
    )


def sphere() -> np.ndarray:
    """Directions all about [N, 3]."""
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, 37), np.linspace(0, 2 * np.pi, 73))
    n = [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)]
    return np.stack(n, axis=-1).reshape(-1, 3)


def panel(ax: Axes, l: int, R: np.ndarray, before: np.ndarray) -> None:
    """The matrix of a degree: above its columns the numbers before [2l+1], beside its rows the numbers now."""
    D, n = so3.wigner_d(l, R), 2 * l + 1
    size = np.linalg.norm(before)
    matrix(D, ax, largest=1.0)
    sign(D, ax)
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


# ------------------------------------------------------------------------------------------------ coupling

PAIR = np.array([[1.4, 0.2, 0.3], [0.7, 0.8, -0.8]])
"""The two vectors in the beginning, [2, 3]."""

LONGEST = 1.6


def tables() -> list[np.ndarray]:
    """Of the products of two vectors to l = 0, 1, 2: [3, 3, 2l+1], with vectors as (y, z, x)."""
    return [(2 * l + 1) ** 0.5 * so3.clebsch_gordan(1, 1, l) for l in range(3)]


def coupling() -> dict:
    """Two vectors, and the tables of their products."""
    a, b = PAIR.tolist()
    return {
        "a": a,
        "b": b,
        "tables": [C.tolist() for C in tables()],
        "longest": LONGEST,
        "colors": COLORS,
        "view": VIEW,
    }


def coupled() -> Picture:
    """Two vectors with their cross product, the nine products of components, and what these fall into."""
    a, b = PAIR
    nine, third, most = np.outer(yzx(a), yzx(b)), np.cross(a, b), LONGEST**2
    products = [np.einsum("ijk,ij->k", C, nine) for C in tables()]
    with style():
        figure = Drawing(figsize=(7.6, 6.0), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1])
        left, right = above.subplots(1, 2)
        panels = below.subplots(2, 3, width_ratios=[2, 3.4, 5])
        axes(left, 1.8)
        vector(left, third, "a × b", HIGHLIGHT, 0.25, foot=False)
        for name, v in [("a", a), ("b", b)]:
            vector(left, v, name, ink(left), 0.25)
        left.set(xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), aspect="equal")
        left.set_axis_off()
        matrix(nine, right, largest=most)
        right.set_title("nine: a bᵀ", loc="center")
        sign(nine / most, right)
        for k, letter in enumerate("yzx"):
            right.text(-0.3, k + 0.5, f"$a_{letter}$", **MIDDLE)
            right.text(k + 0.5, 3.35, f"$b_{letter}$", **MIDDLE)
        right.set(xlim=(-0.7, 3.7), ylim=(3.8, -0.3))
        for l, (top, ax) in enumerate(panels.T):
            tilted(products[l], top, reach=most * (2 * l + 1) ** 0.5 / 1.5)
            top.set_title(["l = 0: a · b / √3", "l = 1: a × b / √2", "l = 2: symmetric rest"][l])
            upright_bars(ax, l, products[l] / most / (2 / 3) ** 0.5)
    return show(
        figure,
        "Two vectors a and b, and a × b. The nine products of their components fall into one number, "
        f"{listed(products[0])}, three, {listed(products[1])}, and five, {listed(products[2])}, drawn as bars and as "
        f"lobes. Their squares add up to {np.sum(nine**2):.2f}, as those of the nine do.",
    )


def yzx(v: np.ndarray) -> np.ndarray:
    """A vector in the order of l = 1."""
    return v[[1, 2, 0]]


def sign(values: np.ndarray, ax: Axes) -> None:
    """Signs on the squares of a matrix: colour is not alone."""
    for (row, column), value in np.ndenumerate(values):
        if abs(value) > 0.05:
            ax.text(column + 0.5, row + 0.5, "+" if value > 0 else "−", color=ON_COLOR, fontsize=7, **MIDDLE)


def upright_bars(ax: Axes, l: int, values: np.ndarray) -> None:
    """The numbers of a degree [2l+1], at most 1, as bars, up or down."""
    ax.axhline(0, color=GRAY, lw=0.8)
    ax.bar(range(-l, l + 1), values, color=[EDGE[value > 0] for value in values], width=0.6)
    names = list("yzx") if l == 1 else [f"{m}".replace("-", "−") for m in range(-l, l + 1)]
    ax.set_xticks(range(-l, l + 1), names)
    ax.set(xlim=(-l - 0.6, l + 0.6), ylim=(-1, 1), yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="x", length=0)


# ------------------------------------------------------------------------------------------------ angle

DIRECTIONS = np.array([[1, 0, 0], [-0.6, 0.8, 0]])
"""The chapter's two neighbours, [2, 3]; in the beginning they are turned, so that no harmonic vanishes."""

DEGREE = 2


def angle() -> dict:
    """Two directions, and a degree."""
    a, b = (DIRECTIONS @ about(AXIS, ANGLE).T).tolist()
    return {"a": a, "b": b, "degree": DEGREE, "view": VIEW}


def added() -> Picture:
    """Two directions; the products of their harmonics, bar upon bar; and the curve that the sum lies on."""
    a, b = DIRECTIONS @ about(AXIS, ANGLE).T
    n, P, t = 2 * DEGREE + 1, np.polynomial.Legendre.basis(DEGREE), np.degrees(np.arccos(a @ b))
    products = np.prod(so3.spherical_harmonics(DEGREE, np.stack([a, b]))[:, DEGREE**2 :], axis=0)
    sums = products.cumsum()
    with style():
        figure = Drawing(figsize=(8.2, 3.3), layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1.15, 1.15])
        left.add_patch(Circle((0, 0), 1, fill=False, ec=GRAY, lw=0.8))
        half = np.linspace(0, np.pi, 61)
        for side, how in [(-1, "-"), (1, DASHED)]:  # the floor's circle, whose far half is dashed
            left.plot(np.cos(half), side * np.sin(np.radians(VIEW[1])) * np.sin(half), color=GRAY, lw=0.8, ls=how)
        axes(left, 1.2)
        for name, v in [("a", a), ("b", b)]:
            vector(left, v, name, ink(left), 0.17)
        left.set(xlim=(-1.45, 1.45), ylim=(-1.45, 1.45), aspect="equal", title=f"an angle of {t:.0f}°")
        left.set_axis_off()
        m = np.arange(-DEGREE, DEGREE + 1)
        middle.bar(m, products, bottom=sums - products, width=0.6, color=[EDGE[value > 0] for value in products])
        for k, value in enumerate(products):
            middle.plot([m[k] - 0.3, m[k] + 0.7], [sums[k], sums[k]], color=ink(middle), lw=0.9)
            if abs(value) > 0.6:
                at = m[k], sums[k] - value / 2
                middle.text(*at, "+" if value > 0 else "−", color=ON_COLOR, fontsize=9, **MIDDLE)
        middle.set_xticks(m, [f"{k}".replace("-", "−") for k in m])
        middle.set(ylim=(-n, n), xlabel="m", title="products, added up", yticks=[-n, 0, n])
        angles = np.linspace(0, 180, 91)
        right.plot(angles, n * P(np.cos(np.radians(angles))), color=ink(right))
        right.plot([0, t], [sums[-1]] * 2, ls=(0, (3, 2)), color=HIGHLIGHT)
        right.plot(t, n * P(np.cos(np.radians(t))), "o", color=HIGHLIGHT)
        right.set(ylim=(-n, n), xlim=(0, 180), xticks=[0, 90, 180], yticks=[], xlabel="angle θ (degrees)")
        right.set_title(f"{n} P{'₀₁₂₃'[DEGREE]}(cos θ)")
        for ax in (middle, right):
            ax.axhline(0, color=GRAY, lw=0.8)
    return show(
        figure,
        f"Two directions with an angle of {t:.0f} degrees. The products of their harmonics of degree 2, "
        f"{listed(products)}, drawn one after the other, add up to {sums[-1]:.2f}; on the curve of 5 times Legendre's "
        "polynomial of the cosine, the dot of this angle lies at the same height.",
    )


FIGURES = {
    "turning": Figure(turned, data=turning),
    "angle": Figure(added, data=angle),
    "coupling": Figure(coupled, data=coupling),
}
