"""Colour refinement (1-WL) with its whole history, k-WL, certificates, and molecules that 1-WL cannot tell apart.

A node's next colour is its colour together with the multiset of its neighbours' colours,

    c_v  <-  (c_v, {{ (label of v-u, c_u) : u in N(v) }}),

until no class of equally coloured nodes splits any more.  `refine_plain` says just that, and is what the tests hold
the rest against.  `refine` gives the same classes after every round, but looks only at the neighbours of what the last
round split, all parts of each split class but its largest: whatever a node sees of that part follows from the others.
A node lies in a smaller half at most log2(n) times, hence O(m log n) altogether.

Sources: Weisfeiler and Leman (1968), key `weisfeiler1968reduction`; Cardon and Crochemore (1982), `cardon1982partitioning`;
k-WL: Cai, Fürer and Immerman (1992), `cai1992optimal`.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations

import networkx as nx
import numpy as np

from dmol_molnet.molecules import InputError, Molecule, quoted

MEMORY_LIMIT = 2 * 2**30
"""Bytes that k-WL may plan to use; `compare` refuses graphs that need more."""

Graph = nx.Graph | Molecule
Label = str | Sequence[str] | bool | None


# ---------------------------------------------------------------------------------------------- the plain version


def refine_plain(graph: Graph, node_label: Label = None, edge_label: Label = None) -> list[dict[Hashable, int]]:
    """Colours of every round, each written anew in every round, until the number of colours stays.

    The definition itself, in O(rounds x m log m); arguments and errors as in `refine`, whose classes are the same.
    """
    g = _read(graph, node_label, edge_label)
    neighbors = [g.neighbors(v) for v in range(len(g.names))]
    colors = _ids(g)[0].tolist()
    history = [colors]
    while True:
        signatures = [(colors[v], tuple(sorted((e, colors[u]) for u, e in nbrs))) for v, nbrs in enumerate(neighbors)]
        palette = {signature: color for color, signature in enumerate(sorted(set(signatures)))}
        if len(palette) == len(set(colors)):
            return [dict(zip(g.names, colors, strict=True)) for colors in history]
        colors = [palette[signature] for signature in signatures]
        history.append(colors)


# ---------------------------------------------------------------------------------------------- 1-WL


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

    def __getitem__(self, t: int) -> dict[Hashable, int]:
        return dict(zip(self._names, self.array(t).tolist(), strict=True))

    def array(self, t: int) -> np.ndarray:
        """int64 [n]: the colours after t rounds, in the order of the nodes."""
        end = self._ends[t]
        colors = self._start.copy()
        colors[self._changed[:end]] = self._to[:end]  # of several changes to one node, the last stays
        return colors

    def changes(self, t: int) -> dict[Hashable, int]:
        """The nodes that round t gave a new colour, and that colour."""
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

    @property
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
    if max_rounds is not None and max_rounds < 0:
        raise InputError(f"max_rounds counts rounds: 0 or more, not {max_rounds}")
    return _refine(_read(graph, node_label, edge_label), max_rounds)


def certificate(graph: Graph, node_label: Label = None, edge_label: Label = None) -> str:
    """Text that is equal for two graphs exactly when 1-WL cannot tell them apart.

    It is made from the stable colouring: the label and size of each class, and how many neighbours its nodes have in
    each other class.  The same in every process and for every order and naming of the nodes.  The text starts with
    its version; a SHA-256 digest stands for the rest.

    Args, Raises: as for `refine`.
    """
    g = _read(graph, node_label, edge_label)
    start, node_palette, edge_ids, edge_palette = _ids(g)
    result = _refine(g)
    colors = result.history.array(result.rounds)
    classes, members, sizes = np.unique(colors, return_index=True, return_counts=True)
    rank = np.zeros(int(colors.max(initial=-1)) + 1, np.int64)
    rank[classes] = np.arange(len(classes))
    parts = [repr((len(node_palette), len(edge_palette))).encode(), *node_palette, *edge_palette]
    for member, size in zip(members.tolist(), sizes.tolist(), strict=True):
        around = slice(g.indptr[member], g.indptr[member + 1])
        seen = Counter(zip(edge_ids[around].tolist(), rank[colors[g.indices[around]]].tolist(), strict=True))
        parts.append(repr((int(start[member]), size, sorted(seen.items()))).encode())
    return f"wl1:v1:{hashlib.sha256(_join(parts)).hexdigest()}"


# ---------------------------------------------------------------------------------------------- comparing two graphs


@dataclass(frozen=True)
class Comparison:
    """Whether k-WL tells two graphs apart, and what shows it.

    Attributes:
        distinguished: True proves that the graphs are not isomorphic; False proves nothing.
        round: the first round whose colour histograms differ (0: the labels alone), or None.
        k, variant: which test; variant is "folklore" or "oblivious" for k >= 2, and None for k = 1.
        histograms: how many nodes (k-tuples for k >= 2) have each colour, by graph, in that round or else the last.
        examples: a node (k-tuple) of each colour, by graph, in the same round.
        n_colors: the number of colours, by round.
        reasons: k = 1 only: what nodes of such a colour had and saw one round before, in words.
        refinements: k = 1 only: the `Refinement` of each graph, in colours that both share.
    """

    distinguished: bool
    round: int | None
    k: int
    variant: str | None
    histograms: tuple[Counter, Counter]
    examples: tuple[dict[int, Hashable], dict[int, Hashable]] = field(repr=False)
    n_colors: list[int]
    reasons: dict[int, str] = field(repr=False, default_factory=dict)
    refinements: tuple[Refinement, Refinement] | None = field(repr=False, default=None)

    @property
    def differences(self) -> dict[int, tuple[int, int]]:
        """The colours that are not equally frequent: how often in the first graph, how often in the second."""
        first, second = self.histograms
        return {c: (first[c], second[c]) for c in sorted(first | second) if first[c] != second[c]}

    def __str__(self) -> str:
        test = "1-WL" if self.k == 1 else f"{self.variant} {self.k}-WL"
        if not self.distinguished:
            return f"{test} cannot tell them apart: the same {self.n_colors[-1]} colours, equally often, stable."
        what = "nodes" if self.k == 1 else f"{self.k}-tuples"
        lines = [f"{test} tells them apart in round {self.round}: colours that are not equally frequent"]
        differences = list(self.differences.items())
        for color, counts in differences[:8]:
            which = next(i for i in (0, 1) if color in self.examples[i])
            example = self.examples[which][color]
            line = f"  colour {color}: {counts[0]} {what} against {counts[1]}, such as {example!r} of the "
            lines.append(line + ("first", "second")[which] + self.reasons.get(color, ""))
        lines += [f"  and {len(differences) - 8} more"] if len(differences) > 8 else []
        return "\n".join(lines)


def compare(
    g: Graph, h: Graph, k: int = 1, variant: str = "folklore", node_label: Label = None, edge_label: Label = None
) -> Comparison:
    """Whether k-WL tells `g` and `h` apart.

    Folklore 2-WL is as strong as oblivious 3-WL, and oblivious 2-WL only as strong as 1-WL: books differ in what they
    call "k-WL", so the variant is named here.

    Args:
        g, h: graphs or molecules.
        k: 1 colours nodes; 2 and 3 colour ordered pairs and triples of nodes.
        variant: for k >= 2, "folklore" (each node w in turn shows the colours of all k tuples into which it was put,
            at once) or "oblivious" (one position at a time).
        node_label, edge_label: as for `refine`.

    Raises:
        InputError: as for `refine`; a k or variant that does not exist; graphs for which the tuples would not fit into
            `MEMORY_LIMIT` bytes.
    """
    if k not in (1, 2, 3):
        raise InputError(f"k is 1, 2 or 3, not {quoted(k)}")
    if variant not in ("folklore", "oblivious"):
        raise InputError(f"the variant is 'folklore' or 'oblivious', not {quoted(variant)}")
    a, b = _read(g, node_label, edge_label), _read(h, node_label, edge_label)
    if (a.node_codes is None) != (b.node_codes is None):
        raise InputError(
            "one is a Molecule, with elements as labels, and the other a graph: name a node_label for both"
        )
    return _compare_nodes(a, b) if k == 1 else _compare_tuples(a, b, k, variant)


def _compare_nodes(a: _Arrays, b: _Arrays) -> Comparison:
    both = _union(a, b)
    n_a, n = len(a.names), len(both.names)
    result = _refine(both)
    history = result.history

    # A colour is balanced if both graphs have it equally often; the first round with an unbalanced one tells.
    colors = history.array(0).tolist()
    excess = Counter()
    for v, color in enumerate(colors):
        excess[color] += 1 if v < n_a else -1
    n_colors, told = [len(excess)], 0 if any(excess.values()) else None
    for t in range(1, len(history)):
        changes = history.changes(t)
        for v, color in changes.items():
            excess[colors[v]] -= 1 if v < n_a else -1
            excess[color] += 1 if v < n_a else -1
            colors[v] = color
        n_colors.append(len(excess))
        if told is None and any(excess[color] for color in changes.values()):
            told = t
    last = history.array(result.rounds if told is None else told).tolist()
    sides = [(a.names, 0, n_a), (b.names, n_a, n)]
    return Comparison(
        distinguished=told is not None,
        round=told,
        k=1,
        variant=None,
        histograms=tuple(Counter(last[low:high]) for _, low, high in sides),
        examples=tuple(dict(zip(last[low:high], names, strict=True)) for names, low, high in sides),
        n_colors=n_colors,
        reasons=_reasons(both, history, told) if told else {},
        refinements=tuple(
            Refinement(_part(history, names, low, high), result.rounds, result.stable) for names, low, high in sides
        ),
    )


def _reasons(g: _Arrays, history: History, t: int) -> dict[int, str]:
    """For every colour of round t > 0: what its nodes were and saw in the round before."""
    before = history.array(t - 1)
    reasons = {}
    for color, v in zip(*(part.tolist() for part in np.unique(history.array(t), return_index=True)), strict=True):
        seen = sorted(before[g.indices[g.indptr[v] : g.indptr[v + 1]]].tolist())
        shown = ", ".join(map(str, seen[:12])) + (", …" if len(seen) > 12 else "")
        reasons[color] = f": was {before[v]}, saw {shown or 'nothing'}"
    return reasons


def _part(history: History, names: Sequence[Hashable], low: int, high: int) -> History:
    """The history of the nodes low … high-1 alone."""
    inside = (history._changed >= low) & (history._changed < high)
    counts = np.concatenate([[0], np.cumsum(inside)])
    start, changed, to = history._start[low:high], history._changed[inside] - low, history._to[inside]
    return History(names, start, changed, to, counts[history._ends].tolist())


def _compare_tuples(a: _Arrays, b: _Arrays, k: int, variant: str) -> Comparison:
    graphs = (a, b)
    sizes = [len(g.names) for g in graphs]
    planned = 200 * sum(n**k for n in sizes)  # colours, sorted rows and palette: about 200 bytes a tuple, measured
    if planned > MEMORY_LIMIT:
        raise InputError(
            f"{variant} {k}-WL on {sizes[0]} and {sizes[1]} nodes colours {sum(n**k for n in sizes):,} tuples, about "
            f"{planned / 2**30:.1f} GiB; the limit is {MEMORY_LIMIT / 2**30:.1f} GiB (dmol_molnet.wl.MEMORY_LIMIT)"
        )
    recolor = _folklore if variant == "folklore" else _oblivious
    colors = _atomic_types(a, b, k)
    n_colors = []
    while True:
        histograms = [Counter(c.ravel().tolist()) for c in colors]
        n_colors.append(len(histograms[0] | histograms[1]))
        told = histograms[0] != histograms[1]
        if told or (len(n_colors) > 1 and n_colors[-1] == n_colors[-2]):
            break
        palette: dict[bytes, int] = {}
        colors = [recolor(c, n_colors[-1], palette) for c in colors]
    if not told:
        n_colors.pop()  # the round that found nothing new
    found = []
    for g, c in zip(graphs, colors, strict=True):
        values, first = np.unique(c, return_index=True)
        indices = zip(*(axis.tolist() for axis in np.unravel_index(first, c.shape)), strict=True)
        tuples = (tuple(g.names[v] for v in index) for index in indices)
        found.append(dict(zip(values.tolist(), tuples, strict=True)))
    return Comparison(told, len(n_colors) - 1 if told else None, k, variant, tuple(histograms), tuple(found), n_colors)


def _atomic_types(a: _Arrays, b: _Arrays, k: int) -> list[np.ndarray]:
    """int [n]*k for each graph: what a tuple is by itself (labels, equalities, edges), in colours that both share."""
    both = _union(a, b)
    node_ids, node_palette, edge_ids, edge_palette = _ids(both)
    cuts = [(0, len(a.names)), (len(a.names), len(both.names))]
    nodes, pairs = [], []
    for low, high in cuts:
        around = slice(both.indptr[low], both.indptr[high])
        receivers = np.repeat(np.arange(high - low), np.diff(both.indptr[low : high + 1]))
        pair = np.zeros((high - low, high - low), np.int64)
        pair[receivers, both.indices[around] - low] = 2 * edge_ids[around] + 2
        nodes.append(node_ids[low:high])
        pairs.append(pair + np.eye(high - low, dtype=np.int64))  # even and 0: no edge; odd: one node twice
    types = [np.zeros((high - low,) * k, np.int64) for low, high in cuts]

    def split_by(parts: list[np.ndarray], radix: int):
        mixed = [t * radix + part for t, part in zip(types, parts, strict=True)]
        _, shared = np.unique(np.concatenate([m.ravel() for m in mixed]), return_inverse=True)
        split = np.split(shared, [mixed[0].size])
        types[:] = [s.reshape(m.shape) for s, m in zip(split, mixed, strict=True)]

    def at(array: np.ndarray, *positions: int) -> np.ndarray:
        return array.reshape([len(array) if q in positions else 1 for q in range(k)])

    for p in range(k):
        split_by([at(ids, p) for ids in nodes], len(node_palette) + 1)
        split_by([at(np.diagonal(pair), p) for pair in pairs], 2 * len(edge_palette) + 4)
    for p, q in combinations(range(k), 2):
        split_by([at(pair, p, q) for pair in pairs], 2 * len(edge_palette) + 4)
    return types


def _folklore(colors: np.ndarray, n_colors: int, palette: dict[bytes, int]) -> np.ndarray:
    """c(v1 … vk) <- (c, {{ (c(w, v2 …), …, c(…, w)) : w }}): every w shows all its k tuples at once."""
    k, n = colors.ndim, len(colors)
    if n_colors**k >= 2**63:
        raise InputError(f"folklore {k}-WL came to {n_colors:,} colours, more than fit into its 64-bit codes")
    replaced = [np.expand_dims(np.moveaxis(colors, p, -1), p) for p in range(k)]  # [v1 … 1 at p … vk, w]
    new = np.empty_like(colors)
    for v1 in range(n):  # one slice at a time, to spare memory
        code = replaced[0][0]
        for other in replaced[1:]:
            code = code * n_colors + other[v1]
        code = np.sort(np.broadcast_to(code, (*colors.shape[1:], n)), axis=-1)
        rows = np.concatenate([colors[v1][..., None], code], axis=-1)
        new[v1] = _number_rows(rows, palette)
    return new


def _oblivious(colors: np.ndarray, n_colors: int, palette: dict[bytes, int]) -> np.ndarray:
    """c(v1 … vk) <- (c, {{ c(w, v2 …) : w }}, …, {{ c(…, w) : w }}): one multiset for each position."""
    k = colors.ndim
    rows = [colors]
    for p in range(k):
        seen = _number_rows(np.sort(np.moveaxis(colors, p, -1), axis=-1), palette)  # what replacing v_p shows
        rows.append(np.broadcast_to(np.expand_dims(seen, p), colors.shape))
    return _number_rows(np.stack(rows, axis=-1), palette)


def _number_rows(rows: np.ndarray, palette: dict[bytes, int]) -> np.ndarray:
    """int [...]: the number that `palette` has, or now gets, for each row of rows [..., m]."""
    flat = np.ascontiguousarray(rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1]))
    keys = (hashlib.sha256(row.tobytes()).digest() for row in flat)
    numbers = [palette.setdefault(key, len(palette)) for key in keys]
    return np.array(numbers, np.int64).reshape(rows.shape[:-1])


# ---------------------------------------------------------------------------------------------- twins


def swaps(graph: nx.Graph, node_label: Label = None, edge_label: Label = None) -> Iterator[nx.Graph]:
    """Graphs that 1-WL cannot tell from `graph`, by one swap of edges each (most are isomorphic to it).

    Take edges a-b and c-d with equal labels, a and c of one stable colour, b and d of one stable colour, all four
    different, and neither a-d nor c-b an edge; put a-d and c-b in their place.  Every node keeps as many neighbours of
    each colour behind each label, so the old colouring is stable in the new graph too, with the same numbers.

    Args, Raises: as for `refine`; for a `networkx.Graph` only.
    """
    g = _read(graph, node_label, edge_label)
    for a, b, c, d in _swappable(g):
        a, b, c, d = (g.names[v] for v in (a, b, c, d))
        twin = graph.copy()
        twin.remove_edges_from([(a, b), (c, d)])
        twin.add_edge(a, d, **graph.edges[a, b])
        twin.add_edge(c, b, **graph.edges[c, d])
        yield twin


def twin(molecule: Molecule) -> Molecule | None:
    """A connected, valence-valid molecule, not isomorphic to this one, that 1-WL cannot tell from it; or None.

    Found by one swap of two bonds (`swaps`) between atoms of equal stable colour, with elements, formal charges,
    hydrogens and bond orders as labels.  Of several, the one with the fewest rings of three and four atoms is taken,
    then the first by SMILES.  RDKit judges the valences; folklore 2-WL, or else an exact search, proves that the two
    differ.  Stereochemistry is not part of the graph.

    Raises:
        InputError: a bond order that is not 1, 1.5, 2, 3 or 4.
    """
    g = _read(molecule, ["element", "charge", "hydrogens"], "order")
    degree = np.diff(g.indptr)
    own = molecule.to_smiles()
    found: dict[str, Molecule] = {}
    for a, b, c, d in _swappable(g):
        if degree[b] == degree[d] == 1 or degree[a] == degree[c] == 1:
            continue  # swapping two ends, hydrogens mostly, only renames them
        new = {frozenset((a, b)): (a, d), frozenset((c, d)): (c, b)}
        bonds = [new.get(frozenset(bond), bond) for bond in molecule.bonds.tolist()]
        try:
            candidate = Molecule.from_rdkit(
                Molecule(
                    numbers=molecule.numbers,
                    bonds=bonds,
                    bond_orders=molecule.bond_orders,
                    formal_charges=molecule.formal_charges,
                    implicit_hydrogens=molecule.implicit_hydrogens,
                ).to_rdkit()
            )
            smiles = candidate.to_smiles()
        except InputError:
            continue
        if smiles == own or smiles in found or "." in smiles:
            continue
        # A swap within an aromatic system may change which bonds are aromatic: ask again of the molecule as it is now.
        if not compare(molecule, candidate, edge_label="order").distinguished and _differ(molecule, candidate):
            found[smiles] = candidate
    if not found:
        return None
    return found[min(found, key=lambda smiles: (_small_rings(found[smiles]), smiles))]


def _swappable(g: _Arrays) -> Iterator[tuple[int, int, int, int]]:
    """a, b, c, d as in `swaps`."""
    result = _refine(g)
    colors = result.history.array(result.rounds).tolist()
    edge_ids = _ids(g)[2].tolist()
    heads = np.repeat(np.arange(len(g.names)), np.diff(g.indptr)).tolist()
    edges = set(zip(heads, g.indices.tolist(), strict=True))
    alike: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for v, u, e in zip(heads, g.indices.tolist(), edge_ids, strict=True):
        if colors[v] <= colors[u] and v != u:
            alike.setdefault((colors[v], colors[u], e), []).append((v, u))
    for group in alike.values():
        for (a, b), (c, d) in combinations(group, 2):
            if len({a, b, c, d}) == 4 and (a, d) not in edges and (c, b) not in edges:
                yield a, b, c, d


def _differ(g: Molecule, h: Molecule) -> bool:
    """Whether two molecules are certainly not isomorphic."""
    if compare(g, h, k=2, edge_label="order").distinguished:
        return True
    first, second = g.to_networkx(), h.to_networkx()
    same_atom = nx.algorithms.isomorphism.categorical_node_match(["element", "charge"], [None, 0])
    same_bond = nx.algorithms.isomorphism.categorical_edge_match("order", None)
    return not nx.is_isomorphic(first, second, node_match=same_atom, edge_match=same_bond)


def _small_rings(molecule: Molecule) -> int:
    return sum(len(ring) < 5 for ring in nx.minimum_cycle_basis(molecule.to_networkx()))


# ---------------------------------------------------------------------------------------------- graphs as arrays


@dataclass(frozen=True)
class _Arrays:
    """A graph by node number: the neighbours of v are indices[indptr[v] : indptr[v + 1]].

    node_codes [n], edge_codes [2m]: labels as bytes (`_encode`); None where there are no labels.
    """

    names: Sequence[Hashable]
    indptr: np.ndarray
    indices: np.ndarray
    node_codes: list[bytes] | None
    edge_codes: list[bytes] | None

    def neighbors(self, v: int) -> list[tuple[int, bytes]]:
        around = range(self.indptr[v], self.indptr[v + 1])
        return [(int(self.indices[e]), self.edge_codes[e] if self.edge_codes else b"") for e in around]


def _read(graph: Graph, node_label: Label, edge_label: Label) -> _Arrays:
    if isinstance(graph, Molecule):
        return _read_molecule(graph, "element" if node_label is None else node_label, edge_label)
    if not isinstance(graph, nx.Graph):
        raise InputError(f"a graph is a networkx.Graph or a Molecule, not {quoted(graph)}")
    if graph.is_directed() or graph.is_multigraph():
        kind = "a directed graph" if graph.is_directed() else "a multigraph"
        raise InputError(f"colour refinement here is for undirected graphs with single edges, and this is {kind}")
    names = list(graph)
    neighborhoods = [neighbors for _, neighbors in graph.adjacency()]
    indptr = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(neighbors) for neighbors in neighborhoods], out=indptr[1:])
    flat = chain.from_iterable(neighborhoods)
    if names != list(range(len(names))):
        number = {name: v for v, name in enumerate(names)}
        flat = map(number.__getitem__, flat)
    indices = np.fromiter(flat, np.int64, count=int(indptr[-1]))
    node_codes = edge_codes = None
    if node_label not in (None, False):
        encode = _label_encoder(node_label, "node")
        node_codes = [encode(data, name) for name, data in graph.nodes(data=True)]
    if edge_label not in (None, False):
        encode = _label_encoder(edge_label, "edge")
        edge_codes = [
            encode(data, (name, other))
            for name, neighbors in zip(names, neighborhoods, strict=True)
            for other, data in neighbors.items()
        ]
    return _Arrays(names, indptr, indices, node_codes, edge_codes)


def _read_molecule(molecule: Molecule, node_label: Label, edge_label: Label) -> _Arrays:
    n, bonds = len(molecule), molecule.bonds
    receivers, senders = np.concatenate([bonds, bonds[:, ::-1]]).T
    order = np.argsort(receivers, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(receivers, minlength=n))])
    node_codes = edge_codes = None
    if node_label is not False:
        known = {
            "element": molecule.symbols,
            "charge": molecule.formal_charges.tolist(),
            "hydrogens": molecule.implicit_hydrogens.tolist(),
        }
        _refuse_unknown(node_label, known, "atoms")
        encode = _label_encoder(node_label, "atom")
        atoms = [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]
        node_codes = [encode(atom, v) for v, atom in enumerate(atoms)]
    if edge_label not in (None, False):
        _refuse_unknown(edge_label, {"order": molecule.bond_orders}, "bonds")
        codes = [_encode(x) for x in molecule.bond_orders.tolist()] * 2
        edge_codes = [codes[e] for e in order]
    return _Arrays(range(n), indptr, senders[order], node_codes, edge_codes)


def _refuse_unknown(label: Label, known: dict, what: str):
    for name in [label] if isinstance(label, str) else label:
        if name not in known:
            raise InputError(f"a molecule's {what} carry {', '.join(map(repr, known))}, not {quoted(name)}")


def _label_encoder(label: Label, what: str) -> Callable[[dict, Hashable], bytes]:
    """A function from a node's (edge's) attributes and its name to the code of its label."""
    names = label if isinstance(label, list | tuple) else [label]
    cache: dict[tuple[type, Hashable], bytes] = {}

    def encode(data: dict, where: Hashable) -> bytes:
        codes = []
        for name in names:
            if name not in data:
                raise InputError(f"{what} {quoted(where)} has no attribute {quoted(name)}")
            value = data[name]
            if type(value) in (str, int, float):  # the type is part of the key: 1 == 1.0 == True
                key = (type(value), value)
                code = cache.get(key)
                if code is None:
                    code = cache[key] = _encode(value)
            else:
                code = _encode(value)
            codes.append(code)
        return codes[0] if len(codes) == 1 else _join(codes)

    return encode


def _join(parts: Iterable[bytes]) -> bytes:
    """All parts in one, each behind its length, so that different parts never make the same whole."""
    return b"".join(b"%d:" % len(part) + part for part in parts)


def _encode(label: object) -> bytes:
    """Bytes that are equal exactly for equal labels.  Numbers are equal by value (1 is 1.0), True is not 1."""
    if isinstance(label, np.generic):
        label = label.item()
    if label is None:
        return b"none"
    if isinstance(label, bool):
        return b"true" if label else b"false"
    if isinstance(label, str):
        return b"text " + label.encode("utf-8", "surrogatepass")
    if isinstance(label, int):
        return b"number %x" % label
    if isinstance(label, float) and not math.isnan(label):
        return b"number %x" % int(label) if label.is_integer() else b"number " + label.hex().encode()
    if isinstance(label, tuple):
        return b"tuple " + _join(map(_encode, label))
    what = "not a number" if isinstance(label, float) else f"a {type(label).__name__}, {quoted(label)}"
    raise InputError(f"a label is text, a number, True, False, None or a tuple of these; this one is {what}")


def _ids(g: _Arrays) -> tuple[np.ndarray, list[bytes], np.ndarray, list[bytes]]:
    """Node labels int [n] and edge labels int [2m] as numbers, each with its palette of codes, sorted."""

    def number(codes: list[bytes] | None, length: int) -> tuple[np.ndarray, list[bytes]]:
        if codes is None:
            return np.zeros(length, np.int64), []
        palette = sorted(set(codes))
        rank = {code: i for i, code in enumerate(palette)}
        return np.fromiter(map(rank.__getitem__, codes), np.int64, count=length), palette

    return *number(g.node_codes, len(g.names)), *number(g.edge_codes, len(g.indices))


def _union(a: _Arrays, b: _Arrays) -> _Arrays:
    """The disjoint union: the nodes of a, then those of b, named by their numbers."""

    def join(first, second):
        return None if first is None else first + second

    return _Arrays(
        range(len(a.names) + len(b.names)),
        np.concatenate([a.indptr, b.indptr[1:] + a.indptr[-1]]),
        np.concatenate([a.indices, b.indices + len(a.names)]),
        join(a.node_codes, b.node_codes),
        join(a.edge_codes, b.edge_codes),
    )


# ---------------------------------------------------------------------------------------------- the fast refinement


def _refine(g: _Arrays, max_rounds: int | None = None) -> Refinement:
    start, _, edge_ids, edge_palette = _ids(g)
    state = _State(start, g.indptr, g.indices, edge_ids, max(1, len(edge_palette)))
    changed, to, ends = array("q"), array("q"), [0]
    rounds = 0
    while True:
        nodes, colors = state.split()
        if not len(nodes):
            return Refinement(History(g.names, start, changed, to, ends), rounds, stable=True)
        if rounds == max_rounds:
            return Refinement(History(g.names, start, changed, to, ends), rounds, stable=False)
        for kept, new in ((changed, nodes), (to, colors)):
            kept.frombytes(new.tobytes()) if isinstance(new, np.ndarray) else kept.extend(new)
        ends.append(len(changed))
        rounds += 1


def _mix(x):
    """A fixed scrambling of 64-bit integers (the finaliser of splitmix64), for one int or a uint64 array."""
    mask = (1 << 64) - 1
    if isinstance(x, int):
        x = (x + 1) * 0x9E3779B97F4A7C15 & mask
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
        return x ^ x >> 31
    u = np.uint64
    x = (x + u(1)) * u(0x9E3779B97F4A7C15)
    x = (x ^ (x >> u(30))) * u(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> u(27))) * u(0x94D049BB133111EB)
    return x ^ (x >> u(31))


def _factor(label: int) -> int:
    """What the scrambled colour of a neighbour is multiplied by, behind an edge with this label."""
    return 1 if label == 0 else _mix(label) | 1


PATIENCE = 7
"""How many small rounds in a row are still done on arrays: making lists costs as much as a few of those."""


class _State:
    """The classes in the making.  Colours from `fresh` on were new in the last round; only they can split others.

    A large round works on whole arrays, a small one on lists, touching only what it must.  Both number new colours
    alike: by the class that split, then by a 64-bit sum over what the part's nodes see, then by that itself.  So colours
    depend on the graph up to isomorphism, not on the order of its nodes.
    """

    def __init__(
        self, colors: np.ndarray, indptr: np.ndarray, indices: np.ndarray, edge_ids: np.ndarray, n_labels: int
    ):
        self.indptr, self.indices, self.edge_ids, self.n_labels = indptr, indices, edge_ids, n_labels
        self.factors = np.array([_factor(label) for label in range(n_labels)], np.uint64)
        self.degree = np.diff(indptr)
        self.colors = colors.copy()
        self.n_colors = int(colors.max(initial=-1)) + 1
        self.fresh = 0
        self.lists: _Lists | None = None  # when set, it holds the colours, and self.colors is out of date
        self.adjacency: tuple[list[int], ...] | None = None
        self._look_at(np.arange(len(colors)), self.degree, indices, edge_ids)
        self.small_rounds = 0

    def _look_at(self, live: np.ndarray, length: np.ndarray, seen: np.ndarray, edge_ids: np.ndarray):
        """The nodes that can still split, and their neighbours: those of live[q] are length[q] entries of `seen`."""
        alone = np.bincount(self.colors, minlength=1)[self.colors[live]] == 1
        if alone.any():
            here = np.repeat(~alone, length)
            live, length, seen, edge_ids = live[~alone], length[~alone], seen[here], edge_ids[here]
        self.live, self.length, self.seen, self.seen_through = live, length, seen, edge_ids

    def split(self) -> tuple[Sequence[int], Sequence[int]]:
        """One round: the nodes that change colour, and their new colours."""
        small = 256 + len(self.indices) // 32  # an edge costs about 32 times as much in lists as in arrays
        if self.lists is not None and self.lists.n_seen() > small:
            self.colors, self.lists, self.small_rounds = np.array(self.lists.colors, np.int64), None, 0
            self._look_at(np.arange(len(self.colors)), self.degree, self.indices, self.edge_ids)
        if self.lists is None:
            n_seen = int(self.degree[self.colors >= self.fresh].sum())
            self.small_rounds = self.small_rounds + 1 if n_seen <= small else 0
            if self.small_rounds <= PATIENCE:
                result = self._split_arrays()
                if result is not None:
                    return result
            if self.adjacency is None:
                self.adjacency = self.indptr.tolist(), self.indices.tolist(), self.edge_ids.tolist()
            self.lists = _Lists(self.colors, self.fresh, *self.adjacency)
        result = self.lists.split(self.n_labels)
        self.fresh, self.n_colors = self.n_colors, self.lists.n_colors
        return result

    def _split_arrays(self) -> tuple[np.ndarray, np.ndarray] | None:
        """None if two nodes that see different things have the same sum: lists, which do not hash, must decide."""
        if not len(self.live):
            return self.live, self.live
        own = self.colors[self.live]  # [q]
        scrambled = np.where(self.colors >= self.fresh, _mix(self.colors.astype(np.uint64)), np.uint64(0))[self.seen]
        if self.n_labels > 1:
            scrambled *= self.factors[self.seen_through]
        ends = np.cumsum(self.length)
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(scrambled)])
        sums = total[ends] - total[ends - self.length] + _mix(~own.astype(np.uint64))  # [q]

        order = np.argsort(sums)
        ordered = sums[order]
        starts = _starts(ordered)
        sizes = np.diff(starts, append=len(order))
        if not self._parts_are_true(order, np.repeat(starts, sizes), own):
            return None
        old = own[order[starts]]  # [parts]
        by_class = np.argsort(old, kind="stable")  # and by sum within a class, as the parts are already
        old, sizes_by_class = old[by_class], sizes[by_class]
        first = _starts(old)
        class_of = np.repeat(np.arange(len(first)), np.diff(first, append=len(old)))
        candidates = np.flatnonzero(sizes_by_class == np.maximum.reduceat(sizes_by_class, first)[class_of])
        is_new = np.ones(len(old), bool)
        is_new[candidates[_starts(class_of[candidates])]] = False  # the first of the largest keeps the colour
        colors = np.empty_like(old)
        colors[by_class] = np.where(is_new, self.n_colors + np.cumsum(is_new) - 1, old)

        proposed = np.repeat(colors, sizes)
        moved = proposed >= self.n_colors
        changed, to = self.live[order[moved]], proposed[moved]
        self.colors[changed] = to
        self.fresh, self.n_colors = self.n_colors, self.n_colors + int(np.count_nonzero(is_new))
        self._look_at(self.live, self.length, self.seen, self.seen_through)
        return changed, to

    def _parts_are_true(self, order: np.ndarray, model: np.ndarray, own: np.ndarray) -> bool:
        """Whether order[i] and order[model[i]] agree in colour and in all that they see of fresh colours."""
        if (own[order] != own[order[model]]).any():
            return False
        in_company = np.bincount(model, minlength=len(order))[model] > 1
        in_company[order] = in_company.copy()
        seen = self.colors[self.seen]
        row = np.repeat(np.arange(len(order)), self.length)
        look = (seen >= self.fresh) & in_company[row]
        key = seen[look] - self.fresh
        if self.n_labels > 1:
            key = key * self.n_labels + self.seen_through[look]
        row = row[look]
        counts = np.bincount(row, minlength=len(order))
        if (counts[order] != counts[order[model]]).any():
            return False
        radix = (self.n_colors - self.fresh) * self.n_labels
        if radix == 1:
            return True  # there is one thing to see: its count says all
        key = np.sort(row * radix + key, kind="stable") - row * radix  # stable: quick where the rows are sorted already
        first = np.cumsum(counts) - counts
        like = np.empty(len(order), np.int64)
        like[order] = order[model]
        return bool((key == key[np.arange(len(key)) - (first - first[like])[row]]).all())


def _starts(values: np.ndarray) -> np.ndarray:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


class _Lists:
    """The same state in plain lists: class c is members[start[c] : start[c] + size[c]], node v stands at place[v]."""

    def __init__(self, colors: np.ndarray, fresh: int, indptr: list[int], indices: list[int], edge_ids: list[int]):
        self.indptr, self.indices, self.edge_ids = indptr, indices, edge_ids
        self.n_colors = int(colors.max(initial=-1)) + 1
        members = np.argsort(colors, kind="stable")
        place = np.empty_like(members)
        place[members] = np.arange(len(members))
        size = np.bincount(colors, minlength=self.n_colors)
        self.start, self.size = (np.cumsum(size) - size).tolist(), size.tolist()
        self.members, self.place, self.colors = members.tolist(), place.tolist(), colors.tolist()
        self.fresh_nodes = [v for v in self.members if self.colors[v] >= fresh]

    def n_seen(self) -> int:
        return sum(self.indptr[v + 1] - self.indptr[v] for v in self.fresh_nodes)

    def split(self, n_labels: int) -> tuple[list[int], list[int]]:
        colors, size = self.colors, self.size
        sees: dict[int, list[int]] = {}
        for v in self.fresh_nodes:
            color = colors[v] * n_labels
            for e in range(self.indptr[v], self.indptr[v + 1]):
                sees.setdefault(self.indices[e], []).append(color + self.edge_ids[e])
        classes: dict[int, dict[tuple[int, ...], list[int]]] = {}
        for v, seen in sees.items():
            if size[colors[v]] > 1:
                seen.sort()
                classes.setdefault(colors[v], {}).setdefault(tuple(seen), []).append(v)
        changed, to = [], []
        for c in sorted(classes):
            parts = classes[c]
            n_rest = size[c] - sum(map(len, parts.values()))  # those that see nothing fresh
            if n_rest:
                parts[()] = None
            if len(parts) == 1:
                continue
            sizes = {seen: n_rest if nodes is None else len(nodes) for seen, nodes in parts.items()}
            ordered = list(parts)
            if len(parts) > 2 or len(set(sizes.values())) == 1:
                ordered.sort(key=lambda seen: (self._sum(seen, c, n_labels), seen))
            largest = max(ordered, key=sizes.__getitem__)  # the first of the largest
            if n_rest and largest != ():
                here = self.members[self.start[c] : self.start[c] + size[c]]
                parts[()] = [v for v in here if v not in sees]
            for seen in ordered:
                if seen != largest:
                    nodes = parts[seen]
                    self._move(nodes, c)
                    changed += nodes
                    to += [self.n_colors] * len(nodes)
                    self.n_colors += 1
        self.fresh_nodes = changed
        return changed, to

    def _sum(self, seen: tuple[int, ...], color: int, n_labels: int) -> int:
        mask = (1 << 64) - 1
        terms = (_mix(key // n_labels) * _factor(key % n_labels) for key in seen)
        return (sum(terms) + _mix(~color & mask)) & mask

    def _move(self, nodes: list[int], c: int):
        """Nodes of class c become the class n_colors: they change places with the last of class c."""
        members, place = self.members, self.place
        end = self.start[c] + self.size[c]
        for v in nodes:
            end -= 1
            w, p = members[end], place[v]
            members[p], members[end], place[w], place[v] = w, v, p, end
            self.colors[v] = self.n_colors
        self.size[c] -= len(nodes)
        self.start.append(end)
        self.size.append(len(nodes))
