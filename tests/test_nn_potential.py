"""Potentials: constants from a training set, energies in float64, forces as derivatives, and files that are whole."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dmol_molnet import InputError, Molecule, datasets, symmetry
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.potential import Normalisation, Potential, reference_energies

ATOMS = {"H": -13.5, "C": -1027.3, "N": -1485.1, "O": -2038.5}


def small(**changes):
    return build("schnet", **{"channels": 8, "layers": 2, "radial": 8, "cutoff": 3.0, "seed": 0, **changes})


def from_atoms(smiles):
    molecule = Molecule.from_smiles(smiles).embed(0)
    return replace(molecule, energy=sum(ATOMS[s] for s in molecule.symbols), forces=np.zeros((len(molecule), 3)))


def frames(n=6):
    return datasets.load("acetylacetone").train[:n]


# ------------------------------------------------------------------------------------------------ the constants


def test_reference_energies_of_enough_compositions_are_those_that_made_the_labels():
    shifts, left = reference_energies([from_atoms(s) for s in ("O", "CO", "CC", "N", "CCN", "C=O")])
    assert left == 0
    assert shifts == pytest.approx(ATOMS, abs=1e-8)
    assert list(shifts) == ["H", "C", "N", "O"]


@pytest.mark.parametrize(
    ("smiles", "left"),
    [
        (["CO"], 2),
        (["CO", "CCO"], 1),
        (["CO", "CCO", "O"], 1),  # each is the one before and CH2
        (["CO", "CCO", "C"], 0),
        (["CC", "CCC"], 0),
    ],
)
def test_compositions_that_leave_energies_open_are_counted(smiles, left):
    molecules = [from_atoms(s) for s in smiles]
    shifts, undetermined = reference_energies(molecules)
    assert undetermined == left
    for molecule in molecules:  # the labels are met all the same
        assert sum(shifts[s] for s in molecule.symbols) == pytest.approx(molecule.energy, abs=1e-6)


def test_a_single_composition_gets_the_mean_for_every_element():
    train = frames(50)
    shifts, undetermined = reference_energies(train)
    assert undetermined == 2
    mean = np.mean([m.energy for m in train]) / 15
    assert shifts == pytest.approx(dict.fromkeys("HCO", mean), abs=1e-10)


def test_scale_and_neighbours_come_from_the_training_set():
    train = frames(40)
    found = Normalisation.of(train, 5.0)
    scale = np.sqrt(np.mean([m.forces**2 for m in train]))
    assert found.scales == pytest.approx(dict.fromkeys("HCO", scale))
    d = np.array([np.linalg.norm(m.positions[:, None] - m.positions, axis=-1) for m in train])
    assert found.neighbors == pytest.approx(((d < 5) & (d > 0)).sum() / d.shape[0] / 15)


def test_without_forces_the_spread_of_the_energies_scales():
    train = [replace(m, forces=None) for m in frames(40)]
    energies = np.array([m.energy for m in train])
    found = Normalisation.of(train, 5.0)
    assert found.scales["C"] == pytest.approx(energies.std() / np.sqrt(15), rel=1e-6)


def test_the_network_takes_the_number_of_neighbours_it_was_not_given():
    normalisation = Normalisation.of(frames(), 3.0)
    assert Potential(small(neighbors=None), normalisation).model.neighbors == normalisation.neighbors
    assert Potential(small(), normalisation).model.neighbors == 1.0
    assert Potential(small(neighbors=2.0), normalisation).model.neighbors == 2.0


# ------------------------------------------------------------------------------------------------ energies and forces


def test_energies_are_shifted_and_scaled_atom_by_atom(float64):
    normalisation = Normalisation({"H": -1.0, "C": -3.0, "O": -7.0}, {"H": 0.5, "C": 2.0, "O": 3.0}, 4.0)
    potential, one = Potential(small(), normalisation), frames(1)[0]
    e = potential.model.atomic_energies(MolecularGraph.from_molecules(one, 3.0)).numpy()[:15]
    expected = sum(normalisation.shifts[s] + normalisation.scales[s] * x for s, x in zip(one.symbols, e, strict=True))
    assert potential.energy_and_forces(one)[0] == pytest.approx(expected, abs=1e-10)


def test_forces_are_minus_the_slope_of_the_energy(float64):
    potential, one = Potential(small(), Normalisation.of(frames(), 3.0)), frames(1)[0]
    _, forces = potential.energy_and_forces(one)
    h, rng = 1e-4, np.random.default_rng(0)
    for _ in range(6):
        i, axis = rng.integers(15), rng.integers(3)
        e = []
        for k in (-2, -1, 1, 2):
            x = one.positions.copy()
            x[i, axis] += k * h
            e.append(potential.energy_and_forces(Molecule(one.numbers, x))[0])
        slope = (8 * (e[2] - e[1]) - (e[3] - e[0])) / (12 * h)
        assert forces[i, axis] == pytest.approx(-slope, abs=1e-6 * np.abs(forces).max())


def test_large_shifts_lose_nothing_in_float32():
    one = frames(1)[0]
    found = []
    for shift in (0.0, -1e6):
        scales = dict.fromkeys("HCO", 1.0)
        potential = Potential(small(), Normalisation(dict.fromkeys("HCO", shift), scales, 4.0))
        energies, forces = potential.energy_and_forces([one, replace(one, positions=one.positions * 1.01)])
        assert energies.dtype == np.float64
        found.append((energies - 15 * shift, forces))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-8)
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_many_molecules_of_many_sizes_come_back_in_order():
    potential = Potential(small())
    molecules = [Molecule.from_smiles("C" * n).embed(0) for n in (3, 1, 5, 2, 4, 1)]
    energies, forces = potential.energy_and_forces(molecules, batch_size=2)
    for molecule, e, f in zip(molecules, energies, forces, strict=True):
        alone = potential.energy_and_forces(molecule)
        assert f.shape == (len(molecule), 3)
        assert e == pytest.approx(alone[0], abs=1e-4)
        np.testing.assert_allclose(f, alone[1], atol=1e-4)


def test_potentials_follow_all_symmetries(float64):
    potential, one = Potential(small(), Normalisation.of(frames(), 3.0)), frames(1)[0]
    symmetry.assert_equivariant(lambda m: potential.energy_and_forces(m)[0] + 622.0, one)
    symmetry.assert_equivariant(lambda m: potential.energy_and_forces(m)[1], one, "vector", per_atom=True)


def test_errors_are_those_of_numpy():
    potential, test = Potential(small(), Normalisation.of(frames(), 3.0)), frames(9)
    energies, forces = potential.energy_and_forces(test)
    de = energies - [m.energy for m in test]
    df = np.array(forces) - [m.forces for m in test]
    assert potential.evaluate(test) == pytest.approx(
        {
            "molecules": 9,
            "energy_mae": np.abs(de).mean(),
            "energy_rmse": np.sqrt((de**2).mean()),
            "energy_rmse_per_atom": np.sqrt((de**2).mean()) / 15,
            "force_mae": np.abs(df).mean(),
            "force_rmse": np.sqrt((df**2).mean()),
        }
    )
    without = potential.evaluate([replace(m, forces=None) for m in test])
    assert without["force_rmse"] is without["force_mae"] is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda p: p.energy_and_forces(Molecule.from_smiles("CCl").embed(0)),
            "Cl is not among the elements of the training",
        ),
        (lambda p: p.energy_and_forces(Molecule.example("water")), "has no positions"),
        (lambda p: p.evaluate([]), "there is no molecule"),
        (lambda p: p.evaluate([replace(frames(1)[0], energy=None)]), "molecule 1 has no energy"),
        (lambda p: Potential(keras.layers.Dense(3)), "a model with atomic energies"),
        (lambda p: Normalisation.of([], 5.0), "at least one molecule"),
        (lambda p: Normalisation.of([Molecule.example("water").embed(0)], 5.0), "the energy of each"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)):
        call(Potential(small(), Normalisation.of(frames(), 3.0)))


# ------------------------------------------------------------------------------------------------ files


def saved(path):
    potential = Potential(small(neighbors=None), Normalisation.of(frames(), 3.0))
    potential.save(path)
    return potential


def test_saved_and_loaded_it_is_the_same(tmp_path):
    potential = saved(tmp_path / "p.keras")
    for loaded in (Potential.load(tmp_path / "p.keras"), keras.saving.load_model(tmp_path / "p.keras")):
        assert loaded.normalisation == potential.normalisation
        assert loaded.model.neighbors == potential.model.neighbors
        for a, b in zip(loaded.energy_and_forces(frames()), potential.energy_and_forces(frames()), strict=True):
            np.testing.assert_array_equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["p.keras"]


@pytest.mark.parametrize("how", ["truncated", "no zip", "other zip", "another model", "foreign class", "lambda"])
def test_files_that_hold_no_potential_are_refused_and_run_nothing(how, tmp_path):
    path = tmp_path / "p.keras"
    saved(path)
    whole = path.read_bytes()
    if how == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "no zip":
        path.write_text("not a model")
    elif how == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("hello.txt", "hello")
    elif how == "another model":
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    else:
        ran = tmp_path / "ran"
        evil = {
            "foreign class": {
                "module": "os", "class_name": "system", "registered_name": None, "config": f"touch {ran}",
            },
            "lambda": {
                "module": "builtins", "class_name": "__lambda__", "registered_name": None,
                "config": {"value": "aGVsbG8=", "defaults": None, "closure": None},
            },
        }[how]  # fmt: skip
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(files["config.json"])
        config["config"]["model"] = evil
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (files | {"config.json": json.dumps(config)}).items():
                archive.writestr(name, content)
    with pytest.raises(InputError, match=r"p\.keras") as caught:
        Potential.load(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_file_is_written_at_once_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "p.keras"
    potential = saved(path)
    before = path.read_bytes()

    def full(self, file, **kwargs):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(OSError, match="No space left"):
        potential.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.keras"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("p.h5", "ends in .keras"), ("nowhere/p.keras", "there is no folder"), ("p.keras", "is there already")],
)
def test_bad_places_are_told(name, message, tmp_path):
    potential = saved(tmp_path / "p.keras")
    with pytest.raises(InputError, match=message):
        potential.save(tmp_path / name, overwrite=False)
    with pytest.raises(InputError, match="there is no file"):
        Potential.load(tmp_path / "q.keras")
