"""The judges of the chapter *The atomic cluster expansion*: named as their exercises; texts: ace.toml."""

from __future__ import annotations

import numpy as np

from dmol_molnet import so3
from dmol_molnet.exercises.engine import Wrong, array, ask, mistyped, number

# ------------------------------------------------------------------------------------------------ A


def write_a(answer: object) -> None:
    """A weighted sum of harmonics of directions, for two environments."""
    rng = np.random.default_rng(0)
    for n_neighbors, l_max in ((5, 2), (3, 3)):
        x, w = rng.normal(size=(n_neighbors, 3)) * 1.7, rng.normal(size=n_neighbors)
        found = array(ask(answer, x, w, l_max), ((l_max + 1) ** 2,), "A")
        n = x / np.linalg.norm(x, axis=1, keepdims=True)
        Y = so3.spherical_harmonics(l_max, n)
        if np.allclose(found, w @ Y, rtol=1e-5, atol=1e-6):
            continue
        total = w @ x
        for name, wrong in {
            "not directions": [w @ so3.spherical_harmonics(l_max, x)],
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


def triples_at_once(answer: object) -> None:
    """A sum over triples of neighbours: few, and so many that nobody waits for triples."""
    rng = np.random.default_rng(1)
    for n_neighbors in (6, 2000):
        f, c = rng.normal(size=(n_neighbors, 3)) + 0.2, rng.normal(size=(3, 3, 3))
        found = number(ask(answer, f, c), "a function that returns one number")
        A = f.sum(axis=0)
        right = np.einsum("uvw,u,v,w->", c, A, A, A)
        if np.isclose(found, right, rtol=1e-6):
            continue
        once = np.einsum("uvw,ju,jv,jw->", c, f, f, f)
        pairs = sum(np.einsum(how, c, f, f, A) for how in ("uvw,ju,jv,w->", "uwv,ju,jv,w->", "wuv,ju,jv,w->"))
        for name, wrong in {
            "one neighbour": [once],
            "mean": [right / n_neighbors**3, right / n_neighbors],
            "two factors": [np.einsum("uvw,u,v->", c, A, A), np.einsum("uvw,v,w->", c, A, A)],
            "different": [right - pairs + 2 * once],
        }.items():
            if np.isclose(found, wrong, rtol=1e-6).any():
                raise Wrong(name)
        raise Wrong("another number", f"For {n_neighbors} neighbours, yours gives {found:.5g}, and it is {right:.5g}.")


def different_neighbours(answer: object) -> None:
    """A sum over pairs of different neighbours, in both orders."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 7)) + 0.3
    found = number(ask(answer, a, b), "a function that returns one number")
    every, same = a.sum() * b.sum(), a @ b
    if np.isclose(found, every - same):
        return
    below = sum(a[j] * b[k] for j in range(7) for k in range(j))
    for name, wrong in {
        "itself": [every],
        "only itself": [same],
        "half": [(every - same) / 2, below, every - same - below],
        "added": [every + same],
        "all taken off": [every - every / 7],
    }.items():
        if np.isclose(found, wrong).any():
            raise Wrong(name)
    raise Wrong("another number", f"For seven neighbours, yours gives {found:.4g}, and it is {every - same:.4g}.")


# ------------------------------------------------------------------------------------------------ couplings


def how_many_couplings(answer: object) -> None:
    """Couplings of two, three and four copies of a scalar and a vector to 0e."""
    try:
        found = tuple(int(x) for x in np.asarray(answer).ravel().tolist())
    except (TypeError, ValueError):
        raise mistyped("three numbers, such as `(1, 1, 1)`", answer) from None
    if len(found) != 3:
        raise mistyped("three numbers, such as `(1, 1, 1)`", answer)
    right = tuple(so3.count_symmetric(1, nu, "0e") for nu in (2, 3, 4))
    if found == right:
        return
    if found in ((1, 0, 1), (1, 1, 1)):
        raise Wrong("vectors alone")
    if found[:2] == right[:2] and found[2] == right[2] - 1:
        raise Wrong("no fourth power")
    if found[:2] == right[:2] and found[2] > right[2]:
        raise Wrong("trees")
    if found in (tuple(np.cumsum(right) + 1), tuple(np.cumsum(right) + 2), tuple(np.cumsum(right))):
        raise Wrong("up to")
    if found[0] == right[0] and found[1] == right[1] + 1:
        raise Wrong("triple product")
    raise Wrong("another count")


def smallest_ace(answer: object) -> None:
    """For a pseudoscalar of equal factors: four, with degrees up to 3."""
    keys = {"correlation", "l_max", "readout"}
    if not isinstance(answer, dict) or set(answer) != keys:
        raise mistyped("a dictionary with `correlation`, `l_max` and `readout`", answer)
    nu, l_max, readout = (answer[key] for key in ("correlation", "l_max", "readout"))
    whole = all(isinstance(x, int) and not isinstance(x, bool) for x in (nu, l_max))
    if not whole or not 1 <= nu <= 4 or not 0 <= l_max <= 8:
        raise mistyped("a dictionary with a correlation from 1 to 4 and an l_max from 0 on", answer)
    if readout == "0e":
        raise Wrong("energy")
    if readout != "0o":
        raise Wrong("readout")
    if nu < 4:
        raise Wrong("correlation")
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
}
"""The radial functions of the exercise `smooth-at-the-cutoff`, of u < 1."""


def smooth_at_the_cutoff(answer: object) -> None:
    """Those whose value and slope end at 0."""
    try:
        found = {str(letter).strip().upper() for letter in answer} - {"", ","}
    except TypeError:
        raise mistyped('letters, such as `"ABCDE"`', answer) from None
    if not found <= set(RADIAL):
        raise mistyped("letters from A to E", answer)
    step = 1e-5
    for letter, f in RADIAL.items():
        value, slope = f(1.0), (f(1.0) - f(1.0 - step)) / step
        smooth = abs(value) < 1e-9 and abs(slope) < 1e-3
        if smooth != (letter in found):
            raise Wrong(letter if letter in found else f"not {letter}")
