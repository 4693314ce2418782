"""The figure of the SchNet chapter: an atom crosses the cutoff of another, under three cutoff functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import tensorflow as tf

from dmol_molnet.figures import GRAY, new, show
from dmol_molnet.figures.draw import ELEMENT_COLORS, HIGHLIGHT
from dmol_molnet.figures.space import OTHER_RADIUS, RADII
from dmol_molnet.figures.style import ON_COLOR, ink
from dmol_molnet.live.page import Figure
from dmol_molnet.molecules import Molecule
from dmol_molnet.nn import schnet
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.radial import cosine_cutoff

ENDINGS = {
    "cosine": cosine_cutoff,
    "kink": lambda r, cutoff: tf.nn.relu(1 - r / cutoff),
    "jump": lambda r, cutoff: tf.cast(r < cutoff, r.dtype),
}
"""What may end a filter at the cutoff, as in the chapter."""

LINES = {"cosine": ("C2", "-"), "kink": ("C1", "--"), "jump": ("C0", ":")}
SIZES = {"channels": 4, "layers": 1, "radial": 5, "seed": 46}
"""A seed whose forces are not much larger than the steps that the endings make in them."""

BEGIN, FIRST, LAST = 4.6, 1.0, 5.8  # Å: where the atom is at first, and where it may go
LIMITS = {"filters": (-1.0, 1.0), "energy": (-1.12, -0.88), "force": (-0.06, 0.08)}
TICKS = {"filters": [-1, 0, 1], "energy": [-1.1, -1.0, -0.9], "force": [-0.05, 0, 0.05]}
UNITS = {"filters": "filters", "energy": "energy (eV)", "force": "force (eV/Å)"}


@contextmanager
def ended(name: str) -> Iterator[None]:
    """Inside, filters of SchNet end by one of the `ENDINGS`."""
    with patch.object(schnet, "cosine_cutoff", ENDINGS[name]):
        yield


def pairs(r: np.ndarray) -> list[Molecule]:
    """An oxygen at the origin, and a hydrogen at x = r [N] Å."""
    return [Molecule([8, 1], [[0, 0, 0], [x, 0, 0]]) for x in r]


def asked(network: schnet.SchNet, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Filters [N, K], energies [N] eV, and forces on the hydrogen along x [N] eV/Å, at r [N] Å."""
    graph = MolecularGraph.from_molecules(pairs(r), network.cutoff)
    x = tf.cast(graph.positions, network.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        energies = network(graph, x)
    forces = -tape.gradient(energies, x).numpy()
    filters = network.interactions[0].filters(tf.constant(r, network.compute_dtype))
    return filters.numpy(), energies.numpy()[: len(r)], forces[1 : 2 * len(r) : 2, 0]


def crossing() -> dict:
    """What `cutoff.js` reads: the weights of a network, and how to draw."""

    def dense(layer):
        bias = layer.bias.numpy().astype(float).tolist() if layer.use_bias else None
        return {"kernel": layer.kernel.numpy().astype(float).tolist(), "bias": bias}

    network = schnet.SchNet(**SIZES)
    layer = network.interactions[0]
    return {
        "sizes": SIZES,
        "network": {
            "cutoff": network.cutoff,
            "radial": SIZES["radial"],
            "features": network.embedding.embeddings.numpy().astype(float)[[8, 1]].tolist(),
            "filter": [dense(one) for one in layer.filter],
            "sender": dense(layer.sender),
            "update": [dense(one) for one in layer.update],
            "readout": [dense(one) for one in network.readout],
        },
        "begin": BEGIN,
        "range": [FIRST, LAST],
        "charts": [
            {"key": key, "name": UNITS[key], "limits": LIMITS[key], "ticks": TICKS[key]}
            for key in ("filters", "energy", "force")
        ],
    }


def crossing_still():
    """The two atoms, and along their line the filters of a jump, energies and forces of all three."""
    network = schnet.SchNet(**SIZES)
    end = network.cutoff
    sides = np.linspace(FIRST, end - 1e-4, 161), np.linspace(end, LAST, 21)  # so that no line is drawn along a jump
    figure, axes = new(4.4, 6.0, nrows=4, sharex=True, height_ratios=[0.55, 1, 1, 1])
    for name, (color, line) in LINES.items():
        lw = 2.6 if name == "jump" else 1.2
        for side in sides:
            with ended(name):
                filters, energy, force = asked(network, side)
            if name == "jump":
                axes[1].plot(side, filters, color=ink(axes[1]), lw=1.2)
            axes[2].plot(side, energy, line, color=color, lw=lw, label=name if side is sides[0] else None)
            axes[3].plot(side, force, line, color=color, lw=lw)
    with ended("jump"):
        _, *found = asked(network, np.array([end - 1e-4, end]))
    for ax, (inside, outside) in zip(axes[2:], found, strict=True):
        ax.plot([end, end], [inside, outside], color=HIGHLIGHT, lw=1.6)
        ax.text(
            end + 0.1,
            (inside + outside) / 2,
            f"{outside - inside:.3f}".replace("-", "\N{MINUS SIGN}"),
            va="center",
            fontsize=9,
        )
    for ax, key in zip(axes[1:], LIMITS, strict=True):
        ax.set(ylabel=UNITS[key], ylim=LIMITS[key], yticks=TICKS[key])
    for ax in axes:
        ax.axvline(end, color=GRAY, ls=":", lw=1.2)
        ax.axvline(BEGIN, color=GRAY, lw=1)
    for symbol, x in [("O", 0), ("H", BEGIN)]:
        size = 30 * RADII.get(symbol, OTHER_RADIUS) / OTHER_RADIUS
        axes[0].plot(x, 0, "o", ms=size, color=ELEMENT_COLORS[symbol], mec=ON_COLOR, mew=0.8, clip_on=False)
        axes[0].text(x, 0, symbol, color=ON_COLOR, ha="center", va="center")
    axes[0].set(xlim=(-0.3, 6), ylim=(-1, 1))
    axes[0].text(end + 0.08, 0.62, "cutoff", fontsize=9)
    axes[0].set_axis_off()
    axes[2].legend(loc="lower left", ncols=3, frameon=False, handlelength=1.6, columnspacing=1)
    axes[3].set(xlabel="distance (Å)")
    return show(
        figure,
        alt=f"An oxygen, and a hydrogen {BEGIN} Å from it. Below, against their distance: four filters that jump to "
        f"zero at the cutoff, {end:.0f} Å; energies, of which that of the jump jumps there and those of kink and "
        "cosine do not; forces, of which those of jump and kink jump, and that of the cosine does not.",
    )


FIGURES = {"cutoff": Figure(crossing_still, data=crossing)}
