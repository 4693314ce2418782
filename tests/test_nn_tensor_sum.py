"""Sums of tensor messages: against plain loops over directed edges, and their derivatives against each other."""

import numpy as np
import pytest
import tensorflow as tf

from dmol_molnet import Molecule
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.tensor_sum import TensorSum

PATH, SIGN = [0, 0, 1, 1, 1, 2], [1, 1, -1, -1, -1, 1]
K, M = 4, 3


pytestmark = pytest.mark.usefixtures("float64")


def one_way():
    """Some edges go both ways, some one way only."""
    x = np.random.default_rng(1).normal(size=(5, 3)) * 2
    edges = [(0, 1), (1, 0), (2, 0), (1, 3), (3, 1), (2, 3), (4, 2), (2, 4)]
    return MolecularGraph.from_edges([6] * 5, x, edges)


def batch():
    molecules = [Molecule.from_smiles(text).embed(0) for text in ("CO", "O")]
    return MolecularGraph.from_molecules(molecules, 2.5)


def drawn(graph, seed=0):
    """T [g, m, P], R [paths, P, K], G [g, A, K], H [m, A, K]."""
    rng = np.random.default_rng(seed)
    A, P, g = len(graph.numbers), len(graph.i), len(PATH)
    return [tf.constant(rng.normal(size=shape)) for shape in ((g, M, P), (3, P, K), (g, A, K), (M, A, K))]


def phi(graph, T, R, G, H):
    """The number that the module's docstring defines, edge by edge."""
    total = 0.0
    arrays = [np.asarray(x) for x in (graph.i, graph.j, graph.forth, graph.back)]
    for p, (i, j, forth, back) in enumerate(zip(*arrays, strict=True)):
        for g, (x, s) in enumerate(zip(PATH, SIGN, strict=True)):
            for m in range(M):
                here = forth * G[g, i] * H[m, j] + s * back * G[g, j] * H[m, i]
                total = total + np.sum(T[g, m, p] * R[x, p] * here)
    return total


@pytest.mark.parametrize("make", [one_way, batch])
def test_the_four_derivatives_are_those_of_plain_loops(make):
    graph = make()
    arguments = T, R, G, H = [x.numpy() for x in drawn(graph)]
    total = TensorSum(graph, PATH, SIGN)
    found = {
        "T": total.angular(*map(tf.constant, (R, G, H))),
        "R": total.radial(*map(tf.constant, (T, G, H))),
        "G": total.receive(*map(tf.constant, (T, R, H))),
        "H": total.send(*map(tf.constant, (T, R, G))),
    }
    rng = np.random.default_rng(2)
    for place, (name, derivative) in enumerate(found.items()):
        assert derivative.shape == arguments[place].shape, name
        for _ in range(3):  # Phi is linear in each argument: its value for a direction is the derivative's product
            direction = rng.normal(size=arguments[place].shape)
            changed = [direction if n == place else a for n, a in enumerate(arguments)]
            assert np.sum(derivative.numpy() * direction) == pytest.approx(phi(graph, *changed), rel=1e-12), name


@pytest.mark.parametrize("make", [one_way, batch])
def test_derivatives_of_derivatives_are_those_of_differences(make):
    graph = make()
    T, R, _, H = drawn(graph)
    total = TensorSum(graph, PATH, SIGN)
    cotangents = [tf.constant(np.random.default_rng(n).normal(size=x.shape)) for n, x in enumerate((T, R, H))]

    def slope(*arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            y = tf.reduce_sum(total.receive(*arguments) ** 3)
        return tf.add_n([tf.reduce_sum(c * g) for c, g in zip(cotangents, tape.gradient(y, arguments), strict=True)])

    with tf.GradientTape() as tape:
        tape.watch([T, R, H])
        y = slope(T, R, H)
    second = tape.gradient(y, [T, R, H])
    step = 1e-5
    for place in range(3):
        direction = tf.constant(np.random.default_rng(9).normal(size=(T, R, H)[place].shape))
        ends = []
        for sign in (1, -1):
            arguments = [T, R, H]
            arguments[place] = arguments[place] + sign * step * direction
            ends.append(float(slope(*arguments)))
        along = float(tf.reduce_sum(second[place] * direction))
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(along, rel=1e-6)


def test_compiled_and_eager_agree_and_nothing_is_scattered():
    graph = batch()
    T, R, _, H = drawn(graph)
    total = TensorSum(graph, PATH, SIGN)

    def gradients(T, R, H):
        with tf.GradientTape() as tape:
            tape.watch([T, R, H])
            y = tf.reduce_sum(total.receive(T, R, H) ** 2)
        return tape.gradient(y, [T, R, H])

    compiled = tf.function(gradients, jit_compile=True)
    for a, b in zip(gradients(T, R, H), compiled(T, R, H), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    assert "scatter" not in compiled.experimental_get_compiler_ir(T, R, H)(stage="hlo")
