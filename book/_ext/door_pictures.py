"""The pictures at the book's door, drawn when the site is built: the welcome page's own, one a chapter, one for links.

    python book/_ext/door_pictures.py FOLDER     writes all of them there, to look at

A new chapter needs a drawing here, under the name of its file.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from dmol_molnet import Molecule, counterexamples, wl
from dmol_molnet.figures import GRAY, Picture, Row, in_space, lobes, new, row, show
from dmol_molnet.figures.style import IDENTITY, ON_COLOR, ink

PAIR = ("decalin", "bicyclopentyl")


@cache
def colored(name: str) -> tuple[Molecule, dict[int, str]]:
    """The skeleton of a molecule, and the fill of each atom: the colours at which refinement of both of PAIR ends."""
    pair = [Molecule.example(each, hydrogens=False) for each in PAIR]
    both = nx.disjoint_union(*(molecule.to_networkx() for molecule in pair))  # so that equal colours are one number
    colors = wl.refine(both, node_label="element").colors
    counts = Counter(colors.values())
    order = sorted(counts, key=lambda c: (counts[c], -c))
    k = PAIR.index(name)
    return pair[k], {v: IDENTITY[order.index(colors[v + k * len(pair[0])])] for v in range(len(pair[k]))}


def what_is_there(ax: Axes) -> None:
    """Two molecules, one over the other, that everybody sees to be different."""
    for name, dy in zip(PAIR, (0.0, -3.1), strict=True):
        molecule, fills = colored(name)
        at = _plane(molecule) + [0, dy]
        for u, v in molecule.bonds:
            ax.plot(*at[[u, v]].T, color=GRAY, lw=3.5, solid_capstyle="round", zorder=1)
        for v, xy in enumerate(at):
            ax.add_patch(Circle(xy, 0.27, fc=fills[v], ec="none", zorder=2))
    _verdict(ax, "≠")
    _frame(ax, 3.3)


def what_is_heard(ax: Axes) -> None:
    """The same atoms, without their bonds, sorted by what each can learn of its surroundings."""
    for name, dy in zip(PAIR, (0.0, -3.1), strict=True):
        counts = Counter(colored(name)[1].values())
        for column, fill in enumerate(IDENTITY):
            for k in range(counts[fill]):
                xy = (1.15 * (column - 1), dy - 0.93 + 0.62 * k)
                ax.add_patch(Circle(xy, 0.27, fc=fill, ec="none", zorder=2))
    _verdict(ax, "=")
    _frame(ax, 2.4)


def welcome() -> Row:
    """The book in one picture: different on the left, equal on the right."""
    panels = []
    for title, paint, alt in (
        (
            "Two molecules",
            what_is_there,
            "Decalin, two rings of six atoms that share a bond, and bicyclopentyl, two rings of five joined by a bond: "
            "plainly different. Each atom has one of three colours, by what surrounds it.",
        ),
        (
            "What messages along bonds tell",
            what_is_heard,
            "The atoms of each molecule sorted by colour. Both have two of the first colour, four of the second and "
            "four of the third: the two heaps are equal.",
        ),
    ):
        figure, ax = new(4.0, 4.1)
        paint(ax)
        ax.set_title(title, fontsize=12)
        panels.append(show(figure, alt))
    return row(*panels)


# --- one small picture a chapter


def symmetry(ax: Axes) -> None:
    molecule = Molecule.from_smiles("F[C@H](Cl)Br").embed(1)
    at = molecule.positions - molecule.positions[1]
    at = at[:, [2, 0, 1]] @ _turn(4.5).T  # the side from which no atom hides another
    for side in (-1, 1):
        copy = replace(molecule, positions=at * [side, 1, 1] + [2.3 * side, 0, 0])
        in_space(copy, ax, reach=4.2)
    ax.axvline(0, color=GRAY, ls="--", lw=1.5)
    for text in list(ax.texts):
        if not text.get_text().isalpha():
            text.remove()
    ax.set(xlim=(-5.2, 5.2), ylim=(-2.6, 2.6))


def graphs(ax: Axes) -> None:
    for name, dx in zip(PAIR, (-2.4, 2.4), strict=True):
        molecule, fills = colored(name)
        at = _plane(molecule) * 0.9 + [dx, 0]
        for u, v in molecule.bonds:
            ax.plot(*at[[u, v]].T, color=GRAY, lw=2, zorder=1)
        for v, xy in enumerate(at):
            ax.add_patch(Circle(xy, 0.27, fc=fills[v], ec="none", zorder=2))
    ax.set(xlim=(-4.9, 4.9), ylim=(-2.2, 2.2))


def message_passing(ax: Axes) -> None:
    angles = np.radians([90, 210, 330])
    ends = 1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    for end in ends:
        ax.annotate(
            "", 0.42 * end / 1.5, 1.12 * end / 1.5, arrowprops={"arrowstyle": "-|>", "color": IDENTITY[0], "lw": 2.5}
        )
        ax.add_patch(Circle(end, 0.32, fc=IDENTITY[1], ec="none"))
        for side in (-0.55, 0.55):
            far = end + 0.95 * _turn(side)[:2, :2] @ end / 1.5
            ax.plot(*np.array([end, far]).T, color=GRAY, lw=2, zorder=0)
            ax.add_patch(Circle(far, 0.22, fc=IDENTITY[2], ec="none"))
    ax.add_patch(Circle((0, 0), 0.38, fc=IDENTITY[0], ec="none"))
    ax.set(xlim=(-5, 5), ylim=(-1.9, 2.7))


def coordinates(ax: Axes) -> None:
    # A chain of four: all bonds and angles of the two are equal, and only the two ends lie differently to each other.
    pair = counterexamples.k_chains(2)
    for molecule, dx in ((pair.a, -2.1), (pair.b, 2.1)):
        at = molecule.positions[:, :2] / 5
        at = at - at.mean(axis=0) + [dx, 0]
        for u, v in pair.edges:
            ax.plot(*at[[u, v]].T, color=GRAY, lw=2.5, zorder=1)
        for xy, fill in zip(at, (IDENTITY[0], IDENTITY[2], IDENTITY[2], IDENTITY[0]), strict=True):
            ax.add_patch(Circle(xy, 0.2, fc=fill, ec="none", zorder=2))
        ax.plot(*at[[0, -1]].T, color=ink(ax), lw=1.2, ls=":", zorder=0)
    ax.set(xlim=(-4.4, 4.4), ylim=(-1.7, 1.7))


def schnet(ax: Axes) -> None:
    r = np.linspace(0.66, 4, 200)

    def energy(x):
        return (1 - np.exp(-1.9 * (x - 1.2))) ** 2  # Morse's curve

    ax.plot(r, energy(r), color=IDENTITY[1], lw=3)
    for x in (0.78, 1.95):  # down the slope: that is the force
        slope = (energy(x + 1e-4) - energy(x - 1e-4)) / 2e-4
        tip = x - 0.5 * np.sign(slope) * min(1, abs(slope))
        ax.annotate(
            "", (tip, energy(x)), (x, energy(x)), arrowprops={"arrowstyle": "-|>", "color": IDENTITY[0], "lw": 2.5}
        )
        ax.plot(x, energy(x), "o", ms=9, color=IDENTITY[2])
    ax.set(xlim=(-0.3, 4.6), ylim=(-0.12, 1.6), aspect="auto")


def directions(figure: Figure) -> None:
    for k, coefficients in enumerate(([1], [0, 1, 0], [1, 0, 0, 0, 0])):
        ax = figure.add_axes((0.04 + 0.31 * k, 0.05, 0.3, 0.9))
        lobes(coefficients, ax, axes=False, fineness=20)
        ax.set_axis_off()


def ace(ax: Axes) -> None:
    at = np.array([[1.7, 1.1], [2.1, -0.9], [-0.4, 1.6], [-1.9, 0.5], [-0.9, -1.5]])
    for xy in at:
        ax.plot([0, xy[0]], [0, xy[1]], color=GRAY, lw=1.5, zorder=0)
    ax.fill(*np.array([(0, 0), at[0], at[1]]).T, color=IDENTITY[0], alpha=0.35, lw=0)
    ax.fill(*np.array([(0, 0), at[2], at[3], at[4]]).T, color=IDENTITY[2], alpha=0.3, lw=0)
    for xy in at:
        ax.add_patch(Circle(xy, 0.28, fc=IDENTITY[1], ec="none"))
    ax.add_patch(Circle((0, 0), 0.36, fc=IDENTITY[0], ec="none"))
    ax.set(xlim=(-5, 5), ylim=(-2.0, 2.2))


def design_space(ax: Axes) -> None:
    # Layers to the right, neighbours in one product upwards; the body order of a stack of both.
    for layers in range(4):
        for correlation in range(3):
            body = (correlation + 1) ** (layers + 1) + 1
            size = 0.1 + 0.075 * np.log2(body)
            ax.add_patch(Circle((layers * 1.3, correlation * 1.1), size, fc=IDENTITY[correlation], ec="none"))
    ax.annotate("", (5.2, -0.75), (-0.7, -0.75), arrowprops={"arrowstyle": "-|>", "color": ink(ax), "lw": 1.2})
    ax.annotate("", (-0.7, 3.0), (-0.7, -0.75), arrowprops={"arrowstyle": "-|>", "color": ink(ax), "lw": 1.2})
    ax.set(xlim=(-2.6, 6.5), ylim=(-1.0, 3.1))


def normalisation(ax: Axes) -> None:
    x = np.linspace(-5, 5, 300)

    def bell(middle, width):
        return np.exp(-(((x - middle) / width) ** 2) / 2)

    ax.fill_between(x, 0.65 * bell(3.3, 0.35), color=IDENTITY[0], alpha=0.8, lw=0)
    ax.fill_between(x, bell(-0.6, 1.0), color=IDENTITY[1], alpha=0.8, lw=0)
    ax.plot([-0.6, -0.6], [0, 1.15], color=ink(ax), lw=1.2)
    ax.plot([-5, 5], [0, 0], color=ink(ax), lw=1.2)
    ax.annotate("", (1.2, 0.78), (2.8, 0.78), arrowprops={"arrowstyle": "-|>", "color": ink(ax), "lw": 1.5})
    ax.set(xlim=(-5, 5), ylim=(-0.1, 1.3), aspect="auto")


CHAPTERS: dict[str, tuple[Callable, str]] = {
    "symmetry": (symmetry, "a molecule with four different neighbours of a carbon, and its mirror image"),
    "graphs": (graphs, "decalin and bicyclopentyl, with as many atoms of each colour"),
    "message_passing": (message_passing, "three atoms send messages to the one between them"),
    "coordinates": (coordinates, "two chains alike in bonds and angles, whose ends lie differently to each other"),
    "schnet": (schnet, "an energy against a distance, with arrows down its slope"),
    "directions": (directions, "a ball, a lobe of two halves, and one of four"),
    "ace": (ace, "an atom and five neighbours; a group of two and one of three are shaded"),
    "design_space": (design_space, "dots that grow with layers and with neighbours in a product"),
    "normalisation": (normalisation, "a narrow heap far from zero is moved and widened"),
}


def thumbnail(chapter: str) -> Picture:
    """The small picture of a chapter, by the name of its file.

    Raises:
        KeyError: it has none; draw one above.
    """
    paint, alt = CHAPTERS[chapter]
    return show(_small(paint), alt)


def _small(paint: Callable) -> Figure:
    if paint is directions:
        figure = Figure(figsize=(2.6, 1.3))
        paint(figure)
        return figure
    figure, ax = new(2.6, 1.3)
    ax.set_aspect("equal")
    paint(ax)
    ax.set_axis_off()
    return figure


# --- the pictures that go with links

PREVIEW = "Two molecules, plainly different, whose atoms sorted by colour make two equal heaps"
"""What the picture of every page that is no chapter shows."""


def preview(path: Path, title: str, chapter: str = "", book: str = "") -> None:
    """A PNG of 1200 x 630 pixels, as those who show a link want it: the book's picture, or a chapter's.

    Args:
        title: of the book or the chapter.
        chapter: the name of its file; the book's own picture if there is none.
        book: the title of the book, below that of a chapter.
    """
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="white")
    if chapter:
        small = _small(CHAPTERS[chapter][0])
        small.set(dpi=370, facecolor="white")  # as high as there is room below the titles
        canvas = FigureCanvasAgg(small)
        canvas.draw()
        drawn = np.asarray(canvas.buffer_rgba())
        figure.figimage(drawn, (1200 - drawn.shape[1]) // 2, 20)
        figure.text(0.5, 0.83, book, ha="center", va="center", fontsize=18, color="#57606a")
    else:
        for k, paint in enumerate((what_is_there, what_is_heard)):
            paint(figure.add_axes((0.05 + 0.47 * k, 0.03, 0.43, 0.76)))
    figure.text(0.5, 0.92, title, ha="center", va="center", fontsize=34, weight="bold", color=ON_COLOR)
    figure.savefig(path, metadata={"Software": None})


def _plane(molecule: Molecule) -> np.ndarray:
    """The plane coordinates of a skeleton, about its middle."""
    from dmol_molnet.figures.draw import layout

    at = np.array([layout(molecule)[v] for v in range(len(molecule))])
    return at - (at.min(axis=0) + at.max(axis=0)) / 2


def _verdict(ax: Axes, sign: str) -> None:
    ax.text(0, -1.55, sign, ha="center", va="center", fontsize=26, color=ink(ax))


def _frame(ax: Axes, reach: float) -> None:
    ax.set(xlim=(-reach, reach), ylim=(-4.6, 1.5), aspect="equal")
    ax.set_axis_off()


def _turn(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def main(folder: Path) -> None:
    """Everything as files, to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    preview(folder / "preview.png", "Modern molecular neural networks")
    for name, (paint, _) in CHAPTERS.items():
        preview(folder / f"preview-{name}.png", name, name, "Modern molecular neural networks")
        _small(paint).savefig(folder / f"{name}.png", dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
