"""What the exercises claim, checked by other means: counts by characters, laws by networks with random weights."""

import itertools

import numpy as np
import pytest
from answers.directions import E
from scipy.special import i0e

from dmol_molnet import Molecule, exercises, so3
from dmol_molnet.counterexamples import k_chains, pair
from dmol_molnet.exercises.ace import invariants
from dmol_molnet.exercises.design_space import first_layer, order
from dmol_molnet.exercises.effort import beyond_single
from dmol_molnet.exercises.schnet import _breaks
from dmol_molnet.nn.separation import body_term, untrained
from dmol_molnet.symmetry import random_rotation


def solution(name):
    names = {}
    exec(exercises.get(name).solution, names)
    return names["answer"]


# --- symmetry


def argon(n, rng):
    """The geometries and energies of the chapter, and sorted distances."""
    x = rng.normal(scale=2.5, size=(40 * n, 3, 3))
    r = np.linalg.norm(x[:, [0, 0, 1]] - x[:, [1, 2, 2]], axis=-1)
    keep = np.flatnonzero((r.min(axis=1) > 3.4) & (r.max(axis=1) < 7.5))[:n]
    x, s = x[keep] - x[keep].mean(axis=1, keepdims=True), (3.4 / r[keep]) ** 6
    return x, 41.2 * (s**2 - s).sum(axis=1), np.sort(r[keep], axis=1)


def averaged(a, b, width):
    """The kernel of coordinates, averaged over all turns and numberings: what infinitely many copies come to.

    Over the turns it is an integral of two Bessel functions of the singular values of a^T b: two, as three atoms lie in
    a plane.
    """
    size = ((a**2).sum((1, 2))[:, None] + (b**2).sum((1, 2))) / (2 * width**2)
    total = np.zeros(size.shape)
    for rows in itertools.permutations(range(3)):
        M = np.einsum("nai,maj->nmij", a, b[:, rows]) / width**2
        s, t = np.moveaxis(np.linalg.svd(M, compute_uv=False)[..., :2], -1, 0)
        for u, weight in zip(*np.polynomial.legendre.leggauss(20), strict=True):
            bessel = i0e((s - t) * (1 - u) / 2) * i0e((s + t) * (1 + u) / 2)
            total += weight / 12 * bessel * np.exp(s + t * u - size)
    return total


def test_the_averaged_kernel_is_that_of_many_copies():
    x, rng = argon(4, np.random.default_rng(0))[0], np.random.default_rng(1)
    copies = np.array([rng.permutation(x[0] @ random_rotation(rng).T) for _ in range(4000)])
    many = np.exp(-((copies[:, None] - x[1:]) ** 2).sum((2, 3)) / (2 * 4.0**2)).mean(axis=0)
    np.testing.assert_allclose(averaged(x[:1], x[1:], 4.0)[0], many, rtol=0.05)


def test_infinitely_many_copies_would_do_no_worse_than_sorted_distances():
    x, y, r = argon(300, np.random.default_rng(0))

    def error(K, ridge):
        c = np.linalg.solve(K[:160] + ridge * np.eye(160), y[:160] - y[:160].mean())
        return np.abs(y[:160].mean() + K[160:] @ c - y[160:]).mean()

    squared = ((r[:, None] - r[:160]) ** 2).sum(axis=-1)
    best = min(error(np.exp(-squared / (2 * w**2)), ridge) for w in (1, 2, 4, 8) for ridge in (1e-5, 1e-2))
    K = averaged(x, x[:160], 1.0)
    assert error(K, 1e-11) < best / 2  # N copies divide the ridge by N
    assert error(K, 1e-5) > 2 * best  # so that few may not suffice


# --- directions


def test_the_five_numbers_of_moments_turn_by_the_wigner_matrix():
    rng, five = np.random.default_rng(0), solution("five-of-a-quadrupole")
    R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for x, q in zip(rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6)), strict=True):
        before, after = (np.array(five(np.einsum("j,ja,jb->ab", q, y, y)[np.triu_indices(3)])) for y in (x, x @ R.T))
        np.testing.assert_allclose(after, so3.wigner_d("2e", R) @ before, atol=1e-10)


def test_the_three_products_are_those_of_the_equation_and_lose_nothing():
    a, b = np.random.default_rng(1).normal(size=(2, 3))
    zero, one, two = (
        (2 * l + 1) ** 0.5 * np.einsum("ijk,i,j->k", so3.clebsch_gordan(1, 1, l), a[[1, 2, 0]], b[[1, 2, 0]])
        for l in range(3)
    )
    np.testing.assert_allclose(solution("three-products")(zero[0], one, two), np.outer(a, b), atol=1e-12)
    assert np.isclose(zero @ zero + one @ one + two @ two, (a @ a) * (b @ b))
    np.testing.assert_allclose(two, np.einsum("mab,a,b->m", E, a, b), atol=1e-12)


def test_a_position_times_an_angular_momentum_is_2o_and_1e_and_0o():
    found = so3.couplings(so3.Irrep.of("1o"), so3.Irrep.of("1e"))
    assert [str(irrep) for irrep in found] == ["0o", "1o", "2o"]


def test_a_mirror_makes_a_0o_zero_and_not_a_2o_nor_does_the_group_of_an_achiral_crystal_that_turns_light():
    mirror = np.diag([1, 1, -1])
    assert so3.wigner_d("0o", mirror) == -1
    assert np.linalg.matrix_rank(np.eye(5) + so3.wigner_d("2o", mirror)) == 2
    S4, C2 = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, -1]]), np.diag([1, -1, -1])  # they make -42m
    group = [np.linalg.matrix_power(S4, k) @ np.linalg.matrix_power(C2, n) for k in range(4) for n in range(2)]
    assert np.trace(sum(so3.wigner_d("2o", g) for g in group)) / 8 == pytest.approx(1)


# --- the atomic cluster expansion


def molien(n, n_scalars, n_vectors, fineness=2000):
    """Invariants of O(3) among polynomials of degree n, as an average of characters over angles and the inversion."""
    theta = (np.arange(fineness) + 0.5) * np.pi / fineness
    weight, total = (1 - np.cos(theta)) / fineness, 0.0
    for sign in (1, -1):
        one = np.ones_like(theta)
        vector = [sign * np.exp(1j * theta), sign * np.exp(-1j * theta), sign * one]
        powers = [one.astype(complex)] + [0 * one + 0j] * n  # of t, in the product of 1 / (1 - t e)
        for eigenvalue in [one] * n_scalars + vector * n_vectors:
            for k in range(1, n + 1):
                powers[k] = powers[k] + eigenvalue * powers[k - 1]
        total += (weight * powers[n].real).sum() / 2
    return total


@pytest.mark.parametrize("n", range(7))
@pytest.mark.parametrize("n_vectors", [1, 2, 3])
def test_invariants_are_as_many_as_characters_count(n, n_vectors):
    for n_scalars in (1, 2):
        assert np.isclose(invariants(n, n_scalars, n_vectors), molien(n, n_scalars, n_vectors), atol=1e-6)


def test_one_scalar_and_one_vector_are_what_the_package_counts():
    assert [invariants(n, 1, 1) for n in range(2, 6)] == [so3.count_symmetric(1, n, "0e") for n in range(2, 6)]


def pseudoscalar(x, l_max, nu):
    """The largest product of nu equal factors to 0o, of neighbours x [N, 3], over the size of its terms."""
    r = np.linalg.norm(x, axis=1)
    Y, rng = so3.spherical_harmonics(l_max, x / r[:, None]), np.random.default_rng(0)
    terms = []
    for l in range(l_max + 1):
        weights = np.cos(np.outer(r, range(4))) @ rng.normal(size=4)
        terms.append(weights[:, None] * Y[:, l * l : (l + 1) ** 2])
    terms = np.concatenate(terms, axis=1)  # [N, (l_max+1)^2]

    def products(A, sign):
        tree = so3.symmetric_product(l_max, nu, "0o")
        level = {1: A}
        for n, (a, P, b, Q, S) in enumerate(tree.steps, 2):
            level[n] = sign(S) @ (level[a][P] * level[b][Q])
        return level[nu][tree.rows[nu, so3.Irrep.of("0o")]]

    return np.max(np.abs(products(terms.sum(axis=0), np.asarray)) / products(np.abs(terms).sum(axis=0), np.abs))


def test_the_smallest_ace_for_a_mirror():
    """Three factors to degree 4 for neighbours in no special directions, and four for the published pair."""
    answer = solution("smallest-ace")
    nu, l_max = answer["correlation"], answer["l_max"]
    assert so3.count_symmetric(l_max, nu, "0o") == 1
    assert so3.count_symmetric(l_max - 1, nu, "0o") == 0
    assert all(so3.count_symmetric(l, n, "0o") == 0 for n in range(1, nu) for l in range(7))
    four = 1.5 * np.random.default_rng(3).normal(size=(4, 3))
    assert pseudoscalar(four, l_max, nu) > 1e-6
    chiral = pair("4-body, chiral").a.positions[1:]
    assert all(pseudoscalar(chiral, l, 3) < 1e-14 for l in (4, 5, 6))
    assert pseudoscalar(chiral, 3, 4) > 1e-6


# --- one design space


def energies(positions, edges, correlations, gates="scalars", seed=0, K=5):
    """After each layer, an energy from scalars [A, K]; vectors [A, K, 3] are passed on, and scaled by gates."""
    rng, n = np.random.default_rng(seed), len(positions)

    def mix():
        return rng.normal(size=(K, K)) / K**0.5

    s, v, found = np.ones((n, K)) * rng.normal(size=K), np.zeros((n, K, 3)), []
    for nu in correlations:
        S, V = np.zeros_like(s), np.zeros_like(v)
        W = [mix() for _ in range(8)]
        for i, j in [*edges, *np.flip(edges, axis=1)]:
            r = positions[i] - positions[j]
            u = r / np.linalg.norm(r)
            along = v[j] @ u  # [K]
            S[i] += s[j] @ W[0] + along @ W[1]
            V[i] += np.outer(s[j] @ W[2] + along @ W[3], u) + W[4] @ v[j]
        if nu > 1:
            dots = (V * V[:, ::-1]).sum(axis=-1)
            S, V = S + 0.3 * (S**2 + dots), V + 0.3 * S[..., None] * V[:, ::-1]
        s = np.tanh(s @ W[5] + S @ W[6])
        gated = s @ W[7] if gates == "scalars" else np.linalg.norm(v + V, axis=-1)
        v = (v + V) * np.tanh(gated)[..., None]
        found.append(np.sin(s).sum())
    return np.array(found)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_the_law_of_chains_for_layers_with_correlations_of_their_own(k):
    chains = k_chains(k)
    stacks = [
        [1] * 7,
        [2] * 7,
        [3, 1, 1, 1, 1, 1, 1],
        [1, 2, 1, 1, 1, 1, 1],
        [1, 1, 2, 1, 1, 1, 1],
        [2, 2, 1, 1, 3, 1, 1],
    ]
    for nus in stacks:
        a, b = (energies(one.positions, chains.edges, nus) for one in (chains.a, chains.b))
        told = np.flatnonzero(np.abs(a - b) > 1e-9 * np.abs(a).max())
        assert told[0] + 1 == first_layer(k, nus), nus
    assert first_layer(k, [1] * k) is None


@pytest.mark.parametrize("k", [4, 5, 6])
def test_gates_of_lengths_break_the_law_of_chains(k):
    """The length of a sum of vectors holds their inner product, so that the ends meet in the middle."""
    chains = k_chains(k)
    a, b = (energies(one.positions, chains.edges, [1] * (k + 1), "lengths") for one in (chains.a, chains.b))
    told = np.flatnonzero(np.abs(a - b) > 1e-9 * np.abs(a).max())[0] + 1
    assert k // 2 + 1 <= told < k + 1


def test_a_polynomial_readout_has_the_order_that_is_claimed():
    """By taking apart: what all smaller sets of atoms explain is taken off."""
    x = np.random.default_rng(0).normal(size=(6, 3))

    def energy(part, degree):
        r = np.linalg.norm(x[part][:, None] - x[part], axis=-1)
        A = np.exp(-r).sum(axis=1) - 1
        return (A**degree).sum()

    for degree in (1, 2, 3):
        terms = []
        for n in range(1, 7):
            parts = [[i for i in range(n) if mask >> i & 1] for mask in range(1, 2**n)]
            terms.append(sum((-1) ** (n - len(part)) * energy(part, degree) for part in parts))
        highest = np.flatnonzero(np.abs(terms) > 1e-10)[-1] + 1
        assert highest == order([1], degree) == degree + 1


@pytest.mark.parametrize("changes", [{"correlation": 4, "layers": 1}, {"correlation": 1, "layers": 4}], ids=str)
def test_five_bodies_and_no_more(changes):
    x = 1.5 * np.random.default_rng(0).normal(size=(6, 3))  # Å
    for linear in (True, False):
        more = {"hidden": 0} if linear else {}
        model = untrained("mace", channels=4, l_max=1, hidden_l_max=1, seed=0, **changes, **more)
        terms = np.abs([body_term(model, Molecule([6] * n, x[:n])) for n in (4, 5, 6)])
        assert terms[1] > 1e-9 * terms[0]
        assert (terms[2] < 1e-9 * terms.max()) == linear
    assert exercises.check("five-bodies", {"hidden": 0, **changes}).right


# --- looking at pairs


def positions(n):
    return np.random.default_rng(n).normal(size=(n, 3))


def test_work_for_pairs_is_told_from_work_for_single_neighbours():
    single = [
        lambda x: x.sum(axis=0),
        lambda x: sum(so3.spherical_harmonics(2, one) for one in x[:2000]),
        lambda x: x.T @ x,
        lambda x: np.sort(x[:, 0]),
        lambda x: [float(a) for one in x for a in one],
    ]
    pairs = [
        lambda x: (x @ x.T).sum(),
        lambda x: [one @ x.T for one in x],
        lambda x: sum(a * b for a in x[:, 0].tolist() for b in x[:, 1].tolist()),
        lambda x: np.subtract.outer(x[:, 0], x[:, 0]),
        lambda x: x[np.triu_indices(len(x), 1)[0]],
    ]
    for f in single:
        assert beyond_single(lambda n: f(positions(n))) is None  # noqa: B023
    for f in pairs:
        assert beyond_single(lambda n: f(positions(n)))  # noqa: B023


# --- steps and kinks


@pytest.mark.parametrize("seed", range(12))
def test_steps_and_kinks_are_found_wherever_they_are_and_smooth_falls_have_none(seed):
    rng = np.random.default_rng(seed)
    cutoff = rng.uniform(2, 8)
    width = cutoff * 10 ** rng.uniform(-2, 0)  # of a smooth fall
    end, at = rng.uniform(width, cutoff), cutoff * rng.uniform(0.02, 1)

    def smooth(r):
        x = np.clip((end - r) / width, 0, 1)
        return x * x * (3 - 2 * x)

    eps = np.finfo(float).eps
    assert _breaks(smooth, 1.2 * cutoff, eps) == (None, None)
    step, _ = _breaks(lambda r: smooth(r) + 0.01 * (r < at), 1.2 * cutoff, eps)
    _, kink = _breaks(lambda r: smooth(r) + 0.01 * np.maximum(at - r, 0), 1.2 * cutoff, eps)
    assert np.isclose(step, at, atol=1e-5)
    assert np.isclose(kink, at, atol=1e-5)
