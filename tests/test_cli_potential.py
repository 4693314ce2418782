"""train, evaluate, relax and md as a user meets them; and what is left after faults: whole files, and one line."""

import csv
import inspect
import json
import re
import resource
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
import tensorflow as tf

from dmol_molnet import Molecule, cli, cli_train, datasets, dynamics, nn, vibrations
from dmol_molnet.molecules import SYMBOLS
from dmol_molnet.nn.potential import Potential
from dmol_molnet.nn.training import fit

FRAMES = datasets.load("acetylacetone").train[:24]
SMALL = ["--channels", "8", "--layers", "1", "--cutoff", "3"]


def write(path, molecules, labels=True):
    lines = []
    for m in molecules:
        columns = ":forces:R:3" if labels else ""
        lines += [str(len(m)), f"Properties=species:S:1:pos:R:3{columns} {f'energy={m.energy!r}' if labels else ''}"]
        for symbol, x, f in zip(m.symbols, m.positions, m.forces, strict=True):
            lines.append(" ".join([symbol, *(f"{number:.10f}" for number in [*x, *(f if labels else [])])]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def run(capfd):
    """A command, without a new process, to be quick."""

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(word) for word in words])
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=stop.value.code or 0, stdout=out, stderr=err)

    return run


@pytest.fixture
def eagerly():
    """Without compilation, which takes longer than these small runs."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, and a potential trained on it for a moment."""
    folder = tmp_path_factory.mktemp("trained")
    write(folder / "data.xyz", FRAMES)
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main(
                [
                    "train",
                    str(folder / "data.xyz"),
                    "-o",
                    str(folder / "m.keras"),
                    "--epochs",
                    "8",
                    "--batch-size",
                    "8",
                ]
                + [*SMALL, "--seed", "1", "--json", "--history", str(folder / "h.csv")]
            )
    finally:
        tf.config.run_functions_eagerly(False)
    assert not stop.value.code
    return folder


def one_line(done, code=2):
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith("dmol-molnet: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


# ------------------------------------------------------------------------------------------------ train


def test_train_leaves_a_model_and_its_history(trained):
    assert sorted(path.name for path in trained.iterdir()) == ["data.xyz", "h.csv", "m.keras"]
    rows = list(csv.DictReader((trained / "h.csv").open()))
    assert [row["epoch"] for row in rows] == [str(k) for k in range(1, 9)]
    assert float(rows[-1]["val_force_rmse"]) < float(rows[0]["val_force_rmse"])


def test_train_in_words_and_in_json(run, tmp_path, monkeypatch, eagerly):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "few.xyz", FRAMES[:10])
    words = ["train", "few.xyz", "--epochs", "2", *SMALL]
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "9 molecules of C5H8O2 to train on, 1 to validate." in done.stdout
    assert "do not settle the reference energies of the elements (2 of 3 are open)" in done.stdout
    assert re.search(
        r"few\.keras: schnet after 2 epochs; .* on 1 molecules? held out: \d.* meV/atom .*meV/Å", done.stdout
    )
    assert "100 % epoch 2" in done.stderr
    quiet = run(*words, "--json", "--validation", "few.xyz", "-o", "other.keras", "--history", "h.json")
    assert (quiet.returncode, "epoch" in quiet.stderr) == (0, False)
    said = json.loads(quiet.stdout)
    assert (said["model"], said["training"], said["validation"], said["epochs"]) == ("other.keras", 10, 10, 2)
    history = json.loads((tmp_path / "h.json").read_text())
    best = int(np.argmin(history["val_loss"]))
    assert said["force_rmse"] == history["val_force_rmse"][best]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["few.keras", "few.xyz", "h.json", "other.keras"]


def test_train_on_energies_alone(run, tmp_path, eagerly):
    path = tmp_path / "e.xyz"
    path.write_text(re.sub(r":forces:R:3", ":old:R:3", write(path, FRAMES[:10]).read_text()))
    said = one_line(run("train", path, "-o", tmp_path / "m.keras", "--epochs", 1))
    assert "molecule 1 has no forces; name the file's by --energy-key or --forces-key" in said
    assert "--force-weight 0" in said
    done = run(
        "train",
        path,
        "-o",
        tmp_path / "m.keras",
        "--epochs",
        1,
        "--force-weight",
        0,
        "--validation",
        0,
        *SMALL,
        "--json",
    )
    assert json.loads(done.stdout)["force_rmse"] is None
    assert json.loads(run("evaluate", tmp_path / "m.keras", path, "--json").stdout)["force_mae"] is None


def test_train_keeps_to_its_minutes(run, tmp_path, eagerly):
    write(tmp_path / "a.xyz", FRAMES[:10])
    done = run("train", tmp_path / "a.xyz", "-o", tmp_path / "m.keras", "--minutes", 0.06, *SMALL, "--json")
    assert json.loads(done.stdout)["seconds"] < 6
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.xyz", "m.keras"]


def test_the_defaults_in_the_help_are_those_of_fit():
    defaults = inspect.signature(fit).parameters
    text = inspect.getsource(cli_train.train)
    for name, said in (
        ("batch_size", "a step; {}"),
        ("learning_rate", "beginning; {}"),
        ("force_weight", "loss; {:g}"),
    ):
        assert said.format(defaults[name].default) + " if not told" in text


def test_a_loss_that_is_no_number_is_told(run, tmp_path, eagerly):
    write(tmp_path / "a.xyz", FRAMES[:10])
    words = ["train", tmp_path / "a.xyz", "-o", tmp_path / "m.keras", "--epochs", 50, "--learning-rate", 1e30, *SMALL]
    said = run(*words, "--json")
    warning, error = said.stderr.splitlines()
    assert said.returncode == 2
    assert warning.startswith("dmol-molnet: warning: the training collapsed in epoch")
    assert "collapsed 9 times" in error
    assert not (tmp_path / "m.keras").exists()


def test_free_atoms_in_the_data_are_its_reference_energies(run, tmp_path, eagerly):
    free = {"H": -13.6, "C": -1027.0, "O": -2041.0}
    atoms = [Molecule([SYMBOLS.index(s)], np.zeros((1, 3)), energy=e, forces=np.zeros((1, 3))) for s, e in free.items()]
    write(tmp_path / "a.xyz", [*atoms, *FRAMES[:10]])
    done = run("train", tmp_path / "a.xyz", "-o", tmp_path / "m.keras", "--epochs", 1, *SMALL)
    assert "9 molecules of C5H8O2 to train on, 1 to validate" in done.stdout
    assert "Free atoms give the reference energies of H, C, O, and are not trained on." in done.stdout
    assert Potential.load(tmp_path / "m.keras").normalisation.shifts == free
    write(tmp_path / "b.xyz", FRAMES[:10])
    write(tmp_path / "free.xyz", atoms)
    for told in (tmp_path / "free.xyz", "H=-13.6, C=-1027,O=-2041"):
        words = ["-o", tmp_path / "n.keras", "--epochs", 1, *SMALL, "--reference-energies", told]
        assert run("train", tmp_path / "b.xyz", *words).returncode == 0
        assert Potential.load(tmp_path / "n.keras").normalisation.shifts == free
    words = ["-o", tmp_path / "average.keras", "--epochs", 1, *SMALL, "--reference-energies", "average"]
    assert run("train", tmp_path / "a.xyz", *words).returncode == 0
    shifts = list(Potential.load(tmp_path / "average.keras").normalisation.shifts.values())
    np.testing.assert_allclose(shifts, np.mean([m.energy for m in FRAMES[:10]]) / 15, rtol=1e-3)
    for told, message in (("H=x", "such as H=-13.6"), (tmp_path / "b.xyz", "holds no free atom")):
        words = ["-o", tmp_path / "n.keras", "--epochs", 1, "--reference-energies", told]
        assert message in one_line(run("train", tmp_path / "b.xyz", *words))
    assert "none but free atoms" in one_line(run("train", tmp_path / "free.xyz", "-o", tmp_path / "n.keras"))


@pytest.mark.parametrize("steps", [True, False], ids=["a walk", "independent"])
def test_frames_of_one_trajectory_are_noticed(run, tmp_path, eagerly, steps):
    first, rng = datasets.load("acetylacetone").train[0], np.random.default_rng(0)
    moves = rng.normal(size=(40, *first.positions.shape)) * 0.01
    moves = np.cumsum(moves, axis=0) if steps else moves
    frames = [replace(first, positions=first.positions + x, energy=k, forces=0 * x) for k, x in enumerate(moves)]
    write(tmp_path / "frames.xyz", frames)
    done = run("train", tmp_path / "frames.xyz", "-o", tmp_path / "m.keras", "--epochs", 1, "--no-check", *SMALL)
    assert ("are alike, as those of one trajectory" in done.stdout) == steps


def test_a_model_is_trained_further_and_none_is_lost(run, tmp_path, eagerly):
    write(tmp_path / "a.xyz", FRAMES[:10])
    words = ["train", tmp_path / "a.xyz", "-o", tmp_path / "m.keras", "--epochs", 1, *SMALL]
    run(*words)
    first = (tmp_path / "m.keras").read_bytes()
    again = run(*words, "--seed", 3)
    assert "is there: it is replaced when this run ends, and kept as" in again.stderr
    assert (tmp_path / "m.previous.keras").read_bytes() == first
    further = ["train", tmp_path / "a.xyz", "-o", tmp_path / "n.keras", "--epochs", 1, "--from", tmp_path / "m.keras"]
    assert "--channels" in one_line(run(*further, *SMALL))
    assert run(*further, "--learning-rate", 1e-12, "--reference-energies", "kept").returncode == 0
    a, b = (Potential.load(tmp_path / f"{name}.keras").energy_and_forces(FRAMES[0])[0] for name in "mn")
    assert a == pytest.approx(b, abs=1e-4)


def test_an_element_that_only_the_held_out_ones_would_have_is_trained_on(run, tmp_path, eagerly):
    odd = Molecule.from_smiles("N").embed(0)
    odd = replace(odd, energy=-100.0, forces=np.zeros((4, 3)))
    write(tmp_path / "a.xyz", [*FRAMES[:4], odd])
    for seed in range(3):
        words = ["-o", tmp_path / f"{seed}.keras", "--epochs", 1, "--validation", 0.4, "--seed", seed, "--no-check"]
        done = run("train", tmp_path / "a.xyz", *words, *SMALL)
        assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------ evaluate


KEYS = ["molecules", "energy_mae", "energy_rmse", "energy_rmse_per_atom", "force_mae", "force_rmse"]


def test_evaluate_is_what_the_potential_says(run, trained):
    done = run("evaluate", trained / "m.keras", trained / "data.xyz", "--json")
    assert (done.returncode, "dmol-molnet" in done.stderr) == (0, False)
    found = json.loads(done.stdout)
    assert list(found) == KEYS
    potential = Potential.load(trained / "m.keras")
    energies, forces = potential.energy_and_forces(FRAMES)
    de, df = energies - [m.energy for m in FRAMES], np.array(forces) - [m.forces for m in FRAMES]
    assert found["energy_rmse"] == pytest.approx(np.sqrt((de**2).mean()), rel=1e-3)
    assert found["force_mae"] == pytest.approx(np.abs(df).mean(), rel=1e-4)
    words = run("evaluate", trained / "m.keras", trained / "data.xyz").stdout
    assert "Energies in meV, forces in meV/Å." in words
    assert f"{1000 * found['force_rmse']:.1f}" in words


def test_evaluate_on_a_set_goes_by_file(run, trained, monkeypatch):
    monkeypatch.setattr(datasets, "_SHIPPED", ("train_300K", "torsion", "proton_transfer"))
    done = json.loads(run("evaluate", trained / "m.keras", "acetylacetone", "--json").stdout)
    assert list(done) == ["torsion", "proton_transfer"]
    assert [list(errors) for errors in done.values()] == [KEYS, KEYS]
    flat = json.loads(run("evaluate", trained / "m.keras", "acetylacetone:proton_transfer", "--json").stdout)
    assert flat == done["proton_transfer"]
    table = run("evaluate", trained / "m.keras", "acetylacetone").stdout.splitlines()
    assert [line.split()[:2] for line in table[3:]] == [["torsion", "45"], ["proton_transfer", "15"]]


def test_units_are_converted_on_the_way(run, trained, tmp_path):
    kcal = 0.0433641
    path = write(tmp_path / "kcal.xyz", FRAMES)
    frames = ase.io.read(path, ":")
    text = []
    for frame in frames:
        rows = [
            f"{s} " + " ".join(f"{v:.9f}" for v in [*x, *(-f / kcal)])
            for s, x, f in zip(frame.symbols, frame.positions, frame.get_forces(), strict=True)
        ]
        comment = f"Properties=species:S:1:pos:R:3:gradient:R:3 U0={float(frame.get_potential_energy() / kcal)!r}"
        text += ["15", comment, *rows]
    path.write_text("\n".join(text) + "\n")
    done = run("evaluate", trained / "m.keras", path, "--json", "--energy-unit", "kcal/mol")
    expected = run("evaluate", trained / "m.keras", trained / "data.xyz", "--json")
    assert json.loads(done.stdout)["force_rmse"] == pytest.approx(json.loads(expected.stdout)["force_rmse"], rel=1e-4)
    warned = run("evaluate", trained / "m.keras", path, "--json")
    assert warned.returncode == 0
    assert "warning: " in warned.stderr
    assert json.loads(warned.stdout)


def test_as_a_process_it_is_quiet(trained):
    done = subprocess.run(
        [sys.executable, "-m", "dmol_molnet", "evaluate", "m.keras", "data.xyz", "--json"],
        cwd=trained, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert list(json.loads(done.stdout)) == KEYS


# ------------------------------------------------------------------------------------------------ relax and md


def test_whole_compositions_are_held_out_where_there_are_many():
    rng = np.random.default_rng(0)
    formulas = [f"C{k}" for k in rng.integers(0, 30, 400)] + ["C1000"] * 200  # one of them larger than what is held out
    rng.shuffle(formulas)
    for n in (20, 60):
        out, whole = cli_train._held_out(formulas, n, np.random.default_rng(1))
        inside = {formulas[k] for k in out}
        assert whole
        assert n - max(Counter(formulas[k] for k in out).values()) < len(out) <= n
        assert inside.isdisjoint(formula for k, formula in enumerate(formulas) if k not in out)
        assert (out, whole) == cli_train._held_out(formulas, n, np.random.default_rng(1))
    few = ["C1", "C2"] * 100
    out, whole = cli_train._held_out(few, 20, np.random.default_rng(0))
    assert not whole
    assert len(out) == 20
    assert {few[k] for k in out} == {"C1", "C2"}
    assert cli_train._held_out(formulas, 0, np.random.default_rng(0))[0] == set()


def test_training_on_many_compositions_says_what_was_held_out(run, tmp_path, eagerly):
    several = [Molecule.from_smiles("C" * k).embed() for k in range(1, 23)]
    frames = [replace(m, energy=-10.0 * len(m), forces=0.1 * m.positions) for m in several for _ in range(2)]
    data = write(tmp_path / "alkanes.xyz", frames)
    done = run("train", data, "-o", tmp_path / "m.keras", "--epochs", 1, *SMALL, "--no-check")
    assert done.returncode == 0, done.stderr
    assert "40 molecules of 20 compositions to train on, 4 to validate" in done.stdout
    assert "compositions of its own" in done.stdout


def test_relax_and_md_follow_on_each_other(run, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = trained / "m.keras"
    write(tmp_path / "start.xyz", FRAMES[:2], labels=False)
    done = run("relax", model, "start.xyz", "-o", "r.xyz", "--fmax", 0.8, "--trajectory", "path.xyz")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"r\.xyz: -\d+\.\d{4} eV, largest force 0\.\d{4} eV/Å after \d+ steps\n", done.stdout)
    relaxed, path = ase.io.read("r.xyz"), ase.io.read("path.xyz", ":")
    np.testing.assert_allclose(path[0].positions, FRAMES[1].positions, atol=1e-7)  # the last of the file
    np.testing.assert_allclose(path[-1].positions, relaxed.positions)
    assert np.linalg.norm(relaxed.get_forces(), axis=1).max() < 0.8

    short = run("relax", model, "start.xyz", "-o", "s.xyz", "--fmax", 1e-5, "--steps", 2)
    assert short.returncode == 1
    which, why = short.stderr.splitlines()
    assert which == "dmol-molnet: warning: 'start.xyz' holds 2 molecules: the last is taken"
    assert why.startswith("dmol-molnet: not converged: the largest force is")
    assert "after 2 steps" in short.stdout
    assert ase.io.read("s.xyz").get_potential_energy()

    done = run("md", model, "r.xyz", "-o", "md.xyz", "--temperature", 50, "--picoseconds", 0.02, "--every", 10)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"md\.xyz: 5 frames of 0\.02 ps, at \d+ K on average\n", done.stdout)
    assert len(ase.io.read("md.xyz", ":")) == 5
    done = run("md", model, "r.xyz", "-o", "nve.xyz", "--temperature", 50, "--picoseconds", 0.02, "--nve")
    assert re.search(r"the total energy drifts by [+-]\d\.\d{4} meV/atom/ps", done.stdout)
    hot = run("md", model, "r.xyz", "-o", "hot.xyz", "--temperature", 1e6, "--timestep", 20, "--picoseconds", 1)
    assert "stopped: " in one_line(hot, code=1)


def test_vibrations_of_the_shipped_mace_are_those_of_its_labels(run, tmp_path, monkeypatch):
    tblite = pytest.importorskip("tblite.ase", reason="needs tblite, of the extra `data`")
    monkeypatch.chdir(tmp_path)
    start = datasets.load("acetylacetone").torsion[0]
    ase.io.write("start.xyz", start.to_ase())
    done = run("vibrations", "mace", "start.xyz", "-o", "modes.json", "--film", "stretch.png", "--mode", 39, "--json")
    assert done.returncode == 0, done.stderr
    said, kept = json.loads(done.stdout), json.loads((tmp_path / "modes.json").read_text())
    assert said == {key: kept[key] for key in said}
    found = np.array(said["frequencies"])
    np.testing.assert_allclose(said["zero_point_energy"], 0.5 * ase.units.invcm * found.sum(), rtol=1e-6)
    assert np.array(kept["displacements"]).shape == (39, 15, 3)
    assert (tmp_path / "stretch.png").stat().st_size > 1000
    atoms = start.to_ase()
    atoms.calc = tblite.TBLite(method="GFN2-xTB", verbosity=0)
    dynamics.relax(atoms, 1e-3)
    labels = vibrations.modes(vibrations.hessian(atoms), atoms.positions, atoms.get_masses())
    error = np.abs(found - labels.frequencies)
    assert np.median(error) < 10  # 1/cm
    assert abs(said["zero_point_energy"] - labels.zero_point_energy) < 0.02  # eV


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("train nowhere.xyz", "there is no file 'nowhere.xyz', and no data set of that name: acetylacetone"),
        ("train acetylacetone:nothing", "acetylacetone has no 'nothing'; it has train_300K"),
        ("train acetylacetone --energy-key E", "leave these options out"),
        ("train data.xyz -o m.h5", "a potential is written into a file that ends in .keras"),
        ("train data.xyz -o no/m.keras", "there is no folder 'no'"),
        ("train data.xyz --history h.txt", "a history is written into a file that ends in .json or .csv"),
        ("train data.xyz --checkpoint no/c.npz", "there is no folder 'no'"),
        ("train data.xyz --minutes 0", "--minutes is a positive number"),
        ("train data.xyz --epochs 0", "--epochs"),
        ("train data.xyz --validation 1.5", "--validation is a share"),
        ("train data.xyz --validation nowhere.xyz", "there is no file 'nowhere.xyz'"),
        ("train data.xyz --energy-key Q", "has no energy called 'Q'; there are 'energy'"),
        ("train data.xyz --energy-unit stone", "'stone' is no unit of energy"),
        ("train data.xyz --energy-unit kcal/mol --force-unit eV/A", "do not fit together"),
        ("train one.xyz --validation 0.9", "no molecule to train on"),
        ("train mixed.xyz", "molecule 3 (C5H8O2) has"),
        ("train cut.xyz", "the file ends before the last of the 15 atoms"),
        ("train nan.xyz", "molecule 1: the energy is a number in eV, not nan"),
        ("train bare.xyz", "molecule 1 has no energy; name the file's by --energy-key"),
        ("evaluate nowhere.keras data.xyz", "there is no file 'nowhere.keras'"),
        ("evaluate data.xyz data.xyz", "is no potential that can be read"),
        ("evaluate other.keras data.xyz", "holds no potential"),
        ("evaluate m.keras bare.xyz", "molecule 1 has no energy"),
        ("relax m.keras C( -o r.xyz", "not a SMILES"),
        ("relax m.keras nowhere.xyz -o r.xyz", "there is no file 'nowhere.xyz'"),
        ("relax nowhere CCO -o r.xyz", "there is no file 'nowhere', and no potential of that name: mace, schnet"),
        ("vibrations schnet O --fmax 0", "--fmax is a positive number, not 0"),
        ("vibrations schnet O -o modes.txt", "ends in .json"),
        ("vibrations schnet O --film modes.svg", "does not end in a format"),
        ("relax m.keras CO -o r.pdb", "ends in .xyz or .extxyz"),
        ("relax m.keras CO -o r.xyz --fmax 0", "--fmax is a positive force"),
        ("md m.keras CO -o r.xyz --timestep -1", "--timestep is a positive number"),
        ("md m.keras CO -o r.xyz --temperature -1", "--temperature is 0 K or more"),
        ("md m.keras CO", "--output"),
    ],
)
def test_bad_input_is_told_in_one_line_before_tensorflow_starts(run, trained, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)

    def started():
        raise AssertionError("TensorFlow was started")

    monkeypatch.setattr(nn, "start_quietly", started)
    (tmp_path / "m.keras").write_bytes((trained / "m.keras").read_bytes())
    write(tmp_path / "data.xyz", FRAMES)
    write(tmp_path / "one.xyz", FRAMES[:1])
    write(tmp_path / "bare.xyz", FRAMES[:2], labels=False)
    text = write(tmp_path / "few.xyz", FRAMES[:4]).read_text()
    (tmp_path / "cut.xyz").write_text(text[: len(text) - 300])
    (tmp_path / "nan.xyz").write_text(re.sub(r"energy=\S+", "energy=nan", text, count=1))
    energies = iter(["1", "1", "27.2114", "1"])
    mixed = re.sub(r"energy=(\S+)", lambda m: f"energy={float(m[1]) / float(next(energies))}", text)
    (tmp_path / "mixed.xyz").write_text(mixed)
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"registered_name": None, "class_name": "Sequential"}))
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run(*words.split())
    assert says in one_line(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_elements_that_were_not_trained_on_are_named(run, trained, tmp_path):
    for words in (["relax", trained / "m.keras", "CCl"], ["md", trained / "m.keras", "CCl"]):
        assert "Cl is not among the elements of the training set: H, C, O" in one_line(
            run(*words, "-o", tmp_path / "r.xyz")
        )
    path = tmp_path / "cl.xyz"
    path.write_text("2\nenergy=-1\nCl 0 0 0\nH 0 0 1.3\n")
    assert "Cl is not among" in one_line(run("evaluate", trained / "m.keras", path))
    assert not (tmp_path / "r.xyz").exists()


@pytest.mark.parametrize("how", ["foreign class", "lambda", "weights cut"])
def test_models_that_are_not_to_be_trusted_are_refused(run, trained, tmp_path, how):
    path, ran = tmp_path / "evil.keras", tmp_path / "ran"
    with zipfile.ZipFile(trained / "m.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    if how == "foreign class":
        config["config"]["model"] = {"module": "os", "class_name": "system", "registered_name": None,
                                     "config": f"touch {ran}"}  # fmt: skip
    elif how == "lambda":
        config["config"]["model"] = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None,
                                     "config": {"name": "l", "function": {"class_name": "__lambda__", "config":
                                                {"code": "4wAAAAA=", "defaults": None, "closure": None}}}}  # fmt: skip
    else:
        files["model.weights.h5"] = files["model.weights.h5"][:900]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (files | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)
    assert "l.keras'" in one_line(run("evaluate", path, trained / "data.xyz"))
    assert not ran.exists()


def test_help_has_examples(run):
    for command in ("train", "evaluate", "relax", "md"):
        done = run(command, "--help")
        assert done.returncode == 0
        assert f"dmol-molnet {command}" in done.stdout


# ------------------------------------------------------------------------------------------------ full disks and kills


@contextmanager
def full_disk():
    """No file of this process may grow beyond 20 kB, as on a disk that is full. Pytest must write, so not for long."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_while_saving_leaves_what_was_there(trained, tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"what was there")
    potential = Potential.load(trained / "m.keras")
    with pytest.raises(OSError, match=r"too large|space"), full_disk():
        potential.save(path)
    assert path.read_bytes() == b"what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_a_full_disk_while_training_is_one_line(run, tmp_path, eagerly):
    write(tmp_path / "a.xyz", FRAMES[:6])
    with full_disk():
        done = run("train", tmp_path / "a.xyz", "-o", tmp_path / "m.keras", "--epochs", 2, *SMALL, "--json")
    one_line(done)
    assert [p.name for p in tmp_path.iterdir()] == ["a.xyz"]


DRIVER = """
import os, pathlib, signal, sys
ending, at = sys.argv.pop(1), int(sys.argv.pop(1))
real, count = pathlib.Path.replace, 0
def replace(self, target):
    "What it is, but the process is killed instead of the `at`-th time that a file of this ending takes its place."
    global count
    count += str(target).endswith(ending)
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
pathlib.Path.replace = replace
import tensorflow as tf
tf.config.run_functions_eagerly(True)
from dmol_molnet import cli
cli.main()
"""


def test_a_run_killed_while_training_and_while_saving_ends_as_if_it_had_not_been(run, tmp_path, monkeypatch, eagerly):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.xyz", FRAMES[:12])
    (tmp_path / "driver.py").write_text(DRIVER)
    words = ["train", "a.xyz", "--epochs", "4", *SMALL, "--json"]
    ours = [*words, "-o", "m.keras", "--history", "m.json"]
    for ending, at, epochs in ((".npz", 3, 2), ("m.keras", 1, 4)):
        command = [sys.executable, "driver.py", ending, str(at), *ours]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == -signal.SIGKILL, done.stderr
        left = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
        assert left == ["a.xyz", "driver.py", "m.keras.checkpoint.npz"]
        with np.load("m.keras.checkpoint.npz") as kept:  # whole, and of the last epoch that was
            assert json.loads(str(kept["about"]))["epochs"] == epochs
    assert run(*ours).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.xyz", "driver.py", "m.json", "m.keras"]

    assert run(*words, "-o", "n.keras", "--history", "n.json").returncode == 0
    broken, whole = (json.loads((tmp_path / name).read_text()) for name in ("m.json", "n.json"))
    assert {**broken, "seconds": None} == {**whole, "seconds": None}
    for a, b in zip(*(Potential.load(name).get_weights() for name in ("m.keras", "n.keras")), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_broken_checkpoint_is_told_and_left(run, tmp_path, eagerly):
    write(tmp_path / "a.xyz", FRAMES[:6])
    checkpoint = tmp_path / "m.keras.checkpoint.npz"
    words = ["train", tmp_path / "a.xyz", "-o", tmp_path / "m.keras", *SMALL, "--json", "--epochs", 1]
    for content in (b"nonsense", b""):
        checkpoint.write_bytes(content)
        assert "no checkpoint that can be read" in one_line(run(*words))
        assert checkpoint.read_bytes() == content
