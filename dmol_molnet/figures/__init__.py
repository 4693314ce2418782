"""Drawings of molecules, graphs, colours and messages; each takes `ax` or returns a figure.

`show` puts a figure into a page.  `messages`, `refinement` and `turning` tell a story in steps; `animate`, `still` and
`stepper` draw it.  `turntable` films a molecule that turns.
`table` sets what people compare.
"""

from dmol_molnet.figures.animate import Animation, animate, in_words, still
from dmol_molnet.figures.clouds import cloud
from dmol_molnet.figures.comparison import Table, table
from dmol_molnet.figures.curves import parity
from dmol_molnet.figures.draw import draw, histogram, rounds, unfolding
from dmol_molnet.figures.flow import flow
from dmol_molnet.figures.fragments import fragments
from dmol_molnet.figures.lobes import lobes
from dmol_molnet.figures.space import in_space, matrix
from dmol_molnet.figures.stepper import Stepper, stepper
from dmol_molnet.figures.story import Story, messages, refinement
from dmol_molnet.figures.style import COLORS, GRAY, Picture, color, glue, new, show, style
from dmol_molnet.figures.turning import turning
from dmol_molnet.figures.turntable import Turntable, turntable

__all__ = [
    "COLORS",
    "GRAY",
    "Animation",
    "Picture",
    "Stepper",
    "Story",
    "Table",
    "Turntable",
    "animate",
    "cloud",
    "color",
    "draw",
    "flow",
    "fragments",
    "glue",
    "histogram",
    "in_space",
    "in_words",
    "lobes",
    "matrix",
    "messages",
    "new",
    "parity",
    "refinement",
    "rounds",
    "show",
    "stepper",
    "still",
    "style",
    "table",
    "turning",
    "turntable",
    "unfolding",
]
