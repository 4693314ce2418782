"""Molecules and graphs, their colours round by round, and histograms of colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from dmol_molnet import wl
from dmol_molnet.figures import tables
from dmol_molnet.figures.style import COLORS, GRAY, ON_COLOR, color, ink, new
from dmol_molnet.molecules import InputError, Molecule, quoted

ELEMENT_COLORS = {
    **{"H": "#eceff1", "C": "#b9c0c8", "N": "#8fb4ff", "O": "#ff8f85", "F": "#b2e57a", "Cl": "#7fdc7f"},
    **{"Br": "#d08f5f", "I": "#c58ae0", "S": "#ffe066", "P": "#ffb35c"},
}
"""Fills by element, after the usual code but light enough for dark letters."""

OTHER_ELEMENT = "#d8c8b8"

HIGHLIGHT = "#c2185b"


def draw(
    graph: nx.Graph | Molecule,
    ax: Axes | None = None,
    *,
    colors: Mapping[Hashable, int] | None = None,
    labels: Mapping[Hashable, str] | None = None,
    fills: Mapping[Hashable, str] | None = None,
    features: np.ndarray | None = None,
    positions: Mapping[Hashable, Sequence[float]] | None = None,
    highlight: Sequence[tuple[Hashable, Hashable]] = (),
    radius: float = 0.36,
    title: str = "",
) -> Figure:
    """Draw a molecule, in RDKit's plane coordinates, or a graph.

    Args:
        graph: what to draw; a molecule's atoms are named 0 … A-1.
        ax: where; None makes a new figure.
        colors: a class for each node, shown by the fill and, without labels, by its number; elements otherwise.
        labels: text on the nodes; element symbols (of a graph: names) where there are neither labels nor colors.
        fills: the fill of each node, where it shows neither a class nor an element.
        features: float [A, F], a small table beside each node, one coloured cell a number, in the order of the nodes.
        positions: plane coordinates by node, in units of about a bond length; None lays the drawing out.
        highlight: edges to stress.
        radius: of a node.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: a node that has no colour, label or position though others have.
    """
    if ax is None:
        _, ax = new(4.0, 3.2)
    nodes, edges, orders, texts, own_fills = parts(graph)
    at = layout(graph) if positions is None else positions
    for given, what in ((colors, "colour"), (labels, "label"), (fills, "fill"), (at, "position")):
        for node in nodes:
            if given is not None and node not in given:
                raise InputError(f"node {node!r} has no {what}")
    if colors is not None:
        texts = {v: str(colors[v]) for v in nodes}
        fills = fills or {v: color(colors[v]) for v in nodes}
    texts = texts if labels is None else labels
    fills = own_fills if fills is None else fills

    stressed = {frozenset(edge) for edge in highlight}
    loops = [u for u, v in edges if u == v]
    lines, widths, shades = [], [], []
    for (u, v), order in zip(edges, orders, strict=True):
        for line in bond_lines(np.asarray(at[u], float), np.asarray(at[v], float), order):
            lines.append(line)
            widths.append(4.5 if frozenset((u, v)) in stressed else 1.6)
            shades.append(HIGHLIGHT if frozenset((u, v)) in stressed else ink(ax))
    ax.add_collection(LineCollection(lines, linewidths=widths, colors=shades, zorder=1, capstyle="round"))
    for v in loops:
        x, y = at[v]
        ax.add_patch(Circle((x, y + 1.3 * radius), radius, fill=False, ec=ink(ax), lw=1.6, zorder=1))
    radii = [radius * size for size in sizes(graph)]
    for v, r in zip(nodes, radii, strict=True):
        ax.add_patch(Circle(at[v], r, fc=fills[v], ec=ON_COLOR, lw=1.0, zorder=2))
        ax.text(
            *at[v],
            texts[v],
            ha="center",
            va="center_baseline",
            color=ON_COLOR,
            zorder=3,
            fontsize=9 if r > 0.3 else 7.5,
        )
    points = np.array([at[v] for v in nodes], float).reshape(-1, 2)
    if features is not None:
        if np.ndim(features) != 2 or len(features) != len(nodes):
            raise InputError(f"features are a table [{len(nodes)}, F], a row for each node, not {np.shape(features)}")
        corners = _tables(ax, at, nodes, lines, np.asarray(features, float), np.array(radii))
        points = np.concatenate([points, corners])
    if len(points):
        low, high = points.min(0) - 1.6 * radius, points.max(0) + 1.6 * radius
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(title)
    return ax.figure


def rounds(
    g: nx.Graph | Molecule,
    h: nx.Graph | Molecule,
    names: tuple[str, str] = ("first", "second"),
    node_label: wl.Label = None,
    edge_label: wl.Label = None,
    show_rounds: Sequence[int] | None = None,
    positions: tuple[Mapping, Mapping] | None = None,
) -> Figure:
    """Colour refinement of two graphs or molecules side by side, round by round, with the histograms below.

    Args:
        g, h, node_label, edge_label: as for `wl.compare`.
        names: of the two, for titles and legend.
        show_rounds: which rounds; None shows the first four and the last.
        positions: plane coordinates of both, by node; None lays the drawings out.

    Raises:
        InputError: as `wl.compare`; a round that there is not.
    """
    found = wl.compare(g, h, node_label=node_label, edge_label=edge_label)
    one, two = found.refinements
    if show_rounds is None:
        show_rounds = sorted({*range(min(4, one.rounds + 1)), one.rounds})
    for t in show_rounds:
        if not 0 <= t <= one.rounds:
            raise InputError(f"the last round that changed a colour is round {one.rounds}; there is no round {t}")
    if not len(show_rounds):
        raise InputError("there must be a round to show")
    n_columns = len(show_rounds)
    ratios = {"height_ratios": [1, 1, 0.6]}
    figure, axes = new(
        8.0, 1.3 + 1.6 * 8 / max(3, n_columns), nrows=3, ncols=n_columns, squeeze=False, gridspec_kw=ratios
    )
    at = positions or (layout(g), layout(h))
    for column, t in zip(axes.T, show_rounds, strict=True):
        both = one.history[t], two.history[t]
        for ax, graph, colors, where in zip(column, (g, h), both, at, strict=False):
            draw(graph, ax, colors=colors, positions=where)
        column[0].set_title(f"round {t}")
        histogram(*both, ax=column[2], names=names)
        if t != show_rounds[0]:
            column[2].set_ylabel("")
    for ax, name in zip(axes[:, 0], names, strict=False):
        ax.text(-0.04, 0.5, name, transform=ax.transAxes, rotation=90, ha="right", va="center", color=ink(ax))
    top = max(ax.get_ylim()[1] for ax in axes[2])
    for ax in axes[2]:
        ax.set_ylim(0, top)
    return figure


def unfolding(
    graph: nx.Graph | Molecule,
    root: Hashable,
    depth: int,
    ax: Axes | None = None,
    *,
    labels: Mapping[Hashable, str] | None = None,
    title: str = "",
) -> Figure:
    """Draw the unfolding tree of a node: all walks of `depth` steps from it, as a tree.

    A node's children are all its neighbours, also the one the walk came from.  This is what a node can know of its
    graph after `depth` rounds, and two nodes have the same colour then exactly when their trees are alike.

    Args:
        graph, ax, title: as for `draw`.
        root: the node.
        depth: how many steps, 0 or more.
        labels: text by node of the graph; element symbols or names where not given.

    Raises:
        InputError: no such node.
    """
    if not isinstance(depth, int) or depth < 0:
        raise InputError(f"the depth counts steps: 0 or more, not {quoted(depth)}")
    network = graph.to_networkx() if isinstance(graph, Molecule) else graph
    if root not in network:
        raise InputError(f"the graph has no node {root!r}")
    _, _, _, texts, fills = parts(graph)
    texts = texts if labels is None else labels
    # Siblings in the order of what hangs below them, so that like trees look alike.
    colors = wl.refine(graph, max_rounds=depth).colors
    tree = nx.Graph()
    tree.add_node((root,))
    at, n_leaves = {}, 0

    def grow(walk: tuple):
        nonlocal n_leaves
        if len(walk) > depth:
            at[walk] = np.array([0.8 * n_leaves, -depth], float)
            n_leaves += 1
            return
        children = [(*walk, u) for u in sorted(network[walk[-1]], key=lambda u: (colors[u], str(u)))]
        for child in children:
            tree.add_edge(walk, child)
            grow(child)
        x = np.mean([at[child][0] for child in children]) if children else n_leaves
        at[walk] = np.array([x, 1 - len(walk)], float)

    grow((root,))
    scale = np.array([1.0, max(1.0, 0.5 * n_leaves / max(depth, 1) * 0.6)])
    return draw(
        tree,
        ax,
        labels={walk: texts[walk[-1]] for walk in tree},
        fills={walk: fills[walk[-1]] for walk in tree},
        positions={walk: xy * scale for walk, xy in at.items()},
        title=title,
    )


def histogram(
    first: Mapping[Hashable, int],
    second: Mapping[Hashable, int],
    ax: Axes | None = None,
    names: tuple[str, str] = ("first", "second"),
) -> Figure:
    """How many nodes have each colour, in one graph (full bars) beside another (hatched bars).

    Args:
        first, second: colours by node.
        ax: where; None makes a new figure.
        names: of the two graphs.
    """
    if ax is None:
        _, ax = new(4.0, 2.0)
    counts = Counter(first.values()), Counter(second.values())
    used = sorted(counts[0] | counts[1])
    for shift, count, hatch in zip((-0.2, 0.2), counts, ("", "////"), strict=True):
        heights = [count[c] for c in used]
        x = np.arange(len(used)) + shift
        ax.bar(x, heights, 0.38, color=[color(c) for c in used], edgecolor=ON_COLOR, hatch=hatch, linewidth=0.8)
    ax.set_xticks(range(len(used)), [str(c) for c in used])
    ax.set(xlabel="colour", ylabel="nodes", xlim=(-0.6, len(used) - 0.4))
    ax.yaxis.get_major_locator().set_params(integer=True)
    return ax.figure


# ------------------------------------------------------------------------------------------------ how it is drawn


def parts(graph: nx.Graph | Molecule) -> tuple[list, list, list, dict, dict]:
    """Nodes, edges, orders of bonds, texts and fills of nodes."""
    if not isinstance(graph, Molecule) and (not isinstance(graph, nx.Graph) or graph.is_multigraph()):
        raise InputError(f"what is drawn is a Molecule or a networkx.Graph with single edges, not {quoted(graph)}")
    if isinstance(graph, Molecule):
        fills = {v: ELEMENT_COLORS.get(symbol, OTHER_ELEMENT) for v, symbol in enumerate(graph.symbols)}
        bonds = [tuple(bond) for bond in graph.bonds.tolist()]
        return [*range(len(graph))], bonds, graph.bond_orders.tolist(), dict(enumerate(graph.symbols)), fills
    texts = {v: str(v) for v in graph}
    return list(graph), list(graph.edges), [1.0] * graph.number_of_edges(), texts, dict.fromkeys(graph, COLORS[0])


def sizes(graph: nx.Graph | Molecule) -> list[float]:
    """How large the circle of each node is, beside the others'; hydrogens are small."""
    return [0.72 if isinstance(graph, Molecule) and graph.numbers[v] == 1 else 1.0 for v in parts(graph)[0]]


def layout(graph: nx.Graph | Molecule) -> dict[Hashable, np.ndarray]:
    """Plane coordinates, edges about 1 long."""
    if isinstance(graph, Molecule):
        return _layout_molecule(graph)
    if nx.number_of_edges(graph) == 0:
        return {v: np.array([i, 0.0]) for i, v in enumerate(graph)}
    parts = []
    for nodes in nx.connected_components(graph):
        part = graph.subgraph(nodes)
        at = nx.kamada_kawai_layout(part) if len(part) > 1 else {next(iter(part)): np.zeros(2)}
        lengths = [np.linalg.norm(at[u] - at[v]) for u, v in part.edges if u != v]
        parts.append({v: xy / np.mean(lengths) if lengths else xy for v, xy in at.items()})
    layout, left = {}, 0.0
    for at in parts:  # one beside the other
        xs = [xy[0] for xy in at.values()]
        layout |= {v: xy + [left - min(xs), 0] for v, xy in at.items()}
        left += max(xs) - min(xs) + 1.2
    return layout


def _layout_molecule(molecule: Molecule) -> dict[int, np.ndarray]:
    """RDKit's coordinates for the skeleton; its hydrogens then fan out where their atom has most room."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    mol = molecule.to_rdkit()
    for v, atom in enumerate(mol.GetAtoms()):
        atom.SetIntProp("number", v)
    skeleton = Chem.RemoveHs(mol)
    coordinates = np.zeros((0, 2))
    for samples in (0, 200):  # where atoms fall on each other, RDKit tries other turns about single bonds
        rdDepictor.Compute2DCoords(skeleton, canonOrient=True, nSample=samples, nFlipsPerSample=3, sampleSeed=1)
        coordinates = skeleton.GetConformer().GetPositions()[:, :2] / 1.5
        gaps = np.linalg.norm(coordinates[:, None] - coordinates, axis=-1) + 9 * np.eye(len(coordinates))
        if gaps.min(initial=9) > 0.75:
            break
    at = {atom.GetIntProp("number"): xy for atom, xy in zip(skeleton.GetAtoms(), coordinates, strict=True)}
    neighbors = {v: [] for v in range(len(molecule))}
    for i, j in molecule.bonds.tolist():
        neighbors[i].append(j)
        neighbors[j].append(i)
    for v in list(at):
        placed = [at[u] - at[v] for u in neighbors[v] if u in at]
        missing = [u for u in neighbors[v] if u not in at]
        middle, room = _free_direction(placed)
        fan = min(room / (len(missing) + 1), 0.96 if placed else 1.82)  # 104 degrees for water
        angles = middle + (np.arange(len(missing)) - (len(missing) - 1) / 2) * fan
        others = np.array([at[u] for u in at if u != v]).reshape(-1, 2)
        best = None
        for turn in (0.0, 0.2, -0.2, 0.4, -0.4, 0.6, -0.6):  # turn the fan a little where others stand in its way
            ends = at[v] + 0.85 * np.stack([np.cos(angles + turn), np.sin(angles + turn)], axis=-1)
            clear = np.linalg.norm(ends[:, None] - others, axis=-1).min(initial=0.75)
            if best is None or clear > best[0] + 1e-6:
                best = clear, ends
        at.update(zip(missing, best[1], strict=True))
    return at


def _free_direction(bonds: Sequence[np.ndarray]) -> tuple[float, float]:
    """The middle of the widest gap between bonds, and its width, in radians; downwards where there are none."""
    if not len(bonds):
        return -np.pi / 2, 2 * np.pi
    angles = np.sort([np.arctan2(y, x) for x, y in bonds])
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    widest = int(np.argmax(gaps.round(6)))
    return angles[widest] + gaps[widest] / 2, gaps[widest]


def bond_lines(a: np.ndarray, b: np.ndarray, order: float) -> list[np.ndarray]:
    """One line an order, side by side; 1.5 is a full line and a broken one."""
    along = b - a
    length = np.hypot(*along)
    if length == 0:
        return []
    across = 0.09 * np.array([-along[1], along[0]]) / length
    n = int(np.ceil(order))
    shifts = [(2 * i - n + 1) * across for i in range(n)]
    lines = [np.array([a + s, b + s]) for s in shifts]
    if order == 1.5:
        broken = [np.array([a + s * along, a + (s + 0.14) * along]) + shifts[1] for s in (0.16, 0.43, 0.70)]
        lines = [lines[0], *broken]
    return lines


def _tables(ax: Axes, at: Mapping, nodes: list, lines: list, features: np.ndarray, radii: np.ndarray) -> list:
    """A row of cells for each node, where it covers least; the corners of all of them."""
    scale = np.abs(features).max(initial=1e-12)
    (width, height), n_columns = tables.CELL, features.shape[1]
    points = np.array([at[v] for v in nodes], float).reshape(-1, 2)
    middles = tables.places(points, radii, np.array(lines).reshape(-1, 2, 2), width * n_columns)
    half = np.array([width * n_columns, height]) / 2
    for point, radius, middle, row in zip(points, radii, middles, features, strict=True):
        line = tables.leader(point, radius, middle, width * n_columns)
        if line is not None:
            ax.plot(*line.T, color=GRAY, lw=0.8, zorder=0.5)
        left, bottom = middle - half
        for f, value in enumerate(row):
            fill = tables.shade(value, scale)
            ax.add_patch(Rectangle((left + f * width, bottom), width, height, fc=fill, ec=GRAY, lw=0.6, zorder=4))
            center = left + (f + 0.5) * width, bottom + height / 2
            ax.text(*center, f"{value:.2g}", ha="center", va="center_baseline", fontsize=6.5, color=ON_COLOR, zorder=5)
    return [*(middles - half), *(middles + half)]
