"""Colour refinement of graphs in space: GWL, which passes on directions, and IGWL, which passes on colours only.

    GWL        g_i  <-  ( g_i, {{ (g_j, r_ji) : j in N(i) }} ),      c_i = I-HASH(g_i)
    IGWL       c_i  <-  I-HASH( c_i, {{ (c_j, r_ji) : j in N(i) }} )
    IGWL(b)    c_i  <-  HASH( c_i, {{ I-HASH( {{ (c_j, r_ji) : j in S }} ) : S of at most b - 1 neighbours }} )

with r_ji = x_i - x_j, and c_i = g_i = the element at first.  I-HASH gives two things the same name exactly if one
rotation, or with `reflections` one rotation or reflection, takes all vectors of one to those of the other, however
deeply they are nested.  Source: Joshi et al. (2023), `joshi2023expressive`.

How I-HASH is computed, exactly, for GWL.  Nested t deep, g_i is the tree of all walks of t steps from atom i, with a
vector for each step.  The vectors of a walk add up to the place where it ends, and no two atoms share a place: so the
tree says which walks end at one atom, and is the same information as the *surroundings* of i: the atoms up to t steps
away, where they are, and the edges at those up to t-1 steps away.  Two atoms have the same colour after t rounds
exactly if their surroundings are congruent.  (The tests hold this against the nested definition.)  Surroundings, and
sets of neighbours alike, are congruent if their points can be matched such that all distances agree; without
reflections, such that a rotation takes each point to its match.

Rounding.  All distances in both molecules are sorted, and neighbours in this list that are no farther apart than the
tolerance are called equal.  So there are no bins with edges: moving points by much less than the tolerance changes
nothing, as long as no two different distances are as close as that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np

from dmol_molnet.molecules import SYMBOLS, InputError, Molecule, quoted
from dmol_molnet.wl import Comparison

TOLERANCE = 1e-6
"""Å: distances that differ by less are equal."""

MAX_ATOMS = 200
"""Larger molecules are refused: every atom's surroundings are matched with others', point by point."""

MAX_SETS = 300_000
"""More sets of neighbours than this are refused by `igwl` with a body order."""


def gwl(
    a: Molecule, b: Molecule, edges: np.ndarray | float, reflections: bool = True, tolerance: float = TOLERANCE
) -> Comparison:
    """Whether geometric Weisfeiler-Leman tells two molecules apart, which bounds all equivariant message passing.

    It stops when every atom has seen all that it can reach.  (It is not enough that a round splits no class: directions
    may travel on unseen, and meet later.)

    Args:
        a, b: with positions.  The first colours are the elements.
        edges: int [E, 2], the joined atoms of both molecules, each pair meant both ways; or a cutoff in Å, which joins
            all atoms no farther apart (up to the tolerance) in each molecule.
        reflections: True takes mirror images for the same (the group O(3)), False only what a rotation moves (SO(3)).
        tolerance: Å.

    Returns:
        As `wl.compare`.  Not `distinguished` means, for connected graphs, that the molecules are congruent.

    Raises:
        InputError: no positions, a cell, two atoms on the same place, edges that are none, more than `MAX_ATOMS` atoms.
    """
    geometry = _Geometry(a, b, edges, tolerance)
    rounds = range(1, 2 + max(int(hops[np.isfinite(hops)].max(initial=0)) for hops in geometry.hops))

    def colorings() -> Iterator[list[list[int]]]:
        yield geometry.elements
        for t in rounds:
            names = _Names(reflections, tolerance)
            yield [
                [names[geometry.surroundings(side, i, t)] for i in range(n)] for side, n in enumerate(geometry.sizes)
            ]

    def reason(side: int, i: int, t: int, before: list[list[int]]) -> str:
        cloud = geometry.surroundings(side, i, t)
        x = geometry.molecules[side].positions[cloud.atoms]
        widest = np.linalg.norm(x[:, None] - x, axis=-1).max(initial=0)
        steps = "1 step" if t == 1 else f"{t} steps"
        words = f": {len(cloud.atoms)} atoms within {steps}, {widest:.3f} Å at the widest"
        others = () if reflections else (geometry.surroundings(1 - side, j, t) for j in range(geometry.sizes[1 - side]))
        return words + ", seen in the mirror by the other" * any(alike(cloud, o, True, tolerance) for o in others)

    return _compare(geometry, colorings(), reason, f"GWL, {'with' if reflections else 'without'} reflections,")


def igwl(
    a: Molecule,
    b: Molecule,
    edges: np.ndarray | float,
    body_order: int | None = None,
    reflections: bool = True,
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Whether the invariant test tells two molecules apart, which bounds message passing of invariant features.

    Args:
        a, b, edges, reflections, tolerance: as for `gwl`.
        body_order: how many atoms may be looked at together, the receiver counted: 2 sees distances to neighbours, 3
            also angles between two of them, and so on.  None is the full test: all neighbours together.

    Returns:
        As `wl.compare`.

    Raises:
        InputError: as `gwl`; a body order below 2; more than `MAX_SETS` sets of neighbours.
    """
    if body_order is not None and (
        isinstance(body_order, bool) or not isinstance(body_order, int | np.integer) or body_order < 2
    ):
        raise InputError(f"a body order counts the receiver and its neighbours: 2 or more, not {quoted(body_order)}")
    geometry = _Geometry(a, b, edges, tolerance)
    sets = [[_sets(neighbors, body_order) for neighbors in one] for one in geometry.neighbors]
    n_sets = sum(n for one in sets for n, _ in one)
    if n_sets > MAX_SETS:
        raise InputError(
            f"there are {n_sets:,} sets of up to {body_order - 1} neighbours, more than "
            f"dmol_molnet.geometric_wl.MAX_SETS = {MAX_SETS:,}"
        )

    def colorings() -> Iterator[list[list[int]]]:
        colors, n_colors = geometry.elements, 0
        while True:
            yield colors
            if len(set(colors[0] + colors[1])) == n_colors:
                return
            n_colors = len(set(colors[0] + colors[1]))
            names, palette = _Names(reflections, tolerance), {}
            seen = [
                [
                    (
                        colors[side][i],
                        *sorted(names[geometry.around(side, i, chosen, colors[side])] for chosen in group()),
                    )
                    for i, (_, group) in enumerate(sets[side])
                ]
                for side in (0, 1)
            ]
            colors = [[palette.setdefault(key, len(palette)) for key in one] for one in seen]

    def reason(side: int, i: int, t: int, before: list[list[int]]) -> str:
        x, near = geometry.molecules[side].positions, geometry.neighbors[side][i]
        called = (lambda color: SYMBOLS[color]) if t == 1 else str
        seen = sorted((before[side][j], float(np.linalg.norm(x[i] - x[j]))) for j in near)
        words = [f"{called(color)} at {r:.3f} Å" for color, r in seen]
        between = sorted({f"{np.linalg.norm(x[j] - x[k]):.3f}" for j, k in combinations(near, 2)}, key=float)
        apart = f"; these are {_short(between)} Å apart" if between and body_order != 2 else ""
        return f": was {called(before[side][i])}, saw {_short(words) or 'nothing'}{apart}"

    test = "IGWL" if body_order is None else f"IGWL({body_order})"
    return _compare(geometry, colorings(), reason, f"{test}, {'with' if reflections else 'without'} reflections,")


# ------------------------------------------------------------------------------------------------ congruence


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points about an origin, with numbers for what each is and what each two are to each other.

    Attributes:
        nodes: int [m]; whatever is known of a point, its distance from the origin among it.
        pairs: int [m, m], symmetric, 0 on the diagonal only; the distance of two points, and whatever else.
        vectors: float [m, 3] in Å.
        origin: what is known of the origin itself.
        atoms: int [m]; the atoms that the points are.
    """

    nodes: np.ndarray
    pairs: np.ndarray
    vectors: np.ndarray
    origin: int = 0
    atoms: np.ndarray | None = None

    @cached_property
    def rows(self) -> list[bytes]:
        """For each point what it is, and the sorted list of what the others are and are to it."""
        seen = np.stack([np.broadcast_to(self.nodes, self.pairs.shape), self.pairs], axis=-1)  # [m, m, 2]
        order = np.lexsort((seen[..., 1], seen[..., 0]), axis=-1)
        seen = np.take_along_axis(seen, order[..., None], axis=1)
        return [b"%d " % node + row.tobytes() for node, row in zip(self.nodes, seen, strict=True)]

    @cached_property
    def key(self) -> Hashable:
        """Equal for all clouds that can be matched, and for few others."""
        return (self.origin, *sorted(self.rows))


def matchings(first: Cloud, second: Cloud) -> Iterator[np.ndarray]:
    """All ways to match the points such that nodes and pairs agree: int [m], the match of each point of the first.

    By backtracking.  As soon as three points that span space are matched, every other has one match at most.
    """
    if first.key != second.key:
        return
    m = len(first.nodes)
    count = Counter(first.rows)
    order = sorted(range(m), key=lambda p: (count[first.rows[p]], first.rows[p]))  # the rarest first
    candidates = {row: [q for q in range(m) if second.rows[q] == row] for row in count}
    match = np.full(m, -1)
    choices = [iter(candidates[first.rows[order[0]]])] if m else []
    if not m:
        yield match
    while choices:
        depth = len(choices) - 1
        p, placed = order[depth], np.array(order[:depth], int)
        match[p] = -1
        for q in choices[-1]:
            if q not in match[placed] and (second.pairs[q, match[placed]] == first.pairs[p, placed]).all():
                match[p] = q
                break
        if match[p] < 0:
            choices.pop()
        elif depth == m - 1:
            yield match.copy()
        else:
            choices.append(iter(candidates[first.rows[order[depth + 1]]]))


def alike(first: Cloud, second: Cloud, reflections: bool, tolerance: float = TOLERANCE) -> bool:
    """Whether a rotation (or reflection) about the origin takes the first to the second."""
    for match in matchings(first, second):
        if reflections or _rotates(first.vectors, second.vectors[match], tolerance):
            return True
    return False


def distance_classes(positions: list[np.ndarray], tolerance: float = TOLERANCE) -> list[np.ndarray]:
    """int [n, n] for each of several clouds [n, 3]: the distances as numbers, equal for equal ones; 0 for nought.

    In the sorted list of all distances of all clouds, a new number begins where the next is larger by more than the
    tolerance.
    """
    distances = [np.linalg.norm(x[:, None] - x, axis=-1) for x in positions]
    values = np.sort(np.concatenate([[0.0], *(d.ravel() for d in distances)]))
    starts = np.concatenate([values[:1], values[1:][np.diff(values) > tolerance]])
    return [np.searchsorted(starts, d, side="right") - 1 for d in distances]


def _rotates(p: np.ndarray, q: np.ndarray, tolerance: float) -> bool:
    """Whether a rotation takes p [m, 3] to q as well as any rotation or reflection does."""
    u, _, vt = np.linalg.svd(p.T @ q)
    best = u @ vt
    if np.linalg.det(best) > 0:
        return True
    turn = u @ np.diag([1, 1, -1]) @ vt  # the best rotation; as good if all points lie in a plane through the origin
    return np.abs(p @ turn - q).max(initial=0) <= np.abs(p @ best - q).max(initial=0) + tolerance


# ------------------------------------------------------------------------------------------------ the two molecules


class _Geometry:
    """Two molecules with their edges, distances as numbers, and steps between atoms; all by side, 0 or 1."""

    def __init__(self, a: Molecule, b: Molecule, edges: np.ndarray | float, tolerance: float):
        self.molecules = check(a), check(b)
        self.sizes = len(a), len(b)
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float | np.number) or not tolerance > 0:
            raise InputError(f"a tolerance is a positive length in Å, not {quoted(tolerance)}")
        if max(self.sizes) > MAX_ATOMS:
            raise InputError(
                f"geometric WL takes molecules of up to dmol_molnet.geometric_wl.MAX_ATOMS = {MAX_ATOMS} atoms, not of "
                f"{max(self.sizes)}"
            )
        self.distances = distance_classes([a.positions, b.positions], tolerance)
        for d in self.distances:
            i, j = np.nonzero(np.triu(d == 0, 1))
            if len(i):
                raise InputError(f"two atoms cannot lie on the same place, as {i[0]} and {j[0]} do")
        self.joined = [_adjacency(molecule, edges, tolerance) for molecule in self.molecules]
        self.neighbors = [[np.flatnonzero(row).tolist() for row in joined] for joined in self.joined]
        self.hops = [_hops(joined) for joined in self.joined]
        self.n_distances = 1 + max(int(d.max(initial=0)) for d in self.distances)
        self.elements = [molecule.numbers.tolist() for molecule in self.molecules]

    def surroundings(self, side: int, i: int, t: int) -> Cloud:
        """What atom i has seen after t rounds: atoms up to t steps away, and edges at those up to t - 1 steps away."""
        hops, molecule = self.hops[side], self.molecules[side]
        atoms = np.flatnonzero(hops[i] <= t)
        d = self.distances[side][np.ix_(atoms, atoms)]
        inner = hops[i, atoms] < t
        seen = self.joined[side][np.ix_(atoms, atoms)] & (inner[:, None] | inner)
        nodes = (molecule.numbers[atoms] * self.n_distances + self.distances[side][i, atoms]) * 2 + (atoms == i)
        return Cloud(nodes, 2 * d + seen, molecule.positions[atoms] - molecule.positions[i], atoms=atoms)

    def around(self, side: int, i: int, chosen: tuple[int, ...], colors: list[int]) -> Cloud:
        """Some neighbours of atom i, with their colours."""
        chosen = list(chosen)
        nodes = np.array([colors[j] for j in chosen], int) * self.n_distances + self.distances[side][i, chosen]
        x = self.molecules[side].positions
        return Cloud(nodes, self.distances[side][np.ix_(chosen, chosen)], x[chosen] - x[i], len(chosen))


def check(molecule: Molecule) -> Molecule:
    """The molecule, if it has positions and no cell.  Raises: InputError."""
    if not isinstance(molecule, Molecule):
        raise InputError(f"this needs a Molecule, not {quoted(molecule)}")
    if molecule.positions is None:
        raise InputError(f"{molecule} has no positions; embed() gives it some")
    if molecule.pbc is not None and molecule.pbc.any():
        raise InputError(f"{molecule} has a cell, and this is for open molecules")
    return molecule


def _adjacency(molecule: Molecule, edges: np.ndarray | float, tolerance: float) -> np.ndarray:
    """bool [n, n]."""
    n = len(molecule)
    if np.ndim(edges) == 0:
        if isinstance(edges, bool) or not isinstance(edges, int | float | np.number) or not edges > 0:
            raise InputError(f"edges are pairs [E, 2] or a cutoff in Å, a positive number, not {quoted(edges)}")
        distances = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=-1)
        return (distances <= edges + tolerance) & ~np.eye(n, dtype=bool)
    given = np.asarray(edges)
    given = given if given.size else np.zeros((0, 2), int)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise InputError(f"edges are pairs of whole numbers [E, 2] or a cutoff in Å, not {quoted(edges)}")
    if given.size and not (given.min() >= 0 and given.max() < n and (given[:, 0] != given[:, 1]).all()):
        raise InputError(f"an edge joins two different atoms, numbered from 0 to {n - 1}")
    joined = np.zeros((n, n), bool)
    joined[tuple(given.T)] = joined[tuple(given[:, ::-1].T)] = True
    return joined


def _hops(joined: np.ndarray) -> np.ndarray:
    """float [n, n]: steps from atom to atom; inf where there is no way."""
    hops = np.where(np.eye(len(joined), dtype=bool), 0.0, np.inf)
    reached, t = np.eye(len(joined), dtype=bool), 0
    while True:
        t += 1
        new = (reached.astype(int) @ joined > 0) & np.isinf(hops)
        if not new.any():
            return hops
        hops[new] = t
        reached = new


def _sets(neighbors: list[int], body_order: int | None):
    """How many sets of neighbours the test looks at together, and a function that gives them."""
    if body_order is None or body_order > len(neighbors):
        sizes = range(len(neighbors), len(neighbors) + 1)  # all at once: what smaller sets say follows from it
    else:
        sizes = range(1, body_order)
    number = sum(comb(len(neighbors), size) for size in sizes)
    return number, lambda: (chosen for size in sizes for chosen in combinations(neighbors, size))


def _short(words: list[str]) -> str:
    return ", ".join(words[:8]) + ", ..." * (len(words) > 8)


class _Names(dict):
    """I-HASH: the number of a cloud, the same for all that are alike."""

    def __init__(self, reflections: bool, tolerance: float):
        super().__init__()
        self.reflections, self.tolerance, self.n_names = reflections, tolerance, 0

    def __getitem__(self, cloud: Cloud) -> int:
        known = self.setdefault(cloud.key, [])
        for other, name in known:
            if alike(other, cloud, self.reflections, self.tolerance):
                return name
        known.append((cloud, self.n_names))
        self.n_names += 1
        return self.n_names - 1


def _compare(geometry: _Geometry, colorings: Iterator, reason, test: str) -> Comparison:
    """Round after round, until the colours of the two molecules differ or there is no further round."""
    n_colors, before = [], None
    for t, colors in enumerate(colorings):  # noqa: B007
        histograms = tuple(Counter(one) for one in colors)
        n_colors.append(len(histograms[0] | histograms[1]))
        told = histograms[0] != histograms[1]
        if told:
            break
        before = colors
    examples = tuple({c: i for i, c in reversed(list(enumerate(one)))} for one in colors)
    reasons = {}
    for side in (1, 0):
        for c, i in examples[side].items():
            if told and t == 0:
                reasons[c] = f", {SYMBOLS[c]}"
            elif told:
                reasons[c] = reason(side, i, t, before)
    return Comparison(told, t if told else None, 1, None, histograms, examples, n_colors, reasons, test=test)
