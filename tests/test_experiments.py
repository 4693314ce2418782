"""What scripts in `experiments/` have measured: whole, and the same in the package and in its table."""

import json
import re
import struct

import numpy as np
import pytest
from conftest import ROOT

from dmol_molnet import InputError, Molecule, datasets
from dmol_molnet.exercises import normalisation

RESULT = datasets.experiment("normalisation")


def test_there_is_no_other_experiment():
    for name in ("nonsense", "../graphs", None, 3):
        with pytest.raises(InputError, match="there are normalisation"):
            datasets.experiment(name)


def test_every_choice_has_run_with_every_seed():
    for name, entry in RESULT["choices"].items():
        assert [run["seed"] for run in entry["runs"]] == [0, 1, 2], name
        for run in entry["runs"]:
            assert 0 < run["energy_rmse"] < 1
            assert 0 < run["force_rmse"] < 1


def test_the_table_shows_what_the_package_has():
    text = (ROOT / "experiments" / "normalisation.md").read_text()
    for entry in RESULT["choices"].values():
        row = next(line for line in text.splitlines() if line.startswith(f"| {entry['choice']} | {entry['value']} |"))
        for cell, key in zip(row.split("|")[3:5], ("energy_rmse", "force_rmse"), strict=True):
            errors = [1000 * run[key] for run in entry["runs"]]
            shown = [float(number) for number in re.findall(r"[\d.]+", cell)]
            np.testing.assert_allclose(shown, [np.mean(errors), min(errors), max(errors)], atol=0.51)


def test_only_a_shift_by_molecule_breaks_additivity():
    mean = np.mean([molecule.energy for molecule in datasets.load("acetylacetone").train])
    for name, entry in RESULT["choices"].items():
        for run in entry["runs"]:
            expected = -mean if name == "shift-molecule" else 0
            assert run["two_molecules_minus_each"] == pytest.approx(expected, abs=2e-3), name


def test_what_the_chapter_says_of_the_table_holds():
    def error(name, key="energy_rmse"):
        return np.mean([run[key] for run in RESULT["choices"][name]["runs"]])

    assert error("shift-molecule") == pytest.approx(error("base"), rel=0.02)
    assert error("base") < error("shift-free") < error("shift-none")
    assert error("float32-dft") == pytest.approx(error("base"), rel=0.05)
    assert error("scale-two") > 4 * error("base")
    assert error("scale-two", "force_rmse") < 1.2 * error("base", "force_rmse")
    assert error("divide-degree") > 2 * error("base")
    assert error("divide-none", "force_rmse") < error("divide-root", "force_rmse") < error("base", "force_rmse")
    assert error("weight-0", "force_rmse") > 0.7


def test_small_molecules_are_what_their_smiles_say():
    molecules = RESULT["small molecules"]
    sizes = {kind: [len(Molecule.from_smiles(r["smiles"])) for r in molecules if r["set"] == kind] for kind in
             ("small", "large")}  # fmt: skip
    assert max(sizes["small"]) < min(sizes["large"])
    assert json.dumps(molecules).count("smiles") == len({r["smiles"] for r in molecules})


# --- what the exercises of the chapter claim, by other means


def test_what_compositions_leave_open_is_what_the_rank_says():
    expected = []
    for formulas in normalisation.SETS.values():
        atoms = [{e: int(n or 1) for e, n in re.findall(r"([A-Z])(\d*)", formula)} for formula in formulas]
        elements = sorted(set().union(*atoms))
        counts = np.array([[row.get(e, 0) for e in elements] for row in atoms])
        expected.append(len(elements) - np.linalg.matrix_rank(counts))
    normalisation.left_open(expected)


def test_gaps_are_those_of_the_next_bit_pattern():
    def gap(x):
        bits = struct.unpack("I", struct.pack("f", abs(x)))[0]
        return struct.unpack("f", struct.pack("I", bits + 1))[0] - struct.unpack("f", struct.pack("f", abs(x)))[0]

    def up_to(asked):
        """Numbers lie equally close from one power of two to the next: the first power with wider gaps."""
        x = 2.0**-60
        while gap(x) <= asked:
            x *= 2
        return x

    normalisation.gaps(up_to)


# ------------------------------------------------------------------------------------------------ layers, potentials


def test_layers_ran_with_every_seed_and_only_undivided_sums_diverged():
    for name, entry in datasets.experiment("layers")["choices"].items():
        assert [run["seed"] for run in entry["runs"]] == [0, 1, 2], name
        assert {run["diverged"] for run in entry["runs"]} == {name == "undivided"}, name


def test_what_the_chapter_says_of_layers_holds():
    choices = datasets.experiment("layers")["choices"]

    def errors(name, key="force_rmse"):
        return np.array([run[key] for run in choices[name]["runs"]])

    np.testing.assert_allclose(errors("drawn"), errors("base"), rtol=0.01)  # the same network, run by run
    assert errors("one-rate").min() > errors("base").max()
    assert errors("silu").min() > errors("base").max()
    for one, other in (("norm", "base"), ("norm-linear", "linear")):  # ranges overlap
        assert errors(one).min() < errors(other).max() * 1.01
        assert errors(one).max() > errors(other).min() * 0.95
    assert errors("base").max() < errors("linear").min()
    for name in set(choices) - {"pointwise", "undivided"}:
        assert errors(name, "energy_changed_by_turn").max() < 1e-5
    assert errors("pointwise", "energy_changed_by_turn").min() > 0.5 * errors("pointwise", "energy_rmse").mean()
    turned = errors("pointwise", "turned_energy_rmse") / errors("pointwise", "energy_rmse")
    assert 1 < turned.mean() < 1.1


@pytest.mark.parametrize("name", ["layers", "potentials"])
def test_tables_show_what_the_package_has(name):
    text = (ROOT / "experiments" / f"{name}.md").read_text()
    result = datasets.experiment(name)
    shown = [
        1000 * run["errors"][test][key]
        for run in result.get("runs", {}).values()
        for test, key in (("test_300K", "energy_rmse"), ("test_600K", "force_rmse"))
    ]
    for entry in result.get("choices", {}).values():
        runs = [run for run in entry["runs"] if not run["diverged"]]
        shown += [1000 * np.mean([run["force_rmse"] for run in runs])] if runs else []
    assert shown
    for value in shown:
        assert any(f" {value:.{digits}f}" in text for digits in (1, 2)), value


def test_an_hour_of_mace_reaches_what_was_asked():
    at_600 = datasets.experiment("potentials")["runs"]["mace"]["errors"]["test_600K"]
    assert 1000 * at_600["energy_rmse"] < 12
    assert 1000 * at_600["force_rmse"] < 48
