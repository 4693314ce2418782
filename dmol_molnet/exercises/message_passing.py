"""The judges of the chapter *Message passing*: named as their exercises; texts: message_passing.toml."""

from __future__ import annotations

import networkx as nx
import numpy as np

from dmol_molnet.exercises.engine import Raised, Wrong, array, ask, letters, mistyped, number
from dmol_molnet.molecules import Molecule, quoted

# ------------------------------------------------------------------------------------------------ write a layer


def _sums(m, i, n):
    """a_i = sum of m_ij, by a loop."""
    a = np.zeros((n, m.shape[1]))
    for e in range(len(i)):
        a[i[e]] += m[e]
    return a


def _layer(h, i, j, W, U, b):
    return np.tanh(h @ U + _sums(h[j] @ W, i, len(h)) + b)


def _mean_layer(h, i, j, W, U, b):
    count = np.bincount(i, minlength=len(h))[:, None]
    return np.tanh(h @ U + _sums(h[j] @ W, i, len(h)) / np.maximum(count, 1) + b)


def _buffered_layer(h, i, j, W, U, b):
    a = np.zeros((len(h), W.shape[1]))
    a[i] += h[j] @ W  # numpy keeps only the last of several messages to one atom
    return np.tanh(h @ U + a + b)


def _one_by_one_layer(h, i, j, W, U, b):
    h = h.copy()
    for v in range(len(h)):
        h[v] = np.tanh(h[v] @ U + (h[j[i == v]] @ W).sum(axis=0) + b)
    return h


_WRONG_LAYERS = {
    "sender and receiver": lambda h, i, j, W, U, b: _layer(h, j, i, W, U, b),
    "last message only": _buffered_layer,
    "a mean": _mean_layer,
    "not at once": _one_by_one_layer,
    "hears itself": lambda h, i, j, W, U, b: np.tanh(h @ U + _sums(h[j] @ W, i, len(h)) + h @ W + b),
    "forgets itself": lambda h, i, j, W, U, b: np.tanh(_sums(h[j] @ W, i, len(h)) + b),
    "hears nobody": lambda h, i, j, W, U, b: np.tanh(h @ U + b),
    "all hear the same": lambda h, i, j, W, U, b: np.tanh(h @ U + (h[j] @ W).sum(axis=0) + b),
    "no activation": lambda h, i, j, W, U, b: h @ U + _sums(h[j] @ W, i, len(h)) + b,
    "no bias": lambda h, i, j, W, U, b: _layer(h, i, j, W, U, 0 * b),
    "bias in messages": lambda h, i, j, W, U, b: np.tanh(h @ U + _sums(h[j] @ W + b, i, len(h))),
    "matrices exchanged": lambda h, i, j, W, U, b: _layer(h, i, j, U, W, b),
}


def write_a_layer(answer: object) -> None:
    """The layer of the chapter, on a graph where not each message has an answer and one atom is alone."""
    rng = np.random.default_rng(0)
    h, W, U, b = rng.normal(size=(5, 3)), *rng.normal(size=(2, 3, 3)) / 2, rng.normal(size=3)
    # Not each message has an answer here, so that sender and receiver cannot be exchanged; atom 4 is alone. As in
    # `directed_edges`, neither list is sorted: the messages to one atom do not stand together.
    i, j = np.array([2, 0, 3, 0, 1, 0]), np.array([1, 1, 0, 2, 0, 3])
    found = array(ask(answer, h, i, j, W, U, b), (5, 3), "the output")
    if not np.allclose(found, _layer(h, i, j, W, U, b), atol=1e-5):
        for name, layer in _WRONG_LAYERS.items():
            if np.allclose(found, layer(h, i, j, W, U, b), atol=1e-5):
                raise Wrong(name)
        rows = np.abs(found - _layer(h, i, j, W, U, b)).max(axis=1) > 1e-5
        where = ", ".join(map(str, np.flatnonzero(rows)))
        raise Wrong("other numbers", f"On five atoms with messages to 0 (three), 1, 2 and 3, the rows {where} are off.")
    W, U, b = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=2)  # other widths
    try:
        found = array(ask(answer, h, i, j, W, U, b), (5, 2), "the output for matrices [3, 2]")
    except Raised as raised:
        raise Raised(f"{raised}\n    It does so for W and U [3, 2], which make two features of three.") from None
    if not np.allclose(found, _layer(h, i, j, W, U, b), atol=1e-5):
        raise Wrong("other numbers", "It is right for square matrices, and not for matrices [3, 2].")
    for case, (i, j) in {
        "twice": (np.array([0, 1, 0]), np.array([1, 0, 1])),
        "no message": (np.array([], int), np.array([], int)),
    }.items():
        found = array(ask(answer, h, i, j, W, U, b), (5, 2), "the output")
        if not np.allclose(found, _layer(h, i, j, W, U, b), atol=1e-5):
            raise Wrong(case)


# ------------------------------------------------------------------------------------------------ count hydrogens


def count_hydrogens(answer: object) -> None:
    """Weights that give each atom of eight small molecules the number of its hydrogens."""
    try:
        W, U, b = answer
    except (TypeError, ValueError):
        raise mistyped("three arrays, `(W, U, b)`", answer) from None
    W, U = (w if np.shape(w) != (3,) else np.reshape(w, (3, 1)) for w in (W, U))
    W, U, b = array(W, (3, 1), "W"), array(U, (3, 1), "U"), array(np.reshape(b, -1), (1,), "b")
    cases = []
    for smiles in ("O", "CO", "C=O", "CCO", "C#C", "[H][H]", "OC=O", "OO"):
        molecule = Molecule.from_smiles(smiles)
        symbols = molecule.symbols
        M = np.zeros((len(molecule),) * 2)
        M[tuple(molecule.bonds.T)] = M[tuple(molecule.bonds[:, ::-1].T)] = 1
        h = np.array([[s == e for e in "HCO"] for s in symbols], float)
        cases.append((smiles, symbols, h, M))

    def agrees(count):
        return all(np.allclose(h @ U + M @ (h @ W) + b, count(h, M), atol=1e-6) for _, _, h, M in cases)

    if agrees(lambda h, M: M @ h[:, :1]):
        return
    for name, count in {
        "itself too": lambda h, M: M @ h[:, :1] + h[:, :1],
        "all neighbours": lambda h, M: M.sum(axis=1, keepdims=True),
        "carbons": lambda h, M: M @ h[:, 1:2],
        "oxygens": lambda h, M: M @ h[:, 2:],
        "is one": lambda h, M: h[:, :1],
        "one too many": lambda h, M: M @ h[:, :1] + 1,
    }.items():
        if agrees(count):
            raise Wrong(name)
    for smiles, symbols, h, M in cases:
        found, right = (h @ U + M @ (h @ W) + b)[:, 0], (M @ h[:, :1])[:, 0]
        for v, symbol in enumerate(symbols):
            if abs(found[v] - right[v]) > 1e-6:
                example = f"In {smiles}, atom {v} ({symbol}) has {right[v]:.0f}, and yours gives {found[v]:g}."
                raise Wrong("another number", example)


# ------------------------------------------------------------------------------------------------ who heard first


def first_heard(answer: object) -> None:
    """The number of bonds on the shortest path, and None where there is none."""
    chain = nx.path_graph(12)  # longer than a search for a few layers
    ring = nx.cycle_graph(7)
    tailed = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 5)])  # a ring of four with a tail
    two = nx.Graph([(0, 1), (2, 3)])
    two.add_node(4)
    ordered = Molecule.from_smiles("C=CC#N", hydrogens=False).to_networkx()  # its edges carry numbers
    cases = [(graph, a, b) for graph in (chain, ring, tailed, ordered) for a in graph for b in graph]
    values = [ask(answer, *case, none=True) for case in cases]
    missed = [case for case, value in zip(cases, values, strict=True) if value is None]
    if 0 < len(missed) < len(cases):
        (graph, a, b), edges = missed[0], ", ".join(f"{u}-{v}" for u, v in missed[0][0].edges)
        raise Wrong("another number", f"With the bonds {edges}: a path joins {a} and {b}, and you return None.")
    if missed:
        raise Wrong("nothing returned", because="your function returns None: is a `return` missing?")
    found = [number(value, "a function that returns a number of layers") for value in values]
    right = [nx.shortest_path_length(*case) for case in cases]
    if found != right:
        for name, wrong in {
            "atoms, not bonds": [d + 1 for d in right],
            "half way": [(d + 1) // 2 for d in right],
            "between": [max(d - 1, 0) for d in right],
            "itself": [max(d, 1) for d in right],
            "the whole molecule": [nx.eccentricity(graph, a) for graph, a, _ in cases],
            "the numbers of atoms": [abs(a - b) for _, a, b in cases],
        }.items():
            if found == wrong:
                raise Wrong(name)
        (graph, a, b), value = next((c, v) for c, v, d in zip(cases, found, right, strict=True) if v != d)
        edges = ", ".join(f"{u}-{v}" for u, v in graph.edges)
        raise Wrong("another number", f"With the bonds {edges}: between {a} and {b} you say {value:g}.")
    for a, b in ((0, 3), (4, 0), (2, 4)):
        try:
            value = ask(answer, two, a, b, none=True)
        except Raised as raised:
            raise Raised(
                f"{raised}\n    It does so for atoms of separate molecules: no path, so return None."
            ) from None
        if value is not None:
            raise Wrong("never", f"For two separate molecules, yours gives {quoted(value)}.")


# ------------------------------------------------------------------------------------------------ one batch


def one_batch(answer: object) -> None:
    """Each bond in both directions, atoms numbered on, in any order."""
    sizes = [5, 1, 3, 6]  # one has no bond, and some atoms of others have none; the starts are in no row
    bonds = [
        np.array(b, int).reshape(-1, 2)
        for b in ([[0, 1], [0, 2]], [], [[0, 1]], [[0, 1], [0, 2], [0, 3], [0, 4], [4, 5]])
    ]
    value = ask(answer, sizes, bonds)
    try:
        i, j = (np.asarray(x) for x in value)
        if any(np.any(x % 1 != 0) for x in (i, j)):
            raise ValueError
        i, j = (x.astype(int).ravel().tolist() for x in (i, j))
    except (TypeError, ValueError):
        raise mistyped("a function that returns two lists of whole numbers, `i` and `j`", value) from None

    def edges(shifts, both=True):
        one = [(u + s, v + s) for b, s in zip(bonds, shifts, strict=True) for u, v in b.tolist()]
        return sorted(one + [(v, u) for u, v in one] if both else one)

    n_bonds = [len(b) for b in bonds]
    starts = [0, *np.cumsum(sizes)[:-1].tolist()]
    found = sorted(zip(i, j, strict=False))
    if len(i) == len(j) and found == edges(starts):
        return
    if len(i) != len(j):
        raise Wrong("two lengths", f"Yours have {len(i)} and {len(j)} entries.")
    if len(found) * 2 == len(edges(starts)) and set(found) <= set(edges(starts)):
        raise Wrong("one direction")
    if set(found) == set(edges(starts)):
        raise Wrong("several times")
    for name, wrong in {
        "all from 0": edges([0] * 4),
        "all from 0, one direction": edges([0] * 4, both=False),
        "numbered by bonds": edges([0, *np.cumsum(n_bonds)[:-1].tolist()]),
        "only the one before": edges([0, *sizes[:-1]]),
        "from 1": edges([s + 1 for s in starts]),
        "own size": edges(np.cumsum(sizes).tolist()),
        "all of one size": edges([k * size for k, size in enumerate(sizes)]),
        "all of one size, the first": edges([k * sizes[0] for k in range(4)]),
        "all of one size, the largest": edges([k * max(sizes) for k in range(4)]),
    }.items():
        if found == wrong:
            raise Wrong(name.partition(",")[0])
    for start, pairs in zip(starts, bonds, strict=True):
        for u, v in pairs.tolist():
            if not {(u + start, v + start), (v + start, u + start)} <= set(found):
                where = f"A molecule with {start} atoms before it has a bond {u}-{v}"
                raise Wrong("other pairs", f"{where}: it joins {u + start} and {v + start}, which yours does not.")
    raise Wrong("other pairs", f"{sorted(set(found) - set(edges(starts)))[0]} is a pair that no bond joins.")


# ------------------------------------------------------------------------------------------------ pooling


def intensive_pooling(answer: object) -> None:
    """A mean, a maximum or the like: by molecule, in any order of atoms, the same for two copies."""
    rng = np.random.default_rng(1)
    h = rng.normal(size=(9, 2))
    of = np.array([0, 1, 2, 0, 1, 0, 1, 1, 2])
    found = array(ask(answer, h, of, 3), (3, 2), "the output")
    sums = np.array([h[of == k].sum(axis=0) for k in range(3)])
    counts = np.bincount(of)
    for name, wrong in {
        "a sum": sums,
        "over the batch": sums / len(h),
        "by molecules": sums / 3,
        "by the largest": sums / counts.max(),
        "one for all": np.tile(h.mean(axis=0), (3, 1)),
        "root": sums / np.sqrt(counts)[:, None],
    }.items():
        if np.allclose(found, wrong, atol=1e-5):
            raise Wrong(name)
    twice = array(ask(answer, np.concatenate([h, h]), np.concatenate([of, of]), 3), (3, 2), "the output")
    order = rng.permutation(9)
    mixed = array(ask(answer, h[order], of[order], 3), (3, 2), "the output")
    if not np.allclose(mixed, found, atol=1e-5):
        raise Wrong("order")
    if not np.allclose(twice, found, atol=1e-5):
        raise Wrong("grows")
    for k in range(3):
        alone = array(ask(answer, h[of == k], of[of == k] * 0, 1), (1, 2), "the output")
        if not np.allclose(alone[0], found[k], atol=1e-5):
            raise Wrong("company")
    rows = np.array([[2.0, 0.5], [-1.0, -3.0], [0.25, -0.5]])  # all atoms of a molecule have the same features
    found = array(ask(answer, rows[of], of, 3), (3, 2), "the output")
    if not np.allclose(found, rows, atol=1e-5):
        name = "starts at zero" if np.allclose(found, np.maximum(rows, 0), atol=1e-5) else "no average"
        k = int(np.abs(found - rows).sum(axis=1).argmax())
        shown = [f"[{', '.join(f'{v:.3g}' for v in row)}]" for row in (rows[k], found[k])]
        raise Wrong(name, f"A molecule whose atoms all have {shown[0]} gets {shown[1]}.")


# ------------------------------------------------------------------------------------------------ follows or not

LAYERS = {
    "A": lambda h, M: M @ h,
    "B": lambda h, M: h - h.mean(axis=0),
    "C": lambda h, M: h * np.arange(len(h))[:, None],
    "D": lambda h, M: np.sort(h, axis=0),
    "E": lambda h, M: np.cumsum(h, axis=0),
    "F": lambda h, M: M @ M @ h / len(h),
}
"""The six layers of the exercise `follows-or-not`; h [A, K], adjacency M [A, A]."""


def follows_or_not(answer: object) -> None:
    """The letters of those `LAYERS` that follow a renumbering, tried on random numbers."""
    found = letters(answer, "".join(LAYERS))
    rng = np.random.default_rng(0)
    h, M = rng.normal(size=(5, 2)), np.triu(rng.integers(0, 2, size=(5, 5)), 1)
    M, order = M + M.T, np.array([3, 0, 4, 1, 2])
    for letter, layer in LAYERS.items():
        follows = np.allclose(layer(h[order], M[order][:, order]), layer(h, M)[order])
        if follows != (letter in found):
            raise Wrong(letter if letter in found else f"not {letter}")
