"""Labelled molecules from files: any usual name and unit, and one sentence for whatever is wrong with them."""

import gzip
import io
import lzma
import re
import sqlite3
from dataclasses import replace

import ase.db
import ase.io
import numpy as np
import pytest
from ase import units
from ase.calculators.singlepoint import SinglePointCalculator

from dmol_molnet import InputError, Molecule, datasets
from dmol_molnet.files import check_labels, check_units, read_geometry, read_molecules

FRAMES = datasets.load("acetylacetone").train[:60]
KCAL, HARTREE, BOHR = units.kcal / units.mol, units.Hartree, units.Bohr


def text(molecules, energy="energy", forces="forces", e=1.0, x=1.0, f=1.0):
    """Extended XYZ written by hand; e, x and f are the sizes of units in eV, Å and eV/Å."""
    lines = []
    for m in molecules:
        labels = "" if energy is None or m.energy is None else f" {energy}={m.energy / e!r}"
        columns = "" if forces is None or m.forces is None else f":{forces}:R:3"
        lines += [f"{len(m)}", f'Properties=species:S:1:pos:R:3{columns}{labels} pbc="F F F"']
        for k, symbol in enumerate(m.symbols):
            row = [*(m.positions[k] / x), *(m.forces[k] / f if columns else [])]
            lines.append(" ".join([symbol, *(f"{number:.10f}" for number in row)]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="data.xyz"):
        path = tmp_path / name
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    return write


def assert_same(found, expected, tolerance=1e-6):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.numbers, b.numbers)
        np.testing.assert_allclose(a.positions, b.positions, atol=tolerance)
        np.testing.assert_allclose(a.forces, b.forces, atol=tolerance)
        assert a.energy == pytest.approx(b.energy, abs=1e-6)


# ------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    "energy",
    "energy Energy E total_energy dft_energy REF_energy DFT_energy energy_ref free_energy U0 total-energy "
    "potential_energy Etot E_tot scf_energy xtb_energy".split(),
)
def test_usual_names_of_energies(file, energy):
    read = read_molecules(file(text(FRAMES[:4], energy=energy)))
    assert read.energy_key == energy
    assert_same(read.molecules, FRAMES[:4])
    assert f"energies from '{energy}' in eV" in str(read)


@pytest.mark.parametrize(
    ("forces", "sign"),
    [*((name, 1) for name in "forces force Forces REF_forces dft_forces DFT_force forces_ref".split()),
     *((name, -1) for name in "gradient gradients grad dft_gradient energy_grad dE/dx".split())],
)  # fmt: skip
def test_usual_names_of_forces_and_the_sign_of_derivatives(file, forces, sign):
    read = read_molecules(file(text(FRAMES[:4], forces=forces, f=sign)))
    assert read.forces_key == forces
    assert_same(read.molecules, FRAMES[:4])


@pytest.mark.parametrize(
    "name", ["atomization_energy", "formation_energy", "kinetic_energy", "temperature", "MACE_energy"]
)
def test_other_numbers_are_no_energies(file, name):
    path = file(text(FRAMES[:2], energy=name))
    assert read_molecules(path).molecules[0].energy is None
    assert read_molecules(path, energy_key=name).molecules[0].energy == pytest.approx(FRAMES[0].energy)


def test_several_names_must_agree_or_be_chosen_from(file):
    both = text(FRAMES[:3], energy="REF_energy").replace("REF_energy=", "energy=-1.0 REF_energy=")
    with pytest.raises(
        InputError, match=r"more than one kind of energy, 'energy', 'REF_energy'; say which by --energy-key"
    ):
        read_molecules(file(both))
    assert_same(read_molecules(file(both), energy_key="REF_energy").molecules, FRAMES[:3])
    # As ASE writes results of a calculation: twice the same.
    same = re.sub(r" energy=(\S+)", r" energy=\1 free_energy=\1", text(FRAMES[:3]))
    assert read_molecules(file(same)).energy_key == "energy"
    mixed = text(FRAMES[:2]) + text(FRAMES[2:4], energy="E")
    with pytest.raises(InputError, match="more than one kind of energy"):
        read_molecules(file(mixed))


def test_names_that_are_not_there_are_told_with_those_that_are(file):
    path = file(text(FRAMES[:2], energy="E", forces="f"))
    assert read_molecules(path).forces_key is None
    with pytest.raises(InputError, match="has no energy called 'e'; there are 'E'"):
        read_molecules(path, energy_key="e")
    with pytest.raises(InputError, match="has no forces called 'g'; there are 'f'"):
        read_molecules(path, forces_key="g")


# ------------------------------------------------------------------------------------------------ units, kinds of files


@pytest.mark.parametrize(
    ("options", "e", "x", "f"),
    [
        ({"energy_unit": "kcal/mol"}, KCAL, 1.0, KCAL),
        ({"energy_unit": "kJ/mol", "force_unit": "eV/Ang"}, units.kJ / units.mol, 1.0, 1.0),
        ({"energy_unit": "Hartree", "force_unit": "Hartree/Bohr"}, HARTREE, 1.0, HARTREE / BOHR),
        ({"energy_unit": "ha", "length_unit": "bohr"}, HARTREE, BOHR, HARTREE / BOHR),
        ({"force_unit": "meV/A"}, 1.0, 1.0, 1e-3),
        ({"length_unit": "nm"}, 1.0, 10.0, 0.1),
    ],
)
def test_units(file, options, e, x, f):
    assert_same(read_molecules(file(text(FRAMES, e=e, x=x, f=f)), **options).molecules, FRAMES)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"energy_unit": "erg"}, "'erg' is no unit of energy that is known here; those are eV"),
        ({"length_unit": "ell"}, "'ell' is no unit of length"),
        ({"force_unit": "N"}, "'N' is no unit of force"),
        ({"force_unit": "eV/ell"}, "'eV/ell' is no unit of force"),
    ],
)
def test_unknown_units(file, options, says):
    with pytest.raises(InputError, match=says):
        read_molecules(file(text(FRAMES[:2])), **options)


@pytest.mark.parametrize(("ending", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_compressed_files(file, ending, pack):
    assert_same(read_molecules(file(pack(text(FRAMES[:3]).encode()), f"data.xyz{ending}")).molecules, FRAMES[:3])


@pytest.mark.parametrize("ending", ["db", "json"])
def test_databases_of_ase(tmp_path, ending):
    path = tmp_path / f"data.{ending}"
    with ase.db.connect(path) as database:
        for m in FRAMES[:5]:
            atoms = ase.Atoms(m.numbers, m.positions)
            atoms.calc = SinglePointCalculator(atoms, energy=m.energy, forces=m.forces)
            database.write(atoms, temperature=300.0)
    before = path.read_bytes()
    assert_same(read_molecules(path).molecules, FRAMES[:5])
    assert path.read_bytes() == before
    np.testing.assert_allclose(read_geometry(str(path)).positions, FRAMES[4].positions, atol=1e-8)


def test_databases_may_state_their_units(tmp_path):
    """As SchNetPack writes them: labels beside the atoms, units in the metadata."""
    path = tmp_path / "data.db"
    with ase.db.connect(path) as database:
        database.metadata = {
            "_distance_unit": "Ang",
            "_property_unit_dict": {"energy": "kcal/mol", "forces": "kcal/mol/Ang"},
        }
        for m in FRAMES[:5]:
            data = {"energy": np.array([m.energy / KCAL]), "forces": m.forces / KCAL}
            database.write(ase.Atoms(m.numbers, m.positions), data=data)
    assert_same(read_molecules(path).molecules, FRAMES[:5])


def test_cells_are_kept(file):
    path = file('1\nLattice="8 0 0 0 9 0 0 0 10" Properties=species:S:1:pos:R:3 energy=-1 pbc="T T F"\nAr 0 0 0\n')
    molecule = read_molecules(path, length_unit="Bohr").molecules[0]
    np.testing.assert_allclose(np.diag(molecule.cell), np.array([8, 9, 10]) * BOHR)
    assert molecule.pbc.tolist() == [True, True, False]


# ------------------------------------------------------------------------------------------------ faults


def _cut(content, share):
    return content[: int(len(content) * share)]


BROKEN = {
    "cut in a frame": lambda t: _cut(t, 0.71),
    "cut after a count": lambda t: t + "15\n",
    "a word for a number": lambda t: t.replace("C 1", "C x1", 1).replace("H ", "H x", 1),
    "a column short": lambda t: t.rstrip().rsplit(" ", 1)[0] + "\n",
    "an empty line between frames": lambda t: t.replace("\n15\n", "\n\n15\n", 1),
    "a wrong count": lambda t: t.replace("15\n", "14\n", 1),
    "no element": lambda t: t.replace("\nC ", "\nQq ", 1),
    "not text": lambda t: b"\xff\xfe\x00" * 50,
    "nothing": lambda t: "",
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_files_are_one_sentence(file, how):
    path = file(BROKEN[how](text(FRAMES[:4])))
    with pytest.raises(InputError, match=r"ata\.xyz' (is not an extended XYZ file|holds no molecule)") as caught:
        read_molecules(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["xz", "gz", "bz2"])
def test_broken_compression_is_one_sentence(file, ending):
    packed = {"xz": lzma.compress, "gz": gzip.compress}.get(ending, lambda t: b"BZh9nonsense")(
        text(FRAMES[:4]).encode()
    )
    for content in (packed[: len(packed) // 2], packed[:30] + b"nonsense" + packed[38:], b"nonsense"):
        with pytest.raises(InputError, match="is not an extended XYZ file"):
            read_molecules(file(content, f"data.xyz.{ending}"))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"SQLite format 3\x00nonsense"])
@pytest.mark.parametrize("ending", ["db", "json"])
def test_broken_databases_are_one_sentence_and_stay_as_they_are(file, ending, content):
    path = file(content, f"data.{ending}")
    with pytest.raises(InputError, match="is no database of ASE that can be read"):
        read_molecules(path)
    assert path.read_bytes() == content
    assert len(list(path.parent.iterdir())) == 1


def test_other_databases_are_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("create table t (x int)")
    before = path.read_bytes()
    with pytest.raises(InputError, match="is no database of ASE"):
        read_molecules(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda t: re.sub(r"energy=\S+", "energy=nan", t, count=1),
            "molecule 1: the energy is a number in eV, not nan",
        ),
        (
            lambda t: re.sub(r"energy=\S+", "energy=abc", t, count=1),
            "molecule 1: the energy is a number in eV, not 'abc'",
        ),
        (lambda t: t.rstrip().rsplit(" ", 1)[0] + " nan\n", "molecule 4: forces must be finite"),
        (lambda t: t.rstrip().rsplit(" ", 1)[0] + " -inf\n", "molecule 4: forces must be finite"),
    ],
)
def test_labels_that_are_no_numbers_name_their_molecule(file, change, says):
    with pytest.raises(InputError, match=says):
        read_molecules(file(change(text(FRAMES[:4]))))


@pytest.mark.parametrize(
    ("e", "f", "says"),
    [
        (KCAL, 1.0, "energies in kcal/mol and forces in eV/Å"),
        (1.0, KCAL, "energies in eV and forces in kcal/mol/Å"),
        (HARTREE, 1.0, "energies in Hartree and forces in eV/Å"),
        (1.0, HARTREE / BOHR, "energies in eV and forces in Hartree/Bohr"),
        (1.0, -1.0, "derivatives of the energy in place of forces"),
    ],
)
def test_energies_and_forces_in_different_units_are_an_error(file, e, f, says):
    path = file(text(FRAMES, e=e, f=f))
    with pytest.raises(InputError, match=f"do not fit together.*{says}"):
        read_molecules(path)
    assert len(read_molecules(path, check=False).molecules) == 60
    if f < 0:
        assert_same(read_molecules(path, gradients=True).molecules, FRAMES)


def test_a_small_misfit_is_a_suspicion(file):
    """Of 60 frames, the 10 nearest pairs do not decide between 1 and 1.9."""
    said = read_molecules(file(text(FRAMES, e=HARTREE, f=HARTREE / BOHR))).suspicions
    assert any("energies in Hartree and forces in Hartree/Bohr" in one for one in said)


def test_labels_in_the_same_wrong_unit_are_a_suspicion(file):
    assert read_molecules(file(text(FRAMES))).suspicions == ()
    for unit in (KCAL, units.kJ / units.mol, HARTREE):
        (said,) = read_molecules(file(text(FRAMES, e=unit, f=unit))).suspicions
        assert "root mean square of the forces" in said


@pytest.mark.parametrize("file_of_set", ["train_600K", "test_300K", "torsion", "proton_transfer"])
def test_sound_labels_raise_no_suspicion(file_of_set):
    assert check_units(datasets.load("acetylacetone")[file_of_set]) == []


def test_energies_of_all_electrons_in_hartree_are_recognised():
    water = Molecule.from_smiles("O").embed(0)
    found = check_units([replace(water, energy=-76.4)])
    assert "give in Hartree; is it `--energy-unit Hartree`?" in found[0]
    assert check_units([replace(water, energy=-76.4 * HARTREE)]) == []


def test_a_frame_in_another_unit_is_named():
    for unit, name in ((HARTREE, "Hartree"), (KCAL, "kcal/mol")):
        wrong = [*FRAMES[:9], replace(FRAMES[9], energy=FRAMES[9].energy / unit)]
        with pytest.raises(InputError, match=f"molecule 10 .* are units mixed. it seems to be in {name}"):
            check_labels(wrong)
    large = [*FRAMES[:9], replace(FRAMES[9], forces=FRAMES[9].forces / KCAL)]
    assert any("molecule 10 has forces 2" in said for said in check_units(large))


# ------------------------------------------------------------------------------------------------ geometries


def test_geometries_from_wherever(file):
    assert read_geometry("CO").formula == "CH4O"
    last = read_geometry(str(file(text(FRAMES[:3], energy="not a number"))))
    np.testing.assert_allclose(last.positions, FRAMES[2].positions, atol=1e-9)
    assert (last.energy, last.forces) == (None, None)
    assert read_geometry(str(file("CO methanol\n", "a.smi"))).positions.shape == (6, 3)
    for name in ("nowhere.xyz", "nowhere.db", "nowhere.mol"):
        with pytest.raises(InputError, match=f"there is no file '{name}'"):
            read_geometry(name)


def test_what_ase_writes_is_read(file):
    atoms = ase.Atoms(FRAMES[0].numbers, FRAMES[0].positions)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.5, forces=FRAMES[0].forces, free_energy=-1.5)
    atoms.set_momenta(np.ones((15, 3)))
    buffer = io.StringIO()
    ase.io.write(buffer, [atoms, atoms], format="extxyz")
    read = read_molecules(file(buffer.getvalue()))
    assert (read.energy_key, read.forces_key, len(read.molecules)) == ("energy", "forces", 2)
    np.testing.assert_allclose(read.molecules[1].forces, FRAMES[0].forces, atol=1e-7)
