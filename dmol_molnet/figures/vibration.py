"""A film of one vibration of a molecule, as harmonic as its frequency says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dmol_molnet.figures.film import Film
from dmol_molnet.figures.space import in_space, turn_upright
from dmol_molnet.figures.style import THEMES, style
from dmol_molnet.molecules import InputError, Molecule, quoted
from dmol_molnet.vibrations import Modes

SIZE, DPI = 4.0, 120
"""Inches, and dots an inch."""

FARTHEST = 0.4
"""Å that the atom moves which moves most: far more than at room temperature, so that it is seen."""

FRAMES = 24
"""Of a period."""


class Vibration(Film):
    """A molecule that swings along one mode; made by `vibration`.

    Attributes:
        frames: the molecule at each state.
    """

    def __init__(self, molecule: Molecule, modes: Modes, number: int, theme: str, fps: float):
        if theme not in THEMES:
            raise InputError(f"a theme is {' or '.join(THEMES)}, not {quoted(theme)}")
        count = len(modes.frequencies)
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not whole or not 1 <= number <= count:
            raise InputError(f"{molecule.formula} has vibrations 1 to {count}, softest first, and no {quoted(number)}")
        self.theme = theme
        drawn, turn = turn_upright(molecule if len(molecule.bonds) else molecule.with_bonds())
        d = modes.displacements[number - 1] @ turn  # [A, 3]
        self.displacement = FARTHEST * d / np.linalg.norm(d, axis=1).max()
        self.phases = 2 * np.pi * np.arange(FRAMES) / FRAMES
        self.frames = [replace(drawn, positions=drawn.positions + np.cos(p) * self.displacement) for p in self.phases]
        self.drawn, frequency = drawn, modes.frequencies[number - 1]
        self.name = f"vibration {number} of {count}, {abs(frequency):,.0f}{'i' if frequency < 0 else ''} cm⁻¹"
        super().__init__(f"{molecule.formula}: {self.name}", [1] * FRAMES, [f"{self.name}."] * FRAMES, fps)

    def states(self) -> Iterator[np.ndarray]:
        """Each phase rendered once: uint8 [height, width, 3]."""
        with style(self.theme):
            figure = Figure(figsize=(SIZE, SIZE), dpi=DPI, layout="constrained")
            ax = figure.subplots()
        canvas = FigureCanvasAgg(figure)
        reach = float(np.abs(self.drawn.positions[:, :2]).max()) + FARTHEST + 0.8
        moved = np.linalg.norm(self.displacement, axis=1) > 0.25 * FARTHEST
        ways = 1.3 / FARTHEST * self.displacement  # out from under the atoms
        arrows = [(x, d, "open") for x, d in zip(self.drawn.positions[moved], ways[moved], strict=True)]
        for frame in self.frames:
            with style(self.theme):
                ax.clear()
                in_space(frame, ax, arrows=arrows, reach=reach, title=self.name)
                canvas.draw()
            figure.set_layout_engine("none")  # nothing moves but what should
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def vibration(
    molecule: Molecule, modes: Modes, number: int = 1, *, theme: str = "light", fps: float = 24.0
) -> Vibration:
    """A film of one period of a mode: the atoms swing, dashed arrows say which way.

    Args:
        molecule: at its minimum; without bonds, they are those by distance.
        modes: of `vibrations.modes`.
        number: which, from 1, softest first.
        theme: "light" or "dark".
        fps: frames a second; a period has 24.

    Raises:
        InputError: no such mode or theme.
    """
    return Vibration(molecule, modes, number, theme, fps)
