"""Answers to the exercises of the chapter on the design space."""

import numpy as np


def chain(k, nu, directions):
    if not directions:
        return None
    return k + 1 if nu == 1 else k // 2 + 1


def stack(nus, b=1, own=1):
    for nu in nus:
        b = nu * b + own
    return b


def cosines(r):
    u = r / np.linalg.norm(r, axis=1, keepdims=True)
    return (u @ u.T).sum()


def smallest(**changes):
    return {"layers": 3, "correlation": 2, "l_max": 1, "hidden_l_max": 1, **changes}


WRONG = {
    "layers-for-a-chain": [
        ("numbers travel", lambda k, nu, d: chain(k, nu, True)),
        ("products ignored", lambda k, nu, d: k + 1 if d else None),
        ("all meet in the middle", lambda k, nu, d: 1 + k // 2 if d else None),
        ("one short", lambda k, nu, d: k if d and nu == 1 else chain(k, nu, d)),
        ("rounded down", lambda k, nu, d: k // 2 if d and nu > 1 else chain(k, nu, d)),
        ("divided", lambda k, nu, d: int(np.ceil((k + 1) / nu)) if d else None),
        ("never", lambda k, nu, d: None),
        ("other layers", lambda k, nu, d: 5 if d else None),
        ("type", lambda k, nu, d: "many"),
        ("type", 3),
    ],
    "order-of-a-stack": [
        ("nobody receives", lambda nus: int(np.prod(nus, initial=1))),
        ("starts with nobody", lambda nus: stack(nus, b=0)),
        ("from the last layer", lambda nus: stack(nus[::-1])),
        ("added", lambda nus: sum(nus) + 1),
        ("neighbours only", lambda nus: stack(nus) - 1),
        ("receiver each time", lambda nus: np.prod(np.array(nus) + 1)),
        ("layers only", lambda nus: 1 + len(nus)),
        ("another order", lambda nus: 13),
        ("type", lambda nus: [stack(nus)]),
    ],
    "nequip-into-botnet": [
        ("readouts", {"readouts": "all"}),
        ("readouts", {"hidden": 16}),
        ("memory", {"memory": "none"}),
        ("correlation", {"correlation": 3}),
        ("layers", {"layers": 5}),
        ("degrees", {"l_max": 3}),
        ("size", {"channels": 8}),
        ("several", {"gates": False, "layers": 5}),
        ("no such argument", {"activation": None}),
        ("as it is", {"gates": True}),
        ("type", "gates"),
    ],
    "smallest-network": [
        ("nothing points", smallest(hidden_l_max=0)),
        ("too few layers", smallest(layers=2)),
        ("too many layers", smallest(layers=6, correlation=1)),
        ("one neighbour", smallest(correlation=1)),
        ("too many neighbours", smallest(correlation=3)),
        ("too high degrees", smallest(l_max=2)),
        ("type", {"layers": 3}),
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
        ("one at a time", lambda r: np.linalg.norm(r, axis=1).sum()),
        ("one at a time", lambda r: (r**2).sum()),
        ("a function of that", lambda r: (r**2).sum() ** 2),
        ("root", lambda r: np.linalg.norm(r.sum(axis=0))),
        ("mean", lambda r: (r.mean(axis=0) ** 2).sum()),
        ("mean", lambda r: cosines(r) / len(r)),
        ("root", lambda r: np.sqrt(cosines(r) / len(r))),
        ("too many at once", lambda r: cosines(r) ** 2),
        ("type", lambda r: r.sum(axis=0)),
        ("type", 1.0),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "layers-for-a-chain": [lambda k, nu, d: np.ceil((k + 1) / min(nu, 2)) if d else None],
    "order-of-a-stack": [lambda nus: np.int64(stack(nus))],
    "nequip-into-botnet": [{"gates": False}],
    "smallest-network": [smallest(layers=np.int64(3))],
    "read-a-row": ["C A", ("a", "c"), "A, C"],
    "norms-of-sums": [
        cosines,
        lambda r: 3 * (r.sum(axis=0) ** 2).sum() + 1,
        lambda r: np.linalg.norm(np.exp(-(r**2).sum(axis=1)) @ r) ** 2 + cosines(r),
    ],
}
"""Other right answers than the reference."""
