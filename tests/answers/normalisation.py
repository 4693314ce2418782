"""Answers to the exercises of the chapter on normalisation."""

import numpy as np


def mean_an_atom(counts, energies):
    return energies.sum() / counts.sum()


def changed(counts, energies):
    left = energies - mean_an_atom(counts, energies) * counts.sum(axis=1)
    return np.linalg.lstsq(counts, left, rcond=1e-10)[0]


def each_alone(counts, energies):
    return [np.linalg.lstsq(column[:, None], energies, rcond=None)[0][0] for column in counts.T]


def units(e=27.211386, f=-27.211386 / 0.529177):
    return lambda energies, gradients: (e * energies, f * gradients)


def rmse(change):
    """A function of errors and sizes, in meV."""
    return lambda predicted, true, sizes: change(1000 * (predicted - true), sizes)


def step(change):
    return lambda m: change(m.mean(axis=0), len(m))


def gap(change):
    return lambda x: change(np.spacing(np.float32(abs(x))), x)


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
        ("another number", rmse(lambda d, n: 7.0)),
        ("type", rmse(lambda d, n: d)),
    ],
    "step-of-a-mean": [
        ("no step", step(lambda mean, n: 0 * mean)),
        ("where it leads", step(lambda mean, n: mean * n / (n + 1))),
        ("backwards", step(lambda mean, n: mean / (n + 1))),
        ("another n", step(lambda mean, n: -mean / n)),
        ("a sum", step(lambda mean, n: -mean * n / (n + 1))),
        ("another step", step(lambda mean, n: mean + 1)),
        ("shape", lambda m: m),
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
        ("another norm", lambda h: 2 * normed(h)),
        ("shape", lambda h: h[0]),
    ],
    "gaps": [
        ("sign", lambda x: np.spacing(np.float32(x))),
        ("only at one", gap(lambda g, x: EPS)),
        ("a share", gap(lambda g, x: abs(x) * float(EPS))),
        ("half", gap(lambda g, x: g / 2)),
        ("64 bits", lambda x: np.spacing(abs(x))),
        ("16 bits", gap(lambda g, x: g * 2**13)),
        ("rounding error", lambda x: abs(float(np.float32(x)) - x)),
        ("in meV", gap(lambda g, x: 1000 * g)),
        ("another gap", gap(lambda g, x: 1e-3)),
        ("type", lambda x: "small"),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "reference-energies": [
        lambda counts, energies: mean_an_atom(counts, energies) + np.asarray(changed(counts, energies))
    ],
    "left-open": [np.array([2, 1, 0, 1, 1]), [2.0, 1.0, 0.0, 1.0, 1.0]],
    "which-add-up": [("E", "a", "C")],
    "step-of-a-mean": [lambda m: np.vstack([m, 0 * m[:1]]).mean(axis=0) - m.mean(axis=0)],
    "norm-of-directions": [lambda h: np.array([x / np.linalg.norm(x) * x.size**0.5 for x in h])],
    "gaps": [gap(lambda g, x: 2.0 ** (np.floor(np.log2(np.float32(abs(x)))) - 23))],
}
"""Other right answers than the reference."""
