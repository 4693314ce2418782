"""The figures of the chapter on the atomic cluster expansion: an angle and its energy; two environments and products."""

from __future__ import annotations

import numpy as np

from dmol_molnet import so3
from dmol_molnet.counterexamples import pair
from dmol_molnet.figures import cloud, new, show
from dmol_molnet.figures.neighbours import DISTANCE, TWO, expanded, neighbours, steps
from dmol_molnet.figures.style import COLORS, GRAY, ON_COLOR, ink
from dmol_molnet.figures.tables import NEGATIVE, NEUTRAL, POSITIVE
from dmol_molnet.live.page import Figure

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
    figure, axes = new(7.2, 4.4, ncols=2, nrows=2, width_ratios=[1, 1.25], height_ratios=[1.1, 1])
    grid = axes[0, 1].get_gridspec()
    for ax in axes[:, 1]:
        ax.remove()
    neighbours(TWO, axes[0, 0])
    steps(figure.add_subplot(grid[:, 1]), A, B, energy, WEIGHTS)
    ax = axes[1, 0]
    for name, curve, value in zip(("B₀", "B₁", "B₂", "E"), curves(), [*B, energy], strict=True):
        ax.plot(ANGLES, curve, color=ink(ax) if name == "E" else GRAY, lw=2 if name == "E" else 1.2)
        ax.plot(THETA, value, "o", ms=6, color=ink(ax))
        ax.annotate(name, (ANGLES[0], curve[0]), (-3, 0), textcoords="offset points", ha="right", va="center")
    ax.set(xlabel="angle θ (degrees)", xlim=(2, 182), xticks=[60, 120, 180])
    written = ", ".join(f"{b:.2f}" for b in B)
    return show(
        figure,
        alt=f"An atom with two neighbours at {THETA:.0f} degrees; the sums A of their harmonics, the products B: {written}, "
        f"and E: {energy:.2f}. Below, B and E against the angle: B of degree 0 is level, of degree 1 falls, of degree 2 "
        "falls and rises, E has a minimum; a dot on each at the angle above.",
    )


FIGURES = {
    "bending": Figure(bending_still, data=bending),
}
