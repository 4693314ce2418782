"""XYZ as programs write it, and what else stands in files: charges, masses, momenta, constraints, units of forces."""

import io
import pickle
import tarfile
import warnings

import ase
import ase.db
import ase.io
import numpy as np
import pytest
from ase import units
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixBondLengths, FixCartesian, FixedPlane
from hypothesis import given, settings
from hypothesis import strategies as st
from test_files import FRAMES, assert_same, text

from dmol_molnet import InputError, Molecule, dynamics, formats
from dmol_molnet.files import check_labels, read_atoms, read_geometry, read_molecules
from dmol_molnet.molecules import SYMBOLS, InputWarning
from dmol_molnet.xyz import frames, text_lines

WATER = "3\ncomment\nO 0 0 0.1\nH 0.76 0 -0.48\nH -0.76 0 -0.48\n"
QM9 = (
    "2\ngdb 7\t157.7\t157.7\t157.7\t0.\t13.21\t-0.38\t0.11\t0.50\t35.3\t0.04\t-40.47\t-40.48\t-40.47\t-40.49\t6.469\n"
    "C\t-0.0126\t 1.0858\t 0.0080\t-0.53\nH\t 0.0021\t-6.03*^-3\t 1.976*^-6\t 0.13\n"
    "1341.3\t1341.3\nC\tC\nInChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4\n"
)


def read_text(content):
    return list(frames(text_lines(io.BytesIO(content if isinstance(content, bytes) else content.encode()))))


@pytest.fixture
def file(tmp_path):
    def write(content, name="data.xyz"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


ELEMENTS = st.lists(st.integers(1, 118), min_size=1, max_size=6)
COORDINATES = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 6))


@settings(max_examples=60)
@given(
    st.lists(ELEMENTS, min_size=1, max_size=4),
    st.data(),
    st.sampled_from(["symbol", "number", "lower", "upper"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_is_written_by_hand_is_read(molecules, data, how, encoding, end):
    lines, expected = [], []
    for numbers in molecules:
        x = [[data.draw(COORDINATES) for _ in range(3)] for _ in numbers]
        expected.append((numbers, x))
        words = {
            "symbol": [SYMBOLS[z] for z in numbers],
            "number": [str(z) for z in numbers],
            "lower": [SYMBOLS[z].lower() for z in numbers],
            "upper": [SYMBOLS[z].upper() for z in numbers],
        }[how]
        lines += [str(len(numbers)), "ein Molekül"]
        lines += [f"{word}\t{a:.6f}  {b:.6f} {c:.6f}" for word, (a, b, c) in zip(words, x, strict=True)]
    found = read_text((end.join(lines) + end).encode(encoding))
    assert len(found) == len(expected)
    for atoms, (numbers, x) in zip(found, expected, strict=True):
        assert atoms.numbers.tolist() == numbers
        np.testing.assert_allclose(atoms.positions, x, atol=1e-9)


@settings(max_examples=20)
@given(st.sampled_from(["traj", "json", "xyz", "db"]), st.integers(1, 3), st.booleans(), st.integers(0, 2**31 - 1))
def test_what_ase_writes_is_read(tmp_path_factory, ending, n, periodic, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("ase") / f"data.{ending}"
    written = []
    for _ in range(n):
        atoms = ase.Atoms("CHO", rng.normal(size=(3, 3)) * 2, cell=rng.normal(size=(3, 3)) + 9 * np.eye(3))
        atoms.pbc = periodic
        atoms.set_masses([13.0, 2.0, 18.0])
        atoms.calc = SinglePointCalculator(atoms, energy=rng.normal(), forces=rng.normal(size=(3, 3)))
        written.append(atoms)
    if ending in ("db", "json"):
        with ase.db.connect(path) as database:
            for atoms in written:
                database.write(atoms)
    else:
        ase.io.write(path, written)
    read = read_molecules(path, check=False)
    assert len(read.molecules) == n
    for a, b in zip(read.molecules, written, strict=True):
        np.testing.assert_allclose(a.positions, b.positions, atol=1e-7)
        np.testing.assert_allclose(a.forces, b.get_forces(), atol=1e-7)
        np.testing.assert_allclose(a.masses, [13.0, 2.0, 18.0])
        assert a.energy == pytest.approx(b.get_potential_energy(), abs=1e-7)
        assert (a.cell is not None) == periodic
        if periodic:
            np.testing.assert_allclose(a.cell, b.cell.array, atol=1e-7)


def test_raw_qm9_alone_in_a_row_and_in_its_archive(file):
    for content, n in ((QM9, 1), (QM9 * 3, 3), (QM9.split("1341")[0], 1)):
        read = read_molecules(file(content), check=False)
        assert (read.energy_key, read.units[0], len(read.molecules)) == ("U0", "Hartree", n)
        assert read.molecules[-1].energy == pytest.approx(-40.47 * units.Hartree)
        np.testing.assert_allclose(read.molecules[0].positions[1], [0.0021, -6.03e-3, 1.976e-6])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:bz2") as archive:
        for k in range(3):
            member = tarfile.TarInfo(f"dsgdb9nsd_{k:06}.xyz")
            member.size = len(QM9.encode())
            archive.addfile(member, io.BytesIO(QM9.encode()))
    assert len(read_molecules(file(packed.getvalue(), "dsgdb9nsd.xyz.tar.bz2"), check=False).molecules) == 3


@pytest.mark.parametrize(
    "comment",
    ["-76.123456", "  -76.123456 !CONF1", "Coordinates from ORCA-job water E -76.123456",
     " energy: -76.123456 gnorm: 0.000123 xtb: 6.7.0 (08d57ac)"],
)  # fmt: skip
def test_energies_in_comments_are_in_hartree(file, comment):
    read = read_molecules(file(WATER.replace("comment", comment)))
    assert read.molecules[0].energy == pytest.approx(-76.123456 * units.Hartree)
    assert bool(read.suspicions) == comment.strip().startswith("-")
    asked = read_molecules(file(WATER.replace("comment", comment)), energy_unit="eV", check=False)
    assert asked.molecules[0].energy == pytest.approx(-76.123456)


@pytest.mark.parametrize("comment", ["12", "t = 12.5", "0.125", "frame -3", "12.345"])
def test_other_numbers_in_comments_are_no_energies(file, comment):
    assert read_molecules(file(WATER.replace("comment", comment))).molecules[0].energy is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (WATER.replace("H 0.76", "Qq 0.76"), "line 4: 'Qq' is no element; a symbol such as C, or an atomic number"),
        (WATER.replace("0.76 0", "0.76 zero"), "line 4: 'zero' should be a number"),
        (WATER.replace("H 0.76", "119 0.76"), "line 4: '119' is no element"),
        (WATER + WATER[:-8], "molecule 2: the file ends inside molecule 2: line 10, atom 3, has 2 columns of 4"),
        (WATER + WATER[:25], "the file ends inside molecule 2"),
        (WATER.replace("0 -0.48\nH", "\nH"), "line 4, atom 2, has 2 columns, and should have 4: species:S:1:pos:R:3"),
        (text(FRAMES[:2]).rstrip().rsplit(" ", 2)[0], "ends inside molecule 2: line 34, atom 15, has 5 columns of 7"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(file, content, says):
    with pytest.raises(InputError, match=says):
        read_molecules(file(content))


def test_isotopes_have_their_masses(file):
    heavy = read_molecules(file("3\n\nO 0 0 0\nD 0 0 1\nT 0 1 0\n")).molecules[0]
    assert heavy.symbols == ("O", "H", "H")
    np.testing.assert_allclose(heavy.masses, [15.999, 2.01410177812, 3.0160492779], atol=1e-6)
    for smiles in ("[2H]O[2H]", "[13CH4]"):
        molecule = Molecule.from_smiles(smiles).embed(0)
        assert molecule.masses is not None
        np.testing.assert_allclose(molecule.to_ase().get_masses(), molecule.masses)
    assert Molecule.from_smiles("O").masses is None
    column = file("1\nProperties=species:S:1:pos:R:3:masses:R:1\nH 0 0 0 2.5\n")
    assert read_atoms(str(column)).get_masses().tolist() == [2.5]
    with pytest.raises(InputError, match="a mass is a positive number"):
        Molecule([1], masses=[0.0])


@pytest.mark.parametrize("name", ["charge", "total_charge", "Total_Charge", "net_charge"])
def test_charges_are_read(file, name):
    assert read_molecules(file(WATER.replace("comment", f"{name}=-1"))).molecules[0].charge == -1
    assert read_geometry(str(file(WATER.replace("comment", f"{name}=-1")))).charge == -1
    with pytest.raises(InputError, match="are different charges"):
        read_molecules(file(WATER.replace("comment", f"{name}=-1 tot_charge=1")))


def test_two_charges_of_a_composition_are_not_trained_on_together():
    mixed = [
        *FRAMES[:3],
        *(Molecule(m.numbers, m.positions, charge=1, energy=m.energy, forces=m.forces) for m in FRAMES[:2]),
    ]
    with pytest.raises(InputError, match=r"molecules 1 and 4 are both C5H8O2, with charges \+0 and \+1"):
        check_labels(mixed)
    check_labels(mixed, compare=False)


def test_the_curve_of_a_bond_is_no_mixture_of_units():
    """Morse's curves of N2 and H2, from the wall to free atoms, and their mirror: more atoms far away than near."""
    for depth, steepness, length, z in ((9.9, 2.7, 1.1, 7), (4.75, 1.94, 0.74, 1)):
        for total in (0.0, -13.6 * 2, -1480.0):
            r = np.linspace(0.7 * length, 6, 120)
            e = depth * ((1 - np.exp(-steepness * (r - length))) ** 2 - 1) + total
            assert np.ptp(e) / 2 > 2
            check_labels([Molecule([z, z], [[0, 0, 0], [0, 0, d]], energy=v) for d, v in zip(r, e, strict=True)], False)


def test_forces_beside_hartree_are_told_apart_or_asked_for(file):
    sure = list(_displaced(FRAMES[0]))
    for unit, size in (
        ("Hartree/Bohr", units.Hartree / units.Bohr), ("Hartree/Å", units.Hartree), ("eV/Å", 1.0)
    ):  # fmt: skip
        path = file(text(sure, e=units.Hartree, f=size))
        read = read_molecules(path, energy_unit="Hartree")
        assert read.units[2] == unit
        assert_same(read.molecules, sure)
        assert any(unit in said for said in read.suspicions)
    with pytest.raises(InputError, match="say it by --force-unit, Hartree/Bohr as most programs write them"):
        read_molecules(file(text(FRAMES[:2], e=units.Hartree)), energy_unit="Hartree")


def _displaced(molecule):
    """The molecule and its neighbours in a harmonic well, whose forces are exact."""
    rng, rest = np.random.default_rng(0), molecule.positions
    for _ in range(30):
        d = rng.normal(size=rest.shape) * 0.03
        yield Molecule(molecule.numbers, rest + d, energy=-1900 + 5 * float((d**2).sum()), forces=-10 * d)


def test_what_is_not_used_is_said(file):
    path = file(WATER.replace("comment", 'energy=-1 virial="1 0 0 0 1 0 0 0 1"'))
    assert any("'virial' in the file is not used" in said for said in read_molecules(path).suspicions)


def test_molfiles_keep_geometry_and_order(tmp_path):
    from rdkit import Chem

    mol = Chem.AddHs(Chem.MolFromSmiles("OCO[13CH3]"))
    from rdkit.Chem import AllChem

    AllChem.EmbedMolecule(mol, randomSeed=3)
    path = tmp_path / "a.mol"
    path.write_text(Chem.MolToMolBlock(mol))
    found = read_geometry(str(path))
    np.testing.assert_allclose(found.positions, mol.GetConformer().GetPositions(), atol=1e-4)
    assert found.symbols == tuple(a.GetSymbol() for a in mol.GetAtoms())
    assert found.masses[3] == pytest.approx(13.003, abs=1e-3)
    mol.SetDoubleProp("energy", -3.5)
    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        for _ in range(2):
            writer.write(mol)
    assert [m.energy for m in read_molecules(tmp_path / "a.sdf").molecules] == [-3.5, -3.5]
    with pytest.warns(InputWarning, match="holds 2 molecules: the last is taken"):
        read_geometry(str(tmp_path / "a.sdf"))
    AllChem.Compute2DCoords(mol)
    path.write_text(Chem.MolToMolBlock(mol))
    with pytest.warns(InputWarning, match="drawing in the plane"):
        assert np.linalg.matrix_rank(read_geometry(str(path)).positions, tol=1e-2) == 3


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


def test_nothing_unpickles(tmp_path):
    bomb = pickle.dumps(_Bomb())
    for name in ("a.traj", "a.pkl", "a.pt", "a.npy", "a.xyz", "a.npz", "a.db", "a.json", "a.cif"):
        (tmp_path / name).write_bytes(bomb)
        with pytest.raises(InputError):
            read_molecules(tmp_path / name)
    objects = np.empty(1, object)
    objects[0] = _Bomb()
    np.savez(tmp_path / "a.npz", R=np.zeros((1, 2, 3)), z=np.ones(2, int), E=objects)
    with pytest.raises(InputError, match="pickled, and is never read"):
        read_molecules(tmp_path / "a.npz")


def test_every_format_stands_in_the_table():
    assert len(formats.table()[1]) == len(formats.FORMATS)
    assert all(end in formats.rst_table() for one in formats.FORMATS for end in one.endings)


# ------------------------------------------------------------------------------------------------ dynamics


def _cluster():
    x = np.array([[0, 0, 0], [1.1, 0, 0], [0, 1.1, 0], [0, 0, 1.1], [1.1, 1.1, 0.1]])
    return ase.Atoms("Ar5", x, calculator=LennardJones())


@pytest.mark.parametrize(
    ("constraints", "dof"),
    [([], 9), ([FixAtoms([0])], 12), ([FixAtoms([0, 1]), FixAtoms([1])], 9),
     ([FixCartesian([2], [True, False, True])], 13),
     ([FixBondLengths([[0, 1]])], 8)],
)  # fmt: skip
def test_velocities_have_the_temperature_of_what_can_move(constraints, dof):
    atoms = _cluster()
    atoms.set_constraint(constraints)
    dynamics.heat(atoms, 300.0, np.random.default_rng(0))
    assert atoms.get_kinetic_energy() == pytest.approx(0.5 * dof * units.kB * 300, rel=1e-9)
    before = atoms.positions.copy()
    dynamics.run(atoms, None, temperature=1.0, picoseconds=0.005, friction=None)
    for constraint in constraints:
        if isinstance(constraint, FixAtoms):
            np.testing.assert_array_equal(atoms.positions[constraint.index], before[constraint.index])
    assert np.abs(atoms.positions - before).max() > 1e-4


def test_constraints_that_would_not_hold_are_refused():
    atoms = _cluster()
    atoms.set_constraint(FixedPlane(0, (1, 0, 0)))
    with pytest.raises(InputError, match="of the kind FixedPlane is not kept"):
        dynamics.run(atoms, None)
    atoms.set_constraint(FixAtoms(range(5)))
    with pytest.raises(InputError, match="all atoms are fixed"):
        dynamics.run(atoms, None)


def test_a_run_goes_on_from_its_own_file(tmp_path):
    """Two halves of a run at constant energy are the whole, with masses, charge and fixed atoms."""
    atoms = _cluster()
    atoms.info["charge"] = 1
    atoms.set_masses([30, 40, 40, 41, 42])
    atoms.set_constraint(FixAtoms([0]))
    dynamics.heat(atoms, 20.0, np.random.default_rng(1))
    whole = atoms.copy()
    whole.calc = LennardJones()
    options = {"friction": None, "timestep": 0.5, "every": 5}
    dynamics.run(whole, None, picoseconds=0.02, **options)
    dynamics.run(atoms, tmp_path / "a.xyz", picoseconds=0.01, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        half = read_atoms(str(tmp_path / "a.xyz"))
    assert half.info == {"charge": 1}
    half.calc = LennardJones()
    dynamics.run(half, None, picoseconds=0.01, **options)
    np.testing.assert_allclose(half.positions, whole.positions, atol=1e-6)
    np.testing.assert_array_equal(half.get_masses(), [30, 40, 40, 41, 42])
    np.testing.assert_array_equal(half.positions[0], [0, 0, 0])
