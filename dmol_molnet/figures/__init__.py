"""Drawings of molecules, graphs and colours; each takes `ax` or returns a figure.  `show` puts one into a page."""

from dmol_molnet.figures.draw import draw, histogram, rounds, unfolding
from dmol_molnet.figures.style import COLORS, GRAY, Picture, color, glue, new, show, style

__all__ = [
    "COLORS",
    "GRAY",
    "Picture",
    "color",
    "draw",
    "glue",
    "histogram",
    "new",
    "rounds",
    "show",
    "style",
    "unfolding",
]
