"""evaluate, relax, md and vibrations as a user meets them; bad input, and what is not to be trusted."""

import json
import re
import subprocess
import sys
import zipfile

import ase.io
import numpy as np
import pytest
from commands import FRAMES, one_line, write

from dmol_molnet import datasets, dynamics, nn, vibrations
from dmol_molnet.nn.potential import Potential

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
