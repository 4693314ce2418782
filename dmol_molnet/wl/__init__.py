"""Weisfeiler-Leman: colour refinement with its whole history, k-WL, certificates, and twins.

In the order of reading: `arrays` (a graph as arrays), `fast` and `colors` (1-WL), `tuples` (k-WL), `comparison`,
`twins`, `census`.
"""

from dmol_molnet.wl.arrays import Graph, Label
from dmol_molnet.wl.census import census
from dmol_molnet.wl.colors import History, Refinement, certificate, refine, refine_plain
from dmol_molnet.wl.comparison import Comparison, compare
from dmol_molnet.wl.twins import swaps, twin

__all__ = [
    "Comparison",
    "Graph",
    "History",
    "Label",
    "Refinement",
    "census",
    "certificate",
    "compare",
    "refine",
    "refine_plain",
    "swaps",
    "twin",
]
