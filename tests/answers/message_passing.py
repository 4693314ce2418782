"""Answers to the exercises of the chapter on message passing."""

import itertools

import networkx as nx
import numpy as np
import tensorflow as tf


def sums(m, i, n):
    out = np.zeros((n, m.shape[1]))
    for e, receiver in enumerate(i):
        out[receiver] += m[e]
    return out


def layer(change):
    """A layer with one fault: each entry replaces one part of the right one."""
    parts = {
        "i": "i",
        "j": "j",
        "own": "h @ U",
        "b": "b",
        "m": "h[j] @ W",
        "sum": "sums(m, i, len(h))",
        "act": "np.tanh",
    }
    parts |= change
    code = (
        "def f(h, i, j, W, U, b):\n    i, j = {i}, {j}\n    m = {m}\n    a = {sum}\n    return {act}({own} + a + {b})"
    )
    names = {"np": np, "sums": sums}
    exec(code.format(**parts), names)
    return names["f"]


def in_place(h, i, j, W, U, b):
    for v in range(len(h)):
        h[v] = np.tanh(h[v] @ U + sum((h[s] @ W for r, s in zip(i, j, strict=True) if r == v), 0 * b) + b)
    return h


def buffered(h, i, j, W, U, b):
    a = np.zeros((len(h), W.shape[1]))
    a[i] += h[j] @ W
    return np.tanh(h @ U + a + b)


def distance(change):
    return lambda graph, a, b: change(nx.shortest_path_length(graph, a, b)) if nx.has_path(graph, a, b) else None


def batch(starts, both=True, shift=0):
    def f(sizes, bonds):
        i, j = [], []
        for s, pairs in zip(starts(sizes, bonds), bonds, strict=True):
            for u, v in pairs:
                i += [u + s + shift] + ([v + s + shift] if both else [])
                j += [v + s + shift] + ([u + s + shift] if both else [])
        return i, j

    return f


def running(values):
    return [0, *itertools.accumulate(values)][: len(values)]


def pooled(divide):
    def f(h, of, n):
        total = np.zeros((n, h.shape[1]))
        np.add.at(total, of, h)
        return divide(total, np.bincount(of, minlength=n)[:, None], h, n)

    return f


def first_atoms(h, of, n):
    return np.array([h[list(of).index(k)] for k in range(n)])


H, C, O = np.eye(3)[:, :, None]
NOTHING = np.zeros((3, 1))

WRONG = {
    "write-a-layer": [
        ("sender and receiver", layer({"i": "j", "j": "i"})),
        ("last message only", buffered),
        ("a mean", layer({"sum": "sums(m, i, len(h)) / np.maximum(np.bincount(i, minlength=len(h)), 1)[:, None]"})),
        ("not at once", in_place),
        ("hears itself", layer({"own": "h @ U + h @ W"})),
        ("forgets itself", layer({"own": "0"})),
        ("no activation", layer({"act": ""})),
        ("no bias", layer({"b": "0"})),
        ("bias in messages", layer({"m": "h[j] @ W + b", "b": "0"})),
        ("matrices exchanged", layer({"m": "h[j] @ U", "own": "h @ W"})),
        ("other numbers", layer({"act": "np.sin"})),
        ("shape", lambda h, i, j, W, U, b: h[:2]),
        ("not finite", lambda h, i, j, W, U, b: h * np.nan),
        ("nothing returned", lambda h, i, j, W, U, b: None),
        ("type", lambda h, i, j, W, U, b: "h"),
    ],
    "count-hydrogens": [
        ("itself too", (H, H, [0])),
        ("all neighbours", (H + C + O, NOTHING, [0])),
        ("carbons", (C, NOTHING, [0])),
        ("oxygens", (O, NOTHING, [0])),
        ("is one", (NOTHING, H, [0])),
        ("one too many", (H, NOTHING, [1])),
        ("another number", (2 * H, NOTHING, [0])),
        ("shape", (np.eye(3), NOTHING, [0])),
        ("type", 1),
    ],
    "first-heard": [
        ("atoms, not bonds", distance(lambda d: d + 1)),
        ("half way", distance(lambda d: (d + 1) // 2)),
        ("between", distance(lambda d: max(d - 1, 0))),
        ("itself", distance(lambda d: max(d, 1))),
        ("the whole molecule", lambda graph, a, b: nx.eccentricity(graph, a)),
        ("the numbers of atoms", lambda graph, a, b: abs(a - b)),
        ("another number", lambda graph, a, b: 2),
        ("never", lambda graph, a, b: nx.shortest_path_length(graph, a, b) if nx.has_path(graph, a, b) else -1),
    ],
    "one-batch": [
        ("all from 0", batch(lambda sizes, bonds: [0] * len(sizes))),
        ("all from 0", batch(lambda sizes, bonds: [0] * len(sizes), both=False)),
        ("numbered by bonds", batch(lambda sizes, bonds: running([len(b) for b in bonds]))),
        ("only the one before", batch(lambda sizes, bonds: [0, *sizes[:-1]])),
        ("own size", batch(lambda sizes, bonds: itertools.accumulate(sizes))),
        ("from 1", batch(lambda sizes, bonds: running(sizes), shift=1)),
        ("one direction", batch(lambda sizes, bonds: running(sizes), both=False)),
        ("two lengths", lambda sizes, bonds: ([0, 1], [1])),
        ("other pairs", lambda sizes, bonds: ([0], [1, 0][:1])),
        ("type", lambda sizes, bonds: 3),
    ],
    "intensive-pooling": [
        ("a sum", pooled(lambda total, count, h, n: total)),
        ("over the batch", pooled(lambda total, count, h, n: total / len(h))),
        ("by molecules", pooled(lambda total, count, h, n: total / n)),
        ("by the largest", pooled(lambda total, count, h, n: total / count.max())),
        ("one for all", pooled(lambda total, count, h, n: 0 * total + h.mean(axis=0))),
        ("root", pooled(lambda total, count, h, n: total / count**0.5)),
        ("order", first_atoms),
        ("grows", pooled(lambda total, count, h, n: total / count**0.9)),
        ("company", pooled(lambda total, count, h, n: total / count + h.max(axis=0) - h.min(axis=0))),
        ("no average", pooled(lambda total, count, h, n: (total / count) ** 2)),
        ("shape", lambda h, of, n: h),
    ],
    "follows-or-not": [
        ("C", "ABCF"),
        ("D", {"A", "B", "D", "F"}),
        ("E", "abef"),
        ("not A", "BF"),
        ("not B", "AF"),
        ("not F", ["A", "B"]),
        ("type", "ABX"),
        ("type", 4),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "write-a-layer": [
        lambda h, i, j, W, U, b: tf.tanh(h @ U + tf.math.unsorted_segment_sum(tf.gather(h, j) @ W, i, len(h)) + b),
        lambda h, i, j, W, U, b: np.tanh(
            h @ U + np.array([[(i == v) & (j == u) for u in range(5)] for v in range(5)]).sum(-1) @ h @ W + b
        ),
    ],
    "first-heard": [distance(lambda d: d)],
    "intensive-pooling": [lambda h, of, n: np.array([h[of == k].max(axis=0) for k in range(n)])],
    "follows-or-not": [("F", "a", "B")],
}
"""Other right answers than the reference."""
