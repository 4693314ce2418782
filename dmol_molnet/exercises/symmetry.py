"""The judges of the chapter *The symmetry of a task*: named as their exercises; texts: symmetry.toml."""

from __future__ import annotations

import numpy as np

from dmol_molnet.exercises.engine import NotUnderstood, Wrong, array, ask, irreps, letters, mistyped, number
from dmol_molnet.molecules import quoted
from dmol_molnet.symmetry import random_reflection, random_rotation

# ------------------------------------------------------------------------------------------------ write the D


def _blocks(*parts):
    """A block-diagonal matrix; numbers are blocks of one."""
    parts = [np.atleast_2d(part) for part in parts]
    D, start = np.zeros((sum(map(len, parts)),) * 2), 0
    for part in parts:
        stop = start + len(part)
        D[start:stop, start:stop] = part
        start = stop
    return D


_MATRICES = {
    "": lambda R, p: _blocks(p, R, p * R),
    "no mirrors": lambda R, p: _blocks(1, R, R),
    "a scalar": lambda R, p: _blocks(1, R, p * R),
    "two vectors": lambda R, p: _blocks(p, R, R),
    "two pseudovectors": lambda R, p: _blocks(p, p * R, p * R),
    "exchanged": lambda R, p: _blocks(p, p * R, R),
    "transposed": lambda R, p: _blocks(p, R.T, p * R.T),
    "in another order": lambda R, p: _blocks(R, p * R, p),
}


def write_the_d(answer: object) -> None:
    """diag(det R, R, det R · R), for a few rotations and mirrors."""
    half_turns = [np.diag(signs) for signs in ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0))]  # their traces are negative
    turned_mirrors = [random_reflection(k) @ random_rotation(k) for k in range(3)]  # these are not symmetric matrices
    mirrors = [*map(random_reflection, range(3)), *turned_mirrors, -np.eye(3)]
    motions = [*map(random_rotation, range(3)), *half_turns, *mirrors]
    found = [array(ask(answer, R), (7, 7), "the matrix") for R in motions]
    for name, D in _MATRICES.items():
        if all(np.allclose(D(R, np.linalg.det(R)), M, atol=1e-6) for R, M in zip(motions, found, strict=True)):
            if name:
                raise Wrong(name)
            return
    if not np.allclose(array(ask(answer, np.eye(3)), (7, 7), "the matrix"), np.eye(7), atol=1e-6):
        raise Wrong("no unit")
    for g in motions:
        for h in motions:
            D = [array(ask(answer, R), (7, 7), "the matrix") for R in (g @ h, g, h)]
            if not np.allclose(D[0], D[1] @ D[2], atol=1e-6):
                raise Wrong("no representation")
    raise Wrong("another one")


# ------------------------------------------------------------------------------------------------ sort the labels

LABELS = {
    "A": ["0e"],
    "B": ["1o"],
    "C": ["1e"],
    "D": ["0o"],
    "E": ["0e", "2e"],
    "F": ["1o"],
    "G": ["0e", "1e", "2e"],
    "H": ["0o"],
}
"""The irreps of the eight labels of the exercise `sort-the-labels`."""

_MIXED_UP = {
    ("C", "1o"): "the torque is a vector",
    ("D", "0e"): "the volume is a scalar",
    ("H", "0e"): "the angle is a scalar",
    ("E", "2e"): "no trace",
    ("E", "0e 1e 2e"): "nine numbers",
    ("E", "1o"): "in and out",
    ("G", "0e 2e"): "always symmetric",
}


def sort_the_labels(answer: object) -> None:
    """A dictionary from letters to irreps, or the irreps in the order of the letters."""
    try:
        if isinstance(answer, list | tuple) and len(answer) == len(LABELS) and all(isinstance(x, str) for x in answer):
            answer = dict(zip(LABELS, answer, strict=True))
        given = {str(k).strip().upper().rstrip(":"): v for k, v in dict(answer).items()}
    except (TypeError, ValueError):
        raise mistyped('a dictionary such as `{"A": "2o", "B": "0e + 1e"}`, with the letters A to H', answer) from None
    if missing := sorted(set(LABELS) - set(given)):
        raise Wrong("missing", f"Missing: {', '.join(missing)}.")
    if odd := sorted(set(given) - set(LABELS)):
        raise mistyped("a dictionary with the letters A to H alone", odd[0])
    found = {}
    for letter in LABELS:
        try:
            found[letter] = sorted(irreps(given[letter]))
        except NotUnderstood:
            raise NotUnderstood("no irrep", f"At {letter} stands {quoted(given[letter])}.") from None
    for letter, right in LABELS.items():
        if found[letter] != right:
            if set(found[letter]) == set(right):
                name = next(irrep for irrep in right if found[letter].count(irrep) > 1)
                raise Wrong("several times", f"At {letter}, you have {name} {found[letter].count(name)} times.")
            raise Wrong(_MIXED_UP.get((letter, " ".join(found[letter])), letter))


# ------------------------------------------------------------------------------------------------ mend the model


def mend_the_model(answer: object) -> None:
    """One number, invariant under all motions, that depends on elements and on shape."""

    def value(z, y):
        found = number(ask(answer, z, y), "a function that returns one number")
        if not np.isfinite(found):
            raise Wrong("not finite")
        return found

    rng, order = np.random.default_rng(0), np.array([3, 5, 0, 1, 4, 2])
    # All but the first have twins among the heaviest, the next heaviest, the lightest or the next lightest atoms, each
    # once with a single one beside them: what picks one of them knows the numbering.
    elements = np.array([[6, 1, 8, 7, 1, 17], [1, 8, 6, 8, 1, 6], [6, 1, 8, 6, 1, 6], [17, 6, 1, 6, 8, 17]])
    shapes = rng.normal(scale=1.5, size=(4, 4, 6, 3))
    values = np.array([[value(z, x) for x in of] for z, of in zip(elements, shapes, strict=True)])
    tolerance = 1e-5 * np.abs(values).max()  # one value alone may vanish by accident

    for z, x, before in zip(elements, shapes[:, 0], values[:, 0], strict=True):

        def changes(to, y, before=before):
            return abs(value(to, y) - before) > tolerance

        if changes(z, x + [3.0, -1.0, 2.0]):
            raise Wrong("where it is")
        if any(changes(z, x @ random_rotation(seed).T) for seed in range(3)):
            raise Wrong("which way it lies")
        if any(changes(z[o], x[o]) for o in (order, order[::-1], np.argsort(order))):
            twins = "Which row is it, where two atoms are of the same element?" if len(set(z)) < 5 else ""
            raise Wrong("how it is listed", twins)
        if changes(z, -x):
            raise Wrong("left and right")
    if np.ptp(values[0]) <= tolerance:
        raise Wrong("blind to shape")
    z, x = elements[0], shapes[0, 0]
    others = [z[order], z[order[::-1]]]  # what counts, or picks, one element alone does not see these
    others += [np.where(z == old, new, z) for old, new in ((8, 16), (1, 9), (6, 14), (17, 35), (7, 8))]
    if np.ptp([values[0, 0], *(value(to, x) for to in others)]) <= tolerance:
        raise Wrong("blind to elements")


# ------------------------------------------------------------------------------------------------ vectors from scalars


def vectors_from_scalars(answer: object) -> None:
    """A vector for each atom that follows all motions, is not zero and depends on the scalars."""
    rng = np.random.default_rng(5)
    s, x = rng.normal(size=6), rng.normal(size=(6, 3))
    found = array(ask(answer, s, x), (6, 3), "the output")
    scale = np.abs(found).max()
    if scale < 1e-9:
        raise Wrong("zero")

    def alike(a, b):
        return np.abs(a - b).max() <= 1e-6 * scale

    def at(scalars, positions):
        return array(ask(answer, scalars, positions), (6, 3), "the output")

    if not alike(at(s, x + [2.0, -1.0, 3.0]), found):
        raise Wrong("absolute positions")
    order = np.array([3, 5, 0, 1, 4, 2])
    if not alike(at(s[order], x[order]), found[order]):
        raise Wrong("the numbering")
    turned = [(R, at(s, x @ R.T)) for R in map(random_rotation, range(3))]
    if all(alike(after, found) for _, after in turned):
        raise Wrong("scalars in three columns")
    if not all(alike(after, found @ R.T) for R, after in turned):
        raise Wrong("component by component")
    inverted = at(s, -x)
    if alike(inverted, found):
        raise Wrong("a pseudovector")
    if not alike(inverted, -found):
        raise Wrong("two kinds in one")
    if alike(at(rng.normal(size=6), x), found):
        raise Wrong("scalars unused")


# ------------------------------------------------------------------------------------------------ which losses

LOSSES = {
    "A": lambda f, y: ((f - y) ** 2).mean(),
    "B": lambda f, y: np.abs(f - y).mean(),
    "C": lambda f, y: np.linalg.norm(f - y, axis=1).mean(),
    "D": lambda f, y: np.abs(f - y).max(),
    "E": lambda f, y: (1 - (f * y).sum(1) / np.linalg.norm(f, axis=1) / np.linalg.norm(y, axis=1)).mean(),
    "F": lambda f, y: (np.abs(f - y) / (np.abs(y) + 0.1)).mean(),
    "G": lambda f, y: (((f - y) ** 2).sum(axis=1) / np.arange(1, len(f) + 1)).mean(),
    "H": lambda f, y: np.abs(np.linalg.norm(f, axis=1) - np.linalg.norm(y, axis=1)).mean(),
}
"""The losses of the exercise `which-losses`: forces f and what they should be, y, both [A, 3]."""


def which_losses(answer: object) -> None:
    """The letters of those `LOSSES` that stay when both arguments are moved, tried on random numbers."""
    found = letters(answer, "".join(LOSSES))
    rng = np.random.default_rng(0)
    F, G = rng.normal(size=(2, 5, 3))
    order, R = np.array([3, 0, 4, 1, 2]), random_reflection(1) @ random_rotation(1)
    for letter, loss in LOSSES.items():
        stays = np.isclose(loss(F[order] @ R.T, G[order] @ R.T), loss(F, G))
        if stays != (letter in found):
            raise Wrong(letter if letter in found else f"not {letter}")


# ------------------------------------------------------------------------------------------------ derive the forces


def _slope(r):
    return 2 * r * np.exp(-0.3 * r) - 1


def _forces(x, weight=lambda r: _slope(r) / r):
    """- sum over j of slope(r_ij) (x_i - x_j) / r_ij, by a loop."""
    F = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                F[i] -= weight(np.linalg.norm(x[i] - x[j])) * (x[i] - x[j])
    return F


def _one_sided(x):
    F = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            F[i] -= _slope(np.linalg.norm(x[i] - x[j])) * (x[i] - x[j]) / np.linalg.norm(x[i] - x[j])
    return F


def derive_the_forces(answer: object) -> None:
    """Forces of a sum over pairs, from the slope of the pair energy."""
    x = np.random.default_rng(0).normal(scale=1.5, size=(5, 3))
    value = ask(answer, x, _slope)
    try:
        finite = np.isfinite(np.asarray(value, float)).all()
    except (TypeError, ValueError):
        finite = True
    if not finite:
        raise Wrong("itself")
    found, right = array(value, (5, 3), "the forces"), _forces(x)
    if np.allclose(found, right, atol=1e-6):
        pair = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 12.5]])  # but two atoms, far apart
        right = np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 2.0]])
        if not np.allclose(array(ask(answer, pair, lambda r: 0 * r - 2.0), (2, 3), "the forces"), right, atol=1e-6):
            raise Wrong("other numbers", "They are right for five atoms, and not for two.")
        return
    for name, wrong in {
        "uphill": -right,
        "twice": 2 * right,
        "half": right / 2,
        "no direction": _forces(x, _slope),
        "divided twice": _forces(x, lambda r: _slope(r) / r**2),
        "no reaction": _one_sided(x),
        "no reaction, last": right - _one_sided(x),
    }.items():
        if np.allclose(found, wrong, atol=1e-6):
            raise Wrong(name.partition(",")[0])
    factor = (found * right).sum() / (right**2).sum()
    if np.allclose(found, factor * right, atol=1e-6):
        raise Wrong("other numbers", f"They are {factor:.3g} times what they should be, for five atoms.")
    net = np.abs(found.sum(axis=0)).max()
    raise Wrong("other numbers", f"On five atoms, yours add up to a net force of {net:.2g}." if net > 1e-6 else "")


# ------------------------------------------------------------------------------------------------ dipole of an ion


def dipole_of_an_ion(answer: object) -> None:
    """sum of q_i (x_i - the centre of mass)."""
    rng = np.random.default_rng(0)
    m, x = np.array([12.011, 1.008, 15.999, 14.007, 35.45]), rng.normal(scale=1.5, size=(5, 3)) + 2
    ion = np.array([0.3, 0.2, -0.9, -0.4, -0.2])
    for q in (ion, ion - ion.mean()):
        value = np.asarray(ask(answer, q, m, x))
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise Wrong("always zero", "For a neutral molecule, yours even divides by zero.")
        found = array(value, (3,), "the dipole moment")
        right = q @ (x - m @ x / m.sum())
        if np.allclose(found, right, atol=1e-6):
            continue
        for name, wrong in {
            "absolute": q @ x,
            "always zero": 0 * right,
            "the middle of the atoms": q @ (x - x.mean(axis=0)),
            "the first atom": q @ (x - x[0]),
            "not divided": q @ (x - m @ x),
            "backwards": -right,
        }.items():
            if np.allclose(found, wrong, atol=1e-6):
                raise Wrong(name)
        shifted = array(ask(answer, q, m, x + 1), (3,), "the dipole moment")
        because = "It moves with the origin." if not np.allclose(shifted, found, atol=1e-6) else ""
        raise Wrong("another vector", because)
