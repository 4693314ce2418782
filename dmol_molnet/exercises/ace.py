"""The judges of the chapter *The atomic cluster expansion*: named as their exercises; texts: ace.toml."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import comb

import numpy as np

from dmol_molnet import so3
from dmol_molnet.exercises.effort import single_only
from dmol_molnet.exercises.engine import Wrong, array, ask, letters, mistyped, number

# ------------------------------------------------------------------------------------------------ A


def write_a(answer: object) -> None:
    """A weighted sum of harmonics of directions, for two environments."""
    rng = np.random.default_rng(0)
    for n_neighbors, l_max in ((5, 2), (3, 4)):
        x, w = rng.normal(size=(n_neighbors, 3)) * 1.7, rng.normal(size=n_neighbors)
        found = array(ask(answer, x, w, l_max), ((l_max + 1) ** 2,), "A")
        n = x / np.linalg.norm(x, axis=1, keepdims=True)
        Y = so3.spherical_harmonics(l_max, n)
        if np.allclose(found, w @ Y, rtol=1e-5, atol=1e-6):
            continue
        total = w @ x
        for name, wrong in {
            "not directions": [w @ so3.spherical_harmonics(l_max, x)],
            "length of all": [w @ so3.spherical_harmonics(l_max, x / np.linalg.norm(x))],
            "weights inside": [so3.spherical_harmonics(l_max, np.sign(w)[:, None] * n).sum(axis=0)],
            "unweighted": [Y.sum(axis=0), Y.mean(axis=0)],
            "mean": [w @ Y / n_neighbors, w @ Y / w.sum()],
            "direction of the sum": [
                so3.spherical_harmonics(l_max, v) for v in (total / np.linalg.norm(total), total, w @ n)
            ],
            "inverse": [w @ so3.spherical_harmonics(l_max, -n)],
        }.items():
            if any(np.allclose(found, one, rtol=1e-5, atol=1e-6) for one in wrong):
                raise Wrong(name)
        raise Wrong("another A", f"The first four of yours are {found[:4].round(3).tolist()}.")


# ------------------------------------------------------------------------------------------------ products of sums


_TWO = [f"uvw,{places[0]},{places[1]}->" for places in ("uv", "uw", "vw")]


def triples_at_once(answer: object) -> None:
    """A sum over triples of a hydrogen and two others: of few neighbours, and then of more and more."""
    rng = np.random.default_rng(1)
    for size, n_functions in ((6, 3), (9, 4)):
        f, c = rng.normal(size=(size, n_functions)) + 0.2, rng.normal(size=[n_functions] * 3)
        hydrogen = np.arange(size) % 3 == 1
        found = number(ask(answer, f, hydrogen, c), "a function that returns one number")
        H, A, every = f[hydrogen].sum(axis=0), f[~hydrogen].sum(axis=0), f.sum(axis=0)
        right, n_H, n = c @ A @ A @ H, hydrogen.sum(), (~hydrogen).sum()
        if np.isclose(found, right, rtol=1e-5):
            continue
        same = np.einsum("uvw,u,jv,jw->", c, H, f[~hydrogen], f[~hydrogen])
        for name, wrong in {
            "all kinds": [c @ every @ every @ every, c @ every @ every @ H],
            "exchanged": [c @ H @ H @ A, c @ H @ A @ A, c @ A @ H @ A, c @ A @ A @ A, c @ H @ H @ H],
            "one other": [same],
            "different": [right - same],
            "mean": [right / (n_H * n * n), right / size**3, right / size],
            "two factors": [np.einsum(how, c, *two) for how in _TWO for two in ((H, A), (A, A), (A, H))],
        }.items():
            if np.isclose(found, wrong, rtol=1e-5).any():
                raise Wrong(name)
        raise Wrong("another number", f"For {size} neighbours, yours gives {found:.5g}, and it is {right:.5g}.")
    coefficients = rng.normal(size=(3, 3, 3))

    def run(size: int) -> None:
        ask(answer, np.random.default_rng(size).normal(size=(size, 3)), np.arange(size) % 3 == 1, coefficients)

    single_only(run, "groups")


def different_neighbours(answer: object) -> None:
    """A sum over triples of different neighbours, in all orders."""
    a, b, c = np.random.default_rng(2).normal(size=(3, 7)) + 0.3
    found = number(ask(answer, a, b, c), "a function that returns one number")
    every, same = a.sum() * b.sum() * c.sum(), (a * b * c).sum()
    pairs = np.array([(a * b).sum() * c.sum(), (a * c).sum() * b.sum(), (b * c).sum() * a.sum()])
    right = every - pairs.sum() + 2 * same
    if np.isclose(found, right, rtol=1e-6):
        return single_only(lambda n: ask(answer, *np.random.default_rng(n).normal(size=(3, n))), "groups")
    in_order = sum(a[j] * b[k] * c[l] for j, k, l in combinations(range(7), 3))
    for name, wrong in {
        "itself": [every],
        "all the same": [every - same],
        "one pair": [every - some + k * same for some in (*pairs, *(pairs.sum() - pairs)) for k in (0, 1, 2)],
        "taken off thrice": [every - pairs.sum()],
        "put back once": [every - pairs.sum() + same],
        "put back thrice": [every - pairs.sum() + 3 * same],
        "unordered": [right / 6, in_order, right / 3, right / 2],
    }.items():
        if np.isclose(found, wrong, rtol=1e-6).any():
            raise Wrong(name)
    raise Wrong("another number", f"For seven neighbours, yours gives {found:.4g}, and it is {right:.4g}.")


# ------------------------------------------------------------------------------------------------ couplings


def invariants(n: int, n_scalars: int = 1, n_vectors: int = 2) -> int:
    """Independent invariants (0e) of exactly n factors from scalars and at most three vectors.

    All are polynomials in the scalars and the dot products, and up to three vectors no equation holds between these.
    """
    n_dots = n_vectors * (n_vectors + 1) // 2
    return sum(
        comb(n - 2 * b + n_scalars - 1, n_scalars - 1) * comb(b + n_dots - 1, n_dots - 1) for b in range(n // 2 + 1)
    )


def how_many_couplings(answer: object) -> None:
    """Invariants of two, three and four factors, each a scalar or one of two vectors."""
    try:
        found = tuple(float(x) for x in answer)
    except (TypeError, ValueError):
        raise mistyped("three numbers, such as `(1, 1, 1)`", answer) from None
    if len(found) != 3 or not all(x == round(x) >= 0 for x in found):
        raise mistyped("three whole numbers, such as `(1, 1, 1)`", answer)
    right = tuple(invariants(n) for n in (2, 3, 4))
    if found == right:
        return
    for name, wrong in {
        "one vector": [(2, 2, 3)],
        "not mixed": [(3, 3, 6)],
        "vectors alone": [(3, 0, 6), (3, 0, 5), (3, 1, 6)],
        "squares": [(4, 4, 9)],
        "up to": [(6, 10, 20), (5, 9, 19), (4, 8, 18)],
    }.items():
        if found in wrong:
            raise Wrong(name)
    if found[:2] == right[:2] and found[2] > right[2]:
        raise Wrong("trees")
    if found[:2] == (right[0], right[1] + 1):
        raise Wrong("triple product")
    for factors, mine, true in zip(("two", "three", "four"), found, right, strict=True):
        if mine != true:
            more = "more" if mine < true else "fewer"
            raise Wrong(
                "another count", f"Of {factors} factors there are {more}: write them down, with $s$, as a list."
            )


def smallest_ace(answer: object) -> None:
    """For a pseudoscalar of equal factors: three, with degrees up to 4."""
    keys = {"correlation", "l_max", "readout"}
    if not isinstance(answer, Mapping) or set(answer) != keys:
        raise mistyped("a dictionary with `correlation`, `l_max` and `readout`", answer)
    nu, l_max = (number(answer[key], f"`{key}` as a whole number") for key in ("correlation", "l_max"))
    if nu != round(nu) or l_max != round(l_max) or not 1 <= nu <= 4 or not 0 <= l_max <= 8:
        raise mistyped("a dictionary with a correlation from 1 to 4 and an l_max from 0 to 8", answer)
    nu, l_max, readout = int(nu), int(l_max), str(answer["readout"]).strip()
    if readout == "0e":
        raise Wrong("energy")
    if readout != "0o":
        raise Wrong("readout")
    if nu < 3:
        raise Wrong("correlation")
    if nu == 4:
        raise Wrong("four factors" if l_max > 2 else "too low")
    if not so3.count_symmetric(l_max, nu, "0o"):
        raise Wrong("degrees")
    if so3.count_symmetric(l_max - 1, nu, "0o"):
        raise Wrong("larger")


# ------------------------------------------------------------------------------------------------ the cutoff

RADIAL = {
    "A": lambda u: 1 - u,
    "B": lambda u: (1 - u) ** 2,
    "C": lambda u: (1 + np.cos(np.pi * u)) / 2,
    "D": lambda u: np.sin(np.pi * u) / u,
    "E": lambda u: np.exp(-4 * u**2),
    "F": lambda u: (1 - u) ** 1.5,
}
"""The radial functions of the exercise `smooth-at-the-cutoff`, of u < 1."""


def smooth_at_the_cutoff(answer: object) -> None:
    """Those whose value and slope end at 0."""
    found = letters(answer, "".join(RADIAL))
    step = 1e-8
    for letter, f in RADIAL.items():
        value, slope = f(1.0), (f(1.0) - f(1.0 - step)) / step
        smooth = abs(value) < 1e-9 and abs(slope) < 1e-3
        if smooth != (letter in found):
            raise Wrong(letter if letter in found else f"not {letter}")
