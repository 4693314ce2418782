"""The figures of the design space: features in the page are TensorFlow's and turn by D; pairs part as theory says."""

import base64
import functools
import gzip
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from browsing import copied, live_page, needs_live, said, settled
from test_live import case, engine

from dmol_molnet import datasets, so3, symmetry
from dmol_molnet.counterexamples import k_chains, pair
from dmol_molnet.live import exporter
from dmol_molnet.nn.design_space import NAMES, computing_in, defaults
from dmol_molnet.nn.graph import MolecularGraph, lengths, pair_vectors
from dmol_molnet.nn.separation import DIFFERENT, EQUAL

pytestmark = needs_live


@functools.cache
def chapter():
    import live_figures

    return live_figures.modules()["design_space"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The points as the page has them."""
    import live_figures

    folder = tmp_path_factory.mktemp("points")
    for name in NAMES:
        text = live_figures._model(f"point-{name}").read_text(encoding="utf-8")
        (folder / name).write_bytes(base64.b64decode(re.search(r'="([^"]+)"', text)[1]))
    return folder


def schnet_layers(model, graph):
    """At the start and after each layer, as `Network.trace` has it."""
    r, found = lengths(pair_vectors(graph)), [model.embedding(graph.numbers)]
    for interaction in model.interactions:
        found.append(interaction(found[-1], r, graph))
    return [{"0e": h} for h in found]


# ------------------------------------------------------------------------------------------------ features


@pytest.mark.parametrize("name", NAMES)
def test_the_features_of_an_atom_are_those_of_tensorflow(files, name):
    molecules = [chapter().methanol(), datasets.load("acetylacetone").test_300K[0]]
    twin = exporter.in_float64(chapter().point(name))
    with computing_in("float64"):
        graph = MolecularGraph.from_molecules(molecules, twin.cutoff)
        layers = schnet_layers(twin.model, graph) if name == "schnet" else twin.model.trace(graph)
        if name == "schnet":
            np.testing.assert_array_equal(layers[-1]["0e"], twin.model.features(graph)["0e"])
    T = defaults(name)["layers"]
    for n, molecule in enumerate(molecules):
        first = int(np.argmax(np.asarray(graph.molecule) == n))
        for atom in (0, len(molecule) - 1):
            (found,) = engine(files / name, [case(molecule, atom=atom)])
            assert len(found["features"]) == T + 1
            assert "0e" in found["features"][T]
            for t, expected in enumerate(layers):  # the last are those of model.features(graph)
                for irrep, h in found["features"][t].items():
                    here = np.ravel(expected[irrep][first + atom])
                    np.testing.assert_allclose(h, here, rtol=0, atol=1e-6 * np.abs(expected[irrep]).max())
    shown = found["features"][chapter().layer_shown(name)]
    assert sorted(shown) == [str(x) for x in so3.harmonic_irreps(defaults(name)["hidden_l_max"])]


@pytest.mark.parametrize("name", NAMES)
def test_features_turn_by_d(files, name):
    molecule, R = chapter().methanol(), symmetry.random_rotation(3)
    before, after = engine(files / name, [case(m, atom=1) for m in (molecule, symmetry.moved(molecule, R))])
    for old, new in zip(before["features"], after["features"], strict=True):
        for irrep in old:
            h = np.reshape(old[irrep], (-1, so3.Irrep.of(irrep).dim))
            np.testing.assert_allclose(np.ravel(h @ so3.wigner_d(irrep, R).T), new[irrep], atol=1e-11 * np.abs(h).max())


@pytest.mark.parametrize("atom", [-1, 6, 0.5])
def test_an_atom_that_is_not_there_is_told(files, atom):
    (found,) = engine(files / "schnet", [case(chapter().methanol(), atom=atom)])
    assert found["error"] == f"there is no atom {atom}: the 6 atoms are counted from 0"


def test_all_six_together_are_small():
    import live_figures

    texts = [live_figures._model(f"point-{name}").read_bytes() for name in NAMES]
    assert sum(len(gzip.compress(text)) for text in texts) < 400_000


# ------------------------------------------------------------------------------------------------ in the page


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("design_space"), "points", "separation") as tab:
        yield tab
        assert tab.faults == []


ENERGIES = [f"energy{name.capitalize()}" for name in NAMES]


def in_the_page(figure):
    """What the bars show of each point, and the rotation."""
    script = """element => {
      const plain = (one) => Object.fromEntries(Object.entries(one).map(([irrep, h]) => [irrep, Array.from(h)]));
      return {features: element.features.map(plain), rotation: element.rotation};
    }"""
    found = figure.evaluate(script)
    return found["features"], np.array(found["rotation"])


def follows(figure, atom):
    """What is shown is D(R) times what TensorFlow finds before the turn."""
    features, R = in_the_page(figure)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    for name, found in zip(NAMES, features, strict=True):
        for irrep, h in in_tensorflow(name, atom).items():
            if irrep in found:
                expected = h @ so3.wigner_d(irrep, R).T
                np.testing.assert_allclose(found[irrep], expected.ravel(), atol=2e-6 * np.abs(h).max(), rtol=0)


@functools.cache
def in_tensorflow(name, atom):
    twin = exporter.in_float64(chapter().point(name))
    with computing_in("float64"):
        graph = MolecularGraph.from_molecules(chapter().methanol(), twin.cutoff)
        layers = schnet_layers(twin.model, graph) if name == "schnet" else twin.model.trace(graph)
    shown = layers[chapter().layer_shown(name)]
    return {irrep: np.reshape(h[atom], (chapter().SETTINGS["channels"], -1)) for irrep, h in shown.items()}


def test_the_first_frame_is_turned_as_the_still_is(tab):
    figure = tab.locator("#live-points")
    told = said(figure)
    assert told["state"] == "ready"
    assert in_the_page(figure)[1] == pytest.approx(chapter().first_turn(), abs=1e-12)
    assert told["moved0e"] == told["energyMoved"] == "0.000000"
    assert float(told["moved1o"]) > 0.3
    assert float(told["moved2e"]) > 0.3
    assert float(told["off"]) < 1e-10
    follows(figure, chapter().ATOM)


def test_scalars_and_energies_stand_still_while_keys_turn_the_molecule(tab):
    figure = tab.locator("#live-points")
    begun = before = said(figure)
    for key in ("Turn left", "Turn up", "Turn left"):
        figure.get_by_role("button", name=key).focus()
        tab.keyboard.press("Enter")
        told = settled(tab, "points", before, "angle")
        assert [told[name] for name in ENERGIES] == [begun[name] for name in ENERGIES]
        assert told["moved0e"] == told["energyMoved"] == "0.000000"
        assert told["moved1o"] != before["moved1o"]
        assert float(told["off"]) < 1e-10
        follows(figure, chapter().ATOM)
        before = told
    for name, energy in copied(figure)[0][0].items():
        shown = float(told[f"energy{name.capitalize()}"])
        assert shown == pytest.approx(energy, abs=1e-5 * max(1, abs(energy)))  # TensorFlow computes in float32 here
    figure.get_by_role("button", name="Reset").click()
    told = settled(tab, "points", told, "angle")
    assert told == begun


def test_turned_back_nothing_has_changed(tab):
    figure = tab.locator("#live-points")
    before = said(figure)
    figure.get_by_role("button", name="Turn back").click()
    told = settled(tab, "points", before, "angle")
    assert {told[key] for key in ("angle", "moved0e", "moved1o", "moved2e")} == {"0.000000"}
    assert figure.locator(".live-sentence").inner_text() == "As before the turn."
    figure.get_by_role("button", name="Reset").click()
    settled(tab, "points", told, "angle")
    assert figure.locator(".live-sentence").inner_text() == "As at the beginning."


def test_another_atom_is_chosen_by_keys(tab):
    figure = tab.locator("#live-points")
    before = said(figure)
    figure.get_by_role("radio", name="C0").focus()
    tab.keyboard.press("ArrowRight")
    told = settled(tab, "points", before, "atom")
    assert told["atom"] == "O1"
    assert [told[name] for name in ENERGIES] == [before[name] for name in ENERGIES]
    follows(figure, 1)
    features, _ = in_the_page(figure)
    figure.get_by_role("button", name="Reset").click()
    settled(tab, "points", told, "atom")
    assert in_the_page(figure)[0] != features


# ------------------------------------------------------------------------------------------------ separation


@functools.cache
def script():
    """`experiments/separation.py`."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
    import separation

    return separation


@functools.cache
def told_apart():
    """(layers, nu, l_max) -> the names of pairs."""
    runs = json.loads(script().RESULTS.read_text(encoding="utf-8"))["runs"]
    found = {}
    for layers in script().GRID["layers"]:
        for nu in script().GRID["correlation"]:
            for l_max in script().GRID["l_max"]:
                one = runs[script().key(layers, nu, l_max)]
                assert all(max(ds) < EQUAL or min(ds) > DIFFERENT for ds in one.values())
                found[layers, nu, l_max] = {name for name, ds in one.items() if min(ds) > DIFFERENT}
    assert len(found) == len(runs)
    return found


def test_pairs_come_apart_where_the_chapter_says():
    needs = {"2-body": (2, 1), "3-body": (3, 2), "4-body": (4, 2), "hexagon": (2, 1)}  # in one layer: nu and l_max
    for (layers, nu, l_max), told in told_apart().items():
        assert not told & {"4-body, chiral", "4-body, isosceles"}
        for k in (2, 3, 4):
            enough = layers >= (k + 1 if nu == 1 else k // 2 + 1)
            assert (f"{k}-chains" in told) == (enough and l_max > 0)
        if layers == 1:
            for name, (least, degree) in needs.items():
                assert (name in told) == (nu >= least and l_max >= degree)
        if l_max == 0:
            assert told == set()


def test_more_of_anything_never_tells_less():
    for place, told in told_apart().items():
        for axis in range(3):
            more = tuple(n + (k == axis) for k, n in enumerate(place))
            assert told <= told_apart().get(more, told)


@pytest.mark.parametrize(
    ("place", "names"),
    [((1, 2, 1), ["2-body", "3-body", "hexagon"]), ((2, 2, 1), ["2-chains", "4-chains"]), ((2, 1, 2), ["3-chains"])],
)
def test_cells_are_what_the_package_computes(place, names):
    pairs = {name: k_chains(int(name[0])) if "chains" in name else pair(name) for name in names}
    for name, ds in script().differences(*place, pairs).items():
        assert (min(ds) > DIFFERENT) == (name in told_apart()[place])


def test_what_does_not_decide_is_not_written(monkeypatch):
    monkeypatch.setattr(script(), "DIFFERENT", 1e300)
    with pytest.raises(ValueError, match="do not decide"):
        script().differences(1, 2, 1, {"2-body": pair("2-body")})


def cards(figure):
    return figure.locator(".live-stage .live-pair").evaluate_all(
        "them => them.map((it) => [it.dataset.pair, it.dataset.told, it.lastElementChild.textContent])"
    )


def agrees(figure):
    told = said(figure)
    place = tuple(int(told[key]) for key in ("layers", "correlation", "l_max"))
    wanted = told_apart()[place]
    assert set(filter(None, told["told"].split("; "))) == wanted
    for name, lit, words in cards(figure):
        assert (lit == "yes") == (name in wanted)
        assert words.startswith("✓ told apart" if name in wanted else "= equal")
    return place


def test_sliders_by_keys_light_up_what_was_measured(tab):
    figure = tab.locator("#live-separation")
    assert agrees(figure) == tuple(chapter().FIRST.values())
    assert figure.locator(".live-still .live-pair").evaluate_all(
        "them => them.map((it) => [it.dataset.pair, it.dataset.told, it.lastElementChild.textContent])"
    ) == cards(figure)
    for label, key, place in [
        ("layers", "ArrowRight", (2, 2, 1)), ("layers", "End", (5, 2, 1)), ("correlation ν", "Home", (5, 1, 1)),
        ("degree l_max", "ArrowLeft", (5, 1, 0)), ("degree l_max", "End", (5, 1, 3)), ("layers", "Home", (1, 1, 3)),
        ("correlation ν", "End", (1, 4, 3)),
    ]:  # fmt: skip
        figure.get_by_role("slider", name=label).focus()
        tab.wait_for_timeout(500)  # an act of its own
        tab.keyboard.press(key)
        assert agrees(figure) == place
    sentence = "New: 2-body; 3-body; 4-body; hexagon. In all: 4 of 9."
    figure.locator(".live-sentence", has_text=sentence).wait_for()
    tab.wait_for_timeout(500)
    figure.get_by_role("slider", name="layers").focus()
    for _ in range(4):  # one slide: what has come apart since it began
        tab.keyboard.press("ArrowRight")
    come = told_apart()[5, 4, 3] - told_apart()[1, 4, 3]
    sentence = f"New: {'; '.join(name for name, *_ in cards(figure) if name in come)}. In all: "
    assert len(come) > 1
    figure.locator(".live-sentence", has_text=sentence).wait_for()
    figure.get_by_role("button", name="Reset").click()
    assert agrees(figure) == tuple(chapter().FIRST.values())


@pytest.mark.parametrize("keys", [[], ["End"]], ids=["at first", "with most layers"])
def test_the_lines_to_copy_tell_apart_what_is_lit(tab, keys):
    figure = tab.locator("#live-separation")
    figure.get_by_role("slider", name="layers").focus()
    for key in keys:
        tab.keyboard.press(key)
    [(found,)] = copied(figure)
    assert found == {name: lit == "yes" for name, lit, _ in cards(figure)}
    figure.get_by_role("button", name="Reset").click()
