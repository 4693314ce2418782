"""The layers of ACE: against sums over neighbours that are written out, and the laws that each obeys."""

from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import quad
from scipy.stats import norm

from dmol_molnet import InputError, Molecule, so3, symmetry
from dmol_molnet.nn import ace
from dmol_molnet.nn.ace import AtomicBasis, LayerNorm, Message, ProductBasis, Radial, Readout, Update
from dmol_molnet.nn.graph import MolecularGraph, lengths, pair_vectors
from dmol_molnet.nn.harmonics import spherical_harmonics
from dmol_molnet.so3 import Irrep

CUTOFF, K = 4.0, 3


pytestmark = pytest.mark.usefixtures("float64")


def molecule():
    return Molecule.from_smiles("CO").embed(0)


def geometry(one, l_max):
    graph = MolecularGraph.from_molecules(one, CUTOFF)
    vectors = pair_vectors(graph)
    r = lengths(vectors)
    return graph, spherical_harmonics(l_max, vectors / r[:, None]), r


def rotated(irreps, matrix):
    """D of several irreps, block by block."""
    size = sum(irrep.dim for irrep in irreps)
    D, start = np.zeros((size, size)), 0
    for irrep in irreps:
        D[start : start + irrep.dim, start : start + irrep.dim] = so3.wigner_d(irrep, matrix)
        start += irrep.dim
    return D


def features(irreps, n, seed=0):
    """Random features [rows, n, K]."""
    return np.random.default_rng(seed).normal(size=(sum(irrep.dim for irrep in irreps), n, K))


# ------------------------------------------------------------------------------------------------ A


def a_by_loops(layer, h, x, cutoff):
    """A_i,kl3m3 by the second equation of nn/ace.py: atom by atom, neighbour by neighbour, path by path."""
    n = len(x)
    A = np.zeros((sum(irrep.dim for irrep in layer.receivers), n, K))
    starts = {irrep: sum(o.dim for o in layer.receivers[:k]) for k, irrep in enumerate(layer.receivers)}
    up, place = {}, 0
    for irrep, kernel in zip(layer.senders, layer.up, strict=True):
        up[irrep] = h[place : place + irrep.dim] @ kernel.numpy() / np.sqrt(K)  # [m, n, K]
        place += irrep.dim
    for i, j in product(range(n), repeat=2):
        d = np.linalg.norm(x[i] - x[j])
        if i == j or d >= cutoff:
            continue
        R = layer.radial(tf.constant([d])).numpy()[:, 0]  # [X, K]
        for number, (sender, l, receiver) in enumerate(layer.paths):
            Y = so3.spherical_harmonics(l, (x[i] - x[j]) / d)[l * l :]
            C = np.sqrt(receiver.dim) * so3.clebsch_gordan(sender.l, l, receiver.l)
            message = np.einsum("abc,ak,b->ck", C, up[sender][:, j], Y) * R[number]  # [m3, K]
            many = K * sum(path.receiver == receiver for path in layer.paths)
            mixed = message @ layer.mix.numpy()[number] / np.sqrt(many)
            A[starts[receiver] : starts[receiver] + receiver.dim, i] += mixed / layer.neighbors
    return A


@pytest.mark.parametrize(
    ("senders", "receivers", "parity"),
    [("0e", "0e+1o+2e", True), ("0e+1o", "0e+1o+2e", True), ("0e+1o", "0e+1e+2o", True), ("0e+1e", "0e+1e+2e", False)],
)
def test_the_atomic_basis_is_that_of_loops(senders, receivers, parity):
    one = molecule()
    if "1e+2o" in receivers:
        senders, receivers = "0e+1o", "0e+1e+2o"  # of the other parity, by odd couplings
    layer = AtomicBasis(senders, receivers, 2, K, CUTOFF, parity=parity, neighbors=3.0, seed=1)
    graph, Y, r = geometry(one, 2)
    h = features(layer.senders, len(one))
    A = layer(tf.constant(h), Y, r, graph)
    np.testing.assert_allclose(A, a_by_loops(layer, h, one.positions, CUTOFF), atol=1e-12)


def test_the_atomic_basis_turns_with_the_molecule():
    layer = AtomicBasis("0e+1o", "0e+1o+2e", 2, K, CUTOFF, seed=1)
    one = molecule()
    graph, Y, r = geometry(one, 2)
    h = features(layer.senders, len(one))
    A = layer(tf.constant(h), Y, r, graph).numpy()
    for matrix in (symmetry.random_rotation(1), symmetry.random_reflection(2)):
        graph, Y, r = geometry(symmetry.moved(one, matrix), 2)
        turned = np.einsum("mn,nak->mak", rotated(layer.senders, matrix), h)
        B = layer(tf.constant(turned), Y, r, graph)
        np.testing.assert_allclose(B, np.einsum("mn,nak->mak", rotated(layer.receivers, matrix), A), atol=1e-12)


def test_nothing_is_heard_at_the_cutoff_nor_its_slope():
    radial = Radial(2, K, CUTOFF, seed=0)
    r = tf.constant([CUTOFF - 1e-4, CUTOFF, CUTOFF + 0.5])
    with tf.GradientTape() as tape:
        tape.watch(r)
        R = radial(r)
        total = tf.reduce_sum(R, [0, 2])
    assert R.shape == (2, 3, K)
    assert np.abs(R[:, 1:]).max() == 0
    assert np.abs(R[:, 0]).max() < 1e-9
    assert np.abs(tape.gradient(total, r)).max() < 1e-5


# ------------------------------------------------------------------------------------------------ B


@pytest.mark.parametrize("nu", [2, 3])
def test_the_product_basis_is_the_sum_over_all_tuples_of_neighbours(nu):
    """The density trick: a product of sums over neighbours is a sum over all pairs, all triples, repeated ones too."""
    neighbours = features(so3.harmonic_irreps(2), 4)  # what each of four neighbours adds to A
    layer = ProductBasis("0e+1o+2e", "0e+1o", nu)
    B = layer(tf.constant(neighbours.sum(axis=1, keepdims=True)))
    for irrep in layer.outputs:
        U = layer.tree.tensor(nu, irrep)  # [2L+1, a, …, Q]
        letters = "abc"[:nu]
        total = 0
        for js in product(range(4), repeat=nu):
            factors = ",".join(f"{letter}k" for letter in letters)
            total = total + np.einsum(f"m{letters}q,{factors}->qmk", U, *(neighbours[:, j] for j in js))
        np.testing.assert_allclose(B[irrep][-1][:, :, 0], total, atol=1e-10)


@pytest.mark.parametrize(
    ("irreps", "outputs", "nu", "parity"),
    [
        ("0e+1o+2e", "0e+1o+2e", 3, True),
        ("0e+1o+2e+3o", "0o+0e", 4, True),
        ("0e+1e+2e", "0e+1e", 3, False),
        ("0e+1o", "0e+1o", 1, True),
    ],
)
def test_the_product_basis_turns_with_its_factors(irreps, outputs, nu, parity):
    layer = ProductBasis(irreps, outputs, nu, parity)
    A = features(layer.irreps, 2)
    B = layer(tf.constant(A))
    for matrix in (symmetry.random_rotation(1), symmetry.random_reflection(2))[: 2 if parity else 1]:
        turned = layer(tf.constant(np.einsum("mn,nak->mak", rotated(layer.irreps, matrix), A)))
        for irrep in layer.outputs:
            assert sum(part.shape[0] for part in B[irrep]) == layer.count(irrep)
            for one, other in zip(B[irrep], turned[irrep], strict=True):
                expected = np.einsum("mn,qnak->qmak", rotated([irrep], matrix), one)
                np.testing.assert_allclose(other, expected, atol=1e-11 * max(1, np.abs(expected).max()))


def test_counts_of_couplings_are_those_of_all_orders():
    layer = ProductBasis("0e+1o+2e+3o", "0e+1o", 3)
    assert [layer.count(irrep) for irrep in layer.outputs] == [1 + 4 + 8, 1 + 3 + 12]


def test_gradients_of_products_are_those_of_differences_to_second_order():
    layer = ProductBasis("0e+1o+2e", "0e+1o", 3)
    A = tf.constant(features(layer.irreps, 1))
    directions = [tf.constant(features(layer.irreps, 1, seed)) for seed in (1, 2)]

    def value(A):
        return tf.add_n([tf.reduce_sum(tf.sin(part)) for parts in layer(A).values() for part in parts])

    def slope(A):
        with tf.GradientTape() as tape:
            tape.watch(A)
            y = value(A)
        return tf.reduce_sum(tape.gradient(y, A) * directions[0])

    h = 1e-5
    first = (value(A + h * directions[0]) - value(A - h * directions[0])) / (2 * h)
    assert float(slope(A)) == pytest.approx(float(first), rel=1e-7)
    with tf.GradientTape() as tape:
        tape.watch(A)
        y = slope(A)
    second = (slope(A + h * directions[1]) - slope(A - h * directions[1])) / (2 * h)
    assert float(tf.reduce_sum(tape.gradient(y, A) * directions[1])) == pytest.approx(float(second), rel=1e-6)


# ------------------------------------------------------------------------------------------------ message, update


@pytest.mark.parametrize("elements", [1, 3])
def test_the_message_is_a_sum_over_couplings_weighted_by_element(elements):
    basis = ProductBasis("0e+1o+2e", "0e+1o", 2)
    B = basis(tf.constant(features(basis.irreps, 4)))
    z = np.eye(3)[[0, 2, 1, 2]]
    layer = Message([basis.count(irrep) for irrep in basis.outputs], K, elements, seed=0)
    m, start = layer(B, tf.constant(z)).numpy(), 0
    for irrep, kernel in zip(basis.outputs, layer.kernels, strict=True):
        joined = np.concatenate(B[irrep])  # [Q, 2L+1, A, K]
        for atom in range(4):
            w = kernel.numpy()[z[atom].argmax() if elements > 1 else 0]  # [Q, K]
            expected = sum(w[q] * joined[q, :, atom] for q in range(len(w))) / np.sqrt(len(w))
            np.testing.assert_allclose(m[start : start + irrep.dim, atom], expected, atol=1e-12)
        start += irrep.dim


@pytest.mark.parametrize("elements", [0, 1, 3])
@pytest.mark.parametrize("gates", [False, True])
def test_the_update_turns_with_its_message_and_remembers(elements, gates):
    irreps = so3.irreps("0e+1o+2e")
    layer = Update("0e+1o+2e", "0e+1o", K, elements, gates, seed=0)
    m, h, z = features(irreps, 4), features(irreps[:2], 4, 1), tf.constant(np.eye(3)[[0, 2, 1, 2]])
    new = layer(tf.constant(m), tf.constant(h), z).numpy()
    assert np.abs(new - layer(tf.constant(m), tf.constant(0 * h), z)).max() > 0.1 or elements == 0
    matrix = symmetry.random_reflection(3)
    D, D_before = rotated(irreps, matrix), rotated(irreps[:2], matrix)
    turned = layer(*(tf.constant(np.einsum("mn,nak->mak", d, x)) for d, x in ((D, m), (D_before, h))), z)
    np.testing.assert_allclose(turned, np.einsum("mn,nak->mak", D, new), atol=1e-12)
    if not gates:  # linear in message and memory
        np.testing.assert_allclose(layer(tf.constant(3 * m), tf.constant(3 * h), z), 3 * new, atol=1e-12)


def test_gates_need_scalars():
    with pytest.raises(InputError, match="scalars"):
        Update("1o", "0e", K, gates=True)


def test_the_layer_norm_brings_every_irrep_to_size_one_and_turns():
    irreps = so3.irreps("0e+0o+1o+2e")
    layer, h = LayerNorm("0e+0o+1o+2e", K), 7.0 * features(irreps, 4)
    new, start = layer(tf.constant(h)).numpy(), 0
    for irrep in irreps:
        rows = slice(start, start + irrep.dim)
        part = h[rows] - (h[rows].mean(axis=-1, keepdims=True) if irrep == Irrep(0, 1) else 0)
        for atom in range(4):
            size = np.sqrt(np.sum(part[:, atom] ** 2) / (irrep.dim * K) + 1e-3)
            np.testing.assert_allclose(new[rows, atom], part[:, atom] / size, rtol=1e-12)
        start += irrep.dim
    D = rotated(irreps, symmetry.random_reflection(3))
    turned = layer(tf.constant(np.einsum("mn,nak->mak", D, h)))
    np.testing.assert_allclose(turned, np.einsum("mn,nak->mak", D, new), atol=1e-12)
    assert np.abs(layer(tf.constant(0 * h))).max() == 0  # no direction, no jump


def test_a_readout_is_one_number_an_atom_and_component():
    h = features(so3.irreps("1o"), 5)
    assert Readout(K, seed=0)(tf.constant(h)).shape == (5, 3)
    np.testing.assert_allclose(Readout(K, seed=0)(tf.constant(2 * h)), 2 * Readout(K, seed=0)(tf.constant(h)))
    assert Readout(K, 4, seed=0)(tf.constant(h[:1])).shape == (5, 1)


# ------------------------------------------------------------------------------------------------ parts


def test_silu_keeps_the_mean_square_of_a_normal_variable():
    square = quad(lambda x: (x / (1 + np.exp(-x))) ** 2 * norm.pdf(x), -30, 30)[0]
    np.testing.assert_allclose(
        ace.silu(tf.constant([1.5], "float64")), 1.5 / (1 + np.exp(-1.5)) / np.sqrt(square), rtol=1e-10
    )


def test_weights_keep_variances():
    """With a thousand channels, what comes out of layers has the mean square of what goes in."""
    rng = np.random.default_rng(0)
    for irreps in ("0e", "0e+1o"):
        update = Update(irreps, irreps, 1000, 0, seed=1)
        m = rng.normal(size=(sum(x.dim for x in update.irreps), 3, 1000))
        assert np.mean(update(tf.constant(m), tf.constant(m), None).numpy() ** 2) == pytest.approx(1, abs=0.15)
    basis = ProductBasis("0e+1o+2e+3o", "0e+1o", 3)
    A = rng.normal(size=(16, 1, 200_000))
    for parts in basis(tf.constant(A)).values():
        for part in parts:
            assert np.mean(part.numpy() ** 2) == pytest.approx(1, abs=0.15)


def test_a_path_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="no path from 0e"):
        AtomicBasis("0e", "0e+1e", 2, K)
    with pytest.raises(InputError, match="no path"):
        AtomicBasis("0e", "0e+3o", 2, K)


def test_layers_come_back_from_their_configuration():
    for layer in (
        Radial(2, K), AtomicBasis("0e", "0e+1o", 1, K, neighbors=4.0), ProductBasis("0e+1o", "0e", 2),
        Message([2], K), Update("0e", "0e", K), LayerNorm("0e+1o", K), Readout(K, 4),
    ):  # fmt: skip
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


def test_take_and_put_are_adjoint():
    rows = np.array([2, 0, 2, 1])
    x, y = (np.random.default_rng(n).normal(size=(k, 5)) for n, k in ((0, 3), (1, 4)))
    taken, given = ace.take(tf.constant(x), rows).numpy(), ace.put(tf.constant(y), rows, 3).numpy()
    np.testing.assert_allclose(taken, x[rows])
    assert np.sum(taken * y) == pytest.approx(np.sum(x * given))


def test_irreps_are_known_by_name():
    assert ProductBasis("0e+1o", "0e", 2).outputs == (Irrep(0, 1),)
