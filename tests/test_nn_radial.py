"""Radial bases and cutoffs: against formulas by sympy, orthonormality by quadrature, and how they end."""

import numpy as np
import pytest
import sympy
import tensorflow as tf
from scipy.integrate import quad

from dmol_molnet.nn.radial import bessel_basis, cosine_cutoff, gaussian_basis, polynomial_cutoff

RC = 4.0
R = np.array([0.3, 1.0, 2.7, 3.999])
r = sympy.symbols("r", positive=True)
x = r / sympy.Rational(4)


def values(formula, order=0):
    return sympy.lambdify(r, sympy.diff(formula, r, order) if order else formula, "numpy")


def test_gaussians():
    found = gaussian_basis(tf.constant(R), 9, RC).numpy()
    for n in range(9):
        np.testing.assert_allclose(found[:, n], values(sympy.exp(-((r - n / 2) ** 2) / (2 * 0.5**2)))(R), rtol=1e-12)


def test_bessel_functions_are_finite_at_zero_with_all_derivatives():
    found = bessel_basis(tf.constant(R), 5, RC).numpy()
    for n in range(1, 6):
        formula = sympy.sqrt(sympy.Rational(1, 2)) * sympy.sin(n * sympy.pi * x) / r
        np.testing.assert_allclose(found[:, n - 1], values(formula)(R), rtol=1e-12)
    at = tf.constant([0.0, 1e-5])
    with tf.GradientTape() as outer:
        outer.watch(at)
        with tf.GradientTape() as inner:
            inner.watch(at)
            b = bessel_basis(at, 5, RC)
        slope = inner.gradient(b, at)
    np.testing.assert_allclose(b[0], np.sqrt(2 / RC) * np.arange(1, 6) * np.pi / RC, rtol=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-2)
    assert np.isfinite(outer.gradient(slope, at)).all()


def test_bessel_functions_are_orthonormal():
    for m in range(1, 4):
        for n in range(1, 4):

            def integrand(d, m=m, n=n):
                b = bessel_basis(tf.constant([d], "float64"), 3, RC).numpy()[0]
                return d**2 * b[m - 1] * b[n - 1]

            assert quad(integrand, 0, RC)[0] == pytest.approx(float(m == n), abs=1e-10)


CUTOFFS = {
    "cosine": (lambda d: cosine_cutoff(d, RC), (sympy.cos(sympy.pi * x) + 1) / 2, 1),
    "polynomial 6": (lambda d: polynomial_cutoff(d, RC), 1 - 28 * x**6 + 48 * x**7 - 21 * x**8, 2),
    "polynomial 5": (lambda d: polynomial_cutoff(d, RC, 5), 1 - 21 * x**5 + 35 * x**6 - 15 * x**7, 2),
}


@pytest.mark.parametrize("name", CUTOFFS)
def test_cutoffs_fall_from_one_to_zero_and_stay_there(name):
    f, formula, smooth = CUTOFFS[name]
    np.testing.assert_allclose(f(tf.constant(R)), values(formula)(R), atol=1e-12)
    d = tf.constant(np.linspace(0, RC, 200))
    assert f(d)[0] == 1
    assert (np.diff(f(d)) <= 1e-15).all()
    np.testing.assert_array_equal(f(tf.constant([RC, RC + 1e-9, 2 * RC, 100.0], "float64")), 0)
    for order in range(smooth + 1):  # the function and so many derivatives vanish at the end
        assert abs(float(sympy.diff(formula, r, order).subs(r, RC))) < 1e-12
    assert abs(float(sympy.diff(formula, r, smooth + 1).subs(r, RC))) > 0.1


@pytest.mark.parametrize("cutoff", [cosine_cutoff, polynomial_cutoff])
@pytest.mark.parametrize("basis", [gaussian_basis, bessel_basis])
def test_basis_times_cutoff_ends_with_its_slope(basis, cutoff):
    d = tf.constant([RC - 1e-6, RC - 1e-9, RC, RC + 1e-6], "float64")
    with tf.GradientTape() as tape:
        tape.watch(d)
        y = basis(d, 8, RC) * cutoff(d, RC)[:, None]
    slope = tape.jacobian(y, d).numpy()  # [4, 8, 4]
    slope = np.stack([slope[k, :, k] for k in range(4)])
    np.testing.assert_allclose(y, 0, atol=1e-10)
    assert np.abs(slope[0]).max() < 1e-4
    assert np.abs(slope[1]).max() < 1e-7
    np.testing.assert_allclose(slope[2:], 0, atol=1e-12)


@pytest.mark.parametrize("f", [gaussian_basis, bessel_basis])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_are_kept(f, dtype):
    assert f(tf.constant(R, dtype), 4, RC).dtype == dtype
    assert cosine_cutoff(tf.constant(R, dtype), RC).dtype == polynomial_cutoff(tf.constant(R, dtype), RC).dtype == dtype
