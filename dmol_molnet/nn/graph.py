"""Atoms and their neighbours within a cutoff, several molecules at once, as tensors of a few fixed shapes.

Two atoms closer than the cutoff are a *pair*, listed once, with the vector

    r_ji = x_i - x_j + shift                    from the sender j to the receiver i; shift leads to a periodic image.

A pair is two directed edges: i hears j, and j hears i by -r_ji.  Each atom has a row of *slots*, one for each of its
pairs, that says which atom is at the other end.  So every sum over neighbours is a gather and a sum along a row,

    v_i = sum_j h_j * w_ij                      `neighbor_sum`

and so are its derivatives of any order, since its adjoint is a sum over neighbours again (`pair_product` is the other
half of it).  No derivative is ever scattered, which is what makes XLA fast on a CPU.

Padding is invisible: atoms beyond the last molecule belong to a last, empty molecule whose energy is 0, pairs beyond
the last have no slot, slots beyond an atom's last neither hear nor are heard.

Shapes: G molecules, A atoms, P pairs, M slots an atom, K features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet.molecules import InputError, Molecule, quoted

ALL_PAIRS = 128
"""Open molecules of at most this many atoms are searched pair by pair; larger and periodic ones by a k-d tree."""

PART = 64
"""Atoms that are computed at a time, where molecules are many: what they need stays in a processor's cache."""

CLOSEST = 1e-3
"""Å: two atoms closer than this lie on the same place, which is an error."""

FAR = 50.0
"""Å from the centre: an atom farther out is brought near, or float32 would lose digits of its distances."""


class MolecularGraph(NamedTuple):
    """A padded batch of molecules with their pairs; `from_molecules` and `from_edges` make it.

    Attributes:
        numbers: int [A], atomic numbers; 0 for padding.
        positions: [A, 3] Å; each molecule centred, and what is far out brought near by `near_origin`, so that float32
            loses nothing.
        molecule: int [A], the molecule of each atom.
        sizes: int [G], atoms of each molecule; 0 for padding.
        i, j: int [P], the two atoms of each pair.
        shift: [P, 3] Å; to be added to x_i - x_j.
        forth, back: [P]; 1 where i hears j, and where j hears i; else 0.
        atom: int [A, M], who is at the other end of each slot.
        pair: int [A, M], by which pair.
        sign: [A, M]; +1 where the slot's atom is the pair's i, -1 where it is its j, 0 where there is no pair.
        hears, heard: [A, M]; 1 where the slot's atom receives from, and sends to, the other; else 0.
    """

    numbers: tf.Tensor
    positions: tf.Tensor
    molecule: tf.Tensor
    sizes: tf.Tensor
    i: tf.Tensor
    j: tf.Tensor
    shift: tf.Tensor
    forth: tf.Tensor
    back: tf.Tensor
    atom: tf.Tensor
    pair: tf.Tensor
    sign: tf.Tensor
    hears: tf.Tensor
    heard: tf.Tensor

    @classmethod
    def from_molecules(
        cls, molecules: Sequence[Molecule], cutoff: float, capacity: Capacity | None = None
    ) -> MolecularGraph:
        """Molecules with all their pairs closer than a cutoff, open or periodic.

        Args:
            molecules: with positions; a single `Molecule` is a batch of one.
            cutoff: Å.
            capacity: the padded sizes; None takes sizes a little above what is needed, of which there are few.

        Raises:
            InputError: no molecule, one without positions or with two atoms on the same place, or a cutoff that is no
                positive length.
        """
        molecules = [molecules] if isinstance(molecules, Molecule) else list(molecules)
        return cls.assemble(molecules, [neighbors(molecule, cutoff) for molecule in molecules], capacity)

    @classmethod
    def from_edges(cls, numbers: np.ndarray, positions: np.ndarray, edges: np.ndarray) -> MolecularGraph:
        """One molecule with explicit edges, of any length.

        Args:
            numbers: int [A].
            positions: [A, 3] Å.
            edges: int [E, 2], directed: (i, j) lets i receive from j.  Both directions, for the usual graph.

        Raises:
            InputError: an edge that joins an atom with itself, that is listed twice, or names an atom there is not; two
                joined atoms on the same place.
        """
        molecule = Molecule(numbers, positions)
        given = np.asarray(edges)
        if given.size == 0:
            given = np.zeros((0, 2), int)
        if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
            raise InputError(f"edges are whole numbers [E, 2], not {quoted(edges)}")
        if given.size and (given.min() < 0 or given.max() >= len(molecule)):
            raise InputError(f"an edge joins two atoms of 0 to {len(molecule) - 1}")
        listed = {(int(i), int(j)) for i, j in given}
        if len(listed) < len(given) or any(i == j for i, j in listed):
            raise InputError("an edge joins two different atoms, and each direction is listed once")
        pairs = np.array(sorted({(min(edge), max(edge)) for edge in listed}), int).reshape(-1, 2)
        forth, back = (np.array([pair in listed for pair in map(tuple, p.tolist())]) for p in (pairs, pairs[:, ::-1]))
        found = Neighbors(*pairs.T, np.zeros((len(pairs), 3)), forth, back)
        _check_distances(molecule, found)
        return cls.assemble([molecule], [found], None)

    @property
    def edges(self) -> np.ndarray:
        """int [E, 2]: the directed edges (i receives, j sends) without padding, sorted."""
        i, j, forth, back = (np.asarray(x) for x in (self.i, self.j, self.forth, self.back))
        both = np.concatenate([np.stack([i, j], 1)[forth > 0], np.stack([j, i], 1)[back > 0]])
        return both[np.lexsort(both.T[::-1])]

    @classmethod
    def assemble(cls, molecules: list[Molecule], found: list[Neighbors], capacity: Capacity | None) -> MolecularGraph:
        """Molecules whose neighbours are known: number their atoms on, fill the slots, pad."""
        if not molecules:
            raise InputError("a graph needs at least one molecule")
        sizes = np.array([len(molecule) for molecule in molecules])
        start = np.cumsum(sizes) - sizes
        n_pairs = [len(one.i) for one in found]
        i, j = (np.concatenate([getattr(one, name) for one in found]) + np.repeat(start, n_pairs) for name in "ij")
        n_slots = np.bincount(np.concatenate([i, j]), minlength=sizes.sum())
        needed = Capacity(len(molecules), sizes.sum(), len(i), n_slots.max(initial=0))
        room = needed.rounded() if capacity is None else capacity
        if any(has < needs for has, needs in zip(room, needed, strict=True)):
            raise InputError(f"the batch needs {needed}, which is more than the given {room}")

        dtype = keras.config.dtype_policy().compute_dtype
        forth, back = (np.concatenate([getattr(one, name) for one in found]) for name in ("forth", "back"))
        # The slots of an atom, in the order of its pairs.
        owner, other = np.concatenate([i, j]), np.concatenate([j, i])
        order = np.argsort(owner, kind="stable")
        column = np.arange(len(owner)) - np.repeat(np.cumsum(n_slots) - n_slots, n_slots)
        where = owner[order], column

        def slots(values: np.ndarray, dtype: str) -> np.ndarray:
            table = np.zeros((room.atoms, room.slots), dtype)
            table[where] = values[order]
            return table

        def padded(values: np.ndarray, length: int, dtype: str) -> np.ndarray:
            table = np.zeros((length, *np.shape(values)[1:]), dtype)
            table[: len(values)] = values
            return table

        positions, shift = map(np.concatenate, zip(*map(near_origin, molecules, found), strict=True))
        shift = padded(shift, room.pairs, dtype)
        shift[len(i) :, 0] = 1.0  # no pair has length 0, whose derivative is not finite
        molecule = np.full(room.atoms, room.molecules - 1, "int32")
        molecule[: sizes.sum()] = np.repeat(np.arange(len(molecules)), sizes)
        twice = np.arange(len(i))
        return cls(
            numbers=padded(np.concatenate([one.numbers for one in molecules]), room.atoms, "int32"),
            positions=padded(positions, room.atoms, dtype),
            molecule=molecule,
            sizes=padded(sizes, room.molecules, "int32"),
            i=padded(i, room.pairs, "int32"),
            j=padded(j, room.pairs, "int32"),
            shift=shift,
            forth=padded(forth, room.pairs, dtype),
            back=padded(back, room.pairs, dtype),
            atom=slots(other, "int32"),
            pair=slots(np.concatenate([twice, twice]), "int32"),
            sign=slots(np.repeat([1.0, -1.0], len(i)), dtype),
            hears=slots(np.concatenate([forth, back]), dtype),
            heard=slots(np.concatenate([back, forth]), dtype),
        )


# ------------------------------------------------------------------------------------------------ on the tensors


def pair_vectors(graph: MolecularGraph, positions: tf.Tensor | None = None) -> tf.Tensor:
    """r_ji = x_i - x_j + shift [P, 3] Å, of the graph's positions or of others [A, 3]."""
    return _difference(graph.positions if positions is None else positions, graph) + graph.shift


def lengths(vectors: tf.Tensor) -> tf.Tensor:
    """The lengths [P] of vectors [P, 3] that are not zero."""
    return tf.sqrt(tf.reduce_sum(vectors**2, axis=-1))


def neighbor_sum(h: tf.Tensor, w: tf.Tensor, graph: MolecularGraph, reverse: bool = False) -> tf.Tensor:
    """v_i = sum_j h_j w_ij over the neighbours that i hears: h [A, K], w [P, K] -> [A, K].

    With `reverse`, over the neighbours that hear i: the adjoint, the same where all pairs go both ways.
    """
    mask = graph.heard if reverse else graph.hears

    @tf.custom_gradient
    def f(h, w):
        v = tf.reduce_sum(mask[:, :, None] * tf.gather(h, graph.atom) * tf.gather(w, graph.pair), axis=1)  # [A, K]
        return v, lambda g: (neighbor_sum(g, w, graph, not reverse), pair_product(g, h, graph, reverse))

    return f(h, w)


def pair_product(g: tf.Tensor, h: tf.Tensor, graph: MolecularGraph, reverse: bool = False) -> tf.Tensor:
    """g_i h_j (where i hears j) + g_j h_i (where j hears i): g [A, K], h [A, K] -> [P, K]."""
    forth, back = (graph.back, graph.forth) if reverse else (graph.forth, graph.back)

    @tf.custom_gradient
    def f(g, h):
        there = forth[:, None] * tf.gather(g, graph.i) * tf.gather(h, graph.j)  # [P, K]
        here = back[:, None] * tf.gather(g, graph.j) * tf.gather(h, graph.i)  # [P, K]
        return there + here, lambda c: (neighbor_sum(h, c, graph, reverse), neighbor_sum(g, c, graph, not reverse))

    return f(g, h)


def molecule_sum(y: tf.Tensor, graph: MolecularGraph) -> tf.Tensor:
    """The sum over the atoms of each molecule: y [A, …] -> [G, …]; padded atoms do not count."""
    real = tf.cast(graph.numbers > 0, y.dtype)
    real = tf.reshape(real, [-1] + [1] * (len(y.shape) - 1))
    return tf.math.unsorted_segment_sum(y * real, graph.molecule, tf.shape(graph.sizes)[0])


def _difference(x: tf.Tensor, graph: MolecularGraph) -> tf.Tensor:
    """x_i - x_j [P, 3]; its adjoint collects by slots instead of scattering."""

    @tf.custom_gradient
    def f(x):
        return tf.gather(x, graph.i) - tf.gather(x, graph.j), lambda g: _collect(g, graph)

    return f(x)


def _collect(r: tf.Tensor, graph: MolecularGraph) -> tf.Tensor:
    """The sum of r over the pairs in which an atom is i, less that over those in which it is j: [P, 3] -> [A, 3]."""

    @tf.custom_gradient
    def f(r):
        y = tf.reduce_sum(graph.sign[:, :, None] * tf.gather(r, graph.pair), axis=1)
        return y, lambda g: _difference(g, graph)

    return f(r)


# ------------------------------------------------------------------------------------------------ neighbours


class Neighbors(NamedTuple):
    """The pairs of one molecule: i, j int [P]; shift [P, 3] Å; forth, back bool [P]."""

    i: np.ndarray
    j: np.ndarray
    shift: np.ndarray
    forth: np.ndarray
    back: np.ndarray


def neighbors(molecule: Molecule, cutoff: float) -> Neighbors:
    """All pairs of a molecule closer than a cutoff in Å, periodic images among them; each pair once.

    Raises:
        InputError: as `MolecularGraph.from_molecules`.
    """
    if not isinstance(molecule, Molecule):
        raise InputError(f"a graph is made of molecules, not of {quoted(molecule)}")
    if isinstance(cutoff, bool) or not isinstance(cutoff, int | float | np.number) or not 0 < cutoff < math.inf:
        raise InputError(f"a cutoff is a positive length in Å, not {quoted(cutoff)}")
    if molecule.positions is None:
        raise InputError(f"{molecule} has no positions; embed() gives it some")
    if molecule.pbc is not None and molecule.pbc.any():
        i, j, shift = _periodic(molecule, cutoff)
    else:
        i, j = _open(molecule.positions, cutoff)
        shift = np.zeros((len(i), 3))
    both = np.ones(len(i), bool)
    found = Neighbors(i, j, shift, both, both)
    _check_distances(molecule, found)
    return found


def _open(x: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """i, j of all pairs i < j closer than the cutoff, sorted."""
    if len(x) <= ALL_PAIRS:
        i, j = np.triu_indices(len(x), 1)
        near = ((x[i] - x[j]) ** 2).sum(axis=1) < cutoff**2
        return i[near], j[near]
    from scipy.spatial import cKDTree

    pairs = cKDTree(x).query_pairs(cutoff, output_type="ndarray")
    pairs = pairs[((x[pairs[:, 0]] - x[pairs[:, 1]]) ** 2).sum(axis=1) < cutoff**2]
    return tuple(pairs[np.lexsort(pairs.T[::-1])].T)


def _periodic(molecule: Molecule, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """i, j and shift of all pairs, of an atom with its own images too, in any cell: by a search among copies."""
    from scipy.spatial import cKDTree

    cell, pbc = molecule.cell, molecule.pbc
    if cell is None or abs(np.linalg.det(cell)) < 1e-6:
        raise InputError(f"{molecule} is periodic and needs a cell [3, 3] in Å with a volume")
    x = molecule.positions
    inverse = np.linalg.inv(cell)
    fractions = x @ inverse
    wrap = np.where(pbc, -np.floor(fractions), 0)  # into the cell
    inside = fractions + wrap
    reach = cutoff * np.linalg.norm(inverse, axis=0)  # the cutoff in fractions: how far it reaches across the faces
    copies = [np.arange(-math.ceil(r), math.ceil(r) + 1) if p else np.zeros(1) for r, p in zip(reach, pbc, strict=True)]
    offsets = np.stack(np.meshgrid(*copies, indexing="ij"), -1).reshape(-1, 3)
    images = inside[None] + offsets[:, None]  # [offsets, A, 3]
    near = ~pbc | ((images > -reach - 1e-9) & (images < 1 + reach + 1e-9))
    offset, atom = np.nonzero(near.all(axis=-1))
    tree = cKDTree(inside @ cell)
    found = tree.sparse_distance_matrix(cKDTree(images[offset, atom] @ cell), cutoff, output_type="coo_matrix")
    i, image = found.row, found.col
    j, n = atom[image], offsets[offset[image]]
    # x_i - x_j + shift, for the positions as they were given: the image of j is x_j + (wrap_j + n) cell.
    steps = wrap[i] - wrap[j] - n
    first = np.argmax(steps != 0, axis=1)
    sign = np.where((steps == 0).all(axis=1), 0, np.take_along_axis(steps, first[:, None], 1)[:, 0])
    once = (i < j) | ((i == j) & (sign > 0))
    i, j, steps = i[once], j[once], steps[once]
    r = x[i] - x[j] + steps @ cell
    once = (r**2).sum(axis=1) < cutoff**2
    i, j, steps = i[once], j[once], steps[once]
    order = np.lexsort([*steps.T[::-1], j, i])
    return i[order], j[order], steps[order] @ cell


def near_origin(molecule: Molecule, found: Neighbors) -> tuple[np.ndarray, np.ndarray]:
    """Positions [A, 3] about the origin, and shifts [P, 3] with which all r_ji are as they were.

    The centre goes to the origin, and the shifts stay (the same array), unless an atom is more than `FAR` away from
    there: then atoms go back into their periodic cell, and parts that no pair joins are centred one by one.
    """
    x = molecule.positions - molecule.positions.mean(axis=0)
    if np.abs(x).max(initial=0.0) <= FAR:
        return x, found.shift
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    near = x
    if molecule.pbc is not None and molecule.pbc.any():
        near = x - np.where(molecule.pbc, np.floor(x @ np.linalg.inv(molecule.cell)), 0) @ molecule.cell
    joined = coo_matrix((np.ones(len(found.i)), (found.i, found.j)), (len(x), len(x)))
    parts, part = connected_components(joined, directed=False)
    atoms = np.bincount(part, minlength=parts)[:, None]
    near = near - (np.stack([np.bincount(part, c, parts) for c in near.T], 1) / atoms)[part]
    r = x[found.i] - x[found.j] + found.shift
    return near, r - (near[found.i] - near[found.j])


def _check_distances(molecule: Molecule, found: Neighbors) -> None:
    x = molecule.positions
    d = np.linalg.norm(x[found.i] - x[found.j] + found.shift, axis=1)
    if (d < CLOSEST).any():
        k = int(np.argmin(d))
        raise InputError(f"atoms {found.i[k]} and {found.j[k]} of {molecule} lie on the same place")


# ------------------------------------------------------------------------------------------------ batches


class Capacity(NamedTuple):
    """How many molecules, atoms, pairs, and slots an atom, a padded batch has."""

    molecules: int
    atoms: int
    pairs: int
    slots: int

    def rounded(self) -> Capacity:
        """The sizes, each raised by at most an eighth, so that batches much alike have the same shapes."""
        return Capacity(self.molecules, *(_round_up(n) for n in self[1:]))


def _round_up(n: int) -> int:
    """The next number of the form k · 2^m with k from 8 to 16; at least 1."""
    step = 1 << max(int(n - 1).bit_length() - 4, 0) if n > 0 else 1
    return max(-(-int(n) // step) * step, 1)


class Batches:
    """Molecules in batches of a handful of shapes: each shape costs one compilation, whatever is drawn into it.

    Molecules are sorted into at most `shapes` classes of like size; a batch holds molecules of one class and is padded
    to the largest of it.

    Args:
        molecules: with positions.
        cutoff: Å.
        size: molecules a batch.
        shapes: how many shapes there may be.
        rounded: take sizes of which there are few in all, so that other molecules much alike have the same shapes.
        split: make each batch of several parts of the same shape, of about `PART` atoms: one graph whose tensors have
            an axis more, [parts, …].
        workers: how many share the parts, of which there are as many for each; `split` must be set.
    """

    def __init__(
        self,
        molecules: Sequence[Molecule],
        cutoff: float,
        size: int,
        shapes: int = 4,
        rounded: bool = False,
        split: bool = False,
        workers: int = 1,
    ):
        self.molecules, self.size, self.split, self.workers = list(molecules), size, split, workers
        self.found = [neighbors(molecule, cutoff) for molecule in self.molecules]
        atoms = np.array([len(molecule) for molecule in self.molecules])
        limits = _classes(atoms, shapes)
        self.classes = [
            np.flatnonzero((atoms > low) & (atoms <= high)) for low, high in zip([-1, *limits], limits, strict=False)
        ]
        self.capacities, self.parts = [], []
        for members in self.classes:
            n = min(size, len(members))
            if split:
                parts = -(-n // part_size([self.molecules[k] for k in members]))
                parts = -(-parts // workers) * workers
                n = -(-n // parts)  # of each part
                self.parts.append(parts)
            pairs = max(len(self.found[k].i) for k in members)
            slots = max(np.bincount(np.concatenate(self.found[k][:2]), minlength=1).max() for k in members)
            capacity = Capacity(n, n * int(atoms[members].max()), max(n * pairs, 1), max(int(slots), 1))
            self.capacities.append(capacity.rounded() if rounded else capacity)

    def __len__(self) -> int:
        """Batches in one round over all molecules."""
        return sum(math.ceil(len(members) / self.size) for members in self.classes)

    def count(self, some: np.ndarray | None = None) -> int:
        """Batches in one round over these molecules; None for all."""
        return len(self) if some is None else sum(math.ceil(np.isin(k, some).sum() / self.size) for k in self.classes)

    def __call__(self, rng: np.random.Generator | None = None) -> Iterator[tuple[np.ndarray, MolecularGraph]]:
        """One round: (which molecules, their graph), in random order if there is a generator."""
        for chosen, c in self.rounds(rng):
            yield self.share(chosen, c)

    def rounds(
        self, rng: np.random.Generator | None = None, some: np.ndarray | None = None
    ) -> list[tuple[np.ndarray, int]]:
        """The batches of one round: (which molecules, of which class), for `share`; None for all molecules."""
        rounds = []
        for c, members in enumerate(self.classes):
            members = members if some is None else members[np.isin(members, some)]
            order = members if rng is None else rng.permutation(members)
            rounds += [(order[k : k + self.size], c) for k in range(0, len(order), self.size)]
        if rng is not None:
            rounds = [rounds[k] for k in rng.permutation(len(rounds))]
        return rounds

    def share(self, chosen: np.ndarray, c: int, rank: int = 0) -> tuple[np.ndarray, MolecularGraph]:
        """What a worker has of a batch: which molecules, and their graph, of every `workers`-th part."""
        if not self.split:
            return chosen, self._graph(chosen, c)
        n = self.capacities[c].molecules
        shares = [chosen[n * k : n * (k + 1)] for k in range(rank, self.parts[c], self.workers)]
        parts = [self._graph(some, c) for some in shares if len(some)]
        if len(parts) < len(shares):  # the last ones
            empty = _emptied(parts[0] if parts else self._graph(chosen[:n], c))
            parts += [empty] * (len(shares) - len(parts))
        return np.concatenate(shares), MolecularGraph(*(np.stack(x) for x in zip(*parts, strict=True)))

    def _graph(self, chosen: np.ndarray, c: int) -> MolecularGraph:
        molecules, found = ([of[k] for k in chosen] for of in (self.molecules, self.found))
        return MolecularGraph.assemble(molecules, found, self.capacities[c])


def _emptied(graph: MolecularGraph) -> MolecularGraph:
    """Padding in the shape of a graph."""
    nothing = {
        name: 0 * getattr(graph, name) for name in ("numbers", "sizes", "forth", "back", "hears", "heard", "sign")
    }
    return graph._replace(molecule=0 * graph.molecule + len(graph.sizes) - 1, **nothing)


def part_size(molecules: Sequence[Molecule]) -> int:
    """How many of the molecules are best computed at a time: as many as have about `PART` atoms together."""
    return max(1, round(PART * len(molecules) / max(sum(len(molecule) for molecule in molecules), 1)))


def _classes(atoms: np.ndarray, shapes: int) -> list[int]:
    """The largest size of each class, for which padding every molecule to its class costs least; at most `shapes`."""
    sizes, counts = np.unique(atoms, return_counts=True)
    best = {0: (0, [])}  # number of sizes placed: (atoms after padding, limits)
    for _ in range(min(shapes, len(sizes))):
        options = dict(best)
        for placed, (cost, limits) in best.items():
            for end in range(placed + 1, len(sizes) + 1):
                new = cost + int(sizes[end - 1] * counts[placed:end].sum())
                if end not in options or new < options[end][0]:
                    options[end] = (new, [*limits, int(sizes[end - 1])])
        best = options
    return best[len(sizes)][1]
