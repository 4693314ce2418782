"""Drawings of molecules, graphs, colours and messages; each takes `ax` or returns a figure.

`show` puts a figure into a page.  `messages`, `refinement` and `turning` tell a story in steps; `animate`, `still` and
`stepper` draw it.  `turntable` films a molecule that turns.
`neighbours` is the running picture of three chapters, `expansion` its numbers.
`table` sets what people compare.
"""

from dmol_molnet.figures.animate import Animation, animate, in_words, still
from dmol_molnet.figures.around import around
from dmol_molnet.figures.brackets import brackets, seen
from dmol_molnet.figures.clouds import cloud
from dmol_molnet.figures.comparison import Table, table
from dmol_molnet.figures.curves import parity
from dmol_molnet.figures.draw import draw, histogram, rounds, unfolding
from dmol_molnet.figures.flow import flow
from dmol_molnet.figures.fragments import fragments
from dmol_molnet.figures.lobes import lobes
from dmol_molnet.figures.maps import vector_map
from dmol_molnet.figures.neighbours import expansion, neighbours
from dmol_molnet.figures.space import in_space, matrix
from dmol_molnet.figures.stepper import Stepper, stepper
from dmol_molnet.figures.story import Story, messages, refinement
from dmol_molnet.figures.style import COLORS, GRAY, Picture, Row, color, glue, new, row, show, style
from dmol_molnet.figures.trees import coupling_tree
from dmol_molnet.figures.turning import turning
from dmol_molnet.figures.turntable import Turntable, turntable
from dmol_molnet.figures.vibration import Vibration, vibration

__all__ = [
    "COLORS",
    "GRAY",
    "Animation",
    "Picture",
    "Row",
    "Stepper",
    "Story",
    "Table",
    "Turntable",
    "Vibration",
    "animate",
    "around",
    "brackets",
    "cloud",
    "color",
    "coupling_tree",
    "draw",
    "expansion",
    "flow",
    "fragments",
    "glue",
    "histogram",
    "in_space",
    "in_words",
    "lobes",
    "matrix",
    "messages",
    "neighbours",
    "new",
    "parity",
    "refinement",
    "rounds",
    "row",
    "seen",
    "show",
    "stepper",
    "still",
    "style",
    "table",
    "turning",
    "turntable",
    "unfolding",
    "vector_map",
    "vibration",
]
