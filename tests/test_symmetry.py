"""The checker: passes what transforms as it should, and finds and names what does not."""

import itertools
from dataclasses import replace

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
