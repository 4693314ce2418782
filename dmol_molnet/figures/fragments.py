"""What the atoms of a molecule carry from layer to layer: tables of numbers, irrep by irrep, as coloured squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from dmol_molnet.figures.style import GRAY, ink, new
from dmol_molnet.figures.tables import shade
from dmol_molnet.molecules import InputError

GAP, LAYER_GAP = 0.9, 1.4
"""Between atoms or irreps, and between layers; a square is 1."""


def fragments(
    trace: Sequence[Mapping[str, np.ndarray]],
    symbols: Sequence[str],
    ax: Axes | None = None,
    *,
    channels: int = 4,
    named: bool = True,
    title: str = "",
) -> Figure:
    """Draw the features of atoms, of each layer below those before: a column of tables for each atom.

    A table has a row for each component m of an irrep and a column for each channel.  Orange is positive, blue
    negative, and the strength of a colour the size, relative to all atoms' numbers of this layer and irrep; rotations
    leave that measure alone, so that pictures of a molecule and of its turned copy can be compared.

    Args:
        trace: for each layer, features by irrep, [A, K] or [A, K, 2l+1], as of `Network.trace`.
        symbols: of the atoms, above their tables; padded atoms are left out.
        ax: where; None makes a new figure.
        channels: how many are shown, from the first on.
        named: whether irreps, and layers if there are several, are named to the left.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: there are more symbols than atoms, or no layer.
    """
    if not trace or any(len(h) < len(symbols) for layer in trace for h in layer.values()):
        raise InputError(f"{len(symbols)} atoms need features for each, in one layer or more")
    if ax is None:
        _, ax = new(4.0, 4.0)
    boxes, fills, y = [], [], 0.0
    for t, layer in enumerate(trace):
        top = y
        for irrep, values in layer.items():
            h = np.asarray(values, float)[: len(symbols), :channels]
            h = h.reshape(len(symbols), h.shape[1], -1)  # [A, K, 2l+1]
            scale = 2 * float(np.sqrt((h**2).mean())) or 1.0
            for (v, k, m), value in np.ndenumerate(h):
                left, low = v * (channels + GAP) + k, y - m - 1
                boxes.append([(left, low), (left + 1, low), (left + 1, low + 1), (left, low + 1)])
                fills.append(shade(value, scale))
            if named:
                ax.text(-0.6, y - h.shape[2] / 2, irrep, ha="right", va="center", fontsize=8, color=ink(ax))
            y -= h.shape[2] + GAP
        if named and len(trace) > 1:
            name = f"layer {t}" if t else "start"
            ax.text(-3.6, (top + y + GAP) / 2, name, ha="right", va="center", fontsize=9, color=ink(ax))
        y += GAP - LAYER_GAP
    for v, symbol in enumerate(symbols):
        middle = v * (channels + GAP) + channels / 2
        ax.text(middle, 0.5, f"{symbol}{v}", ha="center", va="bottom", fontsize=9, color=ink(ax))
    ax.add_collection(PolyCollection(boxes, facecolors=fills, edgecolors=GRAY, linewidths=0.3), autolim=False)
    width = len(symbols) * (channels + GAP) - GAP
    ax.set(xlim=(-8.5 if named else -0.3, width + 0.3), ylim=(y + LAYER_GAP - 0.3, 2.0), aspect="equal", title=title)
    ax.set_axis_off()
    return ax.figure
