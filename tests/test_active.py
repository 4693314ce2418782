"""Active learning: what is picked, budgets, pools, and runs that are killed and go on."""

import csv
from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase.calculators.emt import EMT

from dmol_molnet import InputError, Molecule, active
from dmol_molnet.active import Calculated, Pool, Search, pick, turn
from dmol_molnet.files import read_xyz
from dmol_molnet.labels import Method
from dmol_molnet.labels.frames import Failed
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.potential import Normalisation, Potential

SEARCH = Search(labels=7, batch=3, first=1, epochs=1, replicas=3, steps=20)
ETHANOL = Molecule.from_smiles("CCO").embed(0)
WATER = Molecule.from_smiles("O").embed(0)


def labelled(m):
    """With the labels of a calculator that is quick, and no good for molecules."""
    atoms = m.to_ase()
    atoms.calc = EMT()
    return replace(m, energy=atoms.get_potential_energy(), forces=atoms.get_forces())


def shaken(n, size=0.05, seed=0):
    rng = np.random.default_rng(seed)
    x = [np.round(WATER.positions + size * rng.normal(size=(3, 3)), 8) for _ in range(n)]
    return [labelled(Molecule(WATER.numbers, one)) for one in x]


FIRST, OTHERS = shaken(6), shaken(12, 0.12, seed=1)


pytestmark = pytest.mark.usefixtures("roughly_drawn")


def potential(members=4):
    return Potential(
        build("schnet", channels=8, layers=1, cutoff=3.0, seed=0, members=members), Normalisation.of(FIRST, 3)
    )


@pytest.fixture
def committee():
    one = potential()
    one.draw_members(FIRST)
    return one


def go(folder, source=None, search=SEARCH, first=FIRST, **options):
    rows = active.active(
        first, folder / "data.xyz", folder / "m.keras", source or Pool(OTHERS), search, potential, **options
    )
    return rows, (folder / "data.xyz").read_bytes()


# ------------------------------------------------------------------------------------------------ picking, turning


def test_picks_are_uncertain_unlike_each_other_and_never_the_same(committee):
    twice = [OTHERS[k] for k in (0, 1, 2, 1, 0, 3, 3)]
    chosen = pick(committee, twice, 10)
    assert sorted(chosen) == [0, 1, 2, 5]
    sigma = [np.linalg.norm(f, axis=1).max() for f in committee.uncertainty(OTHERS)[1]]
    x = [rows.sum(axis=0) for rows in committee.environments(OTHERS)]
    chosen = pick(committee, OTHERS, 3)
    assert chosen[0] == np.argmax(sigma)
    for n in (1, 2):  # a loop over the formula
        value = [sigma[k] * min(np.linalg.norm(x[k] - x[c]) for c in chosen[:n]) for k in range(len(OTHERS))]
        assert chosen[n] == np.argmax(value)
    assert pick(committee, [], 3) == []
    with pytest.raises(InputError, match="a potential of one member does not know"):
        pick(potential(members=1), OTHERS, 3)


def test_a_turn_keeps_both_sides_as_they_are_and_changes_what_is_between():
    rng, angles = np.random.default_rng(0), []
    for _ in range(20):
        turned = turn(ETHANOL, rng)
        assert turned.with_bonds().bonds.tolist() == ETHANOL.with_bonds().bonds.tolist()
        before, after = (np.linalg.norm(m.positions[:, None] - m.positions, axis=-1) for m in (ETHANOL, turned))
        for a, b in ETHANOL.bonds:
            assert after[a, b] == pytest.approx(before[a, b])
        moved = np.argwhere(np.triu(abs(after - before) > 1e-6))
        assert len(moved)
        angles.append(after[0, 8] - before[0, 8])  # C ... H of the hydroxyl
    assert np.ptp(angles) > 0.3
    np.testing.assert_array_equal(turn(WATER, rng).positions, WATER.positions)


# ------------------------------------------------------------------------------------------------ budgets and labels


class Counting(Pool):
    """A pool that counts what it is asked, and may fail or be killed at some label."""

    def __init__(self, molecules, kill=None, fail=None):
        super().__init__(molecules)
        self.asked, self.kill, self.fail = [], kill, fail

    def candidates(self, *arguments):
        found = super().candidates(*arguments)
        assert all(m.energy is None and m.forces is None for m in found)
        return found

    def label(self, molecule):
        if len(self.asked) == self.kill:
            raise KeyboardInterrupt
        self.asked.append(molecule)
        if len(self.asked) - 1 == self.fail:
            raise Failed("it does not converge")
        return super().label(molecule)


def test_a_pool_gives_its_labels_of_what_was_picked_and_the_budget_is_kept(tmp_path):
    source = Counting(OTHERS)
    rows, _ = go(tmp_path, source)
    assert len(source.asked) == 7
    assert [(row.number, row.labels, row.new) for row in rows] == [(1, 3, 3), (2, 6, 3), (3, 7, 1)]
    found = list(read_xyz(tmp_path / "data.xyz"))
    assert len(found) == 13
    keys = {m.positions.round(6).tobytes(): m for m in (*FIRST, *OTHERS)}
    for m in found:
        wanted = keys.pop(m.positions.round(6).tobytes())  # none twice
        assert m.energy == pytest.approx(wanted.energy, abs=1e-7)
        np.testing.assert_allclose(m.forces, wanted.forces, atol=1e-7)
    with open(tmp_path / "data.xyz.rounds.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["force_rmse"]) for row in table] == [row.force_rmse for row in rows]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.xyz", "data.xyz.rounds.csv", "m.keras"]
    again = Potential.load(tmp_path / "m.keras")
    assert again.members == 4


def test_an_empty_pool_and_rounds_end_it(tmp_path):
    rows, _ = go(tmp_path, Pool(OTHERS[:4]))
    assert [row.new for row in rows] == [3, 1]
    (tmp_path / "b").mkdir()
    rows, _ = go(tmp_path / "b", search=replace(SEARCH, rounds=1))
    assert [row.new for row in rows] == [3]


def test_errors_are_those_before_training_on_them(tmp_path):
    rows, _ = go(tmp_path, search=replace(SEARCH, rounds=1))
    before = potential()
    before.draw_members([m for k, m in enumerate(FIRST) if k % 10])
    before.calibrate(FIRST[::10])
    new = list(read_xyz(tmp_path / "data.xyz"))[len(FIRST) :]
    assert rows[0].force_rmse == pytest.approx(before.evaluate(new)["force_rmse"], rel=1e-4)
    assert rows[0].energy_std == pytest.approx(np.sqrt(np.mean(before.uncertainty(new)[0] ** 2)), rel=1e-2)


@pytest.mark.parametrize("kill", [0, 2, 4])
def test_a_run_killed_while_labelling_goes_on_and_gives_the_same_file(tmp_path, kill):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    rows, text = go(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "killed", Counting(OTHERS, kill=kill))
    source = Counting(OTHERS)
    again, same = go(tmp_path / "killed", source)
    assert len(source.asked) == 7 - kill  # none is asked for again
    assert same == text
    assert [row[:-1] for row in again] == [row[:-1] for row in rows]


@pytest.mark.parametrize("stage", [("training", 3), ("exploring", 3), ("training", 7)])
def test_a_run_killed_elsewhere_goes_on_and_gives_the_same_file(tmp_path, stage):
    def kill(what, done, of):
        if (what, done) == stage:
            raise KeyboardInterrupt

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    _, text = go(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "killed", progress=kill)
    assert go(tmp_path / "killed")[1] == text


def test_what_cannot_be_labelled_is_listed_and_counts(tmp_path):
    rows, _ = go(tmp_path, Counting(OTHERS, fail=1))
    assert [row.new for row in rows] == [2, 3, 1]
    assert len(list(read_xyz(tmp_path / "data.xyz"))) == len(FIRST) + 6
    assert "it does not converge" in (tmp_path / "data.xyz.failed.csv").read_text()


def test_a_calculator_labels_what_dynamics_finds(tmp_path):
    rows, _ = go(tmp_path, Calculated(Method("ase.calculators.emt:EMT")), replace(SEARCH, labels=4, turned=1.0))
    assert rows[-1].labels == 4
    for atoms in ase.io.read(tmp_path / "data.xyz", f"{len(FIRST)}:"):
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = EMT()
        assert atoms.get_potential_energy() == pytest.approx(energy)
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-6)


def test_from_a_geometry_alone(tmp_path):
    search = Search(labels=5, batch=3, first=2, epochs=1, replicas=2, steps=10)
    rows = active.active(
        [WATER], tmp_path / "w.xyz", tmp_path / "w.keras", Calculated(Method("ase.calculators.emt:EMT")), search,
        lambda: Potential(build("schnet", channels=8, layers=1, cutoff=3.0, seed=0)),
    )  # fmt: skip
    assert [(row.labels, row.new) for row in rows] == [(5, 2)]
    assert len(list(read_xyz(tmp_path / "w.xyz"))) == 5
    assert Potential.load(tmp_path / "w.keras").members == 8


# ------------------------------------------------------------------------------------------------ wrong use


def test_wrong_use_is_told(tmp_path):
    bare = [replace(m, energy=None, forces=None) for m in FIRST]
    for first, source, says in (
        (bare, Pool(OTHERS), "a pool takes labelled molecules to begin with"),
        ([*FIRST, bare[0]], Pool(OTHERS), "1 of 7 molecules have no energy or forces"),
        ([], Pool(OTHERS), "molecules with positions to begin with"),
    ):
        with pytest.raises(InputError, match=says):
            go(tmp_path, source, first=first)
    (tmp_path / "data.xyz").touch()
    with pytest.raises(InputError, match=r"data.xyz' is there"):
        go(tmp_path)
    with pytest.raises(InputError, match="a pool has the energy and forces of each"):
        Pool(bare)
    with pytest.raises(InputError, match="there is no calculator"):
        Calculated(Method("no.such:Thing"))
    for options in ({"labels": 0}, {"temperature": -1.0}, {"turned": 2}, {"bound": float("nan")}, {"rounds": 0}):
        with pytest.raises(InputError, match=next(iter(options))):
            Search(**options)


def test_another_command_does_not_go_on_from_a_journal(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, Counting(OTHERS, kill=2))
    with pytest.raises(InputError, match="holds what another command has labelled"):
        go(tmp_path, Counting(OTHERS), seed=1)
