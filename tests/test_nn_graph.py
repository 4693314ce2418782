"""Graphs in space: neighbours against plain searches, sums and derivatives against loops, padding that nobody sees."""

import itertools
import re
from dataclasses import replace

import ase
import ase.neighborlist
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from dmol_molnet import InputError, Molecule, symmetry
from dmol_molnet.nn import graph as module
from dmol_molnet.nn.graph import (
    Batches,
    Capacity,
    MolecularGraph,
    lengths,
    molecule_sum,
    near_origin,
    neighbor_sum,
    neighbors,
    pair_product,
    pair_vectors,
)

pytestmark = pytest.mark.usefixtures("float64")


def cloud(n, seed=0, density=0.1, **kwargs):
    rng = np.random.default_rng(seed)
    side = (n / density) ** (1 / 3)
    return Molecule(rng.choice([1, 6, 8], size=n), rng.uniform(0, side, size=(n, 3)), **kwargs)


CELLS = {
    "cube": (np.eye(3) * 9, [True] * 3),
    "smaller than the cutoff": (np.diag([2.9, 3.4, 4.1]), [True] * 3),
    "skewed": (np.array([[7.0, 0, 0], [4, 6, 0], [-3, 2, 8]]), [True] * 3),
    "left-handed": (np.array([[0, 6.0, 0], [6, 0, 1], [0, 0, 7]]), [True] * 3),
    "a slab": (np.diag([6.0, 7.0, 30.0]), [True, True, False]),
    "a wire": (np.array([[5.0, 1, 0], [0, 9, 0], [0, 0, 9]]), [True, False, False]),
}


# ------------------------------------------------------------------------------------------------ neighbours


@pytest.mark.parametrize("n", [1, 2, 40, module.ALL_PAIRS, module.ALL_PAIRS + 1, 400])
def test_open_neighbours_are_those_closer_than_the_cutoff(n):
    molecule = cloud(n)
    found = neighbors(molecule, 3.0)
    i, j = np.triu_indices(n, 1)
    near = pdist(molecule.positions) < 3.0
    np.testing.assert_array_equal(found.i, i[near])
    np.testing.assert_array_equal(found.j, j[near])
    assert not found.shift.any()


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "atoms outside of the cell"])
@pytest.mark.parametrize("name", CELLS)
def test_periodic_neighbours_are_those_of_ase(name, outside):
    cell, pbc = CELLS[name]
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(12, 3)) @ cell
    if outside:
        x = x + rng.integers(-2, 3, size=(12, 3)) * pbc @ cell
    molecule = Molecule(np.full(12, 6), x, cell=cell, pbc=pbc)
    found = neighbors(molecule, 4.3)
    r = x[found.i] - x[found.j] + found.shift
    ours = np.concatenate([np.c_[found.i, found.j, r], np.c_[found.j, found.i, -r]])
    atoms = ase.Atoms(numbers=molecule.numbers, positions=x, cell=cell, pbc=pbc)
    i, j, D = ase.neighborlist.neighbor_list("ijD", atoms, 4.3)
    theirs = np.c_[i, j, -D]
    assert len(ours) == len(theirs)

    def ordered(table):
        return table[np.lexsort(table.round(6).T[::-1])]

    np.testing.assert_allclose(ordered(ours), ordered(theirs), atol=1e-9)


def test_a_periodic_box_of_a_thousand_atoms_has_the_neighbours_that_all_images_give():
    side = 22.0
    x = np.random.default_rng(0).uniform(0, side, size=(1000, 3))
    found = neighbors(Molecule(np.full(1000, 6), x, cell=np.eye(3) * side, pbc=[True] * 3), 5.0)
    d = x[:, None] - x[None]
    d -= side * np.round(d / side)  # the nearest image, enough while the box is wider than two cutoffs
    i, j = np.nonzero(np.triu((d**2).sum(-1) < 25, 1))
    np.testing.assert_array_equal(np.c_[found.i, found.j], np.c_[i, j])
    np.testing.assert_allclose(x[i] - x[j] + found.shift, d[i, j], atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neighbors(Molecule([1, 1], [[0, 0, 0], [0, 0, 0]]), 5.0), "atoms 0 and 1 of Molecule(H2"),
        (lambda: neighbors(Molecule([1, 1], [[0, 0, 0], [0, 0, 1e-5]]), 5.0), "lie on the same place"),
        (lambda: neighbors(Molecule.example("water"), 5.0), "has no positions"),
        (lambda: neighbors(cloud(3), 0), "a cutoff is a positive length"),
        (lambda: neighbors(cloud(3), np.nan), "a cutoff is a positive length"),
        (lambda: neighbors("water", 5.0), "is made of molecules"),
        (lambda: neighbors(Molecule([1], [[0, 0, 0]], pbc=[True] * 3), 5.0), "needs a cell"),
        (lambda: MolecularGraph.from_molecules([], 5.0), "at least one molecule"),
        (lambda: MolecularGraph.from_molecules([cloud(4)], 5.0, Capacity(1, 3, 9, 9)), "more than the given"),
        (lambda: MolecularGraph.from_edges([1, 1], [[0, 0, 0], [0, 0, 0]], [(0, 1)]), "lie on the same place"),
        (
            lambda: MolecularGraph.from_edges([1, 1], [[0, 0, 0], [0, 0, 1]], [(0, 2)]),
            "an edge joins two atoms of 0 to 1",
        ),
        (lambda: MolecularGraph.from_edges([1, 1], [[0, 0, 0], [0, 0, 1]], [(0, 0)]), "two different atoms"),
        (lambda: MolecularGraph.from_edges([1, 1], [[0, 0, 0], [0, 0, 1]], [(0, 1), (0, 1)]), "listed once"),
        (lambda: MolecularGraph.from_edges([1, 1], [[0, 0, 0], [0, 0, 1]], [0, 1]), "whole numbers [E, 2]"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ sums over neighbours


def some_graph(directed=False):
    if not directed:
        small = Molecule([8], [[0.0, 0, 0]])
        box = cloud(5, seed=3, density=0.05, cell=np.diag([3.0, 4, 5]), pbc=[True] * 3)
        return MolecularGraph.from_molecules([cloud(6), small, box], 3.2)
    edges = [(0, 1), (1, 0), (2, 0), (0, 3), (3, 4), (4, 3), (4, 0)]
    return MolecularGraph.from_edges([6] * 5, cloud(5).positions, edges)


def directed(graph):
    """All directed edges with their pairs: (receiver, sender, pair), in plain loops."""
    for p, (i, j) in enumerate(zip(graph.i, graph.j, strict=True)):
        if graph.forth[p]:
            yield i, j, p
        if graph.back[p]:
            yield j, i, p


@pytest.mark.parametrize("one_way", [False, True])
def test_sums_over_neighbours_are_those_of_a_loop(one_way):
    graph = some_graph(one_way)
    rng = np.random.default_rng(0)
    h, w = rng.normal(size=(len(graph.numbers), 3)), rng.normal(size=(len(graph.i), 3))
    there, back, product = np.zeros_like(h), np.zeros_like(h), np.zeros_like(w)
    for i, j, p in directed(graph):
        there[i] += h[j] * w[p]
        back[j] += h[i] * w[p]
        product[p] += h[i] * h[j]
    np.testing.assert_allclose(neighbor_sum(tf.constant(h), tf.constant(w), graph), there, atol=1e-12)
    np.testing.assert_allclose(neighbor_sum(tf.constant(h), tf.constant(w), graph, reverse=True), back, atol=1e-12)
    np.testing.assert_allclose(pair_product(tf.constant(h), tf.constant(h), graph), product, atol=1e-12)


@pytest.mark.parametrize("one_way", [False, True])
def test_first_and_second_derivatives_are_those_of_differences(one_way):
    graph = some_graph(one_way)
    rng = np.random.default_rng(1)
    x, h = tf.constant(graph.positions), tf.constant(rng.normal(size=(len(graph.numbers), 2)))
    u = tf.constant(rng.normal(size=(2, 2)))

    def energy(x, h):
        r = pair_vectors(graph, x)
        w = tf.exp(-tf.reduce_sum(r**2, -1, keepdims=True)) * tf.reduce_sum(r * [0.3, -0.2, 0.5], -1, keepdims=True)
        for _ in range(2):
            h = tf.tanh(h + neighbor_sum(h @ u, tf.concat([w, 2 * w], 1), graph))
        return tf.reduce_sum(molecule_sum(h[:, 0] * h[:, 1], graph))

    def force(x, h):
        with tf.GradientTape() as tape:
            tape.watch(x)
            e = energy(x, h)
        return tape.gradient(e, x)

    for f, arguments in ((energy, [x, h]), (force, [x, h])):
        for by_tape, by_difference in zip(*tf.test.compute_gradient(f, arguments, delta=1e-5), strict=True):
            np.testing.assert_allclose(by_tape, by_difference, atol=2e-8)


def test_pair_vectors_point_from_the_sender_to_the_receiver():
    graph = MolecularGraph.from_edges([1, 1], [[0, 0, 0], [1.0, 2, 3]], [(0, 1), (1, 0)])
    x = np.asarray(graph.positions)
    np.testing.assert_allclose(pair_vectors(graph)[0], x[graph.i[0]] - x[graph.j[0]])
    np.testing.assert_allclose(lengths(pair_vectors(graph))[0], np.sqrt(14))
    np.testing.assert_array_equal(graph.edges, [(0, 1), (1, 0)])


def test_edges_are_given_back_in_order_and_order_does_not_matter():
    edges = np.array([(0, 1), (1, 0), (2, 0), (0, 3), (3, 4), (4, 3), (4, 0)])
    x = cloud(5).positions
    one, other = (MolecularGraph.from_edges([6] * 5, x, e) for e in (edges, edges[::-1]))
    np.testing.assert_array_equal(one.edges, sorted(map(tuple, edges.tolist())))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_graph_without_edges_is_no_error():
    graph = MolecularGraph.from_edges([6, 1], [[0, 0, 0], [0, 0, 1]], [])
    assert graph.edges.shape == (0, 2)
    h = tf.ones((len(graph.numbers), 2), "float64")
    np.testing.assert_array_equal(neighbor_sum(h, tf.ones((len(graph.i), 2), "float64"), graph), 0)


# ------------------------------------------------------------------------------------------------ padding and batches


def test_padding_is_invisible():
    molecules = [cloud(6), cloud(9, seed=2)]
    tight = MolecularGraph.from_molecules(molecules, 3.0)
    wide = MolecularGraph.from_molecules(molecules, 3.0, Capacity(4, 64, 256, 32))
    assert wide.numbers.shape == (64,)
    assert wide.sizes.tolist() == [6, 9, 0, 0]
    rng = np.random.default_rng(0)
    h = rng.normal(size=(64, 2))
    sums = []
    for graph in (tight, wide):
        r = lengths(pair_vectors(graph))
        assert np.isfinite(r).all()
        assert (np.asarray(r) > 0).all()
        v = neighbor_sum(tf.constant(h[: len(graph.numbers)]), tf.exp(-r)[:, None] * [1.0, 2.0], graph)
        sums.append(molecule_sum(v**2, graph).numpy())
    np.testing.assert_allclose(sums[0], sums[1][:2], rtol=1e-13)
    np.testing.assert_array_equal(sums[1][2:], 0)


@given(n=st.integers(0, 10**6))
def test_rounded_sizes_are_few_and_close(n):
    rounded = Capacity(1, n, 1, 1).rounded().atoms
    assert max(n, 1) <= rounded <= max(1.125 * n, 1)
    assert rounded % (1 << max(int(rounded).bit_length() - 4, 0)) == 0  # four leading bits, and zeros


def test_a_mixed_set_makes_a_handful_of_shapes_and_each_molecule_comes_once_a_round():
    rng = np.random.default_rng(0)
    molecules = [cloud(int(n), seed=int(n)) for n in rng.integers(3, 40, size=90)]
    batches = Batches(molecules, 3.0, 7)
    shapes, seen = set(), []
    for epoch in range(3):
        chosen_now = []
        for chosen, graph in batches(np.random.default_rng(epoch)):
            shapes.add(tuple(x.shape for x in graph))
            chosen_now += chosen.tolist()
            assert graph.sizes[: len(chosen)].tolist() == [len(molecules[k]) for k in chosen]
        assert sorted(chosen_now) == list(range(90))
        seen.append(chosen_now)
    assert len(shapes) <= 4
    assert seen[0] != seen[1]
    again = [chosen.tolist() for chosen, _ in batches(np.random.default_rng(0))]
    assert [k for chosen in again for k in chosen] == seen[0]
    assert len(again) == len(batches)


@given(atoms=st.lists(st.integers(1, 9), min_size=1, max_size=12), shapes=st.integers(1, 3))
def test_classes_waste_least(atoms, shapes):
    def cost(limits):
        return sum(min(limit for limit in limits if limit >= n) for n in atoms)

    sizes = sorted(set(atoms))
    choices = (c for k in range(shapes) for c in itertools.combinations(sizes[:-1], k))
    found = module._classes(np.array(atoms), shapes)
    assert len(found) <= shapes
    assert cost(found) == min(cost([*choice, sizes[-1]]) for choice in choices)


def test_a_molecule_far_away_loses_nothing_in_float32():
    keras.config.set_dtype_policy("float32")
    molecule = cloud(6)
    near, far = (MolecularGraph.from_molecules(symmetry.moved(molecule, shift=np.full(3, s)), 5.0) for s in (0, 1e5))
    np.testing.assert_allclose(lengths(pair_vectors(near)), lengths(pair_vectors(far)), rtol=1e-6)


def far_apart(molecule, gap=3e4):
    """Two copies of an open molecule, a good way off each other."""
    x = np.concatenate([molecule.positions, molecule.positions + gap])
    return Molecule(np.tile(molecule.numbers, 2), x)


def unwrapped(molecule, seed=0):
    """A periodic molecule whose atoms have each wandered through many cells."""
    steps = np.random.default_rng(seed).integers(-3000, 3000, size=(len(molecule), 3)) * molecule.pbc
    return replace(molecule, positions=molecule.positions + steps @ molecule.cell)


@pytest.mark.parametrize(
    "molecule",
    [
        far_apart(cloud(6)),
        *(unwrapped(cloud(12, seed=5, density=0.05, cell=cell, pbc=pbc)) for cell, pbc in CELLS.values()),
    ],
    ids=["two far apart", *CELLS],
)
def test_atoms_far_out_lose_nothing_in_float32(molecule):
    found = neighbors(molecule, 4.0)
    exact = molecule.positions[found.i] - molecule.positions[found.j] + found.shift
    keras.config.set_dtype_policy("float32")
    graph = MolecularGraph.from_molecules(molecule, 4.0)
    assert len(found.i) > 10
    np.testing.assert_allclose(pair_vectors(graph)[: len(found.i)], exact, atol=2e-6)


def test_near_atoms_stay_where_they_are():
    molecule = cloud(6)
    x, shift = near_origin(molecule, found := neighbors(molecule, 4.0))
    np.testing.assert_allclose(x, molecule.positions - molecule.positions.mean(axis=0))
    assert shift is found.shift
