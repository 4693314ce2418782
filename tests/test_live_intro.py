"""The welcome page's molecule: what the hand does is what Python computes."""

import contextlib
import io
import re

import numpy as np
import pytest
from browsing import live_page, needs_live, said, settled

pytestmark = needs_live


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("intro"), "welcome") as tab:
        yield tab
        assert tab.faults == []


def python_of(figure):
    """What the three lines print that a figure gives to copy: energy and forces."""
    printed = {}
    lines = figure.evaluate("element => element.python")
    assert len(lines.splitlines()) == 3
    code = re.sub(r"print\((.*)\)$", r"printed['it'] = \1", lines)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, {"printed": printed})
    energies, forces = printed["it"]
    return float(energies[0]), np.asarray(forces[0])


def agrees(figure):
    energy, forces = python_of(figure)
    told = said(figure)
    assert float(told["energy"]) == pytest.approx(energy, abs=2e-4)  # TensorFlow computes in float32 here
    assert float(told["maxForce"]) == pytest.approx(np.linalg.norm(forces, axis=1).max(), abs=2e-4)


def test_it_stands_at_its_minimum_for_readers_who_ask_for_no_motion(tab):
    figure = tab.locator("#live-welcome")
    told = said(figure)
    assert told["state"] == "ready"
    assert float(told["maxForce"]) < 2e-3
    agrees(figure)


def test_an_atom_is_moved_by_the_arrow_keys(tab):
    figure = tab.locator("#live-welcome")
    before = said(figure)
    figure.get_by_role("button", name="O1", exact=True).focus()
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
