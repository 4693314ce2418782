"""The judges of the chapter *Directions*: named as their exercises; texts: directions.toml."""

from __future__ import annotations

import numpy as np

from dmol_molnet import so3, symmetry
from dmol_molnet.exercises.engine import Wrong, array, ask, mistyped, number
from dmol_molnet.molecules import InputError, Molecule

# ------------------------------------------------------------------------------------------------ five numbers

_FACTORS = np.array([1, 1, 3**0.5 / 2, 1, 0.5])


def _five(Q: np.ndarray) -> np.ndarray:
    """xy, yz, zz, xz, xx - yy: Y_2 but for its factors."""
    return np.array([Q[0, 1], Q[1, 2], Q[2, 2], Q[0, 2], Q[0, 0] - Q[1, 1]])


def five_of_a_quadrupole(answer: object) -> None:
    """A multiple of the five numbers of 2e, of two quadrupoles."""
    rng, found, right = np.random.default_rng(0), [], []
    for _ in range(2):
        Q = rng.normal(size=(3, 3))
        Q = Q + Q.T - 2 * np.trace(Q) / 3 * np.eye(3)
        found.append(array(ask(answer, Q), (5,), "five numbers"))
        right.append(_five(Q) * _FACTORS)
    found, right = np.concatenate(found), np.concatenate(right)
    if np.abs(found).max() < 1e-9:
        raise Wrong("zero")

    def alike(one: np.ndarray, other: np.ndarray) -> bool:
        """Whether one is a multiple of the other."""
        return np.allclose(np.outer(one, other), np.outer(other, one), atol=1e-6 * np.abs(one).max())

    if alike(found, right):
        return
    mine, true = found.reshape(2, 5), right.reshape(2, 5)
    if alike(np.abs(found), np.abs(right)):
        raise Wrong("signs")
    if alike(np.sort(np.abs(mine)).ravel(), np.sort(np.abs(true)).ravel()):
        raise Wrong("order")
    share = mine / true
    if np.allclose(share[0], share[1], rtol=1e-5):
        raise Wrong("factors")
    columns = zip(mine.T, true.T, strict=True)
    mixed = [np.allclose(np.outer(m[0], t[1]), np.outer(m[1], t[0]), rtol=1e-5) for m, t in columns]
    if sum(mixed) >= 3:
        raise Wrong("entries")
    raise Wrong("not turning")


# ------------------------------------------------------------------------------------------------ three products


def three_products(answer: object) -> None:
    """The coupled products of two vectors, against the Clebsch-Gordan tensors."""
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(3, 2, 3))
    found = [[], [], []]
    for a, b in pairs:
        value = ask(answer, a, b)
        if not isinstance(value, tuple | list) or len(value) != 3:
            raise mistyped("a function that returns three things: a number, three numbers, five numbers", value)
        zero, one, two = value
        found[0].append(array(np.reshape(zero, -1), (1,), "the first"))
        found[1].append(array(one, (3,), "the second"))
        found[2].append(array(two, (5,), "the third"))
    found = [np.array(x) for x in found]
    right = [
        np.array([(2 * l + 1) ** 0.5 * np.einsum("ijk,i,j->k", so3.clebsch_gordan(1, 1, l), a, b) for a, b in pairs])
        for l in range(3)
    ]

    def share(l: int) -> float | None:
        """Of which multiple of the right one it is, or None."""
        c = float(np.sum(found[l] * right[l]) / np.sum(right[l] ** 2))
        return c if np.allclose(found[l], c * right[l], atol=1e-6) and abs(c) > 1e-6 else None

    for l, (scale, another) in enumerate(
        [("scalar factor", "another scalar"), ("vector factor", "another vector"), ("five factor", "another five")]
    ):
        c = share(l)
        if c is not None and np.isclose(c, 1, rtol=1e-5):
            continue
        if l == 1:
            if c is not None and np.isclose(c, -1, rtol=1e-5):
                raise Wrong("vector sign")
            if any(np.allclose(found[1], s * right[1][:, [2, 0, 1]], atol=1e-6) for s in (1, -1, 2**0.5, -(2**0.5))):
                raise Wrong("vector order")
        if c is not None:
            raise Wrong(scale)
        if l == 2:
            if np.allclose(np.sort(np.abs(found[2])), np.sort(np.abs(right[2])), atol=1e-6):
                raise Wrong("five order")
            middle = found[2][:, 2] - right[2][:, 2]
            dots = np.array([a @ b for a, b in pairs])
            if np.allclose(found[2][:, [0, 1, 3, 4]], right[2][:, [0, 1, 3, 4]], atol=1e-6) and np.allclose(
                middle / dots, middle[0] / dots[0], rtol=1e-4
            ):
                raise Wrong("trace left")
        raise Wrong(another)


# ------------------------------------------------------------------------------------------------ lists of irreps


def _listed(answer: object, what: str) -> list[str]:
    """The irreps in a text or a list."""
    try:
        found = answer.split() if isinstance(answer, str) else [str(x) for x in answer]
        return [str(so3.Irrep.of(x.strip(",;"))) for x in found]
    except (TypeError, InputError):
        raise mistyped(what, answer) from None


def which_irreps(answer: object) -> None:
    """1o x 2e."""
    found = sorted(_listed(answer, 'a text with irreps, such as `"0e 1o"`'))
    degrees = sorted({int(x[:-1]) for x in found})
    if found == ["1o", "2o", "3o"]:
        return
    if found == ["1o", "2e", "3o"]:
        raise Wrong("natural parity")
    if degrees == [1, 2, 3] and len(found) == 3:
        raise Wrong("parity")
    if degrees == [3]:
        raise Wrong("only the top")
    if degrees in ([1, 3], [0, 2]):
        raise Wrong("steps of two")
    if degrees == [0, 1, 2, 3]:
        raise Wrong("from zero")
    raise Wrong("another list")


def sort_quantities(answer: object) -> None:
    """Energy, force, angular momentum, volume, stress, squared length."""
    found = _listed(answer, 'a text with six irreps, such as `"0e 0e 0e 0e 0e 0e"`')
    if len(found) != 6:
        raise mistyped("six irreps, one for each letter", answer)
    for letter, mine, true in zip("ABCDEF", found, ["0e", "1o", "1e", "0o", "2e", "0e"], strict=True):
        if mine != true:
            raise Wrong(letter)


# ------------------------------------------------------------------------------------------------ angles


def mean_angle_from_sums(answer: object) -> None:
    """The mean of P_2 over all pairs of directions."""
    rng = np.random.default_rng(2)
    n = rng.normal(size=(7, 3)) + [1.0, 0.5, 0.0]
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    N, t = len(n), n @ n.T
    P = (3 * t**2 - 1) / 2
    found = number(ask(answer, n), "a function that returns one number")
    if np.isclose(found, P.mean(), rtol=1e-6):
        return
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
        "square of the mean angle": [np.mean((3 * (n @ middle) ** 2 - 1) / 2), (3 * t.mean() ** 2 - 1) / 2],
    }.items():
        if np.isclose(found, wrong, rtol=1e-6).any():
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

    if off(symmetry.permuted(molecule, np.roll(np.arange(len(molecule)), 1)), before) > 1e-6:
        raise Wrong("order")
    if off(symmetry.moved(molecule, shift=[0.3, -1.0, 2.0]), before) > 1e-6:
        raise Wrong("translations")
    if off(symmetry.moved(molecule, -np.eye(3)), before) > 1e-6:
        raise Wrong("inversion")
    for angle in (0.4, 1.9, 4.0):
        c, s = np.cos(angle), np.sin(angle)
        R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        if off(symmetry.moved(molecule, R), so3.wigner_d("2e", R) @ before) > 1e-6:
            raise Wrong("about z")
    rotations = [symmetry.random_rotation(k) for k in range(3)]
    if max(off(symmetry.moved(molecule, R), so3.wigner_d("2e", R) @ before) for R in rotations) < 1e-4:
        raise Wrong("right")
