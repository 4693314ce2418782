"""How fast the methanol animation is made, beside redrawing every frame through networkx: writes animate.md.

    python benchmarks/animate.py [--repeats 5]

Both make an MP4 and a GIF of the same 48 frames, 14 x 6 inches at 100 dpi, with the same circles, numbers, calculation
and sentences, in one run, in turn.  The plain way clears a pyplot figure for every frame, draws the molecule with
`networkx.draw`, every table with `Axes.table`-like rectangles and texts, and lets moviepy ask for each frame, once for
each file.  A second column gives the plain drawing our encoders: each frame is drawn once and written as ours are.
"""

import argparse
import os
import platform
import statistics
import tempfile
import textwrap
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib
import moviepy
import networkx as nx
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
from moviepy.video.VideoClip import VideoClip

from dmol_molnet import Molecule, figures
from dmol_molnet.figures import tables
from dmol_molnet.nn.message_passing import MessagePassing, directed_edges, one_hot


def methanol():
    """The story of two layers on methanol."""
    keras.utils.set_random_seed(7)
    molecule = Molecule.example("methanol")
    h, edges = one_hot(molecule, elements=("H", "C", "O")), directed_edges(molecule)
    traces = []
    for _ in range(2):
        traces.append(MessagePassing(3)(h, *edges, trace=True))
        h = traces[-1].outputs
    return figures.messages(molecule, traces, columns=("H", "C", "O"))


def cells(ax, row):
    """A row of numbers with its name and rule."""
    width, height = tables.CELL
    for k, (text, fill) in enumerate(zip(row.texts, row.fills, strict=True)):
        x = row.x + k * width
        ax.add_patch(Rectangle((x, row.y - height / 2), width, height, fc=fill, ec="gray", lw=0.6))
        ax.text(x + width / 2, row.y, text, ha="center", va="center", fontsize=8)
    if row.name:
        ax.text(row.x - 0.1, row.y, row.name, ha="right", va="center", fontsize=9)
    if row.rule:
        ax.plot([row.x - 1, row.x + width * len(row.texts)], [row.y + height / 2 + 0.04] * 2, "k", lw=0.8)


def plain_frame(figure, story, step):
    """One frame, drawn from nothing."""
    figure.clear()
    axes = figure.subplots(1, 3, width_ratios=[5, 3, 5])
    for ax, panel, view in zip(axes[::2], story.panels, step.views, strict=True):
        graph = nx.Graph([(u, v) for u, v, _ in panel.edges])
        at = {v: (node.x, node.y) for v, node in enumerate(panel.nodes)}
        nx.draw(
            graph,
            at,
            ax=ax,
            nodelist=list(at),
            node_color=[node.fill for node in panel.nodes],
            node_size=[5000 * node.radius**2 for node in panel.nodes],
            edgecolors=["crimson" if v in view.focus else "black" for v in at],
            labels={v: node.text for v, node in enumerate(panel.nodes)},
        )
        for sender, receiver in view.arrows:
            ax.annotate("", at[receiver], at[sender], arrowprops={"arrowstyle": "->", "color": "crimson", "lw": 3})
        for row in view.rows.values():
            cells(ax, row)
        left, bottom, right, top = panel.box
        ax.set(xlim=(left, right), ylim=(bottom, top), title=view.title)
        ax.set_aspect("equal")
    for row in step.ledger:
        cells(axes[1], row)
    left, bottom, right, top = story.ledger
    axes[1].set(xlim=(left, right), ylim=(bottom, top), title=step.heading)
    axes[1].set_axis_off()
    figure.suptitle(step.counter, fontsize=15, fontweight="bold")
    figure.text(0.02, 0.05, "\n".join(textwrap.wrap(step.sentence, 140)), fontsize=13)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def plain(story, folder, fps=1):
    """MP4 and GIF, every frame redrawn whenever moviepy asks for one."""
    steps = [step for step in story.steps for _ in range(step.hold)]
    figure = plt.figure(figsize=(14, 6), dpi=100)
    clip = VideoClip(lambda t: plain_frame(figure, story, steps[min(int(t * fps + 1e-6), len(steps) - 1)]))
    clip.duration = clip.end = len(steps) / fps
    clip.write_videofile(str(folder / "plain.mp4"), fps=fps, codec="libx264", audio=False, logger=None)
    clip.write_gif(str(folder / "plain.gif"), fps=fps, logger=None)
    plt.close(figure)


def plain_drawing(story, folder):
    """Every frame redrawn once; our encoders."""
    figure = plt.figure(figsize=(14, 6), dpi=100)
    frames = [plain_frame(figure, story, step) for step in story.steps for _ in range(step.hold)]
    plt.close(figure)
    firsts = np.cumsum([0, *(step.hold for step in story.steps[:-1])])
    film = figures.animate(story)
    film.__dict__["_states"] = [frames[k] for k in firsts]
    film.save(folder / "drawing.mp4")
    film.save(folder / "drawing.gif")


def ours(story, folder):
    """The package's way, from nothing."""
    film = figures.animate(story)
    film.save(folder / "ours.mp4")
    film.save(folder / "ours.gif")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    story = methanol()
    ways = {"plain": plain, "plain drawing, our encoders": plain_drawing, "ours": ours}
    times = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours(story, folder)  # loads the encoders
        for _ in range(arguments.repeats):
            for way, make in ways.items():
                start = time.perf_counter()
                make(story, folder)
                times[way].append(time.perf_counter() - start)
        sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    lines = [
        "# The methanol animation",
        "",
        f"`python benchmarks/animate.py --repeats {arguments.repeats}`: MP4 and GIF of {story.n_frames} frames "
        f"({len(story.steps)} states), 14 x 6 inches at 100 dpi. Medians of {arguments.repeats} turns; the ratio is "
        "the median of the ratios of each turn.",
        "",
        "| way | seconds | times as long as ours | MP4, kB | GIF, kB |",
        "| --- | --- | --- | --- | --- |",
    ]
    names = dict(zip(ways, ("plain", "drawing", "ours"), strict=True))
    for way, seconds in times.items():
        ratio = statistics.median(s / o for s, o in zip(seconds, times["ours"], strict=True))
        kilobytes = " | ".join(f"{sizes[f'{names[way]}.{kind}'] / 1000:.0f}" for kind in ("mp4", "gif"))
        lines.append(f"| {way} | {statistics.median(seconds):.2f} | {ratio:.1f} | {kilobytes} |")
    lines += [
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, matplotlib "
        f"{matplotlib.__version__}, moviepy {moviepy.__version__}.",
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
