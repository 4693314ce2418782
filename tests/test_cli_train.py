"""train as a user meets it; and what is left after faults: whole files, and one line."""

import csv
import inspect
import json
import re
import resource
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from commands import FRAMES, SMALL, one_line, write

from dmol_molnet import Molecule, cli_train, datasets
from dmol_molnet.molecules import SYMBOLS
from dmol_molnet.nn.potential import Potential
from dmol_molnet.nn.training import fit


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
