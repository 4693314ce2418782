"""The figures of the chapter on the atomic cluster expansion: an angle and its energy, and what products tell apart."""

from __future__ import annotations

import numpy as np

from dmol_molnet import so3
from dmol_molnet.counterexamples import pair
from dmol_molnet.figures import cloud, new, show
from dmol_molnet.figures.neighbours import DISTANCE, TWO, expanded, neighbours, steps
from dmol_molnet.figures.style import COLORS, GRAY, ON_COLOR, ink
from dmol_molnet.figures.tables import NEGATIVE, NEUTRAL, POSITIVE
from dmol_molnet.live.page import Figure
from dmol_molnet.molecules import Molecule

# ------------------------------------------------------------------------------------------------ an angle

WEIGHTS = [-1, 0.5, 0.2]
"""Of B_0, B_1 and B_2, as the chapter has them."""

THETA = float(np.degrees(np.arccos(-0.6)))
ANGLES = np.arange(20, 181, 2)
"""Degrees; from an angle at which the two circles do not touch."""


def curves() -> np.ndarray:
    """[4, angles]: B_0, B_1, B_2 by Legendre polynomials, and E; nothing here knows of harmonics."""
    cosine = np.cos(np.radians(ANGLES))
    legendre = [np.polynomial.Legendre.basis(l)(cosine) for l in range(3)]
    B = [(2 * l + 1) ** 0.5 * (2 + 2 * P) for l, P in enumerate(legendre)]
    return np.array([*B, np.dot(WEIGHTS, B)])


def bending() -> dict:
    """What `bending.js` reads; `C` of each degree lists (m, m', C) with which it couples with itself to 0."""
    C = [so3.clebsch_gordan(l, l, 0)[:, :, 0] for l in range(3)]
    return {
        "weights": WEIGHTS,
        "theta": THETA,
        "C": [[[int(m), int(n), float(c[m, n])] for m, n in np.argwhere(c)] for c in C],
        "angles": ANGLES.tolist(),
        "curves": np.round(curves(), 4).tolist(),
        "distance": DISTANCE,
        "shades": [NEGATIVE, NEUTRAL, POSITIVE],
    }


def bending_still():
    """The atom, its numbers, and how they depend on the angle."""
    A, B, energy = expanded(np.array(TWO), WEIGHTS)
    figure, axes = new(7.2, 4.4, ncols=2, nrows=2, width_ratios=[1, 1.25], height_ratios=[1, 1.15])
    grid = axes[0, 1].get_gridspec()
    for ax in axes[:, 1]:
        ax.remove()
    neighbours(TWO, axes[0, 0])
    steps(figure.add_subplot(grid[:, 1]), A, B, energy, WEIGHTS)
    axes[1, 0].remove()
    above, below = (figure.add_subplot(part) for part in grid[1, 0].subgridspec(2, 1))  # E has a scale of its own
    for name, curve, value in zip(("B₀", "B₁", "B₂", "E"), curves(), [*B, energy], strict=True):
        ax, how = (below, (ink(below), 2)) if name == "E" else (above, (GRAY, 1.2))
        ax.plot(ANGLES, curve, color=how[0], lw=how[1])
        ax.plot(THETA, value, "o", ms=5, color=ink(ax))
        ax.annotate(name, (ANGLES[0], curve[0]), (-3, 0), textcoords="offset points", ha="right", va="center")
    for ax, ticks in ((above, [0, 4, 8]), (below, [-2, 0])):
        ax.axhline(0, color=GRAY, lw=0.8)
        ax.set(xlim=(2, 182), xticks=[60, 120, 180], yticks=ticks)
        ax.spines[["left", "top", "right"]].set_visible(False)
        ax.yaxis.tick_right()
        ax.tick_params(axis="y", length=0)
    above.tick_params(axis="x", length=0, labelbottom=False)
    above.spines["bottom"].set_visible(False)
    below.set(xlabel="angle θ (degrees)")
    written = ", ".join(f"{b:.2f}" for b in B)
    return show(
        figure,
        alt=f"An atom with two neighbours at {THETA:.0f} degrees; the sums A of their harmonics, the products B: "
        f"{written}, and E: {energy:.2f}. Below, B and E against the angle, each on a scale of its own: "
        "B of degree 0 is level, of degree 1 falls, of degree 2 falls and rises, E has a minimum; a dot on each at the "
        "angle above.",
    )


# ------------------------------------------------------------------------------------------------ two environments

EQUAL_IN = {
    "2-body": "distances",
    "3-body": "distances and angles",
    "4-body": "all groups of three neighbours",
    "4-body, chiral": "all but a mirror",
}
"""Pairs of environments, and in what the two of each are equal."""

VIEWS = {"2-body": (False, 0, 10), "3-body": (True, 5, 5), "4-body": (True, 270, 25), "4-body, chiral": (True, 270, 25)}
"""Whether y points up, and not z; then degrees about the vertical, and above the horizon."""

START = {"pair": "3-body", "nu": 3, "lMax": 2}
SCALAR = so3.Irrep.of("0e")
CORRELATION = 4


def environments(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Directions [N, 3] to the neighbours of both of a pair, seen along z: all on a shell of radius 1."""
    y_up, azimuth, elevation = VIEWS[name]
    c, s, low, high = *_circle(azimuth), *_circle(elevation)
    right, above = np.array([c, s, 0]), np.array([-high * s, high * c, low])
    view = np.array([right, above, np.cross(right, above)])
    if y_up:
        view = view @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    found = []
    for molecule in (pair(name).a, pair(name).b):
        x = molecule.positions[1:] - molecule.positions[0]
        found.append(x / np.linalg.norm(x, axis=1, keepdims=True) @ view.T)
    return found[0], found[1]


def _circle(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def invariants(directions: np.ndarray, l_max: int) -> list[np.ndarray]:
    """For nu = 1 ... 4, the products of nu factors A to 0e: [couplings]."""
    B = so3.symmetric_product(l_max, CORRELATION, "0e")(so3.spherical_harmonics(l_max, directions).sum(axis=0))
    return [B[nu, SCALAR][:, 0] for nu in range(1, CORRELATION + 1)]


def tree(l_max: int) -> dict:
    """The couplings as `ProductBasis` of the engine reads them; `degrees` of the factors of each number, nu by nu."""
    chosen = so3.symmetric_product(l_max, CORRELATION, "0e")
    arrays, levels = [], []
    for a, P, b, Q, S in chosen.steps:
        row, column = np.nonzero(S)
        first = len(arrays)
        arrays += [x.tolist() for x in (P, Q, row, column, S[row, column])]
        names = ("P", "Q", "row", "column", "S")
        levels.append({"a": a, "b": b, "rows": len(S), **{x: first + n for n, x in enumerate(names)}})
    degrees = []
    for nu in range(1, CORRELATION + 1):
        U = np.moveaxis(chosen.tensor(nu, "0e")[0], -1, 0)  # [couplings, n, ..., n]
        degrees.append([sorted(int(k**0.5) for k in np.argwhere(u)[0].tolist()) for u in U])
    return {
        "basis": [str(x) for x in so3.harmonic_irreps(l_max)],
        "levels": levels,
        "arrays": arrays,
        "counts": [len(them) for them in degrees],
        "degrees": degrees,
    }


def shell() -> dict:
    """What `shell.js` reads."""
    pairs = {}
    for name, equal in EQUAL_IN.items():
        a, b = (np.round(x, 12).tolist() for x in environments(name))
        pairs[name] = {"equal": equal, "relation": pair(name).relation, "a": a, "b": b}
    return {"pairs": pairs, "start": START, "trees": {l_max: tree(l_max) for l_max in (1, 2, 3)}}


def shell_still():
    """Both environments, and their invariants as bars."""
    both = environments(START["pair"])
    figure, axes = new(7.2, 4.6, nrows=2, ncols=6, height_ratios=[1.3, 1])
    grid = axes[0, 0].get_gridspec()
    for ax in axes.ravel():
        ax.remove()
    for k, (name, x) in enumerate(zip("ab", both, strict=True)):
        molecule = Molecule([6] + [1] * len(x), np.array([[0, 0, 0], *x]), [(0, j) for j in range(1, len(x) + 1)])
        labels = {0: "i"} | {j: str(j) for j in range(1, len(x) + 1)}
        fills = {0: COLORS[1]} | dict.fromkeys(range(1, len(x) + 1), COLORS[0])
        ax = figure.add_subplot(grid[0, 3 * k : 3 * k + 3])
        cloud(molecule, ax, view=(0, 90), labels=labels, fills=fills, reach=(1.2, 1.2), bar=0, title=name)
    B = [invariants(x, START["lMax"])[: START["nu"]] for x in both]
    said = []
    for k, (a, b) in enumerate(zip(*B, strict=True)):
        ax = figure.add_subplot(grid[1, [0, 1, 3][k] : [1, 3, 6][k]])
        at, differ = np.arange(len(a)), np.abs(a - b) > 1e-8 * max(np.abs(a).max(), np.abs(b).max())
        said.append(f"{differ.sum()} of {len(a)} differ" if differ.any() else "equal")
        largest = np.maximum(np.abs(a), np.abs(b))  # each number on its own scale
        a, b = a / largest, b / largest
        ax.bar(at - 0.2, a, 0.36, fc=COLORS[0], ec=ON_COLOR, lw=0.8)
        ax.bar(at + 0.2, b, 0.36, fc="none", ec=ink(ax), lw=1.4)
        for c in at[differ]:
            ax.annotate("≠", (c, max(a[c], b[c], 0)), (0, 3), textcoords="offset points", ha="center", fontsize=12)
        ax.axhline(0, color=GRAY, lw=0.8)
        ax.set(xticks=[], yticks=[], title=f"ν = {k + 1}\n{said[-1]}", xlim=(-0.6, len(a) - 0.4), ylim=(-1.1, 1.3))
        ax.spines[:].set_visible(False)
    told = "; ".join(f"of {nu} factors: {words}" for nu, words in enumerate(said, 1))
    return show(
        figure,
        alt="Two environments, a and b, of four neighbours each on one shell. Below, the invariants of both as bars, "
        f"full for a and hollow for b; {told}.",
    )


FIGURES = {
    "bending": Figure(bending_still, data=bending),
    "shell": Figure(shell_still, data=shell),
}
