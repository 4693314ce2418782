"""The figures of the chapter on graphs: colour refinement of any two molecules."""

from __future__ import annotations

from dmol_molnet import Molecule
from dmol_molnet.figures import rounds, show
from dmol_molnet.figures.story import MAX_NODES
from dmol_molnet.figures.style import Picture
from dmol_molnet.live.page import Figure
from dmol_molnet.molecules import EXAMPLES

CAFFEINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"

PAIRS = [("decalin", "bicyclopentyl"), ("ethanol", "dimethyl ether"), ("benzene", "cyclohexane")]


def examples() -> dict:
    """What the buttons fill in: names and SMILES of two molecules, or of one."""
    found = [{"names": pair, "smiles": [EXAMPLES[name] for name in pair]} for pair in PAIRS]
    return {"examples": [*found, {"names": ["caffeine"], "smiles": [CAFFEINE]}], "limit": MAX_NODES}


def still() -> Picture:
    """All rounds of the first pair."""
    pair = PAIRS[0]
    drawing = rounds(*(Molecule.example(name, hydrogens=False) for name in pair), pair)
    return show(
        drawing,
        "Rounds 0 to 2 of colour refinement of decalin and bicyclopentyl, with a bar chart each. In every round both "
        "have each colour equally often: first ten atoms of colour 0; then two of colour 1, those with three "
        "neighbours; then four of colour 2, next to these.",
    )


FIGURES = {"refine": Figure(still, "refine", examples)}
