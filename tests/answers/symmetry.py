"""Answers to the exercises of the chapter on symmetry."""

import numpy as np
from scipy.linalg import block_diag

det = np.linalg.det


def kinds(*parts):
    """A right D with some of its blocks replaced."""
    return lambda R: block_diag(*(part(R) for part in parts))


def one(R):
    return 1


def same(R):
    return R


def odd(R):
    return det(R) * R


SORTED = {"A": "0e", "B": "1o", "C": "1e", "D": "0o", "E": "0e+2e", "F": "1o", "G": "0e+1e+2e", "H": "0o"}


def distances(x):
    return np.linalg.norm(x[:, None] - x, axis=-1)


def inverse_distances(numbers, x):
    with np.errstate(divide="ignore"):
        return (np.outer(numbers, numbers) / distances(x)).sum()


def spread(numbers, x):
    return np.linalg.norm((numbers - numbers.mean()) @ x)


def sums(s, x):
    return s @ x - s.sum() * x


def crossed(s, x):
    y = x - x.mean(axis=0)
    return np.cross(y, s @ y)


def pairwise(weight, sign=-1, pairs=lambda i, j: i != j):
    """Forces with one fault."""

    def f(x, slope):
        F = np.zeros_like(x)
        for i in range(len(x)):
            for j in range(len(x)):
                if pairs(i, j):
                    r = np.linalg.norm(x[i] - x[j])
                    F[i] += sign * weight(slope(r), r) * (x[i] - x[j])
        return F

    return f


def with_itself(x, slope):
    r = distances(x)
    with np.errstate(all="ignore"):
        return -((slope(r) / r)[:, :, None] * (x[:, None] - x)).sum(axis=1)


def about(center):
    return lambda q, m, x: q @ (x - center(q, m, x))


def mass_center(q, m, x):
    return m @ x / m.sum()


WRONG = {
    "write-the-d": [
        ("no mirrors", kinds(one, same, same)),
        ("a scalar", kinds(one, same, odd)),
        ("two vectors", kinds(det, same, same)),
        ("two pseudovectors", kinds(det, odd, odd)),
        ("exchanged", kinds(det, odd, same)),
        ("two pseudovectors", lambda R: det(R) * block_diag(1, R, R)),
        ("transposed", kinds(det, lambda R: R.T, lambda R: det(R) * R.T)),
        ("in another order", kinds(same, odd, det)),
        ("no representation", kinds(det, np.abs, odd)),
        ("another one", lambda R: np.eye(7)),
        ("shape", lambda R: R),
        ("type", lambda R: "R"),
        ("nothing returned", lambda R: None),
    ],
    "sort-the-labels": [
        ("missing", {"A": "0e"}),
        ("no irrep", SORTED | {"B": "vector"}),
        ("several times", SORTED | {"E": "0e + 0e + 2e + 2e"}),
        ("several times", SORTED | {"G": "0e + 3x1e + 2e"}),
        ("type", SORTED | {"I": "0e"}),
        ("the torque is a vector", SORTED | {"C": "1o"}),
        ("the rotation is a scalar", SORTED | {"D": "0e"}),
        ("the angle is a scalar", SORTED | {"H": "0e"}),
        ("no trace", SORTED | {"E": "2e"}),
        ("nine numbers", SORTED | {"E": "2e + 1e + 0e"}),
        ("in and out", SORTED | {"E": "1o"}),
        ("always symmetric", SORTED | {"G": "0e + 2e"}),
        *((letter, SORTED | {letter: "3o"}) for letter in SORTED),
        ("type", "0e"),
        ("type", 7),
    ],
    "mend-the-model": [
        ("not finite", inverse_distances),
        ("where it is", lambda numbers, x: np.linalg.norm(numbers @ x)),
        ("where it is", lambda numbers, x: np.linalg.norm((numbers - numbers[0]) @ x)),
        ("which way it lies", lambda numbers, x: ((numbers - numbers.mean()) @ x)[2]),
        ("which way it lies", lambda numbers, x: np.abs((numbers - numbers.mean()) @ x).sum()),
        ("how it is listed", lambda numbers, x: numbers @ distances(x)[0]),
        (
            "left and right",
            lambda numbers, x: (
                spread(numbers, x) + det([n @ (x - x.mean(0)) for n in (numbers, numbers**2, numbers**3)])
            ),
        ),
        ("blind to shape", lambda numbers, x: numbers.sum()),
        ("blind to elements", lambda numbers, x: distances(x).sum()),
        ("type", lambda numbers, x: x),
    ],
    "vectors-from-scalars": [
        ("zero", lambda s, x: 0 * x),
        ("absolute positions", lambda s, x: s[:, None] * x),
        ("the numbering", lambda s, x: s[:, None] * (x - x[0])),
        ("scalars in three columns", lambda s, x: np.stack([s, s**2, s**3], axis=1)),
        ("component by component", lambda s, x: np.maximum(sums(s, x), 0)),
        ("component by component", lambda s, x: sums(s, x) + np.array([0, 0, 1.0])),
        ("a pseudovector", crossed),
        ("two kinds in one", lambda s, x: sums(s, x) + crossed(s, x)),
        ("scalars unused", lambda s, x: x - x.mean(axis=0)),
        ("shape", lambda s, x: s),
    ],
    "which-losses": [
        ("B", "ABCEH"),
        ("D", "ACDEH"),
        ("F", ["A", "C", "E", "F", "H"]),
        ("G", "acegh"),
        ("not A", "CEH"),
        ("not C", "AEH"),
        ("not E", "ACH"),
        ("not H", {"A", "C", "E"}),
        ("type", "ACX"),
        ("type", "A-E"),
        ("type", 3),
    ],
    "derive-the-forces": [
        ("itself", with_itself),
        ("uphill", pairwise(lambda slope, r: slope / r, sign=1)),
        ("twice", pairwise(lambda slope, r: 2 * slope / r)),
        ("half", pairwise(lambda slope, r: slope / r / 2)),
        ("no direction", pairwise(lambda slope, r: slope)),
        ("divided twice", pairwise(lambda slope, r: slope / r**2)),
        ("no reaction", pairwise(lambda slope, r: slope / r, pairs=lambda i, j: i < j)),
        ("no reaction", pairwise(lambda slope, r: slope / r, pairs=lambda i, j: i > j)),
        ("other numbers", pairwise(lambda slope, r: slope**2)),
        ("other numbers", lambda x, slope: -x),
        ("shape", lambda x, slope: slope(distances(x) + np.eye(len(x)))),
        ("type", lambda x, slope: "downhill"),
    ],
    "dipole-of-an-ion": [
        ("absolute", lambda q, m, x: q @ x),
        ("always zero", about(lambda q, m, x: q @ x / q.sum())),
        ("the middle of the atoms", about(lambda q, m, x: x.mean(axis=0))),
        ("the middle of the atoms", lambda q, m, x: (q - q.mean()) @ x),
        ("the first atom", about(lambda q, m, x: x[0])),
        ("not divided", about(lambda q, m, x: m @ x)),
        ("always zero", lambda q, m, x: m @ (x - mass_center(q, m, x))),
        ("backwards", lambda q, m, x: -q @ (x - mass_center(q, m, x))),
        ("another vector", about(lambda q, m, x: x[1])),
        ("shape", lambda q, m, x: x),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "write-the-d": [kinds(det, same, odd)],
    "sort-the-labels": [SORTED, {letter.lower(): irreps for letter, irreps in SORTED.items()}],
    "mend-the-model": [
        lambda numbers, x: (np.outer(numbers, numbers) * np.exp(-distances(x))).sum(),
        lambda numbers, x: spread(numbers, x) ** 2,
    ],
    "vectors-from-scalars": [sums, lambda s, x: s[:, None] * (x - x.mean(axis=0))],
    "which-losses": [("H", "E", "C", "A"), {"a", "c", "e", "h"}],
    "derive-the-forces": [pairwise(lambda slope, r: slope / r)],
    "dipole-of-an-ion": [about(mass_center)],
}
"""Other right answers than the reference."""
