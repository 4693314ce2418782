"""A film of a molecule that turns once, with what one of its atoms carries: each irrep in its own rhythm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dmol_molnet import so3, symmetry
from dmol_molnet.figures.film import Film
from dmol_molnet.figures.fragments import fragments
from dmol_molnet.figures.space import in_space
from dmol_molnet.figures.style import GRAY, THEMES, ink, style
from dmol_molnet.molecules import InputError, Molecule, quoted

WIDTH, DPI = 5.0, 120
"""Inches, and dots an inch: letters stay legible on a phone."""

MAX_FRAMES = 240


class Turntable(Film):
    """A molecule turned once about the z axis, which points at the reader; made by `turntable`.

    Attributes:
        angles: of each state, in radians.
        runs: for each state, features by irrep, [A, K, 2l+1], recorded at that angle.
    """

    def __init__(
        self,
        molecule: Molecule,
        features,
        frames: int,
        follow: int,
        channel: int,
        theme: str,
        fps: float,
        title: str = "",
    ):
        whole = isinstance(frames, int | np.integer) and not isinstance(frames, bool)
        if not whole or not 4 <= frames <= MAX_FRAMES:
            raise InputError(f"a turn has 4 to {MAX_FRAMES} frames, not {quoted(frames)}")
        if theme not in THEMES:
            raise InputError(f"a theme is {' or '.join(THEMES)}, not {quoted(theme)}")
        if isinstance(follow, bool) or not isinstance(follow, int | np.integer) or not 0 <= follow < len(molecule):
            last = len(molecule) - 1
            raise InputError(f"{molecule} has no atom {quoted(follow)} to follow; its atoms are 0 to {last}")
        self.molecule, self.follow, self.channel, self.theme = molecule, follow, channel, theme
        self.angles = 2 * np.pi * np.arange(frames) / frames
        self.turned = [symmetry.moved(molecule, _about_z(angle)) for angle in self.angles]
        self.runs = [{str(x): _components(h, len(molecule)) for x, h in features(m).items()} for m in self.turned]
        n_channels = min(h.shape[1] for h in self.runs[0].values())
        if isinstance(channel, bool) or not isinstance(channel, int | np.integer) or not 0 <= channel < n_channels:
            raise InputError(f"there are channels 0 to {n_channels - 1}, and no channel {quoted(channel)}")
        name = f"{molecule.symbols[follow]}{follow}"
        quarters = [k * 4 // frames for k in range(frames)]
        says = []
        for quarter in quarters:  # a caption for each frame could not be read
            k = quarters.index(quarter)
            numbers = (f"{x} {' '.join(f'{v:.2f}' for v in run[follow, channel])}" for x, run in self.runs[k].items())
            says.append(
                f"Turned by {np.degrees(self.angles[k]):.0f}° and more. {name} begins with {', '.join(numbers)}."
            )
        title = title or f"{molecule.formula} turns once, and what its atoms carry"
        super().__init__(title, [1] * frames, says, fps, poster=0)

    def states(self) -> Iterator[np.ndarray]:
        """Each angle rendered once: uint8 [height, width, 3]."""
        with style(self.theme):
            figure, (space, squares), markers = self._stage()
        canvas = FigureCanvasAgg(figure)
        reach = float(np.linalg.norm(self.molecule.positions[:, :2], axis=1).max()) + 1.2
        for k, (angle, run) in enumerate(zip(self.angles, self.runs, strict=True)):
            with style(self.theme):
                for ax in (space, squares):
                    ax.clear()
                in_space(self.turned[k], space, numbered=True, reach=reach, title=f"turned by {np.degrees(angle):.0f}°")
                fragments([run], self.molecule.symbols, squares)
                for points, values in markers:
                    points.set_data(np.full(values.shape[1], np.degrees(angle)), values[k])
                canvas.draw()
            figure.set_layout_engine("none")  # nothing moves but what should
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()

    def _stage(self):
        """The figure; the axes of the molecule and of the squares; the points that move, and where they go."""
        irreps = list(self.runs[0])
        heights = [2.1, 1.9, *[1.35] * len(irreps)]
        figure = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI, layout="constrained")
        rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        left = [figure.add_subplot(rows[k]) for k in (0, 1)]
        right = [figure.add_subplot(rows[k + 2]) for k in range(len(irreps))]
        markers = [self._curves(ax, irrep) for ax, irrep in zip(right, irreps, strict=True)]
        right[-1].set_xlabel("turned by (degrees)")
        for ax in right[:-1]:
            ax.tick_params(labelbottom=False)
        return figure, left, markers

    def _curves(self, ax, irrep: str):
        """The components of the atom's irrep against the angle, and the points that will move along them."""
        values = np.array([run[irrep][self.follow, self.channel] for run in self.runs])  # [frames, 2l+1]
        l = so3.Irrep.of(irrep).l
        x = np.degrees(np.append(self.angles, 2 * np.pi))
        ax.axhline(0, color=GRAY, lw=0.6)
        for m, column in zip(range(-l, l + 1), values.T, strict=True):
            how = {"color": f"C{abs(m)}", "ls": "--" if m < 0 else "-", "label": f"m = {m}".replace("-", "−")}
            ax.plot(x, np.append(column, column[0]), lw=1.6, **how)
        (points,) = ax.plot([], [], "o", ms=6, color=ink(ax), zorder=5)
        name = f"{self.molecule.symbols[self.follow]}{self.follow}"
        size = np.abs(values).max() or 1.0
        ax.set(
            xlim=(0, 360), xticks=range(0, 361, 90), ylim=(-1.15 * size, 1.15 * size), title=f"{irrep} of {name}",
        )  # fmt: skip
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
        return points, values


def turntable(
    molecule: Molecule,
    features: Callable[[Molecule], Mapping[str, np.ndarray]],
    *,
    frames: int = 36,
    follow: int = 0,
    channel: int = 0,
    theme: str = "light",
    fps: float = 6.0,
    title: str = "",
) -> Turntable:
    """A film: the molecule turns once about the z axis; beside it, what its atoms carry at each angle.

    Above, the molecule and all atoms' features as squares, as of `fragments`; below, against the angle, the numbers of
    one atom and channel.  A component with m = 0 stays, one with |m| comes back |m| times.

    Args:
        molecule: one with positions.
        features: of a molecule: by irrep, [A, K] or [A, K, 2l+1], as an entry of `Network.trace`; asked anew for each
            angle, so that what is shown is what the network computes.
        frames: angles, 4 to 240.
        follow: the atom whose numbers are followed.
        channel: and their channel.
        theme: "light" or "dark".
        fps: frames a second.
        title: none makes one from the formula.

    Raises:
        InputError: no such atom, channel or theme, or an impossible number of frames.
    """
    return Turntable(molecule, features, frames, follow, channel, theme, fps, title)


def _about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _components(h, n_atoms: int) -> np.ndarray:
    """[A, K, 2l+1] without padded atoms."""
    h = np.asarray(h, float)[:n_atoms]
    return h.reshape(*h.shape[:2], -1)
