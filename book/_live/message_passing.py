"""The figures of the chapter on message passing: how far the start of an atom comes, layer by layer."""

from __future__ import annotations

import functools

import keras
import networkx as nx
import numpy as np

from dmol_molnet import Molecule
from dmol_molnet.figures import draw, new, show, tables
from dmol_molnet.figures.draw import ELEMENT_COLORS
from dmol_molnet.figures.story import MAX_ATOMS, MAX_FEATURES
from dmol_molnet.figures.style import Picture
from dmol_molnet.live.page import Figure
from dmol_molnet.molecules import EXAMPLES
from dmol_molnet.nn.message_passing import MessagePassing

SEED, FEATURES, LAYERS = 7, 3, 8
"""As where the chapter watches methanol; as many layers as the octanol's far end needs."""

OCTANOL = "OCCCCCCCC"
CAFFEINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"


def weights(elements: int) -> list[dict]:
    """U, W and b of all layers for so many elements, drawn as a chapter draws them."""
    keras.utils.set_random_seed(SEED)
    found, none = [], np.zeros(0, "int32")
    for k in range(LAYERS):
        layer = MessagePassing(FEATURES)
        layer(np.zeros((1, FEATURES if k else elements), "float32"), none, none)
        arrays = {name: getattr(layer, name).numpy() for name in ("U", "W", "b")}
        found.append({name: [_digits(row) for row in x] if x.ndim > 1 else _digits(x) for name, x in arrays.items()})
    return found


def _digits(row: np.ndarray) -> list[float]:
    """All digits that a float32 has."""
    return [float(f"{x:.9g}") for x in row]


def molecules() -> dict:
    """The molecules of the buttons, the weights of the first layer by the number of elements, and of the others."""
    drawn = [weights(elements) for elements in range(1, MAX_FEATURES + 1)]
    assert all(one[1:] == drawn[0][1:] for one in drawn)
    found = [
        {"name": "1-octanol", "smiles": OCTANOL, "hydrogens": False},
        {"name": "methanol", "smiles": EXAMPLES["methanol"], "hydrogens": True},
        {"name": "caffeine", "smiles": CAFFEINE, "hydrogens": False},
        {"name": "decalin", "smiles": EXAMPLES["decalin"], "hydrogens": False},
    ]
    shades = {"negative": tables.NEGATIVE, "neutral": tables.NEUTRAL, "positive": tables.POSITIVE}
    first, others = [one[0] for one in drawn], drawn[0][1:]
    return {"examples": found, "first": first, "others": others, "shades": shades, "limit": MAX_ATOMS, "seed": SEED}


def still() -> Picture:
    """The atoms of octanol that know of its oxygen after 0, 1, 2 and 4 layers."""
    octanol = Molecule.from_smiles(OCTANOL, hydrogens=False)
    away = nx.single_source_shortest_path_length(octanol.to_networkx(), 0)
    chain = {v: (v, 0.3 * (-1) ** v) for v in away}
    names = {v: f"{octanol.symbols[v]}{v}" for v in away}
    figure, axes = new(6.4, 4.2, nrows=4)
    for ax, depth in zip(axes, (0, 1, 2, 4), strict=True):
        fills = {v: ELEMENT_COLORS[octanol.symbols[v]] if d <= depth else "#ffffff" for v, d in away.items()}
        title = f"after {depth} layer{'s' * (depth != 1)}: {depth + 1} of {len(octanol)} atoms know of O0"
        draw(octanol, ax, labels=names, fills=fills, positions=chain, title=title)
        for circle in ax.patches:
            if circle.get_facecolor()[:3] == (1.0, 1.0, 1.0):
                circle.set(linestyle=":", edgecolor="#000000")
        for text in ax.texts:
            if away[int(text.get_text()[1:])] > depth:
                text.set_color("#000000")
    return show(
        figure,
        "1-octanol four times. Atoms that know of its oxygen are filled, the others broken circles. After 0 layers it "
        "is the oxygen alone; each layer adds the next atom of the chain.",
    )


FIGURES = {"messages": Figure(still, "messages", functools.cache(molecules))}
