"""The figures of the chapter on the design space: six points while a molecule turns, and which pairs come apart."""

from __future__ import annotations

import functools
import json
import re
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from dmol_molnet import Molecule, symmetry
from dmol_molnet.counterexamples import Pair, k_chains, pair
from dmol_molnet.figures.clouds import cloud
from dmol_molnet.figures.space import in_space
from dmol_molnet.figures.style import GRAY, Picture, ink, new, show
from dmol_molnet.live.page import Figure
from dmol_molnet.nn.design_space import NAMES, build, defaults
from dmol_molnet.nn.graph import MolecularGraph, lengths, pair_vectors
from dmol_molnet.nn.potential import Normalisation, Potential
from dmol_molnet.nn.separation import DIFFERENT

# ------------------------------------------------------------------------------------------------ points

SETTINGS = {"channels": 2, "radial": 4, "neighbors": 5.0, "seed": 0}
"""Few channels and few, smooth radial functions: what a page loads is nearly all made of these."""
CUTOFF = 5.0
SHOWN = {"0e": 2, "1o": 1, "2e": 1}
"""How many channels of each irrep have bars."""
TURNS = [([0.0, 1.0, 0.0], -0.7), ([1.0, 0.0, 0.0], 0.5)]
"""How the molecule is turned where the figure begins: axes of the screen, and radians, one after the other."""
POSITIVE, NEGATIVE = "#d9822b", "#2a7fb8"
ATOM = 0
"""The one whose features are shown first."""


@functools.cache
def point(name: str) -> Potential:
    """One of the named points, untrained: its answer, as it is, in eV."""
    model, elements = build(name, cutoff=CUTOFF, **SETTINGS), ("H", "C", "O")
    zeros, ones = (dict.fromkeys(elements, value) for value in (0.0, 1.0))
    return Potential(model, Normalisation(zeros, ones, SETTINGS["neighbors"]))


def layer_shown(name: str) -> int:
    """The last one whose features all layers after it, or the readout, use."""
    return max(defaults(name)["layers"] - 1, 1)


@functools.cache
def methanol() -> Molecule:
    """That of the chapter."""
    molecule = symmetry.moved(Molecule.example("methanol").embed(0), symmetry.random_rotation(68))
    middle = molecule.positions.mean(axis=0)
    return Molecule(molecule.numbers, np.round(molecule.positions - middle, 6))


def first_turn() -> np.ndarray:
    """The rotation [3, 3] of TURNS."""
    R = np.eye(3)
    for axis, angle in TURNS:
        k = np.cross(axis, np.eye(3)).T  # k @ v = axis x v
        R = (np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k) @ R
    return R


def carried(molecules: list[Molecule]) -> tuple[list[dict], dict]:
    """Of each molecule and point, the features of ATOM by irrep, [K, 2l+1]; of each point, the first's energy in eV."""
    features, energies = [{} for _ in molecules], {}
    graph = MolecularGraph.from_molecules(molecules, CUTOFF)
    firsts = [int(np.argmax(np.asarray(graph.molecule) == n)) for n in range(len(molecules))]
    for name in NAMES:
        model = point(name).model
        if name == "schnet":  # it records the last layer alone
            h, r = model.embedding(graph.numbers), lengths(pair_vectors(graph))
            for interaction in model.interactions[: layer_shown(name)]:
                h = interaction(h, r, graph)
            layer = {"0e": h}
        else:
            layer = model.trace(graph)[layer_shown(name)]
        for found, first in zip(features, firsts, strict=True):
            shown = {x: h[first + ATOM] for x, h in layer.items() if x in SHOWN}
            found[name] = {x: np.reshape(h, (SETTINGS["channels"], -1)) for x, h in shown.items()}
        energies[name] = float(model(graph)[0])
    return features, energies


def bars(ax, before: dict, now: dict, energies: dict) -> None:
    """A row for each point, a group of bars for each irrep: outlined before the turn, filled after it."""
    left = {"0e": 1.0, "1o": 4.5, "2e": 9.0}
    for irrep, x in left.items():
        ax.text(x - 0.5, 0.75, irrep, fontsize=10, weight="bold", color=ink(ax))
    ax.text(15.2, 0.75, "energy (eV)", fontsize=9, color=ink(ax))
    for y, name in enumerate(NAMES):
        ax.text(-0.2, -y, name, ha="right", va="center", fontsize=10, color=ink(ax))
        energy = f"{energies[name]:.3f}".replace("-", "\N{MINUS SIGN}")
        ax.text(15.2, -y, energy, va="center", fontsize=9, color=ink(ax))
        for irrep, x in left.items():
            if irrep not in now[name]:
                ax.text(x - 0.5, -y, "none", va="center", fontsize=8, color=GRAY)
                continue
            n = SHOWN[irrep]
            old, new_ = before[name][irrep][:n].ravel(), now[name][irrep][:n].ravel()
            size = 2.2 * np.linalg.norm(before[name][irrep][:n], axis=1).max()
            ax.plot([x - 0.5, x + len(old) - 0.5], [-y, -y], color=GRAY, lw=0.6)
            for k, (a, b) in enumerate(zip(old, new_, strict=True)):
                fill = POSITIVE if b > 0 else NEGATIVE
                ax.add_patch(Rectangle((x + k - 0.35, -y), 0.7, b / size, color=fill, lw=0))
                ax.add_patch(Rectangle((x + k - 0.35, -y), 0.7, a / size, fill=False, edgecolor=ink(ax), lw=0.9))
    ax.set(xlim=(-3.4, 19.5), ylim=(-5.6, 1.2))
    ax.set_axis_off()


@functools.cache
def points_still() -> Picture:
    """The molecule as it is turned at the beginning, and the bars of all points."""
    turned = symmetry.moved(methanol(), first_turn())
    (before, now), energies = carried([methanol(), turned])
    figure, axes = new(7.6, 3.6, ncols=2, width_ratios=[1, 1.7])
    in_space(turned.with_bonds(), axes[0], numbered=True)
    bars(axes[1], before, now, energies)
    words = (
        "Methanol, turned; beside it the features of its carbon under six untrained networks, as bars. Those of 0e are "
        "as long as before the turn, those of 1o and 2e are not. SchNet and ACE have 0e alone."
    )
    return show(figure, words)


def points() -> dict:
    molecule = methanol()
    far = float(np.linalg.norm(molecule.positions, axis=1).max())
    return {
        "symbols": list(molecule.symbols),
        "labels": [f"{symbol}{k}" for k, symbol in enumerate(molecule.symbols)],
        "numbers": molecule.numbers.tolist(),
        "positions": molecule.positions.ravel().tolist(),
        "bonds": molecule.with_bonds().bonds.tolist(),
        "reach": [round(far + 0.7, 2), round(far + 0.5, 2)],
        "points": [
            {"name": name, "model": f"point-{name}", "layer": layer_shown(name), "layers": defaults(name)["layers"]}
            for name in NAMES
        ],
        "shown": SHOWN,
        "turns": TURNS,
        "atom": ATOM,
        "python": [
            "from dmol_molnet import Molecule; from dmol_molnet.nn.design_space import NAMES, build; "
            "from dmol_molnet.nn.graph import MolecularGraph",
            f"graph = MolecularGraph.from_molecules(Molecule({molecule.numbers.tolist()}, POSITIONS), {CUTOFF})",
            f"print({{name: float(build(name, **{SETTINGS})(graph)[0]) for name in NAMES}})",
        ],
    }


# ------------------------------------------------------------------------------------------------ separation

MEASURED = Path(__file__).parents[2] / "experiments" / "separation.json"
FIRST = {"layers": 1, "correlation": 2, "l_max": 1}
"""Where the sliders stand in the beginning."""
TRIANGLE, TWO = [(1, 2), (2, 3), (3, 1)], [(1, 2), (2, 3), (3, 1), (4, 5), (5, 6), (6, 4)]
ABOVE, BELOW = {"up": (0, 1, 0), "view": (25, 20)}, {"up": (0, -1, 0), "view": (169, 20)}
DRAWN = {
    "2-body": (None, [{"view": (0, 10)}] * 2),
    "3-body": (None, [{"view": (20, 30)}] * 2),
    "4-body": (TWO, [ABOVE, ABOVE]),
    "4-body, chiral": (TRIANGLE, [ABOVE, ABOVE]),
    "4-body, isosceles": (TWO, [ABOVE, BELOW]),
}
"""Of environments: the edges that are drawn bold, and how the two are seen."""


def measured() -> dict[str, dict[str, list[float]]]:
    """Of each network of the grid, named as `at` does, the relative differences of all pairs, one for each seed."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))["runs"]


def at(layers: int, correlation: int, l_max: int) -> str:
    """Names a network, as `experiments/separation.py` does."""
    return f"layers {layers}, ν {correlation}, l_max {l_max}"


def pair_named(name: str) -> Pair:
    return k_chains(int(name[0])) if name.endswith("chains") else pair(name)


def thumbnail(name: str, p: Pair) -> str:
    """Both of a pair, as an SVG."""
    chains = name.endswith("chains")
    figure, axes = new(2.6, 1.5, nrows=2) if chains else new(2.6, 1.5, ncols=2)
    edges, views = DRAWN.get(name, (None, [{"view": (90, 90)} if chains else {}] * 2))
    reach = (12.5, 5.4) if chains else (8.3, 6.8) if name == "3-body" else (6.2, 6.8)
    for m, ax, view in zip((p.a, p.b), axes, views, strict=True):
        how = {} if name == "hexagon" else {"radius": 0.9 if chains else 0.7, "reach": reach}
        cloud(m, ax, bar=0, edges=edges or p.edges, faint=p.edges if edges else (), **view, **how)
    svg = show(figure, f"{name}: {p.about}").svg
    return re.sub(r' (clip-path|id)="[^"]*"', "", svg)  # nothing lies outside, and copies share no ids


def verdict(name: str, told: bool) -> str:
    """In words, what networks find."""
    if told:
        return "\N{CHECK MARK} told apart"
    relation = pair_named(name).relation
    if relation == "the same":
        relation = "one structure, twice"
    return "= equal" if relation == "different" else f"= equal: {relation}"


@functools.cache
def separation_still() -> Picture:
    """A card for each pair, and what the first network makes of it."""
    found, cards = measured()[at(**FIRST)], []
    for name, differences in found.items():
        told = min(differences) > DIFFERENT
        inside = f"<p><b>{name}</b></p>{thumbnail(name, pair_named(name))}<p>{verdict(name, told)}</p>"
        cards.append(f'<div class="live-pair" data-pair="{name}" data-told="{"yes" if told else "no"}">{inside}</div>')
    told = ", ".join(name for name, ds in found.items() if min(ds) > DIFFERENT)
    first = ", ".join(f"{key} {value}" for key, value in FIRST.items())
    return Picture(f'<div class="live-pairs">{"".join(cards)}</div>', f"With {first}, told apart are {told}.")


def separation() -> dict:
    runs = measured()
    names = list(runs[at(**FIRST)])
    values = [
        sorted({int(n) for n in numbers}) for numbers in zip(*(re.findall(r"\d+", key) for key in runs), strict=True)
    ]
    return {
        "pairs": names,
        "verdicts": [{"yes": verdict(name, True), "no": verdict(name, False)} for name in names],
        "grid": dict(zip(FIRST, values, strict=True)),
        "first": FIRST,
        "differences": {
            "-".join(re.findall(r"\d+", key)): [min(found[name]) for name in names] for key, found in runs.items()
        },
        "different": DIFFERENT,
        "python": [
            "from dmol_molnet.counterexamples import k_chains, pair; from dmol_molnet.nn.separation import separates",
            f"pairs = [pair(name) for name in {[name for name in names if not name.endswith('chains')]}] + "
            f"[k_chains(k) for k in {[int(name[0]) for name in names if name.endswith('chains')]}]",
            'print({p.name: separates("mace", p, [0], SETTINGS, neighbors=2 * len(p.edges) / len(p.a)) '
            "for p in pairs})",
        ],
    }


POTENTIALS = {f"point-{name}": partial(point, name) for name in NAMES}

FIGURES = {
    "points": Figure(points_still, None, points, tuple(POTENTIALS)),
    "separation": Figure(separation_still, None, separation),
}
