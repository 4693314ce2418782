"""Harmonic vibrations against closed forms and ASE's own."""

import ase
import numpy as np
import pytest
from ase import units
from ase.calculators.calculator import Calculator, all_changes
from ase.vibrations import Vibrations
from scipy.spatial.transform import Rotation

from dmol_molnet import Molecule, vibrations


class Springs(Calculator):
    """A spring of 30 eV/Å² between any two atoms, at rest where the atoms were when it was made."""

    implemented_properties = ("energy", "forces")

    def __init__(self, atoms, sign=1):
        super().__init__()
        self.lengths, self.sign = atoms.get_all_distances(), sign

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        d = atoms.positions[:, None] - atoms.positions  # [A, A, 3]
        r = np.linalg.norm(d, axis=-1) + np.eye(len(atoms))
        off = r - self.lengths - np.eye(len(atoms))
        self.results["energy"] = self.sign * 0.25 * 30.0 * (off**2).sum()
        self.results["forces"] = -self.sign * 30.0 * ((off / r)[..., None] * d).sum(axis=1)


def on_springs(atoms, sign=1):
    atoms.calc = Springs(atoms, sign)
    return atoms


def harmonic(smiles):
    return on_springs(Molecule.from_smiles(smiles).embed().to_ase())


def modes(atoms):
    return vibrations.modes(vibrations.hessian(atoms), atoms.positions, atoms.get_masses())


def test_two_masses_on_a_spring():
    atoms = on_springs(ase.Atoms("CO", [[0, 0, 0], [0.3, 0.4, 1.0]]))
    found = modes(atoms)
    m, n = atoms.get_masses()
    omega = np.sqrt(30.0 * units._e / 1e-20 / (m * n / (m + n) * units._amu))  # 1/s, in SI
    np.testing.assert_allclose(found.frequencies, [omega / (2 * np.pi * units._c * 100)], rtol=1e-5)
    np.testing.assert_allclose(found.zero_point_energy, 0.5 * units._hbar * omega / units._e, rtol=1e-5)


@pytest.mark.parametrize(("smiles", "count"), [("O", 3), ("O=C=O", 4), ("C", 9), ("CCO", 21), ("[HH]", 1)])
def test_frequencies_are_those_of_ase(smiles, count, tmp_path):
    atoms = harmonic(smiles)
    found, where = modes(atoms), atoms.positions.copy()
    assert found.displacements.shape == (count, len(atoms), 3)
    ase_s = Vibrations(atoms, name=str(tmp_path / "v"), delta=0.005)
    ase_s.run()
    frequencies = ase_s.get_frequencies()
    known = np.sort(np.where(frequencies.imag > 0, -frequencies.imag, frequencies.real))
    known = np.sort(known[np.argsort(np.abs(known))[-count:]])  # without shifts and turns
    np.testing.assert_allclose(found.frequencies, known, rtol=1e-4)
    np.testing.assert_array_equal(atoms.positions, where)


def test_displacements_are_orthonormal_in_masses_and_neither_shift_nor_turn():
    atoms = harmonic("CCO")
    u = modes(atoms).displacements
    m = atoms.get_masses()
    np.testing.assert_allclose(np.einsum("kai,lai,a->kl", u, u, m), np.eye(len(u)), atol=1e-9)
    np.testing.assert_allclose(np.einsum("kai,a->ki", u, m), 0, atol=1e-9)
    x = atoms.positions - atoms.get_center_of_mass()
    np.testing.assert_allclose(np.einsum("a,kai->ki", m, np.cross(x, u)), 0, atol=1e-9)


def test_a_turned_molecule_vibrates_alike():
    atoms = harmonic("CC=O")
    turned = atoms.copy()
    turned.positions = atoms.positions @ Rotation.random(rng=1).as_matrix().T + [1, 2, 3]
    np.testing.assert_allclose(modes(on_springs(turned)).frequencies, modes(atoms).frequencies, rtol=1e-3)


def test_energy_along_a_mode_is_a_parabola():
    atoms = harmonic("CO")
    found, x = modes(atoms), atoms.positions.copy()
    for k in (0, 5, -1):
        atoms.positions = x + 1e-3 * found.displacements[k]
        np.testing.assert_allclose(atoms.get_potential_energy(), 0.5 * found.squares[k] * 1e-6, rtol=1e-2)


def test_an_unstable_mode_is_negative():
    atoms = on_springs(ase.Atoms("H2", [[0, 0, 0], [0, 0, 0.8]]), sign=-1)
    found = modes(atoms)
    assert found.frequencies[0] < 0
    assert found.zero_point_energy == 0


def test_water_by_gfn2_has_the_frequencies_of_water():
    tblite = pytest.importorskip("tblite.ase")
    from dmol_molnet import dynamics

    atoms = Molecule.from_smiles("O").embed().to_ase()
    atoms.calc = tblite.TBLite(method="GFN2-xTB", verbosity=0)
    dynamics.relax(atoms, 1e-3)
    measured = [1595, 3657, 3756]  # 1/cm: Shimanouchi (1972), fundamentals
    np.testing.assert_allclose(modes(atoms).frequencies, measured, rtol=0.08)
