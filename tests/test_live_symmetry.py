"""The figure of the chapter on symmetry, against the chapter's own lines and `symmetry.report`."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from browsing import NODE, live_page, needs_live, said, settled
from live_figures import ROOT, SOURCES, figures

from dmol_molnet import symmetry
from dmol_molnet.symmetry import moved, permuted

pytestmark = needs_live
NAMES = ["energy", "forces", "dipole", "magnetic_moment", "dense", "distance_list", "twisted"]
ASKED = """
import { Asked, moved, original } from %s;
import { readFileSync } from "node:fs";
const { positions, constants, moves, names } = JSON.parse(readFileSync(0)), asked = new Asked(constants);
console.log(JSON.stringify(moves.map((move) => names.map((name) => asked[name](moved(original(positions), move))))));
"""


@pytest.fixture(scope="module")
def chapter():
    """What the chapter defines: its cells up to the broken models, but for those that draw and print."""
    names = {}
    text = (ROOT / "book" / "symmetry.md").read_text(encoding="utf-8")
    for cell in re.findall(r"^```\{code-cell\} ipython3\n(.*?)^```", text, re.M | re.S):
        cell = re.sub(r"\A---\n.*?^---\n|^:tags.*$", "", cell, flags=re.M | re.S if cell.startswith("---") else re.M)
        if "figures" in cell or "show(" in cell:
            continue
        exec(re.sub(r"^(print|symmetry\.report)\(.*", "", cell, flags=re.M), names)
        if "def twisted" in cell:
            return names
    raise AssertionError("the chapter has no broken models")


@pytest.fixture(scope="module")
def data():
    return figures()["moves"].data()


def of_page(data, moves):
    """What the page's own lines answer, for each move by name of the function."""
    job = json.dumps({**data, "moves": moves, "names": NAMES})
    code = ASKED % json.dumps((Path(SOURCES) / "shared" / "asked.js").as_uri())
    done = subprocess.run([NODE, "--input-type=module", "-e", code], input=job, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [dict(zip(NAMES, found, strict=True)) for found in json.loads(done.stdout)]


def test_the_page_answers_as_the_chapter_does(chapter, data):
    rng = np.random.default_rng(5)
    moves = [{}]
    for k in range(6):
        R = (symmetry.random_rotation if k % 2 else symmetry.random_reflection)(rng)
        moves.append({"R": R.tolist(), "shift": rng.normal(size=3).tolist(), "order": rng.permutation(5).tolist()})
    for move, found in zip(moves, of_page(data, moves), strict=True):
        molecule = moved(chapter["molecule"], move.get("R"), move.get("shift"))
        molecule = permuted(molecule, move.get("order", range(5)))
        for name in NAMES:
            np.testing.assert_allclose(found[name]["answer"], np.ravel(chapter[name](molecule)), rtol=1e-7, atol=1e-9)
        for name in ("energy", "dense", "distance_list", "twisted"):
            slopes = chapter["slopes"](chapter[name], molecule)
            np.testing.assert_allclose(found[name]["forces"], -slopes, atol=2e-6)


def test_forces_turn_along_and_the_energy_stays(data):
    R = symmetry.random_rotation(3)
    here, there = of_page(data, [{}, {"R": R.tolist()}])
    assert there["energy"]["answer"] == pytest.approx(here["energy"]["answer"], rel=1e-12)
    np.testing.assert_allclose(there["energy"]["forces"], np.array(here["energy"]["forces"]) @ R.T, atol=1e-12)


# ------------------------------------------------------------------------------------------------ by the reader's hand


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("symmetry"), "moves") as tab:
        yield tab
        assert tab.faults == []


class Moves:
    """Stands in for random numbers: the reader's moves."""

    def __init__(self, data, R):
        self.data, self.R = data, np.array(R)

    def permutation(self, n):
        return np.array(self.data["order"])

    def normal(self, scale, size):
        return np.array(self.data["shift"])


def printed(monkeypatch, capsys, chapter, data, R, name):
    """What `symmetry.report` prints of a function of the chapter under the reader's moves."""
    ours, default_rng, rotation = Moves(data, R), np.random.default_rng, symmetry.random_rotation
    monkeypatch.setattr(np.random, "default_rng", lambda seed=0: seed if seed is ours else default_rng(seed))
    monkeypatch.setattr(symmetry, "random_rotation", lambda rng=0: ours.R if rng is ours else rotation(rng))
    monkeypatch.setattr(symmetry, "random_reflection", lambda rng: np.array(data["mirror"]))
    kind = data["functions"][name]["kind"]
    symmetry.report(chapter[name], chapter["molecule"], kind, per_atom=name == "forces", seed=ours)
    return capsys.readouterr().out.splitlines()


def reported(figure):
    """The lines of the report in the page."""
    return figure.locator(".moves-report > div").all_text_contents()[1:]


def matrix(told):
    return np.array(told["matrix"].split(), float).reshape(3, 3)


def test_at_first_a_quarter_turn_has_been_tried(tab, chapter, data):
    figure = tab.locator("#live-moves")
    told = said(figure)
    assert (told["state"], told["function"], told["law"], told["moved"]) == ("ready", "forces", "holds", "")
    np.testing.assert_array_equal(matrix(told), chapter["turn"])
    after = np.array(told["after"].split(), float).reshape(-1, 3)
    np.testing.assert_allclose(after, chapter["forces"](moved(chapter["molecule"], chapter["turn"])), atol=1e-6)
    lines = reported(figure)
    assert [line.split()[0] for line in lines] == ["original", "permuted", "translated", "rotated", "mirrored"]
    assert ["not tried yet" in line for line in lines] == [False, True, True, False, True]


def test_the_report_is_that_of_python(tab, monkeypatch, capsys, chapter, data):
    figure = tab.locator("#live-moves")
    figure.get_by_role("button", name="Reset").click()
    R = matrix(said(figure))
    for key in ("mirror", "translate", "permute the rows"):
        figure.get_by_role("checkbox", name=key).focus()
        tab.keyboard.press("Space")
    wrong, heights = {}, {figure.bounding_box()["height"]}
    for name in NAMES:
        figure.locator(f"input[value={name}]").check()
        assert said(figure)["function"] == name
        heights.add(figure.bounding_box()["height"])
        lines = printed(monkeypatch, capsys, chapter, data, R, name)
        assert reported(figure) == lines
        wrong[name] = [line.split()[0] for line in lines if "WRONG" in line]
    assert len(heights) == 1  # there is room for each report
    assert not any(wrong[name] for name in ("energy", "forces", "dipole"))
    assert wrong["dense"] == ["permuted", "translated", "rotated", "mirrored"]
    assert wrong["distance_list"] == ["permuted"]
    assert wrong["twisted"] == wrong["magnetic_moment"] == ["mirrored"]
    figure.get_by_role("button", name="Reset").click()
    assert said(figure)["moved"] == ""


def test_keys_turn_the_copy_and_a_mirror_catches_what_turns_do_not(tab, chapter):
    figure = tab.locator("#live-moves")
    figure.get_by_role("button", name="Reset").click()
    figure.locator("input[value=twisted]").check()
    before = said(figure)
    figure.get_by_role("button", name="Turn up").focus()
    tab.keyboard.press("Enter")
    turned = settled(tab, "moves", before, "matrix")
    R = matrix(turned)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-8)
    assert turned["law"] == "holds"
    figure.get_by_role("checkbox", name="mirror").check()
    told = settled(tab, "moves", turned, "law")
    assert told["law"] == "broken"
    np.testing.assert_allclose(matrix(told), R @ np.array(chapter["mirror"]), atol=1e-8)
    both = [chapter["twisted"](m) for m in (chapter["molecule"], moved(chapter["molecule"], matrix(told)))]
    assert float(told["difference"]) == pytest.approx(abs(both[1] - both[0]), abs=2e-6)


def test_a_drag_turns_it_as_well(tab):
    figure = tab.locator("#live-moves")
    figure.get_by_role("button", name="Reset").click()
    before, box = said(figure), figure.locator("canvas").bounding_box()
    tab.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    tab.mouse.up()
    told = settled(tab, "moves", before, "matrix")
    assert told["law"] == "holds"
    assert told["after"] != before["after"]
