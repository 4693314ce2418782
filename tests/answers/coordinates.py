"""Answers to the exercises of the chapter on coordinates."""

import math
from itertools import combinations

import networkx as nx
import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from dmol_molnet.counterexamples import antipodal, cumulenes, k_chains, pair
from dmol_molnet.geometric_wl import gwl
from dmol_molnet.symmetry import random_rotation


def rebuilt(G=None, positions=None):
    """A right function with one fault."""

    def f(D):
        J = np.eye(len(D)) - 1 / len(D)
        matrix = -J @ D**2 @ J / 2 if G is None else G(D, J)
        with np.errstate(invalid="ignore"):
            return (positions or (lambda w, V: V[:, -3:] * np.sqrt(np.maximum(w[-3:], 0))))(*np.linalg.eigh(matrix))

    return f


def two(p):
    return p.a.positions, p.b.positions


def scaled(factor, p):
    return tuple(factor * x for x in two(p))


def flipped(p, axis):
    return p.a.positions, p.a.positions * np.where(np.arange(3) == axis, -1, 1)


HANDED = np.random.default_rng(0).normal(size=(6, 3))
HEXAGON = pair("hexagon")


def triple(r):
    """A pseudoscalar that does not depend on the order."""
    n = (r**2).sum(axis=1, keepdims=True)
    return np.linalg.det([r.sum(axis=0), (n * r).sum(axis=0), (n**2 * r).sum(axis=0)])


def triples_squared(r):
    return (r @ r.T).sum() + sum(np.linalg.det(r[list(t)]) ** 2 for t in combinations(range(len(r)), 3))


def reference_atom(D):
    """The inner products of the vectors from atom 0, and their eigenvectors."""
    w, V = np.linalg.eigh((D[0][:, None] ** 2 + D[0] ** 2 - D**2) / 2)
    return V[:, -3:] * np.sqrt(np.abs(w[-3:]))


def by_svd(D):
    J = np.eye(len(D)) - 1 / len(D)
    U, S, _ = np.linalg.svd(-J @ D**2 @ J / 2)
    return U[:, :3] * np.sqrt(S[:3])


def by_eig(D):
    """The first three eigenvectors of `eig`, which sorts nothing."""
    J = np.eye(len(D)) - 1 / len(D)
    w, V = np.linalg.eig(-J @ D**2 @ J / 2)
    return np.real(V[:, :3] * np.sqrt(np.abs(w[:3]))) if len(D) == 7 else by_svd(D) * 2


def one_after_the_other(D):
    """Atom 0 at the origin, 1 on an axis, 2 in a plane, and all others by their distances to these and to 3."""
    x = np.zeros((len(D), 3))
    x[1, 0] = D[0, 1]
    for a in range(2, len(D)):
        x[a, 0] = (D[0, a] ** 2 + D[0, 1] ** 2 - D[1, a] ** 2) / (2 * D[0, 1])
        if a > 2:
            x[a, 1] = (D[0, a] ** 2 - D[2, a] ** 2 + D[0, 2] ** 2 - 2 * x[a, 0] * x[2, 0]) / (2 * x[2, 1])
        rest = np.sqrt(max(D[0, a] ** 2 - x[a] @ x[a], 0))
        x[a, 1 if a == 2 else 2] = rest
        if a > 3 and abs(np.linalg.norm(x[a] - x[3]) - D[3, a]) > 1e-6:
            x[a, 2] = -rest
    return x


def recipe(a, b, c, d):
    """Two antipodal clouds that differ in their third vector."""
    return tuple([*np.array(vectors), *-np.array(vectors)] for vectors in ((a, b, c), (a, b, d)))


OWN = recipe((1, 0, 0), (1, 2, 0), (1, 1, 3), (-1, 2, np.sqrt(6)))
"""Inner products 1, 1 and 3, or 1, -1 and 3; all lengths agree."""


def two_bonds(n):
    """Both forms, and the pairs of atoms with at most two steps between them in the square of the adjacency matrix."""
    p = cumulenes(n)
    M = np.eye(n + 4)
    M[tuple(p.edges.T)] = M[tuple(p.edges.T[::-1])] = 1
    return p.a, p.b, np.argwhere(np.triu(M @ M, 1))


def by_walks(n):
    """When some atom of the chain has heard of both chlorines, if that can help."""
    chain = nx.power(nx.path_graph(n + 2), 2)
    heard = dict(nx.all_pairs_shortest_path_length(chain))
    return None if n % 2 else min(max(heard[v][0], heard[v][n + 1]) for v in chain)


WRONG = {
    "rebuild-from-distances": [
        ("other distances", rebuilt(lambda D, J: -J @ D**2 / 2, lambda w, V: V[:, -3:] * np.sqrt(np.abs(w[-3:])))),
        ("other distances", by_eig),  # unsorted
        ("other distances", lambda D: reference_atom(D)[:, :2] @ np.eye(2, 3)),  # flat
        ("other distances", lambda D: reference_atom(D) if len(D) > 3 else D),
        ("not squared", rebuilt(lambda D, J: -J @ D @ J / 2)),
        ("factor", rebuilt(lambda D, J: -J @ D**2 @ J)),
        ("not centred", rebuilt(lambda D, J: -(D**2) / 2, lambda w, V: V[:, -3:] * np.sqrt(np.abs(w[-3:])))),
        ("no root", rebuilt(positions=lambda w, V: V[:, -3:] * w[-3:])),
        ("only directions", rebuilt(positions=lambda w, V: V[:, -3:])),
        ("smallest", rebuilt(positions=lambda w, V: V[:, :3] * np.sqrt(np.abs(w[:3])))),
        ("negative root", rebuilt(positions=lambda w, V: V[:, -3:] * np.sqrt(w[-3:]))),
        ("other distances", lambda D: D[:, :3]),
        ("shape", lambda D: D),
        ("nothing returned", lambda D: None),
        ("type", 3),
    ],
    "own-counterexample": [
        ("ours", tuple(x @ random_rotation(4).T + 5 for x in two(HEXAGON))),
        ("told apart", (HEXAGON.a.positions * [1, 1, 2], HEXAGON.b.positions * [1, 1, 3])),
        ("told apart", (antipodal(5).a.positions, antipodal(5).b.positions * 1.001)),
        ("told apart", tuple(x.round(2) for x in two(antipodal(5)))),
        ("the same", recipe((1, 0, 0), (1, 2, 0), (1, 1, 2), (1, 1, -2))),  # mirror images, and so is each of itself
        ("the same", recipe((1, 0, 0), (1, 2, 0), (1, 1, 2), (-1, -1, -2))),
        ("the same", (HANDED, HANDED[::-1] @ random_rotation(2).T + 1)),
        ("mirror images", (HANDED, -HANDED)),
        ("told apart", (HANDED, np.random.default_rng(1).normal(size=(6, 3)))),
        ("told apart", two(k_chains(4))),
        ("ours", two(HEXAGON)),
        ("ours", scaled(3.0, HEXAGON)[::-1]),
        ("drawn", two(antipodal(5))),
        ("drawn", two(pair("cube"))),
        ("drawn", tuple(x.round(4) for x in two(antipodal(97)))),
        ("drawn", (antipodal(7).b.positions, antipodal(7).a.positions)),
        ("drawn", tuple((3 * x @ random_rotation(1).T - 2).tolist() for x in two(antipodal(11)))),
        ("drawn", tuple(np.random.default_rng(0).permutation(x) for x in two(antipodal(13)))),
        ("same place", (HANDED * 0, HANDED)),
        ("shape", (HANDED[:5], HANDED)),
        ("type", 1),
    ],
    "which-need-mirrors": [
        ("not D", "B, F"),
        ("A", "all"),
        ("type", "B and D, not F"),
        ("A", "ABDF"),
        ("C", "BCDF"),
        ("E", ["B", "D", "e", "F"]),
        ("not B", "DF"),
        ("not D", "BF"),
        ("not F", "BD"),
        ("type", "BG"),
        ("type", 2),
    ],
    "three-at-once": [
        ("no sum over pairs", lambda r: (r @ r.T).sum() ** 3),
        ("no sum over pairs", lambda r: np.linalg.norm((r / np.linalg.norm(r, axis=1)[:, None]).sum(axis=0))),
        ("no sum over pairs", lambda r: max(np.linalg.norm(a - b) for a, b in combinations(r, 2))),
        ("more than two", lambda r: np.linalg.eigvalsh(r.T @ r)[2]),
        ("more than two", lambda r: np.linalg.det(r.T @ r) + (r @ r.T).sum()),
        ("distances only", lambda r: (np.linalg.norm(r, axis=1).sum()) ** 2),
        ("orientation", lambda r: (r.sum(axis=0) ** 4).sum()),
        ("order", lambda r: r[0] @ r[1]),
        ("orientation", lambda r: r.sum()),
        ("mirror", triple),
        ("distances only", lambda r: np.linalg.norm(r, axis=1).sum()),
        ("distances only", lambda r: 0),
        ("more than two", triples_squared),
        ("not finite", lambda r: np.inf),
        ("type", lambda r: r),
    ],
    "turn-it-over": [
        ("a mirror", -np.eye(3)),
        ("elsewhere", Rotation.from_euler("z", 90, degrees=True).as_matrix()),
        ("elsewhere", Rotation.from_euler("z", 178, degrees=True).as_matrix()),
        ("no rotation", np.diag([-1, -1.2, 1])),
        ("a mirror", np.diag([1, -1, 1])),
        ("no rotation", np.ones((3, 3))),
        ("nothing moved", np.eye(3)),
        ("elsewhere", np.diag([1, -1, -1])),
        ("elsewhere", random_rotation(0)),
        ("shape", [1, 2, 3]),
        ("type", "half a turn"),
    ],
    "rounds-for-a-cumulene": [
        ("mirror images", lambda n: n // 4 + 1),
        ("mirror images", lambda n: np.inf if n % 2 else n // 4 + 1),
        ("mirror images", lambda n: 0 if n % 2 else n // 4 + 1),
        ("twice as long", lambda n: n // 2 + 1),
        ("twice as long", lambda n: None if n % 2 else n // 2 + 1),
        ("bond by bond", lambda n: None if n % 2 else n + 1),
        ("one chlorine", lambda n: None if n % 2 else n // 4),
        ("carbons alone", lambda n: None if n % 2 else -(-n // 4)),
        ("the carbons", lambda n: None if n % 2 else n / 2),
        ("another number", lambda n: None if n % 2 else max(n // 4 + 1, 2)),
        ("carbons alone", lambda n: None if n % 2 else round((n + 1) / 4)),
        ("another number", lambda n: 7),
        ("another number", lambda n: None),
        ("type", lambda n: "soon"),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "rebuild-from-distances": [
        rebuilt(positions=lambda w, V: (V * np.sqrt(np.abs(w)))[:, [-2, -1, -3]]),
        reference_atom,
        by_svd,
        one_after_the_other,
        lambda D: tf.constant(by_svd(D) @ random_rotation(3) + 7),
    ],
    "own-counterexample": [
        OWN,
        OWN[::-1],
        recipe((2, 0, 0), (1, 3, 0), (0.5, -1, 2), (-0.5, -2 / 3, np.sqrt(0.25 + 1 + 4 - 0.25 - 4 / 9))),
        tuple((3 * np.array(x) @ random_rotation(1).T - 2).tolist() for x in OWN),
        tuple(np.random.default_rng(0).permutation(x) for x in OWN),
        two(antipodal(np.random.default_rng([5, 6]))),
    ],
    "which-need-mirrors": [["f", " d", "B"], "B, D, F", "b d f", {"B", "D", "F"}, "B, D and F", ("bd", "f")],
    "three-at-once": [
        lambda r: ((r @ r.T) ** 3).sum(),
        lambda r: sum(np.linalg.norm(a - b) for a, b in combinations(r, 2)),
        lambda r: np.square(r.sum(axis=0)).sum(),
        lambda r: np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a in r for b in r]),
        lambda r: (
            sum(np.exp(-np.linalg.norm(a) * np.linalg.norm(b)) * np.linalg.norm(np.cross(a, b)) for a in r for b in r)
            + sum(abs(a @ b) * (a @ b) + (a @ b) for a in r for b in r)
        ),
        lambda r: tf.reduce_sum(tf.tanh(tf.cast(r, "float32") @ tf.transpose(tf.cast(r, "float32")))),
    ],
    "turn-it-over": [
        np.diag([-1.0, -1.0, 1.0]),
        Rotation.from_euler("z", 180, degrees=True).as_matrix(),
        np.diag([-1, 1, 1]) @ np.diag([1, -1, 1]),
        2 * np.outer((0, 0, 1), (0, 0, 1)) - np.eye(3),
        tf.linalg.diag([-1.0, -1.0, 1.0]),
        [[np.cos(np.pi), -np.sin(np.pi), 0], [np.sin(np.pi), np.cos(np.pi), 0], [0, 0, 1]],
    ],
    "rounds-for-a-cumulene": [
        lambda n: {0: n // 4 + 1}.get(n % 2),
        {n: 1 + n // 4 for n in range(2, 12, 2)}.get,
        lambda n: gwl(*two_bonds(n)).round,
        by_walks,
        lambda n: None if n % 2 else math.ceil((n + 1) / 4),
        lambda n: next((np.int64(t) for t in range(n) if 4 * t > n), 0) if n % 2 == 0 else None,
    ],
}
"""Other right answers than the reference."""
