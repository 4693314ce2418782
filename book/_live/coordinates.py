"""Figures of the chapter on coordinates: a fold that no distance to a neighbour tells, and a message on two chains."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import combinations

import numpy as np

from dmol_molnet import Molecule
from dmol_molnet.counterexamples import k_chains
from dmol_molnet.figures import cloud, color, new, show
from dmol_molnet.figures.draw import HIGHLIGHT
from dmol_molnet.figures.style import Picture, style
from dmol_molnet.geometric_wl import gwl
from dmol_molnet.live.page import Figure
from dmol_molnet.nn import pretrained
from dmol_molnet.nn.graph import MolecularGraph

# ------------------------------------------------------------------------------------------------ prism

ANGLES = 120.0, 60.0
"""Degrees at atom 1 between atoms 0 and 2: of the hexagon, and of the antiprism."""

EDGES = [[i, j] for i, j in combinations(range(6), 2) if 1 in (i % 3, j % 3) or j - i == 3]
"""Who hears whom, each pair once: all but those of an atom ±u with an atom ±w."""

UNHEARD = [[i, j] for i, j in combinations(range(6), 2) if [i, j] not in EDGES]

LINES = {"schnet": ("SchNet", "#2a7fb8", ""), "mace": ("MACE", "#d9822b", "7 4")}
"""Of a potential: its name, and the colour and dashes of its curve."""


@functools.cache
def axes() -> np.ndarray:
    """[3, 3]: along the line through ±v, across it in the plane of the hexagon, and out of this plane; tilted a little.

    x goes to the right, y up, and z to the reader.
    """
    tilt = np.radians([-16, -12])  # all six show, at every angle
    (sa, sb), (ca, cb) = np.sin(tilt), np.cos(tilt)
    down = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    aside = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    return np.round((aside @ down).T, 12)


def folded(angle: float) -> Molecule:
    """Six carbons u, v, w, -u, -v, -w, with this angle in degrees at v between u and w.

    120 makes the chapter's hexagon, 60 its antiprism.  All lengths are √2 Å and u·v = v·w = 1 Å², whatever the angle;
    u·w = 2 cos(angle) Å².  So ±u and ±w turn about the line through ±v, and distances along `EDGES` stay.
    """
    turned = np.arccos((2 * np.cos(np.radians(angle)) - 0.5) / 1.5) / 2  # half of what lies between u and w about v
    far = np.sqrt(1.5) * np.array([np.sin(turned), np.cos(turned)])
    three = np.array([[0.5**0.5, far[0], far[1]], [2**0.5, 0, 0], [0.5**0.5, -far[0], far[1]]]) @ axes()
    return Molecule([6] * 6, np.concatenate([three, -three]))


def energies(name: str, angle: float, edges=EDGES) -> float:
    """Of the folded cloud, by a shipped potential on these edges, eV."""
    potential, molecule = pretrained.load(name), folded(angle)
    graph = MolecularGraph.from_edges(molecule.numbers, molecule.positions, [*edges, *[[j, i] for i, j in edges]])
    return float(potential(graph)[0]) + potential.normalisation.reference(molecule)


def prism_still() -> Picture:
    figure, both = new(3.7, 4.9, nrows=2, ncols=2, height_ratios=[1, 1.25])
    grid = both[1, 0].get_gridspec()
    for ax in both[1]:
        ax.remove()
    for ax, angle, title in zip(both[0], ANGLES, ("hexagon", "antiprism"), strict=True):
        molecule = folded(angle)
        near = [e for e in EDGES if np.linalg.norm(np.diff(molecule.positions[e], axis=0)) < 1.5]
        far = [e for e in EDGES if e not in near]
        labels = {k: str(k) for k in range(6)}
        cloud(molecule, ax, edges=near, faint=far, labels=labels, up=(0, 1, 0), view=(0, 0), radius=0.27, title=title)
    with style():
        ax = figure.add_subplot(grid[1, :])
    angles = np.linspace(*ANGLES, 13)
    for name, (title, line, _) in LINES.items():
        curve = np.array([energies(name, angle) for angle in angles])
        ax.plot(angles, curve - curve[0], color=line, ls="--" if name == "mace" else "-")
        ax.annotate(title, (angles[-1], curve[-1] - curve[0]), (0, 4), textcoords="offset points", ha="right")
    ax.set(xlabel="angle 0–1–2 (degrees)", ylabel="change of energy (eV)", xlim=ANGLES, xticks=range(60, 121, 15))
    ax.margins(y=0.15)
    return show(
        figure,
        "A flat hexagon of six atoms folds about the line through atoms 1 and 4 until it is an antiprism. Below: while "
        "the angle at atom 1 goes from 120 to 60 degrees, SchNet's energy does not change, and MACE's rises by "
        f"{curve[-1] - curve[0]:.1f} eV.",
    )


def prism() -> dict:
    return {
        "axes": axes().tolist(),
        "angles": ANGLES,
        "ticks": [120, 105, 90, 75, 60],
        "edges": EDGES,
        "unheard": UNHEARD,
        "models": [
            {"model": model, "name": name, "color": line, "dash": dash} for model, (name, line, dash) in LINES.items()
        ],
    }


# ------------------------------------------------------------------------------------------------ walk

K, ROUND = 4, 3
"""The chains that stand there at the beginning, and how many rounds tell them apart."""

FILLS = {"none": color(8), "one": color(5), "both": color(1)}
"""Of an atom that has heard of no end, of one, of both."""


def walk_still() -> Picture:
    chains = k_chains(K)
    told = gwl(chains.a, chains.b, chains.edges)
    assert told.round == ROUND
    figure, axes = new(4.6, 4.6, nrows=ROUND + 1, ncols=2)
    for t, row in enumerate(axes):
        heard = [(i <= t) + (K + 1 - i <= t) for i in range(K + 2)]
        both = [i for i, n in enumerate(heard) if n == 2]
        for molecule, ax in zip((chains.a, chains.b), row, strict=True):
            flat = replace(molecule, positions=molecule.positions[:, [1, 0, 2]])
            fills = {i: list(FILLS.values())[n] for i, n in enumerate(heard)}
            labels = {i: str(i) for i in range(K + 2)}
            ends_of = [(both[0], 0), (both[0], K + 1)] if both else []
            size = {"view": (0, 90), "bar": 0, "radius": 1.3, "reach": (12.4, 6.2)}
            cloud(flat, ax, edges=chains.edges, fills=fills, labels=labels, faint=ends_of, **size)
            for line in ax.lines[len(chains.edges) :]:
                line.set(color=HIGHLIGHT, lw=1.6, ls="--")
            for i, circle in enumerate(sorted(ax.patches, key=lambda it: it.center[0])):
                marks = "←" * (i <= t) + "→" * (K + 1 - i <= t)
                ax.annotate(marks, circle.center, (0, 7), textcoords="offset points", ha="center", fontsize=8)
        more = ": told apart" if both else "" if t else ": ends on opposite sides"
        row[0].set_title(f"round {t}{more}", fontsize=9)
    axes[0, 1].set_title("ends on the same side", fontsize=9)
    return show(
        figure,
        f"Two chains of {K + 2} atoms in rounds 0 to {ROUND}; word of the ends comes one atom nearer in each. In round "
        f"{ROUND} atoms {both[0]} and {both[1]} have heard of both, and know where they are: on opposite sides in one "
        "chain, on the same side in the other.",
    )


def walk() -> dict:
    return {"k": K, "fill": FILLS}


FIGURES = {
    "prism": Figure(prism_still, None, prism, ("schnet", "mace")),
    "walk": Figure(walk_still, None, walk),
}
