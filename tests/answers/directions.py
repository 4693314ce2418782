"""Answers to the exercises of the chapter on directions."""

import numpy as np
import tensorflow as tf

from dmol_molnet import so3

# ------------------------------------------------------------------------------------------------ five numbers


def five(moments, factors=(1, 1, 12**-0.5, 1, 0.5)):
    xx, xy, xz, yy, yz, zz = moments
    return np.array(factors) * [xy, yz, 2 * zz - xx - yy, xz, xx - yy]


def matrix(moments):
    xx, xy, xz, yy, yz, zz = moments
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


s = 2**-0.5
E = np.array(
    [
        [[0, s, 0], [s, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, s], [0, s, 0]],
        np.diag([-1, -1, 2]) / 6**0.5,
        [[0, 0, s], [0, 0, 0], [s, 0, 0]],
        np.diag([s, -s, 0]),
    ]
)
"""The five matrices of the chapter."""


def of_points(moments):
    """The moments as those of three charges along the principal axes."""
    charges, axes = np.linalg.eigh(matrix(moments))
    return charges @ so3.spherical_harmonics(2, axes.T)[:, 4:]


def by_coupling(moments):
    """The product of two vectors to l = 2, of each entry."""
    M = matrix(moments)[[1, 2, 0]][:, [1, 2, 0]]
    return np.einsum("ij,ijm->m", M, so3.clebsch_gordan(1, 1, 2))


def of_the_square(moments):
    """The five of the squared matrix, which turns as the matrix does."""
    return np.einsum("mab,ab->m", E, matrix(moments) @ matrix(moments))


def one_sided(moments):
    xx, xy, xz, yy, yz, zz = moments
    return np.einsum("mab,ab->m", E, [[xx, xy, xz], [0, yy, yz], [0, 0, zz]])


# ------------------------------------------------------------------------------------------------ three products


def back(zero, one, two, order=(2, 0, 1), sign=1, factors=(3**-0.5, 2**-0.5, 1)):
    """The sum of the three parts; `order` takes x, y, z out of (y, z, x)."""
    c = np.asarray(one)[list(order)]
    antisymmetric = sign * np.cross(np.eye(3)[:, None], np.eye(3)) @ c
    parts = zero * np.eye(3), antisymmetric, np.einsum("m,mab->ab", two, E)
    return sum(f * part for f, part in zip(factors, parts, strict=True))


def by_tensors(zero, one, two):
    """C as a change of axes, in (y, z, x) and then in x, y, z."""
    T = sum(
        (2 * l + 1) ** 0.5 * so3.clebsch_gordan(1, 1, l) @ np.atleast_1d(part)
        for l, part in enumerate([zero, one, two])
    )
    return T[[2, 0, 1]][:, [2, 0, 1]]


def by_solving(zero, one, two):
    """Nine equations for nine numbers."""
    rows = [(2 * l + 1) ** 0.5 * so3.clebsch_gordan(1, 1, l).reshape(9, -1).T for l in range(3)]
    T = np.linalg.solve(np.concatenate(rows), np.concatenate([[zero], one, two])).reshape(3, 3)
    return T[np.ix_([2, 0, 1], [2, 0, 1])].tolist()


def by_change_of_axes(zero, one, two):
    """The matrix U of the chapter, transposed."""
    antisymmetric = np.cross(np.eye(3)[:, None], np.eye(3)).transpose(2, 0, 1) * s
    U = np.concatenate([np.eye(3)[None] / 3**0.5, antisymmetric, E]).reshape(9, 9)
    return (U.T @ [zero, one[2], one[0], one[1], *two]).reshape(3, 3)


# ------------------------------------------------------------------------------------------------ angles


def kernel(g):
    """A function of P_2 of all pairs [N, N]."""
    return lambda n: g((3 * (n @ n.T) ** 2 - 1) / 2)


def neighbour_by_neighbour(n):
    A = np.zeros(5)
    for direction in n:
        A += so3.spherical_harmonics(2, direction)[4:]
    return float((A**2).mean() / len(n) ** 2)


def in_single_precision(n):
    n = n.astype(np.float32)
    M = n.T @ n
    return 1.5 * (M * M).sum() / len(n) ** 2 - 0.5


def of_seven(n):
    """The number of neighbours is that of one example."""
    return np.sum(so3.spherical_harmonics(2, n)[:, 4:].sum(axis=0) ** 2) / 5 / 49


def by_tensorflow(n):
    M = tf.einsum("ja,jb->ab", n, n)
    return 1.5 * tf.reduce_sum(M**2) / len(n) ** 2 - 0.5


def by_polynomials(n):
    x, y, z = n.T
    sums = [(x * y).sum(), (y * z).sum(), (x * z).sum()]
    squares = [(x * x).sum(), (y * y).sum(), (z * z).sum()]
    return (1.5 * (2 * np.dot(sums, sums) + np.dot(squares, squares)) - 0.5 * len(n) ** 2) / len(n) ** 2


def row_by_row(n):
    return sum(((3 * (n @ one) ** 2 - 1) / 2).sum() for one in n) / len(n) ** 2


def two_loops(n):
    total = 0.0
    for a in n.tolist():
        for b in n.tolist():
            total += (3 * (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) ** 2 - 1) / 2
    return total / len(n) ** 2


# ------------------------------------------------------------------------------------------------ broken on purpose


def centred(m):
    return m.positions - m.positions.mean(axis=0)


def moment(m, x=None):
    return m.numbers @ so3.spherical_harmonics(2, centred(m) if x is None else x)[:, 4:]


def first_centred(m):
    return moment(m, m.positions - m.positions[0])


def with_vector(m):
    return moment(m) + np.array([0, 0, m.numbers @ centred(m)[:, 2], 0, 0])


def with_a_partner(m, steps, sign):
    """Of each atom and another one of the list: a swap shows it, and some cyclic orders do not."""
    x = m.positions + sign * np.roll(m.positions, steps, axis=0)
    return so3.spherical_harmonics(2, x - x.mean(axis=0))[:, 4:].sum(axis=0)


def broken_in_single_precision(m):
    x, Z = m.positions.astype(np.float32), m.numbers.astype(np.float32)
    x, y, z = (x - x.mean(axis=0)).T
    parts = [x * y, y * z, (2 * z * z - x * x - y * y) / np.float32(12**0.5), x * z, (x * x - y * y) / 2]
    return np.stack(parts) @ Z * np.array([1, 1, 2, 1, 1], np.float32)


def flattened(m):
    """A molecule pressed onto the plane."""
    return moment(m, centred(m) * [1, 1, 0])


def stretched(m):
    return moment(m, centred(m) * [1, 1, 1.3])


def along_z(m):
    return np.array([0, 0, m.numbers @ centred(m)[:, 2] ** 2, 0, 0])


def with_an_axis(m):
    """The axis of a surface, added to the moment."""
    return moment(m) + np.array([0, 0, 10.0, 0, 0])


def bent(m):
    """A function of the length of each pair m, -m."""
    q = moment(m)
    return q * np.array(
        [np.hypot(*q[[0, 4]]), np.hypot(*q[[1, 3]]), abs(q[2]), np.hypot(*q[[1, 3]]), np.hypot(*q[[0, 4]])]
    )


WRONG = {
    "five-of-a-quadrupole": [
        ("factors", lambda v: five(v, [1, 1, 1, 1, 1])),
        ("factors", lambda v: five(v, [1, 1, 1 / 3, 1, 1])),
        ("factors", one_sided),
        ("order", lambda v: five(v)[[2, 0, 1, 3, 4]]),
        ("order", lambda v: five(v, [1, 1, 1, 1, 1])[[0, 3, 1, 2, 4]]),
        ("order", lambda v: -five(v)[::-1]),
        ("signs", lambda v: five(v) * [1, 1, 1, -1, 1]),
        ("signs", lambda v: five(v) * [-1, 1, 1, -1, 1]),
        ("twice", lambda v: five(v)[[0, 1, 2, 0, 4]]),
        ("not a sum", lambda v: five(v) / np.linalg.norm(five(v))),
        ("not a sum", lambda v: five(v) * (v[0] + v[3] + v[5])),
        ("not a sum", of_the_square),
        ("trace", lambda v: [v[1], v[4], v[5], v[2], v[0] - v[3]]),
        ("trace", lambda v: [v[1], v[4], 3**0.5 / 2 * v[5], v[2], (v[0] - v[3]) / 2]),
        ("trace", lambda v: v[:5]),
        ("axis", lambda v: np.einsum("mab,ab->m", E, matrix(v)[[1, 2, 0]][:, [1, 2, 0]])),
        ("trace", lambda v: np.array([1, 1, 12**-0.5, 1, 0.5]) * [v[1], v[4], 3 * v[5] - 1, v[2], v[0] - v[3]]),
        ("not turning", lambda v: np.array([1, 1, 12**-0.5, 1, 0.5]) * [v[1], v[4], v[5] - 2, v[2], v[0] - v[3]]),
        ("not turning", lambda v: five(v) ** 2),
        ("zero", lambda v: np.zeros(5)),
        ("shape", matrix),
        ("type", "xy"),
    ],
    "three-products": [
        ("trace", lambda *given: back(*given, factors=(1, 2**-0.5, 1))),
        ("trace", lambda *given: back(*given, factors=(1 / 3, 2**-0.5, 1))),
        ("trace", lambda *given: back(*given, factors=(0, 2**-0.5, 1))),
        ("antisymmetric", lambda *given: back(*given, factors=(3**-0.5, 1, 1))),
        ("antisymmetric", lambda *given: back(*given, factors=(3**-0.5, 0, 1))),
        ("antisymmetric", lambda *given: back(*given, factors=(3**-0.5, 2**0.5, 1))),
        ("transposed", lambda *given: back(*given, sign=-1)),
        ("vector order", lambda *given: back(*given, order=(0, 1, 2))),
        ("vector order", lambda *given: back(*given, order=(0, 1, 2), sign=-1)),
        ("symmetric", lambda *given: back(*given, factors=(3**-0.5, 2**-0.5, 2**-0.5))),
        ("vector order", lambda *given: back(*given, order=(1, 0, 2))),
        ("antisymmetric", lambda zero, one, two: back(zero, one * [1, -1, 1], two)),
        ("symmetric", lambda zero, one, two: back(zero, one, np.array([1, 1, 2, 1, 1]) * two)),
        ("symmetric", lambda zero, one, two: back(zero, one, -two)),
        ("symmetric", lambda zero, one, two: back(zero, one, two * [1, 1, 1, -1, 1])),
        ("five order", lambda zero, one, two: back(zero, one, two[[1, 0, 2, 3, 4]] * [1, 1, 1, -1, 1])),
        ("five order", lambda zero, one, two: back(zero, one, two[[2, 0, 1, 3, 4]])),
        ("five order", lambda zero, one, two: back(zero, one, two[::-1])),
        ("axes", lambda *given: back(*given)[[1, 2, 0]][:, [1, 2, 0]]),
        ("shape", lambda zero, one, two: two),
        ("type", "a b"),
    ],
    "which-irreps": [
        ("parity", "1e 2e 3e 4e 5e"),
        ("natural parity", "1o 2e 3o 4e 5o"),
        ("only the top", "5o"),
        ("steps of two", ["1o", "3o", "5o"]),
        ("from zero", "0o 1o 2o 3o 4o 5o"),
        ("from zero", "0e 1o 2e 3o 4e 5o"),
        ("ends missing", "2o 3o 4o"),
        ("ends missing", "1o 2o 3o 4o"),
        ("another list", "6o"),
        ("another list", "1o 1o 2o 3o 4o 5o"),
        ("type", "vector"),
        ("type", 5),
    ],
    "sort-quantities": [
        ("A", "1e 1e 0e 0o 2e 2o"),
        ("B", "1o 1o 0e 0o 2e 2o"),
        ("C", "1o 1e 1e 0o 2e 2o"),
        ("D", "1o 1e 0e 0e 2e 2o"),
        ("E", "1o 1e 0e 0o 2o 2o"),
        ("F", "1o 1e 0e 0o 2e 2e"),
        ("count", "1o 1e 0e 0o 2e"),
        ("type", "field"),
        ("type", 1),
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
        ("mean of squared cosines", lambda n: ((n.T @ n) ** 2).sum() / len(n) ** 2),
        ("pairs", kernel(np.mean)),
        ("pairs", row_by_row),
        ("pairs", two_loops),
        ("seven only", of_seven),
        ("seven only", lambda n: kernel(np.mean)(n) if len(n) < 100 else 0.0),
        ("another number", lambda n: 0.1234),
        ("type", lambda n: n),
    ],
    "break-it": [
        ("right", moment),
        ("right", lambda m: moment(m) * (moment(m) ** 2).sum()),
        ("order", lambda m: first_centred(m) * [1, 1, 2, 1, 1]),
        ("order", lambda m: with_a_partner(m, -1, 1) * [1, 1, 2, 1, 1]),
        ("order", lambda m: with_a_partner(m, -3, -1) * [1, 1, 2, 1, 1]),
        ("order", lambda m: with_a_partner(m, 2, 1) * [1, 1, 2, 1, 1]),
        ("translations", lambda m: moment(m, m.positions) * [1, 1, 2, 1, 1]),
        ("inversion", with_vector),
        ("about z", lambda m: moment(m) * [1, 2, 1, 1, 1]),
        ("about z", lambda m: moment(m) * [2, 1, 1, 1, 1]),
        ("about z", lambda m: moment(m) ** 2),
        ("about z", lambda m: moment(m, centred(m) * [2, 1, 1])),
        ("zero", lambda m: np.zeros(5)),
        ("shape", lambda m: moment(m)[:3]),
        ("type", 1),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "five-of-a-quadrupole": [
        lambda v: -3 * five(v),
        lambda v: np.einsum("mab,ab->m", E, matrix(v)),
        lambda v: np.trace(E @ matrix(v), axis1=1, axis2=2).tolist(),
        of_points,
        by_coupling,
        lambda v: tf.constant(five(v), tf.float32),
    ],
    "three-products": [
        back,
        by_tensors,
        by_solving,
        by_change_of_axes,
        lambda *given: tf.constant(back(*given)),
    ],
    "which-irreps": [
        ["3o", "2o", "1o", "5o", "4o"],
        "1o, 2o, 3o, 4o, 5o",
        "1o+2o+3o+4o+5o",
        "1o + 2o + 3o + 4o + 5o",
        so3.couplings(so3.Irrep.of("2e"), so3.Irrep.of("3o")),
        {"1o", "2o", "3o", "4o", "5o"},
        "1x1o+1x2o+1x3o+1x4o+1x5o",
        "(1o, 2o, 3o, 4o, 5o)",
    ],
    "sort-quantities": [
        ["1o", "1e", "0e", "0o", "2e", "2o"],
        "1o, 1e, 0e, 0o, 2e, 2o",
        "1o + 1e + 0e + 0o + 2e + 2o",
        tuple(so3.Irrep.of(x) for x in "1o 1e 0e 0o 2e 2o".split()),
        "1o\n1e\n0e\n0o\n2e\n2o",
        np.array(["1o", "1e", "0e", "0o", "2e", "2o"]),
    ],
    "mean-angle-from-sums": [
        neighbour_by_neighbour,
        by_tensorflow,
        by_polynomials,
        in_single_precision,
        lambda n: 1.5 * np.linalg.norm(n.T @ n) ** 2 / len(n) ** 2 - 0.5,
        lambda n: np.linalg.norm(so3.spherical_harmonics(2, n).mean(axis=0)[4:]) ** 2 / 5,
    ],
    "break-it": [along_z, flattened, stretched, with_an_axis, bent, broken_in_single_precision],
}
"""Other right answers than the reference."""
