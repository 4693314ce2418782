"""A graph seen from one of its nodes: the node in the middle, its neighbours around it, all others on the outside."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dmol_molnet.figures.draw import draw
from dmol_molnet.figures.style import GRAY, color, new
from dmol_molnet.molecules import InputError


def around(
    graph: nx.Graph,
    node: Hashable,
    ax: Axes | None = None,
    *,
    labels: Mapping[Hashable, str] | None = None,
    title: str = "",
) -> Figure:
    """Draw a graph around one of its nodes; the edges among the node's neighbours are stressed, all others pale.

    Args:
        graph: without labels.
        node: the one in the middle.
        ax: where; None makes a new figure.
        labels: text on nodes; none on those that it leaves out.
        title: above the drawing.

    Returns:
        The figure that holds the drawing.

    Raises:
        InputError: the node is not there.
    """
    if node not in graph:
        raise InputError(f"the graph has no node {node!r}")
    if ax is None:
        _, ax = new(3.9, 3.9)
    among = graph.subgraph(graph[node])
    near = list(nx.dfs_preorder_nodes(among, None)) if len(among) else []  # joined ones beside each other
    at = {node: np.zeros(2)} | _ring(near, 1.7, np.pi / 2)

    def angle(v):
        middle = sum((at[u] for u in graph[v] if u in at), np.zeros(2))
        return np.arctan2(middle[1], middle[0])

    at |= _ring(sorted((v for v in graph if v not in at), key=angle), 3.3, -np.pi)
    fills = {v: color(1) if v == node else color(0) if v in graph[node] else "#e3e6e9" for v in graph}
    texts = {v: (labels or {}).get(v, "") for v in graph}
    stressed = nx.Graph()
    stressed.add_nodes_from(graph)
    stressed.add_edges_from(among.edges)
    others = [[at[u], at[v]] for u, v in graph.edges if not stressed.has_edge(u, v)]
    ax.add_collection(LineCollection(others, linewidths=1.0, colors=GRAY, alpha=0.45, zorder=0.5))
    return draw(
        stressed, ax, labels=texts, fills=fills, positions=at, highlight=list(among.edges), radius=0.32, title=title
    )


def _ring(nodes: list, radius: float, start: float) -> dict:
    angles = start + 2 * np.pi * np.arange(len(nodes)) / max(len(nodes), 1)
    return {v: radius * np.array([np.cos(a), np.sin(a)]) for v, a in zip(nodes, angles, strict=True)}
