"""Answers to the exercises of the chapter on message passing."""

import itertools

import networkx as nx
import numpy as np
import tensorflow as tf
from scipy.linalg import block_diag
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import shortest_path


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


def searched(h, i, j, W, U, b):
    """As if `i` were sorted."""
    m, a = h[j] @ W, np.zeros((len(h), W.shape[1]))
    for v in range(len(h)):
        a[v] = m[np.searchsorted(i, v) : np.searchsorted(i, v, "right")].sum(axis=0)
    return np.tanh(h @ U + a + b)


def grouped(h, i, j, W, U, b):
    """As if the messages to one atom stood together: the last group of an atom takes the place of the others."""
    m, a = h[j] @ W, np.zeros((len(h), W.shape[1]))
    for v, group in itertools.groupby(range(len(i)), key=lambda e: i[e]):
        a[v] = m[list(group)].sum(axis=0)
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


def with_a_matrix_of_ones(h, i, j, W, U, b):
    M = np.zeros((len(h), len(h)))
    M[i, j] = 1
    return np.tanh(h @ U + M @ h @ W + b)


def depth_first(graph, a, b):
    """The number of bonds on the first path that is found, not on the shortest."""
    return len(next(nx.all_simple_paths(graph, a, b))) - 1 if a != b else 0


def powers(graph, a, b):
    """The first power of the adjacency matrix with an entry at (a, b)."""
    nodes, M = list(graph), nx.to_numpy_array(graph, weight=None)
    P = np.eye(len(nodes))
    for t in range(len(nodes)):
        if P[nodes.index(a), nodes.index(b)]:
            return t
        P = P @ M
    return None


def by_scipy(graph, a, b):
    nodes = list(graph)
    d = shortest_path(nx.to_numpy_array(graph, weight=None), unweighted=True)[nodes.index(a), nodes.index(b)]
    return None if np.isinf(d) else d


def tried(graph, a, b):
    try:
        return len(nx.shortest_path(graph, a, b)) - 1
    except nx.NetworkXNoPath:
        return None


def breadth_first(graph, a, b):
    seen, waiting = {a: 0}, [a]
    for v in waiting:
        for u in graph[v]:
            if u not in seen:
                seen[u] = seen[v] + 1
                waiting.append(u)
    return seen.get(b)


def unions(sizes, bonds):
    """With networkx, which renumbers by itself."""
    graphs = []
    for size, pairs in zip(sizes, bonds, strict=True):
        graphs.append(nx.empty_graph(size))
        graphs[-1].add_edges_from(pairs.tolist())
    edges = list(nx.disjoint_union_all(graphs).to_directed().edges)
    return [u for u, _ in edges], [v for _, v in edges]


def blocks(sizes, bonds):
    """From a block-diagonal adjacency matrix."""
    matrices = []
    for size, pairs in zip(sizes, bonds, strict=True):
        matrices.append(np.zeros((size, size)))
        matrices[-1][pairs[:, 0], pairs[:, 1]] = matrices[-1][pairs[:, 1], pairs[:, 0]] = 1
    return np.nonzero(block_diag(*matrices))


def by_molecule(pool):
    return lambda h, of, n: np.array([pool(h[of == k]) for k in range(n)])


def from_zero(extreme):
    def f(h, of, n):
        out = np.zeros((n, h.shape[1]))
        extreme.at(out, of, h)
        return out

    return f


WRONG = {
    "write-a-layer": [
        ("twice", with_a_matrix_of_ones),
        ("other numbers", searched),
        ("last message only", grouped),
        ("no message", lambda h, i, j, W, U, b: layer({})(h, i, j, W, U, b) if len(i) else h @ U),
        ("other numbers", layer({"act": "np.arctan"})),
        ("other numbers", layer({"sum": "np.array([m[i == v].max(0) if v in i else 0 * b for v in range(len(h))])"})),
        ("other numbers", layer({"i": "np.r_[i, j]", "j": "np.r_[j, i]"})),  # every message goes both ways
        ("sender and receiver", layer({"i": "j", "j": "i"})),
        ("last message only", buffered),
        ("a mean", layer({"sum": "sums(m, i, len(h)) / np.maximum(np.bincount(i, minlength=len(h)), 1)[:, None]"})),
        ("not at once", in_place),
        ("hears itself", layer({"own": "h @ U + h @ W"})),
        ("forgets itself", layer({"own": "0"})),
        ("hears nobody", layer({"sum": "0"})),
        ("all hear the same", layer({"sum": "m.sum(axis=0)"})),
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
        ("itself too", ([1, 0, 0], [1, 0, 0], 0)),
        ("one too many", (H, H + C + O, 0)),
        ("another number", (H, -H, [0])),
        ("another number", (-H, NOTHING, [0])),
        ("shape", (H.T, NOTHING, [0])),
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
        ("another number", lambda graph, a, b: nx.dijkstra_path_length(graph, a, b, weight="order")),
        ("another number", lambda graph, a, b: nx.resistance_distance(graph, a, b)),
        ("another number", depth_first),
        ("another number", lambda graph, a, b: nx.single_source_shortest_path_length(graph, a, cutoff=5).get(b)),
        ("nothing returned", lambda graph, a, b: None),
        ("never", lambda graph, a, b: nx.single_source_shortest_path_length(graph, a).get(b, np.inf)),
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
        ("all of one size", batch(lambda sizes, bonds: [k * size for k, size in enumerate(sizes)])),
        ("all of one size", batch(lambda sizes, bonds: [k * sizes[0] for k in range(len(sizes))])),
        ("all of one size", batch(lambda sizes, bonds: [k * max(sizes) for k in range(len(sizes))])),
        (
            "other pairs",
            batch(lambda sizes, bonds: running([s if len(b) else 0 for s, b in zip(sizes, bonds, strict=True)])),
        ),
        ("other pairs", batch(lambda sizes, bonds: running([1 + max(map(max, b), default=0) for b in bonds]))),
        ("other pairs", batch(lambda sizes, bonds: running([1 + len(b) for b in bonds]))),  # as in trees
        ("several times", lambda sizes, bonds: [2 * x for x in batch(lambda s, b: running(s))(sizes, bonds)]),
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
        ("other pairs", batch(lambda sizes, bonds: [4 * max(k - 1, 0) for k in range(len(sizes))])),
        ("other pairs", batch(lambda sizes, bonds: running(sorted(sizes)))),
        ("type", batch(lambda sizes, bonds: running(sizes), shift=0.4)),
    ],
    "intensive-pooling": [
        ("starts at zero", from_zero(np.maximum)),
        ("no average", from_zero(np.minimum)),
        ("no average", by_molecule(lambda h: np.sqrt((h**2).mean(axis=0)))),
        ("no average", by_molecule(lambda h: h.std(axis=0))),
        ("grows", by_molecule(lambda h: np.log(np.exp(h).sum(axis=0)))),
        ("grows", by_molecule(lambda h: h.sum(axis=0) / max(len(h) - 1, 1))),
        ("company", lambda h, of, n: np.array([h[of == k].mean(0) + h.mean(0) - h.mean(0).mean() for k in range(n)])),
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
        ("D", "A, B, D, F"),
        ("not B", {letter: letter in "AF" for letter in "ABCDEF"}),
        ("type", "A-F"),
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
        layer({}),
        lambda h, i, j, W, U, b: np.tanh(
            h @ U + csr_matrix((np.ones(len(i)), (i, j)), shape=(len(h), len(h))) @ (h @ W) + b
        ),
        lambda h, i, j, W, U, b: np.array(
            [np.tanh(h[v] @ U + h[j[i == v]].sum(axis=0) @ W + b) for v in range(len(h))]
        ),
        lambda h, i, j, W, U, b: np.tanh(np.c_[h, np.eye(len(h))[i].T @ h[j]] @ np.r_[U, W] + b),
        lambda h, i, j, W, U, b: tf.tanh(np.float32(h) @ np.float32(U) + np.float32(sums(h[j] @ W, i, len(h)) + b)),
    ],
    "count-hydrogens": [
        (H, NOTHING, [0]),
        ([1, 0, 0], [0, 0, 0], 0),
        (H, -H - C - O, [1]),  # one of the three features is always 1
        (tf.constant(H), tf.zeros((3, 1)), tf.zeros(1)),
        [H.tolist(), (-2 * np.ones((3, 1))).tolist(), np.array([[2.0]])],
    ],
    "first-heard": [
        distance(lambda d: d),
        lambda graph, a, b: nx.single_source_shortest_path_length(graph, a).get(b),
        powers,
        by_scipy,
        tried,
        breadth_first,
    ],
    "one-batch": [
        batch(lambda sizes, bonds: running(sizes)),
        lambda sizes, bonds: (
            np.concatenate([np.r_[b, b[:, ::-1]] + s for b, s in zip(bonds, running(sizes), strict=True)]).T
        ),
        unions,
        blocks,
        lambda sizes, bonds: tf.transpose(
            tf.concat([tf.concat([b, tf.reverse(b, [1])], 0) + sum(sizes[:k]) for k, b in enumerate(bonds)], 0)
        ),
    ],
    "intensive-pooling": [
        by_molecule(lambda h: h.max(axis=0)),
        by_molecule(lambda h: np.median(h, axis=0)),
        by_molecule(lambda h: (h / (1 + np.exp(-h))).sum(axis=0) / (1 / (1 + np.exp(-h))).sum(axis=0)),
        by_molecule(lambda h: np.average(h, axis=0, weights=np.exp(np.tanh(h.sum(axis=1))))),
        by_molecule(lambda h: (abs(h) * h).sum(axis=0) / abs(h).sum(axis=0)),
        by_molecule(lambda h: np.cbrt((h**3).mean(axis=0))),
        by_molecule(lambda h: (h.min(axis=0) + h.max(axis=0)) / 2),
        lambda h, of, n: tf.math.unsorted_segment_mean(h, of, n),
        lambda h, of, n: (np.eye(n)[:, of] @ h) / np.eye(n)[:, of].sum(axis=1, keepdims=True),
    ],
    "follows-or-not": [("F", "a", "B"), "A, B, F", "A B F", "abf", {"A", "B", "F"}, "A and B and F"],
}
"""Other right answers than the reference."""
