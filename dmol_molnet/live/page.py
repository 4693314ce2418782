"""A figure that computes, as it stands in a page, and whole pages with nothing but one.

A figure's element holds a question, what to do, a still, and data for its script; `stage/frame.js` says what becomes
of it.
"""

from __future__ import annotations

import base64
import html
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, covalent_radii

from dmol_molnet.figures.space import OTHER_RADIUS, RADII, in_space, upright
from dmol_molnet.figures.style import Picture, new
from dmol_molnet.figures.style import show as as_picture
from dmol_molnet.files import write_whole
from dmol_molnet.live.bundle import HERE, scripts
from dmol_molnet.live.exporter import export
from dmol_molnet.molecules import NEAR, InputError, Molecule
from dmol_molnet.nn.potential import Potential

FIGURE = """<div class="live-figure" id="live-{name}" data-figure="{script}" data-state="still" role="group" \
aria-labelledby="live-{name}-question">
<p class="live-question" id="live-{name}-question">{question}</p>
<p class="live-task">{task}</p>
<div class="live-still">{still}</div>
<p class="live-without" hidden></p>
<noscript><p>This figure moves where scripts run; the picture says the same.</p></noscript>
{data}</div>"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="dmol_molnet {version}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; }}
html {{ background: Canvas; color: CanvasText; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }}
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
{scripts}
</body>
</html>
"""


FRAME = """<iframe srcdoc="{text}" title="{title}" style="border: 0; height: 52rem; width: 100%"></iframe>"""

LICENCES = "<details><summary>Licences of what is bundled</summary><pre>{}</pre></details>"


@dataclass(frozen=True)
class Figure:
    """What a figure is made of.

    Attributes:
        still: draws its first frame, which says the same.
        script: figure-SCRIPT.js runs it; None for that of the figure's name.
        data: what the script reads, as JSON.
        models: the shipped potentials that it computes with.
    """

    still: Callable[[], Picture]
    script: str | None = None
    data: Callable[[], dict] | None = None
    models: tuple[str, ...] = ()


def figure(
    name: str, question: str, task: str, still: Picture, script: str | None = None, data: dict | None = None
) -> str:
    """The HTML of a figure.

    Args:
        name: unlike the others' of the page.
        question: HTML; what to decide before.
        task: HTML; what to do.
        still: the first frame, which says the same.
        script: which of the figures' scripts; None for that of its name.
        data: what the script reads.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    block = "" if data is None else f'<script type="application/json">{text}</script>\n'
    return FIGURE.format(name=name, script=script or name, question=question, task=task, still=still.svg, data=block)


def model_script(name: str, file: bytes) -> str:
    """The script that holds a potential's file for the engine, as `computer.js` looks for it."""
    key = json.dumps(f"model-{name}")
    return f'molnetLive.files[{key}]="{base64.b64encode(file).decode()}";\nmolnetLive.have({key});\n'


def python_lines(molecule: Molecule, imported: str, potential: str) -> str:
    """The three lines that reproduce what a figure shows, with POSITIONS for the coordinates.

    Args:
        imported: from where the potential comes, such as "nn import pretrained".
        potential: the expression that loads it.
    """
    return (
        f"from dmol_molnet import Molecule; from dmol_molnet.{imported}\n"
        f"molecule = Molecule({molecule.numbers.tolist()}, POSITIONS)\n"
        f"print({potential}.energy_and_forces([molecule]))"
    )


def at_work(molecule: Molecule, model: str, name: str, zero: str, python: str, **more) -> dict:
    """What `figures/potential.js` reads: a molecule with positions under a potential.

    Args:
        model: names the script of the potential.
        zero: what has no energy in the figure: "minimum", if the molecule is at rest, or "start".
        python: of `python_lines`.
        more: `temperature` in K; `begin`, whether it moves by itself; `watch`, {atom, partners}: numbers of an atom and
            of those whose it may be; `letters` on the atoms, if not their symbols.
    """
    symbols, count = molecule.symbols, Counter()
    labels = []
    for symbol in symbols:
        count[symbol] += 1
        labels.append(f"{symbol}{count[symbol]}")
    masses = molecule.masses if molecule.masses is not None else atomic_masses[molecule.numbers]
    return {
        "name": name,
        "model": model,
        "zero": zero,
        "python": python,
        "symbols": list(symbols),
        "labels": labels,
        "letters": list(symbols),
        "numbers": molecule.numbers.tolist(),
        "masses": np.round(masses, 4).tolist(),
        "radii": np.round(NEAR * covalent_radii[molecule.numbers], 4).tolist(),
        "positions": np.round(molecule.positions, 6).ravel().tolist(),
        "reach": list(reach(molecule)),
        **more,
    }


def reach(molecule: Molecule) -> tuple[float, float]:
    """Å from the middle to the right and to the upper edge of the picture; high enough to turn the molecule."""
    x, y = np.abs(molecule.positions[:, :2]).max(axis=0, initial=0) + 1.3
    return round(float(max(x, y)), 2), round(float(max(y, 0.55 * x)), 2)


def still(molecule: Molecule, forces: np.ndarray, name: str) -> Picture:
    """A molecule with the forces on its atoms as arrows, half an Å an eV/Å, from their rims: `forces` [A, 3] eV/Å."""
    sizes = np.linalg.norm(forces, axis=1, keepdims=True)
    radii = np.array([RADII.get(symbol, OTHER_RADIUS) for symbol in molecule.symbols])[:, None]
    starts = molecule.positions + radii * forces / np.maximum(sizes, 1e-9)
    arrows = [(x, 0.5 * f, "full") for x, f in zip(starts, forces, strict=True)]
    right, up = reach(molecule)
    _, ax = new(6.0, 6.0 * up / right)
    drawing = in_space(molecule.with_bonds(), ax, arrows=arrows, reach=right)
    ax.set_ylim(-up, up)
    strongest = sizes.max(initial=0)
    return as_picture(drawing, f"{name}: its atoms, and the forces on them as arrows, at most {strongest:.2f} eV/Å")


class Page:
    """A whole page with a figure; in a notebook, let it be the last value of a cell.

    Attributes:
        text: HTML that needs nothing else.
    """

    def __init__(self, text: str, title: str):
        self.text, self.title = text, title

    def save(self, path: str | Path) -> None:
        """Write the page, all or nothing."""
        write_whole(path, self.text.encode())

    def _repr_html_(self) -> str:
        return FRAME.format(text=html.escape(self.text, quote=True), title=html.escape(self.title, quote=True))

    def __repr__(self) -> str:
        return f"Page({self.title!r}, {len(self.text) / 1e6:.1f} MB)"


def show(potential: Potential, molecule: Molecule | None = None, *, path: str = "", temperature: float = 300.0) -> Page:
    """A molecule that moves under a potential, to drag and to run: a page that needs no network.

    The page computes for itself.  When it begins, it compares what it finds with what Python finds here for the first
    positions, and says so; it does not run if they differ.

    Args:
        potential: what `live.export` takes.
        molecule: with positions, of elements that the potential knows; None for one of those it was trained on.
        path: the potential's file, for the lines that the page gives to copy.
        temperature: K, where the slider stands in the beginning.

    Raises:
        InputError: the molecule has no positions, has a cell, or the potential does not know it; as `live.export`.
    """
    import dmol_molnet

    if molecule is None:
        molecule = potential.example
        if molecule is None:
            raise InputError("this potential does not tell a molecule that it was trained on: name one")
    name = molecule.formula
    if molecule.positions is None:
        raise InputError(f"{name} has no positions to begin with; embed() gives it some")
    if molecule.cell is not None:
        raise InputError(f"{name} is periodic; a page moves single molecules")
    folder = scripts()  # the first thing that may be missing
    molecule = upright(molecule)
    energies, forces = potential.energy_and_forces([molecule])
    lines = python_lines(molecule, "nn.potential import Potential", f"Potential.load({path or 'MODEL.keras'!r})")
    data = at_work(
        molecule,
        "own",
        name,
        "start",
        lines,
        temperature=temperature,
        python_finds={"energy": float(energies[0]), "forces": forces[0].ravel().tolist()},
    )
    body = figure(
        "potential",
        f"How does {html.escape(name)} move under this potential?",
        "Press Play; drag an atom, or choose one in the list and use the arrow keys; slide the temperature.",
        still(molecule, forces[0], name),
        data=data,
    )
    title = f"{name}, a potential at work"
    parts = ("live", "stage", "worker", "figure-potential")
    texts = [(folder / f"{part}.js").read_text(encoding="utf-8") for part in parts]
    texts.insert(1, model_script("own", export(potential)))
    # Nothing in a script may end its element.
    blocks = "\n".join(f"<script>{text.replace('</script', '<' + chr(92) + '/script')}</script>" for text in texts)
    licences = (folder / "licences.txt").read_text(encoding="utf-8")
    text = PAGE.format(
        title=html.escape(title),
        version=dmol_molnet.__version__,
        style=(HERE / "stage" / "live.css").read_text(encoding="utf-8"),
        body=f"{body}\n{LICENCES.format(html.escape(licences))}",
        scripts=blocks,
    )
    return Page(text, title)
