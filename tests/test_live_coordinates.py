"""What distances to neighbours cannot see, in the page as by TensorFlow."""

import functools
from itertools import combinations

import numpy as np
import pytest
from browsing import copied, live_page, needs_live, said, settled
from live_figures import modules

from dmol_molnet.counterexamples import k_chains, pair, relation
from dmol_molnet.geometric_wl import gwl, igwl
from dmol_molnet.live import exporter
from dmol_molnet.nn import pretrained
from dmol_molnet.nn.design_space import computing_in
from dmol_molnet.nn.graph import MolecularGraph

pytestmark = needs_live


@pytest.fixture(scope="module")
def chapter():
    """The module of the chapter's figures."""
    return modules()["coordinates"]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("coordinates"), "prism", "walk") as tab:
        yield tab
        assert tab.faults == []


@functools.cache
def in_float64(name):
    return exporter.in_float64(pretrained.load(name))


def exact(name, molecule, edges):
    """The energy by TensorFlow in float64, eV."""
    twin = in_float64(name)
    with computing_in("float64"):
        directed = np.concatenate([edges, np.array(edges)[:, ::-1]])
        graph = MolecularGraph.from_edges(molecule.numbers, molecule.positions, directed)
        return float(twin(graph)[0]) + twin.normalisation.reference(molecule)


def lengths(molecule, edges):
    return np.linalg.norm(np.diff(molecule.positions[np.array(edges)], axis=1)[:, 0], axis=-1)


# ------------------------------------------------------------------------------------------------ prism


def test_the_fold_keeps_every_distance_that_is_heard_and_goes_from_the_hexagon_to_the_antiprism(chapter):
    six, start = pair("hexagon"), chapter.folded(120.0)
    assert relation(start, six.a) == "the same"
    assert relation(chapter.folded(60.0), six.b) == "the same"
    assert len(chapter.EDGES) == 11
    assert sorted([*chapter.EDGES, *chapter.UNHEARD]) == six.edges.tolist()
    for angle in np.linspace(120, 60, 13):
        now = chapter.folded(angle)
        np.testing.assert_allclose(lengths(now, chapter.EDGES), lengths(start, chapter.EDGES), atol=1e-9)
        a, b = now.positions[[0, 2]] - now.positions[1]
        assert np.degrees(np.arccos(a @ b / 2)) == pytest.approx(angle, abs=1e-5)
        if angle < 120:
            assert np.abs(lengths(now, chapter.UNHEARD) - lengths(start, chapter.UNHEARD)).max() > 0.01
            assert relation(now, start) == "different"
            assert not igwl(now, start, chapter.EDGES, 2).distinguished
            assert igwl(now, start, chapter.EDGES, 3).distinguished


def test_where_all_hear_all_two_angles_that_add_up_to_180_are_one_to_distances(chapter):
    six = pair("hexagon").edges
    for angle in (60.0, 75.0, 84.0):
        a, b = chapter.folded(angle), chapter.folded(180.0 - angle)
        assert relation(a, b) == "different"
        assert not igwl(a, b, six, 2).distinguished
        assert exact("schnet", a, six) == pytest.approx(exact("schnet", b, six), abs=1e-9)
        assert abs(exact("mace", a, six) - exact("mace", b, six)) > 0.1
    assert igwl(chapter.folded(75.0), chapter.folded(95.0), six, 2).distinguished


def slide(tab, angle, before):
    slider = tab.locator("#live-prism").get_by_role("slider")
    slider.focus()
    step = int(float(before["angle"])) - angle
    for _ in range(abs(step)):
        tab.keyboard.press("ArrowRight" if step > 0 else "ArrowLeft")
    tab.wait_for_function(
        "angle => Number(document.getElementById('live-prism').dataset.angle) === angle", arg=angle, timeout=30_000
    )
    return said(tab.locator("#live-prism"))


def test_along_the_slide_schnet_stays_and_mace_moves_as_in_tensorflow(tab, chapter):
    figure = tab.locator("#live-prism")
    first = told = said(figure)
    assert (first["state"], first["angle"], first["edges"]) == ("ready", "120.000000", "11")
    heights = []
    for angle in (120, 113, 90, 60):
        told = slide(tab, angle, told)
        assert told["energySchnet"] == first["energySchnet"]
        assert float(told["heardOff"]) < 1e-9
        for key, name in (("energySchnet", "schnet"), ("energyMace", "mace")):
            assert float(told[key]) == pytest.approx(exact(name, chapter.folded(angle), chapter.EDGES), abs=2e-5)
        heights.append(float(told["energyMace"]))
    assert min(np.diff(heights)) > 0.1
    figure.get_by_role("button", name="Reset").click()
    assert settled(tab, "prism", told, "angle")["energyMace"] == first["energyMace"]


def test_where_all_hear_all_schnet_moves_and_comes_back(tab, chapter):
    figure = tab.locator("#live-prism")
    before, everyone = said(figure), list(map(list, combinations(range(6), 2)))
    figure.get_by_role("checkbox").check()
    told = settled(tab, "prism", before, "edges")
    found = {}
    for angle in (120, 105, 75, 60):
        told = slide(tab, angle, told)
        found[angle] = told["energySchnet"], float(told["energyMace"])
        for k, name in enumerate(("schnet", "mace")):
            assert float(found[angle][k]) == pytest.approx(exact(name, chapter.folded(angle), everyone), abs=5e-5)
    assert float(told["heardOff"]) > 0.5  # at 60°, other pairs have the distances
    assert float(told["listOff"]) < 1e-9
    assert found[120][0] == found[60][0]
    assert found[105][0] == found[75][0]
    assert float(found[105][0]) > float(found[120][0]) + 1
    assert abs(found[105][1] - found[75][1]) > 1
    figure.get_by_role("button", name="Reset").click()
    assert settled(tab, "prism", told, "edges")["edges"] == "11"


def test_the_lines_to_copy_print_what_is_shown(tab):
    figure = tab.locator("#live-prism")
    told = slide(tab, 100, said(figure))
    [(numbers,)] = copied(figure)
    assert numbers == pytest.approx([float(told["energySchnet"]), float(told["energyMace"])], abs=5e-4)


def test_marks_of_equal_energies_stand_apart(tab):
    figure = tab.locator("#live-prism")
    figure.get_by_role("button", name="Reset").click()
    tab.wait_for_function("Number(document.getElementById('live-prism').dataset.angle) === 120")
    places = {}
    for letter in "SM":
        circle = figure.locator(".live-stage svg g").filter(has_text=letter).locator("circle")
        places[letter] = circle.evaluate("it => [it.getCTM().e, it.getCTM().f, 2 * it.r.baseVal.value * it.getCTM().a]")
    assert places["S"][0] == places["M"][0]
    assert abs(places["S"][1] - places["M"][1]) > places["S"][2]


# ------------------------------------------------------------------------------------------------ walk


def state(tab):
    return said(tab.locator("#live-walk"))


def test_it_opens_before_word_has_walked(tab):
    told = state(tab)
    assert (told["k"], told["round"], told["apart"], told["first"]) == ("4", "0", "no", "3")


@pytest.mark.parametrize("k", range(2, 8))
def test_round_by_round_the_chains_have_the_colours_that_python_gives_them(tab, k):
    figure, p = tab.locator("#live-walk"), k_chains(k)
    figure.get_by_role("button", name="Reset").click()
    size, rounds = (figure.get_by_role("slider", name=name) for name in ("atoms on the line, k", "round"))
    for name, test in (("directions (GWL)", gwl), ("numbers (IGWL)", igwl)):
        result = test(p.a, p.b, p.edges)
        figure.get_by_role("radio", name=name).check()
        size.focus()
        tab.keyboard.press("Home")
        for _ in range(k - 2):
            tab.keyboard.press("ArrowRight")
        rounds.focus()
        tab.keyboard.press("Home")
        for t in range(k + 2):
            told = state(tab)
            assert (told["k"], told["round"]) == (str(k), str(t))
            assert told["first"] == str(result.round or "never")
            assert told["apart"] == ("yes" if result.distinguished and t >= result.round else "no")
            if result.distinguished and t <= result.round:
                assert int(told["colors"]) == result.n_colors[t]
            elif not result.distinguished:
                assert int(told["colors"]) == result.n_colors[min(t, len(result.n_colors) - 1)]
            both = [i for i in range(k + 2) if i <= t and k + 1 - i <= t]
            assert told["both"] == " ".join(map(str, both))
            if test is gwl:  # the claim: told apart by whoever has heard of both
                assert (told["apart"] == "yes") == bool(both)
                assert figure.locator(".live-stage").get_by_text("≠", exact=True).count() == 2 * len(both)
            else:
                assert figure.locator(".live-stage").get_by_text("≠", exact=True).count() == 0
            figure.get_by_role("button", name="Next round").press("Enter")
        assert state(tab)["round"] == str(k + 1)  # there is none after the last
        assert copied(figure) == [(result.round,)]


def test_fewer_atoms_on_the_line_have_fewer_rounds_and_begin_anew(tab):
    figure = tab.locator("#live-walk")
    rounds, size = (figure.get_by_role("slider", name=name) for name in ("round", "atoms on the line, k"))
    rounds.press("End")
    size.press("Home")
    told = state(tab)
    assert (told["k"], told["round"], told["apart"]) == ("2", "0", "no")
    rounds.press("End")
    assert state(tab)["round"] == "3"
    figure.get_by_role("button", name="Reset").click()
    told = state(tab)
    assert (told["k"], told["round"], told["passed"], told["first"]) == ("4", "0", "directions", "3")
