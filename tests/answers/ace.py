"""Answers to the exercises of the chapter on the atomic cluster expansion."""

import numpy as np

from dmol_molnet import so3


def directions(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def summed(g):
    """A function of coefficients and A."""
    return lambda f, c: g(c, f.sum(axis=0))


def different_triples(f, c):
    n = len(f)
    return sum(
        np.einsum("uvw,u,v,w->", c, f[i], f[j], f[k])
        for i in range(n)
        for j in range(n)
        for k in range(n)
        if len({i, j, k}) == 3
    )


WRONG = {
    "write-a": [
        ("not directions", lambda x, w, l_max: w @ so3.spherical_harmonics(l_max, x)),
        ("unweighted", lambda x, w, l_max: so3.spherical_harmonics(l_max, directions(x)).sum(axis=0)),
        ("mean", lambda x, w, l_max: w @ so3.spherical_harmonics(l_max, directions(x)) / len(w)),
        ("direction of the sum", lambda x, w, l_max: so3.spherical_harmonics(l_max, directions((w @ x)[None]))[0]),
        ("inverse", lambda x, w, l_max: w @ so3.spherical_harmonics(l_max, -directions(x))),
        ("another A", lambda x, w, l_max: np.ones((l_max + 1) ** 2)),
        ("shape", lambda x, w, l_max: so3.spherical_harmonics(l_max, directions(x))),
    ],
    "triples-at-once": [
        ("one neighbour", lambda f, c: np.einsum("uvw,ju,jv,jw->", c, f, f, f)),
        ("mean", lambda f, c: np.einsum("uvw,u,v,w->", c, *[f.mean(axis=0)] * 3)),
        ("two factors", summed(lambda c, A: np.einsum("uvw,u,v->", c, A, A))),
        ("different", different_triples),
        ("another number", lambda f, c: 1.0),
        ("type", summed(lambda c, A: A @ c)),
    ],
    "different-neighbours": [
        ("itself", lambda a, b: a.sum() * b.sum()),
        ("only itself", lambda a, b: a @ b),
        ("half", lambda a, b: (a.sum() * b.sum() - a @ b) / 2),
        ("half", lambda a, b: np.tril(np.outer(a, b), -1).sum()),
        ("added", lambda a, b: a.sum() * b.sum() + a @ b),
        ("all taken off", lambda a, b: a.sum() * b.sum() * (1 - 1 / len(a))),
        ("another number", lambda a, b: 0.5),
        ("type", lambda a, b: a),
    ],
    "how-many-couplings": [
        ("triple product", (2, 3, 4)),
        ("vectors alone", (1, 0, 1)),
        ("no fourth power", (2, 2, 2)),
        ("trees", [2, 2, 4]),
        ("up to", (3, 5, 8)),
        ("another count", (5, 6, 7)),
        ("type", (1, 2)),
        ("type", "many"),
    ],
    "smallest-ace": [
        ("energy", {"correlation": 4, "l_max": 3, "readout": "0e"}),
        ("correlation", {"correlation": 3, "l_max": 3, "readout": "0o"}),
        ("degrees", {"correlation": 4, "l_max": 2, "readout": "0o"}),
        ("larger", {"correlation": 4, "l_max": 4, "readout": "0o"}),
        ("readout", {"correlation": 4, "l_max": 3, "readout": "1o"}),
        ("type", {"correlation": 5, "l_max": 3, "readout": "0o"}),
        ("type", (4, 3)),
    ],
    "smooth-at-the-cutoff": [
        ("A", "ABC"),
        ("D", "BCD"),
        ("E", "BCE"),
        ("not B", "C"),
        ("not C", "B"),
        ("type", 3),
        ("type", "BCX"),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "write-a": [
        lambda x, w, l_max: sum(
            b * so3.spherical_harmonics(l_max, a / np.linalg.norm(a)) for a, b in zip(x, w, strict=True)
        )
    ],
    "triples-at-once": [summed(lambda c, A: A @ (A @ (A @ c)))],
    "different-neighbours": [lambda a, b: sum(x * (b.sum() - y) for x, y in zip(a, b, strict=True))],
    "how-many-couplings": [[2, 2, 3]],
    "smallest-ace": [],
    "smooth-at-the-cutoff": ["CB", ["B", "c"]],
}
"""Other right answers than the reference."""
