"""Answers to the exercises of the chapter on coordinates."""

from itertools import combinations

import numpy as np

from dmol_molnet.counterexamples import antipodal, k_chains, pair
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


WRONG = {
    "rebuild-from-distances": [
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
        ("the same", (HANDED, HANDED[::-1] @ random_rotation(2).T + 1)),
        ("mirror images", (HANDED, -HANDED)),
        ("told apart", (HANDED, np.random.default_rng(1).normal(size=(6, 3)))),
        ("told apart", two(k_chains(4))),
        ("ours", two(HEXAGON)),
        ("ours", scaled(3.0, HEXAGON)[::-1]),
        ("same place", (HANDED * 0, HANDED)),
        ("shape", (HANDED[:5], HANDED)),
        ("type", 1),
    ],
    "which-need-mirrors": [
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
        ("a mirror", np.diag([1, -1, 1])),
        ("no rotation", np.ones((3, 3))),
        ("nothing moved", np.eye(3)),
        ("elsewhere", np.diag([1, -1, -1])),
        ("elsewhere", random_rotation(0)),
        ("shape", [1, 2, 3]),
        ("type", "half a turn"),
    ],
    "rounds-for-a-cumulene": [
        ("mirror images", lambda n: n // 2 + 1),
        ("end to end", lambda n: n + 1),
        ("end to end", lambda n: None if n % 2 else n + 1),
        ("half of the carbons", lambda n: None if n % 2 else n // 2),
        ("the carbons", lambda n: n),
        ("another number", lambda n: 7),
        ("another number", lambda n: None),
        ("type", lambda n: "soon"),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "rebuild-from-distances": [rebuilt(positions=lambda w, V: (V * np.sqrt(np.abs(w)))[:, [-2, -1, -3]])],
    "own-counterexample": [two(antipodal(5)), two(pair("cube")), (antipodal(7).b.positions, antipodal(7).a.positions)],
    "which-need-mirrors": [["f", " d", "B"]],
    "three-at-once": [
        lambda r: ((r @ r.T) ** 3).sum(),
        lambda r: np.linalg.norm((r / np.linalg.norm(r, axis=1)[:, None]).sum(axis=0)),
        lambda r: sum(np.linalg.norm(a - b) for a, b in combinations(r, 2)),
    ],
    "turn-it-over": [np.diag([-1.0, -1.0, 1.0])],
    "rounds-for-a-cumulene": [lambda n: {0: n / 2 + 1}.get(n % 2)],
}
"""Other right answers than the reference."""
