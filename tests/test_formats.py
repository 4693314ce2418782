"""Files of every kind in the table are read, labels too; what is not, is told in one sentence that helps."""

import pickle
import re

import ase
import ase.io
import numpy as np
import pytest
from ase import units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory

from dmol_molnet import InputError, Molecule, datasets, formats
from dmol_molnet.files import read_geometry, read_molecule, read_molecules, read_xyz
from dmol_molnet.molecules import InputWarning

FRAMES = datasets.load("acetylacetone").train[:8]
KCAL = units.kcal / units.mol


def same(found, expected, tolerance=1e-6):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.numbers, b.numbers)
        np.testing.assert_allclose(a.positions, b.positions, atol=tolerance)
        assert a.energy == pytest.approx(b.energy, abs=tolerance)
        np.testing.assert_allclose(a.forces, b.forces, atol=tolerance)


def to_ase(m, **info):
    atoms = ase.Atoms(m.numbers, m.positions, info=info)
    atoms.calc = SinglePointCalculator(atoms, energy=m.energy, forces=m.forces)
    return atoms


def test_trajectories_of_ase(tmp_path):
    with Trajectory(str(tmp_path / "a.traj"), "w") as file:
        for m in FRAMES:
            file.write(to_ase(m))
    same(read_molecules(tmp_path / "a.traj").molecules, FRAMES)
    (tmp_path / "b.traj").write_bytes((tmp_path / "a.traj").read_bytes()[:200])
    with pytest.raises(InputError, match=r"is no trajectory of ASE that can be read"):
        read_molecules(tmp_path / "b.traj")


@pytest.mark.parametrize("kind", ["sgdml", "rmd17", "padded"])
def test_arrays(kind, tmp_path):
    x, e = np.array([m.positions for m in FRAMES]), np.array([m.energy for m in FRAMES])
    f, z = np.array([m.forces for m in FRAMES]), FRAMES[0].numbers
    if kind == "sgdml":
        arrays = {"R": x, "E": e[:, None] / KCAL, "F": f / KCAL, "z": z, "e_unit": "kcal/mol", "r_unit": "Ang"}
    elif kind == "rmd17":
        arrays = {"coords": x, "energies": e / KCAL, "forces": f / KCAL, "nuclear_charges": z.astype(np.uint8)}
    else:
        room = [(0, 0), (0, 3), (0, 0)]
        arrays = {"R": np.pad(x, room), "E": e, "F": np.pad(f, room), "z": np.tile(np.pad(z, (0, 3)), (len(x), 1))}
    np.savez(tmp_path / "a.npz", **arrays)
    same(read_molecules(tmp_path / "a.npz").molecules, FRAMES)


def test_arrays_that_do_not_belong_together_are_told(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, says in (
        ({"R": np.zeros((2, 3, 3))}, "has no numbers, under the names z, nuclear_charges"),
        (
            {"R": np.zeros((2, 3, 3)), "z": [1, 1]},
            r"z must be whole numbers of the shape \[3\] or \[2, 3\], not int64 \[2\]",
        ),
        ({"R": np.zeros((2, 2, 3)), "z": [1, 1], "E": [1.0]}, "a.npz"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=says):
            read_molecules(path)


def test_nothing_unpickles(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.savez(tmp_path / "a.npz", R=np.array([Evil()], object), z=[1])
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(Evil()))
    (tmp_path / "c.traj").write_bytes(b"PickleTrajectory" + pickle.dumps(Evil()))
    (tmp_path / "ran").unlink(missing_ok=True)
    for name in ("a.npz", "b.pkl", "c.traj"):
        with pytest.raises(InputError):
            read_molecules(tmp_path / name)
    assert not (tmp_path / "ran").exists()


TAB = "\t"
NUMBERS = "157.7118 157.70997 157.70699 0. 13.21 -0.3877 0.1171 0.5048 35.3641 0.044749 -40.47893 -40.476062"
METHANE = f"""5
gdb 1\t{NUMBERS.replace(" ", TAB)}\t-40.475117\t-40.498597\t6.469\t
C\t-0.0126981359\t 1.0858041578\t 0.0080009958\t-0.535689
H\t 0.002150416\t-0.0060313176\t 0.0019761204\t 0.133921
H\t 1.0117308433\t 1.4637511618\t 0.0002765748\t 0.133922
H\t-0.540815069\t 1.4475266138\t-0.8766437152\t 0.133923
H\t-0.5238136345\t 1.4379326443\t 9.06*^-1\t 0.133923
1341.307\t1341.3284\t1341.365\t1562.6731\t1562.7453\t3038.3205\t3151.6034\t3151.6788\t3151.7078
C\tC\t
InChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4
"""


def test_raw_files_of_qm9(tmp_path):
    path = tmp_path / "dsgdb9nsd_000001.xyz"
    path.write_text(METHANE * 2)
    found = read_molecules(path, check=False)
    assert len(found.molecules) == 2
    one = found.molecules[1]
    assert one.formula == "CH4"
    assert one.positions[4, 2] == 0.906
    assert one.energy == pytest.approx(-40.47893 * units.Hartree)
    assert found.units[0] == "Hartree"


@pytest.mark.parametrize(
    ("first", "mass"), [("8 0 0 0\n1 0 0 1\n1 0 1 0", 1.008), ("O 0 0 0\nD 0 0 1\nT 0 1 0", 2.0141)]
)
def test_elements_as_numbers_and_isotopes(first, mass, tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(f"3\n\n{first}\n")
    ((atoms, _),) = formats.read(path, {})
    assert atoms.get_chemical_symbols() == ["O", "H", "H"]
    assert atoms.get_masses()[1] == pytest.approx(mass, abs=1e-3)
    assert next(read_xyz(path)).formula == "H2O"


@pytest.mark.parametrize("how", ["mark", "windows", "latin-1"])
def test_text_from_other_editors(how, tmp_path):
    path = tmp_path / "a.xyz"
    text = "2\nHülle energy=-1.5\nH 0 0 0\nH 0 0 0.75\n"
    path.write_bytes(
        {"mark": b"\xef\xbb\xbf" + text.encode(), "windows": text.replace("\n", "\r\n").encode(),
         "latin-1": text.encode("latin-1")}[how]
    )  # fmt: skip
    assert next(read_xyz(path)).energy == -1.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2\nProperties=species:S:1:pos:R:3:forces:R:3\nH 0 0 0 1 1 1\nH 0 0 0.7 1", "line 4, atom 2, has 5 columns"),
        (
            "2\nProperties=species:S:1:pos:R:3:forces:R:3\nH 0 0 0 1 1 1\nH 0 0 0.7 1",
            "the file seems to be cut off there",
        ),
        ("1\n\nXx 0 0 0\n", "line 3: 'Xx' is no element; a symbol such as C, or an atomic number"),
        ("1\n\n150 0 0 0\n", "molecule 1"),
        ("two\n\nH 0 0 0\n", "line 1 should be a number of atoms, and is 'two'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, says, tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(says)) as error:
        list(read_xyz(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", [".cif", ".gen", ".pdb", ".xsf", ".vasp"])
def test_geometries_that_ase_reads(ending, tmp_path):
    atoms = ase.Atoms("OH2", [[1, 1, 1], [1, 1, 2], [1, 2, 1]], cell=[8, 8, 8], pbc=True)
    ase.io.write(tmp_path / f"a{ending}", atoms)
    found = read_geometry(str(tmp_path / f"a{ending}"))
    assert found.formula == "H2O"
    d = np.linalg.norm(found.positions[:, None] - found.positions, axis=-1)
    assert sorted(d[np.triu_indices(3, 1)].round(2)) == [1.0, 1.0, 1.41]


def test_files_of_other_kinds_are_told_what_to_do(tmp_path):
    for name, says in (("a.h5", "is HDF5, .* write its molecules as extended XYZ"), ("a.dat", "a.dat")):
        (tmp_path / name).write_bytes(b"\x89HDF\r\n")
        with pytest.raises(InputError, match=says) as error:
            read_molecules(tmp_path / name)
        assert "\n" not in str(error.value)


def test_drawn_molecules_with_coordinates_keep_them(tmp_path):
    from rdkit import Chem
    from rdkit.Chem import AllChem

    mol = Chem.AddHs(Chem.MolFromSmiles("O=C(O)CCN"))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    path = tmp_path / "a.mol"
    Chem.MolToMolFile(mol, str(path))
    found = read_geometry(str(path))
    assert [a.GetSymbol() for a in mol.GetAtoms()] == list(found.symbols)
    np.testing.assert_allclose(found.positions, mol.GetConformer().GetPositions(), atol=1e-3)  # four digits in the file
    bare = Chem.RemoveHs(mol)
    Chem.MolToMolFile(bare, str(path))
    found = read_geometry(str(path))  # hydrogens are added, heavy atoms stay
    assert found.formula == Molecule.from_smiles("O=C(O)CCN").formula
    np.testing.assert_allclose(found.positions[:6], bare.GetConformer().GetPositions(), atol=1e-3)
    flat = Chem.MolFromSmiles("CCO")
    AllChem.Compute2DCoords(flat)
    Chem.MolToMolFile(flat, str(path))
    assert np.ptp(read_geometry(str(path)).positions, axis=0).min() > 0.5  # embedded
    with Chem.SDWriter(str(tmp_path / "b.sdf")) as file:
        for energy in (-1.0, -2.0):
            mol.SetProp("energy", str(energy))
            file.write(mol)
    for read in (read_geometry, lambda path: read_molecule(path, hydrogens=False)):
        with pytest.warns(InputWarning, match="holds 2 molecules: the last is taken"):
            read(str(tmp_path / "b.sdf"))
    assert [m.energy for m in read_molecules(tmp_path / "b.sdf", check=False).molecules] == [-1.0, -2.0]
