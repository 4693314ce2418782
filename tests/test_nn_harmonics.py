"""Harmonics of tensors: equal to those of NumPy, with derivatives of SymPy, eager and compiled, in two precisions."""

import numpy as np
import pytest
import sympy
import tensorflow as tf

from dmol_molnet import so3
from dmol_molnet.molecules import InputError
from dmol_molnet.nn.harmonics import spherical_harmonics
from dmol_molnet.symmetry import random_reflection, random_rotation

V = np.random.default_rng(0).normal(size=(7, 3))
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def derivatives(r, l_max, jit=False):
    """Y, w · Y's gradient and that gradient's own, along a fixed direction."""
    r = tf.constant(r)
    w = tf.constant(np.random.default_rng(1).normal(size=((l_max + 1) ** 2, 1)), r.dtype)
    d = tf.constant([[0.3, -1.0, 0.7]], r.dtype)

    @tf.function(jit_compile=True)
    def compiled(r):
        return both(r)

    def both(r):
        with tf.GradientTape() as outer:
            outer.watch(r)
            with tf.GradientTape() as inner:
                inner.watch(r)
                y = spherical_harmonics(l_max, r)
                energy = tf.reduce_sum(w * y)
            first = inner.gradient(energy, r)
            along = tf.reduce_sum(first * d)
        return y, first, outer.gradient(along, r)

    return [np.asarray(x) for x in (compiled(r) if jit else both(r))], w.numpy()[:, 0], d.numpy()[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("l_max", [0, 1, 4, 6])
def test_rows_are_the_harmonics(l_max, dtype):
    found = spherical_harmonics(l_max, tf.constant(V, dtype))
    assert found.dtype == dtype
    assert found.shape == ((l_max + 1) ** 2, 7)
    expected = so3.spherical_harmonics(l_max, V).T
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[dtype] * np.abs(expected).max())


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "xla"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_derivatives_are_those_of_sympy(dtype, jit):
    (y, first, second), w, d = derivatives(V.astype(dtype), 4, jit)
    x = sympy.symbols("x y z")
    # Parsed anew from the table of expanded monomials: SymPy differentiates those, not our recurrence.
    energy = sum(
        float(c) * sympy.Poly(p, *x).as_expr() for c, p in zip(w, so3.harmonic_polynomials(4, *x), strict=True)
    )
    gradient = [sympy.diff(energy, q) for q in x]
    along = sum(float(c) * g for c, g in zip(d, gradient, strict=True))
    for found, formulas in ((first, gradient), (second, [sympy.diff(along, q) for q in x])):
        expected = np.stack([np.broadcast_to(sympy.lambdify(x, f)(*V.T), 7) for f in formulas], 1)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE[dtype] * np.abs(expected).max())
    np.testing.assert_allclose(y, so3.spherical_harmonics(4, V).T, atol=TOLERANCE[dtype] * np.abs(y).max())


def test_gradient_is_that_of_differences():
    (_, first, second), w, d = derivatives(V, 4)
    h = 1e-5
    for axis in range(3):
        e = h * np.eye(3)[axis]
        plus, minus = (w @ spherical_harmonics(4, tf.constant(V + s * e)).numpy() for s in (1, -1))
        np.testing.assert_allclose(first[:, axis], (plus - minus) / (2 * h), atol=1e-6)
        plus, minus = (derivatives(V + s * e, 4)[0][1] @ d for s in (1, -1))
        np.testing.assert_allclose(second[:, axis], (plus - minus) / (2 * h), atol=1e-6)


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "xla"])
def test_all_is_smooth_at_the_origin(jit):
    (y, first, second), w, d = derivatives(np.zeros((1, 3)), 4, jit)
    np.testing.assert_array_equal(y[:, 0], np.eye(25)[0])
    np.testing.assert_allclose(first[0], np.sqrt(3) * w[[3, 1, 2]], atol=1e-14)  # of degree 1 alone
    hessian = np.sqrt(15) * np.array(
        [[w[8] - w[6] / 3**0.5, w[4], w[7]], [w[4], -w[8] - w[6] / 3**0.5, w[5]], [w[7], w[5], 2 * w[6] / 3**0.5]]
    )
    np.testing.assert_allclose(second[0], hessian @ d, atol=1e-13)  # of degree 2 alone


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("R", [random_rotation(3), random_reflection(3)], ids=["rotation", "reflection"])
def test_harmonics_turn_with_their_vectors(R, dtype):
    y = spherical_harmonics(4, tf.constant(V, dtype)).numpy()
    turned = spherical_harmonics(4, tf.constant(V @ R.T, dtype)).numpy()
    scale = np.abs(y).max()
    for l in range(5):
        rows = slice(l * l, (l + 1) ** 2)
        np.testing.assert_allclose(turned[rows], so3.wigner_d(l, R) @ y[rows], atol=TOLERANCE[dtype] * scale)
    # A twin that forgets the order of axes does not.
    twin = spherical_harmonics(2, tf.constant(V[:, ::-1].copy())).numpy()
    twin_turned = spherical_harmonics(2, tf.constant((V @ R.T)[:, ::-1].copy())).numpy()
    assert np.abs(twin_turned[4:9] - so3.wigner_d(2, R) @ twin[4:9]).max() > 0.1


def test_any_number_of_vectors():
    f = tf.function(lambda r: spherical_harmonics(3, r), input_signature=[tf.TensorSpec([None, 3])], jit_compile=True)
    for n in (0, 1, 5):
        assert f(tf.zeros((n, 3))).shape == (16, n)
    with pytest.raises(InputError, match="a degree is an integer"):
        spherical_harmonics(-1, tf.zeros((2, 3)))
