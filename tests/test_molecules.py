"""Molecules: what goes in comes out, in the right units; bad input gets one sentence."""

from dataclasses import replace

import ase
import networkx as nx
import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from dmol_molnet import wl
from dmol_molnet.files import read_xyz
from dmol_molnet.molecules import EXAMPLES, SYMBOLS, InputError, Molecule

VARIED = [
    *EXAMPLES.values(),
    "c1ccc[nH]1",
    "C[N+](=O)[O-]",
    "[NH4+].[Cl-]",
    "[H][H]",
    "[2H]O",
    "C#N",
    "[He]",
    "OS(=O)(=O)O",
]


def test_symbols_are_those_of_ase():
    assert list(SYMBOLS) == ase.data.chemical_symbols[: len(SYMBOLS)]


@pytest.mark.parametrize("hydrogens", [True, False])
@pytest.mark.parametrize("smiles", VARIED)
def test_smiles_round_trip(smiles, hydrogens):
    molecule = Molecule.from_smiles(smiles, hydrogens)
    oracle = Chem.MolFromSmiles(smiles)
    for atom in oracle.GetAtoms():
        atom.SetIsotope(0)
    assert molecule.to_smiles() == Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(oracle)))
    assert molecule.charge == Chem.GetFormalCharge(oracle)
    if hydrogens:
        assert len(molecule) == Chem.AddHs(oracle).GetNumAtoms()
        assert not molecule.implicit_hydrogens.any()


STEREO = [
    "C[C@H](N)C(=O)O",
    "C1CC[C@H]2CCCC[C@H]2C1",  # cis-decalin
    "C1CC[C@@H]2CCCC[C@H]2C1",  # trans-decalin
    "C[S@](=O)CC",
    "F/C=C/C=C\\F",
    "C/C(F)=C(/Cl)Br",
    "OC[C@H]1O[C@H](O[C@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)[C@H](O)[C@@H](O)[C@@H]1O",
    "CC(C)CCC[C@@H](C)[C@H]1CC[C@@H]2[C@@]1(CC[C@H]3[C@H]2CC=C4[C@@]3(CC[C@@H](C4)O)C)C",
]


@pytest.mark.parametrize("hydrogens", [True, False])
@pytest.mark.parametrize("smiles", STEREO)
def test_stereochemistry_is_kept_and_embedded(smiles, hydrogens):
    """Held against RDKit's canonical SMILES, and, once embedded, against what RDKit reads off the coordinates."""
    molecule = Molecule.from_smiles(smiles, hydrogens)
    assert Chem.MolToSmiles(Chem.RemoveHs(molecule.to_rdkit())) == Chem.CanonSmiles(smiles)
    assert molecule.to_smiles() == Chem.CanonSmiles(smiles, useChiral=0)
    if hydrogens:
        embedded = molecule.embed(seed=3).to_rdkit()
        Chem.AssignStereochemistryFrom3D(embedded)
        assert Chem.MolToSmiles(Chem.RemoveHs(embedded)) == Chem.CanonSmiles(smiles)


def test_formula_counts_hydrogens_either_way():
    assert Molecule.example("decalin").formula == Molecule.example("decalin", hydrogens=False).formula == "C10H18"
    assert Molecule.from_smiles("OS(=O)(=O)O").formula == "H2O4S"  # Hill: alphabetical without carbon


def test_networkx_carries_elements_charges_and_orders():
    graph = Molecule.from_smiles("C[N+](=O)[O-]", hydrogens=False).to_networkx()
    assert sorted(nx.get_node_attributes(graph, "element").values()) == ["C", "N", "O", "O"]
    assert sorted(nx.get_node_attributes(graph, "charge").values()) == [-1, 0, 0, 1]
    assert sorted(nx.get_edge_attributes(graph, "order").values()) == [1.0, 1.0, 2.0]
    assert nx.get_node_attributes(graph, "hydrogens") == {0: 3, 1: 0, 2: 0, 3: 0}


def test_embed_gives_a_sound_geometry_and_repeats_itself():
    molecule = Molecule.example("acetylacetone")
    embedded = molecule.embed(seed=1)
    assert molecule.positions is None
    i, j = embedded.bonds.T
    lengths = np.linalg.norm(embedded.positions[i] - embedded.positions[j], axis=1)
    assert lengths.min() > 0.9
    assert lengths.max() < 1.6  # Å
    np.testing.assert_array_equal(embedded.positions, molecule.embed(seed=1).positions)
    assert np.abs(embedded.positions - molecule.embed(seed=2).positions).max() > 1e-3


def test_from_ase_keeps_units_and_labels():
    atoms = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    forces = np.arange(9.0).reshape(3, 3)
    atoms.calc = SinglePointCalculator(atoms, energy=-2081.123456789012, forces=forces)
    molecule = Molecule.from_ase(atoms)
    assert molecule.energy == -2081.123456789012
    np.testing.assert_array_equal(molecule.forces, forces)
    np.testing.assert_array_equal(molecule.positions, atoms.positions)
    assert molecule.bonds.shape == (0, 2)
    assert molecule.cell is None
    assert molecule.pbc is None


def test_labels_of_other_positions_are_not_taken():
    atoms = ase.Atoms("Cu2", [[0, 0, 0], [2.4, 0, 0]], calculator=EMT())
    energy = atoms.get_potential_energy()
    assert Molecule.from_ase(atoms).energy == energy
    atoms.positions[1, 0] = 2.8
    assert Molecule.from_ase(atoms).energy is None
    single = ase.Atoms("H2", [[0, 0, 0], [0.74, 0, 0]])
    single.calc = SinglePointCalculator(single, energy=-31.0)
    assert Molecule.from_ase(single).energy == -31.0
    single.rattle(0.1)
    assert Molecule.from_ase(single).energy is None


def test_embedding_leaves_labels_behind():
    methanol = replace(Molecule.example("methanol"), energy=-3.0, forces=np.zeros((6, 3)))
    embedded = methanol.embed()
    assert methanol.energy == -3.0
    assert (embedded.energy, embedded.forces) == (None, None)


def test_one_atom_and_none_embed_without_a_force_field():
    assert Molecule.from_smiles("[He]").embed().positions.tolist() == [[0, 0, 0]]
    assert Molecule([]).embed().positions.shape == (0, 3)


def test_from_ase_keeps_a_periodic_cell():
    molecule = Molecule.from_ase(ase.Atoms("Ar", [[0, 0, 0]], cell=[5, 5, 5], pbc=[True, True, False]))
    np.testing.assert_array_equal(molecule.cell, 5 * np.eye(3))
    assert molecule.pbc.tolist() == [True, True, False]


def test_read_xyz(tmp_path):
    path = tmp_path / "two.xyz"
    path.write_text(
        '2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-31.5 pbc="F F F"\nH 0 0 0 0.1 0 0\nH 0 0 0.74 -0.1 0 0\n'
        '1\nProperties=species:S:1:pos:R:3 pbc="F F F"\nHe 0 0 0\n'
    )
    hydrogen, helium = read_xyz(path)
    assert hydrogen.energy == -31.5
    np.testing.assert_array_equal(hydrogen.forces, [[0.1, 0, 0], [-0.1, 0, 0]])
    assert helium.energy is None
    assert helium.forces is None


BAD_XYZ = {
    "": "holds no molecule",
    "\n\n": "holds no molecule",
    "nonsense": "not an extended XYZ file",
    "-1\n\n": "molecule 1: line 1 says that there are -1 atoms",
    "1\n\nH 0 0 0\n\n1\n\nH 0 0 0\n": "line 4 is empty, and yet there is more in line 5",
    "1\n\nH 0 0 0\n2\n\nH 0 0 0\n": "molecule 2: the file ends before the last of the 2 atoms that line 4 promises",
    "2\n\nH 0 0 0\nH 0 0\n": "not an extended XYZ file",
    "1\n\nH 0 0 0\n\x00": "molecule 2: line 4 should be a number of atoms",
    "2\n\nH 0 0 0\n": "not an extended XYZ file",
    "1\n\nQq 0 0 0\n": "not an extended XYZ file",
    "1\nenergy -3\nH 0 0 0\n": "molecule 1: the energy is a number in eV, not True",
    "1\nenergy=abc\nH 0 0 0\n": "the energy is a number in eV, not 'abc'",
    "1\n\nH 0 0 nan\n": "positions must be finite",
}


@pytest.mark.parametrize(("text", "says"), BAD_XYZ.items())
def test_bad_xyz(text, says, tmp_path):
    path = tmp_path / "a@1.xyz"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as error:
        list(read_xyz(path))
    assert "\n" not in str(error.value)
    assert "a@1.xyz" in str(error.value)


def test_xyz_names_are_taken_as_they_are(tmp_path):
    """No pattern, no address of a frame: ASE would read both into a name."""
    for name, n in (("a@0.xyz", 1), ("a*[1].xyz", 2), ("a1.xyz", 3)):
        (tmp_path / name).write_text("1\n\nHe 0 0 0\n" * n)
        assert len(list(read_xyz(tmp_path / name))) == n


def test_a_molecule_does_not_change():
    molecule = Molecule.example("water")
    with pytest.raises(ValueError, match="read-only"):
        molecule.numbers[0] = 1
    with pytest.raises(AttributeError):
        molecule.charge = 2


BAD_SMILES = {
    "": "empty",
    "   ": "empty",
    "C1CC": "'C1CC' is not a SMILES",
    "Zz": "'Zz' is not a SMILES",
    "[#6]-[#8]": "is a SMARTS pattern",
    "InChI=1S/H2O/h1H2": "is an InChI, not a SMILES",
    "C C": "space",
    "C\ud800": "character",
    "C(C)(C)(C)(C)C": "valence",
    "c1cccc1": "valence",
    "*C": "placeholder",
    "[Fe]<-N": "no order",
}


@pytest.mark.parametrize(("smiles", "says"), BAD_SMILES.items())
def test_bad_smiles(smiles, says, capfd):
    with pytest.raises(InputError, match=says) as error:
        Molecule.from_smiles(smiles)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", ""), "the reason stands in the error, not on the terminal"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Molecule.from_smiles(7), "a SMILES is text"),
        (lambda: Molecule([0]), "0 is not the atomic number"),
        (lambda: Molecule([119]), "119 is not the atomic number"),
        (lambda: Molecule("CO"), "numbers must be an array of int"),
        (lambda: Molecule([6, 8], positions=[[0, 0, 0]]), r"positions must have the shape \[2, 3\]"),
        (lambda: Molecule([6, 8], bonds=[[0, 2]]), "numbered from 0 to 1"),
        (lambda: Molecule([6, 8], bonds=[[1, 1]]), "two different atoms"),
        (lambda: Molecule([6, 8], bonds=[[0, 1], [1, 0]]), "listed twice"),
        (lambda: Molecule([6, 8], bonds=[[0, 1]], bond_orders=[0.7]).to_rdkit(), "not 0.7"),
        (lambda: Molecule([8, 8, 8, 8], bonds=[[0, 1], [0, 2], [0, 3]]).to_rdkit(), "valence"),
        (lambda: Molecule.example("watre"), "no molecule named 'watre'"),
        (lambda: Molecule.example("decalin", hydrogens=False).embed(), "hydrogens=True"),
        (lambda: Molecule.example([]), r"no molecule named \[\]"),
        (lambda: Molecule([6.9]), "numbers must be an array of int"),
        (lambda: Molecule([2**70]), "numbers must be an array of int"),
        (lambda: Molecule([6, 8], bonds=[[0, 0.7]]), "bonds must be an array of int"),
        (lambda: Molecule([6], positions=[[0, 0, float("nan")]]), "positions must be finite"),
        (lambda: Molecule([6], forces=[[0, 0, float("inf")]]), "forces must be finite"),
        (lambda: Molecule([6], energy=True), "the energy is a number in eV, not True"),
        (lambda: Molecule([6], energy="abc"), "the energy is a number in eV, not 'abc'"),
        (lambda: Molecule([6], energy=[1.0, 2.0]), "the energy is a number in eV"),
        (lambda: Molecule([6], energy=float("nan")), "the energy is a number in eV, not nan"),
        (lambda: Molecule([6], charge="x"), "the charge is a number in e"),
        (lambda: Molecule([6], charge=0.5), "a whole number of e, not 0.5"),
        (lambda: Molecule([6], implicit_hydrogens=[-4]), "0 or more implicit hydrogens"),
        (lambda: Molecule([6], chirality=[7]), "chirality is 0, 1 or 2"),
        (lambda: Molecule([6, 6], bonds=[[0, 1]], bond_stereo=[[0, 1, 1]]), "a neighbour of each end"),
        (lambda: Molecule.example("water").embed(-1), "a seed is a whole number"),
        (lambda: Molecule.example("water").embed(2**31), "a seed is a whole number"),
        (lambda: Molecule.example("water").embed("a"), "a seed is a whole number"),
        (lambda: Molecule.from_rdkit(None), "sanitised RDKit molecule, not None"),
        (lambda: Molecule.from_rdkit(Chem.MolFromSmiles("CO", sanitize=False)), "sanitised RDKit molecule"),
        (lambda: Molecule.from_ase("water"), "an ase.Atoms, not 'water'"),
        (lambda: Molecule.from_ase(ase.Atoms("He", info={"charge": "x"})), "the charge is a number in e"),
        (lambda: list(read_xyz("no such file.xyz")), "there is no file"),
        (lambda: list(read_xyz(__file__)), "not an extended XYZ file"),
    ],
)
def test_bad_input(make, says):
    with pytest.raises(InputError, match=says) as error:
        make()
    assert "\n" not in str(error.value)


@given(st.text(alphabet="CNOcno()[]=#123+-H@/\\. %*$:~>", max_size=12) | st.text(max_size=6))
def test_any_text_is_a_molecule_or_an_input_error(text):
    try:
        molecule = Molecule.from_smiles(text, hydrogens=False)
    except InputError:
        return
    assert len(molecule) > 0
    assert nx.number_of_nodes(molecule.to_networkx()) == len(molecule)


# ------------------------------------------------------------------------------------------------ geometries


def nearest(molecule):
    """The smallest distance of two atoms, and of two atoms of different parts."""
    d = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=-1)
    part = np.empty(len(molecule), int)
    for k, atoms in enumerate(nx.connected_components(molecule.to_networkx())):
        part[list(atoms)] = k
    others = part[:, None] != part
    return d[~np.eye(len(molecule), dtype=bool)].min(), d[others].min()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "smiles",
    "[Na+].[Cl-] C.C O.O CCO.CCO [NH4+].[Cl-] CC(=O)[O-].[Na+] c1ccccc1.O O.O.O.O [Ca+2].[Cl-].[Cl-]".split(),
)
def test_parts_that_no_bond_joins_lie_beside_each_other(smiles, seed):
    found = Molecule.from_smiles(smiles).embed(seed)
    atoms, parts = nearest(found)
    assert atoms > 0.9
    assert 1.5 < parts < 6  # neither on top of each other nor flown apart
    alone = Molecule.from_smiles(max(smiles.split("."), key=len)).embed(seed)
    d = np.linalg.norm(found.positions[:, None] - found.positions, axis=-1)
    longest = [0.0, *(d[i, j] for i, j in found.bonds)]
    assert max(longest) < 1.1 * max(
        [0.95, *(np.linalg.norm(alone.positions[i] - alone.positions[j]) for i, j in alone.bonds)]
    )


@pytest.mark.parametrize(
    ("smiles", "length"),  # Å, of the first bond of two heavy atoms; experiment, CRC Handbook
    [("N#N", 1.098), ("O=C=O", 1.160), ("O=S=O", 1.431), ("O=S(=O)=O", 1.420), ("FF", 1.412), ("S=C=S", 1.553),
     ("N#[N+][O-]", 1.128), ("O=C=S", 1.156), ("OO", 1.475), ("C#N", 1.153), ("C=O", 1.205), ("ClC", 1.785),
     ("CC", 1.535)],
)  # fmt: skip
def test_relaxation_does_not_stretch_bonds(smiles, length):
    found = Molecule.from_smiles(smiles).embed(0)
    i, j = next(bond for bond in found.bonds.tolist() if (found.numbers[bond] > 1).all())
    assert np.linalg.norm(found.positions[i] - found.positions[j]) == pytest.approx(length, abs=0.09)


@pytest.mark.parametrize(
    ("one", "other"),
    [("[H]/N=C/C", "N=CC"), ("[H]/N=C/c1ccccc1", "N=Cc1ccccc1"), ("[H]/N=N/[H]", "N=N"), ("[2H]OC", "OC"),
     ("[2H]O[2H]", "O"), ("[H]/N=C(/C)CC", "N=C(C)CC"), ("[3H]c1ccccc1", "c1ccccc1"), ("[Li][H]", "[LiH]")],
)  # fmt: skip
def test_without_hydrogens_no_hydrogen_is_an_atom(one, other):
    a, b = (Molecule.from_smiles(smiles, hydrogens=False) for smiles in (one, other))
    assert 1 not in a.numbers
    assert a.formula == b.formula == Molecule.from_smiles(one).formula
    assert not wl.compare(a, b).distinguished
