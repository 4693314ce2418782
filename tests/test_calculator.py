"""The calculator and what runs on it: held against the potential, the rules of ASE, and conservation laws."""

import ase
import ase.io
import numpy as np
import pytest
from ase import units
from ase.calculators.calculator import PropertyNotImplementedError

from dmol_molnet import InputError, Molecule, datasets, dynamics
from dmol_molnet.calculator import MolnetCalculator
from dmol_molnet.molecules import InputWarning
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import FAR, Capacity, neighbors
from dmol_molnet.nn.potential import Normalisation, Potential

FRAMES = datasets.load("acetylacetone").train[:8]


def make_potential(cutoff=4.0, **changes):
    network = build("schnet", **{"channels": 8, "layers": 1, "radial": 8, "cutoff": cutoff, "seed": 1, **changes})
    return Potential(network, Normalisation.of(FRAMES, cutoff))


@pytest.fixture(scope="module")
def potential():
    return make_potential()


def atoms_of(molecule, calculator):
    return dynamics.to_atoms(molecule, calculator)


class Counting(MolnetCalculator):
    """Counts how often it computes."""

    count = 0

    def calculate(self, *arguments, **options):
        self.count += 1
        super().calculate(*arguments, **options)


# ------------------------------------------------------------------------------------------------ the calculator


def test_it_gives_what_the_potential_gives(potential):
    calculator = MolnetCalculator(potential)
    for frame in FRAMES[:4]:
        atoms = atoms_of(frame, calculator)
        energy, forces = potential.energy_and_forces(frame)
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=2e-5)
        assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=2e-5)
        assert atoms.get_forces().dtype == np.float64


def test_a_path_will_do(potential, tmp_path):
    potential.save(tmp_path / "p.keras")
    atoms = atoms_of(FRAMES[0], MolnetCalculator(tmp_path / "p.keras"))
    assert atoms.get_potential_energy() == pytest.approx(potential.energy_and_forces(FRAMES[0])[0], abs=2e-5)
    for wrong, said in (("nowhere.keras", "there is no file"), (7, "needs a Potential or the path of one")):
        with pytest.raises(InputError, match=said):
            MolnetCalculator(wrong)


def test_nothing_is_computed_twice(potential):
    calculator = Counting(potential)
    atoms = atoms_of(FRAMES[0], calculator)
    energy = atoms.get_potential_energy()
    forces = atoms.get_forces()
    forces[:] = 0  # a copy: what is kept does not change
    assert np.abs(atoms.get_forces()).max() > 0
    assert atoms.get_potential_energy() == energy
    assert calculator.count == 1
    atoms.positions[0, 0] += 0.01
    assert atoms.get_potential_energy() != energy
    assert calculator.count == 2
    atoms.positions[0, 0] -= 0.01
    atoms.get_forces()
    assert calculator.count == 3
    atoms.info["note"] = "no atom moved"
    atoms.get_forces()
    assert calculator.count == 3
    assert calculator.get_property("energy", allow_calculation=False) is not None
    atoms.positions += 0.1
    assert calculator.get_property("forces", atoms, allow_calculation=False) is None
    assert calculator.count == 3


def test_stress_is_refused_with_the_reason(potential):
    atoms = atoms_of(FRAMES[0], MolnetCalculator(potential))
    with pytest.raises(PropertyNotImplementedError, match="derivative of the energy with respect to the cell"):
        atoms.get_stress()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_dipole_moment()


def test_unknown_elements_are_named(potential):
    atoms = atoms_of(Molecule.from_smiles("CCl").embed(0), MolnetCalculator(potential))
    for _ in range(2):
        with pytest.raises(InputError, match="Cl is not among the elements of the training set: H, C, O"):
            atoms.get_potential_energy()


def test_ase_writes_what_it_computed(potential, tmp_path):
    atoms = atoms_of(FRAMES[0], MolnetCalculator(potential))
    energy = atoms.get_potential_energy()
    for name in ("a.traj", "a.xyz"):
        ase.io.write(tmp_path / name, atoms)
        assert ase.io.read(tmp_path / name).get_potential_energy() == pytest.approx(energy, abs=1e-6)


def test_a_periodic_cell_is_a_large_one(float64):
    """A doubled cell has twice the energy and the same forces; forces are slopes across its faces too."""
    calculator = MolnetCalculator(make_potential(cutoff=3.0))
    rng = np.random.default_rng(0)
    cell = np.array([[4.0, 0, 0], [0.5, 4.2, 0], [0, 0.3, 4.1]])
    atoms = ase.Atoms("COH2", rng.uniform(0, 1, (4, 3)) @ cell, cell=cell, pbc=True, calculator=calculator)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    for i, axis in ((0, 0), (1, 1), (2, 2), (3, 0)):
        moved = []
        for step in (1e-4, -1e-4):
            atoms.positions[i, axis] += step
            moved.append(atoms.get_potential_energy())
            atoms.positions[i, axis] -= step
        assert forces[i, axis] == pytest.approx((moved[1] - moved[0]) / 2e-4, abs=1e-6)
    double = atoms.repeat((2, 1, 1))
    double.calc = calculator
    assert double.get_potential_energy() == pytest.approx(2 * energy, abs=1e-9)
    np.testing.assert_allclose(double.get_forces(), np.tile(forces, (2, 1)), atol=1e-9)


def test_an_atom_that_drifts_far_out_and_back_changes_nothing(float64):
    """Unwrapped, as in long runs: beyond `FAR` atoms are brought near, and before it they are not."""
    calculator = MolnetCalculator(make_potential(cutoff=3.0))
    x = np.array([[0.1, 0.2, 0.3], [1.3, 0.4, 0.1], [0.2, 1.5, 0.6], [0.0, 2.5, 2.2]])
    away = FAR * 4 / 3  # of one atom from the others, where it is FAR from the centre of all four
    energies, pairs = [], set()
    for drift in (0.01, -0.01, 0.01, -0.01):
        x[3, 0] = x[:3, 0].mean() + away + drift
        assert (np.abs(x - x.mean(axis=0)).max() > FAR) == (drift > 0)
        atoms = ase.Atoms("COH2", x, cell=[away / 16, 4.0, 4.0], pbc=True)
        pairs.add(len(neighbors(Molecule.from_ase(atoms), 3.0).i))
        wrapped = atoms.copy()
        wrapped.wrap()
        wrapped.calc = MolnetCalculator(calculator.potential)
        atoms.calc = calculator
        energies.append([atoms.get_potential_energy(), wrapped.get_potential_energy()])
    assert len(pairs) == 1
    np.testing.assert_allclose(*np.transpose(energies), atol=1e-9)


def test_pairs_that_come_and_go_cost_no_compilation(potential):
    calculator, rooms, shapes = MolnetCalculator(potential), set(), set()
    for frame in [*datasets.load("acetylacetone").test_600K[:60], *FRAMES]:
        graph = calculator._graph(Molecule(frame.numbers, frame.positions))
        rooms.add(calculator._room)
        shapes.add(graph.i.shape)
    assert len(rooms) <= 2
    assert max(rooms, key=lambda room: room.pairs) <= Capacity(1, 15, 105, 14)


# ------------------------------------------------------------------------------------------------ relaxation, dynamics


def test_relaxation_ends_where_forces_are_small(potential, tmp_path):
    atoms = atoms_of(FRAMES[0], MolnetCalculator(potential))
    before, seen = atoms.get_potential_energy(), []
    done = dynamics.relax(atoms, fmax=0.2, steps=60, trajectory=tmp_path / "t.xyz", progress=lambda *x: seen.append(x))
    assert done.converged
    assert done.largest_force == pytest.approx(np.linalg.norm(atoms.get_forces(), axis=1).max())
    assert done.largest_force < 0.2
    assert done.energy < before
    frames = ase.io.read(tmp_path / "t.xyz", ":")
    assert len(frames) == done.steps + 1 == len(seen)
    assert [f.get_potential_energy() for f in frames] == pytest.approx([energy for _, energy, _ in seen])
    again = dynamics.relax(atoms_of(FRAMES[0], MolnetCalculator(potential)), fmax=1e-6, steps=2)
    assert (again.converged, again.steps) == (False, 2)


def test_velocities_have_the_temperature_and_no_motion_as_a_whole():
    for molecule in (FRAMES[0], Molecule([1, 1], [[0, 0, 0], [0.7, 0, 0]]), Molecule([6, 8], [[0, 0, 0], [0, 0, 1]])):
        atoms = atoms_of(molecule, None)
        dynamics.heat(atoms, 300, np.random.default_rng(2))
        assert np.abs(atoms.get_momenta().sum(axis=0)).max() < 1e-12
        assert np.abs(atoms.get_angular_momentum()).max() < 1e-10
        free = 3 * len(atoms) - (6 if len(atoms) > 2 else 5)
        assert atoms.get_kinetic_energy() == pytest.approx(free / 2 * units.kB * 300)
    one = ase.Atoms("He")
    dynamics.heat(one, 300, np.random.default_rng(0))
    assert np.isfinite(one.get_momenta()).all()


def test_without_a_thermostat_energy_is_conserved(float64):
    """The deviation falls with the square of the time step: so it is the integrator's, and not the forces'."""
    spreads = []
    for timestep in (0.5, 0.25):
        atoms = atoms_of(FRAMES[0], MolnetCalculator(make_potential(neighbors=60.0)))
        done = dynamics.run(atoms, None, temperature=50, picoseconds=0.05, timestep=timestep, friction=None, seed=1)
        assert done.stopped is None
        spreads.append(done.spread)
        momentum = np.abs(atoms.get_momenta().sum(axis=0)).max()
        assert momentum < 1e-9
    assert spreads[1] < 0.35 * spreads[0]


def test_runs_repeat_themselves_and_follow_their_seed(potential, tmp_path):
    texts = []
    for seed in (1, 1, 2):
        atoms = atoms_of(FRAMES[0], MolnetCalculator(potential))
        done = dynamics.run(atoms, tmp_path / "run.xyz", picoseconds=0.01, every=5, seed=seed)
        assert (done.frames, done.picoseconds) == (5, 0.01)
        texts.append((tmp_path / "run.xyz").read_text())
    assert texts[0] == texts[1] != texts[2]
    frames = ase.io.read(tmp_path / "run.xyz", ":")
    assert [frame.info["time_fs"] for frame in frames] == [0, 2.5, 5, 7.5, 10]
    np.testing.assert_allclose(frames[-1].get_forces(), atoms.get_forces(), atol=1e-7)
    np.testing.assert_allclose(frames[-1].get_momenta(), atoms.get_momenta(), atol=1e-7)


def test_a_run_that_fails_says_why_and_keeps_its_frames(potential, tmp_path):
    hot = atoms_of(FRAMES[0], MolnetCalculator(potential))
    dynamics.heat(hot, 20_000, np.random.default_rng(0))
    done = dynamics.run(hot, tmp_path / "a.xyz", temperature=100, picoseconds=1, every=1)
    assert "K were asked for" in done.stopped
    close = atoms_of(FRAMES[0], MolnetCalculator(potential))
    close.set_masses(np.full(15, 1e-4))
    done = dynamics.run(close, tmp_path / "b.xyz", temperature=3000, picoseconds=10, every=5)
    assert done.stopped is not None
    assert len(ase.io.read(tmp_path / "b.xyz", ":")) == done.frames
    apart = ase.Atoms("H2", [[0, 0, 0], [0, 0, 3.9]], calculator=MolnetCalculator(potential))
    apart.set_velocities([[0, 0, -0.1], [0, 0, 0.1]])
    done = dynamics.run(apart, None, temperature=3000, friction=None, picoseconds=1, every=1)
    assert "flew apart" in done.stopped


def test_a_full_disk_leaves_whole_frames(potential, tmp_path):
    atoms = atoms_of(FRAMES[0], MolnetCalculator(potential))
    file = dynamics.FrameFile(tmp_path / "a.xyz")

    class Full:
        """Takes 100 bytes of the second frame, and no more."""

        def __init__(self, real):
            self.real = real

        def write(self, content):
            if not content.startswith(b"15\n"):
                raise OSError(28, "No space left on device")
            return self.real.write(content[:100])

        def __getattr__(self, name):
            return getattr(self.real, name)

    file.write(atoms)
    file.file = Full(file.file)
    with pytest.raises(OSError, match="No space left"):
        file.write(atoms)
    assert len(ase.io.read(tmp_path / "a.xyz", ":")) == file.frames == 1


def test_lines():
    t = np.linspace(0, 2, 50)
    slope, spread = dynamics.line(t, 3 * t + 7 + 0.5 * np.sign(np.sin(40 * t)))
    assert slope == pytest.approx(3, abs=0.2)
    assert spread == pytest.approx(0.5, abs=0.02)
    assert dynamics.line(t[:1], t[:1]) == (0, 0)


def test_a_charge_that_was_not_in_training_is_told(potential):
    ion = Molecule(FRAMES[0].numbers, FRAMES[0].positions, charge=-1)
    with pytest.warns(InputWarning, match=r"C5H8O2 has the charge -1, and the potential was trained on none"):
        potential.energy_and_forces(ion)
    with pytest.warns(InputWarning, match="has the charge -1"):
        atoms_of(ion, MolnetCalculator(potential)).get_potential_energy()


def test_no_atoms_have_no_energy(potential):
    nothing = Molecule([], np.zeros((0, 3)))
    energies, forces = potential.energy_and_forces([nothing, FRAMES[0], nothing])
    alone, alone_forces = potential.energy_and_forces(FRAMES[0])
    np.testing.assert_allclose(energies, [0, alone, 0], atol=1e-5)
    np.testing.assert_allclose(forces[1], alone_forces, atol=1e-5)
    assert forces[0].shape == (0, 3)
    energies, forces = potential.energy_and_forces([])
    assert (energies.shape, forces) == ((0,), [])
    assert ase.Atoms(calculator=MolnetCalculator(potential)).get_potential_energy() == 0.0
