"""A story as a film, and as a still with numbered panels.

A `Scene` builds the artists of a story once and sets them to any step; a film renders each distinct state once, on a
kept background.  Lengths on the canvas are inches.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from dmol_molnet.figures import tables
from dmol_molnet.figures.draw import HIGHLIGHT
from dmol_molnet.figures.film import Film
from dmol_molnet.figures.story import Panel, Row, Step, Story, View
from dmol_molnet.figures.style import GRAY, ON_COLOR, THEMES, show, style
from dmol_molnet.molecules import InputError, quoted

SIZE = 14.0, 6.0
"""Width and height of a film, in inches."""

DPI = 100

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark }} body {{ font-family: sans-serif; margin: 1rem auto; max-width: 60rem;
  padding: 0 1rem }}</style>
</head>
<body><main>
<h1>{title}</h1>
{body}
</main></body>
</html>
"""


class Slot(NamedTuple):
    """A place on the canvas: left, bottom, width and height in inches."""

    x: float
    y: float
    width: float
    height: float


class Scene:
    """The artists of a story on axes in inches: built once, set to any step.

    Args:
        ax: where; its data coordinates are inches.
        story: what is shown.
        panels: the slot of each panel that is shown, by its number.
        ledger: the slot of the calculation, or None.
        scale: the largest number of inches for a bond.
    """

    def __init__(self, ax: Axes, story: Story, panels: dict[int, Slot], ledger: Slot | None, scale: float = 0.8):
        self.ax, self.story, self.ink = ax, story, ax.title.get_color()
        self._kept: dict[tuple, list[Artist]] = {}
        title = 0.3  # inches above each slot's content
        self._at = {k: _fit(story.panels[k].box, slot, title, scale) for k, slot in panels.items()}
        self._titles = {k: (slot.x + slot.width / 2, slot.y + slot.height) for k, slot in panels.items()}
        for k in panels:
            self._background(story.panels[k], self._at[k])
        if ledger is not None:
            self._at["ledger"] = _fit(story.ledger, ledger, title, scale)
            self._titles["ledger"] = ledger.x + ledger.width / 2, ledger.y + ledger.height

    def parts(self, step: Step) -> dict[int | str, list[tuple]]:
        """What a step shows, by slot: the keys of its parts in the order in which they are drawn."""
        return {k: list(self._ledger(step) if k == "ledger" else self._view(k, step.views[k])) for k in self._titles}

    def artists(self, part: tuple) -> list[Artist]:
        """The artists of a part; invisible, and left out of the figure's own drawing, until somebody shows them."""
        if part not in self._kept:
            kind, k, *rest = part
            self._kept[part] = getattr(self, f"_{kind}")(k, *rest)
            for artist in self._kept[part]:
                artist.set_animated(True)
        return self._kept[part]

    def _ledger(self, step: Step) -> Iterator[tuple]:
        yield "title", "ledger", step.heading
        yield from (("row", "ledger", row) for row in step.ledger)

    def _view(self, k: int, view: View) -> Iterator[tuple]:
        """What stays for many steps comes first: a film then draws only what is new."""
        yield "title", k, view.title
        yield from (("node", k, v, *face) for v, face in view.faces.items())
        yield from (part for v, row in view.rows.items() for part in (("leader", k, v), ("row", k, row)))
        yield from (("arrow", k, *edge) for edge in view.arrows)
        yield from (("ring", k, v) for v in view.focus)

    def _background(self, panel: Panel, at: _Place) -> None:
        """What no step changes: bonds, circles and their letters."""
        self._strokes(at, panel.lines, self.ink, 1.6, 1)
        for node in panel.nodes:
            self._circle(at, node, node.text, node.fill, 2)

    def _strokes(self, at: _Place, lines: Sequence, shade: str, width: float, zorder: float) -> Artist:
        segments = at(np.array(lines).reshape(-1, 2, 2))
        strokes = LineCollection(segments, colors=shade, linewidths=width, capstyle="round", zorder=zorder)
        return self.ax.add_collection(strokes, autolim=False)

    def _leader(self, k: int, v: int) -> list[Artist]:
        lines = [line for u, *line in self.story.panels[k].leaders if u == v]
        return [self._strokes(self._at[k], lines, GRAY, 0.8, 4.5)] if lines else []

    def _circle(self, at: _Place, node, text: str, fill: str, zorder: float) -> list[Artist]:
        circle = Circle(at((node.x, node.y)), node.radius * at.scale, fc=fill, ec=ON_COLOR, lw=1.0, zorder=zorder)
        self.ax.add_patch(circle)
        return [circle, self._text(at((node.x, node.y)), text, node.size * at.scale, ON_COLOR, zorder=zorder + 0.5)]

    def _node(self, k: int, v: int, text: str, fill: str) -> list[Artist]:
        return self._circle(self._at[k], self.story.panels[k].nodes[v], text, fill, 3)

    def _ring(self, k: int, v: int) -> list[Artist]:
        node, at = self.story.panels[k].nodes[v], self._at[k]
        radius = (node.radius + 0.07) * at.scale
        return [self.ax.add_patch(Circle(at((node.x, node.y)), radius, fill=False, ec=HIGHLIGHT, lw=2.5, zorder=8))]

    def _arrow(self, k: int, sender: int, receiver: int) -> list[Artist]:
        corners = self._at[k](np.array(self.story.panels[k].arrow(sender, receiver)))
        return [self.ax.add_patch(Polygon(corners, fc=HIGHLIGHT, ec="none", zorder=7))]

    def _row(self, k: int | str, row: Row) -> list[Artist]:
        """Cells with their numbers, a name to the left, a rule above."""
        at, (width, height) = self._at[k], tables.CELL
        lefts = row.x + width * np.arange(len(row.texts))
        bottom, top = row.y - height / 2, row.y + height / 2
        boxes = [[(x, bottom), (x + width, bottom), (x + width, top), (x, top)] for x in lefts]
        cells = PolyCollection(
            [at(np.array(box)) for box in boxes], facecolors=row.fills, edgecolors=GRAY, linewidths=0.6, zorder=5
        )
        artists: list[Artist] = [self.ax.add_collection(cells, autolim=False)]
        for x, text in zip(lefts, row.texts, strict=True):
            artists.append(self._text(at((x + width / 2, row.y)), text, tables.DIGITS * at.scale, ON_COLOR, zorder=6))
        if row.name:
            place = at((row.x - 0.1, row.y))
            artists.append(self._text(place, row.name, 0.2 * at.scale, self.ink, ha="right", zorder=6))
        if row.rule:
            ends = (self.story.ledger[0], top + 0.04), (row.x + width * len(row.texts), top + 0.04)
            artists.append(self._strokes(at, ends, self.ink, 0.8, 6))
        return artists

    def _title(self, k: int | str, text: str) -> list[Artist]:
        return [self._text(self._titles[k], text, 0.15, self.ink, va="top", weight="bold", zorder=2.9)]

    def _text(self, at, text: str, size: float, shade: str, ha="center", va="center_baseline", **options) -> Text:
        """Letters of `size` inches."""
        return self.ax.text(*at, text, fontsize=72 * size, color=shade, ha=ha, va=va, **options)


class _Place(NamedTuple):
    """From the coordinates of a panel to inches: x -> scale x + shift."""

    scale: float
    shift: np.ndarray

    def __call__(self, points) -> np.ndarray:
        return self.scale * np.asarray(points, float) + self.shift


def _fit(box: tuple[float, float, float, float], slot: Slot, above: float, largest: float) -> _Place:
    """The box in the middle of the slot, as large as fits below `above` inches."""
    low, high = np.array(box[:2]), np.array(box[2:])
    room = np.array([slot.width, slot.height - above])
    scale = min(*(room / np.maximum(high - low, 1e-6)), largest)
    return _Place(scale, np.array([slot.x, slot.y]) + room / 2 - scale * (low + high) / 2)


def _canvas(width: float, height: float, theme: str = "light") -> tuple[Figure, Axes]:
    """A figure with one pair of axes all over it, in inches."""
    with style(theme):
        figure = Figure(figsize=(width, height), dpi=DPI)
        ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


# ------------------------------------------------------------------------------------------------ still


def still(story: Story, steps: Sequence[int] | None = None, theme: str = "light") -> Figure:
    """The story in short: numbered panels, each what one step shows best.

    Args:
        story: what is told.
        steps: which; None takes those that tell it.
        theme: "light", also for `show`, or "dark", for files.

    Raises:
        InputError: a step that there is not.
    """
    chosen = list(story.telling if steps is None else steps)
    for k in chosen:
        if not isinstance(k, int | np.integer) or not 0 <= k < len(story.steps):
            raise InputError(f"the steps are 0 to {len(story.steps) - 1}; there is no step {quoted(k)}")
    if not chosen:
        raise InputError("there must be a step to show")
    n_panels = len(story.panels)
    whole = any(story.steps[k].part == "all" for k in chosen)
    columns = min(3 if whole else 2, len(chosen))
    rows = -(-len(chosen) // columns)
    width, gap, head = 8.0 / columns, 0.25, 0.35
    left, bottom, right, top = story.panels[0].box
    inner = width - gap
    tall = min(inner * (top - bottom) / (right - left), 3.0) + 0.3
    tall *= n_panels if whole else 1
    figure, ax = _canvas(8.0, rows * (tall + head + gap), theme)
    shade = ax.title.get_color()
    for n, k in enumerate(chosen):
        step = story.steps[k]
        x, y = n % columns * width + gap / 2, (rows - 1 - n // columns) * (tall + head + gap) + gap / 2
        if step.part == "all":
            each = tall / n_panels
            slots = {p: Slot(x, y + (n_panels - 1 - p) * each, inner, each) for p in range(n_panels)}
            scene = Scene(ax, story, slots, None)
        elif step.part == "ledger":
            scene = Scene(ax, story, {}, Slot(x, y, inner, tall), 0.62)
        else:
            scene = Scene(ax, story, {step.part: Slot(x, y, inner, tall)}, None)
        for part in (part for parts in scene.parts(step).values() for part in parts):
            for artist in scene.artists(part):
                artist.set_animated(False)
        label = step.counter if step.part == "all" else _short(step.counter)
        ax.text(x, y + tall + head / 2, f"{n + 1}", fontsize=11, fontweight="bold", va="center", color=shade)
        ax.text(x + 0.28, y + tall + head / 2, label, fontsize=10, va="center", color=shade)
    return figure


def _short(counter: str) -> str:
    """A counter without its number of steps."""
    return " · ".join(part for part in counter.split(" · ") if not part.startswith("step "))


# ------------------------------------------------------------------------------------------------ film


class Animation(Film):
    """A story as a film.

    Attributes:
        story: what is told.
        theme: "light" or "dark".
        fps: frames a second; a step stays for its `hold` of them.
    """

    def __init__(self, story: Story, theme: str = "light", fps: float = 1.0):
        if theme not in THEMES:
            raise InputError(f"a theme is {' or '.join(THEMES)}, not {quoted(theme)}")
        self.story, self.theme = story, theme
        super().__init__(
            story.title,
            holds=[step.hold for step in story.steps],
            says=[f"{step.counter}: {step.sentence}" for step in story.steps],
            fps=fps,
            poster=story.telling[-1],
        )

    @cached_property
    def _stage(self) -> _Stage:
        return _Stage(self.story, self.theme)

    def states(self) -> Iterator[np.ndarray]:
        """Each step rendered once: uint8 [height, width, 3]."""
        for step in self.story.steps:
            yield self._stage.render(step)

    def _writers(self) -> dict[str, Callable[[Path], None]]:
        return {**super()._writers(), ".html": self._html, ".svg": self._still, ".png": self._still}

    def _still(self, path: Path) -> None:
        with style(self.theme):
            still(self.story, theme=self.theme).savefig(path, dpi=2 * DPI)

    def _html(self, path: Path) -> None:
        from dmol_molnet.figures.stepper import stepper

        picture = stepper(self.story, show(still(self.story), alt=in_words(self.story)))
        title = html.escape(self.story.title)
        path.write_text(PAGE.format(title=title, body=picture._repr_html_()), encoding="utf-8")


def animate(story: Story, theme: str = "light", fps: float = 1.0) -> Animation:
    """The story as a film: shown in a notebook or page, and saved to .mp4 or .gif.

    Args:
        story: from `messages`, `refinement` or `turning`.
        theme: "light" or "dark".
        fps: frames a second; each step stays for one or a few.

    Raises:
        InputError: another theme or an impossible number of frames.
    """
    return Animation(story, theme, fps)


def in_words(story: Story) -> str:
    """What the still of a story shows, step by step: its text alternative."""
    return " ".join(f"{n}. {story.steps[k].sentence}" for n, k in enumerate(story.telling, 1))


class _Stage:
    """The canvas of a film: panels, the calculation between them, the counter above, the sentence below."""

    def __init__(self, story: Story, theme: str):
        width, height = SIZE
        self.figure, self.ax = _canvas(width, height, theme)
        self.canvas = FigureCanvasAgg(self.figure)
        low, high = 0.95, height - 0.75  # sentence below, counter above
        side = (width - 0.6 - _ledger_width(story)) / len(story.panels)
        slots = {k: Slot(0.2, low, side, high - low) for k in range(len(story.panels))}
        middle = 0.3 + side
        if len(slots) == 2:
            slots[1] = Slot(width - 0.2 - side, low, side, high - low)
        ledger = Slot(middle, low, _ledger_width(story), high - low)
        self.scene = Scene(self.ax, story, slots, ledger, 0.72)
        self.slots = {**slots, "ledger": ledger}
        self.slots |= {"counter": Slot(0, high + 0.1, width, height - high - 0.1), "sentence": Slot(0, 0, width, low)}
        self.canvas.draw()
        self._chains = {k: [((), self._copy(k))] for k in self.slots}
        self._texts: dict[tuple, Text] = {}

    def parts(self, step: Step) -> dict[int | str, list[tuple]]:
        """What a step shows, by slot, in the order of drawing."""
        texts = {"counter": [("counter", step.counter)], "sentence": [("sentence", step.sentence)]}
        return self.scene.parts(step) | texts

    def artists(self, part: tuple) -> list[Artist]:
        """The artists of a part."""
        if part[0] not in ("counter", "sentence"):
            return self.scene.artists(part)
        if part not in self._texts:
            self._texts[part] = self._write(*part)
        return [self._texts[part]]

    def render(self, step: Step) -> np.ndarray:
        """A step as it looks: uint8 [height, width, 3].

        For each slot, the picture after each part is kept, as long as the next step begins with the same parts.
        """
        for k, parts in self.parts(step).items():
            chain = self._chains[k]
            while chain[-1][0] != tuple(parts[: len(chain) - 1]):
                chain.pop()
            self.canvas.restore_region(chain[-1][1])
            for n in range(len(chain) - 1, len(parts)):
                for artist in self.artists(parts[n]):
                    self.ax.draw_artist(artist)
                chain.append((tuple(parts[: n + 1]), self._copy(k)))
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()

    def _copy(self, k: int | str):
        slot = self.slots[k]
        return self.canvas.copy_from_bbox(Bbox.from_bounds(*(DPI * np.array(slot))))

    def _write(self, kind: str, text: str) -> Text:
        if kind == "counter":
            place, size, va, weight = (0.3, SIZE[1] - 0.35), 15, "center", "bold"
        else:
            lines = textwrap.wrap(text, 140)
            place, size, va, weight = (0.3, 0.82), 13 if len(lines) <= 3 else 39 / len(lines), "top", "normal"
            text = "\n".join(lines)
        ink = self.scene.ink
        return self.ax.text(*place, text, fontsize=size, fontweight=weight, color=ink, va=va, zorder=7, animated=True)


def _ledger_width(story: Story) -> float:
    left, _, right, _ = story.ledger
    return min(max(0.66 * (right - left), 1.9), 4.2)
