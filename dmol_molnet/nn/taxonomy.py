"""Where models stand in the design space, as rows: those that `design_space` builds, and others by description.

Read in the models' own code or papers; defaults change between versions.  The correlation counts neighbours that one
message multiplies, before any update: products or nonlinear functions in an update, or a second layer, come on top.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """Where a model stands in the design space.

    Attributes:
        title: the model's name in print.
        message: what a neighbour sends.
        features: the irreps that atoms, or edges, carry from layer to layer.
        harmonics: highest degree of the spherical harmonics, as text.
        correlation: how many neighbours one message multiplies, as text; 1 is a plain sum.  Its body order is one more,
            and for edges, which have two atoms, two more.
        layers: how many, typically.
        update: what is nonlinear in a layer.
        elements: where weights depend on elements.
        symmetry: O(3), rotations and mirrors, or SO(3), rotations alone.
        source: its key in the bibliography.
    """

    title: str
    message: str
    features: str
    harmonics: str
    correlation: str
    layers: str
    update: str
    elements: str
    symmetry: str
    source: str


ROWS = {
    "behler": Row(
        "Behler-Parrinello", "distances and angles, as a descriptor", "0e", "none", "2", "1", "network on descriptors",
        "everywhere", "O(3)", "behler2007generalized",
    ),
    "ani": Row(
        "ANI", "distances and angles, as a descriptor", "0e", "none", "2", "1", "network on descriptors", "everywhere",
        "O(3)", "smith2017ani",
    ),
    "soap": Row(
        "SOAP", "density of neighbours, power spectrum", "0e", "6 to 9", "2", "1", "kernel", "density of each element",
        "O(3)", "bartok2013representing",
    ),
    "ace": Row(
        "ACE", "products of the density of neighbours", "0e", "any", "any", "1", "products alone", "everywhere", "O(3)",
        "drautz2019atomic",
    ),
    "schnet": Row(
        "SchNet", "filtered by the distance", "0e", "0", "1", "3 to 6", "network on the sum", "embedding", "O(3)",
        "schutt2018schnet",
    ),
    "dimenet": Row(
        "DimeNet", "between edges: distance and angle", "0e, of edges", "6", "1, of edges", "6", "network", "embedding",
        "O(3)", "gasteiger2020directional",
    ),
    "gemnet": Row(
        "GemNet", "between edges: angles and dihedral angle", "0e, of edges", "6", "1 or 2, of edges", "4", "network",
        "embedding", "O(3)", "gasteiger2021gemnet",
    ),
    "egnn": Row(
        "EGNN", "filtered by the distance; shifts positions", "0e + a position", "1", "1", "4 to 7", "network",
        "embedding", "O(3)", "satorras2021en",
    ),
    "painn": Row(
        "PaiNN", "filtered by the distance; the direction", "0e + 1o", "1", "1", "3", "norms, inner products, gates",
        "embedding", "O(3)", "schutt2021equivariant",
    ),
    "torchmdnet": Row(
        "TorchMD-NET", "attention; the direction", "0e + 1o", "1", "1", "6 to 8", "inner products, gates", "embedding",
        "O(3)", "tholke2022equivariant",
    ),
    "tfn": Row(
        "Tensor field network", "features coupled with harmonics", "l = 0, 1, …", "1 to 2", "1", "3",
        "norms (here: gates)", "embedding", "SO(3) (here: also O(3))", "thomas2018tensor",
    ),
    "cormorant": Row(
        "Cormorant", "features coupled with harmonics", "l = 0 to 3", "3", "1", "4", "features coupled with themselves",
        "embedding", "SO(3)", "anderson2019cormorant",
    ),
    "nequip": Row(
        "NequIP", "features coupled with harmonics", "0e + 1o + …", "1 to 3", "1", "4 to 6", "gates",
        "embedding, memory", "O(3)", "batzner2022e3",
    ),
    "botnet": Row(
        "BOTNet", "features coupled with harmonics", "0e + 1o + …", "3", "1", "5", "nothing",
        "embedding, memory", "O(3)", "batatia2025design",
    ),
    "mace": Row(
        "MACE", "products of the density of neighbours' features", "0e + 1o (+ 2e)", "3", "3", "2", "products alone",
        "embedding, message, memory", "O(3)", "batatia2022mace",
    ),
    "allegro": Row(
        "Allegro", "of an edge: coupled with its centre's density", "0e + 1o + …, of edges", "1 to 3",
        "1, of edges", "2", "network on scalars", "embedding of the pair", "O(3)", "musaelian2023learning",
    ),
    "escn": Row(
        "eSCN", "convolution about the edge", "l = 0 to 6", "6", "1", "8", "pointwise on a sphere",
        "embedding, message", "SO(3)", "passaro2023reducing",
    ),
    "equiformerv2": Row(
        "EquiformerV2", "attention; convolution about the edge", "l = 0 to 6", "6", "1", "12", "pointwise on a sphere",
        "embedding, message", "SO(3)", "liao2024equiformerv2",
    ),
}  # fmt: skip
"""By name; the order is that of the book's table, from descriptors to tensors."""
