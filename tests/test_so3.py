"""SO(3): harmonics against SciPy, couplings against SymPy, counts against characters, trees against tensors."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
import sympy
from scipy.special import eval_legendre, sph_harm_y
from sympy.physics.wigner import wigner_3j

from dmol_molnet import so3
from dmol_molnet.molecules import InputError
from dmol_molnet.so3 import Irrep, clebsch_gordan, count_symmetric, spherical_harmonics, symmetric_product, wigner_d
from dmol_molnet.symmetry import random_reflection, random_rotation

RNG = np.random.default_rng(0)
V = RNG.normal(size=(40, 3))
U = V / np.linalg.norm(V, axis=1, keepdims=True)
X, Y, Z = U.T
MATRICES = [random_rotation(1), random_rotation(2), random_reflection(3), -np.eye(3), np.diag([1.0, 1.0, -1.0])]
TRIPLES = [t for t in itertools.product(range(4), repeat=3) if abs(t[0] - t[1]) <= t[2] <= t[0] + t[1]]


def block(l):
    return slice(l * l, (l + 1) ** 2)


# ------------------------------------------------------------------------------------------------ irreps


def test_irreps_are_written_as_in_the_field():
    assert Irrep.of("1o") == Irrep(1, -1) == Irrep.of(Irrep(1, -1))
    assert [str(x) for x in so3.irreps("0e + 1o+12e")] == ["0e", "1o", "12e"]
    assert [x.dim for x in so3.irreps(["0o", Irrep(2, 1)])] == [1, 5]
    assert [str(x) for x in so3.couplings(Irrep.of("1o"), Irrep.of("2e"))] == ["1o", "2o", "3o"]
    assert [str(x) for x in so3.couplings(Irrep.of("1o"), Irrep.of("1o"))] == ["0e", "1e", "2e"]
    assert so3.harmonic_irreps(2) == so3.irreps("0e+1o+2e")
    assert so3.harmonic_irreps(2, parity=False) == so3.irreps("0e+1e+2e")


@pytest.mark.parametrize("text", ["", "o", "1x", "1", "-1e", "1o,2e", 3, None])
def test_what_is_no_irrep_is_told(text):
    with pytest.raises(InputError, match='as "0e" or "1o", not '):
        Irrep.of(text)


# ------------------------------------------------------------------------------------------------ harmonics


def test_harmonics_are_those_of_scipy():
    polar, azimuth = np.arccos(Z), np.arctan2(Y, X)
    found = spherical_harmonics(8, U)
    for l in range(9):
        for m in range(-l, l + 1):
            y = sph_harm_y(l, abs(m), polar, azimuth)
            real = y.real if m == 0 else math.sqrt(2) * (-1) ** m * (y.real if m > 0 else y.imag)
            np.testing.assert_allclose(found[:, l * l + l + m], math.sqrt(4 * math.pi) * real, atol=1e-12)


def test_harmonics_are_the_textbook_table():
    s = math.sqrt
    table = [
        np.ones_like(X),
        *(s(3) * q for q in (Y, Z, X)),
        *(s(5) * q for q in (s(3) * X * Y, s(3) * Y * Z, (3 * Z**2 - 1) / 2, s(3) * X * Z, s(3) / 2 * (X**2 - Y**2))),
        s(7) * s(5 / 8) * Y * (3 * X**2 - Y**2),
        s(7) * s(15) * X * Y * Z,
        s(7) * s(3 / 8) * Y * (5 * Z**2 - 1),
        s(7) * Z * (5 * Z**2 - 3) / 2,
        s(7) * s(3 / 8) * X * (5 * Z**2 - 1),
        s(7) * s(15) / 2 * Z * (X**2 - Y**2),
        s(7) * s(5 / 8) * X * (X**2 - 3 * Y**2),
    ]
    np.testing.assert_allclose(spherical_harmonics(3, U), np.stack(table, 1), atol=1e-14)


def e3nn(x, y, z):
    """Degrees 1 to 3 as e3nn writes them."""
    s = math.sqrt
    a, e, q = s(15) * x * z, s(15) / 2 * (z * z - x * x), 4 * y * y - x * x - z * z
    return np.stack(
        [
            *(s(3) * x, s(3) * y, s(3) * z),
            *(a, s(15) * x * y, s(5) * (y * y - (x * x + z * z) / 2), s(15) * y * z, e),
            *(s(42) / 6 * (a * z + e * x), s(7) * a * y, s(168) / 8 * q * x, s(7) / 2 * y * (5 * y * y - 3)),
            *(s(168) / 8 * q * z, s(7) * e * y, s(42) / 6 * (e * z - a * x)),
        ],
        -1,
    )


def test_the_map_to_e3nn_turns_the_axes():
    np.testing.assert_allclose(e3nn(X, Y, Z), spherical_harmonics(3, np.stack([Z, X, Y], 1))[:, 1:], atol=1e-14)
    assert np.abs(e3nn(X, Y, Z) - spherical_harmonics(3, np.stack([Y, Z, X], 1))[:, 1:]).max() > 1  # not the other way
    # Both bases are one, seen from two sides: couplings of e3nn's harmonics have the same entries.
    B = {l: e3nn(X, Y, Z)[:, l * l - 1 : (l + 1) ** 2 - 1] for l in (1, 2, 3)}
    v = np.einsum("ijk,ni,nj->nk", clebsch_gordan(1, 2, 3), B[1], B[2])
    np.testing.assert_allclose(v * (B[3][0, 0] / v[0, 0]), B[3], atol=1e-12)


def test_degrees_have_their_norm_and_angles():
    W = RNG.normal(size=(40, 3))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    a, b = spherical_harmonics(7, U), spherical_harmonics(7, W)
    for l in range(8):
        np.testing.assert_allclose((a[:, block(l)] ** 2).sum(1), 2 * l + 1, rtol=1e-12)
        np.testing.assert_allclose(
            (a[:, block(l)] * b[:, block(l)]).sum(1), (2 * l + 1) * eval_legendre(l, (U * W).sum(1)), atol=1e-11
        )


def test_harmonics_are_orthonormal_over_the_sphere():
    l_max, n = 5, 12  # exact for polynomials of degree below 2 n
    z, w = np.polynomial.legendre.leggauss(n)
    phi = 2 * np.pi * np.arange(2 * n) / (2 * n)
    s = np.sqrt(1 - z**2)[:, None]
    points = np.stack([s * np.cos(phi), s * np.sin(phi), np.broadcast_to(z[:, None], (n, 2 * n))], -1)
    y = spherical_harmonics(l_max, points)  # [n, 2 n, 36]
    gram = np.einsum("i,ija,ijb->ab", w / (4 * n), y, y)
    np.testing.assert_allclose(gram, np.eye((l_max + 1) ** 2), atol=1e-13)


def test_they_are_homogeneous_harmonic_polynomials():
    x = sympy.symbols("x y z")
    for a, p in enumerate(so3.harmonic_polynomials(5, *x)):
        p = sympy.Poly(p, *x)
        big = [powers for powers, c in p.terms() if abs(c) > 1e-12]
        assert {sum(powers) for powers in big} == {math.isqrt(a)}
        laplacian = sum((p.diff(q).diff(q) for q in x), sympy.Poly(0, *x))
        assert max(abs(float(c)) for c in [*laplacian.coeffs(), 0]) < 1e-11


def test_solid_scale_parity_origin_and_shape():
    y = spherical_harmonics(4, V)
    r = np.linalg.norm(V, axis=1, keepdims=True)
    for l in range(5):
        np.testing.assert_allclose(
            y[:, block(l)], r**l * spherical_harmonics(4, U)[:, block(l)], rtol=1e-10, atol=1e-12
        )
        np.testing.assert_array_equal(spherical_harmonics(4, -V)[:, block(l)], (-1) ** l * y[:, block(l)])
    np.testing.assert_array_equal(spherical_harmonics(4, np.zeros(3)), np.eye(25)[0])
    assert spherical_harmonics(2, np.zeros((2, 0, 3), np.float32)).shape == (2, 0, 9)
    assert spherical_harmonics(0, V.astype(np.float32)).dtype == float
    with pytest.raises(InputError, match=r"\[\.\.\., 3\], not \[40, 2\]"):
        spherical_harmonics(1, V[:, :2])
    for l_max in (-1, 1.0, True):
        with pytest.raises(InputError, match="a degree is an integer"):
            spherical_harmonics(l_max, V)


# ------------------------------------------------------------------------------------------------ couplings


@cache
def complex_basis(l):
    """[complex, real]: y_m = sum Q_mm' Y_m', fitted to SciPy's harmonics."""
    y = np.stack([sph_harm_y(l, m, np.arccos(Z), np.arctan2(Y, X)) for m in range(-l, l + 1)], 1)
    return np.linalg.lstsq(spherical_harmonics(l, U)[:, block(l)], math.sqrt(4 * math.pi) * y, rcond=None)[0].T


@pytest.mark.parametrize("degrees", [t for t in TRIPLES if t[0] <= t[1] <= t[2]] + [(2, 4, 5), (3, 1, 2), (6, 6, 6)])
def test_couplings_are_those_of_sympy(degrees):
    C = clebsch_gordan(*degrees).astype(complex)
    for axis, l in enumerate(degrees):
        C = np.moveaxis(np.tensordot(complex_basis(l).conj(), C, (1, axis)), 0, axis)
    l1, l2, l3 = degrees
    step = max(1, sum(degrees) // 6)  # of the large ones, some
    entries = itertools.product(range(-l1, l1 + 1, step), range(-l2, l2 + 1, step))
    pairs = [
        (C[l1 + m1, l2 + m2, l3 - m1 - m2], float(wigner_3j(l1, l2, l3, m1, m2, -m1 - m2)))
        for m1, m2 in entries
        if abs(m1 + m2) <= l3
    ]
    found, expected = np.array(pairs).T
    phase = found[np.argmax(abs(expected))] / expected[np.argmax(abs(expected))]
    assert abs(phase) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found, phase * expected, atol=1e-12)


@pytest.mark.parametrize("R", MATRICES[:2])
def test_no_rotation_changes_a_coupling(R):
    for degrees in [*TRIPLES, (4, 5, 6), (6, 6, 6), (6, 3, 4)]:
        C = clebsch_gordan(*degrees)
        D = [wigner_d(l, R) for l in degrees]
        np.testing.assert_allclose(np.einsum("ijk,ia,jb,kc->abc", C, *D, optimize=True), C, atol=1e-12)
        gram = np.einsum("ijk,ijl->kl", C, C)
        np.testing.assert_allclose(gram, np.eye(2 * degrees[2] + 1) / (2 * degrees[2] + 1), atol=1e-13)
    wrong = clebsch_gordan(1, 1, 2)[::-1]  # a twin with its first rows in another order
    D, E = wigner_d(1, R), wigner_d(2, R)
    assert np.abs(np.einsum("ijk,ia,jb,kc->abc", wrong, D, D, E) - wrong).max() > 0.05


def test_signs_follow_the_rule_and_the_exchanges():
    for degrees in [*TRIPLES, (2, 4, 5), (4, 5, 6)]:
        C = clebsch_gordan(*degrees)
        assert np.linalg.norm(C) == pytest.approx(1, abs=1e-14)
        if list(degrees) == sorted(degrees):
            assert (C[degrees] or C[C != 0][0]) > 0
        odd = (-1) ** sum(degrees)
        a, b, c = degrees
        np.testing.assert_array_equal(clebsch_gordan(b, c, a), C.transpose(1, 2, 0))
        np.testing.assert_allclose(clebsch_gordan(b, a, c), odd * C.transpose(1, 0, 2), atol=1e-16)
        np.testing.assert_allclose(clebsch_gordan(a, c, b), odd * C.transpose(0, 2, 1), atol=1e-16)


def test_published_entries():
    for l in range(4):
        np.testing.assert_allclose(clebsch_gordan(0, l, l)[0], np.eye(2 * l + 1) / math.sqrt(2 * l + 1), atol=1e-15)
    assert clebsch_gordan(1, 1, 1)[0, 1, 2] == pytest.approx(1 / math.sqrt(6))
    C = clebsch_gordan(1, 1, 2)
    spots = {(1, 1, 2): 0.36515, (0, 0, 2): -0.18257, (2, 2, 2): -0.18257}
    spots |= {(0, 2, 0): 0.31623, (0, 0, 4): -0.31623, (2, 2, 4): 0.31623}
    for place, value in spots.items():
        assert C[place] == pytest.approx(value, abs=1e-5)
    full = {(1, 1, 2): 11, (1, 2, 2): 16, (1, 2, 3): 21, (1, 3, 3): 26}
    full |= {(2, 2, 2): 25, (2, 2, 3): 28, (2, 3, 3): 41, (3, 3, 3): 42}
    assert {degrees: np.count_nonzero(clebsch_gordan(*degrees)) for degrees in full} == full
    assert (len(TRIPLES), sum(sum(t) % 2 == 0 for t in TRIPLES)) == (34, 23)


def test_harmonics_of_one_direction_couple_to_harmonics_or_to_nothing():
    y = spherical_harmonics(4, U)
    for l1, l2, l3 in itertools.product(range(4), range(4), range(5)):
        if not abs(l1 - l2) <= l3 <= l1 + l2:
            continue
        v = np.einsum("ijk,ni,nj->nk", clebsch_gordan(l1, l2, l3), y[:, block(l1)], y[:, block(l2)])
        ratio = (v * y[:, block(l3)]).sum(1) / (2 * l3 + 1)
        np.testing.assert_allclose(v, ratio[0] * y[:, block(l3)], atol=1e-12)
        assert (abs(ratio[0]) > 1e-3) == ((l1 + l2 + l3) % 2 == 0)
    for l in range(4):  # one coupling is enough to climb
        one = U[:, [1, 2, 0]]
        up = np.einsum("kij,ni,nj->nk", clebsch_gordan(l + 1, l, 1), y[:, block(l)], one)
        np.testing.assert_allclose((2 * l + 3) / math.sqrt(l + 1) * up, y[:, block(l + 1)], atol=1e-12)


def test_couplings_are_kept_and_cannot_be_spoilt():
    assert clebsch_gordan(1, 1, 2) is clebsch_gordan(1, 1, 2)
    for C in (clebsch_gordan(1, 1, 2), clebsch_gordan(2, 1, 1)):
        with pytest.raises(ValueError, match="read-only"):
            C[0, 0, 0] = 1
    with pytest.raises(InputError, match="1, 1 and 3 do not couple"):
        clebsch_gordan(1, 1, 3)
    with pytest.raises(InputError, match="not -1"):
        clebsch_gordan(1, 1, -1)


# ------------------------------------------------------------------------------------------------ Wigner matrices


@pytest.mark.parametrize("R", MATRICES)
def test_wigner_matrices_turn_harmonics(R):
    y, turned = spherical_harmonics(6, V), spherical_harmonics(6, V @ R.T)
    for l in range(7):
        D = wigner_d(l, R)
        scale = np.abs(y[:, block(l)]).max()
        np.testing.assert_allclose(turned[:, block(l)] / scale, y[:, block(l)] @ D.T / scale, atol=1e-12)
        np.testing.assert_allclose(D @ D.T, np.eye(2 * l + 1), atol=1e-12)
        np.testing.assert_allclose(wigner_d(l, MATRICES[1] @ R), wigner_d(l, MATRICES[1]) @ D, atol=1e-12)
        np.testing.assert_array_equal(D, wigner_d(Irrep(l, (-1) ** l), R))
        np.testing.assert_allclose(wigner_d(Irrep(l, -((-1) ** l)), R), round(np.linalg.det(R)) * D, atol=1e-15)
    if R is MATRICES[0]:  # a twin that turns backwards
        assert np.abs(turned[:, block(2)] - y[:, block(2)] @ wigner_d(2, R)).max() > 0.1


def test_wigner_matrices_of_small_irreps():
    order = np.ix_([1, 2, 0], [1, 2, 0])
    for R in MATRICES:
        det = round(np.linalg.det(R))
        np.testing.assert_array_equal(wigner_d("0e", R), [[1]])
        np.testing.assert_array_equal(wigner_d("0o", R), [[det]])
        np.testing.assert_allclose(wigner_d("1o", R), R[order], atol=1e-15)
        np.testing.assert_allclose(wigner_d("1e", R), det * R[order], atol=1e-15)
        a, b = U[:2]  # the cross product of two vectors is a pseudovector
        cross = np.cross(a, b)[[1, 2, 0]]
        np.testing.assert_allclose(np.cross(R @ a, R @ b)[[1, 2, 0]], wigner_d("1e", R) @ cross, atol=1e-14)
    for l1, l2, l3 in [(1, 1, 2), (2, 2, 3), (2, 3, 3), (2, 3, 5)]:  # whichever way one climbs
        C, R = clebsch_gordan(l1, l2, l3), MATRICES[0]
        up = np.einsum("ijk,ia,jb,abc->kc", C, wigner_d(l1, R), wigner_d(l2, R), C)
        np.testing.assert_allclose((2 * l3 + 1) * up, wigner_d(l3, R), atol=1e-13)
    np.testing.assert_allclose(wigner_d(5, -np.eye(3)), -np.eye(11), atol=1e-13)
    for wrong in (np.eye(2), 2 * np.eye(3), np.full((3, 3), np.nan)):
        with pytest.raises(InputError, match="orthogonal matrix"):
            wigner_d(1, wrong)
    for wrong in (-1, 1.5, "1"):
        with pytest.raises(InputError):
            wigner_d(wrong, np.eye(3))


# ------------------------------------------------------------------------------------------------ counting

COUNTS = {
    (1, 1): [1, 1, 0, 0],
    (3, 1): [1, 1, 1, 1],
    (1, 2): [2, 1, 1, 0],
    (1, 3): [2, 2, 1, 1],
    (1, 4): [3, 2, 2, 1],
    (2, 2): [3, 2, 3, 1],
    (2, 3): [5, 5, 6, 4],
    (2, 4): [9, 9, 13, 9],
    (3, 2): [4, 3, 5, 3],
    (3, 3): [8, 12, 14, 15],
    (3, 4): [23, 31, 46, 44],
    (4, 2): [5, 4, 7, 5],
    (4, 3): [14, 21, 29, 31],
    (4, 4): [51, 84, 130, 140],
}


@pytest.mark.parametrize(("l_max", "nu"), COUNTS)
def test_counts_are_the_published_ones(l_max, nu):
    assert [count_symmetric(l_max, nu, Irrep(L, (-1) ** L)) for L in range(4)] == COUNTS[l_max, nu]


def by_characters(l_max, nu, L, sign=None):
    """The mean of character(L) times character(symmetric power) over SO(3), or over O(3) if a sign is given."""
    n = 2 * (nu * l_max + L) + 4  # the integrand is a polynomial of the angle's sine and cosine
    theta = 2 * np.pi * np.arange(n) / n
    means = []
    for mirror in (1,) if sign is None else (1, -1):

        def power_sum(k, mirror=mirror):
            return sum(mirror ** (k * l) * np.cos(k * m * theta) for l in range(l_max + 1) for m in range(-l, l + 1))

        h = [np.ones(n)]
        for k in range(1, nu + 1):  # Newton: complete symmetric polynomials of the eigenvalues
            h.append(sum(power_sum(j) * h[k - j] for j in range(1, k + 1)) / k)
        chi = sum(np.cos(m * theta) for m in range(-L, L + 1)) * (1 if mirror > 0 else sign)
        means.append(np.mean((1 - np.cos(theta)) * chi * h[nu]))
    return np.mean(means)


@pytest.mark.parametrize(("l_max", "nu"), [(1, 3), (2, 4), (3, 3), (3, 4), (4, 3)])
def test_counts_are_those_of_characters(l_max, nu):
    for L in range(5):
        for sign in (1, -1):
            expected = by_characters(l_max, nu, L, sign)
            assert count_symmetric(l_max, nu, Irrep(L, sign)) == pytest.approx(expected, abs=1e-8)
        all_even = count_symmetric(l_max, nu, Irrep(L, 1), parity=False)
        assert all_even == pytest.approx(by_characters(l_max, nu, L), abs=1e-8)
        assert all_even == sum(count_symmetric(l_max, nu, Irrep(L, sign)) for sign in (1, -1))
        assert count_symmetric(l_max, nu, Irrep(L, -1), parity=False) == 0


# ------------------------------------------------------------------------------------------------ symmetric products

TREES = [
    (1, 4, "0e+1o+2e", True),
    (2, 3, "0e+1o+2e+1e", True),
    (3, 3, "0e", True),
    (3, 3, "0e+1o", True),
    (3, 3, "0e+1o+2e", True),
    (3, 3, "1o+0e+0o", True),
    (3, 4, "0e+1o+2e", True),
    (3, 4, "0o+1e", True),
    (3, 3, "0e+1e", False),
    (3, 4, "0e+2e", False),
    (4, 3, "0e+1o+2e", True),
    (2, 5, "0e+1o", True),
    (0, 3, "0e+1o", True),
    (2, 1, "0e+1o+1e", True),
]


@pytest.mark.parametrize(("l_max", "correlation", "outputs", "parity"), TREES)
def test_trees_hold_all_independent_couplings_and_turn_as_they_should(l_max, correlation, outputs, parity):
    tree = symmetric_product(l_max, correlation, outputs, parity)
    own = so3.harmonic_irreps(l_max, parity)
    assert len(tree.steps) == correlation - 1
    A = np.random.default_rng(1).normal(size=((l_max + 1) ** 2, 160))
    B = tree(A)
    assert set(B) == {(nu, irrep) for nu in range(1, correlation + 1) for irrep in so3.irreps(outputs)}
    for (nu, irrep), b in B.items():
        count = count_symmetric(l_max, nu, irrep, parity)
        assert b.shape == (count, irrep.dim, 160)
        assert count == 0 or np.linalg.matrix_rank(b.reshape(count, -1), rtol=1e-8) == count
        if nu == 1:
            np.testing.assert_array_equal(b.reshape(-1, 160), A[block(irrep.l)] if irrep in own else A[:0])
    for R in MATRICES if parity else MATRICES[:2]:
        turned = np.concatenate([wigner_d(irrep, R) @ A[block(irrep.l)] for irrep in own])
        for (nu, irrep), b in tree(turned).items():
            expected = np.einsum("ab,qbn->qan", wigner_d(irrep, R), B[nu, irrep])
            np.testing.assert_allclose(b, expected, atol=1e-12 * np.abs(B[nu, irrep]).max(initial=1))


def test_a_tree_with_one_wrong_number_does_not_turn():
    tree = symmetric_product(2, 3, "0e+1o")
    a, P, b, Q, S = tree.steps[1]
    wrong, row = S.copy(), np.argmax((S != 0).sum(1))  # the longest sum
    wrong[row, np.argmax(abs(S[row]))] *= 1.01
    twin = so3.SymmetricProduct(2, 3, tree.outputs, True, (tree.steps[0], so3.Step(a, P, b, Q, wrong)), tree.rows)
    A, R = RNG.normal(size=9), MATRICES[0]
    turned = np.concatenate([wigner_d(l, R) @ A[block(l)] for l in range(3)])
    off = [
        np.abs(twin(turned)[key] - np.einsum("ab,qb->qa", wigner_d(key[1], R), b)).max(initial=0)
        for key, b in twin(A).items()
    ]
    assert max(off) > 1e-3


@pytest.mark.parametrize(("l_max", "correlation", "outputs", "parity"), TREES)
def test_steps_are_what_they_say(l_max, correlation, outputs, parity):
    tree = symmetric_product(l_max, correlation, outputs, parity)
    size = {1: (l_max + 1) ** 2}
    for nu, (a, P, b, Q, S) in enumerate(tree.steps, 2):
        assert a + b == nu
        assert P.shape == Q.shape == S.shape[1:]
        assert P.dtype == Q.dtype == int
        assert len(set(zip(P.tolist(), Q.tolist(), strict=True))) == len(P)  # no product is made twice
        assert a != b or (P <= Q).all()
        for rows, n in ((P, size[a]), (Q, size[b])):
            assert set(rows.tolist()) <= set(range(n))
        assert (S != 0).any(0).all()
        assert (S != 0).any(1).all()
        size[nu] = len(S)
        ends = [tree.rows[nu, irrep] for irrep in tree.outputs if count_symmetric(l_max, nu, irrep, parity)]
        for before, after in itertools.pairwise(ends):
            assert before.stop == after.start
        assert not ends or ends[0].start == 0
    for (_, irrep), rows in tree.rows.items():
        assert (rows.stop - rows.start) % irrep.dim == 0
    for nu, (*_, S) in enumerate(tree.steps, 2):  # rows that are no output are used by a later level
        used = {q for a, P, b, Q, _ in tree.steps for k, rows in ((a, P), (b, Q)) if k == nu for q in rows.tolist()}
        used |= {q for irrep in tree.outputs for q in range(tree.rows[nu, irrep].start, tree.rows[nu, irrep].stop)}
        assert used == set(range(len(S)))


def test_the_tree_of_mace_is_small():
    sizes = [step.S.shape for step in symmetric_product(3, 3, "0e+1o").steps]
    assert sizes == [(28, 80), (44, 134)]  # 77 + 278 products of three if each were made alone


def test_trees_are_the_same_every_time_and_kept():
    again = symmetric_product.__wrapped__(3, 3, so3.irreps("0e+1o"), True)
    tree = symmetric_product(3, 3, "0e+1o")
    assert tree is symmetric_product(3, 3, "0e+1o")
    assert again.rows == tree.rows
    for one, other in zip(tree.steps, again.steps, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)
    with pytest.raises(ValueError, match="read-only"):
        tree.steps[0].S[0, 0] = 1


@pytest.mark.parametrize(("l_max", "correlation", "outputs"), [(1, 4, "0e+1o"), (2, 3, "0e+1o+1e"), (3, 3, "0e+1o")])
def test_a_tree_is_one_symmetric_tensor(l_max, correlation, outputs):
    tree = symmetric_product(l_max, correlation, outputs)
    A = RNG.normal(size=((l_max + 1) ** 2, 5))
    for key, b in tree(A[:, :0]).items():
        assert b.shape == (*tree(A)[key].shape[:2], 0)
    for (nu, irrep), b in tree(A).items():
        u = tree.tensor(nu, str(irrep))
        assert u.shape == (irrep.dim, *[(l_max + 1) ** 2] * nu, len(b))
        for axis in range(1, nu):
            np.testing.assert_allclose(u, np.swapaxes(u, axis, axis + 1), atol=1e-14)
        out = np.stack([u] * 5)  # [5, M, n, …, n, q]
        for _ in range(nu):
            out = np.einsum("sma...,as->sm...", out, A)
        np.testing.assert_allclose(out, b.transpose(2, 1, 0), atol=1e-12)


def test_a_tree_equals_explicit_loops():
    tree = symmetric_product(1, 3, "0e+1o")
    A = RNG.normal(size=4)
    s, v = A[0], A[1:]
    B = tree(A)
    for (nu, L), formulas in {
        (2, "0e"): [s * s, v @ v],
        (2, "1o"): [s * v],
        (3, "0e"): [s**3, s * (v @ v)],
        (3, "1o"): [s * s * v, (v @ v) * v],
    }.items():
        found = list(B[nu, Irrep.of(L)])
        assert len(found) == len(formulas)
        for formula in formulas:  # each stands there, up to its scale
            formula = np.atleast_1d(formula)
            assert any(np.allclose(b * formula[0], formula * b[0], atol=1e-13) for b in found)
    u = tree.tensor(3, "1o")
    for q, M in itertools.product(range(2), range(3)):
        total = 0.0
        for a1 in range(4):
            for a2 in range(4):
                for a3 in range(4):
                    total += u[M, a1, a2, a3, q] * A[a1] * A[a2] * A[a3]
        assert total == pytest.approx(B[3, Irrep.of("1o")][q, M], abs=1e-13)


def test_couplings_keep_the_scale_of_normal_numbers():
    x, w = np.polynomial.hermite_e.hermegauss(5)  # exact up to degree 9 in each variable: squares of four factors
    w /= w.sum()
    A = np.array(list(itertools.product(x, repeat=4))).T
    weight = np.prod(list(itertools.product(w, repeat=4)), axis=1)
    for b in symmetric_product(1, 4, "0e+1o+2e")(A).values():
        np.testing.assert_allclose((b**2 * weight).sum(2), 1, rtol=1e-12)
    A = np.random.default_rng(5).normal(size=(16, 20_000))
    for b in symmetric_product(3, 3, "0e+1o")(A).values():
        np.testing.assert_allclose((b**2).mean((1, 2)), 1, rtol=0.2)


@cache
def mace_paths(l_max, nu):
    """The over-complete couplings of MACE: all intermediates, [(irrep, [2l+1, n, …, n])]."""
    n = (l_max + 1) ** 2
    unit = [(Irrep(l, (-1) ** l), np.eye(n)[block(l)]) for l in range(l_max + 1)]
    if nu == 1:
        return unit
    paths = []
    for left, T in mace_paths(l_max, nu - 1):
        for right, one in unit:
            for out in so3.couplings(left, right):
                if nu == 3 and out.l > 1:
                    continue  # only those asked for below
                C = math.sqrt(out.dim) * clebsch_gordan(out.l, left.l, right.l)
                paths.append((out, np.einsum("kjb,j...,bc->k...c", C, T, one)))
    return paths


@pytest.mark.parametrize(("L", "over_complete"), [(0, 23), (1, 51)])
def test_couplings_span_those_of_mace(L, over_complete):
    irrep, A = Irrep(L, (-1) ** L), RNG.normal(size=(16, 60))
    paths = [T for out, T in mace_paths(3, 3) if out == irrep]
    assert len(paths) == over_complete
    theirs = np.stack([np.einsum("kabc,as,bs,cs->ks", T, A, A, A, optimize=True).ravel() for T in paths], 1)
    ours = symmetric_product(3, 3, "0e+1o")(A)[3, irrep].reshape(-1, theirs.shape[0]).T
    assert ours.shape[1] == {0: 8, 1: 12}[L]
    for basis, target in ((ours, theirs), (theirs, ours)):
        weights = np.linalg.lstsq(basis, target, rcond=1e-10)[0]
        assert np.abs(basis @ weights - target).max() < 1e-10
    weights = np.linalg.lstsq(ours[:, 1:], theirs, rcond=None)[0]
    assert np.abs(ours[:, 1:] @ weights - theirs).max() > 0.1  # one less is too few


def test_wrong_trees_are_told():
    for correlation in (0, -1, 2.0, True):
        with pytest.raises(InputError, match="counts the copies of A"):
            symmetric_product(1, correlation, "0e")
    with pytest.raises(InputError, match="stands once"):
        symmetric_product(1, 2, "0e+0e")
    with pytest.raises(InputError, match="an irrep is"):
        symmetric_product(1, 2, "0x")
    with pytest.raises(InputError, match="a degree is"):
        symmetric_product(-1, 2, "0e")
    tree = symmetric_product(1, 2, "0e")
    with pytest.raises(InputError, match=r"A has 4 rows for l_max = 1, \[4, ...\], not \[9\]"):
        tree(np.zeros(9))
    for nu, irrep in ((3, "0e"), (2, "1o")):
        with pytest.raises(InputError, match=f"no product of {nu} copies to {irrep}"):
            tree.tensor(nu, irrep)
