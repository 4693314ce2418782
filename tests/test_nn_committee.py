"""Committees: means and spreads of readouts, training and calibration, and runs that end where they do not know."""

import json
import math
import zipfile
from dataclasses import replace

import ase.io
import keras
import numpy as np
import pytest
import tensorflow as tf
from ase.calculators.singlepoint import SinglePointCalculator

from dmol_molnet import InputError, Molecule, cli, datasets, dynamics, live, symmetry
from dmol_molnet.calculator import MolnetCalculator
from dmol_molnet.nn.design_space import NAMES, build
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.potential import Calibration, Normalisation, Potential

FRAMES = datasets.load("acetylacetone").train[:60]
TRAIN, VALIDATION = FRAMES[:48], FRAMES[48:]
CONSTANTS = Normalisation.of(FRAMES, 4.0)
SIZES = {"schnet": {"channels": 8, "layers": 1, "radial": 8}, "mace": {"channels": 4, "l_max": 1}}
OPTIONS = {"epochs": 4, "batch_size": 8, "learning_rate": 0.01, "verbose": 0}


pytestmark = pytest.mark.usefixtures("roughly_drawn")


def network(name="schnet", members=4, **changes):
    return build(name, **{**SIZES.get(name, {}), "cutoff": 4.0, "seed": 0, "members": members, **changes})


def potential(name="schnet", members=4, **changes):
    return Potential(network(name, members, **changes), CONSTANTS)


@pytest.fixture(scope="module")
def trained():
    """A committee that was trained for a while, compiled, on molecules of which none is far from rest."""
    one = potential(members=8, channels=64)
    one.fit(TRAIN, VALIDATION, epochs=30, verbose=0)
    return one


def alone(one, m):
    """A potential of the readout of one member: what a student would write."""
    single = type(one.model).from_config({**one.model.get_config(), "members": 1})
    single.set_weights([w.numpy() for w in one.model.weights if w is not one.model.deviation])
    d, start = one.model.deviation.numpy(), 0
    d = d[:, m : m + 1] - d.mean(axis=1, keepdims=True)
    kernels = (
        [head.kernels[-1] for head in single.heads.values()]
        if hasattr(single, "heads")
        else [single.readout[-1].kernel]
    )
    for kernel in kernels:
        kernel.assign(kernel.numpy() + d[start : start + kernel.shape[0]])
        start += kernel.shape[0]
    assert start == len(d)
    return Potential(single, one.normalisation)


# ------------------------------------------------------------------------------------------------ means and spreads


@pytest.mark.parametrize("name", ["schnet", "mace"])
def test_mean_and_spread_are_those_of_a_loop_over_members(float64, name):
    one = potential(name)
    one.calibration = Calibration(2.0, 3.0)
    some = [*FRAMES[:2], Molecule.from_smiles("C").embed(0)]
    found = [alone(one, m).energy_and_forces(some) for m in range(one.members)]
    energies, forces = one.energy_and_forces(some)
    energy_std, forces_std = one.uncertainty(some)
    assert energy_std.dtype == forces_std[0].dtype == np.float64
    np.testing.assert_allclose(energies, np.mean([e for e, _ in found], axis=0), rtol=1e-12)
    np.testing.assert_allclose(energy_std, 2 * np.std([e for e, _ in found], axis=0, ddof=1), rtol=1e-6)
    for k in range(len(some)):
        np.testing.assert_allclose(forces[k], np.mean([f[k] for _, f in found], axis=0), atol=1e-9)
        np.testing.assert_allclose(forces_std[k], 3 * np.std([f[k] for _, f in found], axis=0, ddof=1), atol=1e-9)
    graph = MolecularGraph.from_molecules(some, one.cutoff)
    by_member = one.model.atomic_members(graph)
    assert by_member.shape == (len(graph.numbers), 4)
    np.testing.assert_allclose(tf.reduce_mean(by_member, 1), one.model.atomic_energies(graph), atol=1e-12)


@pytest.mark.parametrize("name", ["schnet", "mace"])
def test_forces_of_members_are_the_slopes_of_their_energies(float64, name):
    one, frame, h = potential(name), FRAMES[0], 1e-4
    _, (forces,) = one.member_deviations([frame])
    for atom, axis in ((0, 0), (5, 2)):
        moved = []
        for sign in (1, -1):
            x = frame.positions.copy()
            x[atom, axis] += sign * h
            moved.append(replace(frame, positions=x))
        (up, down), _ = one.member_deviations(moved)
        np.testing.assert_allclose(forces[:, atom, axis], (down - up) / (2 * h), atol=1e-6)


@pytest.mark.parametrize("name", ["schnet", "mace"])
def test_the_spread_of_a_turned_mirrored_molecule_is_the_same_by_atom_and_not_by_component(float64, name):
    one, frame, rng = potential(name), FRAMES[0], np.random.default_rng(0)
    order = rng.permutation(len(frame))
    R = symmetry.random_reflection(rng)
    turned = Molecule(frame.numbers[order], (frame.positions @ R.T + [1, 2, 3])[order])
    (e, turned_e), (f, turned_f) = one.uncertainty([frame, turned])
    assert turned_e == pytest.approx(e, rel=1e-9)
    np.testing.assert_allclose(np.linalg.norm(turned_f, axis=1), np.linalg.norm(f, axis=1)[order], rtol=1e-7)
    assert not np.allclose(turned_f, f[order], rtol=0.1)
    _, (d, turned_d) = one.member_deviations([frame, turned])  # whose covariance turns
    np.testing.assert_allclose(turned_d, (d @ R.T)[:, order], atol=1e-9)


def test_the_mean_of_a_committee_is_the_network_that_the_seed_makes_alone():
    for name in NAMES:
        one, single = network(name, channels=4), network(name, 1, channels=4)
        graph = MolecularGraph.from_molecules(FRAMES[:2], 4.0)
        np.testing.assert_array_equal(one.atomic_energies(graph), single.atomic_energies(graph))
        np.testing.assert_array_equal(single.atomic_members(graph)[:, 0], single.atomic_energies(graph))
        assert len(one.weights) == len(single.weights) + 1


def test_batches_and_empty_molecules_change_nothing():
    one = potential()
    some = [*FRAMES[:3], Molecule.from_smiles("C").embed(0), Molecule([], np.zeros((0, 3)))]
    energies, forces = one.uncertainty(some)
    assert energies[-1] == 0
    assert forces[-1].shape == (0, 3)
    for k, molecule in enumerate(some):
        e, f = one.uncertainty(molecule)
        assert e == pytest.approx(energies[k], rel=1e-4)
        np.testing.assert_allclose(f, forces[k], rtol=1e-3, atol=1e-6)


# ------------------------------------------------------------------------------------------------ training


def test_the_mean_is_trained_exactly_as_it_would_be_alone():
    single, one = potential(members=1), potential()
    histories = [each.fit(TRAIN[:16], VALIDATION, **OPTIONS).history for each in (single, one)]
    assert histories[0]["val_loss"] == histories[1]["val_loss"]
    np.testing.assert_array_equal(single.energy_and_forces(FRAMES)[1], one.energy_and_forces(FRAMES)[1])


def last_kernels(one):
    model = one.model
    return [h.kernels[-1] for h in model.heads.values()] if hasattr(model, "heads") else [model.readout[-1].kernel]


@pytest.mark.parametrize("name", ["schnet", "mace"])
def test_members_are_drawn_with_the_covariance_that_energies_leave_open(float64, name):
    one = potential(name, members=4000)
    some = [replace(m, forces=None) for m in (*TRAIN[:12], replace(Molecule.from_smiles("C").embed(0), energy=-110.0))]
    one.draw_members(some)
    n = np.array([len(m) for m in some])
    graph = MolecularGraph.from_molecules(some, one.cutoff)
    with tf.GradientTape(persistent=True) as tape:  # phi_g = dE_g / dw, by differentiation
        e = one(graph)
        each = tf.unstack(e)
    phi = np.array([np.concatenate([tape.gradient(y, k.value)[:, 0] for k in last_kernels(one)]) for y in each])
    s2 = np.mean((one.energy_and_forces(some)[0] - [m.energy for m in some]) ** 2 / n)
    C = (phi / n[:, None]).T @ phi / s2
    wanted = np.linalg.inv(C + 1e-8 * np.linalg.eigvalsh(C)[-1] * np.eye(len(C)))
    found = np.cov(one.model.deviation.numpy())
    std = np.sqrt(np.diag(wanted))
    np.testing.assert_allclose(found / np.outer(std, std), wanted / np.outer(std, std), atol=0.1)


def test_forces_leave_less_open(float64, monkeypatch):
    monkeypatch.setattr("dmol_molnet.nn.potential.MOVED", 50)
    one = potential(members=4000)
    some = [replace(m, energy=m.energy + 1e6) for m in TRAIN[:10]]  # so that energies tell nothing
    one.draw_members(some)
    (kernel,), forces = last_kernels(one), np.concatenate(one.energy_and_forces(some)[1])
    psi, w = [], kernel.numpy()
    for k in range(len(w)):  # psi = dF / dw: forces are linear in the last weights
        kernel.assign(w + np.eye(len(w))[:, k : k + 1])
        psi.append((np.concatenate(one.energy_and_forces(some)[1]) - forces).ravel())
    kernel.assign(w)
    psi = np.array(psi).T
    s2 = np.mean(np.square([f - m.forces for f, m in zip(one.energy_and_forces(some)[1], some, strict=True)]))
    C = psi.T @ psi / s2
    found = np.linalg.inv(np.cov(one.model.deviation.numpy()))
    half = np.linalg.inv(np.linalg.cholesky(C))
    np.testing.assert_allclose(np.linalg.eigvalsh(half @ found @ half.T), 1, atol=0.4)  # by 200 directions


@pytest.mark.parametrize("name", ["schnet", "mace"])
def test_distances_are_those_of_mahalanobis(float64, name):
    one, others = potential(name), FRAMES[50:53]
    assert not np.any(one.environments(others))  # before members are drawn
    one.draw_members(TRAIN[:6])

    def features(molecules):
        graph = MolecularGraph.from_molecules(molecules, one.cutoff)
        z = np.asarray(graph.numbers)
        return one.model.last(graph).numpy()[z > 0], z[z > 0]

    (h, z), (new, new_z) = features(TRAIN[:6]), features(others)
    mean = {e: h[z == e].mean(axis=0) for e in np.unique(z)}
    within = h - np.array([mean[e] for e in z])
    S = within.T @ within / len(h)
    S += 1e-8 * np.linalg.eigvalsh(S)[-1] * np.eye(len(S))
    off = new - np.array([mean[e] for e in new_z])
    D2 = np.einsum("if,fg,ig->i", off, np.linalg.inv(S), off) / len(S)
    np.testing.assert_allclose((np.concatenate(one.environments(others)) ** 2).sum(axis=1), D2, rtol=1e-5)
    mean = np.mean((np.concatenate(one.environments(TRAIN[:6])) ** 2).sum(axis=1))
    assert 0.5 < mean < 1.001  # 1, but for features that hardly change

    (e, (f,)), energies_std, forces_std = one.member_deviations(others[:1]), *one.uncertainty(others[:1])
    a2 = np.maximum(D2[:15], 1)
    assert energies_std[0] == pytest.approx(np.sqrt(a2.mean()) * np.std(e, ddof=1), rel=1e-6)
    np.testing.assert_allclose(forces_std[0], np.sqrt(a2)[:, None] * f.std(axis=0, ddof=1), rtol=1e-5)


def test_a_trained_potential_becomes_a_committee_that_answers_the_same(trained):
    single = trained.with_members(1)
    drawn, again = trained.with_members(8), single.with_members(8)
    for one in (drawn, again):
        one.draw_members(TRAIN)
        one.calibrate(VALIDATION)
    for other in (single, again):
        np.testing.assert_array_equal(other.energy_and_forces(FRAMES)[1], trained.energy_and_forces(FRAMES)[1])
    assert (single.members, again.members) == (1, 8)
    assert again.calibration == drawn.calibration
    np.testing.assert_array_equal(again.uncertainty(FRAMES[0])[1], drawn.uncertainty(FRAMES[0])[1])


def test_without_molecules_held_out_those_of_training_calibrate():
    one = potential()
    one.fit(TRAIN[:16], **OPTIONS)
    known, before = one.calibration, one.uncertainty(FRAMES[0])[0]
    assert one.calibrate(TRAIN[:16]) == known != Calibration()
    one.calibration = Calibration(2 * known.energy, known.forces)
    assert one.uncertainty(FRAMES[0])[0] == pytest.approx(2 * before)


def test_on_the_molecules_held_out_errors_are_as_large_as_told(trained):
    energies, forces = trained.energy_and_forces(VALIDATION)
    energy_std, forces_std = trained.uncertainty(VALIDATION)
    assert np.mean((energies - [m.energy for m in VALIDATION]) ** 2 / energy_std**2) == pytest.approx(1, rel=1e-3)
    by_atom = [
        ((f - m.forces) ** 2).sum(axis=1) / (s**2).sum(axis=1)
        for f, s, m in zip(forces, forces_std, VALIDATION, strict=True)
    ]
    assert np.mean(by_atom) == pytest.approx(1, rel=1e-3)


def test_without_forces_those_of_members_take_the_factor_of_energies():
    one = potential()
    found = one.calibrate([replace(m, forces=None) for m in VALIDATION])
    assert found.forces == found.energy != 1
    assert found == one.calibration


@pytest.mark.parametrize(("length", "least"), [(0.7, 2), (1.3, 1.3), (1.6, 2), (2.0, 1.3)])
def test_a_bond_that_is_pressed_or_breaks_is_told(trained, length, least):
    near, far = VALIDATION[:6], []
    for m in near:
        x = m.positions.copy()
        h = int(np.flatnonzero(m.numbers == 1)[0])
        nearest = np.argsort(np.linalg.norm(x - x[h], axis=1))[1]
        x[h] = x[nearest] + length * (x[h] - x[nearest])
        far.append(replace(m, positions=x))
    (near_e, near_f), (far_e, far_f) = trained.uncertainty(near), trained.uncertainty(far)
    assert np.median(far_e / near_e) > 1.1
    assert np.median([b.max() / a.max() for a, b in zip(near_f, far_f, strict=True)]) > least


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole, killed = potential(), potential()
    whole.fit(TRAIN[:16], VALIDATION, **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(TRAIN[:16], VALIDATION, **OPTIONS, callbacks=[Kill()], checkpoint=tmp_path / "c.npz")
    again = potential()
    again.fit(TRAIN[:16], VALIDATION, **OPTIONS, checkpoint=tmp_path / "c.npz")
    for a, b in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.calibration == again.calibration != Calibration()


# ------------------------------------------------------------------------------------------------ evaluation and files


def test_evaluation_tells_how_well_the_spread_knows_the_errors(trained):
    found = trained.evaluate(VALIDATION)
    energies, forces = trained.energy_and_forces(VALIDATION)
    energy_std, forces_std = trained.uncertainty(VALIDATION)
    e, f = np.abs(energies - [m.energy for m in VALIDATION]), np.array(forces) - [m.forces for m in VALIDATION]
    assert found["energy_std_mean"] == pytest.approx(energy_std.mean())
    assert found["energy_within_one_std"] == np.mean(e <= energy_std)
    assert found["force_within_two_std"] == np.mean(np.abs(f) <= 2 * np.array(forces_std))
    ranks = [np.argsort(np.argsort(x)) for x in (e, energy_std)]
    assert found["energy_rank_correlation"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    bare = trained.evaluate([replace(m, forces=None) for m in VALIDATION[:2]])
    assert list(bare) == list(found)
    assert bare["force_std_mean"] is bare["force_rank_correlation"] is bare["energy_rank_correlation"] is None
    assert not any("std" in key for key in potential(members=1).evaluate(VALIDATION[:1]))


def test_files_keep_members_and_calibration_and_older_ones_have_neither(tmp_path, trained):
    trained.save(tmp_path / "m.keras")
    again = Potential.load(tmp_path / "m.keras")
    assert (again.members, again.calibration) == (8, trained.calibration)
    np.testing.assert_array_equal(again.uncertainty(FRAMES[0])[1], trained.uncertainty(FRAMES[0])[1])

    single = potential(members=1)
    single.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name in new.namelist():
            data = new.read(name)
            if name == "config.json":
                config = json.loads(data)
                del config["config"]["calibration"], config["config"]["model"]["config"]["members"]
                data = json.dumps(config)
            old.writestr(name, data)
    before = Potential.load(tmp_path / "old.keras")
    np.testing.assert_array_equal(before.energy_and_forces(FRAMES[0])[1], single.energy_and_forces(FRAMES[0])[1])


def test_a_page_computes_the_mean():
    assert live.export(potential()) == live.export(potential(members=1))


# ------------------------------------------------------------------------------------------------ runs


def test_a_calculator_tells_the_spread_if_it_is_asked(trained):
    atoms = dynamics.to_atoms(FRAMES[0], MolnetCalculator(trained, uncertainty=True))
    energy_std, forces_std = trained.uncertainty(FRAMES[0])
    assert atoms.calc.get_property("energy_std", atoms) == pytest.approx(energy_std, rel=1e-4)
    np.testing.assert_allclose(atoms.calc.get_property("forces_std", atoms), forces_std, rtol=1e-3, atol=1e-6)
    plain = dynamics.to_atoms(FRAMES[0], MolnetCalculator(trained))
    plain.get_forces()
    assert set(plain.calc.results) == {"energy", "free_energy", "forces"}


@pytest.mark.parametrize("how", ["relax", "run"])
def test_at_the_bound_a_run_stops_or_warns_and_keeps_the_frames(trained, tmp_path, how):
    def go(bound, on_bound="stop", uncertain=None):
        atoms = dynamics.to_atoms(FRAMES[0], MolnetCalculator(trained, uncertainty=True))
        watch = {"bound": bound, "on_bound": on_bound, "uncertain": uncertain}
        if how == "relax":
            return atoms, dynamics.relax(atoms, fmax=1e-6, steps=4, **watch)
        return atoms, dynamics.run(atoms, None, picoseconds=0.002, every=2, **watch)

    std = float(np.linalg.norm(trained.uncertainty(FRAMES[0])[1], axis=1).max())
    assert go(1e3)[1][-1] == 0  # none is over it
    atoms, done = go(0.5 * std, uncertain=tmp_path / "u.xyz")
    assert done.uncertain == 1
    assert f"over the bound of {0.5 * std:g}: the potential does not know this geometry" in done.stopped
    np.testing.assert_array_equal(atoms.positions, FRAMES[0].positions)
    (kept,) = ase.io.read(tmp_path / "u.xyz", ":")
    np.testing.assert_allclose(kept.positions, FRAMES[0].positions, atol=1e-7)
    assert kept.info["force_std"] == pytest.approx(std, rel=1e-3)
    with pytest.warns(dynamics.UncertaintyWarning, match="over the bound") as told:
        _, done = go(1e-6, "warn", tmp_path / "w.xyz")
    assert (len(told), done.stopped, done.uncertain) == (1, None, 5)
    assert len(ase.io.read(tmp_path / "w.xyz", ":")) == {"relax": 5, "run": 3}[how]


@pytest.mark.parametrize("members", [0, 1.5, True, math.nan, "8"])
def test_members_that_cannot_be(members):
    for name in ("schnet", "mace"):
        with pytest.raises(InputError, match="members is a whole number, at least 1"):
            network(name, members)
    with pytest.raises(InputError, match="a committee answers energies"):
        network("mace", readout="1o")


def test_what_needs_a_committee_says_so(trained):
    single = potential(members=1)
    asks = single.uncertainty, single.calibrate, single.member_deviations, single.draw_members, single.environments
    for ask in asks:
        with pytest.raises(InputError, match=r"a potential of one member .*: train a committee"):
            ask(FRAMES[:1])
    with pytest.raises(InputError, match="a potential of one member has no spread"):
        MolnetCalculator(single, uncertainty=True)
    for calculator, watch, says in (
        (MolnetCalculator(single), {"bound": 1.0}, "uncertainty=True, of a potential that is a committee"),
        (MolnetCalculator(trained, True), {"bound": math.nan}, "a bound is a positive number in eV/Å, not nan"),
        (MolnetCalculator(trained, True), {"bound": 0}, "a bound is a positive number"),
        (MolnetCalculator(trained, True), {"bound": 1.0, "on_bound": "go"}, "stop or warn, not 'go'"),
        (MolnetCalculator(trained, True), {"uncertain": "u.xyz"}, "needs a bound"),
    ):
        for start in (dynamics.relax, lambda atoms, **options: dynamics.run(atoms, None, **options)):
            with pytest.raises(InputError, match=says):
                start(dynamics.to_atoms(FRAMES[0], calculator), **watch)
    with pytest.raises(InputError, match="positions"):
        trained.uncertainty(replace(FRAMES[0], positions=np.full((15, 3), math.nan)))


def test_commands_train_evaluate_and_watch_a_committee(trained, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(words):
        with pytest.raises(SystemExit) as stop:
            cli.main(words.split())
        return stop.value.code or 0, *capfd.readouterr()

    for k, frames in enumerate((FRAMES[:12], FRAMES[:1])):
        ase.io.write(f"{k}.xyz", [labelled(m) for m in frames])
    code, _, err = run("train 0.xyz --members 3 --channels 8 --layers 1 --cutoff 3 --epochs 2 --json")
    assert code == 0, err
    assert Potential.load("0.keras").members == 3
    code, out, _ = run("evaluate 0.keras 0.xyz --json")
    assert json.loads(out) == Potential.load("0.keras").evaluate(FRAMES[:12], 32)
    code, out, _ = run("evaluate 0.keras 0.xyz")
    assert "Spread of the committee" in out
    code, out, err = run("relax 0.keras 1.xyz -o r.xyz --bound 1e-9 --uncertain u.xyz")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("dmol-molnet: stopped: in step 0, the standard deviation of the force on atom ")
    assert "u.xyz: frames to label, of 1 step over the bound" in out
    code, out, err = run("md 0.keras 1.xyz -o m.xyz --picoseconds 0.001 --bound 1e-9 --on-bound warn")
    assert (code, err.count("\n"), "3 steps over the bound" in out) == (0, 1, True)
    potential(members=1).save("one.keras")
    for words, says in (
        ("relax one.keras 1.xyz -o r.xyz --bound 1", "a potential of one member has no spread"),
        ("md 0.keras 1.xyz -o r.xyz --bound nan", "--bound is a positive number in eV/Å, not nan"),
        ("md 0.keras 1.xyz -o r.xyz --uncertain u.xyz", "--uncertain needs --bound"),
        ("md 0.keras 1.xyz -o r.xyz --bound 1 --on-bound go", "--on-bound is stop or warn, not 'go'"),
        ("train 0.xyz --members 0", "--members"),
    ):
        code, _, err = run(words)
        assert (code, err.count("\n")) == (2, 1)
        assert says in err


def labelled(molecule):
    """With its labels, for ASE to write."""
    atoms = molecule.to_ase()
    atoms.calc = SinglePointCalculator(atoms, energy=molecule.energy, forces=molecule.forces)
    return atoms
