"""Answers to the exercises of the chapter on symmetry."""

import itertools

import numpy as np
import tensorflow as tf
from scipy.linalg import block_diag
from scipy.spatial.distance import pdist, squareform

from dmol_molnet import so3

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


def triple_axes(numbers, x):
    """Three vectors as rows: a determinant of theirs is a pseudoscalar."""
    y = x - x.mean(axis=0)
    return np.array([n @ y for n in (numbers, numbers**2, numbers**3)])


def cofactors(R):
    """The pseudovector's block from what cross products do to the axes: the matrix of cofactors."""
    D = np.zeros((7, 7))
    D[0, 0], D[1:4, 1:4] = np.linalg.slogdet(R)[0], R
    D[4:, 4:] = [np.cross(R[(k + 1) % 3], R[(k + 2) % 3]) for k in range(3)]
    return D


def transposed_when_mirrored(R):
    M = R.T if det(R) < 0 else R
    return block_diag(det(R), M, det(R) * M)


def handed_by_the_trace(R):
    """Right for plane mirrors and the inversion, not for a mirror that also turns."""
    sign = -1 if np.isclose(np.trace(R), [1, -3]).any() and np.allclose(R, R.T) else 1
    return block_diag(sign, R, sign * R)


def radius(x):
    return np.linalg.norm(x - x.mean(axis=0)) / len(x) ** 0.5


def ranked(first, second):
    """The distance between two atoms, by their ranks in the order of the elements."""

    def f(numbers, x):
        row = np.argsort(-numbers, kind="stable")
        return np.linalg.norm(x[row[first]] - x[row[second]])

    return f


def guarded(slope, r):
    """slope(r) / r, and zero on the diagonal."""
    far = r + np.eye(len(r))
    return slope(far) / far * (1 - np.eye(len(r)))


def both_at_once(x, slope):
    F = np.zeros_like(x)
    for i, j in itertools.combinations(range(len(x)), 2):
        push = slope(np.linalg.norm(x[j] - x[i])) * (x[j] - x[i]) / np.linalg.norm(x[j] - x[i])
        F[i] += push
        F[j] -= push
    return F


def numerically(x, slope):
    """Differences of distances instead of their derivatives."""
    F, h = np.zeros_like(x), 1e-5
    for i, k in np.ndindex(x.shape):
        moved = h * np.eye(len(x))[i][:, None] * np.eye(3)[k]
        grown = (distances(x + moved) - distances(x - moved))[i] / (2 * h)
        F[i, k] = -sum(slope(np.linalg.norm(x[i] - x[j])) * grown[j] for j in range(len(x)) if j != i)
    return F


def with_gradients(x, slope):
    position = tf.Variable(x)
    i, j = np.triu_indices(len(x), 1)
    with tf.GradientTape() as tape:
        r = tf.norm(tf.gather(position, i) - tf.gather(position, j), axis=1)
        energy = tf.reduce_sum(slope(r.numpy()) * r)
    return -tf.convert_to_tensor(tape.gradient(energy, position))


WRONG = {
    "write-the-d": [
        ("no unit", lambda R: np.zeros((7, 7))),
        ("no unit", lambda R: block_diag(det(R), R, 0 * R)),
        ("no representation", kinds(lambda R: np.sign(np.trace(R)), same, odd)),  # right for small turns
        ("no representation", transposed_when_mirrored),
        ("no representation", handed_by_the_trace),
        ("no mirrors", kinds(lambda R: abs(det(R)), same, same)),
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
        ("the volume is a scalar", SORTED | {"D": "0e"}),
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
        ("how it is listed", lambda numbers, x: np.linalg.norm((x - x.mean(0))[numbers.argmax()]) * numbers.sum()),
        ("how it is listed", lambda numbers, x: abs(det(x[:3] - x.mean(axis=0))) * numbers.std()),
        ("left and right", lambda numbers, x: spread(numbers, x) + det(np.cov(x.T) @ triple_axes(numbers, x))),
        ("where it is", lambda numbers, x: np.linalg.eigvalsh((numbers * x.T) @ x)[2]),
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
        *(("how it is listed", ranked(*ranks)) for ranks in ((0, 1), (-1, -2), (0, -1), (1, 2))),
        ("blind to elements", lambda numbers, x: radius(x)),
        ("type", lambda numbers, x: x),
    ],
    "vectors-from-scalars": [
        ("absolute positions", lambda s, x: s[:, None] * x - s.mean() * x.mean(axis=0)),
        ("component by component", lambda s, x: s[:, None] * np.linalg.eigh(np.cov(x.T))[1][:, 2]),
        ("scalars unused", lambda s, x: (x - x.mean(axis=0)) * distances(x).sum(axis=1)[:, None]),
        ("a pseudovector", lambda s, x: np.cross(x - x.mean(axis=0), ((s - s.mean()) @ x)[None])),
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
        ("other numbers", pairwise(lambda slope, r: abs(slope) / r)),
        ("other numbers", lambda x, slope: pairwise(lambda slope, r: slope / r)(x, slope) / (len(x) - 1)),
        ("other numbers", lambda x, slope: pairwise(lambda slope, r: slope / r)(x, slope) if len(x) > 2 else 0 * x),
        ("other numbers", pairwise(lambda slope, r: slope / r * (r < 10))),
        ("no direction", lambda x, slope: -np.einsum("ij,ijk->ik", slope(distances(x)), x[:, None] - x)),
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
        ("another vector", about(lambda q, m, x: abs(q) @ x / abs(q).sum())),
        ("always zero", lambda q, m, x: q @ x if abs(q.sum()) < 1e-9 else q @ (x - q @ x / q.sum())),
        ("another vector", about(lambda q, m, x: (x.min(axis=0) + x.max(axis=0)) / 2)),
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
    "write-the-d": [
        kinds(det, same, odd),
        lambda R: block_diag(round(det(R)), R, R * round(det(R))),
        lambda R: block_diag(np.cross(R[0], R[1]) @ R[2], R, np.linalg.inv(R).T * det(R)),
        lambda R: tf.linalg.LinearOperatorBlockDiag(
            [tf.linalg.LinearOperatorFullMatrix(M) for M in ([[det(R)]], R, det(R) * R)]
        ).to_dense(),
        cofactors,
        lambda R: [[*row] for row in block_diag(-1 if det(R) < 0 else 1, R, np.where(det(R) < 0, -R, R))],
    ],
    "sort-the-labels": [
        SORTED,
        {letter.lower(): irreps for letter, irreps in SORTED.items()},
        SORTED | {"E": "1x0e + 1x2e", "G": ["2e", "1e", "0e"]},
        list(SORTED.values()),
        [(letter, so3.irreps(irreps)) for letter, irreps in SORTED.items()],
        SORTED | {"A": (0, 1), "B": (1, -1), "E": "0e, 2e", "G": "0e 1e 2e"},
    ],
    "mend-the-model": [
        lambda numbers, x: (np.outer(numbers, numbers) * np.exp(-distances(x))).sum(),
        lambda numbers, x: spread(numbers, x) ** 2,
        lambda numbers, x: numbers.sum() * np.linalg.norm(x - x.mean(axis=0)),
        lambda numbers, x: numbers.std() * distances(x).mean(),
        lambda numbers, x: max(np.linalg.norm(x - x.mean(axis=0), axis=1)[numbers == numbers.max()]),
        lambda numbers, x: sum(
            numbers[i] * numbers[j] / np.linalg.norm(x[i] - x[j]) for i in range(len(x)) for j in range(i)
        ),
        lambda numbers, x: np.linalg.eigvalsh(np.cov(x.T, aweights=numbers)).max(),
        lambda numbers, x: det([n @ (x - x.mean(axis=0)) for n in (numbers, numbers**2, numbers**3)]) ** 2,
        lambda numbers, x: tf.norm(tf.linalg.matvec(tf.transpose(x - x.mean(0)), tf.constant(numbers, tf.float64))),
        lambda numbers, x: 1e-9 * spread(numbers, x),
        lambda numbers, x: numbers.max() * radius(x),
        lambda numbers, x: numbers.min() * radius(x),
        lambda numbers, x: len(set(numbers)) * radius(x),
        *((lambda numbers, x, z=z: (numbers == z).sum() * radius(x)) for z in (1, 6, 7, 8, 17)),
    ],
    "vectors-from-scalars": [
        sums,
        lambda s, x: s[:, None] * (x - x.mean(axis=0)),
        lambda s, x: s.sum() * (x - x.mean(axis=0)),
        lambda s, x: s.std() * (x - x.mean(axis=0)),
        lambda s, x: np.tile((s - s.mean()) @ x, (len(x), 1)),
        lambda s, x: np.cross(x - x.mean(axis=0), crossed(s, x)),
        lambda s, x: [
            sum(s[j] * (x[j] - x[i]) * np.exp(-((x[i] - x[j]) ** 2).sum()) for j in range(6)) for i in range(6)
        ],
        lambda s, x: tf.einsum("j,ijk->ik", tf.tanh(s), x[:, None] - x),
    ],
    "which-losses": [
        ("H", "E", "C", "A"),
        {"a", "c", "e", "h"},
        "A, C, E, H",
        "a c e h",
        "A and C and E and H",
        {letter: letter in "ACEH" for letter in "ABCDEFGH"},
        ["A, C", "E, H"],
    ],
    "derive-the-forces": [
        pairwise(lambda slope, r: slope / r),
        both_at_once,
        lambda x, slope: -np.einsum("ij,ijk->ik", guarded(slope, distances(x)), x[:, None] - x),
        lambda x, slope: (guarded(slope, r := squareform(pdist(x))) @ x) - guarded(slope, r).sum(1, keepdims=True) * x,
        numerically,
        with_gradients,
    ],
    "dipole-of-an-ion": [
        about(mass_center),
        about(lambda q, m, x: np.average(x, axis=0, weights=m)),
        lambda q, m, x: q @ x - q.sum() * mass_center(q, m, x),
        lambda q, m, x: (
            sum(a * b * (y - z) for a, y in zip(q, x, strict=True) for b, z in zip(m, x, strict=True)) / m.sum()
        ),
        lambda q, m, x: (q - q.sum() * m / m.sum()) @ x,
        lambda q, m, x: tf.einsum("a,ak->k", q, x - tf.linalg.matvec(tf.transpose(x), m / m.sum())),
    ],
}
"""Other right answers than the reference."""
