"""The welcome page's molecule: what the hand does is what Python computes."""

import ast
import functools
import re

import numpy as np
import pytest
from browsing import live_page, needs_live, said, settled

from dmol_molnet import Molecule, dynamics
from dmol_molnet.calculator import MolnetCalculator
from dmol_molnet.nn import pretrained

pytestmark = needs_live


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("intro"), "welcome") as tab:
        yield tab
        assert tab.faults == []


@functools.cache
def mace():
    return pretrained.load("mace")


def chosen(figure, atom):
    """Focus an atom of the list, by key also where it is folded away."""
    fold = figure.locator("summary", has_text="Atoms and keys")
    if not figure.locator("details").evaluate("it => it.open"):
        fold.press("Enter")
    figure.get_by_role("button", name=atom, exact=True).focus()


def molecule_of(figure):
    """What the figure gives to copy, as a molecule: three lines, of which the second makes it."""
    lines = figure.evaluate("element => element.python").splitlines()
    assert len(lines) == 3
    assert lines[2] == 'print(pretrained.load("mace").energy_and_forces([molecule]))'
    return Molecule(*ast.literal_eval(re.fullmatch(r"molecule = Molecule\((.*)\)", lines[1])[1]))


def agrees(figure):
    [energy], [forces] = mace().energy_and_forces([molecule_of(figure)])
    told = said(figure)
    assert float(told["energy"]) == pytest.approx(energy, abs=2e-4)  # TensorFlow computes in float32 here
    assert float(told["maxForce"]) == pytest.approx(np.linalg.norm(forces, axis=1).max(), abs=2e-4)


def test_it_stands_at_its_minimum_for_readers_who_ask_for_no_motion(tab):
    figure = tab.locator("#live-welcome")
    told = said(figure)
    assert told["state"] == "ready"
    assert float(told["maxForce"]) < 2e-3
    assert figure.get_by_role("button").all_inner_texts() == ["Play", "Step", "Reset", "Copy these coordinates"]
    agrees(figure)


def test_an_atom_is_moved_by_the_arrow_keys(tab):
    figure = tab.locator("#live-welcome")
    before = said(figure)
    chosen(figure, "O1")
    tab.keyboard.press("ArrowUp")
    told = settled(tab, "welcome", before)
    assert float(told["energy"]) > float(before["energy"]) + 0.01
    agrees(figure)
    figure.get_by_role("button", name="Reset").click()
    assert settled(tab, "welcome", told)["energy"] == before["energy"]


def test_a_step_moves_it(tab):
    figure = tab.locator("#live-welcome")
    before = said(figure)
    figure.get_by_role("button", name="Step", exact=True).click()
    told = settled(tab, "welcome", before)
    assert told["state"] == "paused"
    assert int(told["steps"]) >= 1
    agrees(figure)


def test_a_proton_that_was_pulled_over_stays_there_when_it_is_cold(tab):
    """As the same potential relaxes it in Python from the same place."""
    figure = tab.locator("#live-welcome")
    figure.get_by_role("slider", name="temperature").fill("0")
    chosen(figure, "H4")
    before = said(figure)
    for _ in range(13):  # 0.65 Å; a harder pull lets it bounce back
        tab.keyboard.press("ArrowRight")
    settled(tab, "welcome", before)
    atoms = dynamics.to_atoms(molecule_of(figure), MolnetCalculator(mace()))
    dynamics.relax(atoms, fmax=0.01)
    relaxed = atoms.get_distance(10, 2), atoms.get_distance(10, 6)
    figure.get_by_role("button", name="Play", exact=True).click()
    tab.wait_for_function("Number(document.querySelector('#live-welcome').dataset.steps) > 400", timeout=300_000)
    figure.get_by_role("button", name="Pause", exact=True).click()
    tab.wait_for_function("document.querySelector('#live-welcome').dataset.state === 'paused'")
    x = molecule_of(figure).positions
    here = np.linalg.norm(x[10] - x[2]), np.linalg.norm(x[10] - x[6])
    assert said(figure)["owner"] == "O2"
    assert here[1] < 1.15 < 1.4 < here[0]
    np.testing.assert_allclose(here, relaxed, atol=0.1)
