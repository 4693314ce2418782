"""Answers to the exercises of the chapter on directions."""

import numpy as np

from dmol_molnet import so3


def five(Q, factors=(1, 1, 3**0.5 / 2, 1, 0.5)):
    return np.array(factors) * [Q[0, 1], Q[1, 2], Q[2, 2], Q[0, 2], Q[0, 0] - Q[1, 1]]


def coupled(a, b):
    return [(2 * l + 1) ** 0.5 * np.einsum("ijk,i,j->k", so3.clebsch_gordan(1, 1, l), a, b) for l in range(3)]


def but(change):
    """The three products with a change to the list."""

    def f(a, b):
        x = coupled(a, b)
        change(x, a, b)
        return x

    return f


def put(k, g):
    def change(x, a, b):
        x[k] = g(x[k], a, b)

    return but(change)


def kernel(g):
    """A function of cos(theta) [N, N]."""
    return lambda n: g((3 * (n @ n.T) ** 2 - 1) / 2)


def moment(m, x=None):
    x = m.positions - m.positions.mean(axis=0) if x is None else x
    return m.numbers @ so3.spherical_harmonics(2, x)[:, 4:]


def first_centred(m):
    return moment(m, m.positions - m.positions[0])


def with_vector(m):
    x = m.positions - m.positions.mean(axis=0)
    return moment(m) + np.array([0, 0, m.numbers @ x[:, 2], 0, 0])


WRONG = {
    "five-of-a-quadrupole": [
        ("factors", lambda Q: five(Q, [1, 1, 1, 1, 1])),
        ("order", lambda Q: five(Q)[[2, 0, 1, 3, 4]]),
        ("signs", lambda Q: five(Q) * [1, 1, 1, -1, 1]),
        ("entries", lambda Q: [Q[0, 1], Q[1, 2], Q[2, 2], Q[0, 2], Q[0, 0]]),
        ("not turning", lambda Q: five(Q @ Q)),
        ("zero", lambda Q: np.zeros(5)),
        ("shape", lambda Q: Q),
    ],
    "three-products": [
        ("scalar factor", put(0, lambda x, a, b: a @ b)),
        ("vector factor", put(1, lambda x, a, b: np.cross(a, b))),
        ("vector sign", put(1, lambda x, a, b: -x)),
        ("vector order", put(1, lambda x, a, b: x[[2, 0, 1]])),
        ("five factor", put(2, lambda x, a, b: 2 * x)),
        ("five order", put(2, lambda x, a, b: x[[2, 0, 1, 3, 4]])),
        ("trace left", put(2, lambda x, a, b: x + (a @ b) * np.eye(5)[2])),
        ("another five", put(2, lambda x, a, b: np.ones(5))),
        ("another scalar", put(0, lambda x, a, b: a[0] * b[0])),
        ("another vector", put(1, lambda x, a, b: a * b)),
        ("type", lambda a, b: 1.0),
        ("shape", put(2, lambda x, a, b: x[:3])),
    ],
    "which-irreps": [
        ("parity", "1e 2e 3e"),
        ("natural parity", "1o 2e 3o"),
        ("only the top", "3o"),
        ("steps of two", ["1o", "3o"]),
        ("from zero", "0o 1o 2o 3o"),
        ("another list", "2o"),
        ("type", "vector"),
    ],
    "sort-quantities": [
        ("A", "0o 1o 1e 0o 2e 0e"),
        ("B", "0e 1e 1e 0o 2e 0e"),
        ("C", "0e 1o 1o 0o 2e 0e"),
        ("D", "0e 1o 1e 0e 2e 0e"),
        ("E", "0e 1o 1e 0o 2o 0e"),
        ("F", "0e 1o 1e 0o 2e 1e"),
        ("type", "0e 1o"),
    ],
    "mean-angle-from-sums": [
        ("five", kernel(lambda P: 5 * P.mean())),
        ("number of pairs", kernel(lambda P: P.sum() / len(P))),
        ("not divided", kernel(lambda P: P.sum())),
        ("without self", kernel(lambda P: (P.sum() - len(P)) / (len(P) * (len(P) - 1)))),
        ("first degree", lambda n: (n @ n.T).mean()),
        ("all degrees", lambda n: np.sum(so3.spherical_harmonics(2, n).sum(axis=0) ** 2) / len(n) ** 2),
        ("mean of squares", lambda n: (so3.spherical_harmonics(2, n)[:, 4:] ** 2).sum() / len(n)),
        ("square of the mean angle", lambda n: (3 * (n @ n.T).mean() ** 2 - 1) / 2),
        ("another number", lambda n: 0.1234),
        ("type", lambda n: n),
    ],
    "break-it": [
        ("right", moment),
        ("order", lambda m: first_centred(m) * [1, 1, 2, 1, 1]),
        ("translations", lambda m: moment(m, m.positions)),
        ("inversion", with_vector),
        ("about z", lambda m: moment(m) * [1, 2, 1, 1, 1]),
        ("zero", lambda m: np.zeros(5)),
        ("shape", lambda m: moment(m)[:3]),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "five-of-a-quadrupole": [lambda Q: -3 * five(Q)],
    "three-products": [lambda a, b: (float(a @ b) / 3**0.5, *coupled(a, b)[1:])],
    "which-irreps": [["3o", "2o", "1o"], "1o, 2o, 3o"],
    "sort-quantities": [["0e", "1o", "1e", "0o", "2e", "0e"]],
    "mean-angle-from-sums": [kernel(np.mean)],
    "break-it": [lambda m: np.array([0, 0, (m.positions - m.positions.mean(axis=0))[:, 2] ** 2 @ m.numbers, 0, 0])],
}
"""Other right answers than the reference."""
