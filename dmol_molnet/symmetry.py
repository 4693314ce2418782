"""Random rotations, reflections and permutations, and the check of how a function's output follows them.

A function f of a molecule is *equivariant* under a transformation g of molecules if

    f(g x) = D(g) f(x),

where D(g) says how outputs transform; it is *invariant* if D(g) = 1.  Vectors are Cartesian, (x, y, z) on the last
axis.  With a rotation or reflection R,

    scalar  1        pseudoscalar  det R        vector  R        pseudovector  det R · R,

and a tensor of rank 2, [3, 3] on the last two axes, becomes R T Rᵀ, a pseudotensor det R · R T Rᵀ.  An irrep, such as
"2e", has its 2l + 1 components m = -l … l on the last axis and transforms by `so3.wigner_d`; with l = 0 it has no axis.

An output with one entry an atom (first axis) also follows a permutation of the atoms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from dmol_molnet import so3
from dmol_molnet.molecules import InputError, Molecule, quoted

KINDS = ("scalar", "pseudoscalar", "vector", "pseudovector", "tensor", "pseudotensor")
"""How an output may transform under rotations and reflections, beside irreps."""

TOLERANCE = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-9}
"""The largest deviation, relative to the largest output, that counts as rounding, by type of the output."""


_ABSOLUTE = "the output depends on absolute positions: use differences of positions"


class NotEquivariantError(AssertionError):
    """A function does not transform as it should; the message says under what, by how much, and what it looks like."""


# ------------------------------------------------------------------------------------------------ transformations


def random_rotation(seed: int | np.random.Generator = 0) -> np.ndarray:
    """float64 [3, 3]: a rotation drawn uniformly from SO(3), acting on columns: x -> R x."""
    # A Gaussian 4-vector points in a uniform direction, and unit quaternions cover SO(3) evenly.
    w, x, y, z = (q := np.random.default_rng(seed).normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def random_reflection(seed: int | np.random.Generator = 0) -> np.ndarray:
    """float64 [3, 3]: the mirror at a plane through the origin, with a normal drawn uniformly; det = -1."""
    normal = np.random.default_rng(seed).normal(size=3)
    normal /= np.linalg.norm(normal)
    return np.eye(3) - 2 * np.outer(normal, normal)


def permuted(molecule: Molecule, order: np.ndarray) -> Molecule:
    """The same molecule with its atoms in another order: atom i of the result is atom order[i] of `molecule`.

    Raises:
        InputError: `order` is not a permutation of the atoms.
    """
    order = np.asarray(order)
    if order.shape != (len(molecule),) or (np.sort(order) != np.arange(len(molecule))).any():
        raise InputError(f"an order of {len(molecule)} atoms is a permutation of 0 … {len(molecule) - 1}")
    place = np.argsort(order)  # where each old atom stands now
    stereo = molecule.bond_stereo.copy()
    stereo[:, :2] = np.where(stereo[:, 2:] > 0, place[stereo[:, :2]], 0) if len(stereo) else stereo[:, :2]
    by_atom = ("numbers", "positions", "forces", "formal_charges", "implicit_hydrogens", "chirality", "masses")
    values = {name: getattr(molecule, name) for name in by_atom}
    new = {name: None if value is None else value[order] for name, value in values.items()}
    return replace(molecule, bonds=place[molecule.bonds], bond_stereo=stereo, **new)


def moved(molecule: Molecule, matrix: np.ndarray | None = None, shift: np.ndarray | None = None) -> Molecule:
    """The molecule at the positions R x + t; its forces and its cell turn along, a mirror exchanges its handedness.

    Args:
        matrix: [3, 3], orthogonal: a rotation or a reflection; None for none.
        shift: [3] in Å; None for none.

    Raises:
        InputError: the molecule has no positions, or the matrix is not orthogonal.
    """
    R = np.eye(3) if matrix is None else np.asarray(matrix, float)
    t = np.zeros(3) if shift is None else np.asarray(shift, float)
    if molecule.positions is None:
        raise InputError(f"{molecule} has no positions to move; embed() gives it some")
    if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-6):
        raise InputError("a rotation or reflection is an orthogonal matrix [3, 3]")
    return replace(
        molecule,
        positions=molecule.positions @ R.T + t,
        forces=None if molecule.forces is None else molecule.forces @ R.T,
        cell=None if molecule.cell is None else molecule.cell @ R.T,
        chirality=np.array([0, 2, 1])[molecule.chirality] if np.linalg.det(R) < 0 else molecule.chirality,
    )


# ------------------------------------------------------------------------------------------------ the check


@dataclass(frozen=True)
class Trial:
    """One transformation, and what the function made of it.

    Attributes:
        name: "permuted", "translated", "rotated" or "mirrored".
        output: f(g x).
        expected: D(g) f(x).
        deviation: the largest difference between the two, relative to the largest output.
        tolerance: what counts as rounding.
        hint: what a deviation looks like, or "".
    """

    name: str
    output: np.ndarray
    expected: np.ndarray
    deviation: float
    tolerance: float
    hint: str

    @property
    def passed(self) -> bool:
        """Whether the deviation is within rounding."""
        return self.deviation <= self.tolerance


def check(
    f: Callable[[Molecule], object],
    molecule: Molecule,
    output: str = "scalar",
    per_atom: bool = False,
    tolerance: float | None = None,
    trials: int = 1,
    seed: int = 0,
) -> Iterator[Trial]:
    """Try f on permuted, translated, rotated and mirrored copies of a molecule, one trial at a time.

    Args:
        f: takes a `Molecule` and returns a number, an array or a tensor.
        molecule: one without symmetry tells most.  Without positions, only permutations are tried.
        output: one of `KINDS`: "scalar", "vector", "tensor", each also with "pseudo" before it; or an irrep, as "2e".
        per_atom: whether the first axis of the output counts atoms.
        tolerance: relative; None takes that of the output's type (`TOLERANCE`).
        trials: how many of each transformation.
        seed: of the transformations.

    Raises:
        InputError: an output that does not have the shape it should, that is not finite, or an unknown kind.
    """
    rng = np.random.default_rng(seed)
    before = _evaluate(f, molecule, output, per_atom)
    scale = float(np.abs(before).max(initial=0)) or 1.0
    scalar = "scalar" in output or (output not in KINDS and so3.Irrep.of(output).l == 0)
    if tolerance is None:
        tolerance = TOLERANCE.get(str(before.dtype), TOLERANCE["float64"])

    def trial(name: str, other: Molecule, expected: np.ndarray, hint: Callable[[np.ndarray], str]) -> Trial:
        after = _evaluate(f, other, output, per_atom)
        if after.shape != expected.shape:
            raise InputError(f"the output has the shape {list(expected.shape)}, and {list(after.shape)} when {name}")
        deviation = float(np.abs(after - expected).max(initial=0)) / scale
        return Trial(name, after, expected, deviation, tolerance, hint(after) if deviation > tolerance else "")

    def alike(a: np.ndarray, b: np.ndarray) -> bool:
        return float(np.abs(a - b).max(initial=0)) <= tolerance * scale

    def turns() -> bool:
        """Whether f follows rotations, so that mirrors alone are the trouble; four are tried."""
        for turn in range(4):
            R = random_rotation(turn)
            if not alike(_evaluate(f, moved(molecule, matrix=R), output, per_atom), _transform(before, R, output)):
                return False
        return True

    for _ in range(trials):
        order = rng.permutation(len(molecule))
        if len(order) > 1 and (order == np.arange(len(order))).all():
            order = np.roll(order, 1)
        expected = before[order] if per_atom else before

        def hint(after: np.ndarray) -> str:
            if per_atom and alike(after, before):
                return "the output stayed where it was although the atoms moved: it does not follow them"
            return "the output depends on the order in which the atoms are listed"

        yield trial("permuted", permuted(molecule, order), expected, hint)
        if molecule.positions is None:
            continue

        shift = rng.normal(scale=3.0, size=3)
        yield trial("translated", moved(molecule, shift=shift), before, lambda after: _ABSOLUTE)

        for name, R in (("rotated", random_rotation(rng)), ("mirrored", random_reflection(rng))):
            expected = _transform(before, R, output)

            def hint(after: np.ndarray, name: str = name, R: np.ndarray = R, expected: np.ndarray = expected) -> str:
                if alike(after, -expected):
                    it, other = _in_words(output)
                    return f"the sign is wrong: when {name}, it behaves as {other}, not as {it}"
                if name == "mirrored" and turns():
                    part = "a triple product" if scalar else "a cross product or the like"
                    return f"it follows rotations, but not this mirror: is {part} mixed in?"
                if not scalar and alike(after, before):
                    return "the output did not turn with the molecule: it behaves as scalars"
                if not scalar and alike(after, _transform(before, R.T, output)):
                    return "it turned by the inverse rotation: rows and columns are exchanged"
                if scalar:
                    return "the output depends on the orientation: use lengths and inner products"
                return "the components do not turn together: is each treated alone, or a constant added?"

            yield trial(name, moved(molecule, matrix=R), expected, hint)


def assert_equivariant(
    f: Callable[[Molecule], object],
    molecule: Molecule,
    output: str = "scalar",
    per_atom: bool = False,
    tolerance: float | None = None,
    trials: int = 3,
    seed: int = 0,
) -> None:
    """Do nothing if f transforms as it should under all transformations tried; raise with the reason if not.

    Args: as for `check`.

    Raises:
        NotEquivariantError: f does not.
        InputError: as `check`; or the output is zero, so that the check would prove nothing.
    """
    if not np.any(_evaluate(f, molecule, output, per_atom)):
        raise InputError("the output is zero, which proves nothing; take a molecule with less symmetry")
    for trial in check(f, molecule, output, per_atom, tolerance, trials, seed):
        if not trial.passed:
            raise NotEquivariantError(
                f"{trial.hint} ({trial.name}; off by {trial.deviation:.1e} of the largest output, "
                f"{trial.tolerance:.0e} is allowed)\n  expected {_short(trial.expected)}\n  found    "
                f"{_short(trial.output)}"
            )


def report(
    f: Callable[[Molecule], object],
    molecule: Molecule,
    output: str = "scalar",
    per_atom: bool = False,
    tolerance: float | None = None,
    seed: int = 0,
) -> None:
    """Print f of a molecule, and of a permuted, translated, rotated and mirrored copy, each with its verdict.

    Of a long output, the first three numbers are shown.

    Args, Raises: as for `check`.
    """
    before = _evaluate(f, molecule, output, per_atom)
    print(f"{'original':11} {_short(before, 3)}")
    for trial in check(f, molecule, output, per_atom, tolerance, seed=seed):
        unchanged = np.array_equal(trial.expected, before)
        right = "unchanged, as it must be" if unchanged else "changed as it must"
        verdict = right if trial.passed else f"WRONG by {trial.deviation:.0e}"
        print(f"{trial.name:11} {_short(trial.output, 3)}   {verdict}")
        if trial.hint:
            print(f"  {trial.hint}")


def _known(output: str) -> None:
    if output not in KINDS:
        try:
            so3.Irrep.of(output)
        except InputError:
            known = f"a {', a '.join(KINDS)} or an irrep such as 2e"
            raise InputError(f"an output is {known}, not {quoted(output)}") from None


def _in_words(output: str) -> tuple[str, str]:
    """The output, and what differs from it in mirrors alone."""
    if output in KINDS:
        return f"a {output}", f"a {KINDS[KINDS.index(output) ^ 1]}"
    l, parity = so3.Irrep.of(output)
    return output, str(so3.Irrep(l, -parity))


def _evaluate(f: Callable[[Molecule], object], molecule: Molecule, output: str, per_atom: bool) -> np.ndarray:
    """f of the molecule as an array of floats, of a shape that fits."""
    _known(output)
    value = np.asarray(f(molecule))
    if value.dtype.kind not in "fiu":
        raise InputError(f"the output must be numbers; it is {quoted(value)}")
    value = value if value.dtype.kind == "f" else value.astype(float)
    if not np.isfinite(value).all():
        raise InputError("the output is not finite: there is a nan or an infinity in it")
    if per_atom and value.shape[:1] != (len(molecule),):
        raise InputError(f"an output by atom has {len(molecule)} rows here, not the shape {list(value.shape)}")
    if "vector" in output and value.shape[-1:] != (3,):
        raise InputError(f"a {output} has 3 components on its last axis; the shape is {list(value.shape)}")
    if "tensor" in output and value.shape[-2:] != (3, 3):
        raise InputError(f"a {output} is [3, 3] on its last two axes; the shape is {list(value.shape)}")
    if output not in KINDS and (l := so3.Irrep.of(output).l) and value.shape[-1:] != (2 * l + 1,):
        raise InputError(f"{output} has {2 * l + 1} components on its last axis; the shape is {list(value.shape)}")
    return value


def _transform(value: np.ndarray, R: np.ndarray, output: str) -> np.ndarray:
    """D(R) of the output, by the table at the top."""
    if output not in KINDS:
        D = so3.wigner_d(output, R)
        return D[0, 0] * value if len(D) == 1 else value @ D.T
    sign = round(float(np.linalg.det(R))) if output.startswith("pseudo") else 1
    if "tensor" in output:
        return sign * (R @ value @ R.T)
    return sign * (value @ R.T if "vector" in output else value)


def _short(value: np.ndarray, n: int = 6) -> str:
    """The first n numbers of an output, on one line."""
    flat = value.ravel()
    return " ".join(f"{x:10.6f}" for x in flat[:n]) + (" ..." if flat.size > n else "")
