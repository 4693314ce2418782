"""Answers to the exercises of the chapter on SchNet."""

import numpy as np


def ended(f):
    """f of r / cutoff, and 0 from 1 on."""
    return lambda r, cutoff: np.where(r < cutoff, f(r / cutoff), 0.0)


def ssp(x):
    return np.log(np.exp(x) / 2 + 0.5)


def summed(first, second):
    """v[i] += first(h, w, i, j), v[j] += second(h, w, i, j)."""

    def f(h, w, i, j):
        v = np.zeros_like(h)
        np.add.at(v, i, first(h, w, i, j))
        np.add.at(v, j, second(h, w, i, j))
        return v

    return f


both = summed(lambda h, w, i, j: h[j] * w, lambda h, w, i, j: h[i] * w)


def buffered(h, w, i, j):
    v = np.zeros_like(h)
    v[i] += h[j] * w
    v[j] += h[i] * w
    return v


def difference(rule):
    """rule(e(x + h), e(x), e(x - h), h) for each coordinate."""

    def f(energy, x, h):
        out = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            e = np.zeros_like(x)
            e[place] = h
            out[place] = rule(energy(x + e), energy(x), energy(x - e), h)
        return out

    return f


central = difference(lambda p, o, m, h: (m - p) / (2 * h))

WRONG = {
    "soft-landing": [
        ("not zero beyond", lambda r, c: (1 - (r / c) ** 2) ** 2),
        ("not zero beyond", lambda r, c: 0.5 * (np.cos(np.pi * r / c) + 1)),
        ("a step", ended(lambda x: np.ones_like(x))),
        ("a step", ended(lambda x: np.exp(-x))),
        ("a kink", ended(lambda x: 1 - x)),
        ("a kink", ended(lambda x: 1 - x**2)),
        ("not one at zero", ended(lambda x: 0.5 * (1 - x**2) ** 2)),
        ("rises", ended(lambda x: (1 + 5 * x) * (1 - x) ** 2)),
        ("a step inside", ended(lambda x: (x < 0.5) * 1.0)),
        ("type", "cos"),
    ],
    "write-the-filter": [
        ("cutoff inside", lambda g, f, W1, b1, W2, b2: ssp((g * f[:, None]) @ W1 + b1) @ W2 + b2),
        ("no cutoff", lambda g, f, W1, b1, W2, b2: ssp(g @ W1 + b1) @ W2 + b2),
        ("cutoff on the hidden layer", lambda g, f, W1, b1, W2, b2: (ssp(g @ W1 + b1) * f[:, None]) @ W2 + b2),
        ("not shifted", lambda g, f, W1, b1, W2, b2: (np.log(np.exp(g @ W1 + b1) + 1) @ W2 + b2) * f[:, None]),
        ("a relu", lambda g, f, W1, b1, W2, b2: (np.maximum(g @ W1 + b1, 0) @ W2 + b2) * f[:, None]),
        ("twice", lambda g, f, W1, b1, W2, b2: ssp(ssp(g @ W1 + b1) @ W2 + b2) * f[:, None]),
        ("no activation", lambda g, f, W1, b1, W2, b2: ((g @ W1 + b1) @ W2 + b2) * f[:, None]),
        ("no biases", lambda g, f, W1, b1, W2, b2: (ssp(g @ W1) @ W2) * f[:, None]),
        ("layers exchanged", lambda g, f, W1, b1, W2, b2: (ssp(g @ W2 + b2) @ W1 + b1) * f[:, None]),
        ("other numbers", lambda g, f, W1, b1, W2, b2: 2 * (ssp(g @ W1 + b1) @ W2 + b2) * f[:, None]),
        ("shape", lambda g, f, W1, b1, W2, b2: g @ W1 @ W2[:, :1]),
        ("type", 3),
    ],
    "convolve": [
        ("one direction", summed(lambda h, w, i, j: h[j] * w, lambda h, w, i, j: 0 * w)),
        ("the other direction", summed(lambda h, w, i, j: 0 * w, lambda h, w, i, j: h[i] * w)),
        ("last neighbour only", buffered),
        ("hears itself", summed(lambda h, w, i, j: h[i] * w, lambda h, w, i, j: h[j] * w)),
        ("a mean", lambda h, w, i, j: both(h, w, i, j) / np.array([3, 2, 3, 2, 1])[:, None]),
        ("added", summed(lambda h, w, i, j: h[j] + w, lambda h, w, i, j: h[i] + w)),
        ("keeps its own", lambda h, w, i, j: h + both(h, w, i, j)),
        ("no filter", summed(lambda h, w, i, j: h[j], lambda h, w, i, j: h[i])),
        ("other numbers", lambda h, w, i, j: 2 * both(h, w, i, j)),
        ("shape", lambda h, w, i, j: h[:2]),
        ("type", 3),
    ],
    "by-differences": [
        ("the gradient", difference(lambda p, o, m, h: (p - m) / (2 * h))),
        ("half", difference(lambda p, o, m, h: (m - p) / (4 * h))),
        ("twice", difference(lambda p, o, m, h: (m - p) / h)),
        ("not divided", difference(lambda p, o, m, h: m - p)),
        ("one side", difference(lambda p, o, m, h: (o - p) / h)),
        ("one side", difference(lambda p, o, m, h: (m - o) / h)),
        ("transposed", lambda energy, x, h: central(energy, x, h).reshape(3, 4).T),
        ("all moved", lambda energy, x, h: np.full_like(x, (energy(x - h) - energy(x + h)) / (2 * h))),
        ("other numbers", lambda energy, x, h: 3 * central(energy, x, h)),
        ("type", 1),
    ],
    "reach-of-a-force": [
        ("one layer", lambda t, c: c),
        ("the energy", lambda t, c: t * c),
        ("one more", lambda t, c: (t + 1) * c),
        ("one less", lambda t, c: (2 * t - 1) * c),
        ("two cutoffs", lambda t, c: 2 * c),
        ("power", lambda t, c: c**t),
        ("hops", lambda t, c: 2 * t),
        ("another number", lambda t, c: 7.0),
        ("type", lambda t, c: "far"),
    ],
    "which-conserve": [
        ("A", "ABE"),
        ("C", "BCE"),
        ("D", ["B", "D", "E"]),
        ("F", "befF"),
        ("not B", "E"),
        ("not E", "B"),
        ("type", "BEX"),
        ("type", 4),
    ],
    "beat-the-mean": [
        ("mean of the test", lambda a, b: b.std()),
        ("spread of the training", lambda a, b: a.std()),
        ("absolute", lambda a, b: np.abs(b - a.mean()).mean()),
        ("no root", lambda a, b: ((b - a.mean()) ** 2).mean()),
        ("signs cancel", lambda a, b: (b - a.mean()).mean()),
        ("signs cancel", lambda a, b: abs((b - a.mean()).mean())),
        ("on the training set", lambda a, b: np.sqrt(((a - b.mean()) ** 2).mean())),
        ("meV", lambda a, b: 1000 * np.sqrt(((b - a.mean()) ** 2).mean())),
        ("another number", lambda a, b: 0.0),
        ("type", lambda a, b: b - a.mean()),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "soft-landing": [
        ended(lambda x: 0.5 * (np.cos(np.pi * x) + 1)),
        ended(lambda x: 1 - 28 * x**6 + 48 * x**7 - 21 * x**8),
        ended(lambda x: (1 - x) ** 2),
        lambda r, c: np.clip(1 - r / c, 0, None) ** 3,
    ],
    "write-the-filter": [lambda g, f, W1, b1, W2, b2: ((ssp(g @ W1 + b1) @ W2 + b2).T * f).T],
    "convolve": [both],
    "by-differences": [central],
    "reach-of-a-force": [lambda t, c: np.float32(2) * t * c],
    "which-conserve": ["E B", ("b", "e"), "B, E"],
    "beat-the-mean": [lambda a, b: np.hypot(b.std(), b.mean() - a.mean())],
}
"""Other right answers than the reference."""
