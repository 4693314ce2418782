"""Random rotations, reflections and permutations, and the check of how a function's output follows them.

A function f of a molecule is *equivariant* under a transformation g of molecules if

    f(g x) = D(g) f(x),

where D(g) says how outputs transform; it is *invariant* if D(g) = 1.  Vectors are Cartesian, (x, y, z) on the last
axis.  With a rotation or reflection R,

    scalar  1        pseudoscalar  det R        vector  R        pseudovector  det R · R,

and a tensor of rank 2, [3, 3] on the last two axes, becomes R T Rᵀ, a pseudotensor det R · R T Rᵀ.  An irrep, such as
"2e", has its 2l + 1 components m = -l … l on the last axis and transforms by `so3.wigner_d`; with l = 0 it has no axis.

An output with one entry an atom (first axis) also follows a permutation of the atoms.

What is equal on paper differs by rounding in a computer.  How much rounding an output has is *measured*: along a line
x + t d of tiny steps in a random direction d, a smooth f is a straight line, and third differences leave the rounding,

    noise^2 = mean of (f(t + 3) - 3 f(t + 2) + 3 f(t + 1) - f(t))^2 / 20                                   `_noise`

So an energy in float32 is known as one whatever type it comes as, and an output that is zero by symmetry, and on a
computer 1e-17, is not mistaken for an answer.

Source of the differences: Moré and Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 1292 (2011).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dmol_molnet import so3
from dmol_molnet.molecules import InputError, Molecule, quoted

KINDS = ("scalar", "pseudoscalar", "vector", "pseudovector", "tensor", "pseudotensor")
"""How an output may transform under rotations and reflections, beside irreps."""

TOLERANCE = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-9}
"""The largest deviation, relative to the largest output, that counts as rounding, by type of the output."""

_NOISES = 30.0  # so many times the noise can be rounding: the largest of many numbers, of both sides, elsewhere
_COARSE = 1e-3  # where rounding can reach this part of the output, what is within it proves nothing
_ORDINARY = 1e-6  # a smaller output is looked at more closely

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
        tolerance: what counts as rounding, relative to the largest output.
        hint: what a deviation looks like, or why there is no verdict, or "".
        verdict: "right", "wrong", "too small to judge" or "not repeatable".
    """

    name: str
    output: np.ndarray
    expected: np.ndarray
    deviation: float
    tolerance: float
    hint: str
    verdict: str

    @property
    def passed(self) -> bool:
        """Whether f was found right, which is more than not found wrong."""
        return self.verdict == "right"


def check(
    f: Callable[[Molecule], object],
    molecule: Molecule,
    output: str = "scalar",
    per_atom: bool = False,
    tolerance: float | None = None,
    trials: int = 1,
    seed: int = 0,
    scale: float | None = None,
) -> Iterator[Trial]:
    """Try f on permuted, translated, rotated and mirrored copies of a molecule, one trial at a time.

    Where a deviation is larger than the tolerance, f is called some more times to measure how large its rounding is
    (see the top of this file), and whether it repeats itself.

    Args:
        f: takes a `Molecule` and returns a number, an array or a tensor.
        molecule: one without symmetry tells most.  Without positions, only permutations are tried.
        output: one of `KINDS`: "scalar", "vector", "tensor", each also with "pseudo" before it; or an irrep, as "2e".
        per_atom: whether the first axis of the output counts atoms.
        tolerance: relative to the largest output; None takes that of the output's type (`TOLERANCE`).  Rounding that
            was measured to be larger is allowed as well.
        trials: how many of each transformation.
        seed: of the transformations.
        scale: size of an ordinary output, in its unit: deviations from a smaller one are held against it, and what is
            smaller than tolerance times it is too small to judge.  None relies on the rounding that is measured.

    Raises:
        InputError: an output that does not have the shape it should, that is not finite, or an unknown kind.
    """
    made = _Checked(f, molecule, output, per_atom, tolerance, scale)
    if isinstance(trials, bool) or not isinstance(trials, int | np.integer) or trials < 1:
        raise InputError(f"trials is how many of each are made, at least 1, not {quoted(trials)}")
    return _trials(made, trials, np.random.default_rng(seed))


def _trials(made: _Checked, trials: int, rng: np.random.Generator) -> Iterator[Trial]:
    molecule, output, before = made.molecule, made.output, made.before
    scalar = "scalar" in output or (output not in KINDS and so3.Irrep.of(output).l == 0)
    for _ in range(trials):
        order = rng.permutation(len(molecule))
        if len(order) > 1 and (order == np.arange(len(order))).all():
            order = np.roll(order, 1)

        def hint(after: np.ndarray, alike: Callable, order: np.ndarray = order) -> str:
            if made.per_atom and alike(after, before):
                return "the output stayed where it was although the atoms moved: it does not follow them"
            if not made.per_atom and before.shape[:1] == order.shape and alike(after, before[order]):
                return "it has a row for each atom, and its rows follow the atoms: pass per_atom=True"
            return "the output depends on the order in which the atoms are listed"

        yield made.trial("permuted", permuted(molecule, order), before[order] if made.per_atom else before, hint)
        if molecule.positions is None:
            continue

        shift = rng.normal(scale=3.0, size=3)
        yield made.trial("translated", moved(molecule, shift=shift), before, lambda after, alike: _ABSOLUTE)

        for name, R in (("rotated", random_rotation(rng)), ("mirrored", random_reflection(rng))):
            expected = _transform(before, R, output)

            def hint(
                after: np.ndarray, alike: Callable, name: str = name, R: np.ndarray = R, expected: np.ndarray = expected
            ) -> str:
                if alike(after, -expected):
                    it, other = _in_words(output)
                    return f"the sign is wrong: when {name}, it behaves as {other}, not as {it}"
                if name == "mirrored" and made.turns(alike):
                    part = "a triple product" if scalar else "a cross product or the like"
                    return f"it follows rotations, but not this mirror: is {part} mixed in?"
                if not scalar and alike(after, before):
                    return "the output did not turn with the molecule: it behaves as scalars"
                if not scalar and alike(after, _transform(before, R.T, output)):
                    return "it turned by the inverse rotation: rows and columns are exchanged"
                if scalar:
                    return "the output depends on the orientation: use lengths and inner products"
                return "the components do not turn together: is each treated alone, or a constant added?"

            yield made.trial(name, moved(molecule, matrix=R), expected, hint)


class _Checked:
    """A function under check: its output on the unmoved molecule, and what differs by no more than rounding.

    Attributes:
        before: f(x).
        size: the largest |f(x)|.
    """

    def __init__(self, f, molecule, output, per_atom, tolerance, scale):
        if not callable(f):
            raise InputError(f"what is checked is a function of a molecule, not {quoted(f)}")
        if not isinstance(molecule, Molecule):
            raise InputError(_no_molecule(molecule))
        for name, value in (("tolerance", tolerance), ("scale", scale)):
            if value is not None and not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
                raise InputError(f"{name} is a positive number or None, not {quoted(value)}")
        self.f, self.molecule, self.output, self.per_atom, self.scale = f, molecule, output, per_atom, scale
        self.before = self.evaluate(molecule)
        self.size = _largest(self.before)
        self.tolerance = TOLERANCE[_precision(self.before)] if tolerance is None else tolerance

    def evaluate(self, molecule: Molecule) -> np.ndarray:
        """f of the molecule, as floats."""
        return _evaluate(self.f, molecule, self.output, self.per_atom)

    @cached_property
    def repeated(self) -> float:
        """By how much calls on the same molecule differ: three, as a coin may fall twice on one side."""
        again = [self.evaluate(self.molecule) for _ in range(3)]
        return max(np.inf if y.shape != self.before.shape else _largest(y - self.before) for y in again)

    @cached_property
    def noise(self) -> float:
        """The noise of f(x)."""
        return _noise(self.evaluate, self.molecule)

    def trial(self, name: str, other: Molecule, expected: np.ndarray, hint: Callable) -> Trial:
        """f of a moved molecule, judged; `hint(output, alike)` says what a deviation looks like."""
        after = self.evaluate(other)
        if after.shape != expected.shape:
            raise InputError(f"the output has the shape {list(expected.shape)}, and {list(after.shape)} when {name}")
        off = _largest(after - expected)
        floor, coarse = self.floor(off, other), max(_COARSE, 10 * self.tolerance) * self.size
        allowed = max(self.tolerance * self.size, floor)
        why, verdict = "", "right"
        if off > allowed:
            verdict, why = "wrong", hint(after, lambda a, b: _largest(a - b) <= allowed)
        elif floor >= coarse and _NOISES * self.repeated >= max(off, self.tolerance * self.size) > 0:
            verdict = "not repeatable"
            why = f"two calls on the same molecule differ by {self.repeated:.0e}: switch off dropout or noise"
        elif floor >= coarse:
            verdict, why = "too small to judge", _too_small(self.size)
        unit = self.size or _largest(after) or 1.0
        return Trial(name, after, expected, off / unit, allowed / unit, why, verdict)

    def floor(self, off: float, other: Molecule) -> float:
        """What cannot be told from rounding, of an output that is off by `off` at the moved molecule `other`."""
        floor = self.tolerance * (self.scale or 0.0)
        if off <= max(self.tolerance * self.size, floor) and self.size >= _ORDINARY:
            return floor
        noise = max(self.noise, self.repeated)
        if off < _COARSE * self.size or self.size < _ORDINARY or noise > _COARSE**2 * self.size:
            noise = max(noise, _noise(self.evaluate, other))  # else it is clear without
        floor = max(floor, _NOISES * noise)
        if self.scale is None and (floor >= _COARSE * self.size or (not noise and self.size < _ORDINARY)):
            # Nothing but rounding, it seems.  Since rounding is often exactly zero, what went in says how large it
            # may be elsewhere: a product of two sums over atoms.
            x = 1.0 if self.molecule.positions is None else max(1.0, _largest(self.molecule.positions))
            floor = max(floor, np.finfo(float).eps * (x * self.molecule.numbers.sum()) ** 2)
        return floor

    def turns(self, alike: Callable) -> bool:
        """Whether f follows rotations, so that mirrors alone are the trouble; four are tried."""
        for R in map(random_rotation, range(4)):
            if not alike(self.evaluate(moved(self.molecule, matrix=R)), _transform(self.before, R, self.output)):
                return False
        return True


def _precision(value: np.ndarray) -> str:
    """The type that numbers were computed in, as far as they show it: float(x) of a float32 is a float32 still."""
    if value.dtype == np.float64 and (value != value.round()).any():
        with np.errstate(over="ignore", under="ignore"):
            return "float32" if (value.astype(np.float32) == value).all() else "float64"
    return str(value.dtype) if str(value.dtype) in TOLERANCE else "float64"


def _noise(evaluate: Callable[[Molecule], np.ndarray], molecule: Molecule, points: int = 12) -> float:
    """The rounding noise of an output near a molecule, as its largest component has it; 0 without positions.

    The fourth largest difference of a line, since a jump or a kink (two distances that change their order) is no noise,
    and touches three neighbouring differences.
    """
    if molecule.positions is None:
        return 0.0
    x = molecule.positions
    # Steps of a few units in the last place of float32, in which a network may compute.
    d = 1e-6 * max(1.0, _largest(x)) * np.random.default_rng(1).normal(size=x.shape)
    line = [evaluate(_at(molecule, x + t * d)) for t in range(1, points + 1)]
    if len({y.shape for y in line}) > 1:
        return 0.0
    third = np.diff(np.reshape(line, (points, -1)).astype(float), n=3, axis=0)
    return float(np.sort(np.abs(third).max(axis=1, initial=0))[-4]) / 20**0.5


def assert_equivariant(
    f: Callable[[Molecule], object],
    molecule: Molecule,
    output: str = "scalar",
    per_atom: bool = False,
    tolerance: float | None = None,
    trials: int = 3,
    seed: int = 0,
    scale: float | None = None,
) -> None:
    """Do nothing if f transforms as it should under all transformations tried; raise with the reason if not.

    Args: as for `check`.

    Raises:
        NotEquivariantError: f does not.
        InputError: as `check`; or the output is zero, or as small as its rounding, or another one in each call, so that
            the check would prove nothing.
    """
    unclear = None
    for trial in check(f, molecule, output, per_atom, tolerance, trials, seed, scale):
        if trial.verdict == "wrong":
            raise NotEquivariantError(
                f"{trial.hint} ({trial.name}; off by {trial.deviation:.1e} of the largest output, "
                f"{trial.tolerance:.0e} is allowed)\n  expected {_short(trial.expected)}\n  found    "
                f"{_short(trial.output)}"
            )
        unclear = unclear or (None if trial.passed else trial)
    if unclear:
        raise InputError(f"{unclear.hint} ({unclear.name}: {unclear.verdict})")


def report(
    f: Callable[[Molecule], object],
    molecule: Molecule,
    output: str = "scalar",
    per_atom: bool = False,
    tolerance: float | None = None,
    seed: int = 0,
    scale: float | None = None,
) -> None:
    """Print f of a molecule, and of a permuted, translated, rotated and mirrored copy, each with its verdict.

    Of a long output, the first three numbers are shown.  Below a verdict that is not "as it must be" stands what it
    looks like.

    Args, Raises: as for `check`.
    """
    made, said = _Checked(f, molecule, output, per_atom, tolerance, scale), ""
    print(f"{'original':11} {_short(made.before, 3)}")
    for trial in _trials(made, 1, np.random.default_rng(seed)):
        unchanged = np.array_equal(trial.expected, made.before)
        right = "unchanged, as it must be" if unchanged else "changed as it must"
        verdict = {"right": right, "wrong": f"WRONG by {trial.deviation:.0e}"}.get(trial.verdict, trial.verdict)
        print(f"{trial.name:11} {_short(trial.output, 3)}   {verdict}")
        if trial.hint and (trial.verdict == "wrong" or trial.hint != said):  # why there is no verdict is said once
            print(f"  {trial.hint}")
        said = trial.hint


def _at(molecule: Molecule, x: np.ndarray) -> Molecule:
    """The molecule at other positions, unchecked, since it is needed often."""
    other = copy(molecule)
    x.setflags(write=False)
    object.__setattr__(other, "positions", x)
    return other


def _too_small(size: float) -> str:
    if not size:
        return "the output is zero, which proves nothing: take a molecule with less symmetry"
    return f"the output, at most {size:.0e}, is no more than rounding: take a less symmetric molecule"


def _no_molecule(value: object) -> str:
    """What to do with something that is no `Molecule`."""
    if isinstance(value, str):
        return f"this needs a Molecule, not text: Molecule.from_smiles({quoted(value)}).embed() makes one of a SMILES"
    if type(value).__module__.startswith("ase."):
        return "this needs a Molecule, not an ase.Atoms: Molecule.from_ase(atoms) makes one"
    if type(value).__module__.startswith("rdkit."):
        return "this needs a Molecule, not one of RDKit: Molecule.from_rdkit(mol) makes one"
    return f"this needs a Molecule, not {quoted(value)}"


def _largest(value: np.ndarray) -> float:
    return float(np.abs(value).max(initial=0))


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
    try:
        answer = f(molecule)
    except InputError:
        raise
    except Exception as error:
        if molecule.positions is not None:
            raise
        raise InputError(
            f"the function fails on {molecule}, which has no positions ({quoted(error)}); embed() gives it some"
        ) from error
    try:
        value = np.asarray(answer)
    except (TypeError, ValueError):
        value = None
    if (value is None or value.dtype.kind not in "fiu") and isinstance(answer, tuple | list | dict):
        raise InputError(
            f"the output must be one number or array, not a {type(answer).__name__} of {len(answer)}: check one part "
            f"at a time, as lambda m: f(m)[{quoted(next(iter(answer), 0)) if isinstance(answer, dict) else 0}]"
        )
    if value is None or value.dtype.kind not in "fiu":
        raise InputError(f"the output must be numbers; it is {quoted(answer)}")
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
