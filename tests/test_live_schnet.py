"""The figure of the SchNet chapter: an atom that crosses a cutoff, against TensorFlow."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from browsing import NODE, copied, live_page, needs_live, said, settled
from live_figures import SOURCES, figures

from dmol_molnet.nn import schnet
from dmol_molnet.nn.design_space import computing_in

pytestmark = needs_live
NAMES = ["cosine", "kink", "jump"]
PAIR = """
import { Pair } from %s;
import { readFileSync } from "node:fs";
const { network, names, r } = JSON.parse(readFileSync(0)), pair = new Pair(network);
console.log(JSON.stringify(names.map((name) => r.map((one) => pair.at(one, name)))));
"""


@pytest.fixture(scope="module")
def made():
    """What the figure is made of: the module's own names."""
    return figures()["cutoff"].data.__globals__


@pytest.fixture(scope="module")
def exact(made):
    """The same network in float64."""
    weights = schnet.SchNet(**made["SIZES"]).get_weights()
    with computing_in("float64"):
        network = schnet.SchNet(**made["SIZES"], dtype="float64")
    network.set_weights(weights)
    return network


def of_page(made, r):
    """What the page's own lines find: {ending: (filters [N, K], energies [N], forces [N])}."""
    job = json.dumps({"network": made["crossing"]()["network"], "names": NAMES, "r": list(map(float, r))})
    code = PAIR % json.dumps((Path(SOURCES) / "shared" / "pair.js").as_uri())
    done = subprocess.run([NODE, "--input-type=module", "-e", code], input=job, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    keys = ("filters", "energy", "force")
    return {
        name: [np.array([one[key] for one in found]) for key in keys]
        for name, found in zip(NAMES, json.loads(done.stdout), strict=True)
    }


def test_the_page_computes_what_tensorflow_computes(made, exact):
    r = np.append(np.linspace(1, 5.8, 25), [4.999999, 5.0])
    found = of_page(made, r)
    for name in NAMES:
        with made["ended"](name), computing_in("float64"):
            expected = made["asked"](exact, r)
        for here, there in zip(found[name], expected, strict=True):
            np.testing.assert_allclose(here, there, atol=1e-9)


def test_forces_are_slopes_away_from_the_cutoff(made):
    r, step = np.array([1.3, 2.2, 3.7, 4.6, 4.95, 5.4]), 1e-4
    here, ahead, back = (of_page(made, r + by) for by in (0, step, -step))
    for name in NAMES:
        differences = -(ahead[name][1] - back[name][1]) / (2 * step)
        np.testing.assert_allclose(here[name][2], differences, atol=1e-8)


def test_a_jump_is_one_of_energies_and_a_kink_one_of_forces(made):
    found = of_page(made, [5 - 1e-9, 5])
    jumps = {name: [float(np.abs(np.diff(found[name][k])[0])) for k in (1, 2)] for name in NAMES}
    assert jumps["cosine"] == pytest.approx([0, 0], abs=1e-8)
    assert jumps["kink"][0] < 1e-8 < 0.01 < jumps["kink"][1]
    assert min(jumps["jump"]) > 0.01


# ------------------------------------------------------------------------------------------------ by the reader's hand


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("schnet"), "cutoff") as tab:
        yield tab
        assert tab.faults == []


def by_three_lines(figure):
    """What the copied Python prints: energy, force on the hydrogen along the line."""
    kept = schnet.cosine_cutoff
    try:
        [((energies, forces),)] = copied(figure)
    finally:
        schnet.cosine_cutoff = kept
    return float(energies[0]), float(forces[0][1, 0])


@pytest.mark.parametrize("name", ["jump", "kink", "cosine"])
def test_keys_take_the_atom_through_the_cutoff(tab, name):
    figure = tab.locator("#live-cutoff")
    figure.get_by_role("button", name="Reset").click()
    figure.get_by_role("radio", name=name).check()
    slider = figure.get_by_role("slider", name="distance")
    slider.focus()
    for _ in range(39):
        tab.keyboard.press("ArrowRight")
    inside = settled(tab, "cutoff", {"distance": "4.980000"}, "distance")
    assert inside["distance"] == "4.990000"
    energy, force = by_three_lines(figure)
    assert float(inside["energy"]) == pytest.approx(energy, abs=2e-6)  # float32 there
    assert float(inside["force"]) == pytest.approx(force, abs=2e-6)
    tab.keyboard.press("ArrowRight")
    outside = said(figure)
    assert (outside["distance"], outside["force"]) == ("5.000000", "0.000000")
    assert set(outside["filters"].split()) == {"0.000000"}
    steps = [abs(float(outside[key]) - float(inside[key])) for key in ("energy", "force")]
    assert (steps[0] > 0.1) == (name == "jump")
    assert (steps[1] > 0.01) == (name != "cosine")
    for step, key in zip(steps, ("energyJump", "forceJump"), strict=True):
        assert abs(float(outside[key])) == pytest.approx(step, abs=2e-3)  # what lies between 4.99 and 5 Å


def test_a_drag_takes_it_along_and_ends_at_the_end_of_the_line(tab):
    figure = tab.locator("#live-cutoff")
    figure.get_by_role("button", name="Reset").click()
    begin = said(figure)
    box = figure.locator("svg[role=img]").last.bounding_box()
    tab.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40, steps=3)
    half = settled(tab, "cutoff", begin, "distance")
    assert 1.9 < float(half["distance"]) < 2.8
    tab.mouse.move(box["x"] + 2 * box["width"], box["y"] + 40)
    tab.mouse.up()
    assert settled(tab, "cutoff", half, "distance")["distance"] == "5.800000"
    assert figure.get_by_role("slider", name="distance").input_value() == "5.8"
