"""active as a user meets it: picks out of a pool, and bad input in one line."""

import json

import ase.io
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from commands import one_line
from test_active import FIRST, OTHERS, potential

pytestmark = pytest.mark.usefixtures("roughly_drawn")


def test_the_command(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, frames in (("first", FIRST), ("pool", OTHERS)):
        written = []
        for m in frames:
            atoms = m.to_ase()
            atoms.calc = SinglePointCalculator(atoms, energy=m.energy, forces=m.forces)
            written.append(atoms)
        ase.io.write(f"{name}.xyz", written)
    potential().save("start.keras")

    words = "active first.xyz -o d.xyz --model m.keras --from start.keras --pool pool.xyz --labels 3 --epochs 1"
    done = run(*words.split(), "--json")
    assert done.returncode == 0, done.stderr
    assert [row["new"] for row in json.loads(done.stdout)["rounds"]] == [3]
    for wrong, says in (
        (words, "'d.xyz' is there"),
        ("active first.xyz -o e.txt --model m.keras", "ends in .xyz"),
        ("active first.xyz -o e.xyz --model m.h5", "ends in .keras"),
        ("active C( -o e.xyz --model m.keras", "is not a SMILES"),
        ("active C -o e.xyz --model m.keras --pool pool.xyz", "a pool takes labelled molecules"),
        ("active first.xyz -o e.xyz --model m.keras --calculator nonsense", "module:class"),
        ("active first.xyz -o e.xyz --model m.keras --from no.keras", "there is no file"),
        ("active first.xyz -o e.xyz --model m.keras --temperature -3", "temperature is a positive number"),
    ):
        assert says in one_line(run(*wrong.split()))
