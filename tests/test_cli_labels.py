"""`dmol-molnet label` as a user meets it; what happens to its processes is in test_labels.py."""

import json
import os
from pathlib import Path

import pytest

from dmol_molnet.cli import main
from dmol_molnet.files import read_molecules

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before tblite: molecules this small are slower with more threads
pytest.importorskip("tblite", reason="needs tblite, of the extra `data`")
pytest.importorskip("distributed", reason="needs Dask, of the extra `data`")


def test_the_command_says_what_it_did(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["label", "CO", "-o", str(tmp_path / "a.xyz"), "--temperatures", "", "--workers", "1", "--json"])
    assert not ended.value.code
    said = json.loads(capsys.readouterr().out)
    assert (said["molecules"], said["frames"], said["failed"]) == (1, 1, 0)
    assert len(read_molecules(str(tmp_path / "a.xyz")).molecules) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["label", "C(", "-o", "a.xyz"], "is not a SMILES"),
        (["label", "bad.smi", "-o", "a.xyz"], "'bad.smi', line 2: "),
        (["label", "empty.smi", "-o", "a.xyz"], "holds no SMILES"),
        (["label", "C", "-o", "a.txt"], "ends in .xyz"),
        (["label", "C", "-o", "no/a.xyz"], "no folder"),
        (["label", "C", "-o", "a.xyz", "--temperatures", "hot"], "such as 300,600"),
        (["label", "C", "-o", "a.xyz", "--temperatures", "-5"], "positive numbers in K"),
        (["label", "C", "-o", "a.xyz", "--calculator-options", "[1]"], "a JSON object"),
        (["label", "C", "-o", "a.xyz", "--calculator-options", "{"], "a JSON object"),
        (["label", "C", "-o", "a.xyz", "--calculator", "nonsense"], "module:class"),
        (["label", "organic", "-o", "a.xyz", "--heavy-atoms", "1", "--count", "9"], "there are 3 molecules"),
    ],
)
def test_wrong_use_is_told_in_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.smi").write_text("CC ethane\nC1C broken\n")
    Path("empty.smi").write_text("\n")
    before = sorted(os.listdir())
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, error = capsys.readouterr()
    assert not out
    assert said in error
    assert len(error.splitlines()) == 1
    assert sorted(os.listdir()) == before
