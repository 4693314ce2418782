"""A film of an atom whose second neighbour moves: the angle opens, and A, B and the energy follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dmol_molnet.figures.film import Film
from dmol_molnet.figures.neighbours import DISTANCE, expanded, neighbours, steps
from dmol_molnet.figures.rotation import DPI, MAX_FRAMES
from dmol_molnet.figures.style import GRAY, THEMES, ink, style
from dmol_molnet.molecules import InputError, quoted

SIZE = 5.0, 7.2
"""Inches; the player has a strip of its own for its controls, below the picture."""


class Bending(Film):
    """Two neighbours at a growing angle, with all numbers up to the energy; made by `bending`.

    Attributes:
        angles: of each state, in degrees.
        numbers: for each state A, B and E, as of `neighbours.expanded`.
    """

    def __init__(self, weights: Sequence[float], angles: tuple[float, float], frames: int, theme: str, fps: float):
        whole = isinstance(frames, int | np.integer) and not isinstance(frames, bool)
        if not whole or not 4 <= frames <= MAX_FRAMES:
            raise InputError(f"a film has 4 to {MAX_FRAMES} frames, not {quoted(frames)}")
        if theme not in THEMES:
            raise InputError(f"a theme is {' or '.join(THEMES)}, not {quoted(theme)}")
        if len(angles) != 2 or not 0 < angles[0] < angles[1] <= 180:
            raise InputError("the angle opens from more than 0 to at most 180 degrees")
        self.weights, self.theme = tuple(weights), theme
        self.angles = np.linspace(*angles, frames)
        self.directions = [_two(angle) for angle in self.angles]
        self.numbers = [expanded(n, weights) for n in self.directions]
        says = []
        for k in range(frames):
            first = k * 4 // frames * frames // 4  # a caption for each frame could not be read
            _, B, energy = self.numbers[first]
            written = ", ".join(f"{b:.2f}" for b in B)
            says.append(f"From {self.angles[first]:.0f} degrees on: B is {written}, and E is {energy:.2f}.")
        super().__init__("An angle opens, and the energy of the atom follows", [1] * frames, says, fps, poster=0)

    def states(self) -> Iterator[np.ndarray]:
        """Each angle rendered once: uint8 [height, width, 3]."""
        with style(self.theme):
            figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
            above, middle, below = figure.subplots(3, height_ratios=[1.1, 2, 1])
        canvas = FigureCanvasAgg(figure)
        energies = [energy for _, _, energy in self.numbers]
        scales = [
            max(float(np.abs(np.concatenate(A)).max()) for A, _, _ in self.numbers),
            max(float(np.abs(B).max()) for _, B, _ in self.numbers),
            float(np.abs(energies).max()),
        ]
        reach = DISTANCE + 0.35
        for angle, n, (A, B, energy) in zip(self.angles, self.directions, self.numbers, strict=True):
            with style(self.theme):
                for ax in (above, middle, below):
                    ax.clear()
                neighbours(n, above, title=f"θ = {angle:.0f}°")
                above.set(xlim=(-reach, reach), ylim=(-reach, 0.5))
                steps(middle, A, B, energy, self.weights, scales)
                below.plot(self.angles, energies, color=GRAY)
                below.plot(angle, energy, "o", ms=7, color=ink(below))
                below.set(xlabel="angle θ (degrees)", ylabel="E", xlim=(self.angles[0] - 3, self.angles[-1] + 3))
                canvas.draw()
            figure.set_layout_engine("none")  # nothing moves but what should
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def bending(
    weights: Sequence[float] = (1.0, 1.0, 1.0),
    angles: tuple[float, float] = (60.0, 180.0),
    *,
    frames: int = 31,
    theme: str = "light",
    fps: float = 5.0,
) -> Bending:
    """A film: an angle between two neighbours opens, and the numbers of `expansion` follow.

    Args:
        weights: of the products, one a degree, one to three.
        angles: the first and the last, in degrees.
        frames: 4 to 240.
        theme: "light" or "dark".
        fps: frames a second.

    Raises:
        InputError: no weights or too many, no such angles or theme, or an impossible number of frames.
    """
    return Bending(weights, angles, frames, theme, fps)


def _two(degrees: float) -> np.ndarray:
    """[2, 2]: directions from two neighbours at an angle."""
    theta = np.radians(degrees)
    return np.array([[1.0, 0.0], [np.cos(theta), np.sin(theta)]])
