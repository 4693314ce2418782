"""A film of one rotation at work: on a molecule, on a vector and a quadrupole of it, and as the matrices R and D."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dmol_molnet import so3, symmetry
from dmol_molnet.figures.film import Film
from dmol_molnet.figures.lobes import NEGATIVE, POSITIVE, lobes
from dmol_molnet.figures.space import in_space, matrix
from dmol_molnet.figures.style import GRAY, THEMES, ink, style
from dmol_molnet.molecules import InputError, Molecule, quoted

SIZE, DPI = (5.0, 6.3), 120
"""Inches, and dots an inch: letters stay legible on a phone."""

START = 6
"""A turn starts at the state this part of it, so that the still shows matrices at work: at 60° of 36 states."""

MAX_FRAMES = 240

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Rotation(Film):
    """A molecule turned once about an axis, with what turns along; made by `rotation`.

    Attributes:
        angles: of each state, in radians; the first is no 0, whose matrices show nothing.
        matrices: [states, 3, 3], the rotations.
        moments: for each state, the moments of degree 1 and 2 of the molecule's nuclear charges, [3] and [5].
    """

    def __init__(self, molecule: Molecule, axis: Sequence[float], frames: int, theme: str, fps: float):
        whole = isinstance(frames, int | np.integer) and not isinstance(frames, bool)
        if not whole or not 4 <= frames <= MAX_FRAMES:
            raise InputError(f"a turn has 4 to {MAX_FRAMES} frames, not {quoted(frames)}")
        if theme not in THEMES:
            raise InputError(f"a theme is {' or '.join(THEMES)}, not {quoted(theme)}")
        axis = np.asarray(axis, float)
        if axis.shape != (3,) or not np.linalg.norm(axis) > 0:
            raise InputError("an axis is three numbers, not all 0")
        if molecule.positions is None:
            raise InputError(f"{molecule} has no positions to turn; embed() gives it some")
        self.molecule, self.theme = molecule, theme
        self.angles = 2 * np.pi * ((np.arange(frames) + max(frames // START, 1)) % frames) / frames
        self.matrices = np.array([_about(axis / np.linalg.norm(axis), angle) for angle in self.angles])
        self.turned = [symmetry.moved(molecule, R) for R in self.matrices]
        self.moments = [_moments(one) for one in self.turned]
        degrees = np.round(np.degrees(self.angles)).astype(int)
        says = []
        for k in range(frames):
            quarter = k * 4 // frames * frames // 4  # a caption for each frame could not be read
            one, two = (" ".join(f"{x:.1f}" for x in part) for part in self.moments[quarter])
            says.append(f"Turned by {degrees[quarter]}° and more, from a dipole of {one} and a quadrupole of {two}.")
        title = f"{molecule.formula.translate(SUBSCRIPTS)} turns once, and its dipole and quadrupole with it"
        super().__init__(title, [1] * frames, says, fps, poster=0)

    def states(self) -> Iterator[np.ndarray]:
        """Each angle rendered once: uint8 [height, width, 3]."""
        with style(self.theme):
            figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
            grid = figure.add_gridspec(3, 2, height_ratios=[1.25, 1.15, 0.95])
            axes = [figure.add_subplot(grid[k // 2, k % 2]) for k in range(4)]
            bars = figure.add_subplot(grid[2, :])
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        canvas = FigureCanvasAgg(figure)
        reach = float(np.linalg.norm(self.molecule.positions, axis=1).max()) + 0.8
        largest = [np.abs([part[k] for part in self.moments]).max() for k in (0, 1)]
        size = max(_size(two) for _, two in self.moments)
        for angle, R, one, (dipole, quadrupole) in zip(
            self.angles, self.matrices, self.turned, self.moments, strict=True
        ):
            with style(self.theme):
                for ax in (*axes, bars):
                    ax.clear()
                in_space(one, axes[0], reach=reach, title=f"turned by {np.degrees(angle):.0f}°")
                lobes(quadrupole, axes[1], view=(0, 90), reach=1.15 * size, fineness=30, title="its quadrupole")
                matrix(so3.wigner_d(1, R), axes[2], title="R, of vectors (y, z, x)")
                matrix(so3.wigner_d(2, R), axes[3], title="D(R), of quadrupoles")
                self._bars(bars, dipole / largest[0], quadrupole / largest[1])
                canvas.draw()
            figure.set_layout_engine("none")  # nothing moves but what should
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()

    @staticmethod
    def _bars(ax, dipole, quadrupole) -> None:
        """Three numbers and five, each over the largest that it ever has."""
        x = [*range(3), *range(4, 9)]
        values = [*dipole, *quadrupole]
        ax.bar(x, values, color=[POSITIVE if v > 0 else NEGATIVE for v in values], width=0.75)
        ax.axhline(0, color=GRAY, lw=0.8)
        names = ["y", "z", "x", *(f"{m:+d}".replace("-", "−") if m else "0" for m in range(-2, 3))]
        ax.set(xticks=x, xlim=(-0.6, 8.6), ylim=(-1.1, 1.1), yticks=[])
        ax.set_xticklabels(names)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
        for middle, text in ((1, "dipole"), (6, "quadrupole, by m")):
            ax.text(middle, 1.12, text, ha="center", va="bottom", fontsize=10, weight="bold", color=ink(ax))


def rotation(
    molecule: Molecule,
    axis: Sequence[float] = (1.0, 2.0, 2.0),
    *,
    frames: int = 36,
    theme: str = "light",
    fps: float = 6.0,
) -> Rotation:
    """A film: a molecule turns once about an axis, and so do the moments of its nuclear charges.

    Above, the molecule, seen along z, and its quadrupole as lobes, seen likewise; in the middle the matrices of
    degrees 1 and 2 as squares; below, the components of dipole and quadrupole, which these matrices multiply.

    Args:
        molecule: one with positions.
        axis: [3], about which it turns; an oblique one mixes all components.
        frames: angles, 4 to 240; the first is about 60°.
        theme: "light" or "dark".
        fps: frames a second.

    Raises:
        InputError: no positions, no axis, no such theme, or an impossible number of frames.
    """
    return Rotation(molecule, axis, frames, theme, fps)


def _about(u: np.ndarray, angle: float) -> np.ndarray:
    """[3, 3]: the rotation about a unit vector (Rodrigues)."""
    K = np.cross(np.eye(3), u)  # K v = u x v
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def _moments(molecule: Molecule) -> tuple[np.ndarray, np.ndarray]:
    """Of degree 1 and 2, of the nuclear charges about the middle of the atoms: [3], [5]."""
    x = molecule.positions - molecule.positions.mean(axis=0)
    moment = molecule.numbers @ so3.spherical_harmonics(2, x)
    return moment[1:4], moment[4:]


def _size(coefficients: np.ndarray) -> float:
    """How far lobes reach: at most the length of the coefficients times that of Y."""
    return float(np.linalg.norm(coefficients)) * (len(coefficients)) ** 0.5
