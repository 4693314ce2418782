"""Graphs and molecules that 1-WL cannot tell from a given one, made by swapping two edges between equal colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from dmol_molnet.molecules import InputError, Molecule, quoted
from dmol_molnet.wl.arrays import Arrays, Label, ids, read
from dmol_molnet.wl.colors import run
from dmol_molnet.wl.comparison import compare
from dmol_molnet.wl.tuples import check_memory

TRIES = 2000
"""How many swaps of bonds `twin` looks at; each asks RDKit whether the molecule is sound."""

WORK = 200_000
"""Atoms that `twin` hands to RDKit in all: of a molecule of more than 100 atoms, fewer swaps are looked at."""

SMALL = 300
"""Up to so many atoms, 2-WL and an exact search are asked too; they take cubic time and more."""


def swaps(graph: nx.Graph, node_label: Label = None, edge_label: Label = None) -> Iterator[nx.Graph]:
    """Graphs that 1-WL cannot tell from `graph`, by one swap of edges each (most are isomorphic to it).

    Take edges a-b and c-d with equal labels, a and c of one stable colour, b and d of one stable colour, all four
    different, and neither a-d nor c-b an edge; put a-d and c-b in their place.  Every node keeps as many neighbours of
    each colour behind each label, so the old colouring is stable in the new graph too, with the same numbers.

    Args, Raises: as for `refine`; for a `networkx.Graph` only.
    """
    if isinstance(graph, Molecule):
        raise InputError("swaps takes a networkx.Graph: molecule.to_networkx() is one; twin(molecule) makes molecules")
    return _swapped(graph, read(graph, node_label, edge_label))


def _swapped(graph: nx.Graph, g: Arrays) -> Iterator[nx.Graph]:
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
    hydrogens and bond orders as labels; at most `TRIES` swaps are looked at, fewer in large molecules (`WORK`), so that
    it takes seconds.  Of several twins, the one with the fewest rings of three and four atoms is taken, then the first
    by SMILES.  RDKit judges the valences.  How often each number of bonds lies between two atoms proves that the two
    differ, or else folklore 2-WL or an exact search (up to `SMALL` atoms).  Stereochemistry is not part of the graph.

    Raises:
        InputError: not a `Molecule`, a bond order that is not 1, 1.5, 2, 3 or 4, or a molecule so large that pairs of
            its atoms would not fit into `tuples.MEMORY_LIMIT` bytes (2,300 atoms).
    """
    if not isinstance(molecule, Molecule):
        hint = "; for graphs there is swaps(graph)" if isinstance(molecule, nx.Graph) else ""
        raise InputError(f"twin takes a Molecule, not {quoted(molecule)}{hint}")
    check_memory([len(molecule)] * 2, 2, "folklore")
    g = read(molecule, ["element", "charge", "hydrogens"], "order")
    degree = np.diff(g.indptr)
    own = molecule.to_smiles()
    found: dict[str, Molecule] = {}
    # Swapping two ends, hydrogens mostly, would only rename them.
    inner = (s for s in _swappable(g) if degree[s[1]] > 1 and degree[s[0]] > 1)
    for a, b, c, d in islice(inner, min(TRIES, WORK // max(1, len(molecule)))):
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


def _swappable(g: Arrays) -> Iterator[tuple[int, int, int, int]]:
    """a, b, c, d as in `swaps`."""
    result = run(g)
    colors = result.history.array(result.rounds).tolist()
    edge_ids = ids(g)[2].tolist()
    heads = np.repeat(np.arange(len(g.names)), np.diff(g.indptr)).tolist()
    edges = set(zip(heads, g.indices.tolist(), strict=True))
    alike: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for v, u, e in zip(heads, g.indices.tolist(), edge_ids, strict=True):
        if (colors[v], v) < (colors[u], u):  # each edge once, in the direction of its colours
            alike.setdefault((colors[v], colors[u], e), []).append((v, u))
    for (first, second, _), group in alike.items():
        for (a, b), other in combinations(group, 2):
            for c, d in (other, other[::-1]) if first == second else (other,):
                if len({a, b, c, d}) == 4 and (a, d) not in edges and (c, b) not in edges:
                    yield a, b, c, d


def _differ(g: Molecule, h: Molecule) -> bool:
    """Whether two molecules are certainly not isomorphic."""
    if _distances(g) != _distances(h):
        return True
    if len(g) > SMALL:
        return False
    if compare(g, h, k=2, edge_label="order").distinguished:
        return True
    first, second = g.to_networkx(), h.to_networkx()
    same_atom = nx.algorithms.isomorphism.categorical_node_match(["element", "charge"], [None, 0])
    same_bond = nx.algorithms.isomorphism.categorical_edge_match("order", None)
    return not nx.is_isomorphic(first, second, node_match=same_atom, edge_match=same_bond)


def _distances(molecule: Molecule) -> list[int]:
    """How many ordered pairs of atoms are 0, 1, 2, … bonds apart; last, at n, those that no bonds join."""
    n, (i, j) = len(molecule), molecule.bonds.T
    bonds = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    apart = np.minimum(shortest_path(bonds, directed=False, unweighted=True), n)
    return np.bincount(apart.astype(int).ravel()).tolist()


def _small_rings(molecule: Molecule) -> int:
    return sum(len(ring) < 5 for ring in nx.minimum_cycle_basis(molecule.to_networkx()))
