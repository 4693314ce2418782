"""The judges of the chapter *Directions*: named as their exercises; texts: directions.toml."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from dmol_molnet import so3, symmetry
from dmol_molnet.exercises.effort import single_only
from dmol_molnet.exercises.engine import Wrong, array, ask, irreps, number
from dmol_molnet.molecules import Molecule

# ------------------------------------------------------------------------------------------------ five numbers

_NAMES = ("xy", "yz", "3zz - rr", "xz", "xx - yy")
_FACTORS = np.array([1, 1, 12**-0.5, 1, 0.5])


def _parts(xx, xy, xz, yy, yz, zz) -> dict[str, np.ndarray]:
    """What can be made of six moments: the five of 2e about z, those about other axes, and what holds the trace."""
    rr = xx + yy + zz
    own = dict(zip(_NAMES, (xy, yz, 3 * zz - rr, xz, xx - yy), strict=True))
    others = {"3xx - rr": 3 * xx - rr, "3yy - rr": 3 * yy - rr, "yy - zz": yy - zz, "xx - zz": xx - zz}
    return own | others | {"xx": xx, "yy": yy, "zz": zz, "rr": rr, "3zz - 1": 3 * zz - 1}


def _share(found: np.ndarray, right: np.ndarray) -> float | None:
    """Which multiple of the right one it is; None if it is none."""
    c = float(np.sum(found * right) / np.sum(right**2))
    return c if np.allclose(found, c * right, atol=1e-5 * np.abs(right).max()) and abs(c) > 1e-9 else None


def _turns(answer: object) -> bool:
    """Whether five numbers of six moments follow rotations as 2e does, whatever they are."""
    upper = np.triu_indices(3)
    for seed in range(4):
        T, R = np.random.default_rng(seed).normal(size=(3, 3)), symmetry.random_rotation(seed)
        before, after = (array(ask(answer, M[upper]), (5,), "five numbers") for M in (T + T.T, R @ (T + T.T) @ R.T))
        if not np.allclose(after, so3.wigner_d(2, R) @ before, rtol=0, atol=1e-5 * np.abs(before).max()):
            return False
    return True


def five_of_a_quadrupole(answer: object) -> None:
    """A multiple of the five numbers of 2e, of eight lists of moments."""
    moments = np.random.default_rng(0).normal(size=(8, 6))
    found = np.array([array(ask(answer, one), (5,), "five numbers") for one in moments])
    if np.abs(found).max() < 1e-9:
        raise Wrong("zero")
    parts = _parts(*moments.T)
    right = np.array([parts[name] for name in _NAMES]).T * _FACTORS
    if _share(found, right) is not None:
        return
    if _turns(answer):
        raise Wrong("not a sum")
    shares = [
        {name: c for name, part in parts.items() if (c := _share(column, part)) is not None} for column in found.T
    ]
    mine = [next(iter(share), "") for share in shares]
    listed = f"Yours are multiples of {', '.join(mine)}."
    if any(name in ("xx", "yy", "zz", "rr", "3zz - 1") for name in mine):
        raise Wrong("trace", listed if all(mine) else "")
    if "" in mine:
        raise Wrong("not turning", f"Look at the one for m = {mine.index('') - 2}.")
    if set(mine) - set(_NAMES):
        raise Wrong("axis", listed)
    if len(set(mine)) < 5:
        raise Wrong("twice", listed)
    if tuple(mine) != _NAMES:
        raise Wrong("order", listed)
    factors = np.array([share[name] for share, name in zip(shares, mine, strict=True)])
    if np.allclose(np.abs(factors / _FACTORS), abs(factors[0])):
        minus = [name for c, name in zip(factors / factors[0], mine, strict=True) if c < 0]
        raise Wrong("signs", f"If that of xy is right, these are not: {', '.join(minus)}.")
    scaled = ", ".join(f"{c:.3g} ({name})" for c, name in zip(factors / factors[0], mine, strict=True))
    raise Wrong("factors", f"With xy as 1, yours are {scaled}.")


# ------------------------------------------------------------------------------------------------ three products

_E = np.array([so3.clebsch_gordan(1, 1, 2)[..., m] * 5**0.5 for m in range(5)])[:, [2, 0, 1]][:, :, [2, 0, 1]]
"""The five matrices of 2e, of length 1 each, with axes x, y, z [5, 3, 3]."""


def _taken_apart(T: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The trace, the vector of the antisymmetric part, and five numbers of the rest, of matrices [G, 3, 3]."""
    vectors = np.stack([T[:, i, j] - T[:, j, i] for i, j in ((1, 2), (2, 0), (0, 1))], axis=1)
    return np.trace(T, axis1=1, axis2=2)[:, None], vectors, np.einsum("mab,gab->gm", _E, T)


def three_products(answer: object) -> None:
    """The matrix a b^T from the three coupled products of a and b."""
    pairs = np.random.default_rng(1).normal(size=(4, 2, 3))
    right = np.einsum("ga,gb->gab", *pairs.transpose(1, 0, 2))
    trace, cross, five = _taken_apart(right)
    given = zip(trace[:, 0] / 3**0.5, cross[:, [1, 2, 0]] / 2**0.5, five, strict=True)
    found = np.array([array(ask(answer, float(zero), one, two), (3, 3), "the matrix") for zero, one, two in given])
    if np.allclose(found, right, atol=1e-5):
        return
    if np.allclose(found, right.transpose(0, 2, 1), atol=1e-5):
        raise Wrong("transposed")
    if any(np.allclose(found, right[:, p][:, :, p], atol=1e-5) for p in ([1, 2, 0], [2, 0, 1])):
        raise Wrong("axes")
    my_trace, my_cross, my_five = _taken_apart(found)

    def off(name: str, mine: np.ndarray, true: np.ndarray, what: str) -> None:
        """Refuse a part that is a multiple of the right one, or none."""
        if np.allclose(mine, true, atol=1e-5):
            return
        if np.allclose(mine, 0, atol=1e-9):
            raise Wrong(name, f"Yours has none of {what}.")
        c = _share(mine, true)
        raise Wrong(name, f"Yours has {c:.3g} times {what}." if c else f"Yours has another {what.partition(' ')[2]}.")

    off("trace", my_trace, trace, "the trace")
    for p in list(permutations(range(3)))[1:]:
        if np.allclose(np.abs(my_cross), np.abs(cross[:, p]), atol=1e-5):
            same = np.allclose(my_cross, cross[:, p], atol=1e-5)
            raise Wrong("vector order", "" if same else "And not all of its signs are right.")
    off("antisymmetric", my_cross, cross, "the antisymmetric part")
    placed = np.allclose(np.abs(my_five), np.abs(five), atol=1e-5)
    minus = [str(m - 2) for m in range(5) if np.allclose(my_five[:, m], -five[:, m], atol=1e-5)]
    if placed and 0 < len(minus) < 5:
        raise Wrong("symmetric", f"Yours has the wrong sign for m = {', '.join(minus)}.")
    if not placed and np.allclose(np.sort(np.abs(my_five)), np.sort(np.abs(five)), atol=1e-5):
        raise Wrong("five order")
    off("symmetric", my_five, five, "the symmetric part")


# ------------------------------------------------------------------------------------------------ lists of irreps


def which_irreps(answer: object) -> None:
    """2e x 3o."""
    found = sorted(irreps(answer))
    degrees = sorted({int(x[:-1]) for x in found})
    if found == ["1o", "2o", "3o", "4o", "5o"]:
        return
    if found == ["1o", "2e", "3o", "4e", "5o"]:
        raise Wrong("natural parity")
    if degrees == [1, 2, 3, 4, 5] and len(found) == 5:
        raise Wrong("parity")
    if degrees == [5]:
        raise Wrong("only the top")
    if degrees and degrees[0] == 0:
        raise Wrong("from zero")
    if degrees in ([1, 3, 5], [2, 4], [1, 5]):
        raise Wrong("steps of two")
    if degrees in ([2, 3, 4], [1, 2, 3, 4], [2, 3, 4, 5], [2, 3]):
        raise Wrong("ends missing")
    n = sum(2 * int(x[:-1]) + 1 for x in found)
    raise Wrong("another list", f"Yours have {n}; each degree comes once, from the difference of the two to their sum.")


def sort_quantities(answer: object) -> None:
    """Field, angular momentum, squared length, rotational strength, polarisability, position with angular momentum."""
    found = irreps(answer)
    if len(found) != 6:
        raise Wrong("count", f"Yours has {len(found)}.")
    for letter, mine, true in zip("ABCDEF", found, ["1o", "1e", "0e", "0o", "2e", "2o"], strict=True):
        if mine != true:
            raise Wrong(letter)


# ------------------------------------------------------------------------------------------------ angles


def _directions(size: int) -> np.ndarray:
    n = np.random.default_rng(size).normal(size=(size, 3)) + [1.0, 0.5, 0.0]
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def mean_angle_from_sums(answer: object) -> None:
    """The mean of P_2 over all pairs of directions."""
    n = _directions(7)
    N, t = len(n), n @ n.T
    P = (3 * t**2 - 1) / 2
    found = number(ask(answer, n), "a function that returns one number")
    if np.isclose(found, P.mean(), rtol=1e-4):
        more = _directions(300)
        true = ((3 * (more @ more.T) ** 2 - 1) / 2).mean()
        mine = number(ask(answer, more), "a function that returns one number")
        if not np.isclose(mine, true, rtol=1e-4):
            raise Wrong("seven only", f"For 300, yours gives {mine:.4g}, and it is {true:.4g}.")
        return single_only(lambda size: ask(answer, _directions(size)), "pairs")
    Y = so3.spherical_harmonics(2, n)
    middle = n.mean(axis=0) / np.linalg.norm(n.mean(axis=0))
    for name, wrong in {
        "five": [5 * P.mean()],
        "number of pairs": [P.sum() / N, 5 * P.sum() / N],
        "not divided": [P.sum(), 5 * P.sum()],
        "without self": [(P.sum() - N) / (N * (N - 1)), (P.sum() - N) / N**2],
        "first degree": [t.mean(), 3 * t.mean()],
        "all degrees": [np.sum(Y.sum(axis=0) ** 2) / N**2 / k for k in (1, 5, 9)],
        "mean of squares": [1.0, 5.0, 1 / N, 5 / N],
        "mean of squared cosines": [(t**2).mean(), 3 * (t**2).mean() / 2],
        "square of the mean angle": [np.mean((3 * (n @ middle) ** 2 - 1) / 2), (3 * t.mean() ** 2 - 1) / 2],
    }.items():
        if np.isclose(found, wrong, rtol=1e-4).any():
            raise Wrong(name)
    raise Wrong("another number", f"For seven directions, yours gives {found:.4g}, and it is {P.mean():.4g}.")


# ------------------------------------------------------------------------------------------------ broken on purpose


def break_it(answer: object) -> None:
    """Five numbers that follow everything but general rotations."""
    molecule = Molecule.example("methanol").embed(1)

    def five(one: Molecule) -> np.ndarray:
        return array(ask(answer, one), (5,), "five numbers")

    before = five(molecule)
    scale = np.abs(before).max()
    if scale < 1e-6:
        raise Wrong("zero")

    def off(other: Molecule, expected: np.ndarray) -> float:
        return float(np.abs(five(other) - expected).max() / scale)

    # One step round and a swap make every order; a few more leave no room for luck.
    rng = np.random.default_rng(0)
    orders = [np.roll(np.arange(6), 1), np.array([1, 0, 2, 3, 4, 5]), *(rng.permutation(6) for _ in range(3))]
    if any(off(symmetry.permuted(molecule, order), before) > 1e-5 for order in orders):
        raise Wrong("order")
    if off(symmetry.moved(molecule, shift=[0.3, -1.0, 2.0]), before) > 1e-5:
        raise Wrong("translations")
    if off(symmetry.moved(molecule, -np.eye(3)), before) > 1e-5:
        raise Wrong("inversion")
    for angle in (0.4, 1.9, 4.0):
        c, s = np.cos(angle), np.sin(angle)
        R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        if off(symmetry.moved(molecule, R), so3.wigner_d("2e", R) @ before) > 1e-5:
            raise Wrong("about z")
    rotations = [symmetry.random_rotation(k) for k in range(3)]
    if max(off(symmetry.moved(molecule, R), so3.wigner_d("2e", R) @ before) for R in rotations) < 1e-4:
        raise Wrong("right")
