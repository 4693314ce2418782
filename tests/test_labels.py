"""Labels: which molecules, which frames, and work that survives what happens to processes."""

import csv
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from ase import units
from rdkit import Chem
from rdkit.Chem import Descriptors
from scipy.spatial.distance import pdist

from dmol_molnet import Molecule
from dmol_molnet.files import read_molecules
from dmol_molnet.labels import Method, Plan, constitutions, frames, label, work
from dmol_molnet.labels.frames import Failed
from dmol_molnet.labels.work import Journal
from dmol_molnet.molecules import InputError

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before tblite: molecules this small are slower with more threads
pytest.importorskip("tblite", reason="needs tblite, of the extra `data`")
pytest.importorskip("distributed", reason="needs Dask, of the extra `data`")

TESTS = Path(__file__).parent
SHORT = Plan(temperatures=(300.0,), displaced=1, moved=1, spacing=2)
SMALL = ["C", "O", "N", "CO", "C=O", "CC"]


def ours(name, **options):
    """One of the calculators that misbehave."""
    return Method(f"label_calculators:{name}", options)


# ------------------------------------------------------------------------------------------------ which molecules


def test_made_up_molecules_are_molecules_and_none_comes_twice():
    found = list(itertools.islice(constitutions(8, seed=0), 1500))
    assert len(set(found)) == len(found)
    sizes = Counter()
    for smiles in found:
        molecule = Chem.MolFromSmiles(smiles)
        assert Chem.MolToSmiles(molecule, isomericSmiles=False) == smiles
        assert {atom.GetSymbol() for atom in molecule.GetAtoms()} <= {"C", "N", "O"}
        assert not any(atom.GetFormalCharge() for atom in molecule.GetAtoms())
        assert Descriptors.NumRadicalElectrons(molecule) == 0
        sizes[molecule.GetNumAtoms()] += 1
    assert max(sizes) == 8
    assert sizes[8] > sizes[7] > sizes[6]
    assert sum("c" in smiles or "n" in smiles for smiles in found) > 100  # aromatic ones are among them


def test_a_seed_repeats_its_molecules_and_another_gives_others():
    first, again, other = (list(itertools.islice(constitutions(8, seed), 200)) for seed in (1, 1, 2))
    assert first == again
    assert len(set(first) & set(other)) < 100


def test_the_smallest_are_all_found():
    """All neutral molecules of C, N, O with one or two heavy atoms that the rules leave, counted by hand."""
    assert sorted(constitutions(1)) == ["C", "N", "O"]
    two = {"CC", "C=C", "C#C", "CN", "C=N", "C#N", "CO", "C=O", "NN", "NO"}
    assert set(constitutions(2, least=2)) == two
    known = {"CCC", "C=CC", "C#CC", "C1CC1", "CC=O", "CCO", "COC", "CC#N", "NC=O", "O=CO", "C1CO1", "CNC", "N#CN"}
    assert known <= set(constitutions(3))


def test_what_falls_apart_is_not_made():
    found = itertools.islice(constitutions(7, seed=3), 1500)
    forbidden = ["OO", "C=C=C", "C(O)O", "N=N", "NNN", "C=CO", "O=NO"]
    patterns = {text: Chem.MolFromSmarts(text) for text in forbidden}
    patterns["C(O)O"] = Chem.MolFromSmarts("[CX4]([OH])[OH]")
    patterns["C=CO"] = Chem.MolFromSmarts("[CX3;!a]=[CX3;!a][OH]")
    patterns["N=N"] = Chem.MolFromSmarts("[N;!a]=[N;!a]")
    for smiles in found:
        molecule = Chem.MolFromSmiles(smiles)
        assert not [text for text, pattern in patterns.items() if molecule.HasSubstructMatch(pattern)], smiles


@pytest.mark.parametrize("bounds", [(0, 1), (3, 4), (2, 0)])
def test_bounds_that_nothing_fits(bounds):
    with pytest.raises(InputError, match="heavy atoms"):
        next(constitutions(bounds[0], least=bounds[1]))


# ------------------------------------------------------------------------------------------------ which frames


def test_labels_are_those_of_gfn2_and_forces_the_slopes_of_energies():
    from tblite.ase import TBLite

    found = frames(Molecule.from_smiles("CO"), SHORT, Method(), 0)
    assert [atoms.info["kind"] for atoms in found] == ["minimum", "displaced", "moved"]
    for atoms in found:
        energy, forces, dipole = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_dipole_moment()
        again = atoms.copy()
        again.calc = TBLite(method="GFN2-xTB", verbosity=0, accuracy=1e-3)
        np.testing.assert_allclose(again.get_potential_energy(), energy, atol=1e-6)
        np.testing.assert_allclose(again.get_dipole_moment(), dipole, atol=1e-4)
        for a, i in ((0, 2), (1, 0), (3, 1)):
            x, values = atoms.positions.copy(), []
            for sign in (1, -1):
                again.positions = x
                again.positions[a, i] += sign * 1e-3
                values.append(again.get_potential_energy())
            np.testing.assert_allclose(-(values[0] - values[1]) / 2e-3, forces[a, i], atol=1e-3)
    assert np.linalg.norm(found[0].get_forces(), axis=1).max() < 0.03
    assert np.linalg.norm(found[1].get_forces(), axis=1).max() > 0.3


def test_displacements_have_the_energy_of_their_temperature():
    """Classically, half a kT a mode: methane has nine; at 50 K they are harmonic."""
    plan = Plan(temperatures=(50.0,), displaced=100, moved=0)
    energies = [atoms.get_potential_energy() for atoms in frames(Molecule.from_smiles("C"), plan, Method(), 0)]
    mean = np.mean(energies[1:]) - energies[0]
    expected = 9 / 2 * units.kB * 50
    assert abs(mean - expected) < 4 * expected / np.sqrt(9 / 2 * 100) + 0.03 * expected


def test_conformers_that_are_the_same_minimum_count_once():
    plan = Plan(conformers=4, temperatures=())
    assert len(frames(Molecule.from_smiles("CC"), plan, Method(), 0)) == 1
    assert 1 < len(frames(Molecule.from_smiles("OCCO"), plan, Method(), 0)) <= 4


def test_geometries_are_their_only_conformer():
    given = Molecule.from_smiles("OCCO").embed(7)
    found = frames(given, Plan(conformers=3, temperatures=()), Method(), 0)
    assert len(found) == 1
    dihedral = [atoms.get_dihedral(0, 1, 2, 3) for atoms in (given.to_ase(), found[0])]
    assert abs((dihedral[0] - dihedral[1] + 180) % 360 - 180) < 30


def test_geometries_are_labelled_where_they_are_if_asked():
    from tblite.ase import TBLite

    given = Molecule.from_smiles("OCCO").embed(7)
    (found,) = frames(given, Plan(as_given=True), Method(), 0)
    np.testing.assert_allclose(pdist(found.positions), pdist(given.positions), atol=1e-7)
    again = given.to_ase()
    again.calc = TBLite(method="GFN2-xTB", verbosity=0, accuracy=0.01)
    np.testing.assert_allclose(found.get_potential_energy(), again.get_potential_energy(), atol=1e-5)
    with pytest.raises(Failed, match="no geometry"):
        frames(Molecule.from_smiles("C"), Plan(as_given=True), Method(), 0)


def test_charges_and_odd_electrons_are_told():
    from tblite.ase import TBLite

    for smiles, charge, multiplicity in (("[NH4+]", 1, 1), ("[OH-]", -1, 1), ("[CH3]", 0, 2)):
        (found,) = frames(Molecule.from_smiles(smiles), Plan(temperatures=()), Method(), 0)
        again = found.copy()
        again.calc = TBLite(method="GFN2-xTB", verbosity=0, charge=charge, multiplicity=multiplicity)
        np.testing.assert_allclose(again.get_potential_energy(), found.get_potential_energy(), atol=1e-5)
    with pytest.raises(InputError, match=r"not told of the charge \+1"):
        frames(Molecule.from_smiles("[NH4+]"), Plan(temperatures=()), ours("Refuses"), 0)


def test_a_lone_atom_is_its_minimum():
    (found,) = frames(Molecule.from_smiles("[He]"), Plan(), Method(), 0)
    np.testing.assert_array_equal(found.get_forces(), np.zeros((1, 3)))


def test_what_cannot_be_labelled_says_why():
    with pytest.raises(Failed, match="relaxation fails: no convergence in 50 iterations"):
        frames(Molecule.from_smiles("N"), SHORT, ours("Refuses"), 0)
    with pytest.raises(Failed, match=r"no number|fails"):
        frames(Molecule.from_smiles("O"), SHORT, ours("NotANumber"), 0)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Method("nonsense"), "module:class"),
        (Method("no_module:Here"), "there is no calculator"),
        (Method("label_calculators:Nothing"), "there is no calculator"),
        (Method("label_calculators:Slow", {"colour": 1}), "does not start"),
        (Method("label_calculators:EnergyOnly"), "no energy and forces"),
    ],
)
def test_calculators_that_are_none(method, said, tmp_path):
    with pytest.raises(InputError, match=said):
        label(["C"], tmp_path / "x.xyz", SHORT, method)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"conformers": 0}, {"displaced": -1}, {"temperatures": (0.0,)}, {"spacing": 0}])
def test_plans_that_are_none(wrong):
    with pytest.raises(InputError):
        Plan(**wrong)


# ------------------------------------------------------------------------------------------------ the work


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What two workers here make of the small molecules, undisturbed."""
    path = tmp_path_factory.mktemp("whole") / "data.xyz"
    told = []
    found = label(SMALL, path, SHORT, seed=5, workers=2, progress=lambda *counts: told.append(counts))
    assert told[0] == (0, 0, len(SMALL))
    assert told[-1] == (len(SMALL), 0, len(SMALL))
    assert (found.molecules, found.frames, found.failed) == (6, 18, [])
    assert found.seconds > 0
    return path


def test_the_file_is_read_back_with_its_labels(whole):
    read = read_molecules(str(whole))
    assert not read.suspicions
    assert [m.formula for m in read.molecules[::3]] == [Molecule.from_smiles(s).formula for s in SMALL]
    direct = frames(Molecule.from_smiles("CO"), SHORT, Method(), (5, 3))
    for molecule, atoms in zip(read.molecules[9:12], direct, strict=True):
        np.testing.assert_allclose(molecule.energy, atoms.get_potential_energy(), atol=1e-9)
        np.testing.assert_allclose(molecule.forces, atoms.get_forces(), atol=1e-8)
        np.testing.assert_allclose(molecule.positions, atoms.positions, atol=1e-8)
    assert sorted(path.name for path in whole.parent.iterdir()) == ["data.xyz"]


def test_one_worker_makes_the_same_file(whole, tmp_path):
    label(SMALL, tmp_path / "data.xyz", SHORT, seed=5, workers=1)
    assert (tmp_path / "data.xyz").read_bytes() == whole.read_bytes()


def test_another_seed_makes_other_frames_of_the_same_molecules(whole, tmp_path):
    label(SMALL[:2], tmp_path / "data.xyz", SHORT, seed=6, workers=1)
    assert (tmp_path / "data.xyz").read_bytes() not in whole.read_bytes()


def test_failures_are_listed_and_cost_nobody_else_anything(tmp_path):
    path, once = tmp_path / "data.xyz", tmp_path / "once"
    found = label(["C", "N", "O", "CC"], path, SHORT, ours("Deadly", once=str(once)), workers=2)
    assert once.exists()  # a worker died of O, which was done again
    assert found.failed == [("N", "each worker that was given it died")]
    assert found.molecules == 3
    assert [m.formula for m in read_molecules(str(path)).molecules[::3]] == ["CH4", "H2O", "C2H6"]
    with Path(f"{path}.failed.csv").open() as file:
        assert list(csv.reader(file)) == [["molecule", "reason"], ["N", "each worker that was given it died"]]


def test_a_molecule_without_positions_is_refused(tmp_path):
    with pytest.raises(InputError, match="C2H6 has no positions to label"):
        label(["C", Molecule.from_smiles("CC")], tmp_path / "data.xyz")
    assert not list(tmp_path.iterdir())


def test_nothing_but_failures_is_an_error_that_names_one(tmp_path):
    with pytest.raises(
        InputError, match="none of the 1 molecules gave frames; N: its relaxation fails: no convergence"
    ):
        label(["N"], tmp_path / "data.xyz", SHORT, ours("Refuses"), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["data.xyz.failed.csv"]


def command(path, molecules):
    return [
        *(sys.executable, "-m", "dmol_molnet", "label", str(molecules), "-o", str(path), "--seed", "5"),
        *("--temperatures", "300", "--displaced", "1", "--moved", "1", "--workers", "1"),
    ]


@contextmanager
def running(arguments, **options):
    """A process in a group of its own, which ends with its children."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])} | options.pop("env", {})
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=environment, **options,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def smiles(tmp_path):
    path = tmp_path / "small.smi"
    path.write_text("".join(f"{s} molecule {k}\n" for k, s in enumerate(SMALL)))
    return path


def test_a_killed_command_goes_on_where_it_was(smiles, tmp_path):
    path, journal = tmp_path / "data.xyz", tmp_path / "data.xyz.journal"
    arguments = command(path, smiles)
    with running(arguments) as process:
        until(lambda: journal.exists() and len(_done(journal)) >= 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not path.exists()
    assert len(_done(journal)) >= 2
    with socket.socket() as page, running(arguments) as process:
        with suppress(OSError):  # where Dask has its page by default; another run may sit there already
            page.bind(("127.0.0.1", 8787))
            page.listen()
        out, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    assert "18 frames of 6 molecules" in out
    assert not journal.exists()
    assert len(read_molecules(str(path)).molecules) == 18


def _done(journal):
    import sqlite3

    copy = journal.with_name("copy")
    copy.write_bytes(journal.read_bytes())
    try:
        return sqlite3.connect(copy).execute("SELECT k FROM done").fetchall()
    except sqlite3.Error:
        return []
    finally:
        copy.unlink()


def test_another_commands_journal_is_not_used(tmp_path):
    path = tmp_path / "data.xyz"
    with Journal(path, "another command"):
        pass
    with pytest.raises(InputError, match="another command"):
        label(SMALL, path, SHORT, workers=1)
    assert Path(f"{path}.journal").exists()


def test_two_labelings_into_one_file(tmp_path):
    path = tmp_path / "data.xyz"
    with Journal(path, "the first"):
        code = (
            "import sys; from dmol_molnet.labels import label; from dmol_molnet.molecules import InputError\n"
            "try: label(['C'], sys.argv[1])\n"
            "except InputError as error: print(error)"
        )
        with running([sys.executable, "-c", code, str(path)]) as process:
            out, error = process.communicate(timeout=60)
    assert out.startswith("another process labels into '"), error
    assert out.endswith("data.xyz'\n")


def test_a_file_that_is_there_is_not_touched(tmp_path):
    path = tmp_path / "data.xyz"
    path.write_text("mine")
    with pytest.raises(InputError, match="is there"):
        label(SMALL, path)
    assert path.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_ends_in_one_sentence_and_loses_nothing(smiles, tmp_path):
    """A limit on the size of files stands in for a disk that fills while results come."""
    path = tmp_path / "data.xyz"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from dmol_molnet.labels import work\n"
        "keep = work.Journal.keep\n"
        "def full(journal, k, result):\n"
        "    if k == 2: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "    keep(journal, k, result)\n"
        "work.Journal.keep = full\n"
        "from dmol_molnet.cli import main; main(sys.argv[1:])"
    )
    arguments = command(path, smiles)
    with running([sys.executable, "-c", code, *arguments[3:]]) as process:
        _, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    assert len(error.splitlines()) == 1
    assert "cannot be written" in error
    assert "the same command goes on" in error
    done = len(_done(Path(f"{path}.journal")))
    assert done >= 1
    with running(arguments) as process:
        _, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    assert len(read_molecules(str(path)).molecules) == 18


# ------------------------------------------------------------------------------------------------ a cluster


@contextmanager
def scheduler(workers, path=()):
    """A scheduler of Dask on loopback with workers, each a process; yields its address and the process."""
    dask = str(Path(sys.executable).with_name("dask"))
    with running([dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]) as process:
        address = next(word for line in process.stderr for word in line.split() if word.startswith("tcp://"))
        with ExitStack() as stack:
            env = {"PYTHONPATH": os.pathsep.join([*path, str(TESTS.parent), str(TESTS)]), "OMP_NUM_THREADS": "1"}
            for _ in range(workers):
                started = [dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--death-timeout", "30"]
                stack.enter_context(running(started, env=env))
            yield address, process


def test_workers_of_a_cluster_make_the_same_file(whole, tmp_path):
    with scheduler(2) as (address, _):
        label(SMALL, tmp_path / "data.xyz", SHORT, seed=5, scheduler=address)
    assert (tmp_path / "data.xyz").read_bytes() == whole.read_bytes()


def test_a_scheduler_that_is_killed_ends_in_one_sentence_and_the_same_command_goes_on(tmp_path):
    path = tmp_path / "data.xyz"
    slow = ours("Slow", seconds=0.05)
    with scheduler(1) as (address, process), pytest.raises(InputError, match="the scheduler of Dask is gone"):
        label(
            SMALL, path, SHORT, slow, seed=5, scheduler=address,
            progress=lambda done, failed, of: os.kill(process.pid, signal.SIGKILL) if done == 2 else None,
        )  # fmt: skip
    assert not path.exists()
    counts = []
    label(SMALL, path, SHORT, slow, seed=5, workers=1, progress=lambda *told: counts.append(told))
    assert counts[0][0] >= 2
    assert len(read_molecules(str(path)).molecules) == 18


def test_workers_with_another_version_are_refused(tmp_path):
    other = tmp_path / "other" / "dmol_molnet-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: dmol-molnet\nVersion: 9.9\n")
    with (
        scheduler(1, [str(other.parent)]) as (address, _),
        pytest.raises(InputError, match=r"a worker has dmol-molnet 9\.9.*this machine"),
    ):
        label(["C"], tmp_path / "data.xyz", SHORT, scheduler=address)


def test_a_scheduler_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "PATIENCE", 1.0)
    with pytest.raises(InputError, match="no scheduler of Dask answers at"):
        label(["C"], tmp_path / "data.xyz", SHORT, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="no scheduler of Dask answers at"):
        label(["C"], tmp_path / "data.xyz", SHORT, scheduler="nonsense")
    with scheduler(0) as (address, _), pytest.raises(InputError, match="has no worker"):
        label(["C"], tmp_path / "data.xyz", SHORT, scheduler=address)
    with pytest.raises(InputError, match="a scheduler has its own"):
        label(["C"], tmp_path / "data.xyz", SHORT, workers=2, scheduler="tcp://127.0.0.1:9")
