"""The command line as a user meets it: a process, its two streams and its exit code."""

import json
import os
import subprocess
import sys

import pytest
from rdkit import Chem

DECALIN, BICYCLOPENTYL = "C1CCC2CCCCC2C1", "C1CCC(C1)C2CCCC2"


def process(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "dmol_molnet", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], {"distinguished": False, "round": None, "k": 1, "variant": None}),
        (["--hydrogens", "--bond-orders"], {"distinguished": False, "round": None, "k": 1, "variant": None}),
        (["--k", "2"], {"distinguished": True, "round": 2, "k": 2, "variant": "folklore"}),
        (
            ["--k", "2", "--variant", "oblivious"],
            {"distinguished": False, "round": None, "k": 2, "variant": "oblivious"},
        ),
    ],
)
def test_wl_json(run, flags, expected):
    done = run("wl", DECALIN, BICYCLOPENTYL, "--json", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == expected


def test_wl_in_words(run):
    same = run("wl", DECALIN, BICYCLOPENTYL)
    assert same.returncode == 0
    assert "1-WL cannot tell them apart" in same.stdout
    differ = run("wl", "CCO", "COC")
    assert "C2H6O and C2H6O: 1-WL tells them apart in round 1" in differ.stdout


def test_wl_reads_files(run, tmp_path):
    (tmp_path / "a.smi").write_text(f"{DECALIN} decalin\n")
    Chem.MolToMolFile(Chem.MolFromSmiles(BICYCLOPENTYL), str(tmp_path / "b.mol"))
    with Chem.SDWriter(str(tmp_path / "c.sdf")) as writer:
        writer.write(Chem.MolFromSmiles("CCO"))
    answers = [
        json.loads(run("wl", str(tmp_path / "a.smi"), str(tmp_path / other), "--json").stdout)["distinguished"]
        for other in ("b.mol", "c.sdf")
    ]
    assert answers == [False, True]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["wl", "C1CC", "C"], "'C1CC' is not a SMILES"),
        (["wl", "", "C"], "the SMILES is empty"),
        (["wl", "C", "*"], "placeholder"),
        (["wl", "no-such-file.mol", "C"], "there is no file 'no-such-file.mol'"),
        (["wl", "ethanol.pdb", "CCO"], ".smi, .mol or .sdf file, not 'ethanol.pdb'"),
        (["wl", "CCO", "ethanol.xyz"], ".smi, .mol or .sdf file, not 'ethanol.xyz'"),
        (["wl", "InChI=1S/CH4/h1H4", "C"], "is an InChI, and a SMILES is asked for"),
        (["wl", "[#6]-[#8]", "CO"], "'[#6]-[#8]' is a SMARTS, a pattern"),
        (["wl", "CO", "[C,N]~O"], "is a SMARTS, a pattern"),
        (["wl", "C", "C", "--k", "4"], "k is 1, 2 or 3, not 4"),
        (["wl", "C", "C", "--k", "two"], "Invalid value for '--k'"),
        (["wl", "C", "C", "--k", "2", "--variant", "k-WL"], "'folklore' or 'oblivious'"),
        (["wl", "C" * 300, "C" * 300, "--k", "3"], "GiB"),
        (["wl", "C"], "Missing argument 'B'"),
        (["wl", "C", "C", "--colour"], "No such option"),
        (["dance"], "No such command 'dance'"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(run, words, says):
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("dmol-molnet: ")


def test_bracketed_atoms_are_no_pattern(run):
    for smiles in ("[2H]O[2H]", "C[N+](C)(C)C", "[Dy+3]", "C/C=C/C", "C[C@@H](N)C(=O)[O-]", "[13CH3:1]C#N"):
        assert run("wl", smiles, "C").returncode == 0


def test_bad_files(run, tmp_path):
    (tmp_path / "note").write_text("CCO")
    assert "not '" in run("wl", str(tmp_path / "note"), "C").stderr
    (tmp_path / "empty.smi").write_text("")
    (tmp_path / "not.mol").write_bytes(b"\x00\xff nonsense")
    (tmp_path / "not.sdf").write_text("nonsense\n")
    (tmp_path / "folder.smi").mkdir()
    for name in ("empty.smi", "not.mol", "not.sdf", "folder.smi"):
        done = run("wl", str(tmp_path / name), "C")
        assert done.returncode == 2, name
        assert name in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_as_a_process():
    done = process("wl", DECALIN, BICYCLOPENTYL, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["distinguished"] is False
    bad = process("wl", "C1CC", "C")
    assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (2, "", 1)


def test_no_words_at_all_show_the_help(run):
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "doctor" in done.stdout


def test_files_may_be_named_in_capitals(run, tmp_path):
    (tmp_path / "A.SMI").write_text("\ufeffCCO ethanol\n", encoding="utf-8")
    assert json.loads(run("wl", str(tmp_path / "A.SMI"), "COC", "--json").stdout)["distinguished"]


def test_doctor_without_an_installation(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m\n"
        "def requires(name): raise m.PackageNotFoundError(name)\n"
        "m.requires = requires\n"
    )
    done = process("doctor", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "not installed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_has_examples(run):
    for command in ("wl", "animate", "exercises", "doctor"):
        done = run(command, "--help")
        assert done.returncode == 0
        assert f"dmol-molnet {command}" in done.stdout
        assert "Example" in done.stdout


def test_doctor_and_version(run):
    done = run("doctor")
    assert done.returncode == 0, done.stderr
    for name in ("tensorflow", "rdkit", "networkx", "moviepy"):
        assert name in done.stdout
    assert "jupyter-book" not in done.stdout
    assert run("--version").stdout.strip()


def test_doctor_says_what_is_missing(tmp_path):
    """A package of which nothing is installed any more, in the eyes of importlib.metadata."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m\n"
        "real = m.version\n"
        "def version(name):\n"
        "    if name in ('rdkit', 'moviepy'): raise m.PackageNotFoundError(name)\n"
        "    return '1.0' if name == 'keras' else real(name)\n"
        "m.version = version\n"
    )
    done = process("doctor", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "missing; for animations: pip install 'moviepy>=1.0.3'" in done.stdout
    assert "1.0, but >=3.5 is needed" in done.stdout
    assert done.stderr.startswith("dmol-molnet: keras, rdkit must be installed")


# --- animate


@pytest.mark.parametrize("ending", ["gif", "html", "svg"])
def test_animate_writes_what_the_ending_says(run, tmp_path, ending):
    path = tmp_path / f"water.{ending}"
    done = run("animate", "O", "-o", str(path), "--layers", "1", "--seed", "3")
    assert done.returncode == 0
    assert done.stdout == f"{path}: 11 steps, 18 s, {path.stat().st_size / 1000:,.0f} kB\n"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_animate_as_a_process(tmp_path):
    path = tmp_path / "rounds.gif"
    done = process("animate", DECALIN, "--refine", "--no-hydrogens", "-o", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["CO", "-o", "m.avi"], "does not end in a format that can be written"),
        (["CO", "-o", "no/m.mp4"], "no folder 'no'"),
        (["C(", "-o", "m.mp4"], "not a SMILES"),
        (["C" * 18, "-o", "m.mp4"], "leave out the hydrogens, and 18 are left"),
        (["C" * 99, "-o", "m.mp4", "--refine"], "299 nodes"),
        (["CO", "-o", "m.mp4", "--layers", "0"], "--layers"),
        (["CO", "-o", "m.mp4", "--features", "7"], "--features"),
        (["CO", "-o", "m.mp4", "--aggregate", "max"], "--aggregate"),
        (["CO", "-o", "m.mp4", "--theme", "pink"], "light or dark"),
        (["CO", "-o", "m.mp4", "--fps", "0"], "--fps"),
        (["CO"], "--output"),
    ],
)
def test_animate_tells_bad_input_in_one_line_and_writes_nothing(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = run("animate", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


# --- exercises


def test_an_exercise_from_start_to_right(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "refine-by-hand" in run("exercises", "list").stdout
    listed = run("exercises", "list", "message_passing").stdout
    assert "write-a-layer" in listed
    assert "refine-by-hand" not in listed
    assert run("exercises", "start", "refine-by-hand").returncode == 0
    done = run("exercises", "check", "refine-by-hand")
    assert done.returncode == 1
    assert done.stdout.startswith("Not attempted")
    path = tmp_path / "refine-by-hand.py"
    starter = path.read_text()
    for answer, code, said in [
        ("[range(5)]", 1, "Wrong, because that is round 0"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("[{0}, {1}, {2}, {3, 4}]", 0, "Right."),
    ]:
        path.write_text(starter.replace("...", answer))
        done = run("exercises", "check", "refine-by-hand")
        assert (done.returncode, done.stderr) == (code, "")
        assert said in done.stdout
    again = run("exercises", "start", "refine-by-hand")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "Hint 2 of 3" in run("exercises", "hint", "refine-by-hand", "--step", "2").stdout
    assert "answer = " in run("exercises", "solution", "refine-by-hand").stdout
    assert "solution" in run("exercises").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "refine"], "did you mean 'refine-by-hand'"),
        (["check", "one-batch"], "exercises start one-batch"),
        (["hint", "one-batch", "--step", "4"], "hints 1 to 3"),
        (["list", "nowhere"], "no chapter"),
        (["start", "one-batch", "-o", "no/a.py"], "no/"),
    ],
)
def test_exercises_tell_bad_input_in_one_line(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = run("exercises", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_formats_are_listed(run):
    from dmol_molnet import formats

    done = run("formats")
    assert done.returncode == 0
    assert all(one.name in done.stdout and one.endings[0] in done.stdout for one in formats.FORMATS)
