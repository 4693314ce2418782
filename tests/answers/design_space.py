"""Answers to the exercises of the chapter on the design space."""

from functools import reduce
from math import ceil, comb, inf

import numpy as np
import tensorflow as tf

from dmol_molnet import so3

# ------------------------------------------------------------------------------------------------ chains


def chain(k, correlations):
    for t, nu in enumerate(correlations, 1):
        if t > k or (nu > 1 and 2 * t > k):
            return t
    return None


def walked(k, correlations):
    """Sets of ends that one term of an atom may hold, layer by layer: 0 is the first edge, k the last."""
    held = {atom: {frozenset()} for atom in range(k + 2)}
    for t, nu in enumerate(correlations, 1):
        heard = {atom: set() for atom in held}
        for i in range(k + 1):  # the edge between atoms i and i + 1
            end = frozenset({i} & {0, k})
            for a, b in ((i, i + 1), (i + 1, i)):
                heard[a] |= {one | end for one in held[b]}
        for atom, terms in heard.items():
            if nu > 1:
                heard[atom] = terms | {one | other for one in terms for other in terms}
            held[atom] = held[atom] | heard[atom]
        if any(frozenset({0, k}) in terms for terms in held.values()):
            return t
    return None


def by_list(k, correlations):
    late = [t + 1 for t in range(len(correlations)) if correlations[t] >= 2 and t + 1 >= ceil((k + 1) / 2)]
    possible = [t for t in [*late[:1], k + 1] if t <= len(correlations)]
    return min(possible) if possible else None


def by_numpy(k, correlations):
    nu, t = np.asarray(correlations, int), np.arange(1, len(correlations) + 1)
    told = (t >= k + 1) | ((nu >= 2) & (t >= k // 2 + 1))
    return np.argmax(told) + 1 if told.any() else None


def recursive(k, correlations):
    if not correlations:
        return None
    before = recursive(k, correlations[:-1])
    t = len(correlations)
    return before or (t if t >= (k + 1 if correlations[-1] == 1 else (k + 2) // 2) else None)


def within(t, correlations):
    return t if t <= len(correlations) else None


def cumulated(k, correlations):
    reached = np.flatnonzero(np.cumsum(correlations) >= k + 1)
    return int(reached[0]) + 1 if len(reached) else None


# ------------------------------------------------------------------------------------------------ body order


def stack(nus, degree=1, b=1, own=1):
    for nu in nus:
        b = nu * b + own
    return degree * (b - 1) + 1


def atoms(nus, degree):
    """The atoms of the largest term, each with a name: how it is reached."""

    def feature(nus, name):
        if not nus:
            return {name}
        return {name}.union(*(feature(nus[:-1], (*name, t, s)) for t in [len(nus)] for s in range(nus[-1])))

    def factor(p):
        """A feature of atom 0, whose other atoms are its own."""
        return {one if one == (0,) else (p, *one) for one in feature(list(nus), (0,))}

    return len(set().union(*(factor(p) for p in range(degree))))


def others(nus, degree):
    """Other atoms than the atom itself: in a layer, nu times the neighbour and those around it."""
    n = 0
    for nu in nus:
        n = nu * (n + 1)
    return degree * n + 1


def nested(nus, degree):
    return 1 + degree * sum(np.prod(nus[k:]) for k in range(len(nus)))


def in_matrices(nus, degree):
    top = np.linalg.multi_dot([np.eye(2), *(np.array([[nu, 1], [0, 1]]) for nu in nus[::-1]), np.eye(2)])
    return degree * (top @ [1, 1])[0] - degree + 1


# ------------------------------------------------------------------------------------------------ networks


def smallest(**changes):
    return {"layers": 3, "correlation": 2, "l_max": 1, "hidden_l_max": 1, **changes}


# ------------------------------------------------------------------------------------------------ norms of sums


def units(r):
    return r / np.linalg.norm(r, axis=1, keepdims=True)


def squared(r):
    return (r.sum(axis=0) ** 2).sum()


def cosines(r):
    """A sum over pairs, by a table of them."""
    return (units(r) @ units(r).T).sum()


def loops(r):
    return sum(float(a @ b) for a in r for b in r)


WRONG = {
    "layers-for-a-chain": [
        ("products ignored", lambda k, nus: within(k + 1, nus)),
        ("all meet in the middle", lambda k, nus: within(k // 2 + 1, nus)),
        ("any product", lambda k, nus: within(k // 2 + 1 if any(nu > 1 for nu in nus) else k + 1, nus)),
        ("first product", lambda k, nus: next((t for t, nu in enumerate(nus, 1) if nu >= 2 or t == k + 1), None)),
        ("added up", cumulated),
        (
            "rounded down",
            lambda k, nus: next((t for t, nu in enumerate(nus, 1) if t > k or (nu > 1 and t >= k // 2)), None),
        ),
        (
            "one short",
            lambda k, nus: next((t for t, nu in enumerate(nus, 1) if t >= k or (nu > 1 and 2 * t > k)), None),
        ),
        ("too short", lambda k, nus: chain(k, nus) or k + 1),
        ("too short", lambda k, nus: k // 2 + 1 if max(nus) > 1 else k + 1),
        ("from 0", lambda k, nus: None if chain(k, nus) is None else chain(k, nus) - 1),
        ("other than None", lambda k, nus: chain(k, nus) or 0),
        ("other than None", lambda k, nus: chain(k, nus) or inf),
        ("other than None", lambda k, nus: chain(k, nus) or -1),
        ("other than None", lambda k, nus: chain(k, nus) or "None"),
        ("other than None", lambda k, nus: chain(k, nus) or False),
        ("never", lambda k, nus: None),
        ("other layers", lambda k, nus: None if chain(k, nus) is None else 2),
        ("type", lambda k, nus: "many"),
        ("type", 3),
    ],
    "order-of-a-stack": [
        ("readout ignored", lambda nus, p: stack(nus)),
        ("atom twice", lambda nus, p: p * stack(nus)),
        ("degree added", lambda nus, p: stack(nus) + p - 1),
        ("another neighbour", lambda nus, p: p * stack(nus) + 1),
        ("nobody receives", lambda nus, p: p * (int(np.prod(nus, initial=1)) - 1) + 1),
        ("nobody receives", lambda nus, p: int(np.prod(nus, initial=1))),
        ("starts with nobody", lambda nus, p: stack(nus, b=0)),
        ("from the last layer", lambda nus, p: stack(nus[::-1], p)),
        ("added", lambda nus, p: p * sum(nus) + 1),
        ("neighbours only", lambda nus, p: stack(nus, p) - 1),
        ("receiver each time", lambda nus, p: np.prod(np.array(nus) + 1)),
        ("layers only", lambda nus, p: 1 + len(nus)),
        ("another order", lambda nus, p: 13),
        ("another order", lambda nus, p: stack(nus) ** p),
        ("type", lambda nus, p: [stack(nus, p)]),
        ("type", 4),
    ],
    "five-bodies": [
        ("hidden", {"layers": 4, "correlation": 1}),
        ("hidden", {"correlation": 4, "layers": 1}),
        ("hidden", {"hidden": 8}),
        ("gates", {"hidden": 0, "gates": True}),
        ("norm", {"hidden": 0, "norm": True}),
        ("too low", {"hidden": 0, "layers": 1}),
        ("too low", {"hidden": 0, "correlation": 1}),
        ("too high", {"hidden": 0}),
        ("too high", {"hidden": 0, "correlation": 4}),
        ("too high", {"hidden": 0, "correlation": 1, "layers": 5}),
        ("readout", {"hidden": 0, "readout": "1o"}),
        ("no such argument", {"activation": None}),
        ("refused", {"hidden": 0, "layers": 0}),
        ("refused", {"gates": "no"}),
        ("type", "gates"),
        ("type", {}),
    ],
    "smallest-network": [
        ("nothing points", smallest(hidden_l_max=0)),
        ("nothing points", smallest(l_max=0, hidden_l_max=0)),
        ("too few layers", smallest(layers=2)),
        ("too many layers", smallest(layers=6, correlation=1)),
        ("one neighbour", smallest(correlation=1)),
        ("too many neighbours", smallest(correlation=3)),
        ("too high degrees", smallest(l_max=2)),
        ("type", {"layers": 3}),
        ("type", smallest(layers="three")),
        ("type", 3),
    ],
    "read-a-row": [
        ("B", "ABC"),
        ("D", "acd"),
        ("E", ["A", "C", "E"]),
        ("F", "ACF"),
        ("not A", "C"),
        ("not C", "A"),
        ("type", "AX"),
        ("type", 4),
    ],
    "norms-of-sums": [
        ("order matters", lambda r: (r[0] * r[1]).sum()),
        ("turns", lambda r: r.sum()),
        ("turns", lambda r: r.sum(axis=0)[0] ** 2),
        ("turns", lambda r: np.abs(r.sum(axis=0)).sum() ** 2),
        ("one at a time", lambda r: np.linalg.norm(r, axis=1).sum()),
        ("one at a time", lambda r: (r**2).sum()),
        ("a function of that", lambda r: (r**2).sum() ** 2),
        ("root", lambda r: np.linalg.norm(r.sum(axis=0))),
        ("mean", lambda r: (r.mean(axis=0) ** 2).sum()),
        ("mean", lambda r: (units(r).sum(axis=0) ** 2).sum() / len(r)),
        ("mean", lambda r: ((r - r.mean(axis=0)) ** 2).sum()),
        ("root", lambda r: np.sqrt(cosines(r) / len(r))),
        ("too many at once", lambda r: cosines(r) ** 2),
        ("too many at once", lambda r: np.linalg.norm(r.sum(axis=0)) ** 3),
        ("too many at once", lambda r: squared(r) + len(r) ** 3),
        ("too many at once", lambda r: squared(r) + comb(len(r), 3) - comb(len(r), 4)),
        ("too many at once", lambda r: squared(r) + comb(len(r), 4)),
        ("pairs", cosines),
        ("pairs", loops),
        ("type", lambda r: r.sum(axis=0)),
        ("type", 1.0),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "layers-for-a-chain": [chain, walked, by_list, by_numpy, recursive],
    "order-of-a-stack": [
        lambda nus, p: np.int64(stack(nus, p)),
        atoms,
        others,
        nested,
        in_matrices,
        lambda nus, p: p * reduce(lambda b, nu: nu * b + 1, nus, 1) - (p - 1),
    ],
    "five-bodies": [
        {"hidden": 0, "layers": 4, "correlation": 1},
        {"correlation": 4, "layers": 1, "hidden": 0, "hidden_l_max": 0},
        {"hidden": 0, "correlation": 1, "layers": 4, "memory": "none", "readouts": "last"},
        {"hidden": np.int64(0), "correlation": np.int64(4), "layers": 1, "channels": 8, "l_max": 1},
        {"hidden": 0, "correlation": 1, "layers": 4, "gates": False, "norm": False, "seed": 3},
    ],
    "smallest-network": [
        smallest(layers=np.int64(3)),
        dict(reversed(smallest().items())),
        smallest(layers=3.0, correlation=2.0),
        {key: np.array(value) for key, value in smallest().items()},
        {key: tf.constant(value) for key, value in smallest().items()},
    ],
    "read-a-row": ["C A", ("a", "c"), "A, C", ["A", "C"], {"C", "A"}, np.array(["A", "C"])],
    "norms-of-sums": [
        lambda r: 3 * (r.sum(axis=0) ** 2).sum() + 1,
        lambda r: np.linalg.norm(np.exp(-(r**2).sum(axis=1)) @ r) ** 2 + (units(r).sum(axis=0) ** 2).sum(),
        lambda r: squared(r) - len(r) + 7,
        lambda r: squared(r) + len(r) ** 2,
        lambda r: np.trace(np.outer(r.sum(axis=0), r.sum(axis=0))),
        lambda r: ((r.T @ r) ** 2).sum(),
        lambda r: (so3.spherical_harmonics(2, units(r))[:, 4:].sum(axis=0) ** 2).sum() - len(r),
        lambda r: tf.reduce_sum(tf.reduce_sum(r, axis=0) ** 2),
    ],
}
"""Other right answers than the reference."""
