"""The checker: passes what transforms as it should, and finds and names what does not."""

import itertools
from dataclasses import replace

import ase
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from dmol_molnet import so3
from dmol_molnet.molecules import InputError, Molecule
from dmol_molnet.symmetry import (
    KINDS,
    NotEquivariantError,
    assert_equivariant,
    check,
    moved,
    permuted,
    random_reflection,
    random_rotation,
    report,
)

ALANINE = Molecule.from_smiles("C[C@H](N)C(=O)O").embed(seed=1)
WATER = Molecule.example("water").embed()


def pairs(molecule):
    x = molecule.positions
    return x[:, None] - x, molecule.numbers[:, None] * molecule.numbers


def energy(molecule):
    difference, charges = pairs(molecule)
    r = np.linalg.norm(difference, axis=-1) + np.eye(len(molecule))
    return float((charges * (np.exp(-r) - np.exp(-1) * np.eye(len(molecule)))).sum())


def forces(molecule):
    difference, charges = pairs(molecule)
    r = np.linalg.norm(difference, axis=-1) + np.eye(len(molecule))
    return 2 * np.einsum("ij,ijx->ix", charges * np.exp(-r) / r, difference)


def dipole(molecule):
    return (molecule.numbers - molecule.numbers.mean()) @ molecule.positions


def triple_product(molecule):
    """A pseudoscalar: the volume that three sums of vectors span, signed."""
    x = molecule.positions - molecule.positions.mean(axis=0)
    z = molecule.numbers
    return np.linalg.det([z @ x, z**2 @ x, (z * np.linalg.norm(x, axis=1) ** 2) @ x])


def torque(molecule):
    x = molecule.positions - molecule.positions.mean(axis=0)
    return np.cross(molecule.numbers @ x, (molecule.numbers**2) @ x)


def quadrupole(molecule):
    """A tensor, symmetric and traceless."""
    x = molecule.positions - molecule.positions.mean(axis=0)
    T = np.einsum("a,ai,aj->ij", molecule.numbers, x, x)
    return T - np.trace(T) / 3 * np.eye(3)


RIGHT = {
    "energy": (energy, "scalar", False),
    "charges": (lambda m: m.numbers, "scalar", True),
    "forces": (forces, "vector", True),
    "dipole": (dipole, "vector", False),
    "triple product": (triple_product, "pseudoscalar", False),
    "torque": (torque, "pseudovector", False),
    "quadrupole": (quadrupole, "tensor", False),
    "antisymmetric tensor": (lambda m: np.cross(np.eye(3), torque(m)), "tensor", False),  # a pseudovector in disguise
    "tensors by atom": (lambda m: forces(m)[:, :, None] * forces(m)[:, None], "tensor", True),
    "pseudotensor": (lambda m: triple_product(m) * quadrupole(m), "pseudotensor", False),
    "several vectors": (lambda m: np.stack([forces(m), 2 * forces(m)], axis=1), "vector", True),
    "several scalars": (lambda m: np.array([energy(m), 2.0]), "scalar", False),
    "float32": (lambda m: np.float32(energy(m)), "scalar", False),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(name):
    f, output, per_atom = RIGHT[name]
    assert_equivariant(f, ALANINE, output, per_atom, trials=5)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_of_one_kind_fails_as_every_other(name):
    f, output, per_atom = RIGHT[name]
    for other in KINDS:
        shape = np.shape(f(ALANINE))
        if other == output or ("vector" in other and shape[-1:] != (3,)):
            continue
        if "tensor" in other and shape[-2:] != (3, 3):
            continue
        with pytest.raises(NotEquivariantError):
            assert_equivariant(f, ALANINE, other, per_atom)


def moment(l):
    """A pure moment of degree l, about the centre: 0e, 1o, 2e, … by its parity."""

    def f(molecule):
        x = molecule.positions - molecule.positions.mean(axis=0)
        return molecule.numbers @ so3.spherical_harmonics(l, x)[:, l * l :]

    return f


@pytest.mark.parametrize("l", range(4))
def test_irreps_pass_as_themselves_and_fail_as_the_other_parity(l):
    f, right, wrong = moment(l), *(f"{l}{p}" for p in ("eo" if l % 2 == 0 else "oe"))
    f = (lambda m, g=f: g(m)[0]) if l == 0 else f
    assert_equivariant(f, ALANINE, right, trials=3)
    with pytest.raises(NotEquivariantError, match=f"behaves as {right}, not as {wrong}"):
        assert_equivariant(f, ALANINE, wrong)
    by_atom = lambda m: np.stack([f(m)] * len(m))  # noqa: E731
    assert_equivariant(by_atom, ALANINE, right, per_atom=True)


def test_irreps_that_are_none_are_found():
    assert_equivariant(triple_product, ALANINE, "0o")
    with pytest.raises(NotEquivariantError, match="behaves as 0o, not as 0e"):
        assert_equivariant(triple_product, ALANINE, "0e")
    with pytest.raises(NotEquivariantError, match="do not turn together"):
        assert_equivariant(lambda m: np.maximum(moment(2)(m), 0.0), ALANINE, "2e")
    with pytest.raises(NotEquivariantError, match="behaves as scalars"):
        assert_equivariant(lambda m: np.full(5, energy(m)), ALANINE, "2e")
    with pytest.raises(NotEquivariantError, match="cross product"):
        assert_equivariant(lambda m: (dipole(m) + 0.1 * torque(m))[[1, 2, 0]], ALANINE, "1o")
    with pytest.raises(InputError, match="2e has 5 components"):
        assert_equivariant(dipole, ALANINE, "2e")
    with pytest.raises(InputError, match=r"an irrep such as 2e, not .*2x"):
        assert_equivariant(dipole, ALANINE, "2x")


BROKEN = {
    "order of atoms": (
        lambda m: m.positions[0] @ m.positions[1],
        "scalar",
        False,
        "order in which the atoms are listed",
    ),
    "atoms not followed": (lambda m: np.arange(1.0, len(m) + 1), "scalar", True, "does not follow them"),
    "absolute position": (lambda m: (m.positions**2).sum(), "scalar", False, "absolute positions"),
    "absolute vector": (lambda m: m.numbers @ m.positions, "vector", False, "absolute positions"),
    "orientation": (lambda m: np.abs(dipole(m)[0]), "scalar", False, "depends on the orientation"),
    "does not turn": (lambda m: np.full(3, energy(m)), "vector", False, "did not turn with the molecule"),
    "ReLU on a vector": (lambda m: np.maximum(dipole(m), 0.0), "vector", False, "do not turn together"),
    "constant added": (lambda m: dipole(m) + [0.0, 0.0, 1.0], "vector", False, "do not turn together"),
    "pseudoscalar": (triple_product, "scalar", False, "behaves as a pseudoscalar, not as a scalar"),
    "scalar": (energy, "pseudoscalar", False, "behaves as a scalar, not as a pseudoscalar"),
    "pseudovector": (torque, "vector", False, "behaves as a pseudovector, not as a vector"),
    "vector": (dipole, "pseudovector", False, "behaves as a vector, not as a pseudovector"),
    "tensor": (quadrupole, "pseudotensor", False, "behaves as a tensor, not as a pseudotensor"),
    "still tensor": (lambda m: energy(m) * np.diag([1.0, 2.0, 3.0]), "tensor", False, "did not turn with the molecule"),
    "half a tensor": (lambda m: quadrupole(m) * np.tri(3), "tensor", False, "do not turn together"),
    "mixed scalars": (lambda m: energy(m) + 1e-3 * triple_product(m), "scalar", False, "a triple product mixed in"),
    "mixed vectors": (lambda m: dipole(m) + 0.1 * torque(m), "vector", False, "a cross product or the like mixed in"),
    "orientation and mirror": (lambda m: np.abs(dipole(m)[0]) + triple_product(m), "scalar", False, "the orientation"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_fails_with_its_reason(name):
    f, output, per_atom, reason = BROKEN[name]
    with pytest.raises(NotEquivariantError, match=reason) as error:
        assert_equivariant(f, ALANINE, output, per_atom)
    assert "expected" in str(error.value)


def test_the_inverse_rotation_is_recognised():
    """A function that turns its output backwards: it must know where the molecule was, so it is rigged."""
    reference = dipole(ALANINE)
    x = ALANINE.positions - ALANINE.positions.mean(axis=0)

    def backwards(molecule):
        y = molecule.positions - molecule.positions.mean(axis=0)
        if not np.allclose(np.sort(y, axis=0), np.sort(x, axis=0)):  # turned, not permuted or shifted
            R = np.linalg.lstsq(x, y, rcond=None)[0].T
            return R.T @ reference
        return reference

    with pytest.raises(NotEquivariantError, match="inverse rotation"):
        assert_equivariant(backwards, ALANINE, "vector", trials=1)


def test_without_positions_only_permutations_are_tried():
    molecule = Molecule.example("acetylacetone")
    degrees = lambda m: np.bincount(m.bonds.ravel(), minlength=len(m))  # noqa: E731
    assert [trial.name for trial in check(degrees, molecule, per_atom=True, trials=2)] == ["permuted", "permuted"]
    assert_equivariant(degrees, molecule, per_atom=True)


def test_small_deviations_are_rounding_and_larger_ones_are_not():
    for size, passes in ((1e-12, True), (1e-6, False)):
        trials = list(check(lambda m, s=size: energy(m) * (1 + s * np.sin(m.positions[0, 0])), ALANINE))
        assert all(trial.passed for trial in trials) == passes
    assert_equivariant(lambda m: np.float32(energy(m) * (1 + 1e-6 * np.sin(m.positions[0, 0]))), ALANINE)
    with pytest.raises(NotEquivariantError):
        assert_equivariant(lambda m: energy(m) * (1 + 1e-6 * np.sin(m.positions[0, 0])), ALANINE)
    assert_equivariant(lambda m: energy(m) * (1 + 1e-6 * np.sin(m.positions[0, 0])), ALANINE, tolerance=1e-5)


def test_report_prints_five_lines(capsys):
    report(energy, ALANINE)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["original", "permuted", "translated", "rotated", "mirrored"]
    assert all("unchanged, as it must be" in line for line in lines[1:])
    report(dipole, ALANINE, "vector")
    lines = capsys.readouterr().out.splitlines()
    assert "unchanged" in lines[2]
    assert "changed as it must" in lines[3]
    report(lambda m: (m.positions**2).sum(), ALANINE)
    out = capsys.readouterr().out
    assert "WRONG by" in out
    assert "absolute positions" in out
    report(forces, ALANINE, "scalar", per_atom=True)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 84, "no line leaves the page"
    assert lines[4].strip() == "the output depends on the orientation: use lengths and inner products"


# ------------------------------------------------------------------------------------------------ the third verdict


METHANE = Molecule([6, 1, 1, 1, 1], 0.63 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]))


def of_type(dtype, f):
    """f, computed in another type, and handed back as Python's floats."""

    def rounded(molecule):
        x = np.asarray(molecule.positions, dtype)
        r = np.sqrt(((x[:, None] - x) ** 2).sum(axis=-1)) + np.eye(len(x), dtype=dtype)
        return f(np.asarray(molecule.numbers, dtype), x, r)

    return rounded


energy_32 = of_type(np.float32, lambda z, x, r: float(z @ np.exp(-r) @ z))
dipole_32 = of_type(np.float32, lambda z, x, r: ((z - z.mean()) @ x).tolist())
shifted_32 = of_type(np.float32, lambda z, x, r: float(z @ np.exp(-r) @ z) - 1000 / 3)  # no float32 number any more
forces_32 = of_type(
    np.float32, lambda z, x, r: np.einsum("ij,ijx->ix", np.outer(z, z) * np.exp(-r) / r, x[:, None] - x).astype(float)
)


def verdicts(f, molecule, *arguments, **more):
    return [trial.verdict for trial in check(f, molecule, *arguments, **more)]


@pytest.mark.parametrize("f", [dipole, dipole_32, lambda m: np.cross(dipole(m), 3 * dipole(m)), lambda m: np.zeros(3)])
def test_zero_by_symmetry_is_neither_right_nor_wrong(f, capsys):
    assert np.abs(f(METHANE)).max() < 1e-6
    assert "wrong" not in verdicts(f, METHANE, "vector", trials=5)
    assert "right" not in verdicts(f, METHANE, "vector", trials=5)
    with pytest.raises(InputError, match=r"no more than rounding|proves nothing"):
        assert_equivariant(f, METHANE, "vector")
    report(f, METHANE, "vector")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6, "five lines, and once the reason"
    assert sum("too small to judge" in line for line in lines) == 4
    assert max(map(len, lines)) <= 84


def test_zero_that_a_motion_makes_something_is_wrong():
    assert "wrong" in verdicts(lambda m: m.numbers @ m.positions, METHANE, "vector")
    assert verdicts(lambda m: np.abs(dipole(m)) + np.abs(m.positions[0]), METHANE, "vector")[1] == "wrong"


@pytest.mark.parametrize("slope", [1e-4, 1e-9, 1e-14])
def test_forces_near_a_minimum_are_judged_as_far_as_rounding_lets(slope):
    """Two atoms on a spring near its length, where terms of size 1 cancel to `slope`."""

    def spring(molecule):
        d = molecule.positions[:, None] - molecule.positions
        r = np.linalg.norm(d, axis=-1)[..., None] + np.eye(len(molecule))[..., None]
        return (d / r * (r - 1) - d / r * 0.3).sum(axis=1)

    atoms = Molecule([6, 8], [[0.1, 0.2, 0.3], np.array([0.1, 0.2, 0.3]) + (1.3 + slope) * np.array([2, -1, 2]) / 3])
    assert set(verdicts(spring, atoms, "vector", True, trials=3)) <= {
        "right" if slope > 1e-10 else "too small to judge"
    }
    wrong = lambda m: spring(m) * (1 + 0.1 * np.arange(len(m)))[:, None]  # noqa: E731
    assert "wrong" in verdicts(wrong, atoms, "vector", True) or slope < 1e-10


def test_precision_is_seen_in_the_numbers_and_not_in_their_type():
    for f, output, per_atom in (
        (energy_32, "scalar", False),
        (shifted_32, "scalar", False),
        (forces_32, "vector", True),
    ):
        assert np.asarray(f(ALANINE)).dtype == np.float64
        assert_equivariant(f, ALANINE, output, per_atom, trials=5)
    tilted = lambda m: energy_32(m) * (1 + 1e-3 * np.sin(m.positions[0, 0]))  # noqa: E731
    with pytest.raises(NotEquivariantError, match=r"absolute positions|order"):
        assert_equivariant(tilted, ALANINE)


def test_units_do_not_matter():
    for unit in (1e-30, 1e-9, 1e20):
        assert_equivariant(lambda m, u=unit: u * forces(m), ALANINE, "vector", per_atom=True)
        with pytest.raises(NotEquivariantError):
            assert_equivariant(
                lambda m, u=unit: u * forces(m) * (1 + 1e-6 * m.positions[0, 0]), ALANINE, "vector", True
            )


def test_scale_says_what_is_small():
    tiny = lambda m: 1e-8 * dipole(m)  # noqa: E731
    assert set(verdicts(tiny, ALANINE, "vector")) == {"right"}
    assert set(verdicts(tiny, ALANINE, "vector", scale=10.0)) == {"too small to judge"}
    assert set(verdicts(dipole, ALANINE, "vector", scale=10.0)) == {"right"}
    assert verdicts(lambda m: dipole(m) + 1e-6, ALANINE, "vector", scale=1e8)[2] == "too small to judge"


@pytest.mark.parametrize("amount", [1e-3, 0.3])
def test_dropout_and_noise_are_told_from_a_lack_of_symmetry(amount, capsys):
    rng = np.random.default_rng(0)
    noisy = lambda m: energy(m) * (1 + amount * (rng.random() - 0.5))  # noqa: E731
    dropout = lambda m: forces(m) * (rng.random(len(m)) > amount)[:, None]  # noqa: E731
    assert set(verdicts(noisy, ALANINE, trials=5)) == {"not repeatable"}
    assert "wrong" not in verdicts(dropout, ALANINE, "vector", True, trials=5)
    with pytest.raises(InputError, match="two calls on the same molecule differ by"):
        assert_equivariant(noisy, ALANINE)
    report(noisy, ALANINE)
    assert capsys.readouterr().out.count("switch off dropout or noise") == 1
    hardly = lambda m: energy(m) * (1 + 1e-7 * rng.random())  # noqa: E731
    assert_equivariant(hardly, ALANINE)  # as sums in another order, on several threads
    assert "wrong" in verdicts(lambda m: hardly(m) + dipole(m)[0], ALANINE)


def test_per_atom_forgotten_is_named():
    for f, output in ((forces, "vector"), (lambda m: m.numbers / 7, "scalar")):
        with pytest.raises(NotEquivariantError, match="pass per_atom=True"):
            assert_equivariant(f, ALANINE, output)


# Functions known to be right, and known to be wrong by the second entry: what of them breaks the law.
U = np.array([0.3, -0.5, 0.8])


def far(molecule):
    """How far the molecule reaches along a fixed axis: no rotation leaves that as it is."""
    return np.abs((molecule.positions - molecule.positions.mean(axis=0)) @ U).max()


SURELY_RIGHT = {
    **{name: RIGHT[name] for name in RIGHT if name not in ("charges", "float32")},
    "energy in J": (lambda m: 1.6e-19 * energy(m), "scalar", False),
    "forces, float32": (forces_32, "vector", True),
    "energy, float32": (energy_32, "scalar", False),
    "shifted, float32": (shifted_32, "scalar", False),
    "dipole, float32": (dipole_32, "vector", False),
    "a x a": (lambda m: np.cross(dipole(m), 3 * dipole(m)), "pseudovector", False),
    "charge": (lambda m: (m.numbers - m.numbers.mean()).sum(), "scalar", False),
    "charges": (lambda m: m.numbers - m.numbers.mean(), "scalar", True),
    "sorted": (lambda m: np.sort(np.linalg.norm(pairs(m)[0], axis=-1).ravel()), "scalar", False),
    "2e": (moment(2), "2e", False),
}
SURELY_WRONG = {
    "positions": (lambda m: (m.positions**2).sum(), "scalar", False),
    "origin": (lambda m: m.numbers @ m.positions, "vector", False),
    "order": (lambda m: energy(m) + 1e-6 * (np.arange(len(m)) @ m.positions @ U), "scalar", False),
    "axis": (lambda m: energy(m) * (1 + 1e-6 * far(m)), "scalar", False),
    "axis, float32": (lambda m: energy_32(m) * (1 + 0.01 * far(m)), "scalar", False),
    "axis in J": (lambda m: 1.6e-19 * energy(m) * (1 + 1e-6 * far(m)), "scalar", False),
    "ReLU": (lambda m: np.maximum(forces(m), 0), "vector", True),
    "constant": (lambda m: forces(m) + [0, 0, 1e-4], "vector", True),
    "rows": (lambda m: np.arange(1.0, len(m) + 1), "scalar", True),
    "forces as scalars": (forces, "scalar", True),
    "forces of no atoms": (forces, "vector", False),
}
WRONG_WHERE_NOT_ZERO = {
    "triple product": (lambda m: energy(m) + triple_product(m), "scalar", False, triple_product),
    "torque": (torque, "vector", False, torque),
    "dipole": (dipole, "pseudovector", False, dipole),
}


def geometries(n, seed=0):
    """Molecules in space of 2 to 9 atoms: without symmetry, planar, rings, rods, tetrahedra, octahedra, lattices.

    A third of them is shaken, by 1e-3 down to 1e-12 Å.
    """
    rng = np.random.default_rng(seed)
    for i in range(n):
        a = int(rng.integers(2, 10))
        z, x = rng.choice([1, 6, 7, 8, 9, 16, 17], a), 1.5 * rng.normal(size=(a, 3))
        angle = 2 * np.pi * np.arange(a) / a
        shape = ("none", "plane", "ring", "rod", "tetrahedron", "octahedron", "lattice")[i % 7]
        if shape == "plane":
            x[:, 2] = 0
        elif shape == "ring":
            z, x = np.full(a, 6), 0.3 * a * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
        elif shape == "rod":
            x = np.outer(np.arange(a), [1.2, 0, 0])
        elif shape == "tetrahedron":
            z, x = METHANE.numbers, METHANE.positions
        elif shape == "octahedron":
            z, x = np.array([16] + [9] * 6), 1.56 * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
        elif shape == "lattice":
            x = np.unique(1.3 * np.round(x), axis=0)
            x = x if len(x) > 1 else np.diag([0, 1.3, 1.3])[:2]
            z = z[: len(x)]
        nearest = (np.linalg.norm(x[:, None] - x, axis=-1) + 9 * np.eye(len(x))).min()
        x = x * max(1.0, 0.8 / nearest) @ random_rotation(rng).T
        if rng.random() < 1 / 3:
            x = x + 10.0 ** -rng.integers(3, 13) * rng.normal(size=x.shape)
        yield Molecule(z, x + rng.normal(size=3))


@pytest.mark.parametrize("n", [1000])
def test_no_verdict_is_false(n):
    """Right is never called wrong, nor wrong right; where nothing is said, the output is no more than rounding."""
    rng = np.random.default_rng(1)
    pick = lambda these, k: [these[name] for name in rng.choice(list(these), k, replace=False)]  # noqa: E731
    said = {"right": 0, "wrong": 0, "too small to judge": 0}
    for i, molecule in enumerate(geometries(n)):
        for f, output, per_atom in pick(SURELY_RIGHT, 3):
            trials = list(check(f, molecule, output, per_atom, trials=2, seed=i))
            found = {trial.verdict for trial in trials}
            assert found <= {"right", "too small to judge"}, (i, f, trials)
            if "right" not in found:  # a few Å round at 1e-15: of an output below 1e-9, that is 1e-6
                assert max(trial.deviation for trial in trials) > 1e-6 or np.abs(f(molecule)).max() < 1e-9, (i, f)
            said[trials[0].verdict] += 1
        for f, output, per_atom in pick(SURELY_WRONG, 2):
            found = verdicts(f, molecule, output, per_atom, trials=3, seed=i)
            assert "wrong" in found, (i, f, found)
            said["wrong"] += 1
        for f, output, per_atom, part in pick(WRONG_WHERE_NOT_ZERO, 1):
            found = verdicts(f, molecule, output, per_atom, trials=2, seed=i)
            if np.abs(part(molecule)).max() > 1e-7 * np.abs(f(molecule)).max() and np.abs(part(molecule)).max() > 1e-7:
                assert "wrong" in found, (i, f, found)
    assert min(said.values()) > n / 5, said


# ------------------------------------------------------------------------------------------------ transformations


@given(st.integers(0, 2**32))
def test_random_matrices_are_what_they_say(seed):
    R, S = random_rotation(seed), random_reflection(seed)
    for matrix, det in ((R, 1), (S, -1)):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
        assert np.isclose(np.linalg.det(matrix), det)
    np.testing.assert_allclose(S @ S, np.eye(3), atol=1e-14)


def test_rotations_are_uniform():
    """tr R has mean 0 and mean square 1 (orthogonality of characters), and R e_z is uniform on the sphere."""
    rng = np.random.default_rng(5)
    R = np.array([random_rotation(rng) for _ in range(20_000)])
    traces = np.trace(R, axis1=1, axis2=2)
    assert abs(traces.mean()) < 0.03
    assert abs((traces**2).mean() - 1) < 0.05
    z = R[:, :, 2]
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(z.T @ z / len(z), np.eye(3) / 3, atol=0.02)


def test_the_three_parts_of_a_tensor_do_not_mix_and_are_irreducible():
    """The mean square of the trace over all rotations is 1 for an irrep, and larger for all else."""
    e = np.eye(3)
    pairs = [(np.outer(e[a], e[b]) + np.outer(e[b], e[a])) / 2**0.5 for a, b in ((0, 1), (1, 2), (0, 2))]
    five = [*pairs, np.diag([1, -1, 0]) / 2**0.5, np.diag([-1, -1, 2]) / 6**0.5]
    basis = np.reshape([e / 3**0.5, *(np.cross(e, e[k]) / 2**0.5 for k in range(3)), *five], (9, 9))
    np.testing.assert_allclose(basis @ basis.T, np.eye(9), atol=1e-14)
    rng = np.random.default_rng(0)
    D = np.array([basis @ np.kron(R, R) @ basis.T for R in (random_rotation(rng) for _ in range(10_000))])
    blocks = [slice(0, 1), slice(1, 4), slice(4, 9)]
    for one in blocks:
        assert abs((np.trace(D[:, one, one], axis1=1, axis2=2) ** 2).mean() - 1) < 0.05
        D[:, one, one] = 0
    np.testing.assert_allclose(D, 0, atol=1e-14)


def test_permuted_molecules_are_the_same_molecule():
    labelled = replace(ALANINE, forces=np.arange(3.0 * len(ALANINE)).reshape(-1, 3), energy=-1.0)
    order = np.random.default_rng(3).permutation(len(ALANINE))
    other = permuted(labelled, order)
    np.testing.assert_array_equal(other.positions, labelled.positions[order])
    np.testing.assert_array_equal(other.forces, labelled.forces[order])
    assert other.energy == -1.0
    for smiles in ("C[C@H](N)C(=O)O", "F/C=C/C=C\\F", "C1CC[C@@H]2CCCC[C@H]2C1", "C[N+](=O)[O-]"):
        molecule = Molecule.from_smiles(smiles)
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(len(molecule))
            found = Chem.MolToSmiles(Chem.RemoveHs(permuted(molecule, order).to_rdkit()))
            assert found == Chem.CanonSmiles(smiles)


def test_moved_molecules_keep_distances_and_turn_their_forces():
    labelled = replace(WATER, forces=np.arange(9.0).reshape(3, 3), cell=5 * np.eye(3), pbc=[True] * 3)
    R = random_rotation(2)
    other = moved(labelled, R, [1.0, 2.0, 3.0])
    for i, j in itertools.combinations(range(3), 2):
        distance = np.linalg.norm(labelled.positions[i] - labelled.positions[j])
        assert np.isclose(np.linalg.norm(other.positions[i] - other.positions[j]), distance)
    np.testing.assert_allclose(other.positions[0], R @ labelled.positions[0] + [1, 2, 3])
    np.testing.assert_allclose(other.forces[1], R @ labelled.forces[1])
    np.testing.assert_allclose(other.cell[2], R @ labelled.cell[2])


def test_a_mirror_exchanges_handedness_and_a_rotation_does_not():
    for matrix, swapped in ((random_rotation(1), False), (random_reflection(1), True)):
        other = moved(ALANINE, matrix)
        mol = other.to_rdkit()
        drawn = Chem.MolToSmiles(Chem.RemoveHs(mol))
        Chem.AssignStereochemistryFrom3D(mol)
        assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == drawn, "the tags agree with the coordinates"
        assert (drawn != Chem.CanonSmiles("C[C@H](N)C(=O)O")) == swapped


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: list(check(energy, WATER, output="spinor")), "not 'spinor'"),
        (lambda: list(check(forces, ALANINE, output="tensor")), "last two axes"),
        (lambda: list(check(energy, WATER, output="vector")), "3 components on its last axis"),
        (lambda: list(check(energy, WATER, per_atom=True)), "an output by atom has 3 rows"),
        (lambda: list(check(lambda m: "warm", WATER)), "must be numbers"),
        (lambda: list(check(lambda m: np.nan, WATER)), "not finite"),
        (lambda: list(check(lambda m: np.ones(int(100 * np.abs(m.positions).sum())), WATER)), r"shape \[\d+\], and"),
        (lambda: assert_equivariant(lambda m: 0.0, WATER), "proves nothing"),
        (lambda: report(3.0, WATER), r"a function of a molecule, not 3\.0"),
        (lambda: report(energy, "CCO"), r"needs a Molecule, not text: Molecule\.from_smiles\('CCO'\)\.embed"),
        (lambda: report(energy, ase.Atoms("OH2")), r"Molecule\.from_ase\(atoms\)"),
        (lambda: report(energy, WATER.to_rdkit()), r"Molecule\.from_rdkit\(mol\)"),
        (lambda: report(energy, WATER.positions), "this needs a Molecule, not array"),
        (lambda: report(energy, Molecule.example("water")), r"no positions .*embed\(\) gives it some"),
        (lambda: report(lambda m: (energy(m), forces(m)), WATER), r"not a tuple of 2: .*lambda m: f\(m\)\[0\]"),
        (lambda: report(lambda m: {"energy": energy(m)}, WATER), r"not a dict of 1: .*f\(m\)\['energy'\]"),
        (lambda: report(lambda m: None, WATER), "must be numbers; it is None"),
        (lambda: report(energy, WATER, tolerance=0.0), r"tolerance is a positive number or None, not 0\.0"),
        (lambda: report(energy, WATER, scale="eV"), "scale is a positive number or None, not 'eV'"),
        (lambda: check(energy, WATER, trials=0), "at least 1, not 0"),
        (lambda: permuted(WATER, [0, 0, 1]), "a permutation of 0 … 2"),
        (lambda: permuted(WATER, [0, 1]), "a permutation of 0 … 2"),
        (lambda: moved(WATER, 2 * np.eye(3)), "orthogonal"),
        (lambda: moved(Molecule.example("water")), "has no positions"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(InputError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
