"""Answers to the exercises of the chapter on normalisation."""

import math

import numpy as np
import scipy.linalg
import tensorflow as tf
from ase import units as ase_units
from scipy import constants


def mean_an_atom(counts, energies):
    return energies.sum() / counts.sum()


def changed(counts, energies, mean=None):
    mean = mean_an_atom(counts, energies) if mean is None else mean
    return np.linalg.lstsq(counts, energies - mean * counts.sum(axis=1), rcond=1e-10)[0]


def by_pseudoinverse(counts, energies):
    mean = mean_an_atom(counts, energies)
    return mean * np.ones(3) + np.linalg.pinv(counts) @ (energies - counts @ (mean * np.ones(3)))


def by_small_weights(counts, energies):
    """Rows that ask each shift for the mean, with next to no weight."""
    rows = np.concatenate([counts, 1e-5 * np.eye(3)])
    wanted = np.concatenate([energies, 1e-5 * np.full(3, mean_an_atom(counts, energies))])
    return scipy.linalg.lstsq(rows, wanted)[0]


def by_eigenvectors(counts, energies):
    """Along what is determined, the normal equations; along the rest, the mean."""
    values, axes = np.linalg.eigh(counts.T @ counts)
    mean = np.full(3, mean_an_atom(counts, energies))
    known = values > 1e-9 * values.max()
    along = np.where(known, axes.T @ counts.T @ energies / np.where(known, values, 1), axes.T @ mean)
    return axes @ along


def by_descent(counts, energies):
    """Gradient descent from the mean: it never leaves the span of the data."""
    start = np.full(3, mean_an_atom(counts, energies))
    M, y = counts / np.linalg.norm(counts, 2), (energies - counts @ start) / np.linalg.norm(counts, 2)
    step, momentum = np.zeros(3), np.zeros(3)
    for _ in range(4000):
        momentum = 0.97 * momentum - 0.5 * M.T @ (M @ step - y)
        step = step + momentum
    return start + step


def all_or_nothing(counts, energies):
    if np.linalg.matrix_rank(counts) < counts.shape[1]:
        return np.full(3, mean_an_atom(counts, energies))
    return np.linalg.lstsq(counts, energies, rcond=None)[0]


def mean_of_ratios(counts, energies):
    mean = (energies / counts.sum(axis=1)).mean()
    return mean + changed(counts, energies, mean)


def one_unsettled(counts, energies):
    """The last element fixed at the mean, where something is open."""
    if np.linalg.matrix_rank(counts) == 3:
        return np.linalg.lstsq(counts, energies, rcond=None)[0]
    mean = mean_an_atom(counts, energies)
    first = np.linalg.lstsq(counts[:, :2], energies - mean * counts[:, 2], rcond=None)[0]
    return [*first, mean]


def each_alone(counts, energies):
    return [np.linalg.lstsq(column[:, None], energies, rcond=None)[0][0] for column in counts.T]


def units(e=27.211386, f=-27.211386 / 0.529177):
    return lambda energies, gradients: (e * energies, f * gradients)


def rmse(change):
    """A function of errors and sizes, in meV."""
    return lambda predicted, true, sizes: change(1000 * (predicted - true), sizes)


def step(change):
    return lambda m: change(m.mean(axis=0), len(m))


def power(more, rounded=math.floor):
    """2 to the rounded logarithm of a gap, and so many powers more."""
    return lambda gap: 2.0 ** (rounded(math.log2(gap)) + more)


def doubling(gap):
    E = np.float32(2.0**-60)
    while np.spacing(E) <= gap:
        E *= np.float32(2)
    return E


def by_search(gap):
    """The largest number of 32 bits whose smaller neighbour is near enough: numbers are ordered as their bits."""
    low, high = 0, int(np.float32(3e38).view(np.int32))
    while high - low > 1:
        middle = (low + high) // 2
        x, below = (np.int32(bits).view(np.float32) for bits in (middle, middle - 1))
        low, high = (middle, high) if float(x) - float(below) <= gap else (low, middle)
    return float(np.int32(low).view(np.float32))


def by_mantissa(gap):
    mantissa, exponent = math.frexp(gap)  # gap = mantissa 2^exponent, mantissa from 1/2 to below 1
    assert mantissa >= 0.5
    return math.ldexp(1.0, exponent + 23)


def by_halves(gap):
    E = 2.0**60
    while gap < E / 2**24:
        E /= 2
    return E


def normed(h):
    return h / np.sqrt((h**2).mean(axis=(1, 2), keepdims=True))


EPS = np.finfo("float32").eps

WRONG = {
    "reference-energies": [
        ("the mean of all", lambda counts, energies: [energies.mean()] * 3),
        ("the mean of each", lambda counts, energies: [mean_an_atom(counts, energies)] * 3),
        ("each on its own", each_alone),
        ("smallest", lambda counts, energies: np.linalg.lstsq(counts, energies, rcond=1e-10)[0]),
        ("only the change", changed),
        ("another fit", lambda counts, energies: [-13.6, -1027.0, -2038.0]),
        ("another fit", lambda counts, energies: changed(counts, energies - energies.mean())),
        ("all or nothing", all_or_nothing),
        ("mean of ratios", mean_of_ratios),
        ("fits, but elsewhere", one_unsettled),
        ("shape", lambda counts, energies: [1.0]),
        ("not finite", lambda counts, energies: [np.nan] * 3),
        ("type", 3),
    ],
    "left-open": [
        ("ranks", (1, 2, 2, 1, 2)),
        ("frames", (0, 1, 0, 0, 0)),
        ("multiples", (2, 1, 0, 0, 1)),
        ("all open", (3, 3, 2, 2, 3)),
        ("none open", [0, 0, 0, 0, 0]),
        ("set A", (3, 1, 0, 1, 1)),
        ("set B", (2, 0, 0, 1, 1)),
        ("set C", (2, 1, 1, 1, 1)),
        ("set D", (2, 1, 0, 0, 2)),
        ("set E", (2, 1, 0, 1, 0)),
        ("type", (2, 1)),
        ("type", (2, 1, 0, 1, 0.5)),
        ("type", "none"),
    ],
    "into-our-units": [
        ("kcal/mol", units(e=627.5095)),
        ("kJ/mol", units(e=2625.5)),
        ("energies left", units(e=1)),
        ("energies", units(e=13.6)),
        ("one factor", units(f=-27.211386)),
        ("one factor and sign", units(f=27.211386)),
        ("wrong way", units(f=-27.211386 * 0.529177)),
        ("sign", units(f=27.211386 / 0.529177)),
        ("forces left", units(f=-1)),
        ("forces", units(f=-3)),
        ("type", lambda energies, gradients: 5),
        ("shape", lambda energies, gradients: (27.211386 * energies, energies)),
    ],
    "which-add-up": [
        ("B", "ABCE"),
        ("D", {"A", "C", "D", "E"}),
        ("F", "acef"),
        ("not A", "CE"),
        ("not C", "AE"),
        ("not E", ["A", "C"]),
        ("type", "AX"),
        ("type", 1),
    ],
    "error-an-atom": [
        ("in eV", rmse(lambda d, n: np.sqrt(((d / n) ** 2).mean()) / 1000)),
        ("of the molecule", rmse(lambda d, n: np.sqrt((d**2).mean()))),
        ("divided afterwards", rmse(lambda d, n: np.sqrt((d**2).mean()) / n.mean())),
        ("pooled", rmse(lambda d, n: np.sqrt((d**2).sum()) / n.sum())),
        ("root of the size", rmse(lambda d, n: np.sqrt((d**2 / n).mean()))),
        ("weighted", rmse(lambda d, n: np.sqrt(np.average((d / n) ** 2, weights=n)))),
        ("absolute", rmse(lambda d, n: np.abs(d / n).mean())),
        ("signs", rmse(lambda d, n: (d / n).mean())),
        ("standard deviation", rmse(lambda d, n: (d / n).std())),
        ("of the molecule", rmse(lambda d, n: np.sqrt((d**2).mean()) / 1000)),
        ("unsquared", rmse(lambda d, n: np.linalg.norm(d / n))),
        ("another number", rmse(lambda d, n: 7.0)),
        ("another number", rmse(lambda d, n: np.sqrt(np.median((d / n) ** 2)))),
        ("type", rmse(lambda d, n: d)),
        ("type", 2.0),
    ],
    "step-of-a-mean": [
        ("no step", step(lambda mean, n: 0 * mean)),
        ("where it leads", step(lambda mean, n: mean * n / (n + 1))),
        ("backwards", step(lambda mean, n: mean / (n + 1))),
        ("another n", step(lambda mean, n: -mean / n)),
        ("a sum", step(lambda mean, n: -mean * n / (n + 1))),
        ("share left", step(lambda mean, n: 0 * mean + n / (n + 1))),
        ("another step", step(lambda mean, n: mean + 1)),
        ("another step", step(lambda mean, n: -mean / (n + 2))),
        ("shape", lambda m: m),
        ("type", 0),
    ],
    "norm-of-directions": [
        ("components", lambda h: h / np.sqrt((h**2).mean(axis=1, keepdims=True))),
        ("centred", lambda h: (h - h.mean(-1, keepdims=True)) / h.std(-1, keepdims=True)),
        ("centred", lambda h: normed(h - h.mean(-1, keepdims=True))),
        ("vectors", lambda h: h / np.linalg.norm(h, axis=-1, keepdims=True)),
        ("vectors", lambda h: h / np.sqrt((h**2).mean(axis=-1, keepdims=True))),
        ("all atoms", lambda h: h / np.sqrt((h**2).mean())),
        ("length", lambda h: h / np.sqrt((h**2).sum(axis=2).mean(axis=1))[:, None, None]),
        ("sum", lambda h: h / np.linalg.norm(h, axis=(1, 2), keepdims=True)),
        ("channels", lambda h: h / np.sqrt((h**2).mean(axis=(0, 2), keepdims=True))),
        ("no root", lambda h: h / (h**2).mean(axis=(1, 2), keepdims=True)),
        ("another norm", lambda h: 2 * normed(h)),
        ("another norm", lambda h: normed(h) * np.tanh(np.linalg.norm(h, axis=-1, keepdims=True))),
        ("shape", lambda h: h[0]),
    ],
    "gaps": [
        ("a share", lambda gap: gap / EPS),
        ("a share", lambda gap: gap * 2**24),
        ("one power less", power(23)),
        ("one power less", power(23, math.ceil)),
        ("rounded up", power(24, math.ceil)),
        ("rounded up", power(24, round)),
        ("one power more", power(26)),
        ("half", power(25)),
        ("64 bits", power(53)),
        ("16 bits", power(11)),
        ("decimal", lambda gap: 1e7 * gap),
        ("in meV", lambda gap: power(24)(1000 * gap)),
        ("only at one", lambda gap: 2.0**24),
        ("another number", lambda gap: np.spacing(np.float32(gap))),
        ("another number", lambda gap: gap**2),
        ("type", lambda gap: "far"),
        ("type", 1.0),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "reference-energies": [
        lambda counts, energies: mean_an_atom(counts, energies) + np.asarray(changed(counts, energies)),
        by_pseudoinverse,
        by_small_weights,
        by_eigenvectors,
        by_descent,
        lambda counts, energies: tf.constant(by_pseudoinverse(counts, energies)),
    ],
    "left-open": [
        np.array([2, 1, 0, 1, 1]),
        [2.0, 1.0, 0.0, 1.0, 1.0],
        tf.constant([2, 1, 0, 1, 1]),
        {"A": 2, "B": 1, "C": 0, "D": 1, "E": 1}.values(),
        (np.int64(2), np.int64(1), 0, 1, 1),
    ],
    "into-our-units": [
        units(e=27.2114, f=-51.42208),
        units(e=ase_units.Hartree, f=-ase_units.Hartree / ase_units.Bohr),
        units(
            e=constants.value("Hartree energy in eV"),
            f=-constants.value("Hartree energy in eV") / constants.value("Bohr radius") / 1e10,
        ),
        lambda energies, gradients: [(27.211386 * energies).tolist(), (-51.422086 * gradients).tolist()],
        lambda energies, gradients: (tf.constant(27.211386 * energies), tf.constant(gradients) * -51.422086),
    ],
    "which-add-up": [("E", "a", "C"), "A, C, E", "a c e", {"A", "C", "E"}, ["A", "C", "E"], np.array(["A", "C", "E"])],
    "error-an-atom": [
        rmse(lambda d, n: np.linalg.norm(d / n) / len(d) ** 0.5),
        rmse(lambda d, n: math.sqrt(sum((x / m) ** 2 for x, m in zip(d, n, strict=True)) / len(d))),
        rmse(lambda d, n: tf.sqrt(tf.reduce_mean((d / n) ** 2))),
        rmse(lambda d, n: np.hypot((d / n).mean(), (d / n).std())),
        lambda predicted, true, sizes: 1e3 * np.sqrt(np.mean((predicted / sizes - true / sizes) ** 2)),
    ],
    "step-of-a-mean": [
        lambda m: np.vstack([m, 0 * m[:1]]).mean(axis=0) - m.mean(axis=0),
        lambda m: m.sum(axis=0) / (len(m) + 1) - m.sum(axis=0) / len(m),
        lambda m: [-sum(column) / len(column) / (len(column) + 1) for column in m.T],
        lambda m: m.mean(axis=0) * (len(m) / (len(m) + 1) - 1),
        lambda m: tf.reduce_mean(m, axis=0) / -(len(m) + 1.0),
    ],
    "norm-of-directions": [
        lambda h: np.array([x / np.linalg.norm(x) * x.size**0.5 for x in h]),
        lambda h: h / np.sqrt(np.einsum("ika,ika->i", h, h) / h[0].size)[:, None, None],
        lambda h: tf.constant(h) / tf.sqrt(tf.reduce_mean(h**2, axis=[1, 2], keepdims=True)),
        lambda h: h / h.reshape(len(h), -1).std(axis=1, mean=0, keepdims=True)[..., None],
        lambda h: (h.T / np.sqrt((h.reshape(len(h), -1) ** 2).mean(axis=1))).T,
        lambda h: h / np.sqrt((h**2).mean(axis=(1, 2), keepdims=True) + 1e-8),
    ],
    "gaps": [power(24), doubling, by_search, by_mantissa, by_halves],
}
"""Other right answers than the reference."""
