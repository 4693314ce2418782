"""Colour refinement (1-WL): the definition, the fast version with its history, and certificates.

A node's next colour is its colour together with the multiset of its neighbours' colours,

    c_v  <-  (c_v, {{ (label of v-u, c_u) : u in N(v) }}),

until no class of equally coloured nodes splits any more.  `refine_plain` says just that, and is what the tests hold the
rest against.  It is named after Weisfeiler and Leman (1968), `weisfeiler1968reduction`, who refined colours of pairs of
nodes, as 2-WL does; on nodes it is older and nobody's.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dmol_molnet.molecules import InputError, quoted
from dmol_molnet.wl.arrays import Arrays, Graph, Label, ids, join, read
from dmol_molnet.wl.fast import Classes


def refine_plain(graph: Graph, node_label: Label = None, edge_label: Label = None) -> list[dict[Hashable, int]]:
    """Colours of every round, each written anew in every round, until the number of colours stays.

    The definition itself, in O(rounds x m log m); arguments and errors as in `refine`, whose classes are the same.
    """
    g = read(graph, node_label, edge_label)
    neighbors = [g.neighbors(v) for v in range(len(g.names))]
    colors = ids(g)[0].tolist()
    history = [colors]
    while True:
        signatures = [(colors[v], tuple(sorted((e, colors[u]) for u, e in nbrs))) for v, nbrs in enumerate(neighbors)]
        palette = {signature: color for color, signature in enumerate(sorted(set(signatures)))}
        if len(palette) == len(set(colors)):
            return [dict(zip(g.names, colors, strict=True)) for colors in history]
        colors = [palette[signature] for signature in signatures]
        history.append(colors)


class History(Sequence):
    """The colours of every round: `history[t]` maps each node to its colour after t rounds (0: the labels alone).

    Kept as changes, O(n log n) numbers in all: a class that splits leaves its colour to its largest part, and only
    the other parts are given new ones.
    """

    def __init__(self, names: Sequence[Hashable], start: np.ndarray, changed: array, to: array, ends: list[int]):
        self._names, self._start, self._ends = names, start, ends
        self._changed, self._to = np.asarray(changed, np.int64), np.asarray(to, np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, t: int | slice) -> dict[Hashable, int] | list[dict[Hashable, int]]:
        if isinstance(t, slice):
            return [self[i] for i in range(*t.indices(len(self)))]
        return dict(zip(self._names, self.array(t).tolist(), strict=True))

    def array(self, t: int) -> np.ndarray:
        """int64 [n]: the colours after t rounds, in the order of the nodes."""
        end = self._ends[t]
        colors = self._start.copy()
        colors[self._changed[:end]] = self._to[:end]  # of several changes to one node, the last stays
        return colors

    def changes(self, t: int) -> dict[Hashable, int]:
        """The nodes that round t gave a new colour, and that colour."""
        t = range(len(self))[t]
        part = slice(self._ends[t - 1] if t else 0, self._ends[t])
        names = [self._names[v] for v in self._changed[part]]
        return dict(zip(names, self._to[part].tolist(), strict=True))


@dataclass(frozen=True)
class Refinement:
    """What colour refinement found.

    Attributes:
        history: the colours of every round (`History`), `rounds + 1` of them.
        rounds: how many rounds split a class.
        stable: whether the next round would split none; False only where `max_rounds` stopped it.
    """

    history: History
    rounds: int
    stable: bool

    @cached_property
    def colors(self) -> dict[Hashable, int]:
        """The last colours, by node.  Colours are those of the isomorphism class: they do not depend on node order."""
        return self.history[self.rounds]

    def __repr__(self) -> str:
        n_colors = len(set(self.history.array(self.rounds).tolist()))
        state = "stable" if self.stable else "not stable"
        return f"Refinement({n_colors} colours, {state} after {self.rounds} rounds)"


def refine(
    graph: Graph, node_label: Label = None, edge_label: Label = None, max_rounds: int | None = None
) -> Refinement:
    """Colour refinement (1-WL), to stability, in O(m log n).

    Args:
        graph: an undirected `networkx.Graph` (any node names, self-loops and several components are welcome) or a
            `Molecule`.
        node_label: name of the node attribute that colours round 0, or a list of names.  For a `Molecule` it is
            "element" unless told otherwise ("charge", "hydrogens"; False for none).
        edge_label: name of the edge attribute that neighbours are seen through; for a `Molecule` "order", or None.
        max_rounds: stop after so many rounds; None runs to stability.

    Raises:
        InputError: a directed or multigraph, a missing attribute, or a label that is not text, a number, a boolean,
            None or a tuple of these.
    """
    if max_rounds is not None and (not isinstance(max_rounds, int | np.integer) or max_rounds < 0):
        raise InputError(f"max_rounds counts rounds: 0 or more, not {quoted(max_rounds)}")
    return run(read(graph, node_label, edge_label), max_rounds)


def certificate(graph: Graph, node_label: Label = None, edge_label: Label = None) -> str:
    """Text that is equal for two graphs when 1-WL cannot tell them apart, and else, but for chance, different.

    It is made from the stable colouring: the label and size of each class, and how many neighbours its nodes have in
    each other class.  The same in every process and for every order and naming of the nodes.  The text starts with
    its version; a SHA-256 digest stands for the rest, so two colourings could share it; nobody knows two texts that do.

    Args, Raises: as for `refine`.
    """
    g = read(graph, node_label, edge_label)
    start, node_palette, edge_ids, edge_palette = ids(g)
    result = run(g)
    colors = result.history.array(result.rounds)
    classes, members, sizes = np.unique(colors, return_index=True, return_counts=True)
    rank = np.zeros(int(colors.max(initial=-1)) + 1, np.int64)
    rank[classes] = np.arange(len(classes))
    parts = [repr((len(node_palette), len(edge_palette))).encode(), *node_palette, *edge_palette]
    for member, size in zip(members.tolist(), sizes.tolist(), strict=True):
        around = slice(g.indptr[member], g.indptr[member + 1])
        seen = Counter(zip(edge_ids[around].tolist(), rank[colors[g.indices[around]]].tolist(), strict=True))
        parts.append(repr((int(start[member]), size, sorted(seen.items()))).encode())
    return f"wl1:v1:{hashlib.sha256(join(parts)).hexdigest()}"


def run(g: Arrays, max_rounds: int | None = None) -> Refinement:
    """`refine`, for a graph in arrays."""
    start, _, edge_ids, edge_palette = ids(g)
    state = Classes(start, g.indptr, g.indices, edge_ids, max(1, len(edge_palette)))
    changed, to, ends = array("q"), array("q"), [0]
    rounds = 0
    while True:
        nodes, colors = state.split()
        if not len(nodes):
            return Refinement(History(g.names, start, changed, to, ends), rounds, stable=True)
        if rounds == max_rounds:
            return Refinement(History(g.names, start, changed, to, ends), rounds, stable=False)
        for kept, new in ((changed, nodes), (to, colors)):
            kept.frombytes(np.asarray(new, np.int64).tobytes()) if isinstance(new, np.ndarray) else kept.extend(new)
        ends.append(len(changed))
        rounds += 1
