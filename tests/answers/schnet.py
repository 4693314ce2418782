"""Answers to the exercises of the chapter on SchNet."""

import numpy as np
import scipy.sparse
import tensorflow as tf
from scipy.interpolate import PchipInterpolator

from dmol_molnet.nn.radial import cosine_cutoff

# ------------------------------------------------------------------------------------------------ a cutoff


def fall(f):
    """f of x, which runs from 0 at `inner` to 1 at `cutoff`, and stays."""
    return lambda r, inner, cutoff: f(np.clip((r - inner) / (cutoff - inner), 0, 1))


def cosine(x):
    return 0.5 * (np.cos(np.pi * x) + 1)


def cubic(x):
    return 1 - 3 * x**2 + 2 * x**3


def one_by_one(r, inner, cutoff):
    out = []
    for d in r:
        if d <= inner:
            out.append(1)
        elif d >= cutoff:
            out.append(0)
        else:
            out.append((1 - ((d - inner) / (cutoff - inner)) ** 2) ** 2)
    return out


def joined(x):
    """Two parabolas with one slope in the middle."""
    return np.where(x < 0.5, 1 - 2 * x**2, 2 * (1 - x) ** 2)


def badly_joined(x):
    """Two curves that meet with different slopes."""
    return np.where(x < 0.5, 1 - 2 * x**2, 4 * (1 - x) ** 3)


def bump(r, inner, cutoff):
    """Smooth to any order: e^(-1/y) / (e^(-1/x) + e^(-1/y))."""
    x = (r - inner) / (cutoff - inner)
    rise, rest = (np.exp(-1 / np.maximum(z, 1e-3)) * (z > 0) for z in (x, 1 - x))
    return rest / (rise + rest)


def by_pieces(r, inner, cutoff):
    x = (r - inner) / (cutoff - inner)
    return np.select([r < inner, r < cutoff], [1.0, cosine(x)], 0.0)


def by_spline(r, inner, cutoff):
    points = np.linspace(inner, cutoff, 5)
    spline = PchipInterpolator([0, *points, 3 * cutoff], [1, 1, 0.8, 0.5, 0.2, 0, 0])
    return spline(np.minimum(r, 3 * cutoff))


def in_single_precision(r, inner, cutoff):
    x = tf.clip_by_value((tf.cast(r, tf.float32) - inner) / (cutoff - inner), 0, 1)
    return 0.5 * (tf.cos(np.pi * x) + 1)


def with_package(r, inner, cutoff):
    return cosine_cutoff(tf.constant(np.maximum(r - inner, 0)), cutoff - inner)


def late(r, inner, cutoff):
    """1 for half the way, and then down."""
    return fall(cubic)(r, (inner + cutoff) / 2, cutoff)


# ------------------------------------------------------------------------------------------------ the filter


def ssp(x):
    return np.log(np.exp(x) / 2 + 0.5)


def stable_ssp(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))) - np.log(2)


def with_paper(g, f, W1, b1, W2, b2):
    """With the second ssp."""
    return stable_ssp(stable_ssp(g @ W1 + b1) @ W2 + b2) * f[:, None]


def by_tensorflow(g, f, W1, b1, W2, b2):
    x = tf.nn.softplus(g @ W1 + b1) - np.log(2)
    return tf.linalg.diag(f) @ (x @ W2 + b2)


def pair_by_pair(g, f, W1, b1, W2, b2):
    return [c * (stable_ssp(bells @ W1 + b1) @ W2 + b2) for bells, c in zip(g, f, strict=True)]


# ------------------------------------------------------------------------------------------------ the convolution


def summed(first, second):
    """v[i] += first(h, w, i, j), v[j] += second(h, w, i, j)."""

    def f(h, w, i, j):
        v = np.zeros_like(h)
        np.add.at(v, i, first(h, w, i, j))
        np.add.at(v, j, second(h, w, i, j))
        return v

    return f


both = summed(lambda h, w, i, j: h[j] * w, lambda h, w, i, j: h[i] * w)


def in_a_loop(h, w, i, j):
    v = 0 * h
    for a, b, filter in zip(i, j, w, strict=True):
        v[a] += h[b] * filter
        v[b] += h[a] * filter
    return v


def atom_by_atom(h, w, i, j):
    v = []
    for a in range(len(h)):
        first, second = i == a, j == a
        v.append((h[j[first]] * w[first]).sum(axis=0) + (h[i[second]] * w[second]).sum(axis=0))
    return v


def by_segments(h, w, i, j):
    to, sent = np.concatenate([i, j]), np.concatenate([h[j] * w, h[i] * w])
    return tf.math.unsorted_segment_sum(sent, to, len(h))


def by_matrices(h, w, i, j):
    """For each feature a symmetric matrix."""
    n = len(h)
    return np.stack(
        [
            (M + M.T) @ h[:, k]
            for k in range(h.shape[1])
            for M in [scipy.sparse.coo_matrix((w[:, k], (i, j)), (n, n)).toarray()]
        ],
        axis=1,
    )


def buffered(h, w, i, j):
    v = np.zeros_like(h)
    v[i] += h[j] * w
    v[j] += h[i] * w
    return v


def half_buffered(h, w, i, j):
    v = np.zeros_like(h)
    np.add.at(v, i, h[j] * w)
    v[j] += h[i] * w
    return v


def in_place(h, w, i, j):
    for p in range(len(i)):
        h[i[p]] += h[j[p]] * w[p]
        h[j[p]] += h[i[p]] * w[p]
    return h


# ------------------------------------------------------------------------------------------------ differences


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


def moved_and_back(energy, x, h):
    forces = np.empty_like(x)
    for a in range(len(x)):
        for k in range(3):
            x[a, k] += h
            ahead = energy(x)
            x[a, k] -= 2 * h
            forces[a, k] = (energy(x) - ahead) / (2 * h)
            x[a, k] += h
    return forces


def all_moves(energy, x, h):
    moves = h * np.eye(x.size).reshape(-1, *x.shape)
    return np.reshape([energy(x - e) - energy(x + e) for e in moves], x.shape) / (2 * h)


def flat(energy, x, h):
    def at(place, move):
        y = x.ravel().copy()
        y[place] += move
        return energy(y.reshape(x.shape))

    return np.array([(at(n, -h) - at(n, h)) / h / 2 for n in range(x.size)]).reshape(x.shape)


def half_steps(energy, x, h):
    return central(energy, x, h / 2)


def five_points(energy, x, h):
    return (4 * central(energy, x, h) - central(energy, x, 2 * h)) / 3


def no_copy(energy, x, h):
    forces = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        ahead, back = x, x
        ahead[place] += h
        back[place] -= h
        forces[place] = (energy(back) - energy(ahead)) / (2 * h)
    return forces


def not_put_back(energy, x, h):
    forces = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        x[place] += h
        ahead = energy(x)
        x[place] -= 2 * h
        forces[place] = (energy(x) - ahead) / (2 * h)
    return forces


WRONG = {
    "soft-landing": [
        ("not zero beyond", lambda r, inner, cutoff: np.where(r < inner, 1, cosine((r - inner) / (cutoff - inner)))),
        ("not zero beyond", lambda r, inner, cutoff: 1 / (1 + np.exp(20 * (r - (inner + cutoff) / 2)))),
        ("not one inside", lambda r, inner, cutoff: np.where(r < cutoff, cosine(r / cutoff), 0)),
        ("not one inside", lambda r, inner, cutoff: np.where(r < cutoff, cosine((r - inner) / (cutoff - inner)), 0)),
        ("upside down", fall(lambda x: 3 * x**2 - 2 * x**3)),
        ("a step", lambda r, inner, cutoff: (r < cutoff) * 1.0),
        ("a step", lambda r, inner, cutoff: np.where(r < cutoff, np.exp(-(np.clip(r - inner, 0, None) ** 2)), 0)),
        ("a step inside", lambda r, inner, cutoff: (r <= (inner + cutoff) / 2) * 1.0),
        ("a step inside", fall(lambda x: cubic(x) * np.where(x < 0.7, 1, 0.99))),
        ("a kink at inner", fall(lambda x: 1 - x)),
        ("a kink at inner", fall(lambda x: (1 - x) ** 2)),
        ("a kink at inner", fall(lambda x: 0.98 * cubic(x) + 0.02 * (1 - x) ** 2)),
        ("a kink", fall(lambda x: 1 - x**2)),
        ("a kink", fall(lambda x: np.cos(np.pi * x / 2))),
        ("a kink", lambda r, inner, cutoff: tf.constant(fall(lambda x: 1 - x**2)(r, inner, cutoff), tf.float32)),
        ("a kink inside", fall(badly_joined)),
        ("a kink inside", lambda *given: tf.constant(fall(badly_joined)(*given), tf.float32)),
        ("a kink inside", fall(lambda x: cubic(x) * (1 - 0.1 * np.maximum(x - 0.37, 0)))),
        ("rises", fall(lambda x: cubic(x) * (1 + 2 * x))),
        ("type", "cos"),
    ],
    "write-the-filter": [
        ("cutoff inside", lambda g, f, W1, b1, W2, b2: ssp((g * f[:, None]) @ W1 + b1) @ W2 + b2),
        ("no cutoff", lambda g, f, W1, b1, W2, b2: ssp(g @ W1 + b1) @ W2 + b2),
        ("cutoff on the hidden layer", lambda g, f, W1, b1, W2, b2: (ssp(g @ W1 + b1) * f[:, None]) @ W2 + b2),
        ("cutoff before ssp", lambda g, f, W1, b1, W2, b2: ssp((ssp(g @ W1 + b1) @ W2 + b2) * f[:, None])),
        ("not shifted", lambda g, f, W1, b1, W2, b2: (np.log(np.exp(g @ W1 + b1) + 1) @ W2 + b2) * f[:, None]),
        ("a relu", lambda g, f, W1, b1, W2, b2: (np.maximum(g @ W1 + b1, 0) @ W2 + b2) * f[:, None]),
        ("no activation", lambda g, f, W1, b1, W2, b2: ((g @ W1 + b1) @ W2 + b2) * f[:, None]),
        ("no biases", lambda g, f, W1, b1, W2, b2: (ssp(g @ W1) @ W2) * f[:, None]),
        ("one bias", lambda g, f, W1, b1, W2, b2: (ssp(g @ W1 + b1) @ W2) * f[:, None]),
        ("layers exchanged", lambda g, f, W1, b1, W2, b2: (ssp(g @ W2 + b2) @ W1 + b1) * f[:, None]),
        ("other numbers", lambda g, f, W1, b1, W2, b2: 2 * (ssp(g @ W1 + b1) @ W2 + b2) * f[:, None]),
        ("other numbers", lambda g, f, W1, b1, W2, b2: (ssp(g @ W1 + b1) @ W2 + b2) * f[:, None] ** 2),
        ("shape", lambda g, f, W1, b1, W2, b2: g @ W1 @ W2[:, :1]),
        ("type", 3),
    ],
    "convolve": [
        ("one direction", summed(lambda h, w, i, j: h[j] * w, lambda h, w, i, j: 0 * w)),
        ("the other direction", summed(lambda h, w, i, j: 0 * w, lambda h, w, i, j: h[i] * w)),
        ("last neighbour only", buffered),
        ("half at once", half_buffered),
        ("half at once", lambda h, w, i, j: half_buffered(h, w, j, i)),
        ("while reading", in_place),
        ("hears itself", summed(lambda h, w, i, j: h[i] * w, lambda h, w, i, j: h[j] * w)),
        ("a mean", lambda h, w, i, j: both(h, w, i, j) / np.array([3, 2, 3, 2, 1])[:, None]),
        ("added", summed(lambda h, w, i, j: h[j] + w, lambda h, w, i, j: h[i] + w)),
        ("keeps its own", lambda h, w, i, j: h + both(h, w, i, j)),
        ("no filter", summed(lambda h, w, i, j: h[j], lambda h, w, i, j: h[i])),
        ("counts twice", lambda h, w, i, j: both(h, np.append(w, w, axis=0), np.append(i, j), np.append(j, i))),
        ("other numbers", lambda h, w, i, j: both(h, w**2, i, j)),
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
        ("nothing moved", no_copy),
        ("not put back", not_put_back),
        ("other numbers", lambda energy, x, h: 3 * central(energy, x, h)),
        ("another step", lambda energy, x, h: central(energy, x, 1e-7)),
        ("another step", lambda energy, x, h: central(energy, x, 1e-3)),
        ("another step", lambda energy, x, h: central(energy, x, 2 * h)),
        ("another step", half_steps),
        ("another step", five_points),
        ("other numbers", lambda energy, x, h: central(energy, x, h) * [1, 1, 0]),
        ("type", 1),
    ],
    "reach-of-a-force": [
        ("one layer", lambda t, c, n: c),
        ("the energy", lambda t, c, n: t * c * n),
        ("one step", lambda t, c, n: 2 * t * c),
        ("a step less", lambda t, c, n: 2 * t * c * (n - 1)),
        ("a step more", lambda t, c, n: 2 * t * c * (n + 1)),
        ("one more", lambda t, c, n: (t + 1) * c * n),
        ("one less", lambda t, c, n: (2 * t - 1) * c * n),
        ("two cutoffs", lambda t, c, n: 2 * c * n),
        ("power", lambda t, c, n: (2 * t * c) ** n),
        ("hops", lambda t, c, n: 2 * t * n),
        ("another number", lambda t, c, n: 7.0),
        ("another number", lambda t, c, n: 2 * t * c + n),
        ("type", lambda t, c, n: "far"),
        ("type", 30),
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
        ("signs cancel", lambda a, b: np.sqrt((b - a.mean()).mean() ** 2)),
        ("on the training set", lambda a, b: np.sqrt(((a - b.mean()) ** 2).mean())),
        ("meV", lambda a, b: 1000 * np.sqrt(((b - a.mean()) ** 2).mean())),
        ("by one less", lambda a, b: np.sqrt(((b - a.mean()) ** 2).sum() / (len(b) - 1))),
        ("another number", lambda a, b: 0.0),
        ("another number", lambda a, b: np.sqrt(((b - np.median(a)) ** 2).mean())),
        ("type", lambda a, b: b - a.mean()),
        ("type", 0.5),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "soft-landing": [
        fall(cosine),
        fall(cubic),
        fall(joined),
        fall(lambda x: 1 - 10 * x**3 + 15 * x**4 - 6 * x**5),
        fall(lambda x: (1 - x**1.5) ** 1.5),
        one_by_one,
        bump,
        by_pieces,
        by_spline,
        in_single_precision,
        with_package,
        late,
    ],
    "write-the-filter": [
        lambda g, f, W1, b1, W2, b2: ((stable_ssp(g @ W1 + b1) @ W2 + b2).T * f).T,
        with_paper,
        by_tensorflow,
        pair_by_pair,
        lambda g, f, W1, b1, W2, b2: ssp(ssp(g @ W1 + b1) @ W2 + b2) * f.reshape(-1, 1),
        lambda g, f, W1, b1, W2, b2: np.einsum("p,pk->pk", f, stable_ssp(g @ W1 + b1) @ W2 + b2),
    ],
    "convolve": [both, in_a_loop, atom_by_atom, by_segments, by_matrices],
    "by-differences": [central, moved_and_back, all_moves, flat, lambda *given: tf.constant(flat(*given))],
    "reach-of-a-force": [
        lambda t, c, n: np.float32(2) * t * c * n,
        lambda t, c, n: sum(t * c + t * c for _ in range(n)),
        lambda t, c, n: np.prod([t, c, n]) * 2,
        lambda t, c, n: tf.constant(2.0 * t * c * n),
        lambda t, c, n: int(2 * t * c * n),
    ],
    "which-conserve": [
        "E B",
        ("b", "e"),
        "B, E",
        "B and E",
        "B/E",
        {"B": True, "E": True, "A": False},
        np.array(["B", "E"]),
    ],
    "beat-the-mean": [
        lambda a, b: np.hypot(b.std(), b.mean() - a.mean()),
        lambda a, b: np.linalg.norm(b - a.mean()) / len(b) ** 0.5,
        lambda a, b: (sum((y - sum(a) / len(a)) ** 2 for y in b) / len(b)) ** 0.5,
        lambda a, b: tf.sqrt(tf.reduce_mean((b - tf.reduce_mean(a)) ** 2)),
        lambda a, b: np.sqrt((b**2).mean() - 2 * b.mean() * a.mean() + a.mean() ** 2),
    ],
}
"""Other right answers than the reference."""
